"""What was forecast of each venue before capital moves: the records that a decision commits to and later reveals.

Every venue of the universe has one, entered or not, so that a forecast that turned out wrong cannot be left out.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Final

from bot.core.panel import Floats, Panel
from bot.core.plan import Plan
from bot.core.score import Scores
from bot.core.strict_json import canonical
from bot.core.universe import Universe

VERSION: Final = 2  # of the record: 1 had no recipe, and its inputs were not kept
_SINCE_2: Final = frozenset({"clears", "recipe", "version"})


@dataclass(frozen=True, slots=True)
class Forecast:
    """One venue's. Returns are fractions over the model's horizon, None where no model speaks; weights of the whole."""

    venue: str
    at: int  # unix seconds of the newest row that was scored
    inputs: str  # of the rows that were scored: the root of `bot.provenance.basis`; in version 1 a digest of all
    model: str  # digest of the fitted model, "" without one
    expected: float | None
    low: float | None
    high: float | None
    coverage: float  # of the interval from low to high
    target: float  # what the strategy wants
    weight: float  # what the policy makes of it
    plan: str  # id of the plan that was committed to
    clears: float | None = None  # probability that the return is above the costs, None where it was not asked for
    recipe: str = ""  # digest of the scorer's parameters, the strategy and the versions under them
    version: int = VERSION

    def facts(self) -> dict[str, Any]:
        """Every field that records of its version have, by name, as JSON types."""
        return {name: value for name, value in asdict(self).items() if self.version >= 2 or name not in _SINCE_2}

    def text(self) -> bytes:
        """The record that is hashed: canonical JSON, keys sorted, no spaces, floats as Python writes them."""
        return canonical(self.facts()).encode()


def forecasts_of(
    universe: Universe, panel: Panel, scores: Scores, target: Floats, plan: Plan, inputs: str, recipe: str
) -> tuple[Forecast, ...]:
    """One for each venue but idle, in the universe's order, of the newest row of `panel` and `scores`.

    `inputs`, `recipe`: digests of what they were made from and how.
    """
    return tuple(
        Forecast(
            venue=venue.id,
            at=int(panel.times[-1]),
            inputs=inputs,
            model=scores.model[-1],
            expected=_known(scores.expected[-1, column]),
            low=_known(scores.low[-1, column]),
            high=_known(scores.high[-1, column]),
            coverage=scores.coverage,
            target=float(target[column]),
            weight=plan.weights[column],
            plan=plan.id,
            clears=None if scores.clears is None else _known(scores.clears[-1, column]),
            recipe=recipe,
        )
        for column, venue in enumerate(universe.risky, start=1)
    )


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
