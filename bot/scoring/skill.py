"""How good scores were, once the returns are known: for reports, tests, and to notice that a model has drifted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bot.core.panel import Floats, Panel
from bot.core.score import Scores
from bot.scoring.features import demeaned, ranked
from bot.scoring.labels import Labels
from bot.scoring.spans import DAY, log_of, past, sum_of_past


def rank_information_coefficient(scores: Scores, truth: Labels, least_venues: int = 3) -> Floats:
    """(T,): Spearman's rank correlation, row by row, of what was expected with what came.

    NaN where fewer than `least_venues` have both, or where either side is all ties. Rows closer together than the
    horizon share returns: divide the number of rows by their overlap before calling a mean significant.
    """
    return rank_correlations(scores.expected, truth.returns, least_venues)


def rank_correlations(left: Floats, right: Floats, least: int = 3) -> Floats:
    """(T,): Spearman's rank correlation of two tables (T, N) row by row, NaN as of the information coefficient."""
    both = np.isfinite(left) & np.isfinite(right)
    a, b = (np.where(both, demeaned(ranked(np.where(both, side, np.nan))), 0.0) for side in (left, right))
    # Sums over sorted columns: float addition is not associative, and the order of columns must not matter.
    scale = np.sqrt(_sums(a**2) * _sums(b**2))
    defined = (both.sum(axis=1) >= least) & (scale > 0.0)
    return np.where(defined, _sums(a * b) / np.where(defined, scale, 1.0), np.nan)


def _sums(values: Floats) -> Floats:
    return np.asarray(np.sort(values, axis=1).sum(axis=1))


def covered_share(scores: Scores, truth: Labels) -> float:
    """The share of returns that fell within their interval, NaN if none can be told."""
    known = np.isfinite(scores.expected) & np.isfinite(truth.returns)
    inside = (truth.returns >= scores.low) & (truth.returns <= scores.high)
    return float(inside[known].mean()) if known.any() else float("nan")


def covered_by_regime(scores: Scores, truth: Labels, regimes: dict[str, NDArray[np.bool_]]) -> dict[str, float]:
    """Regime -> the share of returns within their interval over its rows (T,), NaN where none can be told."""
    hidden = {
        name: np.where(rows[:, None] & np.isfinite(scores.expected), truth.returns, np.nan)
        for name, rows in regimes.items()
    }
    return {name: covered_share(scores, Labels(returns, truth.known_at)) for name, returns in hidden.items()}


def regimes_of(panel: Panel, days: int = 28) -> dict[str, NDArray[np.bool_]]:
    """Regime -> its rows (T,): thirds of the market's volatility over `days`, and whether it rose or fell over them.

    The market is the mean daily log return of the venues. Thirds are of the whole panel: this is for reports, after
    the fact.
    """
    price = log_of(panel.close)
    daily = price - past(panel.times, price, DAY)
    daily[:, 0] = np.nan
    known = np.isfinite(daily)
    market = np.where(known, daily, 0.0).sum(axis=1) / np.where(known.any(axis=1), known.sum(axis=1), np.nan)
    moved = np.sqrt(sum_of_past(panel.times, market[:, None] ** 2, DAY, days)[:, 0] / days)
    trend = sum_of_past(panel.times, market[:, None], DAY, days)[:, 0]
    low, high = np.nanquantile(moved, [1 / 3, 2 / 3]) if np.isfinite(moved).any() else (np.nan, np.nan)
    return {
        "calm third": moved <= low,
        "middle third": (moved > low) & (moved <= high),
        "wild third": moved > high,
        "market up": trend > 0.0,
        "market down": trend <= 0.0,
    }
