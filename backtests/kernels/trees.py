"""Sums of boosted trees, for many rows at once: the bits that scikit-learn's own walk gives.

A walk from node to node waits at every node for what the one before said, and guesses wrong half the time. Here nothing
is walked: for a block of rows each node, the last first, chooses between what its two children came to, and the root
has the leaf's value in the end. Choosing rounds nothing, and the trees are added in the order of the library, the
baseline first: so the sums are its sums to the bit. Rows are worked on side by side, as wide as the processor is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backtests.kernels import CACHE
from bot.core.panel import Floats

assert CACHE  # chooses the folder of compiled code before numba is imported
from numba import njit  # noqa: E402

BLOCK: Final = 128  # rows: a tree of 31 leaves over them fills a core's first cache
Places = NDArray[np.int64]
Forest = tuple[Places, Places, Floats, NDArray[np.bool_], Places, Places]


def forest_arrays(trees: Mapping[str, NDArray[Any]]) -> Forest:
    """What the kernel reads of sound trees (`scoring/registry/trees.py`): offsets; of each node, feature (-1 for a
    leaf), threshold or the leaf's value, whether gaps go left, and its children as counted in their tree.
    """
    leaf = trees["is_leaf"] != 0
    return (
        np.asarray(trees["offsets"], dtype=np.int64),
        np.where(leaf, -1, trees["feature_idx"]).astype(np.int64),
        np.where(leaf, trees["value"], trees["num_threshold"]),
        trees["missing_go_to_left"] != 0,
        trees["left"].astype(np.int64),
        trees["right"].astype(np.int64),
    )


@njit(cache=True, nogil=True)
def forest_nb(x, baseline, offsets, feature, number, gaps_left, left, right, out):  # type: ignore[no-untyped-def]
    """Writes into `out` (K, M) for rows x (M, F) the baseline (K,) plus the leaves of every tree, K trees a round."""
    rows, features = x.shape
    per_round = len(baseline)
    columns = np.empty((features, BLOCK))
    most = 0
    for tree in range(len(offsets) - 1):
        most = max(most, offsets[tree + 1] - offsets[tree])
    reached = np.empty((most, BLOCK))
    for first in range(0, rows, BLOCK):
        count = min(BLOCK, rows - first)
        for row in range(count):
            for column in range(features):
                columns[column, row] = x[first + row, column]
        for each in range(per_round):
            for row in range(count):
                out[each, first + row] = baseline[each]
        for tree in range(len(offsets) - 1):
            start = offsets[tree]
            for node in range(offsets[tree + 1] - start - 1, -1, -1):
                at = start + node
                limit, here = number[at], reached[node]
                if feature[at] < 0:
                    for row in range(BLOCK):
                        here[row] = limit
                    continue
                known, below, above = columns[feature[at]], reached[left[at]], reached[right[at]]
                if gaps_left[at]:  # no comparison with a gap holds
                    for row in range(BLOCK):  # both are read before one is chosen, or no compiler would vectorise it
                        high, low = above[row], below[row]
                        here[row] = high if known[row] > limit else low
                else:
                    for row in range(BLOCK):
                        high, low = above[row], below[row]
                        here[row] = low if known[row] <= limit else high
            total = out[tree % per_round]
            for row in range(count):
                total[first + row] += reached[0, row]
