"""Several strategies in one portfolio: wants add up by their shares, and what was earned is split without remainder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.fast import run_fast
from backtests.metrics import attribution
from backtests.sleeves import attribution_by_sleeve, profit_by_venue
from bot.config import Config
from bot.core.score import no_scores
from bot.core.sleeves import Sleeve, Sleeves, combined, shares_of
from bot.core.strategy import Strategy, load
from bot.errors import ConfigError
from bot.settings import settings_of, simulated_universe
from tests.backtests.markets import config_of, panel_of, walk
from tests.strategies.properties import made_panel, panels, row_scores


def one_venue(column: int) -> Strategy:
    """A strategy that wants everything in one venue."""

    def targets(panel, scores, params):
        weights = np.zeros(panel.close.shape)
        weights[:, column] = 1.0
        return weights

    return Strategy(f"only {column}", targets, {}, 1, False)


def test_wants_add_up_by_their_shares_and_the_rest_is_idle() -> None:
    panel = panel_of(walk(5, 3))
    both = combined([Sleeve("a", 0.5, one_venue(1)), Sleeve("b", 0.25, one_venue(3))])
    np.testing.assert_array_equal(both.weights(panel, no_scores(5, 4)), [[0.25, 0.5, 0.0, 0.25]] * 5)


@settings(deadline=None, max_examples=30)
@given(panels(), st.floats(0.05, 0.9))
def test_a_sleeve_that_waits_for_its_model_does_not_make_the_other_wait(panel, share) -> None:
    scores = row_scores(panel)
    trend, equal = load("trend_tilt"), load("equal_weight")
    both = combined([Sleeve("trend", share, trend), Sleeve("equal", 1.0 - share, equal)])
    wanted = share * trend.weights(panel, scores) + (1.0 - share) * equal.weights(panel, scores)
    np.testing.assert_allclose(both.weights(panel, scores), wanted, rtol=0.0, atol=1e-15)


def test_lookback_and_need_of_a_model_are_those_of_the_neediest() -> None:
    both = combined([Sleeve("a", 0.5, load("trend_tilt")), Sleeve("b", 0.5, load("reversal"))])
    assert both.lookback == load("reversal").lookback
    assert both.uses_scores


def test_an_error_names_the_sleeve() -> None:
    def fails(panel, scores, params):
        raise KeyError("no such thing")

    both = combined([Sleeve("good", 0.5, one_venue(1)), Sleeve("bad", 0.5, Strategy("x", fails, {}, 1, False))])
    with pytest.raises(ValueError, match="sleeve bad: KeyError"):
        both.weights(panel_of(walk(3, 2)), no_scores(3, 3))


@pytest.mark.parametrize("shares", [[], [0.0, 0.5], [0.7, 0.4], [-0.1]])
def test_shares_that_are_no_parts_of_a_whole_are_refused(shares: list[float]) -> None:
    with pytest.raises(ValueError, match="at most 100 %"):
        combined([Sleeve(f"s{i}", share, one_venue(1)) for i, share in enumerate(shares)])


def test_a_file_says_either_one_strategy_or_several() -> None:
    sleeves = {"a": {"share": "60 %", "name": "equal_weight"}, "b": {"share": "40 %", "name": "reversal"}}
    config = config_of(strategy={"sleeves": sleeves})
    loaded = settings_of(config, simulated_universe(config)).strategy
    assert isinstance(loaded, Sleeves)
    assert [(part.name, part.share) for part in loaded.parts] == [("a", 0.6), ("b", 0.4)]
    assert config.strategy.names == ("equal_weight", "reversal")
    for wrong, reason in (
        ({}, "is missing"),
        ({"name": "reversal", "sleeves": sleeves}, "contradict"),
        ({"sleeves": sleeves, "params": {"x": 1.0}}, "contradict"),
        ({"sleeves": {"A b": {"share": "10 %", "name": "reversal"}}}, "lower-case"),
        ({"sleeves": {"a": {"share": "101 %", "name": "reversal"}}}, "outside"),
        ({"sleeves": {"a": {"share": "80 %", "name": "reversal"}, "b": {"share": "30 %", "name": "reversal"}}}, "110"),
    ):
        with pytest.raises(ValueError, match=reason):
            config_of(strategy=wrong)


def test_an_unknown_strategy_in_a_sleeve_is_one_line() -> None:
    config = config_of(strategy={"sleeves": {"a": {"share": "60 %", "name": "no_such"}}})
    assert isinstance(config, Config)
    with pytest.raises(ConfigError, match="no strategy called 'no_such'"):
        settings_of(config, simulated_universe(config))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000), st.floats(0.1, 0.8))
def test_what_was_asked_for_is_split_without_remainder(seed: int, share: float) -> None:
    panel = made_panel(seed, 40, 4)
    scores = row_scores(panel)
    both = combined([Sleeve("a", share, load("trend_tilt")), Sleeve("b", 0.9 - share, load("reversal"))])
    shares = shares_of(both.parts, both.by_part(panel, scores))
    assert (shares >= 0.0).all()
    np.testing.assert_allclose(shares.sum(axis=0), 1.0, atol=1e-12)


def test_profit_by_sleeve_sums_to_that_of_the_portfolio() -> None:
    sleeves = {"even": {"share": "50 %", "name": "equal_weight"}, "back": {"share": "40 %", "name": "reversal"}}
    config = config_of(strategy={"sleeves": sleeves})
    chosen = settings_of(config, simulated_universe(config))
    panel = panel_of(walk(120, 3))
    run = run_fast(chosen, config, panel, no_scores(120, 4), int(panel.times[30]), int(panel.times[-1]))
    assert isinstance(chosen.strategy, Sleeves)
    found = attribution_by_sleeve(run, chosen.strategy, panel, no_scores(120, 4))
    total = run.nav[-1] - run.nav[0]
    assert sum(found.values()) == pytest.approx(total, abs=1e-6)
    by_venue = dict(zip(run.venues, profit_by_venue(run).sum(axis=0), strict=True))
    assert by_venue == pytest.approx(attribution(run), abs=1e-6)
    assert abs(found["even"]) > 1.0
    assert abs(found["back"]) > 1.0


def test_a_sleeve_that_asks_for_nothing_earns_nothing_in_a_venue_of_the_other() -> None:
    panel = panel_of(walk(6, 2))
    both = combined([Sleeve("a", 0.5, one_venue(1)), Sleeve("b", 0.5, one_venue(2))])
    shares = shares_of(both.parts, both.by_part(panel, no_scores(6, 3)))
    np.testing.assert_array_equal(shares[0, :, 1], 1.0)
    np.testing.assert_array_equal(shares[0, :, 2], 0.0)


def test_a_run_that_tells_its_cycles_a_little_later_is_split_the_same() -> None:
    """As the exact rungs do, whose blocks come after the bar."""
    config = config_of()
    panel = panel_of(walk(40, 3))
    drawn = np.random.default_rng(5)
    turns = drawn.permutation(np.repeat([0.1, 0.9], 20))[:, None]

    def wanting(share: np.ndarray) -> Strategy:
        weights = np.hstack([1.0 - share, np.repeat(share / 3.0, 3, axis=1)])
        return Strategy("turns", lambda *_: weights, {}, 1, False)

    both = combined([Sleeve("a", 0.5, wanting(turns)), Sleeve("b", 0.5, wanting(1.0 - turns))])
    chosen = replace(settings_of(config, simulated_universe(config)), strategy=both)
    run = run_fast(chosen, config, panel, no_scores(40, 4), int(panel.times[3]), int(panel.times[-1]))
    later = replace(run, times=run.times + 12, trades=run.trades.assign(time=run.trades["time"] + 12))
    found = attribution_by_sleeve(run, both, panel, no_scores(40, 4))
    assert abs(found["a"] - found["b"]) > 1.0
    assert attribution_by_sleeve(later, both, panel, no_scores(40, 4)) == found
