"""The five properties, for every strategy that ships, found by looking."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.panel import Panel
from bot.core.score import Scores
from bot.core.strategy import Strategy, load, shipped
from bot.scoring import ScorerParams, score_panel
from tests.strategies.properties import (
    DAY,
    assert_column_order_does_not_matter,
    assert_enough_lookback,
    assert_future_changes_nothing,
    assert_no_look_ahead,
    assert_valid_weights,
    made_panel,
    panels,
    row_scores,
    weigher,
)

FIRST_FITS = ("idle", "equal_weight")
SHORT = ScorerParams(horizon=2 * DAY, train=25 * DAY, refit=5 * DAY, embargo=DAY, bar_seconds=DAY)
EXAMPLES = settings(max_examples=15, deadline=None)
REFIT_EXAMPLES = settings(max_examples=8, deadline=None)

pytestmark = pytest.mark.parametrize(
    "strategy",
    [load(name, before_first_fit=first) for name in shipped() for first in FIRST_FITS],
    ids=lambda strategy: f"{strategy.name}-{strategy.before_first_fit}",
)


@EXAMPLES
@given(panel=panels())
def test_rows_keep_their_weights_when_later_rows_are_cut_off(strategy: Strategy, panel: Panel) -> None:
    assert_no_look_ahead(weigher(strategy, row_scores), panel)


@EXAMPLES
@given(panel=panels())
def test_lookback_rows_are_enough(strategy: Strategy, panel: Panel) -> None:
    assert len(panel) > strategy.lookback, "the panels are too short to tell"
    assert_enough_lookback(strategy, row_scores, panel)


@EXAMPLES
@given(panel=panels(), data=st.data())
def test_order_of_columns_does_not_matter(strategy: Strategy, panel: Panel, data: st.DataObject) -> None:
    order = ("idle", *data.draw(st.permutations(panel.venues[1:])))
    assert_column_order_does_not_matter(weigher(strategy, row_scores), panel, order)


@EXAMPLES
@given(panel=panels())
def test_weights_are_valid(strategy: Strategy, panel: Panel) -> None:
    assert_valid_weights(weigher(strategy, row_scores), panel)


@EXAMPLES
@given(panel=panels(), cut=st.integers(1, 33), seed=st.integers(0, 999))
def test_tampering_with_the_future_changes_nothing(strategy: Strategy, panel: Panel, cut: int, seed: int) -> None:
    assert_future_changes_nothing(weigher(strategy, row_scores), panel, cut, seed)


def fitted_scores(panel: Panel) -> Scores:
    return score_panel(panel, SHORT)


@REFIT_EXAMPLES
@given(panel=panels(55, 60), cut=st.integers(30, 54), seed=st.integers(0, 999))
def test_tampering_with_the_future_changes_nothing_with_refits_included(
    strategy: Strategy, panel: Panel, cut: int, seed: int
) -> None:
    assert_future_changes_nothing(weigher(strategy, fitted_scores), panel, cut, seed)
    assert_no_look_ahead(weigher(strategy, fitted_scores), panel, prefixes=(cut,))


def test_refits_happen_in_the_panels_of_the_refit_property(strategy: Strategy) -> None:
    scores = fitted_scores(made_panel(seed=1, rows=60, venues=4))
    assert len(set(scores.model) - {""}) >= 5
    if strategy.uses_scores:
        weights = strategy.weights(made_panel(seed=1, rows=60, venues=4), scores)
        assert weights[-1, 0] < 1.0, "the model never moved the strategy"
