"""A portfolio along a price path: the fast rung's loop. Compiled.

Per bar the pools follow the close; on a cycle's bar the policy decides and legs trade as `bot.core.plan.make_plan`
plans them: exits first, entries from what is surely there, each within its loss limit. Amounts are float64, so sums
differ from the exact rungs in the last digits and where rounding down to raw units matters.

`path_nb` is the one source for a path that keeps books (here) and for those of a sweep, which keep a summary only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from backtests.kernels import cold, tell
from backtests.kernels.cycle import (
    ACT,
    AMOUNT,
    COST,
    ENTRY,
    EXPECTED,
    FEES,
    HELD,
    IDLE,
    MARKED,
    NAV,
    NO_PRICE,
    NONE,
    OBSERVE,
    PRICES,
    RECEIVED,
    SEEN,
    SKIPPED,
    TURNOVER,
    UNITS,
    VALUE,
    VENUE,
    WANTED,
    WEIGHTS,
    WORST,
    Flags,
    Rules,
    count_nb,
    listing_nb,
    rebalance_nb,
    trade_nb,
    value_nb,
)
from backtests.kernels.plain import plain
from backtests.kernels.pool import FEE, Pools, edges_of, follow_nb
from bot.core.panel import Floats, Times

# Columns of a summary: what a path comes to.
START, FINAL, MEAN, SPREAD, DOWNSIDE, DRAWDOWN, EXPOSURE, ROTATION, PAID, GAS, LEGS, POSITIVE, IMBALANCE = range(13)
SUMMARY = 13
BUSY = 8  # how many times the work of a bar a cycle is, interpreted
SMALL = 400_000  # steps of a microsecond, of all runs of a process: compiling takes some millions of them
_interpreted: list[int] = []


class Books(NamedTuple):
    """What happened. (K,) and (K, N) per cycle; the `leg_` arrays per leg, `legs` (K,) counts them.

    `imbalance`: the largest part of the portfolio's value, at any cycle, that capital, prices and costs do not explain.
    """

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
    imbalance: float


class Room(NamedTuple):
    """Where a path writes its books. `series` (4, K): nav, gas, fees, turnover. `grid` (3, K, N): held, weights,
    prices. `legs` (K,); `tickets` (3, L): cycle, venue and whether it is an entry, `amounts` (4, L): amount, received,
    value and cost, with room for every leg that there could be: what is not written to takes no memory.
    """

    series: Floats
    grid: Floats
    skipped: NDArray[np.int8]
    legs: Times
    tickets: Times
    amounts: Floats


class Bounds(NamedTuple):
    """What happens to venues until each cycle: `bounds_nb` (K, N) twice, and who has a close then (`known`) or has had
    none for so long that it is worth nothing (`lost`). Without rows a path finds out by itself, bar by bar.
    """

    lows: Floats
    highs: Floats
    known: Flags
    lost: Flags


class Desk(NamedTuple):
    """The working memory of one path, all zeros when it begins: see `backtests.kernels.cycle` for floats (13, N),
    whole (5, N) and purse (7,). `pools` (5, N) charge what legs pay. `tradable` (N,), `known` and `lost` (1, N).
    `marked`, `mark` (K,): times and values of cycles that may still be the high-water mark, ever later and ever lower.
    `returns` (K - 1,): of net equity.
    """

    floats: Floats
    whole: Times
    purse: Floats
    pools: Floats
    tradable: Flags
    known: Flags
    lost: Flags
    marked: Times
    mark: Floats
    returns: Floats


@njit(cache=True, error_model="numpy")
def path_nb(
    times: Times,
    close: Floats,
    act: NDArray[np.int8],
    rows: Times,
    bounds: Bounds,
    target: Floats,
    gas: Floats,
    edges: Floats,
    rules: Rules,
    desk: Desk,
    room: Room,
    summary: Floats,
    c: int,
) -> int:
    """Walks one path over its cycles, `rows` (K,) of `act`; returns how many legs it traded.

    Writes row `c` of the summary (C, SUMMARY) but for moments, the desk's returns, and books where there is room. `gas`
    (K,): what the rules' gas is multiplied by. `edges` (2, N): of the band of arbitrage. Returns are of net equity: gas
    of all earlier cycles is paid; a path whose equity is not above zero throughout has none (POSITIVE is 0). The
    drawdown brake looks at the values of cycles no older than `window`, as the journal does.
    """
    cycles, n = rows.shape[0], close.shape[1]
    lows, highs, known, lost = bounds.lows, bounds.highs, bounds.known, bounds.lost
    series, grid, skipped, counts = room.series, room.grid, room.skipped, room.legs
    tickets, amounts = room.tickets, room.amounts
    walks, keeps = lows.shape[0] == 0, counts.shape[0] > 0
    if walks:
        known, lost = desk.known, desk.lost
    floats, whole, purse, pools, tradable = desk.floats, desk.whole, desk.purse, desk.pools, desk.tradable
    marked, mark, returns = desk.marked, desk.mark, desk.returns
    for i in range(1, n):
        floats[PRICES, i], floats[MARKED, i], whole[SEEN, i] = np.nan, np.nan, -1
    floats[PRICES, 0], floats[MARKED, 0] = 1.0, 1.0
    purse[IDLE], purse[EXPECTED] = rules.capital, rules.capital
    wanted, held, weights = floats[WANTED], floats[HELD], floats[WEIGHTS]
    head, tail, first, done, p = 0, 0, rows[0] * 0, 0, 0  # a variable: of a constant another kernel would be made
    paid, peak, fall, positive, before = 0.0, 0.0, 0.0, True, 0.0
    exposure, rotation, fees = 0.0, 0.0, 0.0
    for k in range(cycles):
        t = rows[k]
        if walks:
            for bar in range(first, t + 1):
                follow_nb(floats, PRICES, close, bar, edges)
            listing_nb(times, close, first, t, whole, SEEN, known, lost, 0)
            first = t + 1
        else:
            p = k
            for i in range(1, n):
                price, low, high = floats[PRICES, i], lows[k, i], highs[k, i]
                price = price if price >= low else low
                floats[PRICES, i] = high if price > high else price
        value_nb(floats, purse, lost, p)
        nav = purse[NAV]
        while head < tail and marked[head] < times[t] - rules.window:
            head += 1
        while head < tail and mark[tail - 1] <= nav:
            tail -= 1
        marked[tail], mark[tail] = times[t], nav
        tail += 1
        for i in range(1, n):
            tradable[i] = known[p, i]
            whole[SKIPPED, i] = NO_PRICE if floats[UNITS, i] > 0.0 and not known[p, i] else 0
        purse[FEES], purse[TURNOVER], legs = 0.0, 0.0, 0
        if act[t] == OBSERVE:
            for i in range(n):
                weights[i] = held[i]
        else:
            entries = act[t] == ACT and (mark[head] - nav) < rules.brake * mark[head]
            for i in range(n):
                wanted[i] = target[t, i]
            rebalance_nb(
                wanted,
                held,
                tradable,
                rules.band,
                rules.max_turnover,
                rules.max_venue,
                rules.min_idle,
                entries,
                weights,
            )
            legs = trade_nb(floats, whole, purse, known, p, rules, pools)
            count_nb(floats, whole, purse, legs)
        burnt = (rules.gas_base + legs * rules.gas_leg) * gas[k] if legs > 0 else 0.0
        equity = nav - paid
        if k > 0:
            returns[k - 1] = equity / before - 1.0
        before = equity
        paid += burnt
        positive = positive and equity > 0.0
        peak = max(peak, equity)
        fall = max(fall, (peak - equity) / peak)
        exposure += (1.0 - held[0]) / cycles
        rotation += purse[TURNOVER] / cycles
        fees += purse[FEES]
        if keeps:
            series[0, k], series[1, k], series[2, k], series[3, k] = nav, burnt, purse[FEES], purse[TURNOVER]
            counts[k] = legs
            for i in range(n):
                grid[0, k, i], grid[1, k, i], grid[2, k, i] = held[i], weights[i], floats[MARKED, i]
                skipped[k, i] = whole[SKIPPED, i]
            for leg in range(legs):
                at = done + leg
                tickets[0, at], tickets[1, at], tickets[2, at] = k, whole[VENUE, leg], whole[ENTRY, leg]
                amounts[0, at], amounts[1, at] = floats[AMOUNT, leg], floats[RECEIVED, leg]
                amounts[2, at], amounts[3, at] = floats[VALUE, leg], floats[COST, leg]
        done += legs
    summary[c, START], summary[c, FINAL], summary[c, DRAWDOWN] = rules.capital, before, fall
    summary[c, EXPOSURE], summary[c, ROTATION], summary[c, PAID], summary[c, GAS] = exposure, rotation, fees, paid
    summary[c, LEGS], summary[c, POSITIVE], summary[c, IMBALANCE] = done, 1.0 if positive else 0.0, purse[WORST]
    return done


def quickest(size: int) -> Callable[..., int]:
    """The kernel; where nothing has been compiled on this machine yet, its source for work that is done sooner so.

    Both give the same bits. `size`: about as many steps of a microsecond, interpreted. Says on standard error when it
    is about to compile.
    """
    if path_nb.signatures or not cold(kernel="portfolio.path_nb"):
        return path_nb
    _interpreted.append(size)
    if sum(_interpreted) <= SMALL:
        return plain(path_nb)
    tell("the fast rung")
    return path_nb


def portfolio_path(
    times: Times,
    close: Floats,
    act: NDArray[np.int8],
    target: Floats,
    pools: Pools,
    rules: Rules,
    walk: Callable[..., int] | None = None,
) -> Books:
    """The books of one run. times (T,), close (T, N), act (T,) of the four above, target (T, N).

    A venue without a close is not traded: it is valued at its last price for `WRITE_OFF` seconds and at nothing after
    that, until a close comes back (`bot.core.listing`). Gas is what the rules say at every cycle. Inputs are taken as
    checked: every close is positive or NaN, and the capital is positive. `walk`: the kernel, or its plain source;
    without it, what has the result first.
    """
    rows, n = np.flatnonzero(act != NONE), close.shape[1]
    if walk is None:
        walk = quickest((rows[-1] + 1 - rows[0] + BUSY * len(rows)) * n if len(rows) else 0)
    cycles, legs = len(rows), int((act > OBSERVE).sum()) * (n - 1)
    room = Room(
        np.empty((4, cycles)),
        np.empty((3, cycles, n)),
        np.empty((cycles, n), dtype=np.int8),
        np.empty(cycles, dtype=np.int64),
        np.empty((3, legs), dtype=np.int64),
        np.empty((4, legs)),
    )
    facts, summary = np.array(pools), np.zeros((1, SUMMARY))
    edges = edges_of(facts[FEE])
    facts[FEE] *= rules.fees
    desk = Desk(
        np.zeros((13, n)),
        np.zeros((5, n), dtype=np.int64),
        np.zeros(7),
        facts,
        np.zeros(n, dtype=np.bool_),
        np.zeros((1, n), dtype=np.bool_),
        np.zeros((1, n), dtype=np.bool_),
        np.empty(cycles, dtype=np.int64),
        np.empty(cycles),
        np.empty(max(0, cycles - 1)),
    )
    alone = Bounds(np.empty((0, n)), np.empty((0, n)), np.empty((0, n), np.bool_), np.empty((0, n), np.bool_))
    with np.errstate(all="ignore"):  # as compiled code does
        done = walk(times, close, act, rows, alone, target, np.ones(cycles), edges, rules, desk, room, summary, 0)
    cycle, venue, entry = room.tickets[:, :done]
    amount, received, value, cost = room.amounts[:, :done]
    nav, gas, fees, turnover = room.series
    held, weights, prices = room.grid
    return Books(
        nav,
        gas,
        fees,
        turnover,
        held,
        weights,
        prices,
        room.skipped,
        room.legs,
        cycle,
        venue,
        entry == 1,
        amount,
        received,
        value,
        cost,
        float(summary[0, IMBALANCE]),
    )
