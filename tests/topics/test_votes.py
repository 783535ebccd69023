"""What topics say about a venue: a vote for each source, signed weights, caps, and bits that no future can touch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.panel import Floats
from bot.topics.listening import Heard
from bot.topics.ontology import Bearing
from bot.topics.votes import FIELDS, GROWTH_CAP, WIDTH_CAP, Spoken, counted, rise_of, vote_of

DAY = 86_400
PERSISTENCE, GROWTH, WIDTH, BREADTH, ATTENTION, SOURCES = range(6)
SPANS = ((-0.8, 1.0), (-GROWTH_CAP, GROWTH_CAP), (0.0, WIDTH_CAP), (0.0, 1.0), (0.0, 1.0))  # of the fields, base 0.1


def spoken(probability: Floats, growth: Floats | None = None, rise: Floats | None = None) -> Spoken:
    """Topics at midnights from day 100 on; what is not given says nothing of note."""
    rows, count = probability.shape
    known = np.isfinite(probability)
    growth = np.where(known, 0.1, np.nan) if growth is None else growth
    rise = np.where(known, 1.0, np.nan) if rise is None else rise
    times = (100 + np.arange(rows)) * DAY
    topics = tuple(f"t{place}" for place in range(count))
    return Spoken(times, topics, probability, growth, np.where(known, 0.4, np.nan), rise, 0.1)


def says(bearing: Bearing | float, *columns: int) -> Heard:
    return Heard(bearing if isinstance(bearing, Bearing) else Bearing("s", "t", bearing), columns)


def test_a_bearing_says_the_mean_of_its_topics_and_a_series_the_mean_by_weight() -> None:
    probability = np.array([[0.2, 0.4, 0.9]])
    found = vote_of(spoken(probability), (says(3.0, 0, 1), says(1.0, 2)))
    assert found[PERSISTENCE, 0] == pytest.approx((3 * 0.3 + 0.9) / 4)
    assert found[GROWTH, 0] == pytest.approx(0.1)
    assert found[WIDTH, 0] == pytest.approx(0.4)
    assert found[BREADTH, 0] == 1.0


def test_a_hundred_topics_of_one_bearing_weigh_no_more_than_one() -> None:
    probability = np.full((1, 101), 0.9)
    probability[0, 0] = 0.1
    found = vote_of(spoken(probability), (says(1.0, 0), says(1.0, *range(1, 101))))
    assert found[PERSISTENCE, 0] == pytest.approx(0.5)


def test_a_weight_below_zero_mirrors_what_is_said() -> None:
    probability, growth = np.array([[0.3]]), np.array([[0.5]])
    good, bad = (vote_of(spoken(probability, growth), (says(weight, 0),)) for weight in (2.0, -2.0))
    assert good[PERSISTENCE, 0] - 0.1 == pytest.approx(0.1 - bad[PERSISTENCE, 0]) != 0.0
    assert bad[GROWTH, 0] == -good[GROWTH, 0] == -0.5
    assert bad[WIDTH, 0] == good[WIDTH, 0]
    assert (good[BREADTH, 0], bad[BREADTH, 0]) == (1.0, 0.0)


def test_nothing_speaks_before_it_could_be_known() -> None:
    found = vote_of(spoken(np.full((3, 1), 0.5)), (says(Bearing("s", "t", 1.0, known_from=101 * DAY), 0),))
    assert np.isnan(found[:, 0]).all()
    assert np.isfinite(found[:, 1:]).all()


def test_a_topic_that_is_not_scored_does_not_count_and_a_venue_without_any_is_unknown() -> None:
    probability = np.array([[np.nan, 0.4], [np.nan, np.nan]])
    found = vote_of(spoken(probability), (says(1.0, 0, 1),))
    assert found[PERSISTENCE, 0] == pytest.approx(0.4)
    assert np.isnan(found[:, 1]).all()
    assert np.isnan(vote_of(spoken(probability), ())).all()


def test_attention_is_the_share_of_the_rise_that_is_its_topics_each_topic_once() -> None:
    rise = np.array([[1.0, 2.0, 5.0, np.nan]])
    found = vote_of(spoken(np.full((1, 4), 0.2), rise=rise), (says(1.0, 0, 1), says(0.5, 1, 3)))
    assert found[ATTENTION, 0] == pytest.approx(3 / 8)
    nothing = vote_of(spoken(np.full((1, 4), 0.2), rise=np.zeros((1, 4))), (says(1.0, 0),))
    assert np.isnan(nothing[ATTENTION, 0])


def test_a_rise_is_over_a_week_and_at_most_a_doubling() -> None:
    level = np.array([[10.0, 10.0, 10.0, np.nan]] * 7 + [[13.0, 500.0, 4.0, 9.0]])
    np.testing.assert_array_equal(rise_of(level)[-1], [3.0, 10.0, 0.0, np.nan])
    assert np.isnan(rise_of(level)[:-1]).all()


def test_the_field_is_the_plain_mean_of_the_sources_that_speak() -> None:
    one, other = np.full((5, 2, 3), 0.2), np.full((5, 2, 3), 0.6)
    other[:, 1, 2] = np.nan
    one[:, :, 0] = other[:, :, 0] = np.nan
    one[:, 0, 1] = other[:, 0, 1] = np.nan
    fields = counted([one, other])
    assert tuple(fields) == FIELDS
    np.testing.assert_allclose(fields["trend:growth"], [[np.nan, np.nan, 0.4], [np.nan, 0.4, 0.2]])
    np.testing.assert_array_equal(fields["trend:sources"], [[np.nan, 0, 2], [np.nan, 2, 1]])


tables = st.lists(st.lists(st.floats(0.0, 1.0) | st.just(np.nan), min_size=4, max_size=4), min_size=1, max_size=3).map(
    np.array
)


@given(tables, tables, st.floats(-1e6, 1e6), st.integers(2, 5))
def test_one_source_gone_mad_moves_a_field_by_no_more_than_its_vote(
    calm: Floats, mad: Floats, growth: float, sources: int
) -> None:
    rows = min(len(calm), len(mad))
    calm, mad = np.nan_to_num(calm[:rows]), np.nan_to_num(mad[:rows])
    found = (says(1.0, 0, 1), says(-2.0, 2), says(0.5, 3))
    before, after = spoken(calm), spoken(mad, np.full(mad.shape, growth), np.abs(mad * growth) + 1.0)
    after = replace(after, width=np.full(mad.shape, abs(growth)))
    steady = [vote_of(before, found)[:, :, None].repeat(2, axis=2) for _ in range(sources)]
    moved = [vote_of(after, found)[:, :, None].repeat(2, axis=2), *steady[1:]]
    was, now = counted(steady), counted(moved)
    for name, (low, high) in zip(FIELDS, SPANS, strict=False):
        assert np.nanmax(np.abs(now[name] - was[name])) <= (high - low) / sources + 1e-12, name
        assert low - 1e-12 <= np.nanmin(now[name]) <= np.nanmax(now[name]) <= high + 1e-12, name


@given(tables, st.lists(st.integers(0, 4), min_size=1, max_size=12))
def test_topics_that_are_not_there_yet_change_no_bit(table: Floats, places: list[int]) -> None:
    """Columns that are unknown in all these rows are put in anywhere, into a glob's bearing too."""
    wide, column = table, list(range(4))
    for place in places:
        wide = np.insert(wide, place, np.nan, axis=1)
        column = [each + (each >= place) for each in column]
    everything = tuple(range(wide.shape[1]))
    growth = np.where(np.isfinite(table), table / 3, np.nan)
    thin = vote_of(spoken(table, growth, growth), (says(0.7, 0, 1, 2, 3), says(0.3, 1, 2)))
    grown = np.full(wide.shape, np.nan)
    grown[:, column] = growth
    thick = vote_of(spoken(wide, grown, grown), (says(0.7, *everything), says(0.3, column[1], column[2])))
    np.testing.assert_array_equal(thin, thick)
