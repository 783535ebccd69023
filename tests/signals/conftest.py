"""Small frames and universes for the tests of bot/signals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import pytest

from bot.core.units import Token
from bot.core.universe import Universe, Venue, idle

MONEY = Token(31337, "0x01", "USDC", 6)
PriceFrame = Callable[..., pd.DataFrame]
SignalFrame = Callable[[Sequence[tuple[str, float, int, int]]], pd.DataFrame]
MakeUniverse = Callable[..., Universe]


def _utc(seconds: Sequence[int]) -> pd.DatetimeIndex:
    return pd.DatetimeIndex((np.array(seconds, dtype=np.int64) * 1_000_000).astype("datetime64[us]"), tz="UTC")


@pytest.fixture(scope="session")
def price_frame() -> PriceFrame:
    """A function: bars that close at the given unix seconds; open is the last close, volume 1000 unless given."""

    def make(times: Sequence[int], closes: Sequence[float], volume: float = 1000.0) -> pd.DataFrame:
        close = np.array(closes, dtype=np.float64)
        opened = np.append(close[:1], close[:-1])
        frame = {"time": _utc(times), "open": opened, "high": np.maximum(opened, close) * 1.01}
        return pd.DataFrame({**frame, "low": np.minimum(opened, close) * 0.99, "close": close, "volume_quote": volume})

    return make


@pytest.fixture(scope="session")
def signal_frame() -> SignalFrame:
    """A function: rows of (topic, value, observed, published) in unix seconds."""

    def make(rows: Sequence[tuple[str, float, int, int]]) -> pd.DataFrame:
        topics, values, observed, published = ([row[place] for row in rows] for place in range(4))
        frame = pd.DataFrame({"topic": pd.Series(topics, dtype="str"), "value": pd.Series(values, dtype="float64")})
        return frame.assign(observed_at=_utc(observed), published_at=_utc(published))

    return make


@pytest.fixture(scope="session")
def make_universe() -> MakeUniverse:
    """A function: idle and one venue per asset, with topics by asset and source."""

    def make(*assets: str, topics: Mapping[str, Mapping[str, tuple[str, ...]]] | None = None) -> Universe:
        venues = [idle(MONEY)]
        for number, asset in enumerate(assets):
            token = Token(31337, f"0x{number + 16:x}", asset, 18)
            named = dict((topics or {}).get(asset, {}))
            venues.append(Venue(asset.lower(), "uniswap_v3_hold", asset, token, topics=named))
        return Universe(MONEY, tuple(venues))

    return make
