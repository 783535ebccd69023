"""The gates of the edge: skill passes, luck and cash do not, and the more was tried, the more is asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backtests.certify.evidence import active_returns, slope
from backtests.certify.gates.edge import LEAST_RETURNS, edge, idle_money, interval, paths
from backtests.metrics import returns_of
from backtests.overfitting import Moments
from backtests.trials import Tried
from backtests.walkforward.combinatorial import Combinatorial
from bot.core.certificate import FAILED, NOT_APPLICABLE, PASSED
from bot.core.panel import Floats
from tests.backtests.certify.made import CYCLES, grown, market, own
from tests.backtests.markets import run_of

FIRST = Tried(1, 0.0)
NULL = 1.0 / (CYCLES - 1)


def verdict(mine: Floats, rival: Floats, known: Tried = FIRST) -> str:
    return edge(active_returns(grown(mine), grown(rival)), known, 365.0).verdict


def test_skill_beyond_the_market_passes_and_none_does_not() -> None:
    assert verdict(market() + own(1, 0.001), market()) == PASSED
    assert verdict(market() + own(1, 0.0), market()) == FAILED
    assert verdict(market() - own(1, 0.001), market()) == FAILED


def test_money_that_stays_idle_while_the_market_falls_has_no_edge() -> None:
    falling = market(drift=-0.01)
    gate = edge(active_returns(grown(np.zeros(CYCLES)), grown(falling)), FIRST, 365.0)
    assert gate.verdict == FAILED
    assert "never differed" in gate.said


@pytest.mark.parametrize(("share", "drift"), [(0.3, -0.01), (0.9, -0.01), (1.4, 0.01)])
def test_less_of_a_falling_market_or_more_of_a_rising_one_is_no_edge(share: float, drift: float) -> None:
    mine, rival = share * market(drift=drift) + own(3, 0.0, 0.002), market(drift=drift)
    plain = Moments.of(mine - rival)
    assert plain.sharpe > 0.1, "the plain difference would be taken for skill"
    assert verdict(mine, rival) == FAILED


def test_the_more_was_tried_the_more_is_asked() -> None:
    mine, rival = market() + own(1, 0.0013), market()
    sure = [
        edge(active_returns(grown(mine), grown(rival)), Tried(trials, NULL), 365.0).observed or 0.0
        for trials in (1, 10, 1_000, 100_000)
    ]
    assert sure == sorted(sure, reverse=True)
    assert sure[0] > 0.95 > sure[2]


def test_alike_trials_ask_for_little_more_than_one() -> None:
    mine, rival = market() + own(1, 0.001), market()
    assert verdict(mine, rival, Tried(1_000, NULL / 10_000.0)) == PASSED
    assert verdict(mine, rival, Tried(1_000, NULL)) == FAILED


def test_too_few_cycles_are_refused_whatever_they_show() -> None:
    few = LEAST_RETURNS - 1
    active = own(1, 0.05, cycles=few)
    assert edge(active, FIRST, 365.0).verdict == interval(active, 365.0, 0).verdict == FAILED
    assert edge(own(1, 0.05, cycles=few + 1), FIRST, 365.0).verdict == PASSED


def test_the_interval_knows_that_returns_in_runs_are_fewer_than_they_look() -> None:
    fresh = own(2, 0.0013)
    runs = np.repeat(own(2, 0.0013, cycles=CYCLES // 20), 20)
    assert interval(fresh, 365.0, 0).verdict == PASSED
    assert interval(runs, 365.0, 0).verdict == FAILED
    assert edge(runs, FIRST, 365.0).verdict == PASSED, "only the interval sees it"


def test_capital_that_lost_less_than_the_market_would_have_been_better_off_idle() -> None:
    assert idle_money(run_of([100.0, 90.0, 99.9])).verdict == FAILED
    assert idle_money(run_of([100.0, 90.0, 100.1])).verdict == PASSED
    assert idle_money(run_of([100.0, 100.0, 100.0])).verdict == FAILED, "always idle"


def test_gas_counts_against_idle_money() -> None:
    assert idle_money(run_of([100.0, 100.5, 101.0], gas=[0.6, 0.6, 0.0])).verdict == FAILED


def test_one_history_in_five_may_end_behind() -> None:
    rival = np.zeros(9)
    up, down = np.full(9, 0.01), np.full(9, -0.01)
    found = Combinatorial(np.arange(10) * 86_400, (up, up, up, up, down), rival, rival, 6, 2, 15, (), True)
    assert paths(found).verdict == PASSED
    assert paths(found).observed == pytest.approx(0.2)
    assert paths(replace(found, paths=(up, up, up, down, down))).verdict == FAILED
    assert paths(replace(found, paths=(rival,) * 5)).verdict == FAILED, "level is not ahead"
    assert paths(replace(found, asks_model=False)).verdict == NOT_APPLICABLE
    assert paths(None, "too little data").verdict == FAILED
    assert paths(None).verdict == NOT_APPLICABLE


def test_the_slope_on_a_market_that_stands_still_is_none() -> None:
    assert slope(own(1, 0.01), np.zeros(CYCLES)) == 0.0
    assert slope(2.0 * market(), market()) == pytest.approx(2.0)


def test_a_capital_that_was_lost_earns_nothing_when_its_debts_shrink() -> None:
    assert returns_of(run_of([100.0, -10.0, 0.01, 100.0]).equity).tolist() == [-1.0, 0.0, 0.0]
    assert returns_of(run_of([100.0, 50.0, 0.0, 20.0]).equity).tolist() == [-0.5, -1.0, 0.0]


def test_a_history_that_loses_everything_is_behind_and_no_warning() -> None:
    rival = np.zeros(3)
    ruined = np.array([0.5, -1.0, 0.0])
    gate = paths(Combinatorial(np.arange(4) * 86_400, (ruined,), rival, rival, 6, 2, 15, (), True))
    assert (gate.verdict, gate.figures["worst"]) == (FAILED, -1.0)
