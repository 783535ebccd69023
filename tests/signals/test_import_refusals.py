"""What an import refuses, and in which row: nothing is cut off, wrapped, dropped or converted in silence."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bot.core.universe import Universe
from bot.errors import DataError
from bot.signals.catalogue import Catalogue, build_panel
from bot.signals.importer import import_directory
from tests.signals.test_importer import BARS, PRICES, SIGNALS

HEAD = "t,pair,o,h,l,c,v\n"
ROW = "2024-01-01,A,1,1,1,1,5\n"
MILLIS = PRICES.replace('format: "%Y-%m-%d"', "unit: ms")
DST = PRICES.replace('format: "%Y-%m-%d", stamp: open, timezone: UTC', 'format: "%Y-%m-%d %H:%M %z", stamp: open')


def imported(folder: Path, map_text: str, text: str | bytes, name: str = "prices.csv") -> Catalogue:
    (folder / "raw").mkdir(exist_ok=True)
    (folder / "raw" / name).write_bytes(text.encode() if isinstance(text, str) else text)
    (folder / "made.yaml").write_text(map_text, encoding="utf-8")
    import_directory(folder / "raw", folder / "data", [folder / "made.yaml"])
    return Catalogue.open(folder / "data")


@pytest.mark.parametrize(
    ("map_text", "text", "said"),
    [
        (PRICES, HEAD + ROW + "2024-01-02,A,1,1,1,1,5,5\n", "Row #3: Expected 7 columns, got 8"),  # 1,5 is no 1.5
        (PRICES, HEAD + ROW + "2024-01-02,A,1\n", "Row #3: Expected 7 columns, got 3"),
        (PRICES, HEAD.replace("v", "c") + ROW, "prices.csv: c: column is there twice"),
        (PRICES, HEAD + ROW + "2024-01-02,A,1,1,1,NaN,5\n", "prices.csv: c: not a number in row 2 (got 'NaN')"),
        (PRICES, HEAD + ROW + '2024-01-02,A,1,1,1,"1.000,5",5\n', "c: not a number in row 2 (got '1.000,5')"),
        (PRICES, HEAD + ROW + "2024-01-02,,1,1,1,1,5\n", "prices.csv: pair: empty in row 2"),
        (PRICES, HEAD + "2024-01-02,В1,1,1,1,1,5\n", "pair: no name of an asset in row 1: '\\u0412' is U+0412"),
        (PRICES, HEAD + "2024-01-02,../A,1,1,1,1,5\n", "pair: no name of an asset in row 1"),
        (PRICES, HEAD + ROW + "2024-01-02,a,1,1,1,1,5\n", "differ in letter case alone"),
        (PRICES, HEAD + ROW + "2024-02-30,A,1,1,1,1,5\n", "not a time of format %Y-%m-%d in row 2 (got '2024-02-30')"),
        (PRICES, HEAD + ROW + "1970-01-01,A,1,1,1,1,5\n", "t: a time outside 2005 to 2100 in row 2"),
        (MILLIS, HEAD + "1704067200000,A,1,1,1,1,5\n1704153600,A,1,1,1,1,5\n", "in row 2: is the unit really ms"),
        (MILLIS, HEAD + "99999999999999999999,A,1,1,1,1,5\n", "whole numbers of 64 bits, row 1"),
        (MILLIS, HEAD + "9223372036854775808,A,1,1,1,1,5\n", "whole numbers of 64 bits, row 1"),
        (MILLIS, HEAD + "1.7e12,A,1,1,1,1,5\n", "whole numbers of 64 bits, row 1 (got '1.7e12')"),
        (MILLIS, HEAD + "1704067200000.5,A,1,1,1,1,5\n", "whole numbers of 64 bits, row 1"),
        (
            PRICES.replace('format: "%Y-%m-%d"', "format: ISO8601"),
            HEAD + ROW + "2024-01-02T00:00:00+01:00,A,1,1,1,1,5\n",
            "some times have a zone and some have none, from row 2 on",
        ),
    ],
)
def test_a_row_that_would_need_a_guess_is_named(map_text: str, text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        imported(tmp_path, map_text, text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_rows_keep_their_number_when_others_are_dropped(tmp_path: Path) -> None:
    rules = "drop_when:\n- {column: v, at_most: 0}\n"
    text = HEAD + "2024-01-01,A,1,1,1,1,0\n" * 3 + "2024-01-04,A,1,1,1,dear,5\n"
    with pytest.raises(DataError, match="not a number in row 4"):
        imported(tmp_path, PRICES + rules, text)


def test_local_midnights_are_no_daily_bars_on_either_side_of_summer_time(tmp_path: Path) -> None:
    """With their offset the instants are known, and they are off the clock of UTC days: the check says so."""
    text = HEAD + "2024-03-30 00:00 +0100,A,1,1,1,1,5\n2024-04-01 00:00 +0200,A,1,1,1,1,5\n"
    frame = imported(tmp_path, DST, text).prices("A", "1d")
    assert frame["time"].dt.hour.tolist() == [23, 22]


def parquet(**columns: object) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return bytes(sink.getvalue())


PARQUET = MILLIS.replace("prices.csv", "prices.parquet")
SOUND = {"pair": ["A"], "o": [1.0], "h": [1.0], "l": [1.0], "c": [1.0], "v": [5.0]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"t": pa.array([2**63 + 5], pa.uint64())}, "whole numbers of 64 bits, row 1"),
        ({"t": pa.array([1_704_067_200_000_000])}, "row 1: is the unit really ms"),
        ({"t": pa.array([1_704_067_200_000.5])}, "whole numbers of 64 bits, row 1"),
        ({"c": pa.array(["1,5"])}, "c: not a number in row 1 (got '1,5')"),
        ({"c": pa.array([None], pa.float64()), "t": pa.array([None], pa.int64())}, "t: no time in row 1"),
        ({"pair": pa.array([None], pa.string())}, "pair: empty in row 1"),
    ],
)
def test_parquet_is_read_as_strictly_as_text(change: dict[str, object], said: str, tmp_path: Path) -> None:
    columns = {"t": [1_704_067_200_000], **SOUND, **change}
    with pytest.raises(DataError) as caught:
        imported(tmp_path, PARQUET, parquet(**columns), "prices.parquet")
    assert said in str(caught.value)


def test_whole_floats_and_integers_of_any_width_are_the_same_times(tmp_path: Path) -> None:
    kinds = [pa.int64(), pa.uint64(), pa.float64()]
    frames = []
    for place, kind in enumerate(kinds):
        folder = tmp_path / str(place)
        folder.mkdir()
        columns = {"t": pa.array([1_704_067_200_000], kind), **SOUND}
        frames.append(imported(folder, PARQUET, parquet(**columns), "prices.parquet").prices("A", "1d"))
    assert all(frame.equals(frames[0]) for frame in frames)


REVISED = SIGNALS.replace("published_after: 1d", 'published_at: {column: told, format: "%Y-%m-%d", timezone: UTC}')


def test_a_revision_stays_beside_the_first_value_and_counts_from_its_own_publication(
    tmp_path: Path, make_universe: Callable[..., Universe]
) -> None:
    text = "day,told,owner,name,stars\n2024-01-01,2024-01-02,me,art,100\n2024-01-01,2024-01-09,me,art,50\n"
    frame = imported(tmp_path, REVISED, text, "stars.csv").signals("stars")
    assert frame["value"].tolist() == [100.0, 50.0]
    assert frame["published_at"].dt.day.tolist() == [2, 9]
    assert frame["observed_at"].nunique() == 1
    # What a panel knows: 100 until the ninth, and the revision from then on.
    times = pd.date_range("2024-01-02", periods=10, tz="UTC").as_unit("us")
    flat = pd.DataFrame({"time": times, **dict.fromkeys(("open", "high", "low", "close", "volume_quote"), 1.0)})
    both = Catalogue.of("t", "recorded", {("1d", "AAA"): flat}, {"stars": frame})
    universe = make_universe("AAA", topics={"AAA": {"stars": ("me/art",)}})
    index = build_panel(both, universe, "1d", ("stars",)).fields["signal:stars"][:, 1]
    assert index == pytest.approx([100.0] * 7 + [100.0 * 51 / 101] * 3)


def test_two_values_published_at_once_still_contradict(tmp_path: Path) -> None:
    text = "day,told,owner,name,stars\n2024-01-01,2024-01-02,me,art,100\n2024-01-01,2024-01-02,me,art,50\n"
    with pytest.raises(DataError, match="twice with different values"):
        imported(tmp_path, REVISED, text, "stars.csv")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"close": ["dear", "dear"]}, "prices/1d/A.parquet: close: not numbers"),
        ({"time": pd.to_datetime(["2024-01-02", "2024-01-03"])}, "time: times need a time zone (UTC)"),
        ({"time": [pd.Timestamp("2024-01-02"), pd.Timestamp("2024-01-03", tz="UTC")]}, "some times have a zone"),
        ({"time": pd.to_datetime(["", "2024-01-03"], utc=True)}, "time: a value is missing in row 1"),
        ({"more": [1, 2]}, "more: column does not belong here"),
    ],
)
def test_a_catalogue_takes_only_what_its_format_says(change: dict[str, Any], said: str) -> None:
    times = pd.to_datetime(["2024-01-02", "2024-01-03"], utc=True)
    frame = pd.DataFrame({"time": times, **dict.fromkeys(("open", "high", "low", "close", "volume_quote"), 1.0)})
    with pytest.raises(DataError) as caught:
        Catalogue.of("t", "recorded", {("1d", "A"): frame.assign(**change)}, {})
    assert said in str(caught.value)


def test_a_column_that_is_there_twice_is_refused_on_disk(tmp_path: Path) -> None:
    imported(tmp_path, PRICES, BARS)
    file = tmp_path / "data/prices/1d/RENDER.parquet"
    table = pq.read_table(file)
    pq.write_table(table.append_column("close", table.column("open")), file)
    manifest = tmp_path / "data/catalogue.yaml"
    known = next(line for line in manifest.read_text().splitlines() if "sha256" in line)
    manifest.write_text(manifest.read_text().replace(known.split()[-1], hashlib.sha256(file.read_bytes()).hexdigest()))
    with pytest.raises(DataError, match=r"RENDER\.parquet: close: column is there twice"):
        Catalogue.open(tmp_path / "data")
