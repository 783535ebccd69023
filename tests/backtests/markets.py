"""Small made markets for the backtest tests: a strategy file's settings, and panels from plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from backtests.run import Run, trades_frame
from bot.config import Config
from bot.core.panel import Floats, Panel
from bot.core.strategy import Strategy
from bot.settings import Settings, settings_of, simulated_universe

DAY = 86_400
START = 1_704_067_200  # 2024-01-01, midnight UTC


def config_of(venues: int = 3, **sections: Any) -> Config:
    """A strategy file over venues ``v1`` …, with whole sections or keys replaced."""
    document: dict[str, Any] = {
        "capital": "100000 USDC",
        "every": "1d",
        "strategy": {"name": "equal_weight"},
        "venues": {
            f"v{i}": {"kind": "uniswap_v3_hold", "asset": f"A{i}", "fee": "5 bps" if i % 2 else "30 bps"}
            for i in range(1, venues + 1)
        },
        "devnet": {"depth": "4000000 USDC", "noise": "0 %"},
    }
    return Config.model_validate(document | sections)


def settings_for(config: Config, weights: Floats | None = None) -> Settings:
    """The config's settings, with a strategy that wants just `weights` (T, N) when they are given."""
    settings = settings_of(config, simulated_universe(config))
    if weights is None:
        return settings
    given = np.array(weights)
    wants = Strategy("given", lambda panel, scores, params: given.copy(), {}, 1, False)
    return replace(settings, strategy=wants)


def panel_of(close: Floats, start: int = START, step: int = DAY) -> Panel:
    """A panel of idle and ``v1`` … from closes (T, N - 1)."""
    rows, venues = close.shape
    whole = np.column_stack([np.ones(rows), close])
    times = start + step * np.arange(rows, dtype=np.int64)
    volume = np.where(np.isfinite(whole), 1e6, np.nan)
    return Panel(times, ("idle", *(f"v{i}" for i in range(1, venues + 1))), {"close": whole, "volume": volume})


def walk(rows: int, venues: int, seed: int = 1, step: float = 0.04) -> Floats:
    """(rows, venues) of a geometric random walk from prices that differ by orders of magnitude."""
    draw = np.random.default_rng(seed)
    level = 10.0 ** draw.uniform(-3, 3, venues)
    return np.asarray(level * np.exp(np.cumsum(draw.normal(0.0, step, (rows, venues)), axis=0)))


def wanted(panel: Panel, seed: int = 2) -> Floats:
    """(T, N) random legal weights: only listed venues, some of them zero."""
    draw = np.random.default_rng(seed)
    raw = draw.random(panel.close.shape) * (draw.random(panel.close.shape) < 0.7)
    raw = np.where(panel.listed, raw, 0.0)
    raw[:, 0] += 0.05
    return np.asarray(raw / raw.sum(axis=1, keepdims=True))


def run_of(nav: Sequence[float], step: int = DAY, gas: Sequence[float] | None = None, **changes: Any) -> Run:
    """A run that is nothing but its net asset values (and gas), all in one venue."""
    cycles = len(nav)
    run = Run(
        label="made",
        rung="fast",
        venues=("idle", "v1"),
        money="USDC",
        times=START + step * np.arange(cycles, dtype=np.int64),
        nav=np.array(nav, dtype=np.float64),
        gas=np.zeros(cycles) if gas is None else np.array(gas, dtype=np.float64),
        fees=np.zeros(cycles),
        turnover=np.zeros(cycles),
        held=np.tile([0.25, 0.75], (cycles, 1)),
        target=np.tile([0.25, 0.75], (cycles, 1)),
        prices=np.ones((cycles, 2)),
        trades=trades_frame(()),
    )
    return replace(run, **changes)
