"""Scores of topics over history as they would have been: each row by the newest model fitted at or before it.

Fits fall on a grid counted from the epoch, as those of `bot/scoring/walkforward.py` do, so they do not depend on where
the data begins; all topics of a date are on one side of every cut.
"""

from __future__ import annotations

from collections.abc import MutableMapping

import numpy as np

from bot.core.panel import Floats
from bot.core.topic_panel import TopicPanel
from bot.scoring.trends.features import topic_features
from bot.scoring.trends.model import TopicModel, fit, foretold
from bot.scoring.trends.params import TopicParams
from bot.scoring.trends.scores import TopicScores, no_topic_scores
from bot.scoring.trends.training import Learnable, Mask, learnable, training_of

TopicCache = MutableMapping[int, TopicModel]  # by fit time


def score_topics(
    panel: TopicPanel, params: TopicParams, cache: TopicCache | None = None, first: int = 0
) -> TopicScores:
    """Scores (T, K). Row t uses only what the panel holds up to t; topics below the least level are NaN, and so are the
    rows before `first`, for which nothing is fitted.

    Models found in `cache` are used again if they were fitted on exactly the same training set, new ones are added.
    Raises DataError naming a series that the panel does not hold.
    """
    names, x = topic_features(panel, params)
    return score_learnable(panel, params, learnable(panel, params, names, x), cache, first=first)


def score_learnable(
    panel: TopicPanel,
    params: TopicParams,
    known: Learnable,
    cache: TopicCache | None = None,
    learned: Mask | None = None,
    asked: Mask | None = None,
    first: int = 0,
) -> TopicScores:
    """As `score_topics`, of features and labels that are at hand. `learned`, `asked` (K,): the topics that models are
    fitted on, and those that are scored; all by default. What is in neither is as if unseen."""
    fit_time = panel.times // params.refit * params.refit
    scores = no_topic_scores(panel.times, panel.topics, params.coverage)
    speaks = speaking(panel, known.x, params) & (True if asked is None else asked)
    digests = [""] * len(panel)
    models = {} if cache is None else cache
    for time in np.unique(fit_time[first:]).tolist():
        training = training_of(panel, known, time, params, learned)
        if training is None:
            continue
        model = models.get(time)
        if model is None or model.digest != training.digest:
            model = models[time] = fit(training, params)
        rows = np.flatnonzero((fit_time == time) & (np.arange(len(panel)) >= first))
        place = rows[:, None], np.arange(len(panel.topics))[None, :]
        told = speaks[place]
        if told.any():
            said = foretold(model, known.x[rows][told])
            cells = rows[np.nonzero(told)[0]], np.nonzero(told)[1]
            scores.probability[cells], scores.expected[cells] = said.probability, said.expected
            for number, each in enumerate(params.coverage):
                scores.low[each][cells], scores.high[each][cells] = said.low[number], said.high[number]
        for row in rows.tolist():
            digests[row] = model.digest
    return TopicScores(
        panel.times, panel.topics, scores.probability, scores.expected, scores.low, scores.high, tuple(digests)
    )


def speaking(panel: TopicPanel, x: Floats, params: TopicParams) -> Mask:
    """(T, K): the topics that a model may speak of: known in that row, and not below the least level."""
    with np.errstate(invalid="ignore"):
        spoken: Mask = np.isfinite(x).any(axis=2) & (panel.levels[params.series] >= params.least_level)
    return spoken
