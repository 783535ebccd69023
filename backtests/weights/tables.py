"""Prices and weights as checked arrays. What cannot be used is refused in one line that names column and time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numba
import numpy as np
import numpy.typing as npt
import pandas as pd

from backtests.kernels.survey import BLOCK, prices_nb, weights_nb
from backtests.kernels.weights import Places
from backtests.overfitting import ONE_AT_A_TIME
from bot.core.panel import Floats
from bot.errors import DataError, located

Given: TypeAlias = "pd.DataFrame | pd.Series[float] | npt.ArrayLike"
WHOLE = 1.0 + 1e-9  # weights of a row may add up to it
MANY = 1 << 24  # numbers: below them one core is done before several have agreed on their parts


@contextmanager
def threads_for(size: int) -> Iterator[None]:
    """Lets kernels work on so many numbers: no other call at the same time, and one thread where that is quicker."""
    with ONE_AT_A_TIME:
        before = numba.get_num_threads()
        numba.set_num_threads(1 if size < MANY else before)
        try:
            yield
        finally:
            numba.set_num_threads(before)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """`values` (T, N) float64, rows next to each other in memory. `index` is None for plain arrays."""

    name: str
    index: pd.Index | None
    columns: tuple[str, ...]
    values: Floats
    gaps: bool = False  # some value is NaN

    def at(self, row: int) -> str:
        """What the row is called."""
        return f"row {row}" if self.index is None else str(self.index[row])

    def refuse(self, row: int, column: int, problem: str) -> DataError:
        """The error about one value."""
        return DataError(
            located(self.name, f"{self.columns[column]} at {self.at(row)}", problem, self.values[row, column])
        )


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """K rebalances: at which bars (rising), and to which rows of `weights` (M, N)."""

    at: Places
    which: Places
    weights: Floats


def table_of(given: Given, name: str) -> Table:
    """A frame or a two-dimensional array of numbers, whose index rises. Raises DataError."""
    frame = given if isinstance(given, pd.DataFrame) else None
    if frame is not None:
        columns = tuple(str(column) for column in frame.columns)
        for place, column in enumerate(columns):
            if column in columns[:place]:
                raise DataError(located(name, column, "this column is there twice"))
            kind = frame.dtypes.iloc[place]
            if not pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_bool_dtype(kind):
                raise DataError(located(name, column, "not a column of numbers", str(kind)))
        plain = all(isinstance(kind, np.dtype) for kind in frame.dtypes)  # else pandas copies to mark what is missing
        values = frame.to_numpy(dtype=np.float64) if plain else frame.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        try:
            values = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(located(name, "", f"not an array of numbers: {error}")) from None
        if values.ndim != 2:
            raise DataError(located(name, "", "expected two dimensions, bar by asset", f"{values.ndim}"))
        columns = tuple(str(column) for column in range(values.shape[1]))
    if 0 in values.shape:
        raise DataError(located(name, "", f"empty: {values.shape[0]} rows, {values.shape[1]} columns"))
    index = None if frame is None else frame.index
    if index is not None:
        _check_index(index, name)
    return Table(name, index, columns, _as_kernels_want(values))


def prices_of(given: Given, name: str = "prices") -> Table:
    """Prices: at least two bars, each price a finite number above 0, or NaN where there is none."""
    table = table_of(given, name)
    if len(table.values) < 2:
        raise DataError(located(name, "", "one row: a backtest needs two bars at least"))
    with threads_for(table.values.size):
        counts = prices_nb(table.values)
    if counts[:, 1].any():
        block = int(np.argmax(counts[:, 1] > 0))
        part = table.values[block * BLOCK : (block + 1) * BLOCK]
        row, column = (int(each[0]) for each in np.nonzero((part <= 0.0) | np.isinf(part)))
        raise table.refuse(block * BLOCK + row, column, "a price is finite and above 0; leave out what is not known")
    gaps = bool(counts[:, 0].any())
    if gaps:
        never = np.isnan(table.values).all(axis=0)
        if never.any():
            raise DataError(located(name, table.columns[int(np.argmax(never))], "this column has no price at all"))
    return Table(name, table.index, table.columns, table.values, gaps)


def plan_of(given: Given, prices: Table, every: int | None) -> Plan:
    """When to move to which weights. Raises DataError as `portfolio` says."""
    if isinstance(given, pd.Series):
        made: Any = given.to_frame().T
    else:
        made = given if isinstance(given, pd.DataFrame) else np.atleast_2d(np.asarray(given))
    table = _aligned(table_of(made, "weights"), prices, named=isinstance(made, pd.DataFrame))
    if isinstance(given, pd.Series) or np.ndim(given) == 1:
        table = Table("weights", None, table.columns, table.values)
        bars = np.zeros(1, dtype=np.int64)
    else:
        bars = _bars(table, prices)
    with threads_for(table.values.size):
        counts, sums = weights_nb(table.values)
    if counts[:, 1].any() or not (sums <= WHOLE).all():
        _refuse_weights(table, counts, sums)
    rows = np.flatnonzero(counts[:, 0] < table.values.shape[1])
    if len(rows) == 0:
        raise DataError(located("weights", "", "no row has a weight: all are NaN"))
    at = bars[rows]
    if every is None:
        return Plan(at, rows, table.values)
    due = np.arange(at[0], len(prices.values), every, dtype=np.int64)
    return Plan(due, rows[np.searchsorted(at, due, side="right") - 1], table.values)


def _as_kernels_want(values: Floats) -> Floats:
    """The same numbers with rows next to each other, copied only when they are not.

    Frames hand out arrays that are marked as not to be written. Kernels write none, but compile once more for the mark.
    """
    view = np.ascontiguousarray(values).view()
    try:
        view.flags.writeable = True
    except ValueError:  # a file mapped into memory, say
        view = view.copy()
    return view


def _check_index(index: pd.Index, name: str) -> None:
    if index.hasnans:
        raise DataError(located(name, f"row {int(np.argmax(index.isna()))}", "has no time"))
    if index.is_monotonic_increasing and index.is_unique:
        return
    for row in range(1, len(index)):
        try:
            rises = bool(index[row] > index[row - 1])
        except TypeError:
            raise DataError(located(name, f"row {row}", "times of different kinds", str(index[row]))) from None
        if not rises:
            problem = "this time is there twice" if index[row] == index[row - 1] else "comes after a later time"
            raise DataError(located(name, str(index[row]), f"{problem}: sort the index and drop duplicates"))


def _aligned(table: Table, prices: Table, *, named: bool) -> Table:
    """The weights with the columns of the prices: by name, or by place."""
    if not named and len(table.columns) != len(prices.columns):
        got = f"{len(table.columns)} for {len(prices.columns)}"
        raise DataError(located("weights", "", "without names there is a column for every asset", got))
    if not named or table.columns == prices.columns:
        return Table(table.name, table.index, prices.columns, table.values)
    for column in prices.columns:
        if column not in table.columns:
            raise DataError(located("weights", column, "prices have this column, weights have not"))
    for column in table.columns:
        if column not in prices.columns:
            raise DataError(located("weights", column, "weights have this column, prices have not"))
    places = [table.columns.index(column) for column in prices.columns]
    return Table(table.name, table.index, prices.columns, np.ascontiguousarray(table.values[:, places]))


def _bars(table: Table, prices: Table) -> Places:
    """The bar of each row of weights."""
    if table.index is None or prices.index is None:
        if len(table.values) != len(prices.values):
            got = f"{len(table.values)} rows for {len(prices.values)} bars"
            raise DataError(located("weights", "", "without times there is a row for every bar", got))
        return np.arange(len(prices.values), dtype=np.int64)
    if table.index is prices.index or table.index.equals(prices.index):
        return np.arange(len(prices.values), dtype=np.int64)
    places = np.asarray(prices.index.get_indexer(table.index), dtype=np.int64)
    if (places < 0).any():
        row = int(np.argmax(places < 0))
        raise DataError(located("weights", table.at(row), "no bar of the prices has this time"))
    return places


def _refuse_weights(table: Table, counts: Places, sums: Floats) -> None:
    row = int(np.argmax((counts[:, 1] > 0) | ~(sums <= WHOLE)))
    if counts[row, 1]:
        values = table.values[row]
        column = int(np.argmax(~((values >= 0.0) & (values <= 1.0)) & ~np.isnan(values)))
        raise table.refuse(row, column, "a weight is between 0 and 1")
    raise DataError(located("weights", table.at(row), "weights add up to more than 1", float(sums[row])))
