"""Equal weight, tilted towards the venues whose media trends the model expects to pay.

The weight of a venue is proportional to exp(strength × z), z its cross-sectional z-score of expected return; venues
beyond the best `top`, and those whose expected return is below `floor`, get nothing, and what they would have had stays
idle. With strength 0 and top at least the number of venues it is equal weight.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bot.core.panel import Floats, Panel
from bot.core.score import Scores

LOOKBACK = 1
USES_SCORES = True
PARAMS: dict[str, float] = {"strength": 1.0, "top": 8.0, "floor": -1.0}


def targets(panel: Panel, scores: Scores, params: Mapping[str, float]) -> Floats:
    """(T, N) weights, each row from that row's scores alone."""
    expected = np.where(panel.listed, scores.expected, np.nan)
    expected[:, 0] = np.nan
    scored = np.isfinite(expected)
    count = scored.sum(axis=1, keepdims=True)
    filled = np.where(scored, expected, 0.0)
    # Sums over sorted columns: float addition is not associative, and the order of columns must not matter.
    mean = np.sort(filled, axis=1).sum(axis=1, keepdims=True) / np.maximum(count, 1)
    spread = np.where(scored, (filled - mean) ** 2, 0.0)
    deviation = np.sqrt(np.sort(spread, axis=1).sum(axis=1, keepdims=True) / np.maximum(count, 1))
    z = np.where(deviation > 1e-12, (filled - mean) / np.maximum(deviation, 1e-12), 0.0)
    tilt = np.where(scored, np.exp(params["strength"] * np.clip(z, -3.0, 3.0)), 0.0)
    better = (tilt[:, :, None] < tilt[:, None, :]).sum(axis=2)  # how many venues beat this one
    kept = scored & (better < params["top"]) & (filled >= params["floor"])
    total = np.sort(tilt, axis=1).sum(axis=1, keepdims=True)
    weights = np.where(kept, tilt / np.maximum(total, 1e-300), 0.0)
    weights[:, 0] = np.maximum(0.0, 1.0 - np.sort(weights[:, 1:], axis=1).sum(axis=1))
    return weights
