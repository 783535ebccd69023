"""A portfolio that is moved to target weights, with shared cash. Compiled.

This is one rebalance; `weights_path` walks paths of them. Assets are columns; prices are money per unit. Values and
sums run in lanes that are written out and nothing is re-associated by the compiler, so the interpreter, any processor
and any number of threads give the same bits.

Sales come first, then purchases from the smallest up, as money lasts: the order that vectorbt calls ``auto``. While
money suffices the order cannot matter, so nothing is sorted: only where it runs short are the largest ones looked for.

Arrays are passed whole, with the row to look at: a view of a row would be counted by the runtime at every rebalance,
which costs more than the rebalance of twenty assets.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bot.core.panel import Floats

Places = NDArray[np.int64]
DUST = 1e-13  # of the portfolio's value: a smaller change is rounding
# Rows of a state (STATES, N): units held, last known price (1 before there is any), price at which `gained` was booked,
# money gained by price changes, money paid as costs, what is left of a sale after spread, fee and royalty, greatest
# weight.
UNITS, LAST, MARK, GAINED, PAID, KEEP, CAP = range(7)
STATES = 7
SOLD, BOUGHT, REACH, ASKED = range(4)  # rows of a scratch (4, N): money sold, money bought, units to reach, targets
CASH, PEAK, COST, IMBALANCE, TURNOVER = range(5)  # of a purse
ORDERS, REFUSED, UNPRICED, STALE, BRAKED = range(5)  # of counts


class Terms(NamedTuple):
    """Costs and limits. Fractions, but for `capital` and `fixed_fee` (money per order)."""

    capital: float
    fee: float  # of an order's value
    spread: float  # what is paid above, or received below, the price
    fixed_fee: float
    band: float  # changes of a weight below it are not made; a target of 0 is always reached
    min_cash: float  # of the value, that purchases leave alone
    brake: float  # at this fall from the highest value at a rebalance nothing is bought; above 1: never


class Account(NamedTuple):
    """What is held, and what came of it: rows, sums and counts as named above."""

    state: Floats
    purse: Floats
    counts: Places


class Book(NamedTuple):
    """One line per order, as many as there is room for; empty arrays: none is kept."""

    bar: Places
    asset: Places
    units: Floats  # bought; negative: sold
    value: Floats  # at the price, before costs
    cost: Floats


@njit(cache=True)
def account_nb(terms: Terms, royalty: Floats, cap: Floats) -> Account:
    """An account that holds the capital as cash; royalty and cap are (N,)."""
    # Loops, here and below, where one line over rows would do: that line takes the compiler a second.
    n = cap.shape[0]
    state, purse = np.zeros((STATES, n)), np.zeros(5)
    for j in range(n):
        state[LAST, j] = state[MARK, j] = 1.0
        state[KEEP, j] = (1.0 - terms.spread) * (1.0 - terms.fee - royalty[j])
        state[CAP, j] = cap[j]
    purse[CASH] = purse[PEAK] = terms.capital
    return Account(state, purse, np.zeros(5, dtype=np.int64))


@njit(cache=True)
def value_nb(cash: float, held: Floats, line: int, prices: Floats, row: int) -> float:
    """Cash and the positions, a line of `held`, at one row of prices. Always summed in this order, so the same bits."""
    n = held.shape[1]
    whole = n - n % 4
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    for j in range(0, whole, 4):
        a += held[line, j] * prices[row, j]
        b += held[line, j + 1] * prices[row, j + 1]
        c += held[line, j + 2] * prices[row, j + 2]
        d += held[line, j + 3] * prices[row, j + 3]
    for j in range(whole, n):
        a += held[line, j] * prices[row, j]
    return cash + ((a + b) + (c + d))


@njit(cache=True)
def ration_nb(
    scratch: Floats, state: Floats, prices: Floats, bar: int, money: float, dust: float, dear: float, fixed: float
) -> int:
    """Purchases refused, when `money` does not pay for all: the largest are, and one is made smaller.

    Among equal ones the last goes first. What is left for one and is not more than `dust` buys nothing.
    """
    n = scratch.shape[1]
    refused = 0
    while True:
        most, largest, rest = 0.0, -1, 0.0
        for j in range(n):
            if scratch[BOUGHT, j] >= most and scratch[BOUGHT, j] > 0.0:
                most, largest = scratch[BOUGHT, j], j
        if largest < 0:
            return refused
        for j in range(n):
            if j != largest and scratch[BOUGHT, j] > 0.0:
                rest += scratch[BOUGHT, j] * dear + fixed
        part = (money - rest - fixed) / dear if rest <= money else 0.0
        if part > dust:
            scratch[BOUGHT, largest] = part
            scratch[REACH, largest] = state[UNITS, largest] + part / prices[bar, largest]
            return refused
        scratch[BOUGHT, largest] = 0.0
        refused += 1
        if rest <= money:
            return refused


@njit(cache=True)
def write_nb(book: Book, line: int, bar: int, scratch: Floats, state: Floats, dear: float, fixed: float) -> None:
    """Writes a rebalance's orders into the book, from `line` on, before they change the state."""
    for j in range(scratch.shape[1]):
        moved = scratch[SOLD, j] + scratch[BOUGHT, j]
        if moved > 0.0:
            cost = scratch[SOLD, j] * (1.0 - state[KEEP, j]) + scratch[BOUGHT, j] * (dear - 1.0) + fixed
            book.bar[line], book.asset[line] = bar, j
            book.units[line] = scratch[REACH, j] - state[UNITS, j]
            book.value[line], book.cost[line] = moved, cost
            line += 1


@njit(cache=True, error_model="numpy")
def rebalance_nb(
    state: Floats,
    purse: Floats,
    counts: Places,
    terms: Terms,
    prices: Floats,
    bar: int,
    targets: Floats,
    row: int,
    scratch: Floats,
    book: Book,
    time: int,
) -> float:
    """Value after moving to `targets[row]`, NaN: no order, at `prices[bar]`. State, purse and counts are changed.

    What the fixed fee would eat whole is not sold. The purse's imbalance becomes the largest part of the value so far
    that a rebalance neither kept nor paid. `time` is what the book calls the bar.
    """
    n = state.shape[1]
    fixed, dear = terms.fixed_fee, (1.0 + terms.spread) * (1.0 + terms.fee)
    value = value_nb(purse[CASH], state, UNITS, prices, bar)
    least = max(terms.band, DUST) * value
    purse[PEAK] = max(purse[PEAK], value)
    entries = value > (1.0 - terms.brake) * purse[PEAK]
    most = np.inf if entries else 0.0
    sales, purchases, falls = 0, 0, 0
    # Short loops over few rows: the compiler makes vector code of each.
    for j in range(n):
        state[GAINED, j] += state[UNITS, j] * (prices[bar, j] - state[MARK, j])
        state[MARK, j] = prices[bar, j]
    for j in range(n):
        wish = state[CAP, j] if targets[row, j] > state[CAP, j] else targets[row, j]
        scratch[REACH, j] = wish * value
        move = wish * value - state[UNITS, j] * prices[bar, j]
        moves = (abs(move) >= least) | ((wish == 0.0) & (state[UNITS, j] > 0.0))
        scratch[BOUGHT, j] = move if moves else 0.0
    for j in range(n):
        move, pays = scratch[BOUGHT, j], scratch[BOUGHT, j] * state[KEEP, j] <= -fixed
        scratch[SOLD, j] = -move if (move < 0.0) & pays else 0.0
        scratch[BOUGHT, j] = move if (move > 0.0) & (move < most) else 0.0
        scratch[REACH, j] = scratch[REACH, j] / prices[bar, j]
        falls += move < 0.0
        sales += (move < 0.0) & pays
        purchases += (move > 0.0) & (move < most)
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    whole = n - n % 2
    for j in range(0, whole, 2):
        a += scratch[SOLD, j] * state[KEEP, j]
        b += scratch[SOLD, j + 1] * state[KEEP, j + 1]
        c += scratch[BOUGHT, j]
        d += scratch[BOUGHT, j + 1]
    for j in range(whole, n):
        a += scratch[SOLD, j] * state[KEEP, j]
        c += scratch[BOUGHT, j]
    cash = purse[CASH] + ((a + b) - fixed * sales)
    need = (c + d) * dear + fixed * purchases
    money = max(0.0, cash - terms.min_cash * value)
    counts[REFUSED] += falls - sales
    counts[BRAKED] += not entries
    if need > money:
        dropped = ration_nb(scratch, state, prices, bar, money, DUST * value, dear, fixed)
        counts[REFUSED] += dropped
        purchases -= dropped
        need = fixed * purchases
        for j in range(n):
            need += scratch[BOUGHT, j] * dear
    cash = max(0.0, cash - need)
    if book.bar.shape[0] > 0:
        write_nb(book, counts[ORDERS], time, scratch, state, dear, fixed)
    counts[ORDERS] += sales + purchases
    for j in range(n):
        moved = scratch[SOLD, j] + scratch[BOUGHT, j]
        lost = scratch[SOLD, j] * (1.0 - state[KEEP, j]) + scratch[BOUGHT, j] * (dear - 1.0)
        state[UNITS, j] = scratch[REACH, j] if moved > 0.0 else state[UNITS, j]
        scratch[SOLD, j] = lost + (fixed if moved > 0.0 else 0.0)
        scratch[BOUGHT, j] = moved
        state[PAID, j] += scratch[SOLD, j]
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    for j in range(0, whole, 2):
        a += scratch[SOLD, j]
        b += scratch[SOLD, j + 1]
        c += scratch[BOUGHT, j]
        d += scratch[BOUGHT, j + 1]
    for j in range(whole, n):
        a += scratch[SOLD, j]
        c += scratch[BOUGHT, j]
    after = value_nb(cash, state, UNITS, prices, bar)
    purse[CASH] = cash
    purse[COST] += a + b
    if value > 0.0:
        purse[TURNOVER] += (c + d) / value
        purse[IMBALANCE] = max(purse[IMBALANCE], abs(after - (value - (a + b))) / value)
    return after
