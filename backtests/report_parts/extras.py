"""What a caller may add to a report: the folds of a walk-forward, cross-validated paths, the heat map of a sweep.

They become plain data here, so that the page carries them; the page's series do not tell them, and `patron verify`
checks that they are whole, not that they are right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np

from backtests.metrics import metrics
from backtests.page import as_drawn, plain_json
from backtests.run import Run
from bot.core.panel import Floats, Times

FOLDS, PATHS, HEAT = "folds", "paths", "heat"
OF_A_FOLD: Final = ("total_return", "sharpe", "max_drawdown", "turnover", "fees")
MOST_PATHS: Final = 30
DRAWN: Final = 300


class FoldLike(Protocol):
    """One fold of a walk-forward: unix seconds, and three runs over it, each from the whole capital."""

    @property
    def first(self) -> int: ...
    @property
    def last(self) -> int: ...
    @property
    def run(self) -> Run: ...
    @property
    def rival(self) -> Run: ...
    @property
    def held(self) -> Run: ...


class PathsLike(Protocol):
    """Histories of combinatorial cross-validation: (K,) times, and (K - 1,) returns of each path and of the rival."""

    @property
    def times(self) -> Times: ...
    @property
    def paths(self) -> Sequence[Floats]: ...
    @property
    def rival(self) -> Floats: ...
    @property
    def splits(self) -> int: ...
    @property
    def sharpes(self) -> Floats: ...
    @property
    def share_below(self) -> float: ...


def heat_map(
    across: tuple[str, Sequence[Any]], up: tuple[str, Sequence[Any]], values: Floats, figure: str, trials: int
) -> dict[str, Any]:
    """The extra ``heat``: `figure` of a sweep over two keys, each (name, its values); `values` (up, across), NaN: none.

    `trials`: how many combinations were tried in all, which stands beside it, for the best of many is partly luck.
    """
    if values.shape != (len(up[1]), len(across[1])):
        raise ValueError(f"values have shape {values.shape}, expected {(len(up[1]), len(across[1]))}")
    return {
        "across": across[0],
        "columns": [str(value) for value in across[1]],
        "up": up[0],
        "rows": [str(value) for value in up[1]],
        "values": [[as_drawn(float(value)) for value in line] for line in values],
        "figure": figure,
        "trials": trials,
    }


def plain_extras(extras: Mapping[str, Any] | None) -> dict[str, Any]:
    """The extras as plain JSON by name, None where there is none. Raises ValueError for one whose name nobody knows."""
    ways: dict[str, Callable[[Any], Any]] = {FOLDS: _folds, PATHS: _paths, HEAT: dict}
    unknown = sorted(set(extras or {}) - set(ways))
    if unknown:
        raise ValueError(f"a report has no place for {', '.join(unknown)}; known: {', '.join(ways)}")
    known = {name: value for name, value in (extras or {}).items() if value is not None}
    return {name: plain_json(way(known[name])) if name in known else None for name, way in ways.items()}


def extra_charts(extras: Mapping[str, Any]) -> tuple[dict[str, list[dict[str, Any]]], dict[str, list[int]]]:
    """(traces by chart, axes by name) of plain extras, in the roles that `charts` uses."""
    traces: dict[str, list[dict[str, Any]]] = {}
    axes: dict[str, list[int]] = {}
    folds, paths, heat = extras.get(FOLDS), extras.get(PATHS), extras.get(HEAT)
    if folds:
        traces[FOLDS] = [
            {
                "type": "bar",
                "name": label,
                "x": [fold["name"] for fold in folds["folds"]],
                "y": [as_drawn(fold["runs"][place]["total_return"]["value"]) for fold in folds["folds"]],
                "marker": {"color": f"run{place}"},
            }
            for place, label in enumerate(folds["labels"])
        ]
    if paths:
        axes[PATHS] = paths["times"]
        many = [{"name": "one path", "y": line, "line": {"width": 1, "color": "others"}} for line in paths["paths"]]
        for place, line in enumerate(many):
            line |= {"showlegend": place == 0}
        many.append({"name": "equal weight", "y": paths["rival"], "line": {"width": 2.2, "color": "run1"}})
        traces[PATHS] = [{"type": "scatter", "mode": "lines", "x": PATHS, **line} for line in many]
    if heat:
        traces[HEAT] = [
            {
                "type": "heatmap",
                "x": heat["columns"],
                "y": heat["rows"],
                "z": heat["values"],
                "zmid": 0,
                "colorscale": "heat",
                "hovertemplate": f"{_safe(heat['across'])} %{{x}}<br>{_safe(heat['up'])} %{{y}}"
                f"<br>{_safe(heat['figure'])} %{{z:.4g}}<extra></extra>",
            }
        ]
    return traces, axes


def _folds(folds: Sequence[FoldLike]) -> dict[str, Any]:
    told = []
    for number, fold in enumerate(folds, start=1):
        found = [metrics(run) for run in (fold.run, fold.rival, fold.held)]
        runs = [{name: {"value": each[name].value, "unit": each[name].unit} for name in OF_A_FOLD} for each in found]
        told.append({"name": f"{number}", "first": int(fold.first), "last": int(fold.last), "runs": runs})
    labels = [run.label for run in (folds[0].run, folds[0].rival, folds[0].held)]
    ahead = sum(_total(fold, 0) > _total(fold, 1) for fold in told)
    return {"labels": labels, "folds": told, "ahead": ahead}


def _total(fold: Mapping[str, Any], place: int) -> float:
    return float(fold["runs"][place]["total_return"]["value"])


def _paths(paths: PathsLike) -> dict[str, Any]:
    """Growth of one unit of money along each path, thinned."""
    rows = np.unique(np.linspace(0, len(paths.times) - 1, min(DRAWN, len(paths.times))).astype(np.intp))
    sharpes = paths.sharpes[np.isfinite(paths.sharpes)]

    def growth(returns: Floats) -> list[float | None]:
        grown = np.concatenate(([1.0], np.cumprod(1.0 + returns)))[rows]
        return [as_drawn(float(value)) for value in grown]

    return {
        "times": paths.times[rows],
        "paths": [growth(path) for path in paths.paths[:MOST_PATHS]],
        "rival": growth(paths.rival),
        "count": len(paths.paths),
        "splits": paths.splits,
        "below": paths.share_below,
        "lowest": float(sharpes.min()) if len(sharpes) else None,
        "middle": float(np.median(sharpes)) if len(sharpes) else None,
        "highest": float(sharpes.max()) if len(sharpes) else None,
    }


def _safe(text: str) -> str:
    """Words for a hover text, in which Plotly knows a few tags and placeholders."""
    return text.replace("<", "‹").replace(">", "›").replace("%{", "% {")
