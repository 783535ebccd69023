"""Paths of a portfolio that is moved to target weights, and many of them at once. Compiled.

A path is walked in two passes: rebalances one after the other, which touch their own bars' prices alone, and the values
of the bars in between, which do not depend on each other and are shared out among threads. So most of the work runs as
fast as prices come from memory.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from backtests.kernels.weights import (
    ASKED,
    CASH,
    COST,
    GAINED,
    IMBALANCE,
    LAST,
    MARK,
    ORDERS,
    PAID,
    PEAK,
    STALE,
    TURNOVER,
    UNITS,
    UNPRICED,
    Account,
    Book,
    Places,
    Terms,
    account_nb,
    rebalance_nb,
    value_nb,
)
from bot.core.panel import Floats

PIECE = 512  # bars that a thread values in one go
FINAL, MEAN, SPREAD, DRAWDOWN, COSTS, TURNED, TRADED, UNBALANCED = range(8)  # columns of a sweep
COLUMNS = 8


@njit(cache=True)
def refresh_nb(state: Floats, counts: Places, close: Floats, bar: int) -> None:
    """Takes the prices of one bar as the last known ones, where there are any; counts positions that have none."""
    stale = 0
    for j in range(close.shape[1]):
        known = close[bar, j] == close[bar, j]
        state[LAST, j] = close[bar, j] if known else state[LAST, j]
        stale += (state[UNITS, j] > 0.0) & (not known)
    counts[STALE] += stale


@njit(cache=True)
def walk_nb(
    close: Floats,
    at: Places,
    weights: Floats,
    which: Places,
    first: int,
    stop: int,
    gaps: bool,
    account: Account,
    terms: Terms,
    scratch: Floats,
    book: Book,
    nav: Floats,
    held: Floats,
    purses: Floats,
) -> None:
    """Makes the rebalances from `first` to before `stop`.

    (K,) `at`: bars, rising; `which`: rows of `weights` (M, N). nav (T,) is set at rebalances, with `gaps` also in
    between; empty: not asked. What is held after rebalance k goes to held and purses at k modulo their length. With
    `gaps` prices may be NaN: a position keeps its last known price, and what has none at a rebalance is not traded,
    which is counted where a trade was asked for.
    """
    n, room = close.shape[1], held.shape[0]
    state, purse, counts = account.state, account.purse, account.counts
    for k in range(first, stop):
        bar = at[k]
        prices, place, targets, row = close, bar, weights, which[k]
        if gaps:
            for t in range(at[k - 1] + 1 if k > 0 else 0, bar + 1):
                refresh_nb(state, counts, close, t)
                if nav.shape[0] > 0 and t < bar:
                    nav[t] = value_nb(purse[CASH], state, UNITS, state, LAST)
            for j in range(n):
                known = close[bar, j] == close[bar, j]
                scratch[ASKED, j] = weights[row, j] if known else np.nan
                counts[UNPRICED] += (not known) and (weights[row, j] > 0.0 or state[UNITS, j] > 0.0)
            prices, place, targets, row = state, LAST, scratch, ASKED
        after = rebalance_nb(state, purse, counts, terms, prices, place, targets, row, scratch, book, bar)
        if nav.shape[0] > 0:
            nav[bar] = after
        if room > 0:
            for j in range(n):
                held[k % room, j] = state[UNITS, j]
            purses[k % room] = purse[CASH]


@njit(cache=True)
def fill_nb(close: Floats, first: int, end: int, cash: float, held: Floats, row: int, nav: Floats) -> None:
    """Sets nav from bar `first` to before `end`, while nothing is traded. No price is NaN.

    Row after row as they lie in memory: bars side by side would keep more sums going, and read at a third of the speed.
    """
    for t in range(first, end):
        nav[t] = value_nb(cash, held, row, close, t)


@njit(cache=True)
def finish_nb(close: Floats, first: int, gaps: bool, account: Account, terms: Terms, nav: Floats) -> float:
    """The value at the last bar, after the rebalance before bar `first`. Books what is left of `gained`.

    The purse's imbalance becomes the worst so far, or the part of the highest value that start, gains and costs do not
    account for.
    """
    state, purse = account.state, account.purse
    bars, n = close.shape
    if gaps:
        for t in range(first, bars):
            refresh_nb(state, account.counts, close, t)
            if nav.shape[0] > 0:
                nav[t] = value_nb(purse[CASH], state, UNITS, state, LAST)
    else:
        for j in range(n):
            state[LAST, j] = close[bars - 1, j]
    told = terms.capital
    for j in range(n):
        state[GAINED, j] += state[UNITS, j] * (state[LAST, j] - state[MARK, j])
        state[MARK, j] = state[LAST, j]
        told += state[GAINED, j] - state[PAID, j]
    value = value_nb(purse[CASH], state, UNITS, state, LAST)
    purse[PEAK] = max(purse[PEAK], value)
    purse[IMBALANCE] = max(purse[IMBALANCE], abs(value - told) / purse[PEAK])
    return value


@njit(cache=True)
def rebalance_before_nb(at: Places, first: int, stop: int, bar: int) -> int:
    """The last rebalance from `first` to before `stop` that is at `bar` or before it; the first is."""
    while stop - first > 1:
        middle = (first + stop) // 2
        if at[middle] <= bar:
            first = middle
        else:
            stop = middle
    return first


@njit(cache=True, parallel=True)
def portfolio_nb(
    close: Floats,
    at: Places,
    weights: Floats,
    which: Places,
    gaps: bool,
    terms: Terms,
    royalty: Floats,
    cap: Floats,
    book: Book,
    nav: Floats,
    held: Floats,
    purses: Floats,
) -> tuple[float, Account]:
    """(final value, account) of one path, all its rebalances made; arrays as of `walk_nb`.

    held: as many rebalances as are made between two rounds of the threads; empty: all, which is for no nav, or gaps.
    """
    bars, n = close.shape
    count = at.shape[0]
    account = account_nb(terms, royalty, cap)
    scratch = np.zeros((4, n))
    room = held.shape[0] if held.shape[0] > 0 else count
    between = nav.shape[0] > 0 and not gaps
    if between:
        for t in range(at[0]):
            nav[t] = terms.capital
    for start in range(0, count, room):
        stop = min(start + room, count)
        walk_nb(close, at, weights, which, start, stop, gaps, account, terms, scratch, book, nav, held, purses)
        if not between:
            continue
        end = at[stop] if stop < count else bars
        if end - at[start] > stop - start:
            # Pieces of as many bars each: a thread's share must not depend on where the rebalances are. Their own bars
            # are valued once more, to the same bits: rows that are left out stop the memory's reading ahead.
            pieces = (end - at[start] + PIECE - 1) // PIECE
            for piece in prange(pieces):
                low = at[start] + piece * PIECE
                high = min(low + PIECE, end)
                k = rebalance_before_nb(at, start, stop, low)
                while low < high:
                    after = min(at[k + 1] if k + 1 < stop else end, high)
                    fill_nb(close, low, after, purses[k % room], held, k % room, nav)
                    low = after
                    k += 1
    return finish_nb(close, at[count - 1] + 1, gaps, account, terms, nav), account


@njit(cache=True)
def summarise_nb(nav: Floats, row: Floats) -> None:
    """Writes final value, mean and standard deviation (ddof 1) of returns per bar, and the largest fall."""
    bars = nav.shape[0]
    row[FINAL] = nav[bars - 1]
    peak, fall, mean, apart = nav[0], 0.0, 0.0, 0.0
    for t in range(1, bars):
        change = nav[t] / nav[t - 1] - 1.0
        off = change - mean
        mean += off / t
        apart += off * (change - mean)
        peak = max(peak, nav[t])
        fall = max(fall, (peak - nav[t]) / peak)
    row[MEAN], row[DRAWDOWN] = mean, fall
    row[SPREAD] = math.sqrt(apart / (bars - 2)) if bars > 2 else math.nan


@njit(cache=True, parallel=True)
def sweep_nb(
    close: Floats,
    at: Places,
    weights: Floats,
    which: Places,
    gaps: bool,
    terms: Floats,
    royalty: Floats,
    cap: Floats,
) -> Floats:
    """(C, COLUMNS) of the paths with C rows of `Terms` as floats; cap (C,) is one for all assets of a path.

    Paths are independent: bits do not depend on the number of threads. Each thread holds one path's values.
    """
    paths, (bars, n), count = terms.shape[0], close.shape, at.shape[0]
    out = np.zeros((paths, COLUMNS))
    for c in prange(paths):
        row = terms[c]
        term = Terms(row[0], row[1], row[2], row[3], row[4], row[5], row[6])
        account = account_nb(term, royalty, np.full(n, cap[c]))
        nav, scratch = np.full(bars, term.capital), np.zeros((4, n))
        held, purses = np.zeros((1, n)), np.zeros(1)
        none = np.zeros(0, dtype=np.int64)
        book = Book(none, none, nav[:0], nav[:0], nav[:0])
        for k in range(count):
            walk_nb(close, at, weights, which, k, k + 1, gaps, account, term, scratch, book, nav, held, purses)
            if not gaps:
                fill_nb(close, at[k] + 1, at[k + 1] if k + 1 < count else bars, purses[0], held, 0, nav)
        finish_nb(close, at[count - 1] + 1, gaps, account, term, nav)
        summarise_nb(nav, out[c])
        out[c, COSTS], out[c, TURNED] = account.purse[COST], account.purse[TURNOVER]
        out[c, TRADED], out[c, UNBALANCED] = account.counts[ORDERS], account.purse[IMBALANCE]
    return out
