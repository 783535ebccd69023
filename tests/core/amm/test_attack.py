"""What-if attacks: bounds that hold for every size, profits that are found, and what liquidity for one swap changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.core.amm.attack import best_just_in_time, just_in_time, sandwich, taken_by_sandwich
from bot.core.amm.concentrated import NotEnoughLiquidity, Pool, UnknownTicks, pool_at, swap_exact_in
from bot.core.amm.quotes import Hop, NothingOut, Reserves, quote
from bot.core.units import BPS, bps_down

UNIT = 10**18


@st.composite
def markets(draw: st.DrawFn) -> Pool | Reserves:
    """Pools and pairs that hold some thousand units around a price of one."""
    if draw(st.booleans()):
        return Reserves(draw(st.integers(500 * UNIT, 9_000 * UNIT)), draw(st.integers(500 * UNIT, 9_000 * UNIT)))
    fee_pips, spacing = draw(st.sampled_from([(100, 1), (500, 10), (3_000, 60), (10_000, 200)]))
    ranges = st.tuples(st.integers(-30, 29), st.integers(1, 30), st.integers(UNIT, 100_000 * UNIT))
    end = 887_200 // spacing * spacing
    narrow = [(low * spacing, (low + wide) * spacing, depth) for low, wide, depth in draw(st.lists(ranges, max_size=4))]
    price = draw(st.integers((1 << 96) * 9 // 10, (1 << 96) * 11 // 10))
    return pool_at(price, fee_pips, spacing, [(-end, end, draw(st.integers(500 * UNIT, 9_000 * UNIT))), *narrow])


hops = st.builds(Hop, markets(), st.booleans())
amounts = st.integers(UNIT // 100, 200 * UNIT)
slippages = st.integers(0, 2_000)


def round_trip(hop: Hop, size: int, amount_in: int) -> tuple[int, int]:
    """(victim's fill, attacker's profit) of a sandwich, step by step."""
    try:
        first = quote((hop,), size)
    except NothingOut:
        return quote((hop,), amount_in).amount_out, 0
    second = quote(first.after, amount_in)
    try:
        back = quote((replace(second.after[0], zero_for_one=not hop.zero_for_one),), first.amount_out).amount_out
    except ValueError:  # nothing comes back
        back = 0
    return second.amount_out, back - size


@settings(deadline=None)
@example(
    Hop(
        pool_at(76443669365706856754262438935, 100, 1, [(-887_200, 887_200, 813637840657833656282)]),
        False,
    ),
    9_223_372_036_854_775_805,
    0,
    False,
    133_334,
)
@given(hops, amounts, slippages, st.booleans(), st.integers(0, 10**6))
def test_no_attack_that_the_victim_survives_takes_or_earns_more_than_is_said(
    hop: Hop, amount_in: int, slippage: int, in_money: bool, part: int
) -> None:
    fill = quote((hop,), amount_in).amount_out
    least = bps_down(fill, BPS - slippage)
    seen = sandwich(hop, amount_in, least, in_money)
    assert least <= seen.least_fill <= seen.paying_fill <= seen.fill == fill
    assert 0 <= seen.best <= seen.paying <= seen.largest
    assert seen.pays == (seen.best > 0) == (seen.paying > 0)
    # One unit more and the victim's swap fails, so nothing is taken.
    assert seen.largest == 0 or round_trip(hop, seen.largest, amount_in)[0] == seen.least_fill
    assert round_trip(hop, seen.largest + 1, amount_in)[0] < least
    size = max(1, seen.largest * part // 10**6)
    if size <= seen.largest:
        met, earned = round_trip(hop, size, amount_in)
        # To the unit a fill is not monotone in the attack: each stretch between two ticks rounds down by up to one.
        assert met >= seen.least_fill - 1 - (len(hop.market.ticks) if isinstance(hop.market, Pool) else 0)
        # Where liquidity changes there may be several peaks; none was ever found to be missed by more than this.
        assert earned <= max(seen.best_profit, 0) + amount_in // 10_000
        if not seen.pays:
            assert earned <= 0
    if seen.pays:
        assert round_trip(hop, seen.best, amount_in) == (seen.best_fill, seen.best_profit)
        met, earned = round_trip(hop, seen.paying, amount_in)
        assert earned > 0
        assert met == seen.paying_fill


@settings(deadline=None)
@given(
    st.integers(10**9, 10**12),
    st.integers(10**9, 10**12),
    st.booleans(),
    st.integers(10**6, 10**11),
    st.integers(0, 9_000),
)
def test_in_a_pair_no_size_of_many_earns_more_than_the_best_found(
    reserve0: int, reserve1: int, zero_for_one: bool, amount_in: int, slippage: int
) -> None:
    hop = Hop(Reserves(reserve0, reserve1), zero_for_one)
    fill = quote((hop,), amount_in).amount_out
    seen = sandwich(hop, amount_in, max(1, bps_down(fill, BPS - slippage)), in_money=True)
    sizes = {seen.largest * step // 200 for step in range(1, 201)} | {seen.largest >> bits for bits in range(30)}
    best = max((round_trip(hop, size, amount_in)[1] for size in sizes if size), default=0)
    # Whole units make a profit jump by what one of the other token is worth, at each swap.
    unit = max(reserve0 // reserve1, reserve1 // reserve0) + 1
    assert seen.best_profit >= best - 4 * unit - best // 10**5


def test_a_sandwich_pays_once_the_victims_impact_exceeds_two_fees() -> None:
    deep = Hop(pool_at(1 << 96, 3_000, 60, [(-887_220, 887_220, 10_000 * UNIT)]), True)
    pays = []
    for amount in (20, 28, 29, 31, 32, 40):  # an input of 1/L moves the square root of the price by 1/L
        fill = quote((deep,), amount * UNIT).amount_out
        pays.append(sandwich(deep, amount * UNIT, bps_down(fill, 9_900), in_money=True).pays)
    assert pays == [False, False, False, True, True, True]


def test_losses_are_told_in_money_at_spot_either_way() -> None:
    pool = pool_at(3 << 96, 500, 10, [(-887_270, 887_270, 10_000 * UNIT)])  # a token0 is worth 9 of token1
    for zero_for_one, in_money in ((True, True), (True, False), (False, True), (False, False)):
        hop = Hop(pool, zero_for_one)
        amount = 100 * UNIT
        fill = quote((hop,), amount).amount_out
        seen = sandwich(hop, amount, bps_down(fill, 9_900), in_money)
        rate = 1.0 if not in_money else (1 / 9 if zero_for_one else 9.0)
        assert seen.loss_bound == pytest.approx((fill - seen.least_fill) * rate, rel=1e-12)
        assert seen.paying_loss == pytest.approx((fill - seen.paying_fill) * rate, rel=1e-12)
        assert seen.loss_bound >= seen.paying_loss > 0


def test_without_tolerance_nothing_can_be_taken() -> None:
    hop = Hop(pool_at(1 << 96, 500, 10, [(-887_270, 887_270, 1_000 * UNIT)]), False)
    fill = quote((hop,), 50 * UNIT).amount_out
    seen = sandwich(hop, 50 * UNIT, fill, in_money=True)
    assert (seen.loss_bound, seen.paying_loss, seen.pays) == (0, 0, False)


def test_refuses_a_least_amount_that_the_swap_does_not_pay_even_undisturbed() -> None:
    hop = Hop(Reserves(1_000 * UNIT, 1_000 * UNIT), True)
    fill = quote((hop,), UNIT).amount_out
    with pytest.raises(ValueError, match="reverts without any attack"):
        sandwich(hop, UNIT, fill + 1, in_money=True)


def test_what_a_sandwich_takes_is_bounded_by_the_least_amount_where_ticks_were_not_read() -> None:
    whole = pool_at(1 << 96, 500, 10, [(-887_270, 887_270, 10_000 * UNIT)])
    window = replace(whole, ticks=(), known_lower=-60, known_upper=60)
    for pool, hop in ((whole, Hop(whole, True)), (window, Hop(window, True))):
        fill = quote((hop,), 20 * UNIT).amount_out
        least = bps_down(fill, 9_500)
        taken, tolerated = taken_by_sandwich(hop, 20 * UNIT, least, 10, in_money=True)
        assert tolerated == fill - bps_down(fill, BPS - 10)
        assert taken == (fill - least if pool is window else fill - sandwich(hop, 20 * UNIT, least, True).paying_fill)
    with pytest.raises(UnknownTicks):
        sandwich(Hop(window, True), 20 * UNIT, least, in_money=True)


def test_what_may_be_taken_is_not_searched_for_where_the_least_amount_says_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hop = Hop(pool_at(1 << 96, 500, 10, [(-887_270, 887_270, 10_000 * UNIT)]), True)
    fill = quote((hop,), 20 * UNIT).amount_out
    monkeypatch.setattr("bot.core.amm.attack.sandwich", None)
    assert taken_by_sandwich(hop, 20 * UNIT, bps_down(fill, 9_950), 50, True)[0] == fill - bps_down(fill, 9_950)
    assert taken_by_sandwich(hop, 20 * UNIT, fill + 5, 0, True) == (0, 0)


@settings(deadline=None)
@given(
    markets().filter(lambda market: isinstance(market, Pool)),
    st.booleans(),
    amounts,
    st.integers(-3, 3),
    st.integers(1, 6),
    st.integers(1, 10**24),
)
def test_liquidity_for_one_swap_never_costs_the_victim_more_than_rounding(
    pool: Pool, zero_for_one: bool, amount_in: int, first: int, wide: int, liquidity: int
) -> None:
    hop, near = Hop(pool, zero_for_one), pool.tick // pool.tick_spacing + first
    lower, upper = near * pool.tick_spacing, (near + wide) * pool.tick_spacing
    seen = just_in_time(hop, amount_in, lower, upper, liquidity, in_money=True)
    assert seen.victim_gain >= -10_000  # raw units of 10^18: the new ticks round once more
    assert 0 <= seen.fees <= swap_exact_in(pool, zero_for_one, amount_in).fee_paid
    assert abs(seen.fees - seen.standing_fees_lost) <= 10_000


def test_unlimited_liquidity_for_one_swap_takes_nearly_all_fees_of_a_swap_that_stays_inside() -> None:
    hop = Hop(pool_at(1 << 96, 3_000, 60, [(-887_220, 887_220, 1_000 * UNIT)]), True)
    found = best_just_in_time(hop, UNIT, in_money=True)
    assert found
    fee = swap_exact_in(hop.market, True, UNIT).fee_paid if isinstance(hop.market, Pool) else 0
    assert fee * 999 // 1_000 < found.fees <= fee
    assert found.victim_gain > 0
    assert found.profit > 0
    for liquidity in (1, UNIT, 10**21, 10**25):
        other = just_in_time(hop, UNIT, found.lower, found.upper, liquidity, in_money=True)
        assert other.profit <= found.profit * 1001 // 1000


def test_liquidity_for_one_swap_of_dust_pays_nobody() -> None:
    hop = Hop(pool_at(1 << 96, 500, 10, [(-60, 60, 10**24)]), True)
    assert best_just_in_time(hop, 1, in_money=True) is None


def test_a_pair_has_no_ranges_to_attack_with() -> None:
    with pytest.raises(ValueError, match="concentrated pool"):
        just_in_time(Hop(Reserves(10**20, 10**20), True), UNIT, -60, 60, UNIT, in_money=True)
    with pytest.raises(ValueError, match="concentrated pool"):
        best_just_in_time(Hop(Reserves(10**20, 10**20), True), UNIT, in_money=True)


def test_refuses_a_swap_that_the_pool_cannot_fill() -> None:
    hop = Hop(pool_at(1 << 96, 3_000, 60, [(-60, 60, UNIT)]), True)
    with pytest.raises(NotEnoughLiquidity):
        sandwich(hop, 10**20, 0, in_money=True)
