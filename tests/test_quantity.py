"""Quantities as people write them: with their unit or not at all, exact to the last digit, never rounded silently."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.quantity import Money, bps, fee_pips, gwei, last_second, money, seconds, when, written_seconds

DAY = 86_400


@pytest.mark.parametrize(
    ("parse", "written", "parsed"),
    [
        (bps, "30 bps", 30),
        (bps, "30bps", 30),
        (bps, " 20 % ", 2_000),
        (bps, "20%", 2_000),
        (bps, "0.01 %", 1),
        (bps, "100 %", 10_000),
        (bps, "0 bps", 0),
        (bps, "1,000 bps", 1_000),
        (fee_pips, "30 bps", 3_000),
        (fee_pips, "0.05 %", 500),
        (fee_pips, "1 %", 10_000),
        (fee_pips, "1 bps", 100),
        (seconds, "30s", 30),
        (seconds, "15 min", 900),
        (seconds, "15m", 900),
        (seconds, "6h", 21_600),
        (seconds, "1.5h", 5_400),
        (seconds, "90d", 90 * DAY),
        (seconds, "2w", 14 * DAY),
        (money, "250 USDC", Money(Decimal(250), "USDC")),
        (money, "1_000.50 USDC", Money(Decimal("1000.50"), "USDC")),
        (money, "0 USDC", Money(Decimal(0), "USDC")),
        (gwei, "5 gwei", 5 * 10**9),
        (gwei, "0.5gwei", 5 * 10**8),
    ],
)
def test_a_quantity_with_its_unit_is_read(parse: Callable[[object], object], written: str, parsed: object) -> None:
    assert parse(written) == parsed


@pytest.mark.parametrize(
    ("parse", "written", "said"),
    [
        (bps, 30, "a unit is missing"),
        (bps, 0.3, "a unit is missing"),
        (bps, "30", "expected a share"),
        (bps, "5 days", "wrong unit 'days'"),
        (bps, "5 BPS", "wrong unit 'BPS'"),
        (bps, "0.5 bps", "finer than a basis point"),
        (bps, "0.001 %", "finer than a basis point"),
        (bps, f"0.{'0' * 40}1 %", "finer than a basis point"),
        (bps, f"20.{'0' * 40}1 %", "finer than a basis point"),
        (bps, "101 %", "outside 0 % … 100 %"),
        (bps, "-1 bps", "outside 0 % … 100 %"),
        (bps, True, "expected a share"),
        (bps, None, "expected a share"),
        (bps, "nan %", "expected a share"),
        (bps, "1e3 bps", "expected a share"),
        (bps, "30 bps of it", "expected a share"),
        (bps, "3 0 bps", "expected a share"),
        (bps, "٣٠ bps", "expected a share"),
        (fee_pips, "25 bps", "not a Uniswap V3 fee tier"),
        (fee_pips, "30", "expected a fee"),
        (fee_pips, 3_000, "a unit is missing"),
        (fee_pips, "3 h", "wrong unit 'h'"),
        (seconds, 60, "a unit is missing"),
        (seconds, "6 hours", "wrong unit 'hours'"),
        (seconds, "6 H", "wrong unit 'H'"),
        (seconds, "0s", "above zero"),
        (seconds, "-6h", "above zero"),
        (seconds, "0.5s", "whole number of seconds"),
        (seconds, f"1.{'0' * 40}1 s", "whole number of seconds"),
        (seconds, "36501d", "longer than a century"),
        (money, "1000000000000000.1 USDC", "more than 1,000,000,000,000,000 USDC"),
        (money, 250, "a unit is missing"),
        (money, "250", "expected an amount"),
        (money, "-1 USDC", "zero or more"),
        (money, "20 %", "an amount with a token symbol"),
        (money, "USDC 250", "expected an amount"),
        (gwei, "5 wei", "write a gas price"),
        (gwei, "-5 gwei", "write a gas price"),
        (gwei, 5, "a unit is missing"),
    ],
)
def test_anything_else_is_refused_in_one_line(parse: Callable[[object], object], written: object, said: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse(written)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@given(st.integers(0, 10_000))
def test_a_share_reads_the_same_in_both_units(share: int) -> None:
    assert bps(f"{share} bps") == bps(f"{share // 100}.{share % 100:02d} %") == share


@given(st.integers(0, 10**15 - 1), st.integers(0, 10**30 - 1), st.integers(0, 18))
@example(0, 10**30 - 1, 6)
def test_money_becomes_raw_units_rounded_down_whatever_its_digits(whole: int, places: int, decimals: int) -> None:
    exact = whole + Fraction(places, 10**30)
    assert money(f"{whole}.{places:030d} USDC").raw(decimals) == math.floor(exact * 10**decimals)


def test_money_shows_as_it_was_meant() -> None:
    assert str(money("1000000.5 USDC")) == "1,000,000.5 USDC"
    assert float(money("1000000.5 USDC")) == 1_000_000.5


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("1970-01-01", 0),
        ("2024-01", 1_704_067_200),
        ("2024-01-31", 1_704_067_200 + 30 * DAY),
        ("2024-01-31T06:00", 1_704_067_200 + 30 * DAY + 21_600),
        ("2024-01-31T06:00+02:00", 1_704_067_200 + 30 * DAY + 14_400),
        (" 2024-01-31 ", 1_704_067_200 + 30 * DAY),
    ],
)
def test_a_day_is_its_midnight_in_utc_unless_it_says_otherwise(written: str, at: int) -> None:
    assert when(written) == at


@pytest.mark.parametrize(
    ("written", "last"),
    [
        ("2024-02", "2024-03-01"),
        ("2024-12", "2025-01-01"),
        ("1970-01", "1970-02-01"),
        ("0999-12", "1000-01-01"),
        ("2024-02-28", "2024-02-29"),
        ("2024-09-07T12:00", "2024-09-07T12:00"),
    ],
)
def test_a_last_day_or_month_holds_the_bar_that_closes_at_its_end(written: str, last: str) -> None:
    assert last_second(written) == when(last)


@pytest.mark.parametrize("parse", [when, last_second])
@pytest.mark.parametrize("written", ["", "yesterday", "2024-13", "2024-00", "2024-02-30", "31.01.2024", "0000-01"])
def test_what_is_no_day_is_refused_by_the_option_that_asked(parse: Callable[[str, str], int], written: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse(written, "--from")
    assert str(refused.value) == f'--from: expected a day such as "2024-01-31" (got {written!r})'


@given(st.integers(1, 10**8))
def test_a_duration_is_written_as_it_would_be_read(duration: int) -> None:
    assert seconds(written_seconds(duration)) == duration
