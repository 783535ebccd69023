"""The arithmetic of combinatorial purged cross-validation over rows of a panel; all venues of a row go together.

Source: M. López de Prado, Advances in Financial Machine Learning (2018), chapters 7 (purge, embargo) and 12 (paths).
Splits and paths are those of skfolio's `CombinatorialPurgedCV` where every row is one step after the last. Here spans
are of time, not counts of rows, so gaps are no matter, and rows from before the groups may be learned from as well.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from bot.core.panel import Times
from bot.scoring.labels import purged
from bot.scoring.walkforward import Mask

Rows = NDArray[np.int64]


def group_bounds(rows: int, groups: int) -> Rows:
    """(groups + 1,): where each group of consecutive rows begins, and the end; the longer groups first."""
    sizes = rows // groups + (np.arange(groups) < rows % groups)
    return np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)


def chosen_groups(groups: int, tested: int) -> Rows:
    """(splits, tested): the groups that each split judges; every choice of so many, once, in order."""
    return np.array(list(itertools.combinations(range(groups), tested)), dtype=np.int64)


def path_count(groups: int, tested: int) -> int:
    """How many whole histories the splits can be put together to: C(groups, tested) * tested / groups."""
    return math.comb(groups - 1, tested - 1)


def path_splits(groups: int, tested: int) -> Rows:
    """(paths, groups): the split whose model judges each group along each path. Every split's every group once."""
    chosen = chosen_groups(groups, tested)
    by_group = [np.flatnonzero((chosen == group).any(axis=1)) for group in range(groups)]
    return np.column_stack(by_group)


def unseen_rows(
    times: Times, known_at: Times, stretches: list[tuple[int, int]], reach: int, embargo: int, last: int
) -> Mask:
    """(T,): the rows that may be learned from while `stretches` of time, both ends included, are judged.

    A row uses what lies up to `reach` seconds before it, and its label what comes up to `known_at`: all of that must
    lie more than `embargo` seconds before the stretch or behind it. No label is known after `last`.
    """
    kept = known_at <= last
    for begin, end in stretches:
        kept &= (known_at + embargo < begin) | (times - reach - embargo > end)
    return np.asarray(kept)


def estimator_and_calibration(
    times: Times, known_at: Times, kept: Mask, begins: Times, calibration: float, embargo: int
) -> tuple[Mask, Mask]:
    """Two masks (T,) of the rows in `kept`: the estimator's and the calibration's.

    Tested stretches, which begin at `begins`, part the rows: on each side of them the newest share `calibration` is the
    calibration's, and the estimator's are those before it whose label is known `embargo` seconds earlier. A side too
    short to be shared out so is the estimator's. So both learn from all sides.
    """
    estimator, late = np.zeros(len(times), dtype=bool), np.zeros(len(times), dtype=bool)
    side = np.searchsorted(np.sort(begins), times, side="right")
    for number in np.unique(side[kept]):
        mine = kept & (side == number)
        rows = np.flatnonzero(mine)
        begin = int(times[rows[math.floor((1.0 - calibration) * len(rows))]])
        early = mine & purged(known_at, begin, embargo)
        if early.any():
            estimator |= early
            late |= mine & (times >= begin)
        else:
            estimator |= mine
    return estimator, late
