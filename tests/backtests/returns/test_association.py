"""Rank correlations with intervals, p-values by randomisation, and corrections for asking often: exact and honest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtests.returns.association import (
    LEAST_MOVE,
    Finding,
    family,
    finding,
    interval,
    mean_correlation,
    p_value,
    shuffled,
    shuffled_means,
)
from bot.core.panel import Floats


def market(seed: int, rows: int = 200, tokens: int = 8, relation: float = 0.0) -> tuple[Floats, Floats]:
    """A feature and returns, idle in front; `relation` of the feature is in the returns."""
    random = np.random.default_rng(seed)
    feature, noise = random.normal(size=(2, rows, tokens + 1))
    returns = relation * feature + noise + random.normal(size=(rows, 1))
    feature[:, 0] = returns[:, 0] = np.nan
    return feature, returns


def test_a_relation_is_found_and_its_absence_is_not() -> None:
    strong = finding("strong", *market(1, relation=0.5), horizon=7, seed=1, shuffles=99)
    weak = finding("none", *market(2), horizon=7, seed=1, shuffles=99)
    assert strong.p == 0.01
    assert 0.2 < strong.low < strong.mean < strong.high < 0.7
    assert weak.p > 0.05
    assert weak.low < 0.0 < weak.high


def test_the_same_seed_says_the_same_and_another_does_not() -> None:
    feature, returns = market(3)
    first, again = (finding("x", feature, returns, 7, seed=5, shuffles=49) for _ in range(2))
    assert first == again
    assert finding("x", feature, returns, 7, seed=6, shuffles=49).low != first.low


def test_too_few_days_are_refused_by_name() -> None:
    feature, returns = market(4, rows=80)
    feature[20:] = np.nan
    with pytest.raises(ValueError, match="stars: 20 days can be ranked, at least 21"):
        finding("stars", feature, returns, 7, seed=1)


def test_shuffling_keeps_every_row_s_returns_together_and_moves_them_far() -> None:
    returns = np.arange(100.0)[:, None] * 100 + np.arange(5.0)
    random = np.random.default_rng(0)
    for _ in range(20):
        found = shuffled(returns, random)
        np.testing.assert_array_equal(found[:, 0] % 100, 0.0)  # idle stays
        rows = found[:, 0] // 100
        np.testing.assert_array_equal(np.sort(found - found[:, :1], axis=1), np.tile(np.arange(5.0), (100, 1)))
        moved = (np.arange(100) - rows) % 100
        assert len(set(moved.tolist())) == 1
        assert LEAST_MOVE <= moved[0] <= 100 - LEAST_MOVE


def test_an_interval_of_dependent_days_is_wider_than_of_independent_ones() -> None:
    random = np.random.default_rng(1)
    alone = random.normal(size=400)
    together = np.repeat(random.normal(size=40), 10)
    widths = [np.ptp(interval(series, 14.0, seed=1)) for series in (alone, together)]
    assert widths[1] > 2.0 * widths[0]
    assert widths[0] == pytest.approx(2 * 1.96 / 20, rel=0.35)


@given(st.lists(st.floats(0.001, 1.0), min_size=1, max_size=12))
def test_corrections_are_those_of_their_definitions(values: list[float]) -> None:
    found = family([Finding(str(place), 1, 0.0, 0.0, 0.0, p) for place, p in enumerate(values)])
    order = sorted(range(len(values)), key=lambda place: (values[place], place))
    count = len(values)
    for rank, place in enumerate(order):
        holm = max(min(1.0, (count - k) * values[order[k]]) for k in range(rank + 1))
        hochberg = min(min(1.0, count / (k + 1) * values[order[k]]) for k in range(rank, count))
        assert found[place].holm == pytest.approx(holm)
        assert found[place].hochberg == pytest.approx(hochberg)
        assert values[place] <= found[place].hochberg + 1e-12 <= found[place].holm + 2e-12


def test_p_values_count_the_one_seen_and_both_sides() -> None:
    chance = np.array([0.1, -0.3, 0.2, np.nan])
    assert p_value(0.25, chance) == 2 / 4
    assert p_value(-0.25, chance) == 2 / 4
    assert p_value(0.5, chance) == 1 / 4
    assert p_value(0.0, chance) == 1.0


def test_chance_is_centred_on_nothing() -> None:
    feature, returns = market(7, relation=0.5)
    means = shuffled_means(feature, returns, seed=3, shuffles=60)
    assert abs(means.mean()) < 0.02
    assert mean_correlation(feature, returns) > np.abs(means).max()
