"""Reasons of a score are what its model does with its features, and refits of one truth agree about them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bot.core.panel import Floats
from bot.scoring.estimator import predicted
from bot.scoring.explain import agreements, contributions, groups_of, importances, top_reasons
from bot.scoring.features import VOLATILITY
from bot.scoring.model import FittedModel, TrainingSet, fit
from bot.scoring.params import ModelName
from tests.scoring.test_walkforward import SHORT
from tests.strategies.properties import DAY

NAMES = ("return_28d", "return_28d:rank", VOLATILITY, "signal:stars:growth_7d", "signal:stars:growth_7d:rank")
MODELS: list[ModelName] = ["ridge", "hist_gradient_boosting", "stack"]


def made(seed: int, model: ModelName, fit_time: int = 0, sign: float = 1.0) -> tuple[FittedModel, Floats]:
    """A model of rows in which the last two columns, forms of one feature, alone move the return."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(700, len(NAMES)))
    x[:, 2] = np.abs(x[:, 2]) + 0.1
    x[:, 4] = x[:, 3]
    y = sign * 0.05 * x[:, 3] + 0.01 * random.normal(size=700)
    at = DAY * np.repeat(np.arange(100, dtype=np.int64), 5)
    training = TrainingSet(fit_time, x[:500], y[:500], x[500:600], y[500:600], f"{seed}", NAMES, at)
    return fit(training, replace(SHORT, model=model)), x[600:]


def test_forms_of_a_feature_are_one_feature() -> None:
    assert groups_of(NAMES) == {"return_28d": (0, 1), VOLATILITY: (2,), "signal:stars:growth_7d": (3, 4)}


@pytest.mark.parametrize("model", MODELS)
def test_the_feature_that_moves_the_return_is_the_first_reason(model: ModelName) -> None:
    known, x = made(1, model)
    reasons = top_reasons(known, x, count=2)
    moving = np.abs(x[:, 3]) > 0.5
    first = [row[0].feature for row, big in zip(reasons, moving, strict=True) if big]
    assert first
    assert set(first) == {"signal:stars:growth_7d"}
    assert next(iter(importances(known, x))) == "signal:stars:growth_7d"
    assert all(len(row) <= 2 for row in reasons)


def test_contributions_of_a_linear_model_are_weights_times_distance_from_the_median() -> None:
    known, x = made(2, "ridge")
    names, found = contributions(known, x[:5])
    ridge, scaler = known.pipeline[-1], known.pipeline[1]
    assert known.medians is not None
    weights = ridge.coef_ / scaler.scale_
    for place, columns in enumerate(groups_of(names).values()):
        assert columns == (place,)
    for place, columns in enumerate(groups_of(NAMES).values()):
        by_hand = sum(weights[column] * (x[:5, column] - known.medians[column]) for column in columns)
        inside = np.abs(predicted(known.pipeline, x[:5])) < 0.08  # beyond it the expectation is cut off
        np.testing.assert_allclose(found[inside, place], by_hand[inside], atol=1e-12)


def test_refits_of_one_truth_agree_and_those_of_opposite_ones_do_not() -> None:
    (first, x), (second, _), (turned, _) = made(3, "ridge", 1), made(4, "ridge", 2), made(5, "ridge", 3, sign=-1.0)
    alike, opposite = agreements([first, second, turned], x)
    assert (alike.earlier, alike.later) == (1, 2)
    assert alike.scores is not None
    assert alike.scores > 0.9
    assert alike.reasons is not None
    assert opposite.scores is not None
    assert opposite.scores < -0.9


def test_a_model_of_nothing_has_no_reasons_and_one_without_names_refuses() -> None:
    zero, x = made(6, "zero")
    assert top_reasons(zero, x[:3]) == ((), (), ())
    assert agreements([zero, zero], x)[0].reasons is None
    with pytest.raises(ValueError, match="names"):
        contributions(replace(zero, names=()), x)
