"""Division of wide numbers in compiled code against Python's, on the inputs that need corrected digits too."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numba import njit

import backtests.kernels  # noqa: F401  before numba
from backtests.kernels.amm import division, wide
from backtests.kernels.amm.layout import fixed_divisor
from backtests.kernels.amm.limbs import Limbs, from_limbs, to_limbs
from tests.backtests.amm.wide_numbers import LIMBS, unsigned

TOP = (1 << 256) - 1
numbers = unsigned(256)
limbs = st.sampled_from(LIMBS) | st.integers(0, (1 << 64) - 1)


@njit(cache=True)
def _mul_div(io: Limbs) -> tuple[bool, bool]:
    a, b, divisor = wide.load256(io, 0), wide.load256(io, 1), wide.load256(io, 2)
    fits_down, down = division.mul_div_down(a, b, divisor)
    fits_up, up = division.mul_div_up(a, b, divisor)
    wide.store256(io, 3, down)
    wide.store256(io, 4, up)
    return fits_down, fits_up


@njit(cache=True)
def _divide(io: Limbs) -> None:
    a, divisor = wide.load256(io, 0), wide.load256(io, 1)
    q, r = division.div_u256(a, divisor)
    wide.store256(io, 2, q)
    wide.store256(io, 3, r)
    q, r = division.divrem_512(wide.to_u512(a), divisor)
    wide.store256(io, 4, q)
    wide.store256(io, 5, r)
    wide.store256(io, 6, division.sqrt_u256(a))
    wide.store256(io, 7, wide.to_u256(division.bit_length_u256(a)))


@njit(cache=True)
def _reciprocals(high: np.uint64, low: np.uint64) -> tuple[np.uint64, np.uint64]:
    return division.reciprocal64(high), division.reciprocal128(high, low)


def _mul_div_of(a: int, b: int, divisor: int) -> tuple[tuple[bool, bool], int, int]:
    io = np.zeros((5, 4), dtype=np.uint64)
    io[:3] = to_limbs((a, b, divisor))
    fits = _mul_div(io)
    down, up = from_limbs(io[3:])
    return fits, down, up


def _agrees(a: int, b: int, divisor: int) -> None:
    fits, down, up = _mul_div_of(a, b, divisor)
    if divisor == 0:
        assert fits == (False, False)
        return
    expected = a * b // divisor, -(-a * b // divisor)
    assert fits == tuple(value <= TOP for value in expected)
    assert not fits[0] or down == expected[0]
    assert not fits[1] or up == expected[1]


@settings(max_examples=1500, deadline=None)
@given(numbers, numbers, numbers)
@example(TOP, TOP, TOP)
@example(TOP, TOP, TOP - 1)
@example(TOP, 1, 0)
@example(1 << 255, 2, 1)
@example(1 << 255, 2, 2)
def test_a_product_is_divided_with_512_bits_in_between_or_said_not_to_fit(a: int, b: int, divisor: int) -> None:
    _agrees(a, b, divisor)


@settings(max_examples=1500, deadline=None)
@given(numbers.filter(bool), numbers, numbers.filter(bool), st.integers(-2, 2))
def test_quotients_next_to_a_whole_number_are_exact(divisor: int, quotient: int, b: int, step: int) -> None:
    a = min(max(quotient * divisor // b + step, 0), TOP)
    _agrees(a, b, divisor)
    _agrees(a, divisor, divisor)


def test_only_the_ceiling_may_not_fit() -> None:
    a, b = 535006138814359, 432862656469423142931042426214547535783388063929571229938474969
    assert a * b == 2 * TOP + 1
    fits, down, _ = _mul_div_of(a, b, 2)
    assert (fits, down) == ((True, False), TOP)


@settings(max_examples=1500, deadline=None)
@given(numbers, numbers.filter(bool))
@example(1 << 224, 0x11)  # the digit above is zero and the one above that is not
@example(TOP, 1)
@example(TOP, (1 << 128) - 1)
@example(TOP, 1 << 128)
def test_quotient_remainder_root_and_length_are_pythons(a: int, divisor: int) -> None:
    io = np.zeros((8, 4), dtype=np.uint64)
    io[:2] = to_limbs((a, divisor))
    _divide(io)
    assert from_limbs(io[2:]) == [*divmod(a, divisor), *divmod(a, divisor), math.isqrt(a), a.bit_length()]


@settings(max_examples=500, deadline=None)
@given(unsigned(128), st.integers(-1, 1))
def test_root_is_the_floor_next_to_squares(root: int, step: int) -> None:
    io = np.zeros((8, 4), dtype=np.uint64)
    square = min(max(root * root + step, 0), TOP)
    io[:2] = to_limbs((square, 1))
    _divide(io)
    assert from_limbs(io[6:7]) == [math.isqrt(square)]


@settings(max_examples=1500, deadline=None)
@given(limbs, limbs)
@example((1 << 64) - 1, (1 << 64) - 1)
@example(1 << 63, 0)
def test_reciprocals_are_what_the_paper_defines(high: int, low: int) -> None:
    high |= 1 << 63
    of_one, of_two = _reciprocals(np.uint64(high), np.uint64(low))
    assert int(of_one) == ((1 << 128) - 1) // high - (1 << 64)
    assert int(of_two) == ((1 << 192) - 1) // (high << 64 | low) - (1 << 64)


@settings(max_examples=500, deadline=None)
@given(st.integers(1, 1 << 64) | st.integers(1, 1_000_000), st.integers(0, (1 << 127) - 1), st.integers(-1, 0))
def test_a_fixed_divisor_divides_by_one_multiplication(divisor: int, n: int, step: int) -> None:
    multiplier, shift = fixed_divisor(divisor)
    assert multiplier < 1 << 128
    for value in (n, max(n // divisor * divisor + step, 0), (1 << 127) - 1):
        assert value * multiplier >> shift == value // divisor
