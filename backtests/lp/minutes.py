"""Minute bars of one concentrated-liquidity pool, read exactly: volumes, ticks and active liquidity.

The format is the one that demeter's downloader writes, CSV (``.gz`` or not) or Parquet: ``timestamp, netAmount0,
netAmount1, closeTick, openTick, lowestTick, highestTick, inAmount0, inAmount1, currentLiquidity``. A row's timestamp is
the START of its minute, UTC. ``openTick`` is the tick after the minute's first swap, ``closeTick`` the one after its
last, ``currentLiquidity`` the active liquidity after its last. Amounts are raw token units, written as integers of up
to 38 digits: they go from text to 128-bit integers and are never a float. Ticks may be written as ``29256.0``.

The files do not say which pool they are of: tokens, decimals, fee and spacing come from the configuration.
"""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from bot.core.amm.tick_math import MAX_TICK, MIN_TICK
from bot.core.dates import minute
from bot.errors import DataError, located

MINUTE: Final = 60
LONGEST_GAP: Final = 7 * 24 * 60  # minutes; more than that is two files of different weeks, not a gap
TICK_COLUMNS: Final = ("openTick", "lowestTick", "highestTick", "closeTick")
AMOUNT_COLUMNS: Final = ("inAmount0", "inAmount1", "currentLiquidity")
NET_COLUMNS: Final = ("netAmount0", "netAmount1")
COLUMNS: Final = ("timestamp", *NET_COLUMNS, *TICK_COLUMNS, *AMOUNT_COLUMNS)

_WIDE: Final = pa.decimal128(38, 0)  # 16 bytes, two's complement, little-endian: two uint64 limbs as they lie
_WHOLE: Final = r"^-?\d+$"
_WHOLE_TICK: Final = r"^-?\d{1,9}(\.0*)?$"
_STAMP: Final = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$"

Limbs = npt.NDArray[np.uint64]
Ticks = npt.NDArray[np.int32]
Seconds = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Minutes:
    """Every minute from the first to the last one in the files, the missing ones filled in.

    times: (T,) unix seconds of the minutes' starts, 60 apart. open, low, high, close: (T,) ticks. in0, in1, liquidity:
    (T, 2) unsigned 128-bit integers as two little-endian limbs; amounts are what swaps paid in, their fees included.
    missing: (T,) True where the files have no row: no volume, last tick and liquidity carried.
    """

    times: Seconds
    open: Ticks
    low: Ticks
    high: Ticks
    close: Ticks
    in0: Limbs
    in1: Limbs
    liquidity: Limbs
    missing: npt.NDArray[np.bool_]
    files: tuple[str, ...]
    digest: str

    def __len__(self) -> int:
        return len(self.times)

    @property
    def gaps(self) -> tuple[tuple[int, int], ...]:
        """(unix seconds of the first missing minute, missing minutes) of each run of missing minutes."""
        edges = np.diff(np.concatenate(([False], self.missing, [False])).astype(np.int8))
        starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
        return tuple((int(self.times[a]), int(b - a)) for a, b in zip(starts, ends, strict=True))

    def notes(self) -> tuple[str, ...]:
        """What a reader of results must know about the data, a sentence each."""
        if not self.missing.any():
            return ()
        longest = max(count for _, count in self.gaps)
        return (
            f"{int(self.missing.sum()):,} of {len(self):,} minutes are missing in {len(self.gaps):,} gaps (the longest "
            f"{longest:,} minutes): no volume there, tick and liquidity carried",
        )

    def window(self, since: int | None = None, until: int | None = None) -> Minutes:
        """The minutes that start at or after `since` and before `until`, unix seconds.

        Raises DataError when fewer than two are left.
        """
        first = 0 if since is None else int(np.searchsorted(self.times, since))
        last = len(self) if until is None else int(np.searchsorted(self.times, until))
        if last - first < 2:
            have = f"{minute(int(self.times[0]))} to {minute(int(self.times[-1]))}"
            raise DataError(located(self.files[0], "", "fewer than two minutes lie in the window asked for", have))
        return replace(self, **{name: getattr(self, name)[first:last] for name in _ARRAYS})


_ARRAYS: Final = ("times", "open", "low", "high", "close", "in0", "in1", "liquidity", "missing")


def load_minutes(files: Sequence[Path]) -> Minutes:
    """The minutes of `files`, which follow one another in time; a folder stands for its files in order of name.

    Raises DataError with the file, the row (the first below the header is 1) and the column: what cannot be read, a
    missing column or value, what is no whole number, minutes that are out of order, twice there or not on the minute,
    negative amounts, more received net than paid in, ticks out of range, low above high, no liquidity, a gap of more
    than a week.
    """
    paths = [path for given in files for path in _expanded(given)]
    if not paths:
        raise DataError("no files of minute bars were given")
    parts: list[tuple[Any, ...]] = []
    digest = hashlib.sha256()
    for path in paths:
        data = _bytes(path)
        digest.update(hashlib.sha256(data).digest())
        parts.append(_checked(path, _table(path, data)))
        if len(parts) > 1 and parts[-1][0][0] <= parts[-2][0][-1]:
            problem = f"row 1 is not after the last minute of {paths[len(parts) - 2].name}"
            raise DataError(located(path, "timestamp", problem, minute(int(parts[-1][0][0]))))
    times, *columns = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    starts = np.cumsum([0, *(len(part[0]) for part in parts)])
    long = np.flatnonzero(np.diff(times) > (LONGEST_GAP + 1) * MINUTE)
    if len(long):
        at = int(long[0]) + 1
        which = int(np.searchsorted(starts, at, "right")) - 1
        problem = f"row {at - int(starts[which]) + 1} comes more than {LONGEST_GAP // 1440} days after the one before"
        raise DataError(located(paths[which], "timestamp", problem, minute(int(times[at]))))
    return _filled(times, columns, tuple(path.name for path in paths), digest.hexdigest())


def integers(limbs: Limbs) -> list[int]:
    """Rows of two little-endian limbs as Python integers."""
    return [low | high << 64 for low, high in limbs.tolist()]


def _expanded(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.name.removesuffix(".gz").endswith((".csv", ".parquet")))
    if not found:
        raise DataError(located(path, "", "no .csv or .parquet files are in this folder"))
    return found


def _bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.suffix == ".gz" else data
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(located(path, "", f"cannot read: {getattr(error, 'strerror', None) or error}")) from error


def _table(path: Path, data: bytes) -> pa.Table:
    """The ten columns; those of a CSV as text."""
    name = path.name.removesuffix(".gz")
    try:
        if name.endswith(".parquet"):
            table = pyarrow.parquet.read_table(BytesIO(data))
        elif name.endswith(".csv"):
            text = dict.fromkeys(COLUMNS, pa.string())
            options = pyarrow.csv.ConvertOptions(column_types=text, strings_can_be_null=True)
            table = pyarrow.csv.read_csv(BytesIO(data), convert_options=options)
        else:
            raise DataError(located(path, "", "neither .csv nor .parquet (.gz may follow)"))
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(located(path, "", "not a table", " ".join(str(error).split()))) from error
    for column in COLUMNS:
        if table.column_names.count(column) != 1:
            problem = "column is missing" if column not in table.column_names else "column is there twice"
            raise DataError(located(path, column, problem, ", ".join(table.column_names)))
    if not table.num_rows:
        raise DataError(located(path, "", "no rows"))
    return table


def _checked(path: Path, table: pa.Table) -> tuple[Any, ...]:
    """(times, open, low, high, close, in0, in1, liquidity) of one file, every promise of `Minutes` kept within it."""
    cells = {name: table[name].combine_chunks() for name in COLUMNS}
    for name, column in cells.items():
        _refuse(path, name, "no value", pc.is_null(column), column)
    times = _times(path, cells["timestamp"])
    _refuse(path, "timestamp", "not on the minute", times % MINUTE != 0, cells["timestamp"])
    steps = np.diff(times, prepend=times[0] - MINUTE)
    _refuse(path, "timestamp", "a minute that is already there", steps == 0, cells["timestamp"])
    _refuse(path, "timestamp", "earlier than the row before", steps < 0, cells["timestamp"])
    ticks = {name: _ticks(path, name, cells[name]) for name in TICK_COLUMNS}
    low, high = ticks["lowestTick"], ticks["highestTick"]
    _refuse(path, "lowestTick", "above highestTick", low > high, cells["lowestTick"])
    wide = {name: _wide(path, name, cells[name]) for name in (*AMOUNT_COLUMNS, *NET_COLUMNS)}
    for name in AMOUNT_COLUMNS:
        _refuse(path, name, "negative", pc.less(wide[name], pa.scalar(0, _WIDE)), cells[name])
    for which in "01":
        more = pc.greater(wide[f"netAmount{which}"], wide[f"inAmount{which}"])
        _refuse(path, f"netAmount{which}", f"above inAmount{which}", more, cells[f"netAmount{which}"])
    amount0, amount1, liquidity = (_limbs(wide[name]) for name in AMOUNT_COLUMNS)
    _refuse(path, "currentLiquidity", "no active liquidity", ~liquidity.any(axis=1), cells["currentLiquidity"])
    return times, ticks["openTick"], low, high, ticks["closeTick"], amount0, amount1, liquidity


def _refuse(path: Path, field: str, problem: str, bad: Any, column: pa.Array) -> None:
    """Nothing, or the DataError of the first row that is `bad` (a mask)."""
    mask = np.asarray(bad)
    if mask.any():
        row = int(np.argmax(mask))
        raise DataError(located(path, field, f"row {row + 1}: {problem}", column[row].as_py()))


def _times(path: Path, column: pa.Array) -> Seconds:
    kind = column.type
    if pa.types.is_integer(kind):
        stamps = column.cast(pa.int64())
    elif pa.types.is_timestamp(kind):
        cut = column.cast(pa.timestamp("s", kind.tz), safe=False)
        _refuse(path, "timestamp", "not on the minute", pc.not_equal(cut.cast(kind), column), column)
        stamps = cut.cast(pa.int64())
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        text = pc.replace_substring_regex(column, r"^(.{10})T", r"\1 ")
        text = pc.replace_substring_regex(text, r"(\.0+)?(Z|\+00:00)?$", "")
        unreadable = "not a time like 2022-07-19 00:00:00 (UTC)"
        _refuse(path, "timestamp", unreadable, pc.invert(pc.match_substring_regex(text, _STAMP)), column)
        try:
            stamps = text.cast(pa.timestamp("s")).cast(pa.int64())
        except pa.ArrowInvalid:
            wrong = [not _is_time(each) for each in text.to_pylist()]
            _refuse(path, "timestamp", unreadable, wrong, column)
            raise
    else:
        raise DataError(located(path, "timestamp", "neither text, a time nor unix seconds", str(kind)))
    return np.asarray(stamps).astype(np.int64)


def _is_time(text: str) -> bool:
    try:
        dt.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _ticks(path: Path, name: str, column: pa.Array) -> Ticks:
    kind, problem = column.type, "not a whole number"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        _refuse(path, name, problem, pc.invert(pc.match_substring_regex(column, _WHOLE_TICK)), column)
        found = np.asarray(pc.replace_substring_regex(column, r"\.0*$", "").cast(pa.int64()))
    elif pa.types.is_floating(kind):
        values = np.asarray(column)
        _refuse(path, name, problem, ~(np.isfinite(values) & (np.floor(values) == values)), column)
        found = np.clip(values, -(2.0**31), 2.0**31 - 1).astype(np.int64)  # what is cut is refused below
    elif pa.types.is_integer(kind):
        found = np.asarray(column)
    else:
        raise DataError(located(path, name, problem, str(kind)))
    _refuse(path, name, f"outside {MIN_TICK}..{MAX_TICK}", (found < MIN_TICK) | (found > MAX_TICK), column)
    return found.astype(np.int32)


def _wide(path: Path, name: str, column: pa.Array) -> pa.Array:
    """The column as 38-digit decimals without places: exact, or DataError."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        _refuse(path, name, "not a whole number", pc.invert(pc.match_substring_regex(column, _WHOLE)), column)
        digits = pc.utf8_length(pc.replace_substring_regex(column, r"^-?0*", ""))
        _refuse(path, name, "more than 38 digits", pc.greater(digits, 38), column)
        return column.cast(_WIDE)
    if pa.types.is_integer(kind):
        return column.cast(_WIDE)
    if pa.types.is_decimal(kind):
        try:
            return column.cast(_WIDE)
        except pa.ArrowInvalid as error:
            raise DataError(located(path, name, "not whole numbers of up to 38 digits", str(kind))) from error
    raise DataError(located(path, name, "amounts are text, integers or decimals; a float has lost digits", str(kind)))


def _limbs(column: pa.Array) -> Limbs:
    whole = np.frombuffer(column.buffers()[1], dtype=np.uint64).reshape(-1, 2)
    return whole[column.offset : column.offset + len(column)]


def _filled(times: Seconds, columns: list[Any], files: tuple[str, ...], digest: str) -> Minutes:
    """All minutes: the rows that are there, and between them the close and the liquidity of the last one, no volume."""
    place = (times - times[0]) // MINUTE
    missing = np.ones(int(place[-1]) + 1, dtype=np.bool_)
    missing[place] = False
    last = np.cumsum(~missing) - 1
    open_, low, high, close, in0, in1, liquidity = (column[last] for column in columns)
    for ticks in (open_, low, high):
        ticks[missing] = close[missing]
    in0[missing] = in1[missing] = 0
    grid = times[0] + MINUTE * np.arange(len(missing), dtype=np.int64)
    return Minutes(grid, open_, low, high, close, in0, in1, liquidity, missing, files, digest)
