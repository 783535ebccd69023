"""Sharpe ratios of many trials over many unions of time blocks, each reduced at once. Compiled.

Arrays of blocks are (S, M), block by trial, so that the inner loops run over neighbours in memory.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from bot.core.panel import Floats

Places = NDArray[np.int64]


@njit(cache=True)
def ratios_nb(count: Floats, total: Floats, squares: Floats, picked: Places) -> Floats:
    """(M,): mean over standard deviation (ddof 1) of each trial's returns in the picked blocks, 0 if none varied."""
    trials = total.shape[1]
    n, mean, out = np.zeros(trials), np.zeros(trials), np.zeros(trials)
    for s in picked:
        for m in range(trials):
            n[m] += count[s, m]
            mean[m] += total[s, m]
            out[m] += squares[s, m]
    for m in range(trials):
        total_m, squares_m = mean[m], out[m]
        average = total_m / max(n[m], 1.0)
        variance = (squares_m - total_m * average) / max(n[m] - 1.0, 1.0)
        # What is left of equal squares is float dust.
        varies = variance > 1e-15 * squares_m / max(n[m], 1.0)
        out[m] = average / np.sqrt(variance if varies else 1.0) if varies else 0.0
    return out


@njit(cache=True, parallel=True)
def choose_nb(
    count: Floats, total: Floats, squares: Floats, inside: Places, outside: Places, best: Floats, judged: Floats
) -> None:
    """Per split: the highest ratio inside so far, and the same trial's ratio outside. `best`, `judged` are updated."""
    for p in prange(inside.shape[0]):
        ratios = ratios_nb(count, total, squares, inside[p])
        winner = -1
        for m in range(ratios.shape[0]):
            if ratios[m] > best[p]:
                best[p] = ratios[m]
                winner = m
        if winner >= 0:
            judged[p] = ratios_nb(count, total, squares, outside[p])[winner]


@njit(cache=True, parallel=True)
def rank_nb(count: Floats, total: Floats, squares: Floats, outside: Places, judged: Floats, below: Floats) -> None:
    """Adds to `below`, per split, how many trials have a lower ratio outside than `judged`; half for the same one."""
    for p in prange(outside.shape[0]):
        ratios = ratios_nb(count, total, squares, outside[p])
        found = 0.0
        for m in range(ratios.shape[0]):
            if ratios[m] < judged[p]:
                found += 1.0
            elif ratios[m] == judged[p]:
                found += 0.5
        below[p] += found
