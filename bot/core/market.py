"""Everything read from the chain at one pinned block, and what it is worth there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from bot.core.amm.concentrated import Pool, value_at_spot_down
from bot.core.amm.range_position import RangePosition, holdings, in_range, worth
from bot.core.fixedpoint import sqrt_x96_to_price
from bot.core.offers import Book
from bot.core.panel import Floats
from bot.core.universe import IDLE, LP, OFFERED, Universe, Venue


@dataclass(frozen=True, slots=True)
class Market:
    """One block: pools, and what the vault holds. Money in raw units of the universe's money token.

    `pools` lacks a venue whose pool could not be read, `books` one whose offers could not; such a venue is worth
    nothing here and is not traded.
    `positions` has the venues of liquidity that are held; liquidity whose place is not known is worth nothing.
    `entries_open` is False while the vault takes no entries, as `why_closed` says. `caps` are the contract's own, in
    bps of its total assets.
    `halted`: venues that cannot be traded now, with why; those in `worthless` are valued at nothing besides.
    """

    chain_id: int
    block: int
    block_hash: str
    time: int
    pools: Mapping[str, Pool]
    units: Mapping[str, int]  # venue id -> raw token units held, or liquidity
    idle: int
    nonce: int  # the vault's, not the sender's
    entries_open: bool = True
    caps: Mapping[str, int] | None = None
    positions: Mapping[str, RangePosition] = field(default_factory=dict)
    halted: Mapping[str, str] = field(default_factory=dict)
    worthless: frozenset[str] = frozenset()
    books: Mapping[str, Book] = field(default_factory=dict)
    room: Mapping[str, int] = field(default_factory=dict)  # most money that the vault takes into a venue now
    unpriced: frozenset[str] = frozenset()  # venues into which money goes as if it were lost, out of one budget:
    unpriced_room: int | None = None  # the most of it that may still go there now; None without a bound
    dues: Mapping[str, int] = field(default_factory=dict)  # money times 2^128 that goes in with each unit sold; REVENUE
    why_closed: str = "the vault is paused"
    owed: int = 0  # idle money that waiting withdrawals need: no entry may spend it

    def known(self, venue_id: str) -> bool:
        """Whether a venue's pool or offers could be read."""
        return venue_id in self.pools or venue_id in self.books

    def tradable(self, venue_id: str) -> bool:
        """Whether a venue could be read and takes trades."""
        return self.known(venue_id) and venue_id not in self.halted

    def value(self, universe: Universe, venue_id: str) -> int:
        """What a venue's position is worth at spot, in money, rounded down; liquidity with the fees that it is owed."""
        return self._worth(universe[venue_id])

    def _worth(self, venue: Venue) -> int:
        units, pool = self.units.get(venue.id, 0), self.pools.get(venue.id)
        if units == 0 or venue.id in self.worthless:
            return 0
        if venue.kind in OFFERED:
            return self.books[venue.id].value if venue.id in self.books else 0
        if pool is None:
            return 0
        if venue.kind != LP:
            return max(0, value_at_spot_down(pool, units, venue.base_is_token0) - self.due(venue.id, units))
        position = self.positions.get(venue.id)
        if position is None:
            return 0
        amounts = holdings(pool, position.lower, position.upper, units)
        owed = position.owed
        return worth(pool, (amounts[0] + owed[0], amounts[1] + owed[1]), venue.base_is_token0)

    def due(self, venue_id: str, units: int) -> int:
        """Money that has to go in with units before they can be sold, rounded up: what wrapped shares have earned."""
        return -(-units * self.dues.get(venue_id, 0) >> 128)

    def out_of_range(self, venue_id: str) -> bool:
        """Whether a venue has liquidity that the next swap would pass by."""
        pool, position = self.pools.get(venue_id), self.positions.get(venue_id)
        return pool is not None and position is not None and not in_range(pool, position.lower, position.upper)

    def price(self, universe: Universe, venue_id: str) -> float:
        """Spot price in money per whole token; NaN without a pool, 0 where worthless, 1 for idle. Never for money.

        Of offers: the cheapest ask, or the dearest bid without one.
        """
        pool = self.pools.get(venue_id)
        venue = universe[venue_id]
        if venue.kind == IDLE:
            return 1.0
        if venue_id in self.books and venue_id not in self.worthless:
            best = next(iter((*self.books[venue_id].asks, *self.books[venue_id].bids)), None)
            whole = 10 ** (venue.token.decimals - universe.money.decimals)
            return best.money / best.units * whole if best is not None and best.units else float("nan")
        if pool is None:
            return float("nan")
        if venue_id in self.worthless:
            return 0.0
        return sqrt_x96_to_price(
            pool.sqrt_price_x96, venue.token.decimals, universe.money.decimals, venue.base_is_token0
        )

    def nav(self, universe: Universe) -> int:
        """Net asset value: idle money and every position at spot, rounded down position by position."""
        return self.idle + sum(self.values(universe))

    def values(self, universe: Universe) -> list[int]:
        """What the position in each venue but idle is worth, in order; see `value`."""
        return [self._worth(venue) for venue in universe.risky]

    def held(self, universe: Universe) -> Floats:
        """Weights held, (N,). Research only: money never comes back out of these floats."""
        values = self.values(universe)
        nav = self.idle + sum(values)
        weights = np.zeros(len(universe))
        if nav == 0:
            weights[0] = 1.0
            return weights
        for column, value in enumerate(values, start=1):
            weights[column] = value / nav
        weights[0] = max(0.0, 1.0 - float(weights[1:].sum()))
        return weights
