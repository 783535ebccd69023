"""What holds for every pool and every swap: no free money, no overshoot, no answer from unread ticks."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from bot.core.amm.concentrated import (
    Pool,
    Swap,
    UnknownTicks,
    amounts_for_liquidity,
    liquidity_for_amounts,
    nudge,
    pool_at,
    swap,
    value_at_spot_down,
    with_liquidity,
)
from bot.core.amm.swap_math import PIPS
from bot.core.amm.tick_math import sqrt_ratio_at_tick, tick_at_sqrt_ratio

TIERS = [(0, 10), (100, 1), (500, 10), (3000, 60), (10_000, 200)]
amounts = st.integers(1, 10**26)
directions = st.booleans()


@st.composite
def pools(draw: st.DrawFn) -> Pool:
    """A pool with a wide position and up to four narrow ones around its price."""
    fee_pips, spacing = draw(st.sampled_from(TIERS))
    tick = draw(st.integers(-20_000, 20_000))
    price = draw(st.integers(sqrt_ratio_at_tick(tick), sqrt_ratio_at_tick(tick + 1) - 1))
    near = tick // spacing
    ranges = st.tuples(st.integers(near - 30, near + 30), st.integers(1, 60), st.integers(1, 10**24))
    narrow = draw(st.lists(ranges, max_size=4))
    positions = [(first * spacing, (first + width) * spacing, depth) for first, width, depth in narrow]
    wide = (near - 400) * spacing, (near + 400) * spacing, draw(st.integers(10**3, 10**24))
    return pool_at(price, fee_pips, spacing, [wide, *positions])


def paid(done: Swap, zero_for_one: bool) -> int:
    return done.amount0 if zero_for_one else done.amount1


def received(done: Swap, zero_for_one: bool) -> int:
    return -(done.amount1 if zero_for_one else done.amount0)


@given(pools(), directions, amounts)
def test_a_swap_takes_no_more_than_given_and_moves_the_price_one_way(
    pool: Pool, zero_for_one: bool, amount: int
) -> None:
    done = swap(pool, zero_for_one, amount)
    assert 0 <= paid(done, zero_for_one) <= amount
    assert received(done, zero_for_one) >= 0
    assert paid(done, zero_for_one) * pool.fee_pips <= done.fee_paid * PIPS <= paid(done, zero_for_one) * PIPS
    before, after = pool.sqrt_price_x96, done.pool.sqrt_price_x96
    assert after <= before if zero_for_one else after >= before


@given(pools(), directions, amounts)
def test_tick_and_liquidity_after_a_swap_follow_from_the_price(pool: Pool, zero_for_one: bool, amount: int) -> None:
    after = swap(pool, zero_for_one, amount).pool
    tick_of_price = tick_at_sqrt_ratio(after.sqrt_price_x96)
    on_a_tick = sqrt_ratio_at_tick(tick_of_price) == after.sqrt_price_x96
    assert after.tick == tick_of_price or (on_a_tick and after.tick == tick_of_price - 1)
    assert after.liquidity == sum(net for tick, net in after.ticks if tick <= after.tick)


@given(pools(), directions, amounts)
def test_a_round_trip_never_profits(pool: Pool, zero_for_one: bool, amount: int) -> None:
    there = swap(pool, zero_for_one, amount)
    assume(received(there, zero_for_one) > 0)
    back = swap(there.pool, not zero_for_one, received(there, zero_for_one))
    assert received(back, not zero_for_one) <= paid(there, zero_for_one)


@given(pools(), directions, amounts, amounts)
def test_a_split_swap_is_never_better_than_the_whole(pool: Pool, zero_for_one: bool, one: int, two: int) -> None:
    whole = swap(pool, zero_for_one, one + two)
    assume(paid(whole, zero_for_one) == one + two)
    first = swap(pool, zero_for_one, one)
    second = swap(first.pool, zero_for_one, two)
    parts = received(first, zero_for_one) + received(second, zero_for_one)
    assert parts <= received(whole, zero_for_one)


@given(pools(), directions, amounts, st.integers(1, 30_000))
def test_the_price_limit_is_respected_and_reached_unless_the_amount_ran_out(
    pool: Pool, zero_for_one: bool, amount: int, distance: int
) -> None:
    limit = sqrt_ratio_at_tick(pool.tick - distance if zero_for_one else pool.tick + 1 + distance)
    done = swap(pool, zero_for_one, amount, limit)
    after = done.pool.sqrt_price_x96
    assert after >= limit if zero_for_one else after <= limit
    assert after == limit or paid(done, zero_for_one) == amount


@given(pools(), directions, amounts)
def test_exact_output_of_less_than_an_exact_input_bought_costs_no_more(
    pool: Pool, zero_for_one: bool, amount: int
) -> None:
    # Of as much as it bought, it can: a step that yields just that much, rounded down, is walked to its end.
    bought = swap(pool, zero_for_one, amount)
    output = received(bought, zero_for_one) - 1
    assume(output > 0)
    asked = swap(pool, zero_for_one, -output)
    assert received(asked, zero_for_one) == output
    assert paid(asked, zero_for_one) <= paid(bought, zero_for_one)


@given(pools(), directions, amounts)
def test_exact_input_of_what_an_exact_output_cost_buys_no_less(pool: Pool, zero_for_one: bool, amount: int) -> None:
    asked = swap(pool, zero_for_one, -amount)
    assume(received(asked, zero_for_one) == amount)
    bought = swap(pool, zero_for_one, paid(asked, zero_for_one))
    assert received(bought, zero_for_one) >= amount


@given(pools(), st.lists(st.tuples(directions, amounts, st.booleans()), max_size=8), st.data())
def test_a_pool_can_always_pay_out_every_position(
    pool: Pool, orders: list[tuple[bool, int, bool]], data: st.DataObject
) -> None:
    lower = data.draw(st.integers(-80, 79)) * pool.tick_spacing
    upper = lower + data.draw(st.integers(1, 80)) * pool.tick_spacing
    depth = data.draw(st.integers(1, 10**24))
    only = pool_at(pool.sqrt_price_x96, pool.fee_pips, pool.tick_spacing, [(lower, upper, depth)])
    held = amounts_for_liquidity(only.sqrt_price_x96, lower, upper, depth, round_up=True)
    for zero_for_one, amount, exact_in in orders:
        try:
            done = swap(only, zero_for_one, amount if exact_in else -amount)
        except ValueError:  # the price is already at the end of its range
            continue
        held, only = (held[0] + done.amount0, held[1] + done.amount1), done.pool
    owed = amounts_for_liquidity(only.sqrt_price_x96, lower, upper, depth, round_up=False)
    assert owed[0] <= held[0]
    assert owed[1] <= held[1]


@given(pools(), directions, amounts, st.integers(0, 400), st.integers(0, 400))
def test_a_pool_read_in_part_answers_as_the_whole_or_says_that_it_cannot(
    pool: Pool, zero_for_one: bool, amount: int, below: int, above: int
) -> None:
    lower = (pool.tick // pool.tick_spacing - below) * pool.tick_spacing
    upper = (pool.tick // pool.tick_spacing + 1 + above) * pool.tick_spacing
    read = tuple(entry for entry in pool.ticks if lower <= entry[0] <= upper)
    window = replace(pool, ticks=read, known_lower=lower, known_upper=upper, gross=None)
    whole = swap(pool, zero_for_one, amount)
    inside = sqrt_ratio_at_tick(lower) <= whole.pool.sqrt_price_x96 <= sqrt_ratio_at_tick(upper)
    try:
        part = swap(window, zero_for_one, amount)
    except UnknownTicks:
        assert not inside
        return
    assert inside
    assert (part.amount0, part.amount1, part.fee_paid) == (whole.amount0, whole.amount1, whole.fee_paid)
    assert (part.pool.sqrt_price_x96, part.pool.liquidity) == (
        whole.pool.sqrt_price_x96,
        whole.pool.liquidity,
    )


@given(pools(), st.integers(-40, 40), st.integers(1, 40), st.integers(1, 10**24))
def test_a_mint_burned_at_once_restores_the_pool_and_never_profits(
    pool: Pool, first: int, width: int, depth: int
) -> None:
    lower, upper = first * pool.tick_spacing, (first + width) * pool.tick_spacing
    minted = with_liquidity(pool, lower, upper, depth)
    assert with_liquidity(minted, lower, upper, -depth) == pool
    owed = amounts_for_liquidity(pool.sqrt_price_x96, lower, upper, depth, round_up=True)
    returned = amounts_for_liquidity(pool.sqrt_price_x96, lower, upper, depth, round_up=False)
    assert 0 <= owed[0] - returned[0] <= 1
    assert 0 <= owed[1] - returned[1] <= 1


@given(pools(), st.integers(-40, 40), st.integers(1, 40), amounts, amounts)
def test_liquidity_for_amounts_never_asks_for_more_than_the_amounts(
    pool: Pool, first: int, width: int, amount0: int, amount1: int
) -> None:
    lower, upper = first * pool.tick_spacing, (first + width) * pool.tick_spacing
    liquidity = liquidity_for_amounts(pool.sqrt_price_x96, lower, upper, amount0, amount1)
    owed = amounts_for_liquidity(pool.sqrt_price_x96, lower, upper, liquidity, round_up=True)
    assert owed[0] <= amount0
    assert owed[1] <= amount1


@given(pools(), st.integers(-6000, 6000), st.integers(0, 500))
def test_a_nudge_with_deep_pockets_always_ends_inside_the_band(pool: Pool, shift: int, width: int) -> None:
    low = sqrt_ratio_at_tick(pool.tick + shift)
    high = sqrt_ratio_at_tick(pool.tick + shift + width)
    done = nudge(pool, low, high)
    after = pool if done is None else done.pool
    assert low <= after.sqrt_price_x96 <= high
    assert (done is None) == (low <= pool.sqrt_price_x96 <= high)


@given(pools(), st.integers(0, 10**30), directions)
def test_value_at_spot_there_and_back_never_grows(pool: Pool, amount: int, is_token0: bool) -> None:
    there = value_at_spot_down(pool, amount, is_token0)
    assert value_at_spot_down(pool, there, not is_token0) <= amount
