"""The newest scores, of venues and of topics, with intervals, reasons and what is withheld, as plain JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from bot.core.dates import day
from bot.core.panel import Floats
from bot.errors import DataError
from bot.loading import BAR_SECONDS
from bot.modelling import Ready, topics_of

if TYPE_CHECKING:
    from bot.scoring.model import FittedModel
    from bot.scoring.registry import Opened

REASONS: Final = 3  # of each score
TOPICS: Final = 20  # that are shown, the likeliest first


def newest_scores(known: Ready, kept: Opened | None = None) -> dict[str, Any]:
    """The scores of the panel's last row: by the model that a run would fit, or by one that was kept.

    Raises DataError where a kept model knows other features, or none.
    """
    from bot.scoring.params import ScorerParams
    from bot.scoring.walkforward import score_rows, steps_of

    panel = known.panel
    params = ScorerParams.of(known.config.scorer, BAR_SECONDS[known.config.bar])
    models: dict[int, FittedModel] = {}
    last = score_rows(panel, params, len(panel) - 1, models).last()
    model = next((each for each in models.values() if each.digest == last.model[-1]), None)
    expected, low, high = (each[-1] for each in (last.expected, last.low, last.high))
    clears = None if last.clears is None else last.clears[-1]
    if kept is not None:
        from bot.scoring.model import FittedModel, clearing_odds, expected_returns

        try:
            model = FittedModel.from_kept(kept.parts, kept.arrays, kept.facts)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"model {kept.digest[:12]}: facts: {error}: no model of venues") from None
        params = model.params or params
    names, x = steps_of(params).features_of(panel, params.bar_seconds)
    newest = x[-1:]
    speaks = panel.listed[-1:] & np.isfinite(newest).any(axis=2)
    if kept is not None and model is not None:
        if model.names != names:
            raise DataError(f"model {kept.digest[:12]}: features: knows others than this strategy and data have")
        expected = expected_returns(model, newest, speaks)[0]
        half = model.radius * model.unit_of(newest)[0]
        low, high = expected - half, expected + half
        odds = clearing_odds(model, newest, speaks)
        clears = None if odds is None else odds[0]
    return {
        "at": int(panel.times[-1]),
        "model": "" if model is None else model.digest,
        "kept": "" if kept is None else kept.digest,
        "fit_time": None if model is None else model.fit_time,
        "horizon": params.horizon,
        "coverage": params.coverage,
        "withheld": last.withheld,
        "venues": [
            {
                "venue": venue.id,
                "expected": _known(expected[column]),
                "low": _known(low[column]),
                "high": _known(high[column]),
                "clears": None if clears is None else _known(clears[column]),
                "reasons": _reasons(model, newest[0, column], bool(speaks[0, column])),
            }
            for column, venue in enumerate(known.universe.risky, start=1)
        ],
    }


def newest_topics(known: Ready, series: str) -> dict[str, Any]:
    """The topics of a series likeliest to be at the top of their date a horizon from now; growth as a fraction.

    Raises ConfigError where the strategy file does not name the series, DataError for too little to learn from.
    """
    from bot.scoring.trends.explain import reasons
    from bot.scoring.trends.features import topic_features
    from bot.scoring.trends.model import TopicModel
    from bot.scoring.trends.walkforward import score_topics

    params, panel = topics_of(known, series)
    fit_time = int(panel.times[-1]) // params.refit * params.refit
    begin = int(np.searchsorted(panel.times, max(fit_time, int(panel.times[0]))))
    models: dict[int, TopicModel] = {}
    scores = score_topics(panel, params, models, begin)
    if not scores.model[-1]:
        raise DataError(f"signals/{series}: too little to learn from by {day(fit_time)}")
    said, expected = scores.probability[-1], scores.expected[-1]
    low, high = scores.low[params.coverage[0]][-1], scores.high[params.coverage[0]][-1]
    model = next(each for each in models.values() if each.digest == scores.model[-1])
    order = sorted(np.flatnonzero(np.isfinite(said)).tolist(), key=lambda place: (-said[place], panel.topics[place]))
    shown = order[:TOPICS]
    why = reasons(model, topic_features(panel, params)[1][-1, shown], REASONS)
    return {
        "series": series,
        "at": int(scores.times[-1]),
        "model": scores.model[-1],
        "horizon": params.horizon,
        "coverage": params.coverage[0],
        "top": params.top,
        "withheld": scores.withheld,
        "scored": len(order),
        "topics": [
            {
                "topic": panel.topics[place],
                "probability": float(said[place]),
                "growth": _known(np.expm1(expected[place])),
                "low": _known(np.expm1(low[place])),
                "high": _known(np.expm1(high[place])),
                "reasons": [{"feature": name, "log_odds": amount} for name, amount in said_why],
            }
            for place, said_why in zip(shown, why, strict=True)
        ],
    }


def _reasons(model: FittedModel | None, x: Floats, speaks: bool) -> list[dict[str, Any]]:
    from bot.scoring.explain import top_reasons

    if model is None or not speaks:
        return []
    (found,) = top_reasons(model, x[None], REASONS)
    return [{"feature": each.feature, "amount": each.amount} for each in found]


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
