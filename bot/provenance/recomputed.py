"""A decision's numbers made again from its evidence alone, and compared bit for bit with what was committed to."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from bot.core.forecast import Forecast
from bot.core.panel import Floats, Panel
from bot.core.score import Scores
from bot.core.strategy import Strategy
from bot.cycle import wanted
from bot.errors import ConfigError, DataError
from bot.provenance.basis import panel_of
from bot.provenance.bundle import Bundle, recipe_in
from bot.provenance.checks import FAILED, OK, UNKNOWN, Check
from bot.provenance.recipe import Recipe, differences, strategy_again
from bot.scoring.scorer import IdleScorer, PanelScorer

SCORED = ("model", "expected", "low", "high", "coverage", "clears")  # of a record: what the scorer says


async def recomputed(bundle: Bundle, name: str, path: Path, tolerance: float | None = None) -> tuple[Check, ...]:
    """Checks of inputs, recipe, forecasts and targets. `path`: the strategy file, for strategies of one's own.

    `tolerance`: how far a number may be off, relative to itself, where versions differ; None asks for the same bits.
    """
    records = [leaf.forecast for leaf in bundle.decision.leaves]
    if bundle.decision.basis is None:
        why = "a decision of version 1: nothing that it was made from was kept"
        return tuple(Check(each, UNKNOWN, why) for each in ("inputs", "recipe", "forecasts", "targets"))
    panel, inputs = _inputs(bundle, records)
    recipe, cooked = _recipe(bundle, records, name)
    if panel is None or recipe is None:
        why = "cannot be made again without the rows and the recipe"
        return inputs, cooked, Check("forecasts", UNKNOWN, why), Check("targets", UNKNOWN, why)
    try:
        scores = await _scored(recipe, panel)
    except (ConfigError, ValueError) as error:  # rows or parameters of a forger that no run ever had
        why = " ".join(str(error).split())[:200]
        failed = Check("forecasts", FAILED, f"nothing can be scored of these rows by this recipe: {why}")
        return inputs, cooked, failed, Check("targets", UNKNOWN, "needs the forecasts")
    return (
        inputs,
        cooked,
        _forecasts(records, panel, scores, recipe, tolerance),
        _targets(records, panel, scores, recipe, path, tolerance),
    )


def _inputs(bundle: Bundle, records: Sequence[Forecast]) -> tuple[Panel | None, Check]:
    basis = bundle.decision.basis or {}
    for record in records:
        if record.inputs != basis.get("inputs"):
            return None, Check("inputs", FAILED, f"inputs of {record.venue}: its record speaks of other rows")
    try:
        panel = panel_of(list(bundle.pieces.values()))
    except ValueError as error:
        return None, Check("inputs", FAILED, f"inputs: {error}")
    for record in records:
        if record.at != int(panel.times[-1]):
            return None, Check(
                "inputs", FAILED, f"at of {record.venue}: {record.at}, the newest row is {panel.times[-1]}"
            )
    if panel.venues[1:] != tuple(record.venue for record in records):
        return None, Check("inputs", FAILED, "the rows are of other venues, or in another order")
    cells = f"{len(panel)} rows of {len(panel.venues) - 1} venues, {len(panel.fields)} fields"
    return panel, Check("inputs", OK, f"{cells}; root {basis['inputs'][:12]}… in every record")


def _recipe(bundle: Bundle, records: Sequence[Forecast], name: str) -> tuple[Recipe | None, Check]:
    try:
        recipe = recipe_in(bundle, name)
    except DataError as error:
        return None, Check("recipe", FAILED, str(error))
    told = (bundle.decision.basis or {})["recipe"]
    for record in records:
        if record.recipe != told:
            return None, Check("recipe", FAILED, f"recipe of {record.venue}: its record speaks of another")
    asked = recipe.scorer.model if recipe.scorer is not None else "no model"
    made_by = f"{', '.join(recipe.strategy.names)} on {asked}, Patron {recipe.versions.get('patron')}"
    return recipe, Check("recipe", OK, f"{made_by}; digest {told[:12]}… in every record")


async def _scored(recipe: Recipe, panel: Panel) -> Scores:
    scorer = PanelScorer(recipe.scorer) if recipe.scorer is not None else IdleScorer()
    return await scorer.score(panel)


def _forecasts(
    records: Sequence[Forecast], panel: Panel, scores: Scores, recipe: Recipe, tolerance: float | None
) -> Check:
    wrong = [
        f"{field} of {record.venue}: {told}, made again {again}"
        for column, record in enumerate(records, start=1)
        for field, told, again in _scored_fields(record, scores, column)
        if not _same(told, again, tolerance) and not (field == "model" and tolerance is not None)  # it names versions
    ]
    return _judged("forecasts", wrong, recipe, tolerance, f"{len(records)} venues")


def _scored_fields(record: Forecast, scores: Scores, column: int) -> Iterator[tuple[str, object, object]]:
    again = {
        "model": scores.model[-1],
        "expected": _known(scores.expected, column),
        "low": _known(scores.low, column),
        "high": _known(scores.high, column),
        "coverage": scores.coverage,
        "clears": None if scores.clears is None else _known(scores.clears, column),
    }
    return ((field, getattr(record, field), again[field]) for field in SCORED)


def _targets(
    records: Sequence[Forecast], panel: Panel, scores: Scores, recipe: Recipe, path: Path, tolerance: float | None
) -> Check:
    own = [name for name in recipe.strategy.names if name.endswith(".py")]
    try:
        strategy: Strategy = strategy_again(recipe.strategy, path)
    except ConfigError as error:
        hint = f"; {', '.join(own)} is its owner's: name the strategy file beside it with --config" if own else ""
        return Check("targets", UNKNOWN, f"{error}{hint}")
    except DataError as error:
        return Check("targets", UNKNOWN, str(error))
    try:
        target = wanted(strategy, panel, scores)
    except DataError as error:
        return Check("targets", FAILED, str(error))
    wrong = [
        f"target of {record.venue}: {record.target}, made again {again}"
        for record, again in zip(records, target[1:].tolist(), strict=True)
        if not _same(record.target, again, tolerance)
    ]
    return _judged("targets", wrong, recipe, tolerance, f"{len(records)} venues by {', '.join(recipe.strategy.names)}")


def _judged(name: str, wrong: Sequence[str], recipe: Recipe, tolerance: float | None, what: str) -> Check:
    """Bits that are the same prove it, whatever made them; bits that are not say by what else they were made."""
    differs = "; ".join(differences(recipe))
    if wrong:
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        by = f" (made by others: {differs}; --tolerance compares within a share)" if differs else ""
        return Check(name, FAILED, f"{wrong[0]}{more}{by}")
    how = "the same to the bit" if tolerance is None else f"the same within {tolerance:g} of itself"
    return Check(name, OK, f"{what} {how}{f' though made by others: {differs}' if differs else ''}")


def _same(told: object, again: object, tolerance: float | None) -> bool:
    if isinstance(told, float) and isinstance(again, float) and tolerance is not None:
        return math.isclose(told, again, rel_tol=tolerance, abs_tol=tolerance)
    return repr(told) == repr(again)  # the sign of a zero too


def _known(values: Floats, column: int) -> float | None:
    value = float(values[-1, column])
    return value if math.isfinite(value) else None
