"""Rhythm, holes and age of a series."""

from __future__ import annotations

import numpy as np

from bot.signals.store.rhythm import Gap, gaps, rhythm, stale

DAY = 86_400


def at(*days: float) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return (np.array(days) * DAY).astype(np.int64)


def test_days_that_are_missing_are_what_a_back_fill_asks_for() -> None:
    observed = at(0, 0.5, 1.2, 2, 3, 7, 8, 9, 11)
    assert rhythm(observed) == 1
    assert gaps(observed) == (Gap(4 * DAY, 6 * DAY, 3), Gap(10 * DAY, 10 * DAY, 1))


def test_a_month_is_no_gap_because_months_differ() -> None:
    months = at(0, 31, 59, 90, 120, 151, 212, 243)
    assert rhythm(months) == 31
    assert gaps(months) == (Gap(152 * DAY, 211 * DAY, 1),)


def test_nothing_and_one_day_have_no_gaps() -> None:
    assert (gaps(at()), gaps(at(3)), stale(at(), 9)) == ((), (), 0)


def test_age_is_that_of_the_content() -> None:
    daily = at(0, 1, 2, 3, 4)
    assert stale(daily, 7 * DAY) == 0
    assert stale(daily, 9 * DAY) == 5
    assert stale(at(0, 31, 59, 90), 150 * DAY) == 0
