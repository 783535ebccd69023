"""A decision as a daemon makes it, on the generated market of the shipped strategy file, without a chain."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from bot.chain.commitment import Decision, Place, decision_of
from bot.core.forecast import forecasts_of
from bot.core.panel import Floats, Panel
from bot.core.plan import Leg, Plan
from bot.core.score import Scores
from bot.core.strategy import Strategy
from bot.core.universe import Universe
from bot.cycle import wanted
from bot.loading import Options, load
from bot.provenance.basis import Basis, basis_of
from bot.provenance.bundle import Bundle
from bot.provenance.recipe import Recipe, recipe_of
from bot.scoring.scorer import PanelScorer
from bot.settings import settings_of

SHIPPED = Path(__file__).parents[2] / "strategies" / "synthetic_market.yaml"
ROWS = 300  # of the market, up to the decision
PLACE = Place(31_337, "0x" + "aa" * 20, "0x" + "bb" * 20, "0x" + "cc" * 20)


@dataclass(frozen=True, slots=True)
class Made:
    """Everything that a decision was made of, and the decision."""

    universe: Universe
    strategy: Strategy
    panel: Panel
    recipe: Recipe
    basis: Basis
    scores: Scores
    target: Floats
    decision: Decision

    @property
    def bundle(self) -> Bundle:
        files = self.basis.files
        return Bundle(self.decision, self.basis.recipe, {name: files[name] for name in self.basis.facts()["pieces"]})


@cache
def made(rows: int = ROWS, file: Path = SHIPPED) -> Made:
    """The decision about row `rows` - 1. What it wants of the first two venues, it enters."""
    loaded = load(Options(file, mode="paper", synthetic=7, strength=1.0))
    risky = tuple(
        replace(venue, adapter=f"0x{number:040x}") for number, venue in enumerate(loaded.universe.risky, start=1)
    )
    universe = Universe(loaded.universe.money, (loaded.universe.venues[0], *risky))
    strategy = settings_of(loaded.config, universe, file).strategy
    panel, recipe = loaded.panel.rows(0, rows), recipe_of(loaded.config, strategy, file)
    assert recipe.scorer is not None
    scores = asyncio.run(PanelScorer(recipe.scorer).score(panel))
    assert scores.model[-1], "a model has to speak, or nothing is tested"
    target, basis = wanted(strategy, panel, scores), basis_of(panel, recipe)
    plan = plan_of(universe, target, int(panel.times[-1]))
    told = forecasts_of(universe, panel, scores, target, plan, basis.inputs, basis.recipe_digest)
    decision = decision_of(PLACE, universe, plan, told, plan.deadline + 24, basis.facts())
    return Made(universe, strategy, panel, recipe, basis, scores, target, decision)


def plan_of(universe: Universe, target: Floats, at: int) -> Plan:
    legs = tuple(Leg(venue.id, True, 5_000_000, 9, 8, 5_000_000, 1) for venue in universe.risky[:2])
    weights = tuple(float(weight) for weight in target)
    return Plan(31_337, 50, "0x" + "11" * 32, at + 1_800, 3, at + 2_400, 10**11, weights, legs, {"other": "why"})


def remade(bundle: Bundle, leaf: int, **values: Any) -> Bundle:
    """The bundle with another forecast in a leaf, all that follows from it made anew, as a forger would."""
    leaves = list(bundle.decision.leaves)
    leaves[leaf] = replace(leaves[leaf], forecast=replace(leaves[leaf].forecast, **values))
    return replace(bundle, decision=with_leaves(bundle.decision, leaves))


def with_leaves(decision: Decision, leaves: Any, basis: Mapping[str, Any] | None = None) -> Decision:
    return Decision(decision.place, decision.plan, decision.expiry, tuple(leaves), basis or decision.basis)
