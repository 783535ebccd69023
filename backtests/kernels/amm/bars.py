"""What positions earn from minute bars, compiled: K positions over T rows, in exact integers. Not what the pool did.

A bar says how much was paid in, between which ticks the price went, and how much liquidity was active when it closed;
it does not say which part was paid where. So this is an approximation whose arithmetic is exact:

- a bar's fee in a token is ceil(in · fee / 10^6), and less the protocol's share floor(fee / n) where there is one;
- the price's way through the bar is taken to be the shortest one from the last close through the open and both
  extremes to the close. Of the fee in token 1, which a rising price pays, a position sees the part of the rising
  stretches that lies in its range; of the fee in token 0 the same part of the falling ones. A token that no such
  stretch accounts for is spread evenly over the bar's ticks;
- the bar's liquidity is the mean of what was active at its two ends (`mean_nb`); the end alone is what was left after
  a large swap, and earns too much;
- fee growth is the contract's, floor(fee · 2^128 / liquidity) per bar, over that liquidity with ours added (`diluted`)
  or without it; what a position is owed is floor(growth · ours / 2^128), once, when it is collected (whitepaper,
  section 6.3).

Amounts and liquidities are 128-bit integers as two little-endian limbs; growths are 256-bit and wrap as on chain.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from backtests.kernels.amm.division import div_256_by_128, normalised128
from backtests.kernels.amm.wide import Wide, limb, load256, store256, to_u128, to_u256, to_u384

Limbs = NDArray[np.uint64]
Ints = NDArray[np.int64]

_BLOCK = 2048  # rows that stay in the cache while every position passes over them
_PIPS = np.uint64(1_000_000)
_U0, _U1 = np.uint64(0), np.uint64(1)
_LOW32, _S32 = np.uint64(0xFFFFFFFF), np.uint64(32)


class Bars(NamedTuple):
    """T rows. way: (T, 5) ticks: last close, open, low, high, close. hull: (T, 2) lowest and highest of them.

    fees: (T, 4): fee in token 0 and in token 1, two limbs each. liquidity: (T, 2), the mean over each bar. volume: (T,)
    whether there was any.
    """

    way: NDArray[np.int32]
    hull: NDArray[np.int32]
    fees: Limbs
    liquidity: Limbs
    volume: NDArray[np.bool_]


class Positions(NamedTuple):
    """K positions, none of which knows of the others. ticks: (K, 2) lower (included) and upper (not).

    liquidity: (K, 2), two limbs.
    growth: (2 K, 4): fee growth inside since the start, token 0 in row 2 k and token 1 in row 2 k + 1; added to.
    rows_in: (K,) rows whose close lay in the range; added to.
    """

    ticks: Ints
    liquidity: Limbs
    growth: Limbs
    rows_in: Ints


@njit(cache=True, nogil=True)
def scale_nb(
    high: np.uint64, low: np.uint64, numerator: np.uint64, denominator: np.uint64
) -> tuple[np.uint64, np.uint64, bool]:
    """floor((high·2^64 + low) · numerator / denominator) as (high, low), and whether there is a remainder.

    0 <= numerator <= denominator < 2^32, as uint64. Schoolbook, digits of 32 bits.
    """
    p0 = (low & _LOW32) * numerator
    p1 = (low >> _S32) * numerator + (p0 >> _S32)
    p2 = (high & _LOW32) * numerator + (p1 >> _S32)
    p3 = (high >> _S32) * numerator + (p2 >> _S32)
    rest = p3 >> _S32
    rest = rest << _S32 | p3 & _LOW32
    q3 = rest // denominator
    rest = (rest - q3 * denominator) << _S32 | p2 & _LOW32
    q2 = rest // denominator
    rest = (rest - q2 * denominator) << _S32 | p1 & _LOW32
    q1 = rest // denominator
    rest = (rest - q1 * denominator) << _S32 | p0 & _LOW32
    q0 = rest // denominator
    return q3 << _S32 | q2, q1 << _S32 | q0, rest != q0 * denominator


@njit(cache=True, nogil=True)
def fees_nb(amounts: Limbs, fee_pips: int, fee_protocol: int, out: Limbs, column: int) -> None:
    """Fees of in-amounts, rounded up, less the protocol's part (1/fee_protocol, rounded down; 0: none)."""
    pips, parts = np.uint64(fee_pips), np.uint64(fee_protocol)
    for row in range(amounts.shape[0]):
        high, low, rest = scale_nb(amounts[row, 1], amounts[row, 0], pips, _PIPS)
        if rest:
            low += _U1
            high += _U1 if low == _U0 else _U0
        if fee_protocol > 0:
            taken_high, taken_low, _ = scale_nb(high, low, _U1, parts)
            borrow = _U1 if taken_low > low else _U0
            low -= taken_low
            high -= taken_high + borrow
        out[row, column], out[row, column + 1] = low, high


@njit(cache=True, nogil=True)
def mean_nb(ends: Limbs, out: Limbs) -> None:
    """Per row the mean of its value and the row before's, rounded down; the first row's is its own."""
    before = _join(ends[0, 1], ends[0, 0])
    for row in range(ends.shape[0]):
        here = _join(ends[row, 1], ends[row, 0])
        mean = (here & before) + ((here ^ before) >> _U1)  # without a carry out of the type
        out[row, 0], out[row, 1] = limb(mean, 0), limb(mean, 1)
        before = here


@njit(cache=True, nogil=True)
def _join(high: np.uint64, low: np.uint64) -> Wide:
    return to_u128(high) << 64 | low


@njit(cache=True, nogil=True)
def _shifted(high: np.uint64, low: np.uint64) -> Wide:
    """(high, low) · 2^128."""
    return to_u256(_join(high, low)) << 128


@njit(cache=True, nogil=True)
def _part(start: int, end: int, lower: int, upper: int) -> int:
    """Length of the part of start..end (start < end) that lies in lower..upper."""
    return max(0, min(end, upper) - max(start, lower))


@njit(cache=True, nogil=True)
def shares_nb(way: NDArray[np.int32], hull: NDArray[np.int32], lower: int, upper: int) -> tuple[int, int, int, int]:
    """(part, whole) of the falling and of the rising stretches of a bar, the parts being those within lower..upper.

    In half ticks, a price being at the middle of its tick.
    """
    first, second = way[2], way[3]
    if abs(way[1] - way[2]) + abs(way[3] - way[4]) > abs(way[1] - way[3]) + abs(way[2] - way[4]):
        first, second = second, first
    low, high = 2 * lower, 2 * upper
    fall_in, fall, rise_in, rise = 0, 0, 0, 0
    at = 2 * way[0] + 1
    for i in range(4):
        stop = 2 * (way[1] if i == 0 else first if i == 1 else second if i == 2 else way[4]) + 1
        if stop > at:
            rise += stop - at
            rise_in += _part(at, stop, low, high)
        elif stop < at:
            fall += at - stop
            fall_in += _part(stop, at, low, high)
        at = stop
    if fall == 0 or rise == 0:
        spread = 2 * (hull[1] - hull[0] + 1)
        inside = _part(2 * hull[0], 2 * hull[1] + 2, low, high)
        if fall == 0:
            fall_in, fall = inside, spread
        if rise == 0:
            rise_in, rise = inside, spread
    return fall_in, fall, rise_in, rise


@njit(cache=True, nogil=True)
def accrue_nb(bars: Bars, positions: Positions, first: int, last: int, diluted: bool) -> None:
    """Adds what rows first..last (not included) let each position's fee growth grow by."""
    for start in range(first, last, _BLOCK):
        end = min(start + _BLOCK, last)
        for k in range(positions.ticks.shape[0]):
            _accrue_one(bars, positions, k, start, end, diluted)


@njit(cache=True, nogil=True)
def _accrue_one(bars: Bars, positions: Positions, k: int, first: int, last: int, diluted: bool) -> None:
    lower, upper = positions.ticks[k, 0], positions.ticks[k, 1]
    ours = _join(positions.liquidity[k, 1], positions.liquidity[k, 0])
    growth0, growth1 = load256(positions.growth, 2 * k), load256(positions.growth, 2 * k + 1)
    known = to_u128(_U0)
    normal, shift, reciprocal = known, _U0, _U0
    rows_in = 0
    for row in range(first, last):
        if lower <= bars.way[row, 4] < upper:
            rows_in += 1
        low, high = bars.hull[row, 0], bars.hull[row, 1]
        if not bars.volume[row] or high < lower or low >= upper:
            continue
        low0, high0 = bars.fees[row, 0], bars.fees[row, 1]
        low1, high1 = bars.fees[row, 2], bars.fees[row, 3]
        if low < lower or high >= upper:
            part0, whole0, part1, whole1 = shares_nb(bars.way[row], bars.hull[row], lower, upper)
            high0, low0, _ = scale_nb(high0, low0, np.uint64(part0), np.uint64(whole0))
            high1, low1, _ = scale_nb(high1, low1, np.uint64(part1), np.uint64(whole1))
        divisor = _join(bars.liquidity[row, 1], bars.liquidity[row, 0])
        if diluted:
            divisor = divisor + ours
        if divisor != known:
            normal, shift, reciprocal = normalised128(divisor)
            known = divisor
        if high0 | low0:
            growth0 = growth0 + div_256_by_128(_shifted(high0, low0), normal, shift, reciprocal)[0]
        if high1 | low1:
            growth1 = growth1 + div_256_by_128(_shifted(high1, low1), normal, shift, reciprocal)[0]
    store256(positions.growth, 2 * k, growth0)
    store256(positions.growth, 2 * k + 1, growth1)
    positions.rows_in[k] += rows_in


@njit(cache=True, nogil=True)
def owed_nb(positions: Positions, out: Limbs) -> None:
    """out (2 K, 2): floor(growth · liquidity / 2^128) of each token, as a poke credits it."""
    for k in range(positions.ticks.shape[0]):
        ours = to_u384(_join(positions.liquidity[k, 1], positions.liquidity[k, 0]))
        for token in range(2):
            owed = to_u384(load256(positions.growth, 2 * k + token)) * ours >> np.uint64(128)
            out[2 * k + token, 0], out[2 * k + token, 1] = limb(owed, 0), limb(owed, 1)
