"""From weights to legs: exact amounts, exact expectations, the least that each leg must return.

Expectations come from the pools' own integers at the pinned block, so what is planned is what a swap there would pay.
Exits come first, since their proceeds pay for the entries.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

import numpy as np

from bot.core.deal import Deal, largest_deal, least_for_fill, taken
from bot.core.market import Market
from bot.core.panel import Floats
from bot.core.units import BPS, bps_down, parts_of, share_down
from bot.core.universe import OFFERED, Universe, Venue

OUT_OF_RANGE = "out of range"
NOTHING_OFFERED = "nothing is on offer"
FULL = "the vault takes no more of it now"
MAX_LEGS = 16  # the vault's own bound on actions in one call
LATER = f"left to a later cycle: {MAX_LEGS} legs fit in one call"
DUST = 10**6  # a change below one millionth of the portfolio is rounding, not a wish


@dataclass(frozen=True, slots=True)
class Limits:
    """The hard bounds of one strategy, as integers. Money in raw units."""

    max_venue_bps: int
    min_idle_bps: int
    slippage_bps: int  # how far below the exact quote a fill may be
    max_loss_bps: int  # how far below spot value a leg may trade, price impact and pool fee included
    min_trade: int
    max_turnover_bps: int
    max_staleness: int  # seconds since the newest data row
    deadline: int = 600  # seconds after the pinned block
    max_sandwich_bps: int = BPS  # most of the exact quote that a paying sandwich may take; the slippage bounds it too
    tighten: bool = False  # whether a leg that would break it asks for more instead of being refused


@dataclass(frozen=True, slots=True)
class Leg:
    """One trade. Entry: at most `amount` money in, units out. Exit: `amount` units in, money out.

    Units are raw tokens, or liquidity. Some money may come back from an entry into liquidity: less than a unit buys.
    """

    venue: str
    entry: bool
    amount: int
    expected: int  # exact quote at the pinned block
    min_received: int
    value: int  # of what is given, at spot, in money
    cost: int  # value given minus value expected, at spot before the trade: pool fee and price impact
    notes: tuple[str, ...] = ()
    terms: tuple[int, ...] = ()  # what the adapter is told besides: see `bot.core.deal.Deal`
    exact: bool = True  # whether the chain must pay what is expected, to the unit

    @property
    def cost_bps(self) -> float:
        return self.cost / self.value * BPS if self.value else 0.0

    def facts(self) -> dict[str, Any]:
        """Every field by name, as `asdict` gives them."""
        return {name: getattr(self, name) for name in _LEG_FIELDS}


@dataclass(frozen=True, slots=True)
class Plan:
    """Frozen: what will be asked of the vault in one call. `id` is the digest of everything in it."""

    chain_id: int
    block: int
    block_hash: str
    time: int
    nonce: int
    deadline: int
    nav: int
    weights: tuple[float, ...]
    legs: tuple[Leg, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)  # venue -> why nothing is done there

    @property
    def id(self) -> str:
        """sha256 over the plan's canonical JSON, hex: of exits alone, the decision that the vault's event carries."""
        facts = {name: getattr(self, name) for name in _PLAN_FIELDS}
        facts |= {"legs": [leg.facts() for leg in self.legs], "skipped": dict(self.skipped)}
        return hashlib.sha256(_CANONICAL.encode(facts).encode()).hexdigest()

    @property
    def turnover(self) -> int:
        """One-way: the larger of the money entering and the money leaving venues, at spot."""
        return max(
            sum(leg.value for leg in self.legs if leg.entry), sum(leg.value for leg in self.legs if not leg.entry)
        )


_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
_LEG_FIELDS: Final = tuple(each.name for each in fields(Leg))
_PLAN_FIELDS: Final = tuple(each.name for each in fields(Plan))


def make_plan(weights: Floats, market: Market, universe: Universe, limits: Limits) -> Plan:
    """The legs that move `market` to `weights` (N,), exits first, in universe order.

    Amounts round down: money that cannot be placed exactly stays idle. A leg that would lose more than `max_loss_bps`
    against spot is cut to the largest that does not; one below `min_trade` is left out, and the plan says why.
    Liquidity that the price has left is taken out whole: a later cycle may enter anew around the new price. Where one
    call does not hold all legs, the largest are made, exits before entries.
    """
    values = market.values(universe)
    nav = market.idle + sum(values)
    skipped: dict[str, str] = {}
    exits: list[Leg] = []
    wanted: list[tuple[Venue, int]] = []
    for column, venue in enumerate(universe.risky, start=1):
        if not market.known(venue.id):
            if market.units.get(venue.id, 0):
                skipped[venue.id] = "the pool could not be read"
            continue
        if venue.id in market.halted:
            if market.units.get(venue.id, 0) or weights[column] > 0.0:
                skipped[venue.id] = market.halted[venue.id]
            continue
        held = values[column - 1]
        target = share_down(nav, parts_of(min(1.0, float(weights[column]))))
        idles = market.out_of_range(venue.id)
        if abs(target - held) * DUST < nav and weights[column] > 0.0 and not idles:
            continue  # the policy left it alone: what differs is rounding
        # Pieces decay to nothing in the books while somebody is still bound to buy them.
        forgotten = held == 0 and weights[column] == 0.0 and venue.kind in OFFERED and bool(market.books[venue.id].bids)
        if target < held or idles or (forgotten and market.units.get(venue.id, 0)):
            leg = _exit(venue, market, held, held - target, idles or weights[column] == 0.0, limits)
            if isinstance(leg, Leg):
                exits.append(leg)
            else:
                skipped[venue.id] = leg
        elif target > held:
            # The contract's own cap may have been lowered since the file was written.
            cap = bps_down(nav, (market.caps or {}).get(venue.id, BPS))
            if min(target, cap) > held:
                wanted.append((venue, min(target, cap) - held))
            else:
                skipped[venue.id] = "at the vault's own cap"
    kept = _largest({leg.venue: leg.value for leg in exits}, MAX_LEGS, skipped)
    exits = [leg for leg in exits if leg.venue in kept]
    kept = _largest({venue.id: value for venue, value in wanted}, MAX_LEGS - len(exits), skipped)
    wanted = [(venue, value) for venue, value in wanted if venue.id in kept]
    # Only what exits are sure to bring may be spent again, and the minimum idle is not touched.
    spendable = market.idle - market.owed + sum(leg.min_received for leg in exits) - _idle_floor(nav, limits)
    entries: list[Leg] = []
    unpriced = market.unpriced_room
    for venue, value in wanted:
        room = market.room.get(venue.id, value)
        if unpriced is not None and venue.id in market.unpriced:
            room = min(room, unpriced)
        spend = min(value, room, max(0, spendable))
        leg = _entry(venue, market, spend, limits)
        if isinstance(leg, Leg):
            entries.append(leg)
            spendable -= leg.amount
            if unpriced is not None and venue.id in market.unpriced:
                unpriced -= leg.amount
        elif value >= limits.min_trade:
            short = FULL if room < min(value, spendable) else "no idle money left above the minimum"
            skipped[venue.id] = leg if spend == value else short
    return Plan(
        chain_id=market.chain_id,
        block=market.block,
        block_hash=market.block_hash,
        time=market.time,
        nonce=market.nonce,
        deadline=market.time + limits.deadline,
        nav=nav,
        weights=tuple(float(weight) for weight in np.asarray(weights)),
        legs=(*exits, *entries),
        skipped=skipped,
    )


def _largest(values: Mapping[str, int], most: int, skipped: dict[str, str]) -> set[str]:
    """The venues of the largest values, at most so many; of the others, `skipped` is told why they wait."""
    ranked = sorted(values, key=lambda venue: -values[venue])
    skipped |= dict.fromkeys(ranked[most:], LATER)
    return set(ranked[:most])


def _idle_floor(nav: int, limits: Limits) -> int:
    return -(-nav * limits.min_idle_bps // BPS)


def _exit(venue: Venue, market: Market, held: int, value: int, everything: bool, limits: Limits) -> Leg | str:
    if value < limits.min_trade and not everything:
        return "below the smallest trade"
    units = market.units[venue.id]
    return _fit(venue, market, False, units if everything else units * value // held, limits)


def _entry(venue: Venue, market: Market, spend: int, limits: Limits) -> Leg | str:
    if spend < limits.min_trade:
        return "below the smallest trade"
    return _fit(venue, market, True, spend, limits)


def _fit(venue: Venue, market: Market, entry: bool, amount: int, limits: Limits) -> Leg | str:
    """The largest leg, at most `amount`, whose cost against spot is within the limit; the reason if there is none."""
    if amount == 0:
        return "nothing to trade"
    done = largest_deal(venue, market, entry, amount, max_loss(venue, limits))
    if done is None:
        book = market.books.get(venue.id)
        idle = book is not None and not (book.asks if entry else book.bids)
        return NOTHING_OFFERED if idle else "costs more than max_loss at any size"
    if done.value == 0 and (entry or venue.kind not in OFFERED):
        return "nothing to trade"
    cut = done.amount < amount and venue.kind not in OFFERED  # offers come in sizes of their own
    if cut and done.value < limits.min_trade:
        return "costs more than max_loss unless cut below the smallest trade"
    notes = (OUT_OF_RANGE,) if not entry and market.out_of_range(venue.id) else ()
    return Leg(
        venue=venue.id,
        entry=entry,
        amount=done.amount,
        expected=done.received,
        min_received=_min_received(done, limits),
        value=done.value,
        cost=done.cost,
        notes=(*notes, "cut to stay within max_loss") if cut else notes,
        terms=done.terms,
        exact=done.exact,
    )


def max_loss(venue: Venue, limits: Limits) -> int:
    """What a leg in the venue may lose against spot, in bps: its own limit, or that for all."""
    return limits.max_loss_bps if venue.max_loss_bps is None else venue.max_loss_bps


def _min_received(done: Deal, limits: Limits) -> int:
    """What a leg must pay: the quote less the slippage, or less `max_sandwich` where that is to keep sandwiches out.

    Asking for more makes calls fail when the market moves against them, so it is done only for a leg out of which an
    attacker could take more than `max_sandwich` and earn something by it.
    """
    usual = bps_down(done.received, BPS - limits.slippage_bps)
    if not limits.tighten or limits.max_sandwich_bps >= limits.slippage_bps:
        return usual
    lost, tolerated = taken(done, usual, limits.max_sandwich_bps)
    return usual if lost <= tolerated else least_for_fill(done, done.fill - tolerated)
