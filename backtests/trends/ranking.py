"""How well scores rank, and how sure one may be that one ranks better than another.

Rows of one repository are not independent cases, on one date or over time: whole repositories are drawn again, with all
that they did (cluster bootstrap; A. Cameron, J. Gelbach and D. Miller, 2008), the same ones for both contenders.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.core.panel import Floats

BLOCK = 200  # resamples at once


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean over dates of the difference of two areas under the curve, with the 95 % interval of `resamples`."""

    mean: float
    low: float
    high: float
    resamples: int

    @property
    def told(self) -> str:
        """Whether it is an improvement: only where the interval says so."""
        return "better" if self.low > 0.0 else "worse" if self.high < 0.0 else "no improvement"


def areas(score: Floats, top: Floats, weight: Floats | None = None) -> Floats:
    """(D,) or (B, D): area under the ROC curve of each date; ties count half, NaN where only one side is there.

    `score`, `top` (D, K): NaN in either leaves a topic out. `weight` (B, K): how often each topic was drawn.
    """
    found = [_area(*_known(score[date], top[date], weight)) for date in range(len(score))]
    return np.stack(found, axis=-1) if found else np.zeros(0)


def difference(
    score: Floats, rival: Floats, top: Floats, cluster: NDArray[np.int64], seed: int, resamples: int = 1_000
) -> Difference:
    """How much better `score` (D, K) ranks than `rival`, by date, on the topics that both speak of. `cluster` (K,):
    what is drawn as a whole, such as a repository."""
    both = np.isfinite(score) & np.isfinite(rival) & np.isfinite(top)
    score, rival, top = (np.where(both, each, np.nan) for each in (score, rival, top))
    mean = float(np.nanmean(areas(score, top) - areas(rival, top)))
    random = np.random.default_rng(seed)
    clusters = int(cluster.max()) + 1 if len(cluster) else 0
    present = np.unique(cluster[both.any(axis=0)])
    drawn = []
    for first in range(0, resamples, BLOCK):
        counts = np.zeros((min(BLOCK, resamples - first), clusters))
        counts[:, present] = random.multinomial(len(present), np.full(len(present), 1.0 / len(present)), len(counts))
        weight = counts[:, cluster]
        drawn.append(np.nanmean(areas(score, top, weight) - areas(rival, top, weight), axis=1))
    low, high = np.quantile(np.concatenate(drawn), [0.025, 0.975])
    return Difference(mean, float(low), float(high), resamples)


def _known(score: Floats, top: Floats, weight: Floats | None) -> tuple[Floats, Floats, Floats]:
    """Scores and tops that are known, and their weights (B, M) or (M,), in order of rising score."""
    known = np.flatnonzero(np.isfinite(score) & np.isfinite(top))
    order = known[np.argsort(score[known], kind="stable")]
    return score[order], top[order], np.ones(len(order)) if weight is None else weight[:, order]


def _area(score: Floats, top: Floats, weight: Floats) -> Floats:
    """The share of pairs, of a top one and another, that are in order: by weights summed up to each score."""
    if not len(score):
        return np.full(weight.shape[:-1], np.nan)
    other = weight * (1.0 - top)
    ends = np.append(np.flatnonzero(np.diff(score) > 0.0), len(score) - 1)  # the last place of each tied score
    upto = np.cumsum(other, axis=-1)[..., ends]
    below = np.concatenate([np.zeros((*upto.shape[:-1], 1)), upto[..., :-1]], axis=-1)
    tie = np.searchsorted(ends, np.arange(len(score)))
    ranked = (weight * top * ((upto + below) / 2)[..., tie]).sum(axis=-1)
    pairs = (weight * top).sum(axis=-1) * other.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        area: Floats = np.where(pairs > 0.0, ranked / pairs, np.nan)
    return area
