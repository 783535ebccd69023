"""One pool in float64: how it follows a price, and what a swap in it pays. Compiled.

A pool has the two positions that the made market seeds: full range, and a wide range between two square root prices.
Prices are money per whole token; liquidity L is in the same human units, so virtual reserves are L/√P tokens and L·√P
money (Uniswap V3 whitepaper, section 6.2). The fee is taken from the input.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from numba import njit

from bot.core.panel import Floats


class Pools(NamedTuple):
    """Per venue, (N,) each. Index 0 (idle) is not read."""

    fee: Floats  # fraction
    full: Floats  # liquidity of the full range
    wide: Floats  # liquidity between `low` and `high`
    low: Floats  # square root prices
    high: Floats


@njit(cache=True)
def follow_nb(price: float, close: float, fee: float) -> float:
    """The pool's price after arbitrage against `close`: moved to the nearest edge of [P·(1-f), P/(1-f)].

    `price` NaN: there is no pool yet, and it starts at `close`. `close` NaN: nobody knows better, the price stays.
    Noise trades are left out: they cancel, but for what they leave within the band.
    """
    if math.isnan(close):
        return price
    if math.isnan(price):
        return close
    return min(max(price, close * (1.0 - fee)), close / (1.0 - fee))


@njit(cache=True)
def swap_nb(pools: Pools, i: int, root: float, entry: bool, amount: float) -> tuple[float, float]:
    """(received, square root price after) of an exact input at square root price `root`.

    Entry: `amount` money in, tokens out, the price rises. Exit: tokens in, money out, the price falls. Walks over at
    most two edges of the wide range.
    """
    left = amount * (1.0 - pools.fee[i])
    received = 0.0
    low, high = pools.low[i], pools.high[i]
    for _ in range(3):
        liquidity = pools.full[i]
        if entry:
            if low <= root < high:
                liquidity += pools.wide[i]
            edge = low if root < low else (high if root < high else math.inf)
            after = root + left / liquidity
            if after <= edge:
                return received + liquidity * (after - root) / (root * after), after
            left -= liquidity * (edge - root)
            received += liquidity * (edge - root) / (root * edge)
        else:
            if low < root <= high:
                liquidity += pools.wide[i]
            edge = high if root > high else (low if root > low else 0.0)
            after = liquidity * root / (liquidity + left * root)
            if after >= edge:
                return received + liquidity * (root - after), after
            left -= liquidity * (root - edge) / (root * edge)
            received += liquidity * (root - edge)
        root = edge
    return received, root


@njit(cache=True)
def fit_nb(
    pools: Pools, i: int, price: float, entry: bool, amount: float, max_loss_bps: float, least: float
) -> tuple[float, float, float, float, float]:
    """(amount, received, value, cost, price after) of the largest leg that costs at most `max_loss_bps` of its value.

    Value and cost are in money at `price`, before the trade. All zero when no size fits, when only one worth less than
    `least` does, or when there is nothing to trade. The search is `bot.core.amm.search.last_accepted` in floats, until
    the bracket is a millionth of a millionth of the amount.
    """
    if amount <= 0.0:
        return 0.0, 0.0, 0.0, 0.0, price
    root = math.sqrt(price)
    worth = 1.0 if entry else price  # of a unit given, in money
    paid = price if entry else 1.0  # of a unit received
    low, high = 0.0, amount
    below = 10_000.0 / (1.0 - pools.fee[i]) - 10_000.0 - max_loss_bps / (1.0 - pools.fee[i])
    above = math.inf
    side, width_before = 0, 0.0
    middle = amount
    for step in range(200):
        received, after = swap_nb(pools, i, root, entry, middle)
        value, got = middle * worth, received * paid
        excess = ((value - got) * 10_000.0 - value * max_loss_bps) / got if got > 0.0 else math.inf
        if excess <= 0.0:
            if middle == amount:
                return amount, received, value, value - got, after * after
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
    if low * worth < least or low == 0.0:
        return 0.0, 0.0, 0.0, 0.0, price
    received, after = swap_nb(pools, i, root, entry, low)
    return low, received, low * worth, low * worth - received * paid, after * after
