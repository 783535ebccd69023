"""Each defect is found, named, placed and graded."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from bot.core.universe import Universe
from bot.errors import DataError
from bot.signals.catalogue import Catalogue
from bot.signals.quality import check, refuse_errors

Frame = Callable[..., pd.DataFrame]
MakeUniverse = Callable[..., Universe]
DAY = 86_400
DAY_0 = 19_000  # of January 2022
DAYS = [DAY * (DAY_0 + day) for day in range(100, 110)]


def with_prices(frame: pd.DataFrame) -> Catalogue:
    return Catalogue.of("t", "recorded", {("1d", "AAA"): frame}, {})


def with_signals(frame: pd.DataFrame) -> Catalogue:
    return Catalogue.of("t", "recorded", {}, {"stars": frame})


def spoiled(frame: pd.DataFrame, row: int, **cells: float) -> pd.DataFrame:
    result = frame.copy()
    for column, value in cells.items():
        result.loc[row, column] = value
    return result


def test_good_data_has_no_findings(price_frame: Frame, signal_frame: Frame) -> None:
    rows = [(topic, 10.0 + place, at, at + 60) for topic in "ab" for place, at in enumerate(DAYS)]
    good = Catalogue.of("t", "recorded", {("1d", "AAA"): price_frame(DAYS, range(1, 11))}, {"s": signal_frame(rows)})
    assert check(good, now=DAYS[-1] + 2 * DAY) == [
        found for found in check(good) if found.problem == "published after the last bar of any price"
    ]


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ({"close": np.nan}, "price missing or infinite"),
        ({"open": np.inf}, "price missing or infinite"),
        ({"close": 0.0}, "price zero or negative"),
        ({"low": -1.0}, "price zero or negative"),
        ({"high": 0.5}, "high below low"),
        ({"close": 60.0, "high": 61.0}, "price moved tenfold in one bar"),
        ({"close": 0.4, "low": 0.4}, "price moved tenfold in one bar"),
        ({"volume_quote": -1.0}, "volume missing, infinite or negative"),
        ({"volume_quote": np.nan}, "volume missing, infinite or negative"),
    ],
)
def test_bad_bars_are_errors_at_their_time(price_frame: Frame, cells: dict[str, float], problem: str) -> None:
    findings = check(with_prices(spoiled(price_frame(DAYS, [5.0] * 10), 4, **cells)))
    first = next(found for found in findings if found.problem == problem)
    assert (first.severity, first.file, first.asset, first.first_at) == (
        "error", "prices/1d/AAA.parquet", "AAA", DAYS[4],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("times", "problem", "severity", "first_at"),
    [
        ([1, 2, 2, 3], "bar repeated", "error", 2),
        ([1, 3, 2, 4], "bars out of order", "error", 2),
        ([1, 2, 6, 7], "gap, 3 bars in all", "warning", 2),
    ],
)
def test_times_are_looked_at(price_frame: Frame, times: list[int], problem: str, severity: str, first_at: int) -> None:
    findings = check(with_prices(price_frame([DAYS[0] + DAY * at for at in times], [5.0] * len(times))))
    found = next(found for found in findings if found.problem == problem)
    assert (found.severity, found.count, found.first_at) == (severity, 1, DAYS[0] + DAY * first_at)


def test_bars_off_the_clock_and_from_the_future_are_errors(price_frame: Frame) -> None:
    findings = check(with_prices(price_frame([DAYS[0], DAYS[1] + 60], [5.0, 5.0])), now=DAYS[1])
    assert {found.problem for found in findings if found.severity == "error"} == {
        "not the close of a whole bar",
        "bar from the future, or not closed yet",
    }


def test_a_fall_across_a_gap_is_not_called_absurd(price_frame: Frame) -> None:
    findings = check(with_prices(price_frame([DAYS[0], DAYS[9]], [100.0, 5.0])))
    assert [found.severity for found in findings] == ["warning"]


@pytest.mark.parametrize(
    ("row", "problem", "severity"),
    [
        (("a", np.nan, 5, 6), "value missing, infinite or negative", "error"),
        (("a", -1.0, 5, 6), "value missing, infinite or negative", "error"),
        (("a", 9.0, 6, 5), "published before it was observed", "error"),
        (("a", 9.0, 1, 2), "observation repeated", "error"),
        (("a", 9.0, 5, 99), "published in the future", "error"),
    ],
)
def test_bad_observations_are_errors(
    signal_frame: Frame, row: tuple[str, float, int, int], problem: str, severity: str
) -> None:
    rows = [("a", 8.0, 1, 2), ("a", 8.0, 2, 3), row]
    frame = signal_frame([(topic, value, DAYS[0] + o * DAY, DAYS[0] + p * DAY) for topic, value, o, p in rows])
    found = next(found for found in check(with_signals(frame), now=DAYS[0] + 50 * DAY) if found.problem == problem)
    assert (found.severity, found.file, found.count) == (severity, "signals/stars.parquet", 1)


def test_holes_in_signals_are_warnings(signal_frame: Frame) -> None:
    days = [DAY_0 + day for day in range(100, 140) if not 120 <= day < 130]
    short = DAY_0 + 110
    rows = [(topic, 5.0, day * DAY, day * DAY) for topic in "abcdefgh" for day in days if day != short or topic < "c"]
    findings = {found.problem: found for found in check(with_signals(signal_frame(rows)))}
    assert findings["incomplete day"].first_at == short * DAY
    assert findings["silent, 10 days in all"].first_at == (DAY_0 + 119) * DAY
    assert {found.severity for found in findings.values()} == {"warning"}


def test_a_run_refuses_errors_with_file_asset_and_time(price_frame: Frame, make_universe: MakeUniverse) -> None:
    bad = with_prices(spoiled(price_frame(DAYS, [5.0] * 10), 4, close=0.0))
    with pytest.raises(DataError, match=r"prices/1d/AAA\.parquet: AAA: price zero or negative at 2022-04-22 00:00 UTC"):
        refuse_errors(bad, make_universe("AAA"), "1d", ())


def test_a_run_counts_warnings_and_looks_only_at_what_it_uses(price_frame: Frame, make_universe: MakeUniverse) -> None:
    gap, bad = price_frame([DAYS[0], DAYS[5]], [5.0, 5.0]), price_frame(DAYS[:2], [5.0, 0.0])
    data = Catalogue.of("t", "recorded", {("1d", "AAA"): gap, ("1d", "BBB"): bad}, {})
    assert refuse_errors(data, make_universe("AAA"), "1d", ()) == 1
