"""How a leak is planted: in a case or in one function of its pipeline, with the place where it must be found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from backtests.lookahead.pipeline import Case, Pipeline

Names = tuple[str, ...]
Plant = Callable[[], tuple[Case, Pipeline]]


@dataclass(frozen=True, slots=True)
class Leak:
    """A planted leak and where it must be found; `name` begins the name of the field or feature."""

    plant: Plant
    stage: str
    name: str
    detectors: frozenset[str]
    venue: str = ""


Leaks = dict[str, Leak]


def leak(
    leaks: Leaks, stage: str, name: str, *detectors: str, venue: str = ""
) -> Callable[[Callable[[], tuple[Case, Pipeline]]], Plant]:
    """Registers a plant among `leaks` under its function's name."""

    def register(plant: Callable[[], tuple[Case, Pipeline]]) -> Plant:
        leaks[plant.__name__] = Leak(plant, stage, name, frozenset(detectors), venue)
        return plant

    return register
