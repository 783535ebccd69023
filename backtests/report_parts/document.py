"""The document of a report: all that its page says, as plain data. The page is drawn from it and from nothing else.

Its ``runs`` hold the series in full; what is under ``derived`` follows from them, and `derived` reckons it again. Of
weights only the drawn cycles are kept, and of prices and targets none: the JSON beside the page has them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from backtests.metrics import Metric, attribution, metrics, relative
from backtests.page import plain_json
from backtests.report_parts.charts import charts, drawn_rows
from backtests.report_parts.extras import extra_charts, plain_extras
from backtests.report_parts.rolling import FAN_PATHS, FAN_SEED, fan_of, window_of
from backtests.report_parts.tables import grouped, months, waterfall
from backtests.run import BUY, SELL, TRADE_COLUMNS, Run, trades_frame
from bot.core.panel import Floats

VERSION: Final = 1
SHOWN_REASONS: Final = 40
SIDES: Final = (BUY, SELL)
LEFT_OUT_OF_RIVALS: Final = ("price", "cost_bps", "score")  # which no number of theirs needs


def document_of(
    run: Run, benchmarks: Sequence[Run], facts: Mapping[str, Any], extras: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The document as plain JSON types; what is not a finite number is None.

    Raises ValueError for an extra that the report has no place for.
    """
    document: dict[str, Any] = plain_json(
        {
            "version": VERSION,
            "label": run.label,
            "rung": run.rung,
            "money": run.money,
            "facts": facts,
            "notes": run.notes,
            "reasons": grouped(run.reasons, SHOWN_REASONS),
            "held": run.held[drawn_rows(run)],
            "runs": [_told(each, place == 0) for place, each in enumerate((run, *benchmarks))],
            "extras": plain_extras(extras),
        }
    )
    # From what the document tells, not from the run: what was left out of it can then not be missed later.
    document["derived"] = derived(document)
    return document


def derived(document: Mapping[str, Any]) -> dict[str, Any]:
    """Every number of the report that follows from the series in the document, as plain JSON types."""
    runs = runs_of(document)
    run = runs[0]
    window, days = window_of(run)
    fan, steps = fan_of(run), waterfall(run)
    drawn = charts(runs, window, fan, steps)
    traces, axes = extra_charts(document["extras"])
    found = {
        "metrics": [_plain(metrics(each)) for each in runs],
        "relative": [_plain(_beside(each, runs[1])) for each in runs] if len(runs) > 1 else [],
        "attribution": attribution(run),
        "waterfall": steps,
        "months": months(run),
        "window": {"cycles": window, "days": days},
        "fan": None
        if fan is None
        else {"below": fan.below, "block": fan.block, "paths": FAN_PATHS, "seed": FAN_SEED, "ends": fan.bands[:, -1]},
        "rest": drawn["rest"],
        "period": drawn["period"],
        "traces": drawn["traces"] | traces,
        "axes": drawn["axes"] | axes,
    }
    return {name: plain_json(value) for name, value in found.items()}


def runs_of(document: Mapping[str, Any]) -> list[Run]:
    """The run and its benchmarks, as far as the document tells them: prices and targets are NaN, and so are the weights
    between the drawn cycles, but for idle's. Raises KeyError, TypeError or ValueError for what is no document.
    """
    runs = []
    for place, told in enumerate(document["runs"]):
        cycles, venues = len(told["times"]), tuple(told["venues"])
        held = np.full((cycles, len(venues)), math.nan)
        unknown = np.full((cycles, len(venues)), math.nan)
        run = Run(
            label=told["label"],
            rung=told["rung"],
            venues=venues,
            money=document["money"],
            times=np.array(told["times"], dtype=np.int64),
            nav=_floats(told["nav"]),
            gas=_floats(told["gas"]),
            fees=_floats(told["fees"]),
            turnover=_floats(told["turnover"]),
            held=held,
            target=unknown,
            prices=unknown,
            trades=trades_frame(_trades_of(told["trades"], venues)),
            notes=tuple(document["notes"]) if place == 0 else (),
        )
        if place == 0:
            held[drawn_rows(run)] = np.array(document["held"], dtype=np.float64)
        held[:, 0] = _floats(told["idle"])
        runs.append(run)
    return runs


def metrics_of(told: Mapping[str, Mapping[str, Any]]) -> dict[str, Metric]:
    """Metrics as the document tells them."""
    return {name: Metric(each["value"], each["unit"], each["note"]) for name, each in told.items()}


def _beside(run: Run, rival: Run) -> dict[str, Metric]:
    found = relative(run, rival)
    return found if run is not rival else {name: Metric(None, each.unit, "itself") for name, each in found.items()}


def _plain(found: Mapping[str, Metric]) -> dict[str, dict[str, Any]]:
    return {name: {"value": each.value, "unit": each.unit, "note": each.note} for name, each in found.items()}


def _told(run: Run, whole: bool) -> dict[str, Any]:
    places = {venue: place for place, venue in enumerate(run.venues)}
    kept = [name for name in TRADE_COLUMNS if whole or name not in LEFT_OUT_OF_RIVALS]
    trades: dict[str, Any] = {name: run.trades[name].tolist() for name in kept}
    trades["venue"] = [places[venue] for venue in trades["venue"]]
    trades["side"] = [SIDES.index(side) for side in trades["side"]]
    return {
        "label": run.label,
        "rung": run.rung,
        "venues": run.venues,
        "times": run.times,
        "nav": run.nav,
        "gas": run.gas,
        "fees": run.fees,
        "turnover": run.turnover,
        "idle": run.held[:, 0],
        "trades": trades,
    }


def _trades_of(columns: Mapping[str, Sequence[Any]], venues: Sequence[str]) -> list[dict[str, Any]]:
    legs = len(columns["time"])
    known: dict[str, Sequence[Any]] = dict(columns)
    known["venue"] = [venues[place] for place in columns["venue"]]
    known["side"] = [SIDES[side] for side in columns["side"]]
    whole = {name: known.get(name, [math.nan] * legs) for name in TRADE_COLUMNS}
    return [dict(zip(whole, row, strict=True)) for row in zip(*whole.values(), strict=True)]


def _floats(values: Sequence[float | None]) -> Floats:
    """What is None is not a number; numpy says so too."""
    return np.array(values, dtype=np.float64)
