"""Standing offers: what a venue without a pool pays, alone and inside a plan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.amm.concentrated import NotEnoughLiquidity
from bot.core.amm.quotes import quote
from bot.core.deal import deal_of, hop_of, largest_deal
from bot.core.market import Market
from bot.core.offers import Book, Offer, buy, resale, sell
from bot.core.plan import FULL, NOTHING_OFFERED, make_plan
from bot.core.risk import Approved, check
from bot.core.universe import ERC4626, NFT, REVENUE, ZORA, Universe
from tests.builders import LIMITS, MONEY, market_of, pools_of, universe_of, venue_of

USDC = 10**6
PIECES = replace(venue_of(1), id="pieces", kind=NFT, token=replace(venue_of(1).token, decimals=0), max_loss_bps=1_000)
SHARES = replace(venue_of(2), id="shares", kind=ERC4626)
offers = st.lists(
    st.builds(Offer, st.integers(1, 10**24), st.integers(1, 10**15), st.booleans(), st.integers(0, 2**256 - 1)),
    max_size=5,
)


def of_offers(venue_id: str, book: Book, units: int = 0, idle: int = 100_000 * USDC) -> tuple[Universe, Market]:
    universe = universe_of({"pieces": PIECES, "shares": SHARES}[venue_id])
    bare = market_of(universe, {}, idle, {venue_id: units})
    return universe, replace(bare, books={venue_id: book})


@given(offers, st.integers(0, 10**16))
def test_buying_never_gives_more_than_there_is_and_names_what_it_takes(asks: list[Offer], money: int) -> None:
    done = buy(asks, money)
    assert 0 <= done.given <= money
    whole = [ask for ask in asks if ask.money <= money]
    assert done.received <= sum(ask.units for ask in asks)
    assert len(done.keys) <= len([ask for ask in asks if ask.key])
    if len(whole) == len(asks) and sum(ask.money for ask in asks) <= money:
        assert done.given == sum(ask.money for ask in asks)
        assert done.received == sum(ask.units for ask in asks)


@given(offers, st.integers(0, 10**16), st.integers(0, 10**16))
def test_more_money_never_buys_less(asks: list[Offer], money: int, more: int) -> None:
    assert buy(asks, money + more).received >= buy(asks, money).received


@given(st.integers(1, 10**24), st.integers(1, 10**15), st.integers(0, 10**15))
def test_a_divisible_offer_rounds_against_who_takes_it(units: int, money: int, spend: int) -> None:
    offer = [Offer(units, money, divisible=True)]
    bought = buy(offer, min(spend, money))
    assert bought.received * money <= bought.given * units
    sold = sell(offer, bought.received) if bought.received else None
    assert sold is None or sold.received <= bought.given


@given(offers, st.integers(0, 10**24))
def test_what_units_would_bring_again_is_never_more_than_the_resale_of_all(asks: list[Offer], units: int) -> None:
    known = [replace(ask, resale=ask.money) for ask in asks]
    found = resale(known, units)
    assert 0 <= found <= sum(ask.money for ask in known)
    if units >= sum(ask.units for ask in known):
        assert found == sum(ask.money for ask in known)


def test_pieces_are_taken_cheapest_first_and_whole() -> None:
    asks = (Offer(1, 400 * USDC, key=7), Offer(1, 500 * USDC, key=8), Offer(1, 900 * USDC, key=9))
    assert buy(asks, 1_200 * USDC) == buy(asks[:2], 10_000 * USDC)
    assert buy(asks, 1_200 * USDC).keys == (7, 8)
    assert buy(asks, 399 * USDC).received == 0


def test_a_plan_takes_pieces_that_somebody_is_bound_to_buy_back() -> None:
    book = Book((Offer(1, 400 * USDC, key=7, resale=380 * USDC),), ())
    universe, market = of_offers("pieces", book)
    plan = make_plan(np.array([0.99, 0.01]), market, universe, LIMITS)
    (leg,) = plan.legs
    assert (leg.amount, leg.expected, leg.terms, leg.cost) == (400 * USDC, 1, (7,), 20 * USDC)
    assert check(plan, market, universe, LIMITS, 0) == Approved(plan)


def test_pieces_that_nobody_is_bound_to_buy_cost_more_than_may_be_lost() -> None:
    universe, market = of_offers("pieces", Book((Offer(1, 400 * USDC, key=7),), ()))
    plan = make_plan(np.array([0.99, 0.01]), market, universe, LIMITS)
    assert plan.skipped == {"pieces": "costs more than max_loss at any size"}


def test_a_piece_is_left_into_the_dearest_bid() -> None:
    book = Book((), (Offer(1, 380 * USDC, key=11), Offer(1, 300 * USDC, key=12)), value=380 * USDC)
    universe, market = of_offers("pieces", book, units=1)
    assert market.nav(universe) == 100_380 * USDC
    plan = make_plan(np.array([1.0, 0.0]), market, universe, LIMITS)
    (leg,) = plan.legs
    assert (leg.entry, leg.amount, leg.expected, leg.terms, leg.cost) == (False, 1, 380 * USDC, (11,), 0)
    with pytest.raises(NotEnoughLiquidity, match="bids for 2 of 3"):
        deal_of(PIECES, market, False, 3)


@pytest.mark.parametrize("money", [380 * USDC, 0])
def test_a_piece_that_is_worth_nothing_in_the_books_is_left_when_it_is_not_wanted(money: int) -> None:
    """It has decayed, or its money was collected: either way the unit and what it cost are still in the books."""
    universe, market = of_offers("pieces", Book((), (Offer(1, money, key=11),)), units=1)
    plan = make_plan(np.array([1.0, 0.0]), market, universe, LIMITS)
    (leg,) = plan.legs
    assert (leg.entry, leg.amount, leg.expected, leg.value, leg.cost) == (False, 1, money, 0, -money)
    assert isinstance(check(plan, market, universe, LIMITS, 0), Approved)
    kept = make_plan(np.array([0.9, 0.1]), market, universe, LIMITS)
    assert kept.legs == ()
    nobody = replace(market, books={"pieces": Book((), ())})
    assert make_plan(np.array([1.0, 0.0]), nobody, universe, LIMITS).legs == ()


def test_what_nobody_takes_is_not_left_and_the_plan_says_so() -> None:
    universe, market = of_offers("pieces", Book((), (), value=380 * USDC), units=1)
    assert make_plan(np.array([1.0, 0.0]), market, universe, LIMITS).skipped == {"pieces": NOTHING_OFFERED}
    tight = Book((), (Offer(10**20, 40 * USDC, divisible=True),), value=1_000 * USDC, exact=False)
    universe, market = of_offers("shares", tight, units=25 * 10**20)
    (leg,) = make_plan(np.array([1.0, 0.0]), market, universe, LIMITS).legs
    assert (leg.amount, leg.expected) == (10**20, 40 * USDC)


def test_shares_of_a_vault_are_entered_and_left_in_part_and_say_that_rounding_may_differ() -> None:
    round_sum = Offer(10**24, 1_050_000 * USDC, divisible=True, resale=1_050_000 * USDC)
    book = Book((round_sum,), (round_sum,), exact=False)
    universe, market = of_offers("shares", book)
    plan = make_plan(np.array([0.8, 0.2]), market, universe, LIMITS)
    (leg,) = plan.legs
    assert leg.amount == 20_000 * USDC
    assert leg.expected == 20_000 * USDC * 10**24 // (1_050_000 * USDC)
    assert not leg.exact
    assert check(plan, market, universe, LIMITS, 0) == Approved(plan)
    held = replace(book, value=20_000 * USDC - 1)
    universe, market = of_offers("shares", held, units=leg.expected, idle=80_000 * USDC)
    assert market.held(universe)[1] == pytest.approx(0.2, abs=1e-9)
    plan = make_plan(np.array([0.9, 0.1]), market, universe, LIMITS)
    (leg,) = plan.legs
    assert not leg.entry
    assert leg.value == pytest.approx(10_000 * USDC, abs=2)


def test_what_the_vault_takes_no_more_of_is_not_planned() -> None:
    round_sum = Offer(10**24, 10**12, divisible=True, resale=10**12)
    universe, market = of_offers("shares", Book((round_sum,), (round_sum,)))
    tight = replace(market, room={"shares": 7 * USDC})
    assert make_plan(np.array([0.8, 0.2]), tight, universe, LIMITS).skipped == {"shares": FULL}
    some = replace(market, room={"shares": 700 * USDC})
    assert make_plan(np.array([0.8, 0.2]), some, universe, LIMITS).legs[0].amount == 700 * USDC


def test_unpriced_venues_share_one_budget() -> None:
    one, two = replace(SHARES, id="one"), replace(SHARES, id="two")
    universe = universe_of(one, two)
    round_sum = Offer(10**24, 10**12, divisible=True, resale=10**12)
    book = Book((round_sum,), (round_sum,))
    bare = market_of(universe, {}, 100_000 * USDC, {})
    market = replace(
        bare, books={"one": book, "two": book}, unpriced=frozenset({"one", "two"}), unpriced_room=3_000 * USDC
    )
    plan = make_plan(np.array([0.96, 0.02, 0.02]), market, universe, LIMITS)
    assert [leg.amount for leg in plan.legs] == [2_000 * USDC, 1_000 * USDC]
    assert len(make_plan(np.array([0.8, 0.1, 0.1]), replace(market, unpriced_room=0), universe, LIMITS).legs) == 0


@pytest.mark.parametrize("entry", [True, False])
@given(share=st.integers(1, 10**6))
def test_a_toll_is_kept_before_a_coin_is_bought_and_after_it_is_sold(entry: bool, share: int) -> None:
    coin = replace(venue_of(1, 10_000), kind=ZORA, toll_bps=100)
    universe = universe_of(coin)
    market = market_of(universe, pools_of(universe, [2.0]), 10**12, {"v1": 10**24})
    amount = share * (USDC if entry else 10**16)
    done, hop = deal_of(coin, market, entry, amount), hop_of(coin, market.pools["v1"], entry)
    if entry:
        assert done.received == quote((hop,), amount - amount // 100).amount_out
    else:
        paid = quote((hop,), amount).amount_out
        assert done.received == paid - paid // 100
    assert done.cost >= done.value // 51  # the toll and the pool's own fee, a hundredth each
    found = largest_deal(coin, market, entry, amount, 1_000)
    assert found is not None
    assert found.amount <= amount
    assert found.cost * 10_000 <= found.value * 1_000


def test_money_is_the_unit_of_what_is_asked() -> None:
    universe, market = of_offers("pieces", Book((Offer(1, 400 * USDC, key=7),), ()))
    assert market.price(universe, "pieces") == pytest.approx(400.0)
    assert MONEY.decimals == 6


@given(share=st.integers(1, 10**6), earned=st.integers(0, 10**6))
def test_what_wrapped_shares_have_earned_goes_in_when_they_are_sold(share: int, earned: int) -> None:
    shares = replace(venue_of(1, 10_000), kind=REVENUE)
    universe = universe_of(shares)
    bare = market_of(universe, pools_of(universe, [2.0]), 10**12, {"v1": 10**24})
    market = replace(bare, dues={"v1": (earned << 128) // 10**18})  # raw money per whole share
    units, hop = share * 10**16, hop_of(shares, bare.pools["v1"], False)
    done, plain = deal_of(shares, market, False, units), quote((hop,), units).amount_out
    due = market.due("v1", units)
    assert due * 10**18 <= units * earned + 10**18  # rounded up, by less than a unit
    assert done.received == plain - due
    assert done.cost == deal_of(shares, bare, False, units).cost
    bought = deal_of(shares, market, True, share * USDC)
    assert bought.received == deal_of(shares, bare, True, share * USDC).received
    assert bought.cost - deal_of(shares, bare, True, share * USDC).cost == market.due("v1", bought.received)
    assert market.value(universe, "v1") == max(0, bare.value(universe, "v1") - market.due("v1", 10**24))
