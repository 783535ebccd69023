"""Columns of a CSV or Parquet file as text, numbers and UTC times; whatever needs a guess is refused."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterable
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from bot.errors import DataError, located
from bot.signals.columnmap import AssetName, Condition, TimeColumn
from bot.signals.storage import PLAIN_NAME

_EARLIEST, _LATEST = pd.Timestamp("2005-01-01", tz="UTC"), pd.Timestamp("2100-01-01", tz="UTC")
_INT64 = 2.0**63
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
            table: pd.DataFrame = pq.read_table(BytesIO(data), columns=wanted).to_pandas(ignore_metadata=True)
            return table
        if name.endswith(".csv"):
            there = next(csv.reader(TextIOWrapper(BytesIO(data), "utf-8-sig", newline="")), None)
            if there is None:
                raise DataError(located(file, "", "not CSV: the file is empty"))
            _all_there(file, wanted, there)
            return _cells(data, wanted)
    except (OSError, EOFError) as error:
        raise DataError(located(file, "", f"cannot read: {error}")) from error
    except (pa.ArrowInvalid, csv.Error, UnicodeDecodeError) as error:
        kind = "Parquet" if name.endswith(".parquet") else "CSV in UTF-8"
        raise DataError(located(file, "", f"not {kind}: {' '.join(str(error).split())[:120]}")) from error
    raise DataError(located(file, "", "neither .csv nor .parquet (.gz may follow)"))


def _cells(data: bytes, wanted: list[str]) -> pd.DataFrame:
    """Text of the wanted columns of a CSV. A row with more or fewer cells than the header is refused: 1,5 is no 1.5."""
    texts = pacsv.ConvertOptions(
        column_types={column: pa.string() for column in wanted},
        include_columns=wanted,
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
        null_values=[""],
    )
    table = pacsv.read_csv(
        BytesIO(data),
        read_options=pacsv.ReadOptions(use_threads=False),  # which is what makes an error name its row
        parse_options=pacsv.ParseOptions(newlines_in_values=True),
        convert_options=texts,
    )
    frame: pd.DataFrame = table.to_pandas()
    return frame.astype("str")


def asset_names(name: AssetName, frame: pd.DataFrame, file: Path) -> pd.Series[str]:
    """(rows,): the asset that each row speaks of. Raises DataError with the first that is no plain name.

    Plain is ASCII: a name that only looks like another, by a letter of another alphabet, is refused with its code.
    """
    field = name.column or ("asset.from_file" if name.from_file else "asset.constant")
    if name.from_file:
        match = re.search(name.from_file, file.name)
        if not match:
            raise DataError(located(file, "asset.from_file", "the file's name does not match", name.from_file))
        found = pd.Series(match[1], index=frame.index, dtype="str")
    elif name.column:
        present(frame[name.column], file)
        found = frame[name.column].astype("str")
    else:
        found = pd.Series(name.constant, index=frame.index, dtype="str")
    found = found.str.removesuffix(name.strip_suffix).replace(name.rename)
    codes, names = pd.factorize(found)
    for code, each in enumerate(names):
        if not PLAIN_NAME.fullmatch(str(each)):
            row = row_of(found, pd.Series(codes == code, index=found.index))
            strange = next((f": {letter!a} is U+{ord(letter):04X}" for letter in str(each) if ord(letter) > 126), "")
            problem = f"no name of an asset in row {row}{strange}"
            raise DataError(located(file, field, f"{problem} (letters, digits, dot, dash, underscore)", str(each)))
    return found


def row_of(column: pd.Series[Any], bad: pd.Series[bool]) -> int:
    """The file's row, from 1, of the first that is bad: rows keep their number when others are dropped."""
    return int(column.index[int(np.argmax(bad))]) + 1


def present(column: pd.Series[str], file: Path) -> None:
    """Nothing. Raises DataError with the first row whose cell is empty: no row is dropped because it names nobody."""
    if column.isna().any():
        row = row_of(column, column.isna())
        raise DataError(located(file, str(column.name), f"empty in row {row} (drop such rows with drop_when: missing)"))


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


def numbers(column: pd.Series[Any], file: Path) -> pd.Series[float]:
    """float64, NaN where the cell is empty. Raises DataError with the first cell that is no number."""
    converted = pd.to_numeric(column, errors="coerce").astype(np.float64)
    bad = converted.isna() & column.notna()
    if bad.any():
        got = str(column[bad].iloc[0])
        raise DataError(located(file, str(column.name), f"not a number in row {row_of(column, bad)}", got))
    return converted


def times(column: pd.Series[str], spec: TimeColumn, file: Path) -> pd.Series[pd.Timestamp]:
    """UTC times in microseconds. Raises DataError when unit, format or zone are missing or wrong."""
    field = spec.column
    if column.isna().any():
        row = row_of(column, column.isna())
        raise DataError(located(file, field, f"no time in row {row} (drop such rows with drop_when: missing)"))
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
    outside = (found < _EARLIEST) | (found > _LATEST)
    if outside.any():
        problem = f"a time outside 2005 to 2100 in row {row_of(found, outside)}: is the unit or format wrong?"
        raise DataError(located(file, field, problem, str(found[outside].iloc[0])))
    return found


def _from_numbers(column: pd.Series[str], unit: str, file: Path) -> pd.Series[pd.Timestamp]:
    per_second = _PER_SECOND[unit]
    if column.dtype.kind == "M":
        raise DataError(located(file, str(column.name), "already a time: drop the unit from the map"))
    value = numbers(column, file)
    text = column.astype("str")
    # A whole number of up to 19 digits, as int64 holds it; floats may say 1.7e+18 for one.
    good = (value % 1 == 0) & (value.abs() < _INT64)
    good &= text.str.fullmatch(r"[+-]?\d{1,19}(?:\.0*)?") if column.dtype.kind not in "iuf" else True
    if not good.all():
        got, row = str(column[~good].iloc[0]), row_of(column, ~good)
        raise DataError(located(file, str(column.name), f"unix times must be whole numbers of 64 bits, row {row}", got))
    digits = column if column.dtype.kind in "iuf" else text.str.replace(r"\.0*$", "", regex=True)
    whole = digits.astype(np.int64)
    seconds = whole // per_second
    outside = (seconds < _EARLIEST.timestamp()) | (seconds > _LATEST.timestamp())
    if outside.any():
        problem = f"a time outside 2005 to 2100 in row {row_of(whole, outside)}: is the unit really {unit}?"
        raise DataError(located(file, str(column.name), problem, int(whole[outside].iloc[0])))
    micros = whole * (1_000_000 // per_second) if per_second <= 1_000_000 else whole // 1_000
    return pd.Series(pd.to_datetime(micros, unit="us", utc=True), index=column.index)


def _from_text(column: pd.Series[str], spec: TimeColumn, file: Path) -> pd.Series[pd.Timestamp]:
    if spec.format is None:
        raise DataError(located(file, spec.column, "times are text: name their format in the map (or ISO8601)"))
    zoned = column.str.contains(r"(?:[Zz]|[+-]\d\d:?\d\d)$") if spec.format == "ISO8601" else None
    if zoned is not None and zoned.any() and not zoned.all():
        problem = f"some times have a zone and some have none, from row {row_of(column, zoned != zoned.iloc[0])} on"
        raise DataError(located(file, spec.column, problem))
    aware = "%z" in spec.format or bool(zoned is not None and len(zoned) and zoned.all())
    try:
        found = pd.to_datetime(column, format=spec.format, utc=aware, errors="coerce")
    except (ValueError, OverflowError) as error:
        problem = f"not a time of format {spec.format}"
        raise DataError(located(file, spec.column, problem, str(error).split(". ")[0])) from error
    if found.isna().any():
        problem = f"not a time of format {spec.format} in row {row_of(column, found.isna())}"
        raise DataError(located(file, spec.column, problem, str(column[found.isna()].iloc[0])))
    return found


def _is_one_of(column: pd.Series[str], values: list[str | int | float | bool]) -> pd.Series[bool]:
    if column.dtype.kind in "iufb":
        return column.isin([value for value in values if not isinstance(value, str)])
    return column.astype("str").isin([str(value) for value in values]) & column.notna()


def _all_there(file: Path, wanted: list[str], there: list[str]) -> None:
    for column in wanted:
        if there.count(column) > 1:
            raise DataError(located(file, column, "column is there twice", ", ".join(there)))
        if column not in there:
            raise DataError(located(file, column, "column is missing", ", ".join(there)))
