"""The properties must fail where they should: strategies and scorers that cheat on purpose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from bot.core.panel import Floats, Panel, Times
from bot.core.score import Scores
from bot.core.strategy import Strategy, Targets, load
from bot.scoring import ScorerParams, score_panel, walkforward
from bot.scoring.params import ModelName
from tests.strategies.properties import (
    DAY,
    Weigh,
    assert_column_order_does_not_matter,
    assert_enough_lookback,
    assert_future_changes_nothing,
    assert_no_look_ahead,
    assert_valid_weights,
    made_panel,
    row_scores,
    weigher,
)

PANEL = made_panel(seed=3, rows=60, venues=5, gaps=0.0)
SHORT = ScorerParams(horizon=4 * DAY, train=25 * DAY, refit=5 * DAY, embargo=DAY, bar_seconds=DAY)


def cheat(targets: Targets, lookback: int = 1) -> Strategy:
    return Strategy("cheat", targets, {}, lookback, uses_scores=False)


def softmax(values: Floats, panel: Panel) -> Floats:
    """Weights from any values, always valid, so that only the cheat itself can be caught."""
    known = np.isfinite(values) & panel.listed
    known[:, 0] = True
    force = np.where(known, np.exp(np.clip(np.nan_to_num(values), -5.0, 5.0)), 0.0)
    weights: Floats = force / np.sort(force, axis=1).sum(axis=1, keepdims=True)
    return weights


def peeks_at_the_next_close(panel: Panel, scores: Scores, params: Mapping[str, float]) -> Floats:
    tomorrow = np.vstack([panel.close[1:], panel.close[-1:]])
    return softmax(10.0 * np.log(tomorrow / panel.close), panel)


def standardises_over_the_whole_sample(panel: Panel, scores: Scores, params: Mapping[str, float]) -> Floats:
    mean, deviation = np.nanmean(panel.close, axis=0), np.nanstd(panel.close, axis=0) + 1e-9
    return softmax((panel.close - mean) / deviation, panel)


def needs_more_than_it_says(panel: Panel, scores: Scores, params: Mapping[str, float]) -> Floats:
    past = np.full_like(panel.close, np.nan)
    past[9:] = panel.close[9:] / panel.close[: max(len(panel) - 9, 0)]
    return softmax(past, panel)


def likes_the_first_column(panel: Panel, scores: Scores, params: Mapping[str, float]) -> Floats:
    return softmax(np.broadcast_to(-np.arange(float(panel.close.shape[1])), panel.close.shape), panel)


@pytest.mark.parametrize("targets", [peeks_at_the_next_close, standardises_over_the_whole_sample])
def test_strategies_that_look_ahead_are_caught(targets: Targets) -> None:
    panel = made_panel(seed=5, rows=40, venues=4, gaps=0.0)
    panel = panel.columns(tuple(v for i, v in enumerate(panel.venues) if np.isfinite(panel.close[:, i]).all()))
    weigh = weigher(cheat(targets), row_scores)
    assert_valid_weights(weigh, panel)
    with pytest.raises(AssertionError):
        assert_no_look_ahead(weigh, panel)
    with pytest.raises(AssertionError):
        assert_future_changes_nothing(weigh, panel, cut=30, seed=0)


def test_lookback_that_is_too_short_is_caught() -> None:
    panel = made_panel(seed=6, rows=40, venues=4)
    assert_enough_lookback(cheat(needs_more_than_it_says, lookback=10), row_scores, panel)
    with pytest.raises(AssertionError):
        assert_enough_lookback(cheat(needs_more_than_it_says, lookback=9), row_scores, panel)


def test_liking_a_column_for_its_place_is_caught() -> None:
    order = ("idle", *reversed(PANEL.venues[1:]))
    with pytest.raises(AssertionError):
        assert_column_order_does_not_matter(weigher(cheat(likes_the_first_column), row_scores), PANEL, order)


def test_weights_that_are_no_weights_are_caught() -> None:
    def short(panel: Panel) -> Floats:
        weights = np.zeros(panel.close.shape)
        weights[:, 0], weights[:, 1] = 1.5, -0.5
        return weights

    with pytest.raises(AssertionError):
        assert_valid_weights(short, PANEL)


def unpurged(
    times: Times, known_at: Times, fit_time: int, params: ScorerParams
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Every row up to the fit, whether or not its label was known by then."""
    rows = (times >= fit_time - params.train) & (times < fit_time)
    return rows, rows


@pytest.mark.parametrize("model", ["ridge", "hist_gradient_boosting"])
def test_scorers_that_train_on_labels_of_the_future_are_caught(
    monkeypatch: pytest.MonkeyPatch, model: ModelName
) -> None:
    weigh = _weigh_with(model)
    fits = sorted({int(fit) for fit in walkforward.fit_times(PANEL.times, SHORT.refit)})
    cut = int(np.searchsorted(PANEL.times, fits[-2])) + 1  # just after a fit: its newest labels are yet to come
    assert_future_changes_nothing(weigh, PANEL, cut, seed=1)
    assert_no_look_ahead(weigh, PANEL, prefixes=(cut,))
    monkeypatch.setattr(walkforward, "training_rows", unpurged)
    with pytest.raises(AssertionError):
        assert_future_changes_nothing(weigh, PANEL, cut, seed=1)
    with pytest.raises(AssertionError):
        assert_no_look_ahead(weigh, PANEL, prefixes=(cut,))


def _weigh_with(model: ModelName) -> Weigh:
    params = replace(SHORT, model=model)
    return weigher(load("trend_tilt"), lambda panel: score_panel(panel, params))
