"""256-bit numbers in compiled code against Python's own integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numba import njit

import backtests.kernels  # noqa: F401  before numba
from backtests.kernels.amm import wide
from backtests.kernels.amm.limbs import (
    Limbs,
    from_fixed_binary,
    from_limbs,
    int_of,
    to_fixed_binary,
    to_limbs,
)
from tests.backtests.amm.wide_numbers import unsigned

TOP = (1 << 256) - 1
HALF = 1 << 255
numbers = unsigned(256)
_seven = wide.const256(7)
_minus_seven = wide.const256(-7)


@njit(cache=True)
def _operate(io: Limbs, count: int) -> tuple[int, float]:
    """Rows 2.. of io get the results on rows 0 and 1; the answers to the comparisons are bits, then a float."""
    a, b = wide.load256(io, 0), wide.load256(io, 1)
    by, within = np.uint64(count), np.uint64(count & 63)
    wide.store256(io, 2, a + b)
    wide.store256(io, 3, a - b)
    wide.store256(io, 4, a * b)
    wide.store256(io, 5, a & b)
    wide.store256(io, 6, a | b)
    wide.store256(io, 7, a ^ b)
    wide.store256(io, 8, a << by)
    wide.store256(io, 9, a >> by)
    wide.store256(io, 10, wide.sar256(a, by))
    wide.store256(io, 11, wide.neg256(a))
    wide.store256(io, 12, wide.shl_below_64(a, within))
    wide.store256(io, 13, wide.shr_below_64(a, within))
    wide.store256(io, 14, (a << 96) + 3)
    wide.store256(io, 15, a * wide.limb(b, 1) + wide.limb(b, 2))
    product = wide.to_u512(a) * wide.to_u512(b)
    wide.store256(io, 16, wide.to_u256(product))
    wide.store256(io, 17, wide.to_u256(product >> 256))
    wide.store256(io, 18, wide.to_u256(wide.to_u128(a)))
    wide.store256(io, 19, wide.to_u256(wide.to_u192(a)))
    wide.store256(io, 20, wide.to_u256(wide.to_u320(a) * wide.to_u320(b) >> 64))
    wide.store256(io, 21, wide.to_u256(wide.to_u384(a) * wide.to_u384(b) >> 128))
    difference, borrow = wide.sub_borrow(a, b)
    wide.store256(io, 22, difference)
    wide.store256(io, 23, wide.make_u256(wide.limb(b, 3), wide.limb(b, 2), wide.limb(b, 1), wide.limb(b, 0)))
    high, low = wide.mul_full64(wide.limb(a, 0), wide.limb(b, 0))
    wide.store256(io, 24, wide.make_u256(low, high, np.uint64(0), np.uint64(0)))
    wide.store256(
        io, 25, wide.make_u256(wide.leading_zeros64(wide.limb(a, 0)), wide.trailing_zeros64(wide.limb(a, 0)), 0, 0)
    )
    wide.store256(io, 26, _seven())
    wide.store256(io, 27, _minus_seven())
    answers = (a < b) | (a <= b) << 1 | (a > b) << 2 | (a >= b) << 3 | (a == b) << 4 | (a != b) << 5
    answers |= wide.slt256(a, b) << 6 | wide.is_negative256(a) << 7 | borrow << 8 | (a == 0) << 9 | (a > 5) << 10
    return answers, wide.to_float(a)


def _signed(value: int) -> int:
    return value - (1 << 256) if value >= HALF else value


@settings(max_examples=600, deadline=None)
@given(numbers, numbers, st.integers(0, 255))
@example(TOP, TOP, 255)
@example(0, TOP, 0)
@example(HALF, HALF, 64)
@example(1 << 64, (1 << 64) - 1, 128)
def test_every_operation_gives_what_python_gives_modulo_two_to_the_width(a: int, b: int, count: int) -> None:
    io = np.zeros((28, 4), dtype=np.uint64)
    io[:2] = to_limbs((a, b))
    answers, approximate = _operate(io, count)
    mask, within, limb = (1 << 64) - 1, count & 63, a & (1 << 64) - 1
    low = [b >> 64 * i & mask for i in range(4)]
    expected = [
        a + b,
        a - b,
        a * b,
        a & b,
        a | b,
        a ^ b,
        a << count,
        a >> count,
        _signed(a) >> count,
        -a,
        a << within,
        a >> within,
        (a << 96) + 3,
        a * low[1] + low[2],
        a * b,
        a * b >> 256,
        a & (1 << 128) - 1,
        a & (1 << 192) - 1,
        (a * b & (1 << 320) - 1) >> 64,
        (a * b & (1 << 384) - 1) >> 128,
        a - b,
        sum(value << 64 * (3 - i) for i, value in enumerate(low)),
        (a & mask) * (b & mask),
        64 - limb.bit_length() | ((limb & -limb).bit_length() - 1 if limb else 64) << 64,
        7,
        -7,
    ]
    assert from_limbs(io[2:]) == [value & TOP for value in expected]
    truths = [a < b, a <= b, a > b, a >= b, a == b, a != b, _signed(a) < _signed(b), a >= HALF, a < b, a == 0, a > 5]
    assert answers == sum(truth << place for place, truth in enumerate(truths))
    assert approximate == pytest.approx(float(a), rel=2.0**-50)


@settings(max_examples=200, deadline=None)
@given(st.lists(numbers, max_size=5), st.lists(st.integers(-HALF, HALF - 1), max_size=5))
def test_numbers_survive_the_way_into_arrays_and_columns_and_back(plain: list[int], signed: list[int]) -> None:
    assert from_limbs(to_limbs(plain)) == plain
    assert from_limbs(to_limbs(signed), signed=True) == signed
    column = to_fixed_binary(to_limbs(signed))
    assert column == b"".join(value.to_bytes(32, "little", signed=True) for value in signed)
    assert from_limbs(from_fixed_binary(column), signed=True) == signed
    assert [int_of(row, signed=True) for row in to_limbs(signed)] == signed


def test_refuses_what_does_not_fit() -> None:
    for value in (1 << 256, -HALF - 1):
        with pytest.raises(OverflowError, match="more than 256 bits"):
            to_limbs([value])
        with pytest.raises(ValueError, match="must fit 256 bits"):
            wide.const256(value)
    with pytest.raises(ValueError, match="reshape"):
        from_fixed_binary(bytes(40))


def test_a_column_is_read_without_a_copy() -> None:
    column = bytearray(to_fixed_binary(to_limbs([5, 6])))
    limbs = from_fixed_binary(memoryview(column))
    column[32] = 9
    assert from_limbs(limbs) == [5, 9]
