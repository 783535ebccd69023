"""A small sound market, the doors through which data comes in, and what can be wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from backtests.api import Result, backtest
from bot.core.panel import Panel
from bot.loading import Options, load, load_frames
from bot.signals.catalogue import Catalogue
from bot.signals.importer import import_directory

ASSETS = ("A1", "A2", "A3")
FIRST = pd.Timestamp("2024-01-02", tz="UTC")  # the close of the first bar
DAYS = 60
STRATEGY = """
capital: 100000 USDC
every: 1d
strategy: {name: equal_weight}
venues:
  v1: {kind: uniswap_v3_hold, asset: A1, fee: 30 bps}
  v2: {kind: uniswap_v3_hold, asset: A2, fee: 30 bps}
  v3: {kind: uniswap_v3_hold, asset: A3, fee: 30 bps}
policy: {band: 10 bps}
devnet: {depth: 4000000 USDC, noise: 5 %}
"""
MAP = """
format: 1
about: a small market
files: prices.csv
kind: prices
bar: 1d
time: {column: time, format: ISO8601, stamp: close}
asset: {column: asset}
open: open
high: high
low: low
close: close
volume: {column: volume, counts: quote}
"""


def at(day: int) -> pd.Timestamp:
    """The close of a day's bar."""
    return FIRST + pd.Timedelta(day, unit="D")


def market() -> pd.DataFrame:
    """60 daily bars of three assets, row by row: A1 is rows 0 to 59, A2 60 to 119, A3 120 to 179."""
    draw = np.random.default_rng(4)
    parts = []
    for asset in ASSETS:
        close = np.exp(np.cumsum(draw.normal(0.0, 0.03, DAYS)))
        bars = {"open": close, "high": close * 1.01, "low": close * 0.99, "close": close, "volume": 5e6}
        time = pd.DatetimeIndex([at(day) for day in range(DAYS)]).as_unit("us")
        parts.append(pd.DataFrame({"time": time, "asset": asset, **bars}))
    return pd.concat(parts, ignore_index=True)


def strategy_file(folder: Path) -> Path:
    file = folder / "strategy.yaml"
    file.write_text(STRATEGY, encoding="utf-8")
    return file


def frames_of(prices: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    """The market as a catalogue's frames, whatever is wrong with it."""
    named = prices.rename(columns={"volume": "volume_quote"})
    return {
        ("1d", str(asset)): rows.drop(columns="asset").reset_index(drop=True) for asset, rows in named.groupby("asset")
    }


@dataclass(frozen=True, slots=True)
class Door:
    """One way in: the backtest through it, and the panel that it would see. `folder` is the test's own."""

    name: str
    put: Callable[[Path, pd.DataFrame], Path | None]  # where the data then is; None: it is handed over

    def backtest(self, folder: Path, prices: pd.DataFrame, rung: str = "fast") -> Result:
        where = self.put(folder, prices)
        given = None if where else prices
        return backtest(strategy_file(folder), prices=given, data=where, rung=rung)

    def panel(self, folder: Path, prices: pd.DataFrame) -> Panel:
        where = self.put(folder, prices)
        options = Options(strategy_file(folder), replay=where)
        return (load(options) if where else load_frames(options, prices, {})).panel


def _written(folder: Path, prices: pd.DataFrame) -> Path:
    Catalogue.of("made in a test", "recorded", frames_of(prices), {}).write(folder / "catalogue")
    return folder / "catalogue"


def _imported(folder: Path, prices: pd.DataFrame) -> Path:
    (folder / "raw").mkdir(exist_ok=True)
    (folder / "map.yaml").write_text(MAP, encoding="utf-8")
    told = prices.assign(time=prices["time"].map(lambda time: time.isoformat()))
    told.to_csv(folder / "raw/prices.csv", index=False)
    import_directory(folder / "raw", folder / "imported", [folder / "map.yaml"])
    return folder / "imported"


FRAMES = Door("frames", lambda folder, prices: None)
CATALOGUE = Door("catalogue", _written)
IMPORTER = Door("importer", _imported)
DOORS = (FRAMES, CATALOGUE, IMPORTER)


@dataclass(frozen=True, slots=True)
class Place:
    """An asset's bar: `asset` 0 to 2, `day` 0 to 59."""

    asset: int
    day: int

    @property
    def row(self) -> int:
        return self.asset * DAYS + self.day

    @property
    def name(self) -> str:
        return ASSETS[self.asset]

    @property
    def time(self) -> str:
        """As refusals tell it."""
        return f"{at(self.day):%Y-%m-%d %H:%M} UTC"


Spoil = Callable[[pd.DataFrame, Place], pd.DataFrame]


def cell(column: str, value: float) -> Spoil:
    """One cell becomes `value`."""

    def spoil(prices: pd.DataFrame, place: Place) -> pd.DataFrame:
        prices.loc[place.row, column] = value
        return prices

    return spoil


def scaled(by: float, days: int = 1, *columns: str) -> Spoil:
    """The prices of so many days, times `by`: a decimal point that slipped."""

    def spoil(prices: pd.DataFrame, place: Place) -> pd.DataFrame:
        last = min(place.day + days, DAYS) - 1 + place.asset * DAYS
        prices.loc[place.row : last, list(columns or ("open", "high", "low", "close"))] *= by
        return prices

    return spoil


def moved(by: pd.Timedelta) -> Spoil:
    """One bar's time is another."""

    def spoil(prices: pd.DataFrame, place: Place) -> pd.DataFrame:
        prices["time"] = prices["time"].mask(prices.index == place.row, prices["time"] + by)
        return prices

    return spoil


def stamped(time: str) -> Spoil:
    def spoil(prices: pd.DataFrame, place: Place) -> pd.DataFrame:
        prices.loc[place.row, "time"] = pd.Timestamp(time, tz="UTC")
        return prices

    return spoil


def again(factor: float) -> Spoil:
    """A row is there twice, the second time with prices times `factor`."""

    def spoil(prices: pd.DataFrame, place: Place) -> pd.DataFrame:
        second = prices.loc[[place.row]]
        second = second.assign(**{name: second[name] * factor for name in ("open", "high", "low", "close")})
        return pd.concat([prices.loc[: place.row], second, prices.loc[place.row + 1 :]], ignore_index=True)

    return spoil


def swapped(prices: pd.DataFrame, place: Place) -> pd.DataFrame:
    """A row and the one before it change places."""
    order = prices.index.to_numpy().copy()
    order[[place.row - 1, place.row]] = order[[place.row, place.row - 1]]
    return prices.loc[order].reset_index(drop=True)


def without(days: int) -> Spoil:
    """So many bars from the place on are missing."""

    def spoil(prices: pd.DataFrame, place: Place) -> pd.DataFrame:
        last = min(place.day + days, DAYS) - 1 + place.asset * DAYS
        return prices.drop(index=range(place.row, last + 1)).reset_index(drop=True)

    return spoil
