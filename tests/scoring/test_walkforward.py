"""The walk-forward: when it fits, on which rows, and that the same data gives the same bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.config import ScorerConfig
from bot.core.panel import Panel
from bot.core.score import Scores
from bot.errors import ConfigError
from bot.scoring import ScorerParams, score_panel
from bot.scoring.params import ModelName
from bot.scoring.walkforward import FittedModel, fit_times, score_rows, training_rows
from tests.strategies.properties import DAY, made_panel, panels, tampered

MODELS: list[ModelName] = ["ridge", "hist_gradient_boosting"]
SHORT = ScorerParams(horizon=2 * DAY, train=25 * DAY, refit=5 * DAY, embargo=DAY, bar_seconds=DAY)


def assert_same(left: Scores, right: Scores) -> None:
    """Bit for bit."""
    for one, other in zip((left.expected, left.low, left.high), (right.expected, right.low, right.high), strict=True):
        np.testing.assert_array_equal(one, other)
    assert left.model == right.model


def test_fits_fall_on_a_grid_from_the_epoch() -> None:
    assert fit_times(np.array([9, 10, 19, 20, 21]), 10).tolist() == [0, 10, 10, 20, 20]


def test_training_rows_are_exact_to_the_second() -> None:
    params = ScorerParams(horizon=DAY, train=11 * DAY, refit=DAY, embargo=3_600, bar_seconds=DAY, calibration=0.5)
    fit, gap = 100 * DAY, DAY + 3_600
    calibration = fit - gap - (11 * DAY - gap) // 2
    edges = [fit - 11 * DAY, calibration - gap, calibration, fit - gap]
    times = np.array([edge + offset for edge in edges for offset in (-1, 0, 1)])
    estimator_rows, calibration_rows = training_rows(times, times + DAY, fit, params)
    assert estimator_rows.tolist() == [False, True, True, True, True, False] + [False] * 6
    assert calibration_rows.tolist() == [False] * 7 + [True, True, True, True, False]


@settings(max_examples=50, deadline=None)
@given(
    horizon=st.integers(1, 20),
    embargo=st.integers(0, 20 * DAY),
    slack=st.integers(0, 60 * DAY),
    offset=st.integers(0, DAY - 1),
)
def test_no_label_overlaps_the_calibration_rows_or_the_fit(horizon: int, embargo: int, slack: int, offset: int) -> None:
    train = 3 * (horizon * DAY + embargo) + slack
    params = ScorerParams(horizon=horizon * DAY, train=train, refit=DAY, embargo=embargo, bar_seconds=DAY)
    fit = 2_000 * DAY
    times = offset + DAY * np.arange(1_800, 2_010, dtype=np.int64)
    known_at = times + params.horizon
    estimator_rows, calibration_rows = training_rows(times, known_at, fit, params)
    assert not (estimator_rows & calibration_rows).any()
    either = estimator_rows | calibration_rows
    assert (known_at[either] + embargo <= fit).all()
    assert (times[either] >= fit - train).all()
    if estimator_rows.any() and calibration_rows.any():
        assert known_at[estimator_rows].max() + embargo <= times[calibration_rows].min()


@pytest.mark.parametrize("model", MODELS)
def test_each_row_is_scored_by_the_newest_model_fitted_by_then(model: ModelName) -> None:
    scores = score_panel(made_panel(seed=4, rows=70, venues=4), replace(SHORT, model=model))
    fits = fit_times(made_panel(seed=4, rows=70, venues=4).times, SHORT.refit)
    spoken = [(fit, digest) for fit, digest in zip(fits.tolist(), scores.model, strict=True) if digest]
    assert len(set(spoken)) == len({fit for fit, _ in spoken}) == len({digest for _, digest in spoken}) >= 7
    silent = np.array([digest == "" for digest in scores.model])
    assert silent[:15].all()
    assert np.isnan(scores.expected[silent]).all()
    assert np.isfinite(scores.expected[~silent]).any(axis=1).all()
    spread = (scores.high - scores.low)[np.isfinite(scores.expected)]
    assert (spread > 0.0).all()


@settings(max_examples=8, deadline=None)
@given(panel=panels(50, 60), cut=st.integers(30, 49), seed=st.integers(0, 99), model=st.sampled_from(MODELS))
def test_later_rows_change_no_score(panel: Panel, cut: int, seed: int, model: ModelName) -> None:
    params = replace(SHORT, model=model)
    known = score_panel(panel.rows(0, cut), params)
    assert_same(known, first_rows(score_panel(panel, params), cut))
    assert_same(known, first_rows(score_panel(tampered(panel, cut, seed), params), cut))


def first_rows(scores: Scores, stop: int) -> Scores:
    return Scores(scores.expected[:stop], scores.low[:stop], scores.high[:stop], scores.model[:stop])


@pytest.mark.parametrize("model", MODELS)
def test_scores_do_not_depend_on_where_the_panel_begins(model: ModelName) -> None:
    panel, params = made_panel(seed=8, rows=110, venues=4), replace(SHORT, model=model)
    late = panel.rows(37, len(panel))
    enough = np.searchsorted(late.times, late.times[0] + SHORT.train + 28 * DAY + SHORT.refit)
    assert enough < len(late) - 10
    whole, part = score_panel(panel, params), score_panel(late, params)
    np.testing.assert_array_equal(part.expected[enough:], whole.expected[37 + enough :])
    assert part.model[enough:] == whole.model[37 + enough :]


@pytest.mark.parametrize("model", MODELS)
def test_order_of_columns_moves_scores_and_changes_no_model(model: ModelName) -> None:
    panel, params = made_panel(seed=9, rows=60, venues=5), replace(SHORT, model=model)
    order = ("idle", "venue-3", "venue-0", "venue-4", "venue-2", "venue-1")
    whole, moved = score_panel(panel, params), score_panel(panel.columns(order), params)
    np.testing.assert_array_equal(moved.expected, whole.expected[:, [panel.venues.index(v) for v in order]])
    assert moved.model == whole.model


def test_digests_name_the_data_and_the_parameters() -> None:
    panel = made_panel(seed=10, rows=60, venues=4)
    digest = score_panel(panel, SHORT).model[-1]
    assert len(digest) == 64
    assert score_panel(panel, SHORT).model[-1] == digest
    assert score_panel(panel, replace(SHORT, seed=1)).model[-1] != digest
    nudged = panel.rows(0, 60)
    nudged.fields["close"].flags.writeable = True
    nudged.fields["close"][40, 2] *= 1.0 + 1e-12
    assert score_panel(nudged, SHORT).model[-1] != digest


def test_a_model_found_in_the_cache_is_used_only_for_the_very_same_training_set() -> None:
    panel, other = made_panel(seed=11, rows=60, venues=4), made_panel(seed=12, rows=60, venues=4)
    cache: dict[int, FittedModel] = {}
    first = score_rows(panel, SHORT, 0, cache)
    kept = dict(cache)
    assert_same(score_rows(panel, SHORT, 0, cache), first)
    assert kept == cache
    assert all(cache[time] is model for time, model in kept.items())
    assert_same(score_rows(other, SHORT, 0, cache), score_panel(other, SHORT))


def test_parameters_come_from_the_strategy_file() -> None:
    params = ScorerParams.of(ScorerConfig.model_validate({"train": "60d", "embargo": "2d", "seed": 3}), DAY)
    assert (params.horizon, params.train, params.refit, params.embargo) == (
        7 * DAY,
        60 * DAY,
        28 * DAY,
        2 * DAY,
    )
    assert (params.model, params.seed, params.bar_seconds, params.coverage) == ("ridge", 3, DAY, 0.8)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bar_seconds": 7_000}, "bar: must divide a day"),
        ({"horizon": DAY + 1}, "scorer.horizon: must be a whole number of bars"),
        ({"train": 6 * DAY}, "scorer.train: too short"),
        ({"embargo": -1}, "embargo not below it"),
        ({"coverage": 1.0}, "between 0 and 1"),
    ],
)
def test_refuses_parameters_that_no_model_can_come_of(change: dict[str, int], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        replace(SHORT, **change)  # type: ignore[arg-type]  # a mapping of some of the fields
