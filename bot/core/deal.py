"""What one leg pays, whatever kind of venue it is in: the one place where a plan, its check and the paper vault agree.

A venue of tokens swaps. A venue of liquidity swaps a part and mints, or burns, collects and swaps: see
`bot.core.amm.range_position`. Units are what the books count: raw tokens, or liquidity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bot.core.amm.attack import taken_by_sandwich
from bot.core.amm.concentrated import NotEnoughLiquidity, Pool, UnknownTicks, value_at_spot_down
from bot.core.amm.quotes import Hop, largest_within, quote, value_and_loss
from bot.core.amm.range_position import entry, holdings, leaving, range_around, worth
from bot.core.amm.search import last_accepted
from bot.core.market import Market
from bot.core.units import BPS
from bot.core.universe import LP, Venue

_SCALE: Final = 64  # binary places of an excess, which only steers a search
_COARSELY: Final = 8  # what a size that costs too much is divided by, until one does not


@dataclass(frozen=True, slots=True)
class Deal:
    """One leg at the pinned block. Entry: money in, units out; exit: units in, money out.

    value: of what is given, in money at spot; cost: value given minus value received, at spot before the trade. hop,
    swapped, fill: the part of it that is a swap, which is all of it where tokens are held; hop is None without one.
    """

    entry: bool
    amount: int
    received: int
    value: int
    cost: int
    hop: Hop | None
    swapped: int
    fill: int


def hop_of(venue: Venue, pool: Pool, entry: bool) -> Hop:
    """A venue's pool with the way of a leg through it: an entry sells money, an exit sells the base token."""
    return Hop(pool, venue.base_is_token0 != entry)


def deal_of(venue: Venue, market: Market, entry: bool, amount: int) -> Deal:
    """The exact leg of `amount`. Raises NotEnoughLiquidity or UnknownTicks, ValueError for an amount not positive."""
    pool = market.pools[venue.id]
    if venue.kind != LP:
        hop = hop_of(venue, pool, entry)
        done = quote((hop,), amount)
        value, cost = value_and_loss((hop,), done, in_money=entry)
        return Deal(entry, amount, done.amount_out, value, cost, hop, amount, done.amount_out)
    return _entry(venue, market, pool, amount) if entry else _exit(venue, market, pool, amount)


def largest_deal(venue: Venue, market: Market, entry: bool, most: int, max_loss_bps: int) -> Deal | None:
    """The largest leg, at most `most`, whose cost against spot is within the limit; None if there is none.

    A venue of liquidity: larger by a unit of money would cost more than allowed, but for what rounding a cost to a unit
    does where costs hardly rise with size. None too where only amounts would pass that are as good as nothing.
    """
    pool = market.pools[venue.id]
    if venue.kind != LP:
        hop = hop_of(venue, pool, entry)
        done = largest_within((hop,), most, max_loss_bps, in_money=entry)
        if done is None:
            return None
        value, cost = value_and_loss((hop,), done, in_money=entry)
        return Deal(entry, done.amount_in, done.amount_out, value, cost, hop, done.amount_in, done.amount_out)
    found: dict[int, Deal] = {}

    def excess(amount: int) -> int | None:
        try:
            found[amount] = done = deal_of(venue, market, entry, amount)
        except (NotEnoughLiquidity, UnknownTicks):
            return None
        if not done.received or not done.value:
            return None
        return -(-(done.cost * BPS - done.value * max_loss_bps << _SCALE) // done.value)

    if most <= 0:
        return None
    size, of_size = most, excess(most)
    high, of_high = size, of_size
    while of_size is None or of_size > 0:
        # From some cents on down, costs are more rounding than anything else.
        if size < _COARSELY or (of_size is not None and found[size].value < BPS):
            return None
        high, of_high, size = size, of_size, size // _COARSELY
        of_size = excess(size)
    if size == most:
        return found[most]
    unit = max(1, size // found[size].value)
    return found[last_accepted(excess, size, high, of_size, of_high, unit)]


def range_of(venue: Venue, market: Market) -> tuple[int, int]:
    """(lower, upper) of the venue's liquidity: where it is, or where it would be put now."""
    position = market.positions.get(venue.id)
    if position is not None:
        return position.lower, position.upper
    return range_around(market.pools[venue.id], venue.width_bps)


def value_of_units(venue: Venue, market: Market, units: int, held: bool) -> int:
    """Money that units are worth at spot, rounded down. held: ours, so that liquidity brings its share of the fees."""
    pool = market.pools[venue.id]
    if venue.kind != LP:
        return value_at_spot_down(pool, units, venue.base_is_token0)
    owed = 0, 0
    position = market.positions.get(venue.id)
    if held and position is not None:
        owed = position.share_of_owed(units)
    amounts = holdings(pool, *range_of(venue, market), units)
    return worth(pool, (amounts[0] + owed[0], amounts[1] + owed[1]), venue.base_is_token0)


def taken(deal: Deal, min_received: int, tolerated_bps: int) -> tuple[int, int]:
    """(most that a sandwich of the leg's swap could take and still earn something, what is tolerated), of the fill.

    The swap's own least fill is the same share of its fill as `min_received` is of what the leg receives, to within
    the unit of the coarser one. What a moved price does to the two sides of a mint or a burn is not looked at:
    `min_received` bounds it. Raises as `taken_by_sandwich`.
    """
    if deal.hop is None or not deal.fill or not deal.received:
        return 0, 0
    least = min_received
    if deal.fill != deal.received:  # a share that was rounded down to a unit received is not told from the next one
        least = min(deal.fill, deal.fill * (min_received + 1) // deal.received)
    return taken_by_sandwich(deal.hop, deal.swapped, least, tolerated_bps, in_money=deal.entry, fill=deal.fill)


def least_for_fill(deal: Deal, least: int) -> int:
    """The least `min_received` under which the leg's swap may not pay below `least`; the inverse of `taken`'s share."""
    return -(-deal.received * least // deal.fill)


def _entry(venue: Venue, market: Market, pool: Pool, money: int) -> Deal:
    done = entry(pool, *range_of(venue, market), venue.base_is_token0, money)
    value = value_of_units(venue, market, done.liquidity, held=False)
    hop = hop_of(venue, pool, True) if done.swapped else None
    # What comes back, less than a unit of liquidity is worth, counts as cost: so the check needs no second search.
    return Deal(True, money, done.liquidity, money, money - value, hop, done.swapped, done.bought)


def _exit(venue: Venue, market: Market, pool: Pool, liquidity: int) -> Deal:
    position = market.positions.get(venue.id)
    if position is None or liquidity > position.liquidity:
        raise NotEnoughLiquidity(f"{venue.id} has less liquidity than {liquidity}")
    done = leaving(pool, position, venue.base_is_token0, liquidity)
    value = value_of_units(venue, market, liquidity, held=True)
    hop = hop_of(venue, done.before, False) if done.swapped else None
    return Deal(False, liquidity, done.received, value, value - done.received, hop, done.swapped, done.sold_for)
