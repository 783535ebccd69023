"""What one cycle did, as data and as a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from bot.core.postings import Posting
from bot.core.units import BPS
from bot.core.universe import Universe

DEPLOYED, HELD, REFUSED, DISAGREED, REVERTED, UNKNOWN, FAILED = (
    "deployed",  # capital moved
    "held",  # nothing worth moving
    "refused",  # a limit said no
    "disagreed",  # the preview was not what was planned
    "reverted",  # the chain refused; gas was paid
    "unknown",  # sent, no answer: the chain will decide
    "failed",  # the outside failed before anything was sent
)


@dataclass(frozen=True, slots=True)
class CycleReport:
    """What the journal stores, `status` prints and replay compares. Money in raw units of the vault's asset."""

    cycle: int
    at: int  # unix seconds of the pinned block
    block: int
    outcome: str
    sentence: str
    nav: int
    idle: int
    target: tuple[float, ...]
    weights: tuple[float, ...]  # after the policy
    held: tuple[float, ...]  # before the cycle
    prices: tuple[float, ...]  # pool spot, money per token, for reading only
    model: str = ""
    plan: str = ""
    legs: tuple[Mapping[str, Any], ...] = ()
    postings: tuple[Posting, ...] = ()
    turnover: int = 0
    pool_cost: int = 0  # fees and price impact against spot
    gas_used: int = 0  # of all transactions of the cycle
    gas_cost: int = 0  # wei
    anchor_cost: int = 0  # wei of it that the anchorer paid to commit to the decision
    decision: str = ""  # the root that was anchored before capital moved, hexadecimal
    reasons: tuple[str, ...] = field(default_factory=tuple)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON types; integers beyond 2⁵³ stay integers."""
        return asdict(self)


def tell(report: CycleReport, universe: Universe) -> str:
    """The cycle in one sentence: what moved and why, or what said no. A refusal is told as plainly as a deployment."""
    if report.outcome == HELD:
        why = f" ({'; '.join(report.reasons)})" if report.reasons else ""
        return f"held: nothing worth moving{why}"
    if report.outcome in (DEPLOYED, REVERTED, UNKNOWN):
        moves = "; ".join(_leg(leg, universe) for leg in report.legs)
        if report.outcome == DEPLOYED:
            return f"{moves} ({'; '.join(report.reasons)})" if report.reasons else moves
        return f"{report.outcome}: {'; '.join(report.reasons)} [{moves}]"
    return f"{report.outcome}: {'; '.join(report.reasons)}"


def _leg(leg: Mapping[str, Any], universe: Universe) -> str:
    score = f"score {leg['score']:+.1%}" if leg.get("score") is not None else "no score"
    if leg.get("low") is not None and leg.get("high") is not None:
        score += f" [{leg['low']:+.1%}, {leg['high']:+.1%}]"
    verb = "bought" if leg["entry"] else "sold"
    notes = f", {', '.join(leg['notes'])}" if leg.get("notes") else ""
    money, unit = 10**universe.money.decimals, universe.money.symbol
    given, paid = leg["value"] / money, (leg["value"] - leg["cost"]) / money
    # A piece decays in the books while somebody is still bound to buy it: what it then brings is no cost of any size.
    if leg["cost"] * BPS < -leg["value"]:
        return f"{verb} {leg['venue']}: {score}, {paid:,.0f} {unit} for {given:,.0f} in the books{notes}"
    cost = leg["cost"] / leg["value"] * BPS if leg["value"] else 0.0
    return f"{verb} {given:,.0f} {unit} of {leg['venue']}: {score}, cost {cost:.0f} bps{notes}"
