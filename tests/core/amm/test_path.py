"""A row of swaps reckoned at once ends where they end one by one, wherever they stop, cross or are refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from bot.core.amm.concentrated import Order, Pool, pool_at, swap
from bot.core.amm.path import swapped
from bot.core.amm.tick_math import MAX_SQRT_RATIO, MAX_TICK, MIN_SQRT_RATIO, MIN_TICK, sqrt_ratio_at_tick

SPACINGS = [(0, 10), (100, 1), (500, 10), (3000, 60), (10_000, 200)]
sizes = st.one_of(st.integers(1, 100), st.integers(1, 10**21), st.integers(1, 10**30))
swaps = st.tuples(st.booleans(), sizes | sizes.map(lambda size: -size), st.none() | st.integers(-400, 400))


@st.composite
def pools(draw: st.DrawFn) -> Pool:
    """A pool near the end of a word as often as not, on a tick as often as not, with narrow positions around it."""
    fee_pips, spacing = draw(st.sampled_from(SPACINGS))
    word = draw(st.integers(-3, 3)) * 256
    near = word + draw(st.sampled_from([-2, -1, 0, 1, 254, 255]) | st.integers(-300, 300))
    tick = near * spacing + draw(st.integers(0, spacing - 1))
    low, high = sqrt_ratio_at_tick(tick), sqrt_ratio_at_tick(tick + 1) - 1
    price = draw(st.sampled_from([low, high]) | st.integers(low, high))
    ranges = st.tuples(st.integers(near - 5, near + 5), st.integers(1, 10), st.integers(1, 10**24))
    positions = [(a * spacing, (a + b) * spacing, depth) for a, b, depth in draw(st.lists(ranges, max_size=4))]
    full = MAX_TICK // spacing * spacing
    return pool_at(price, fee_pips, spacing, [(-full, full, draw(st.integers(10**3, 10**24))), *positions])


def one_by_one(pool: Pool, orders: list[Order]) -> Pool | str:
    """Where the swaps end, or how the first that is refused is refused."""
    for order in orders:
        try:
            pool = swap(pool, *order).pool
        except ValueError as error:
            return f"{type(error).__name__}: {error}"
    return pool


def at_once(pool: Pool, orders: list[Order]) -> Pool | str:
    try:
        return swapped(pool, orders)
    except ValueError as error:
        return f"{type(error).__name__}: {error}"


@given(pools(), st.lists(swaps, max_size=8))
def test_swaps_at_once_end_as_one_by_one(pool: Pool, drawn: list[tuple[bool, int, int | None]]) -> None:
    orders = [(way, size, None if away is None else sqrt_ratio_at_tick(pool.tick + away)) for way, size, away in drawn]
    expected = one_by_one(pool, orders)
    event("refused" if isinstance(expected, str) else "moved" if expected != pool else "stood still")
    assert at_once(pool, orders) == expected


@given(pools(), st.lists(st.tuples(st.booleans(), sizes), max_size=8), st.integers(0, 8), st.integers(1, 8))
def test_swaps_at_once_leave_no_window_that_was_read(
    pool: Pool, drawn: list[tuple[bool, int]], below: int, above: int
) -> None:
    lower, upper = pool.tick - below * pool.tick_spacing, pool.tick + above * pool.tick_spacing
    read = tuple(entry for entry in pool.ticks if lower <= entry[0] <= upper)
    window = replace(pool, ticks=read, known_lower=lower, known_upper=upper, gross=None)
    orders: list[Order] = [(way, size, None) for way, size in drawn]
    assert at_once(window, orders) == one_by_one(window, orders)


@pytest.mark.parametrize("zero_for_one", [True, False])
@pytest.mark.parametrize("size", [1, 10**9, 10**40])
def test_swaps_at_once_end_at_the_last_price_of_all_as_one_by_one(zero_for_one: bool, size: int) -> None:
    edge = MIN_SQRT_RATIO + 1 if zero_for_one else MAX_SQRT_RATIO - 1
    for price in (edge, edge + (2 if zero_for_one else -2)):
        pool = pool_at(price, 3000, 1, [(MIN_TICK, MAX_TICK, 10**6)])
        orders: list[Order] = [(zero_for_one, size, None), (not zero_for_one, 7, None), (zero_for_one, size, None)]
        assert at_once(pool, orders) == one_by_one(pool, orders)


@pytest.mark.parametrize("amount", [0, 1 << 255])
def test_an_amount_that_is_no_amount_is_refused(amount: int) -> None:
    pool = pool_at(1 << 96, 3000, 60, [(-600, 600, 10**18)])
    with pytest.raises(ValueError, match="must be a non-zero int256"):
        swapped(pool, [(True, 1, None), (True, amount, None)])
