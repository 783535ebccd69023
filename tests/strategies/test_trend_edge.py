"""No edge, no position: what it holds on markets without a relation, with one, and where it may not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bot.core.panel import Floats
from bot.core.score import Scores
from bot.core.strategy import load
from bot.scoring import score_panel
from tests.scoring.test_features import panel_of
from tests.scoring.test_honesty import PARAMS, synthetic_panel

EDGE = load("trend_edge")


def weights(
    expected: list[float], half: float = 0.1, clears: list[float] | None = None, sources: Any = None, **params: float
) -> Floats:
    """What it holds of venues with these scores, (N,), idle in front."""
    row = np.array([[np.nan, *expected]])
    panel = panel_of(np.ones((1, len(expected))))
    if sources is not None:
        fields = {**panel.fields, "trend:sources": np.array([[np.nan, *sources]])}
        panel = replace(panel, times=panel.times.copy(), fields=fields)
    said = None if clears is None else np.array([[np.nan, *clears]])
    return load("trend_edge", params).weights(panel, Scores(row, row - half, row + half, ("m",), 0.8, clears=said))[0]


def deployed(strength: float, seeds: range) -> Floats:
    """The mean share out of idle on generated markets, once a model speaks; by market."""
    found = []
    for seed in seeds:
        panel = synthetic_panel(seed, strength)
        scores = score_panel(panel, PARAMS)
        spoke = np.array([bool(digest) for digest in scores.model])
        found.append(1.0 - EDGE.weights(panel, scores)[spoke, 0].mean())
    return np.array(found)


def test_almost_nothing_is_held_where_signals_say_nothing_and_much_more_where_they_do() -> None:
    nothing, something = deployed(0.0, range(6)), deployed(3.0, range(6))
    assert nothing.mean() < 0.06  # measured 0.037
    assert nothing.max() < 0.12
    assert something.mean() > 0.2  # measured 0.28
    assert something.min() > nothing.max()


def test_scores_that_are_all_alike_are_no_edge_of_anybody() -> None:
    assert weights([0.05, 0.05, 0.05]).tolist() == [1.0, 0.0, 0.0, 0.0]
    assert weights([0.09]).tolist() == [1.0, 0.0]


def test_what_is_better_than_the_others_and_still_loses_is_not_held() -> None:
    assert weights([-0.01, -0.2, -0.2])[0] == 1.0


def test_weights_grow_with_the_edge_and_shrink_with_doubt_and_have_a_bound() -> None:
    sure = weights([0.06, 0.0, 0.0], half=0.16)[1]
    assert 0.0 < weights([0.06, 0.0, 0.0], half=0.18)[1] < sure < weights([0.07, 0.0, 0.0], half=0.16)[1]
    assert sure == pytest.approx((0.04 - 0.004) / 0.16)
    assert weights([0.5, 0.0, 0.0])[1] == 0.25
    assert weights([0.06, 0.0, 0.0], half=0.16, cost=0.03)[1] == 0.0


def test_the_lower_end_of_the_interval_at_the_stated_level_must_be_above_the_costs() -> None:
    # At 80 % two-sided a normal's half width is 1.2816 deviations; a level of 60 % is 0.2533 of them.
    edge = 0.1 * 0.2533 / 1.2816
    for over, held in ((0.0005, True), (-0.0005, False)):
        found = weights([1.5 * (edge + over + 0.004), 0.0, 0.0])
        assert (found[1] > 0.0) == held
    assert weights([0.06, 0.0, 0.0], level=0.9)[1] == 0.0


def test_a_return_that_probably_does_not_clear_its_costs_is_not_held() -> None:
    assert weights([0.06, 0.0, 0.0], clears=[0.49, 0.9, 0.9])[1] == 0.0
    assert weights([0.06, 0.0, 0.0], clears=[0.51, 0.1, 0.1])[1] > 0.0
    assert weights([0.06, 0.0, 0.0], clears=[np.nan, 0.9, 0.9])[1] == 0.0


def test_one_source_alone_opens_nothing() -> None:
    assert weights([0.06, 0.0, 0.0], sources=[1.0, 2.0, 2.0])[1] == 0.0
    assert weights([0.06, 0.0, 0.0], sources=[2.0, 0.0, 0.0])[1] > 0.0
    assert weights([0.06, 0.0, 0.0], sources=[np.nan, 2.0, 2.0])[1] == 0.0


def test_what_would_be_more_than_all_is_shared() -> None:
    found = weights([0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.0, 0.0], half=0.1)
    np.testing.assert_allclose(found[1:7], 1 / 6)
    assert found[0] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("wrong", [{"level": 0.4}, {"level": 1.0}, {"size": -1.0}, {"cost": -0.01}])
def test_parameters_that_mean_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="trend_edge: level lies"):
        weights([0.1, 0.0], **wrong)
