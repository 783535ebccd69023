"""What the gates look at: a strategy's run beside its rivals, also on worse markets and with other capital.

The window that is judged begins with the first cycle that a model spoke on, where one is asked: what a strategy holds
before it has a model is no evidence for the model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import Final

import numpy as np

from backtests.api import scores_of
from backtests.fast import benchmarks, cycle_bars, run_fast
from backtests.gas import gas_of
from backtests.metrics import YEAR, cycles_a_year, returns_of
from backtests.run import Run
from backtests.stress import CALM, Stress
from bot.config import Config
from bot.core.panel import Floats
from bot.core.score import Scores
from bot.errors import ConfigError, DataError
from bot.loading import Loaded
from bot.quantity import Money
from bot.replay import Schedule
from bot.settings import Settings, settings_of

LEAST_CYCLES: Final = 3  # two returns, and so a spread; how many a gate needs is for the gate to say


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """A run and its rivals over the same cycles: equal weight under the same rules, and buy and hold."""

    run: Run
    rival: Run
    held: Run


@dataclass(frozen=True, eq=False)
class Evidence:
    """A strategy on a window. `spoke`: whether a model that is asked ever spoke in it (True where none is asked).

    Every run is made when it is first asked for.
    """

    loaded: Loaded  # its schedule is the judged window
    settings: Settings
    scores: Scores
    spoke: bool

    @cached_property
    def calm(self) -> Beside:
        """As the strategy file has it."""
        return self.under(CALM)

    def under(self, stress: Stress) -> Beside:
        """The same, all runs under the same stress."""
        return self._beside(self.settings, self.loaded.config, stress)

    def with_capital(self, factor: float) -> Beside:
        """The same with so many times the capital, and the smallest trade and gas in proportion.

        So of what trading costs, price impact alone changes with the capital.
        """
        config = self.loaded.config
        limits = config.limits.model_copy(update={"min_trade": _times(config.limits.min_trade, factor)})
        scaled = config.model_copy(update={"capital": _times(config.capital, factor), "limits": limits})
        least = max(1, round(self.settings.limits.min_trade * factor))
        settings = replace(self.settings, limits=replace(self.settings.limits, min_trade=least))
        return self._beside(settings, scaled, Stress(gas=factor))

    def _beside(self, settings: Settings, config: Config, stress: Stress) -> Beside:
        panel, schedule = self.loaded.panel, self.schedule
        first, last = schedule.first, schedule.last
        run = run_fast(settings, config, panel, self.scores, first, last, gas=self.gas, stress=stress)
        return Beside(run, *benchmarks(settings, config, panel, first, last, gas=self.gas, stress=stress))

    @cached_property
    def gas(self) -> Floats | None:
        """(T,) money per unit of gas at recorded prices, None where the strategy file names no records."""
        return gas_of(self.loaded.config, self.loaded.source.catalogue, self.loaded.panel.times)

    @property
    def schedule(self) -> Schedule:
        assert self.loaded.schedule is not None  # evidence_of gave it one
        return self.loaded.schedule

    @property
    def yearly(self) -> float:
        """Cycles in a year."""
        return cycles_a_year(self.calm.run.times)


def evidence_of(loaded: Loaded) -> Evidence:
    """The evidence over the loaded window, its panel cut where the window ends. Raises ConfigError, DataError."""
    if loaded.schedule is None:
        raise ConfigError("certify needs data: --data DIR (recorded), or --synthetic SEED (a generated market)")
    given = loaded.schedule
    panel = loaded.panel.upto(given.last)
    schedule = Schedule(panel, given.first, given.last, given.every)
    due = int(np.count_nonzero(cycle_bars(schedule)))
    if due < LEAST_CYCLES:
        raise DataError(f"too short to certify: {due} cycles in the window, at least {LEAST_CYCLES} are needed")
    settings = settings_of(loaded.config, loaded.universe, loaded.options.config)
    scores = scores_of(settings, loaded.config, panel)
    spoke = True
    if settings.strategy.uses_scores:
        cycles = np.flatnonzero(cycle_bars(schedule))
        heard = [row for row in cycles.tolist() if scores.model[row]]
        spoke = len(heard) >= LEAST_CYCLES
        if spoke:
            schedule = Schedule(panel, int(panel.times[heard[0]]), given.last, given.every)
    return Evidence(replace(loaded, panel=panel, schedule=schedule), settings, scores, spoke)


def active_returns(run: Run, rival: Run) -> Floats:
    """(K - 1,): what the run returned beyond the mixture of its rival and idle money that it most moves with.

    r - b·m, with b the least-squares slope of the run's returns on the rival's. A strategy that only holds less of the
    same in a falling market, or more of it in a rising one, has none. Source: M. Jensen, The Performance of Mutual
    Funds in the Period 1945-1964, J. Finance 23 (1968); over its spread it is the ratio of J. Treynor and F. Black,
    How to Use Security Analysis to Improve Portfolio Selection, J. Business 46 (1973).
    """
    mine, market = returns_of(run.equity), returns_of(rival.equity)
    return np.asarray(mine - slope(mine, market) * market)


def slope(mine: Floats, market: Floats) -> float:
    """Least-squares slope of `mine` on `market`, 0 where the market does not vary."""
    centred = market - market.mean()
    spread = float(centred @ centred)
    return float(centred @ mine) / spread if spread > 1e-18 else 0.0


def growth(run: Run) -> float:
    """Net return over the whole run, a fraction."""
    return float(run.equity[-1] / run.equity[0]) - 1.0


def years(run: Run) -> float:
    """Length of the run in years of 365 days."""
    return float(run.times[-1] - run.times[0]) / YEAR


def _times(money: Money, factor: float) -> Money:
    return Money(money.number * Decimal(repr(factor)), money.symbol)
