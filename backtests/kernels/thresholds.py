"""Many entry and exit thresholds over indicators, each reduced to a few numbers at once. Compiled.

The rule, per asset: without a position, all its cash buys where the indicator is above the entry threshold; with one,
all of it is sold where the indicator is below the exit threshold; one order a bar at most, at the bar's price. Every
asset starts with an equal part of the capital. Arrays are (A, T), asset by bar.

What makes it quick: bars are taken in blocks that stay in the processor's cache. In a block, the bar of the next
crossing is known beforehand from any bar and for every threshold, so nothing is looked at between two orders; the value
of what is held at the block's start is a sum over rows of prices, and an order adds one row more from its bar on.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from bot.core.panel import Floats

Places = NDArray[np.int64]
BLOCK = 128  # bars: prices, values and crossings of a block fit the caches, and an order's row is short
FINAL, MEAN, SPREAD, DRAWDOWN, ORDERS, COSTS, IMBALANCE = range(7)  # columns of the answer
COLUMNS = 7
CASH, UNITS = range(2)  # of a position
LAST, PEAK, LEVEL, AVERAGE, APART, GAINED, PAID, COUNT = range(8)  # of a running summary


@njit(cache=True)
def levels_nb(values: Floats, first: int, stop: int, place: Places) -> Floats:
    """The distinct ones of `values` from `first` to before `stop`; `place` says which is whose."""
    found = np.empty(stop - first)
    count = 0
    for c in range(first, stop):
        at = 0
        while at < count and found[at] != values[c]:
            at += 1
        if at == count:
            found[count] = values[c]
            count += 1
        place[c - first] = at
    return found[:count].copy()


@njit(cache=True)
def crossings_nb(
    given: Floats, m: int, traded: Floats, start: int, bars: int, levels: Floats, sign: float, out: NDArray[np.int16]
) -> None:
    """out (A, BLOCK + 1, levels): the first bar of the block, from each bar on, where the indicator is past a level.

    `bars` itself where there is none. sign 1: above the level; -1: below. `traded` NaN: there is no price, so none.
    """
    count = levels.shape[0]
    for a in range(traded.shape[0]):
        for i in range(count):
            out[a, bars, i] = bars
        for t in range(bars - 1, -1, -1):
            value = sign * given[m, a, start + t] if traded[a, start + t] == traded[a, start + t] else math.nan
            for i in range(count):
                out[a, t, i] = t if value > sign * levels[i] else out[a, t + 1, i]


@njit(cache=True)
def window_nb(whole: Floats, start: int, bars: int, out: Floats) -> None:
    """Copies a block's columns. Bars that count from 0 are what the compiler makes vector code of."""
    for a in range(whole.shape[0]):
        for t in range(bars):
            out[a, t] = whole[a, start + t]


@njit(cache=True)
def held_nb(window: Floats, bars: int, position: Floats, c: int, active: Places, nav: Floats) -> None:
    """nav from what combination `c` holds at the block's start, kept through it. window (A, BLOCK): prices."""
    count, cash = 0, 0.0
    for a in range(window.shape[0]):
        cash += position[c, a, CASH]
        if position[c, a, UNITS] != 0.0:
            active[count] = a
            count += 1
    for t in range(bars):
        nav[t] = cash
    fours = count - count % 4
    for k in range(0, fours, 4):
        a, b, d, e = active[k], active[k + 1], active[k + 2], active[k + 3]
        p, q, r, s = position[c, a, UNITS], position[c, b, UNITS], position[c, d, UNITS], position[c, e, UNITS]
        for t in range(bars):
            nav[t] += (p * window[a, t] + q * window[b, t]) + (r * window[d, t] + s * window[e, t])
    for k in range(fours, count):
        a = active[k]
        p = position[c, a, UNITS]
        for t in range(bars):
            nav[t] += p * window[a, t]


@njit(cache=True)
def trade_nb(
    window: Floats,
    bars: int,
    position: Floats,
    c: int,
    up: NDArray[np.int16],
    i: int,
    down: NDArray[np.int16],
    o: int,
    buy: float,
    sell: Floats,
    running: Floats,
    nav: Floats,
) -> None:
    """Makes combination `c`'s orders of a block, and adds what they change to nav.

    buy: what one unit costs at a price of 1; sell: what a sale at a price of 1 brings (A,).
    """
    gained, paid, orders = 0.0, 0.0, 0
    for a in range(window.shape[0]):
        cash, units = position[c, a, CASH], position[c, a, UNITS]
        t = max(up[a, 0, i] if units == 0.0 else down[a, 0, o], 0)  # never below 0: said for the compiler
        if t >= bars:
            continue
        while t < bars:
            price = window[a, t]
            if units == 0.0:
                units = cash / (price * buy)
                for s in range(bars - t):  # not from t to bars: of that the compiler makes no vector code
                    nav[t + s] += units * window[a, t + s] - cash
                gained -= units * price
                paid += cash - units * price
                cash = 0.0
                t = max(down[a, t + 1, o], 0)
            else:
                cash = units * (price * sell[a])
                for s in range(bars - t):
                    nav[t + s] += cash - units * window[a, t + s]
                gained += units * price
                paid += units * price - cash
                units = 0.0
                t = max(up[a, t + 1, i], 0)
            orders += 1
        position[c, a, CASH], position[c, a, UNITS] = cash, units
    running[c, GAINED] += gained
    running[c, PAID] += paid
    running[c, COUNT] += orders


@njit(cache=True)
def moments_nb(changes: Floats, bars: int) -> tuple[float, float]:
    """(mean, sum of squares about it) of the first ones, in four lanes."""
    whole = bars - bars % 4
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    for t in range(0, whole, 4):
        a += changes[t]
        b += changes[t + 1]
        c += changes[t + 2]
        d += changes[t + 3]
    for t in range(whole, bars):
        a += changes[t]
    mean = ((a + b) + (c + d)) / bars
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    for t in range(0, whole, 4):
        p, q, r, s = changes[t] - mean, changes[t + 1] - mean, changes[t + 2] - mean, changes[t + 3] - mean
        a += p * p
        b += q * q
        c += r * r
        d += s * s
    for t in range(whole, bars):
        p = changes[t] - mean
        a += p * p
    return mean, (a + b) + (c + d)


@njit(cache=True, error_model="numpy")
def summarise_nb(nav: Floats, changes: Floats, start: int, bars: int, running: Floats, c: int) -> None:
    """Takes a block's values into the running summary: returns by Chan's merging of moments, and the deepest fall."""
    if start == 0:
        running[c, PEAK], running[c, LEVEL] = nav[0], 1.0
    peak, level = running[c, PEAK], running[c, LEVEL]
    floor, extremes = level * peak, 0
    for t in range(bars):  # counted, for that is vector code; most blocks have neither a new peak nor a deeper fall
        extremes += (nav[t] > peak) | (nav[t] < floor)
    if extremes > 0:
        for t in range(bars):
            peak = max(peak, nav[t])
            if nav[t] < level * peak:
                level = nav[t] / peak
        running[c, PEAK], running[c, LEVEL] = peak, level
    skip = 1 if start == 0 else 0
    if skip == 0:
        changes[0] = nav[0] / running[c, LAST] - 1.0
    for t in range(1, bars):
        changes[t - skip] = nav[t] / nav[t - 1] - 1.0
    running[c, LAST] = nav[bars - 1]
    count = bars - skip
    if count > 0:
        mean, apart = moments_nb(changes, count)
        before = max(start - 1, 0)
        off = mean - running[c, AVERAGE]
        running[c, AVERAGE] += off * count / (before + count)
        running[c, APART] += apart + off * off * before * count / (before + count)


@njit(cache=True)
def group_nb(
    prices: Floats,
    traded: Floats,
    given: Floats,
    m: int,
    first: int,
    stop: int,
    entry: Floats,
    leave: Floats,
    capital: float,
    buy: float,
    sell: Floats,
    out: Floats,
) -> None:
    """Writes the rows `first` to before `stop` of out: combinations over indicator `m`."""
    assets, length, many = prices.shape[0], prices.shape[1], stop - first
    above, below = np.empty(many, dtype=np.int64), np.empty(many, dtype=np.int64)
    highs, lows = levels_nb(entry, first, stop, above), levels_nb(leave, first, stop, below)
    up = np.empty((assets, BLOCK + 1, highs.shape[0]), dtype=np.int16)
    down = np.empty((assets, BLOCK + 1, lows.shape[0]), dtype=np.int16)
    position, running = np.zeros((many, assets, 2)), np.zeros((many, 8))
    position[:, :, CASH] = capital / assets
    active, nav, changes = np.empty(assets, dtype=np.int64), np.empty(BLOCK), np.empty(BLOCK)
    window = np.zeros((assets, BLOCK))
    for start in range(0, length, BLOCK):
        bars = min(BLOCK, length - start)
        window_nb(prices, start, bars, window)
        crossings_nb(given, m, traded, start, bars, highs, 1.0, up)
        crossings_nb(given, m, traded, start, bars, lows, -1.0, down)
        for c in range(many):
            held_nb(window, bars, position, c, active, nav)
            trade_nb(window, bars, position, c, up, above[c], down, below[c], buy, sell, running, nav)
            summarise_nb(nav, changes, start, bars, running, c)
    for c in range(many):
        held = 0.0
        for a in range(assets):
            held += position[c, a, UNITS] * prices[a, length - 1]
        final = running[c, LAST]
        row = first + c
        out[row, FINAL], out[row, MEAN], out[row, DRAWDOWN] = final, running[c, AVERAGE], 1.0 - running[c, LEVEL]
        out[row, SPREAD] = math.sqrt(running[c, APART] / (length - 2)) if length > 2 else math.nan
        out[row, ORDERS], out[row, COSTS] = running[c, COUNT], running[c, PAID]
        told = capital + running[c, GAINED] + held - running[c, PAID]
        out[row, IMBALANCE] = abs(final - told) / running[c, PEAK]


@njit(cache=True, parallel=True)
def thresholds_nb(
    prices: Floats,
    traded: Floats,
    given: Floats,
    groups: Places,
    entry: Floats,
    leave: Floats,
    capital: float,
    buy: float,
    sell: Floats,
    out: Floats,
) -> None:
    """Writes out (C, COLUMNS) for the thresholds entry, leave (C,) over indicators `given` (M, A, T).

    groups (G, 3): indicator, first combination, the one after the last; what one thread does in one go. prices are
    known at every bar; `traded` are the same, NaN where nothing can be traded. Groups are independent, so bits do not
    depend on the number of threads, and memory not on the number of combinations.
    """
    for g in prange(groups.shape[0]):
        m, first, stop = groups[g, 0], groups[g, 1], groups[g, 2]
        group_nb(prices, traded, given, m, first, stop, entry, leave, capital, buy, sell, out)
