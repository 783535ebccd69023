"""Levels of media topics as arrays: rows are times, columns are topics. The topics' counterpart of `core/panel.py`.

A row holds only what was *published* by its time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bot.core.panel import Floats, Times


@dataclass(frozen=True, slots=True)
class TopicPanel:
    """`times` (T,) unix seconds, strictly rising; `topics` (K,) names; `levels` series -> (T, K), NaN = not known.

    A level is the newest observed value among those published by the row's time (stars, downloads, likes …).
    `born` (K,): unix seconds at which a topic was first published, or -1 where its birth is not known because it was
    there on the first day of its series already (left-censored). Topics that a row does not know yet are NaN in it, so
    rows up to t are the same whatever is published later. The arrays are read-only.
    """

    times: Times
    topics: tuple[str, ...]
    levels: Mapping[str, Floats]
    born: Times

    def __post_init__(self) -> None:
        shape = (len(self.times), len(self.topics))
        if np.any(np.diff(self.times) <= 0):
            raise ValueError("topic panel times must rise strictly")
        if self.born.shape != (shape[1],):
            raise ValueError(f"topic panel born has shape {self.born.shape}, expected ({shape[1]},)")
        for name, values in self.levels.items():
            if values.shape != shape:
                raise ValueError(f"topic panel level {name} has shape {values.shape}, expected {shape}")
            values.flags.writeable = False
        self.times.flags.writeable = False
        self.born.flags.writeable = False

    def __len__(self) -> int:
        return len(self.times)
