"""Folds and paths as a page that can be mailed: one offline HTML file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from backtests.page import (
    DRAWN_POINTS,
    ORIGINS,
    as_drawn,
    data_block,
    fact_tables,
    lines_of,
    policy_hash,
    script_block,
    template_of,
)
from backtests.page import TEMPLATES as LOOK
from backtests.walkforward.outcome import RUNS, Outcome, runs_of, shown_of
from bot.core.dates import moment
from bot.core.panel import Floats
from bot.whole_file import write_whole

TEMPLATES: Final = Path(__file__).resolve().parent / "templates"
Trace = dict[str, Any]


def render_html(outcome: Outcome, facts: Mapping[str, Any], path: Path) -> None:
    """Writes the page to `path`: no network, no second file, about 5 MB. Raises StorageError when it cannot."""
    engine = script_block(get_plotlyjs())
    drawing = script_block((TEMPLATES / "folds.js").read_text(encoding="utf-8"))
    folds, paths = outcome.folds, outcome.paths
    text = template_of(TEMPLATES / "folds.html", {"ratio": _ratio}).render(
        title=str(facts.get("title") or f"{outcome.strategy}, walk-forward"),
        since=moment(folds[0].first),
        until=moment(folds[-1].last),
        money=folds[0].run.money,
        capital=folds[0].run.capital,
        says=outcome.sentence,
        outcome=outcome,
        paths=paths,
        runs=list(RUNS),
        table=[(fold, [shown_of(run) for run in runs_of(fold).values()]) for fold in folds],
        quartiles=list(outcome.quartiles.items()),
        rivals=[("equal weight", paths.sharpe(paths.rival)), ("buy and hold", paths.sharpe(paths.held))],
        origins=[(kind, lines_of(facts.get(kind))) for kind in ORIGINS],
        tables=fact_tables(facts),
        charts=data_block(charts(outcome)),
        engine=engine,
        drawing=drawing,
        hashes=[policy_hash(engine), policy_hash(drawing)],
        style=Markup((LOOK / "report.css").read_text(encoding="utf-8")),  # noqa: S704  # our own file
    )
    write_whole(path, text, "the report")


def charts(outcome: Outcome) -> dict[str, list[Trace]]:
    """Plotly traces by chart: returns by fold, the fan of paths, their Sharpe ratios. Colours are roles."""
    return {"folds": _bars(outcome), "fan": _fan(outcome), "sharpes": _sharpes(outcome)}


def _bars(outcome: Outcome) -> list[Trace]:
    dates = [f"{moment(fold.first)}<br>to {moment(fold.last)}" for fold in outcome.folds]
    each = [runs_of(fold) for fold in outcome.folds]
    return [
        {
            "type": "bar",
            "name": name,
            "x": dates,
            "y": [as_drawn(float(runs[name].equity[-1] / runs[name].equity[0] - 1.0)) for runs in each],
            "marker": {"color": f"run{place}"},
        }
        for place, name in enumerate(RUNS)
    ]


def _fan(outcome: Outcome) -> list[Trace]:
    """What one unit of money became along the paths: all of them, and half of them; and the benchmarks."""
    paths = outcome.paths
    whole = np.array([_growth(path) for path in paths.paths])
    stride = max(1, math.ceil(whole.shape[1] / DRAWN_POINTS))
    picked = np.arange(whole.shape[1])[::-stride][::-1]
    dates = [moment(int(at)) for at in paths.times[picked]]

    def line(values: Floats, name: str, **more: Any) -> Trace:
        drawn = [as_drawn(float(value)) for value in values[picked]]
        return {"type": "scatter", "mode": "lines", "name": name, "x": dates, "y": drawn, **more}

    found = []
    if paths.asks_model:
        for low, high, name in ((0.0, 1.0, "all paths"), (0.25, 0.75, "the middle half")):
            edge = {"line": {"width": 0, "color": "run0"}, "hoverinfo": "skip"}
            found.append(line(np.quantile(whole, low, axis=0), name, showlegend=False, **edge))
            found.append(line(np.quantile(whole, high, axis=0), name, fill="tonexty", fillcolor="band", **edge))
    name = "median path" if paths.asks_model else outcome.strategy
    found.append(line(np.median(whole, axis=0), name, line={"width": 2.2, "color": "run0"}))
    for place, (other, returns) in enumerate((("equal weight", paths.rival), ("buy and hold", paths.held)), start=1):
        found.append(line(_growth(returns), other, line={"width": 1.4, "dash": "dot", "color": f"run{place}"}))
    return found


def _sharpes(outcome: Outcome) -> list[Trace]:
    """Each path's Sharpe ratio in order, and the benchmarks' as lines across."""
    paths = outcome.paths
    ordered = np.sort(paths.sharpes)
    places = list(range(1, len(ordered) + 1))
    ends = [0.5, len(ordered) + 0.5]
    dots = {"type": "scatter", "mode": "markers", "name": "paths, sorted", "marker": {"color": "run0", "size": 9}}
    found: list[Trace] = [dots | {"x": places, "y": [as_drawn(float(value)) for value in ordered]}]
    for place, (name, returns) in enumerate((("equal weight", paths.rival), ("buy and hold", paths.held)), start=1):
        level = as_drawn(paths.sharpe(returns))
        line = {"width": 1.4, "dash": "dot", "color": f"run{place}"}
        found.append({"type": "scatter", "mode": "lines", "name": name, "x": ends, "y": [level, level], "line": line})
    return found


def _growth(returns: Floats) -> Floats:
    return np.concatenate(([1.0], np.cumprod(1.0 + returns)))


def _ratio(value: float) -> str:
    return f"{value:,.2f}".replace("-", "−") if math.isfinite(value) else "–"
