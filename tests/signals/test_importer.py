"""Importing: every trap that the recorded files hold, on small files with the same defect."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bot.core.universe import Universe
from bot.errors import DataError
from bot.signals.catalogue import Catalogue, build_panel
from bot.signals.columnmap import read_map, ready_maps
from bot.signals.importer import ImportReport, import_directory, open_data

MakeUniverse = Callable[..., Universe]
Imported = Callable[..., tuple[Catalogue, ImportReport]]

PRICES = """
format: 1
about: made in a test
files: prices.csv
kind: prices
bar: 1d
time: {column: t, format: "%Y-%m-%d", stamp: open, timezone: UTC}
asset: {column: pair, strip_suffix: USDT, rename: {RNDR: RENDER}}
open: o
high: h
low: l
close: c
volume: {column: v, counts: base}
"""
SIGNALS = """
format: 1
about: made in a test
files: stars.csv
kind: signals
source: stars
topic: {columns: [owner, name], lower: true}
value: stars
observed_at: {column: day, format: "%Y-%m-%d", timezone: UTC}
published_after: 1d
"""


@pytest.fixture
def imported(tmp_path: Path) -> Imported:
    """A function: imports one file of the given text by one map, and opens the catalogue."""

    def run(map_text: str, name: str, text: str) -> tuple[Catalogue, ImportReport]:
        source = tmp_path / "source"
        source.mkdir(exist_ok=True)
        (source / name).write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        (tmp_path / "made.yaml").write_text(map_text)
        report = import_directory(source, tmp_path / "data", [tmp_path / "made.yaml"])
        return Catalogue.open(tmp_path / "data"), report

    return run


def day(number: int) -> str:
    return f"{pd.Timestamp('2022-01-01') + pd.Timedelta(number, unit='D'):%Y-%m-%d}"


def stars(rows: list[tuple[int, str, str, int]]) -> str:
    return "\n".join(["day,owner,name,stars", *(f"{day(number)},{o},{n},{s}" for number, o, n, s in rows)]) + "\n"


BARS = "t,pair,o,h,l,c,v\n2024-01-01,RNDRUSDT,2,4,1,3,10\n2024-01-02,RNDRUSDT,3,5,3,4,20\n"


def test_a_bar_stamped_with_its_open_is_known_only_at_its_close(imported: Imported) -> None:
    catalogue, _ = imported(PRICES, "prices.csv", BARS)
    frame = catalogue.prices("RENDER", "1d")
    assert frame["time"].astype(str).tolist() == ["2024-01-02 00:00:00+00:00", "2024-01-03 00:00:00+00:00"]
    assert frame["close"].tolist() == [3.0, 4.0]


def test_a_bar_stamped_with_its_close_stays(imported: Imported) -> None:
    catalogue, _ = imported(PRICES.replace("stamp: open", "stamp: close"), "prices.csv", BARS)
    assert str(catalogue.prices("RENDER", "1d")["time"].iloc[0]) == "2024-01-01 00:00:00+00:00"


def test_volume_of_base_tokens_becomes_money_and_of_money_stays(imported: Imported) -> None:
    assert imported(PRICES, "prices.csv", BARS)[0].prices("RENDER", "1d")["volume_quote"].tolist() == [30.0, 80.0]
    quote = PRICES.replace("counts: base", "counts: quote")
    assert imported(quote, "prices.csv", BARS)[0].prices("RENDER", "1d")["volume_quote"].tolist() == [10.0, 20.0]


def test_gzipped_files_are_read_alike(imported: Imported, tmp_path: Path) -> None:
    plain = imported(PRICES, "prices.csv", BARS)[1].digest
    (tmp_path / "source/prices.csv").unlink()
    assert imported(PRICES.replace("prices.csv", "prices.csv.gz"), "prices.csv.gz", BARS)[1].digest == plain


@pytest.mark.parametrize(
    ("time", "cell", "problem"),
    [
        ('{column: t, format: "%Y-%m-%d", stamp: open}', "2024-01-01", "say timezone: UTC"),
        ("{column: t, stamp: open, timezone: UTC}", "2024-01-01", "name their format"),
        ("{column: t, unit: s, stamp: open, timezone: UTC}", "1704067200000", "is the unit really s"),
        ("{column: t, unit: ms, stamp: open, timezone: UTC}", "1704067200", "is the unit really ms"),
        ("{column: t, unit: ms, stamp: open, timezone: UTC}", "soon", "not a number in row 1"),
        ("{column: t, format: ISO8601, stamp: open, timezone: UTC}", "01.01.2024", "not a time of format ISO8601"),
        ('{column: t, format: "%Y-%m-%d", stamp: open, timezone: UTC}', "", "no time in row 1"),
    ],
)
def test_times_that_would_need_a_guess_are_refused(imported: Imported, time: str, cell: str, problem: str) -> None:
    lines = PRICES.splitlines()
    lines[[line.startswith("time:") for line in lines].index(True)] = f"time: {time}"
    with pytest.raises(DataError, match=problem) as caught:
        imported("\n".join(lines), "prices.csv", f"t,pair,o,h,l,c,v\n{cell},A,2,4,1,3,10\n")
    assert "prices.csv: t: " in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("time", "cell"),
    [
        ("{column: t, unit: ms, stamp: close, timezone: UTC}", "1704067200000"),
        ("{column: t, unit: s, stamp: close, timezone: UTC}", "1704067200"),
        ("{column: t, unit: ns, stamp: close, timezone: UTC}", "1704067200000000000"),
        ("{column: t, format: ISO8601, stamp: close}", "2024-01-01T02:00:00+02:00"),
        ('{column: t, format: "%d.%m.%Y %H:%M %z", stamp: close}', "31.12.2023 19:00 -0500"),
    ],
)
def test_every_named_way_to_write_a_time_is_the_same_instant(imported: Imported, time: str, cell: str) -> None:
    lines = PRICES.splitlines()
    lines[[line.startswith("time:") for line in lines].index(True)] = f"time: {time}"
    catalogue, _ = imported("\n".join(lines), "prices.csv", f"t,pair,o,h,l,c,v\n{cell},A,2,4,1,3,10\n")
    assert str(catalogue.prices("A", "1d")["time"].iloc[0]) == "2024-01-01 00:00:00+00:00"


def test_equal_duplicates_become_one_and_contradicting_ones_need_a_rule(imported: Imported) -> None:
    catalogue, report = imported(PRICES, "prices.csv", BARS + BARS.splitlines()[1] + "\n")
    assert len(catalogue.prices("RENDER", "1d")) == 2
    assert report.maps[0].left_out == {"repeated rows": 1}
    contradicting = BARS + "2024-01-02,RNDRUSDT,3,9,3,8,20\n"
    with pytest.raises(DataError, match=r"RENDER at 2024-01-03 00:00:00.*twice with different values"):
        imported(PRICES, "prices.csv", contradicting)
    for rule, close in [("first", 4.0), ("last", 8.0), ("highest", 8.0)]:
        frame = imported(f"{PRICES}duplicates: {rule}\n", "prices.csv", contradicting)[0].prices("RENDER", "1d")
        assert frame["close"].tolist() == [3.0, close]


def test_rows_are_kept_and_dropped_as_the_map_says_and_counted(imported: Imported) -> None:
    text = BARS + "2024-01-03,FETUSDT,1,1,1,-,5\n2024-01-03,FETBUSD,1,1,1,1,5\n2024-01-03,FETUSDT,0,0,0,0,5\n"
    rules = (
        'drop_when:\n- {column: c, equals: "-"}\n- {column: c, at_most: 0}\n'
        "keep_when:\n- {column: pair, among: [FETUSDT, RNDRUSDT]}\n"
    )
    catalogue, report = imported(PRICES + rules, "prices.csv", text)
    assert catalogue.assets("1d") == ("RENDER",)
    assert report.maps[0].left_out == {"c dropped": 2, "pair not asked for": 1}
    assert (report.maps[0].rows_read, report.maps[0].rows_kept) == (5, 2)


def test_bad_files_name_file_and_column(imported: Imported) -> None:
    with pytest.raises(DataError, match=r"prices\.csv: v: column is missing"):
        imported(PRICES, "prices.csv", "t,pair,o,h,l,c\n2024-01-01,A,1,1,1,1\n")
    with pytest.raises(DataError, match=r"prices\.csv: c: not a number in row 2 \(got 'n/a'\)"):
        imported(PRICES, "prices.csv", BARS.replace("3,4,20", "3,n/a,20"))
    with pytest.raises(DataError, match="not CSV"):
        imported(PRICES, "prices.csv", "")
    with pytest.raises(DataError, match="not Parquet"):
        imported(PRICES.replace("prices.csv", "prices.parquet"), "prices.parquet", "text")
    gzipped = PRICES.replace("prices.csv", "prices.csv.gz")
    source = imported(PRICES, "prices.csv", BARS)[1].path.parent
    (source / "source/prices.csv.gz").write_bytes(b"no gzip")
    (source / "gzipped.yaml").write_text(gzipped)
    with pytest.raises(DataError, match="cannot read"):
        import_directory(source / "source", source / "other", [source / "gzipped.yaml"])


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("bar: 1d", "bar: 7m", "bar: "),
        ("close: c", "close: c\ncolour: red", "colour: "),
        ("counts: base", "counts: eggs", r"volume\.counts: "),
        ("kind: prices", "kind: vibes", "vibes"),
        (", stamp: open", "", r"time\.stamp: "),
        ("column: pair", "constant: A, column: pair", "name one of column, constant, from_file"),
        ("about: made", "about: [", "not YAML"),
    ],
)
def test_a_wrong_map_is_one_line(imported: Imported, old: str, new: str, problem: str) -> None:
    assert old in PRICES
    with pytest.raises(DataError, match=problem) as caught:
        imported(PRICES.replace(old, new), "prices.csv", BARS)
    assert "\n" not in str(caught.value)


def test_a_vanished_repository_keeps_its_level_and_is_never_zero(
    imported: Imported, make_universe: MakeUniverse
) -> None:
    seen = [0, 1, 2, 6, 7]
    text = stars([(number, "me", "Art", 1000 + number) for number in seen] + [(n, "you", "b", 5) for n in range(8)])
    catalogue, _ = imported(SIGNALS, "stars.csv", text)
    frame = catalogue.signals("stars")
    assert frame.loc[frame["topic"] == "me/art", "value"].tolist() == [1000.0 + number for number in seen]
    times = pd.date_range("2022-01-02", periods=8, tz="UTC").as_unit("us")
    flat = {name: np.ones(8) for name in ("open", "high", "low", "close", "volume_quote")}
    prices = {("1d", "AAA"): pd.DataFrame({"time": times, **flat})}
    both = Catalogue.of("t", "recorded", prices, {"stars": frame})
    universe = make_universe("AAA", topics={"AAA": {"stars": ("me/art",)}})
    index = build_panel(both, universe, "1d", ("stars",)).fields["signal:stars"][:, 1]
    assert index == pytest.approx([100 * (1001 + number) / 1001 for number in (0, 1, 2, 2, 2, 2, 6, 7)])


def test_incomplete_days_are_dropped_and_counted_by_distinct_topics(imported: Imported) -> None:
    """A page fetched twice fills the day with repeats: as many rows as ever, and a third of the topics missing."""
    rows = [(number, "o", f"r{repo}", 100 + number) for number in range(10) for repo in range(9)]
    rows = [row if row[0] != 6 else (6, "o", f"r{int(row[2][1:]) % 6}", row[3]) for row in rows]
    rule = "incomplete: {below: 0.75, of_days: 5}\n"
    catalogue, report = imported(SIGNALS + rule, "stars.csv", stars(rows))
    days = catalogue.signals("stars")["observed_at"].dt.strftime("%Y-%m-%d").unique().tolist()
    assert days == [day(number) for number in range(10) if number != 6]
    assert report.maps[0].left_out["incomplete days"] == 1
    assert report.maps[0].left_out["rows of incomplete days"] == 6


def test_a_day_is_judged_by_the_days_before_it_only(imported: Imported) -> None:
    """The third day is short, but two days are too few to say what is usual."""
    rows = [(number, "o", f"r{repo}", 100) for number in range(6) for repo in range(3 if number == 2 else 9)]
    _, report = imported(SIGNALS + "incomplete: {below: 0.75, of_days: 5}\n", "stars.csv", stars(rows))
    assert report.maps[0].left_out["incomplete days"] == 0


def test_a_list_that_really_shrinks_is_believed_after_a_while(imported: Imported) -> None:
    rows = [(number, "o", f"r{repo}", 100) for number in range(20) for repo in range(9 if number < 10 else 3)]
    catalogue, _ = imported(SIGNALS + "incomplete: {below: 0.75, of_days: 5}\n", "stars.csv", stars(rows))
    assert catalogue.signals("stars")["observed_at"].max() == pd.Timestamp(day(19), tz="UTC")


RENAMES = "renames: {within: 180d, lowest: 0.97, highest: 1.1}\nduplicates: highest\n"


def test_a_renamed_owner_continues_its_topic(imported: Imported) -> None:
    rows = [(0, "old", "art", 1000), (1, "old", "art", 1010), (3, "new", "art", 1030), (9, "newer", "art", 1090)]
    catalogue, report = imported(SIGNALS + RENAMES, "stars.csv", stars(rows))
    assert catalogue.signals("stars")["topic"].unique().tolist() == ["old/art"]
    assert catalogue.signals("stars")["value"].tolist() == [1000.0, 1010.0, 1030.0, 1090.0]
    assert report.maps[0].renamed == 2


def test_different_repositories_of_one_name_stay_apart(imported: Imported) -> None:
    beside = [(0, "a", "blog", 1000), (1, "a", "blog", 1001), (1, "b", "blog", 1002), (2, "b", "blog", 1003)]
    other_size = [(0, "c", "docs", 1000), (5, "d", "docs", 9000)]
    too_late = [(0, "e", "cli", 1000), (300, "f", "cli", 1001)]
    catalogue, report = imported(SIGNALS + RENAMES, "stars.csv", stars(beside + other_size + too_late))
    assert catalogue.signals("stars")["topic"].nunique() == 6
    assert report.maps[0].renamed == 0


def test_whether_a_topic_was_renamed_does_not_depend_on_later_rows(imported: Imported) -> None:
    rows = [(0, "old", "art", 1000), (3, "new", "art", 1030)]
    later = [(5, "old", "art", 5), (5, "new", "art", 1050), (6, "old", "art", 6)]
    topics = imported(SIGNALS + RENAMES, "stars.csv", stars(rows + later))[0].signals("stars")
    assert topics["value"].tolist() == [1000.0, 1030.0, 1050.0, 6.0]


def test_the_same_input_gives_the_same_catalogue_and_imports_add_up(imported: Imported, tmp_path: Path) -> None:
    first = imported(PRICES, "prices.csv", BARS)[1].digest
    assert imported(PRICES, "prices.csv", BARS)[1].digest == first
    both, report = imported(SIGNALS, "stars.csv", stars([(0, "me", "art", 5)]))
    assert (both.assets("1d"), both.sources()) == (("RENDER",), ("stars",))
    assert report.digest == both.digest != first


def test_recorded_data_is_never_mixed_into_synthetic(imported: Imported, tmp_path: Path) -> None:
    Catalogue.of("SYNTHETIC", "synthetic", {}, {}, 1).write(tmp_path / "data")
    with pytest.raises(DataError, match="synthetic catalogue takes no recorded data"):
        imported(PRICES, "prices.csv", BARS)


def test_open_data_imports_known_files_once(tmp_path: Path) -> None:
    source, cache = tmp_path / "raw", tmp_path / "cache"
    source.mkdir()
    hours = pd.date_range("2020-01-01", periods=4)
    numbers = {name: np.arange(1.0, 5.0) for name in ("open", "high", "low", "close", "volume")}
    pd.DataFrame({"Date": hours, **numbers}).to_parquet(source / "BTCUSDT-1h.parquet")
    first = open_data(source, cache)
    assert str(first.prices("BTC", "1h")["time"].iloc[0]) == "2020-01-01 01:00:00+00:00"
    (kept,) = cache.iterdir()
    stamp = (kept / "catalogue.yaml").stat().st_mtime_ns
    assert open_data(source, cache).digest == first.digest
    assert (kept / "catalogue.yaml").stat().st_mtime_ns == stamp
    assert open_data(kept, tmp_path / "unused").digest == first.digest
    os.utime(source / "BTCUSDT-1h.parquet", ns=(1, 1))
    assert open_data(source, cache).digest == first.digest
    assert len(list(cache.iterdir())) == 2


def test_open_data_says_what_it_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"neither catalogue\.yaml nor a file that a map knows \(.*github_ranking"):
        open_data(tmp_path, tmp_path / "cache")
    with pytest.raises(DataError, match="does not exist"):
        open_data(tmp_path / "nowhere", tmp_path / "cache")


def test_ready_maps_are_valid() -> None:
    maps = {name: read_map(file) for name, file in ready_maps().items()}
    assert set(maps) == {
        *("artblocks", "binance_1d_2024", "binance_1h_2024", "binance_hourly"),
        *("comfyui_manager", "cryptopunks", "github_ranking", "pypi_downloads"),
    }
    assert all(column_map.about for column_map in maps.values())


def test_the_example_in_the_documentation_is_true(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs/data-format.md").read_text(encoding="utf-8")
    examples = dict(re.findall(r"<!-- example: (\S+) -->\n```\w+\n(.*?)```", text, flags=re.DOTALL))
    assert set(examples) == {"sales.csv", "sales.yaml"}
    for name, content in examples.items():
        (tmp_path / name).write_text(content)
    report = import_directory(tmp_path, tmp_path / "data", [tmp_path / "sales.yaml"])
    frame = Catalogue.open(tmp_path / "data").prices("RENDER", "1d")
    assert frame["time"].astype(str).str[:10].tolist() == ["2024-01-02", "2024-01-03"]
    assert frame["volume_quote"].tolist() == [5400.0, 4320.0]
    assert report.maps[0].left_out == {"repeated rows": 1, "state dropped": 1}
