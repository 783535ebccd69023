"""What a run was worth, as named numbers with units. A number that cannot be had is None, and its note says why.

Returns are per cycle, of net equity (gas paid). A year has 365 days: these markets never close. Formulae, units and
signs: docs/metrics.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtests.run import BUY, Run
from bot.core.dates import DAY
from bot.core.panel import Floats, Times

YEAR: Final = 365 * DAY
SHORTEST_TO_ANNUALISE: Final = 28 * DAY
FLAT: Final = 1e-12  # a smaller standard deviation of returns is float dust, not risk
FEWEST_RETURNS: Final = 20  # for tails and lines: of fewer, the worst twentieth is not even one
TAIL: Final = 0.05
LARGEST_POWER: Final = 700.0  # e to more than this is no float
FRACTION: Final = "fraction"
A_CYCLE: Final = "fraction per cycle"
A_YEAR: Final = "fraction per year"
SHORT: Final = "shorter than 28 days: not annualised"


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
    short = SHORT if span < SHORTEST_TO_ANNUALISE else ""
    returns = returns_of(equity) if worth else np.empty(0)
    yearly = cycles_a_year(times)
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
        "positive_cycles": _positive(returns, why),
        **_tails(returns, why),
        "exposure": Metric(float(np.mean(1.0 - run.held[:, 0])), FRACTION, "mean share of the portfolio not idle"),
        "turnover": Metric(float(run.turnover.mean()), FRACTION, "one-way, mean per cycle"),
        "turnover_yearly": Metric(
            None if short else float(run.turnover.sum()) * YEAR / span, A_YEAR, short or "one-way"
        ),
        **_of_sales(sales(run.trades), money),
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


def relative(run: Run, rival: Run) -> dict[str, Metric]:
    """What the run was worth beside `rival`, over the cycles that both have: its line of least squares and its lead.

    A cycle's pair is the rival's nearest, at most half a step away: the rungs tell a bar's time a little differently.
    Two runs with few cycles in common are not compared: every number is None.
    """
    mine, other = _pairs(run.times, rival.times)
    times, equity, beside = run.times[mine], run.equity[mine], rival.equity[other]
    units = {
        "excess_return": FRACTION,
        "alpha": A_YEAR,
        "beta": "ratio",
        "correlation": "ratio",
        "tracking_error": A_YEAR,
        "information_ratio": "ratio",
    }
    why = ""
    if len(times) < 3:
        why = "needs three cycles that both have"
    elif len(times) < 0.9 * max(len(run), len(rival)):
        why = f"the cycles of {rival.label} are at other times"
    elif not (np.all(equity > 0.0) and np.all(beside > 0.0)):
        why = "gas ate the whole capital"
    if why:
        return {name: Metric(None, unit, why) for name, unit in units.items()}
    returns, against = returns_of(equity), returns_of(beside)
    lead = returns - against
    short = SHORT if times[-1] - times[0] < SHORTEST_TO_ANNUALISE else ""
    yearly = cycles_a_year(times)
    spread, error = float(against.std()), float(lead.std(ddof=1))
    few = f"needs {FEWEST_RETURNS + 1} cycles" if len(returns) < FEWEST_RETURNS else ""
    still = few or ("the benchmark does not move" if spread < FLAT else "")
    beta = 0.0 if spread < FLAT else float(np.mean((against - against.mean()) * returns)) / spread**2
    own = float(returns.std())
    alpha = _compounded(math.log1p(max(-1.0 + FLAT, float(np.mean(returns - beta * against)))) * yearly)
    excess = float(equity[-1] / equity[0] - beside[-1] / beside[0])
    line = f"of cycle returns on those of {rival.label}"
    same = few or ("never leaves the benchmark" if error < FLAT else "")
    found = {
        "excess_return": _known(excess, FRACTION, f"total return less that of {rival.label}"),
        "alpha": _known(alpha, A_YEAR, f"{line}: what beta does not explain, compound", still or short),
        "beta": _known(beta, "ratio", f"slope {line}", still),
        "correlation": _known(
            beta * spread / own if own >= FLAT else 0.0,
            "ratio",
            line,
            still or ("returns do not vary" if own < FLAT else ""),
        ),
        "tracking_error": _known(
            error * math.sqrt(yearly), A_YEAR, f"spread of the lead over {rival.label}", few or short
        ),
        "information_ratio": _known(
            float(lead.mean()) / error * math.sqrt(yearly) if error >= FLAT else 0.0,
            "ratio",
            "mean lead over tracking error",
            same or short,
        ),
    }
    return {name: _finite(metric) for name, metric in found.items()}


def _pairs(times: Times, others: Times) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(P,) places in each of the cycles that belong together, both rising strictly."""
    if len(times) < 2 or len(others) < 2:
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    after = np.clip(np.searchsorted(others, times), 1, len(others) - 1)
    nearest = after - (times - others[after - 1] <= others[after] - times)
    apart = np.abs(others[nearest] - times)
    best = np.lexsort((apart, nearest))[np.unique(nearest, return_index=True)[1]]  # of those with the same one
    mine = best[2 * apart[best] <= np.median(np.diff(others))]
    return mine, nearest[mine]


def returns_of(equity: Floats) -> Floats:
    """(K - 1,) relative changes. What was lost is lost: -1 where equity falls to nothing or below, and 0 after that."""
    alive = np.logical_and.accumulate(equity > 0.0)
    left, before = np.where(alive, equity, 0.0), alive[:-1]
    return np.asarray(np.where(before, left[1:] / np.where(before, left[:-1], 1.0) - 1.0, 0.0))


def cycles_a_year(times: Times) -> float:
    """By the median step between cycles; 0 where there is none."""
    return YEAR / float(np.median(np.diff(times))) if len(times) > 1 else 0.0


def sales(trades: pd.DataFrame) -> Floats:
    """(S,) realised profit of every sale in money: what came in less what those units had cost on average.

    Costs of trading are in it, gas is not. What was never bought in this run, and what is still held, is left out.
    """
    bought: dict[str, tuple[float, float]] = {}  # venue -> units held, what they cost
    realised = []
    columns = (trades[name].tolist() for name in ("venue", "side", "money", "units"))
    for venue, side, money, units in zip(*columns, strict=True):
        held, paid = bought.get(venue, (0.0, 0.0))
        if side == BUY:
            bought[venue] = held + units, paid + money
        elif held > 0.0 and units > 0.0:
            sold = min(1.0, units / held)
            realised.append(money * min(1.0, held / units) - paid * sold)
            bought[venue] = held * (1.0 - sold), paid * (1.0 - sold)
    return np.array(realised, dtype=np.float64)


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
    why = why or (SHORT if span < SHORTEST_TO_ANNUALISE else "")
    if why:
        return Metric(None, A_YEAR, why)
    growth = _compounded(math.log(float(equity[-1] / equity[0])) * YEAR / span)
    return Metric(growth, A_YEAR, "compound, 365 days")


def _compounded(power: float) -> float:
    return math.expm1(power) if power < LARGEST_POWER else math.inf


def _known(value: float, unit: str, note: str, why: str = "") -> Metric:
    return Metric(None, unit, why) if why else Metric(value, unit, note)


def _positive(returns: Floats, why: str) -> Metric:
    moved = returns[np.abs(returns) > FLAT]
    if why or not len(moved):
        return Metric(None, FRACTION, why or "returns do not vary")
    return Metric(float(np.mean(moved > 0.0)), FRACTION, "of the cycles in which equity moved")


def _tails(returns: Floats, why: str) -> dict[str, Metric]:
    """Of the worst and the best twentieth of cycle returns."""
    if not why and len(returns) < FEWEST_RETURNS:
        why = f"needs {FEWEST_RETURNS + 1} cycles"
    if why:
        units = {"value_at_risk": A_CYCLE, "expected_shortfall": A_CYCLE, "tail_ratio": "ratio"}
        return {name: Metric(None, unit, why) for name, unit in units.items()}
    low, high = (float(each) for each in np.percentile(returns, [100.0 * TAIL, 100.0 * (1.0 - TAIL)]))
    last = int((len(returns) - 1) * TAIL)
    worst = float(np.partition(returns, last)[: last + 1].mean())
    flat = "" if abs(low) > FLAT else "the worst twentieth lost nothing"
    return {
        "value_at_risk": Metric(low, A_CYCLE, "the return that a twentieth of the cycles fall below"),
        "expected_shortfall": Metric(worst, A_CYCLE, "mean of the worst twentieth of cycle returns"),
        "tail_ratio": _known(abs(high) / abs(low) if not flat else 0.0, "ratio", "best over worst twentieth", flat),
    }


def _of_sales(realised: Floats, money: str) -> dict[str, Metric]:
    """Of realised profits: how often, how much, and gains over losses."""
    why = "" if len(realised) else "nothing was sold"
    gains, losses = float(realised[realised > 0.0].sum()), float(-realised[realised < 0.0].sum())
    mean = float(realised.mean()) if len(realised) else 0.0
    share = float(np.mean(realised > 0.0)) if len(realised) else 0.0
    lossless = why or ("no sale lost money" if losses == 0.0 else "")
    return {
        "win_rate": _known(share, FRACTION, "of sales above their average cost, before gas", why),
        "profit_factor": _known(gains / losses if losses else 0.0, "ratio", "gains of sales over losses", lossless),
        "expectancy": _known(mean, money, "mean realised profit of a sale, before gas", why),
    }


def _volatility(returns: Floats, yearly: float, why: str) -> Metric:
    if why or len(returns) < 2:
        return Metric(None, A_YEAR, why or "needs three cycles")
    return Metric(float(returns.std(ddof=1)) * math.sqrt(yearly), A_YEAR, "of cycle returns, 365 days")


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
