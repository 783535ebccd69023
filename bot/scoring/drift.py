"""Whether a model still speaks of the market that it learned: named states, each of which opens nothing new.

Four are looked for at each row, from what is known by then. Bounds are constants with reasons, as a certificate's are;
how often each is reached on markets where nothing drifted is in docs/returns.md.

- *features drifted*: population stability of the features (B. Yurdakul, 2018) of the last week against the fit's rows;
- *coverage lost*: returns fall outside their intervals more often than they may;
- *ranking reversed*: the rank correlation of scores with returns is below zero more often than by chance;
- *regime changed*: the market moves several times as much, or as little, as in any week that the model learned from.

Scores closer together than the horizon share their returns, so the second and the third count by stretches of a horizon
each: venues of one stretch count as one observation, which is cautious, for they move together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import comb
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.core.panel import Floats, Times
from bot.scoring.model import TrainingSet
from bot.scoring.params import ScorerParams
from bot.scoring.population import counts_of, edges_of, index_of
from bot.scoring.skill import rank_correlations
from bot.scoring.spans import DAY

# All rows of a week within one tenth of what was learned give 4 to 6, and slow features do so in ordinary times. More
# than that is to have left the range of it altogether, or to have fallen silent.
LEFT: Final = 6.0
# One or two features may leave what was learned from (volatility does); a source that dies, runs away or changes its
# unit takes its growth over every span with it.
MOST_GONE: Final = 0.1
# One-sided 1 % of a standard normal, and of the sign test: one false look in a hundred.
SURE: Final = 2.326
CHANCE: Final = 0.01
FEWEST: Final = 7  # stretches: fewer cannot reach 1 % in the sign test
# The largest weekly volatility of a window is passed by half in ordinary times, and by twice when something broke.
LOUDER: Final = 2.0
QUIETER: Final = 0.25
_WEEK: Final = (
    7 * DAY
)  # far shorter than the usual time between fits, or a fit would learn what broke before it is seen


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is looked at: rows of one walk-forward, in order of time. `first`: the first of them whose state is asked.

    `x` (T, N, F) with `listed` (T, N) as the model sees it; `expected`, `low`, `high` (T, N) what it said; `returns`
    (T, N) what came, known at `known_at` (T,); `fit_time` (T,) which of `trainings` speaks in a row, if any.
    """

    times: Times
    close: Floats
    names: tuple[str, ...]
    x: Floats
    expected: Floats
    low: Floats
    high: Floats
    returns: Floats
    known_at: Times
    fit_time: Times
    trainings: Mapping[int, TrainingSet]
    first: int


def states_of(evidence: Evidence, params: ScorerParams) -> tuple[str, ...]:
    """(T - first,): what has drifted by each row, in words; "" where nothing has, and where no model speaks."""
    told: list[list[str]] = [[] for _ in range(len(evidence.times) - evidence.first)]
    for found in (_gone(evidence), _results(evidence, params), _regime(evidence, params)):
        for row, words in found:
            told[row - evidence.first].append(words)
    return tuple("; ".join(words) for words in told)


def _gone(evidence: Evidence) -> list[tuple[int, str]]:
    """Rows on which too many features have left what was learned from."""
    found = []
    for fit_time, training in evidence.trainings.items():
        rows = evidence.first + np.flatnonzero(evidence.fit_time[evidence.first :] == fit_time)
        if not len(rows):
            continue
        learned = np.vstack([training.x, training.calibration_x])
        begin = np.searchsorted(evidence.times, evidence.times[rows] - _WEEK, side="right")
        span = slice(int(begin[0]), int(rows[-1]) + 1)
        index = np.array(
            [
                _rolling_index(column, evidence.x[span, :, number], begin - span.start, rows + 1 - span.start)
                for number, column in enumerate(learned.T)
            ]
        )
        share = (index > LEFT).mean(axis=0)
        for place in np.flatnonzero(share > MOST_GONE).tolist():
            worst = evidence.names[int(index[:, place].argmax())]
            found.append(
                (
                    int(rows[place]),
                    f"features drifted: {share[place]:.0%} of them have left what was learned from "
                    f"({worst} least), at most {MOST_GONE:.0%} may",
                )
            )
    return found


def _rolling_index(learned: Floats, seen: Floats, begin: NDArray[np.intp], stop: NDArray[np.intp]) -> Floats:
    """(W,): the population stability index of rows begin … stop of `seen` (S, N) against `learned` (M,)."""
    cuts = _cuts(learned)
    known = np.isfinite(seen)
    place = np.where(known, np.searchsorted(cuts, np.where(known, seen, 0.0), side="right"), len(cuts) + 1)
    counts = np.zeros((len(seen) + 1, len(cuts) + 2), dtype=np.int64)
    row = np.broadcast_to(np.arange(1, len(seen) + 1)[:, None], seen.shape)
    np.add.at(counts, (row[:, 1:], place[:, 1:]), 1)  # idle has no features
    counts = np.cumsum(counts, axis=0)
    return index_of(counts_of(learned, cuts)[None, :], counts[stop] - counts[begin])


def _cuts(learned: Floats) -> Floats:
    """Decile edges, and the ends of the range: what is beyond them lies in bins of its own."""
    inner = edges_of(learned)
    if not len(inner):
        return inner
    return np.unique(np.array([np.nanmin(learned), *inner, np.nextafter(np.nanmax(learned), np.inf)]))


def _results(evidence: Evidence, params: ScorerParams) -> list[tuple[int, str]]:
    """Rows by which intervals have held too little, or ranks have been the wrong way round, for chance."""
    known = np.isfinite(evidence.expected) & np.isfinite(evidence.returns)
    held = known & (evidence.returns >= evidence.low) & (evidence.returns <= evidence.high)
    count = known.sum(axis=1)
    share = np.where(count > 0, held.sum(axis=1) / np.maximum(count, 1), np.nan)
    ranks = rank_correlations(evidence.expected, evidence.returns)
    found = []
    for row in range(evidence.first, len(evidence.times)):
        if evidence.fit_time[row] not in evidence.trainings:
            continue
        at = int(evidence.times[row])
        begin = int(np.searchsorted(evidence.times, at - params.memory, side="right"))
        stop = int(np.searchsorted(evidence.known_at, at, side="right"))
        stretch = (at - evidence.known_at[begin:stop]) // params.horizon
        shares = _by_stretch(share[begin:stop], stretch)
        bound = params.coverage - SURE * (params.coverage * (1.0 - params.coverage) / max(1, len(shares))) ** 0.5
        if len(shares) >= FEWEST and (mean := _mean(shares)) < bound:
            words = f"coverage lost: {mean:.0%} of returns were within their intervals, {params.coverage:.0%} should be"
            found.append((row, words))
        signs = _by_stretch(ranks[begin:stop], stretch)
        wrong = int((signs < 0.0).sum())
        if len(signs) >= FEWEST and _tail(wrong, len(signs)) <= CHANCE:
            words = f"ranking reversed: {wrong} of {len(signs)} stretches of a horizon ranked the wrong way round"
            found.append((row, words))
    return found


def _regime(evidence: Evidence, params: ScorerParams) -> list[tuple[int, str]]:
    """Rows on which the market moves unlike in any week that the speaking model learned from."""
    price = np.where(evidence.close > 0.0, evidence.close, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        moves = np.log(price[1:] / price[:-1])
    moves[:, 0] = np.nan
    known = np.isfinite(moves)
    total = np.sort(np.where(known, moves, 0.0), axis=1).sum(axis=1)
    market = np.append(np.nan, np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan))
    found = []
    for fit_time in evidence.trainings:
        rows = evidence.first + np.flatnonzero(evidence.fit_time[evidence.first :] == fit_time)
        if not len(rows):
            continue
        learned = np.flatnonzero(
            (evidence.times >= fit_time - params.train) & (evidence.times <= fit_time - params.gap)
        )
        before = _volatility(evidence.times, market, learned)
        before = before[np.isfinite(before) & (before > 0.0)]
        now = _volatility(evidence.times, market, rows)
        if not len(before):
            continue
        for row, moved in zip(rows.tolist(), now.tolist(), strict=True):
            if moved > LOUDER * before.max() or moved < QUIETER * before.min():
                words = f"regime changed: the market's week moved {moved:.2%} a bar, {before.min():.2%} to "
                found.append((row, f"{words}{before.max():.2%} in the weeks that were learned from"))
    return found


def _volatility(times: Times, market: Floats, rows: NDArray[np.intp]) -> Floats:
    """(W,): root mean square of the market's moves over the week that ends with each row, NaN where one is missing."""
    begin = np.searchsorted(times, times[rows] - _WEEK, side="right")
    weeks = [market[start : row + 1] for start, row in zip(begin.tolist(), rows.tolist(), strict=True)]
    return np.array([float(np.sqrt((week**2).mean())) if len(week) > 2 else np.nan for week in weeks])


def _by_stretch(values: Floats, stretch: Times) -> Floats:
    """The mean of each stretch's known values, newest first; stretches without one are left out."""
    known = np.isfinite(values)
    if not known.any():
        return np.empty(0)
    place = stretch[known].astype(np.intp)
    count = np.bincount(place)
    total = np.bincount(place, weights=values[known])
    return np.asarray(total[count > 0] / count[count > 0])


def _mean(values: Floats) -> float:
    return float(np.sort(values).sum() / len(values))


def _tail(wrong: int, tosses: int) -> float:
    """The chance of so many heads or more in `tosses` of a fair coin."""
    return float(sum(comb(tosses, heads) for heads in range(wrong, tosses + 1)) / 2**tosses)
