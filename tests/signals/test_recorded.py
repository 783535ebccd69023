"""The ready maps on the real recordings where they are at hand, otherwise on files made with the same defects."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bot.signals.catalogue import Catalogue
from bot.signals.importer import ImportReport, MapReport, import_directory
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

    months = pd.date_range("2023-01-01", periods=12, freq="MS", tz="UTC")
    packages = [(at, f"package{n}", 1_000 * n) for month, at in enumerate(months) for n in range(10, 30 + month)]
    monthly = pd.DataFrame(packages, columns=["snapshot_at", "project", "download_count_30d"])
    monthly.to_parquet(folder / "top_pypi_monthly.parquet")
    stamps = [f"{at:%Y-%m-%d %H:%M:%S} UTC" for at in hours]
    punks = pd.DataFrame({"timestamp": stamps, "id": range(48), "price (in eth)": ["-", "0.0", *["1.5"] * 46]})
    punks.to_csv(folder / "punks_sales.csv.gz", index=False)
    ether, other = "0x" + "0" * 40, "0x6b175474e89094c44da98b954eedeac495271d0f"
    sales = [("p-1", ether, 75 * 10**16, at) for at in range(1_606_517_304, 1_606_517_314)]
    sales += [sales[0], ("p-1", ether, 0, 1_606_600_000), ("p-1", other, 10**20, 1_606_600_001)]
    pieces = pd.DataFrame(sales, columns=["project_id", "payment_token", "price", "timestamp"], dtype="object")
    pieces.to_csv(folder / "sales.csv.gz", index=False)
    return folder


def made_by(recordings: tuple[Catalogue, ImportReport], name: str) -> MapReport:
    return next(made for made in recordings[1].maps if made.name == name)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> tuple[Catalogue, ImportReport]:
    folder = tmp_path_factory.mktemp("recordings")
    source = SHARED if (SHARED / "github_ranking").is_dir() else look_alike(folder / "raw")
    report = import_directory(source, folder / "data")
    return Catalogue.open(folder / "data"), report


def test_every_ready_map_finds_its_file(recordings: tuple[Catalogue, ImportReport]) -> None:
    assert [made.name for made in recordings[1].maps] == [
        "artblocks", "binance_1d_2024", "binance_1h_2024", "binance_hourly", "comfyui_manager", "cryptopunks",
        "github_ranking", "pypi_downloads",
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
    assert made_by(recordings, "comfyui_manager").left_out["repeated rows"] >= 9


def test_the_ranking_is_one_row_a_repository_and_day_with_owners_joined(
    recordings: tuple[Catalogue, ImportReport],
) -> None:
    frame, made = recordings[0].signals("github_stars"), made_by(recordings, "github_ranking")
    assert not frame.duplicated(["topic", "observed_at"]).any()
    assert (frame["published_at"] - frame["observed_at"] == pd.Timedelta("1D")).all()
    assert (frame["value"] > 0).all()
    topics = set(frame["topic"])
    assert "zeit/hyper" in topics
    assert "vercel/hyper" not in topics
    assert made.renamed >= 1
    assert made.left_out["incomplete days"] >= 1
    assert made.left_out["stars dropped"] >= 1


def test_a_list_of_downloads_is_known_a_month_after_its_day(recordings: tuple[Catalogue, ImportReport]) -> None:
    frame = recordings[0].signals("pypi_downloads_30d")
    assert (frame["published_at"] - frame["observed_at"] == pd.Timedelta("30D")).all()
    assert not frame.duplicated(["topic", "observed_at"]).any()
    grown = frame.groupby("observed_at")["topic"].nunique()
    assert grown.iloc[-1] > grown.iloc[0]  # the list grew: who enters it was not born that day


def test_sales_without_a_price_and_in_other_tokens_are_left_out(recordings: tuple[Catalogue, ImportReport]) -> None:
    for name, source in (("cryptopunks", "cryptopunks_sale_eth"), ("artblocks", "artblocks_sale_eth")):
        assert recordings[0].signals(source)["value"].between(1e-12, 1e5, inclusive="neither").all()
        assert sum(made_by(recordings, name).left_out.values()) > 0
    assert made_by(recordings, "artblocks").left_out["repeated rows"] > 0
    assert made_by(recordings, "artblocks").left_out["payment_token not asked for"] > 0
    assert made_by(recordings, "cryptopunks").left_out["price (in eth) dropped"] >= 2
