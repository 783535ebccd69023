"""One swap step against the real-number curve: rounding always favours the pool, by less than a unit."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from bot.core.amm import swap_math
from bot.core.amm.swap_math import PIPS, swap_step
from bot.core.amm.tick_math import MAX_SQRT_RATIO, MIN_SQRT_RATIO
from bot.core.fixedpoint import Q96, UINT160_MAX

prices = st.integers(MIN_SQRT_RATIO, MAX_SQRT_RATIO)
ordinary_prices = st.integers(Q96 >> 20, Q96 << 20)
liquidities = st.integers(1, 1 << 120)
amounts = st.integers(0, 1 << 120)
fees = st.sampled_from([0, 100, 500, 3000, 10_000, 999_999])


@given(prices, prices, liquidities)
def test_what_a_trader_owes_and_receives_brackets_the_exact_amount(one: int, two: int, liquidity: int) -> None:
    lower, upper = sorted((one, two))
    exact0 = liquidity * Q96 * (Fraction(1, lower) - Fraction(1, upper))
    exact1 = Fraction(liquidity * (upper - lower), Q96)
    for exact, down, up in (
        (exact0, swap_math.amount0_down, swap_math.amount0_up),
        (exact1, swap_math.amount1_down, swap_math.amount1_up),
    ):
        assert exact - 1 < down(lower, upper, liquidity) <= exact
        assert exact <= up(lower, upper, liquidity) < exact + 1


@given(ordinary_prices, liquidities, amounts)
def test_input_moves_the_price_no_further_than_the_curve(price: int, liquidity: int, amount: int) -> None:
    exact_root = Fraction(liquidity * Q96 * price, liquidity * Q96 + amount * price)
    assert exact_root <= swap_math.price_after_token0_in(price, liquidity, amount) < exact_root + 1
    exact_root = price + Fraction(amount * Q96, liquidity)
    assert exact_root - 1 < swap_math.price_after_token1_in(price, liquidity, amount) <= exact_root


@given(prices, st.integers(1, 1 << 127), st.integers(1, 1 << 220))
def test_input_too_wide_for_256_bits_still_never_moves_the_price_too_far(
    price: int, liquidity: int, extra: int
) -> None:
    amount = (1 << 256) // price + extra  # times the price just above 256 bits
    exact_root = Fraction(liquidity * Q96 * price, liquidity * Q96 + amount * price)
    coarse = swap_math.price_after_token0_in(price, liquidity, amount)
    assert exact_root <= coarse <= UINT160_MAX
    assert coarse == -(-(liquidity << 96) // ((liquidity << 96) // price + amount))


def test_input_too_wide_for_256_bits_takes_the_coarser_quotient_of_the_contract() -> None:
    price, liquidity = MAX_SQRT_RATIO - 1, (1 << 127) - 1
    amount = (1 << 256) // price + 1
    precise = -(-(liquidity << 96) * price // ((liquidity << 96) + amount * price))
    coarse = swap_math.price_after_token0_in(price, liquidity, amount)
    assert coarse == -(-(liquidity << 96) // ((liquidity << 96) // price + amount)) > precise


@given(ordinary_prices, ordinary_prices, liquidities, st.integers(1, 1 << 120), fees)
def test_an_exact_input_is_never_exceeded_and_used_up_short_of_the_target(
    price: int, target: int, liquidity: int, remaining: int, fee_pips: int
) -> None:
    after, amount_in, amount_out, fee = swap_step(price, target, liquidity, remaining, fee_pips)
    assert min(price, target) <= after <= max(price, target)
    assert min(amount_in, amount_out, fee) >= 0
    assert amount_in + fee <= remaining
    assert after == target or amount_in + fee == remaining
    assert fee >= Fraction(amount_in * fee_pips, PIPS - fee_pips)


@given(ordinary_prices, ordinary_prices, liquidities, st.integers(1, 1 << 120), fees)
def test_an_exact_output_is_never_exceeded_and_complete_short_of_the_target(
    price: int, target: int, liquidity: int, owed: int, fee_pips: int
) -> None:
    after, amount_in, amount_out, fee = swap_step(price, target, liquidity, -owed, fee_pips)
    assert min(price, target) <= after <= max(price, target)
    assert min(amount_in, amount_out, fee) >= 0
    assert amount_out <= owed
    assert after == target or amount_out == owed
    assert fee == -(-amount_in * fee_pips // (PIPS - fee_pips))


@given(ordinary_prices, ordinary_prices, st.integers(-(1 << 120), 1 << 120), fees)
def test_without_liquidity_the_price_jumps_to_the_target_for_nothing(
    price: int, target: int, remaining: int, fee_pips: int
) -> None:
    assert swap_step(price, target, 0, remaining, fee_pips) == (target, 0, 0, 0)
