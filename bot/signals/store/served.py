"""What of a store a catalogue shows: one series of bars an asset, and the dates of listing that were said last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from bot.signals.store.signal_store import SignalStore

_FIRST = """
WITH first AS (SELECT bar, asset, arg_min(source, rowid) AS source FROM bars GROUP BY bar, asset)
SELECT bar, asset, time, open, high, low, close, volume_quote FROM bars JOIN first USING (bar, asset, source)
WHERE revision = 0 ORDER BY bar, asset, time
"""
_LAST = "SELECT * FROM listings QUALIFY row_number() OVER (PARTITION BY asset ORDER BY rowid DESC) = 1 ORDER BY asset"


def utc(seconds: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pd.DatetimeIndex:
    """Unix seconds as UTC times in microseconds."""
    return pd.DatetimeIndex((seconds * 1_000_000).astype("datetime64[us]"), tz="UTC")


def prices_served(store: SignalStore) -> dict[tuple[str, str], pd.DataFrame]:
    """(bar, asset) -> `storage.PRICE_SCHEMA`: each bar as it was first said, by the source that came first."""
    frame = store.frame(_FIRST)
    frame["time"] = utc(frame["time"].to_numpy(dtype=np.int64))
    return {
        (str(bar), str(asset)): rows.drop(columns=["bar", "asset"]).reset_index(drop=True)
        for (bar, asset), rows in frame.groupby(["bar", "asset"], sort=True)
    }


def listings_served(store: SignalStore) -> pd.DataFrame | None:
    """`storage.ASSET_SCHEMA`, or None where nobody said anything."""
    frame = store.frame(_LAST)
    if not len(frame):
        return None
    for name in ("listed_at", "delisted_at"):
        seconds = frame[name].to_numpy(dtype=np.int64)
        frame[name] = utc(seconds).where(seconds >= 0)
    return frame
