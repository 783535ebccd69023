"""How long a score takes with the plain library, and how many rows a second a backtest asks of the compiled trees."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final

import numpy as np

from backtests.benchmark.timing import seconds
from backtests.compiled_scoring import CompiledTrees
from bot.core.panel import Floats
from bot.errors import InvariantBroken
from bot.scoring.model import FittedModel, TrainingSet, expected_returns, fit
from bot.scoring.params import ModelName, ScorerParams

ASSETS, BATCH, RUNS, ROUNDS, DAY = 500, 200_000, 31, 5, 86_400
START: Final = 1_577_836_800  # 2020-01-01
ROWS: Final = 4_000  # of a fit
FEATURES: Final = 27  # that a strategy with one signal has
GOAL_MS, GOAL_ROWS = 5.0, 1_000_000
MODELS: Final[tuple[ModelName, ...]] = ("ridge", "hist_gradient_boosting", "stack")


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds to score so many assets or topics at once."""

    what: str
    count: int
    fastest: float
    middle: float
    slowest: float  # 99th of a hundred


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows a second of the library and of the kernel, and the ratio by rounds of one run."""

    what: str
    trees: int
    library: float
    kernel: float
    ratios: tuple[float, float, float]


def rows(seed: int, count: int, features: int = FEATURES) -> Floats:
    """(count, features) draws with a tenth of gaps."""
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(count, features))
    x[draws.random(x.shape) < 0.1] = np.nan
    return x


def fitted(model: ModelName) -> FittedModel:
    """A model of venues, fitted on made rows with a weak relation in them."""
    params = ScorerParams(7 * DAY, 365 * DAY, 28 * DAY, DAY, DAY, model)
    x = rows(1, ROWS)
    y = 0.02 * np.nan_to_num(x[:, 0]) + 0.05 * np.random.default_rng(2).normal(size=ROWS)
    names = ("return_28d", *(f"made_{number}" for number in range(FEATURES - 1)))
    at = np.repeat(np.arange(ROWS // 20) * DAY, 20)
    training = TrainingSet(0, x, y, x[:400], y[:400], model, names, at)
    return fit(training, params)


def latencies(count: int = ASSETS, runs: int = RUNS) -> list[Latency]:
    """Of the venues' models, each asked about so many venues at once, and of a topics' model."""
    found = []
    speaks = np.ones((1, count), dtype=bool)
    x = rows(3, count)[None]
    for name in MODELS:
        found.append(_latency(f"venues: {name}", count, partial(expected_returns, fitted(name), x, speaks), runs))
    topics, seen = topics_and_rows()
    seen = np.resize(seen, (count, seen.shape[1]))
    from bot.scoring.trends.model import foretold

    return [*found, _latency("topics: probability, growth and intervals", count, partial(foretold, topics, seen), runs)]


@cache
def topics_and_rows(count: int = ASSETS, days: int = 730) -> tuple[Any, Floats]:
    """A model of generated topics as the shipped steps fit it, and the newest features (count, F) of so many."""
    from bot.core.topic_panel import TopicPanel
    from bot.scoring.trends.features import topic_features
    from bot.scoring.trends.model import fit as fit_topics
    from bot.scoring.trends.params import TopicParams
    from bot.scoring.trends.training import learnable, training_of

    draws = np.random.default_rng(5)
    rate = draws.gamma(0.5, 1.0, count) * np.exp(np.cumsum(draws.normal(0.0, 0.05, (days, count)), axis=0))
    levels = 10.0 + np.cumsum(draws.poisson(rate).astype(np.float64), axis=0)
    times = np.arange(days, dtype=np.int64) * DAY + START
    born = np.full(count, -1, dtype=np.int64)
    known = {"stars": levels, "observed:stars": np.repeat(times[:, None].astype(np.float64), count, axis=1)}
    panel = TopicPanel(times, tuple(f"made/{number}" for number in range(count)), known, born)
    params = TopicParams("stars", train=180 * DAY)
    names, x = topic_features(panel, params)
    training = training_of(panel, learnable(panel, params, names, x), int(times[-1]), params)
    if training is None:
        raise InvariantBroken("generated topics are too few to learn from")
    return fit_topics(training, params), x[-1]


def batches(count: int = BATCH, rounds: int = ROUNDS) -> list[Batch]:
    """The library and the kernel in turn, on the same rows and one core. Raises InvariantBroken where a bit differs."""
    from bot.scoring.estimator import predicted

    topics, seen = topics_and_rows()
    asked = (
        ("venues", fitted("hist_gradient_boosting").pipeline, rows(7, count)),
        ("topics: growth", topics.parts["growth"], np.resize(seen, (count, seen.shape[1]))),
    )
    found = []
    for what, pipeline, x in asked:
        swift = CompiledTrees(pipeline)
        if predicted(pipeline, x).tobytes() != predicted(swift, x).tobytes():
            raise InvariantBroken("compiled trees and the library's differ")
        library, kernel = [], []
        for _ in range(rounds):  # in turn: other work on the machine slows both alike
            library += seconds(partial(predicted, pipeline, x), 1)
            kernel += seconds(partial(predicted, swift, x), 1)
        ratios = sorted(one / other for one, other in zip(library, kernel, strict=True))
        found.append(
            Batch(
                what,
                len(pipeline[-1]._predictors),
                count / statistics.median(library),
                count / statistics.median(kernel),
                (ratios[len(ratios) // 2], ratios[0], ratios[-1]),
            )
        )
    return found


def sections() -> dict[str, str]:
    """The section about scoring, by name."""
    return {"scoring": text(latencies(), batches())}


def text(latency: list[Latency], batch: list[Batch]) -> str:
    """The section in words."""
    asked = "\n".join(
        f"| {each.what} | {each.count} | {each.fastest:.2f} ms | {each.middle:.2f} ms | {each.slowest:.2f} ms |"
        for each in latency
    )
    summed = "\n".join(
        f"| {each.what} | {each.trees} | {each.library / 1e6:.2f} million/s | **{each.kernel / 1e6:.2f} million/s** "
        f"| {each.ratios[0]:.1f} × | {each.ratios[1]:.1f}–{each.ratios[2]:.1f} |"
        for each in batch
    )
    slowest = max(each.middle for each in latency)
    least = min(each.kernel for each in batch)
    met = "reached" if slowest <= GOAL_MS else "missed"
    fast = "reached" if least >= GOAL_ROWS else "missed"
    return f"""## Scores

A fitted model asked about {ASSETS} venues ({FEATURES} features) or topics at once, with plain scikit-learn on one
thread, as a run asks it. The goal of {GOAL_MS:g} ms is {met}: the slowest takes {slowest:.2f} ms (median).
Beside other work a call waits for it; the fastest of {RUNS} is what the call itself takes.

| asked | at once | fastest | median | 99 of 100 within |
|---|---:|---:|---:|---:|
{asked}

A backtest asks about years of rows. The same {BATCH:,} rows through the library (one thread) and through the compiled
trees (one core), in turn; every bit equal, or nothing is written here. The goal of {GOAL_ROWS / 1e6:g} million
rows/s is {fast}: {least / 1e6:.2f} million.

| trees of | rounds | scikit-learn | compiled | ratio | least–greatest |
|---|---:|---:|---:|---:|---:|
{summed}

The kernel chooses between both children of every node for {_block()} rows at a time instead of walking from node to
node, so its time grows with the leaves and not with their depth: our trees have six. With 31 leaves it is about five
times as fast as the library, and beyond a few hundred it would be slower.
"""


def _latency(what: str, count: int, call: Callable[[], object], runs: int) -> Latency:
    call()
    taken = [each * 1e3 for each in seconds(call, runs)]
    return Latency(what, count, min(taken), statistics.median(taken), float(np.quantile(taken, 0.99)))


def _block() -> int:
    from backtests.kernels.trees import BLOCK

    return BLOCK
