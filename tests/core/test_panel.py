"""A panel is what was known, in rows that never change: slices are copies, and nothing after a time is in `upto`."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.core.panel import Panel
from tests.backtests.markets import DAY, START, panel_of, walk

TEN = panel_of(walk(10, 3))


def copy_of(panel: Panel, **fields: np.ndarray) -> Panel:
    given = {name: values.copy() for name, values in panel.fields.items()}
    return Panel(panel.times.copy(), panel.venues, given | fields)


@pytest.mark.parametrize("times", [[2, 1, 3], [1, 1, 2]], ids=["falling", "repeated"])
def test_refuses_times_that_do_not_rise(times: list[int]) -> None:
    with pytest.raises(ValueError, match="times must rise strictly"):
        Panel(np.array(times, dtype=np.int64), ("idle",), {"close": np.ones((3, 1)), "volume": np.ones((3, 1))})


def test_refuses_a_field_of_another_shape_by_name() -> None:
    with pytest.raises(ValueError, match=r"field signal:stars has shape \(10, 3\), expected \(10, 4\)"):
        copy_of(TEN, **{"signal:stars": np.ones((10, 3))})


@pytest.mark.parametrize("name", ["close", "volume"])
def test_its_arrays_cannot_be_written(name: str) -> None:
    with pytest.raises(ValueError, match="read-only"):
        TEN.fields[name][0, 0] = 5.0


def test_its_times_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="read-only"):
        TEN.times[0] = 5


@given(st.integers(START - 2 * DAY, START + 12 * DAY) | st.sampled_from(TEN.times.tolist()))
@example(START + 3 * DAY)
def test_upto_holds_every_row_at_or_before_a_time_and_no_other(at: int) -> None:
    known = TEN.upto(at)
    assert known.times.tolist() == [time for time in TEN.times.tolist() if time <= at]
    assert known.venues == TEN.venues
    np.testing.assert_array_equal(known.close, TEN.close[: len(known)])


@given(st.integers(0, 10), st.integers(0, 10))
def test_rows_are_copies_of_every_field(start: int, stop: int) -> None:
    part = TEN.rows(start, stop)
    assert len(part) == max(0, stop - start)
    for name, values in TEN.fields.items():
        np.testing.assert_array_equal(part.fields[name], values[start:stop])
        assert not np.shares_memory(part.fields[name], values)
    assert not np.shares_memory(part.times, TEN.times)


@given(st.permutations(range(4)))
def test_columns_move_with_their_names_and_come_back(order: list[int]) -> None:
    names = tuple(TEN.venues[column] for column in order)
    moved = TEN.columns(names)
    assert moved.venues == names
    for name in names:
        column, there = TEN.venues.index(name), names.index(name)
        np.testing.assert_array_equal(moved.close[:, there], TEN.close[:, column])
    np.testing.assert_array_equal(moved.columns(TEN.venues).volume, TEN.volume)


def test_a_venue_is_listed_where_it_has_a_price_and_only_there() -> None:
    close = TEN.close.copy()
    close[:4, 2] = np.nan
    close[7, 3] = np.inf
    late = copy_of(TEN, close=close)
    assert late.listed[:, 2].tolist() == [False] * 4 + [True] * 6
    assert not late.listed[7, 3]
    assert late.listed.sum() == 4 * 10 - 5


def test_signals_are_named_in_order_and_prices_are_none() -> None:
    spoken = copy_of(TEN, **{"signal:stars": np.ones((10, 4)), "signal:downloads": np.ones((10, 4))})
    assert spoken.signals == ("signal:downloads", "signal:stars")
    assert TEN.signals == ()


def seen(*days: int) -> Panel:
    """Three rows whose newest bars closed on these days."""
    return Panel(
        START + DAY * np.arange(3, dtype=np.int64),
        ("idle", "v1"),
        {"close": np.ones((3, 2)), "volume": np.ones((3, 2))},
        START + DAY * np.array(days, dtype=np.int64),
    )


def test_how_old_a_row_is_goes_with_it_through_every_slice() -> None:
    panel = seen(0, 0, 2)
    assert panel.newest.tolist() == [START, START, START + 2 * DAY]
    assert panel.rows(1, 3).newest.tolist() == [START, START + 2 * DAY]
    assert panel.upto(START + DAY).newest.tolist() == [START, START]
    assert panel.columns(("v1", "idle")).newest.tolist() == panel.newest.tolist()
    with pytest.raises(ValueError, match="read-only"):
        panel.newest[0] = 0


def test_without_it_every_row_has_a_bar() -> None:
    assert TEN.newest is TEN.times


def test_refuses_a_row_that_was_observed_after_its_time() -> None:
    with pytest.raises(ValueError, match="observed by their own time"):
        seen(0, 2, 2)
