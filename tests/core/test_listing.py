"""A halted venue is neither planned nor approved, and a worthless one is worth nothing whatever its pool says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bot.core.market import Market
from bot.core.plan import Leg, make_plan
from bot.core.risk import Refused, check
from bot.core.universe import Universe
from tests.builders import LIMITS, market_of, pools_of, universe_of, venue_of

TWO = universe_of(venue_of(1), venue_of(2))
A, B = (venue.id for venue in TWO.risky)
HELD = market_of(TWO, pools_of(TWO, (2.0, 3.0)), 10_000 * 10**6, {A: 1_000 * 10**18, B: 1_000 * 10**18})
WHY = "no price since 2024-01-10"


def halted(market: Market = HELD, universe: Universe = TWO, worthless: bool = False) -> Market:
    assert universe.ids[1:] == (A, B)
    return replace(market, halted={B: WHY}, worthless=frozenset({B} if worthless else ()))


def test_a_halted_venue_keeps_what_it_holds_and_says_why() -> None:
    away = np.array([1.0, 0.0, 0.0])
    assert {leg.venue for leg in make_plan(away, HELD, TWO, LIMITS).legs} == {A, B}
    plan = make_plan(away, halted(), TWO, LIMITS)
    assert {leg.venue for leg in plan.legs} == {A}
    assert plan.skipped == {B: WHY}


def test_a_halted_venue_that_is_empty_and_not_wanted_is_not_spoken_of() -> None:
    empty = replace(halted(), units={A: 1_000 * 10**18, B: 0})
    assert make_plan(np.array([1.0, 0.0, 0.0]), empty, TWO, LIMITS).skipped == {}
    assert make_plan(np.array([0.5, 0.0, 0.5]), empty, TWO, LIMITS).skipped == {B: WHY}


def test_halted_is_valued_as_before_and_worthless_at_nothing() -> None:
    assert halted().nav(TWO) == HELD.nav(TWO)
    assert not halted().tradable(B)
    assert halted().tradable(A)
    dead = halted(worthless=True)
    assert dead.nav(TWO) == HELD.nav(TWO) - HELD.value(TWO, B)
    assert dead.held(TWO)[2] == 0.0
    assert (dead.price(TWO, B), dead.price(TWO, A)) == (0.0, HELD.price(TWO, A))


def test_a_plan_that_trades_a_halted_venue_is_refused() -> None:
    plan = make_plan(np.array([1.0, 0.0, 0.0]), HELD, TWO, LIMITS)
    verdict = check(plan, halted(), TWO, LIMITS, 0)
    assert isinstance(verdict, Refused)
    assert [(breach.limit, breach.venue) for breach in verdict.breaches] == [("tradable amount", B)]
    assert any(isinstance(leg, Leg) and leg.venue == B for leg in plan.legs)
