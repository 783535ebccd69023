"""Each named state is reached by what it is named for, seldom by anything else, and looks at the past only."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from bot.core.panel import Floats, Panel
from bot.core.score import Scores
from bot.scoring import PanelScorer, ScorerParams, score_panel
from bot.scoring.drift import CHANCE, FEWEST, Evidence, _tail, states_of
from bot.scoring.model import TrainingSet
from tests.scoring.test_features import panel_of
from tests.scoring.test_honesty import PARAMS, synthetic_panel
from tests.strategies.properties import DAY, tampered

WATCHED = replace(PARAMS, on_drift="withhold")
NAMES = ("features drifted", "coverage lost", "ranking reversed", "regime changed")


def states(panel: Panel, params: ScorerParams = WATCHED) -> tuple[str, ...]:
    return score_panel(panel, params).states


def share(found: tuple[str, ...], name: str, begin: int = 0) -> float:
    return float(np.mean([name in words for words in found[begin:]]))


def changed(panel: Panel, name: str, begin: int, values: Floats) -> Panel:
    """The panel with a field multiplied by `values` (rows behind `begin`, N)."""
    fields = {key: field.copy() for key, field in panel.fields.items()}
    fields[name][begin:] *= values
    return replace(panel, times=panel.times.copy(), fields=fields)


def test_markets_where_nothing_drifted_are_left_alone() -> None:
    """Six markets of 400 days, with and without a relation: measured 0.3 % of scored days; a bound of 3 %."""
    alarms, scored = 0, 0
    for seed in range(6):
        scores = score_panel(synthetic_panel(seed, float(seed % 2)), WATCHED)
        spoke = np.array([bool(digest) for digest in scores.model])
        alarms += int(np.count_nonzero(scores.drifted))
        scored += int(np.count_nonzero(spoke))
        assert not scores.drifted[~spoke].any(), "where no model speaks there is nothing to withhold"
    assert scored > 1_500
    assert alarms / scored < 0.03


@pytest.mark.parametrize("factor", [6.0, 0.1])
def test_a_market_that_wakes_up_or_freezes_is_a_change_of_regime(factor: float) -> None:
    panel = synthetic_panel(3, 0.0)
    steps = np.diff(np.log(panel.close), axis=0)
    steps[320:] *= factor  # fits are at rows 316 and 344
    close = np.exp(np.vstack([np.log(panel.close[:1]), np.log(panel.close[0]) + np.cumsum(steps, axis=0)]))
    woken = replace(panel, times=panel.times.copy(), fields={**panel.fields, "close": close})
    found = states(woken)
    assert share(found[:320], "regime changed") == 0.0
    assert share(found[328:344], "regime changed") > 0.4


def test_a_source_that_dies_is_features_that_drifted() -> None:
    panel = synthetic_panel(4, 1.0)
    (signal,) = panel.signals
    found = states(changed(panel, signal, 320, np.full((len(panel) - 320, panel.close.shape[1]), np.nan)))
    assert share(found[:320], "features drifted") < 0.02
    assert share(found[330:344], "features drifted") == 1.0, "a week after the silence began, until the next fit"


def test_a_source_that_runs_away_is_features_that_drifted() -> None:
    panel = synthetic_panel(4, 1.0)
    (signal,) = panel.signals
    growing = np.exp(0.1 * np.arange(len(panel) - 320))[:, None] * np.ones(panel.close.shape[1])
    assert share(states(changed(panel, signal, 320, growing))[328:344], "features drifted") == 1.0


def evidence(expected: Floats, returns: Floats, half: float, params: ScorerParams) -> Evidence:
    """Scores and what came of them, with a model that speaks in every row and learned from the like of them."""
    rows, venues = expected.shape
    random = np.random.default_rng(0)
    x = random.normal(size=(rows, venues, 3))
    close = np.exp(np.cumsum(0.01 * random.normal(size=(rows, venues)), axis=0))
    times = DAY * np.arange(20_000, 20_000 + rows, dtype=np.int64)
    training = TrainingSet(0, x.reshape(-1, 3)[:400], np.zeros(400), x.reshape(-1, 3)[400:600], np.zeros(200), "d")
    fits = np.full(rows, int(times[0]), dtype=np.int64)
    low, high = expected - half, expected + half
    known_at = times + params.horizon
    names = ("a", "b", "c")
    return Evidence(times, close, names, x, expected, low, high, returns, known_at, fits, {int(times[0]): training}, 0)


def test_intervals_that_hold_too_seldom_are_coverage_lost_and_those_that_hold_are_not() -> None:
    random = np.random.default_rng(1)
    returns = random.normal(size=(200, 7))
    returns[:, 0] = np.nan
    silent = np.zeros_like(returns)
    right = states_of(evidence(silent, returns, 1.2816, WATCHED), WATCHED)  # 80 % of a normal distribution
    wrong = states_of(evidence(silent, returns, 0.5, WATCHED), WATCHED)  # 38 %
    assert share(right, "coverage lost") == 0.0
    assert share(wrong, "coverage lost", 70) == 1.0
    assert share(wrong[: FEWEST * 7], "coverage lost") == 0.0, "too little is known to tell"


def test_ranks_the_wrong_way_round_are_a_ranking_reversed_and_the_right_way_is_none() -> None:
    random = np.random.default_rng(2)
    returns = random.normal(size=(200, 8))
    returns[:, 0] = np.nan
    for sign, told in ((-1.0, 1.0), (1.0, 0.0)):
        found = states_of(evidence(sign * returns, returns, 9.0, WATCHED), WATCHED)
        assert share(found, "ranking reversed", 70) == told


def test_the_sign_test_is_exact_and_can_be_passed_with_the_fewest_stretches() -> None:
    assert _tail(0, 5) == 1.0
    assert _tail(5, 5) == 1 / 32
    assert _tail(FEWEST, FEWEST) <= CHANCE < _tail(FEWEST - 1, FEWEST - 1)


def test_noise_ranks_are_reversed_about_as_often_as_chance_says() -> None:
    random = np.random.default_rng(3)
    hits = []
    for _ in range(60):
        expected, returns = random.normal(size=(2, 110, 8))
        found = states_of(evidence(expected, returns, 9.0, WATCHED), WATCHED)
        hits.append(share(found, "ranking reversed", 100))
    # Days share their stretches' alignment only in part: the rate of one look stays near the test's own 1 %.
    assert np.mean(hits) < 0.04


def test_no_state_knows_a_later_row() -> None:
    panel = synthetic_panel(5, 0.0, bars=260)
    whole = states(panel)
    for cut in (200, 240):
        assert states(panel.rows(0, cut)) == whole[:cut]
        assert states(tampered(panel, cut, 1))[:cut] == whole[:cut]


def test_states_withhold_on_the_newest_row_and_say_which() -> None:
    random = np.random.default_rng(6)
    steps = random.normal(0.0, 0.02, (200, 5))
    steps[190:] *= 8.0
    panel = panel_of(np.exp(np.cumsum(steps, axis=0)))
    found = asyncio.run(PanelScorer(WATCHED).score(panel))
    assert found.withheld.startswith("regime changed: the market's week moved ")
    assert found.withheld == found.states[-1]
    assert np.isfinite(found.expected[0, 1:]).all(), "it still says what to sell"
    calm = asyncio.run(PanelScorer(WATCHED).score(panel.rows(0, 185)))
    assert (calm.withheld, calm.drifted.any()) == ("", False)
    ignored = asyncio.run(PanelScorer(PARAMS).score(panel))
    assert (ignored.withheld, ignored.states) == ("", ())
    np.testing.assert_array_equal(ignored.expected, found.expected)


def test_a_cycle_shows_a_strategy_the_newest_row_with_all_that_belongs_to_it() -> None:
    one = np.array([[np.nan, 0.1]])
    scores = Scores(one, one - 1.0, one + 1.0, ("m",), 0.9, "why", one * 5.0, ("why",))
    found = scores.padded(3)
    assert found.model == ("", "", "m")
    assert found.states == ("", "", "why")
    assert found.drifted.tolist() == [False, False, True]
    assert np.isnan(found.expected[:2]).all()
    assert found.clears is not None
    np.testing.assert_array_equal(found.clears[-1:], one * 5.0)
    assert (found.coverage, found.withheld) == (0.9, "why")
    with pytest.raises(ValueError, match="clears"):
        Scores(one, one, one, ("m",), clears=np.zeros((2, 2)))
    with pytest.raises(ValueError, match="states"):
        Scores(one, one, one, ("m",), states=("", ""))
