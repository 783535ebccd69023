"""What a model says about each venue at each time, and from which fit it says so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bot.core.panel import Floats


@dataclass(frozen=True, slots=True)
class Scores:
    """`expected` (T, N): expected return over the horizon, as a fraction, NaN where no model speaks.

    `low`, `high` (T, N): the interval that held `coverage` of the calibration returns. `model` (T,): digest of the
    fitted model that spoke in that row, "" before the first fit. `withheld`: why nothing new may be opened on the
    newest row, "" where it may; only a run under a certificate ever says so.
    """

    expected: Floats
    low: Floats
    high: Floats
    model: tuple[str, ...]
    coverage: float = 0.8
    withheld: str = ""

    def __post_init__(self) -> None:
        if not (self.expected.shape == self.low.shape == self.high.shape and len(self.model) == len(self.expected)):
            raise ValueError("scores differ in shape")

    def last(self) -> Scores:
        """The newest row alone, shape (1, N)."""
        return Scores(self.expected[-1:], self.low[-1:], self.high[-1:], self.model[-1:], self.coverage, self.withheld)


def no_scores(rows: int, venues: int) -> Scores:
    """Scores of the time before any model: all NaN."""
    empty = np.full((rows, venues), np.nan)
    return Scores(empty, empty.copy(), empty.copy(), ("",) * rows)
