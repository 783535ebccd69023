"""Minute bars from files: exact integers, whole minutes, and one line for everything that is wrong."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backtests.lp.minutes import COLUMNS, integers, load_minutes
from bot.errors import DataError

BIG = 53_802_114_876_912_345_678_901  # needs 76 bits: a float64 would lose its last digits
ROW = {
    "timestamp": "2022-07-19 00:00:00",
    "netAmount0": "-30361565484",
    "netAmount1": str(BIG - 7),
    "closeTick": "202693",
    "openTick": "202656",
    "lowestTick": "202649",
    "highestTick": "202697",
    "inAmount0": "23814930590",
    "inAmount1": str(BIG),
    "currentLiquidity": "422680516552367239",
}


def minute(number: int, **cells: str) -> dict[str, str]:
    return ROW | {"timestamp": f"2022-07-19 {number // 60:02}:{number % 60:02}:00"} | cells


def csv(rows: list[dict[str, str]], columns: tuple[str, ...] = COLUMNS) -> str:
    return "\n".join([",".join(columns), *(",".join(row[name] for name in columns) for row in rows)]) + "\n"


def write(folder: Path, rows: list[dict[str, str]], name: str = "bars.csv") -> Path:
    path = folder / name
    data = csv(rows).encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def test_amounts_keep_every_digit(tmp_path: Path) -> None:
    bars = load_minutes([write(tmp_path, [minute(0), minute(1, inAmount1=str(10**38 - 1))])])
    assert integers(bars.in1) == [BIG, 10**38 - 1]
    assert integers(bars.in0) == [23_814_930_590] * 2
    assert integers(bars.liquidity) == [422_680_516_552_367_239] * 2
    assert [int(ticks[0]) for ticks in (bars.open, bars.low, bars.high, bars.close)] == [202656, 202649, 202697, 202693]
    assert bars.times.tolist() == [1_658_188_800, 1_658_188_860]
    assert bars.notes() == ()


def test_missing_minutes_carry_tick_and_liquidity_and_have_no_volume(tmp_path: Path) -> None:
    rows = [minute(0, closeTick="202690"), minute(3), minute(4), minute(6)]
    bars = load_minutes([write(tmp_path, rows)])
    assert len(bars) == 7
    assert bars.missing.tolist() == [False, True, True, False, False, True, False]
    assert bars.gaps == ((1_658_188_860, 2), (1_658_189_100, 1))
    assert [int(ticks[1]) for ticks in (bars.open, bars.low, bars.high, bars.close)] == [202690] * 4
    assert integers(bars.in1)[:4] == [BIG, 0, 0, BIG]
    assert integers(bars.liquidity) == [422_680_516_552_367_239] * 7
    assert bars.notes()[0].startswith("3 of 7 minutes are missing in 2 gaps (the longest 2 minutes)")


def test_ticks_may_carry_a_decimal_point_but_amounts_may_not(tmp_path: Path) -> None:
    ticks = {name: "29256.0" for name in COLUMNS if name.endswith("Tick")}
    assert load_minutes([write(tmp_path, [minute(0, **ticks)])]).close.tolist() == [29256]
    with pytest.raises(DataError, match=r"bars\.csv: inAmount0: row 1: not a whole number \(got '23814930590\.0'\)"):
        load_minutes([write(tmp_path, [minute(0, inAmount0="23814930590.0")])])


def test_several_files_and_folders_follow_one_another(tmp_path: Path) -> None:
    first = write(tmp_path, [minute(0), minute(1)], "a.csv.gz")
    second = write(tmp_path, [minute(3)], "b.csv")
    together = load_minutes([first, second])
    assert together.missing.tolist() == [False, False, True, False]
    assert together.files == ("a.csv.gz", "b.csv")
    assert load_minutes([tmp_path]).digest == together.digest
    with pytest.raises(DataError, match=r"a\.csv\.gz: timestamp: row 1 is not after the last minute of b\.csv"):
        load_minutes([second, first])


def test_parquet_gives_what_csv_gives(tmp_path: Path) -> None:
    rows = [minute(0), minute(1), minute(4)]
    plain = load_minutes([write(tmp_path, rows)])
    wide = pa.decimal128(38, 0)
    table = pa.table(
        {
            name: pa.array([Decimal(row[name]) for row in rows], wide)
            if "mount" in name or "Liq" in name
            else pa.array([int(row[name]) for row in rows], pa.int32())
            for name in COLUMNS[1:]
        }
    ).append_column(
        "timestamp", pa.array([1_658_188_800_000, 1_658_188_860_000, 1_658_189_040_000], pa.timestamp("ms", "UTC"))
    )
    pq.write_table(table, tmp_path / "bars.parquet")
    same = load_minutes([tmp_path / "bars.parquet"])
    for name in ("times", "open", "low", "high", "close", "in0", "in1", "liquidity", "missing"):
        np.testing.assert_array_equal(getattr(same, name), getattr(plain, name))
    floats = table.set_column(table.column_names.index("inAmount1"), "inAmount1", pa.array([1e22] * 3))
    pq.write_table(floats, tmp_path / "floats.parquet")
    with pytest.raises(DataError, match="inAmount1: amounts are text, integers or decimals; a float has lost digits"):
        load_minutes([tmp_path / "floats.parquet"])


def test_a_window_keeps_its_minutes(tmp_path: Path) -> None:
    bars = load_minutes([write(tmp_path, [minute(0), minute(1), minute(2), minute(5)])])
    part = bars.window(1_658_188_860, 1_658_189_040)
    assert part.times.tolist() == [1_658_188_860, 1_658_188_920, 1_658_188_980]
    assert part.missing.tolist() == [False, False, True]
    with pytest.raises(DataError, match="fewer than two minutes lie in the window"):
        bars.window(1_658_189_100)


@pytest.mark.parametrize(
    ("cells", "line"),
    [
        ({"timestamp": "2022-07-19 00:00:00"}, r"timestamp: row 2: a minute that is already there"),
        ({"timestamp": "2022-07-18 00:00:00"}, r"timestamp: row 2: earlier than the row before"),
        ({"timestamp": "2022-07-19 00:01:30"}, r"timestamp: row 2: not on the minute"),
        ({"timestamp": "2022-02-30 00:01:00"}, r"timestamp: row 2: not a time like 2022-07-19 00:00:00 \(UTC\)"),
        ({"timestamp": "yesterday"}, r"timestamp: row 2: not a time like"),
        ({"timestamp": "2022-08-19 00:00:00"}, r"timestamp: row 2 comes more than 7 days after the one before"),
        ({"inAmount0": "-1", "netAmount0": "-5"}, r"inAmount0: row 2: negative \(got '-1'\)"),
        ({"inAmount1": "12"}, r"netAmount1: row 2: above inAmount1"),
        ({"inAmount1": "2e22"}, r"inAmount1: row 2: not a whole number \(got '2e22'\)"),
        ({"inAmount1": "1" * 39}, r"inAmount1: row 2: more than 38 digits"),
        ({"inAmount1": ""}, r"inAmount1: row 2: no value"),
        ({"closeTick": "887273"}, r"closeTick: row 2: outside -887272\.\.887272"),
        ({"openTick": "202656.5"}, r"openTick: row 2: not a whole number"),
        ({"lowestTick": "202698"}, r"lowestTick: row 2: above highestTick \(got '202698'\)"),
        ({"currentLiquidity": "0"}, r"currentLiquidity: row 2: no active liquidity"),
    ],
)
def test_refuses_a_bad_row_in_one_line(tmp_path: Path, cells: dict[str, str], line: str) -> None:
    with pytest.raises(DataError, match=r"bars\.csv: " + line) as error:
        load_minutes([write(tmp_path, [minute(0), minute(1, **cells)])])
    assert "\n" not in str(error.value)


def test_refuses_files_that_are_no_minute_bars(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text(csv([minute(0)], COLUMNS[:-1]))
    with pytest.raises(DataError, match="currentLiquidity: column is missing"):
        load_minutes([path])
    path.write_text(csv([]))
    with pytest.raises(DataError, match="no rows"):
        load_minutes([path])
    path.write_text("")
    with pytest.raises(DataError, match="not a table"):
        load_minutes([path])
    with pytest.raises(DataError, match=r"gone\.csv: cannot read: No such file"):
        load_minutes([tmp_path / "gone.csv"])
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(csv([minute(0)]).encode())[:-12])
    with pytest.raises(DataError, match=r"cut\.csv\.gz: cannot read"):
        load_minutes([tmp_path / "cut.csv.gz"])
    with pytest.raises(DataError, match=r"bars\.txt: neither \.csv nor \.parquet"):
        load_minutes([write(tmp_path, [minute(0)], "bars.txt")])
    with pytest.raises(DataError, match="no files of minute bars were given"):
        load_minutes([])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: no \.csv or \.parquet files"):
        load_minutes([tmp_path / "empty"])
