"""Levels of topics on a grid: what was published by then, as old as it is, and unknown again after long silence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import DataError
from bot.signals.alignment import EXPIRY_SECONDS
from bot.signals.catalogue import Catalogue
from bot.signals.topic_levels import OBSERVED, topic_panel

DAY, HOUR = 86_400, 3_600
T0 = 19_700 * DAY
GRID = T0 + DAY * np.arange(10, dtype=np.int64)
Said = tuple[str, float, int, int]  # topic, value, observed, published


def catalogue(rows: Sequence[Said], series: str = "stars") -> Catalogue:
    frame = pd.DataFrame(rows, columns=["topic", "value", "observed_at", "published_at"])
    for name in ("observed_at", "published_at"):
        frame[name] = pd.to_datetime(frame[name], unit="s", utc=True).dt.as_unit("us")
    return Catalogue.of("made", "recorded", {}, {series: frame})


def test_a_level_is_the_newest_observed_of_what_was_published_by_then() -> None:
    rows = [
        ("a/x", 10.0, T0 - HOUR, T0),
        ("a/x", 12.0, T0 + DAY, T0 + 3 * DAY),  # told late
        ("a/x", 11.0, T0 + DAY // 2, T0 + 4 * DAY),  # older, told later still: no news
        ("a/x", 13.0, T0 + DAY, T0 + 5 * DAY),  # revised
    ]
    panel = topic_panel(catalogue(rows), ("stars",), GRID)
    assert panel.levels["stars"][:7, 0].tolist() == [10.0, 10.0, 10.0, 12.0, 12.0, 13.0, 13.0]
    observed = panel.levels[OBSERVED + "stars"][:, 0]
    assert observed[:4].tolist() == [T0 - HOUR] * 3 + [T0 + DAY]


def test_birth_is_unknown_on_the_first_day_and_known_after() -> None:
    rows = [("old/x", 900.0, T0, T0), ("new/y", 3.0, T0 + 2 * DAY, T0 + 2 * DAY + HOUR)]
    late = [*rows, ("new/y", 2.0, T0, T0 + 9 * DAY)]  # a back-fill of the first day, told much later
    for said in (rows, late):
        panel = topic_panel(catalogue(said), ("stars",), GRID)
        assert panel.topics == ("new/y", "old/x")
        assert panel.born.tolist() == [T0 + 2 * DAY + HOUR, -1]


def test_who_falls_out_is_unknown_after_a_while_and_never_zero() -> None:
    grid = T0 + DAY * np.arange(0, 60, dtype=np.int64)
    rows = [("a/x", 10.0, T0, T0)] + [("b/y", 5.0, T0 + day * DAY, T0 + day * DAY) for day in range(60)]
    level = topic_panel(catalogue(rows), ("stars",), grid).levels["stars"][:, 0]
    last = EXPIRY_SECONDS // DAY
    assert (level[: last + 1] == 10.0).all()
    assert np.isnan(level[last + 1 :]).all()


def test_topics_are_chosen_by_globs_and_several_series_stand_beside_each_other() -> None:
    one, two = (catalogue([("A/x", 1.0, T0, T0), ("b/y", 2.0, T0, T0)], name) for name in ("stars", "forks"))
    both = Catalogue.of("made", "recorded", {}, {"stars": one.signals("stars"), "forks": two.signals("forks")})
    panel = topic_panel(both, ("stars", "forks"), GRID, ["a/*"])
    assert panel.topics == ("A/x",)
    assert set(panel.levels) == {"stars", "forks", OBSERVED + "stars", OBSERVED + "forks"}


@pytest.mark.parametrize("value", [-1.0, np.inf, np.nan])
def test_what_is_no_level_is_refused_by_name(value: float) -> None:
    with pytest.raises(DataError, match=r"stars.*value: topic a/x is not a level"):
        topic_panel(catalogue([("a/x", value, T0, T0)]), ("stars",), GRID)


def test_nothing_that_matches_and_nothing_that_is_there_are_told() -> None:
    with pytest.raises(DataError, match="topics: none of stars matches"):
        topic_panel(catalogue([("a/x", 1.0, T0, T0)]), ("stars",), GRID, ["zz*"])
    with pytest.raises(DataError, match="no signal source likes"):
        topic_panel(catalogue([("a/x", 1.0, T0, T0)]), ("likes",), GRID)


SAID = st.lists(
    st.tuples(
        st.sampled_from(["a/x", "b/y", "c/z"]),
        st.integers(0, 50).map(float),
        st.integers(0, 9 * 24).map(lambda hour: T0 + hour * HOUR),
        st.integers(0, 72).map(lambda hour: hour * HOUR),
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(said=SAID, cut=st.integers(0, 9), seed=st.integers(0, 99))
def test_rows_are_what_a_slow_reader_finds_and_nothing_published_later_matters(
    said: list[tuple[str, float, int, int]], cut: int, seed: int
) -> None:
    rows = [(topic, value, at, at + lag) for topic, value, at, lag in said]
    shuffled = [rows[place] for place in np.random.default_rng(seed).permutation(len(rows))]
    panel = topic_panel(catalogue(shuffled), ("stars",), GRID)
    for row, time in enumerate(GRID.tolist()):
        for column, topic in enumerate(panel.topics):
            heard = [
                (at, published, value) for name, value, at, published in rows if name == topic and published <= time
            ]
            expected = max(heard)[2] if heard else np.nan
            np.testing.assert_equal(panel.levels["stars"][row, column], expected)
    early = [each for each in rows if each[3] <= GRID[cut]]
    if early:
        known = topic_panel(catalogue(early), ("stars",), GRID)
        columns = [panel.topics.index(topic) for topic in known.topics]
        np.testing.assert_array_equal(known.levels["stars"][: cut + 1], panel.levels["stars"][: cut + 1, columns])
        others = [place for place in range(len(panel.topics)) if place not in columns]
        assert np.isnan(panel.levels["stars"][: cut + 1, others]).all()
        np.testing.assert_array_equal(known.born, panel.born[columns])
