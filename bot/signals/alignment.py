"""Irregular data on a regular grid of bar closes, never looking past the row that is being filled.

Everything here works row by row from the past: cutting the data at any grid time and aligning again gives the
same rows up to that time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bot.core.panel import Floats, Times

MAX_FILL = 2  # bars that a missing close may be carried forward
EXPIRY_SECONDS = 45 * 86_400  # a topic that was silent for longer is no longer known: longer than a month plus its lag
INDEX_START = 100.0
MICROS = 1_000_000


def close_and_volume(times: Times, grid: Times, close: Floats, volume: Floats) -> tuple[Floats, Floats]:
    """One asset's close and volume on the grid, each (T,).

    `times` must rise strictly and lie on the grid. A missing close is the last one for at most `MAX_FILL`
    bars, with volume 0 (nothing was traded that we know of); after that both are NaN, as before the asset's
    first bar.
    """
    seen = np.searchsorted(times, grid, side="right") - 1
    last = np.maximum(seen, 0)
    step = int(grid[1] - grid[0]) if len(grid) > 1 else 1
    age = (grid - times[last]) // step
    usable = (seen >= 0) & (age <= MAX_FILL)
    return (
        np.where(usable, close[last], np.nan),
        np.where(usable, np.where(age == 0, volume[last], 0.0), np.nan),
    )


def growth_index(
    topic: NDArray[np.int64],
    value: Floats,
    observed_us: NDArray[np.int64],
    published_us: NDArray[np.int64],
    grid: Times,
) -> Floats:
    """The chain-linked growth index of a basket of topics, (T,): 100 in the first row with a known topic.

    `topic` are integer codes; times of rows are microseconds, the grid is in seconds. A topic's level in row
    t is its latest *observed* value among those *published* by t, so a revision counts from its own
    publication and a late old observation never replaces a newer one. From row to row the index grows by

        (1 + sum of levels now) / (1 + sum of levels before), over the topics known in both rows.

    A topic that enters adds its level to the basket but no growth, and one that was silent for more than
    `EXPIRY_SECONDS` leaves it likewise: only growth that was seen counts. The 1 keeps tiny baskets tame and
    the index above 0. Where no topic is known the index is NaN, and goes on later from where it was.
    """
    order = np.lexsort((observed_us, published_us, topic))
    topic, value, observed, published = topic[order], value[order], observed_us[order], published_us[order]
    kept = observed >= _running_max(topic, observed)
    topic, value, published = topic[kept], value[kept], published[kept]
    grid_us = grid * MICROS
    cell = np.searchsorted(grid_us, published, side="left")
    expiry_cell = np.searchsorted(grid_us, published + EXPIRY_SECONDS * MICROS, side="right")
    same_next = np.append(topic[1:] == topic[:-1], False) if len(topic) else np.zeros(0, dtype=bool)
    last_in_cell = ~(same_next & (np.append(cell[1:], -1) == cell)) if len(topic) else same_next
    topic, value, cell = topic[last_in_cell], value[last_in_cell], cell[last_in_cell]
    expiry_cell = expiry_cell[last_in_cell]
    if not len(topic):
        return np.full(len(grid), np.nan)
    same_before = np.append(False, topic[1:] == topic[:-1])
    before_value = np.where(same_before, np.append(0.0, value[:-1]), 0.0)
    before_expiry = np.append(0, expiry_cell[:-1])
    continues = same_before & (cell <= before_expiry)
    next_cell = np.append(np.where(same_before[1:], cell[1:], len(grid)), len(grid))
    expires = expiry_cell < next_cell

    rows = len(grid)
    entered = _sum_by_cell(cell[~continues], value[~continues], rows)
    moved = _sum_by_cell(cell[continues], (value - before_value)[continues], rows)
    left = _sum_by_cell(expiry_cell[expires], value[expires], rows)
    known = np.cumsum(
        _sum_by_cell(cell[~continues], np.ones(int((~continues).sum())), rows)
        - _sum_by_cell(expiry_cell[expires], np.ones(int(expires.sum())), rows)
    )
    total = np.cumsum(entered + moved - left)
    total_before = np.append(0.0, total[:-1])
    growth = (1.0 + np.maximum(total - entered, 0.0)) / (1.0 + np.maximum(total_before - left, 0.0))
    index = INDEX_START * np.cumprod(growth)
    return np.where(known > 0, index, np.nan)


def _running_max(topic: NDArray[np.int64], observed: NDArray[np.int64]) -> NDArray[np.int64]:
    """The greatest observation time so far within each topic; rows are sorted by topic."""
    if not len(topic):
        return observed
    distinct, inverse = np.unique(observed, return_inverse=True)
    ranks: NDArray[np.int64] = inverse.astype(np.int64)
    group = np.cumsum(np.append(0, topic[1:] != topic[:-1])) * (int(ranks.max()) + 1)
    highest: NDArray[np.int64] = np.maximum.accumulate(ranks + group) - group
    running: NDArray[np.int64] = distinct[highest]
    return running


def _sum_by_cell(cell: NDArray[np.int64], value: Floats, rows: int) -> Floats:
    """(rows,): the sum of the values that fall into each row; cells past the end fall away."""
    inside = cell < rows
    return np.bincount(cell[inside], weights=value[inside], minlength=rows).astype(np.float64)
