"""What is found: one line per leak, and the report that holds them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backtests.lookahead.pipeline import MADE_OF, Output
from bot.core.dates import moment


@dataclass(frozen=True, slots=True)
class Finding:
    """One leak. `stage` and `name` say where (a field, a feature); `row` is unix seconds of the first row it shows in.

    `difference` is the largest absolute one over all rows, infinite where a value is known on one side only, or a
    statistic where `meaning` says so. `rows` counts the rows that differ. `meaning` is one sentence. `also`: other
    detectors that found the same.
    """

    detector: str
    stage: str
    name: str
    venue: str
    row: int
    rows: int
    difference: float
    meaning: str
    also: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = f"{self.stage}: {self.name}" + (f" of {self.venue}" if self.venue else "")
        return f"{where}, {moment(self.row)}: {self.meaning} (found by: {', '.join((self.detector, *self.also))})"

    def document(self) -> dict[str, Any]:
        """For JSON: `difference` is null where it is infinite."""
        return {
            "detector": self.detector,
            "also": list(self.also),
            "stage": self.stage,
            "name": self.name,
            "venue": self.venue,
            "row": moment(self.row),
            "row_time": self.row,
            "rows": self.rows,
            "difference": self.difference if math.isfinite(self.difference) else None,
            "meaning": self.meaning,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """All findings, and how much was looked at: `passes` of the `planned` ones through the whole pipeline.

    `fits`, `trades`: how many models were fitted and legs traded on the original data; nothing shows in what is not
    there. `cuts`: unix seconds at which the past ends.
    """

    findings: tuple[Finding, ...]
    passes: int
    planned: int
    cuts: tuple[int, ...]
    fits: int
    trades: int

    @property
    def clean(self) -> bool:
        return not self.findings

    @property
    def complete(self) -> bool:
        """Whether the budget was enough for everything that was planned."""
        return self.passes == self.planned


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two outputs of one name part, among rows up to a cut."""

    venue: str
    row: int
    rows: int
    size: float


def difference(one: Output, other: Output | None, cut: int) -> Difference | None:
    """How the rows of `one` at or before `cut` differ from those of `other`, bit for bit; None if they do not."""
    here = one.times <= cut
    if not here.any():
        return None
    times = one.times[here]
    there = other.times <= cut if other is not None else np.zeros(0, dtype=bool)
    if other is None or not np.array_equal(times, other.times[there]):
        known = other.times[there] if other is not None else np.zeros(0, dtype=np.int64)
        apart = np.setxor1d(times, known)
        return Difference("", int(apart[0]) if len(apart) else int(times[0]), max(1, len(apart)), math.inf)
    left, right = one.values[here], other.values[there]
    if left.shape != right.shape:
        return Difference("", int(times[0]), len(times), math.inf)
    # Zeros of either sign are the same number; NaN is the same as NaN.
    parts = ~((left == right) | (np.isnan(left) & np.isnan(right)))
    if not parts.any():
        return None
    with np.errstate(all="ignore"):
        size = np.where(parts, np.abs(left - right), 0.0)
    size[~np.isfinite(size)] = math.inf
    row = int(np.argwhere(parts)[0, 0])
    # Idle is what the others leave: it is named only where nothing else differs.
    worst = max(np.flatnonzero(parts[row]).tolist(), key=lambda column: (column > 0, size[row, column]))
    venue = one.columns[worst] if one.columns else ""
    return Difference(venue, int(times[row]), int(parts.any(axis=1).sum()), float(size.max()))


def differences(ones: Sequence[Output], others: Sequence[Output], cut: int) -> list[tuple[Output, Difference]]:
    """The outputs that differ by their own doing: nothing that they are made of differs, in stages or in names."""
    found = {output.key: output for output in others}
    pairs = [(one, difference(one, found.get(one.key), cut)) for one in ones]
    apart = [(one, differs) for one, differs in pairs if differs is not None]
    stages = {one.stage for one, _ in apart}
    names = {one.name for one, _ in apart}
    return [
        (one, differs)
        for one, differs in apart
        if not stages & _ancestors(one.stage) and not any(one.name.startswith(f"{name}:") for name in names)
    ]


def merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """One finding per stage and name, the first that a detector made, in causal order of stages."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.stage, finding.name), []).append(finding)
    order = list(MADE_OF)
    found = [
        replace(same[0], also=tuple(sorted({finding.detector for finding in same} - {same[0].detector})))
        for same in groups.values()
    ]
    return tuple(sorted(found, key=lambda finding: order.index(finding.stage)))


def _ancestors(stage: str) -> set[str]:
    parents = set(MADE_OF[stage])
    return parents.union(*(_ancestors(parent) for parent in parents)) if parents else parents
