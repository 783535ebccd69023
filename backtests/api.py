"""Backtests from a notebook: a strategy file and a DataFrame in, DataFrames out.

from backtests.api import backtest
result = backtest("strategies/reversal.yaml", prices=prices)     # columns: time, asset, close, volume
result.equity, result.weights, result.trades, result.metrics
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from backtests.compiled_scoring import scored
from backtests.fast import benchmarks, run_fast
from backtests.gas import gas_note, gas_of
from backtests.listing import with_endings
from backtests.metrics import Metric, metrics
from backtests.replay import run_replay
from backtests.run import Run, run_from_reports
from bot.config import Config
from bot.core.panel import Floats, Panel, Times
from bot.core.report import FAILED, CycleReport
from bot.core.score import Scores, no_scores
from bot.errors import ConfigError
from bot.loading import BAR_SECONDS, Loaded, Options, load, load_frames
from bot.quantity import last_second, when
from bot.replay import RecordedMoves
from bot.scoring.params import ScorerParams
from bot.scoring.scorer import IdleScorer, PanelScorer
from bot.settings import Settings, settings_of

RUNGS = ("fast", "replay")


@dataclass(frozen=True, slots=True)
class Result:
    """A finished backtest. Money in whole units of the money token; times are UTC."""

    run: Run
    benchmarks: tuple[Run, ...]
    reports: tuple[CycleReport, ...] = ()  # of the replay rung, in exact integers

    @property
    def metrics(self) -> dict[str, Metric]:
        return metrics(self.run)

    @property
    def equity(self) -> pd.DataFrame:
        """Net equity of the run and its benchmarks, one column each, indexed by time."""
        return pd.DataFrame({run.label: pd.Series(run.equity, _index(run)) for run in (self.run, *self.benchmarks)})

    @property
    def weights(self) -> pd.DataFrame:
        """Weights held before each cycle, a column per venue, indexed by time."""
        return pd.DataFrame(self.run.held, index=_index(self.run), columns=list(self.run.venues))

    @property
    def trades(self) -> pd.DataFrame:
        """One row per executed leg."""
        return self.run.trades.assign(time=pd.to_datetime(self.run.trades["time"], unit="s", utc=True))


def backtest(
    strategy: str | Path,
    prices: pd.DataFrame | None = None,
    signals: Mapping[str, pd.DataFrame] | None = None,
    *,
    assets: pd.DataFrame | None = None,
    data: str | Path | None = None,
    synthetic: int | None = None,
    first: str | None = None,
    last: str | None = None,
    rung: str = "fast",
) -> Result:
    """The backtest of a strategy file on frames, on a catalogue or folder (`data`), or on a generated market.

    `prices`: columns time (bar close, UTC), asset, close, volume (money per bar). `signals`: source -> frame with
    columns topic, value, observed_at, published_at. `assets`: columns asset, listed_at, delisted_at, reason. `first`,
    `last`: days. Raises ConfigError or DataError.
    """
    options = Options(
        config=Path(strategy),
        mode="paper",
        replay=Path(data) if data is not None else None,
        synthetic=synthetic,
        first=when(first, "first") if first else None,
        last=last_second(last, "last") if last else None,
    )
    if prices is None:
        if data is None and synthetic is None:
            raise ConfigError("backtest needs prices, data or synthetic")
        loaded = load(options)
    else:
        loaded = load_frames(options, prices, signals or {}, assets)
    settings = settings_of(loaded.config, loaded.universe, options.config)
    return result_of(loaded, settings, rung)


def result_of(loaded: Loaded, settings: Settings, rung: str, recorded: RecordedMoves | None = None) -> Result:
    """The backtest of what was loaded, gas at recorded prices where the strategy file names a series of them.

    Its run says first what is doubtful about the data (`Loaded.doubts`), then what is known of gas. Raises as
    `run_backtest`.
    """
    assert loaded.schedule is not None  # whoever backtests has named data
    config, panel, catalogue, schedule = loaded.config, loaded.panel, loaded.source.catalogue, loaded.schedule
    gas = gas_of(config, catalogue, panel.times)
    result = run_backtest(settings, config, panel, schedule.first, schedule.last, rung, recorded=recorded, gas=gas)
    said = [note for note in (loaded.doubts, gas_note(config, catalogue, panel.times)) if note]
    return replace(result, run=replace(result.run, notes=(*said, *result.run.notes)))


def run_backtest(
    settings: Settings,
    config: Config,
    panel: Panel,
    first: int,
    last: int,
    rung: str,
    recorded: RecordedMoves | None = None,
    gas: Floats | None = None,
) -> Result:
    """The run on one rung of the ladder, beside `equal_weight` and buy-and-hold on the fast one.

    `recorded`: the market of an earlier run, for the replay rung. `gas` (T,): money per unit of gas at each row of the
    panel (`backtests.gas.gas_of`), instead of the strategy file's constant. Raises ConfigError for another rung.
    """
    if rung not in RUNGS:
        raise ConfigError(f"--rung: expected {' or '.join(RUNGS)} (got {rung!r})")
    if recorded is not None and rung != "replay":
        raise ConfigError("--market: only the replay rung can follow the trades of an earlier run")
    held = tuple(with_endings(each, panel) for each in benchmarks(settings, config, panel, first, last, gas=gas))
    if rung == "fast":
        run = run_fast(settings, config, panel, scores_of(settings, config, panel), first, last, gas=gas)
        return Result(with_endings(run, panel), held)
    run, reports = replayed(settings, config, panel, first, last, recorded, gas)
    return Result(with_endings(run, panel), held, reports)


def replayed(
    settings: Settings,
    config: Config,
    panel: Panel,
    first: int,
    last: int,
    recorded: RecordedMoves | None = None,
    gas: Floats | None = None,
) -> tuple[Run, tuple[CycleReport, ...]]:
    """The cycle itself on the replay rung, and its reports in exact integers. Arguments as of `run_backtest`."""
    params = ScorerParams.of(config.scorer, BAR_SECONDS[config.bar])
    scorer = PanelScorer(params) if settings.strategy.uses_scores else IdleScorer()
    reports = asyncio.run(run_replay(settings, config, panel, scorer, first, last, recorded=recorded)).reports
    universe, price = settings.universe, native_price(config)
    run = run_from_reports(reports, universe, universe.money.decimals, price, settings.strategy.name, "replay")
    if gas is not None:
        run = replace(run, gas=gas_burnt(run, reports, panel.times, gas))
    return run, reports


def gas_burnt(run: Run, reports: Sequence[CycleReport], times: Times, gas: Floats) -> Floats:
    """(K,) money: the gas that `reports` used, each at the price of its own time.

    `gas`: money per unit of gas at each of `times`; before the first of them, that one. Of a cycle that was reported
    twice the last word counts, and cycles at one time are one row, as in `run`.
    """
    burnt = np.zeros(len(run))
    for report in {report.cycle: report for report in reports}.values():
        if report.outcome != FAILED:
            row = int(np.searchsorted(run.times, report.at, side="right")) - 1
            priced = int(np.searchsorted(times, report.at, side="right")) - 1
            burnt[max(0, row)] += report.gas_used * gas[max(0, priced)]
    return burnt


def scores_of(settings: Settings, config: Config, panel: Panel) -> Scores:
    """Scores of every row, as the cycle would see them one by one."""
    if not settings.strategy.uses_scores:
        return no_scores(len(panel), len(panel.venues))
    return scored(panel, ScorerParams.of(config.scorer, BAR_SECONDS[config.bar]))


def native_price(config: Config) -> float:
    """Whole money tokens per wei of gas money, as the strategy file assumes it."""
    return float(config.costs.native_price) / 1e18


def _index(run: Run) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(pd.to_datetime(run.times, unit="s", utc=True), name="time")
