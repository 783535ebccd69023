"""From weights to legs: exact quotes, money that is there, limits that hold, and reasons where nothing is done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.amm.quotes import quote, value_and_loss
from bot.core.deal import hop_of
from bot.core.market import Market
from bot.core.plan import LATER, MAX_LEGS, Leg, Limits, Plan, make_plan
from bot.core.policy import rebalance
from bot.core.risk import Approved, Refused, check
from bot.core.units import BPS, bps_down
from bot.paper import PaperMarket
from tests.builders import LIMITS, market_of, pools_of, universe_of, venue_of
from tests.core.test_policy import weights

THREE = universe_of(venue_of(1), venue_of(2, 500, base_is_token0=False), venue_of(3, 10_000, decimals=6))
PRICES = [4.0, 0.07, 31_000.0]
WIDE = replace(LIMITS, max_loss_bps=1_000, min_trade=1, max_turnover_bps=BPS, max_venue_bps=BPS, min_idle_bps=0)
USDC = 10**6


def holding(idle: int, values: tuple[int, ...] = (0, 0, 0), **more: Any) -> Market:
    """A market in which each venue holds about so much money's worth of its token."""
    pools = pools_of(THREE, PRICES, more.pop("depth", 4_000_000 * USDC))
    units = {
        venue.id: int(value / USDC / price * 10**venue.token.decimals)
        for venue, value, price in zip(THREE.risky, values, PRICES, strict=True)
    }
    return market_of(THREE, pools, idle, units, **more)


def to(*given: float) -> np.ndarray:
    return np.array([1.0 - sum(given), *given])


@st.composite
def markets(draw: st.DrawFn) -> Market:
    money = st.integers(0, 200_000 * USDC)
    depth = draw(st.sampled_from([40_000 * USDC, 4_000_000 * USDC]))
    return holding(draw(money), (draw(money), draw(money), draw(money)), depth=depth)


@st.composite
def limits(draw: st.DrawFn) -> Limits:
    max_venue = draw(st.integers(0, BPS))
    return Limits(
        max_venue_bps=max_venue,
        min_idle_bps=draw(st.integers(0, BPS - max_venue)),
        slippage_bps=draw(st.integers(0, 500)),
        max_loss_bps=draw(st.integers(0, 500)),
        min_trade=draw(st.sampled_from([0, 1, 25 * USDC, 5_000 * USDC])),
        max_turnover_bps=draw(st.integers(0, BPS)),
        max_staleness=3_600,
    )


@given(markets(), weights(4), limits())
def test_a_plan_never_spends_more_than_idle_minus_its_minimum(
    market: Market, wanted: np.ndarray, bound: Limits
) -> None:
    plan = make_plan(wanted, market, THREE, bound)
    sure = market.idle + sum(leg.min_received for leg in plan.legs if not leg.entry)
    spent = sum(leg.amount for leg in plan.legs if leg.entry)
    if spent:
        assert (sure - spent) * BPS >= market.nav(THREE) * bound.min_idle_bps


@given(markets(), weights(4), limits())
def test_every_leg_is_within_its_limits_and_exits_come_first(market: Market, wanted: np.ndarray, bound: Limits) -> None:
    plan = make_plan(wanted, market, THREE, bound)
    sides = [leg.entry for leg in plan.legs]
    assert sides == sorted(sides)
    assert len({leg.venue for leg in plan.legs}) == len(plan.legs)
    assert not {leg.venue for leg in plan.legs} & set(plan.skipped)
    for leg in plan.legs:
        assert leg.amount > 0
        assert leg.expected >= leg.min_received == bps_down(leg.expected, BPS - bound.slippage_bps)
        assert 0 <= leg.cost * BPS <= leg.value * bound.max_loss_bps
        whole_exit = not leg.entry and leg.amount == market.units[leg.venue]
        assert leg.value >= (1 if whole_exit else max(1, bound.min_trade - 1))
        if not leg.entry:
            assert leg.amount <= market.units[leg.venue]


@given(markets(), weights(4), limits(), st.booleans())
def test_what_the_policy_wants_and_the_planner_plans_passes_the_check(
    market: Market, target: np.ndarray, bound: Limits, entries: bool
) -> None:
    wanted = rebalance(
        target,
        market.held(THREE),
        np.ones(4, dtype=bool),
        0.01,
        bound.max_turnover_bps / BPS,
        bound.max_venue_bps / BPS,
        bound.min_idle_bps / BPS,
        entries,
    )
    plan = make_plan(wanted, market, THREE, bound)
    verdict = check(plan, market, THREE, bound, 0)
    assert isinstance(verdict, Approved), str(verdict)


@given(markets(), weights(4), limits())
async def test_a_paper_market_then_pays_exactly_what_was_expected(
    market: Market, wanted: np.ndarray, bound: Limits
) -> None:
    plan = make_plan(wanted, market, THREE, bound)
    paper = PaperMarket(THREE, market.pools, market.idle, market.time, units=market.units)
    paper.nonce = market.nonce
    preview = await paper.preview(plan, market)
    receipt = await paper.send(await paper.sign(plan, 1, market.time))
    assert receipt is not None
    assert [fill.received for fill in receipt.fills] == [leg.expected for leg in plan.legs] == list(preview.received)
    assert [fill.amount for fill in receipt.fills] == [leg.amount for leg in plan.legs]


def test_unbounded_and_deep_it_reaches_the_weights() -> None:
    market = holding(100_000 * USDC, (50_000 * USDC, 0, 10_000 * USDC), depth=4_000_000_000 * USDC)
    plan = make_plan(to(0.1, 0.3, 0.2), market, THREE, WIDE)
    assert [(leg.venue, leg.entry) for leg in plan.legs] == [("v1", False), ("v2", True), ("v3", True)]
    assert [leg.value / USDC for leg in plan.legs] == pytest.approx([34_000, 48_000, 22_000], rel=1e-6)
    assert plan.turnover == sum(leg.value for leg in plan.legs if leg.entry)


def test_holding_the_weights_already_plans_nothing_and_says_nothing() -> None:
    market = holding(50_000 * USDC, (20_000 * USDC, 20_000 * USDC, 10_000 * USDC))
    plan = make_plan(market.held(THREE), market, THREE, replace(WIDE, min_trade=0))
    assert plan.legs == ()
    assert plan.skipped == {}


def test_leaving_a_venue_sells_every_unit_however_small_the_position() -> None:
    market = holding(100_000 * USDC, (USDC, 0, 0))
    (leg,) = make_plan(to(0.0, 0.0, 0.0), market, THREE, LIMITS).legs
    assert (leg.entry, leg.amount) == (False, market.units["v1"])


def test_a_small_wish_is_left_out_on_both_sides_and_the_exit_says_why() -> None:
    market = holding(100_000 * USDC, (10_000 * USDC, 0, 0))
    plan = make_plan(to(9_980 / 110_000, 20 / 110_000, 0.0), market, THREE, LIMITS)
    assert plan.legs == ()
    assert plan.skipped["v1"] == "below the smallest trade"


def test_a_leg_too_costly_for_its_pool_is_cut_and_says_so() -> None:
    shallow = holding(100_000 * USDC, depth=400_000 * USDC)
    (leg,) = make_plan(to(0.2, 0.0, 0.0), shallow, THREE, replace(WIDE, max_loss_bps=150, min_trade=25 * USDC)).legs
    assert leg.notes == ("cut to stay within max_loss",)
    assert 25 * USDC < leg.amount < 20_000 * USDC
    assert leg.cost * BPS <= leg.value * 150
    one_more = quote((hop_of(THREE["v1"], shallow.pools["v1"], True),), leg.amount + 1)
    value, cost = value_and_loss((hop_of(THREE["v1"], shallow.pools["v1"], True),), one_more, in_money=True)
    assert cost * BPS > value * 150


@pytest.mark.parametrize("values", [(0, 0, 0), (40_000 * USDC, 0, 0)], ids=["entry", "exit"])
def test_a_leg_that_must_be_cut_below_the_smallest_trade_is_left_out(values: tuple[int, ...]) -> None:
    shallow = holding(100_000 * USDC, values, depth=40_000 * USDC)
    target = to(0.05) if values[0] else to(0.3)
    bound = replace(WIDE, max_loss_bps=250)
    (cut,) = make_plan(np.append(target, [0.0, 0.0]), shallow, THREE, bound).legs
    assert cut.value < 5_000 * USDC
    plan = make_plan(np.append(target, [0.0, 0.0]), shallow, THREE, replace(bound, min_trade=5_000 * USDC))
    assert plan.legs == ()
    assert plan.skipped == {"v1": "costs more than max_loss unless cut below the smallest trade"}


def test_an_exit_is_cut_to_the_largest_that_stays_within_its_loss() -> None:
    shallow = holding(100_000 * USDC, (40_000 * USDC, 0, 0), depth=400_000 * USDC)
    (leg,) = make_plan(to(0.0, 0.0, 0.0), shallow, THREE, replace(WIDE, max_loss_bps=150)).legs
    hop = hop_of(THREE["v1"], shallow.pools["v1"], False)
    assert leg.amount < shallow.units["v1"]
    assert leg.cost * BPS <= leg.value * 150
    a_little_more = leg.amount + leg.amount // 10**6
    value, cost = value_and_loss((hop,), quote((hop,), a_little_more), in_money=False)
    assert cost * BPS > value * 150


SANDWICHED = replace(WIDE, slippage_bps=100, max_sandwich_bps=5)


def test_a_fill_is_tightened_only_where_a_sandwich_would_pay() -> None:
    # 5,000 into a pool of 4 million moves its price by less than two fees of 30 bps and by more than two of 5 bps.
    market, tight = holding(100_000 * USDC), replace(SANDWICHED, tighten=True)
    calm, exposed = make_plan(to(0.05, 0.05, 0.0), market, THREE, tight).legs
    assert calm.min_received == bps_down(calm.expected, BPS - 100)
    assert exposed.min_received == bps_down(exposed.expected, BPS - 5)
    usual = make_plan(to(0.05, 0.05, 0.0), market, THREE, SANDWICHED)
    assert [leg.min_received for leg in usual.legs] == [bps_down(leg.expected, BPS - 100) for leg in (calm, exposed)]
    assert isinstance(check(make_plan(to(0.05, 0.05, 0.0), market, THREE, tight), market, THREE, tight, 0), Approved)
    answer = check(usual, market, THREE, SANDWICHED, 0)
    assert isinstance(answer, Refused)
    assert [(breach.limit, breach.venue) for breach in answer.breaches] == [("max_sandwich (units received)", "v2")]


@given(markets(), weights(4), limits(), st.integers(0, 50))
def test_what_is_planned_tight_always_passes_the_check_of_sandwiches(
    market: Market, wanted: np.ndarray, bound: Limits, most: int
) -> None:
    tight = replace(bound, max_sandwich_bps=most, tighten=True, max_venue_bps=BPS, max_turnover_bps=BPS)
    plan = make_plan(wanted, market, THREE, tight)
    answer = check(plan, market, THREE, tight, 0)
    assert isinstance(answer, Approved) or "max_sandwich" not in str(answer)
    for leg in plan.legs:
        assert leg.min_received >= bps_down(leg.expected, BPS - bound.slippage_bps)


def test_a_pool_dearer_than_the_limit_at_any_size_is_left_out() -> None:
    market = holding(100_000 * USDC)
    plan = make_plan(to(0.0, 0.0, 0.2), market, THREE, replace(WIDE, max_loss_bps=50))  # its fee alone is 100 bps
    assert plan.legs == ()
    assert plan.skipped == {"v3": "costs more than max_loss at any size"}


def test_a_position_whose_pool_could_not_be_read_is_named() -> None:
    seen = holding(100_000 * USDC, (10_000 * USDC, 0, 0))
    blind = replace(seen, pools={name: pool for name, pool in seen.pools.items() if name != "v1"})
    plan = make_plan(to(0.2, 0.0, 0.0), blind, THREE, LIMITS)
    assert plan.legs == ()
    assert plan.skipped == {"v1": "the pool could not be read"}


def test_entries_wait_when_no_idle_money_is_left_above_the_minimum() -> None:
    market = holding(10_000 * USDC, (90_000 * USDC, 0, 0))
    plan = make_plan(to(0.9, 0.1, 0.0), market, THREE, replace(WIDE, min_idle_bps=1_000, min_trade=25 * USDC))
    assert [leg.venue for leg in plan.legs if leg.entry] == []
    assert plan.skipped["v2"] == "no idle money left above the minimum"


def test_what_one_call_does_not_hold_waits_and_the_largest_legs_go_first() -> None:
    count = 2 * MAX_LEGS + 4
    universe = universe_of(*(venue_of(number) for number in range(1, count + 1)))
    pools = pools_of(universe, [1.0 + number / 100 for number in range(count)])
    units = {venue.id: 10**21 + number * 10**19 for number, venue in enumerate(universe.risky[:8])}
    wide = replace(LIMITS, max_turnover_bps=BPS)
    market = market_of(universe, pools, 200_000 * USDC, units)
    wishes = np.array([0.0, *[0.0] * 8, *(0.02 + number / 10_000 for number in range(count - 8))])
    wishes[0] = 1.0 - wishes.sum()
    plan = make_plan(wishes, market, universe, wide)
    assert len(plan.legs) == MAX_LEGS
    assert [leg.venue for leg in plan.legs[:8]] == [venue.id for venue in universe.risky[:8]]
    assert not any(leg.entry for leg in plan.legs[:8])
    assert [leg.venue for leg in plan.legs[8:]] == [venue.id for venue in universe.risky[-8:]], "the largest wishes"
    assert plan.skipped == {venue.id: LATER for venue in universe.risky[8:-8]}
    assert isinstance(check(plan, market, universe, wide, 0), Approved)


def test_a_plan_is_pinned_to_the_block_that_it_was_made_from() -> None:
    market = holding(100_000 * USDC, block=41, block_hash="0xfe", nonce=9)
    plan = make_plan(to(0.1, 0.1, 0.1), market, THREE, LIMITS)
    pinned = (plan.chain_id, plan.block, plan.block_hash, plan.time, plan.nonce, plan.nav)
    assert pinned == (market.chain_id, 41, "0xfe", market.time, 9, market.nav(THREE))
    assert plan.deadline == market.time + LIMITS.deadline


def changed(value: Any) -> Any:
    """Something else of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return value + "0"
    if isinstance(value, Mapping):
        return {**value, "v9": "why"}
    assert isinstance(value, tuple)
    return (*value, "note") if not value or isinstance(value[0], str) else (value[0] * 0.5, *value[1:])


PLAN = make_plan(to(0.1, 0.1, 0.1), holding(100_000 * USDC), THREE, replace(LIMITS, max_loss_bps=500))


@pytest.mark.parametrize("name", [field.name for field in fields(Plan) if field.name != "legs"])
def test_the_id_changes_with_every_field_of_the_plan(name: str) -> None:
    assert replace(PLAN, **{name: changed(getattr(PLAN, name))}).id != PLAN.id


@pytest.mark.parametrize("name", [field.name for field in fields(Leg)])
def test_the_id_changes_with_every_field_of_a_leg(name: str) -> None:
    first, *rest = PLAN.legs
    other = replace(first, **{name: changed(getattr(first, name))})
    assert replace(PLAN, legs=(other, *rest)).id != PLAN.id


def test_the_id_changes_with_the_order_and_the_number_of_legs() -> None:
    first, second, *rest = PLAN.legs
    assert replace(PLAN, legs=(second, first, *rest)).id != PLAN.id
    assert replace(PLAN, legs=(first, second)).id != PLAN.id


def test_equal_plans_have_one_id_whatever_order_reasons_were_found_in() -> None:
    one = replace(PLAN, skipped={"a": "1", "b": "2"})
    assert one.id == replace(PLAN, skipped={"b": "2", "a": "1"}).id
    assert len(one.id) == 64
    assert json.dumps(one.id)


def test_cost_in_basis_points_of_a_leg_worth_nothing_is_zero() -> None:
    leg = PLAN.legs[0]
    assert leg.cost_bps == pytest.approx(leg.cost / leg.value * BPS)
    assert replace(leg, value=0, cost=0).cost_bps == 0.0
