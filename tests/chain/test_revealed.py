"""A decision that was written down says nothing that does not follow. No chain is asked here."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bot.chain.commitment import Decision
from bot.chain.revealed import decision_from
from bot.errors import DataError
from tests.provenance.made import made

DECISION = made().decision


def document(decision: Decision = DECISION) -> dict[str, Any]:
    """As it is read back from a file."""
    return dict(json.loads(json.dumps(decision.document())))


def of_the_first_version() -> Decision:
    leaves = tuple(replace(leaf, forecast=replace(leaf.forecast, version=1)) for leaf in DECISION.leaves)
    return Decision(DECISION.place, DECISION.plan, DECISION.expiry, leaves)


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every number, text and truth value of a document is."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from paths(item, (*at, key))
    else:
        yield at


def other(value: Any) -> Any:
    """The least that may be changed about a value of JSON."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value ^ 1
    if isinstance(value, float):
        return value + 2.0**-40
    if isinstance(value, str):
        return (chr(ord(value[-1]) ^ 1) if value else "x") if len(value) < 2 else value[:-1] + chr(ord(value[-1]) ^ 1)
    return 0.5


def put(document: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    node: Any = changed
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return changed


@pytest.mark.parametrize("decision", [DECISION, of_the_first_version()], ids=["2", "1"])
def test_a_decision_is_read_as_it_was(decision: Decision) -> None:
    again = decision_from(document(decision), "it")
    assert again.document() == decision.document()
    assert again.root == decision.root


# Of these the root says nothing; the chain does, and the digests of what they name.
UNBOUND = {("registry",), ("anchorer",)}


@pytest.mark.parametrize("decision", [DECISION, of_the_first_version()], ids=["2", "1"])
def test_every_field_that_is_changed_is_refused_or_makes_another_root(decision: Decision) -> None:
    whole = document(decision)
    every = list(paths(whole))
    assert len(every) > 100
    for path in every:
        if path in UNBOUND or path[0] == "basis":
            continue
        forged = put(whole, path, other(whole if not path else _at(whole, path)))
        with pytest.raises(DataError) as caught:
            decision_from(forged, "it")
        assert str(caught.value).startswith("it: "), path
        assert "\n" not in str(caught.value)


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("leaves", 2, "forecast", "expected"), 0.5, "leaves[2].forecast: the record of render-coin does not hash"),
        (("leaves", 2, "forecast", "inputs"), "ab", "leaves[2].forecast: the record of render-coin does not hash"),
        (("leaves", 1, "max_assets"), 1, "leaves[1]: adapter, entry, max_assets, or for a lone leaf"),
        (("expiry",), 1, "chain_id, vault, nonce or expiry: no leaf that is told follows from them"),
        (("vault",), "0x" + "12" * 20, "chain_id, vault, nonce or expiry: no leaf that is told follows from them"),
        (("root",), "0x00", "root: not what follows from the rest"),
        (("universe", 1), "0x00", "universe[1]: not what follows"),
        (("leaf_count",), 7, "leaf_count: not what follows"),
        (("plan", "nav"), 7, "plan: its id is "),
        (("plan", "legs", 0, "amount"), 7, "plan: its id is "),
        (("more",), 7, "more: not what follows"),
        (("plan", "more"), 7, "plan.more: not what follows"),
        (("leaves",), [], "no decision follows from it: a tree of 0 leaves"),
        (("leaves",), 7, "leaves: Input should be a valid array"),
        (("expiry",), 1.0, "expiry: Input should be a valid integer"),
        (("vault",), "0x12", "no decision follows from it: "),
        (("leaves", 0, "forecast"), None, "leaves.0.forecast: Input should be"),
        (("version",), 3, "version: not what follows"),
    ],
)
def test_what_does_not_follow_is_named(path: tuple[Any, ...], value: Any, said: str) -> None:
    with pytest.raises(DataError) as caught:
        decision_from(put(document(), path, value), "it")
    assert str(caught.value).startswith(f"it: {said}")


def test_a_plan_that_the_leaves_are_not_of_is_named() -> None:
    """Made anew from the root up, as a forger would: leaves and plan still have to be of one another."""
    enters = [replace(leaf, max_assets=leaf.max_assets + 1) if leaf.entry else leaf for leaf in DECISION.leaves]
    heavier = [replace(leaf, forecast=replace(leaf.forecast, weight=0.9)) for leaf in DECISION.leaves]
    fewer = DECISION.leaves[:-1]
    for leaves, said in (
        (enters, "leaves[0].max_assets: not what the plan enters in artist-coin"),
        (heavier, "leaves[0].forecast.weight: not the plan's"),
        (fewer, "leaves: not one for each venue of the plan"),
    ):
        forged = Decision(DECISION.place, DECISION.plan, DECISION.expiry, tuple(leaves), DECISION.basis)
        with pytest.raises(DataError) as caught:
            decision_from(document(forged), "it")
        assert str(caught.value) == f"it: {said}"
