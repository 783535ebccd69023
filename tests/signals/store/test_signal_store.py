"""What the store keeps, what it knows at a time, and what it says of a file that was changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.observation import Bar, Observation, RefusedRow
from bot.errors import DataError, StorageError
from bot.signals.catalogue import Catalogue, is_catalogue
from bot.signals.quality import check
from bot.signals.storage import ASSET_SCHEMA, fitted
from bot.signals.store.schema import LOG, SEGMENTS
from bot.signals.store.signal_store import Appended, SignalStore

DAY, START = 86_400, 1_700_006_400
NOW = START + 400 * DAY
Star, MakeBar = Callable[..., Observation], Callable[..., Bar]


def said(frame: pd.DataFrame) -> list[tuple[str, float, int, int]]:
    seconds = [(frame[name].astype("int64") // 10**6).tolist() for name in ("observed_at", "published_at")]
    return list(zip(frame["topic"], frame["value"], *seconds, strict=True))


def test_what_is_appended_is_there_for_whoever_opens_the_store(store: SignalStore, star: Star) -> None:
    assert store.append([star(0, 10.0), star(1, 12.0)], received_at=NOW) == Appended(2, 0, 0, 0)
    again = SignalStore.open(store.root)
    assert said(again.signals("gh_stars")) == [
        ("o/r", 10.0, START, START + 3_600),
        ("o/r", 12.0, START + DAY, START + DAY + 3_600),
    ]
    assert (again.digest, again.newest("gh_stars"), again.newest("nothing")) == (store.digest, START + DAY, 0)


def test_what_is_known_already_is_a_duplicate_and_makes_no_segment(store: SignalStore, star: Star) -> None:
    store.append([star(0, 10.0)], received_at=NOW)
    digest = store.digest
    assert store.append([star(0, 10.0), star(0, 10.0)], received_at=NOW + 5) == Appended(0, 2, 0, 0)
    assert (store.digest, len(list((store.root / SEGMENTS).iterdir()))) == (digest, 1)


def test_a_changed_value_is_a_revision_that_counts_from_when_it_was_seen(store: SignalStore, star: Star) -> None:
    store.append([star(0, 10.0)], received_at=START + DAY)
    later = START + 9 * DAY
    assert store.append([star(0, 11.0)], received_at=later) == Appended(1, 0, 1, 0)
    assert said(store.signals("gh_stars")) == [("o/r", 10.0, START, START + 3_600), ("o/r", 11.0, START, later)]
    assert said(store.as_of("gh_stars", later - 1)) == [("o/r", 10.0, START, START + 3_600)]
    assert said(store.as_of("gh_stars", later)) == [("o/r", 11.0, START, later)]
    assert store.as_of("gh_stars", later)["revision"].tolist() == [1]
    assert not len(store.as_of("gh_stars", START + 3_599))


def test_a_clock_that_fell_back_publishes_nothing_in_the_past(store: SignalStore, star: Star) -> None:
    store.append([star(0, 10.0)], received_at=NOW)
    store.append([star(0, 11.0)], received_at=NOW - 90 * DAY)
    assert said(store.signals("gh_stars"))[-1] == ("o/r", 11.0, START, NOW)


def test_a_source_that_dates_its_revisions_is_believed(store: SignalStore, star: Star) -> None:
    rows = [star(0, 10.0, known=START + DAY), star(0, 11.0, known=START + 5 * DAY)]
    assert store.append(rows, received_at=NOW, revisions_dated=True).revised == 1
    assert said(store.as_of("gh_stars", START + 5 * DAY)) == [("o/r", 11.0, START, START + 5 * DAY)]
    assert store.append(rows, received_at=NOW + DAY, revisions_dated=True) == Appended(0, 2, 0, 0)


def test_two_values_of_one_moment_said_at_once_are_not_both_kept(store: SignalStore, star: Star) -> None:
    now = START + 3_600
    assert store.append([star(0, 10.0), star(0, 11.0)], received_at=now) == Appended(1, 0, 0, 1)
    assert store.refused()["reason"].tolist() == ["another value of a moment that is known, and published no later"]


def test_refused_rows_are_kept_once_by_name_and_harmless_to_print(store: SignalStore, star: Star) -> None:
    mine = RefusedRow("gh\x1b[2J", "stars", "o/\u202er", "text where a number belongs", "raw\x00", START)
    bad = replace(star(0, float("nan")), topic="o/evil\x07")
    for _ in range(2):
        assert store.append([bad], refused=[mine], received_at=NOW).refused == 2
    frame = store.refused()
    assert frame["source"].tolist() == ["gh\\x1b[2J", "gh_stars"]
    assert frame["asset"].tolist() == ["o/\\u202er", "o/evil\\x07"]
    assert frame["reason"].tolist()[1] == "a character that does not show: U+0007"


def test_a_slip_is_held_and_a_level_that_stays_is_believed_from_the_third_on(store: SignalStore, star: Star) -> None:
    for day, value in enumerate([1_500.0, 1_501.0, 15_020.0, 1_503.0, 15_050.0, 15_060.0, 15_070.0, 15_080.0]):
        store.append([star(day, value)], received_at=START + day * DAY + 3_600)
    assert [row[1] for row in said(store.signals("gh_stars"))] == [1_500.0, 1_501.0, 1_503.0, 15_070.0, 15_080.0]
    assert len(store.refused()) == 3


def test_prices_slip_too(store: SignalStore, daily_bar: MakeBar) -> None:
    bars = [daily_bar(day, close) for day, close in enumerate([1.0, 1.1, 1_100.0, 1.2])]
    assert store.append(bars=bars, received_at=NOW) == Appended(3, 0, 0, 1)
    assert store.catalogue().prices("FET", "1d")["close"].tolist() == [1.0, 1.1, 1.2]


def test_a_bar_is_what_was_first_said_by_the_first_source(store: SignalStore, daily_bar: MakeBar) -> None:
    store.append(bars=[daily_bar(0, 1.0), daily_bar(1, 1.1)], received_at=NOW)
    store.append(bars=[daily_bar(1, 1.3), daily_bar(2, 1.2), daily_bar(2, 1.4, source="other")], received_at=NOW + 9)
    assert store.catalogue().prices("FET", "1d")["close"].tolist() == [1.0, 1.1, 1.2]


def test_a_store_is_a_catalogue_without_errors(store: SignalStore, star: Star, daily_bar: MakeBar) -> None:
    store.append(
        [star(day, 100.0 + day) for day in range(40)], [daily_bar(day, 1.0) for day in range(40)], received_at=NOW
    )
    assert is_catalogue(store.root)
    catalogue = Catalogue.open(store.root)
    assert (catalogue.sources(), catalogue.assets("1d"), catalogue.kind) == (("gh_stars",), ("FET",), "recorded")
    assert catalogue.digest == store.catalogue().digest
    assert [found for found in check(catalogue, NOW) if found.severity == "error"] == []


def test_listings_are_those_that_were_said_last(store: SignalStore, daily_bar: MakeBar) -> None:
    def listing(ends: str | None) -> pd.DataFrame:
        times = {
            name: pd.to_datetime([at], utc=True) for name, at in (("listed_at", "2023-01-01"), ("delisted_at", ends))
        }
        return fitted(pd.DataFrame({"asset": ["FET"], **times, "reason": ["merged"]}), ASSET_SCHEMA, "test")

    store.append(bars=[daily_bar(0, 1.0)], received_at=NOW)
    store.append_listings(listing(None), NOW)
    store.append_listings(listing("2024-07-01"), NOW)
    listings = SignalStore.open(store.root).catalogue().listings()
    assert listings["delisted_at"].astype(str).tolist() == ["2024-07-01 00:00:00+00:00"]


def test_two_handles_of_one_store_see_each_other(store: SignalStore, star: Star) -> None:
    other = SignalStore.open(store.root)
    store.append([star(0, 10.0)], received_at=NOW)
    assert other.append([star(0, 10.0), star(1, 11.0)], received_at=NOW) == Appended(1, 1, 0, 0)
    assert len(store.signals("gh_stars")) == 2


ROWS = st.lists(
    st.builds(
        Observation,
        series=st.sampled_from(["gh_stars", "gh_forks"]),
        topic=st.sampled_from(["a/a", "b/b", "c/c"]),
        entity=st.sampled_from(["", "1", "2"]),
        value=st.sampled_from([1_000.0, 1_001.0, 10_000.0, 10_010.0, float("nan"), -1.0]),
        observed_at=st.integers(0, 5).map(lambda day: START + day * DAY),
        published_at=st.integers(0, 8).map(lambda day: START + day * DAY),
    ),
    max_size=12,
)


@given(ROWS, st.randoms())
@settings(max_examples=40, deadline=None)
def test_the_order_within_an_append_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Observation], random: object
) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    digests = set()
    for order in (rows, shuffled):
        store = SignalStore.open(tmp_path_factory.mktemp("s") / "store", create=True)
        store.append(order, received_at=NOW, revisions_dated=True)
        digests.add(store.digest)
    assert len(digests) == 1


@given(ROWS)
@settings(max_examples=40, deadline=None)
def test_rows_that_come_later_change_nothing_that_was_known(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Observation]
) -> None:
    cut = START + 4 * DAY
    whole, part = (SignalStore.open(tmp_path_factory.mktemp("s") / "store", create=True) for _ in range(2))
    whole.append(rows, received_at=NOW, revisions_dated=True)
    part.append([row for row in rows if row.published_at <= cut], received_at=NOW, revisions_dated=True)
    for series in ("gh_stars", "gh_forks"):
        pd.testing.assert_frame_equal(whole.as_of(series, cut), part.as_of(series, cut))


@given(ROWS)
@settings(max_examples=15, deadline=None)
def test_a_process_that_lives_long_decides_as_one_that_begins_anew(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Observation]
) -> None:
    root = tmp_path_factory.mktemp("s")
    long = SignalStore.open(root / "long", create=True)
    SignalStore.open(root / "short", create=True)
    for row in rows:
        long.append([row], received_at=NOW, revisions_dated=True)
        SignalStore.open(root / "short").append([row], received_at=NOW, revisions_dated=True)
    assert SignalStore.open(root / "short").digest == long.digest


@pytest.mark.parametrize("what", ["segment", "line", "missing", "cut out"])
def test_what_was_changed_or_taken_out_is_named(store: SignalStore, star: Star, what: str) -> None:
    for day in range(3):
        store.append([star(day, 10.0 + day)], received_at=NOW)
    log, segment = store.root / LOG, store.root / SEGMENTS / "00000002.observations.parquet"
    lines = log.read_text().splitlines(keepends=True)
    expected = f"{segment}: sha256: the segment changed"
    if what == "segment":
        segment.write_bytes(segment.read_bytes()[:-1] + b"x")
    elif what == "missing":
        segment.unlink()
        expected = f"{segment}: cannot read"
    elif what == "line":
        log.write_text("".join([lines[0], json.dumps({**json.loads(lines[1]), "received_at": 1}) + "\n", lines[2]]))
        expected = "line 2: changed after it was written"
    else:
        log.write_text(lines[0] + lines[2])
        expected = "line 2: does not follow the line before it"
    with pytest.raises(DataError) as refusal:
        SignalStore.open(store.root)
    assert expected in str(refusal.value)


def test_a_folder_that_is_something_else_is_not_made_a_store(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="exists and is not a store"):
        SignalStore.open(tmp_path, create=True)
    with pytest.raises(DataError, match="not a store"):
        SignalStore.open(tmp_path / "nothing")


def test_a_disk_that_refuses_is_said_in_a_line(store: SignalStore, star: Star) -> None:
    (store.root / SEGMENTS).write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="segments"):
        store.append([star(0, 1.0)], received_at=NOW)


def test_many_appends_are_rolled_up_and_say_the_same(
    store: SignalStore, star: Star, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.signals.store.segments.ROLL", 4)
    other = SignalStore.open(store.root)
    for day in range(11):
        (store if day % 3 else other).append([star(day, 10.0 + day), star(day, -1.0)], received_at=NOW)
    again = SignalStore.open(store.root)
    lines = [json.loads(line) for line in (store.root / LOG).read_text().splitlines()]
    assert [line["rolled"] for line in lines if "rolled" in line] == [[1, 4], [6, 9]]
    assert again.unnamed() == ()
    for each in (store, other, again):
        assert [row[1] for row in said(each.signals("gh_stars"))] == [10.0 + day for day in range(11)]
        assert len(each.refused()) == 11
    again.verify()
    first = store.root / SEGMENTS / "00000001.observations.parquet"
    first.write_bytes(b"changed after it was rolled up")
    with pytest.raises(DataError, match=r"00000001\.observations.*the segment changed"):
        SignalStore.open(store.root).verify()
