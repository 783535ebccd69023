"""How wide an interval must be: from what a model missed by on rows that it had not learned from.

Split conformal sets one radius at each fit: J. Lei et al., Distribution-Free Predictive Inference for Regression, JASA
113 (2018). Its promise is for exchangeable rows; markets are not. Rolling conformal sets a radius at each row from what
the scores of the weeks before really missed by, newer misses counting more: R. Barber, E. Candès, A. Ramdas and R.
Tibshirani, Conformal Prediction beyond Exchangeability, Annals of Statistics 51 (2023). Neither is a guarantee; how
often the intervals held is measured, by regime.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from bot.core.panel import Floats, Times

HALF_LIVES: Final = 4  # of a miss's weight within what is remembered


def order_of(rows: int, coverage: float) -> int:
    """Which of the sorted misses bounds the interval, counted from 1: the finite-sample correction."""
    return math.ceil((rows + 1) * coverage)


def radius_of(missed: Floats, coverage: float) -> float:
    """Half the width that held `coverage` of the misses (M,), which are enough for it: order_of(M) <= M."""
    return float(np.sort(missed)[order_of(len(missed), coverage) - 1])


def rolling_radii(
    at: Times, known_at: Times, missed: Floats, wanted: Times, coverage: float, memory: int, least: int
) -> Floats:
    """(W,): the radius at each of the times `wanted`, NaN where fewer than `least` misses are known by then.

    `missed` (T, N): by how much the scores at `at` (T,) missed, in the target's units, NaN where unknown; it could be
    known at `known_at` (T,), rising as `at` does. What is older than `memory` seconds is forgotten.
    """
    found = np.full(len(wanted), np.nan)
    first = np.searchsorted(at, wanted - memory, side="right")
    stop = np.searchsorted(known_at, wanted, side="right")
    for number, (begin, end) in enumerate(zip(first.tolist(), stop.tolist(), strict=True)):
        part = missed[begin:end]
        known = np.isfinite(part)
        if np.count_nonzero(known) < least:
            continue
        age = (wanted[number] - known_at[begin:end]) / memory
        weight = np.broadcast_to((0.5 ** (HALF_LIVES * age))[:, None], part.shape)[known]
        found[number] = _weighted_quantile(part[known], weight, coverage)
    return found


def _weighted_quantile(values: Floats, weights: Floats, coverage: float) -> float:
    """The least value that holds `coverage` of all weight, the row's own, 1, included; the largest if none does."""
    order = np.lexsort((weights, values))  # equal values in one order, so that sums round alike
    reached = np.cumsum(weights[order])
    place = int(np.searchsorted(reached, coverage * (reached[-1] + 1.0)))
    return float(values[order[min(place, len(order) - 1)]])
