"""The figures of a manifest against ones that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.score import Scores
from bot.scoring.labels import Labels
from bot.scoring.registry.metrics import area_under_curve, asset_metrics, reliability, topic_metrics

DAY = 86_400


def test_rank_correlation_and_coverage_of_scores_that_are_half_right() -> None:
    days, venues = 40, 5
    times = np.arange(days, dtype=np.int64) * DAY
    came = np.tile(np.linspace(-0.2, 0.2, venues), (days, 1))
    expected = np.where((np.arange(days) // 10 % 2 == 0)[:, None], came, -came)
    scores = Scores(expected, expected - 0.15, expected + 0.15, ("m",) * days)
    found = asset_metrics(scores, Labels(came, times + 10 * DAY), times, 10 * DAY)["walk_forward"]
    assert found["rank_correlation"]["value"] == pytest.approx(0.0, abs=1e-12)
    assert found["rank_correlation"]["independent"] == 4
    assert found["rank_correlation"]["low"] < -1.0 < 1.0 < found["rank_correlation"]["high"]
    # Turned round, only the venue in the middle is within 0.15 of what came.
    assert found["coverage"]["value"] == pytest.approx((1.0 + 0.2) / 2)
    assert found["scored"] == days * venues


def test_nothing_known_is_no_figure() -> None:
    times = np.arange(3, dtype=np.int64) * DAY
    empty = np.full((3, 4), np.nan)
    found = asset_metrics(Scores(empty, empty, empty, ("",) * 3), Labels(empty, times), times, DAY)["walk_forward"]
    assert found["rank_correlation"] == {"value": None, "low": None, "high": None, "independent": 0}
    assert found["calibration"] == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=30))
def test_the_area_is_the_share_of_pairs_in_order(pairs: list[tuple[int, bool]]) -> None:
    said, hit = np.array([float(one) for one, _ in pairs]), np.array([float(other) for _, other in pairs])
    hits, misses = said[hit == 1.0], said[hit == 0.0]
    area = area_under_curve(said, hit)
    if not len(hits) or not len(misses):
        assert area is None
        return
    wins = [1.0 if high > low else 0.5 if high == low else 0.0 for high in hits for low in misses]
    assert area == pytest.approx(np.mean(wins))


def test_the_interval_of_the_area_is_over_topics_and_holds_the_area() -> None:
    draws = np.random.default_rng(1)
    topic = np.repeat(np.arange(60), 5).astype(np.int64)
    skill = np.repeat(draws.normal(size=60), 5)
    top = (skill + draws.normal(size=300) > 1.0).astype(float)
    said = 1.0 / (1.0 + np.exp(-skill))
    inside = {0.8: draws.random(300) < 0.8}
    found = topic_metrics(said, top, inside, topic, 0)["out_of_time"]
    area = found["area_under_curve"]
    assert area["low"] < area["value"] < area["high"]
    alone = topic_metrics(said, top, inside, np.arange(300), 0)["out_of_time"]["area_under_curve"]
    assert area["high"] - area["low"] > alone["high"] - alone["low"]  # five rows of a topic are not five topics
    assert area["independent"] == 60
    held = found["coverage"]["0.8"]
    assert held["low"] < held["value"] == np.mean(inside[0.8]) < held["high"]
    assert topic_metrics(said, top, inside, topic, 0)["out_of_time"] == found


def test_bins_hold_equal_numbers_in_order_of_what_was_said() -> None:
    said = np.arange(25.0)[::-1]
    bins = reliability(said, said * 2)
    assert [each["rows"] for each in bins] == [3] * 5 + [2] * 5
    assert bins[0] == {"said": 1.0, "came": 2.0, "rows": 3}
