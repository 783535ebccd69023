"""A walk-forward with refits, from the catalogue on disk to the last fold, and how much of it is fitting."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ruamel.yaml import YAML

from backtests.benchmark.timing import seconds, spread
from backtests.walkforward.folds import combinatorial, walk_forward
from backtests.walkforward.window import window
from bot.errors import InvariantBroken
from bot.loading import Loaded, Options, load
from bot.scoring.features import features
from bot.scoring.labels import labels
from bot.scoring.params import ModelName, ScorerParams
from bot.scoring.walkforward import TrainingSet, fit, fit_times, training_set
from bot.settings import settings_of
from bot.signals.generator import STARS, generate

ASSETS, BARS, FOLDS, REFITS, DAY = 40, 5 * 365, 20, 20, 86_400
START: Final = 1_577_836_800  # 2020-01-01
RUNS: Final = 3
MODELS: Final[tuple[ModelName, ...]] = ("ridge", "hist_gradient_boosting")
FLOOR, GOAL = 60.0, 15.0  # seconds


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds of every run, by what was timed. `fits`: the estimator's alone, on the same rows."""

    model: str
    refits: int
    rows: int  # that the last fit saw
    load: list[float]
    folds: list[float]
    fits: list[float]
    paths: list[float]


def catalogue(folder: Path, assets: int, bars: int) -> Path:
    """A catalogue on disk of daily bars and stars, as an import of recordings leaves one."""
    names = tuple(f"A{number:02}" for number in range(assets))
    generate(1, names, bars, DAY, START, strength=0.5).write(folder / "catalogue")
    return folder / "catalogue"


def strategy_file(folder: Path, assets: int, model: ModelName, train_days: int, refit_days: int) -> Path:
    """A trend-tilting strategy over all assets of the catalogue."""
    venues = {
        f"a{number:02}-usdc": {
            "kind": "uniswap_v3_hold",
            "asset": f"A{number:02}",
            "fee": "30 bps",
            "topics": {STARS: [f"a{number:02}/*"]},
        }
        for number in range(assets)
    }
    document = {
        "capital": "1000000 USDC",
        "every": "1d",
        "strategy": {"name": "trend_tilt"},
        "signals": [STARS],
        "venues": venues,
        "policy": {"band": "300 bps"},
        "scorer": {"model": model, "horizon": "7d", "train": f"{train_days}d", "refit": f"{refit_days}d"},
    }
    file = folder / f"{model}.yaml"
    with file.open("w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(document, stream)
    return file


def measure(
    data: Path, file: Path, folds: int, least_refits: int, runs: int, groups: int = 6, tested: int = 2
) -> Taken:
    """Times of loading, walking forward and the combinatorial paths. The first walk warms the compiler and is not kept.

    Raises InvariantBroken when fewer models than asked for spoke in the folds.
    """
    options = Options(config=file, replay=data)
    loaded = load(options)
    settings = settings_of(loaded.config, loaded.universe, file)
    found = walk_forward(loaded, settings, folds)
    spoke = {digest for fold in found for digest in fold.models}
    if len(spoke) < least_refits:
        raise InvariantBroken(f"{len(spoke)} models spoke in the folds, {least_refits} were to be timed")
    known = _training_sets(loaded, spoke)
    calls: dict[str, Callable[[], object]] = {
        "load": lambda: load(options),
        "folds": lambda: walk_forward(loaded, settings, folds),
        "fits": lambda: [fit(training, scorer_of(loaded)) for training in known],
        "paths": lambda: combinatorial(loaded, settings, groups, tested),
    }
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(runs):  # in turn: other work on the machine slows all of them alike
        for name, call in calls.items():
            taken[name] += seconds(call, 1)
    return Taken(loaded.config.scorer.model, len(spoke), len(known[-1].y), **taken)


def scorer_of(loaded: Loaded) -> ScorerParams:
    """What the strategy file asks of its model."""
    return ScorerParams.of(loaded.config.scorer, DAY)


def _training_sets(loaded: Loaded, spoke: set[str]) -> list[TrainingSet]:
    """Those of the models that spoke, in order of time."""
    panel, params = window(loaded).panel, scorer_of(loaded)
    names, x = features(panel, DAY)
    truth = labels(panel, params.horizon)
    times = sorted(set(fit_times(panel.times, params.refit).tolist()))
    made = [training_set(panel, names, x, truth, time, params) for time in times]
    return [training for training in made if training is not None and training.digest in spoke]


def row(taken: Taken) -> str:
    """One line of the table; the total is of medians."""
    load_time, folds, fits, paths = (
        statistics.median(each) for each in (taken.load, taken.folds, taken.fits, taken.paths)
    )
    share = statistics.median(one / other for one, other in zip(taken.fits, taken.folds, strict=True))
    return (
        f"| {taken.model} | {taken.refits} | {taken.rows:,} | **{load_time + folds:.2f} s** | {load_time:.2f} s "
        f"| {folds:.2f} s | {spread(taken.folds)} | {fits:.2f} s | {share:.0%} | {paths:.2f} s |"
    )


def sections() -> dict[str, str]:
    """The section about walk-forwards, by name."""
    with tempfile.TemporaryDirectory() as folder:
        data = catalogue(Path(folder), ASSETS, BARS)
        taken = [
            measure(data, strategy_file(Path(folder), ASSETS, model, 365, 84), FOLDS, REFITS, RUNS) for model in MODELS
        ]
    slowest = max(statistics.median(each.load) + statistics.median(each.folds) for each in taken)
    met = "reached" if slowest <= GOAL else "missed"
    return {"refits": text(taken, f"The goal of {GOAL:g} s ({FLOOR:g} s at least) is {met}: {slowest:.1f} s.")}


def text(taken: list[Taken], verdict: str) -> str:
    """The section in words."""
    lines = "\n".join(map(row, taken))
    return f"""## Walk-forward with refits

{ASSETS} assets × {BARS:,} daily bars with a signal each, in a catalogue on disk; `trend_tilt` over {FOLDS} folds, each
beside equal weight and buy and hold, a year of training, a refit every 84 days. The walk: features, training sets with
their digests, fits, scores, {3 * FOLDS} runs of the fast rung. Everything compiled before; medians of {RUNS} runs.
{verdict}

| model | refits | rows of a fit | load and walk | load | walk | fastest to slowest | the fits alone | of the walk \
| 15 splits, 5 paths |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|
{lines}

The bound is the library's: "the fits alone" are the same models fitted on the same rows with nothing around them, on
one thread as always, for sums over several are rounded differently from machine to machine. The last column is
combinatorial purged cross-validation of the same window: with the check that no model depends on what it
judges, for which features and training sets are made again for each group.
"""
