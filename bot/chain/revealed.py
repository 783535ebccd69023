"""A decision that was written down, made again from its leaves: whatever follows from them must follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eth_abi.exceptions import EncodingError

from bot.chain.commitment import Decision, Leaf, Place
from bot.core.forecast import Forecast
from bot.core.plan import Plan
from bot.core.strict_json import canonical
from bot.errors import DataError, InvariantBroken, located


@dataclass(frozen=True, slots=True)
class _RevealedLeaf:
    adapter: str
    entry: bool
    max_assets: int
    forecast: Forecast


@dataclass(frozen=True, slots=True)
class _Revealed:
    """What a document says, less all that follows from the rest of it."""

    chain_id: int
    vault: str
    registry: str
    anchorer: str
    expiry: int
    plan: Plan
    leaves: tuple[_RevealedLeaf, ...]
    basis: dict[str, Any] | None = None


def decision_from(document: Mapping[str, Any], name: str) -> Decision:
    """The decision that a document of `Decision.document` reveals, made again from its leaves: tree, root and all.

    Raises DataError in one line naming the first field that is not as it follows from the others.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        said = TypeAdapter(_Revealed).validate_json(canonical(_versioned(document)), strict=True)
        leaves = tuple(Leaf(one.adapter, one.entry, one.max_assets, one.forecast) for one in said.leaves)
        place = Place(said.chain_id, said.vault, said.registry, said.anchorer)
        made = Decision(place, said.plan, said.expiry, leaves, said.basis)
        again = made.document()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise DataError(located(name, ".".join(map(str, first["loc"])), first["msg"])) from None
    except (EncodingError, InvariantBroken, ValueError) as error:
        raise DataError(located(name, "", f"no decision follows from it: {error}")) from None
    if (flaw := _flaw(document, again, made)) is not None:
        raise DataError(located(name, *flaw))
    return made


def _flaw(said: Mapping[str, Any], again: Mapping[str, Any], made: Decision) -> tuple[str, str] | None:
    """The field that does not follow from the others and what is wrong with it, None where all do."""
    paths = _differences(said, again)
    hashes = [path for path in paths if path.endswith(".leaf")]
    for number, leaf in enumerate(made.leaves):
        at = f"leaves[{number}]"
        if f"{at}.record" in paths:
            return f"{at}.forecast", f"the record of {leaf.forecast.venue} does not hash to what was committed to"
        if hashes == [f"{at}.leaf"]:
            return at, "adapter, entry, max_assets, or for a lone leaf place, nonce or expiry: another leaf than told"
    if hashes:
        return "chain_id, vault, nonce or expiry", "no leaf that is told follows from them"
    if paths:
        return paths[0], "not what follows from the rest of the decision"
    return _plan_flaw(made)


def _plan_flaw(made: Decision) -> tuple[str, str] | None:
    """Where plan and leaves are not of one another: only the plan's id is under the root."""
    plan, entries = made.plan, {leg.venue: leg.amount for leg in made.plan.legs if leg.entry}
    for number, leaf in enumerate(made.leaves):
        record = leaf.forecast
        if record.plan != plan.id:
            return "plan", f"its id is {plan.id[:12]}…, the record of {record.venue} speaks of {record.plan[:12]}…"
        if plan.weights[number + 1 : number + 2] != (record.weight,):
            return f"leaves[{number}].forecast.weight", "not the plan's"
        if (leaf.entry, leaf.max_assets) != (record.venue in entries, entries.get(record.venue, 0)):
            return f"leaves[{number}].max_assets", f"not what the plan enters in {record.venue}"
    venues = [leaf.forecast.venue for leaf in made.leaves]
    if len(set(venues)) < len(venues) or len(plan.weights) != len(venues) + 1 or not entries.keys() <= set(venues):
        return "leaves", "not one for each venue of the plan"
    return None


def _versioned(document: Mapping[str, Any]) -> Any:
    """The document with every record's version said: those of version 1 did not say it."""
    if document.get("version") != 1 or not isinstance(document.get("leaves"), list):
        return document
    leaves = [
        {**leaf, "forecast": {"version": 1, **leaf["forecast"]}}
        if isinstance(leaf, Mapping) and isinstance(leaf.get("forecast"), Mapping)
        else leaf
        for leaf in document["leaves"]
    ]
    return {**document, "leaves": leaves}


def _differences(said: Any, made: Any, at: str = "") -> list[str]:
    """The paths of all values that differ. An integer is not equal to a float."""
    if isinstance(said, Mapping) and isinstance(made, Mapping):
        prefix = f"{at}." if at else ""
        lone = [f"{prefix}{key}" for key in sorted(said.keys() ^ made.keys())]
        both = sorted(said.keys() & made.keys())
        return lone + [path for key in both for path in _differences(said[key], made[key], f"{prefix}{key}")]
    if isinstance(said, list | tuple) and isinstance(made, list | tuple) and len(said) == len(made):
        pairs = enumerate(zip(said, made, strict=True))
        return [path for place, (one, other) in pairs for path in _differences(one, other, f"{at}[{place}]")]
    return [] if type(said) is type(made) and said == made else [at]
