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
from collections.abc import Callable, MutableMapping
from dataclasses import astuple, dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bot.core.panel import Floats, Panel, Times
from bot.core.score import Scores
from bot.errors import InvariantBroken
from bot.scoring.conformal import order_of, rolling_radii
from bot.scoring.drift import Evidence, states_of
from bot.scoring.features import LOOKBACK_DAYS, features, lookback_days
from bot.scoring.labels import Labels, labels, purged
from bot.scoring.model import (
    FittedModel,
    Mask,
    TrainingSet,
    clearing_odds,
    expected_returns,
    fit,
    scale_of,
)
from bot.scoring.params import ScorerParams
from bot.scoring.spans import DAY

__all__ = ["LOOKBACK_DAYS", "FittedModel", "Mask", "Steps", "TrainingSet", "expected_returns", "fit"]

Cache = MutableMapping[int, FittedModel]  # by fit time


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
    if (params.features == "market") != ("momentum_84d" in names):
        raise InvariantBroken(f"a fit on {params.features} features was given those of another set")
    order = np.argsort(np.array(panel.venues))
    early, late = (_scaled(_masked_rows(panel, x, truth, part, order), names, params) for part in parts)
    closes = np.count_nonzero(np.diff(early.at)) + 1  # rows are in order of time
    if len(early.y) < params.least_rows or closes < params.least_times:
        return None
    count = len(late.y)
    if count < params.least_calibration_rows or order_of(count, params.coverage) > count:
        return None
    digest = hashlib.sha256(_header(params, names, panel.venues))
    for part in (early, late):
        for array in (part.at, part.column, part.x, part.y):
            digest.update(len(array).to_bytes(8))
            digest.update(array.data)
    scales = early.scale, late.scale
    return TrainingSet(fit_time, early.x, early.y, late.x, late.y, digest.hexdigest(), names, early.at, *scales)


@functools.lru_cache(maxsize=16)
def _header(params: ScorerParams, names: tuple[str, ...], venues: tuple[str, ...]) -> bytes:
    """What a fit depends on besides its rows, to begin a digest with."""
    from bot.scoring.estimator import VERSION

    return repr((astuple(_forgetful(params)), names, sorted(venues), VERSION)).encode()


class _Rows(NamedTuple):
    """What can be learned from, by time and then venue id: `column` is the venue's place among the sorted ones."""

    at: Times
    column: Times
    x: Floats
    y: Floats
    scale: Floats | None = None


def _scaled(rows: _Rows, names: tuple[str, ...], params: ScorerParams) -> _Rows:
    """The rows with their returns in the target's units; those of which the unit is not known are left out."""
    if params.target == "return":
        return rows
    scale = scale_of(names, rows.x, params.horizon)
    known = np.isfinite(scale)
    scale = scale[known]
    return _Rows(rows.at[known], rows.column[known], rows.x[known], rows.y[known] / scale, scale)


def _masked_rows(panel: Panel, x: Floats, truth: Labels, part: Mask, order: NDArray[np.intp]) -> _Rows:
    """What can be learned from in the rows of `part`."""
    rows = np.flatnonzero(part)
    known = truth.returns.take(rows, axis=0)
    usable = np.isfinite(known)
    seen = _window(x, rows)
    usable &= np.isfinite(seen).any(axis=2)
    cells = np.flatnonzero(usable[:, order])
    row, column = np.divmod(cells, len(order))
    cell = row * len(order) + order[column]
    features_of = seen.reshape(-1, seen.shape[2]).take(cell, axis=0)
    return _Rows(panel.times[rows[row]], column, features_of, known.reshape(-1).take(cell))


def _window(x: Floats, rows: NDArray[np.intp]) -> Floats:
    """Those rows of x; without a copy where they follow one another."""
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows):
        return x[rows[0] : rows[-1] + 1]
    return x.take(rows, axis=0)


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


def steps_of(params: ScorerParams, steps: Steps = SHIPPED) -> Steps:
    """The steps with the features that `params` names; a step that was replaced stays as it is."""
    if params.features == "basic" or steps.features_of is not features:
        return steps
    return replace(steps, features_of=functools.partial(features, chosen=params.features))


def oldest_needed(times: Times, row: int, params: ScorerParams) -> int:
    """The first second, unix, of what can change the score of a row: no older row of the panel does.

    That is all that the fit saw which speaks in that row, or, where scores are remembered, in the first of those rows.
    """
    began = int(times[_first_remembered(times, row, params)])
    return began // params.refit * params.refit - params.train - lookback_days(params.features) * DAY


def _forgetful(params: ScorerParams) -> ScorerParams:
    """As far as a fit goes: what is done with scores later changes none."""
    return replace(params, interval="split", on_drift="ignore")


def _first_remembered(times: Times, row: int, params: ScorerParams) -> int:
    if not params.remembers:
        return row
    return int(np.searchsorted(times, times[row] - params.memory, side="right"))


def score_panel(panel: Panel, params: ScorerParams, cache: Cache | None = None) -> Scores:
    """Scores (T, N). Row t uses only what the panel holds up to t; idle and what has no price or features is NaN."""
    return score_rows(panel, params, 0, cache)


def score_rows(
    panel: Panel, params: ScorerParams, first: int, cache: Cache | None = None, steps: Steps = SHIPPED
) -> Scores:
    """Scores of the rows from `first` on, shape (T - first, N): the same bits as those rows of `score_panel`.

    Models found in `cache` are used again if they were fitted on exactly the same training set, new ones are added.
    Where `params` remember, rows before `first` are scored too, to see what became of them.
    """
    count = len(panel) - first
    start = _first_remembered(panel.times, first, params) if count else first
    walk = _walk(panel, params, start, {} if cache is None else cache, steps_of(params, steps))
    first = len(walk.times) - count  # of the rows that were walked
    half = walk.radius * walk.unit
    if params.interval == "rolling":
        missed = np.abs(walk.truth.returns - walk.expected) / walk.unit
        args = walk.times, walk.truth.known_at, missed, walk.times, params.coverage, params.memory
        rolled = rolling_radii(*args, params.least_calibration_rows)[:, None]
        half = np.where(np.isfinite(rolled), rolled, walk.radius) * walk.unit
    scores = Scores(
        walk.expected, walk.expected - half, walk.expected + half, walk.model, params.coverage, "", walk.clears
    )
    if params.on_drift == "ignore" or not count:
        return scores.rows(first, len(walk.times))
    states = states_of(walk.evidence(first), params)
    scores = replace(scores, states=("",) * first + states).rows(first, len(walk.times))
    return replace(scores, withheld=states[-1])


@dataclass(frozen=True, slots=True)
class _Walk:
    """Rows that were scored, with what their scores were made of; (T, …) each, radius (T, 1) in the target's units."""

    panel: Panel
    first: int  # row of the panel at which they begin
    names: tuple[str, ...]
    x: Floats  # of the whole panel
    all_truth: Labels
    expected: Floats
    radius: Floats
    unit: Floats
    clears: Floats | None
    model: tuple[str, ...]
    fit_time: Times
    trainings: dict[int, TrainingSet]

    @property
    def times(self) -> Times:
        return self.panel.times[self.first :]

    @property
    def truth(self) -> Labels:
        return Labels(self.all_truth.returns[self.first :], self.all_truth.known_at[self.first :])

    def evidence(self, first: int) -> Evidence:
        """What drift is looked for in, of the whole panel: features of weeks before the first row count too.

        Intervals are those of the fits: rolling ones of earlier rows would need rows before those in turn.
        """

        def whole(values: Floats) -> Floats:
            return np.vstack([np.full((self.first, values.shape[1]), np.nan), values])

        expected, half = whole(self.expected), whole(self.radius * self.unit)
        fit_time = np.append(np.full(self.first, -1, dtype=np.int64), self.fit_time)
        return Evidence(
            self.panel.times,
            self.panel.close,
            self.names,
            self.x,
            expected,
            expected - half,
            expected + half,
            self.all_truth.returns,
            self.all_truth.known_at,
            fit_time,
            self.trainings,
            self.first + first,
        )


def _walk(panel: Panel, params: ScorerParams, first: int, known: Cache, steps: Steps) -> _Walk:
    fit_time = fit_times(panel.times, params.refit)
    if first < len(panel):
        oldest = oldest_needed(panel.times, first, _forgetful(params))
        skipped = min(first, int(np.searchsorted(panel.times, oldest)))
        panel, fit_time, first = panel.rows(skipped, len(panel)), fit_time[skipped:], first - skipped
    names, x = steps.features_of(panel, params.bar_seconds)
    truth = steps.labels_of(panel, params.horizon)
    count = len(panel) - first
    expected, unit = np.full((count, len(panel.venues)), np.nan), np.ones((count, len(panel.venues)))
    clears = None if params.costs is None else np.full((count, len(panel.venues)), np.nan)
    radius = np.full((count, 1), np.nan)
    digests = [""] * count
    speaks = (panel.listed & np.isfinite(x).any(axis=2))[first:]
    trainings: dict[int, TrainingSet] = {}
    for time in np.unique(fit_time[first:]).tolist():
        training = steps.training_of(panel, names, x, truth, time, params)
        if training is None:
            continue
        trainings[time] = training
        model = known.get(time)
        if model is None or model.digest != training.digest:
            model = known[time] = steps.model_of(training, params)
        rows = np.flatnonzero(fit_time[first:] == time)
        expected[rows] = steps.expected_of(model, x[first:][rows], speaks[rows])
        unit[rows] = model.unit_of(x[first:][rows])
        if clears is not None and (odds := clearing_odds(model, x[first:][rows], speaks[rows])) is not None:
            clears[rows] = odds
        radius[rows] = model.radius
        for row in rows.tolist():
            digests[row] = model.digest
    return _Walk(
        panel, first, names, x, truth, expected, radius, unit, clears, tuple(digests), fit_time[first:], trainings
    )
