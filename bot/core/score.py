"""What a model says about each venue at each time, and from which fit it says so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.core.panel import Floats


@dataclass(frozen=True, slots=True)
class Scores:
    """`expected` (T, N): expected return over the horizon, as a fraction, NaN where no model speaks.

    `low`, `high` (T, N): the interval that held `coverage` of the calibration returns. `model` (T,): digest of the
    fitted model that spoke in that row, "" before the first fit. `withheld`: why nothing new may be opened on the
    newest row, "" where it may. `clears` (T, N): the calibrated probability that the return is above the costs, None
    where it was not asked for. `states` (T,): what of each row's model or market has drifted, in words, "" where
    nothing has and () where nobody looked; nothing new may be opened on a row that has one, and exits go on.
    """

    expected: Floats
    low: Floats
    high: Floats
    model: tuple[str, ...]
    coverage: float = 0.8
    withheld: str = ""
    clears: Floats | None = None
    states: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (self.expected.shape == self.low.shape == self.high.shape and len(self.model) == len(self.expected)):
            raise ValueError("scores differ in shape")
        if self.clears is not None and self.clears.shape != self.expected.shape:
            raise ValueError("scores differ in shape: clears")
        if self.states and len(self.states) != len(self.expected):
            raise ValueError("scores differ in shape: states")

    @property
    def drifted(self) -> NDArray[np.bool_]:
        """(T,): the rows on which nothing new may be opened because of what `states` says."""
        return np.array([bool(state) for state in self.states or ("",) * len(self.model)], dtype=bool)

    def rows(self, start: int, stop: int) -> Scores:
        """Rows `start` to `stop` (exclusive); `withheld` is the newest row's, and stays."""
        part = slice(start, stop)
        clears = None if self.clears is None else self.clears[part]
        model, states = self.model[part], self.states[part]
        return Scores(
            self.expected[part], self.low[part], self.high[part], model, self.coverage, self.withheld, clears, states
        )

    def last(self) -> Scores:
        """The newest row alone, shape (1, N)."""
        return self.rows(max(0, len(self.model) - 1), len(self.model))

    def padded(self, count: int) -> Scores:
        """The newest row as the last of `count` rows, the others saying nothing: what a cycle shows a strategy."""

        def behind(values: Floats) -> Floats:
            empty = np.full((count - 1, values.shape[1]), np.nan)
            return np.vstack([empty, values])

        one = self.last()
        clears = None if one.clears is None else behind(one.clears)
        silent = ("",) * (count - 1)
        states = silent + one.states if one.states else ()
        arrays = behind(one.expected), behind(one.low), behind(one.high)
        return Scores(*arrays, silent + one.model, self.coverage, self.withheld, clears, states)


def no_scores(rows: int, venues: int) -> Scores:
    """Scores of the time before any model: all NaN."""
    empty = np.full((rows, venues), np.nan)
    return Scores(empty, empty.copy(), empty.copy(), ("",) * rows)
