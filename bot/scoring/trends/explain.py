"""Why a topic has its probability: what its log odds would lose if one thing about it were as usual.

Each feature in turn is set to its median among the rows that the model learned from. Features that say nearly the same
share what they say, so contributions do not add up to the whole; they are for reading, not for deciding.
"""

from __future__ import annotations

import numpy as np

from bot.core.panel import Floats
from bot.scoring.trends.model import TopicModel, log_odds_of


def contributions(model: TopicModel, x: Floats) -> Floats:
    """(M, F): log odds of x (M, F) less those with one feature at its median; 0 where it was never known."""
    usual, medians = log_odds_of(model, x), model.arrays["medians"]
    found = np.zeros(x.shape)
    for place, median in enumerate(medians.tolist()):
        if np.isfinite(median):
            changed = x.copy()
            changed[:, place] = median
            found[:, place] = usual - log_odds_of(model, changed)
    return found


def reasons(model: TopicModel, x: Floats, count: int = 3) -> list[list[tuple[str, float]]]:
    """For each of x (M, F) the `count` features that say most, and what they add to the log odds, greatest first."""
    names = list(model.facts["names"])
    found = []
    for row in contributions(model, x):
        order = np.argsort(-np.abs(row), kind="stable")[:count]
        found.append([(names[place], float(row[place])) for place in order.tolist()])
    return found
