"""Drives a sweep: plans, scores each distinct scorer block once, runs parcels here or on a cluster, keeps the results.

What is held at a time: some parcels' panels, scores and configs. What grows with combinations is their keys alone.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from backtests.api import scores_of
from backtests.compiled_scoring import scored
from backtests.gas import recorded_gas
from backtests.sweep.evaluate import REFUSED, Parcel, evaluate, refused, table
from backtests.sweep.executors import Executor
from backtests.sweep.plan import Combination, Refusal, Space, code_digest, facts_digest, strategy_files
from backtests.sweep.results import Store
from backtests.sweep.space import Axis
from bot.config import Config, StrategyConfig
from bot.core.panel import Panel, Times
from bot.core.score import Scores, no_scores
from bot.core.strategy import load as load_strategy
from bot.errors import ConfigError, PatronError
from bot.loading import BAR_SECONDS, Loaded, on_generated_signals, open_source, schedule_of
from bot.scoring.params import ScorerParams
from bot.settings import Settings, settings_of, simulated_universe
from bot.signals.quality import refuse_errors
from bot.trend_fields import panels

CHUNK: Final = 256  # combinations in a parcel, and rows of a part at most
KEPT: Final = 8  # panels, and blocks of scores, that are held at once
SHORTEST: Final = 28 * 86_400  # seconds; below it nothing is annualised, so nothing can be compared


@dataclass(slots=True)
class Progress:
    """Combinations so far, of `total`: run, refused by a rule, and found in the folder already."""

    total: int
    run: int = 0
    refused: int = 0
    known: int = 0
    scored: int = 0  # distinct scorer blocks that were fitted
    held: int = 0  # most combinations in memory at once

    @property
    def done(self) -> int:
        return self.run + self.refused + self.known


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """What combinations of one data block see."""

    panel: Panel
    schedules: dict[int, str | tuple[int, int]] = field(
        default_factory=dict
    )  # by `every`: the window, or what is wrong


class Sweep:
    """One strategy file, its data and what is varied. Raises ConfigError for a window that cannot be compared."""

    def __init__(self, loaded: Loaded, axes: Sequence[Axis]) -> None:
        if loaded.schedule is None:
            raise ConfigError("sweep needs data: --data DIR for recorded data, or --synthetic SEED")
        self.loaded = loaded
        self.space = Space(loaded.options.config, axes)
        self.first, self.last = loaded.schedule.first, loaded.schedule.last
        times = loaded.panel.times[loaded.schedule.rows.start : loaded.schedule.rows.stop]
        if int(times[-1] - times[0]) < SHORTEST:
            raise ConfigError("a sweep needs at least 28 days: below that nothing is annualised")
        self.edges = block_edges(times, len(times) * self._bar // max(self._bar, loaded.config.every))
        self.files = tuple(strategy_files(loaded.options.config, axes, loaded.config))
        self.code = code_digest(self.files)
        self._panels: OrderedDict[str, Data] = OrderedDict()
        self._scores: OrderedDict[str, Scores] = OrderedDict()
        self._models: dict[str, bool] = {}

    @property
    def _bar(self) -> int:
        return int(np.median(np.diff(self.loaded.panel.times)))

    @property
    def facts(self) -> dict[str, Any]:
        """What all results of the folder share."""
        options = self.loaded.options
        return {
            "data": self.loaded.source.catalogue.digest,
            "market": "recorded" if options.synthetic is None else f"seed {options.synthetic}, {options.strength:g}",
            "window": f"{self.first} to {self.last}",
            "code": self.code,
        }

    def run(
        self,
        numbers: Iterable[int],
        store: Store,
        where: Executor,
        progress: Progress,
        told: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        """Runs those of the combinations whose results are not in the store, and adds them as they come."""
        facts = facts_digest(self.facts)
        # On a cluster every worker should get several parcels; here one is as long as a part.
        chunk = CHUNK if where.width == 1 else max(16, min(CHUNK, progress.total // (4 * where.width)))
        window: list[tuple[str, list[Combination]]] = []
        no: list[dict[str, Any]] = []
        pending: set[str] = set()

        def flush() -> None:
            progress.held = max(progress.held, sum(len(each) for _, each in window) + len(no))
            if no:
                store.write(table(no, len(self.edges) + 1))
                progress.refused += len(no)
                no.clear()
            for rows in where.run(evaluate, self._parcels(window, where, progress)):
                store.write(rows)
                failed = rows.column("status").to_pylist().count(REFUSED)
                progress.refused += failed
                progress.run += rows.num_rows - failed
                told(progress)
            window.clear()
            pending.clear()
            told(progress)

        for number in numbers:
            point = self.space.combination(number, facts)
            if point.key in store or point.key in pending:
                progress.known += 1
                continue
            pending.add(point.key)
            try:
                if isinstance(point, Refusal):
                    raise ConfigError(point.reason)
                shared = self._shared(point.config)
            except PatronError as error:
                no.append(refused(point.key, point.values, str(error)))
                if len(no) >= CHUNK:
                    flush()
                continue
            if not window or window[-1][0] != shared or len(window[-1][1]) >= chunk:
                if len(window) >= where.width:
                    flush()
                window.append((shared, []))
            window[-1][1].append(point)
        flush()

    def settings(self, config: Config) -> tuple[Settings, Config, Panel, Scores, int, int]:
        """What a backtest of one combination takes."""
        config = self._heard(config)
        data = self._data(config)
        first, last = self._window(data, config)
        settings = settings_of(config, simulated_universe(config), self.space.path)
        return settings, config, data.panel, scores_of(settings, config, data.panel), first, last

    def _parcels(
        self, window: list[tuple[str, list[Combination]]], where: Executor, progress: Progress
    ) -> list[Parcel]:
        # Distinct scorer blocks first, so that several parcels of one block wait for a single fit.
        wanted = OrderedDict((shared, points[0].config) for shared, points in window if shared not in self._scores)
        tasks = [(self._data(config).panel, self._scorer(config)) for config in wanted.values()]
        self._scores.update(zip(wanted, where.run(_scores, tasks), strict=True))
        progress.scored += sum(params is not None for _, params in tasks)
        parcels = []
        for shared, points in window:
            self._scores.move_to_end(shared)
            data = self._data(points[0].config)
            first, last = self._window(data, points[0].config)
            parcels.append(
                Parcel(
                    self.space.path,
                    data.panel,
                    self._scores[shared],
                    first,
                    last,
                    self.edges,
                    tuple(points),
                    self.code,
                    self.files,
                    recorded_gas(self._heard(points[0].config), self.loaded.source.catalogue, data.panel.times),
                )
            )
        while len(self._scores) > KEPT:
            self._scores.popitem(last=False)
        return parcels

    def _shared(self, config: Config) -> str:
        """Names what combinations must share to be in one parcel: data, window and scores. Raises PatronError."""
        data = self._data(config)
        self._window(data, config)
        scorer = "" if self._scorer(config) is None else config.scorer.model_dump_json()
        return json.dumps([_data_key(self._heard(config)), scorer, config.costs.gas_series, config.costs.native_asset])

    def _scorer(self, config: Config) -> ScorerParams | None:
        """What is to be learned, None where the strategy asks no model. Raises ConfigError."""
        if not self._asks_model(config.strategy):
            return None
        return ScorerParams.of(config.scorer, BAR_SECONDS[config.bar])

    def _asks_model(self, strategy: StrategyConfig) -> bool:
        for name in strategy.names:
            if name in self._models:
                continue
            try:
                loaded = load_strategy(name, None, strategy.before_first_fit, self.space.path.parent)
            except ValueError as error:
                raise ConfigError(f"strategy: {error}") from None
            self._models[name] = loaded.uses_scores
        return any(self._models[name] for name in strategy.names)

    def _heard(self, config: Config) -> Config:
        """`config` with the signals that a generated market has."""
        if self.loaded.source.label != "synthetic":
            return config
        return on_generated_signals(config, self.loaded.source.catalogue.sources())

    def _data(self, config: Config) -> Data:
        config = self._heard(config)
        key = _data_key(config)
        if key not in self._panels:
            if key == _data_key(self.loaded.config):
                panel = self.loaded.panel
            else:
                source, universe = self.loaded.source, simulated_universe(config)
                if self.loaded.options.synthetic is not None:
                    source = open_source(self.loaded.options, config)
                refuse_errors(source.catalogue, universe, config.bar, config.read)
                panel = panels(config)(source.catalogue, universe, config.bar, config.read)
            self._panels[key] = Data(panel)
        self._panels.move_to_end(key)
        while len(self._panels) > KEPT:
            self._panels.popitem(last=False)
        return self._panels[key]

    def _window(self, data: Data, config: Config) -> tuple[int, int]:
        """(first, last) of the schedule. Raises ConfigError when `every` does not fit the bars."""
        if config.every not in data.schedules:
            try:
                schedule = schedule_of(self.loaded.options, config, data.panel)
                data.schedules[config.every] = schedule.first, schedule.last
            except PatronError as error:
                data.schedules[config.every] = str(error)
        found = data.schedules[config.every]
        if isinstance(found, str):
            raise ConfigError(found)
        return found


def block_edges(times: Times, cycles: int) -> Times:
    """The times that cut the window into 16 blocks; fewer (even, at least 4) where a block had under 8 cycles."""
    blocks = max(4, min(16, cycles // 8 // 2 * 2))
    return np.linspace(int(times[0]), int(times[-1]), blocks + 1)[1:-1].astype(np.int64)


def _scores(task: tuple[Panel, ScorerParams | None]) -> Scores:
    panel, params = task
    return no_scores(len(panel), len(panel.venues)) if params is None else scored(panel, params)


def _data_key(config: Config) -> str:
    venues = {
        name: (venue.asset, {k: list(v) for k, v in venue.topics.items()}) for name, venue in config.venues.items()
    }
    trends = config.trends.model_dump(mode="json") if config.trends is not None else None
    fields = {name: field.model_dump(mode="json") for name, field in config.fields.items()}
    return json.dumps([config.bar, list(config.signals), venues, trends, fields])
