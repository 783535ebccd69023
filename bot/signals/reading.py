"""Columns of a CSV or Parquet file as text, numbers and UTC times; whatever needs a guess is refused."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bot.errors import DataError, located
from bot.signals.columnmap import Condition, TimeColumn

_EARLIEST, _LATEST = pd.Timestamp("2005-01-01", tz="UTC"), pd.Timestamp("2100-01-01", tz="UTC")
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def read_columns(file: Path, columns: Iterable[str]) -> pd.DataFrame:
    """The named columns of a .csv or .parquet, or either with .gz behind; cells of a CSV are text.

    Raises DataError naming the file, and the column that is not there.
    """
    wanted = list(dict.fromkeys(columns))
    name = file.name.removesuffix(".gz")
    try:
        data = gzip.decompress(file.read_bytes()) if file.name.endswith(".gz") else file.read_bytes()
        if name.endswith(".parquet"):
            there = pq.read_schema(BytesIO(data)).names
            _all_there(file, wanted, there)
            table: pd.DataFrame = pq.read_table(BytesIO(data), columns=wanted).to_pandas()
            return table
        if name.endswith(".csv"):
            there = [str(column) for column in pd.read_csv(BytesIO(data), nrows=0).columns]
            _all_there(file, wanted, there)
            frame = pd.read_csv(BytesIO(data), usecols=wanted, dtype="str", keep_default_na=False, na_values=[""])
            return frame[wanted]
    except (OSError, EOFError) as error:
        raise DataError(located(file, "", f"cannot read: {error}")) from error
    except (pa.ArrowInvalid, pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        kind = "Parquet" if name.endswith(".parquet") else "CSV in UTF-8"
        raise DataError(located(file, "", f"not {kind}: {' '.join(str(error).split())[:120]}")) from error
    raise DataError(located(file, "", "neither .csv nor .parquet (.gz may follow)"))


def holds(condition: Condition, frame: pd.DataFrame, file: Path) -> pd.Series[bool]:
    """True for rows in which every comparison of `condition` holds; numbers in text compare as numbers."""
    column = frame[condition.column]
    result = pd.Series(True, index=frame.index)
    if condition.missing is not None:
        result &= column.isna() == condition.missing
    if condition.equals is not None:
        result &= _is_one_of(column, [condition.equals])
    if condition.among is not None:
        result &= _is_one_of(column, list(condition.among))
    if condition.at_most is not None or condition.at_least is not None:
        number = numbers(column, file) if column.dtype.kind in "iuf" else pd.to_numeric(column, errors="coerce")
        if condition.at_most is not None:
            result &= number <= condition.at_most
        if condition.at_least is not None:
            result &= number >= condition.at_least
    return result


def numbers(column: pd.Series[float], file: Path) -> pd.Series[float]:
    """float64, NaN where the cell is empty. Raises DataError with the first cell that is no number."""
    converted = pd.to_numeric(column, errors="coerce").astype(np.float64)
    bad = converted.isna() & column.notna()
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(located(file, str(column.name), f"not a number in row {row + 1}", str(column.iloc[row])))
    return converted


def times(column: pd.Series[str], spec: TimeColumn, file: Path) -> pd.Series[pd.Timestamp]:
    """UTC times in microseconds. Raises DataError when unit, format or zone are missing or wrong."""
    field = spec.column
    if column.isna().any():
        row = int(np.argmax(column.isna()))
        raise DataError(located(file, field, f"no time in row {row + 1} (drop such rows with drop_when: missing)"))
    if spec.unit is not None:
        found = _from_numbers(column, spec.unit, file)
    elif column.dtype.kind in "iuf":
        raise DataError(located(file, field, "times are numbers: name their unit (s, ms, us or ns) in the map"))
    elif column.dtype.kind == "M":
        found = pd.Series(pd.DatetimeIndex(column), index=column.index)
    else:
        found = _from_text(column.astype("str"), spec, file)
    if getattr(found.dtype, "tz", None) is None:
        if spec.timezone is None:
            raise DataError(located(file, field, "times have no zone: say timezone: UTC in the map if they are UTC"))
        found = found.dt.tz_localize("UTC")
    found = found.dt.tz_convert("UTC").dt.as_unit("us")
    if len(found) and (found.min() < _EARLIEST or found.max() > _LATEST):
        worst = found.min() if found.min() < _EARLIEST else found.max()
        raise DataError(located(file, field, "a time outside 2005 to 2100: is the unit or format wrong?", str(worst)))
    return found


def _from_numbers(column: pd.Series[str], unit: str, file: Path) -> pd.Series[pd.Timestamp]:
    per_second = _PER_SECOND[unit]
    if column.dtype.kind in "iu":
        whole = column.astype(np.int64)
    elif column.dtype.kind == "M":
        raise DataError(located(file, str(column.name), "already a time: drop the unit from the map"))
    else:
        value = numbers(column.astype("str"), file)  # type: ignore[arg-type]
        if ((value % 1) != 0).any() or (value.abs() > 2**63 - 1).any():
            raise DataError(located(file, str(column.name), "unix times must be whole numbers"))
        whole = column.astype("str").str.replace(r"\.0*$", "", regex=True).astype(np.int64)
    seconds = whole // per_second
    if len(whole) and (seconds.min() < _EARLIEST.timestamp() or seconds.max() > _LATEST.timestamp()):
        problem = f"a time outside 2005 to 2100: is the unit really {unit}?"
        raise DataError(located(file, str(column.name), problem, int(whole.iloc[0])))
    micros = whole * (1_000_000 // per_second) if per_second <= 1_000_000 else whole // 1_000
    return pd.Series(pd.to_datetime(micros, unit="us", utc=True), index=column.index)


def _from_text(column: pd.Series[str], spec: TimeColumn, file: Path) -> pd.Series[pd.Timestamp]:
    if spec.format is None:
        raise DataError(located(file, spec.column, "times are text: name their format in the map (or ISO8601)"))
    zoned = column.str.contains(r"(?:[Zz]|[+-]\d\d:?\d\d)$") if spec.format == "ISO8601" else None
    if zoned is not None and zoned.any() and not zoned.all():
        raise DataError(located(file, spec.column, "some times have a zone and some have none"))
    aware = "%z" in spec.format or bool(zoned is not None and len(zoned) and zoned.all())
    try:
        return pd.to_datetime(column, format=spec.format, utc=aware)
    except (ValueError, OverflowError) as error:
        problem = f"not a time of format {spec.format}"
        raise DataError(located(file, spec.column, problem, str(error).split(". ")[0])) from error


def _is_one_of(column: pd.Series[str], values: list[str | int | float | bool]) -> pd.Series[bool]:
    if column.dtype.kind in "iufb":
        return column.isin([value for value in values if not isinstance(value, str)])
    return column.astype("str").isin([str(value) for value in values]) & column.notna()


def _all_there(file: Path, wanted: list[str], there: list[str]) -> None:
    for column in wanted:
        if column not in there:
            raise DataError(located(file, column, "column is missing", ", ".join(there)))
