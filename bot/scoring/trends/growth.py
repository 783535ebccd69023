"""Growth of topics as it can be believed: over the time that it took, and with sudden jumps cut to what is usual.

Stars are for sale, and one wrong answer of one source can multiply a level for an hour. So growth is not the difference
of two levels: it is the sum of what each new observation added, and no single one may add more than a bound that is
set by what topics added before. The bound never exceeds `MOST`, so that a level times fifty moves growth by no more
than that while it lasts, and a level that comes back takes away what it gave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.core.panel import Floats, Times

DAY: Final = 86_400
OFFSET: Final = 5.0  # stars: keeps one star more, on a topic with two, from being growth by half
MOST: Final = 0.7  # log units that one observation may add: a doubling
LEAST: Final = 0.1  # log units that one observation may always add
USUAL: Final = 0.99  # quantile of a day's increments that counts as usual
MEMORY_DAYS: Final = 28  # over how many past days the usual is averaged
GRAIN: Final = 2.0**40  # increments are whole multiples of 2^-40: their sums are exact, wherever they begin


@dataclass(frozen=True, slots=True)
class Path:
    """One series' topics as paths. `log_level` (T, K): ln(level + OFFSET), NaN where not known. `path` (T, K): the sum
    of bounded increments since the topic was first known, of which only differences mean anything. `observed` (T, K):
    unix seconds that a value is of. `rows`: of each time a number of seconds before, see `ago`."""

    times: Times
    level: Floats
    log_level: Floats
    path: Floats
    observed: Floats

    def over(self, span: int) -> Floats:
        """(T, K): log growth over the `span` seconds before each row, NaN where no level is known back then.

        What was observed may lie further apart, or less far, than `span`: growth is scaled to it, and unknown where
        less than half of it or more than twice as much was seen.
        """
        row = ago(self.times, span)
        took = self.observed - _take(self.observed, row)
        known = (took >= span / 2) & (took <= span * 2)
        growth: Floats = np.where(
            known, (self.path - _take(self.path, row)) * (span / np.where(known, took, 1.0)), np.nan
        )
        return growth


def path_of(times: Times, level: Floats, observed: Floats, fresh: int) -> Path:
    """The paths of levels (T, K) observed at `observed` (T, K); a level older than `fresh` seconds is not known."""
    known = np.isfinite(level) & (times[:, None] - observed <= fresh)
    level, observed = np.where(known, level, np.nan), np.where(known, observed, np.nan)
    log_level = np.log(level + OFFSET)
    last = _last_known(known)
    before_row = np.full(level.shape, -1, dtype=np.int64)
    before_row[1:] = last[:-1]
    safe = np.maximum(before_row, 0)
    days = (observed - np.take_along_axis(observed, safe, axis=0)) / DAY
    has_before = known & (before_row >= 0) & (days <= MEMORY_DAYS)  # who was away for longer begins anew
    days = np.where(has_before, days, 0.0)
    raw = np.where(has_before, log_level - np.take_along_axis(log_level, safe, axis=0), 0.0)
    usual = usual_increments(times, raw, days)
    bound = np.clip(usual[:, None] * days, LEAST, MOST)
    steps = np.rint(np.clip(raw, -bound, bound) * GRAIN) / GRAIN
    return Path(times, level, log_level, np.where(known, np.cumsum(steps, axis=0), np.nan), observed)


def usual_increments(times: Times, raw: Floats, days: Floats) -> Floats:
    """(T,): log units a day that a topic's increment usually stays below, by what was seen on the days before a row.

    The mean, over the rows of the `MEMORY_DAYS` before, of each row's `USUAL` quantile of increments a day; `MOST`
    where nothing was seen yet. One topic, whatever it does, moves a quantile of many by next to nothing.
    """
    rate = np.full(len(times), np.nan)
    for row in np.flatnonzero((days > 0.0).any(axis=1)):
        moved = days[row] > 0.0
        rate[row] = np.quantile(np.abs(raw[row, moved]) / days[row, moved], USUAL)
    found = np.isfinite(rate)
    total = np.append(0.0, np.cumsum(np.rint(np.where(found, rate, 0.0) * GRAIN) / GRAIN))
    count = np.append(0, np.cumsum(found))
    first = np.searchsorted(times, times - MEMORY_DAYS * DAY)
    here = np.arange(len(times))
    seen = count[here] - count[first]
    return np.where(seen > 0, (total[here] - total[first]) / np.maximum(seen, 1), MOST)


def ago(times: Times, span: int) -> NDArray[np.int64]:
    """(T,): the newest row at least `span` seconds before each row, -1 where the data does not reach back."""
    rows: NDArray[np.int64] = np.searchsorted(times, times - span, side="right") - 1
    return rows


def _take(values: Floats, row: NDArray[np.int64]) -> Floats:
    """(T, K): the values of other rows, NaN where the row is -1."""
    taken: Floats = np.where((row >= 0)[:, None], values[row], np.nan)
    return taken


def _last_known(known: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(T, K): the newest row, up to each, in which a topic is known; -1 before the first."""
    rows = np.where(known, np.arange(len(known))[:, None], -1)
    last: NDArray[np.int64] = np.maximum.accumulate(rows, axis=0)
    return last
