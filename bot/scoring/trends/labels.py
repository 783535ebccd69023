"""What a scorer of topics learns to foresee: growth over a horizon, who was in the top share of its date, and when
that could be known.

A topic that fell out of its source has no label: nobody knows where it went, so it is neither a zero nor a miss.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.core.panel import Floats, Times
from bot.core.topic_panel import TopicPanel
from bot.scoring.trends.features import series_path
from bot.scoring.trends.params import TopicParams

FEWEST_TOPICS = 10  # a date with fewer has no top share worth the name
_LOWEST_LEVEL = 0.5  # what a level of zero counts as in a logarithm


@dataclass(frozen=True, slots=True)
class TopicLabels:
    """`growth` (T, K): ln(level a horizon later / level now), scaled to the horizon, NaN where either is not known or
    the level now is below the least. `top` (T, K): 1 for the top share of the row by growth, 0 for the others, NaN
    without growth; nobody is at the top by standing still. `known_at` (T,): unix seconds at which both are known.
    """

    growth: Floats
    top: Floats
    known_at: Times


def topic_labels(panel: TopicPanel, params: TopicParams, horizon: int | None = None) -> TopicLabels:
    """The labels of each row over `horizon` seconds, the parameters' by default. For training and judging only."""
    span = params.horizon if horizon is None else horizon
    path = series_path(panel, params.series, params.fresh)
    known_at = panel.times + span
    row = np.searchsorted(panel.times, known_at, side="right") - 1
    reached = (len(panel) > 0) & (known_at <= (panel.times[-1] if len(panel) else 0))
    took = path.observed[row] - path.observed
    known = reached[:, None] & (path.level >= params.least_level) & (took >= span / 2) & (took <= span * 2)
    change = np.log(np.maximum(path.level[row], _LOWEST_LEVEL)) - np.log(np.maximum(path.level, _LOWEST_LEVEL))
    growth = np.where(known, change * (span / np.where(known, took, 1.0)), np.nan)
    return TopicLabels(growth, top_share(growth, params.top), known_at)


def top_share(growth: Floats, share: float) -> Floats:
    """(T, K): 1 where growth is in the top `share` of its row and above zero, else 0; NaN where it is not known."""
    top = np.full(growth.shape, np.nan)
    for row, values in enumerate(growth):
        known = np.isfinite(values)
        if np.count_nonzero(known) >= FEWEST_TOPICS:
            least = np.quantile(values[known], 1.0 - share)
            top[row, known] = (values[known] >= least) & (values[known] > 0.0)
    return top


def sampled(times: Times, every: int) -> NDArray[np.bool_]:
    """(T,): the first row of each span of `every` seconds, counted from the epoch."""
    bucket = times // every
    first: NDArray[np.bool_] = np.append(True, bucket[1:] != bucket[:-1]) if len(times) else np.zeros(0, dtype=bool)
    return first
