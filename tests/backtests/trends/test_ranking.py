"""Areas under the curve, and intervals of their difference that know about repositories."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from backtests.trends.ranking import areas, difference


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), topics=st.integers(4, 60), levels=st.integers(2, 40))
def test_areas_are_those_of_scikit_learn_with_ties_gaps_and_weights(seed: int, topics: int, levels: int) -> None:
    random = np.random.default_rng(seed)
    score = random.integers(0, levels, (1, topics)).astype(np.float64)
    top = (random.random((1, topics)) < 0.4).astype(np.float64)
    top[0, :2] = 0.0, 1.0
    score[0, 3] = np.nan
    known = np.isfinite(score[0])
    assert areas(score, top)[0] == pytest.approx(roc_auc_score(top[0, known], score[0, known]))
    weight = random.integers(0, 4, (3, topics)).astype(np.float64)
    weight[:, :2] = 1.0
    for drawn, found in zip(weight, areas(score, top, weight)[:, 0], strict=True):
        expected = roc_auc_score(top[0, known], score[0, known], sample_weight=drawn[known])
        assert found == pytest.approx(expected)


def test_a_date_with_one_side_only_has_no_area() -> None:
    assert np.isnan(areas(np.ones((1, 3)), np.zeros((1, 3)))[0])


def world(seed: int, skill: float, topics: int = 300, dates: int = 8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores of a contender and of a rival, and the truth: each repository stays what it is on all dates."""
    random = np.random.default_rng(seed)
    quality, noise, other = (random.normal(size=topics) for _ in range(3))
    top = np.broadcast_to((quality >= np.quantile(quality, 0.9)).astype(np.float64), (dates, topics))
    contender = np.broadcast_to(quality * skill + noise, (dates, topics))
    return contender, np.broadcast_to(quality + other, (dates, topics)), top


def test_a_better_ranking_is_told_and_an_equal_one_is_not() -> None:
    cluster = np.arange(300)
    contender, rival, top = world(1, 4.0)
    found = difference(contender, rival, top, cluster, 7, 400)
    assert found.low > 0.0
    assert found.told == "better"
    assert difference(rival, contender, top, cluster, 7, 400).told == "worse"
    same = difference(rival, rival, top, cluster, 7, 400)
    assert (same.mean, same.low, same.high, same.told) == (0.0, 0.0, 0.0, "no improvement")


def test_equal_skill_is_called_better_about_as_often_as_the_interval_allows() -> None:
    told = [difference(*world(seed, 1.0), np.arange(300), seed, 200).told for seed in range(60)]
    assert told.count("better") <= 6  # 2.5 % expected; dates are no new evidence, or it would be half
    assert told.count("worse") <= 6


def test_more_dates_of_the_same_repositories_narrow_nothing() -> None:
    few, many = (difference(*world(3, 2.0, dates=dates), np.arange(300), 7, 400) for dates in (2, 40))
    assert few.high - few.low == pytest.approx(many.high - many.low, rel=1e-9)


def test_a_cluster_is_drawn_as_a_whole() -> None:
    contender, rival, top = world(4, 2.0)
    twins = [np.repeat(each, 2, axis=1) for each in (contender, rival, top)]
    whole = difference(*twins, np.repeat(np.arange(300), 2), 7, 400)
    apart = difference(contender, rival, top, np.arange(300), 7, 400)
    assert (whole.low, whole.high) == pytest.approx((apart.low, apart.high))


def test_the_same_seed_gives_the_same_interval() -> None:
    one, other = (difference(*world(5, 2.0), np.arange(300), 11, 300) for _ in range(2))
    assert one == other
