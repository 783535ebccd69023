"""Pools by example: what a swap, mint, burn, nudge and valuation say, and what each refuses."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from bot.core.amm.concentrated import (
    NotEnoughLiquidity,
    Pool,
    UnknownTicks,
    amounts_for_liquidity,
    liquidity_for_amounts,
    nudge,
    pool_at,
    swap,
    swap_exact_in,
    value_at_spot_down,
    with_liquidity,
)
from bot.core.amm.liquidity_math import max_liquidity_per_tick
from bot.core.amm.swap_math import swap_step
from bot.core.amm.tick_math import MAX_SQRT_RATIO, MAX_TICK, MIN_SQRT_RATIO, MIN_TICK, sqrt_ratio_at_tick
from bot.core.fixedpoint import INT256_MAX, Q96, UINT128_MAX, UINT256_MAX

LIQUIDITY = 10**18


def two_ranges() -> Pool:
    """Price 1: deep between ticks -600 and 600, half of that up to 1200."""
    return pool_at(Q96, 3000, 60, [(-600, 600, LIQUIDITY), (600, 1200, LIQUIDITY // 2)])


def test_a_pool_lists_its_ticks_with_net_and_gross_liquidity() -> None:
    pool = two_ranges()
    assert pool.ticks == ((-600, LIQUIDITY), (600, -LIQUIDITY // 2), (1200, -LIQUIDITY // 2))
    assert pool.gross == (LIQUIDITY, LIQUIDITY * 3 // 2, LIQUIDITY // 2)
    assert (pool.liquidity, pool.tick) == (LIQUIDITY, 0)


def test_a_small_exact_input_pays_the_fee_and_moves_the_price_down() -> None:
    done = swap(two_ranges(), True, 10**12)
    assert done.amount0 == 10**12
    assert done.fee_paid >= 3 * 10**9
    assert done.amount1 == -996_999_005_991  # 10^12 * 0.997 / (1 + 0.997e-6), rounded down
    assert done.pool.sqrt_price_x96 < Q96
    assert (done.pool.tick, done.ticks_crossed) == (-1, 0)


def test_crossing_a_tick_changes_the_active_liquidity() -> None:
    done = swap(two_ranges(), False, 10**18, sqrt_ratio_at_tick(700))
    assert done.pool.liquidity == LIQUIDITY // 2
    assert (done.pool.tick, done.ticks_crossed) == (700, 1)


def test_a_price_that_falls_onto_an_initialised_tick_has_already_left_it() -> None:
    done = swap(two_ranges(), True, 10**18, sqrt_ratio_at_tick(-600))
    assert done.pool.sqrt_price_x96 == sqrt_ratio_at_tick(-600)
    assert (done.pool.tick, done.pool.liquidity) == (-601, 0)


def test_a_tick_whose_net_is_zero_still_stops_the_swap() -> None:
    pool = pool_at(Q96, 3000, 60, [(-600, 600, LIQUIDITY), (600, 1200, LIQUIDITY)])
    assert dict(pool.ticks)[600] == 0
    assert swap(pool, False, 10**18, sqrt_ratio_at_tick(700)).ticks_crossed == 1


def test_each_end_of_a_bitmap_word_rounds_once() -> None:
    pool = pool_at(Q96, 3000, 1, [(-1000, 1000, 12_345_678)])
    amount = swap(pool, False, 10**9, sqrt_ratio_at_tick(300)).amount1
    word_end = sqrt_ratio_at_tick(255)
    first = swap_step(Q96, word_end, pool.liquidity, amount, 3000)
    second = swap_step(word_end, sqrt_ratio_at_tick(300), pool.liquidity, amount, 3000)
    whole = swap_step(Q96, sqrt_ratio_at_tick(300), pool.liquidity, amount, 3000)
    assert amount == first[1] + first[3] + second[1] + second[3]
    assert amount > whole[1] + whole[3]


def test_beyond_the_liquidity_a_swap_runs_to_the_end_of_prices_and_takes_no_more() -> None:
    pool = two_ranges()
    down, up = swap(pool, True, INT256_MAX), swap(pool, False, INT256_MAX)
    assert down.pool.sqrt_price_x96 == MIN_SQRT_RATIO + 1
    assert up.pool.sqrt_price_x96 == MAX_SQRT_RATIO - 1
    assert down.pool.liquidity == up.pool.liquidity == 0
    assert (down.ticks_crossed, up.ticks_crossed) == (1, 2)


def test_exact_input_refuses_to_be_filled_in_part() -> None:
    most = swap(two_ranges(), True, INT256_MAX).amount0
    assert swap_exact_in(two_ranges(), True, most).amount0 == most
    with pytest.raises(NotEnoughLiquidity, match=f"takes {most} of {most + 1}"):
        swap_exact_in(two_ranges(), True, most + 1)


@pytest.mark.parametrize("amount", [0, INT256_MAX + 1, -INT256_MAX - 2])
def test_refuses_an_amount_that_is_no_non_zero_int256(amount: int) -> None:
    with pytest.raises(ValueError, match="non-zero int256"):
        swap(two_ranges(), True, amount)


@pytest.mark.parametrize("amount", [0, -1])
def test_exact_input_refuses_what_is_not_an_input(amount: int) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        swap_exact_in(two_ranges(), True, amount)


@pytest.mark.parametrize(
    ("zero_for_one", "limit"),
    [(True, Q96), (True, Q96 + 1), (True, MIN_SQRT_RATIO), (False, Q96), (False, Q96 - 1), (False, MAX_SQRT_RATIO)],
)
def test_refuses_a_limit_on_the_wrong_side_or_out_of_range(zero_for_one: bool, limit: int) -> None:
    with pytest.raises(ValueError, match="price limit"):
        swap(two_ranges(), zero_for_one, 1, limit)


def test_refuses_to_walk_where_the_ticks_were_not_read() -> None:
    ticks = two_ranges().ticks[:2]
    window = replace(two_ranges(), known_lower=-600, known_upper=600, ticks=ticks, gross=None)
    assert swap(window, False, 10**18, sqrt_ratio_at_tick(600)).pool.tick == 600
    with pytest.raises(UnknownTicks, match=r"-600\.\.600"):
        swap(window, False, 10**18, sqrt_ratio_at_tick(600) + 1)
    with pytest.raises(UnknownTicks):
        swap(window, True, 10**18, sqrt_ratio_at_tick(-600) - 1)


def test_refuses_to_start_where_the_ticks_were_not_read() -> None:
    above = replace(two_ranges(), known_lower=60, known_upper=600)
    below = replace(two_ranges(), known_lower=-600, known_upper=-60)
    with pytest.raises(UnknownTicks, match="tick 0 is outside"):
        swap(above, False, 1)
    with pytest.raises(UnknownTicks, match="tick 0 is outside"):
        swap(below, True, 1)


def test_a_pool_that_fell_onto_the_window_edge_may_go_up_again_but_not_down() -> None:
    fell = swap(two_ranges(), True, 10**18, sqrt_ratio_at_tick(-600)).pool
    window = replace(fell, known_lower=-600, known_upper=600)
    assert swap(window, False, 10**12).pool.liquidity == LIQUIDITY
    with pytest.raises(UnknownTicks):
        swap(window, True, 10**12)


def test_refuses_ticks_that_contradict_the_active_liquidity() -> None:
    broken = replace(two_ranges(), liquidity=LIQUIDITY - 1)
    with pytest.raises(ValueError, match="tick -600 does not fit"):
        swap(broken, True, INT256_MAX)


@pytest.mark.parametrize("tick", [-60, -2, 1, 60])
@pytest.mark.parametrize("zero_for_one", [True, False])
def test_refuses_a_tick_that_contradicts_the_price(tick: int, zero_for_one: bool) -> None:
    with pytest.raises(ValueError, match="is not the tick of"):
        swap(replace(two_ranges(), tick=tick), zero_for_one, 1)


def test_the_fee_is_the_sum_over_all_steps() -> None:
    pool = two_ranges()
    first = swap(pool, False, 10**18, sqrt_ratio_at_tick(600))
    second = swap(first.pool, False, 10**18, sqrt_ratio_at_tick(700))
    whole = swap(pool, False, 10**18, sqrt_ratio_at_tick(700))
    assert whole.fee_paid == first.fee_paid + second.fee_paid
    assert min(first.fee_paid, second.fee_paid) > 0


def test_burning_what_was_minted_restores_the_pool() -> None:
    pool = two_ranges()
    minted = with_liquidity(pool, -120, 600, 7)
    assert minted.ticks[1:3] == ((-120, 7), (600, -LIQUIDITY // 2 - 7))
    assert minted.liquidity == LIQUIDITY + 7
    assert with_liquidity(minted, -120, 600, -7) == pool


def test_a_tick_with_gross_but_no_net_liquidity_stays_initialised_after_a_burn() -> None:
    pool = pool_at(Q96, 3000, 60, [(-600, 600, 5), (600, 1200, 9)])
    assert with_liquidity(pool, 600, 1200, -4).ticks == ((-600, 5), (600, 0), (1200, -5))


def test_a_burn_without_gross_liquidity_is_refused_and_a_mint_is_not() -> None:
    read = replace(two_ranges(), gross=None)
    assert with_liquidity(read, -60, 60, 1).liquidity == LIQUIDITY + 1
    with pytest.raises(ValueError, match="gross liquidity"):
        with_liquidity(read, -600, 600, -1)


@pytest.mark.parametrize(
    ("lower", "upper", "delta", "reason"),
    [
        (60, 60, 1, "lower < upper"),
        (120, 60, 1, "lower < upper"),
        (-887280, 0, 1, "lower < upper"),
        (0, 887280, 1, "lower < upper"),
        (0, 61, 1, "multiples of the spacing"),
        (0, 60, 0, "needs some liquidity"),
        (0, 60, -1, "tick 0"),
        (-600, 600, -LIQUIDITY - 1, "tick -600"),
        (0, 60, max_liquidity_per_tick(60) + 1, "its maximum"),
    ],
)
def test_refuses_a_position_that_the_contract_refuses(lower: int, upper: int, delta: int, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        with_liquidity(two_ranges(), lower, upper, delta)


def test_refuses_a_position_beyond_the_ticks_that_were_read() -> None:
    with pytest.raises(UnknownTicks):
        with_liquidity(replace(two_ranges(), known_upper=600), -60, 660, 1)


def test_refuses_active_liquidity_beyond_uint128() -> None:
    full = replace(two_ranges(), liquidity=UINT128_MAX)
    with pytest.raises(ValueError, match="fit uint128"):
        with_liquidity(full, -60, 60, 1)


@pytest.mark.parametrize(("fee_pips", "spacing"), [(-1, 60), (1_000_000, 60), (3000, 0), (3000, 16384)])
def test_refuses_a_fee_or_spacing_that_the_factory_refuses(fee_pips: int, spacing: int) -> None:
    with pytest.raises(ValueError, match="within"):
        pool_at(Q96, fee_pips, spacing, [])


def test_a_range_below_the_price_holds_token1_only_and_above_it_token0_only() -> None:
    assert amounts_for_liquidity(sqrt_ratio_at_tick(700), -600, 600, LIQUIDITY, True)[0] == 0
    assert amounts_for_liquidity(sqrt_ratio_at_tick(-700), -600, 600, LIQUIDITY, True)[1] == 0
    inside = amounts_for_liquidity(Q96, -600, 600, LIQUIDITY, False)
    assert inside == (29_553_010_879_137_169, 29_553_010_879_137_169)  # L * (1 - 1.0001^-300)
    assert amounts_for_liquidity(Q96, -600, 600, LIQUIDITY, True) == (inside[0] + 1, inside[1] + 1)


def test_liquidity_is_set_by_the_scarcer_token() -> None:
    amount0, amount1 = amounts_for_liquidity(Q96, -600, 600, LIQUIDITY, True)
    by_token1 = liquidity_for_amounts(Q96, -600, 600, amount0 * 2, amount1)
    assert LIQUIDITY <= by_token1 < LIQUIDITY + 100  # one raw unit of amount1 is some 34 units of liquidity
    assert by_token1 == liquidity_for_amounts(Q96, -600, 600, amount0 * 9, amount1)
    assert liquidity_for_amounts(Q96, -600, 600, amount0, 0) == 0
    assert liquidity_for_amounts(sqrt_ratio_at_tick(-700), -600, 600, amount0, 0) > 0


def test_at_the_lowest_prices_the_manager_finds_no_liquidity_for_token0() -> None:
    # floor(P_a * P_b) in Q64.96 is zero there, though the exact quotient would not be.
    assert liquidity_for_amounts(MIN_SQRT_RATIO, MIN_TICK, MIN_TICK + 1000, 10**30, 0) == 0
    assert liquidity_for_amounts(Q96, 0, 1000, 10**30, 0) > 0


@pytest.mark.parametrize("spacing", [1, 10, 60, 200])
def test_full_ticks_never_overflow_the_active_liquidity(spacing: int) -> None:
    usable = len(range(-(-MIN_TICK // spacing) * spacing, MAX_TICK + 1, spacing))
    assert max_liquidity_per_tick(spacing) * usable <= UINT128_MAX < (max_liquidity_per_tick(spacing) + 1) * usable


def test_refuses_liquidity_that_no_position_can_have() -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        amounts_for_liquidity(Q96, -600, 600, -1, True)
    with pytest.raises(ValueError, match="exceeds uint128"):
        liquidity_for_amounts(Q96, -60, 60, UINT128_MAX, UINT128_MAX)
    with pytest.raises(ValueError, match="mul_div"):
        liquidity_for_amounts(Q96, -60, 60, -1, -1)


def test_a_nudge_ends_exactly_at_the_edge_of_the_band() -> None:
    pool, low, high = two_ranges(), sqrt_ratio_at_tick(100), sqrt_ratio_at_tick(200)
    raised = nudge(pool, low, high)
    assert raised is not None
    assert (raised.pool.sqrt_price_x96, raised.amount1 > 0) == (low, True)
    assert nudge(raised.pool, low, high) is None
    lowered = nudge(swap(pool, False, 10**18, high + 1).pool, low, high)
    assert lowered is not None
    assert (lowered.pool.sqrt_price_x96, lowered.amount0 > 0) == (high, True)


def test_a_nudge_spends_no_more_than_its_budget() -> None:
    pool, low, high = two_ranges(), sqrt_ratio_at_tick(100), sqrt_ratio_at_tick(200)
    short = nudge(pool, low, high, (0, 1000))
    assert short is not None
    assert short.amount1 == 1000
    assert Q96 < short.pool.sqrt_price_x96 < low
    with pytest.raises(ValueError, match="no token1"):
        nudge(pool, low, high, (1000, 0))
    with pytest.raises(ValueError, match="low <= high"):
        nudge(pool, high, low)


def test_value_at_spot_is_the_floor_of_the_exact_value_both_ways() -> None:
    pool = replace(two_ranges(), sqrt_price_x96=sqrt_ratio_at_tick(-276_324) + 17)
    price = Fraction(pool.sqrt_price_x96**2, 1 << 192)
    for amount in (0, 1, 10**6, 123_456_789_012_345_678_901):
        assert value_at_spot_down(pool, amount, True) == int(amount * price)
        assert value_at_spot_down(pool, amount, False) == int(amount / price)


def test_value_at_spot_refuses_what_is_no_amount() -> None:
    with pytest.raises(ValueError, match="mul_div"):
        value_at_spot_down(two_ranges(), -1, True)
    with pytest.raises(ValueError, match="exceeds uint256"):
        value_at_spot_down(replace(two_ranges(), sqrt_price_x96=2 * Q96), UINT256_MAX, True)


def test_positions_may_span_every_usable_tick() -> None:
    first, last = -(-MIN_TICK // 60) * 60, MAX_TICK // 60 * 60
    pool = pool_at(MIN_SQRT_RATIO, 3000, 60, [(first, last, LIQUIDITY)])
    assert pool.liquidity == 0
    assert swap(pool, False, 10**30).pool.liquidity == LIQUIDITY
