"""What is known about each venue at each time: growth over calendar spans, alone and against the other venues.

Rows are found by time, never by counting, so a row's features depend on nothing but the rows at most `LOOKBACK_DAYS`
before it: not on where the panel begins or ends, and, bit for bit, not on the order of its columns.
"""

from __future__ import annotations

import numpy as np

from bot.core.panel import Floats, Panel, Times

LOOKBACK_DAYS = 28
_DAY = 86_400


def features(panel: Panel, bar_seconds: int) -> tuple[tuple[str, ...], Floats]:
    """Names (F,) and values (T, N, F), NaN where unknown. Column 0, idle, is all NaN.

    Returns and growths are logarithmic; the volatility is that of daily log returns, not annualised. Each one comes
    three times: as it is, less its mean over the venues of the row, and as its rank among them within [-0.5, 0.5].
    `bar_seconds` is the length of a bar; volumes are summed over the bars of a week.
    """
    base = _base_features(panel, bar_seconds)
    names: list[str] = []
    values: list[Floats] = []
    for name, column in base.items():
        known = np.where(np.isfinite(column) & panel.listed, column, np.nan)
        known[:, 0] = np.nan
        names += [name, f"{name}:demeaned", f"{name}:rank"]
        values += [known, demeaned(known), ranked(known)]
    return tuple(names), np.stack(values, axis=2)


def _base_features(panel: Panel, bar_seconds: int) -> dict[str, Floats]:
    times = panel.times
    price = _log(panel.close)
    daily = price - _past(times, price, _DAY)
    found = {f"return_{days}d": price - _past(times, price, days * _DAY) for days in (1, 7, LOOKBACK_DAYS)}
    found["volatility_28d"] = np.sqrt(_sum_of_past(times, daily**2, _DAY, LOOKBACK_DAYS) / LOOKBACK_DAYS)
    week = _log(_sum_of_past(times, panel.volume, bar_seconds, 7 * _DAY // bar_seconds))
    found["volume_change_7d"] = week - _past(times, week, 7 * _DAY)
    for name in panel.signals:
        # The 1 keeps a count of zero defined; for an index of around 100 it hardly matters.
        level = _log(panel.fields[name] + 1.0)
        growth = {days: level - _past(times, level, days * _DAY) for days in (7, 14, LOOKBACK_DAYS)}
        found |= {f"{name}:growth_{days}d": value for days, value in growth.items()}
        found[f"{name}:acceleration"] = 2.0 * growth[7] - growth[14]
    return found


def demeaned(values: Floats) -> Floats:
    """(T, N): each row less the mean of its known values.

    Summed in sorted order: float addition is not associative, and the order of columns must not matter.
    """
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    total = np.sort(np.where(known, values, 0.0), axis=1).sum(axis=1, keepdims=True)
    centred: Floats = values - total / count
    return centred


def ranked(values: Floats) -> Floats:
    """(T, N): ranks within each row, scaled to [-0.5, 0.5], ties sharing their mean rank; 0 for a lone value."""
    known = np.isfinite(values)
    order = np.argsort(values, axis=1)  # what is unknown comes last, and never next to an equal
    rising = np.take_along_axis(values, order, axis=1)
    place = np.arange(values.shape[1])
    starts, ends = np.ones(values.shape, dtype=bool), np.ones(values.shape, dtype=bool)
    starts[:, 1:] = ends[:, :-1] = rising[:, 1:] != rising[:, :-1]
    below = np.maximum.accumulate(np.where(starts, place, 0), axis=1)
    last = np.minimum.accumulate(np.where(ends, place, values.shape[1])[:, ::-1], axis=1)[:, ::-1]
    mean_place = np.empty(values.shape)
    np.put_along_axis(mean_place, order, below + 0.5 * (last - below), axis=1)
    others = known.sum(axis=1, keepdims=True) - 1
    scaled = mean_place / np.maximum(others, 1) - 0.5
    return np.where(known, np.where(others > 0, scaled, 0.0), np.nan)


def row_at(times: Times, wanted: Times) -> Times:
    """The row that closes at exactly each wanted time, -1 where there is none."""
    row = np.searchsorted(times, wanted)
    inside = row < len(times)
    inside[inside] = times[row[inside]] == wanted[inside]
    return np.where(inside, row, -1).astype(np.int64)


def _past(times: Times, values: Floats, span: int) -> Floats:
    """(T, N): the values `span` seconds before each row, NaN where no bar closed then."""
    rows = _rows_ago(times, span)
    if rows is None:
        row = row_at(times, times - span)
        return np.where((row >= 0)[:, None], values[row], np.nan)
    earlier = np.full(values.shape, np.nan)
    earlier[rows:] = values[: max(0, len(values) - rows)]
    return earlier


def _sum_of_past(times: Times, values: Floats, step: int, count: int) -> Floats:
    """(T, N): the sum over each row and the `count` - 1 before it, `step` seconds apart; NaN if one is."""
    total = values.copy()
    rows = _rows_ago(times, step)
    with np.errstate(over="ignore"):  # an absurd volume becomes infinite, and infinite is unknown
        for number in range(1, count):
            if rows is None:
                total += _past(times, values, number * step)
            else:
                total[number * rows :] += values[: max(0, len(values) - number * rows)]
    if rows is not None:
        total[: (count - 1) * rows] = np.nan
    return total


def _rows_ago(times: Times, span: int) -> int | None:
    """How many rows earlier every time less `span` is, where bars close at even distances; None where they do not."""
    if len(times) < 2:
        return None
    step = int(times[1] - times[0])
    even = span % step == 0 and bool((np.diff(times) == step).all())
    return span // step if even else None


def _log(values: Floats) -> Floats:
    """Natural logarithms, NaN where there is none."""
    good = np.isfinite(values) & (values > 0.0)
    return np.where(good, np.log(np.where(good, values, 1.0)), np.nan)
