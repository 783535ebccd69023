"""A run as a page that can be mailed: one offline HTML file, and the same numbers as strict JSON.

`facts` come from the caller, who knows where the data came from. ``title`` (str) and ``real``, ``replayed``,
``simulated`` (a sentence or several each) head the page; whatever else there is stands at its end, under digests when
its name says so and else under settings. Nothing is required.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from backtests.metrics import attribution, drawdowns, metrics
from backtests.page import (
    DRAWN_POINTS,
    NO_VALUE,
    ORIGINS,
    TEMPLATES,
    as_drawn,
    data_block,
    fact_tables,
    lines_of,
    plain_json,
    policy_hash,
    script_block,
    template_of,
)
from backtests.run import Run, day
from bot.core.panel import Floats, Times
from bot.errors import StorageError

SHOWN_TRADES: Final = 200
SHOWN_REASONS: Final = 40
HEADLINES: Final = ("total_return", "cagr", "sharpe", "max_drawdown", "fees", "gas")


def render_html(run: Run, benchmarks: Sequence[Run], facts: Mapping[str, Any], path: Path) -> None:
    """Writes the report of `run` beside its `benchmarks` to `path`: no network, no second file, about 5 MB.

    Raises StorageError when the file cannot be written.
    """
    runs = [run, *benchmarks]
    numbers = [metrics(each) for each in runs]
    engine = script_block(get_plotlyjs())
    drawing = script_block((TEMPLATES / "report.js").read_text(encoding="utf-8"))
    parts = attribution(run)
    text = template_of(TEMPLATES / "report.html", {"score": _score}).render(
        run=run,
        labels=[each.label for each in runs],
        title=str(facts.get("title") or f"{run.label}, {run.rung} rung"),
        since=day(int(run.times[0])),
        until=day(int(run.times[-1])),
        headlines=[(name, [each[name] for each in numbers]) for name in HEADLINES],
        table=[(name, [each[name] for each in numbers]) for name in numbers[0]],
        origins=[(kind, lines_of(facts.get(kind))) for kind in ORIGINS],
        parts=sorted(parts.items(), key=lambda part: -part[1]),
        profit=sum(parts.values()),
        trades=run.trades.tail(SHOWN_TRADES).iloc[::-1].to_dict("records"),
        reasons=_grouped(run.reasons),
        shown_reasons=SHOWN_REASONS,
        tables=fact_tables(facts),
        thinned=_stride(len(run)),
        charts=data_block(charts(run, benchmarks)),
        engine=engine,
        drawing=drawing,
        hashes=[policy_hash(engine), policy_hash(drawing)],
        style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),  # noqa: S704  # our own file
    )
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{path}: the report cannot be written: {error.strerror}") from None


def report_json(run: Run, benchmarks: Sequence[Run], facts: Mapping[str, Any]) -> dict[str, Any]:
    """The report as plain JSON types: what is not a finite number is None, arrays are lists, anything else a string."""
    found: dict[str, Any] = {
        "label": run.label,
        "rung": run.rung,
        "money": run.money,
        "from": int(run.times[0]),
        "to": int(run.times[-1]),
        "metrics": _metrics(run),
        "attribution": attribution(run),
        "benchmarks": [{"label": each.label, "rung": each.rung, "metrics": _metrics(each)} for each in benchmarks],
        "series": {
            "times": run.times,
            "equity": run.equity,
            "nav": run.nav,
            "gas": run.gas,
            "fees": run.fees,
            "turnover": run.turnover,
            "venues": run.venues,
            "held": run.held,
            "target": run.target,
            "prices": run.prices,
        },
        "trades": run.trades.to_dict("records"),
        "reasons": [{"time": at, "reason": reason} for at, reason in run.reasons],
        "notes": run.notes,
        "facts": facts,
    }
    return {name: plain_json(value) for name, value in found.items()}


def charts(run: Run, benchmarks: Sequence[Run]) -> dict[str, list[dict[str, Any]]]:
    """Plotly traces by the id of the chart that they belong to. Colours are roles, which the page's script resolves."""
    curves, falls = [], []
    for place, each in enumerate((run, *benchmarks)):
        line = {"color": f"run{place}", "width": 2.2 if place == 0 else 1.4, "dash": "solid" if place == 0 else "dot"}
        curves.append(_line(each, each.equity, each.label, line=line))
        falls.append(_line(each, -drawdowns(each.equity), each.label, line=line))
    falls[0] |= {"fill": "tozeroy", "fillcolor": "faint"}
    order = [*range(1, len(run.venues)), 0]  # idle on top
    weights = [
        _line(run, run.held[:, i], run.venues[i], stackgroup="held", line={"width": 0.6, "color": f"venue{i}"})
        for i in order
        if run.held[:, i].any()
    ]
    costs = [
        _line(run, np.cumsum(values), name, stackgroup="costs", line={"width": 1.2, "color": f"venue{i + 1}"})
        for i, (name, values) in enumerate((("pool fees and price impact", run.fees), ("gas", run.gas)))
    ]
    parts = sorted(attribution(run).items(), key=lambda part: part[1])
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": [as_drawn(value) for _, value in parts],
        "y": [venue for venue, _ in parts],
        "marker": {"color": ["gain" if value >= 0 else "loss" for _, value in parts]},
        "hovertemplate": f"%{{y}}: %{{x:,.2f}} {run.money}<extra></extra>",
    }
    return {"equity": curves, "drawdown": falls, "weights": weights, "costs": costs, "attribution": [bars]}


def _score(value: float) -> str:
    return f"{value:+.2%}" if math.isfinite(value) else NO_VALUE


def _metrics(run: Run) -> dict[str, dict[str, Any]]:
    return {name: {"value": each.value, "unit": each.unit, "note": each.note} for name, each in metrics(run).items()}


def _stride(points: int) -> int:
    return max(1, math.ceil(points / DRAWN_POINTS))


def _line(run: Run, values: Floats, name: str, **more: Any) -> dict[str, Any]:
    # Every n-th from the end, so that the last value is always drawn.
    picked = np.arange(len(values))[:: -_stride(len(values))][::-1]
    times: Times = run.times[picked]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": [day(int(at)) for at in times],
        "y": [as_drawn(float(value)) for value in values[picked]],
        **more,
    }


def _grouped(reasons: Sequence[tuple[int, str]]) -> list[dict[str, Any]]:
    """Each reason once, with how often and when it was last given; the most frequent first."""
    groups: dict[str, dict[str, Any]] = {}
    for at, reason in reasons:
        group = groups.setdefault(reason, {"reason": reason, "count": 0, "first": at, "last": at})
        group["count"] += 1
        group["last"] = at
    return sorted(groups.values(), key=lambda group: (-group["count"], group["reason"]))
