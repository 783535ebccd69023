"""Rolling intervals: exact on small numbers, blind to the future, and nearer to their promise when markets change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bot.core.panel import Panel
from bot.scoring import ScorerParams, score_panel
from bot.scoring.conformal import HALF_LIVES, order_of, radius_of, rolling_radii
from bot.scoring.labels import labels
from bot.scoring.skill import covered_share
from tests.scoring.test_features import panel_of
from tests.strategies.properties import DAY

MEMORY = 40 * DAY


@given(st.integers(1, 500), st.floats(0.05, 0.95))
def test_the_order_is_the_finite_sample_correction(rows: int, coverage: float) -> None:
    order = order_of(rows, coverage)
    assert order >= (rows + 1) * coverage
    assert order - 1 < (rows + 1) * coverage


def test_the_radius_is_one_of_the_misses() -> None:
    assert radius_of(np.arange(9.0)[::-1], 0.8) == 7.0  # the eighth of nine


def test_old_misses_weigh_half_as_much_after_each_half_life() -> None:
    at = DAY * np.array([0, 10], dtype=np.int64)  # one half-life of ten days apart
    assert MEMORY / HALF_LIVES == 10 * DAY
    missed = np.array([[5.0] * 4, [1.0] * 4])
    # Weights: 4 × 1/2 of the large, 4 × 1 of the small, and the row's own 1: 7 in all.
    for coverage, expected in ((4.0 / 7 - 0.01, 1.0), (4.0 / 7 + 0.01, 5.0)):
        (found,) = rolling_radii(at, at, missed, at[-1:], coverage, MEMORY, 8)
        assert found == expected


def test_what_is_not_known_yet_or_forgotten_or_too_little_says_nothing() -> None:
    at = DAY * np.arange(60, dtype=np.int64)
    missed = np.arange(60.0)[:, None]
    known_at = at + 7 * DAY
    found = rolling_radii(at, known_at, missed, at, 0.5, MEMORY, 10)
    assert np.isnan(found[:16]).all()  # the tenth is known at day 16
    assert np.isfinite(found[16:]).all()
    changed = missed.copy()
    changed[53:] = 1e9  # known after day 59
    np.testing.assert_array_equal(rolling_radii(at, known_at, changed, at, 0.5, MEMORY, 10), found)
    changed = missed.copy()
    changed[:20] = 1e9  # older than the memory of day 59
    assert rolling_radii(at, known_at, changed, at, 0.5, MEMORY, 10)[-1] == found[-1]


def waking(seed: int) -> Panel:
    """Random walks that turn three times as wild for good, and back."""
    random = np.random.default_rng(seed)
    wild = np.where((np.arange(500) // 125) % 2, 0.09, 0.03)
    return panel_of(np.exp(np.cumsum(random.normal(0.0, 1.0, (500, 8)) * wild[:, None], axis=0)))


def test_rolling_intervals_hold_nearer_to_their_promise_through_changes_of_volatility() -> None:
    plain = ScorerParams(horizon=2 * DAY, train=60 * DAY, refit=28 * DAY, embargo=0, bar_seconds=DAY)
    rolling = replace(plain, interval="rolling", target="risk_adjusted")
    worst = {plain: 0.0, rolling: 0.0}
    for params in worst:
        for part in (slice(125, 250), slice(250, 375), slice(375, 500)):
            shares = []
            for seed in range(4):
                panel = waking(seed)
                scores, truth = score_panel(panel, params), labels(panel, params.horizon)
                returns = np.full_like(truth.returns, np.nan)
                returns[part] = truth.returns[part]
                shares.append(covered_share(scores, replace(truth, returns=returns)))
            worst[params] = max(worst[params], abs(float(np.mean(shares)) - 0.8))
    assert worst[rolling] < 0.06
    assert worst[plain] > worst[rolling]
