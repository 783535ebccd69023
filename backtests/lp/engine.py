"""A provider in a recorded pool: the log is played with our position in it, and the strategy looks at it now and then.

One pass is one strategy under one assumption (see `counterfactual`); a backtest is both assumptions, and the full range
beside each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from backtests.lp.account import Account
from backtests.lp.compiled import compiled_player
from backtests.lp.config import CostsConfig
from backtests.lp.counterfactual import Calls
from backtests.lp.desk import Desk, Plays
from backtests.lp.exposure import Exposure
from backtests.lp.metrics import beside_full_range, worst_of
from backtests.lp.path import PricePath
from backtests.lp.result import SAME_AMOUNTS, SAME_PRICE, LpResult, LpRun, Market
from backtests.lp.strategies import FullRange, LpStrategy
from bot.core.panel import Times
from bot.pool_log import PoolLog

MODES: Final = (SAME_AMOUNTS, SAME_PRICE)
MakePlayer = Callable[[PoolLog, Calls, bool], Plays]  # (log, its calls, whether the price is the recorded one)


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """Everything that runs share. since, until: unix seconds within the log; capital: raw units of the quote token."""

    log: PoolLog
    calls: Calls
    market: Market
    path: PricePath
    costs: CostsConfig
    capital: int
    every: int
    since: int
    until: int
    player: MakePlayer = compiled_player


def backtest(
    setup: Setup, strategy: LpStrategy, notes: tuple[str, ...] = (), facts: Mapping[str, object] | None = None
) -> LpResult:
    """The strategy under both assumptions, the full range beside each. The headline is the worse one.

    Raises Unfit where the settings do not go with the data.
    """
    runs = [run(setup, strategy, mode, notes) for mode in MODES]
    is_full = isinstance(strategy, FullRange)
    full = runs if is_full else [run(setup, FullRange(), mode) for mode in MODES]
    compared = tuple(
        replace(mine, metrics=beside_full_range(mine, other)) for mine, other in zip(runs, full, strict=True)
    )
    return LpResult(compared, compared if is_full else tuple(full), worst_of(compared), facts or {})


def run(setup: Setup, strategy: LpStrategy, mode: str, notes: tuple[str, ...] = ()) -> LpRun:
    """One strategy under one assumption. Raises Unfit, and InvariantBroken where the books do not close."""
    market = setup.market
    player = setup.player(setup.log, setup.calls, mode == SAME_PRICE)
    deposited = (setup.capital, 0) if market.quote == 0 else (0, setup.capital)
    desk = Desk(
        setup,
        strategy,
        player,
        Account(market, player.machine, setup.costs, deposited),
        Exposure(market, setup.path),
        deposited,
    )
    times = sample_times(setup.since, setup.until, setup.every)
    for time in times[:-1].tolist():
        desk.play(time)
        desk.sample(time)
        desk.decide(time)
    return desk.finish(int(times[-1]), mode, notes)


def sample_times(since: int, until: int, every: int) -> Times:
    """`since`, every so many seconds after it, and `until`."""
    return np.unique(np.append(np.arange(since, until, every, dtype=np.int64), np.int64(until)))
