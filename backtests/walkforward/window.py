"""The window of a backtest and its cycles, as everything here cuts it."""

from __future__ import annotations

from typing import Final

import numpy as np

from backtests.fast import cycle_bars
from backtests.walkforward.splits import group_bounds
from bot.core.panel import Times
from bot.errors import ConfigError
from bot.loading import Loaded
from bot.replay import Schedule

LEAST_CYCLES: Final = 4  # three returns: the fewest of which a Sharpe ratio says anything


def window(loaded: Loaded) -> Schedule:
    """The loaded schedule over a panel that ends where it ends: nothing after the window is seen by anything."""
    schedule = loaded.schedule
    if schedule is None:
        raise ConfigError(
            "walkforward needs data: --data DIR for recorded data, or --synthetic SEED for a generated market"
        )
    return Schedule(loaded.panel.upto(schedule.last), schedule.first, schedule.last, schedule.every)


def fold_edges(schedule: Schedule, folds: int) -> Times:
    """(folds + 1,) unix seconds: the cycles at which folds begin, and the window's last one.

    As nearly equal in cycles as can be, the longer first. Raises ConfigError for too many, DataError for no cycle.
    """
    times = schedule.panel.times[np.flatnonzero(cycle_bars(schedule))]
    returns = len(times) - 1
    most = returns // (LEAST_CYCLES - 1)
    if not 1 <= folds <= most:
        raise ConfigError(
            f"--folds: expected 1 to {most}: a fold needs {LEAST_CYCLES} cycles, here are {len(times)} (got {folds})"
            if most
            else f"a fold needs {LEAST_CYCLES} cycles, the window has {len(times)}"
        )
    return times[group_bounds(returns, folds)]
