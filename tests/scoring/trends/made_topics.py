"""Panels of made topics: born over time, growing at rates of their own that last, with gaps and dead ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bot.core.panel import Floats
from bot.core.topic_panel import TopicPanel
from bot.scoring.trends.params import TopicParams

DAY = 86_400
START = 19_000 * DAY
SHORT = TopicParams(
    "stars",
    horizon=8 * DAY,
    train=90 * DAY,
    refit=10 * DAY,
    embargo=DAY,
    sample=DAY,
    members=(0.5, 1.0),
    least_rows=100,
    least_calibration_rows=60,
)


def made_panel(seed: int, rows: int = 70, topics: int = 40, strength: float = 1.0) -> TopicPanel:
    """Stars of topics ``owner<k>/name<k>``. With `strength` 0 a rate lasts a day, so that growth foretells nothing."""
    random = np.random.default_rng(seed)
    times = START + DAY * np.arange(rows, dtype=np.int64)
    lasting = random.gamma(0.5, 0.01, topics) * strength
    passing = random.gamma(0.5, 0.01, (rows, topics)) * (1.0 - strength)
    level = np.floor(np.exp(random.uniform(2.0, 7.0, topics)) * np.exp(np.cumsum(lasting + passing, axis=0)))
    birth = np.where(random.random(topics) < 0.6, 0, random.integers(1, rows, topics))
    observed = np.broadcast_to(times[:, None] - 8 * 3_600, level.shape).astype(np.float64)
    unknown = (np.arange(rows)[:, None] < birth) | (random.random(level.shape) < 0.02)
    born = np.where(birth == 0, -1, times[birth])
    names = tuple(f"owner{place % 15}/name{place:03}" for place in range(topics))
    levels = {"stars": _without(level, unknown), "observed:stars": _without(observed, unknown)}
    return TopicPanel(times, names, levels, born)


def tampered(panel: TopicPanel, cut: int, seed: int) -> TopicPanel:
    """The panel with all rows from `cut` on replaced by nonsense, and topics born there by others."""
    random = np.random.default_rng(seed)
    levels = {name: values.copy() for name, values in panel.levels.items()}
    shape = (len(panel) - cut, len(panel.topics))
    levels["stars"][cut:] = np.where(random.random(shape) < 0.3, np.nan, random.integers(0, 10**7, shape))
    late = np.broadcast_to(panel.times[cut:, None] - random.integers(0, 9 * DAY, shape), shape).astype(np.float64)
    levels["observed:stars"][cut:] = np.where(np.isnan(levels["stars"][cut:]), np.nan, np.maximum(late, 0.0))
    late_born = panel.born >= panel.times[cut]
    return replace(panel, levels=levels, born=np.where(late_born, panel.born + DAY, panel.born))


def until(panel: TopicPanel, stop: int) -> TopicPanel:
    """The first rows, with the topics that they know."""
    levels = {name: values[:stop].copy() for name, values in panel.levels.items()}
    return TopicPanel(panel.times[:stop].copy(), panel.topics, levels, panel.born.copy())


def reordered(panel: TopicPanel, order: np.ndarray) -> TopicPanel:
    """The same topics in another order."""
    levels = {name: values[:, order].copy() for name, values in panel.levels.items()}
    return TopicPanel(panel.times.copy(), tuple(panel.topics[place] for place in order), levels, panel.born[order])


def with_unborn(panel: TopicPanel, count: int) -> TopicPanel:
    """The panel with topics in front that are yet to be born: columns of nothing."""
    none = np.full((len(panel), count), np.nan)
    levels = {name: np.hstack([none, values]) for name, values in panel.levels.items()}
    born = np.append(np.full(count, panel.times[-1] + DAY), panel.born)
    return TopicPanel(panel.times.copy(), (*(f"a/{place}" for place in range(count)), *panel.topics), levels, born)


def _without(values: Floats, unknown: np.ndarray) -> Floats:
    return np.where(unknown, np.nan, values)
