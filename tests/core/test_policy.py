"""Laws of the policy, for any target and any holding: sums, caps, band, turnover, brake, idle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.core.panel import Floats
from bot.core.policy import PolicyParams, rebalance

EPSILON = 1e-9
fractions = st.floats(0.0, 1.0)


@dataclass(frozen=True)
class Case:
    """Arguments of one call, and what it gave."""

    target: Floats
    held: Floats
    tradable: np.ndarray
    band: float
    max_turnover: float
    max_venue: float
    min_idle: float
    entries: bool

    def moved(self) -> Floats:
        return rebalance(
            self.target,
            self.held,
            self.tradable,
            self.band,
            self.max_turnover,
            self.max_venue,
            self.min_idle,
            self.entries,
        )

    def bounded(self) -> Floats:
        """The target as the caps and the least idle money leave it, venues only."""
        capped = np.minimum(self.target[1:], self.max_venue)
        room = 1.0 - self.min_idle
        return np.asarray(capped * (room / capped.sum() if capped.sum() > room else 1.0))


@st.composite
def weights(draw: st.DrawFn, venues: int) -> Floats:
    """Legal weights with zeros and ties among them."""
    raw = draw(st.lists(st.sampled_from([0.0, 0.0, 0.1, 0.5, 1.0]) | fractions, min_size=venues, max_size=venues))
    whole = sum(raw)
    return np.array([1.0, *[0.0] * (venues - 1)] if whole < 1e-6 else [weight / whole for weight in raw])


@st.composite
def cases(draw: st.DrawFn) -> Case:
    n = draw(st.integers(2, 8))
    return Case(
        target=draw(weights(n)),
        held=draw(weights(n)),
        tradable=np.array([True, *draw(st.lists(st.booleans(), min_size=n - 1, max_size=n - 1))]),
        band=draw(st.floats(0.0, 0.2)),
        max_turnover=draw(fractions),
        max_venue=draw(fractions),
        min_idle=draw(fractions),
        entries=draw(st.booleans()),
    )


@given(cases())
def test_weights_after_the_policy_are_weights(case: Case) -> None:
    moved = case.moved()
    assert np.isfinite(moved).all()
    assert (moved >= 0.0).all()
    assert moved.sum() == pytest.approx(1.0, abs=EPSILON)


@given(cases())
def test_what_is_given_is_not_written_to(case: Case) -> None:
    target, held = case.target.copy(), case.held.copy()
    case.moved()
    np.testing.assert_array_equal(case.target, target)
    np.testing.assert_array_equal(case.held, held)


@given(cases())
def test_nothing_grows_over_the_cap(case: Case) -> None:
    moved = case.moved()
    grown = moved[1:] > case.held[1:]
    assert (moved[1:][grown] <= case.max_venue + EPSILON).all()


@given(cases())
def test_one_way_turnover_stays_within_its_bound(case: Case) -> None:
    change = (case.moved() - case.held)[1:]
    assert change[change > 0].sum() <= case.max_turnover + EPSILON
    assert -change[change < 0].sum() <= case.max_turnover + EPSILON


@given(cases())
def test_without_entries_nothing_grows(case: Case) -> None:
    assume(not case.entries)
    assert (case.moved()[1:] <= case.held[1:]).all()


@given(cases())
def test_a_venue_that_cannot_be_traded_keeps_what_it_holds(case: Case) -> None:
    closed = ~case.tradable
    np.testing.assert_array_equal(case.moved()[closed], case.held[closed])


@given(cases())
def test_a_change_within_the_band_is_not_made_unless_the_venue_is_left(case: Case) -> None:
    small = np.abs(case.bounded() - case.held[1:]) < case.band - EPSILON
    stays = small & ~((case.target[1:] == 0.0) & (case.held[1:] > 0.0))
    np.testing.assert_array_equal(case.moved()[1:][stays], case.held[1:][stays])


@given(cases())
def test_each_venue_moves_towards_its_bounded_target_and_never_past_it(case: Case) -> None:
    moved, held, aim = case.moved()[1:], case.held[1:], case.bounded()
    assert (moved >= np.minimum(held, aim) - EPSILON).all()
    assert (moved <= np.maximum(held, aim) + EPSILON).all()


@given(cases())
def test_buying_never_takes_idle_money_below_its_minimum(case: Case) -> None:
    moved = case.moved()
    if (moved[1:] > case.held[1:] + EPSILON).any():
        assert moved[0] >= case.min_idle - EPSILON


@given(cases())
def test_unbounded_the_policy_goes_straight_to_the_target(case: Case) -> None:
    free = Case(case.target, case.held, np.ones_like(case.tradable), 0.0, 1.0, 1.0, 0.0, True)
    np.testing.assert_allclose(free.moved(), case.target, rtol=0.0, atol=EPSILON)


def test_with_the_brake_on_exits_go_on() -> None:
    braked = Case(
        np.array([0.6, 0.4, 0.0]), np.array([0.5, 0.2, 0.3]), np.ones(3, dtype=bool), 0.01, 0.2, 0.5, 0.1, False
    )
    np.testing.assert_allclose(braked.moved(), [0.7, 0.2, 0.1], rtol=0.0, atol=EPSILON)


def test_turnover_scales_every_change_alike() -> None:
    wide = Case(
        np.array([0.1, 0.6, 0.3, 0.0]), np.array([0.4, 0.0, 0.0, 0.6]), np.ones(4, bool), 0.0, 0.3, 1.0, 0.1, True
    )
    np.testing.assert_allclose(wide.moved(), [0.3, 0.2, 0.1, 0.4], rtol=0.0, atol=EPSILON)


def test_a_venue_over_its_cap_is_brought_back_to_it() -> None:
    grown = Case(np.array([0.5, 0.5]), np.array([0.6, 0.4]), np.ones(2, bool), 0.01, 1.0, 0.25, 0.1, True)
    np.testing.assert_allclose(grown.moved(), [0.75, 0.25], rtol=0.0, atol=EPSILON)


def test_a_position_within_the_band_is_left_when_nothing_of_it_is_wanted() -> None:
    crumb = Case(np.array([1.0, 0.0]), np.array([0.999, 0.001]), np.ones(2, bool), 0.01, 1.0, 0.25, 0.1, True)
    np.testing.assert_array_equal(crumb.moved(), [1.0, 0.0])


def test_the_defaults_leave_room_for_the_least_idle_money() -> None:
    defaults = PolicyParams()
    assert defaults.max_venue + defaults.min_idle <= 1.0
    assert 0.0 < defaults.band < defaults.max_turnover <= 1.0
