"""Recorded gas prices: what a unit of gas cost at a time, as far as it had been published by then.

A signal topic of the catalogue gives the price of gas in gwei, a price series that of the chain's own coin.
"""

from __future__ import annotations

import numpy as np

from bot.core.panel import Floats, Times
from bot.errors import ConfigError, DataError, located
from bot.signals.catalogue import Catalogue, some_of
from bot.signals.storage import micros_of, price_path, seconds_of, signal_path

SECOND = 1_000_000  # microseconds
MOST_GWEI = 1e6  # a thousand times what Ethereum has ever asked for long: above it the unit is wrong


def check_names(catalogue: Catalogue, series: str | None, asset: str | None, bar: str) -> None:
    """Raises ConfigError naming the key of a strategy file's `costs` that the catalogue does not have."""
    if series is not None:
        source, topic = split(series)
        if source not in catalogue.sources():
            raise ConfigError(f"costs.gas_series: no signal source {source}; there are: {some_of(catalogue.sources())}")
        topics = tuple(sorted({str(each) for each in catalogue.signals(source)["topic"]}))
        if topic not in topics:
            raise ConfigError(f"costs.gas_series: {source} has no topic {topic}; there are: {some_of(topics)}")
    if asset is not None and asset not in catalogue.assets(bar):
        raise ConfigError(
            f"costs.native_asset: no {bar} prices of {asset}; there are: {some_of(catalogue.assets(bar))}"
        )


def split(series: str) -> tuple[str, str]:
    """(source, topic) of ``SOURCE/TOPIC``; a topic may have slashes of its own."""
    source, _, topic = series.partition("/")
    return source, topic


def gwei_at(catalogue: Catalogue, series: str, times: Times) -> Floats:
    """(T,) gwei per unit of gas, the newest observation published by each of `times` (T,); NaN before the first.

    Of one observation that was published again, the later word counts from then on. Raises DataError for a value that
    is no price.
    """
    source, topic = split(series)
    frame = catalogue.signals(source)
    frame = frame[frame["topic"] == topic]
    values = frame["value"].to_numpy(dtype=np.float64)
    bad = np.flatnonzero(~((values > 0.0) & (values <= MOST_GWEI)))
    if len(bad):
        at = frame["observed_at"].iloc[bad[0]]
        problem = f"topic {topic} at {at}: a price of gas is above zero and at most {MOST_GWEI:,.0f} gwei"
        raise DataError(located(signal_path(source), "value", problem, values[bad[0]]))
    observed, published = micros_of(frame["observed_at"]), micros_of(frame["published_at"])
    order = np.lexsort((observed, published))
    # A row that tells of an earlier time than one published before it says nothing about now.
    newest = np.maximum.accumulate(observed[order])
    order = order[observed[order] >= newest]
    return _newest(published[order], values[order], times * SECOND)


def closes_at(catalogue: Catalogue, asset: str, bar: str, times: Times) -> Floats:
    """(T,) money per coin, the newest close of `asset` by each of `times` (T,); NaN before the first.

    Raises DataError for a close that is no price.
    """
    frame = catalogue.prices(asset, bar)
    values, closed = frame["close"].to_numpy(dtype=np.float64), seconds_of(frame["time"])
    bad = np.flatnonzero(~((values > 0.0) & np.isfinite(values)))
    if len(bad):
        problem = f"{asset} at {frame['time'].iloc[bad[0]]}: a price is a finite number above zero"
        raise DataError(located(price_path(asset, bar), "close", problem, values[bad[0]]))
    order = np.argsort(closed, kind="stable")
    return _newest(closed[order], values[order], times)


def _newest(known: Times, values: Floats, times: Times) -> Floats:
    """(T,) the last of `values` whose time in `known` (rising) is at or before each of `times`; NaN without one."""
    at = np.searchsorted(known, times, side="right") - 1
    found = np.full(len(times), np.nan)
    found[at >= 0] = values[at[at >= 0]]
    return found
