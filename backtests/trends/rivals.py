"""What the scorer has to beat: past growth, and the plain gradient boosting that anyone would write in an afternoon.

Rivals see the same labels and the same fit times as the scorer, at least as many rows, and hold nothing back for
calibration: a rival that is made weak proves nothing.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from bot.core.panel import Floats
from bot.core.topic_panel import TopicPanel
from bot.scoring.estimator import one_thread
from bot.scoring.trends.estimators import plain_classifier
from bot.scoring.trends.labels import TopicLabels, sampled
from bot.scoring.trends.params import DAY, TopicParams
from bot.scoring.trends.training import Mask

_SPANS: Final = (7, 14, 28)


def past_growth(panel: TopicPanel, params: TopicParams, days: int = 28) -> Floats:
    """(T, K): ln(level now / level `days` rows ago), NaN where either is unknown; the panel has a row a day."""
    level = panel.levels[params.series]
    known = np.log(np.where(level > 0.0, level, np.nan))
    grown = np.full(level.shape, np.nan)
    grown[days:] = known[days:] - known[:-days]
    return grown


def plain_boosting(
    panel: TopicPanel,
    params: TopicParams,
    labels: TopicLabels,
    speaks: Mask,
    rows: Mask,
    learned: Mask,
    asked: Mask,
    every: int,
) -> Floats:
    """(T, K): log odds of thirty lines: growth over 7, 14 and 28 days, size, age, acceleration, one boosted classifier.

    `rows` (T,): the rows that are asked for; `learned`, `asked` (K,): the topics; `every`: seconds
    between the rows that are learned from.
    """
    growth = {days: past_growth(panel, params, days) for days in _SPANS}
    level = panel.levels[params.series]
    age = np.where(panel.born >= 0, (panel.times[:, None] - panel.born) / DAY, np.nan)
    columns = (
        *growth.values(),
        np.log(np.maximum(level, 1.0)),
        np.where(age >= 0, age, np.nan),
        2 * growth[7] - growth[14],
    )
    x = np.stack(columns, axis=2)
    odds = np.full(level.shape, np.nan)
    fit_time = panel.times // params.refit * params.refit
    for time in np.unique(fit_time[rows]).tolist():
        seen = (labels.known_at + params.embargo <= time) & (panel.times >= time - params.train)
        cells = (seen & sampled(panel.times, every))[:, None] & learned & speaks & np.isfinite(labels.top)
        wanted = (rows & (fit_time == time))[:, None] & asked & speaks
        if cells.sum() < params.least_rows or not wanted.any():
            continue
        with one_thread():
            odds[wanted] = plain_classifier().fit(x[cells], labels.top[cells]).decision_function(x[wanted])
    return odds
