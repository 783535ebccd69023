"""Listing and delisting dates: carried with the prices, kept to by the panel, called out where they are missing."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from bot.core.universe import Universe
from bot.errors import DataError
from bot.signals.catalogue import Catalogue, build_panel
from bot.signals.commands import check_data, list_data
from bot.signals.importer import import_directory
from bot.signals.listings import NEVER, Listing, derived, listings_of
from bot.signals.quality import Finding, check, findings_of

Frame = Callable[..., pd.DataFrame]
MakeUniverse = Callable[..., Universe]
DAY = 86_400
START = 19_724 * DAY  # 2024-01-02
DAYS = [START + DAY * day for day in range(20)]
Row = tuple[str, int | None, int | None, str]


def assets_of(*rows: Row) -> pd.DataFrame:
    """asset, day listed, day delisted (counted from the first bar), reason."""

    def times(place: int) -> pd.Series[pd.Timestamp]:
        days: Sequence[object] = [row[place] for row in rows]
        found = [
            pd.NaT if day is None else pd.Timestamp(START + DAY * int(str(day)), unit="s", tz="UTC") for day in days
        ]
        return pd.Series(found, dtype="datetime64[us, UTC]")

    return pd.DataFrame(
        {
            "asset": pd.Series([row[0] for row in rows], dtype="str"),
            "listed_at": times(1),
            "delisted_at": times(2),
            "reason": pd.Series([row[3] for row in rows], dtype="str"),
        }
    )


@pytest.fixture
def two(price_frame: Frame) -> Callable[..., Catalogue]:
    """A function: AAA and BBB with 20 bars each, and these rows of assets."""

    def make(*rows: Row) -> Catalogue:
        prices = {("1d", asset): price_frame(DAYS, np.linspace(5.0, 6.0, 20)) for asset in ("AAA", "BBB")}
        return Catalogue.of("t", "recorded", prices, {}, assets=assets_of(*rows) if rows else None)

    return make


def test_a_catalogue_carries_its_assets_to_disk_and_back(two: Callable[..., Catalogue], tmp_path: Path) -> None:
    made = two(("AAA", 2, None, ""), ("BBB", None, 9, "the exchange closed"))
    made.write(tmp_path / "data")
    opened = Catalogue.open(tmp_path / "data")
    assert listings_of(opened.listings()) == {
        "AAA": Listing(DAYS[2], NEVER, ""),
        "BBB": Listing(0, DAYS[9], "the exchange closed"),
    }
    assert opened.digest == made.digest != two().digest
    assert "assets.parquet" in opened.paths()
    assert opened.assets("1d") == ("AAA", "BBB")
    assert opened.sources() == ()


def test_a_catalogue_without_them_says_nothing(two: Callable[..., Catalogue]) -> None:
    assert listings_of(two().listings()) == {}


def test_nothing_is_known_before_its_listing_and_after_its_delisting(
    two: Callable[..., Catalogue], make_universe: MakeUniverse
) -> None:
    panel = build_panel(two(("AAA", 3, None, ""), ("BBB", None, 9, "")), make_universe("AAA", "BBB"), "1d", ())
    assert panel.listed[:, 1].tolist() == [False] * 3 + [True] * 17
    # Not carried past it either: on that day it is known that there will be no more.
    assert panel.listed[:, 2].tolist() == [True] * 10 + [False] * 10


def test_the_grid_begins_with_what_is_listed(two: Callable[..., Catalogue], make_universe: MakeUniverse) -> None:
    panel = build_panel(two(("AAA", 3, None, ""), ("BBB", 5, None, "")), make_universe("AAA", "BBB"), "1d", ())
    assert panel.times[0] == DAYS[3]


def test_an_asset_without_a_bar_in_its_time_is_refused(
    two: Callable[..., Catalogue], make_universe: MakeUniverse
) -> None:
    with pytest.raises(DataError, match=r"AAA\.parquet: AAA has no bar between its listing and delisting"):
        build_panel(two(("AAA", 50, None, "")), make_universe("AAA", "BBB"), "1d", ())


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("AAA", 5, 3, "")], r"assets\.parquet: delisted_at: AAA is delisted before it is listed"),
        ([("AAA", 1, None, ""), ("AAA", 2, None, "")], r"assets\.parquet: asset: AAA is there twice"),
    ],
)
def test_dates_that_contradict_are_refused_by_a_run_and_found_by_the_check(
    rows: list[Row], said: str, two: Callable[..., Catalogue], make_universe: MakeUniverse
) -> None:
    made = two(*rows)
    with pytest.raises(DataError, match=said):
        findings_of(made, make_universe("AAA"), "1d", ())
    assert [found.severity for found in check(made)] == ["error"]


def warnings(catalogue: Catalogue) -> list[tuple[str, str, int]]:
    return [(found.asset, found.problem, found.count) for found in check(catalogue) if found.severity == "warning"]


def test_bars_outside_the_listing_are_counted(two: Callable[..., Catalogue]) -> None:
    assert warnings(two(("AAA", 3, 15, ""))) == [("AAA", "bars outside listing and delisting, not used", 7)]


def test_a_collapse_is_believed_where_the_data_states_the_end(price_frame: Frame) -> None:
    prices = {("1d", "AAA"): price_frame(DAYS, [5.0] * 15 + [0.01] * 5)}

    def errors(*rows: Row) -> list[Finding]:
        made = Catalogue.of("t", "recorded", prices, {}, assets=assets_of(*rows) if rows else None)
        return [found for found in check(made) if found.severity == "error"]

    assert [found.problem for found in errors()] == ["price moved tenfold in one bar"]
    assert errors(("AAA", None, 19, "hacked")) == []
    assert len(errors(("AAA", None, 200, "long after"))) == 1
    rises = {("1d", "AAA"): price_frame(DAYS, [0.01] * 15 + [5.0] * 5)}
    made = Catalogue.of("t", "recorded", rises, {}, assets=assets_of(("AAA", None, 19, "")))
    assert any(found.severity == "error" for found in check(made))


def market(price_frame: Frame, ends: Sequence[int], days: int = 200) -> dict[tuple[str, str], pd.DataFrame]:
    times = [START + DAY * day for day in range(days)]
    return {("1d", f"A{place}"): price_frame(times[:end], [5.0] * end) for place, end in enumerate(ends)}


def test_a_market_in_which_nothing_ever_died_is_called_out(price_frame: Frame, make_universe: MakeUniverse) -> None:
    alive = Catalogue.of("t", "recorded", market(price_frame, [200] * 6), {})
    called = ("(all)", "survivors only: none of 6 assets ends in 199 days, as if none had died", 1)
    assert warnings(alive) == [called]
    few = findings_of(alive, make_universe("A1", "A2"), "1d", ())
    assert few == []  # two assets may well be all there was
    with_one_dead = Catalogue.of("t", "recorded", market(price_frame, [200] * 5 + [150]), {})
    assert warnings(with_one_dead) == [("A5", "ends 50 days before the data: taken for delisted", 1)]
    young = Catalogue.of("t", "recorded", market(price_frame, [90] * 6, 90), {})
    assert warnings(young) == []
    stated = Catalogue.of(
        "t", "recorded", market(price_frame, [200] * 6), {}, assets=assets_of(("A1", None, 150, "delisted"))
    )
    assert "survivors" not in str(warnings(stated))
    assert ("(all)", "delisted and without prices, so nothing can lose by them: DEAD", 1) in warnings(
        Catalogue.of("t", "recorded", market(price_frame, [200]), {}, assets=assets_of(("DEAD", None, 150, "")))
    )
    made_up = Catalogue.of("SYNTHETIC", "synthetic", market(price_frame, [200] * 6), {}, 1)
    assert warnings(made_up) == []


@pytest.mark.parametrize(("last", "ended"), [(19, False), (12, False), (11, True), (0, True)])
def test_a_series_has_ended_when_others_go_on_for_more_than_a_week(last: int, ended: bool) -> None:
    times = np.array(DAYS[: last + 1], dtype=np.int64)
    assert (derived(times, DAYS[19]).delisted_at != NEVER) == ended


MAP = """
format: 1
about: made in a test
files: assets.csv
kind: assets
asset: {column: pair, strip_suffix: USDT}
listed_at: {column: from, format: "%Y-%m-%d", timezone: UTC}
delisted_at: {column: to, format: "%Y-%m-%d", timezone: UTC}
reason: why
"""


def imported(folder: Path, text: str, map_text: str = MAP) -> Catalogue:
    (folder / "raw").mkdir(exist_ok=True)
    (folder / "raw/assets.csv").write_text(text, encoding="utf-8")
    (folder / "assets.yaml").write_text(map_text, encoding="utf-8")
    import_directory(folder / "raw", folder / "data", [folder / "assets.yaml"])
    return Catalogue.open(folder / "data")


def test_dates_come_in_by_a_column_map_and_a_later_import_adds_to_them(tmp_path: Path) -> None:
    first = imported(tmp_path, "pair,from,to,why\nAUSDT,2024-01-02,,\nBUSDT,,2024-01-05,merged\n")
    assert listings_of(first.listings()) == {"A": Listing(START), "B": Listing(0, START + 3 * DAY, "merged")}
    later = imported(tmp_path, "pair,from,to,why\nAUSDT,2024-01-02,2024-01-09,hacked\n")
    assert listings_of(later.listings()) == {
        "A": Listing(START, START + 7 * DAY, "hacked"),
        "B": Listing(0, START + 3 * DAY, "merged"),
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pair,from,to,why\nA,2024-01-02,soon,\n", "to: not a time of format %Y-%m-%d in row 1"),
        ("pair,from,to,why\nA,2024-01-02,,\nA,2024-01-03,,\n", "twice with different values"),
        ("pair,from,to,why\n,2024-01-02,,\n", "pair: empty in row 1"),
        ("pair,from,to\nA,2024-01-02,\n", "why: column is missing"),
    ],
)
def test_assets_that_are_none_are_refused(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        imported(tmp_path, text)


def test_a_map_of_assets_says_at_least_one_date(tmp_path: Path) -> None:
    bare = "\n".join(line for line in MAP.splitlines() if "_at:" not in line)
    with pytest.raises(DataError, match="name listed_at, delisted_at or both"):
        imported(tmp_path, "pair,why\nA,\n", bare)


def test_the_commands_show_the_dates_and_the_call_out(
    two: Callable[..., Catalogue], price_frame: Frame, tmp_path: Path
) -> None:
    def printed(command: Callable[..., int], name: str, **how: object) -> str:
        console = Console(file=StringIO(), width=160, force_terminal=False)
        command(tmp_path / name, console=console, **how)
        assert isinstance(console.file, StringIO)
        return console.file.getvalue()

    two(("BBB", None, 9, "the exchange closed")).write(tmp_path / "dated")
    assert "2024-01-11 00:00 the exchange closed" in printed(list_data, "dated")
    document = json.loads(printed(list_data, "dated", json_output=True))
    dates = [(row["listed_at"], row["delisted_at"], row["reason"]) for row in document["datasets"]]
    assert dates == [(None, None, ""), (None, DAYS[9], "the exchange closed")]
    Catalogue.of("t", "recorded", market(price_frame, [200] * 6), {}).write(tmp_path / "alive")
    assert "survivors only: none of 6 assets" in printed(check_data, "alive").replace("\n", " ")
