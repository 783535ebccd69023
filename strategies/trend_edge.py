"""Holds what the model expects to pay, as far as it is sure, and nothing where it is not: no edge, no position.

A venue's edge is what is expected of it beyond `cost`, outright and against the mean of all venues, whichever is less:
what a whole market did lately is no edge of anybody's. Its weight is `size` times that edge in units of the model's own
uncertainty (half the width of its interval), at most `most`. It is nothing where

- the interval's lower end at the one-sided `level` is not above zero (the interval is read as a normal distribution's),
- the probability that the return clears its costs, where the model tells one, is below `clears`, or
- fewer than `sources` sources speak of its topics, where the panel counts them: one source alone can be bought.

What is not held stays idle.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import NormalDist

import numpy as np

from bot.core.panel import Floats, Panel
from bot.core.score import Scores

LOOKBACK = 1
USES_SCORES = True
PARAMS: dict[str, float] = {
    "cost": 0.004,
    "level": 0.6,
    "size": 1.0,
    "most": 0.25,
    "clears": 0.5,
    "sources": 2.0,
}


def targets(panel: Panel, scores: Scores, params: Mapping[str, float]) -> Floats:
    """(T, N) weights, each row from that row's scores alone. Raises ValueError for parameters that mean nothing."""
    if not 0.5 <= params["level"] < 1.0 or min(params["size"], params["most"], params["cost"]) < 0.0:
        raise ValueError(f"trend_edge: level lies within 0.5 and 1, the rest is not below 0 (got {dict(params)})")
    expected = np.where(panel.listed, scores.expected, np.nan)
    expected[:, 0] = np.nan
    half = (scores.high - scores.low) / 2.0
    scored = np.isfinite(expected) & np.isfinite(half) & (half > 0.0)
    filled = np.where(scored, expected, 0.0)
    # Sums over sorted columns: float addition is not associative, and the order of columns must not matter.
    mean = np.sort(filled, axis=1).sum(axis=1, keepdims=True) / np.maximum(scored.sum(axis=1, keepdims=True), 1)
    edge = np.where(scored, np.minimum(filled, filled - mean) - params["cost"], 0.0)
    sure = np.where(scored, edge / np.where(scored, half, 1.0), 0.0)
    normal = NormalDist()
    least = normal.inv_cdf(params["level"]) / normal.inv_cdf((1.0 + scores.coverage) / 2.0)
    kept = scored & (edge > 0.0) & (sure >= least)
    if scores.clears is not None:
        kept &= np.nan_to_num(scores.clears) >= params["clears"]
    if "trend:sources" in panel.fields:
        kept &= np.nan_to_num(panel.fields["trend:sources"]) >= params["sources"]
    weights = np.where(kept, np.minimum(params["most"], params["size"] * sure), 0.0)
    total = np.sort(weights, axis=1).sum(axis=1, keepdims=True)
    weights /= np.maximum(total, 1.0)
    weights[:, 0] = np.maximum(0.0, 1.0 - np.sort(weights[:, 1:], axis=1).sum(axis=1))
    return weights
