"""The order of venues is the order of every array: idle first, no name twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.universe import IDLE, Universe, idle
from tests.builders import MONEY, universe_of, venue_of


def test_venues_keep_the_order_in_which_they_were_named() -> None:
    universe = universe_of(venue_of(3), venue_of(1), venue_of(2))
    assert universe.ids == ("idle", "v3", "v1", "v2")
    assert len(universe) == 4
    assert [universe.index(name) for name in universe.ids] == [0, 1, 2, 3]
    assert [universe[venue.id] for venue in universe.risky] == list(universe.risky)
    assert IDLE not in [venue.id for venue in universe.risky]


def test_idle_is_the_money_itself() -> None:
    first = universe_of()["idle"]
    assert (first.kind, first.token, first.asset) == (IDLE, MONEY, "USDC")


@pytest.mark.parametrize("venues", [(), (venue_of(1),), (venue_of(1), idle(MONEY))], ids=["none", "no idle", "late"])
def test_refuses_a_universe_that_does_not_begin_with_idle(venues: tuple[object, ...]) -> None:
    with pytest.raises(ValueError, match="first venue of a universe is idle"):
        Universe(MONEY, venues)  # type: ignore[arg-type]


def test_refuses_one_id_for_two_venues() -> None:
    with pytest.raises(ValueError, match=r"venue ids repeat.*v1.*v1"):
        universe_of(venue_of(1), replace(venue_of(2), id="v1"))


def test_an_unknown_venue_is_an_error_and_not_another_column() -> None:
    with pytest.raises(ValueError):
        universe_of().index("v9")


def test_venues_can_be_members_of_a_set_whatever_topics_speak_of_them() -> None:
    spoken_of = replace(venue_of(1), topics={"stars": ("a/*",)})
    assert hash(spoken_of) == hash(venue_of(1))
    assert spoken_of != venue_of(1)
