"""What the data commands print, for people and for programs."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from bot.signals.catalogue import Catalogue
from bot.signals.commands import check_data, import_data, list_data
from bot.signals.generator import generate

DAY, START = 86_400, 1_600_041_600


@pytest.fixture
def console() -> Console:
    return Console(file=StringIO(), width=120, force_terminal=False)


def printed(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    data = generate(1, ("AAA",), 30, DAY, START)
    frame = data.prices("AAA", "1d")
    frame.loc[5, "close"] = 0.0
    Catalogue.of("broken", "recorded", {("1d", "AAA"): frame}, {}).write(tmp_path / "broken")
    return tmp_path / "broken"


def test_checking_good_data_ends_with_0_and_the_next_command(console: Console, tmp_path: Path) -> None:
    generate(1, ("AAA",), 30, DAY, START).write(tmp_path / "data")
    assert check_data(tmp_path / "data", console=console) == 0
    assert printed(console).startswith("SYNTHETIC: SYNTHETIC market, seed 1")
    assert printed(console).rstrip().endswith(f"patron backtest STRATEGY.yaml --data {tmp_path / 'data'}")


def test_checking_broken_data_ends_with_3_and_names_the_error(console: Console, broken: Path) -> None:
    assert check_data(broken, console=console) == 3
    assert "price zero or negative" in printed(console)
    assert "prices/1d/AAA.parquet" in printed(console)


def test_json_is_one_document(console: Console, broken: Path) -> None:
    assert check_data(broken, json_output=True, console=console) == 3
    document = json.loads(printed(console))
    assert document["errors"] >= 1
    assert document["findings"][0]["first_at"] == START + 5 * DAY


def test_listing_names_every_dataset(console: Console, tmp_path: Path) -> None:
    generate(1, ("AAA", "BBB"), 30, DAY, START).write(tmp_path / "data")
    assert list_data(tmp_path / "data", json_output=True, console=console) == 0
    document = json.loads(printed(console))
    assert [row["dataset"] for row in document["datasets"]] == [
        "prices/1d/AAA", "prices/1d/BBB", "signals/synthetic_downloads", "signals/synthetic_stars",
    ]  # fmt: skip
    assert document["datasets"][0]["first"] == START
    assert (document["kind"], document["seed"]) == ("synthetic", 1)


def test_importing_tells_what_was_kept_and_what_comes_next(console: Console, tmp_path: Path) -> None:
    hours, ones = pd.date_range("2020-01-01", periods=4), np.ones(4)
    frame = {"Date": hours, "open": ones, "high": ones, "low": ones, "close": ones, "volume": ones}
    pd.DataFrame(frame).to_parquet(tmp_path / "BTCUSDT-1h.parquet")
    assert import_data(tmp_path, tmp_path / "data", console=console) == 0
    assert "binance_hourly" in printed(console)
    assert printed(console).rstrip().endswith(f"Next: patron data check {tmp_path / 'data'}")
    assert list_data(tmp_path / "data", console=console) == 0
    assert "2020-01-01 01:00" in printed(console)
