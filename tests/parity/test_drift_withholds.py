"""A model or a market that has drifted opens nothing, on the fast rung as in the cycle, and exits go on."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd

from backtests.api import run_backtest, scores_of
from backtests.run import BUY, SELL, Run
from bot.core.panel import Panel
from bot.settings import Settings, settings_of, simulated_universe
from tests.backtests.markets import config_of, panel_of, walk

SCORER = {"horizon": "7d", "train": "90d", "refit": "28d"}
BROKE = 200  # row from which on the market moves eight times as much


def broken_market() -> Panel:
    close = walk(230, 4, seed=8, step=0.02)
    steps = np.diff(np.log(close), axis=0)
    steps[BROKE:] *= 8.0
    return panel_of(np.exp(np.vstack([np.log(close[:1]), np.log(close[0]) + np.cumsum(steps, axis=0)])))


def run(rung: str, on_drift: Literal["withhold", "ignore"]) -> tuple[Run, Settings, Panel]:
    config = config_of(4, strategy={"name": "trend_tilt"}, scorer={**SCORER, "on_drift": on_drift})
    settings = settings_of(config, simulated_universe(config))
    settings = replace(settings, policy=replace(settings.policy, drawdown_brake=1.0, band=0.001))
    panel = broken_market()
    found = run_backtest(settings, config, panel, int(panel.times[150]), int(panel.times[-1]), rung).run
    return found, settings, panel


def on_drifted(trades: pd.DataFrame, panel: Panel, drifted: np.ndarray, side: str) -> int:
    rows = np.searchsorted(panel.times, trades["time"].to_numpy(), side="right") - 1
    return int(np.count_nonzero(drifted[rows] & (trades["side"].to_numpy() == side)))


def test_nothing_is_bought_while_a_state_stands_on_either_rung_and_much_is_without_it() -> None:
    for rung in ("fast", "replay"):
        held, settings, panel = run(rung, "withhold")
        config = config_of(4, strategy={"name": "trend_tilt"}, scorer=SCORER)
        drifted = scores_of(settings, config, panel).drifted
        assert np.count_nonzero(drifted[BROKE:]) >= 5, "the market did not break: this test tells nothing"
        assert on_drifted(held.trades, panel, drifted, BUY) == 0
        free = run(rung, "ignore")[0]
        assert on_drifted(free.trades, panel, drifted, BUY) > 0
        assert on_drifted(held.trades, panel, drifted, SELL) > 0, "exits must go on"


def test_the_rungs_agree_through_the_drift() -> None:
    fast, replay = (run(rung, "withhold")[0] for rung in ("fast", "replay"))
    assert np.abs(fast.nav / replay.nav - 1.0).max() <= 1e-6
