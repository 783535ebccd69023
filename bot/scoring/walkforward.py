"""Scores over history as they would have been: each row by the newest model fitted at or before it.

Fits fall on a grid counted from the epoch, so they do not depend on where the data begins. A fit at time f sees

    |<---------------------------- train ---------------------------->|
    f - train                     c                                   f
    |  estimator rows  |   gap    |    calibration rows    |   gap    |

where gap = horizon + embargo: no label of an estimator row overlaps a calibration row, none of either overlaps f.
Source for the interval: J. Lei et al., Distribution-Free Predictive Inference for Regression, JASA 113 (2018), split
conformal. Its promise is for exchangeable rows; markets are not, so the interval is a measure, not a guarantee.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, MutableMapping
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.core.panel import Floats, Panel, Times
from bot.core.score import Scores
from bot.scoring.features import LOOKBACK_DAYS, features
from bot.scoring.labels import Labels, labels, purged
from bot.scoring.params import ScorerParams

_HIGHEST_LABEL = 10.0  # an elevenfold in a horizon teaches no more; keeps absurd prices from overflowing

Cache = MutableMapping[int, "FittedModel"]  # by fit time


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """What one fit may see: rows ordered by time, then venue id, so that the order of columns does not matter."""

    fit_time: int
    x: Floats  # (M, F)
    y: Floats  # (M,) simple returns
    calibration_x: Floats
    calibration_y: Floats
    digest: str  # of everything that the fitted model depends on


@dataclass(frozen=True, slots=True)
class FittedModel:
    """A fitted pipeline. Returns as fractions: `low` and `high` bound what it may expect, `radius` is half the
    width of its interval.
    """

    fit_time: int
    digest: str
    pipeline: Any
    low: float
    high: float
    radius: float
    rows: int
    calibration_rows: int


def fit_times(times: Times, refit: int) -> Times:
    """(T,): the newest time at or before each row at which a model is fitted, unix seconds."""
    return times // refit * refit


def training_rows(
    times: Times, known_at: Times, fit_time: int, params: ScorerParams
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Two masks (T,): the rows for the estimator and the rows for the calibration of a fit at `fit_time`."""
    first = fit_time - params.train
    calibration_start = params.calibration_start(fit_time)
    inside = (times >= first) & purged(known_at, fit_time, params.embargo)
    return inside & purged(known_at, calibration_start, params.embargo), inside & (times >= calibration_start)


def training_set(
    panel: Panel, names: tuple[str, ...], x: Floats, truth: Labels, fit_time: int, params: ScorerParams
) -> TrainingSet | None:
    """What the fit at `fit_time` sees of features x (T, N, F) and labels; None when it is too little to learn from."""
    order = np.argsort(np.array(panel.venues))
    usable = (np.isfinite(truth.returns) & np.isfinite(x).any(axis=2))[:, order]
    taken = []
    for part in training_rows(panel.times, truth.known_at, fit_time, params):
        row, column = np.nonzero(usable & part[:, None])
        venue = order[column]
        taken.append((panel.times[row], column, x[row, venue], truth.returns[row, venue]))
    (fit_at, _, fit_x, fit_y), (_, _, calibration_x, calibration_y) = taken
    if len(fit_y) < params.least_rows or len(np.unique(fit_at)) < params.least_times:
        return None
    late = len(calibration_y)
    if late < params.least_calibration_rows or _order(late, params) > late:
        return None

    from bot.scoring.estimator import VERSION

    digest = hashlib.sha256(repr((astuple(params), names, sorted(panel.venues), VERSION)).encode())
    for arrays in taken:
        for array in arrays:
            digest.update(len(array).to_bytes(8))
            digest.update(array.tobytes())
    return TrainingSet(fit_time, fit_x, fit_y, calibration_x, calibration_y, digest.hexdigest())


def fit(training: TrainingSet, params: ScorerParams) -> FittedModel:
    """The model of a training set.

    The estimator learns winsorised returns, and what it expects stays within them; the interval is set by the
    calibration returns as they were.
    """
    from bot.scoring.estimator import fitted, predicted

    ends = np.minimum(np.quantile(training.y, [params.winsor, 1.0 - params.winsor]), _HIGHEST_LABEL)
    low, high = float(ends[0]), float(ends[1])
    pipeline = fitted(training.x, np.clip(training.y, low, high), params)
    expected = np.clip(predicted(pipeline, training.calibration_x), low, high)
    missed = np.sort(np.abs(training.calibration_y - expected))
    radius = float(missed[_order(len(missed), params) - 1])
    return FittedModel(training.fit_time, training.digest, pipeline, low, high, radius, len(training.y), len(missed))


def _order(rows: int, params: ScorerParams) -> int:
    """Which of the sorted residuals bounds the interval: the finite-sample correction of split conformal."""
    return math.ceil((rows + 1) * params.coverage)


def expected_returns(model: FittedModel, x: Floats, speaks: NDArray[np.bool_]) -> Floats:
    """(R, N): what the model expects of x (R, N, F) where it speaks, NaN elsewhere."""
    from bot.scoring.estimator import predicted

    expected = np.full(speaks.shape, np.nan)
    if speaks.any():
        expected[speaks] = np.clip(predicted(model.pipeline, x[speaks]), model.low, model.high)
    return expected


@dataclass(frozen=True, slots=True)
class Steps:
    """The functions that a walk-forward is made of, so that an audit can watch each of them, or replace one."""

    features_of: Callable[[Panel, int], tuple[tuple[str, ...], Floats]] = features
    labels_of: Callable[[Panel, int], Labels] = labels
    training_of: Callable[[Panel, tuple[str, ...], Floats, Labels, int, ScorerParams], TrainingSet | None] = (
        training_set
    )
    model_of: Callable[[TrainingSet, ScorerParams], FittedModel] = fit
    expected_of: Callable[[FittedModel, Floats, NDArray[np.bool_]], Floats] = expected_returns


SHIPPED = Steps()


def score_panel(panel: Panel, params: ScorerParams, cache: Cache | None = None) -> Scores:
    """Scores (T, N). Row t uses only what the panel holds up to t; idle and what has no price or features is NaN."""
    return score_rows(panel, params, 0, cache)


def score_rows(
    panel: Panel, params: ScorerParams, first: int, cache: Cache | None = None, steps: Steps = SHIPPED
) -> Scores:
    """Scores of the rows from `first` on, shape (T - first, N): the same bits as those rows of `score_panel`.

    Models found in `cache` are used again if they were fitted on exactly the same training set, new ones are added.
    """
    fit_time = fit_times(panel.times, params.refit)
    if first < len(panel):
        oldest = int(fit_time[first]) - params.train - LOOKBACK_DAYS * 86_400
        skipped = min(first, int(np.searchsorted(panel.times, oldest)))
        panel, fit_time, first = panel.rows(skipped, len(panel)), fit_time[skipped:], first - skipped
    names, x = steps.features_of(panel, params.bar_seconds)
    truth = steps.labels_of(panel, params.horizon)
    count = len(panel) - first
    expected = np.full((count, len(panel.venues)), np.nan)
    radius = np.full((count, 1), np.nan)
    digests = [""] * count
    speaks = (panel.listed & np.isfinite(x).any(axis=2))[first:]
    known = {} if cache is None else cache
    for time in np.unique(fit_time[first:]).tolist():
        training = steps.training_of(panel, names, x, truth, time, params)
        if training is None:
            continue
        model = known.get(time)
        if model is None or model.digest != training.digest:
            model = known[time] = steps.model_of(training, params)
        rows = np.flatnonzero(fit_time[first:] == time)
        expected[rows] = steps.expected_of(model, x[first:][rows], speaks[rows])
        radius[rows] = model.radius
        for row in rows.tolist():
            digests[row] = model.digest
    return Scores(expected, expected - radius, expected + radius, tuple(digests), params.coverage)
