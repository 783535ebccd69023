"""What prices and weights are made of, found in one pass over memory. Compiled."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from bot.core.panel import Floats

BLOCK = 256  # rows a thread looks at in one go


@njit(cache=True, parallel=True)
def prices_nb(close: Floats) -> NDArray[np.int64]:
    """(blocks, 2): how many values are NaN, and how many are a number that is no price (not above 0, infinite)."""
    bars, n = close.shape
    blocks = (bars + BLOCK - 1) // BLOCK
    out = np.zeros((blocks, 2), dtype=np.int64)
    for b in prange(blocks):
        missing, sound = 0, 0
        last = min((b + 1) * BLOCK, bars)
        for t in range(b * BLOCK, last):
            for j in range(n):
                price = close[t, j]
                missing += price != price
                sound += (price > 0.0) & (price < np.inf)
        out[b, 0] = missing
        out[b, 1] = (last - b * BLOCK) * n - missing - sound
    return out


@njit(cache=True, parallel=True)
def weights_nb(weights: Floats) -> tuple[NDArray[np.int64], Floats]:
    """(M, 2) how many of a row are NaN, and how many are a number that is no weight (not 0 to 1); (M,) sums of rows."""
    rows, n = weights.shape
    counts, sums = np.zeros((rows, 2), dtype=np.int64), np.zeros(rows)
    for m in prange(rows):
        missing, sound = 0, 0
        for j in range(n):
            weight = weights[m, j]
            missing += weight != weight
            sound += (weight >= 0.0) & (weight <= 1.0)
        counts[m, 0], counts[m, 1] = missing, n - missing - sound
        if missing < n:
            for j in range(n):
                if weights[m, j] == weights[m, j]:
                    sums[m] += weights[m, j]
    return counts, sums
