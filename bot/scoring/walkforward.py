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

import functools
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
Mask = NDArray[np.bool_]


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


def training_rows(times: Times, known_at: Times, fit_time: int, params: ScorerParams) -> tuple[Mask, Mask]:
    """Two masks (T,): the rows for the estimator and the rows for the calibration of a fit at `fit_time`."""
    first = fit_time - params.train
    calibration_start = params.calibration_start(fit_time)
    inside = (times >= first) & purged(known_at, fit_time, params.embargo)
    return inside & purged(known_at, calibration_start, params.embargo), inside & (times >= calibration_start)


def training_set(
    panel: Panel, names: tuple[str, ...], x: Floats, truth: Labels, fit_time: int, params: ScorerParams
) -> TrainingSet | None:
    """What the fit at `fit_time` sees of features x (T, N, F) and labels; None when it is too little to learn from."""
    parts = training_rows(panel.times, truth.known_at, fit_time, params)
    return masked_training_set(panel, names, x, truth, parts, fit_time, params)


def masked_training_set(
    panel: Panel,
    names: tuple[str, ...],
    x: Floats,
    truth: Labels,
    parts: tuple[Mask, Mask],
    fit_time: int,
    params: ScorerParams,
) -> TrainingSet | None:
    """What a fit sees of the rows in two masks (T,), the estimator's and the calibration's; None as `training_set`.

    Nothing outside the masks is looked at. `fit_time` names the fit, and chooses nothing.
    """
    order = np.argsort(np.array(panel.venues))
    (fit_at, fit_column, fit_x, fit_y), late = (_masked_rows(panel, x, truth, part, order) for part in parts)
    calibration_x, calibration_y = late[2:]
    closes = np.count_nonzero(np.diff(fit_at)) + 1  # rows are in order of time
    if len(fit_y) < params.least_rows or closes < params.least_times:
        return None
    count = len(calibration_y)
    if count < params.least_calibration_rows or _order(count, params) > count:
        return None
    digest = hashlib.sha256(_header(params, names, panel.venues))
    for array in (fit_at, fit_column, fit_x, fit_y, *late):
        digest.update(len(array).to_bytes(8))
        digest.update(array.data)
    return TrainingSet(fit_time, fit_x, fit_y, calibration_x, calibration_y, digest.hexdigest())


@functools.lru_cache(maxsize=16)
def _header(params: ScorerParams, names: tuple[str, ...], venues: tuple[str, ...]) -> bytes:
    """What a fit depends on besides its rows, to begin a digest with."""
    from bot.scoring.estimator import VERSION

    return repr((astuple(params), names, sorted(venues), VERSION)).encode()


def _masked_rows(
    panel: Panel, x: Floats, truth: Labels, part: Mask, order: NDArray[np.intp]
) -> tuple[Times, Times, Floats, Floats]:
    """(times, places among the sorted venues, features, returns) of what can be learned from in the rows of `part`."""
    rows = np.flatnonzero(part)
    known = truth.returns.take(rows, axis=0)
    usable = np.isfinite(known)
    seen = _window(x, rows)
    usable &= np.isfinite(seen).any(axis=2)
    cells = np.flatnonzero(usable[:, order])
    row, column = np.divmod(cells, len(order))
    cell = row * len(order) + order[column]
    features_of = seen.reshape(-1, seen.shape[2]).take(cell, axis=0)
    return panel.times[rows[row]], column, features_of, known.reshape(-1).take(cell)


def _window(x: Floats, rows: NDArray[np.intp]) -> Floats:
    """Those rows of x; without a copy where they follow one another."""
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows):
        return x[rows[0] : rows[-1] + 1]
    return x.take(rows, axis=0)


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


def expected_returns(model: FittedModel, x: Floats, speaks: Mask) -> Floats:
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
    expected_of: Callable[[FittedModel, Floats, Mask], Floats] = expected_returns


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
