"""Equal weight, tilted towards the venues whose media trends the model expects to pay, as far as it is sure.

The weight of a venue is proportional to exp(strength × z): z is its expected return against the mean of all, in units
of the model's own uncertainty (half the width of its interval). A model that knows nothing has wide intervals and
leaves equal weight as it is, so noise in its scores buys little turnover. Venues beyond the best `top`, and those whose
expected return is below `floor`, get nothing; what they would have had stays idle.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bot.core.panel import Floats, Panel
from bot.core.score import Scores

LOOKBACK = 1
USES_SCORES = True
PARAMS: dict[str, float] = {"strength": 3.0, "top": 16.0, "floor": -1.0}


def targets(panel: Panel, scores: Scores, params: Mapping[str, float]) -> Floats:
    """(T, N) weights, each row from that row's scores alone."""
    expected = np.where(panel.listed, scores.expected, np.nan)
    expected[:, 0] = np.nan
    unsure = (scores.high - scores.low) / 2.0
    scored = np.isfinite(expected) & np.isfinite(unsure)
    count = np.maximum(scored.sum(axis=1, keepdims=True), 1)
    filled = np.where(scored, expected, 0.0)
    # Sums over sorted columns: float addition is not associative, and the order of columns must not matter.
    mean = np.sort(filled, axis=1).sum(axis=1, keepdims=True) / count
    z = np.where(scored, (filled - mean) / np.where(scored & (unsure > 1e-9), unsure, 1e-9), 0.0)
    tilt = np.where(scored, np.exp(params["strength"] * np.clip(z, -3.0, 3.0)), 0.0)
    better = (tilt[:, :, None] < tilt[:, None, :]).sum(axis=2)  # how many venues beat this one
    kept = scored & (better < params["top"]) & (filled >= params["floor"])
    total = np.sort(tilt, axis=1).sum(axis=1, keepdims=True)
    weights = np.where(kept, tilt / np.maximum(total, 1e-300), 0.0)
    weights[:, 0] = np.maximum(0.0, 1.0 - np.sort(weights[:, 1:], axis=1).sum(axis=1))
    return weights
