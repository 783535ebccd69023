"""Depth, fees and income of venues from what topics say: what was known by then, and nothing that came later."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.panel import Floats, Times
from bot.core.units import Token
from bot.core.universe import HOLD, Universe, Venue, idle
from bot.errors import DataError
from bot.signals.alignment import EXPIRY_SECONDS
from bot.signals.catalogue import Catalogue
from bot.signals.panel_fields import FLOW_EXPIRY_SECONDS, FieldSource, panel_fields

DAY, HOUR = 86_400, 3_600
T0 = 19_700 * DAY
GRID = T0 + DAY * np.arange(12, dtype=np.int64)
MONEY = Token(1, "0x01", "USDC", 6)
Said = tuple[str, float, int, int]  # topic, value, observed, published
PATTERNS = {"a": ("a/*",), "b": ("B/one",), "c": ()}
UNIVERSE = Universe(
    MONEY,
    (
        idle(MONEY),
        *(
            Venue(name, HOLD, name.upper(), Token(1, f"0x{name}", name, 18), topics={"tvl": topics, "more": topics})
            for name, topics in PATTERNS.items()
        ),
    ),
)


def catalogue(rows: Sequence[Said], **others: Sequence[Said]) -> Catalogue:
    frames = {}
    for series, said in {"tvl": rows, **others}.items():
        frame = pd.DataFrame(said, columns=["topic", "value", "observed_at", "published_at"])
        for name in ("observed_at", "published_at"):
            frame[name] = pd.to_datetime(frame[name], unit="s", utc=True).dt.as_unit("us")
        frames[series] = frame.astype({"topic": str, "value": float})
    return Catalogue.of("made", "recorded", {}, frames)


def field(of: Literal["level", "flow"], rows: Sequence[Said], grid: Times = GRID) -> Floats:
    return panel_fields(catalogue(rows), UNIVERSE, grid, {"x": FieldSource(("tvl",), of, {})})["x"]


def test_a_level_is_the_sum_of_the_newest_that_each_topic_of_the_venue_said() -> None:
    found = field(
        "level",
        [
            ("a/one", 10.0, T0 + DAY, T0 + DAY + HOUR),
            ("a/one", 12.0, T0 + 3 * DAY, T0 + 3 * DAY),
            ("a/one", 99.0, T0 + 2 * DAY, T0 + 5 * DAY),  # older, told later: no news
            ("A/two", 100.0, T0 + 4 * DAY, T0 + 4 * DAY),
            ("b/one", 7.0, T0, T0),
            ("b/other", 7_000.0, T0, T0),
        ],
    )
    np.testing.assert_array_equal(found[:7, 1], [np.nan, np.nan, 10.0, 12.0, 112.0, 112.0, 112.0])
    assert (found[:, 2] == 7.0).all()
    assert np.isnan(found[:, [0, 3]]).all()  # idle, and a venue that names nothing


def test_a_level_expires_as_a_topic_does() -> None:
    grid = T0 + DAY * np.arange(60, dtype=np.int64)
    found = field("level", [("b/one", 7.0, T0, T0)], grid)[:, 2]
    last = EXPIRY_SECONDS // DAY
    assert (found[: last + 1] == 7.0).all()
    assert np.isnan(found[last + 1 :]).all()


def test_a_flow_is_what_was_told_since_the_row_before_each_value_once() -> None:
    hours = [("b/one", 1.0, T0 + hour * HOUR, T0 + hour * HOUR + 900) for hour in range(1, 72)]
    found = field("flow", [*hours, ("a/one", 5.0, T0 + 2 * DAY, T0 + 2 * DAY)])
    # An hour that ended at the bar's close is told a quarter of an hour later, in the next bar.
    np.testing.assert_array_equal(found[:4, 2], [np.nan, 23.0, 24.0, 24.0])
    assert np.nansum(found[:, 2]) == 71.0
    np.testing.assert_array_equal(found[:4, 1], [np.nan, np.nan, 5.0, 0.0])


def test_a_revision_of_a_flow_counts_by_what_it_changes() -> None:
    seen = T0 + DAY + HOUR
    found = field(
        "flow", [("b/one", 8.0, seen, seen), ("b/one", 5.0, seen, seen + DAY), ("b/one", 6.0, seen, seen + DAY + 9)]
    )
    np.testing.assert_array_equal(found[:5, 2], [np.nan, np.nan, 8.0, -2.0, 0.0])


def test_a_silent_flow_is_unknown_and_one_that_says_zero_is_zero() -> None:
    quiet = [("a/one", 0.0, T0 + day * DAY, T0 + day * DAY) for day in range(1, 12)]
    found = field("flow", [*quiet, ("b/one", 4.0, T0 + DAY, T0 + DAY)])
    assert (found[1:, 1] == 0.0).all()
    last = 1 + FLOW_EXPIRY_SECONDS // DAY
    np.testing.assert_array_equal(found[1 : last + 1, 2], [4.0, 0.0, 0.0, 0.0])
    assert np.isnan(found[last + 1 :, 2]).all()


def test_a_history_that_is_filled_in_is_no_windfall() -> None:
    told = T0 + 8 * DAY - HOUR
    found = field("flow", [("b/one", 1.0, T0 + day * DAY, told) for day in range(8)])
    np.testing.assert_array_equal(found[7:10, 2], [np.nan, 3.0, 0.0])
    # Nor is what was told before the grid began income of its first bar.
    before = [("b/one", 1.0, T0 - hour * HOUR, T0 - hour * HOUR) for hour in range(48)]
    np.testing.assert_array_equal(field("flow", before)[:2, 2], [np.nan, 0.0])


def test_several_series_are_added_and_a_factor_is_of_its_venue() -> None:
    rows, more = [("a/x", 2.0, T0, T0), ("b/one", 2.0, T0, T0)], [("a/x", 3.0, T0 + DAY, T0 + DAY)]
    data = catalogue(rows, more=more)
    wanted = {
        "both": FieldSource(("tvl", "more"), "level", {}),
        "scaled": FieldSource(("tvl",), "level", {"a": 0.5}),
    }
    found = panel_fields(data, UNIVERSE, GRID, wanted)
    np.testing.assert_array_equal(found["both"][:3, 1], [np.nan, 5.0, 5.0])
    np.testing.assert_array_equal(found["scaled"][0, 1:3], [1.0, 2.0])


def test_what_is_missing_or_no_level_is_refused_by_name() -> None:
    with pytest.raises(DataError, match="no signal source nowhere; there are: tvl"):
        panel_fields(catalogue([]), UNIVERSE, GRID, {"x": FieldSource(("nowhere",), "level", {})})
    for value in (-1.0, float("nan"), float("inf")):
        with pytest.raises(DataError, match=r"signals/tvl\.parquet: value: topic b/one is not a level"):
            field("flow", [("b/one", value, T0, T0)])


def test_topics_that_nobody_has_named_yet_leave_a_field_unknown() -> None:
    assert np.isnan(field("level", [])).all()
    assert np.isnan(field("flow", [])).all()


TOPICS = st.sampled_from(["a/one", "a/two", "A/three", "b/one", "zzz", *(f"a/{number}" for number in range(12))])
ROWS = st.lists(
    st.tuples(
        TOPICS,
        st.floats(0.0, 1e9, width=32).map(lambda value: value / 7.0),
        st.integers(-60, 240).map(lambda hour: T0 + hour * HOUR),
        st.integers(0, 100).map(lambda hour: hour * HOUR),
    ),
    max_size=60,
).map(lambda rows: [(topic, value, seen, seen + lag) for topic, value, seen, lag in rows])


@given(rows=ROWS, more=ROWS, row=st.integers(0, len(GRID) - 1), of=st.sampled_from(["level", "flow"]))
@settings(max_examples=80, deadline=None)
def test_nothing_that_is_published_after_a_row_changes_a_bit_of_it(
    rows: list[Said], more: list[Said], row: int, of: Literal["level", "flow"]
) -> None:
    at = int(GRID[row])
    known = [said for said in rows if said[3] <= at]
    late = [said for said in more if said[3] > at]
    whole, cut = field(of, known + late), field(of, known, GRID[: row + 1])
    np.testing.assert_array_equal(whole[: row + 1], cut)


@given(rows=ROWS, of=st.sampled_from(["level", "flow"]), random=st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_rows_does_not_matter(rows: list[Said], of: Literal["level", "flow"], random: Random) -> None:
    mixed = list(rows)
    random.shuffle(mixed)
    np.testing.assert_array_equal(field(of, rows), field(of, mixed))


@given(rows=ROWS)
@settings(max_examples=40, deadline=None)
def test_a_flow_adds_up_to_the_newest_truth_of_what_was_told_in_time(rows: list[Said]) -> None:
    """By another way: of each moment what was last said of it, in time and within the grid."""
    rows = [("b/one", *said[1:]) for said in rows if said[3] > T0]
    newest: dict[tuple[str, int], tuple[int, float]] = {}
    for topic, value, seen, told in rows:
        if told - seen <= FLOW_EXPIRY_SECONDS and told <= GRID[-1]:
            newest[topic, seen] = max(newest.get((topic, seen), (0, 0.0)), (told, value))
    found = float(np.nansum(field("flow", rows)[:, 2]))
    assert found == pytest.approx(sum(value for _, value in newest.values()), rel=1e-9, abs=1e-3)
