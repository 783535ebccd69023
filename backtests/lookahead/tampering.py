"""Other futures for the same past: catalogues that agree with the original on all that was published by a time.

A future row is a bar that closes, or a value that is published, after that time. Whatever a pipeline says about rows
up to it must be the same on all of these catalogues.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtests.lookahead.pipeline import Case
from bot.signals.catalogue import Catalogue

Frames = dict[str, pd.DataFrame]  # by asset, or by signal source
Random = np.random.Generator
_PRICES = ["open", "high", "low", "close"]


@dataclass(frozen=True, slots=True)
class Market:
    """The frames that a case reads. Every function below returns a changed copy."""

    prices: Frames
    signals: Frames


@dataclass(frozen=True, slots=True)
class Tampering:
    """`said` ends a sentence: "… changes when <said>"; {day} stands for the time after which all is changed."""

    name: str
    detector: str
    said: str
    change: Callable[[Market, int, Random], Market]


def market_of(case: Case) -> Market:
    """What the case reads of its catalogue."""
    assets = sorted({venue.asset for venue in case.settings.universe.risky})
    return Market(
        {asset: case.catalogue.prices(asset, case.config.bar) for asset in assets},
        {source: case.catalogue.signals(source) for source in case.config.read},
    )


def tampered(case: Case, market: Market, tampering: Tampering, cut: int, seed: int) -> Case:
    """The case with another future after `cut` (unix seconds)."""
    changed = tampering.change(market, cut, np.random.default_rng([seed, cut]))
    prices = {(str(case.config.bar), asset): frame for asset, frame in changed.prices.items()}
    of = case.catalogue
    catalogue = Catalogue.of(of.title, of.kind, prices, changed.signals, of.seed, of.listings())
    return replace(case, catalogue=catalogue)


def cut_off(market: Market, cut: int, random: Random) -> Market:
    """Nothing after the time. An asset that is listed later keeps its first bar: no series is empty."""
    return Market(
        {asset: _kept(frame, ~_future(frame, "time", cut)) for asset, frame in market.prices.items()},
        {source: frame[~_future(frame, "published_at", cut)] for source, frame in market.signals.items()},
    )


def shuffled(market: Market, cut: int, random: Random) -> Market:
    """The future's bars and values in another order, under the same dates."""

    def mix(frame: pd.DataFrame, column: str, moved: list[str]) -> pd.DataFrame:
        rows = np.flatnonzero(_future(frame, column, cut))
        values = frame[moved].to_numpy(copy=True)
        values[rows] = values[random.permutation(rows)]
        return frame.assign(**dict(zip(moved, values.T, strict=True)))

    prices = {asset: mix(frame, "time", [*_PRICES, "volume_quote"]) for asset, frame in market.prices.items()}
    return Market(prices, {name: mix(frame, "published_at", ["value"]) for name, frame in market.signals.items()})


def scaled(market: Market, cut: int, random: Random) -> Market:
    """Every price, volume and value of the future times a number of its own, so that who was first becomes last.

    A choice made over the whole sample (the most traded, the best) is a step: noise alone might leave it as it is.
    """

    def factors(frame: pd.DataFrame, column: str, power: float) -> NDArray[np.float64]:
        drawn = 10.0 ** (power + random.uniform(-1.0, 1.0, len(frame)))
        return np.where(_future(frame, column, cut), drawn, 1.0)

    prices = {}
    closes = {asset: frame["close"].to_numpy() for asset, frame in market.prices.items()}
    gain = _powers({asset: float(close[-1] / close[0]) for asset, close in closes.items()})
    busy = _powers({asset: float(frame["volume_quote"].mean()) for asset, frame in market.prices.items()})
    for asset, frame in market.prices.items():
        price, volume = factors(frame, "time", gain[asset]), factors(frame, "time", busy[asset])
        changed = {name: frame[name].to_numpy() * price for name in _PRICES}
        prices[asset] = frame.assign(**changed, volume_quote=frame["volume_quote"].to_numpy() * volume)
    signals = {}
    for source, frame in market.signals.items():
        largest = frame.groupby("topic", sort=True, observed=True)["value"].max()
        power = frame["topic"].map(_powers({str(topic): float(size) for topic, size in largest.items()}))
        of_topic = np.where(_future(frame, "published_at", cut), 10.0 ** power.to_numpy(dtype=np.float64), 1.0)
        signals[source] = frame.assign(value=frame["value"] * of_topic * factors(frame, "published_at", 0.0))
    return Market(prices, signals)


def _powers(sizes: Mapping[str, float]) -> dict[str, float]:
    """A power of ten for each name: 2 for the smallest, -2 for the largest."""
    ordered = sorted(sizes, key=lambda name: (sizes[name], name))
    return dict(zip(ordered, np.linspace(2.0, -2.0, len(ordered)).tolist(), strict=True))


def turned_round(market: Market, cut: int, random: Random) -> Market:
    """Every later return of a price, and every later growth of a signal, with its sign turned."""

    def turn(frame: pd.DataFrame, column: str, named: list[str]) -> pd.DataFrame:
        future = _future(frame, column, cut)
        last = max(int(np.flatnonzero(~future).max(initial=0)), 0)
        changed = {}
        for name in named:
            values = frame[name].to_numpy(dtype=np.float64)
            safe = np.where(values > 0.0, values, 1.0)
            pivot = safe[last] if len(safe) else 1.0
            changed[name] = np.where(future & (values > 0.0), pivot * (pivot / safe), values)
        return frame.assign(**changed)

    prices = {asset: turn(frame, "time", _PRICES) for asset, frame in market.prices.items()}
    return Market(prices, {name: turn(frame, "published_at", ["value"]) for name, frame in market.signals.items()})


def thinned(market: Market, cut: int, random: Random) -> Market:
    """Half of the future's bars and values are missing."""

    def thin(frame: pd.DataFrame, column: str) -> pd.DataFrame:
        return _kept(frame, ~_future(frame, column, cut) | (random.random(len(frame)) < 0.5))

    prices = {asset: thin(frame, "time") for asset, frame in market.prices.items()}
    return Market(prices, {source: thin(frame, "published_at") for source, frame in market.signals.items()})


def delisted(market: Market, cut: int, random: Random) -> Market:
    """One asset that had a price by then is gone afterwards."""
    there = [asset for asset, frame in market.prices.items() if not _future(frame, "time", cut).all()]
    prices = dict(market.prices)
    if there:
        gone = there[int(random.integers(len(there)))]
        prices[gone] = _kept(prices[gone], ~_future(prices[gone], "time", cut))
    return replace(market, prices=prices)


def joined(market: Market, cut: int, random: Random) -> Market:
    """Later a new asset is listed, and beside each topic a new and larger one appears."""
    prices, signals = dict(market.prices), {}
    name, frame = next(iter(sorted(prices.items())))
    prices[f"{name}-NEWCOMER"] = _kept(frame, _future(frame, "time", cut))
    for source, rows in market.signals.items():
        new = rows[_future(rows, "published_at", cut)]
        new = new.assign(topic=new["topic"].astype("str") + "-newcomer", value=new["value"] * 100.0 + 1e6)
        signals[source] = pd.concat([rows, new], ignore_index=True)
    return Market(prices, signals)


def revised(market: Market, cut: int, random: Random) -> Market:
    """All that was published by then is published once more after it, with another value for the same observation."""
    signals = {}
    for source, rows in market.signals.items():
        old = rows[~_future(rows, "published_at", cut)]
        late = pd.Timestamp(cut, unit="s", tz="UTC") + pd.to_timedelta(random.integers(1, 86_400, len(old)), unit="s")
        new = old.assign(value=old["value"].to_numpy() * 10.0 ** random.uniform(0.2, 1.0, len(old)), published_at=late)
        signals[source] = pd.concat([rows, new], ignore_index=True)
    return replace(market, signals=signals)


TAMPERINGS = (
    Tampering("cut off", "truncation", "everything after {day} is cut off", cut_off),
    Tampering("revised", "revisions", "values published by {day} are revised after it", revised),
    Tampering("delisted", "universe", "an asset is delisted after {day}", delisted),
    Tampering("scaled", "tampering", "all prices, volumes and values after {day} are scaled", scaled),
    Tampering("shuffled", "tampering", "what came after {day} comes in another order", shuffled),
    Tampering("joined", "universe", "a new asset and new topics appear after {day}", joined),
    Tampering("turned round", "tampering", "every return and growth after {day} has its sign turned", turned_round),
    Tampering("thinned", "tampering", "half of what came after {day} is missing", thinned),
)
SCALED = TAMPERINGS[3]


def _future(frame: pd.DataFrame, column: str, cut: int) -> NDArray[np.bool_]:
    # Seconds are rounded down, and a row of half a second past the cut is a future one.
    exact = frame[column].to_numpy(dtype="datetime64[us]").astype(np.int64)
    later: NDArray[np.bool_] = exact > cut * 1_000_000
    return later


def _kept(frame: pd.DataFrame, mask: NDArray[np.bool_]) -> pd.DataFrame:
    """Those rows; the first one too if there are none."""
    return frame[mask] if mask.any() else frame.iloc[:1]
