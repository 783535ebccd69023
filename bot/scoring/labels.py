"""What a scorer learns to expect: the return over the horizon, and from when on it may be known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.core.panel import Floats, Panel, Times
from bot.scoring.spans import row_at


@dataclass(frozen=True, slots=True)
class Labels:
    """`returns` (T, N): simple return from each row to `horizon` later, NaN where either price is missing.

    `known_at` (T,): unix seconds at which a row's label is known, whether or not the panel reaches that far.
    """

    returns: Floats
    known_at: Times


def labels(panel: Panel, horizon: int) -> Labels:
    """The labels of each row, from the bar that closes exactly `horizon` seconds later. Idle has none.

    For training only: a label is from the future of its row. Rows whose label is not yet known are NaN, never zero.
    """
    known_at = panel.times + horizon
    row = row_at(panel.times, known_at)
    price = panel.close
    with np.errstate(all="ignore"):  # prices of zero or near the end of float64 give no finite return
        returns = np.where((row >= 0)[:, None], np.expm1(np.log(price[row]) - np.log(price)), np.nan)
    returns[~np.isfinite(returns)] = np.nan
    returns[:, 0] = np.nan
    return Labels(returns, known_at)


def purged(known_at: Times, fit_time: int, embargo: int) -> NDArray[np.bool_]:
    """(T,): the rows whose label was known at least `embargo` seconds before `fit_time`."""
    kept: NDArray[np.bool_] = known_at + embargo <= fit_time
    return kept
