"""When a series speaks: its usual rhythm, the days that are missing against it, and how old what it last said is.

Age is that of the content (`observed_at`): an answer fetched a minute ago that speaks of last week is a week old.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from bot.core.panel import Times

DAY: Final = 86_400
SILENT: Final = 3.0  # times its rhythm after which a series that goes on should have spoken


@dataclass(frozen=True, slots=True)
class Gap:
    """Days without a word where the series' rhythm would have had `missing` of them; unix seconds of first and last
    day, both included: what a back-fill asks for."""

    first: int
    last: int
    missing: int


def rhythm(observed: Times) -> int:
    """The usual number of days from one day with a value to the next, at least 1; of `observed` (N,) unix seconds."""
    days = np.unique(observed // DAY)
    return max(int(np.median(np.diff(days))), 1) if len(days) > 1 else 1


def gaps(observed: Times) -> tuple[Gap, ...]:
    """The holes of a series in order. A step counts by how many of its rhythm it is, rounded: months differ."""
    days = np.unique(observed // DAY)
    usual = rhythm(observed)
    found = []
    for before, after in zip(days[:-1].tolist(), days[1:].tolist(), strict=True):
        missing = round((after - before) / usual) - 1
        if missing > 0:
            found.append(Gap((before + 1) * DAY, (after - 1) * DAY, missing))
    return tuple(found)


def stale(observed: Times, now: int) -> int:
    """Whole days since the newest value where that is more than `SILENT` times the rhythm, otherwise 0."""
    if not len(observed):
        return 0
    age = now - int(observed.max())
    return age // DAY if age > SILENT * rhythm(observed) * DAY else 0
