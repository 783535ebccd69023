"""Quotes over one market and several: exact, inverse, the largest within a loss, and the best split of an amount."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bot.core.amm.concentrated import (
    NotEnoughLiquidity,
    Pool,
    UnknownTicks,
    pool_at,
    swap_exact_in,
    value_at_spot_down,
)
from bot.core.amm.constant_product import RESERVE_MAX, Pair, PairReverted
from bot.core.amm.quotes import (
    Hop,
    NothingOut,
    Quote,
    Reserves,
    Route,
    largest_within,
    least_in,
    quote,
    quote_exact_out,
    spot,
    value_and_loss,
)
from bot.core.amm.search import last_accepted
from bot.core.amm.split import best_split
from bot.core.amm.tick_math import sqrt_ratio_at_tick
from bot.core.units import BPS
from tests.core.amm.test_concentrated_properties import pools

EVEN = pool_at(1 << 96, 3_000, 60, [(-887_220, 887_220, 10**20)])
PAIR = Reserves(10**20, 4 * 10**20)
reserves = st.builds(Reserves, st.integers(10**3, 10**24), st.integers(10**3, 10**24))
hops = st.builds(Hop, st.one_of(pools(), reserves), st.booleans())
routes = st.lists(hops, min_size=1, max_size=3).map(tuple)
small_pools = st.builds(
    lambda liquidity, tick: pool_at(sqrt_ratio_at_tick(tick), 3_000, 60, [(-887_220, 887_220, liquidity)]),
    st.integers(1, 3_000),
    st.integers(-5_000, 5_000),
)
deep = st.one_of(
    st.builds(
        lambda near, far, width: pool_at(
            1 << 96, 3_000, 60, [(-887_220, 887_220, far), (-60 * width, 60 * width, near)]
        ),
        st.integers(10**18, 10**24),
        st.integers(10**18, 10**23),
        st.integers(1, 200),
    ),
    st.builds(Reserves, st.integers(10**18, 10**24), st.integers(10**18, 10**24)),
)
small_reserves = st.builds(Reserves, st.integers(2, 500), st.integers(2, 500))


def paid_out(route: Route, given: int) -> int | None:
    """The output of an input, None where it does not fit."""
    if given == 0:
        return 0
    try:
        return quote(route, given).amount_out
    except NothingOut:
        return 0
    except (NotEnoughLiquidity, UnknownTicks):
        return None


def test_one_hop_is_the_pools_own_swap() -> None:
    done, swapped = quote((Hop(EVEN, True),), 10**18), swap_exact_in(EVEN, True, 10**18)
    assert (done.amount_out, done.after[0].market) == (-swapped.amount1, swapped.pool)


@settings(deadline=None)
@given(reserves, st.booleans(), st.integers(1, 10**24))
def test_a_pair_pays_what_it_is_quoted_for_and_not_a_unit_more(pair: Reserves, zero_for_one: bool, amount: int) -> None:
    hop = Hop(pair, zero_for_one)
    wanted = paid_out((hop,), amount)
    assume(wanted)
    assert wanted

    def real(out: int) -> tuple[int, int]:
        machine = Pair()
        machine.reserves = (pair.reserve0, pair.reserve1)
        if zero_for_one:
            machine.swap(0, out, amount, 0, 0)
        else:
            machine.swap(out, 0, 0, amount, 0)
        return machine.reserves

    after = quote((hop,), amount).after[0].market
    assert isinstance(after, Reserves)
    assert real(wanted) == (after.reserve0, after.reserve1)
    with pytest.raises(PairReverted):
        real(wanted + 1)


@settings(deadline=None)
@given(routes, st.integers(1, 10**24))
def test_a_route_is_its_hops_one_after_the_other(route: Route, amount: int) -> None:
    whole = paid_out(route, amount)
    assume(whole is not None and whole > 0)
    for hop in route:
        amount = quote((hop,), amount).amount_out
    assert amount == whole


@settings(deadline=None)
@given(routes, st.integers(1, 10**24), st.integers(1, 10**22))
def test_more_input_never_pays_less(route: Route, amount: int, more: int) -> None:
    less, larger = paid_out(route, amount), paid_out(route, amount + more)
    assert larger is None or (less is not None and less <= larger)


@settings(deadline=None)
@given(routes, st.integers(1, 10**22))
def test_the_least_input_pays_enough_and_one_unit_less_does_not(route: Route, wanted: int) -> None:
    try:
        done = least_in(route, wanted)
    except ValueError:
        assume(False)
    assert done.amount_out >= wanted
    below = paid_out(route, done.amount_in - 1)
    assert below is not None
    assert below < wanted


@settings(deadline=None)
@given(routes, st.integers(1, 10**22))
def test_an_exact_output_costs_about_the_least_input_hop_by_hop(route: Route, wanted: int) -> None:
    try:
        asked, least = quote_exact_out(route, wanted), least_in(route, wanted)
    except ValueError:
        assume(False)
    assert asked.amount_out == wanted
    assert least.amount_in <= asked.amount_in


def test_a_pairs_least_input_is_one_below_the_routers_where_the_division_has_no_remainder() -> None:
    route = (Hop(Reserves(997 * 10**3, 2 * 10**6), True),)
    assert quote_exact_out(route, 10**6).amount_in == 10**6 + 1
    assert least_in(route, 10**6).amount_in == 10**6


@pytest.mark.parametrize(
    ("route", "amount", "error"),
    [
        ((), 1, ValueError),
        ((Hop(EVEN, True),), 0, ValueError),
        ((Hop(PAIR, True),), -1, ValueError),
        ((Hop(EVEN, True),), 10**60, NotEnoughLiquidity),
        ((Hop(PAIR, True),), RESERVE_MAX, NotEnoughLiquidity),
        ((Hop(Reserves(10**9, 10), True),), 5, NothingOut),
        ((Hop(pool_at(1 << 96, 3_000, 60, [(-600, 600, 10**18)]), True), Hop(EVEN, True)), 1, NothingOut),
    ],
    ids=["no hops", "nothing", "less than nothing", "too much", "beyond uint112", "dust in a pair", "dust on the way"],
)
def test_refuses_what_the_contracts_would_refuse(route: Route, amount: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        quote(route, amount)


@pytest.mark.parametrize("market", [EVEN, PAIR], ids=["pool", "pair"])
@pytest.mark.parametrize("wanted", [0, 10**60], ids=["nothing", "more than there is"])
def test_refuses_an_exact_output_that_no_market_pays(market: Pool | Reserves, wanted: int) -> None:
    with pytest.raises(ValueError, match=r"positive|pay|INSUFFICIENT|int256"):
        quote_exact_out((Hop(market, True),), wanted)
    with pytest.raises(ValueError, match=r"positive|pay|INSUFFICIENT|int256"):
        least_in((Hop(market, True),), wanted)


@settings(deadline=None)
@given(pools(), st.booleans(), st.integers(0, 10**24))
def test_spot_values_an_amount_as_the_pool_does(pool: Pool, zero_for_one: bool, amount: int) -> None:
    numerator, denominator = spot((Hop(pool, zero_for_one),))
    assert amount * numerator // denominator == value_at_spot_down(pool, amount, zero_for_one)


@settings(deadline=None)
@given(routes, st.integers(1, 10**26), st.integers(0, BPS), st.booleans())
def test_the_largest_within_a_loss_is_within_it(route: Route, most: int, loss_bps: int, in_money: bool) -> None:
    done = largest_within(route, most, loss_bps, in_money)
    if done is not None:
        value, loss = value_and_loss(route, done, in_money)
        assert loss * BPS <= value * loss_bps
        assert done == quote(route, done.amount_in)
        assert 0 < done.amount_in <= most


@settings(deadline=None)
@given(st.one_of(small_pools, small_reserves), st.booleans(), st.integers(1, 300), st.integers(40, 4_000))
def test_one_unit_more_than_the_largest_within_a_loss_loses_more(
    market: Pool | Reserves, zero_for_one: bool, most: int, loss_bps: int
) -> None:
    route = (Hop(market, zero_for_one),)
    done = largest_within(route, most, loss_bps, in_money=True)
    following = (done.amount_in if done else 0) + 1
    out = paid_out(route, following)
    if following <= most and out is not None:
        numerator, denominator = spot(route)
        assert (following - out * denominator // numerator) * BPS > following * loss_bps


@settings(deadline=None)
@given(deep, st.booleans(), st.integers(31, 3_000), st.booleans())
def test_a_little_more_than_the_largest_within_a_loss_loses_more(
    market: Pool | Reserves, zero_for_one: bool, loss_bps: int, in_money: bool
) -> None:
    route, most = (Hop(market, zero_for_one),), 10**27
    done = largest_within(route, most, loss_bps, in_money)
    assert done is not None
    assert 0 < done.amount_in < most
    more = quote(route, done.amount_in + done.amount_in // 1_000)
    value, loss = value_and_loss(route, more, in_money)
    assert loss * BPS > value * loss_bps


@pytest.mark.parametrize("in_money", [True, False])
def test_nothing_is_within_a_loss_below_the_fees(in_money: bool) -> None:
    for route in ((Hop(EVEN, True),), (Hop(PAIR, False),)):
        assert largest_within(route, 10**18, 30, in_money) is None
        assert largest_within(route, 10**18, 31, in_money) is not None
        assert largest_within(route, 0, 10_000, in_money) is None
    both = (Hop(EVEN, True), Hop(PAIR, True))
    assert largest_within(both, 10**18, 59, in_money) is None
    assert largest_within(both, 10**18, 61, in_money) is not None


def test_the_search_takes_few_swaps(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = counted_quotes(monkeypatch, "bot.core.amm.quotes.quote")
    deep = pool_at(1 << 96, 3_000, 60, [(-60_000, 60_000, 10**23), (-600, 600, 10**24), (-1_200, 2_400, 10**22)])
    for money in (10**20, 10**21, 10**22, 10**23, 10**24):
        for loss_bps in (35, 50, 100, 500):
            asked.clear()
            largest_within((Hop(deep, True),), money, loss_bps, in_money=False)
            assert len(asked) <= 24


@settings(deadline=None)
@given(st.integers(0, 2_000), st.integers(0, 2_000), st.integers(1, 5), st.integers(1, 50))
def test_the_last_accepted_number_of_a_rising_excess_is_found(edge: int, room: int, power: int, steep: int) -> None:
    def excess(x: int) -> int | None:
        return (x**power - edge**power) * steep if x <= edge + room // 2 else None

    high = edge + room + 1
    assert last_accepted(excess, 0, high, excess(0) or 0, excess(high)) == edge


@settings(deadline=None)
@given(st.lists(st.one_of(hops.map(lambda hop: (hop,)), routes), min_size=1, max_size=4), st.integers(1, 10**24))
def test_a_split_sums_to_the_amount_and_is_never_worse_than_one_route(many: list[Route], amount: int) -> None:
    singles = [paid_out(route, amount) for route in many]
    try:
        split = best_split(many, amount)
    except NotEnoughLiquidity:
        assert all(out is None for out in singles)
        return
    except NothingOut:
        assert not any(singles)
        return
    assert split.amount_in == amount
    for route, part in zip(many, split.parts, strict=True):
        assert part is None or part == quote(route, part.amount_in)
    assert split.amount_out >= max((out for out in singles if out is not None), default=0)


@settings(deadline=None)
@given(
    st.lists(st.builds(Hop, st.one_of(small_pools, small_reserves), st.booleans()), min_size=2, max_size=3),
    st.integers(1, 40),
)
def test_a_small_split_is_within_a_unit_a_route_of_the_best_of_all(markets: list[Hop], amount: int) -> None:
    many: list[Route] = [(hop,) for hop in markets]
    outs = [[paid_out(route, given) for given in range(amount + 1)] for route in many]
    best = max(
        sum(out[part] or 0 for out, part in zip(outs, parts, strict=True))
        for parts in product(range(amount + 1), repeat=len(many))
        if sum(parts) == amount and all(out[part] is not None for out, part in zip(outs, parts, strict=True))
    )
    try:
        split = best_split(many, amount)
    except NothingOut:
        assert best <= len(many)
        return
    assert best - len(many) <= split.amount_out <= best


@settings(deadline=None)
@given(st.integers(10**15, 10**21), st.booleans())
def test_a_large_split_leaves_one_marginal_price(amount: int, zero_for_one: bool) -> None:
    many: list[Route] = [
        (Hop(EVEN, zero_for_one),),
        (Hop(pool_at(1 << 96, 500, 10, [(-887_270, 887_270, 10**19)]), zero_for_one),),
        (Hop(Reserves(3 * 10**20, 3 * 10**20), zero_for_one),),
    ]
    split = best_split(many, amount)
    for step in (1, 7, amount // 10**4, amount // 50):
        moved = neighbours([part.amount_in if part else 0 for part in split.parts], step)
        for parts in moved:
            total = sum(paid_out(route, part) or 0 for route, part in zip(many, parts, strict=True))
            assert total <= split.amount_out + len(many)


def neighbours(parts: list[int], step: int) -> list[list[int]]:
    found = []
    for giver, taker in product(range(len(parts)), repeat=2):
        if giver != taker and parts[giver] >= step:
            changed = list(parts)
            changed[giver] -= step
            changed[taker] += step
            found.append(changed)
    return found


@pytest.mark.parametrize(("many", "amount"), [([], 1), ([(Hop(EVEN, True),)], 0)], ids=["no routes", "nothing"])
def test_refuses_a_split_of_nothing_or_over_nothing(many: list[Route], amount: int) -> None:
    with pytest.raises(ValueError, match="a split needs"):
        best_split(many, amount)


def test_a_split_uses_several_markets_where_one_alone_has_not_enough() -> None:
    narrow = pool_at(1 << 96, 3_000, 60, [(-60, 60, 10**18)])
    full = quote((Hop(narrow, True),), 10**15).amount_out
    assert full
    many: list[Route] = [(Hop(narrow, True),), (Hop(narrow, False),), (Hop(PAIR, True),)]
    with pytest.raises(NotEnoughLiquidity):
        best_split(many[:2], 10**17)
    assert best_split(many, 10**17).amount_in == 10**17


def counted_quotes(monkeypatch: pytest.MonkeyPatch, name: str) -> list[int]:
    """Grows by one for every quote that is asked for."""
    asked: list[int] = []

    def counting(route: Route, given: int) -> Quote:
        asked.append(given)
        return quote(route, given)

    monkeypatch.setattr(name, counting)
    return asked
