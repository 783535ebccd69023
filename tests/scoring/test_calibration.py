"""Probabilities that mean what they say, and say little where little is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bot.core.panel import Floats
from bot.scoring.calibration import (
    ISOTONIC_ROWS,
    MOST_CERTAIN,
    calibration_error,
    curve_of,
    learned,
    mapped,
    probability,
)
from bot.scoring.params import ModelName
from tests.scoring.test_walkforward import SHORT

LONG = replace(SHORT, train=4_000 * SHORT.horizon)  # rows that know nothing of each other are as many stretches
MODELS: list[ModelName] = ["ridge", "hist_gradient_boosting", "stack", "past_return"]


def drawn(seed: int, rows: int, strength: float = 0.05) -> tuple[Floats, Floats]:
    """Features and returns; the first feature moves the return by `strength`."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 4))
    return x, strength * x[:, 0] + 0.05 * random.normal(size=rows)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("rows", [300, 2 * ISOTONIC_ROWS])
def test_shares_of_what_came_are_as_said(model: ModelName, rows: int) -> None:
    errors, spreads = [], []
    for seed in range(4):
        x, y = drawn(seed, 5_000)
        late = slice(1_000, 1_000 + rows)
        made = learned(x[:1_000], y[:1_000], x[late], y[late], 0.01, replace(LONG, model=model))
        said, came = probability(made, x[3_000:]), (y[3_000:] > 0.01).astype(np.float64)
        errors.append(calibration_error(said, came))
        spreads.append(said.std())
    # Ten bins of 200 rows: a perfect forecast errs by some 0.8 × 0.5 / sqrt(200) = 0.03 by chance alone.
    assert np.mean(errors) < 0.06
    assert np.mean(spreads) > 0.1, "it says the same of every row: calibration alone is no skill"


def test_where_nothing_can_be_learned_the_rate_is_said() -> None:
    x, _ = drawn(1, 300)
    for y in (np.full(300, 1.0), np.full(300, -1.0)):
        made = learned(x[:200], y[:200], x[200:], y[200:], 0.01, SHORT)
        said = probability(made, x)
        assert made.classifier is None
        assert len(set(said.tolist())) == 1
        assert MOST_CERTAIN <= said[0] <= 1.0 - MOST_CERTAIN


def test_odds_that_order_later_rows_the_wrong_way_round_are_not_turned_round_but_dropped() -> None:
    x, y = drawn(2, 600, strength=0.2)
    made = learned(x[:300], y[:300], x[300:], -y[300:], 0.0, SHORT)
    assert made.classifier is None
    assert made.rate == pytest.approx(0.5, abs=0.1)


def test_few_stretches_say_little_whatever_the_number_of_rows() -> None:
    x, y = drawn(5, 1_000, strength=0.2)
    far = []
    for params in (SHORT, LONG):
        made = learned(x[:500], y[:500], x[500:], y[500:], 0.0, params)
        far.append(np.abs(probability(made, x) - 0.5))
    assert SHORT.stretches == pytest.approx(0.25 * 22 / 2)
    np.testing.assert_allclose(far[0], far[1] * (2.75 / 4.75) / (LONG.stretches / (LONG.stretches + 2.0)), rtol=1e-9)
    assert far[1].max() > 0.45
    assert far[0].max() < 0.3


@pytest.mark.parametrize("rows", [200, ISOTONIC_ROWS])
def test_more_odds_never_mean_less_probability(rows: int) -> None:
    random = np.random.default_rng(3)
    odds = random.normal(size=rows)
    curve = curve_of(odds, (random.random(rows) < 1.0 / (1.0 + np.exp(-2.0 * odds))).astype(np.float64))
    said = mapped(curve, np.linspace(-9.0, 9.0, 400))
    assert (np.diff(said) >= 0.0).all()
    assert said[-1] > 0.7
    assert said[0] < 0.3


def test_the_error_is_zero_for_the_truth_and_half_for_the_opposite() -> None:
    hit = np.array([0.0] * 50 + [1.0] * 50)
    assert calibration_error(hit, hit) == 0.0
    assert calibration_error(1.0 - hit, hit) == pytest.approx(1.0)
    assert calibration_error(np.full(100, 0.5), hit, bins=1) == 0.0
    assert np.isnan(calibration_error(np.array([np.nan]), np.array([1.0])))


@pytest.mark.parametrize("model", MODELS)
def test_a_row_s_probability_does_not_depend_on_the_rows_beside_it(model: ModelName) -> None:
    x, y = drawn(4, 900)
    made = learned(x[:500], y[:500], x[500:700], y[500:700], 0.0, replace(SHORT, model=model))
    whole = probability(made, x[700:])
    for row in (0, 7, 199):
        np.testing.assert_array_equal(probability(made, x[700 + row : 701 + row]), whole[row : row + 1])
