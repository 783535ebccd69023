"""A report's charts as Plotly traces. Colours are roles, and ``x`` names an axis: the page's script resolves both.

Of a long curve the highest and the lowest value of every few cycles are drawn: no peak and no trough is lost.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backtests.metrics import attribution, drawdowns
from backtests.page import DRAWN_POINTS, as_drawn, signed
from backtests.report_parts.rolling import FAN_SHARES, Fan, rolling_sharpe, turnover_by_period
from backtests.run import Run
from bot.core.panel import Floats

LAYERS: Final = 12  # venues drawn apart in the weights; the smaller rest is one layer
EITHER_END: Final = 8  # venues of the attribution that are drawn apart, of those that gained and lost most
Trace = dict[str, Any]


def drawn_rows(run: Run) -> NDArray[np.intp]:
    """The cycles that are drawn: all, or the extremes of equity in every bucket, and the first and the last cycle."""
    cycles = len(run)
    if cycles <= DRAWN_POINTS:
        return np.arange(cycles)
    size = math.ceil(cycles / (DRAWN_POINTS // 2 - 1))
    equity = run.equity
    starts = np.arange(0, cycles, size)
    parts = [equity[start : start + size] for start in starts]
    extremes = [start + place for start, part in zip(starts, parts, strict=True) for place in _ends(part)]
    return np.unique(np.array([0, *extremes, cycles - 1], dtype=np.intp))


def charts(runs: Sequence[Run], window: int, fan: Fan | None, steps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """``axes``: name -> unix seconds; ``traces``: chart -> traces; ``rest``: how many venues the weights put together;
    ``period``: of the turnover's bars.

    `runs`: the run and its benchmarks. `window`: of the rolling Sharpe ratio, in cycles. `steps`: of the waterfall.
    """
    run = runs[0]
    rows = [drawn_rows(each) for each in runs]
    drawn = list(enumerate(zip(runs, rows, strict=True)))
    axes = {f"at{place}": each.times[picked].tolist() for place, (each, picked) in drawn}
    traces: dict[str, list[Trace]] = {"equity": [], "drawdown": [], "sharpe": []}
    for place, (each, picked) in drawn:
        line = {"color": f"run{place}", "width": 2.2 if place == 0 else 1.4, "dash": "solid" if place == 0 else "dot"}
        curves = {
            "equity": each.equity[picked],
            "drawdown": -drawdowns(each.equity)[picked],
            "sharpe": rolling_sharpe(each, window, picked),
        }
        for name, values in curves.items():
            if np.isfinite(values).any():
                traces[name].append(_line(f"at{place}", values, each.label, line=line))
    if traces["drawdown"]:
        traces["drawdown"][0] |= {"fill": "tozeroy", "fillcolor": "faint"}
    traces["weights"], rest = _weights(run, rows[0])
    period, turnover = _turnover(run)
    traces["turnover"] = [turnover] if run.turnover.any() else []
    traces["costs"] = _costs(run, rows[0])
    traces["waterfall"] = [_waterfall(steps)]
    traces["attribution"] = [_bars(run)]
    if fan is not None:
        axes["fan"] = run.times[fan.rows].tolist()
        traces["fan"] = _fan(run, fan)
    return {"axes": axes, "traces": traces, "rest": rest, "period": period}


def _weights(run: Run, rows: NDArray[np.intp]) -> tuple[list[Trace], int]:
    """Layers of what was held, the largest first, idle on top; how many small venues share one layer."""
    held = run.held[rows]
    mean = held.mean(axis=0)
    order = [i for i in np.argsort(-mean[1:], kind="stable") + 1 if mean[i] > 0.0]
    shown, small = (order, []) if len(order) <= LAYERS else (order[: LAYERS - 1], order[LAYERS - 1 :])
    # In the universe's order, so that a venue keeps its colour and its place from report to report.
    layers = [(run.venues[i], held[:, i], f"venue{i}") for i in sorted(shown)]
    if small:
        layers.append((f"{len(small)} others", held[:, small].sum(axis=1), "others"))
    layers.append((run.venues[0], held[:, 0], "idle"))
    return [
        _line("at0", values, name, stackgroup="held", line={"width": 0.6, "color": colour})
        for name, values, colour in layers
        if values.any()
    ], len(small)


def _turnover(run: Run) -> tuple[str, Trace]:
    period, starts, sums = turnover_by_period(run)
    return period, {
        "type": "bar",
        "x": starts,
        "y": [as_drawn(value) for value in sums],
        "marker": {"color": "run0"},
        "hovertemplate": f"{period} from %{{x}}: %{{y:.1%}}<extra></extra>",
    }


def _costs(run: Run, rows: NDArray[np.intp]) -> list[Trace]:
    """Cumulative, up to and with each cycle. Fees and impact are one layer where some leg's cannot be told apart."""
    layers = [("gas", run.gas, "cost2")]
    if run.trades["fee"].notna().all():
        cycle = np.searchsorted(run.times, run.trades["time"].to_numpy(), side="right") - 1
        pool = np.bincount(cycle, weights=run.trades["fee"].to_numpy(), minlength=len(run)).astype(np.float64)
        layers += [("pool fees", pool, "cost0"), ("price impact", run.fees - pool, "cost1")]
    else:
        layers.append(("pool fees and price impact", run.fees, "cost0"))
    return [
        _line("at0", np.cumsum(values)[rows], name, stackgroup="costs", line={"width": 1.2, "color": colour})
        for name, values, colour in layers
        if values.any()
    ]


def _waterfall(steps: Sequence[Mapping[str, Any]]) -> Trace:
    values = [float(step["value"]) for step in steps]
    return {
        "type": "waterfall",
        "x": [step["name"] for step in steps],
        "y": values,
        "measure": [step["measure"] for step in steps],
        "text": [signed(value) for value in values],
        "textposition": "outside",
        "cliponaxis": False,
        "connector": {"line": {"color": "grid"}},
        "increasing": {"marker": {"color": "gain"}},
        "decreasing": {"marker": {"color": "loss"}},
        "totals": {"marker": {"color": "run0"}},
        "hovertemplate": "%{x}: %{text}<extra></extra>",
    }


def _bars(run: Run) -> Trace:
    parts = sorted(attribution(run).items(), key=lambda part: part[1])
    if len(parts) > 2 * EITHER_END + 1:
        middle = parts[EITHER_END:-EITHER_END]
        between = (f"{len(middle)} between", sum(value for _, value in middle))
        parts = [*parts[:EITHER_END], between, *parts[-EITHER_END:]]
    return {
        "type": "bar",
        "orientation": "h",
        "x": [as_drawn(value) for _, value in parts],
        "y": [venue for venue, _ in parts],
        "marker": {"color": ["gain" if value >= 0 else "loss" for _, value in parts]},
        "hovertemplate": f"%{{y}}: %{{x:,.2f}} {run.money}<extra></extra>",
    }


def _fan(run: Run, fan: Fan) -> list[Trace]:
    low, lower, middle, upper, high = fan.bands
    edge = {"width": 0, "color": "band"}
    return [
        _line("fan", low, "5 %", line=edge, showlegend=False, hoverinfo="skip"),
        _line("fan", high, f"{FAN_SHARES[0]} to {FAN_SHARES[-1]} %", line=edge, fill="tonexty", fillcolor="outer"),
        _line("fan", lower, "25 %", line=edge, showlegend=False, hoverinfo="skip"),
        _line("fan", upper, f"{FAN_SHARES[1]} to {FAN_SHARES[-2]} %", line=edge, fill="tonexty", fillcolor="inner"),
        _line("fan", middle, "middle path", line={"width": 1.2, "color": "run2", "dash": "dash"}),
        _line("fan", run.equity[fan.rows], "as it came", line={"width": 2.2, "color": "run0"}),
    ]


def _line(axis: str, values: Floats, name: str, **more: Any) -> Trace:
    heights = [as_drawn(float(value)) for value in values]
    return {"type": "scatter", "mode": "lines", "name": name, "x": axis, "y": heights, **more}


def _ends(part: Floats) -> tuple[int, int]:
    return int(part.argmin()), int(part.argmax())
