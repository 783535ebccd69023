"""The curves of a liquidity provider's report as plotly traces. Colours are roles, which the page's script resolves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from backtests.lp.result import MINUTE_BARS, HeldRange, LpResult, LpRun, Market
from backtests.page import DRAWN_POINTS, as_drawn
from bot.core.dates import moment
from bot.core.panel import Floats

DRAWN_RANGES: Final = 400
LOG_OF_TICK: Final = math.log(1.0001)
MARGIN: Final = 0.12  # of the price's span, above and below it


def lp_charts(result: LpResult) -> dict[str, list[dict[str, Any]]]:
    """Traces by the id of the chart that they belong to."""
    return {
        "picture": _picture(result.worst),
        "flow": _flow(result.worst),
        "earned": _earned(result.worst),
        "value": _value(result),
        "inventory": _inventory(result.worst),
    }


def price_of_tick(market: Market, tick: int) -> float:
    """Whole quote tokens per whole base token at a tick; infinite or 0 far out, which a chart cuts off."""
    exponent = tick * LOG_OF_TICK + (market.decimals[0] - market.decimals[1]) * math.log(10)
    return math.exp(min(max(exponent if market.quote == 1 else -exponent, -700.0), 700.0))


def price_window(run: LpRun) -> list[float]:
    """The prices to draw: those of the run with a margin, and the nearest edges of its ranges if they are not far."""
    low, high = float(np.min(run.series.price)), float(np.max(run.series.price))
    room = max(high - low, high * 0.002)
    edges = [price_of_tick(run.market, tick) for held in run.ranges for tick in (held.lower, held.upper)]
    near = [edge for edge in edges if low - room < edge < high + room]
    low, high = min([low, *near]), max([high, *near])
    return [low - MARGIN * room, high + MARGIN * room]


def _picture(run: LpRun) -> list[dict[str, Any]]:
    low, high = price_window(run)
    drawn = sorted(
        sorted(run.ranges, key=lambda held: held.since - held.until)[:DRAWN_RANGES], key=lambda held: held.since
    )
    series = run.series
    picked = _picked(len(series))
    outside = np.where(series.in_range, np.nan, series.price)
    price = _pen(1.8, "main")
    return [
        _bands(run.market, drawn, low, high),
        _line(run, series.price, picked, "price, position working", line=price),
        # One point before and after an absence is of both lines: no hole between them.
        _line(run, _joined(outside, series.price), picked, "price, position idle", line={**price, "color": "second"}),
        _moves(run),
    ]


def _bands(market: Market, drawn: Sequence[HeldRange], low: float, high: float) -> dict[str, Any]:
    """Every range as a rectangle over its life, cut at the edges of the picture."""
    x: list[str | None] = []
    y: list[float | None] = []
    for held in drawn:
        ends = sorted(price_of_tick(market, tick) for tick in (held.lower, held.upper))
        bottom, top = (as_drawn(min(max(end, low), high)) for end in ends)
        x += [moment(held.since), moment(held.until), moment(held.until), moment(held.since), moment(held.since), None]
        y += [bottom, bottom, top, top, bottom, None]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "range held",
        "x": x,
        "y": y,
        "fill": "toself",
        "fillcolor": "band",
        "line": {"width": 1, "color": "edge"},
        "hoverinfo": "skip",
    }


def _moves(run: LpRun) -> dict[str, Any]:
    """A mark where a position was opened, with the strategy's reason."""
    opened = [action for action in run.actions if action.kind == "mint"]
    opened = opened[:: max(1, math.ceil(len(opened) / DRAWN_RANGES))]
    places = np.clip(np.searchsorted(run.series.time, [each.time for each in opened]), 0, len(run.series) - 1)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "position opened",
        "x": [moment(each.time) for each in opened],
        "y": [as_drawn(float(run.series.price[place])) for place in places],
        "text": [each.reason for each in opened],
        "marker": {"size": 7, "symbol": "diamond", "color": "fourth"},
        "hovertemplate": "%{text}",
    }


def _flow(run: LpRun) -> list[dict[str, Any]]:
    """Fees down to the result against holding. `divergence` is the rest: the position's tokens beside the deposit's."""
    series = run.series
    opened = next((place for place, action in enumerate(run.actions) if action.kind == "mint"), len(run.actions))
    fees, gas = float(_fees(run)[-1]), float(series.gas[-1])
    swaps = sum(action.cost for action in run.actions[opened:])  # holding has paid for the first one too
    against = float(series.value[-1] - series.hold[-1])
    steps = [("fees", fees), ("divergence", against - fees + swaps + gas), ("later swaps", -swaps), ("gas", -gas)]
    return [
        {
            "type": "waterfall",
            "x": [*(name for name, _ in steps), "against holding"],
            "y": [*(as_drawn(value) for _, value in steps), as_drawn(against)],
            "measure": [*("relative" for _ in steps), "total"],
            "text": [f"{value:+,.0f}".replace("-", "−") for value in [*(value for _, value in steps), against]],
            "textposition": "outside",
            "cliponaxis": False,
            "increasing": {"marker": {"color": "gain"}},
            "decreasing": {"marker": {"color": "loss"}},
            "totals": {"marker": {"color": "gain" if against >= 0 else "loss"}},
            "connector": {"line": {"color": "grid", "width": 1}},
        }
    ]


def _earned(run: LpRun) -> list[dict[str, Any]]:
    series, picked = run.series, _picked(len(run.series))
    costs = series.swap_costs + series.gas
    return [
        _line(
            run, _fees(run), picked, "fees", fill="tozeroy", fillcolor="faint", line={"width": 2.2, "color": "earned"}
        ),
        _line(run, -series.lvr, picked, "loss versus rebalancing, per block", line={"width": 1.8, "color": "loss"}),
        _line(run, -costs, picked, "swap costs and gas", line=_pen(1.4, "third")),
        _line(
            run,
            series.value - series.hold,
            picked,
            "against holding",
            line={"width": 1.6, "color": "net", "dash": "dot"},
        ),
    ]


def _value(result: LpResult) -> list[dict[str, Any]]:
    run = result.worst
    picked = _picked(len(run.series))
    lines = [_line(run, run.series.value, picked, "this strategy", line=_pen(2.2, "main"))]
    for each in result.runs:
        if each is not run:
            style = _pen(1.3, "main", "dot")
            lines.append(_line(each, each.series.value, _picked(len(each.series)), _world(each), line=style))
    for each in result.full_range:
        if each.mode == run.mode:
            style = _pen(1.4, "second")
            lines.append(_line(each, each.series.value, _picked(len(each.series)), "full range", line=style))
    lines.append(_line(run, run.series.hold, picked, "holding", line=_pen(1.4, "third")))
    return lines


def _inventory(run: LpRun) -> list[dict[str, Any]]:
    """Shares of what lies in the position and outside of it, each token by itself; fees not yet collected left out."""
    series, market, picked = run.series, run.market, _picked(len(run.series))
    amounts = [(series.amount0, series.idle0), (series.amount1, series.idle1)]
    rate = [series.price if token == market.base else np.ones(len(series)) for token in (0, 1)]
    parts = []
    for token, role in ((market.base, "base"), (market.quote, "quote")):
        position, idle = amounts[token]
        parts.append((f"{market.symbols[token]} in the position", position * rate[token], role))
        parts.append(
            (f"{market.symbols[token]} outside", idle * rate[token], "idle" if token == market.quote else "third")
        )
    total = sum((values for _, values, _ in parts), np.zeros(len(series)))
    total[total <= 0.0] = np.inf  # nothing is left: shares of nothing are zero
    return [
        _line(run, values / total, picked, name, stackgroup="inventory", fillcolor=role, line=_pen(0.4, role))
        for name, values, role in parts
        if values.any()
    ]


def _world(run: LpRun) -> str:
    return f"this strategy, {run.mode.removeprefix(f'{MINUTE_BARS}, ')}"


def _pen(width: float, colour: str, dash: str = "solid") -> dict[str, Any]:
    return {"width": width, "color": colour, "dash": dash}


def _fees(run: LpRun) -> Floats:
    """Fees so far in quote, at the price of the moment."""
    series = run.series
    base, quote = (series.fees0, series.fees1) if run.market.base == 0 else (series.fees1, series.fees0)
    return np.asarray(base * series.price + quote)


def _joined(values: Floats, full: Floats) -> Floats:
    """`values` with one more point of `full` on either side of each stretch that is there."""
    there = np.isfinite(values)
    wider = there | np.concatenate((there[1:], [False])) | np.concatenate(([False], there[:-1]))
    return np.asarray(np.where(wider, full, np.nan))


def _picked(points: int) -> Any:
    """Every n-th point from the end, so that the last value is always drawn."""
    return np.arange(points)[:: -max(1, math.ceil(points / DRAWN_POINTS))][::-1]


def _line(run: LpRun, values: Floats, picked: Any, name: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": [moment(int(at)) for at in run.series.time[picked]],
        "y": [as_drawn(float(value)) for value in values[picked]],
        **more,
    }
