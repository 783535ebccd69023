"""A liquidity provider's backtest as a page that can be mailed: one offline HTML file, and its numbers as strict JSON.

What is drawn is thinned to what a screen shows; every number comes from the whole run. `LpResult.facts` stand at the
page's end; ``title`` (str) and ``assumed`` (a sentence or several) of them head it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup
from plotly.offline import get_plotlyjs

from backtests.lp.bars import BAR_ASSUMPTIONS, MINUTE_BARS_SAME_PRICE
from backtests.lp.picture import DRAWN_RANGES, lp_charts, price_window
from backtests.lp.result import ASSUMPTIONS, MINUTE_BARS, SAME_AMOUNTS, SAME_PRICE, LpResult, LpRun
from backtests.metrics import Metric
from backtests.page import TEMPLATES as LOOK
from backtests.page import (
    data_block,
    fact_tables,
    lines_of,
    plain_json,
    policy_hash,
    script_block,
    template_of,
    words,
)
from bot.core.dates import moment
from bot.whole_file import write_whole

TEMPLATES: Final = Path(__file__).resolve().parent / "templates"
SHOWN_ACTIONS: Final = 200
HEADLINES: Final = ("net_apr", "fees", "impermanent_loss", "lvr", "fees_over_lvr", "time_in_range", "rebalances", "gas")
SAID_ELSEWHERE: Final = ("title", "assumed")
WORLDS: Final[Mapping[str, str]] = {
    SAME_AMOUNTS: "sends the same amounts",
    SAME_PRICE: "keeps the same price",
    MINUTE_BARS: "trades the same volume",
    MINUTE_BARS_SAME_PRICE: "trades more, as the pool is deeper",
}
MEANINGS: Final = {**ASSUMPTIONS, **BAR_ASSUMPTIONS}
EXACT: Final[tuple[str, ...]] = (
    "every swap, mint, burn and collect of the log goes through the pool machine and gives the logged amounts, price, "
    "tick and liquidity to the unit",
    "our mints, burns, collects and swaps are calls of the same machine, in the pool, rounded as the contract rounds",
    "fees are the contract's fee growth; the books balance to the raw unit",
)
EXACT_ON_BARS: Final[tuple[str, ...]] = (
    "amounts are read as whole raw units, fees per bar are rounded as the contract rounds",
    "fee growth per bar is the contract's integer rule; what a position is owed is one rounding, at its collect",
    "mints and burns are the contract's amounts at the price of the bar's last tick",
)
APPROXIMATE: Final[tuple[str, ...]] = (
    "values, losses and rates are floats, reckoned from the integers and used for reading only",
    "gas is a number of units per action at a stated price, not measured in the block",
)
APPROXIMATE_ON_BARS: Final[tuple[str, ...]] = (
    "where in a bar its volume was paid: along the shortest way through open, extremes and close",
    "the liquidity in a bar: the mean of those recorded at its two ends",
    "the price of a bar: that of its last whole tick, up to a hundredth of a per cent low",
    "our swaps meet the recorded liquidity only, and move no later price",
)


def write_lp_report(result: LpResult, path: Path) -> None:
    """Writes the page to `path` and its numbers beside it, the same name ending in ``.json``.

    Raises StorageError when one of them cannot be written.
    """
    render_lp_html(result, path)
    file = path.with_suffix(".json")
    write_whole(file, json.dumps(lp_report_json(result), allow_nan=False, indent=1) + "\n", "the report")


def render_lp_html(result: LpResult, path: Path) -> None:
    """Writes the page of `result` to `path`: no network, no second file, about 5 MB.

    Raises StorageError when the file cannot be written.
    """
    run = result.worst
    others = [each for each in result.runs if each is not run]
    wide = [each for each in result.full_range if not any(each is mine for mine in result.runs)]
    shown_runs = [run, *others, *wide]
    engine = script_block(get_plotlyjs())
    drawing = script_block((TEMPLATES / "lp.js").read_text(encoding="utf-8"))
    market = run.market
    text = template_of(TEMPLATES / "lp.html", {"words": _words, "whole": _whole(run)}).render(
        run=run,
        title=str(result.facts.get("title") or market.label),
        badge="exact replay" if MINUTE_BARS not in run.mode else "minute bars, approximate",
        since=moment(int(run.series.time[0])),
        until=moment(int(run.series.time[-1])),
        money=market.money,
        base=market.symbols[market.base],
        profit=_profit(run),
        says=_sentence(run),
        worlds=[_world(each, each is run) for each in [run, *others]],
        wide=[_world(each, False) for each in wide if each.mode == run.mode],
        labels=_labels(shown_runs, result),
        headlines=[(name, _across(shown_runs, name)) for name in HEADLINES if name in run.metrics],
        table=[(name, _across(shown_runs, name)) for name in run.metrics],
        boxes=_boxes(result),
        books=_books(run),
        actions=run.actions[-SHOWN_ACTIONS:][::-1],
        drawn_ranges=DRAWN_RANGES,
        tables=fact_tables({name: value for name, value in result.facts.items() if name not in SAID_ELSEWHERE}),
        charts=data_block(lp_charts(result)),
        shape=data_block({"prices": price_window(run), "times": _span(run)}),
        engine=engine,
        drawing=drawing,
        hashes=[policy_hash(engine), policy_hash(drawing)],
        style=Markup(  # noqa: S704  # our own files
            (LOOK / "report.css").read_text(encoding="utf-8") + (TEMPLATES / "lp.css").read_text(encoding="utf-8")
        ),
    )
    write_whole(path, text, "the report")


def lp_report_json(result: LpResult) -> dict[str, Any]:
    """The result as plain JSON types; what is not finite is None. Raw units are integers, series are whole tokens."""
    found = {
        "headline": result.headline,
        "runs": [_run_json(run) for run in result.runs],
        "full_range": [_run_json(run) for run in result.full_range],
        "facts": result.facts,
    }
    return {name: plain_json(value) for name, value in found.items()}


def _run_json(run: LpRun) -> dict[str, Any]:
    return {
        "label": run.label,
        "mode": run.mode,
        "market": asdict(run.market),
        "capital": run.capital,
        "metrics": {name: {"value": m.value, "unit": m.unit, "note": m.note} for name, m in run.metrics.items()},
        "series": {each.name: getattr(run.series, each.name) for each in fields(run.series)},
        "ranges": [asdict(held) for held in run.ranges],
        "actions": [asdict(action) for action in run.actions],
        "books": asdict(run.books) if run.books is not None else None,
        "flow": dict(run.flow),
        "notes": run.notes,
    }


def _words(name: str) -> str:
    return words(name).replace("apr", "APR").replace("Lvr", "LVR").replace("lvr", "LVR")


def _whole(run: LpRun) -> Callable[[int, int], str]:
    """Raw units of a token as text in whole tokens, signed, six significant digits."""

    def whole(amount: int, token: int) -> str:
        value = amount / 10 ** run.market.decimals[token]
        return f"{value:+,.6g}".replace("-", "−") if amount else "0"

    return whole


def _profit(run: LpRun) -> float:
    return float(run.series.value[-1] - run.capital)


def _sentence(run: LpRun) -> str:
    """The result in a sentence: what it earned, what holding would have, how long it worked."""
    series = run.series
    against = float(series.value[-1] - series.hold[-1])
    side = "more" if against >= 0 else "less"
    working = run.metrics.get("time_in_range")
    inside = "" if working is None or working.value is None else f" In range {working.value:.1%} of the time."
    beside = f"{abs(against):,.2f} {run.market.money} {side} than holding the tokens of the first deposit"
    return f"{_profit(run) / run.capital:+.2%} of the capital, all costs paid: {beside}.{inside}".replace("-", "−")


def _world(run: LpRun, chosen: bool) -> dict[str, Any]:
    return {
        "mode": WORLDS.get(run.mode, run.mode),
        "meaning": MEANINGS.get(run.mode, ""),
        "profit": _profit(run),
        "against": float(run.series.value[-1] - run.series.hold[-1]),
        "chosen": chosen,
    }


def _labels(runs: list[LpRun], result: LpResult) -> list[str]:
    """Short names of runs: the assumption, and whose it is when it is the full range's."""
    mine = [any(run is each for each in result.runs) for run in runs]
    modes = [run.mode.removeprefix(f"{MINUTE_BARS}, ") for run in runs]
    modes = ["same volume" if mode == MINUTE_BARS else mode for mode in modes]
    return [mode if ours else f"full range, {mode}" for mode, ours in zip(modes, mine, strict=True)]


def _across(runs: list[LpRun], name: str) -> list[Metric]:
    absent = Metric(None, "", "not of this run")
    return [run.metrics.get(name, absent) for run in runs]


def _boxes(result: LpResult) -> list[tuple[str, str, list[str]]]:
    """(kind, heading, sentences): what the numbers may be trusted for."""
    run = result.worst
    bars = MINUTE_BARS in run.mode
    exact = list(EXACT_ON_BARS if bars else EXACT)
    approximate = [*(APPROXIMATE_ON_BARS if bars else ()), *APPROXIMATE]
    assumed = [f"{WORLDS.get(each.mode, each.mode)}: {MEANINGS.get(each.mode, '')}" for each in result.runs]
    assumed += [*lines_of(result.facts.get("assumed")), *run.notes]
    return [
        ("exact", "Exact", exact),
        ("approximate", "Approximate", approximate),
        ("assumed", "Assumed", list(dict.fromkeys(assumed))),
    ]


def _books(run: LpRun) -> list[tuple[str, tuple[int, int]]]:
    books = run.books
    if books is None:
        return []
    names = ("deposited", "swapped", "minted", "returned", "fees", "final")
    return [(name, getattr(books, name)) for name in names]


def _span(run: LpRun) -> list[str]:
    return [moment(int(run.series.time[0])), moment(int(run.series.time[-1]))]
