"""Whether what was known ranks what came: rank correlations with intervals, for a whole family of hypotheses at once.

The statistic is the mean over days of Spearman's rank correlation between a feature and the return over the horizon
that follows. Days share their returns, so its interval is by the stationary bootstrap (D. Politis and J. Romano, 1994),
blocks at least two horizons long. Bootstraps of slow features are known to be too sure of themselves, so p-values are
by randomisation instead: the same statistic with returns moved in time by at least a month, round the end, and dealt
anew to the tokens. Nothing in a market can make a feature rank such returns, and all else in both is as it was. Over a
family they are corrected by S. Holm (1979), for any dependence, and by Y. Benjamini and Y. Hochberg (1995).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from backtests.overfitting import automatic_block_length, stationary_indices
from bot.core.panel import Floats
from bot.scoring.skill import rank_correlations

LEAST_MOVE: Final = 28  # rows: beyond the label and the month that most features look at
RESAMPLES: Final = 2_000
SHUFFLES: Final = 999


@dataclass(frozen=True, slots=True)
class Finding:
    """One hypothesis: mean rank correlation over `days`, its 95 % interval, and p-values alone and in the family."""

    name: str
    days: int
    mean: float
    low: float
    high: float
    p: float
    holm: float = 1.0
    hochberg: float = 1.0


def finding(name: str, feature: Floats, returns: Floats, horizon: int, seed: int, shuffles: int = SHUFFLES) -> Finding:
    """Of a feature (T, N) against the returns (T, N) over `horizon` rows from each row on.

    Raises ValueError where fewer than three horizons of days can be ranked.
    """
    daily = rank_correlations(feature, returns)
    known = daily[np.isfinite(daily)]
    if len(known) < 3 * horizon:
        raise ValueError(f"{name}: {len(known)} days can be ranked, at least {3 * horizon} are needed")
    low, high = interval(known, 2.0 * horizon, seed)
    chance = shuffled_means(feature, returns, seed, shuffles)
    return Finding(name, len(known), float(known.mean()), low, high, p_value(float(known.mean()), chance))


def interval(daily: Floats, least_block: float, seed: int, resamples: int = RESAMPLES) -> tuple[float, float]:
    """The 95 % interval of the mean of a dependent series (D,)."""
    random = np.random.default_rng(seed)
    block = max(least_block, automatic_block_length(daily))
    means = np.array([daily[stationary_indices(len(daily), block, random)].mean() for _ in range(resamples)])
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def shuffled_means(feature: Floats, returns: Floats, seed: int, shuffles: int) -> Floats:
    """(S,): the statistic against returns that nothing in the market could have told, NaN where it cannot be told."""
    random = np.random.default_rng(seed)
    return np.array([mean_correlation(feature, shuffled(returns, random)) for _ in range(shuffles)])


def shuffled(returns: Floats, random: np.random.Generator) -> Floats:
    """Returns (T, N) moved round in time by a random number of rows and dealt anew to the tokens.

    A row keeps what its tokens did together, and the series what it did from day to day. Idle stays where it is.
    """
    rows, columns = returns.shape
    move = int(random.integers(LEAST_MOVE, rows - LEAST_MOVE + 1))
    order = np.append(0, 1 + random.permutation(columns - 1))
    return np.roll(returns, move, axis=0)[:, order]


def mean_correlation(feature: Floats, returns: Floats) -> float:
    """The statistic: the mean over rows of the rank correlation of two tables (T, N), NaN where no row has one."""
    daily = rank_correlations(feature, returns)
    daily = daily[np.isfinite(daily)]
    return float(daily.mean()) if len(daily) else float("nan")


def p_value(mean: float, chance: Floats) -> float:
    """Two-sided: the share of chance's means at least as far from zero, the one seen counted among them."""
    told = chance[np.isfinite(chance)]
    return float((1 + np.count_nonzero(np.abs(told) >= abs(mean))) / (1 + len(told)))


def family(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings with their p-values corrected for being so many, in the order given."""
    p = np.array([found.p for found in findings])
    order = np.argsort(p, kind="stable")
    count = len(p)
    rising = p[order]
    steps = np.arange(count)
    holm, hochberg = np.empty(count), np.empty(count)
    holm[order] = np.minimum(1.0, np.maximum.accumulate(rising * (count - steps)))
    hochberg[order] = np.minimum(1.0, np.minimum.accumulate((rising * count / (steps + 1))[::-1])[::-1])
    return tuple(
        replace(found, holm=float(a), hochberg=float(b)) for found, a, b in zip(findings, holm, hochberg, strict=True)
    )
