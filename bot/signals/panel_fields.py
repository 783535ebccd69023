"""Optional fields of the panel from what topics say of venues: a pool's depth and fees, what a token has earned.

Pure, and row by row from the past: a row is made of what was published by its time, whatever comes after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bot.core.panel import Floats, Times
from bot.core.universe import Universe
from bot.signals.alignment import MICROS
from bot.signals.catalogue import Catalogue
from bot.signals.storage import micros_of
from bot.signals.topic_levels import levels_of, matching, newest

# Of a flow that was not heard of for longer nobody knows what came since: a day's figure, its lag, and a day of grace.
# What is told later than that belongs to no bar of now: a history that is filled in would look like a windfall.
FLOW_EXPIRY_SECONDS: Final = 3 * 86_400


@dataclass(frozen=True, slots=True)
class FieldSource:
    """What a field is made of: `series` whose sum it is, and venue id -> factor (`times`, 1 where none is said)."""

    series: tuple[str, ...]
    of: Literal["level", "flow"]
    times: Mapping[str, float]


def panel_fields(
    catalogue: Catalogue, universe: Universe, grid: Times, wanted: Mapping[str, FieldSource]
) -> dict[str, Floats]:
    """The fields (T, N) of `wanted` at the times of `grid` (T,), unix seconds, strictly rising. Idle's column is NaN.

    The topics of a venue are those that ``venue.topics[series]`` names, exactly or as globs, letter case ignored.
    ``level``: the sum of the newest *observed* values among those *published* by the row's time, each unknown again
    once it is older than `EXPIRY_SECONDS`. ``flow``: the sum of what was published since the row before, each value
    counted once, a revision by what it changes; 0 where nothing was, for `FLOW_EXPIRY_SECONDS` after the newest
    observation. NaN where no topic is known. A sum over topics is one over those that are known; one over series is
    NaN where one of those that speak of the venue is. Raises DataError when a series is missing or a value is no level.
    """
    frames = {series: levels_of(catalogue, series) for source in wanted.values() for series in source.series}
    fields: dict[str, Floats] = {}
    for name, source in sorted(wanted.items()):
        made = fields[name] = np.full((len(grid), len(universe)), np.nan)
        for column, venue in enumerate(universe.venues[1:], start=1):
            said = [
                _summed(frames[series], venue.topics[series], source.of, grid)
                for series in sorted(source.series)
                if venue.topics.get(series)
            ]
            if said:
                made[:, column] = _added(said) * source.times.get(venue.id, 1.0)
    return fields


def _summed(frame: pd.DataFrame, patterns: Sequence[str], of: Literal["level", "flow"], grid: Times) -> Floats:
    """(T,): what the topics of one series that match say together."""
    codes, names = pd.factorize(frame["topic"], sort=True)
    rows = matching([str(name) for name in names], patterns)[codes]
    _, topic = np.unique(codes[rows], return_inverse=True)
    value = frame["value"].to_numpy(dtype=np.float64)[rows]
    observed, published = micros_of(frame["observed_at"])[rows], micros_of(frame["published_at"])[rows]
    if not len(topic):
        return np.full(len(grid), np.nan)
    if of == "flow":
        return _flow(topic.astype(np.int64), value, observed, published, grid)
    levels = newest(topic.astype(np.int64), value, observed, published, grid, int(topic.max()) + 1)[0]
    return np.where(np.isfinite(levels).any(axis=1), _added(np.nan_to_num(levels).T), np.nan)


def _flow(
    topic: NDArray[np.int64], value: Floats, observed: NDArray[np.int64], published: NDArray[np.int64], grid: Times
) -> Floats:
    """(T,): what was newly told in each row; times of values in microseconds."""
    # By name, moment, publication and value: the order of a file's rows cannot matter, nor what comes after.
    order = np.lexsort((value, published, observed, topic))
    topic, value, observed, published = topic[order], value[order], observed[order], published[order]
    revised = np.append(False, (topic[1:] == topic[:-1]) & (observed[1:] == observed[:-1]))
    change = value - np.where(revised, np.append(0.0, value[:-1]), 0.0)
    limit = FLOW_EXPIRY_SECONDS * MICROS
    in_time = published - observed <= limit
    change, observed, published = change[in_time], observed[in_time], published[in_time]
    row = np.searchsorted(grid * MICROS, published, side="left")
    inside = row < len(grid)
    told = np.bincount(row[inside], weights=change[inside], minlength=len(grid))
    heard = np.full(len(grid), np.iinfo(np.int64).min // 2, dtype=np.int64)
    np.maximum.at(heard, row[inside], observed[inside])
    known = grid * MICROS - np.maximum.accumulate(heard) <= limit
    known[row[inside]] = True  # what is told within a bar of the limit is counted all the same
    known[0] = False  # all that was told before the grid falls into its first row, and that is no bar's
    return np.where(known, told, np.nan)


def _added(parts: Sequence[Floats] | Floats) -> Floats:
    """(T,): the sum of (K, T), one after the other: what is 0 changes no bit, which a pairwise sum does not promise."""
    total = np.zeros_like(parts[0])
    for part in parts:
        total = total + part
    return total
