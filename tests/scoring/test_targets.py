"""Every model, both targets and the probability of clearing costs: causal, the same to the bit, and as defined."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.config import ScorerConfig
from bot.core.panel import Panel
from bot.core.score import Scores
from bot.errors import ConfigError, InvariantBroken
from bot.scoring import PanelScorer, ScorerParams, score_panel
from bot.scoring.features import VOLATILITY, features
from bot.scoring.labels import labels
from bot.scoring.model import FittedModel, fit, scale_of
from bot.scoring.params import ModelName
from bot.scoring.walkforward import oldest_needed, score_rows, training_set
from tests.scoring.test_walkforward import SHORT, assert_same
from tests.strategies.properties import DAY, made_panel, panels, tampered

EVERY: tuple[ModelName, ...] = get_args(ModelName)
# Everything at once, over spans that a short panel can hold.
FULL = replace(SHORT, target="risk_adjusted", costs=0.01, interval="rolling", on_drift="withhold")
LONG = made_panel(seed=31, rows=130, venues=4, gaps=0.0)


def same(left: Scores, right: Scores) -> None:
    """Bit for bit, what was added to scores included."""
    assert_same(left, right)
    assert (left.clears is None) == (right.clears is None)
    if left.clears is not None and right.clears is not None:
        np.testing.assert_array_equal(left.clears, right.clears)
    assert left.states == right.states


@pytest.mark.parametrize("model", EVERY)
def test_each_row_is_the_same_whoever_asks_and_whatever_comes_later(model: ModelName) -> None:
    params = replace(FULL, model=model)
    whole = score_panel(LONG, params)
    assert sum(bool(digest) for digest in whole.model) > 60
    for row in (70, 101, 129):
        known = score_rows(LONG.rows(0, row + 1), params, row)
        same(known, whole.rows(row, row + 1))
        needed = int(np.searchsorted(LONG.times, oldest_needed(LONG.times, row, params)))
        same(score_rows(LONG.rows(needed, row + 1), params, row - needed), whole.rows(row, row + 1))
    cut = score_panel(tampered(LONG, 90, seed=3), params)
    same(cut.rows(0, 90), whole.rows(0, 90))


def test_the_oldest_second_that_is_needed_is_needed() -> None:
    for params in (SHORT, FULL):
        row = 120
        needed = int(np.searchsorted(LONG.times, oldest_needed(LONG.times, row, params)))
        assert 0 < needed < row - params.train // DAY
    without = replace(FULL, interval="split", on_drift="ignore")
    assert oldest_needed(LONG.times, 120, without) - oldest_needed(LONG.times, 120, FULL) >= FULL.memory - FULL.refit


@settings(max_examples=6, deadline=None)
@given(panel=panels(55, 60), model=st.sampled_from(EVERY), scaled=st.booleans(), data=st.data())
def test_order_of_columns_moves_scores_and_changes_no_bit(
    panel: Panel, model: ModelName, scaled: bool, data: st.DataObject
) -> None:
    params = replace(FULL, model=model, target="risk_adjusted" if scaled else "return")
    order = ("idle", *data.draw(st.permutations(panel.venues[1:])))
    places = [panel.venues.index(venue) for venue in order]
    whole, moved = score_panel(panel, params), score_panel(panel.columns(order), params)
    assert moved.model == whole.model
    assert moved.states == whole.states
    for name in ("expected", "low", "high", "clears"):
        np.testing.assert_array_equal(getattr(moved, name), getattr(whole, name)[:, places])


async def test_a_running_scorer_says_what_the_walk_forward_says_and_keeps_the_models_that_are_remembered() -> None:
    whole, port = score_panel(LONG, FULL), PanelScorer(FULL)
    for stop in range(100, 131):
        found = await port.score(LONG.rows(0, stop))
        same(found, whole.rows(stop - 1, stop))
        assert found.withheld == whole.states[stop - 1]
        assert len(port.models) <= 2 + FULL.memory // FULL.refit
    assert len({model.fit_time for model in port.models}) > 2


def fitted(params: ScorerParams, panel: Panel = LONG) -> tuple[FittedModel, np.ndarray]:
    """The newest model of the panel, and the features of its last row, (N - 1, F)."""
    names, x = features(panel, DAY, params.features)
    at = int(panel.times[-1]) // params.refit * params.refit
    training = training_set(panel, names, x, labels(panel, params.horizon), at, params)
    assert training is not None
    return fit(training, params), x[-1, 1:]


def test_zero_expects_nothing_and_past_returns_follow_past_returns_alone() -> None:
    zero = score_panel(LONG, replace(SHORT, model="zero"))
    spoke = np.isfinite(zero.expected)
    assert spoke.any()
    assert not zero.expected[spoke].any()
    model, x = fitted(replace(SHORT, model="past_return"))
    column = model.names.index("return_28d")
    other = np.where(np.arange(x.shape[1]) == column, x, 7.0)
    from bot.scoring.estimator import predicted

    np.testing.assert_array_equal(predicted(model.pipeline, other), predicted(model.pipeline, x))
    assert len(set(predicted(model.pipeline, x).tolist())) > 1


def test_a_stack_is_the_weighted_sum_of_its_members_and_weights_who_was_right() -> None:
    from bot.scoring.estimator import _weights, predicted

    model, x = fitted(replace(SHORT, model="stack"))
    by_hand = sum(
        weight * predicted(member, x[:, columns])
        for member, columns, weight in zip(
            model.pipeline.members, model.pipeline.columns, model.pipeline.weights, strict=True
        )
    )
    np.testing.assert_allclose(predicted(model.pipeline, x), by_hand, rtol=1e-12)
    assert min(model.pipeline.weights) >= 0.0
    random = np.random.default_rng(1)
    truth = random.normal(size=400)
    said = np.column_stack([random.normal(size=400), truth + random.normal(size=400), random.normal(size=400)])
    weights = _weights(said, truth)
    assert weights.argmax() == 1
    assert weights[1] > 2.0 * max(weights[0], weights[2])


def test_risk_adjusted_intervals_are_as_wide_as_the_venue_is_wild() -> None:
    params = replace(SHORT, target="risk_adjusted")
    scores = score_panel(LONG, params)
    names, x = features(LONG, DAY)
    width = (scores.high - scores.low) / scale_of(names, x, params.horizon)
    for row in range(80, 130):
        known = np.isfinite(width[row])
        if known.any():
            np.testing.assert_allclose(width[row][known], width[row][known][0], rtol=1e-9)
    unknown = ~np.isfinite(x[:, :, names.index(VOLATILITY)])
    assert np.isnan(scores.expected[unknown]).all(), "what cannot be measured is not said"


def test_scale_is_the_volatility_over_the_horizon_and_never_zero() -> None:
    x = np.array([[0.02], [0.0], [np.nan]])
    found = scale_of((VOLATILITY,), x, 4 * DAY)
    assert found[0] == pytest.approx(0.04)
    assert found[1] == pytest.approx(2e-5)
    assert np.isnan(found[2])


@pytest.mark.parametrize("model", EVERY)
@pytest.mark.parametrize("target", ["return", "risk_adjusted"])
def test_a_kept_model_says_the_same_bits_again(model: ModelName, target: str) -> None:
    params = replace(SHORT, model=model, target=target, costs=0.0)  # type: ignore[arg-type]
    made, x = fitted(params)
    facts = json.loads(json.dumps(made.facts, allow_nan=False))
    again = FittedModel.from_kept(made.parts, made.arrays, facts)
    assert again.params == params
    assert (again.facts, again.digest) == (made.facts, made.digest)
    from bot.scoring.model import clearing_odds, expected_returns

    everyone = np.ones((1, len(x)), dtype=bool)
    np.testing.assert_array_equal(expected_returns(again, x[None], everyone), expected_returns(made, x[None], everyone))
    odds = clearing_odds(made, x[None], everyone), clearing_odds(again, x[None], everyone)
    assert odds[0] is not None
    assert odds[1] is not None
    np.testing.assert_array_equal(odds[0], odds[1])
    assert ((odds[0] > 0.0) & (odds[0] < 1.0)).all()


def test_features_of_one_set_are_never_given_to_a_fit_on_another() -> None:
    names, x = features(LONG, DAY, "basic")
    with pytest.raises(InvariantBroken, match="another set"):
        training_set(
            LONG, names, x, labels(LONG, SHORT.horizon), int(LONG.times[-1]), replace(SHORT, features="market")
        )


def test_what_is_done_with_scores_later_changes_no_model() -> None:
    plain = score_panel(LONG, SHORT).model
    assert score_panel(LONG, replace(SHORT, interval="rolling", on_drift="withhold")).model == plain
    assert score_panel(LONG, replace(SHORT, target="risk_adjusted")).model != plain
    assert score_panel(LONG, replace(SHORT, costs=0.01)).model[-1] != plain[-1]


def test_the_strategy_file_says_all_of_it() -> None:
    block = ScorerConfig.model_validate(
        {"target": "risk_adjusted", "features": "market", "interval": "rolling", "costs": "40 bps", "model": "stack"}
    )
    params = ScorerParams.of(block, DAY)
    said = (params.target, params.features, params.interval, params.costs, params.model, params.on_drift)
    assert said == ("risk_adjusted", "market", "rolling", 0.004, "stack", "withhold")
    assert ScorerParams.of(ScorerConfig(), DAY).costs is None
    with pytest.raises(ConfigError, match=r"scorer\.costs"):
        replace(SHORT, costs=1.5)


def test_a_scorer_that_starts_in_the_middle_says_the_same() -> None:
    async def last(start: int) -> Scores:
        port = PanelScorer(FULL)
        for stop in range(start, 131):
            found = await port.score(LONG.rows(0, stop))
        return found

    same(asyncio.run(last(105)), asyncio.run(last(130)))
