"""Nothing is made and nothing is lost: cash + positions + costs = start + what prices did, after every cycle.

Three counts of one run that know nothing of each other: the postings, in exact integers; the books that the vault
showed at each cycle and at the end; and what the prices between two cycles earned on the units that the postings say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bot.core.postings import NATIVE, balanced
from bot.core.report import CycleReport
from bot.core.universe import LP, Universe, Venue
from bot.errors import InvariantBroken

DUST: Final = 1e-9  # of the portfolio's value: prices are told as float64
UNITS_OF_ROUNDING: Final = 4  # raw money per venue and cycle: positions are valued rounded down, before and after


@dataclass(frozen=True, slots=True)
class Balance:
    """A run's account before its last cycle, raw money. cash + positions + costs = start + earned, to `rest`.

    `costs`: pool fees and price impact against spot; `earned`: what prices did to what was held, losses included.
    `gas` is native money (wei), paid from the keeper's purse until the end, and so in none of the others.
    """

    start: int
    cash: int
    positions: int
    costs: int
    earned: int
    gas: int

    @property
    def rest(self) -> int:
        """What the account does not explain: rounding, a few units per venue and cycle."""
        return self.cash + self.positions + self.costs - self.start - self.earned


def conserved(
    reports: Sequence[CycleReport], universe: Universe, capital: int, idle: int, units: Mapping[str, int]
) -> Balance:
    """The account of a finished replay, oldest report first. `capital`, `idle`: raw money; `units`: what is held now.

    Raises InvariantBroken naming the cycle and the account that does not add up. Where liquidity is provided its worth
    has no single price, so there the cash and the units are counted and the earnings are taken as they are shown.
    """
    if not reports:
        return Balance(capital, idle, 0, 0, 0, 0)
    books = _Books(universe, capital)
    by_price = all(venue.kind != LP for venue in universe.risky)
    for report in reports:
        books.look(report, by_price)
        books.post(report)
    books.close(idle, units)
    last = reports[-1]
    return Balance(capital, last.idle, last.nav - last.idle, books.costs_before, round(books.earned), books.gas)


class _Books:
    """The second bookkeeper: it sees postings and prices, and is asked what there should be."""

    def __init__(self, universe: Universe, capital: int) -> None:
        self.universe, self.start = universe, capital
        self.idle, self.units = capital, dict.fromkeys((venue.id for venue in universe.risky), 0)
        self.prices: tuple[float, ...] = ()
        self.costs, self.costs_before, self.earned, self.gas = 0, 0, 0.0, 0
        self.cycles = 0

    def look(self, report: CycleReport, by_price: bool) -> None:
        """Compares the portfolio that the cycle saw with what start, costs and prices make of it."""
        if report.idle != self.idle:
            raise _broken(report, f"the vault had {report.idle} idle, the postings say {self.idle}")
        positions = report.nav - report.idle
        self.cycles += 1
        if by_price and self.prices:
            self.earned += sum(map(self._gain, self.universe.risky, self.prices[1:], report.prices[1:]))
        elif not by_price:
            self.earned = float(self.idle + positions + self.costs - self.start)
        self.prices, self.costs_before = report.prices, self.costs
        rest = self.idle + positions + self.costs - self.start - self.earned
        allowed = DUST * max(report.nav, self.start) + UNITS_OF_ROUNDING * len(self.units) * self.cycles
        if not abs(rest) <= allowed:
            raise _broken(report, f"cash, positions and costs are off start and earnings by {rest:.0f}")

    def post(self, report: CycleReport) -> None:
        """Books the cycle's postings, and holds them against the legs that were planned."""
        lines = balanced(report.postings)
        moved: dict[tuple[str, str], int] = defaultdict(int)
        for line in lines:
            moved[line.account, line.token] += line.amount
        self.idle += moved["idle", self.universe.money.address]
        self.gas += sum(line.amount for line in lines if line.account == "gas" and line.token == NATIVE)
        for venue in self.universe.risky:
            got = moved[f"venue:{venue.id}", venue.unit.address]
            self.units[venue.id] += got
            if self.units[venue.id] < 0:
                raise _broken(report, f"{venue.id} gave more than it had: {self.units[venue.id]}")
        if lines:
            self.costs += sum(self._cost(report, leg, moved) for leg in report.legs)

    def close(self, idle: int, units: Mapping[str, int]) -> None:
        """Compares what is held at the end with what the postings leave."""
        if idle != self.idle:
            raise InvariantBroken(f"the books do not balance: the vault ends with {idle} idle, postings {self.idle}")
        for venue, count in self.units.items():
            if units.get(venue, 0) != count:
                held = units.get(venue, 0)
                raise InvariantBroken(f"the books do not balance: {venue} ends with {held} units, postings {count}")

    def _gain(self, venue: Venue, before: float, now: float) -> float:
        """Raw money that the price earned on what the venue held between two cycles."""
        count = self.units[venue.id]
        if not count:
            return 0.0
        return count * (now - before) * 10.0 ** (self.universe.money.decimals - venue.unit.decimals)

    def _cost(self, report: CycleReport, leg: Mapping[str, int], moved: Mapping[tuple[str, str], int]) -> int:
        """The leg's cost against spot. Raises where it was filled otherwise than planned: this rung has no slippage."""
        venue = self.universe[str(leg["venue"])]
        got = moved[f"venue:{venue.id}", venue.unit.address]
        paid = moved[f"market:{venue.id}", self.universe.money.address]
        if venue.kind != LP:
            planned = (leg["expected"], leg["amount"]) if leg["entry"] else (-leg["amount"], -leg["expected"])
            if (got, paid) != planned:
                raise _broken(report, f"{venue.id} was filled {(got, paid)}, planned {planned}")
        return leg["cost"]


def _broken(report: CycleReport, problem: str) -> InvariantBroken:
    return InvariantBroken(f"the books of cycle {report.cycle} do not balance: {problem}")
