"""Runs from plain returns, for gates that look at nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backtests.certify.evidence import Beside
from backtests.run import Run
from backtests.walkforward.folds import Fold
from bot.core.panel import Floats
from tests.backtests.markets import run_of

CYCLES = 400


def grown(returns: Floats, capital: float = 100_000.0) -> Run:
    """A run of these returns per cycle."""
    nav = capital * np.cumprod(np.concatenate(([1.0], 1.0 + returns)))
    return run_of(nav.tolist())


def market(seed: int = 1, drift: float = 0.0, cycles: int = CYCLES) -> Floats:
    """Daily returns of a market, their mean exactly `drift`."""
    drawn = np.random.default_rng(seed).normal(0.0, 0.03, cycles)
    return np.asarray(drawn - drawn.mean() + drift)


def own(seed: int, mean: float, spread: float = 0.01, cycles: int = CYCLES) -> Floats:
    """Daily returns that no market moves, their mean exactly `mean`."""
    drawn = np.random.default_rng([seed, 99]).normal(0.0, spread, cycles)
    return np.asarray(drawn - drawn.mean() + mean)


def beside(run: Floats, rival: Floats, held: Floats | None = None) -> Beside:
    return Beside(grown(run), grown(rival), grown(rival if held is None else held))


def folds(apart: Sequence[float]) -> list[Fold]:
    """Folds in which equal weight and buy and hold do nothing, and the strategy returns so much."""
    flat = run_of([100.0, 100.0])
    return [Fold(0, 1, run_of([100.0, 100.0 * (1.0 + each)]), flat, flat) for each in apart]
