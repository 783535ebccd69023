"""What a model says about each topic at each time, and from which fit it says so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bot.core.panel import Floats, Times


@dataclass(frozen=True, slots=True)
class TopicScores:
    """`probability` (T, K): calibrated probability that a topic is in the top share of its date by forward growth.

    `expected` (T, K): log growth over the horizon; `low`, `high` coverage -> (T, K): the interval that is to hold
    it in that share of cases. NaN where no model speaks. `model` (T,): digest of the fitted model that spoke, "" before
    the first fit. `withheld`: why nothing new may be opened on the newest row, "" where it may.
    """

    times: Times
    topics: tuple[str, ...]
    probability: Floats
    expected: Floats
    low: dict[float, Floats]
    high: dict[float, Floats]
    model: tuple[str, ...]
    withheld: str = ""

    def __post_init__(self) -> None:
        shape = (len(self.times), len(self.topics))
        arrays = (self.probability, self.expected, *self.low.values(), *self.high.values())
        if (
            any(array.shape != shape for array in arrays)
            or len(self.model) != shape[0]
            or set(self.low) != set(self.high)
        ):
            raise ValueError(f"topic scores differ in shape from {shape}")


def no_topic_scores(times: Times, topics: tuple[str, ...], coverage: tuple[float, ...]) -> TopicScores:
    """Scores of the time before any model: all NaN."""

    def empty() -> Floats:
        return np.full((len(times), len(topics)), np.nan)

    sides = [{each: empty() for each in coverage} for _ in range(2)]
    return TopicScores(times, topics, empty(), empty(), sides[0], sides[1], ("",) * len(times))
