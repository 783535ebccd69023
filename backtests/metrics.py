"""What a run was worth, as named numbers with units. A number that cannot be had is None, and its note says why.

Returns are per cycle, of net equity (gas paid). A year has 365 days: these markets never close.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from backtests.run import BUY, Run
from bot.core.panel import Floats, Times

DAY: Final = 86_400
YEAR: Final = 365 * DAY
SHORTEST_TO_ANNUALISE: Final = 28 * DAY
FLAT: Final = 1e-12  # a smaller standard deviation of returns is float dust, not risk
FRACTION: Final = "fraction"


@dataclass(frozen=True, slots=True)
class Metric:
    """`value` in `unit`, or None; `note` says how it was reckoned, or why it is None."""

    value: float | None
    unit: str
    note: str = ""


def metrics(run: Run) -> dict[str, Metric]:
    """Every number of the run by name, in the order in which a reader wants them."""
    equity, times = run.equity, run.times
    span = int(times[-1] - times[0])
    worth = bool(np.all(equity > 0.0))
    short = "shorter than 28 days: not annualised" if span < SHORTEST_TO_ANNUALISE else ""
    returns = equity[1:] / equity[:-1] - 1.0 if worth else np.empty(0)
    yearly = YEAR / float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    why = "needs two cycles" if len(times) < 2 else "" if worth else "gas ate the whole capital"
    growth = _annual_growth(equity, span, why)
    drawdown, longest = _drawdown(equity, times)
    calmar = growth.value / drawdown if growth.value is not None and drawdown > FLAT else None
    best, worst = _extremes(equity, times, why)
    gas, fees = float(run.gas.sum()), float(run.fees.sum())
    traded = float(run.trades["money"].sum())
    money = run.money
    found = {
        "total_return": Metric(float(equity[-1] / equity[0] - 1.0), FRACTION, "net of all costs"),
        "cagr": growth,
        "volatility": _volatility(returns, yearly, why or short),
        "sharpe": _sharpe(returns, yearly, why or short),
        "sortino": _sortino(returns, yearly, why or short),
        "calmar": Metric(calmar, "ratio", "CAGR over max drawdown" if calmar is not None else "no CAGR or drawdown"),
        "max_drawdown": Metric(drawdown, FRACTION, "largest fall from a peak, at cycle times"),
        "max_drawdown_duration": Metric(longest / DAY, "days", "longest time below a peak, up to the end of the run"),
        "best_day": best,
        "worst_day": worst,
        "exposure": Metric(float(np.mean(1.0 - run.held[:, 0])), FRACTION, "mean share of the portfolio not idle"),
        "turnover": Metric(float(run.turnover.mean()), FRACTION, "one-way, mean per cycle"),
        "turnover_yearly": Metric(
            float(run.turnover.sum()) * YEAR / span if span >= SHORTEST_TO_ANNUALISE else None,
            "fraction per year",
            "one-way" if span >= SHORTEST_TO_ANNUALISE else "shorter than 28 days: not annualised",
        ),
        "fees": Metric(fees, money, "pool fees and price impact against spot, of every cycle"),
        "fees_share": Metric(fees / run.capital, FRACTION, "of the capital at the start"),
        "gas": Metric(gas, money, "of every cycle; paid by the keeper, taken off equity"),
        "gas_share": Metric(gas / run.capital, FRACTION, "of the capital at the start"),
        "cost_of_trading": Metric(
            fees / traded * 10_000 if traded > 0.0 else None,
            "bps",
            "fees per money traded" if traded > 0.0 else "nothing was traded",
        ),
        "trades": Metric(float(len(run.trades)), "count", "executed legs"),
        "cycles": Metric(float(len(times)), "count"),
        "capital": Metric(run.capital, money, "before the first cycle"),
        "final_equity": Metric(float(equity[-1]), money, "before the last cycle's trades, net of gas so far"),
    }
    return {name: _finite(metric) for name, metric in found.items()}


def attribution(run: Run) -> dict[str, float]:
    """Profit and loss per venue in money, idle included: change of what is held minus what was put in.

    The costs of a venue's trades are its own. Sums to the last minus the first net asset value, before gas. Idle's part
    is what is left when every flow is accounted for: rounding.
    """
    worth = run.held * run.nav[:, None]
    flows = dict.fromkeys(run.venues, 0.0)
    before_end = run.trades[run.trades["time"] < run.times[-1]]
    signed = before_end["money"].where(before_end["side"] == BUY, -before_end["money"])
    for venue, flow in signed.groupby(before_end["venue"]).sum().items():
        flows[str(venue)] = float(flow)
    flows[run.venues[0]] = -sum(flows[venue] for venue in run.venues[1:])
    return {venue: float(worth[-1, i] - worth[0, i]) - flows[venue] for i, venue in enumerate(run.venues)}


def drawdowns(equity: Floats) -> Floats:
    """(K,) how far below the highest value so far, as a fraction of it, never negative."""
    peak = np.maximum.accumulate(equity)
    return np.asarray(np.where(peak > 0.0, (peak - equity) / np.where(peak > 0.0, peak, 1.0), 0.0))


def _drawdown(equity: Floats, times: Times) -> tuple[float, int]:
    """(largest drawdown, seconds of the longest stretch from a peak to its recovery or the end)."""
    at_peak = equity >= np.maximum.accumulate(equity)
    since = np.maximum.accumulate(np.where(at_peak, times, times[0]))
    # A stretch ends where the peak is reached again, so that bar counts from the peak before it.
    before = np.concatenate((times[:1], since[:-1]))
    below = ~at_peak | np.concatenate(([False], ~at_peak[:-1]))
    return float(drawdowns(equity).max()), int(np.where(below, times - before, 0).max())


def _annual_growth(equity: Floats, span: int, why: str) -> Metric:
    if not why and span < SHORTEST_TO_ANNUALISE:
        why = "shorter than 28 days: not annualised"
    if why:
        return Metric(None, "fraction per year", why)
    growth = math.exp(math.log(float(equity[-1] / equity[0])) * YEAR / span) - 1.0
    return Metric(growth, "fraction per year", "compound, 365 days")


def _volatility(returns: Floats, yearly: float, why: str) -> Metric:
    if why or len(returns) < 2:
        return Metric(None, "fraction per year", why or "needs three cycles")
    return Metric(float(returns.std(ddof=1)) * math.sqrt(yearly), "fraction per year", "of cycle returns, 365 days")


def _sharpe(returns: Floats, yearly: float, why: str) -> Metric:
    if why or len(returns) < 2:
        return Metric(None, "ratio", why or "needs three cycles")
    spread = float(returns.std(ddof=1))
    if spread < FLAT:
        return Metric(None, "ratio", "returns do not vary")
    return Metric(float(returns.mean()) / spread * math.sqrt(yearly), "ratio", "risk-free rate 0, 365 days")


def _sortino(returns: Floats, yearly: float, why: str) -> Metric:
    if why or len(returns) < 2:
        return Metric(None, "ratio", why or "needs three cycles")
    downside = math.sqrt(float(np.mean(np.minimum(returns, 0.0) ** 2)))
    if downside < FLAT:
        return Metric(None, "ratio", "no cycle lost money")
    return Metric(float(returns.mean()) / downside * math.sqrt(yearly), "ratio", "target 0, 365 days")


def _extremes(equity: Floats, times: Times, why: str) -> tuple[Metric, Metric]:
    """(best, worst) return between the last equities of successive UTC days that have any."""
    daily = pd.Series(equity).groupby(times // DAY).last()
    if why or len(daily) < 2:
        missing = Metric(None, FRACTION, why or "needs two days")
        return missing, missing
    moves = daily.to_numpy()[1:] / daily.to_numpy()[:-1] - 1.0
    apart = float(np.median(np.diff(daily.index.to_numpy())))
    note = "between the last cycles of successive UTC days" if apart <= 1 else f"cycles are {apart:g} days apart"
    return Metric(float(moves.max()), FRACTION, note), Metric(float(moves.min()), FRACTION, note)


def _finite(metric: Metric) -> Metric:
    if metric.value is None or math.isfinite(metric.value):
        return metric
    return Metric(None, metric.unit, "too large or not a number")
