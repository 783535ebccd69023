"""Leaks planted in features, labels, training sets, models and scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtests.lookahead.pipeline import Case, Pipeline
from bot.core.panel import Floats, Panel
from bot.scoring.features import features
from bot.scoring.labels import Labels, labels
from bot.scoring.params import ScorerParams
from bot.scoring.walkforward import (
    SHIPPED,
    FittedModel,
    TrainingSet,
    expected_returns,
    fit,
    training_set,
)
from tests.backtests.lookahead.cases import made
from tests.backtests.lookahead.planting import Leaks, Names, leak

LEAKS: Leaks = {}


def with_steps(**changed: object) -> tuple[Case, Pipeline]:
    return made(), Pipeline(steps=replace(SHIPPED, **changed))  # type: ignore[arg-type]


def one_feature(wanted: str, change: Callable[[Floats], Floats]) -> tuple[Case, Pipeline]:
    """Features of which one, (T, N), is changed."""

    def features_of(panel: Panel, bar_seconds: int) -> tuple[Names, Floats]:
        names, x = features(panel, bar_seconds)
        column = names.index(wanted)
        x[:, :, column] = change(x[:, :, column])
        return names, x

    return with_steps(features_of=features_of)


# features


@leak(LEAKS, "features", "return_7d", "truncation")
def scaled_over_the_whole_sample() -> tuple[Case, Pipeline]:
    return one_feature("return_7d", lambda x: (x - np.nanmean(x)) / np.nanstd(x))


@leak(LEAKS, "features", "return_28d", "truncation", "tampering")
def winsorised_at_quantiles_of_the_whole_sample() -> tuple[Case, Pipeline]:
    return one_feature("return_28d", lambda x: np.clip(x, *np.nanquantile(x, [0.05, 0.95])))


@leak(LEAKS, "features", "signal:synthetic_stars:growth_7d", "truncation")
def smoothed_on_both_sides() -> tuple[Case, Pipeline]:
    def smooth(x: Floats) -> Floats:
        return np.asarray(pd.DataFrame(x).rolling(5, center=True, min_periods=1).mean())

    return one_feature("signal:synthetic_stars:growth_7d", smooth)


@leak(LEAKS, "features", "volume_change_7d", "truncation")
def ranked_within_its_whole_history() -> tuple[Case, Pipeline]:
    return one_feature("volume_change_7d", lambda x: np.asarray(pd.DataFrame(x).rank(pct=True)))


@leak(LEAKS, "features", "return_1d", "truncation")
def signed_by_its_correlation_over_the_whole_sample() -> tuple[Case, Pipeline]:
    def features_of(panel: Panel, bar_seconds: int) -> tuple[Names, Floats]:
        names, x = features(panel, bar_seconds)
        truth = labels(panel, 3 * bar_seconds).returns
        both = np.isfinite(truth) & np.isfinite(x[:, :, 0])
        x[:, :, 0] *= np.corrcoef(truth[both], x[:, :, 0][both])[0, 1]
        return names, x

    return with_steps(features_of=features_of)


@leak(LEAKS, "features", "next", "truncation", "label lag")
def a_feature_that_is_the_next_return() -> tuple[Case, Pipeline]:
    def features_of(panel: Panel, bar_seconds: int) -> tuple[Names, Floats]:
        names, x = features(panel, bar_seconds)
        ahead = np.full(panel.close.shape, np.nan)
        ahead[:-1, 1:] = np.log(panel.close[1:, 1:] / panel.close[:-1, 1:])
        return (*names, "next"), np.concatenate([x, ahead[:, :, None]], axis=2)

    return with_steps(features_of=features_of)


# labels, training and models


@leak(LEAKS, "labels", "label", "truncation")
def labels_that_are_said_to_be_known_at_once() -> tuple[Case, Pipeline]:
    def labels_of(panel: Panel, horizon: int) -> Labels:
        return replace(labels(panel, horizon), known_at=panel.times)

    return with_steps(labels_of=labels_of)


def with_training(
    change: Callable[[Panel, Names, Floats, Labels, int, ScorerParams], TrainingSet | None],
) -> tuple[Case, Pipeline]:
    return with_steps(training_of=change)


@leak(LEAKS, "training", "", "refit")
def features_selected_over_the_whole_sample() -> tuple[Case, Pipeline]:
    def training_of(
        panel: Panel, names: Names, x: Floats, truth: Labels, fit_time: int, params: ScorerParams
    ) -> TrainingSet | None:
        known = np.isfinite(truth.returns)
        filled = np.nan_to_num(x[known])
        strength = np.abs((filled * truth.returns[known][:, None]).sum(axis=0)) / (filled**2).sum(axis=0) ** 0.5
        kept = strength >= np.sort(strength)[-5]
        return training_set(panel, names, np.where(kept, x, np.nan), truth, fit_time, params)

    return with_training(training_of)


@leak(LEAKS, "training", "calibration", "refit")
def calibrated_over_the_whole_sample() -> tuple[Case, Pipeline]:
    def training_of(
        panel: Panel, names: Names, x: Floats, truth: Labels, fit_time: int, params: ScorerParams
    ) -> TrainingSet | None:
        known = np.isfinite(truth.returns)
        training = training_set(panel, names, x, truth, fit_time, params)
        return training and replace(training, calibration_x=x[known], calibration_y=truth.returns[known])

    return with_training(training_of)


@leak(LEAKS, "training", "", "refit")
def labels_that_overlap_the_fit() -> tuple[Case, Pipeline]:
    def training_of(
        panel: Panel, names: Names, x: Floats, truth: Labels, fit_time: int, params: ScorerParams
    ) -> TrainingSet | None:
        unpurged = replace(truth, known_at=truth.known_at - params.horizon)
        return training_set(panel, names, x, unpurged, fit_time, params)

    return with_training(training_of)


@leak(LEAKS, "training", "", "refit")
def no_embargo() -> tuple[Case, Pipeline]:
    def training_of(
        panel: Panel, names: Names, x: Floats, truth: Labels, fit_time: int, params: ScorerParams
    ) -> TrainingSet | None:
        return training_set(panel, names, x, truth, fit_time, replace(params, embargo=0))

    return with_training(training_of)


@leak(LEAKS, "training", "label", "refit")
def labels_that_overlap_across_folds() -> tuple[Case, Pipeline]:
    def training_of(
        panel: Panel, names: Names, x: Floats, truth: Labels, fit_time: int, params: ScorerParams
    ) -> TrainingSet | None:
        training = training_set(panel, names, x, truth, fit_time, params)
        if training is None:
            return None
        late = training.calibration_y[:8]  # of rows whose labels reach into the calibration
        return replace(
            training, x=np.vstack([training.x, training.calibration_x[:8]]), y=np.concatenate([training.y, late])
        )

    return with_training(training_of)


@leak(LEAKS, "models", "bounds and radius", "refit")
def an_interval_set_by_the_returns_of_the_whole_sample() -> tuple[Case, Pipeline]:
    seen: list[Labels] = []

    def labels_of(panel: Panel, horizon: int) -> Labels:
        seen.append(labels(panel, horizon))
        return seen[-1]

    def model_of(training: TrainingSet, params: ScorerParams) -> FittedModel:
        return replace(fit(training, params), radius=float(np.nanstd(seen[-1].returns)))

    return with_steps(labels_of=labels_of, model_of=model_of)


@leak(LEAKS, "scores", "expected", "tampering")
def predictions_standardised_over_the_batch() -> tuple[Case, Pipeline]:
    def expected_of(model: FittedModel, x: Floats, speaks: NDArray[np.bool_]) -> Floats:
        said = expected_returns(model, x, speaks)
        return np.asarray(said - np.nanmean(said)) if speaks.any() and len(said) > 1 else said

    return with_steps(expected_of=expected_of)
