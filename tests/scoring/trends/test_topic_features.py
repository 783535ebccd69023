"""Features of topics: causal to the bit, indifferent to the order of topics, and hard to move by one false answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.topic_panel import TopicPanel
from bot.errors import DataError
from bot.scoring.trends.features import FEATURES, LOOKBACK_DAYS, topic_features
from bot.scoring.trends.growth import MOST
from tests.scoring.trends.made_topics import DAY, SHORT, made_panel, reordered, tampered, until, with_unborn

NAMES = [feature.name for feature in FEATURES]
GROWTHS = [name for name in NAMES if name.startswith("growth_") and name[-1] == "d"]


def column(panel: TopicPanel, name: str) -> np.ndarray:
    return topic_features(panel, SHORT)[1][:, :, NAMES.index(name)]


def steady(rows: int = 60, rate: float = 0.01, level: float = 1e6, topics: int = 30) -> TopicPanel:
    """Topics so large that whole stars do not matter, all growing by `rate` log units a day."""
    panel = made_panel(1, rows, topics)
    stars = np.broadcast_to(level * np.exp(rate * np.arange(rows))[:, None], (rows, topics)).copy()
    observed = np.broadcast_to(panel.times[:, None].astype(np.float64), stars.shape).copy()
    return replace(panel, levels={"stars": stars, "observed:stars": observed}, born=np.full(topics, -1))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), cut=st.integers(5, 59))
def test_nothing_later_changes_a_feature(seed: int, cut: int) -> None:
    panel = made_panel(seed, 60, 25)
    whole = topic_features(panel, SHORT)[1][:cut]
    np.testing.assert_array_equal(topic_features(until(panel, cut), SHORT)[1], whole)
    np.testing.assert_array_equal(topic_features(tampered(panel, cut, seed), SHORT)[1][:cut], whole)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_order_of_topics_and_topics_yet_unborn_change_no_bit(seed: int) -> None:
    panel = made_panel(seed, 50, 30)
    whole = topic_features(panel, SHORT)[1]
    order = np.random.default_rng(seed).permutation(30)
    np.testing.assert_array_equal(topic_features(reordered(panel, order), SHORT)[1], whole[:, order])
    np.testing.assert_array_equal(topic_features(with_unborn(panel, 77), SHORT)[1][:, 77:], whole)


def test_a_row_depends_on_no_more_than_the_stated_lookback() -> None:
    panel = made_panel(3, LOOKBACK_DAYS + 30, 20)
    late = {name: values[20:].copy() for name, values in panel.levels.items()}
    part = TopicPanel(panel.times[20:].copy(), panel.topics, late, panel.born)
    whole = topic_features(panel, SHORT)[1]
    np.testing.assert_array_equal(topic_features(part, SHORT)[1][LOOKBACK_DAYS:], whole[20 + LOOKBACK_DAYS :])


def test_steady_growth_is_measured_over_the_time_that_it_took() -> None:
    panel = steady()
    gone = {name: values.copy() for name, values in panel.levels.items()}
    for name in gone:  # a gap of five days: the newest known level is carried, and is as old as it says
        gone[name][40:45] = gone[name][39]
    for name, days in (("growth_7d", 7), ("growth_14d", 14), ("growth_28d", 28)):
        np.testing.assert_allclose(column(replace(panel, levels=gone), name)[46:], 0.01 * days, rtol=1e-3)
        np.testing.assert_allclose(column(panel, name)[46:], 0.01 * days, rtol=1e-3)


def test_a_level_that_was_not_heard_of_for_long_has_no_features() -> None:
    panel = steady()
    quiet = {name: values.copy() for name, values in panel.levels.items()}
    for name in quiet:
        quiet[name][30:, 0] = quiet[name][29, 0]
    values = topic_features(replace(panel, levels=quiet), SHORT)[1][:, 0]
    assert np.isfinite(values[36]).any()  # a week old
    assert np.isnan(values[37:]).all()


@settings(max_examples=40, deadline=None)
@given(factor=st.floats(1.0, 1e6), at=st.integers(45, 58), topic=st.integers(0, 29), seed=st.integers(0, 999))
def test_one_false_answer_moves_growth_by_no_more_than_the_stated_cap(
    factor: float, at: int, topic: int, seed: int
) -> None:
    panel = made_panel(seed, 60, 30)
    struck = {name: values.copy() for name, values in panel.levels.items()}
    struck["stars"][at, topic] = np.floor(struck["stars"][at, topic] * factor)
    false = replace(panel, levels=struck)
    for name in GROWTHS:
        clean, moved = column(panel, name), column(false, name)
        known = np.isfinite(clean) & np.isfinite(moved)
        # A span may be scaled to twice itself where less of it was seen.
        assert np.abs(moved - clean)[known].max(initial=0.0) <= 4 * MOST
        assert np.abs(moved - clean)[at, topic] <= 2 * MOST or np.isnan(clean[at, topic])


def test_a_level_times_fifty_for_a_day_is_all_but_forgotten_the_day_after() -> None:
    panel = steady()
    struck = {name: values.copy() for name, values in panel.levels.items()}
    struck["stars"][50, 3] *= 50.0
    clean, moved = (column(each, "growth_7d")[:, 3] for each in (panel, replace(panel, levels=struck)))
    assert 0.05 < moved[50] - clean[50] <= MOST
    # The growth of the two days is lost; the rest is that a day's bound differs a little from that of the day before.
    np.testing.assert_allclose(moved[51:57], clean[51:57], atol=0.035)


def test_a_star_farm_moves_the_usual_of_the_others_by_next_to_nothing() -> None:
    panel = made_panel(9, 60, 400)
    struck = {name: values.copy() for name, values in panel.levels.items()}
    struck["stars"][50, 3] *= 50.0
    others = np.arange(400) != 3
    clean, moved = (column(each, "growth_28d")[:, others] for each in (panel, replace(panel, levels=struck)))
    assert np.nanmax(np.abs(moved - clean)) < 0.01


def test_age_is_unknown_where_a_topic_was_there_on_the_first_day() -> None:
    panel = made_panel(4, 60, 30)
    age = column(panel, "age")
    assert np.isnan(age[:, panel.born < 0]).all()
    late = np.flatnonzero(panel.born > 0)
    known = np.isfinite(panel.levels["stars"][:, late])
    expected = (panel.times[:, None] - panel.born[late]) / DAY
    np.testing.assert_array_equal(age[:, late][known], expected[known])


def test_kin_are_the_other_topics_of_the_same_owner() -> None:
    panel = steady(topics=4)
    names = ("ann/one", "ann/two", "bob/one", "cay")
    levels = {name: values.copy() for name, values in panel.levels.items()}
    levels["stars"][:, 1] = 95.0
    kin = column(replace(panel, topics=names, levels=levels), "kin_size")
    np.testing.assert_allclose(kin[30], np.log([100.0, np.rint(levels["stars"][30, 0]) + 5.0, 5.0, 5.0]))


def test_agreement_is_the_rank_of_the_same_topic_elsewhere() -> None:
    panel = made_panel(5, 60, 30)
    beside = {f"{name.replace('stars', 'downloads')}": values.copy() for name, values in panel.levels.items()}
    both = replace(panel, levels={**panel.levels, **beside})
    x = topic_features(both, replace(SHORT, beside=("downloads",)))[1]
    np.testing.assert_array_equal(x[:, :, NAMES.index("agreement")], x[:, :, NAMES.index("growth_7d:rank")])


def test_a_series_that_is_not_there_is_named() -> None:
    with pytest.raises(DataError, match="downloads: series is not there"):
        topic_features(made_panel(1, 20, 12), replace(SHORT, beside=("downloads",)))


def test_every_feature_has_words_of_its_own() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert all(feature.formula and feature.unit and feature.why for feature in FEATURES)
    assert all(0 <= feature.lookback_days <= LOOKBACK_DAYS for feature in FEATURES)
