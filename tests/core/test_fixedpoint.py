"""Exact fixed-point arithmetic against Fraction, its only referee."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.fixedpoint import (
    Q96,
    UINT160_MAX,
    UINT256_MAX,
    mul_div_down,
    mul_div_up,
    price_to_sqrt_x96,
    sqrt_price_x96_from_ratio,
    sqrt_x96_to_price,
)

uint256 = st.integers(0, UINT256_MAX)
prices = st.floats(1e-9, 1e12)
decimals = st.integers(0, 18)


@given(uint256, st.integers(0, 1 << 128), st.integers(1 << 128, UINT256_MAX))
def test_mul_div_rounds_as_its_name_says(a: int, b: int, denominator: int) -> None:
    exact = Fraction(a * b, denominator)
    assert mul_div_down(a, b, denominator) == math.floor(exact)
    assert mul_div_up(a, b, denominator) == math.ceil(exact)


def test_mul_div_keeps_a_product_wider_than_256_bits() -> None:
    assert mul_div_down(UINT256_MAX, UINT256_MAX, UINT256_MAX) == UINT256_MAX
    assert mul_div_up(UINT256_MAX, UINT256_MAX, UINT256_MAX) == UINT256_MAX


@pytest.mark.parametrize("mul_div", [mul_div_down, mul_div_up])
@pytest.mark.parametrize("operands", [(-1, 1, 1), (1, -1, 1), (1, 1, 0), (1, 1, -1), (UINT256_MAX, 2, 1)])
def test_mul_div_refuses_what_reverts_on_chain(
    mul_div: Callable[[int, int, int], int], operands: tuple[int, int, int]
) -> None:
    with pytest.raises(ValueError, match="mul_div"):
        mul_div(*operands)


def test_mul_div_up_refuses_a_result_that_only_rounding_lifts_over_uint256() -> None:
    near = (1 << 256) - 2, (1 << 255) + 1, 1 << 255  # the exact quotient is 2^256 less a fraction
    assert math.ceil(Fraction(near[0] * near[1], near[2])) == UINT256_MAX + 1
    assert mul_div_down(*near) == UINT256_MAX
    with pytest.raises(ValueError, match="exceeds uint256"):
        mul_div_up(*near)


@given(st.integers(1, (1 << 128) - 1), st.integers(1, 1 << 128))
def test_square_root_price_is_the_floor_of_the_exact_root(numerator: int, denominator: int) -> None:
    root = sqrt_price_x96_from_ratio(numerator, denominator)
    exact_square = Fraction(numerator, denominator) * Q96**2
    assert root**2 <= exact_square < (root + 1) ** 2


def test_square_root_price_of_equal_amounts_is_one() -> None:
    assert sqrt_price_x96_from_ratio(7, 7) == Q96


@pytest.mark.parametrize("ratio", [(0, 1), (1, 0), (-1, 1), (1, -1), (1, 1 << 193), (1 << 129, 1)])
def test_square_root_price_refuses_what_no_pool_can_hold(ratio: tuple[int, int]) -> None:
    with pytest.raises(ValueError):
        sqrt_price_x96_from_ratio(*ratio)


def test_price_of_a_six_decimals_quote_is_read_in_human_units() -> None:
    # 3 USDC (6 decimals) per token (18 decimals): raw quote per raw base is 3e-12.
    assert price_to_sqrt_x96(3.0, 18, 6, base_is_token0=True) == sqrt_price_x96_from_ratio(3, 10**12)
    assert price_to_sqrt_x96(3.0, 18, 6, base_is_token0=False) == sqrt_price_x96_from_ratio(10**12, 3)


@given(prices, decimals, decimals, st.booleans())
def test_price_survives_the_way_to_the_chain_and_back(
    price: float, base: int, quote: int, base_is_token0: bool
) -> None:
    root = price_to_sqrt_x96(price, base, quote, base_is_token0)
    # One unit of the root is a relative 2/root of the price, and a float64 keeps 53 bits.
    assert sqrt_x96_to_price(root, base, quote, base_is_token0) == pytest.approx(price, rel=3 / root + 1e-15)


@given(prices, prices, decimals, decimals)
def test_a_higher_price_of_the_base_moves_the_root_by_the_token_order(
    one: float, two: float, base: int, quote: int
) -> None:
    low, high = sorted((one, two))
    assert price_to_sqrt_x96(low, base, quote, True) <= price_to_sqrt_x96(high, base, quote, True)
    assert price_to_sqrt_x96(low, base, quote, False) >= price_to_sqrt_x96(high, base, quote, False)


@pytest.mark.parametrize("price", [0.0, -1.0, math.inf, -math.inf, math.nan])
def test_refuses_a_price_that_is_not_finite_and_positive(price: float) -> None:
    with pytest.raises(ValueError, match="finite and positive"):
        price_to_sqrt_x96(price, 18, 6, base_is_token0=True)


@pytest.mark.parametrize("pair", [(-1, 6), (18, 256)])
def test_refuses_decimals_that_are_no_uint8(pair: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="decimals"):
        price_to_sqrt_x96(1.0, *pair, base_is_token0=True)
    with pytest.raises(ValueError, match="decimals"):
        sqrt_x96_to_price(Q96, *pair, base_is_token0=True)


@pytest.mark.parametrize("root", [0, -1, UINT160_MAX + 1])
def test_refuses_a_square_root_price_outside_uint160(root: int) -> None:
    with pytest.raises(ValueError, match="uint160"):
        sqrt_x96_to_price(root, 18, 18, base_is_token0=True)


def test_refuses_a_price_beyond_float64_in_one_line() -> None:
    with pytest.raises(ValueError, match="exceeds float64"):
        sqrt_x96_to_price(1, 255, 0, base_is_token0=False)
    with pytest.raises(ValueError, match="does not fit"):
        price_to_sqrt_x96(1e300, 18, 18, base_is_token0=True)
