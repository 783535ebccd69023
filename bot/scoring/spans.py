"""Values a calendar span ago, and sums over one: rows are found by time, never by counting."""

from __future__ import annotations

import numpy as np

from bot.core.panel import Floats, Times

DAY = 86_400


def row_at(times: Times, wanted: Times) -> Times:
    """The row that closes at exactly each wanted time, -1 where there is none."""
    row = np.searchsorted(times, wanted)
    inside = row < len(times)
    inside[inside] = times[row[inside]] == wanted[inside]
    return np.where(inside, row, -1).astype(np.int64)


def past(times: Times, values: Floats, span: int) -> Floats:
    """(T, N): the values `span` seconds before each row, NaN where no bar closed then."""
    rows = _rows_ago(times, span)
    if rows is None:
        row = row_at(times, times - span)
        return np.where((row >= 0)[:, None], values[row], np.nan)
    earlier = np.full(values.shape, np.nan)
    earlier[rows:] = values[: max(0, len(values) - rows)]
    return earlier


def sum_of_past(times: Times, values: Floats, step: int, count: int) -> Floats:
    """(T, N): the sum over each row and the `count` - 1 before it, `step` seconds apart; NaN if one is."""
    total = values.copy()
    rows = _rows_ago(times, step)
    with np.errstate(over="ignore"):  # an absurd volume becomes infinite, and infinite is unknown
        for number in range(1, count):
            if rows is None:
                total += past(times, values, number * step)
            else:
                total[number * rows :] += values[: max(0, len(values) - number * rows)]
    if rows is not None:
        total[: (count - 1) * rows] = np.nan
    return total


def log_of(values: Floats) -> Floats:
    """Natural logarithms, NaN where there is none."""
    good = np.isfinite(values) & (values > 0.0)
    return np.where(good, np.log(np.where(good, values, 1.0)), np.nan)


def _rows_ago(times: Times, span: int) -> int | None:
    """How many rows earlier every time less `span` is, where bars close at even distances; None where they do not."""
    if len(times) < 2:
        return None
    step = int(times[1] - times[0])
    even = span % step == 0 and bool((np.diff(times) == step).all())
    return span // step if even else None
