"""What a source said: one value of one metric of one topic, with the time it is of and the time it could be known.

Two clocks, never mixed: `observed_at` is the time that the value speaks of, `published_at` the second from which
somebody could have known it. A score at time t may use what was published by t, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Observation:
    """A value as its source gave it. Times are unix seconds UTC; `observed_at` is never after `published_at`.

    `series` is the name under which a catalogue keeps the source and metric (``github_stars``); `topic` the readable
    name at the time (``owner/name``); `entity` what the source itself never changes, such as a numeric id, "" where it
    has none: a topic whose entity changes is another thing under an old name.
    """

    series: str
    topic: str
    entity: str
    value: float
    observed_at: int
    published_at: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A price bar as its source gave it: `time` is its close (unix seconds), prices in money per whole token,
    `volume_quote` in money; `bar` its length by name (``1h``, ``1d``); `source` who said so."""

    source: str
    asset: str
    bar: str
    time: int
    open: float
    high: float
    low: float
    close: float
    volume_quote: float
    published_at: int


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that was not taken in: which source said it, which field of which topic or asset was wrong, and why."""

    source: str
    field: str
    asset: str
    reason: str
    raw: str  # the start of what was said, as text
    seen_at: int
