"""The levels of topics on a grid of times, as they were known: what a scorer of topics sees of a catalogue."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bot.core.panel import Floats, Times
from bot.core.topic_panel import TopicPanel
from bot.errors import DataError, located
from bot.signals.alignment import EXPIRY_SECONDS, MICROS
from bot.signals.catalogue import Catalogue
from bot.signals.storage import micros_of, signal_path

OBSERVED = "observed:"  # before a series' name: the unix seconds that the level in that cell is of
_DAY = 86_400


def topic_panel(
    catalogue: Catalogue, series: tuple[str, ...], grid: Times, topics: Sequence[str] | None = None
) -> TopicPanel:
    """Levels (T, K) of `series` at the times of `grid` (T,), unix seconds, strictly rising. Topics are sorted.

    A level is the newest *observed* among those *published* by the row's time. One that was not heard of for
    `EXPIRY_SECONDS` is unknown again: who falls out of a ranking did not fall to zero, and nobody knows where it is.
    Beside each series stands ``observed:<series>``, the unix seconds that each level is of, so that growth can be
    measured over the time that it took, whatever gaps the source has. `topics`: globs, letter case ignored; None: all.

    `born` is the first publication of a topic in any of the series, -1 where that was on the first day of one.
    Raises DataError when a series is missing, a value is not a level, or no topic matches.
    """
    frames = {name: levels_of(catalogue, name) for name in series}
    known = sorted({str(topic) for frame in frames.values() for topic in frame["topic"].unique()})
    if topics is not None:
        known = [topic for topic, named in zip(known, matching(known, topics), strict=True) if named]
    if not known:
        raise DataError(located(catalogue.root or catalogue.title, "topics", f"none of {', '.join(series)} matches"))
    place = pd.Index(known)
    levels: dict[str, Floats] = {}
    born = np.full(len(known), np.iinfo(np.int64).max, dtype=np.int64)
    for name, frame in frames.items():
        column = place.get_indexer(pd.Index(frame["topic"])).astype(np.int64)
        observed, published = micros_of(frame["observed_at"]), micros_of(frame["published_at"])
        inside = column >= 0
        first = np.full(len(known), np.iinfo(np.int64).max, dtype=np.int64)
        np.minimum.at(first, column[inside], published[inside] // MICROS)
        # By publication alone: what is back-filled later must not change what was known of a birth.
        opening = int(published.min()) // MICROS + _DAY if len(published) else 0
        born = np.minimum(born, np.where(first < opening, -1, first))
        value = frame["value"].to_numpy(dtype=np.float64)
        cells = newest(column[inside], value[inside], observed[inside], published[inside], grid, len(known))
        levels[name], levels[OBSERVED + name] = cells
    return TopicPanel(grid.copy(), tuple(known), levels, born)


def matching(names: Sequence[str], patterns: Sequence[str]) -> NDArray[np.bool_]:
    """(K,): which names one of the patterns matches, exactly or as a glob, letter case ignored."""
    named = re.compile("|".join(translate(pattern.lower()) for pattern in patterns)).match
    return np.array([named(name.lower()) is not None for name in names], dtype=bool)


def levels_of(catalogue: Catalogue, series: str) -> pd.DataFrame:
    """The frame of a series. Raises DataError when it is missing, or naming a topic whose value is not a level."""
    frame = catalogue.signals(series)
    value = frame["value"].to_numpy(dtype=np.float64)
    bad = np.flatnonzero(~(value >= 0.0) | np.isinf(value))
    if len(bad):
        problem = f"topic {frame['topic'].iloc[bad[0]]} is not a level"
        raise DataError(located(signal_path(series), "value", problem, value[bad[0]]))
    return frame


def newest(
    column: NDArray[np.int64],
    value: Floats,
    observed: NDArray[np.int64],
    published: NDArray[np.int64],
    grid: Times,
    width: int,
) -> tuple[Floats, Floats]:
    """(T, K) levels and (T, K) unix seconds that they are of, NaN where unknown or expired; see `topic_panel`.

    column: the topic of each value, 0 to `width` - 1; `observed` and `published` are microseconds, `grid` seconds.
    """
    shape = (len(grid), width)
    row = np.searchsorted(grid * MICROS, published, side="left")
    inside = row < len(grid)
    cell = row[inside] * width + column[inside]
    value, observed, published = value[inside], observed[inside], published[inside]
    # Of what was published for one cell the newest observed stays, of two equally new the later said; equal twins
    # that differ in value alone: the greater, so that the order of a file's rows cannot matter.
    order = np.lexsort((value, published, observed, cell))
    cell, value, observed = cell[order], value[order], observed[order]
    last = np.append(cell[1:] != cell[:-1], True) if len(cell) else np.zeros(0, dtype=bool)
    at = np.full(shape, -1, dtype=np.int64)
    level = np.full(shape, np.nan)
    at.flat[cell[last]], level.flat[cell[last]] = observed[last], value[last]
    carried_at = np.maximum.accumulate(at, axis=0)
    # A cell speaks for itself when what it got is at least as new as all before it.
    speaks = (at >= 0) & (at == carried_at)
    source = np.maximum.accumulate(np.where(speaks, np.arange(len(grid))[:, None], -1), axis=0)
    known = (source >= 0) & (grid[:, None] * MICROS - carried_at <= EXPIRY_SECONDS * MICROS)
    level = np.where(known, np.take_along_axis(level, np.maximum(source, 0), axis=0), np.nan)
    return level, np.where(known, carried_at / MICROS, np.nan)
