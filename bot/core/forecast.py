"""What was forecast of each venue before capital moves: the records that a decision commits to and later reveals.

Every venue of the universe has one, entered or not, so that a forecast that turned out wrong cannot be left out.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bot.core.panel import Floats, Panel, Times
from bot.core.plan import Plan
from bot.core.score import Scores
from bot.core.strict_json import canonical
from bot.core.universe import Universe


@dataclass(frozen=True, slots=True)
class Forecast:
    """One venue's. Returns are fractions over the model's horizon, None where no model speaks; weights of the whole."""

    venue: str
    at: int  # unix seconds of the newest row that was scored
    inputs: str  # `panel_digest` of all that was scored
    model: str  # digest of the fitted model, "" without one
    expected: float | None
    low: float | None
    high: float | None
    coverage: float  # of the interval from low to high
    target: float  # what the strategy wants
    weight: float  # what the policy makes of it
    plan: str  # id of the plan that was committed to

    def facts(self) -> dict[str, Any]:
        """Every field by name, as JSON types."""
        return asdict(self)

    def text(self) -> bytes:
        """The record that is hashed: canonical JSON, keys sorted, no spaces, floats as Python writes them."""
        return canonical(self.facts()).encode()


def forecasts_of(universe: Universe, panel: Panel, scores: Scores, target: Floats, plan: Plan) -> tuple[Forecast, ...]:
    """One for each venue but idle, in the universe's order, of the newest row of `panel` and `scores`."""
    inputs = panel_digest(panel)
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
        )
        for column, venue in enumerate(universe.risky, start=1)
    )


def panel_digest(panel: Panel) -> str:
    """SHA-256 over a heading (canonical JSON) and the arrays, little endian, each field by name; hexadecimal."""
    names = sorted(panel.fields)
    heading = {
        "venues": list(panel.venues),
        "fields": names,
        "rows": len(panel),
        "observed": panel.observed is not None,
    }
    digest = hashlib.sha256(canonical(heading).encode())
    for times in (panel.times, *([] if panel.observed is None else [panel.observed])):
        digest.update(_bytes(times, "<i8"))
    for name in names:
        values = panel.fields[name]
        digest.update(_bytes(np.where(np.isnan(values), np.nan, values), "<f8"))  # one NaN, whoever made it
    return digest.hexdigest()


def _bytes(values: Floats | Times, kind: str) -> bytes:
    return np.ascontiguousarray(values, dtype=kind).tobytes()


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
