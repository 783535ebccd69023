"""Whether arrays that claim to be boosted trees are trees, so that a walk down them ends and reads nothing else.

A tree is a run of nodes, the root first, each one before its children. A node that is no leaf sends a row to the left
where the row's feature is at most the threshold, and a gap where `missing_go_to_left` says. Children are numbered
within their tree.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from bot.scoring.registry.container import Arrays
from bot.scoring.registry.flaw import Flaw

NODE: Final = {
    "value": "<f8",
    "count": "<u4",
    "feature_idx": "<i8",
    "num_threshold": "<f8",
    "missing_go_to_left": "|u1",
    "left": "<u4",
    "right": "<u4",
    "gain": "<f8",
    "depth": "<u4",
    "is_leaf": "|u1",
    "bin_threshold": "|u1",
}
"""Scikit-learn's record of a node, field by field, without categories."""
MOST_NODES: Final = 1 << 20


def check_trees(trees: Arrays, features: int, per_iteration: int, where: str = "") -> None:
    """Raises Flaw unless `trees` (each field of NODE (nodes,), and `offsets` (trees + 1,)) are sound.

    Every node but a root has one parent, which stands before it in its own tree: so there are no circles, and a walk is
    shorter than the tree.
    """
    offsets = trees["offsets"]
    nodes, count = len(trees["value"]), len(offsets) - 1
    if nodes > MOST_NODES:
        raise Flaw(f"{where}value", f"{nodes:,} nodes, at most {MOST_NODES:,} are read")
    for name in NODE:
        if len(trees[name]) != nodes:
            raise Flaw(f"{where}{name}", f"{len(trees[name])} numbers for {nodes} nodes")
    if count < 1 or offsets[0] != 0 or offsets[-1] != nodes or np.any(np.diff(offsets) < 1):
        raise Flaw(f"{where}offsets", "do not part the nodes into trees")
    if per_iteration < 1 or count % per_iteration:
        raise Flaw(f"{where}offsets", f"{count} trees are no whole number of rounds of {per_iteration}")
    for name in ("is_leaf", "missing_go_to_left"):
        if np.any(trees[name] > 1):
            raise Flaw(f"{where}{name}", "neither 0 nor 1")
    if not np.all(np.isfinite(trees["value"])):
        raise Flaw(f"{where}value", "not a finite number")
    _check_links(trees, np.asarray(offsets), where)
    _check_splits(trees, features, where)


def _check_links(trees: Arrays, offsets: np.ndarray, where: str) -> None:
    nodes, roots, sizes = len(trees["value"]), offsets[:-1], np.diff(offsets)
    root, size = np.repeat(roots, sizes), np.repeat(sizes, sizes)
    place = np.arange(nodes) - root
    inner = trees["is_leaf"] == 0
    left, right = (trees[name].astype(np.int64) for name in ("left", "right"))
    for name, child in (("left", left), ("right", right)):
        if np.any(inner & (child >= size)):
            raise Flaw(f"{where}{name}", "a child that is not in the tree")
        if np.any(inner & (child <= place)):
            raise Flaw(f"{where}{name}", "a child that is not behind its parent: a walk might never end")
    parents = np.zeros(nodes, dtype=np.int64)
    for child in (left, right):
        parents += np.bincount((child + root)[inner], minlength=nodes)
    expected = np.ones(nodes, dtype=np.int64)
    expected[roots] = 0
    if np.any(parents != expected):
        raise Flaw(f"{where}left", "a node has no parent, or two")


def _check_splits(trees: Arrays, features: int, where: str) -> None:
    inner = trees["is_leaf"] == 0
    feature, threshold = trees["feature_idx"][inner], trees["num_threshold"][inner]
    if np.any((feature < 0) | (feature >= features)):
        raise Flaw(f"{where}feature_idx", f"not one of {features} features")
    if np.any(np.isnan(threshold) | (threshold == -np.inf)):  # +inf parts the known from the gaps
        raise Flaw(f"{where}num_threshold", "not a threshold")
