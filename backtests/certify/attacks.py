"""What sandwiches could take from the legs of a run, in exact integers on the pools that its legs met."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backtests.run import BUY, Run
from bot.core.amm.attack import sandwich
from bot.core.amm.concentrated import UnknownTicks, pool_at
from bot.core.amm.quotes import Hop, NothingOut, quote
from bot.core.fixedpoint import price_to_sqrt_x96
from bot.core.mirror import Seeding, seeding
from bot.core.panel import Floats, Panel
from bot.core.plan import Limits
from bot.core.units import BPS, bps_down
from bot.core.universe import Universe, Venue


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """Money taken at each cycle (K,), in whole tokens, and on how many legs a sandwich pays its attacker."""

    money: Floats
    attacked: int


def taken(run: Run, universe: Universe, limits: Limits, panel: Panel, depth: int) -> Taken:
    """The worst that each leg of a fast run loses to a sandwich that does not cost its attacker money.

    A leg reverts below its quote less `limits.slippage`, and the check lets no plan through whose legs could lose more
    than `limits.max_sandwich`: neither bound is passed. Pools are as they were seeded (`depth`: raw money), at the
    price that the leg met. A fill below a raw unit loses nothing.
    """
    found, attacked = np.zeros(len(run)), 0
    one = 10.0**universe.money.decimals
    pools = {venue.id: _seeded(venue, universe, panel, run, depth) for venue in universe.risky}
    cycles = np.searchsorted(run.times, run.trades["time"].to_numpy())
    columns = {venue: column for column, venue in enumerate(run.venues)}
    legs = run.trades[["venue", "side", "money", "units"]].itertuples(index=False, name=None)
    for cycle, (name, side, money, units) in zip(cycles.tolist(), legs, strict=True):
        venue, seeded, entry = universe[name], pools[name], side == BUY
        price = float(run.prices[cycle, columns[name]])
        if seeded is None:
            continue
        amount = int(money * one) if entry else int(units * 10.0**venue.token.decimals)
        lost = _lost(venue, seeded, universe.money.decimals, price, entry, amount, limits)
        if lost:
            attacked += 1
            worth = lost / one if not entry else lost / 10.0**venue.token.decimals * price
            found[cycle] += worth
    return Taken(found, attacked)


def _seeded(venue: Venue, universe: Universe, panel: Panel, run: Run, depth: int) -> Seeding | None:
    """How the made market seeds the pool: at its first close in the run."""
    start, stop = np.searchsorted(panel.times, (run.times[0], run.times[-1] + 1))
    close = panel.close[start:stop, panel.venues.index(venue.id)]
    known = np.flatnonzero(np.isfinite(close))
    return seeding(venue, universe.money.decimals, float(close[known[0]]), depth) if known.size else None


def _lost(
    venue: Venue, seeded: Seeding, money_decimals: int, price: float, entry: bool, amount: int, limits: Limits
) -> int:
    """Raw units of what the leg receives."""
    root = price_to_sqrt_x96(price, venue.token.decimals, money_decimals, venue.base_is_token0)
    pool = pool_at(root, seeded.fee_pips, seeded.tick_spacing, seeded.positions)
    hop = Hop(pool, entry != venue.base_is_token0)
    try:
        fill = quote((hop,), amount).amount_out
        least = bps_down(fill, BPS - limits.slippage_bps)
        attack = sandwich(hop, amount, least, entry)
    except (NothingOut, UnknownTicks):
        return 0
    tolerated = fill - bps_down(fill, BPS - min(limits.max_sandwich_bps, limits.slippage_bps))
    return min(fill - attack.paying_fill, tolerated)
