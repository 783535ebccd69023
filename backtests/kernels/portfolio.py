"""A portfolio along a price path: the fast rung's loop. Compiled.

Per bar the pools follow the close; on a cycle's bar the policy decides and legs trade as `bot.core.plan.make_plan`
plans them: exits first, entries from what is surely there, each within its loss limit. Amounts are float64, so sums
differ from the exact rungs in the last digits and where rounding down to raw units matters.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from backtests.kernels.pool import Pools, fit_nb, follow_nb
from bot.core.panel import Floats, Times
from bot.core.policy import rebalance

NONE, OBSERVE, ACT = 0, 1, 2  # what happens at a bar: nothing, the books are read, or a whole cycle
NO_IDLE, TOO_DEAR = 1, 2  # why a venue was skipped
PARTS = 1_000_000_000.0  # the grain of a weight when it becomes money

rebalance_nb = njit(cache=True)(rebalance)


class Rules(NamedTuple):
    """Policy, limits and gas as plain numbers; money in whole tokens, `window` in seconds."""

    capital: float
    band: float
    max_turnover: float
    max_venue: float
    min_idle: float
    brake: float
    window: int
    min_trade: float
    keep: float  # the least part of a quote that a fill must pay: 1 - slippage
    max_loss_bps: float
    gas_base: float  # money per cycle that trades
    gas_leg: float  # money per leg


class Books(NamedTuple):
    """What happened. (K,) and (K, N) per cycle; the `leg_` arrays have room for every leg, `legs` (K,) counts them."""

    nav: Floats
    gas: Floats
    fees: Floats
    turnover: Floats
    held: Floats
    weights: Floats
    prices: Floats
    skipped: NDArray[np.int8]
    legs: Times
    leg_cycle: Times
    leg_venue: Times
    leg_entry: NDArray[np.bool_]
    leg_amount: Floats
    leg_received: Floats
    leg_value: Floats
    leg_cost: Floats


@njit(cache=True)
def books_nb(cycles: int, n: int) -> Books:
    """Empty books for so many cycles and venues."""
    room = cycles * (n - 1)
    return Books(
        np.zeros(cycles),
        np.zeros(cycles),
        np.zeros(cycles),
        np.zeros(cycles),
        np.zeros((cycles, n)),
        np.zeros((cycles, n)),
        np.full((cycles, n), np.nan),
        np.zeros((cycles, n), dtype=np.int8),
        np.zeros(cycles, dtype=np.int64),
        np.zeros(room, dtype=np.int64),
        np.zeros(room, dtype=np.int64),
        np.zeros(room, dtype=np.bool_),
        np.zeros(room),
        np.zeros(room),
        np.zeros(room),
        np.zeros(room),
    )


@njit(cache=True)
def trade_nb(
    books: Books, k: int, first_leg: int, idle: float, units: Floats, prices: Floats, pools: Pools, rules: Rules
) -> float:
    """Idle money after the cycle's legs; `units` and `prices` are changed in place and the legs booked."""
    n = units.shape[0]
    nav, leg = books.nav[k], first_leg
    sure, brought, sold, bought, cost_sum = 0.0, 0.0, 0.0, 0.0, 0.0
    values = np.zeros(n)  # before any trade, as the plan sees them
    for i in range(1, n):
        if units[i] > 0.0:
            values[i] = units[i] * prices[i]
    for side in range(2):
        entry = side == 1
        spendable = idle + sure - nav * rules.min_idle
        for i in range(1, n):
            if math.isnan(prices[i]):
                continue
            weight = books.weights[k, i]
            wanted = nav * (math.floor(min(1.0, weight) * PARTS) / PARTS)
            change = wanted - values[i]
            if entry != (change > 0.0) or change == 0.0:
                continue
            amount = 0.0
            if entry:
                spend = min(change, max(0.0, spendable))
                if spend < rules.min_trade or spend <= 0.0:
                    if change >= rules.min_trade:
                        books.skipped[k, i] = NO_IDLE
                    continue
                amount = spend
            elif weight == 0.0:
                amount = units[i]
            elif -change >= rules.min_trade:
                amount = units[i] * (-change / values[i])
            else:
                continue
            amount, received, value, cost, after = fit_nb(
                pools, i, prices[i], entry, amount, rules.max_loss_bps, rules.min_trade
            )
            if amount == 0.0:
                books.skipped[k, i] = TOO_DEAR
                continue
            if entry:
                units[i] += received
                spendable -= amount
                bought += amount
            else:
                units[i] = max(0.0, units[i] - amount)
                sure += received * rules.keep
                brought += received
                sold += value
            prices[i] = after
            cost_sum += cost
            books.leg_cycle[leg] = k
            books.leg_venue[leg] = i
            books.leg_entry[leg] = entry
            books.leg_amount[leg] = amount
            books.leg_received[leg] = received
            books.leg_value[leg] = value
            books.leg_cost[leg] = cost
            leg += 1
    books.fees[k] = cost_sum
    books.turnover[k] = max(bought, sold) / nav
    books.legs[k] = leg - first_leg
    if leg > first_leg:
        books.gas[k] = rules.gas_base + (leg - first_leg) * rules.gas_leg
    return idle + brought - bought


@njit(cache=True)
def portfolio_path_nb(
    times: Times, close: Floats, act: NDArray[np.int8], target: Floats, pools: Pools, rules: Rules
) -> Books:
    """The books of one run. times (T,), close (T, N), act (T,) of NONE, OBSERVE and ACT, target (T, N).

    The drawdown brake looks at the values of cycles no older than `window`, as the journal does. Inputs are taken as
    checked: every close is positive or NaN, and the capital is positive.
    """
    bars, n = close.shape
    cycles = 0
    for t in range(bars):
        if act[t] != NONE:
            cycles += 1
    books = books_nb(cycles, n)
    prices = np.full(n, np.nan)
    prices[0] = 1.0
    units = np.zeros(n)
    tradable = np.ones(n, dtype=np.bool_)
    idle = rules.capital
    # Cycles that may still be the high-water mark: ever later and ever lower.
    marks = np.zeros(cycles, dtype=np.int64)
    marked_at = np.zeros(cycles, dtype=np.int64)
    head, tail, k, legs = 0, 0, 0, 0
    for t in range(bars):
        for i in range(1, n):
            prices[i] = follow_nb(prices[i], close[t, i], pools.fee[i])
        if act[t] == NONE:
            continue
        nav = idle
        for i in range(1, n):
            if units[i] > 0.0:
                nav += units[i] * prices[i]
        risky = 0.0
        for i in range(1, n):
            if units[i] > 0.0:
                books.held[k, i] = units[i] * prices[i] / nav
                risky += books.held[k, i]
            tradable[i] = (not math.isnan(close[t, i])) or units[i] > 0.0
        books.held[k, 0] = max(0.0, 1.0 - risky)
        books.nav[k] = nav
        books.prices[k] = prices
        books.weights[k] = books.held[k]
        while head < tail and marked_at[head] < times[t] - rules.window:
            head += 1
        while head < tail and books.nav[marks[tail - 1]] <= nav:
            tail -= 1
        marks[tail] = k
        marked_at[tail] = times[t]
        tail += 1
        if act[t] == ACT:
            peak = books.nav[marks[head]]
            books.weights[k] = rebalance_nb(
                target[t],
                books.held[k],
                tradable,
                rules.band,
                rules.max_turnover,
                rules.max_venue,
                rules.min_idle,
                (peak - nav) < rules.brake * peak,
            )
            idle = trade_nb(books, k, legs, idle, units, prices, pools, rules)
            legs += books.legs[k]
        k += 1
    return books
