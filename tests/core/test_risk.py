"""The check refuses what a planner may never claim: one test for each limit, and every breach at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bot.core.amm.attack import sandwich
from bot.core.amm.concentrated import pool_at
from bot.core.deal import hop_of
from bot.core.market import Market
from bot.core.plan import MAX_LEGS, Leg, Limits, Plan, make_plan
from bot.core.risk import Approved, Breach, Refused, check
from bot.core.units import BPS, bps_down
from tests.builders import LIMITS, market_of, pools_of, universe_of, venue_of

UNIVERSE = universe_of()
USDC = 10**6
POOLS = pools_of(UNIVERSE, [4.0, 4.0])
MARKET = market_of(UNIVERSE, POOLS, 90_000 * USDC, {"v1": 2_500 * 10**18, "v2": 0})
WANTED = np.array([0.80, 0.05, 0.15])  # leaves half of v1, enters v2
PLAN = make_plan(WANTED, MARKET, UNIVERSE, LIMITS)
EXIT, ENTRY = PLAN.legs


def verdict(
    plan: Plan = PLAN, market: Market = MARKET, limits: Limits = LIMITS, data_age: int = 0
) -> Approved | Refused:
    return check(plan, market, UNIVERSE, limits, data_age)


def breaches(answer: Approved | Refused) -> list[tuple[str, str]]:
    assert isinstance(answer, Refused)
    return [(breach.limit, breach.venue) for breach in answer.breaches]


def with_legs(*legs: Leg) -> Plan:
    return replace(PLAN, legs=legs)


def test_an_honest_plan_is_approved_as_it_is() -> None:
    assert (EXIT.entry, ENTRY.entry) == (False, True)
    assert verdict() == Approved(PLAN)


def test_a_plan_without_legs_is_approved() -> None:
    assert verdict(with_legs()) == Approved(with_legs())


@pytest.mark.parametrize(
    ("changed", "limit"),
    [
        (replace(PLAN, chain_id=1), "chain id"),
        (replace(PLAN, nonce=4), "vault nonce"),
        (replace(PLAN, block=8), "pinned block"),
        (replace(PLAN, nav=PLAN.nav + 1), "net asset value of the plan"),
    ],
    ids=["chain", "nonce", "block", "nav"],
)
def test_refuses_a_plan_for_another_state(changed: Plan, limit: str) -> None:
    assert breaches(verdict(changed)) == [(limit, "")]


def test_stale_data_stops_entries_and_never_exits() -> None:
    late = LIMITS.max_staleness + 1
    assert breaches(verdict(data_age=late)) == [("max_staleness (seconds)", "")]
    assert verdict(data_age=LIMITS.max_staleness) == Approved(PLAN)
    assert verdict(with_legs(EXIT), data_age=late) == Approved(with_legs(EXIT))


def test_a_paused_vault_stops_entries_and_never_exits() -> None:
    paused = replace(MARKET, entries_open=False)
    assert breaches(verdict(market=paused)) == [("entries while the vault is paused", "")]
    assert verdict(with_legs(EXIT), paused) == Approved(with_legs(EXIT))


def test_refuses_more_legs_than_the_vault_takes_in_one_call() -> None:
    many = with_legs(*[EXIT] * (MAX_LEGS + 1))
    assert ("legs in one call", "") in breaches(verdict(many))


def test_refuses_two_legs_in_one_venue_whose_limits_are_each_kept() -> None:
    half = replace(EXIT, amount=EXIT.amount // 2, expected=EXIT.expected // 2, min_received=EXIT.min_received // 2)
    assert breaches(verdict(with_legs(half, half))) == [("legs in one venue", "v1")]


@pytest.mark.parametrize(
    ("leg", "market"),
    [
        (replace(ENTRY, amount=0), MARKET),
        (replace(ENTRY, amount=-ENTRY.amount), MARKET),
        (ENTRY, replace(MARKET, pools={"v1": POOLS["v1"]})),
        (replace(ENTRY, venue="idle"), MARKET),
    ],
    ids=["nothing", "negative", "unread pool", "idle"],
)
def test_refuses_a_leg_that_cannot_be_traded(leg: Leg, market: Market) -> None:
    plan = replace(with_legs(leg), nav=market.nav(UNIVERSE))
    assert breaches(verdict(plan, market)) == [("tradable amount", leg.venue)]


@pytest.mark.parametrize("leg", [EXIT, ENTRY], ids=["exit", "entry"])
def test_refuses_a_leg_that_loses_more_than_max_loss(leg: Leg) -> None:
    dear = replace(leg, expected=leg.expected * 98 // 100, min_received=leg.min_received)
    assert breaches(verdict(with_legs(dear))) == [("max_loss (money)", leg.venue)]


def test_allows_a_loss_of_exactly_max_loss() -> None:
    worth = 10_000 * 10**18
    # exactly 4 raw units of money a unit, and so deep that only its fee is lost
    pools = {**POOLS, "v1": pool_at(2 << 96, 3_000, 60, [(-600_000, 600_000, 10**30)])}
    market = market_of(UNIVERSE, pools, 10**30, {"v1": worth})
    leg = Leg("v1", False, worth, 4 * worth * 99 // 100, 4 * worth * 99 // 100, 4 * worth, 4 * worth // 100)
    plan = replace(with_legs(leg), nav=market.nav(UNIVERSE))
    assert verdict(plan, market) == Approved(plan)
    worse = replace(leg, expected=leg.expected - 1)
    assert breaches(verdict(replace(plan, legs=(worse,)), market)) == [("max_loss (money)", "v1")]


@pytest.mark.parametrize("leg", [EXIT, ENTRY], ids=["exit", "entry"])
def test_refuses_a_fill_further_below_the_quote_than_slippage(leg: Leg) -> None:
    open_handed = replace(leg, min_received=leg.min_received - 1)
    assert breaches(verdict(with_legs(open_handed))) == [("min_received below the slippage limit", leg.venue)]


def test_refuses_a_leg_out_of_which_a_sandwich_could_take_more_than_is_tolerated_and_earn_by_it() -> None:
    none = replace(LIMITS, max_sandwich_bps=0)
    (breach,) = refused(verdict(limits=none)).breaches
    assert (breach.limit, breach.venue, breach.allowed) == ("max_sandwich (units received)", "v2", 0)
    hop = hop_of(UNIVERSE["v2"], POOLS["v2"], True)
    attack = sandwich(hop, ENTRY.amount, ENTRY.min_received, in_money=True)
    assert attack.pays
    assert breach.observed == ENTRY.expected - attack.paying_fill > 0
    # The other leg moves its pool by less than two of its fees: nobody earns by standing around it.
    assert not sandwich(hop_of(UNIVERSE["v1"], POOLS["v1"], False), EXIT.amount, EXIT.min_received, False).pays
    assert verdict(with_legs(EXIT), limits=none) == Approved(with_legs(EXIT))


def test_a_fill_that_leaves_a_sandwich_nothing_passes() -> None:
    none, exact = replace(LIMITS, max_sandwich_bps=0), with_legs(replace(ENTRY, min_received=ENTRY.expected))
    assert verdict(exact, limits=none) == Approved(exact)


def test_an_understated_expectation_does_not_hide_what_a_sandwich_could_take() -> None:
    low = ENTRY.expected * 995 // 1000
    modest = replace(ENTRY, expected=low, min_received=bps_down(low, BPS - LIMITS.slippage_bps))
    bound = replace(LIMITS, max_loss_bps=300)
    assert breaches(verdict(with_legs(modest), limits=bound)) == [("max_sandwich (units received)", "v2")]


def test_refuses_a_leg_that_its_pool_cannot_take() -> None:
    narrow = pool_at(POOLS["v2"].sqrt_price_x96, 500, 10, [])
    market = replace(MARKET, pools={**POOLS, "v2": narrow})
    assert breaches(verdict(with_legs(ENTRY), market)) == [("tradable amount", "v2")]


def test_each_of_ten_sandwiched_legs_is_named() -> None:
    universe = universe_of(*(venue_of(i, 500) for i in range(1, 11)))
    market = market_of(universe, pools_of(universe, [4.0] * 10), 400_000 * USDC)
    bound = replace(LIMITS, max_sandwich_bps=1, max_venue_bps=10_000, max_turnover_bps=10_000)
    plan = make_plan(np.array([0.1, *[0.09] * 10]), market, universe, bound)
    found = breaches(check(plan, market, universe, bound, 0))
    assert [venue for name, venue in found if name.startswith("max_sandwich")] == [f"v{i}" for i in range(1, 11)]


def test_refuses_when_venue_cap_exceeded() -> None:
    tight = replace(LIMITS, max_venue_bps=1_400)
    (breach,) = refused(verdict(limits=tight)).breaches
    assert (breach.limit, breach.venue) == ("max_venue (money)", "v2")
    assert breach.observed > breach.allowed == MARKET.nav(UNIVERSE) * 1_400 // 10_000


@pytest.mark.parametrize("cap", [0, 1_400])
def test_refuses_when_the_cap_of_the_contract_is_exceeded(cap: int) -> None:
    capped = replace(MARKET, caps={"v1": 10_000, "v2": cap})
    assert breaches(verdict(market=capped)) == [("max_venue (money)", "v2")]


def test_a_cap_does_not_stop_an_exit_from_a_venue_above_it() -> None:
    capped = replace(MARKET, caps={"v1": 0, "v2": 10_000})
    assert verdict(with_legs(EXIT), capped) == Approved(with_legs(EXIT))


def test_refuses_to_sell_more_units_than_are_held() -> None:
    held = replace(MARKET, units={"v1": EXIT.amount - 1, "v2": 0})
    plan = replace(with_legs(EXIT), nav=held.nav(UNIVERSE))
    assert breaches(verdict(plan, held)) == [("units held", "v1")]


def test_refuses_entries_that_leave_too_little_idle() -> None:
    rich = replace(LIMITS, min_idle_bps=9_000)
    (breach,) = refused(verdict(limits=rich)).breaches
    assert breach.limit == "min_idle (money)"
    # What an exit is sure to bring counts, and no more than that.
    assert breach.observed == MARKET.idle + EXIT.min_received - ENTRY.amount


def test_too_little_idle_does_not_stop_an_exit() -> None:
    assert verdict(with_legs(EXIT), limits=replace(LIMITS, min_idle_bps=10_000)) == Approved(with_legs(EXIT))


def test_refuses_more_money_entering_than_max_turnover() -> None:
    slow = replace(LIMITS, max_turnover_bps=1_400)
    assert breaches(verdict(limits=slow)) == [("max_turnover (money)", "")]
    assert verdict(with_legs(EXIT), limits=replace(LIMITS, max_turnover_bps=0)) == Approved(with_legs(EXIT))


def test_turnover_is_counted_from_amounts_and_not_from_what_the_plan_claims() -> None:
    modest = with_legs(EXIT, replace(ENTRY, value=0, cost=0))
    assert breaches(verdict(modest, limits=replace(LIMITS, max_turnover_bps=1_400))) == [("max_turnover (money)", "")]


def test_every_breach_is_told_at_once() -> None:
    worse = replace(PLAN, nonce=9, legs=(EXIT, replace(ENTRY, min_received=0)))
    answer = verdict(worse, limits=replace(LIMITS, max_venue_bps=100), data_age=10**9)
    assert [limit for limit, _ in breaches(answer)] == [
        "vault nonce",
        "max_staleness (seconds)",
        "min_received below the slippage limit",
        "max_venue (money)",
    ]
    assert len(str(answer).split("; ")) == 4


@pytest.mark.parametrize(
    ("breach", "sentence"),
    [
        (Breach("vault nonce", 4, 3), "vault nonce: 4 where 3 is allowed"),
        (Breach("max_loss (money)", 1_234_567, 0, "v1"), "max_loss (money) of v1: 1,234,567 where 0 is allowed"),
    ],
)
def test_a_breach_says_what_was_observed_and_what_is_allowed(breach: Breach, sentence: str) -> None:
    assert str(breach) == sentence


def refused(answer: Approved | Refused) -> Refused:
    assert isinstance(answer, Refused)
    return answer
