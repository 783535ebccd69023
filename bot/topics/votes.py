"""What scored topics say about a venue: a vote of each source, and the mean of the votes.

A venue hears the topics that bear on its asset: a bearing says the mean of its topics, a series the mean of its
bearings by weight, and a field the plain mean of the series that speak. So each source has one vote, however many
topics it names and however loud one of them is: a field moves by at most ``1 / sources`` of its range when one of them
goes mad.

=====================  =======================================================================  ==================
field                  what it says                                                             range
=====================  =======================================================================  ==================
``trend:persistence``  calibrated probability of being among the fastest, mirrored around its    [2·base − 1, 1]
                       base rate where the weight is below zero
``trend:growth``       expected log growth over the horizon, its sign turned for such a weight   ± `GROWTH_CAP`
``trend:width``        width of the interval of that growth                                     [0, `WIDTH_CAP`]
``trend:breadth``      share of the weight on topics likelier than the base rate to be fastest  [0, 1]
``trend:attention``    share of the series' rise over a week that is of the venue's topics      [0, 1]
``trend:sources``      how many series speak                                                    a count
=====================  =======================================================================  ==================

Sums over topics run one number after another, in order of name: topics that appear later add zeros, and zeros change
no bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.core.panel import Floats, Times
from bot.topics.listening import Heard

FIELDS: Final = tuple(f"trend:{name}" for name in ("persistence", "growth", "width", "breadth", "attention", "sources"))
GROWTH_CAP: Final = 1.0  # log units over the horizon: beyond a factor of e a topic says no more
WIDTH_CAP: Final = 2.0 * GROWTH_CAP
RISE_DAYS: Final = 7  # of attention
RISE_CAP: Final = 1.0  # a topic's rise counts as at most a doubling


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a series' topics said: at midnights `times` (G,), arrays (G, K) that are NaN where nobody spoke."""

    times: Times
    topics: tuple[str, ...]
    probability: Floats
    growth: Floats
    width: Floats
    rise: Floats
    base: float  # the share of topics that counts as fastest


def rise_of(level: Floats) -> Floats:
    """(G, K): by how much a level rose over `RISE_DAYS` rows, at most `RISE_CAP` times what it was; NaN if unknown."""
    rise = np.full(level.shape, np.nan)
    before, now = level[:-RISE_DAYS], level[RISE_DAYS:]
    rise[RISE_DAYS:] = np.clip(now - before, 0.0, RISE_CAP * before)
    return rise


def vote_of(spoken: Spoken, found: tuple[Heard, ...]) -> Floats:
    """(5, G): what a series says about one venue, in the order of `FIELDS`; NaN where none of its topics speaks."""
    said = np.full((len(FIELDS) - 1, len(spoken.times)), np.nan)
    weight = np.zeros(len(spoken.times))
    sums = np.zeros((4, len(spoken.times)))
    listening = np.zeros((len(spoken.times), len(spoken.topics)), dtype=bool)
    for each in found:
        bearing, place = each.bearing, list(each.columns)
        probability, growth, width = (values[:, place] for values in (spoken.probability, spoken.growth, spoken.width))
        since = (spoken.times >= bearing.known_from)[:, None]
        listening[:, place] |= since
        known = np.isfinite(probability) & np.isfinite(growth) & np.isfinite(width) & since
        count = known.sum(axis=1)
        size, rising = abs(bearing.weight), (probability > spoken.base) == (bearing.weight > 0)
        parts = (
            bearing.weight * (_mean(probability, known, count) - spoken.base),
            bearing.weight * _mean(np.clip(growth, -GROWTH_CAP, GROWTH_CAP), known, count),
            size * _mean(np.clip(width, 0.0, WIDTH_CAP), known, count),
            size * _mean(rising.astype(np.float64), known, count),
        )
        weight += np.where(count > 0, size, 0.0)
        sums += np.where(count > 0, parts, 0.0)
    speaks = weight > 0.0
    said[:4] = np.where(speaks, sums / np.where(speaks, weight, 1.0), np.nan)
    said[0] += spoken.base
    risen = np.where(np.isfinite(spoken.rise), spoken.rise, 0.0)
    total = _sequential(risen)
    share = _sequential(np.where(listening, risen, 0.0)) / np.where(total > 0.0, total, 1.0)
    said[4] = np.where(speaks & (total > 0.0), share, np.nan)
    return said


def _mean(values: Floats, known: NDArray[np.bool_], count: NDArray[np.int64]) -> Floats:
    """(G,): the mean of what is known in each row, 0 where nothing is."""
    mean: Floats = _sequential(np.where(known, values, 0.0)) / np.maximum(count, 1)
    return mean


def _sequential(values: Floats) -> Floats:
    """(G,): sums along the rows, one number after another: zeros of topics to come change no bit of them."""
    summed: Floats = np.cumsum(values, axis=1)[:, -1] if values.shape[1] else np.zeros(len(values))
    return summed


def counted(votes: Sequence[Floats]) -> dict[str, Floats]:
    """The fields from each series' vote (5, T, N): the mean of those that speak, and how many do."""
    total, count = np.zeros(votes[0].shape), np.zeros(votes[0].shape)
    for vote in votes:
        known = np.isfinite(vote)
        total += np.where(known, vote, 0.0)
        count += known
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    sources = count[0].copy()
    sources[:, 0] = np.nan
    return dict(zip(FIELDS, (*mean, sources), strict=True))
