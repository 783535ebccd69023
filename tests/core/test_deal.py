"""What a leg in liquidity pays: valued exactly, cut to its limit and not below, and sold to nobody's sandwich."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.amm.concentrated import NotEnoughLiquidity, Pool, swap, with_liquidity
from bot.core.amm.liquidity_math import amounts_for_liquidity
from bot.core.amm.quotes import quote, value_and_loss
from bot.core.amm.range_position import RangePosition, range_around, worth
from bot.core.deal import Deal, deal_of, hop_of, largest_deal, least_for_fill, range_of, taken, value_of_units
from bot.core.market import Market
from bot.core.mirror import seeding
from bot.core.plan import Leg, Plan, make_plan
from bot.core.risk import Approved, Refused, check
from bot.core.units import BPS, bps_down
from bot.core.universe import LP, Universe, Venue
from bot.paper import PaperMarket
from tests.builders import LIMITS, MONEY, market_of, pools_of, universe_of, venue_of

USDC = 10**6


def liquid(number: int, **more: bool | int) -> Venue:
    return replace(venue_of(number, **more), kind=LP, width_bps=2_000)  # type: ignore[arg-type]


PAIR = universe_of(liquid(1), liquid(2, fee_pips=500, base_is_token0=False))
PRICES = [4.0, 0.07]
ROOMY = replace(LIMITS, max_venue_bps=5_000, max_turnover_bps=BPS)


def market(values: tuple[int, int] = (0, 0), idle: int = 100_000 * USDC, depth: int = 4_000_000 * USDC) -> Market:
    """A market in which the vault has put about so much money into each venue, and has earned some fees there."""
    pools: dict[str, Pool] = dict(pools_of(PAIR, PRICES, depth))
    positions = {}
    for venue, value in zip(PAIR.risky, values, strict=True):
        if not value:
            continue
        lower, upper = range_around(pools[venue.id], venue.width_bps)
        one = worth(
            pools[venue.id],
            amounts_for_liquidity(pools[venue.id].sqrt_price_x96, lower, upper, 10**25, round_up=False),
            venue.base_is_token0,
        )
        liquidity = value * 10**25 // one
        pools[venue.id] = with_liquidity(pools[venue.id], lower, upper, liquidity)
        owed = (10**15, 3_333) if venue.base_is_token0 else (3_333, 10**15)
        positions[venue.id] = RangePosition(lower, upper, liquidity, owed)
    units = {name: position.liquidity for name, position in positions.items()}
    return market_of(PAIR, pools, idle, units, positions=positions)


def moved(seen: Market, venue: str, to_sqrt_x96: int) -> Market:
    """The market after a swap of others."""
    pool = seen.pools[venue]
    done = swap(pool, to_sqrt_x96 < pool.sqrt_price_x96, 10**60, to_sqrt_x96)
    return replace(seen, pools={**seen.pools, venue: done.pool})


def test_a_position_is_worth_its_tokens_and_what_it_is_owed() -> None:
    seen = market((10_000 * USDC, 20_000 * USDC))
    for venue, value, price in zip(PAIR.risky, (10_000, 20_000), PRICES, strict=True):
        # 10**15 of an 18-decimals token, or of money, and 3,333 of the other
        owed = price * 10**15 / 10**18 + 3_333 / USDC
        assert seen.value(PAIR, venue.id) / USDC == pytest.approx(value + owed, abs=1e-4)
        units = seen.units[venue.id]
        assert value_of_units(venue, seen, units, held=True) == seen.value(PAIR, venue.id)
        assert value_of_units(venue, seen, units, held=False) < seen.value(PAIR, venue.id)
    assert seen.nav(PAIR) == seen.idle + seen.value(PAIR, "v1") + seen.value(PAIR, "v2")


def test_liquidity_whose_place_is_not_known_is_worth_nothing() -> None:
    seen = market((10_000 * USDC, 0))
    assert replace(seen, positions={}).value(PAIR, "v1") == 0


@settings(deadline=None)
@given(st.integers(0, 1), st.booleans(), st.integers(1, 60_000 * USDC))
def test_a_leg_costs_its_swaps_fee_and_impact(index: int, entry: bool, amount: int) -> None:
    seen, venue = market((60_000 * USDC, 60_000 * USDC)), PAIR.risky[index]
    given_units = amount if entry else max(1, seen.units[venue.id] * amount // (60_000 * USDC))
    deal = deal_of(venue, seen, entry, given_units)
    received = value_of_units(venue, seen, deal.received, held=False) if entry else deal.received
    assert deal.value - deal.cost == received
    assert deal.cost >= 0
    # About half is swapped: half of the fee, and a few tenths of a per cent of impact at most, plus rounding.
    assert deal.cost <= deal.value * (venue.fee_pips / 1e6 * 0.6 + 0.008) + 10


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1), st.booleans(), st.integers(10 * USDC, 60_000 * USDC), st.integers(0, 150))
def test_a_leg_is_the_largest_whose_cost_is_allowed(index: int, entry: bool, amount: int, limit: int) -> None:
    seen, venue = market((60_000 * USDC, 60_000 * USDC), depth=1_000_000 * USDC), PAIR.risky[index]
    most = amount if entry else max(1, seen.units[venue.id] * amount // (60_000 * USDC))
    found = largest_deal(venue, seen, entry, most, limit)

    def to_spare(deal: Deal) -> int:
        """Units of money by which a leg might cost more."""
        return deal.value * limit // BPS - deal.cost

    if found is None:
        for part in (1, 3, 10, 30, 100):
            assert to_spare(deal_of(venue, seen, entry, most * part // 100)) <= 2
        return
    assert to_spare(found) >= 0
    assert found == deal_of(venue, seen, entry, found.amount)
    for more in (1, 1_000, 1_000_000):
        if found.amount + found.amount // more <= most and found.amount < most:
            larger = deal_of(venue, seen, entry, found.amount + max(1, found.amount // more))
            assert to_spare(larger) <= 2  # a cost is rounded to a unit, and so is a value


def test_tokens_are_dealt_in_as_they_are_quoted() -> None:
    universe = universe_of()
    seen = market_of(universe, pools_of(universe, PRICES), 10**9, {"v1": 10**20, "v2": 10**20})
    for venue in universe.risky:
        for entry in (True, False):
            hop = hop_of(venue, seen.pools[venue.id], entry)
            done = quote((hop,), 10**9)
            value, cost = value_and_loss((hop,), done, in_money=entry)
            expected = Deal(entry, 10**9, done.amount_out, value, cost, hop, 10**9, done.amount_out)
            assert deal_of(venue, seen, entry, 10**9) == expected


def test_more_liquidity_than_there_is_cannot_be_dealt_in() -> None:
    seen = market((10_000 * USDC, 0))
    for venue in PAIR.risky:
        with pytest.raises(NotEnoughLiquidity, match=f"{venue.id} has less liquidity"):
            deal_of(venue, seen, False, seen.units.get(venue.id, 0) + 1)


@settings(deadline=None)
@given(st.booleans(), st.integers(1_000 * USDC, 60_000 * USDC), st.integers(0, 300))
def test_a_swaps_least_fill_and_a_legs_least_receipt_say_the_same(entry: bool, amount: int, bps: int) -> None:
    seen, venue = market((60_000 * USDC, 0), depth=400_000 * USDC), PAIR.risky[0]
    most = amount if entry else max(1, seen.units[venue.id] * amount // (60_000 * USDC))
    deal = deal_of(venue, seen, entry, most)
    least = deal.fill - bps_down(deal.fill, bps)
    bounded = least_for_fill(deal, least)
    assert 0 < bounded <= deal.received
    lost, tolerated = taken(deal, bounded, bps)
    assert lost <= tolerated


def planned(seen: Market, *weights: float, **changes: int) -> Plan:
    return make_plan(np.array([1.0 - sum(weights), *weights]), seen, PAIR, replace(ROOMY, **changes))  # type: ignore[arg-type]


def passes(seen: Market, plan: Plan) -> bool:
    """Whether the plan passes the check."""
    return isinstance(check(plan, seen, PAIR, ROOMY, 0), Approved)


def test_a_plan_goes_into_liquidity_and_out_of_it() -> None:
    seen = market((30_000 * USDC, 0))
    plan = planned(seen, 0.1, 0.3)
    out, into = plan.legs
    assert (out.venue, out.entry, into.venue, into.entry) == ("v1", False, "v2", True)
    assert into.value == pytest.approx(0.3 * seen.nav(PAIR), rel=1e-6)
    assert out.value == pytest.approx(seen.value(PAIR, "v1") - 0.1 * seen.nav(PAIR), rel=1e-6)
    assert out.min_received == bps_down(out.expected, BPS - LIMITS.slippage_bps)
    assert passes(seen, plan)


def test_liquidity_that_the_price_has_left_is_taken_out_whole() -> None:
    seen = market((10_000 * USDC, 10_000 * USDC))
    position = seen.positions["v1"]
    for tick in (position.lower - 120, position.upper + 120):
        away = moved(seen, "v1", round(1.0001 ** (tick / 2) * 2**96))
        assert away.out_of_range("v1")
        assert not away.out_of_range("v2")
        held = away.value(PAIR, "v1") / away.nav(PAIR)
        plan = planned(away, held + 0.1, away.value(PAIR, "v2") / away.nav(PAIR))
        (leg,) = plan.legs
        assert (leg.venue, leg.entry, leg.amount, leg.notes) == ("v1", False, position.liquidity, ("out of range",))
        assert passes(away, plan)


def test_leaving_in_money_alone_costs_nothing() -> None:
    seen = market((10_000 * USDC, 0))
    position = replace(seen.positions["v1"], owed=(0, 0))
    above = moved(seen, "v1", round(1.0001 ** ((position.upper + 120) / 2) * 2**96))
    deal = deal_of(PAIR["v1"], replace(above, positions={"v1": position}), False, position.liquidity)
    assert (deal.cost, deal.hop, deal.swapped) == (0, None, 0)
    assert taken(deal, 0, 0) == (0, 0)


def test_the_check_looks_at_liquidity_as_at_tokens() -> None:
    seen = market((10_000 * USDC, 0))
    plan = planned(seen, 0.0, 0.3)
    out, into = plan.legs

    def breaches(*legs: Leg) -> str:
        verdict = check(replace(plan, legs=legs), seen, PAIR, ROOMY, 0)
        return str(verdict) if isinstance(verdict, Refused) else ""

    assert breaches(out, into) == ""
    assert "tradable amount of v1" in breaches(replace(out, amount=out.amount + 1))
    assert "units held of v1" in breaches(replace(out, amount=out.amount + 1))
    assert "max_loss (money) of v2" in breaches(out, replace(into, expected=into.expected * 98 // 100))
    assert "min_received below the slippage limit of v2" in breaches(out, replace(into, min_received=0))
    dear = replace(into, amount=into.amount * 2, expected=into.expected * 2, min_received=into.min_received * 2)
    assert "max_venue (money) of v2" in breaches(out, dear)


async def test_paper_pays_what_is_planned_in_either_orientation() -> None:
    universe = Universe(MONEY, PAIR.venues)
    machines = {
        venue.id: seeding(venue, MONEY.decimals, price, 4_000_000 * USDC).machine(1)
        for venue, price in zip(universe.risky, PRICES, strict=True)
    }
    paper = PaperMarket(universe, {}, 100_000 * USDC, 1, machines=machines)
    for weights in ((0.3, 0.3), (0.1, 0.4), (0.0, 0.0)):
        seen = await paper.market()
        plan = planned(seen, *weights)
        assert len(plan.legs) == 2
        preview = await paper.preview(plan, seen)
        assert preview.received == tuple(leg.expected for leg in plan.legs)
        assert await paper.market() == seen
        assert await paper.send(await paper.sign(plan, 1, 1))
        after = await paper.market()
        for venue, weight in zip(universe.risky, weights, strict=True):
            assert after.value(universe, venue.id) / after.nav(universe) == pytest.approx(weight, abs=0.004)
            position = after.positions.get(venue.id)
            assert (position.liquidity if position else 0) == after.units[venue.id]
            assert position is None or range_of(venue, after) == (position.lower, position.upper)
    assert paper.ranges == {}
