"""The ready maps on the real recordings where they are at hand, otherwise on files made with the same defects."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bot.signals.catalogue import Catalogue
from bot.signals.importer import ImportReport, import_directory
from bot.signals.quality import check

SHARED = Path(os.environ.get("PATRON_SHARED_DATA") or Path(__file__).parents[3] / "shared/data")


def look_alike(folder: Path) -> Path:
    """Small files with the names, columns and defects of the recordings."""
    folder.mkdir()
    days, hours = (
        pd.date_range("2024-01-01", periods=30, tz="UTC"),
        pd.date_range("2024-01-01", periods=48, tz="UTC", freq="h"),
    )

    def candles(symbol: str, times: pd.DatetimeIndex, column: str) -> pd.DataFrame:
        close = np.linspace(5.0, 6.0, len(times))
        shape = {"open": close, "high": close * 1.1, "low": close * 0.9, "close": close, "volume": close * 100}
        return pd.DataFrame({"symbol": symbol, column: times, **shape})

    late = [candles("RENDER", days[20:], "date"), candles("FET", days, "date")]
    pd.concat(late).to_parquet(folder / "binance_spot_1d_2024.parquet")
    pd.concat([candles("RENDER", hours[30:], "date"), candles("FET", hours, "date")]).to_parquet(
        folder / "binance_spot_1h_2024.parquet"
    )
    gap = candles("", hours.tz_localize(None).delete([5, 6, 7]), "Date").drop(columns="symbol")
    for pair in ("BTCUSDT", "ETHUSDT"):
        gap.to_parquet(folder / f"{pair}-1h.parquet")

    rows = [(at, f"https://github.com/Owner/Node{n}", 10 + n) for at in days + pd.Timedelta("15h") for n in range(20)]
    rows += [(at, "hhttps://github.com/Owner/Node3", 13) for at in days[:9] + pd.Timedelta("15h")]
    comfy = pd.DataFrame(rows, columns=["snapshot_at", "repo_url", "stars"])
    comfy.to_parquet(folder / "comfyui_node_stars_daily.parquet")

    dates = days.tz_localize(None)
    ranking = [
        (at, item, f"repo{n}", 1000 + n, "Owner")
        for at in dates
        for item in ("Python", "top-100-stars")
        for n in range(20)
    ]
    ranking = [row for row in ranking if row[0] != dates[15] or row[2] < "repo13"]  # an incomplete day
    ranking += [(at, "Go", "hyper", 5000, "zeit" if at < dates[10] else "vercel") for at in dates]
    ranking += [(at, "top-100-forks", "lab", 0, "school") for at in dates]
    columns = ["date", "item", "repo_name", "stars", "username"]
    pd.DataFrame(ranking, columns=columns).to_parquet(folder / "github_ranking_daily.parquet")
    return folder


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> tuple[Catalogue, ImportReport]:
    folder = tmp_path_factory.mktemp("recordings")
    source = SHARED if (SHARED / "github_ranking").is_dir() else look_alike(folder / "raw")
    report = import_directory(source, folder / "data")
    return Catalogue.open(folder / "data"), report


def test_every_ready_map_finds_its_file(recordings: tuple[Catalogue, ImportReport]) -> None:
    assert [made.name for made in recordings[1].maps] == [
        "binance_1d_2024", "binance_1h_2024", "binance_hourly", "comfyui_manager", "github_ranking",
    ]  # fmt: skip
    assert all(0 < made.rows_kept <= made.rows_read for made in recordings[1].maps)


def test_the_recordings_have_no_errors_once_imported(recordings: tuple[Catalogue, ImportReport]) -> None:
    findings = check(recordings[0])
    assert [found for found in findings if found.severity == "error"] == []
    assert any(found.problem.startswith("gap") and found.asset == "BTC" for found in findings)


def test_daily_bars_close_at_midnight_after_the_day_that_they_sum_up(
    recordings: tuple[Catalogue, ImportReport],
) -> None:
    fet, render = (recordings[0].prices(asset, "1d")["time"] for asset in ("FET", "RENDER"))
    assert str(fet.iloc[0]) == "2024-01-02 00:00:00+00:00"
    assert render.iloc[0] > fet.iloc[0]
    assert (fet == fet.dt.normalize()).all()


def test_mistyped_addresses_join_their_repository(recordings: tuple[Catalogue, ImportReport]) -> None:
    topics = recordings[0].signals("comfyui_nodes")["topic"].unique()
    assert all(topic.count("/") == 1 and ":" not in topic and topic == topic.lower() for topic in topics)
    assert recordings[1].maps[3].left_out["repeated rows"] >= 9


def test_the_ranking_is_one_row_a_repository_and_day_with_owners_joined(
    recordings: tuple[Catalogue, ImportReport],
) -> None:
    frame, made = recordings[0].signals("github_stars"), recordings[1].maps[4]
    assert not frame.duplicated(["topic", "observed_at"]).any()
    assert (frame["published_at"] - frame["observed_at"] == pd.Timedelta("1D")).all()
    assert (frame["value"] > 0).all()
    topics = set(frame["topic"])
    assert "zeit/hyper" in topics
    assert "vercel/hyper" not in topics
    assert made.renamed >= 1
    assert made.left_out["incomplete days"] >= 1
    assert made.left_out["stars dropped"] >= 1
