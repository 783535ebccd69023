"""How much of a best result is luck: deflated Sharpe ratio, probability of backtest overfitting, stationary bootstrap.

Sharpe ratios here are per observation, never annualised, unless a name says so. Sources: D. Bailey and M. López de
Prado, The Sharpe Ratio Efficient Frontier, J. Risk 15 (2012), and The Deflated Sharpe Ratio, J. Portfolio Management 40
(2014); D. Bailey, J. Borwein, M. López de Prado, Q. Zhu, The Probability of Backtest Overfitting, J. Computational
Finance 20 (2017); D. Politis and J. Romano, The Stationary Bootstrap, JASA 89 (1994).
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backtests.kernels.cross_validation import choose_nb, rank_nb
from bot.core.panel import Floats

NORMAL: Final = NormalDist()
ONE_AT_A_TIME: Final = threading.Lock()  # not every threading layer of the compiler takes calls from two threads


@dataclass(frozen=True, slots=True)
class Moments:
    """Of a series of returns. `sharpe`: mean over standard deviation (ddof 1); `kurtosis` is 3 for a normal law."""

    observations: int
    sharpe: float
    skew: float
    kurtosis: float

    @classmethod
    def of(cls, returns: Floats) -> Moments:
        """Raises ValueError for fewer than three returns, or returns that do not vary."""
        spread = float(returns.std(ddof=1)) if len(returns) > 2 else 0.0
        if spread < 1e-12:  # float dust, not risk
            raise ValueError("needs three returns that vary")
        centred = (returns - returns.mean()) / returns.std()
        mean = float(returns.mean())
        return cls(len(returns), mean / spread, float((centred**3).mean()), float((centred**4).mean()))


def probabilistic_sharpe(moments: Moments, benchmark: float = 0.0) -> float:
    """Probability that the true Sharpe ratio is above `benchmark`, given length, skew and kurtosis of the record."""
    ratio = moments.sharpe
    variance = 1.0 - moments.skew * ratio + (moments.kurtosis - 1.0) / 4.0 * ratio**2
    if variance <= 0.0:  # cannot be of a sample's own moments, but may be of moments given by hand
        raise ValueError(f"skew {moments.skew:g} and kurtosis {moments.kurtosis:g} contradict")
    return NORMAL.cdf((ratio - benchmark) * math.sqrt(moments.observations - 1) / math.sqrt(variance))


def expected_best_sharpe(variance: float, trials: float) -> float:
    """The Sharpe ratio that the best of so many worthless trials shows on average; `variance`: of theirs, across them.

    By extreme value theory; exact as trials grow. One trial is not a choice: 0, and never less for hardly
    more than one.
    """
    if trials <= 1.0:
        return 0.0
    euler = 0.577_215_664_901_532_9
    low, high = NORMAL.inv_cdf(1.0 - 1.0 / trials), NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return math.sqrt(variance) * max(0.0, (1.0 - euler) * low + euler * high)


def deflated_sharpe(moments: Moments, variance: float, trials: float) -> float:
    """Probability that the true Sharpe ratio of the best of `trials` is above what luck alone makes of so many."""
    return probabilistic_sharpe(moments, expected_best_sharpe(variance, trials))


def effective_trials(trials: int, correlation: float) -> float:
    """How many independent trials weigh as much as these, whose returns have this mean correlation."""
    shared = min(1.0, max(0.0, correlation))
    return shared + (1.0 - shared) * trials


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Trials by what CSCV needs of them: (M, S) number, sum and sum of squares of returns in each of S time blocks."""

    count: Floats
    total: Floats
    squares: Floats


Batches = Callable[[], Iterable[Blocks]]


@dataclass(frozen=True, slots=True)
class Overfitting:
    """`probability`: share of splits in which the best half-sample choice is below the median in the other half.

    `loss`: share of splits in which it lost money there. `slope`: of its Sharpe ratio there on that where it was
    chosen; below zero, choosing harder did worse. None when every choice had the same.
    """

    probability: float
    loss: float
    slope: float | None
    splits: int
    trials: int


def probability_of_overfitting(batches: Batches) -> Overfitting:
    """Combinatorially symmetric cross-validation: every way to choose and to judge on one half of the blocks each.

    `batches()` is gone through three times and gives all trials in the same order each time, some at once: memory does
    not grow with trials. A trial with fewer returns in a block than another has returns of nothing for the rest, so
    that Sharpe ratios of a slow and of a quick one are of the same step of time. Ties take their middle rank, and a
    split whose choice is just the median counts half: trials that are all the same give one half. A half in which
    nothing varied counts as a Sharpe ratio of 0.
    Raises ValueError for fewer than two trials, or blocks that are not an even number from 4 to 20.
    """
    inside, outside = halves(next(iter(batches())).count.shape[1])
    most = np.max([batch.count.max(axis=0) for batch in batches()], axis=0)
    splits, trials = len(inside), 0
    best, judged, below = np.full(splits, -np.inf), np.zeros(splits), np.zeros(splits)
    for batch in batches():
        trials += len(batch.count)
        with ONE_AT_A_TIME:
            choose_nb(*_by_block(batch, most), inside, outside, best, judged)
    if trials < 2:
        raise ValueError("needs two trials")
    for batch in batches():
        with ONE_AT_A_TIME:
            rank_nb(*_by_block(batch, most), outside, judged, below)
    # Rank r = below + 1/2 of 1..M; the logit of r / (M + 1) is below 0 where r is below the middle.
    rank = (below + 0.5) / (trials + 1.0)
    spread = float(best.var())
    slope = float(np.mean((best - best.mean()) * (judged - judged.mean()))) / spread if spread > 0.0 else None
    probability = float((rank < 0.5).mean() + (rank == 0.5).mean() / 2.0)
    return Overfitting(probability, float((judged < 0.0).mean()), slope, splits, trials)


def halves(blocks: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(splits, S / 2) twice: the blocks on which a split chooses, and those on which it judges; every way once."""
    if blocks % 2 or not 4 <= blocks <= 20:
        raise ValueError(f"an even number of blocks from 4 to 20 (got {blocks})")
    inside = np.array(list(itertools.combinations(range(blocks), blocks // 2)), dtype=np.int64)
    return inside, inside[::-1].copy()  # in this order a choice and the one as far from the end complete each other


def mean_correlation(batches: Batches) -> float | None:
    """Mean correlation of the trials' block sums, over all pairs; None for fewer than two that vary. One pass."""
    total: Floats | None = None
    trials = 0
    for batch in batches():
        centred = batch.total - batch.total.mean(axis=1, keepdims=True)
        length = np.sqrt((centred**2).sum(axis=1))
        varies = length > 1e-12
        unit = (centred[varies] / length[varies, None]).sum(axis=0)
        total = unit if total is None else total + unit
        trials += int(varies.sum())
    if total is None or trials < 2:
        return None
    return (float((total**2).sum()) - trials) / (trials * (trials - 1.0))


def _by_block(batch: Blocks, count: Floats) -> tuple[Floats, Floats, Floats]:
    """(S, M) arrays in one layout, whatever the batch came in: another layout would be compiled anew. `count` (S,)."""
    return (
        np.array(np.broadcast_to(count[:, None], batch.count.T.shape), dtype=np.float64, order="C"),
        np.array(batch.total.T, dtype=np.float64, order="C"),
        np.array(batch.squares.T, dtype=np.float64, order="C"),
    )


@dataclass(frozen=True, slots=True)
class Interval:
    """A statistic with a central interval of `level`; `block`: mean length of the blocks drawn, in observations."""

    value: float
    low: float
    high: float
    level: float
    block: float


def bootstrap_interval(
    series: Floats, statistic: Callable[[Floats], float], level: float = 0.95, draws: int = 2_000, seed: int = 0
) -> Interval:
    """Percentile interval of `statistic` by the stationary bootstrap, with blocks as long as the data asks for.

    It speaks of this one series: that the series was chosen among many is for the deflated Sharpe ratio.
    """
    block = automatic_block_length(series)
    random = np.random.default_rng(seed)
    found = np.array([statistic(series[stationary_indices(len(series), block, random)]) for _ in range(draws)])
    low, high = np.quantile(found, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return Interval(statistic(series), float(low), float(high), level, block)


def stationary_indices(length: int, block: float, random: np.random.Generator) -> NDArray[np.int64]:
    """(length,) positions: blocks of geometric length with mean `block`, each from anywhere, wrapping at the end."""
    place = np.arange(length)
    starts = random.random(length) < 1.0 / block
    starts[0] = True
    since = np.maximum.accumulate(np.where(starts, place, 0))
    return np.asarray((random.integers(0, length, length)[since] + place - since) % length)


def automatic_block_length(series: Floats) -> float:
    """The mean block length of least mean squared error for the variance of the mean, at least 1.

    D. Politis and H. White, Econometric Reviews 23 (2004), with the correction of A. Patton, D. Politis and H. White,
    Econometric Reviews 28 (2009): a flat-top window, as wide as autocorrelations stand out of the noise.
    """
    length = len(series)
    centred = series - series.mean()
    scale = float(centred @ centred) / length
    if length < 8 or scale <= 1e-24:
        return 1.0
    run = max(5, math.ceil(math.sqrt(math.log10(length))))
    widest = min(math.ceil(math.sqrt(length)) + run, length - 2)
    covariance = np.array([float(centred[: length - lag] @ centred[lag:]) / length for lag in range(widest + 1)])
    noise = 2.0 * math.sqrt(math.log10(length) / length)
    loud = np.flatnonzero(np.abs(covariance[1:] / scale) >= noise) + 1
    # The first lag after which `run` lags in a row are quiet; else the last that is not.
    last = int(loud[-1]) if loud.size else 0
    for lag in range(widest - run + 1):
        if not ((loud > lag) & (loud <= lag + run)).any():
            last = lag
            break
    window = min(2 * max(1, last), widest)
    lags = np.arange(1, window + 1)
    taper = np.where(lags / window <= 0.5, 1.0, 2.0 * (1.0 - lags / window))
    spectrum = scale + 2.0 * float(taper @ covariance[1 : window + 1])
    bend = 2.0 * float(taper @ (lags * covariance[1 : window + 1]))
    if spectrum <= 0.0:
        return 1.0
    best = (bend**2 / spectrum**2 * length) ** (1.0 / 3.0)
    return float(min(max(1.0, best), math.ceil(min(3.0 * math.sqrt(length), length / 3.0))))
