"""The pool machine by example: fees, ticks, positions, the protocol's part and the oracle."""

from __future__ import annotations

import pytest

from bot.core.amm.concentrated import amounts_for_liquidity, pool_at, swap
from bot.core.amm.liquidity_math import max_liquidity_per_tick
from bot.core.amm.pool_state import Observation, PoolState, PositionInfo, TickInfo
from bot.core.amm.tick_math import sqrt_ratio_at_tick
from bot.core.fixedpoint import INT256_MAX, Q96, Q128, UINT128_MAX, UINT256_MAX

NOW = 1_750_000_000
LIQUIDITY = 10**18
ALL = UINT128_MAX


def opened(fee_pips: int = 3000, tick_spacing: int = 60, sqrt_price_x96: int = Q96) -> PoolState:
    state = PoolState(fee_pips, tick_spacing)
    state.initialize(sqrt_price_x96, NOW)
    return state


def two_ranges() -> PoolState:
    """Price 1: Ann deep between ticks -600 and 600, Bob half of that up to 1200."""
    state = opened()
    state.mint("ann", -600, 600, LIQUIDITY, NOW)
    state.mint("bob", 600, 1200, LIQUIDITY // 2, NOW)
    return state


def test_a_new_pool_waits_for_its_price() -> None:
    state = PoolState(500, 10)
    assert (state.sqrt_price_x96, state.observation_cardinality, state.initialized_ticks()) == (0, 0, ())
    assert state.initialize(sqrt_ratio_at_tick(-7) + 5, NOW) == -7
    assert (state.tick, state.liquidity, state.observation_cardinality) == (-7, 0, 1)
    assert state.observation(0) == Observation(NOW, 0, 0, True)


def test_a_mint_costs_what_the_range_holds_and_shows_in_ticks_and_position() -> None:
    state = opened()
    assert state.mint("ann", -600, 600, LIQUIDITY, NOW) == amounts_for_liquidity(Q96, -600, 600, LIQUIDITY, True)
    assert state.mint("bob", 600, 1200, 7, NOW)[1] == 0
    assert state.liquidity == LIQUIDITY
    assert state.initialized_ticks() == (-600, 600, 1200)
    assert (state.tick_info(600).gross, state.tick_info(600).net) == (LIQUIDITY + 7, 7 - LIQUIDITY)
    assert state.position("ann", -600, 600) == PositionInfo(LIQUIDITY, (0, 0), (0, 0))
    assert state.position("bob", -600, 600) == PositionInfo(0, (0, 0), (0, 0))


def test_fees_grow_per_unit_of_liquidity_in_the_token_that_came_in() -> None:
    state = two_ranges()
    amount0, amount1 = state.swap(True, 10**12, None, NOW)
    assert (amount0, amount1) == (10**12, -996_999_005_991)
    fee = swap(two_ranges().pool(), True, 10**12).fee_paid
    assert state.fee_growth_global == (fee * Q128 // LIQUIDITY, 0)
    assert state.fees_owed("ann", -600, 600) == (fee - 1, 0)  # the growth was floored
    assert state.fees_owed("bob", 600, 1200) == (0, 0)


def test_each_range_earns_only_while_the_price_is_inside() -> None:
    state = two_ranges()
    upper = state.swap(False, 10**18, sqrt_ratio_at_tick(900), NOW)[1]
    inside = two_ranges()
    to_edge = inside.swap(False, 10**18, sqrt_ratio_at_tick(600), NOW)[1]
    ann, bob = state.fees_owed("ann", -600, 600)[1], state.fees_owed("bob", 600, 1200)[1]
    assert ann == inside.fees_owed("ann", -600, 600)[1] == pytest.approx(to_edge * 0.003, rel=1e-6)
    assert bob == pytest.approx((upper - to_edge) * 0.003, rel=1e-6)


def test_fees_are_the_same_whether_a_range_was_minted_above_or_below_the_price() -> None:
    state = opened()
    state.mint("wide", -6000, 6000, LIQUIDITY, NOW)
    state.swap(True, 10**16, None, NOW)
    state.mint("above", 600, 1200, LIQUIDITY, NOW)  # outside values start at zero
    state.mint("below", -1200, -600, LIQUIDITY, NOW)  # and here at all that grew so far
    assert state.tick_info(-600).fee_growth_outside == state.fee_growth_global != (0, 0)
    assert state.tick_info(600).fee_growth_outside == (0, 0)
    assert state.fees_owed("above", 600, 1200) == state.fees_owed("below", -1200, -600) == (0, 0)
    state.swap(False, 10**18, sqrt_ratio_at_tick(1200), NOW)
    state.swap(True, 10**18, sqrt_ratio_at_tick(-1200), NOW)
    above, below = state.fees_owed("above", 600, 1200), state.fees_owed("below", -1200, -600)
    assert min(above) > 0
    assert (below[0] > 0, below[1]) == (True, 0)  # crossed once, on the way down


def test_a_poke_credits_fees_and_collect_pays_what_was_asked_for_and_no_more() -> None:
    state = two_ranges()
    state.swap(False, 10**15, None, NOW)
    due = state.fees_owed("ann", -600, 600)
    assert state.collect("ann", -600, 600, ALL, ALL) == (0, 0)  # earned but not credited yet
    assert state.burn("ann", -600, 600, 0, NOW) == (0, 0)
    assert state.position("ann", -600, 600).owed == due
    assert state.collect("ann", -600, 600, 5, 5) == (0, 5)
    assert state.collect("ann", -600, 600, ALL, ALL) == (0, due[1] - 5)
    assert state.collect("ann", -600, 600, ALL, ALL) == (0, 0)


def test_collecting_from_nobody_pays_nothing_and_leaves_nothing() -> None:
    state = two_ranges()
    before = state.copy()
    assert state.collect("nobody", 5, -5, ALL, ALL) == (0, 0)
    assert state == before


def test_burning_everything_clears_the_ticks_and_owes_the_amounts() -> None:
    state = two_ranges()
    returned = state.burn("ann", -600, 600, LIQUIDITY, NOW)
    assert returned == amounts_for_liquidity(Q96, -600, 600, LIQUIDITY, False)
    assert (state.liquidity, state.initialized_ticks()) == (0, (600, 1200))
    assert state.tick_info(-600) == TickInfo(0, 0, (0, 0), 0, 0, 0, False)
    assert state.position("ann", -600, 600).owed == returned
    assert state.collect("ann", -600, 600, ALL, ALL) == returned


def test_what_a_position_is_owed_wraps_around_at_uint128() -> None:
    state = opened(3000, 60, sqrt_ratio_at_tick(-800_000))
    most = max_liquidity_per_tick(60)
    state.mint("ann", -880_020, 879_960, most, NOW)
    returned = state.burn("ann", -880_020, 879_960, most, NOW)
    assert returned[0] > UINT128_MAX
    assert state.position("ann", -880_020, 879_960).owed == (returned[0] & UINT128_MAX, returned[1])


def test_fee_growth_wraps_around_and_positions_do_not_notice() -> None:
    state = opened()
    state.mint("ann", -600, 600, 1, NOW)
    for _ in range(3):
        state.flash(UINT128_MAX - 7, 0)
    assert state.fee_growth_global == (3 * (UINT128_MAX - 7) * Q128 & UINT256_MAX, 0)
    state.mint("bob", -60, 60, 5, NOW)
    state.flash(60, 6)
    assert state.fees_owed("bob", -60, 60) == (50, 5)
    assert state.fees_owed("ann", -600, 600) == ((3 * (UINT128_MAX - 7) & UINT128_MAX) + 10 & UINT128_MAX, 1)


def test_fee_growth_wraps_around_within_a_swap_too() -> None:
    state = opened()
    state.mint("ann", -600, 600, 1, NOW)
    state.flash(0, UINT128_MAX)
    assert state.swap(False, 2, None, NOW) == (0, 2)  # one unit in, one of fee, on a liquidity of one
    assert state.fee_growth_global == (0, 0)
    assert state.fees_owed("ann", -600, 600) == (0, 0)


def test_a_swap_over_empty_stretches_grows_no_fees() -> None:
    state = opened()
    state.mint("low", -1200, -600, LIQUIDITY, NOW)
    state.mint("high", 600, 1200, LIQUIDITY, NOW)
    assert state.swap(True, INT256_MAX, sqrt_ratio_at_tick(-500), NOW) == (0, 0)
    assert (state.fee_growth_global, state.liquidity, state.tick) == ((0, 0), 0, -500)
    paid, received = state.swap(True, 10**15, None, NOW)
    assert (paid, received < 0, state.liquidity) == (10**15, True, LIQUIDITY)


def test_the_protocol_takes_its_part_of_each_step() -> None:
    plain, state = two_ranges(), two_ranges()
    state.set_fee_protocol(0, 4)
    assert state.fee_protocol == (0, 4)
    for machine in (plain, state):
        machine.swap(False, 10**15, None, NOW)
        machine.swap(True, 10**15, None, NOW)
    assert state.protocol_fees == (0, 3 * 10**12 // 4)
    assert state.fee_growth_global[0] == plain.fee_growth_global[0]
    assert state.fee_growth_global[1] == (3 * 10**12 - 3 * 10**12 // 4) * Q128 // LIQUIDITY
    assert (state.sqrt_price_x96, state.tick) == (plain.sqrt_price_x96, plain.tick)


def test_one_unit_of_the_protocols_fees_always_stays() -> None:
    state = two_ranges()
    state.set_fee_protocol(10, 10)
    state.flash(1000, 25)
    assert state.protocol_fees == (100, 2)
    assert state.collect_protocol(40, 0) == (40, 0)
    assert state.collect_protocol(60, ALL) == (59, 1)
    assert state.collect_protocol(ALL, ALL) == (0, 0)
    assert state.protocol_fees == (1, 1)


def test_a_flash_fee_goes_to_the_liquidity_in_range_and_the_protocol() -> None:
    state = two_ranges()
    state.set_fee_protocol(4, 0)
    state.flash(1000, 10)
    assert state.fee_growth_global == (750 * Q128 // LIQUIDITY, 10 * Q128 // LIQUIDITY)
    assert state.protocol_fees == (250, 0)
    assert state.fees_owed("bob", 600, 1200) == (0, 0)


def test_a_swap_writes_an_observation_only_when_the_tick_changed() -> None:
    state = two_ranges()
    state.increase_observation_cardinality_next(5)
    state.swap(False, 10**6, None, NOW + 10)
    assert (state.tick, state.observation_index, state.observation_cardinality) == (0, 0, 1)
    state.swap(False, 10**16, None, NOW + 30)
    assert (state.tick > 0, state.observation_index, state.observation_cardinality) == (True, 1, 5)
    assert state.observation(1) == Observation(NOW + 30, 0, (30 << 128) // LIQUIDITY, True)  # tick 0 until then
    assert state.observe((0, 10), NOW + 40)[0] == (10 * state.tick, 0)


def test_a_mint_or_burn_writes_an_observation_only_in_range() -> None:
    state = two_ranges()
    state.increase_observation_cardinality_next(5)
    state.mint("ann", 60, 120, 1, NOW + 10)
    state.burn("ann", -600, 600, 0, NOW + 20)
    assert state.observation_index == 0
    state.mint("ann", -60, 60, 1, NOW + 30)
    assert (state.observation_index, state.observation(1).time) == (1, NOW + 30)
    state.burn("ann", -60, 60, 1, NOW + 30)
    assert state.observation_index == 1  # the same second


def test_time_inside_a_range_is_counted_while_the_price_is_there() -> None:
    state = two_ranges()
    before = state.snapshot_cumulatives_inside(-600, 600, NOW + 5)
    assert before == (0, (5 << 128) // LIQUIDITY, 5)
    state.swap(False, 10**18, sqrt_ratio_at_tick(700), NOW + 100)
    assert state.snapshot_cumulatives_inside(-600, 600, NOW + 500)[2] == 100
    above = state.snapshot_cumulatives_inside(600, 1200, NOW + 500)
    assert above[0] == 400 * 700
    assert above[2] == 400
    state.swap(True, 10**18, sqrt_ratio_at_tick(-50), NOW + 1000)
    assert state.snapshot_cumulatives_inside(600, 1200, NOW + 2000)[2] == 900


def test_a_snapshot_quotes_what_the_machine_then_does() -> None:
    state = two_ranges()
    quoted = swap(state.pool(), False, 10**18, sqrt_ratio_at_tick(700))
    assert state.pool() == pool_at(Q96, 3000, 60, [(-600, 600, LIQUIDITY), (600, 1200, LIQUIDITY // 2)])
    assert state.swap(False, 10**18, sqrt_ratio_at_tick(700), NOW) == (quoted.amount0, quoted.amount1)
    assert state.pool() == quoted.pool
    state.burn("ann", -600, 600, LIQUIDITY, NOW)
    assert state.pool().ticks == ((600, LIQUIDITY // 2), (1200, -LIQUIDITY // 2))


def test_a_copy_goes_its_own_way() -> None:
    state, untouched = two_ranges(), two_ranges()
    other = state.copy()
    other.increase_observation_cardinality_next(3)
    other.swap(False, 10**18, sqrt_ratio_at_tick(700), NOW + 1)
    other.mint("eve", -60, 60, 1, NOW + 1)
    other.burn("ann", -600, 600, 5, NOW + 1)
    assert state == untouched != other
