"""A DataFrame of somebody's own as bars: nothing in it is guessed, sorted, dropped or converted in silence."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bot.errors import DataError, located
from bot.signals.storage import PLAIN_NAME

COLUMNS: Final = ("time", "asset", "close", "volume")
_ALSO: Final = ("open", "high", "low")  # the close where they are missing
_WHERE: Final = "prices"


def bars_of_frame(prices: object, bar: str) -> dict[tuple[str, str], pd.DataFrame]:
    """(bar, asset) -> bars as a catalogue holds them, of a frame with columns time, asset, close and volume.

    Times are datetimes of bar closes; without a zone they are UTC. Rows stay in their order, so that what is repeated
    or out of order is found and told. Raises DataError naming column and row, counted from 1.
    """
    if not isinstance(prices, pd.DataFrame):
        raise DataError(located(_WHERE, "", f"a DataFrame is needed, this is a {type(prices).__name__}"))
    names = [str(name) for name in prices.columns]
    for name in (*COLUMNS, *_ALSO):
        if names.count(name) > 1:
            raise DataError(located(_WHERE, name, "column is there twice", ", ".join(names)))
        if name in COLUMNS and name not in names:
            raise DataError(located(_WHERE, name, "column is missing", ", ".join(names)))
    frame = prices.reset_index(drop=True)
    asset = frame["asset"]
    _refuse("asset", "no asset", asset.isna().to_numpy(), asset)
    asset = asset.astype("str")
    plain = asset.map({name: PLAIN_NAME.fullmatch(name) is not None for name in asset.unique()})
    _refuse("asset", "letters, digits, dot, dash and underscore only", ~plain.to_numpy(dtype=np.bool_), asset)
    bars = pd.DataFrame({"time": _times(frame["time"])})
    for name in ("open", "high", "low", "close"):
        bars[name] = _numbers(frame[name if name in names else "close"], asset)
    bars["volume_quote"] = _numbers(frame["volume"], asset)
    return {(bar, str(name)): rows.reset_index(drop=True) for name, rows in bars.groupby(asset.to_numpy(), sort=True)}


def _times(column: pd.Series[Any]) -> pd.Series[pd.Timestamp]:
    _refuse("time", "no time", column.isna().to_numpy(), column)
    if column.dtype.kind in "iufb":
        raise DataError(
            located(_WHERE, "time", "times are numbers: convert them with pd.to_datetime(…, unit=…)", str(column.dtype))
        )
    if column.dtype.kind != "M":  # text, dates, or times of which some have a zone
        zoned = column.map(lambda cell: bool(getattr(cell, "tzinfo", None)))
        kinds = column.map(type)
        odd = ((kinds != kinds.iloc[0]) | (zoned != zoned.iloc[0])).to_numpy(dtype=np.bool_)
        _refuse("time", "some times have a zone and some have none, or differ in type", odd, column)
        raise DataError(
            located(_WHERE, "time", "not datetimes: convert them with pd.to_datetime(…, utc=True)", str(column.iloc[0]))
        )
    zone = getattr(column.dtype, "tz", None)
    utc = column.dt.tz_localize("UTC") if zone is None else column.dt.tz_convert("UTC")
    stamped: pd.Series[pd.Timestamp] = utc.dt.as_unit("us")
    return stamped


def _numbers(column: pd.Series[float], asset: pd.Series[str]) -> NDArray[np.float64]:
    name = str(column.name)
    if column.dtype.kind not in "iuf":
        strange = ~column.map(lambda cell: isinstance(cell, int | float | np.number) and not isinstance(cell, bool))
        bad = strange.to_numpy(dtype=np.bool_)
        _refuse(name, f"{asset.iloc[int(np.argmax(bad))]} has no number", bad, column)
        raise DataError(located(_WHERE, name, "not a column of numbers: convert it to float64", str(column.dtype)))
    return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64)


def _refuse(name: str, problem: str, bad: NDArray[np.bool_], column: pd.Series[Any]) -> None:
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(located(_WHERE, name, f"{problem} in row {row + 1}", str(column.iloc[row])))
