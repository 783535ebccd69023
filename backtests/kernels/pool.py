"""One pool in float64: how it follows a price, and what a swap in it pays. Compiled.

A pool has the two positions that the made market seeds: full range, and a wide range between two square root prices.
Prices are money per whole token; liquidity L is in the same human units, so virtual reserves are L/√P tokens and L·√P
money (Uniswap V3 whitepaper, section 6.2). The fee is taken from the input.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from bot.core.panel import Floats, Times

FEE, FULL, WIDE, LOW, HIGH = range(5)  # the rows of Pools as one array (5, N), as the functions here read it


class Pools(NamedTuple):
    """Per venue, (N,) each. Index 0 (idle) is not read."""

    fee: Floats  # fraction
    full: Floats  # liquidity of the full range
    wide: Floats  # liquidity between `low` and `high`
    low: Floats  # square root prices
    high: Floats


def edges_of(fee: Floats) -> Floats:
    """(2, N): the edges of the band in which arbitrage leaves a pool, as parts of the market's price: 1-f, 1/(1-f)."""
    return np.array([1.0 - fee, 1.0 / (1.0 - fee)])


@njit(cache=True, error_model="numpy", no_cfunc_wrapper=True)
def follow_nb(prices: Floats, p: int, close: Floats, t: int, edges: Floats) -> None:
    """Moves the pools' prices, row `p` of `prices`, to the nearest edge of their band around row `t` of `close`.

    A price of NaN: there is no pool yet, and it starts at its first close. A close of NaN: nobody knows better, the
    price stays. Noise trades are left out: they cancel, but for what they leave within the band.
    """
    n = close.shape[1]
    for i in range(1, n):
        price, low, high = prices[p, i], close[t, i] * edges[0, i], close[t, i] * edges[1, i]
        price = low if low > price else price
        price = high if price > high else price
        prices[p, i] = price if price == price else close[t, i]


@njit(cache=True, error_model="numpy", no_cfunc_wrapper=True)
def bounds_nb(close: Floats, rows: Times, edges: Floats) -> tuple[Floats, Floats]:
    """(lows, highs) (K, N): all that the bars up to each of `rows`, since the one before it, do to any pool.

    Steps of `follow_nb` are cuts to an interval, and a sequence of cuts is one cut: with these a pool that somebody
    traded in goes from one cycle to the next at once. Before its first close a pool's bounds are NaN.
    """
    n = close.shape[1]
    lows, highs = np.full((rows.shape[0], n), -np.inf), np.full((rows.shape[0], n), np.inf)
    t, missing = 0, np.zeros(n, dtype=np.bool_)
    for i in range(1, n):
        missing[i] = True
    for k in range(rows.shape[0]):
        for i in range(1, n):
            if missing[i]:
                lows[k, i], highs[k, i] = np.nan, np.nan
        while t <= rows[k]:
            follow_nb(lows, k, close, t, edges)
            follow_nb(highs, k, close, t, edges)
            t += 1
        for i in range(1, n):
            missing[i] = lows[k, i] != lows[k, i]
    return lows, highs


@njit(cache=True, error_model="numpy", no_cfunc_wrapper=True, forceinline=True)
def swap_nb(pools: Floats, i: int, root: float, entry: bool, amount: float) -> tuple[float, float]:
    """(received, square root price after) of an exact input at square root price `root`.

    Entry: `amount` money in, tokens out, the price rises. Exit: tokens in, money out, the price falls. Walks over at
    most two edges of the wide range.
    """
    left = amount * (1.0 - pools[FEE, i])
    received = 0.0
    low, high = pools[LOW, i], pools[HIGH, i]
    for _ in range(3):
        liquidity = pools[FULL, i]
        if entry:
            if low <= root < high:
                liquidity += pools[WIDE, i]
            edge = low if root < low else (high if root < high else math.inf)
            after = root + left / liquidity
            if after <= edge:
                return received + liquidity * (after - root) / (root * after), after
            left -= liquidity * (edge - root)
            received += liquidity * (edge - root) / (root * edge)
        else:
            if low < root <= high:
                liquidity += pools[WIDE, i]
            edge = high if root > high else (low if root > low else 0.0)
            after = liquidity * root / (liquidity + left * root)
            if after >= edge:
                return received + liquidity * (root - after), after
            left -= liquidity * (root - edge) / (root * edge)
            received += liquidity * (root - edge)
        root = edge
    return received, root


@njit(cache=True, error_model="numpy", no_cfunc_wrapper=True)
def cut_nb(pools: Floats, i: int, price: float, entry: bool, amount: float, max_loss_bps: float) -> float:
    """The largest amount, below one that is too dear, that costs at most `max_loss_bps` of its value; 0 if none does.

    The search is `bot.core.amm.search.last_accepted` in floats, until the bracket is a millionth of a millionth of the
    amount.
    """
    root = math.sqrt(price)
    worth = 1.0 if entry else price
    paid = price if entry else 1.0
    low, high = 0.0, amount
    below = 10_000.0 / (1.0 - pools[FEE, i]) - 10_000.0 - max_loss_bps / (1.0 - pools[FEE, i])
    above = math.inf
    side, width_before = 0, 0.0
    middle = amount
    for step in range(200):
        received, _ = swap_nb(pools, i, root, entry, middle)
        value, got = middle * worth, received * paid
        excess = ((value - got) * 10_000.0 - value * max_loss_bps) / got if got > 0.0 else math.inf
        if excess <= 0.0 and middle < amount:
            low, below = middle, excess
            if side == -1:
                above *= 0.5
            side = -1
        else:
            if below >= 0.0 and low == 0.0:
                break  # the fee alone is too much
            high, above = middle, excess
            if side == 1:
                below *= 0.5
            side = 1
        width = high - low
        if width <= 1e-12 * high:
            break
        stuck = step % 2 == 0 and step > 0 and width * 2.0 > width_before
        if step % 2 == 0:
            width_before = width
        if stuck or above == math.inf:
            middle = math.sqrt(low * high) if low > 0.0 else 0.5 * high
        else:
            middle = low + width * (-below / (above - below))
        if not low < middle < high:
            middle = 0.5 * (low + high)
        if not low < middle < high:
            break
    return low


@njit(cache=True, error_model="numpy", no_cfunc_wrapper=True, forceinline=True)
def fit_nb(
    pools: Floats, i: int, price: float, entry: bool, amount: float, max_loss_bps: float, least: float
) -> tuple[float, float, float, float, float]:
    """(amount, received, value, cost, price after) of the largest leg that costs at most `max_loss_bps` of its value.

    Value and cost are in money at `price`, before the trade. All zero when no size fits, when only one worth less than
    `least` does, or when there is nothing to trade.
    """
    if amount <= 0.0:
        return 0.0, 0.0, 0.0, 0.0, price
    root = math.sqrt(price)
    worth = 1.0 if entry else price  # of a unit given, in money
    paid = price if entry else 1.0  # of a unit received
    received, after = swap_nb(pools, i, root, entry, amount)
    value, got = amount * worth, received * paid
    if got <= 0.0 or (value - got) * 10_000.0 > value * max_loss_bps:
        amount = cut_nb(pools, i, price, entry, amount, max_loss_bps)
        if amount * worth < least or amount == 0.0:
            return 0.0, 0.0, 0.0, 0.0, price
        received, after = swap_nb(pools, i, root, entry, amount)
        value, got = amount * worth, received * paid
    return amount, received, value, value - got, after * after
