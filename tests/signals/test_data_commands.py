"""`patron data` on a point-in-time store: what is printed, for people and for programs."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner

from bot.cli import app
from bot.core.observation import Bar, Observation, RefusedRow
from bot.errors import ConfigError, DataError
from bot.signals.catalogue import Catalogue
from bot.signals.commands import check_data, import_data, list_data
from bot.signals.generator import generate
from bot.signals.importer import import_directory, open_data
from bot.signals.show import show_topic
from bot.signals.store.signal_store import SignalStore

DAY, START = 86_400, 1_700_006_400
NOW = START + 60 * DAY


def printed(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.fixture
def console() -> Console:
    return Console(file=StringIO(), width=160, force_terminal=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Fifty days of a repository that is renamed, revised, squatted, once slipped, and silent for three days."""
    store = SignalStore.open(tmp_path / "store", create=True)
    rows, bars = [], []
    for day in range(50):
        at = START + day * DAY
        name = "zeit/hyper" if day < 30 else "vercel/hyper"
        value = 90_000.0 if day == 10 else 9_000.0 + 10.0 * day
        if not 20 <= day < 23:
            rows.append(Observation("github_stars", name, "7", value, at, at + 3_600))
        bars.append(Bar("binance", "FET", "1d", at, 1.0, 1.1, 0.9, 1.0 + day / 100, 1e6, at))
    rows.append(Observation("github_stars", "zeit/hyper", "666", 5.0, START + 40 * DAY + 9, START + 40 * DAY + 9))
    store.append(rows, bars, [RefusedRow("github", "stars", "zeit/hyper", "text", "raw", NOW)], received_at=NOW)
    store.append([Observation("github_stars", "vercel/hyper", "7", 9_481.0, START + 48 * DAY, NOW)], received_at=NOW)
    return tmp_path / "store"


def test_a_topic_is_shown_by_any_name_that_it_had(console: Console, folder: Path) -> None:
    assert show_topic("Vercel/Hyper", folder, console=console) == 0
    text = printed(console)
    assert "github_stars  zeit/hyper" in text
    assert "▁" in text
    assert "newest 9490, observed 2024-01-03 00:00, published 2024-01-03 01:00" in text
    assert "46 moments, 1 revisions, 2 rows refused" in text
    assert "named vercel/hyper since 2023-12-15 01:00" in text
    assert "gap: 2023-12-05 to 2023-12-07, 3 missing" in text
    assert "9.923 times its own past (9070)" in text
    assert text.rstrip().endswith(f"Next: patron data check {folder}")


def test_a_name_that_was_taken_shows_both_histories(console: Console, folder: Path) -> None:
    show_topic("zeit/hyper", folder, json_output=True, console=console)
    document = json.loads(printed(console))
    assert [each["topic"] for each in document["series"]] == ["zeit/hyper", "zeit/hyper#666"]
    first = document["series"][0]
    assert (first["value"], first["revisions"], first["rows"]) == (9_490.0, 1, 47)
    assert first["names"][1] == {"name": "vercel/hyper", "first_published": START + 30 * DAY + 3_600}


def test_what_was_known_at_a_time_is_all_that_is_shown_of_it(console: Console, folder: Path) -> None:
    show_topic("zeit/hyper", folder, at=START + 5 * DAY, json_output=True, console=console)
    (only,) = json.loads(printed(console))["series"]
    assert (only["value"], only["rows"], only["refused"], only["gaps"]) == (9_040.0, 5, [], [])
    with pytest.raises(DataError, match="nothing was known of it then; the first was published 2023-11-15 01:00"):
        show_topic("zeit/hyper", folder, at=START, console=console)


def test_an_asset_is_shown_and_a_wrong_name_gets_the_nearest(console: Console, folder: Path) -> None:
    assert show_topic("fet", folder, console=console) == 0
    assert "binance (1d)  FET" in printed(console)
    with pytest.raises(DataError, match=r"no topic or asset of that name; like it: zeit/hyper"):
        show_topic("zeit/hypre", folder, console=console)
    with pytest.raises(DataError, match="github_forks says nothing of zeit/hyper; these do: github_stars"):
        show_topic("zeit/hyper", folder, "github_forks", console=console)


def test_the_plot_is_a_page_of_its_own_that_runs_nothing_of_a_name(console: Console, tmp_path: Path) -> None:
    store = SignalStore.open(tmp_path / "store", create=True)
    evil = "<img src=x onerror=alert(1)></script>"
    store.append([Observation("gh_stars", evil, "", 5.0, START + day * DAY, NOW) for day in range(3)], received_at=NOW)
    show_topic(evil, store.root, plot=tmp_path / "p.html", console=console)
    page = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert "gh_stars: " in page
    assert "<img src=x" not in page
    with pytest.raises(ConfigError, match=r"ends in \.html"):
        show_topic(evil, store.root, plot=tmp_path / "p.png", console=console)


def test_a_catalogue_is_shown_too(console: Console, tmp_path: Path) -> None:
    generate(1, ("AAA",), 90, DAY, START).write(tmp_path / "data")
    topic = Catalogue.open(tmp_path / "data").signals("synthetic_stars")["topic"].iloc[0]
    assert show_topic(str(topic).upper(), tmp_path / "data", console=console) == 0
    assert show_topic("aaa", tmp_path / "data", console=console) == 0
    assert "prices/1d  AAA" in printed(console)


def test_checking_a_store_tells_what_it_refused_renamed_and_heard_last(console: Console, folder: Path) -> None:
    (folder / "segments" / "00000009.bars.parquet").write_bytes(b"left")
    assert check_data(folder, json_output=True, console=console, now=NOW + 30 * DAY) == 0
    problems = {found["problem"]: found for found in json.loads(printed(console))["findings"]}
    for problem in (
        "stars: text",
        "value: leapt as if a decimal point had slipped, held until confirmed",
        "renamed: its history goes on under its first name (such as vercel/hyper)",
        "name taken by another entity: its history begins anew (such as zeit/hyper)",
        "silent for 41 days: what it says is old, whenever it was fetched",
        "files that store.jsonl does not name: a stopped append left them, or the log was cut at its end",
    ):
        assert problems[problem]["severity"] == "warning"
        assert problems[problem]["count"] == 1


def test_two_sources_that_are_a_day_apart_fail_the_check(console: Console, tmp_path: Path) -> None:
    store = SignalStore.open(tmp_path / "store", create=True)
    closes = [float(close) for close in generate(5, ("FET",), 60, DAY, START).prices("FET", "1d")["close"]]
    for source, shift in (("binance", 0), ("kraken", 1)):
        at = [START + (day + shift) * DAY for day in range(60)]
        bars = [Bar(source, "FET", "1d", t, c, c, c, c, 1e6, t) for t, c in zip(at, closes, strict=True)]
        store.append(bars=bars, received_at=NOW + DAY)
    assert check_data(store.root, console=console, now=NOW + DAY) == 3
    assert "kraken (1d)" in printed(console)
    assert "dated 1 day late against binance (1d)" in " ".join(printed(console).split())


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A file in the form of the monthly list of packages."""
    months = pd.date_range("2024-01-01", periods=5, freq="MS", tz="UTC")
    rows = [(at, project, 5_000 * (n + 1)) for n, at in enumerate(months) for project in ("diffusers", "Gradio")]
    frame = pd.DataFrame(rows, columns=["snapshot_at", "project", "download_count_30d"])
    (tmp_path / "raw").mkdir()
    frame.to_parquet(tmp_path / "raw" / "top_pypi_monthly.parquet")
    return tmp_path / "raw"


def test_an_import_into_a_store_goes_on_where_it_was(console: Console, recording: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    assert import_data(recording, store, into_store=True, json_output=True, console=console) == 0
    (made,) = json.loads(printed(console))["maps"]
    assert made["store"] == {"kept": 10, "duplicates": 0, "revised": 0, "refused": 0}
    again = Console(file=StringIO(), width=160)
    assert import_data(recording, store, console=again) == 0  # it is a store: so it is appended to
    assert "10 known already" in printed(again)
    assert printed(again).rstrip().endswith(f"Next: patron data check {store}")
    frame = Catalogue.open(store).signals("pypi_downloads_30d")
    assert set(frame["topic"]) == {"diffusers", "gradio"}
    assert (frame["published_at"] - frame["observed_at"] == pd.Timedelta("30D")).all()


def test_a_file_that_was_rewritten_revises_from_now_on(console: Console, recording: Path, tmp_path: Path) -> None:
    import_data(recording, tmp_path / "store", into_store=True, console=console)
    before = SignalStore.open(tmp_path / "store").signals("pypi_downloads_30d")
    file = recording / "top_pypi_monthly.parquet"
    frame = pd.read_parquet(file)
    frame.assign(download_count_30d=frame["download_count_30d"] + 1).to_parquet(file)
    import_data(recording, tmp_path / "store", console=console)
    store = SignalStore.open(tmp_path / "store")
    pd.testing.assert_frame_equal(
        store.as_of("pypi_downloads_30d", int(before["published_at"].max().timestamp())).drop(columns="revision"),
        before.sort_values(["topic", "observed_at"], ignore_index=True),
    )
    assert len(store.signals("pypi_downloads_30d")) == 20


def test_a_store_lists_like_a_catalogue(console: Console, folder: Path) -> None:
    assert list_data(folder, json_output=True, console=console) == 0
    document = json.loads(printed(console))
    assert [row["dataset"] for row in document["datasets"]] == ["prices/1d/FET", "signals/github_stars"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["show", "zeit/hyper", "--data", "STORE", "--at", "2023-12-01"], 0, "zeit/hyper"),
        (["show", "zeit/hyper", "--data", "STORE", "--at", "yesterday"], ConfigError, "--at: expected a day"),
        (["list", "STORE"], 0, "github_stars"),
        (["list", "STORE/segments"], DataError, "not a catalogue"),
        (["check", "STORE"], 0, "0 kinds of error"),
    ],
)
def test_the_verbs_are_there(arguments: list[str], code: int | type[Exception], said: str, folder: Path) -> None:
    done = CliRunner().invoke(app, ["data", *(each.replace("STORE", str(folder)) for each in arguments)])
    if isinstance(code, int):
        assert (done.exit_code, said in done.output) == (code, True)
    else:
        assert isinstance(done.exception, code)
        assert said in str(done.exception)


def test_a_catalogue_is_never_written_over_a_store(folder: Path, recording: Path) -> None:
    with pytest.raises(DataError, match="a point-in-time store: import into it with --into-store"):
        import_directory(recording, folder)
    assert SignalStore.open(folder).series() == ("github_stars",)


def test_open_data_takes_a_store(folder: Path, tmp_path: Path) -> None:
    assert open_data(folder, tmp_path / "cache").sources() == ("github_stars",)
    assert not (tmp_path / "cache").exists()
