"""Many portfolios along one price path, each reduced to a few numbers as soon as it has been walked. Compiled.

A sweep must not hold combinations × bars: what is kept of a path is its row of a summary and, for each time block,
the sum of its returns and of their squares. The path itself is `portfolio_path_nb`, so a sweep and a backtest of one
combination cannot differ.
"""

from __future__ import annotations

import math

import numpy as np
from numba import config, njit, prange, set_num_threads
from numpy.typing import NDArray

from backtests.kernels.pool import Pools
from backtests.kernels.portfolio import Books, Rules, portfolio_path_nb
from bot.core.panel import Floats, Times

# Columns of a summary.
START, FINAL, MEAN, SPREAD, DOWNSIDE, DRAWDOWN, EXPOSURE, TURNOVER, FEES, GAS, LEGS, POSITIVE, IMBALANCE = range(13)
COLUMNS = 13


def use_threads(count: int | None) -> None:
    """Walks paths on so many threads of this machine, on all of them without `count`. Raises ValueError."""
    most = int(config.NUMBA_NUM_THREADS)
    if count is not None and not 1 <= count <= most:
        raise ValueError(f"expected 1 to {most} (got {count})")
    set_num_threads(count or most)


@njit(cache=True)
def imbalance_nb(books: Books, capital: float) -> float:
    """The largest part of a portfolio's value that its booked legs do not account for, over all cycles.

    Double entry: money and tokens are counted anew from the legs alone, and valued at each cycle's prices.
    """
    cycles, n = books.held.shape
    idle, leg, worst = capital, 0, 0.0
    units = np.zeros(n)
    for k in range(cycles):
        nav = idle
        for i in range(1, n):
            if units[i] > 0.0:
                nav += units[i] * books.prices[k, i]
        worst = max(worst, abs(nav - books.nav[k]) / books.nav[k])
        for _ in range(books.legs[k]):
            i = books.leg_venue[leg]
            if books.leg_entry[leg]:
                idle -= books.leg_amount[leg]
                units[i] += books.leg_received[leg]
            else:
                idle += books.leg_received[leg]
                units[i] = max(0.0, units[i] - books.leg_amount[leg])
            leg += 1
    return worst


@njit(cache=True)
def summarise_nb(
    books: Books, capital: float, block: NDArray[np.int64], summary: Floats, total: Floats, squares: Floats
) -> None:
    """Writes one path's row of the summary, and into total and squares (S,) its returns by block.

    `block` (K - 1,): the block of the return that ends at cycle 1, 2, … Returns are of net equity: gas of all earlier
    cycles is paid. A path whose equity is not above zero throughout has no returns (POSITIVE is 0).
    """
    cycles = books.nav.shape[0]
    equity = np.empty(cycles)
    paid, peak, fall, positive = 0.0, 0.0, 0.0, True
    for k in range(cycles):
        equity[k] = books.nav[k] - paid
        paid += books.gas[k]
        positive = positive and equity[k] > 0.0
        peak = max(peak, equity[k])
        fall = max(fall, (peak - equity[k]) / peak)
        summary[EXPOSURE] += (1.0 - books.held[k, 0]) / cycles
        summary[TURNOVER] += books.turnover[k] / cycles
        summary[FEES] += books.fees[k]
        summary[LEGS] += books.legs[k]
    summary[START], summary[FINAL], summary[DRAWDOWN], summary[GAS] = books.nav[0], equity[cycles - 1], fall, paid
    summary[POSITIVE] = 1.0 if positive else 0.0
    summary[IMBALANCE] = imbalance_nb(books, capital)
    if not positive or cycles < 3:
        return
    mean, below = 0.0, 0.0
    for k in range(1, cycles):
        change = equity[k] / equity[k - 1] - 1.0
        mean += change / (cycles - 1)
        below += min(change, 0.0) ** 2 / (cycles - 1)
        total[block[k - 1]] += change
        squares[block[k - 1]] += change**2
    apart = 0.0
    for k in range(1, cycles):
        apart += (equity[k] / equity[k - 1] - 1.0 - mean) ** 2
    summary[MEAN], summary[SPREAD], summary[DOWNSIDE] = mean, math.sqrt(apart / (cycles - 2)), math.sqrt(below)


@njit(cache=True, parallel=True)
def sweep_nb(
    times: Times,
    close: Floats,
    act: NDArray[np.int8],
    target: Floats,
    pools: Pools,
    rules: Floats,
    block: NDArray[np.int64],
    blocks: int,
) -> tuple[Floats, Floats, Floats]:
    """(C, COLUMNS) summaries, (C, S) sums and (C, S) sums of squares of returns, of C rows of `Rules` as floats.

    Paths are independent, so the bits do not depend on the number of threads. Each thread holds one path's books.
    """
    paths = rules.shape[0]
    summary = np.zeros((paths, COLUMNS))
    total, squares = np.zeros((paths, blocks)), np.zeros((paths, blocks))
    for c in prange(paths):
        row = rules[c]
        rule = Rules(
            row[0], row[1], row[2], row[3], row[4], row[5], int(row[6]), row[7], row[8], row[9], row[10], row[11]
        )
        books = portfolio_path_nb(times, close, act, target, pools, rule)
        summarise_nb(books, rule.capital, block, summary[c], total[c], squares[c])
    return summary, total, squares
