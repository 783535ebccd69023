"""The check between a plan and its preview: an answer with its reasons, never a bare yes or no.

It recomputes from the market what the plan claims, so that a planner's mistake is caught here and not on chain.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from bot.core.amm.concentrated import NotEnoughLiquidity, UnknownTicks
from bot.core.deal import deal_of, taken, value_of_units
from bot.core.market import Market
from bot.core.plan import MAX_LEGS, Leg, Limits, Plan, max_loss
from bot.core.units import BPS, bps_down, bps_up
from bot.core.universe import Universe


@dataclass(frozen=True, slots=True)
class Breach:
    """One limit that does not hold: what was observed, what is allowed (same unit)."""

    limit: str
    observed: int
    allowed: int
    venue: str = ""

    def __str__(self) -> str:
        where = f" of {self.venue}" if self.venue else ""
        return f"{self.limit}{where}: {self.observed:,} where {self.allowed:,} is allowed"


@dataclass(frozen=True, slots=True)
class Approved:
    plan: Plan


@dataclass(frozen=True, slots=True)
class Refused:
    plan: Plan
    breaches: tuple[Breach, ...]

    def __str__(self) -> str:
        return "; ".join(str(breach) for breach in self.breaches)


def check(plan: Plan, market: Market, universe: Universe, limits: Limits, data_age: int) -> Approved | Refused:
    """Approved, or Refused with every breach found. `data_age`: seconds since the newest data row at the market's time.

    Stale data and a paused vault stop entries only: leaving is always allowed.
    """
    breaches = [*_identity(plan, market)]
    entries = [leg for leg in plan.legs if leg.entry]
    if entries and data_age > limits.max_staleness:
        breaches.append(Breach("max_staleness (seconds)", data_age, limits.max_staleness))
    if entries and not market.entries_open:
        breaches.append(Breach(f"entries while {market.why_closed}", len(entries), 0))
    if len(plan.legs) > MAX_LEGS:
        breaches.append(Breach("legs in one call", len(plan.legs), MAX_LEGS))
    # The limits below are checked leg by leg, so a second leg in a venue would slip under them.
    for venue_id, legs in Counter(leg.venue for leg in plan.legs).items():
        if legs > 1:
            breaches.append(Breach("legs in one venue", legs, 1, venue_id))
    nav = market.nav(universe)
    if plan.nav != nav:
        breaches.append(Breach("net asset value of the plan", plan.nav, nav))
    idle, entering = market.idle - market.owed, 0
    for leg in plan.legs:
        if not market.tradable(leg.venue) or leg.amount <= 0:
            breaches.append(Breach("tradable amount", leg.amount, 0, leg.venue))
            continue
        venue = universe[leg.venue]
        given = leg.amount if leg.entry else value_of_units(venue, market, leg.amount, held=True)
        received = value_of_units(venue, market, leg.expected, held=False) if leg.entry else leg.expected
        most = bps_down(given, max_loss(venue, limits))
        if given - received > most:
            breaches.append(Breach("max_loss (money)", given - received, most, leg.venue))
        least = bps_down(leg.expected, BPS - limits.slippage_bps)
        if leg.min_received < least:
            breaches.append(Breach("min_received below the slippage limit", leg.min_received, least, leg.venue))
        else:
            breaches += _sandwich(leg, market, universe, limits)
        if leg.entry:
            idle -= leg.amount
            entering += given
            cap = bps_down(nav, min(limits.max_venue_bps, (market.caps or {}).get(leg.venue, BPS)))
            after = market.value(universe, leg.venue) + received
            if after > cap:
                breaches.append(Breach("max_venue (money)", after, cap, leg.venue))
        else:
            idle += leg.min_received
            if leg.amount > market.units.get(leg.venue, 0):
                breaches.append(Breach("units held", leg.amount, market.units.get(leg.venue, 0), leg.venue))
    if entries and idle < bps_down(nav, limits.min_idle_bps):
        breaches.append(Breach("min_idle (money)", idle, bps_down(nav, limits.min_idle_bps)))
    turnover = bps_up(nav, limits.max_turnover_bps)
    if entering > turnover:
        breaches.append(Breach("max_turnover (money)", entering, turnover))
    return Refused(plan, tuple(breaches)) if breaches else Approved(plan)


def _sandwich(leg: Leg, market: Market, universe: Universe, limits: Limits) -> list[Breach]:
    """A breach when a sandwich could take more than is tolerated of what the pool pays now, and earn something by it.

    What a fill can lose to anybody is bounded by `min_received`; this bounds what it can lose to those who come for
    profit, so it may be far below the slippage: 0 bps says that no sandwich may pay. Measured from the pool's own quote
    and not from the plan's `expected`, which is what an understated expectation would hide.
    """
    tolerated_bps = min(limits.max_sandwich_bps, limits.slippage_bps)
    try:
        deal = deal_of(universe[leg.venue], market, leg.entry, leg.amount)
        lost, tolerated = taken(deal, leg.min_received, tolerated_bps)
    except (NotEnoughLiquidity, UnknownTicks):
        return [Breach("tradable amount", leg.amount, 0, leg.venue)]
    if lost <= tolerated:
        return []
    return [Breach("max_sandwich (units received)", lost, tolerated, leg.venue)]


def _identity(plan: Plan, market: Market) -> list[Breach]:
    found = []
    if plan.chain_id != market.chain_id:
        found.append(Breach("chain id", plan.chain_id, market.chain_id))
    if plan.nonce != market.nonce:
        found.append(Breach("vault nonce", plan.nonce, market.nonce))
    if plan.block != market.block:
        found.append(Breach("pinned block", plan.block, market.block))
    return found
