"""What is refused, and by what name; what is held until others confirm it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.observation import Bar, Observation
from bot.signals.store.judge import (
    LATEST,
    SLIPPED,
    bar_fault,
    leap,
    name_fault,
    number_fault,
    observation_fault,
    price_leap,
    shown,
    time_fault,
)

NOW = 1_730_000_000
GOOD = Observation("gh_stars", "owner/name", "17", 1_234.0, NOW - 90_000, NOW - 86_400)
BAR = Bar("binance", "FET", "1d", 1_729_900_800, 1.0, 1.1, 0.9, 1.05, 1e6, 1_729_900_800)


def test_what_a_source_says_in_good_order_is_taken() -> None:
    assert observation_fault(GOOD, NOW) is None
    assert bar_fault(BAR, NOW) is None


@pytest.mark.parametrize(
    ("field", "bad", "reason"),
    [
        ("value", float("nan"), "NaN"),
        ("value", float("inf"), "infinite"),
        ("value", float("1e400"), "infinite"),
        ("value", "1e400", "not a number"),
        ("value", "12", "not a number"),
        ("value", None, "not a number"),
        ("value", True, "not a number"),
        ("value", 10**400, "beyond all numbers"),
        ("value", -1.0, "negative"),
        ("value", 2e15, "above 1e"),
        ("observed_at", (NOW - 90_000) * 1_000, "milliseconds"),
        ("published_at", (NOW - 86_400) * 1_000_000, "milliseconds"),
        ("observed_at", 12, "before 2005"),
        ("observed_at", 1.7e9, "not whole unix seconds"),
        ("published_at", NOW + 61, "in the future"),
        ("published_at", 253_402_300_799, "milliseconds"),
        ("published_at", NOW - 90_001, "before it was observed"),
        ("topic", "", "empty"),
        ("topic", "a" * 201, "longer than 200"),
        ("topic", " owner/name", "spaces"),
        ("topic", "owner/na\u202eme", "U+202E"),
        ("topic", "owner/na\u200bme", "U+200B"),
        ("topic", "owner/na\x1b[2Jme", "U+001B"),
        ("topic", "owner/\ud800", "U+D800"),
        ("topic", None, "not text"),
        ("entity", "1\n7", "U+000A"),
        ("series", "../secret", "no plain name"),
    ],
)
def test_a_poisoned_observation_is_refused_by_its_field(field: str, bad: object, reason: str) -> None:
    fault = observation_fault(replace(GOOD, **{field: bad}), NOW)  # type: ignore[arg-type]
    assert fault is not None
    assert fault[0] == field
    assert reason in fault[1]


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"close": float("nan")}, "close", "NaN"),
        ({"open": 0.0}, "open", "zero or negative"),
        ({"low": -0.9}, "low", "zero or negative"),
        ({"high": 0.5}, "high", "high below low"),
        ({"open": 1_000.0}, "open", "tenfold beyond"),
        ({"close": 1e-19, "low": 1e-20}, "low", "below 1e-18"),
        ({"volume_quote": -1.0}, "volume_quote", "negative"),
        ({"volume_quote": 1e400}, "volume_quote", "infinite"),
        ({"time": BAR.time + 1}, "time", "whole bar"),
        ({"time": BAR.time * 1_000}, "time", "milliseconds"),
        ({"time": NOW // 86_400 * 86_400 + 86_400, "published_at": NOW}, "time", "future"),
        ({"published_at": BAR.time - 1}, "published_at", "before the bar had closed"),
        ({"bar": "4h"}, "bar", "not one of"),
        ({"asset": "FЕT"}, "asset", "no plain name"),
        ({"source": ""}, "source", "no plain name"),
    ],
)
def test_a_poisoned_bar_is_refused_by_its_field(changes: dict[str, object], field: str, reason: str) -> None:
    fault = bar_fault(replace(BAR, **changes), NOW)  # type: ignore[arg-type]
    assert fault is not None
    assert fault[0] == field
    assert reason in fault[1]


@given(st.one_of(st.floats(), st.integers(), st.text(), st.none(), st.booleans()))
def test_a_number_is_finite_or_refused(value: object) -> None:
    fine = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e308
    assert (number_fault(value) == "") == fine or abs(value) >= 1e308  # type: ignore[arg-type]


@given(st.one_of(st.integers(), st.floats()), st.integers(1_200_000_000, LATEST))
def test_no_time_that_is_kept_is_later_than_anybody_could_know(at: object, now: int) -> None:
    if time_fault(at, now) == "":
        assert isinstance(at, int)
        assert 1_104_537_600 <= at <= now + 60


@given(st.text())
def test_what_quarantine_shows_cannot_move_a_cursor_or_break_a_file(text: str) -> None:
    safe = shown(text)
    safe.encode("utf-8")
    assert name_fault(f"x{safe}x") in ("", "longer than 200 characters")


@pytest.mark.parametrize("times", [0.0, 0.001, 0.01, 0.1, 10.0, 100.0, 1e6, 9.5, 10.8, 250.0])
def test_a_slipped_decimal_point_is_held(times: float) -> None:
    assert SLIPPED in leap(15_234.0 * times, [15_200.0, 15_210.0, 15_230.0], [])


@pytest.mark.parametrize(
    ("value", "before"),
    [
        (1_300.0, [1_200.0, 1_250.0]),
        (5_000.0, [1_000.0]),  # fivefold in a day: no power of ten, so no slip
        (50.0, [5.0, 5.0]),  # a newborn that takes off
        (0.0, [120.0]),
        (120.0, [0.0]),
        (12_000.0, []),
        (10_000.0, [1_000.0, 9_000.0, 30_000.0]),  # a flow that swings by itself
    ],
)
def test_growth_is_not_held(value: float, before: list[float]) -> None:
    assert leap(value, before, []) == ""


def test_a_level_that_two_more_confirm_is_believed_from_then_on() -> None:
    before = [1_000.0, 1_001.0]
    assert leap(10_000.0, before, []) != ""
    assert leap(10_010.0, before, [10_000.0]) != ""
    assert leap(10_020.0, before, [10_000.0, 10_010.0]) == ""
    assert leap(10_020.0, before, [10_000.0, 100_000.0]) != ""


def test_prices_leap_by_their_own_rule() -> None:
    assert price_leap(12.0, 1.0, 1.0, []) != ""  # tenfold and more in one bar
    assert price_leap(0.01, 1.0, 1.0, []) != ""
    assert price_leap(9.5, 1.0, 1.0, []) != ""  # near a power of ten
    assert price_leap(5.0, 1.0, 1.0, []) == ""
    assert price_leap(300.0, 1.0, 40.0, []) == ""  # over forty bars
    assert price_leap(12.0, 1.0, 1.0, [11.5, 12.1]) == ""
