"""The evidence's own checks: it finds nothing where there is nothing, and what was planted as often as it should.

Nothing: returns moved and dealt anew (`association.shuffled`) stand in for the real ones, and the p-values of many such
must be uniform. Something: a relation of known strength is planted in them, and the share of p-values below 5 % must be
what a formula says. For n independent rows of N tokens and Spearman's correlation s the mean has a standard error of
1 / sqrt(n (N - 1)), so the power at 5 % is Φ(s sqrt(n (N - 1)) - 1.96) (M. Kendall, Rank Correlation Methods).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np

from backtests.returns.association import interval, p_value, shuffled, shuffled_means
from bot.core.panel import Floats
from bot.scoring.skill import rank_correlations

NORMAL: Final = NormalDist()
SIZE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Nothing:
    """What was found in `trials` shuffled targets: p-values, and the share of intervals that did not hold zero.

    `distance` and `p`: Kolmogorov and Smirnov's of the p-values from uniform ones.
    """

    name: str
    trials: int
    below: float  # share of p-values below 5 %
    distance: float
    p: float
    intervals_missed: float


def nothing(
    name: str, feature: Floats, returns: Floats, horizon: int, seed: int, trials: int, shuffles: int
) -> Nothing:
    """The whole procedure on targets of which it is known that nothing ranks them."""
    from scipy.stats import kstest

    random = np.random.default_rng(seed)
    values, missed = [], 0
    for trial in range(trials):
        target = shuffled(returns, random)
        daily = rank_correlations(feature, target)
        daily = daily[np.isfinite(daily)]
        values.append(p_value(float(daily.mean()), shuffled_means(feature, target, seed + trial + 1, shuffles)))
        low, high = interval(daily, 2.0 * horizon, seed + trial, resamples=400)
        missed += not low <= 0.0 <= high
    # p-values of a finite number of shuffles are steps: spread within a step they are continuous, as the test asks.
    steps = np.array(values) - random.random(trials) / (shuffles + 1)
    found = kstest(steps, "uniform")
    below = float(np.mean(np.array(values) <= SIZE))
    return Nothing(name, trials, below, float(found.statistic), float(found.pvalue), missed / trials)


@dataclass(frozen=True, slots=True)
class Power:
    """How often a planted rank correlation was found at 5 %, and how often it should have been."""

    correlation: float  # Spearman's
    rows: int
    tokens: int
    predicted: float
    found: float
    trials: int

    @property
    def error(self) -> float:
        """One standard error of `found` by chance alone, if `predicted` is true."""
        return math.sqrt(self.predicted * (1.0 - self.predicted) / self.trials)


def predicted_power(correlation: float, rows: int, tokens: float) -> float:
    """Two-sided at 5 %, of a mean of `rows` independent rank correlations over `tokens`."""
    strength = abs(correlation) * math.sqrt(rows * (tokens - 1.0))
    edge = NORMAL.inv_cdf(1.0 - SIZE / 2)
    return NORMAL.cdf(strength - edge) + NORMAL.cdf(-strength - edge)


def least_found(rows: int, tokens: float, power: float = 0.8) -> float:
    """The rank correlation that would be found with this power."""
    return (NORMAL.inv_cdf(1.0 - SIZE / 2) + NORMAL.inv_cdf(power)) / math.sqrt(rows * (tokens - 1.0))


def planted_power(returns: Floats, horizon: int, correlation: float, seed: int, trials: int, shuffles: int) -> Power:
    """Plants a feature that ranks `returns` (T, N) with this correlation in the mean, and counts how often it is found.

    Rows a horizon apart are kept, which share no return, and tokens that are there in all of them. The feature is the
    return's own normal scores within its row, mixed with noise: normal variables of correlation r have a rank
    correlation of 6 / π · asin(r / 2).
    """
    from scipy.special import ndtri
    from scipy.stats import rankdata

    apart = returns[::horizon, 1:]
    apart = apart[np.isfinite(apart).mean(axis=1) > 0.5]
    apart = apart[:, np.isfinite(apart).all(axis=0)]
    rows, tokens = apart.shape
    scores = ndtri(rankdata(apart, axis=1) / (tokens + 1.0))
    scores = scores / scores.std(axis=1, keepdims=True)
    mixed = 2.0 * math.sin(math.pi * correlation / 6.0)
    random = np.random.default_rng(seed)
    target = np.hstack([np.full((rows, 1), np.nan), apart])
    hits = 0
    for trial in range(trials):
        noise = random.normal(size=apart.shape)
        feature = np.hstack([np.full((rows, 1), np.nan), mixed * scores + math.sqrt(1.0 - mixed**2) * noise])
        seen = float(np.nanmean(rank_correlations(feature, target)))
        hits += p_value(seen, dealt_means(feature, target, seed + trial + 1, shuffles)) <= SIZE
    return Power(correlation, rows, tokens, predicted_power(correlation, rows, tokens), hits / trials, trials)


def dealt_means(feature: Floats, returns: Floats, seed: int, shuffles: int) -> Floats:
    """(S,): the statistic where rows share nothing: each row's returns dealt anew to its tokens."""
    random = np.random.default_rng(seed)
    part = returns[:, 1:]
    dealt = np.empty((shuffles, *returns.shape))
    dealt[:, :, 0] = np.nan
    dealt[:, :, 1:] = random.permuted(np.broadcast_to(part, (shuffles, *part.shape)), axis=2)
    flat = dealt.reshape(-1, returns.shape[1])
    daily = rank_correlations(np.tile(feature, (shuffles, 1)), flat).reshape(shuffles, len(returns))
    return np.asarray(np.nanmean(daily, axis=1))
