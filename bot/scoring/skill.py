"""How good scores were, once the returns are known. For reports and tests only: nothing here may reach a decision."""

from __future__ import annotations

import numpy as np

from bot.core.panel import Floats
from bot.core.score import Scores
from bot.scoring.features import demeaned, ranked
from bot.scoring.labels import Labels


def rank_information_coefficient(scores: Scores, truth: Labels, least_venues: int = 3) -> Floats:
    """(T,): Spearman's rank correlation, row by row, of what was expected with what came.

    NaN where fewer than `least_venues` have both, or where either side is all ties. Rows closer together than the
    horizon share returns: divide the number of rows by their overlap before calling a mean significant.
    """
    both = np.isfinite(scores.expected) & np.isfinite(truth.returns)
    ranks = [demeaned(ranked(np.where(both, side, np.nan))) for side in (scores.expected, truth.returns)]
    left, right = (np.where(both, side, 0.0) for side in ranks)
    scale = np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))
    defined = (both.sum(axis=1) >= least_venues) & (scale > 0.0)
    return np.where(defined, (left * right).sum(axis=1) / np.where(defined, scale, 1.0), np.nan)


def covered_share(scores: Scores, truth: Labels) -> float:
    """The share of returns that fell within their interval, NaN if none can be told."""
    known = np.isfinite(scores.expected) & np.isfinite(truth.returns)
    inside = (truth.returns >= scores.low) & (truth.returns <= scores.high)
    return float(inside[known].mean()) if known.any() else float("nan")
