"""How far two samples of one feature are apart: the population stability index over deciles.

Source: B. Yurdakul, Statistical Properties of Population Stability Index (2018), where, as usual, below 0.1 means no
change and above 0.25 a change that matters, for rows that know nothing of each other.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.core.panel import Floats

BINS: Final = 10
# An index above this is of samples with nothing in common: all of one sample in a single tenth of the other gives 5 to
# 6, a feature that fell silent about 11; a change of mood within one window stays below 3.
GONE: Final = 4.0


def edges_of(column: Floats) -> Floats:
    """The inner decile edges of a column (M,), fewer where values repeat, none where nothing is known."""
    known = column[np.isfinite(column)]
    if not len(known):
        return np.empty(0)
    return np.unique(np.quantile(known, np.arange(1, BINS) / BINS))


def counts_of(column: Floats, cuts: Floats) -> NDArray[np.int64]:
    """Rows by bin; the last one counts what is unknown."""
    known = np.isfinite(column)
    inside = np.bincount(np.searchsorted(cuts, column[known], side="right"), minlength=len(cuts) + 1)
    return np.append(inside, (~known).sum()).astype(np.int64)


def index_of(old: NDArray[np.int64], new: NDArray[np.int64]) -> Floats:
    """(…,): the index of two counts (…, B), with half a row added to every bin so that none is empty."""
    a, b = ((each + 0.5) / (each.sum(axis=-1, keepdims=True) + 0.5 * each.shape[-1]) for each in (np.asarray(old), new))
    return np.asarray(((a - b) * np.log(a / b)).sum(axis=-1))
