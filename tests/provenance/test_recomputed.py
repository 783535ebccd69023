"""A decision's numbers made again: the same to the bit, and whatever was changed is named by venue and field."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.core.panel import Panel
from bot.core.panel_bytes import panel_bytes, panel_from
from bot.provenance import recipe as recipes
from bot.provenance.basis import Basis
from bot.provenance.bundle import Bundle, packed, unpacked
from bot.provenance.checks import CHAIN, FAILED, HOLDS, OK, OPEN, REFUSED, UNKNOWN, Check, exit_code
from bot.provenance.recipe import Recipe
from bot.provenance.recomputed import SCORED, recomputed
from tests.provenance.made import SHIPPED, Made, made, remade, with_leaves

MADE: Made = made()


def checks_of(bundle: Bundle, tolerance: float | None = None, path: Path = Path("nowhere.yaml")) -> dict[str, Check]:
    """Through the bytes, as a stranger has it."""
    again = unpacked(packed(bundle), "it.zip")
    return {check.name: check for check in asyncio.run(recomputed(again, "it.zip", path, tolerance))}


def failed(checks: dict[str, Check]) -> dict[str, str]:
    return {name: check.says for name, check in checks.items() if check.state == FAILED}


def rebased(recipe: Recipe = MADE.recipe, pieces: tuple[bytes, ...] = MADE.basis.pieces) -> Bundle:
    """The same forecasts said to be of another recipe or of other rows; everything above them made anew."""
    basis = Basis(recipe.text(), pieces)
    facts, files = basis.facts(), basis.files
    leaves = [
        replace(leaf, forecast=replace(leaf.forecast, inputs=facts["inputs"], recipe=facts["recipe"]))
        for leaf in MADE.decision.leaves
    ]
    decision = with_leaves(MADE.decision, leaves, facts)
    return Bundle(decision, basis.recipe, {name: files[name] for name in facts["pieces"]})


def test_what_was_decided_is_made_again_to_the_bit() -> None:
    checks = checks_of(MADE.bundle)
    assert {name: check.state for name, check in checks.items()} == dict.fromkeys(
        ("inputs", "recipe", "forecasts", "targets"), OK
    )
    assert checks["forecasts"].says == "6 venues the same to the bit"


@pytest.mark.parametrize("field", [*SCORED, "target", "at", "inputs", "recipe"])
@pytest.mark.parametrize("leaf", [0, 5])
def test_the_least_change_of_a_record_is_named(field: str, leaf: int) -> None:
    """By one bit where it is a number, with the record, the leaf and the root made anew as a forger would."""
    record = MADE.decision.leaves[leaf].forecast
    told: Any = getattr(record, field)
    value = (
        np.nextafter(told, np.inf).item()
        if isinstance(told, float)
        else told + 1
        if isinstance(told, int)
        else "ab" * 32
        if isinstance(told, str)
        else 0.5
    )
    found = failed(checks_of(remade(MADE.bundle, leaf, **{field: value})))
    where = {"target": "targets", "at": "inputs", "inputs": "inputs", "recipe": "recipe"}.get(field, "forecasts")
    assert found.keys() == {where}
    assert found[where].startswith(f"{field} of {record.venue}: ")


def test_a_number_that_is_held_back_is_missed() -> None:
    found = failed(checks_of(remade(MADE.bundle, 3, expected=None)))
    assert found["forecasts"].startswith("expected of music-coin: None, made again ")


@pytest.mark.parametrize(("piece", "looked_at"), [(0, False), (5, True), (7, True)])
def test_the_least_change_of_a_number_that_was_scored_is_found(piece: int, looked_at: bool) -> None:
    """Even where the root is made anew over the changed rows: the model that they make is another.

    The oldest rows only decide whether something has drifted, which no record speaks of.
    """
    panel = panel_from(MADE.basis.pieces[piece])
    close = panel.close.copy()
    close[-1, 2] = np.nextafter(close[-1, 2], np.inf)
    other = panel_bytes(replace(panel, fields={**panel.fields, "close": close}))
    pieces = tuple(other if place == piece else content for place, content in enumerate(MADE.basis.pieces))
    found = failed(checks_of(rebased(pieces=pieces)))
    assert ("forecasts" in found) == looked_at


HARMS: dict[str, Callable[[Panel], dict[str, Any]]] = {
    "infinite": lambda panel: {"close": np.full_like(panel.close, np.inf)},
    "huge": lambda panel: {"close": np.full_like(panel.close, 1e308), "volume": np.full_like(panel.close, 1e308)},
    "tiny": lambda panel: {"close": np.full_like(panel.close, 5e-324)},
    "negative": lambda panel: {name: -panel.fields[name] for name in panel.fields},
    "unknown": lambda panel: {name: np.full_like(panel.close, np.nan) for name in panel.fields},
    "wild": lambda panel: {"close": np.random.default_rng(1).lognormal(0.0, 300.0, panel.close.shape)},
}


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.filterwarnings("ignore")
def test_rows_that_no_run_ever_had_are_a_failure_and_no_traceback(harm: str) -> None:
    def harmed(piece: bytes) -> bytes:
        panel = panel_from(piece)
        return panel_bytes(replace(panel, fields={**panel.fields, **HARMS[harm](panel)}))

    checks = checks_of(rebased(pieces=tuple(map(harmed, MADE.basis.pieces))))
    assert checks["forecasts"].state == FAILED
    assert "\n" not in checks["forecasts"].says


@pytest.mark.parametrize("rows", [1, 2, 31])
def test_too_few_rows_make_another_forecast(rows: int) -> None:
    panel = MADE.panel.rows(len(MADE.panel) - rows, len(MADE.panel))
    found = failed(checks_of(rebased(pieces=(panel_bytes(panel),))))
    assert "forecasts" in found


@pytest.mark.parametrize(
    "changed", [{"horizon": 14 * 86_400}, {"train": 91 * 86_400}, {"seed": 1}, {"model": "zero"}, {"coverage": 0.9}]
)
def test_another_scorer_than_told_is_found(changed: dict[str, Any]) -> None:
    assert MADE.recipe.scorer is not None
    found = failed(checks_of(rebased(replace(MADE.recipe, scorer=replace(MADE.recipe.scorer, **changed)))))
    assert "forecasts" in found


def test_another_strategy_than_told_is_found() -> None:
    part = MADE.recipe.strategy.parts[0]
    weaker = replace(part, params={**part.params, "strength": 2.5})
    found = failed(checks_of(rebased(replace(MADE.recipe, strategy=replace(MADE.recipe.strategy, parts=(weaker,))))))
    assert found.keys() == {"targets"}
    assert " made again " in found["targets"]


def test_parameters_that_no_strategy_has_make_nothing_again() -> None:
    part = replace(MADE.recipe.strategy.parts[0], params={"lever": 2.0})
    checks = checks_of(rebased(replace(MADE.recipe, strategy=replace(MADE.recipe.strategy, parts=(part,)))))
    assert checks["targets"].state == UNKNOWN
    assert "has no parameter 'lever'" in checks["targets"].says


def test_a_strategy_of_somebodys_own_stays_open_without_its_file() -> None:
    part = replace(MADE.recipe.strategy.parts[0], name="theirs.py")
    checks = checks_of(rebased(replace(MADE.recipe, strategy=replace(MADE.recipe.strategy, parts=(part,)))))
    assert checks["targets"].state == UNKNOWN
    assert checks["targets"].says.endswith("theirs.py is its owner's: name the strategy file beside it with --config")
    assert checks["forecasts"].state == OK


def test_a_strategy_of_ones_own_is_made_again_beside_its_strategy_file(tmp_path: Path) -> None:
    shipped = SHIPPED.read_text(encoding="utf-8")
    file = tmp_path / "mine.yaml"
    file.write_text(shipped.replace("name: trend_tilt", "name: mine.py"), encoding="utf-8")
    (tmp_path / "mine.py").write_text((SHIPPED.parent / "trend_tilt.py").read_text(encoding="utf-8"), encoding="utf-8")
    own = made(file=file)
    assert checks_of(own.bundle, path=file)["targets"].state == OK
    assert checks_of(own.bundle)["targets"].state == UNKNOWN
    assert failed(checks_of(remade(own.bundle, 2, target=0.5), path=file)).keys() == {"targets"}


def test_code_of_a_shipped_strategy_that_is_another_here_stays_open() -> None:
    other = replace(MADE.recipe, strategy=replace(MADE.recipe.strategy, code="ab" * 32))
    checks = checks_of(rebased(other), path=SHIPPED)
    assert checks["targets"].state == UNKNOWN
    assert checks["targets"].says.startswith("the code of trend_tilt here is ")


def test_other_versions_are_named_where_the_bits_differ_and_where_they_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = {**recipes.versions_here(), "numpy": "1.26.4"}
    monkeypatch.setattr(recipes, "versions_here", lambda: elsewhere)
    same = checks_of(MADE.bundle)["forecasts"]
    assert same.state == OK
    assert f"though made by others: numpy: {np.__version__}, here 1.26.4" in same.says
    told = MADE.decision.leaves[0].forecast.expected
    assert told is not None
    off = remade(MADE.bundle, 0, expected=told * (1 + 1e-12), model="ab" * 32)
    differs = checks_of(off)["forecasts"]
    assert differs.state == FAILED
    assert (
        f"(made by others: numpy: {np.__version__}, here 1.26.4; --tolerance compares within a share)" in differs.says
    )
    assert checks_of(off, tolerance=1e-9)["forecasts"].state == OK
    assert failed(checks_of(remade(MADE.bundle, 0, expected=told * 1.01), tolerance=1e-9)).keys() == {"forecasts"}


def test_a_decision_of_the_first_version_leaves_its_forecasts_open() -> None:
    leaves = [replace(leaf, forecast=replace(leaf.forecast, version=1)) for leaf in MADE.decision.leaves]
    checks = checks_of(Bundle(replace(MADE.decision, leaves=tuple(leaves), basis=None)))
    assert {check.state for check in checks.values()} == {UNKNOWN}


def test_one_failure_outweighs_what_is_open_and_what_the_chain_says() -> None:
    def code(*states: tuple[Any, bool]) -> int:
        return exit_code([Check("it", state, "", chain) for state, chain in states])

    assert code((OK, False), (OK, True)) == HOLDS
    assert code((OK, False), (UNKNOWN, True)) == OPEN
    assert code((UNKNOWN, False), (FAILED, True)) == CHAIN
    assert code((FAILED, True), (FAILED, False), (UNKNOWN, True)) == REFUSED
