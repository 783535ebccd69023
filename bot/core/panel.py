"""Everything known, as arrays: rows are times, columns are the universe's venues.

A row holds only what was *published* by its time. Column 0 is idle: its price is 1 and its signals are NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Panel:
    """`times` (T,) unix seconds at bar close, strictly rising; `fields` name -> (T, N) float64, NaN = not known.

    Fields always present: ``close`` (money per whole token), ``volume`` (money per bar). Signals are named
    ``signal:<source>`` and hold levels (stars, downloads …). The arrays are read-only. `observed` (T,): when the newest
    bar of any venue closed, by each row; without it every row has a bar. A row in a hole of the data is older than its
    time, and that is what a limit on stale data looks at.
    """

    times: Times
    venues: tuple[str, ...]
    fields: Mapping[str, Floats]
    observed: Times | None = None

    def __post_init__(self) -> None:
        shape = (len(self.times), len(self.venues))
        if np.any(np.diff(self.times) <= 0):
            raise ValueError("panel times must rise strictly")
        for name, values in self.fields.items():
            if values.shape != shape:
                raise ValueError(f"panel field {name} has shape {values.shape}, expected {shape}")
            values.flags.writeable = False
        self.times.flags.writeable = False
        if self.observed is not None:
            if self.observed.shape != self.times.shape or np.any(self.observed > self.times):
                raise ValueError("panel rows must have been observed by their own time")
            self.observed.flags.writeable = False

    def __len__(self) -> int:
        return len(self.times)

    @property
    def close(self) -> Floats:
        return self.fields["close"]

    @property
    def volume(self) -> Floats:
        return self.fields["volume"]

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the signal fields, sorted."""
        return tuple(sorted(name for name in self.fields if name.startswith("signal:")))

    @property
    def listed(self) -> NDArray[np.bool_]:
        """(T, N): the venue has a price in that row, so it can be bought."""
        return np.isfinite(self.close)

    @property
    def newest(self) -> Times:
        """(T,): when the newest bar of any venue closed, by each row (unix seconds)."""
        return self.times if self.observed is None else self.observed

    def rows(self, start: int, stop: int) -> Panel:
        """Rows `start` to `stop` (exclusive), as copies: a prefix stays a prefix whatever happens to the whole."""
        return Panel(
            self.times[start:stop].copy(),
            self.venues,
            {name: values[start:stop].copy() for name, values in self.fields.items()},
            None if self.observed is None else self.observed[start:stop].copy(),
        )

    def upto(self, at: int) -> Panel:
        """The rows whose time is at or before `at` (unix seconds)."""
        return self.rows(0, int(np.searchsorted(self.times, at, side="right")))

    def columns(self, order: tuple[str, ...]) -> Panel:
        """The same panel with its venues in another order (same ids)."""
        index = [self.venues.index(venue) for venue in order]
        return Panel(
            self.times.copy(),
            order,
            {name: values[:, index].copy() for name, values in self.fields.items()},
            None if self.observed is None else self.observed.copy(),
        )
