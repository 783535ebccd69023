"""Division of wide integers in compiled code: exact quotients and remainders, floors and ceilings of products.

Schoolbook division in 64-bit digits. A digit comes from the three highest limbs of the remainder and the two highest of
the divisor by a multiplication with a reciprocal (Möller and Granlund, "Improved division by invariant integers", IEEE
Transactions on Computers 60, 2011); it is then at most one too high, so no loop here runs more than its number of
digits. A divisor must be *normalised* for that, its highest bit set; `Reciprocal` parts keep the normalised form of a
divisor of up to 128 bits that is used often.

No LLVM division of a wide integer is ever emitted: see `wide`.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit

from backtests.kernels.amm.wide import (
    Wide,
    const256,
    leading_zeros64,
    limb,
    make_u256,
    mul_full64,
    shl_below_64,
    shr_below_64,
    sub_borrow,
    to_u128,
    to_u256,
    to_u384,
    to_u512,
)

_U64 = np.uint64
_ZERO: Final = _U64(0)
_ONE: Final = _U64(1)
_ALL_ONES: Final = _U64(0xFFFFFFFFFFFFFFFF)
_LIMB: Final = _U64(64)
# floor((2^19 - 3 * 2^8) / d) by the nine leading bits d of a normalised limb, which start with a one.
_FIRST_GUESS: Final = ((1 << 19) - 3 * (1 << 8)) // np.arange(256, 512, dtype=np.uint64)

zero256: Final = const256(0)
all_ones256: Final = const256((1 << 256) - 1)


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def reciprocal64(high: np.uint64) -> np.uint64:
    """floor((2^128 - 1) / high) - 2^64 for a normalised limb (algorithm 3 of the paper)."""
    lowest = high & _ONE
    top40 = (high >> _U64(24)) + _ONE
    top63 = (high >> _ONE) + lowest
    v0 = _FIRST_GUESS[(high >> _U64(55)) & _U64(255)]
    v1 = (v0 << _U64(11)) - ((v0 * v0 * top40) >> _U64(40)) - _ONE
    v2 = (v1 << _U64(13)) + ((v1 * (_U64(1 << 60) - v1 * top40)) >> _U64(47))
    error = (_ZERO - v2 * top63) + ((v2 >> _ONE) & (_ZERO - lowest))
    v3 = (v2 << _U64(31)) + (mul_full64(v2, error)[0] >> _ONE)
    upper, lower = mul_full64(v3, high)
    carry = _ONE if lower + high < lower else _ZERO
    return v3 - (upper + carry + high)


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def reciprocal128(high: np.uint64, low: np.uint64) -> np.uint64:
    """floor((2^192 - 1) / (high, low)) - 2^64 for two normalised limbs (algorithm 6 of the paper)."""
    v = reciprocal64(high)
    p = high * v + low
    if p < low:
        v -= _ONE
        if p >= high:
            v -= _ONE
            p -= high
        p -= high
    upper, lower = mul_full64(v, low)
    p += upper
    if p < upper:
        v -= _ONE
        if p > high or (p == high and lower >= low):
            v -= _ONE
    return v


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def _digit(n2: np.uint64, n1: np.uint64, n0: np.uint64, divisor: Wide, v: np.uint64) -> tuple[np.uint64, Wide]:
    """(quotient, remainder U128) of three limbs by a normalised U128 that is above their two highest."""
    high = limb(divisor, 1)
    upper, lower = mul_full64(v, n2)
    estimate = (to_u128(upper) << 64 | lower) + (to_u128(n2) << 64 | n1)
    q = limb(estimate, 1)
    r1 = n1 - q * high
    r = (to_u128(r1) << 64 | n0) - divisor - to_u128(limb(divisor, 0)) * q
    # As often needed as not: by a mask, for a branch would be mispredicted. The one below is hardly ever taken.
    over = _ALL_ONES if limb(r, 1) >= limb(estimate, 0) else _ZERO
    q += _ONE + over
    r = r + (divisor & (to_u128(over) << 64 | over))
    if r >= divisor:
        q += _ONE
        r = r - divisor
    return q, r


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def normalised128(divisor: Wide) -> tuple[Wide, np.uint64, np.uint64]:
    """(divisor << shift with its highest bit set, shift, reciprocal) of a U128 that is not zero.

    What `div_256_by_128` needs of a divisor that is used more than once.
    """
    if limb(divisor, 1) != _ZERO:
        shift = leading_zeros64(limb(divisor, 1))
        normal = shl_below_64(divisor, shift)
    else:
        bits = leading_zeros64(limb(divisor, 0))
        shift = _LIMB + bits
        normal = shl_below_64(divisor << 64, bits)
    return normal, shift, reciprocal128(limb(normal, 1), limb(normal, 0))


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def div_256_by_128(n: Wide, normal: Wide, shift: np.uint64, v: np.uint64) -> tuple[Wide, Wide]:
    """(quotient U256, remainder U128) of a U256 by the divisor of which `normalised128` gave the other arguments."""
    m = shl_below_64(to_u384(n) << 64, shift - _LIMB) if shift >= _LIMB else shl_below_64(to_u384(n), shift)
    q3 = _ZERO
    q2 = _ZERO
    q1 = _ZERO
    # The two highest limbs are below 2^shift, hence below the divisor; leading digits of zero are not worth a step.
    above = limb(m, 5)
    if above == _ZERO and limb(m, 4) == _ZERO and to_u128(m >> 128) < normal:
        r = to_u128(m >> 128)
    else:
        if above == _ZERO and to_u128(m >> 192) < normal:
            r = to_u128(m >> 192)
        else:
            q3, r = _digit(above, limb(m, 4), limb(m, 3), normal, v)
        q2, r = _digit(limb(r, 1), limb(r, 0), limb(m, 2), normal, v)
    q1, r = _digit(limb(r, 1), limb(r, 0), limb(m, 1), normal, v)
    q0, r = _digit(limb(r, 1), limb(r, 0), limb(m, 0), normal, v)
    r = shr_below_64(r >> 64, shift - _LIMB) if shift >= _LIMB else shr_below_64(r, shift)
    return make_u256(q0, q1, q2, q3), r


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def _digit_of_256(r: Wide, below: np.uint64, normal: Wide, v: np.uint64) -> tuple[np.uint64, Wide]:
    """(digit, remainder) of (r, below) by a normalised U256 above r: the divisor's two low limbs corrected for."""
    top = to_u128(normal >> 128)
    if to_u128(r >> 128) >= top:  # equal, for r is below the divisor: the digit is then exactly the highest one
        return _ALL_ONES, (r << 64 | below) - (normal << 64) + normal
    q, high = _digit(limb(r, 3), limb(r, 2), limb(r, 1), top, v)
    r, borrow = sub_borrow(to_u256(high) << 128 | (to_u256(limb(r, 0)) << 64 | below), to_u256(to_u128(normal)) * q)
    if borrow:
        q -= _ONE
        r = r + normal
    return q, r


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def divrem_512(n: Wide, divisor: Wide) -> tuple[Wide, Wide]:
    """(quotient, remainder), both U256, of a U512 by a U256.

    The quotient must fit 256 bits: the caller has seen that n >> 256 is below the divisor (so it is not zero).
    """
    if limb(divisor, 3) != _ZERO:
        limbs = _ZERO
        shift = leading_zeros64(limb(divisor, 3))
    elif limb(divisor, 2) != _ZERO:
        limbs = _ONE
        shift = leading_zeros64(limb(divisor, 2))
        divisor = divisor << 64
        n = n << 64
    elif limb(divisor, 1) != _ZERO:
        limbs = _U64(2)
        shift = leading_zeros64(limb(divisor, 1))
        divisor = divisor << 128
        n = n << 128
    else:
        limbs = _U64(3)
        shift = leading_zeros64(limb(divisor, 0))
        divisor = divisor << 192
        n = n << 192
    normal = shl_below_64(divisor, shift)
    m = shl_below_64(n, shift)
    v = reciprocal128(limb(normal, 3), limb(normal, 2))
    q3 = _ZERO
    q2 = _ZERO
    q1 = _ZERO
    # A prefix of three limbs is always below the divisor, so leading digits of zero cost nothing.
    if limb(m, 7) != _ZERO or limb(m, 6) != _ZERO:
        r = to_u256(m >> 256)
        q3, r = _digit_of_256(r, limb(m, 3), normal, v)
        q2, r = _digit_of_256(r, limb(m, 2), normal, v)
        q1, r = _digit_of_256(r, limb(m, 1), normal, v)
    elif limb(m, 5) != _ZERO:
        r = to_u256(m >> 192)
        q2, r = _digit_of_256(r, limb(m, 2), normal, v)
        q1, r = _digit_of_256(r, limb(m, 1), normal, v)
    elif limb(m, 4) != _ZERO:
        r = to_u256(m >> 128)
        q1, r = _digit_of_256(r, limb(m, 1), normal, v)
    else:
        r = to_u256(m >> 64)
    q0, r = _digit_of_256(r, limb(m, 0), normal, v)
    r = shr_below_64(r, shift)
    if limbs == _ONE:
        r = r >> 64
    elif limbs == _U64(2):
        r = r >> 128
    elif limbs == _U64(3):
        r = r >> 192
    return make_u256(q0, q1, q2, q3), r


@njit(cache=True, nogil=True, _nrt=False)
def div_u256(n: Wide, divisor: Wide) -> tuple[Wide, Wide]:
    """(quotient, remainder) of a U256 by a U256 that is not zero."""
    if limb(divisor, 3) == _ZERO and limb(divisor, 2) == _ZERO:
        normal, shift, v = normalised128(to_u128(divisor))
        q, r = div_256_by_128(n, normal, shift, v)
        return q, to_u256(r)
    return divrem_512(to_u512(n), divisor)


@njit(cache=True, nogil=True, _nrt=False)
def mul_div_rem(a: Wide, b: Wide, divisor: Wide) -> tuple[bool, Wide, Wide]:
    """(whether the quotient fits 256 bits, floor(a * b / divisor), remainder) with a product of 512 bits.

    Not ok for a divisor of zero either; quotient and remainder are then zero.
    """
    product = to_u512(a) * to_u512(b)
    if to_u256(product >> 256) >= divisor:
        return False, zero256(), zero256()
    q, r = divrem_512(product, divisor)
    return True, q, r


@njit(cache=True, nogil=True, _nrt=False)
def mul_div_down(a: Wide, b: Wide, divisor: Wide) -> tuple[bool, Wide]:
    """(ok, floor(a * b / divisor)); not ok for a result above 256 bits and a divisor of zero, where the EVM reverts."""
    ok, q, _ = mul_div_rem(a, b, divisor)
    return ok, q


@njit(cache=True, nogil=True, _nrt=False)
def mul_div_up(a: Wide, b: Wide, divisor: Wide) -> tuple[bool, Wide]:
    """(ok, ceil(a * b / divisor)); not ok for a result above 256 bits and a divisor of zero, where the EVM reverts."""
    ok, q, r = mul_div_rem(a, b, divisor)
    if r != 0:
        if q == all_ones256():
            return False, zero256()
        q = q + 1
    return ok, q


@njit(cache=True, nogil=True, _nrt=False)
def bit_length_u256(value: Wide) -> np.uint64:
    """Number of bits that a U256 needs; 0 for zero."""
    if limb(value, 3) != _ZERO:
        return _U64(256) - leading_zeros64(limb(value, 3))
    if limb(value, 2) != _ZERO:
        return _U64(192) - leading_zeros64(limb(value, 2))
    if limb(value, 1) != _ZERO:
        return _U64(128) - leading_zeros64(limb(value, 1))
    return _LIMB - leading_zeros64(limb(value, 0))


@njit(cache=True, nogil=True, _nrt=False)
def sqrt_u256(value: Wide) -> Wide:
    """floor(sqrt(value)), Newton's method from above.

    Bounded: the start is right to 30 bits, every turn doubles them, and 128 are wanted.
    """
    if value == 0:
        return zero256()
    bits = bit_length_u256(value)
    half = (bits - _U64(62)) >> _ONE if bits > _U64(62) else _ZERO
    leading = limb(value >> (half + half), 0)
    root = to_u256(_U64(math.sqrt(leading)) + _U64(2)) << half
    for _ in range(8):
        lower = (root + div_u256(value, root)[0]) >> 1
        if lower >= root:
            break
        root = lower
    return root
