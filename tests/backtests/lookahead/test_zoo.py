"""Every planted leak is found where it was planted, and nothing is found where none was."""

from __future__ import annotations

import pytest

from backtests.lookahead.detectors import examine
from tests.backtests.lookahead.planting import Leak
from tests.backtests.lookahead.zoo import ZOO

# Tried every time: one of each kind. The others are variations, for the long runs.
EVERY_TIME = (
    "scaled_over_the_whole_sample",
    "smoothed_on_both_sides",
    "labels_that_are_said_to_be_known_at_once",
    "features_selected_over_the_whole_sample",
    "calibrated_over_the_whole_sample",
    "labels_that_overlap_the_fit",
    "no_embargo",
    "labels_that_overlap_across_folds",
    "an_interval_set_by_the_returns_of_the_whole_sample",
    "predictions_standardised_over_the_batch",
    "a_universe_of_survivors",
    "revised_values_under_their_first_date",
    "known_when_observed_not_when_published",
    "bars_stamped_with_their_open",
    "a_strategy_that_buys_what_will_rise",
    "pools_as_deep_as_their_later_volume",
    "fills_at_the_price_before_the_bar_that_decided",
    "trades_that_will_lose_are_left_out",
    "one_asset_stamped_a_day_early",
    "a_signal_dated_a_day_before_the_moves_that_it_answers",
)
LEAKS = [pytest.param(ZOO[name], id=name) for name in EVERY_TIME]
LEAKS += [pytest.param(leak, id=name, marks=pytest.mark.deep) for name, leak in ZOO.items() if name not in EVERY_TIME]


def test_the_zoo_is_as_large_as_it_should_be() -> None:
    assert len(ZOO) >= 31
    stages = {leak.stage for leak in ZOO.values()}
    assert stages == {"panel", "features", "labels", "training", "models", "scores", "targets", "costs", "fills"}


@pytest.mark.parametrize("leak", LEAKS)
def test_a_planted_leak_is_found_where_it_was_planted(leak: Leak) -> None:
    case, pipeline = leak.plant()
    found = examine(case, pipeline, cuts=1).findings
    fitting = [finding for finding in found if finding.stage == leak.stage and finding.name.startswith(leak.name)]
    assert fitting, f"found instead: {[str(finding) for finding in found]}"
    assert leak.detectors <= {name for finding in fitting for name in (finding.detector, *finding.also)}
    if leak.venue:
        assert {finding.venue for finding in fitting} == {leak.venue}
    for finding in fitting:
        assert case.first - 80 * 86_400 <= finding.row <= case.last
        assert finding.rows >= 1
        assert finding.difference != 0.0
