"""Many portfolios along one price path, each reduced to a few numbers while it is walked. Compiled.

A sweep must not hold combinations × bars: what is kept of a path is its row of a summary and, for each time block,
the sum of its returns and of their squares. A cycle is `step_nb`, the same as where books are kept, so a sweep and a
backtest of one combination cannot differ. Between cycles a pool does what `bounds_nb` knows for all paths at once.
"""

from __future__ import annotations

import math

import numpy as np
from numba import config, njit, prange, set_num_threads
from numpy.typing import NDArray

from backtests.kernels.cycle import NONE, Rules, listing_nb
from backtests.kernels.pool import FEE, Pools, bounds_nb
from backtests.kernels.portfolio import (
    DOWNSIDE,
    MEAN,
    POSITIVE,
    SPREAD,
    SUMMARY,
    Bounds,
    Desk,
    Room,
    path_nb,
)
from bot.core.panel import Floats, Times


def use_threads(count: int | None) -> None:
    """Walks paths on so many threads of this machine, on all of them without `count`. Raises ValueError."""
    most = int(config.NUMBA_NUM_THREADS)
    if count is not None and not 1 <= count <= most:
        raise ValueError(f"expected 1 to {most} (got {count})")
    set_num_threads(count or most)


@njit(cache=True, error_model="numpy")
def moments_nb(
    returns: Floats, block: NDArray[np.int64], summary: Floats, total: Floats, squares: Floats, c: int
) -> None:
    """Writes mean, spread and downside of one path's returns (K - 1,), and into row `c` of total and squares its sums
    by block."""
    count, mean, below, apart = returns.shape[0], 0.0, 0.0, 0.0
    for k in range(count):
        change = returns[k]
        mean += change / count
        below += min(change, 0.0) ** 2 / count
        total[c, block[k]] += change
        squares[c, block[k]] += change**2
    for k in range(count):
        apart += (returns[k] - mean) ** 2
    summary[c, MEAN], summary[c, SPREAD] = mean, math.sqrt(apart / (count - 1))
    summary[c, DOWNSIDE] = math.sqrt(below)


@njit(cache=True, error_model="numpy", parallel=True)
def sweep_nb(
    times: Times,
    close: Floats,
    act: NDArray[np.int8],
    target: Floats,
    pools: Pools,
    rules: Floats,
    block: NDArray[np.int64],
    blocks: int,
    gas: Floats,
) -> tuple[Floats, Floats, Floats]:
    """(C, COLUMNS) summaries, (C, S) sums and (C, S) sums of squares of returns, of C rows of `Rules` as floats.

    `block` (K - 1,): the block of the return that ends at cycle 1, 2, … `gas` (K,): what the rules' gas is multiplied
    by at each cycle. Paths are independent, so the bits do not depend on the number of threads.
    """
    paths, n = rules.shape[0], close.shape[1]
    rows = np.flatnonzero(act != NONE)
    cycles = rows.shape[0]
    facts = np.empty((5, n))
    for i in range(n):
        facts[0, i], facts[1, i], facts[2, i] = pools.fee[i], pools.full[i], pools.wide[i]
        facts[3, i], facts[4, i] = pools.low[i], pools.high[i]
    edges = np.empty((2, n))
    for i in range(n):
        edges[0, i], edges[1, i] = 1.0 - pools.fee[i], 1.0 / (1.0 - pools.fee[i])
    lows, highs = bounds_nb(close, rows, edges)
    known, lost = np.zeros((cycles, n), dtype=np.bool_), np.zeros((cycles, n), dtype=np.bool_)
    seen, first = np.full((1, n), -1, dtype=np.int64), 0
    for k in range(cycles):
        listing_nb(times, close, first, rows[k], seen, 0, known, lost, k)
        first = rows[k] + 1
    bounds = Bounds(lows, highs, known, lost)
    nowhere = Room(
        np.empty((4, 0)),
        np.empty((3, 0, n)),
        np.empty((0, n), dtype=np.int8),
        np.empty(0, dtype=np.int64),
        np.empty((3, 0), dtype=np.int64),
        np.empty((4, 0)),
    )
    summary = np.zeros((paths, SUMMARY))
    total, squares = np.zeros((paths, blocks)), np.zeros((paths, blocks))
    for c in prange(paths):
        row = rules[c]
        rule = Rules(
            row[0],
            row[1],
            row[2],
            row[3],
            row[4],
            row[5],
            int(row[6]),
            row[7],
            row[8],
            row[9],
            row[10],
            row[11],
            row[12],
            row[13],
        )
        charged = facts.copy()
        for i in range(n):
            charged[FEE, i] *= rule.fees
        desk = Desk(
            np.zeros((13, n)),
            np.zeros((5, n), dtype=np.int64),
            np.zeros(7),
            charged,
            np.zeros(n, dtype=np.bool_),
            known[:1],
            lost[:1],
            np.empty(cycles, dtype=np.int64),
            np.empty(cycles),
            np.empty(cycles - 1),
        )
        path_nb(times, close, act, rows, bounds, target, gas, edges, rule, desk, nowhere, summary, c)
        if summary[c, POSITIVE] and cycles > 2:
            moments_nb(desk.returns, block, summary, total, squares, c)
    return summary, total, squares
