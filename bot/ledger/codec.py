"""Plans, receipts and reports as JSON text. What goes in comes out equal: the plan's id is the proof."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from bot.core.plan import Leg, Plan
from bot.core.postings import Fill, Posting, Receipt
from bot.core.report import CycleReport


def plan_to_json(plan: Plan) -> str:
    """The plan as one line of JSON. Integers stay integers at any size, floats keep every bit."""
    return json.dumps(asdict(plan), sort_keys=True, separators=(",", ":"))


def plan_from_json(text: str) -> Plan:
    """The plan that `plan_to_json` wrote, tuples and all. Raises ValueError on anything else."""
    data = _mapping(text, "plan")
    try:
        legs = tuple(Leg(**{**leg, **_tuples(leg)}) for leg in data.pop("legs"))
        return Plan(**{**data, "weights": tuple(data["weights"]), "legs": legs})
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a plan: {error}") from None


def receipt_to_json(receipt: Receipt) -> str:
    """The receipt as one line of JSON, keys sorted: equal receipts are equal texts."""
    return json.dumps(asdict(receipt), sort_keys=True, separators=(",", ":"))


def receipt_from_json(text: str) -> Receipt:
    """The receipt that `receipt_to_json` wrote. Raises ValueError on anything else."""
    data = _mapping(text, "receipt")
    try:
        return Receipt(**{**data, "fills": tuple(Fill(**fill) for fill in data["fills"])})
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a receipt: {error}") from None


def report_to_json(report: CycleReport) -> str:
    """The report as one line of strict JSON: a price that is not known becomes null."""
    return json.dumps(_strict(report.as_dict()), sort_keys=True, separators=(",", ":"), allow_nan=False)


def report_from_json(text: str) -> CycleReport:
    """The report that `report_to_json` wrote; a float that was null is NaN again. Raises ValueError."""
    data = _mapping(text, "report")
    try:
        floats = {name: tuple(map(_float, data[name])) for name in ("target", "weights", "held", "prices")}
        legs = tuple({**leg, "notes": (), **_tuples(leg)} for leg in data["legs"])
        postings = tuple(Posting(**posting) for posting in data["postings"])
        return CycleReport(**{**data, **floats, "legs": legs, "postings": postings, "reasons": tuple(data["reasons"])})
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not a report: {error}") from None


def _tuples(leg: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """What JSON wrote as lists, as it was."""
    return {name: tuple(leg[name]) for name in ("notes", "terms") if name in leg}


def _float(value: float | None) -> float:
    return math.nan if value is None else value


def _strict(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    return value


def _mapping(text: str, what: str) -> dict[str, Any]:
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError(f"not a {what}: {text[:80]!r}")
    return data
