"""What a provider's run was worth, as named numbers with units: pure functions of its series and its trades' sums.

Net profit is split without a remainder: net = held + impermanent loss + fees - gas, where `held` is what the first
deposit would have made untouched (the first swap's cost included), and `impermanent_loss` what the position made beside
it (what later swaps cost included). A number that cannot be had is None, and its note says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from backtests.lp.result import Action, LpRun, Market, Series
from backtests.metrics import YEAR, Metric
from bot.core.dates import DAY

FRACTION: Final = "fraction"
SHORTEST_TO_ANNUALISE: Final = DAY
HEADLINES: Final = (
    "net_profit",
    "net_apr",
    "fees",
    "impermanent_loss",
    "lvr",
    "fees_over_lvr",
    "time_in_range",
    "against_hold",
)


@dataclass(frozen=True, slots=True)
class Trades:
    """Sums over what traded against us. None: not known in this mode. `inside`: seconds in which the position worked.

    lvr_per_look: loss versus rebalancing with a hedge that is re-set at each look only.
    markouts: per horizon (what the flow gained on us in quote, trades left out because their horizon lies beyond the
    data). share: mean part of the active liquidity that was ours while it worked.
    """

    volume: float | None = None
    inside: float | None = None
    share: float | None = None
    lvr_per_look: float | None = None
    markouts: Mapping[str, tuple[float, int]] = field(default_factory=dict)


def lp_metrics(
    market: Market, capital: float, series: Series, actions: Sequence[Action], trades: Trades
) -> dict[str, Metric]:
    """Every number of a run by name, in the order in which a reader wants them. `capital` in quote."""
    money, span = market.money, int(series.time[-1] - series.time[0])
    price = float(series.price[-1])
    fees = market.worth((float(series.fees0[-1]), float(series.fees1[-1])), price)
    value, hold, gas = float(series.value[-1]), float(series.hold[-1]), float(series.gas[-1])
    per_block, swap_costs = float(series.lvr[-1]), float(series.swap_costs[-1])
    lvr = max(per_block, trades.lvr_per_look or 0.0)
    net, held = value - capital, hold - capital
    half = capital * (1.0 + price / float(series.price[0])) / 2.0
    mints = sum(action.kind == "mint" for action in actions)
    found = {
        "net_profit": Metric(net, money, "value at the end, valued at the recorded price, less gas and capital"),
        "net_apr": net_apr(net, capital, span),
        "fees": Metric(fees, money, "earned by the position, valued at the last price"),
        "fees0": Metric(float(series.fees0[-1]), market.symbols[0], "earned, paid out at the end"),
        "fees1": Metric(float(series.fees1[-1]), market.symbols[1], "earned, paid out at the end"),
        "held": Metric(held, money, "what the first deposit would have made untouched"),
        "impermanent_loss": impermanent_loss(value, hold, fees, gas, money),
        "lvr": Metric(lvr, money, "loss versus rebalancing: the larger of the next two"),
        "lvr_per_block": Metric(per_block, money, "with a hedge at the recorded price of each block"),
        "lvr_per_look": Metric(
            trades.lvr_per_look, money, "with a hedge at each look only; nearer to the market's own turns"
        ),
        "fees_over_lvr": fees_over_lvr(fees, lvr),
        **{f"markout_{name}": _markout(*sums, money) for name, sums in trades.markouts.items()},
        "volume": Metric(trades.volume, money, "traded against us" if trades.volume is not None else "not known"),
        "time_in_range": time_in_range(trades.inside, span),
        "share_of_pool": Metric(
            trades.share, FRACTION, "mean, of the active liquidity" if trades.share is not None else "never in range"
        ),
        "rebalances": Metric(float(max(mints - 1, 0)), "count", "positions opened after the first"),
        "gas": Metric(gas, money, "of every action, the exit included"),
        "swap_costs": Metric(swap_costs, money, "of our own swaps, fee and impact, against the price before each"),
        "against_hold": Metric(value - hold, money, "beside the first deposit, untouched"),
        "against_half": Metric(value - half, money, "beside half of the capital in each token at the first price"),
        "capital": Metric(capital, money),
        "final_value": Metric(value, money, "at the recorded price, net of gas"),
        "days": Metric(span / DAY, "days"),
    }
    return found


def net_apr(net: float, capital: float, seconds: int) -> Metric:
    """net / capital * year / seconds: simple, not compounded, a year of 365 days. None below a day."""
    if seconds < SHORTEST_TO_ANNUALISE:
        return Metric(None, "fraction per year", "shorter than a day: not annualised")
    note = "simple, 365 days" + ("; from less than 28 days" if seconds < 28 * DAY else "")
    return Metric(net / capital * YEAR / seconds, "fraction per year", note)


def impermanent_loss(value: float, hold: float, fees: float, gas: float, money: str) -> Metric:
    """(value + gas - fees) - hold: what the position is worth beside the deposit left alone, fees and gas apart.

    The impermanent loss of a position that never moves (Pintail, Uniswap: a good deal for liquidity providers?, 2019);
    for one that moves, with what its later swaps cost.
    """
    return Metric(value + gas - fees - hold, money, "impermanent loss: beside holding, fees and gas apart")


def fees_over_lvr(fees: float, lvr: float) -> Metric:
    """fees / lvr: above one, fees paid for the rebalancing loss (Milionis et al. 2022). None without a loss."""
    if lvr <= 0.0:
        return Metric(None, "ratio", "no loss versus rebalancing")
    return Metric(fees / lvr, "ratio", "above 1: fees paid for it")


def time_in_range(inside: float | None, seconds: int) -> Metric:
    """inside / seconds of the whole window, times without a position included."""
    if inside is None or seconds <= 0:
        return Metric(None, FRACTION, "not known")
    return Metric(inside / seconds, FRACTION, "of the whole time")


def beside_full_range(run: LpRun, full: LpRun) -> dict[str, Metric]:
    """The metrics of `run`, with what the same capital over the full range would have left, in the same mode."""
    found = dict(run.metrics)
    mine, other = found["final_value"].value, full.metrics["final_value"].value
    gap = mine - other if mine is not None and other is not None else None
    extra = {"against_full_range": Metric(gap, run.market.money, "beside the same capital over the full range")}
    at = list(found).index("capital")
    items = list(found.items())
    return dict(items[:at]) | extra | dict(items[at:])


def worst_of(runs: Sequence[LpRun]) -> int:
    """Index of the run with the lowest net profit."""
    return int(np.argmin([run.metrics["net_profit"].value or 0.0 for run in runs]))


def _markout(gained: float, left_out: int, money: str) -> Metric:
    late = f"; {left_out} trades near the end left out" if left_out else ""
    return Metric(gained, money, f"what the flow gained on us, fees apart{late}")
