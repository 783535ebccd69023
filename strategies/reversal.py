"""Short-term cross-sectional reversal: buys what fell against its peers over the last few bars.

Weights are proportional to the positive part of minus the demeaned past return over `bars`. Recorded AI and media
tokens showed a weekly information coefficient of about -0.06 for four-week momentum, before costs: small, and the
reports say what is left after costs.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bot.core.panel import Floats, Panel
from bot.core.score import Scores

LOOKBACK = 31
USES_SCORES = False
PARAMS: dict[str, float] = {"bars": 7.0}


def targets(panel: Panel, scores: Scores, params: Mapping[str, float]) -> Floats:
    """(T, N) weights; all idle until `bars` of history are there. `bars` may be 1 to 30."""
    bars = int(params["bars"])
    if not 1 <= bars < LOOKBACK:
        raise ValueError(f"reversal: bars must be 1 to {LOOKBACK - 1} (got {bars})")
    close = panel.close
    past = np.full_like(close, np.nan)
    if len(close) > bars:
        past[bars:] = close[bars:] / close[:-bars] - 1.0
    past[:, 0] = np.nan
    known = np.isfinite(past) & panel.listed
    count = known.sum(axis=1, keepdims=True)
    filled = np.where(known, past, 0.0)
    mean = np.sort(filled, axis=1).sum(axis=1, keepdims=True) / np.maximum(count, 1)
    loser = np.where(known, np.maximum(mean - filled, 0.0), 0.0)
    total = np.sort(loser, axis=1).sum(axis=1, keepdims=True)
    weights = np.where(total > 1e-12, loser / np.maximum(total, 1e-12), 0.0)
    weights[:, 0] = np.maximum(0.0, 1.0 - np.sort(weights[:, 1:], axis=1).sum(axis=1))
    return weights
