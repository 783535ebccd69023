"""When assets were listed and delisted: as a catalogue's ``assets.parquet`` says, or as its series let one guess.

A universe that was put together from what is traded today has forgotten whatever died, and a backtest on it earns what
nobody could have earned. So the dates are carried with the prices, and whoever leaves them out is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bot.core.panel import Times
from bot.errors import DataError, located
from bot.signals.storage import ASSET_SCHEMA, ASSETS_PATH, fitted, seconds_of

SURELY_ENDED = 7 * 86_400  # seconds of silence, while others go on
ALWAYS, NEVER = 0, 2**62  # unix seconds before and after everything


@dataclass(frozen=True, slots=True)
class Listing:
    """An asset could be traded from `listed_at` to `delisted_at` (unix seconds, both included), then not: `reason`."""

    listed_at: int = ALWAYS
    delisted_at: int = NEVER
    reason: str = ""

    def within(self, times: Times) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """(T,): whether the asset was listed at each time."""
        return np.asarray((times >= self.listed_at) & (times <= self.delisted_at))


def no_listings() -> pd.DataFrame:
    """The table of a catalogue that says nothing about its assets."""
    never = pd.Series([], dtype="datetime64[us, UTC]")
    empty = pd.DataFrame({"asset": pd.Series([], dtype="str"), "listed_at": never, "delisted_at": never})
    return fitted(empty.assign(reason=pd.Series([], dtype="str")), ASSET_SCHEMA, ASSETS_PATH)


def listings_of(table: pd.DataFrame) -> Mapping[str, Listing]:
    """Asset -> its listing. Raises DataError for an asset that is there twice, or whose dates contradict."""
    found: dict[str, Listing] = {}
    for asset, listed, delisted, reason in zip(
        table["asset"], table["listed_at"], table["delisted_at"], table["reason"], strict=True
    ):
        name = str(asset)
        if name in found:
            raise DataError(located(ASSETS_PATH, "asset", f"{name} is there twice"))
        if pd.notna(listed) and pd.notna(delisted) and delisted < listed:
            raise DataError(located(ASSETS_PATH, "delisted_at", f"{name} is delisted before it is listed", delisted))
        ends = (_seconds(listed, ALWAYS), _seconds(delisted, NEVER))
        found[name] = Listing(*ends, str(reason))
    return found


def derived(times: Times, end: int) -> Listing:
    """What a series of bars says by itself: listed at its first close; ended at its last, if others go on after it.

    `end`: the last close of any asset. A series that stops in the week before it may just not be fetched to its end.
    """
    if not len(times):
        return Listing()
    last = int(times[-1])
    ended = end - last > SURELY_ENDED
    return Listing(int(times[0]), last if ended else NEVER, "its series ends" if ended else "")


def merged(older: pd.DataFrame, newer: pd.DataFrame) -> pd.DataFrame:
    """Both tables; what the newer says about an asset counts."""
    kept = older[~older["asset"].isin(newer["asset"])]
    return pd.concat([kept, newer]).sort_values("asset", kind="stable", ignore_index=True)


def _seconds(at: pd.Timestamp, otherwise: int) -> int:
    return otherwise if pd.isna(at) else int(seconds_of(pd.Series([at]).dt.as_unit("us"))[0])
