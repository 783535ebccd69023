"""The benchmark that each strategy must beat: the same weight in every venue that has a price."""

from __future__ import annotations

from collections.abc import Mapping

from bot.core.panel import Floats, Panel
from bot.core.score import Scores
from bot.core.strategy import equal_weight

LOOKBACK = 1
USES_SCORES = False
PARAMS: dict[str, float] = {}


def targets(panel: Panel, scores: Scores, params: Mapping[str, float]) -> Floats:
    """(T, N) weights: 1/n in each of the n listed venues, idle where none is listed."""
    return equal_weight(panel)
