"""Features of many topics over years, and what a model says of five hundred of them."""

from __future__ import annotations

import statistics
from dataclasses import replace
from typing import Final

import numpy as np

from backtests.benchmark.timing import seconds, spread
from bot.core.topic_panel import TopicPanel
from bot.errors import InvariantBroken
from bot.scoring.trends.features import topic_features
from bot.scoring.trends.model import TopicModel, fit, foretold
from bot.scoring.trends.params import DAY, TopicParams
from bot.scoring.trends.training import learnable, training_of

TOPICS, DAYS, SCORED = 2_000, 3 * 365, 500
RUNS, QUICK_RUNS = 5, 41
FEATURES_GOAL, SCORE_GOAL = 5.0, 0.005  # seconds
_FITTED_DAYS: Final = 200  # of the panel's end: enough for one model
PARAMS: Final = TopicParams("stars", train=_FITTED_DAYS * DAY)


def made_panel(topics: int, days: int, seed: int = 1) -> TopicPanel:
    """Daily stars of topics with growth of their own, half of them born on the way, some days missing."""
    random = np.random.default_rng(seed)
    times = DAY * (19_000 + np.arange(days, dtype=np.int64))
    steps = random.gamma(0.5, 0.004, topics) * random.gamma(1.0, 1.0, (days, topics))
    level = np.floor(np.exp(random.uniform(2.0, 8.0, topics)) * np.exp(np.cumsum(steps, axis=0)))
    birth = np.where(random.random(topics) < 0.5, 0, random.integers(1, days, topics))
    unknown = (np.arange(days)[:, None] < birth) | (random.random(level.shape) < 0.03)
    observed = np.broadcast_to((times - DAY // 3)[:, None], level.shape)
    levels = {"stars": np.where(unknown, np.nan, level), "observed:stars": np.where(unknown, np.nan, observed)}
    names = tuple(f"owner{place % (topics // 3 + 1)}/name{place}" for place in range(topics))
    return TopicPanel(times, names, levels, np.where(birth == 0, -1, times[birth]))


def fitted_model(panel: TopicPanel, params: TopicParams) -> tuple[TopicModel, np.ndarray]:
    """A model of the panel's newest rows, and the features of its last row (K, F). Raises InvariantBroken."""
    names, x = topic_features(panel, params)
    training = training_of(panel, learnable(panel, params, names, x), int(panel.times[-1]), params)
    if training is None:
        raise InvariantBroken("too few rows for a model of topics")
    return fit(training, params), x[-1]


def sections() -> dict[str, str]:
    """The section about topics, by name."""
    panel = made_panel(TOPICS, DAYS)
    built = seconds(lambda: topic_features(panel, PARAMS), RUNS)
    model, x = fitted_model(made_panel(TOPICS, _FITTED_DAYS), replace(PARAMS, sample=7 * DAY))
    asked = x[:SCORED]
    said = seconds(lambda: foretold(model, asked), QUICK_RUNS)
    return {"topics": text(built, said, x.shape[1])}


def text(built: list[float], said: list[float], features: int) -> str:
    """The section in words: seconds of each run of building features, and of scoring."""
    rows = (
        (f"{features} features of {TOPICS:,} topics × {DAYS:,} days", built, FEATURES_GOAL),
        (f"probability, growth and two intervals of {SCORED} topics", said, SCORE_GOAL),
    )
    lines = [
        f"| {what} | **{statistics.median(taken):.4g} s** | {spread(taken)} | {goal:g} s "
        f"| {'reached' if statistics.median(taken) <= goal else 'missed'} |"
        for what, taken, goal in rows
    ]
    table = "\n".join(lines)
    return f"""## Topics: features and scores

Features from levels to the last rank, on one thread; scores with plain scikit-learn, of a model with four boosted
classifiers, a linear one and three boosted regressors. Medians of {RUNS} and {QUICK_RUNS} runs.

| what | median | fastest to slowest | goal | |
|---|---:|---:|---:|---|
{table}
"""
