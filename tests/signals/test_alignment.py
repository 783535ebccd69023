"""The grid and the growth index, against a slow reference that says the definition aloud."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.panel import Floats, Times
from bot.signals.alignment import EXPIRY_SECONDS, close_and_volume, growth_index

DAY = 86_400
Row = tuple[int, float, int, int]  # topic, value, observed, published (seconds)


def reference_index(rows: list[Row], grid: Times) -> Floats:
    """The definition of the growth index, topic by topic and row by row."""

    def levels(at: int) -> dict[int, float]:
        known: dict[int, float] = {}
        for topic in {row[0] for row in rows}:
            out = sorted((row for row in rows if row[0] == topic and row[3] <= at), key=lambda row: (row[3], row[2]))
            latest: Row | None = None
            for row in out:
                if latest is None or row[2] >= latest[2]:
                    latest = row
            if latest is not None and at - latest[3] <= EXPIRY_SECONDS:
                known[topic] = latest[1]
        return known

    index, before = 100.0, dict[int, float]()
    result = np.full(len(grid), np.nan)
    for place, at in enumerate(grid.tolist()):
        now = levels(at)
        both = now.keys() & before.keys()
        index *= (1 + sum(now[topic] for topic in both)) / (1 + sum(before[topic] for topic in both))
        if now:
            result[place] = index
        before = now
    return result


def index_of(rows: list[Row], grid: Times) -> Floats:
    columns = np.array([(topic, observed * 10**6, published * 10**6) for topic, _, observed, published in rows])
    topic, observed, published = columns.reshape(-1, 3).astype(np.int64).T
    return growth_index(topic, np.array([row[1] for row in rows], dtype=np.float64), observed, published, grid)


day = st.integers(-60, 160)
rows_of_signals = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 50).map(float), day, st.integers(0, 5)).map(
        lambda row: (row[0], row[1], row[2] * DAY, (row[2] + row[3]) * DAY + 7)
    ),
    max_size=25,
    unique_by=lambda row: (row[0], row[2], row[3]),
)
GRID = np.arange(0, 120, dtype=np.int64) * DAY


@settings(max_examples=150, deadline=None)
@given(rows_of_signals)
def test_growth_index_is_its_definition(rows: list[Row]) -> None:
    np.testing.assert_allclose(index_of(rows, GRID), reference_index(rows, GRID), rtol=1e-12)


@settings(max_examples=100, deadline=None)
@given(rows_of_signals, rows_of_signals, st.integers(1, 119))
def test_nothing_published_later_changes_the_index(rows: list[Row], future: list[Row], cut: int) -> None:
    known = [row for row in rows if row[3] <= GRID[cut - 1]]
    tampered = known + [row for row in future if row[3] > GRID[cut - 1]]
    np.testing.assert_array_equal(index_of(tampered, GRID)[:cut], index_of(known, GRID[:cut]))


def test_a_topic_that_enters_adds_no_growth() -> None:
    rows = [(0, 99.0, 0, 0), (1, 5000.0, DAY, DAY), (0, 199.0, 2 * DAY, 2 * DAY)]
    assert index_of(rows, GRID[:3]) == pytest.approx([100.0, 100.0, 100.0 * 5200 / 5100])


def test_a_topic_that_vanishes_and_returns_within_weeks_is_carried() -> None:
    rows = [(0, 99.0, 0, 0), (0, 199.0, 20 * DAY, 20 * DAY)]
    index = index_of(rows, GRID[:21])
    assert index[19] == 100.0
    assert index[20] == pytest.approx(200.0)


def test_growth_over_a_long_silence_is_not_counted_as_growth_of_one_day() -> None:
    rows = [(0, 99.0, 0, 0), (0, 9999.0, 78 * DAY, 78 * DAY), (0, 19999.0, 79 * DAY, 79 * DAY)]
    index = index_of(rows, GRID[:80])
    assert index[45] == 100.0
    assert np.isnan(index[46:78]).all()
    assert index[78] == 100.0
    assert index[79] == pytest.approx(200.0)


def test_a_revision_counts_from_its_own_publication() -> None:
    rows = [(0, 99.0, 0, 0), (0, 149.0, 0, 3 * DAY)]
    assert index_of(rows, GRID[:5]) == pytest.approx([100, 100, 100, 150, 150])


def test_an_old_observation_that_comes_late_does_not_replace_a_newer_one() -> None:
    rows = [(0, 99.0, 2 * DAY, 2 * DAY), (0, 9.0, DAY, 3 * DAY)]
    assert index_of(rows, GRID[:5])[2:] == pytest.approx([100, 100, 100])


def test_a_missing_close_is_carried_two_bars_with_no_volume_and_then_unknown() -> None:
    times = np.array([1, 2, 7], dtype=np.int64) * DAY
    grid = np.arange(0, 8, dtype=np.int64) * DAY
    close, volume = close_and_volume(times, grid, np.array([5.0, 6.0, 7.0]), np.array([10.0, 20.0, 30.0]))
    np.testing.assert_array_equal(close, [np.nan, 5, 6, 6, 6, np.nan, np.nan, 7])
    np.testing.assert_array_equal(volume, [np.nan, 10, 20, 0, 0, np.nan, np.nan, 30])
