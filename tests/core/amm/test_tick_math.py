"""Ticks and square root prices: extremes, order, and agreement with exact powers of 1.0001."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.amm.tick_math import (
    MAX_SQRT_RATIO,
    MAX_TICK,
    MIN_SQRT_RATIO,
    MIN_TICK,
    sqrt_ratio_at_tick,
    tick_at_sqrt_ratio,
)
from bot.core.fixedpoint import Q96, Q192

ticks = st.integers(MIN_TICK, MAX_TICK)
ticks_with_a_successor = st.integers(MIN_TICK, MAX_TICK - 1)


def test_extreme_ticks_have_the_published_prices() -> None:
    assert sqrt_ratio_at_tick(MIN_TICK) == MIN_SQRT_RATIO
    assert sqrt_ratio_at_tick(MAX_TICK) == MAX_SQRT_RATIO
    assert sqrt_ratio_at_tick(0) == Q96


def test_extreme_prices_have_the_published_ticks() -> None:
    assert tick_at_sqrt_ratio(MIN_SQRT_RATIO) == MIN_TICK
    assert tick_at_sqrt_ratio(MAX_SQRT_RATIO - 1) == MAX_TICK - 1
    assert tick_at_sqrt_ratio(Q96 - 1) == -1
    assert tick_at_sqrt_ratio(Q96) == 0


@given(st.integers(-5000, 5000))
def test_price_at_a_tick_is_the_power_of_1_0001_rounded_up(tick: int) -> None:
    squared = Fraction(sqrt_ratio_at_tick(tick) ** 2, Q192) / Fraction(10001, 10000) ** tick
    # Rounded up by at most one unit of Q64.96, less the twenty floors of the Q128.128 product.
    assert -Fraction(1, 2**110) < squared - 1 < Fraction(5, sqrt_ratio_at_tick(tick))


@pytest.mark.parametrize("bit", range(13, 19))
def test_price_at_a_single_bit_keeps_the_half_unit_of_its_constant(bit: int) -> None:
    price = sqrt_ratio_at_tick(1 << bit)
    constant = Fraction(1 << 224, price)  # the Q128.128 inverse that the price was made from
    error = Fraction(price, Q96) / Fraction(10001, 10000) ** (1 << bit - 1) - 1
    assert abs(error) < Fraction(1, 2) / constant + Fraction(101, 100 * price)


@given(ticks_with_a_successor)
def test_price_rises_with_every_tick(tick: int) -> None:
    assert sqrt_ratio_at_tick(tick) < sqrt_ratio_at_tick(tick + 1)


@given(ticks_with_a_successor, st.data())
def test_tick_of_a_price_is_the_greatest_whose_price_is_not_above_it(tick: int, data: st.DataObject) -> None:
    first, beyond = sqrt_ratio_at_tick(tick), sqrt_ratio_at_tick(tick + 1)
    inside = data.draw(st.integers(first, beyond - 1))
    assert {tick_at_sqrt_ratio(price) for price in (first, inside, beyond - 1)} == {tick}


@pytest.mark.parametrize("tick", [MIN_TICK - 1, MAX_TICK + 1])
def test_refuses_a_tick_outside_the_range(tick: int) -> None:
    with pytest.raises(ValueError, match="tick must be within"):
        sqrt_ratio_at_tick(tick)


@pytest.mark.parametrize("price", [0, MIN_SQRT_RATIO - 1, MAX_SQRT_RATIO])
def test_refuses_a_price_outside_the_range(price: int) -> None:
    with pytest.raises(ValueError, match="square root price must be within"):
        tick_at_sqrt_ratio(price)
