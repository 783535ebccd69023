"""The evidence's checks must themselves be able to fail: uniform where nothing is, the formula's power where it is."""

from __future__ import annotations

import numpy as np
import pytest

from backtests.returns.power import dealt_means, least_found, nothing, planted_power, predicted_power
from tests.backtests.returns.test_association import market


def test_shuffled_targets_give_uniform_p_values() -> None:
    feature, returns = market(1, rows=120)
    found = nothing("noise", feature, returns, 7, seed=2, trials=80, shuffles=39)
    assert found.p > 0.01
    assert found.distance < 0.19  # the 1 % bound of 80 draws is 1.63 / sqrt(80)
    assert found.below < 0.15
    assert found.intervals_missed < 0.2


def test_p_values_that_are_not_uniform_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    feature, returns = market(1, rows=120)
    monkeypatch.setattr("backtests.returns.power.shuffled_means", lambda *_: np.full(39, 0.001))
    found = nothing("sure of itself", feature, returns, 7, seed=2, trials=40, shuffles=39)
    assert found.p < 1e-6
    assert found.below > 0.5


@pytest.mark.parametrize("correlation", [0.0, 0.1, 0.2])
def test_what_was_planted_is_found_as_often_as_the_formula_says(correlation: float) -> None:
    returns = market(3, rows=35 * 7, tokens=12)[1]
    found = planted_power(returns, 7, correlation, seed=4, trials=120, shuffles=99)
    assert (found.rows, found.tokens) == (35, 12)
    assert found.predicted == predicted_power(correlation, 35, 12)
    assert abs(found.found - found.predicted) < 3.0 * max(found.error, 0.02)


def test_the_formula_says_five_in_a_hundred_for_nothing_and_is_undone_by_its_inverse() -> None:
    assert predicted_power(0.0, 50, 10) == pytest.approx(0.05)
    for rows, tokens in ((30, 20), (200, 6)):
        assert predicted_power(least_found(rows, tokens), rows, tokens) == pytest.approx(0.8, abs=1e-6)
    assert predicted_power(0.2, 50, 10) == predicted_power(-0.2, 50, 10)


def test_tokens_that_come_late_are_left_out_of_the_planting() -> None:
    returns = market(5, rows=140, tokens=9)[1]
    returns[:70, 3] = np.nan
    returns[-7:] = np.nan  # labels that are not known yet
    found = planted_power(returns, 7, 0.1, seed=1, trials=5, shuffles=9)
    assert (found.rows, found.tokens) == (19, 8)


def test_dealing_a_row_anew_spreads_as_independent_ranks_do() -> None:
    feature, returns = market(6, rows=30, tokens=10)
    means = dealt_means(feature, returns, seed=1, shuffles=2_000)
    assert abs(means.mean()) < 0.005
    assert means.std() == pytest.approx(1.0 / np.sqrt(30 * 9), rel=0.1)
