"""Labels and their purge: exact to the second."""

from __future__ import annotations

import numpy as np
import pytest

from bot.core.panel import Panel
from bot.scoring.labels import labels, purged
from tests.scoring.test_features import START, panel_of
from tests.strategies.properties import DAY


def test_a_label_is_the_simple_return_over_the_horizon_and_known_when_it_ends() -> None:
    found = labels(panel_of(np.array([[1.0, 2.0], [2.0, np.nan], [3.0, 1.0], [5.0, 8.0]])), 2 * DAY)
    np.testing.assert_allclose(found.returns[:, 1:], [[2.0, -0.5], [1.5, np.nan], [np.nan] * 2, [np.nan] * 2])
    assert np.isnan(found.returns[:, 0]).all()
    np.testing.assert_array_equal(found.known_at, START + DAY * np.arange(2, 6))


def test_a_label_whose_last_bar_is_missing_is_unknown() -> None:
    panel = panel_of(np.array([[1.0], [2.0], [3.0], [5.0]]))
    holed = Panel(panel.times[[0, 1, 3]], panel.venues, {k: v[[0, 1, 3]] for k, v in panel.fields.items()})
    np.testing.assert_allclose(labels(holed, 2 * DAY).returns[:, 1], [np.nan, 1.5, np.nan])


def test_prices_at_the_ends_of_float64_give_finite_labels_or_none() -> None:
    panel = panel_of(np.array([[1e-308, 1e308, 0.0], [1e308, 1e-308, 1.0]]))
    np.testing.assert_array_equal(labels(panel, DAY).returns[0, 1:], [np.nan, -1.0, np.nan])


@pytest.mark.parametrize(("late", "kept"), [(-1, True), (0, True), (1, False)])
def test_a_label_is_purged_from_the_second_in_which_its_embargo_is_broken(late: int, kept: bool) -> None:
    known_at = np.array([1_000_000 + late])
    assert purged(known_at, fit_time=1_000_300, embargo=300).tolist() == [kept]
