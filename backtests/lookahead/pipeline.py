"""The pipeline as a value, and a trace of everything that it says on the way from a catalogue to fills.

Each step is a function that can be replaced: that is how a leak is planted, and how an owner's own step is audited.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pandas as pd

from backtests.api import native_price
from backtests.fast import PoolsOf, run_fast
from backtests.fast import pools_of as seeded_pools
from backtests.kernels.pool import Pools
from backtests.replay import run_replay
from backtests.run import BUY, Run, run_from_reports
from bot.config import Config
from bot.core.panel import Floats, Panel, Times
from bot.core.score import Scores, no_scores
from bot.core.strategy import Strategy
from bot.replay import Schedule
from bot.scoring.labels import Labels
from bot.scoring.params import ScorerParams
from bot.scoring.scorer import IdleScorer
from bot.scoring.walkforward import SHIPPED, FittedModel, Steps, TrainingSet, score_rows, steps_of
from bot.settings import Settings, mirror_params
from bot.signals.catalogue import Catalogue, build_panel
from bot.signals.feed import PanelOf
from bot.signals.storage import BARS

# Every stage with those that it is made of: what a stage says is only its own doing where none of these differs.
PANEL, FEATURES, LABELS, TRAINING, MODELS = "panel", "features", "labels", "training", "models"
SCORES, TARGETS, COSTS, FILLS = "scores", "targets", "costs", "fills"
MADE_OF: Final[Mapping[str, tuple[str, ...]]] = {
    PANEL: (),
    FEATURES: (PANEL,),
    LABELS: (PANEL,),
    TRAINING: (FEATURES, LABELS),
    MODELS: (TRAINING,),
    SCORES: (MODELS, FEATURES),
    TARGETS: (SCORES, PANEL),
    COSTS: (PANEL,),
    FILLS: (TARGETS, COSTS),
}
_PROBES = 8  # training rows about which a fitted model is asked


@dataclass(frozen=True, slots=True)
class Case:
    """What is audited: data, a strategy with its settings, and the window of the run (unix seconds)."""

    catalogue: Catalogue
    settings: Settings
    config: Config
    first: int
    last: int
    panel_of: PanelOf = build_panel  # what the run makes its panel with

    @property
    def bar_seconds(self) -> int:
        return BARS[self.config.bar]

    @property
    def scorer(self) -> ScorerParams:
        return ScorerParams.of(self.config.scorer, self.bar_seconds)


def given(case: Case, panel: Panel, targets: Floats) -> Strategy:
    """A strategy that wants `targets` (T, N) of the panel's rows, whichever of them it is shown."""
    return Strategy(
        case.settings.strategy.name,
        lambda shown, *_: targets[np.searchsorted(panel.times, shown.times)],
        {},
        1,
        uses_scores=False,
    )


def fast_fills(case: Case, panel: Panel, scores: Scores, targets: Floats, pools: PoolsOf) -> Run:
    """The fast rung's run of given targets (T, N), in pools that `pools` makes."""
    settings = replace(case.settings, strategy=given(case, panel, targets))
    return run_fast(settings, case.config, panel, scores, case.first, case.last, pools=pools)


def replay_fills(case: Case, panel: Panel, scores: Scores, targets: Floats, pools: PoolsOf) -> Run:
    """The replay rung's run of given targets: the cycle itself, in exact integers. It makes its own pools."""
    settings, config = case.settings, case.config
    settings = replace(settings, strategy=given(case, panel, targets))
    run = run_replay(settings, config, panel, IdleScorer(), case.first, case.last)
    money = settings.universe.money
    reports = asyncio.run(run).reports
    return run_from_reports(reports, settings.universe, money.decimals, native_price(config), "audit", "replay")


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The functions between a catalogue and fills; what ships, unless one is replaced."""

    panel_of: PanelOf | None = None  # instead of the case's own
    steps: Steps = SHIPPED
    targets_of: Callable[[Strategy, Panel, Scores], Floats] = Strategy.weights
    pools_of: PoolsOf = seeded_pools
    fills_of: Callable[[Case, Panel, Scores, Floats, PoolsOf], Run] = fast_fills


@dataclass(frozen=True, slots=True)
class Output:
    """What a stage said: `values` (T, W) under one name, known at `times` (T,). `columns` (W,): venues, or nothing.

    `fit`: unix seconds of the fit that it belongs to, 0 if to none.
    """

    stage: str
    name: str
    times: Times
    values: Floats
    columns: tuple[str, ...]
    fit: int = 0

    @property
    def key(self) -> tuple[str, str, tuple[str, ...], int]:
        """What says the same thing in another trace."""
        return self.stage, self.name, self.columns, self.fit


@dataclass(slots=True)
class Watched:
    """Everything that one walk-forward was made of, as its steps returned it."""

    names: tuple[str, ...] = ()
    x: Floats = field(default_factory=lambda: np.empty((0, 0, 0)))
    truth: Labels | None = None
    trainings: dict[int, TrainingSet | None] = field(default_factory=dict)
    models: dict[int, FittedModel] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trace:
    """One pass of the pipeline: `outputs` in causal order, and the objects behind them."""

    outputs: tuple[Output, ...]
    panel: Panel
    watched: Watched
    scores: Scores
    targets: Floats
    run: Run


def trace(pipeline: Pipeline, case: Case) -> Trace:
    """Runs the whole pipeline. Raises what its steps raise: DataError, or ValueError from a strategy."""
    strategy = case.settings.strategy
    panel = panel_of(pipeline, case)
    watched = Watched()
    scores = no_scores(len(panel), len(panel.venues))
    if strategy.uses_scores:
        steps = _watching(steps_of(case.scorer, pipeline.steps), watched)
        scores = score_rows(panel, case.scorer, 0, watched.models, steps)
    targets = pipeline.targets_of(strategy, panel, scores)
    run = pipeline.fills_of(case, panel, scores, targets, pipeline.pools_of)
    outputs = [
        *panel_outputs(panel),
        *scorer_outputs(panel, watched),
        *(output for fit_time in watched.trainings for output in training_outputs(panel, watched, fit_time)),
        *_model_outputs(pipeline.steps, panel, watched),
        *(
            Output(SCORES, name, panel.times, getattr(scores, name), panel.venues)
            for name in ("expected", "low", "high")
        ),
        Output(TARGETS, f"targets of {strategy.name}", panel.times, targets, panel.venues),
        *_cost_outputs(pipeline, case, panel),
        *_run_outputs(run, panel),
    ]
    return Trace(tuple(outputs), panel, watched, scores, targets, run)


def panel_of(pipeline: Pipeline, case: Case) -> Panel:
    """The case's panel, as the pipeline builds it."""
    made = pipeline.panel_of or case.panel_of
    return made(case.catalogue, case.settings.universe, case.config.bar, case.config.read)


def trained(pipeline: Pipeline, case: Case, panel: Panel, fit_time: int) -> Watched:
    """The steps up to the training set of one fit, without fitting anything."""
    watched = Watched()
    steps = _watching(steps_of(case.scorer, pipeline.steps), watched)
    names, x = steps.features_of(panel, case.bar_seconds)
    truth = steps.labels_of(panel, case.scorer.horizon)
    steps.training_of(panel, names, x, truth, fit_time, case.scorer)
    return watched


def panel_outputs(panel: Panel) -> list[Output]:
    """Every field of the panel."""
    return [Output(PANEL, name, panel.times, values, panel.venues) for name, values in sorted(panel.fields.items())]


def scorer_outputs(panel: Panel, watched: Watched) -> list[Output]:
    """Features, and labels at the time at which they are said to be known."""
    found = [
        Output(FEATURES, name, panel.times, watched.x[:, :, column], panel.venues)
        for column, name in enumerate(watched.names)
    ]
    if watched.truth is not None:
        found.append(Output(LABELS, "label", watched.truth.known_at, watched.truth.returns, panel.venues))
    return found


def training_outputs(panel: Panel, watched: Watched, fit_time: int) -> list[Output]:
    """What the fit at `fit_time` learned from, name by name; the estimator's part first, then the calibration's."""
    training = watched.trainings.get(fit_time)
    at = _first_row(panel, fit_time)
    known = Output(TRAINING, "training set", at, np.array([[float(training is not None)]]), (), fit_time)
    if training is None:
        return [known]
    parts = (("", training.x, training.y), ("calibration ", training.calibration_x, training.calibration_y))
    found = [known]
    for part, x, y in parts:
        found.append(Output(TRAINING, f"{part}label", at, y[None, :], (), fit_time))
        found += [
            Output(TRAINING, f"{part}{name}", at, x[None, :, column], (), fit_time)
            for column, name in enumerate(watched.names)
        ]
    return found


def _watching(steps: Steps, watched: Watched) -> Steps:
    """The same steps, writing down what they return."""

    def features_of(panel: Panel, bar_seconds: int) -> tuple[tuple[str, ...], Floats]:
        watched.names, watched.x = steps.features_of(panel, bar_seconds)
        return watched.names, watched.x

    def labels_of(panel: Panel, horizon: int) -> Labels:
        watched.truth = steps.labels_of(panel, horizon)
        return watched.truth

    def training_of(
        panel: Panel, names: tuple[str, ...], x: Floats, truth: Labels, fit_time: int, params: ScorerParams
    ) -> TrainingSet | None:
        watched.trainings[fit_time] = steps.training_of(panel, names, x, truth, fit_time, params)
        return watched.trainings[fit_time]

    return replace(steps, features_of=features_of, labels_of=labels_of, training_of=training_of)


def _first_row(panel: Panel, fit_time: int) -> Times:
    """(1,): the row from which on a fit is used. A panel that ends before it need not know of the fit."""
    return panel.times[np.searchsorted(panel.times, fit_time) :][:1]


def _model_outputs(steps: Steps, panel: Panel, watched: Watched) -> list[Output]:
    """Bounds, radius and a few predictions of each fitted model, known from its fit on."""
    found = []
    for fit_time, model in sorted(watched.models.items()):
        at = _first_row(panel, fit_time)
        numbers = np.array([[model.low, model.high, model.radius]])
        found.append(Output(MODELS, "bounds and radius", at, numbers, (), fit_time))
        training = watched.trainings[fit_time]
        if training is not None:
            probe = training.x[None, :_PROBES]
            said = steps.expected_of(model, probe, np.ones(probe.shape[:2], dtype=bool))
            found.append(Output(MODELS, "predictions", at, said, (), fit_time))
    return found


def _cost_outputs(pipeline: Pipeline, case: Case, panel: Panel) -> list[Output]:
    """What each pool is taken to be, known from the venue's first price in the run on."""
    rows = Schedule(panel, case.first, case.last, case.config.every).rows
    depth = mirror_params(case.config).depth
    pools = pipeline.pools_of(case.settings.universe, panel, rows.start, rows.stop, depth)
    found = []
    for column, venue in enumerate(panel.venues):
        listed = np.flatnonzero(panel.listed[rows.start : rows.stop, column])
        if column and listed.size:
            at = panel.times[rows.start + listed[:1]]
            found += [
                Output(COSTS, f"pool {name}", at, values[None, [column]], (venue,))
                for name, values in zip(Pools._fields, pools, strict=True)
            ]
    return found


def rows_of(run: Run, panel: Panel) -> Times:
    """(K,): the panel's row on which each cycle decided. The exact rungs tell the time of its block, a while later."""
    return np.asarray(np.searchsorted(panel.times, run.times, side="right") - 1, dtype=np.int64)


def _run_outputs(run: Run, panel: Panel) -> list[Output]:
    row = rows_of(run, panel)
    at = panel.times[row]
    # A made pool stands at its first price before the venue is listed: told in reports, and of no use to anybody.
    prices = np.where(panel.listed[row], run.prices, np.nan)
    found = [Output(FILLS, name, at, getattr(run, name)[:, None], ()) for name in ("nav", "gas", "fees")]
    found += [Output(FILLS, "prices", at, prices, run.venues)]
    found += [Output(FILLS, name, at, getattr(run, name), run.venues) for name in ("held", "target")]
    return [*found, *(Output(FILLS, name, at, traded(run, name), run.venues) for name in ("money", "units"))]


def traded(run: Run, column: str) -> Floats:
    """(K, N): a column of the run's trades by cycle and venue, bought above zero and sold below it."""
    table = np.zeros((len(run), len(run.venues)))
    trades: pd.DataFrame = run.trades
    row = np.searchsorted(run.times, trades["time"].to_numpy())
    place = {venue: number for number, venue in enumerate(run.venues)}
    where = np.array([place[venue] for venue in trades["venue"]], dtype=np.int64)
    np.add.at(table, (row, where), np.where(trades["side"] == BUY, 1.0, -1.0) * trades[column].to_numpy())
    return table
