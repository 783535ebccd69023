"""Money into liquidity and back: the most there is, not a unit more than given, and on a pool machine just the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bot.core.amm.concentrated import (
    NotEnoughLiquidity,
    Pool,
    amounts_for_liquidity,
    pool_at,
    swap_exact_in,
    with_liquidity,
)
from bot.core.amm.liquidity_math import max_liquidity_per_tick
from bot.core.amm.pool_state import PoolState
from bot.core.amm.range_position import (
    RangePosition,
    enter,
    entry,
    in_range,
    leave,
    leaving,
    most_liquidity,
    position_in,
    range_around,
)
from bot.core.amm.tick_math import MAX_TICK, MIN_TICK, sqrt_ratio_at_tick
from tests.core.amm.test_concentrated_properties import pools

FULL = 887_220
US = "us"
widths = st.integers(1, 10_000)


def machine_of(pool: Pool) -> PoolState:
    """A machine in which the pool's ranges are one owner's; it takes the price of the pool."""
    machine = PoolState(pool.fee_pips, pool.tick_spacing)
    machine.initialize(pool.sqrt_price_x96, 1)
    assert pool.gross is not None
    lower, upper = -(-MIN_TICK // pool.tick_spacing), MAX_TICK // pool.tick_spacing
    machine.mint("others", lower * pool.tick_spacing, upper * pool.tick_spacing, 10**22, 1)
    machine.mint("others", (pool.tick // pool.tick_spacing - 9) * pool.tick_spacing, pool.ticks[-1][0], 10**20, 1)
    return machine


@settings(deadline=None)
@given(pools(), widths)
def test_a_range_holds_the_price_and_reaches_as_far_both_ways(pool: Pool, width: int) -> None:
    lower, upper = range_around(pool, width)
    assert in_range(pool, lower, upper)
    assert lower % pool.tick_spacing == upper % pool.tick_spacing == 0
    price, reach = pool.sqrt_price_x96**2, 1 + width / 10_000
    below, above = price / sqrt_ratio_at_tick(lower) ** 2, sqrt_ratio_at_tick(upper) ** 2 / price
    outward = 1.0001 ** (pool.tick_spacing + 1)
    assert reach * (1 - 1e-9) <= below <= reach * outward
    assert reach * (1 - 1e-9) <= above <= reach * outward


@pytest.mark.parametrize("tick", [-887_200, 887_200])
def test_a_range_ends_where_pools_end(tick: int) -> None:
    lower, upper = range_around(pool_at(sqrt_ratio_at_tick(tick), 3_000, 60, ()), 10_000)
    assert -FULL <= lower < upper <= FULL
    assert min(abs(lower + FULL), abs(upper - FULL)) == 0


def test_a_range_without_a_width_is_refused() -> None:
    with pytest.raises(ValueError, match="a width above zero"):
        range_around(pool_at(1 << 96, 3_000, 60, ()), 0)


@given(st.integers(-2_000, 2_000), st.integers(-30, 29), st.integers(1, 60), st.integers(0, 1), st.integers(0, 10**24))
def test_the_most_liquidity_fits_and_one_more_does_not(
    tick: int, first: int, width: int, token: int, amount: int
) -> None:
    price, lower, upper = sqrt_ratio_at_tick(tick) + 12_345, first * 60, (first + width) * 60
    found = most_liquidity(price, lower, upper, token, amount)
    if found is None:
        assert amounts_for_liquidity(price, lower, upper, 10**30, round_up=True)[token] == 0
        return
    assert amounts_for_liquidity(price, lower, upper, found, round_up=True)[token] <= amount
    assert amounts_for_liquidity(price, lower, upper, found + 1, round_up=True)[token] > amount


@settings(deadline=None)
@given(
    st.integers(1, 4_000),
    st.integers(-3_000, 3_000),
    st.integers(-40, 40),
    st.integers(1, 40),
    st.booleans(),
    st.integers(1, 250),
)
def test_no_other_size_of_the_swap_mints_more(
    depth: int, tick: int, first: int, width: int, base_is_token0: bool, money: int
) -> None:
    pool = pool_at(sqrt_ratio_at_tick(tick), 3_000, 60, [(-FULL, FULL, depth)])
    lower, upper = first * 60, (first + width) * 60
    found = entry(pool, lower, upper, base_is_token0, money)
    most = 0
    for swapped in range(money + 1):
        after, bought = pool, 0
        if swapped:
            done = swap_exact_in(pool, not base_is_token0, swapped)
            after, bought = done.pool, -(done.amount0 if base_is_token0 else done.amount1)
        have = (bought, money - swapped) if base_is_token0 else (money - swapped, bought)
        limits = [most_liquidity(after.sqrt_price_x96, lower, upper, token, have[token]) for token in (0, 1)]
        most = max(most, min(limit for limit in limits if limit is not None))
    assert found.liquidity == most
    assert found.spent <= money


@settings(deadline=None)
@given(pools(), widths, st.booleans(), st.integers(1, 10**24))
def test_an_entry_spends_no_more_than_given(pool: Pool, width: int, base_is_token0: bool, money: int) -> None:
    lower, upper = range_around(pool, width)
    try:
        found = entry(pool, lower, upper, base_is_token0, money)
    except NotEnoughLiquidity:
        assume(False)
        return
    assert 0 <= found.spent <= money
    assert found.swapped <= money


@settings(deadline=None)
@given(pools(), widths, st.booleans(), st.integers(10**6, 10**20))
def test_in_and_out_again_loses_the_fees_and_rounding_only(
    pool: Pool, width: int, base_is_token0: bool, money: int
) -> None:
    lower, upper = range_around(pool, width)
    free = replace(pool, fee_pips=0)
    try:
        into = entry(free, lower, upper, base_is_token0, money)
        assume(into.liquidity > 10**6)
        position = RangePosition(lower, upper, into.liquidity, (0, 0))
        out = leaving(into.after, position, base_is_token0, into.liquidity)
        dear = entry(pool, lower, upper, base_is_token0, money)
    except NotEnoughLiquidity:
        assume(False)
        return
    assert out.received <= into.spent
    # Without a fee the pool is where it was. Each step, from one tick or end of a word to the next, rounds once, to the
    # coarser of the two units at the prices that it passes.
    prices = [(one.sqrt_price_x96 / 2**96) ** 2 for one in (free, into.after)]
    unit = max(1.0, *(price if base_is_token0 else 1 / price for price in prices))
    assert into.spent - out.received <= 2 * (8 + len(into.after.ticks)) * (unit + 1) + into.spent * 1e-9
    assert dear.liquidity <= into.liquidity


@settings(deadline=None, max_examples=50)
@given(pools(), widths, st.booleans(), st.integers(10**3, 10**21), st.integers(1, 100))
def test_a_machine_does_just_what_was_planned(
    pool: Pool, width: int, base_is_token0: bool, money: int, percent: int
) -> None:
    machine = machine_of(pool)
    lower, upper = range_around(machine.pool(), width)
    planned = entry(machine.pool(), lower, upper, base_is_token0, money)
    assume(planned.liquidity)
    assert enter(machine, US, lower, upper, base_is_token0, money, 2) == (planned.spent, planned.liquidity)
    assert machine.pool() == planned.after
    machine.swap(True, money, None, 3)
    machine.swap(False, 2 * money, None, 4)
    position = position_in(machine, US, lower, upper)
    assert position.liquidity == planned.liquidity
    part = max(1, position.liquidity * percent // 100)
    out = leaving(machine.pool(), position, base_is_token0, part)
    share = position.share_of_owed(part)
    before = machine.position(US, lower, upper)
    assert leave(machine, US, lower, upper, base_is_token0, part, 5) == out.received
    assert machine.pool() == out.after
    left = machine.position(US, lower, upper)
    assert left.liquidity == before.liquidity - part
    assert left.owed == (position.owed[0] - share[0], position.owed[1] - share[1])
    if part == position.liquidity:
        assert left.owed == (0, 0)


def test_only_the_base_token_is_bought_below_a_range_and_none_above() -> None:
    pool = pool_at(1 << 96, 3_000, 60, [(-FULL, FULL, 10**20)])
    above_the_price = entry(pool, 600, 1_200, True, 10**12)  # token0 is needed only
    assert above_the_price.swapped >= 10**12 - 10**6
    below = entry(pool, -1_200, -600, True, 10**12)
    assert (below.swapped, below.bought) == (0, 0)
    assert below.spent <= 10**12
    assert below.after == with_liquidity(pool, -1_200, -600, below.liquidity)


def test_an_exit_above_the_range_swaps_nothing() -> None:
    pool = pool_at(1 << 96, 3_000, 60, [(-FULL, FULL, 10**20), (-1_200, -600, 10**18)])
    out = leaving(pool, RangePosition(-1_200, -600, 10**18, (0, 7)), True, 10**18)
    assert (out.swapped, out.sold_for) == (0, 0)
    assert out.received == amounts_for_liquidity(1 << 96, -1_200, -600, 10**18, round_up=False)[1] + 7


def test_more_than_a_tick_may_carry_is_refused() -> None:
    pool = pool_at(1 << 96, 3_000, 60, [(-FULL, FULL, max_liquidity_per_tick(60) // 2)])
    with pytest.raises(NotEnoughLiquidity, match="cannot carry"):
        entry(pool, -60, 60, True, 10**33)


def test_more_than_there_is_cannot_be_left() -> None:
    pool = pool_at(1 << 96, 3_000, 60, [(-600, 600, 10**18)])
    for liquidity in (0, 11):
        with pytest.raises(ValueError, match="cannot be left"):
            leaving(pool, RangePosition(-600, 600, 10, (0, 0)), True, liquidity)


def test_an_entry_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="some money"):
        entry(pool_at(1 << 96, 3_000, 60, ()), -60, 60, True, 0)
