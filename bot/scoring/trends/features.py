"""What is known about each topic at each time, from its levels and those of the topics beside it.

Everything is found by time and made of rows at most `LOOKBACK_DAYS` before, so a row's features are the same whatever
comes later, and, bit for bit, whatever order the topics stand in: sums over topics are of sorted values.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.core.panel import Floats
from bot.core.topic_panel import TopicPanel
from bot.errors import DataError, located
from bot.scoring.features import ranked
from bot.scoring.trends.catalogue import FEATURES, GROWTH_DAYS, LOOKBACK_DAYS, RANKED_DAYS
from bot.scoring.trends.growth import DAY, GRAIN, OFFSET, Path, ago, path_of
from bot.scoring.trends.params import TopicParams

__all__ = ["FEATURES", "LOOKBACK_DAYS", "OBSERVED", "series_path", "topic_features"]

OBSERVED: Final = "observed:"  # before a series' name in a panel: the unix seconds that a level is of
_FILLED_ROWS: Final = 8  # at once: what a cache holds of all features


def topic_features(panel: TopicPanel, params: TopicParams) -> tuple[tuple[str, ...], Floats]:
    """Names (F,), those of `FEATURES`, and values (T, K, F), NaN where unknown or where the topic's level is.

    Raises DataError naming a series that the panel does not hold.
    """
    found = _found(panel, params)
    names = tuple(feature.name for feature in FEATURES)
    unknown = ~np.isfinite(found["size"])
    values = np.empty((len(panel), len(panel.topics), len(names)))
    for first in range(0, len(panel), _FILLED_ROWS):
        rows = slice(first, first + _FILLED_ROWS)
        for place, name in enumerate(names):
            values[rows, :, place] = found[name][rows]
        values[rows][unknown[rows]] = np.nan
    return names, values


def series_path(panel: TopicPanel, series: str, fresh: int) -> Path:
    """The paths of one series of the panel. Raises DataError when it is not there."""
    for name in (series, OBSERVED + series):
        if name not in panel.levels:
            raise DataError(located("topic panel", name, f"series is not there; there are: {', '.join(panel.levels)}"))
    return path_of(panel.times, panel.levels[series], panel.levels[OBSERVED + series], fresh)


def _found(panel: TopicPanel, params: TopicParams) -> dict[str, Floats]:
    times, main = panel.times, series_path(panel, params.series, params.fresh)
    found = {f"growth_{days}d": main.over(days * DAY) for days in GROWTH_DAYS}
    found |= {f"growth_{days}d:rank": ranked(found[f"growth_{days}d"]) for days in RANKED_DAYS}
    week, fortnight, month = (found[f"growth_{days}d"] for days in (7, 14, 28))
    found["acceleration_7d"] = 2.0 * week - fortnight
    found["acceleration_14d"] = 2.0 * fortnight - month
    found["growth_life"] = _growth_of_life(main)
    found["growth_life:rank"] = ranked(found["growth_life"])
    gain = week * main.level
    found["gain_7d"] = np.arcsinh(gain)
    found["share_7d"] = _log_share(gain)
    found["size"] = main.log_level
    found["size:rank"] = ranked(main.log_level)
    born = np.where((panel.born >= 0) & (panel.born <= times[:, None]), panel.born, -1)
    found["age"] = np.where(born >= 0, (times[:, None] - born) / DAY, np.nan)
    found["newborn"] = (found["age"] < 28).astype(np.float64)
    found |= _unevenness(main)
    found["breadth"] = _breadth(week, fortnight)
    found["kin_size"], found["kin_growth"] = _kin(panel.topics, main.level, week)
    found["agreement"] = _agreement(panel, params)
    last = panel.levels[params.activity] if params.activity else np.full_like(week, np.nan)
    found["idle_days"] = np.log1p(np.maximum(times[:, None] - last, 0.0) / DAY)
    found["staleness"] = (times[:, None] - main.observed) / DAY
    return found


def _growth_of_life(main: Path) -> Floats:
    """(T, K): bounded log growth a day since the first row of the last 28 days in which the topic was known."""
    known = np.isfinite(main.path)
    rows = np.arange(len(known))[:, None]
    following = np.minimum.accumulate(np.where(known, rows, len(known) - 1)[::-1], axis=0)[::-1]
    first = np.take_along_axis(
        following, np.broadcast_to(np.maximum(ago(main.times, 28 * DAY), 0)[:, None], known.shape), axis=0
    )
    first = np.minimum(first, rows)
    took = main.observed - np.take_along_axis(main.observed, first, axis=0)
    grown = main.path - np.take_along_axis(main.path, first, axis=0)
    days: Floats = took / DAY
    growth: Floats = np.where(days > 0.0, grown / np.where(days > 0.0, days, 1.0), np.nan)
    return growth


def _unevenness(main: Path) -> dict[str, Floats]:
    """Volatility and the share of the largest step, over the last 28 days of the path's daily steps."""
    steps = np.zeros(main.path.shape)
    forward = _filled(main.path)
    steps[1:] = np.where(np.isfinite(forward[1:]) & np.isfinite(forward[:-1]), forward[1:] - forward[:-1], 0.0)
    first = np.maximum(ago(main.times, 28 * DAY) + 1, 0)
    absolute, square = (_window_sum(each, first) for each in (np.abs(steps), np.rint(steps**2 * GRAIN) / GRAIN))
    largest = _window_max(np.abs(steps), first)
    return {
        "volatility": np.sqrt(square / 28),
        "largest_share": np.where(absolute > 0.0, largest / np.where(absolute > 0.0, absolute, 1.0), np.nan),
    }


def _filled(path: Floats) -> Floats:
    """(T, K): each topic's last known value, carried on."""
    rows = np.maximum.accumulate(np.where(np.isfinite(path), np.arange(len(path))[:, None], 0), axis=0)
    return np.take_along_axis(path, rows, axis=0)


def _window_sum(values: Floats, first: NDArray[np.int64]) -> Floats:
    """(T, K): sums from row `first` of each row to the row itself; exact, for the values are multiples of 2^-40."""
    total = np.vstack([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    summed: Floats = total[1:] - total[first]
    return summed


def _window_max(values: Floats, first: NDArray[np.int64]) -> Floats:
    """(T, K): the greatest value from row `first` of each row to the row itself, by doubling spans of rows."""
    count = np.arange(len(values)) - first + 1
    level, spans = values, {1: values}
    width = 1
    while width * 2 <= int(count.max()):
        wider = level.copy()
        wider[width:] = np.maximum(level[width:], level[:-width])
        level, width = wider, width * 2
        spans[width] = level
    largest = np.empty(values.shape)
    reach = 2 ** np.floor(np.log2(count)).astype(np.int64)
    for width, level in spans.items():
        rows = np.flatnonzero(reach == width)
        largest[rows] = np.maximum(level[rows], level[first[rows] + width - 1])
    return largest


def _log_share(gain: Floats) -> Floats:
    """(T, K): ln of each topic's share of the row's positive gains, floored at e^-15.

    Summed from the smallest on, one by one: a topic that is yet to be born is a zero before them all, and moves no bit.
    """
    positive = np.where(gain > 0.0, gain, 0.0)
    total = np.cumsum(np.sort(positive, axis=1), axis=1)[:, -1:]
    share = positive / np.where(total > 0.0, total, 1.0)
    return np.where(np.isfinite(gain), np.log(np.maximum(share, np.exp(-15.0))), np.nan)


def _breadth(week: Floats, fortnight: Floats) -> Floats:
    """(T, K): the share of topics, of those that can be judged, whose last week beats their week before."""
    judged = np.isfinite(week) & np.isfinite(fortnight)
    faster = judged & (2.0 * week > fortnight)
    count = judged.sum(axis=1)
    share = np.where(count > 0, faster.sum(axis=1) / np.maximum(count, 1), np.nan)
    return np.broadcast_to(share[:, None], week.shape)


def _kin(topics: tuple[str, ...], level: Floats, week: Floats) -> tuple[Floats, Floats]:
    """Size (T, K) and mean growth (T, K) of the same owner's other topics; an owner is what stands before the slash.

    An owner's sum less the topic's own share. Both are rounded to what adds up without rounding, so that the order of
    topics does not matter: levels to whole numbers, growth to multiples of 2^-40.
    """
    owners = [topic.rpartition("/")[0] or topic for topic in topics]
    owner = np.unique(np.array(owners), return_inverse=True)[1]
    order = np.argsort(owner, kind="stable")
    begin = np.flatnonzero(np.append(True, np.diff(owner[order]) > 0)) if len(topics) else np.zeros(0, dtype=np.intp)

    def others(values: Floats) -> Floats:
        summed: Floats = np.add.reduceat(values[:, order], begin, axis=1)[:, owner] - values
        return summed

    known = np.isfinite(week)
    count = others(known.astype(np.float64))
    grown = others(np.where(known, np.rint(week * GRAIN) / GRAIN, 0.0))
    size = others(np.where(np.isfinite(level), np.rint(level), 0.0))
    return np.log(size + OFFSET), np.where(count > 0, grown / np.maximum(count, 1), np.nan)


def _agreement(panel: TopicPanel, params: TopicParams) -> Floats:
    ranks = [ranked(series_path(panel, name, params.fresh).over(7 * DAY)) for name in params.beside]
    total, count = np.zeros((len(panel), len(panel.topics))), np.zeros((len(panel), len(panel.topics)))
    for rank in ranks:
        total += np.where(np.isfinite(rank), rank, 0.0)
        count += np.isfinite(rank)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
