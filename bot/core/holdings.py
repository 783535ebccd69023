"""What the books say of each venue: what is held, what it cost, what it brought in and what leaving it has gained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from bot.core.postings import INCOME, Fill


@dataclass(frozen=True, slots=True)
class Holding:
    """Money in raw units. cost: of the units still held, by average cost; realised: proceeds less cost of what left.

    income: collected without letting go of anything (fees, claims). No prices: what it is worth is the chain's word.
    """

    units: int = 0
    cost: int = 0
    income: int = 0
    realised: int = 0


def holdings(fills: Iterable[Fill], balances: Mapping[tuple[str, str], int]) -> dict[str, Holding]:
    """The holding of every venue that ever traded or paid, by id.

    fills: oldest first. balances: sums of postings by (account, token). Leaving a part takes its share of the cost,
    rounded down, so that the last part takes what is left of it.
    """
    found: dict[str, Holding] = {}
    for fill in fills:
        held = found.get(fill.venue, Holding())
        if fill.entry:
            found[fill.venue] = replace(held, units=held.units + fill.received, cost=held.cost + fill.amount)
            continue
        cost = held.cost * fill.amount // held.units if held.units else 0
        found[fill.venue] = replace(
            held,
            units=held.units - fill.amount,
            cost=held.cost - cost,
            realised=held.realised + fill.received - cost,
        )
    for (account, _), total in balances.items():
        if account.startswith(INCOME):
            venue = account.removeprefix(INCOME)
            held = found.get(venue, Holding())
            found[venue] = replace(held, income=held.income - total)
    return found
