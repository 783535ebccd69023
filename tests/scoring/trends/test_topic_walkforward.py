"""Scores of topics: each row from its own past, the same bits for the same data, and skill only where there is any."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.trends.ranking import areas
from bot.errors import ConfigError
from bot.scoring.trends.features import topic_features
from bot.scoring.trends.labels import sampled, top_share, topic_labels
from bot.scoring.trends.model import TopicModel
from bot.scoring.trends.params import TopicModelName, TopicParams
from bot.scoring.trends.scores import TopicScores
from bot.scoring.trends.training import calibration_start, learnable, training_of
from bot.scoring.trends.walkforward import score_learnable, score_topics
from tests.scoring.trends.made_topics import DAY, SHORT, START, made_panel, reordered, tampered, until, with_unborn

MODELS: list[TopicModelName] = ["stack", "hist_gradient_boosting", "logistic"]


def arrays(scores: TopicScores) -> list[np.ndarray]:
    return [scores.probability, scores.expected, *scores.low.values(), *scores.high.values()]


def assert_same(left: TopicScores, right: TopicScores, rows: int, columns: object = slice(None)) -> None:
    """Bit for bit, in the first rows."""
    for one, other in zip(arrays(left), arrays(right), strict=True):
        np.testing.assert_array_equal(one[:rows], other[:rows, columns])
    assert left.model[:rows] == right.model[:rows]


@pytest.mark.parametrize("model", MODELS)
def test_later_rows_change_no_score(model: TopicModelName) -> None:
    panel, params, cut = made_panel(1, 66), replace(SHORT, model=model), 58
    known = score_topics(until(panel, cut), params)
    assert np.isfinite(known.probability[-1]).sum() > 10
    assert_same(known, score_topics(panel, params), cut)
    assert_same(known, score_topics(tampered(panel, cut, 5), params), cut)


def test_order_of_topics_and_topics_yet_unborn_change_no_bit() -> None:
    panel = made_panel(2, 60)
    whole = score_topics(panel, SHORT)
    assert np.isfinite(whole.probability).any()
    order = np.random.default_rng(2).permutation(len(panel.topics))
    moved = score_topics(reordered(panel, order), SHORT)
    assert_same(moved, whole, len(panel), order)
    assert_same(whole, score_topics(with_unborn(panel, 50), SHORT), len(panel), slice(50, None))


def test_a_cache_and_a_late_first_row_change_no_bit() -> None:
    panel, cache = made_panel(3, 66), dict[int, TopicModel]()
    whole = score_topics(panel, SHORT, cache)
    kept = dict(cache)
    again = score_topics(panel, SHORT, cache)
    assert_same(whole, again, len(panel))
    assert all(cache[time] is kept[time] for time in kept)
    late = score_topics(panel, SHORT, None, first=61)
    assert np.isnan(late.probability[:61]).all()
    assert set(late.model[:61]) == {""}
    np.testing.assert_array_equal(late.probability[61:], whole.probability[61:])


def test_a_cached_model_of_other_data_is_not_used() -> None:
    cache = dict[int, TopicModel]()
    score_topics(made_panel(4, 60), SHORT, cache)
    fresh = score_topics(made_panel(5, 60), SHORT)
    assert_same(score_topics(made_panel(5, 60), SHORT, cache), fresh, 60)


def test_a_score_does_not_depend_on_the_topics_beside_it_once_features_are_made() -> None:
    panel = made_panel(6, 60)
    names, x = topic_features(panel, SHORT)
    known = learnable(panel, SHORT, names, x)
    whole = score_learnable(panel, SHORT, known)
    some = np.arange(len(panel.topics)) % 3 == 0
    part = score_learnable(panel, SHORT, known, asked=some)
    np.testing.assert_array_equal(part.probability[:, some], whole.probability[:, some])
    assert np.isnan(part.probability[:, ~some]).all()


@settings(max_examples=40, deadline=None)
@given(horizon=st.integers(2, 40), embargo=st.integers(0, 5), day=st.integers(20, 79), share=st.floats(0.1, 0.6))
def test_every_label_of_a_fit_was_known_by_then(horizon: int, embargo: int, day: int, share: float) -> None:
    panel = made_panel(7, 80, 30)
    params = replace(
        SHORT, horizon=horizon * DAY, embargo=embargo * DAY, calibration=share, least_rows=1, least_calibration_rows=1
    )
    names, x = topic_features(panel, params)
    known, fit_time = learnable(panel, params, names, x), START + day * DAY
    training = training_of(panel, known, fit_time, params)
    blind = learnable(until(panel, day + 1 - embargo), params, names, x[: day + 1 - embargo])
    alone = training_of(until(panel, day + 1 - embargo), blind, fit_time, params)
    assert (training is None) == (alone is None)
    assert training is None or (alone is not None and training.digest == alone.digest)


def test_inner_labels_were_known_before_the_calibration_begins() -> None:
    panel = made_panel(8, 80)
    names, x = topic_features(panel, SHORT)
    fit_time = START + 75 * DAY
    known = learnable(panel, SHORT, names, x)
    training = training_of(panel, known, fit_time, SHORT)
    assert training is not None
    start = calibration_start(fit_time, int(panel.times[0]), SHORT)
    for span, rows in training.inner.items():
        last = start - span - SHORT.embargo
        expected = np.isfinite(known.labels[span].top[panel.times <= last]).sum()
        assert len(rows.top) == expected
    late = (panel.times >= start) & (panel.times <= fit_time - SHORT.gap)
    assert len(training.calibration.top) == np.isfinite(known.labels[SHORT.horizon].top[late]).sum() > 0


def test_lasting_growth_is_found_and_chance_is_not() -> None:
    def mean_area(strength: float) -> float:
        panel = made_panel(10, 80, 150, strength)
        scores, truth = score_topics(panel, SHORT), topic_labels(panel, SHORT)
        return float(np.nanmean(areas(scores.probability, truth.top)))

    assert mean_area(1.0) > 0.9
    assert 0.4 < mean_area(0.0) < 0.68  # small topics still jump further than large ones


def test_intervals_hold_and_probabilities_mean_what_they_say_where_nothing_changes() -> None:
    panel = made_panel(11, 90, 200)
    scores, truth = score_topics(panel, SHORT), topic_labels(panel, SHORT)
    known = np.isfinite(truth.growth) & np.isfinite(scores.expected)
    for coverage in SHORT.coverage:
        low, high = scores.low[coverage], scores.high[coverage]
        assert (low[known] <= scores.expected[known]).all()
        assert (scores.expected[known] <= high[known]).all()
        inside = (truth.growth >= low) & (truth.growth <= high)
        assert inside[known].mean() == pytest.approx(coverage, abs=0.08)
    assert (scores.low[0.9][known] <= scores.low[0.8][known]).all()
    assert scores.probability[known].mean() == pytest.approx(truth.top[known].mean(), abs=0.03)


def test_a_topic_that_fell_out_has_no_label_and_one_that_stands_still_is_never_at_the_top() -> None:
    panel = made_panel(12, 40, 30)
    levels = {name: values.copy() for name, values in panel.levels.items()}
    for name in levels:
        levels[name][20:, 0] = np.nan
    levels["stars"][:, 1:] = 50.0
    truth = topic_labels(replace(panel, levels=levels), SHORT)
    assert np.isnan(truth.growth[12:20, 0]).all()
    assert np.nansum(truth.top[:, 1:]) == 0.0


def test_the_top_share_counts_by_date() -> None:
    growth = np.array([np.arange(20.0), np.where(np.arange(20) < 9, 1.0, np.nan)])
    top = top_share(growth, 0.1)
    assert np.flatnonzero(top[0]).tolist() == [18, 19]
    assert np.isnan(top[1]).all()  # too few for a top share


def test_sampled_rows_are_the_first_of_their_span() -> None:
    times = np.array([8, 9, 10, 14, 20, 35], dtype=np.int64)
    assert sampled(times, 10).tolist() == [True, False, True, False, True, True]


@pytest.mark.parametrize(
    "wrong",
    [{"horizon": 0}, {"top": 1.0}, {"coverage": (0.9, 0.8)}, {"members": (0.5,)}, {"least_level": -1.0}],
)
def test_parameters_of_which_no_model_could_come_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="trends"):
        TopicParams("stars", **wrong)  # type: ignore[arg-type]
