"""Amounts and prices within one step of a swap, in compiled code, exact: the mirror is `bot.core.amm.swap_math`.

Prices are U256 in Q64.96 with 0 < lower <= upper < 2^160, liquidity is a U256 below 2^128, amounts are U256 raw units.
Results are those of the contract to the last unit; the way to them is shorter:

* floor(floor(n / b) / a) = floor(n / (a b)), and the same for ceilings: the contract's two divisions are one.
* A float64 estimate of a quotient decides where it is farther from a whole number than its own error; it never does
  more than choose between ways that are both exact.
* The remainder of the division for the price says how far the amount in is below what was spent (`_token0_in_nb`).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit

from backtests.kernels.amm.division import div_256_by_128, div_u256, divrem_512, mul_div_rem
from backtests.kernels.amm.layout import fixed_divisor
from backtests.kernels.amm.wide import (
    Wide,
    const256,
    limb,
    to_float,
    to_u128,
    to_u192,
    to_u256,
    to_u512,
)

_U64 = np.uint64
_PIPS: Final = 1_000_000
_MULTIPLIER, _SHIFT = fixed_divisor(_PIPS)
_PER_PIPS: Final = const256(_MULTIPLIER)
_PIPS_SHIFT: Final = _U64(_SHIFT)
_NARROW: Final = _U64(1 << 42)  # amounts below 2^106: a product with pips still fits the fixed divisors
_Q96: Final = 2.0**96
_BELOW_Q96: Final = const256((1 << 96) - 1)
_TRUSTED: Final = 2.0**-46  # relative; several times the error of the estimates here
_SAFE: Final = 1.0 - 2.0**-40
_zero256: Final = const256(0)

# What a step divides by the active liquidity with: `normalised128` of it.
Divisor = tuple[Wide, np.uint64, np.uint64]


@njit(cache=True, nogil=True, _nrt=False)
def amount0_rem_nb(lower: Wide, upper: Wide, liquidity: Wide) -> tuple[Wide, bool]:
    """(floor(L * (upper - lower) / (upper * lower)), whether it is inexact): token0 between two prices."""
    _, q, r = mul_div_rem(liquidity << 96, upper - lower, upper)
    p, s = div_u256(q, lower)
    return p, r != 0 or s != 0


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def _amount0_nb(lower: Wide, upper: Wide, liquidity: Wide) -> tuple[Wide, bool]:
    """What `amount0_rem_nb` gives, without a division where an estimate decides."""
    over = to_float(to_u128(liquidity)) * _Q96 * to_float(to_u192(upper - lower))
    estimate = over / (to_float(to_u192(upper)) * to_float(to_u192(lower)))
    if estimate < 2.0**45:
        whole = math.floor(estimate)
        margin = estimate * _TRUSTED
        if whole + margin < estimate < whole + 1.0 - margin:
            return to_u256(_U64(whole)), True
    return amount0_rem_nb(lower, upper, liquidity)


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def amount0_down_nb(lower: Wide, upper: Wide, liquidity: Wide) -> Wide:
    """Token0 that a trader receives between two prices, rounded down."""
    return _amount0_nb(lower, upper, liquidity)[0]


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def amount0_up_nb(lower: Wide, upper: Wide, liquidity: Wide) -> Wide:
    """Token0 that a trader owes between two prices, rounded up."""
    amount, inexact = _amount0_nb(lower, upper, liquidity)
    return amount + 1 if inexact else amount


@njit(cache=True, nogil=True, _nrt=False, inline="always")
def amount1_down_nb(lower: Wide, upper: Wide, liquidity: Wide) -> Wide:
    """Token1 that a trader receives between two prices, rounded down."""
    return to_u256((to_u512(liquidity) * to_u512(upper - lower)) >> 96)


@njit(cache=True, nogil=True, _nrt=False, inline="always")
def amount1_up_nb(lower: Wide, upper: Wide, liquidity: Wide) -> Wide:
    """Token1 that a trader owes between two prices, rounded up."""
    product = to_u512(liquidity) * to_u512(upper - lower)
    amount = to_u256(product >> 96)
    return amount + 1 if to_u256(product) & _BELOW_Q96() != 0 else amount


@njit(cache=True, nogil=True, _nrt=False, inline="always")
def _narrow_nb(amount: Wide) -> bool:
    return limb(amount, 3) == _U64(0) and limb(amount, 2) == _U64(0) and limb(amount, 1) < _NARROW


@njit(cache=True, nogil=True, _nrt=False, inline="always")
def without_fee_nb(amount: Wide, fee_pips: np.uint64) -> Wide:
    """floor(amount * (1e6 - fee) / 1e6): what an exact input has to spend on the curve."""
    kept = _U64(_PIPS) - fee_pips
    if _narrow_nb(amount):
        return (to_u256(to_u128(amount) * kept) * to_u256(to_u128(_PER_PIPS()))) >> _PIPS_SHIFT
    return mul_div_rem(amount, to_u256(kept), to_u256(_U64(_PIPS)))[1]


@njit(cache=True, nogil=True, _nrt=False, inline="always")
def fee_on_top_nb(amount: Wide, fee_pips: np.uint64, fee_divisor: Wide) -> Wide:
    """ceil(amount * fee / (1e6 - fee)). fee_divisor: the pool's FEE_DIVISOR row. amount below 2^224."""
    kept = _U64(_PIPS) - fee_pips
    if _narrow_nb(amount):
        product = to_u128(amount) * fee_pips + to_u128(kept - _U64(1))
        return (to_u256(product) * to_u256(to_u128(fee_divisor))) >> limb(fee_divisor, 2)
    q, r = div_u256(amount * fee_pips, to_u256(kept))
    return q + 1 if r != 0 else q


@njit(cache=True, nogil=True, _nrt=False, inline="always")
def _token0_in_nb(price: Wide, liquidity: Wide, amount: Wide) -> tuple[Wide, Wide, bool]:
    """(price after `amount` of token0 came in, how much the curve takes for that, whether the latter is known).

    With N = L * 2^96 the price is ceil(N P / (N + x P)). Let s be what the ceiling added: N (P - P') = x P P' - s, so
    the amount in, ceil(N (P - P') / (P P')), is x unless s >= P P'. Where the denominator does not fit 256 bits the
    contract takes the coarser ceil(N / (floor(N / P) + x)).
    """
    numerator = liquidity << 96
    if amount == 0:
        return price, amount, True
    product = to_u512(amount) * to_u512(price)
    denominator = to_u512(numerator) + product
    if to_u256(denominator >> 256) != 0:
        q, r = div_u256(numerator, div_u256(numerator, price)[0] + amount)
        return (q + 1 if r != 0 else q), amount, False
    divisor = to_u256(denominator)
    q, r = divrem_512(to_u512(numerator) * to_u512(price), divisor)
    if r == 0:
        return q, amount, True
    after = q + 1
    return after, amount, to_float(divisor - r) < to_float(to_u192(price)) * to_float(to_u192(after)) * _SAFE


@njit(cache=True, nogil=True, _nrt=False, inline="always")
def _token0_out_nb(price: Wide, liquidity: Wide, amount: Wide) -> Wide:
    """Price after `amount` of token0 went out, N P / (N - x P) rounded up, for an amount that the step can pay."""
    numerator = liquidity << 96
    q, r = divrem_512(to_u512(numerator) * to_u512(price), numerator - amount * price)
    return q + 1 if r != 0 else q


@njit(cache=True, nogil=True, _nrt=False, inline="always")
def _per_liquidity_nb(amount: Wide, liquidity: Wide, divisor: Divisor) -> tuple[Wide, Wide]:
    """(quotient, remainder) of amount * 2^96 / L, for a quotient below 2^256."""
    if limb(amount, 3) == _U64(0) and limb(amount, 2) < _U64(1 << 32):
        q, r = div_256_by_128(amount << 96, *divisor)
        return q, to_u256(r)
    _, q, r = mul_div_rem(amount, _BELOW_Q96() + 1, liquidity)
    return q, r


@njit(cache=True, nogil=True, _nrt=False, inline="always")
def step_in_nb(
    price: Wide, target: Wide, liquidity: Wide, divisor: Divisor, spendable: Wide, zero_for_one: bool
) -> tuple[Wide, Wide, Wide, bool]:
    """(price after, amount in, amount out, whether the target was reached) of a step with an exact input.

    spendable: what is left of the input, without fee.
    """
    if zero_for_one:
        # A guess which way to try first. Not for an input so large that the contract might divide coarsely.
        reach = to_float(to_u128(liquidity)) * _Q96 * to_float(to_u192(price - target))
        small = limb(spendable, 3) == _U64(0) and limb(spendable, 2) == _U64(0) and limb(spendable, 1) < _U64(1 << 31)
        inside = small and to_float(to_u128(spendable)) * to_float(to_u192(price)) * to_float(to_u192(target)) < reach
        if not inside:
            amount_in = amount0_up_nb(target, price, liquidity)
            inside = spendable < amount_in
        if inside:
            after, amount_in, known = _token0_in_nb(price, liquidity, spendable)
            if after > target:
                if not known:
                    amount_in = amount0_up_nb(after, price, liquidity)
                return after, amount_in, amount1_down_nb(after, price, liquidity), False
            amount_in = amount0_up_nb(target, price, liquidity)
        return target, amount_in, amount1_down_nb(target, price, liquidity), True
    amount_in = amount1_up_nb(price, target, liquidity)
    if spendable >= amount_in:
        return target, amount_in, amount0_down_nb(price, target, liquidity), True
    rise, r = _per_liquidity_nb(spendable, liquidity, divisor)
    after = price + rise
    # The curve takes L * rise = x * 2^96 - r, so rounded up all of x but for the whole units of r.
    return after, spendable - (r >> 96), amount0_down_nb(price, after, liquidity), False


@njit(cache=True, nogil=True, _nrt=False, inline="always")
def step_out_nb(
    price: Wide, target: Wide, liquidity: Wide, divisor: Divisor, owed: Wide, zero_for_one: bool
) -> tuple[Wide, Wide, Wide, bool]:
    """(price after, amount in, amount out, whether the target was reached) of a step with an exact output.

    Short of the target, the price is rounded against the trader, so the curve always holds what was asked for.
    """
    if zero_for_one:
        amount_out = amount1_down_nb(target, price, liquidity)
        if owed >= amount_out:
            return target, amount0_up_nb(target, price, liquidity), amount_out, True
        fall, r = _per_liquidity_nb(owed, liquidity, divisor)
        after = price - fall - 1 if r != 0 else price - fall
        return after, amount0_up_nb(after, price, liquidity), owed, False
    amount_out = amount0_down_nb(price, target, liquidity)
    if owed >= amount_out:
        return target, amount1_up_nb(price, target, liquidity), amount_out, True
    after = _token0_out_nb(price, liquidity, owed)
    return after, amount1_up_nb(price, after, liquidity), owed, False
