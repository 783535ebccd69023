"""What one leg pays, whatever kind of venue it is in: the one place where a plan, its check and the paper vault agree.

A venue of tokens swaps, some of them less a toll on the money side. A venue of liquidity swaps a part and mints, or
burns, collects and swaps: see `bot.core.amm.range_position`. A venue without a pool takes standing offers: see
`bot.core.offers`. Units are what the books count: raw tokens, liquidity, shares or pieces.
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
from bot.core.offers import buy, resale, sell
from bot.core.units import BPS, bps_down
from bot.core.universe import LP, OFFERED, Venue

_SCALE: Final = 64  # binary places of an excess, which only steers a search
_COARSELY: Final = 8  # what a size that costs too much is divided by, until one does not


@dataclass(frozen=True, slots=True)
class Deal:
    """One leg at the pinned block. Entry: money in, units out; exit: units in, money out.

    value: of what is given, in money at spot; cost: value given minus value received, at spot before the trade. hop,
    swapped, fill: the part of it that is a swap, which is all of it where tokens are held; hop is None without one.
    terms: what the venue's adapter must be told besides the amount: of an entry into liquidity (lower, upper, swapped),
    of offers their keys. exact: False where the chain may pay a little else, within what the leg accepts.
    """

    entry: bool
    amount: int
    received: int
    value: int
    cost: int
    hop: Hop | None
    swapped: int
    fill: int
    terms: tuple[int, ...] = ()
    exact: bool = True


def hop_of(venue: Venue, pool: Pool, entry: bool) -> Hop:
    """A venue's pool with the way of a leg through it: an entry sells money, an exit sells the base token."""
    return Hop(pool, venue.base_is_token0 != entry)


def deal_of(venue: Venue, market: Market, entry: bool, amount: int) -> Deal:
    """The exact leg of `amount`. Raises NotEnoughLiquidity or UnknownTicks, ValueError for an amount not positive."""
    if venue.kind in OFFERED:
        return _of_offers(venue, market, entry, amount)
    pool = market.pools[venue.id]
    if venue.kind != LP:
        return _swap(venue, market, entry, amount)
    return _entry(venue, market, pool, amount) if entry else _exit(venue, market, pool, amount)


def largest_deal(venue: Venue, market: Market, entry: bool, most: int, max_loss_bps: int) -> Deal | None:
    """The largest leg, at most `most`, whose cost against spot is within the limit; None if there is none.

    Liquidity, or a toll: larger by a unit of money would cost more than allowed, but for what rounding a cost to a unit
    does where costs hardly rise with size. None too where only amounts would pass that are as good as nothing.
    """
    if venue.kind in OFFERED:  # their price does not rise with the amount, so less of them costs no smaller a share
        if not entry:
            most = sell(market.books[venue.id].bids, most).given
        done = deal_of(venue, market, entry, most) if most > 0 else None
        within = done is not None and done.amount > 0 and done.cost * BPS <= done.value * max_loss_bps
        return done if within else None
    if venue.kind != LP and not venue.toll_bps and not market.dues.get(venue.id):
        hop = hop_of(venue, market.pools[venue.id], entry)
        swap = largest_within((hop,), most, max_loss_bps, in_money=entry)
        if swap is None:
            return None
        value, cost = value_and_loss((hop,), swap, in_money=entry)
        return Deal(entry, swap.amount_in, swap.amount_out, value, cost, hop, swap.amount_in, swap.amount_out)
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
    """Money that units are worth at spot, rounded down. held: ours, so that liquidity brings its share of the fees.

    Of offers: what they would bring again at once, or the share of what the adapter says that all of ours are worth.
    """
    if venue.kind in OFFERED:
        book, mine = market.books[venue.id], market.units.get(venue.id, 0)
        return book.value * units // mine if held and mine else resale(book.asks, units)
    pool = market.pools[venue.id]
    if venue.kind != LP:
        return max(0, value_at_spot_down(pool, units, venue.base_is_token0) - market.due(venue.id, units))
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


def _swap(venue: Venue, market: Market, entry: bool, amount: int) -> Deal:
    """A swap, less the toll that a coin takes of the money before it buys and after it sells, rounded down.

    Of revenue shares: their wrapper is what is swapped. The money in it comes back from an entry, where it counts as
    cost until it is there, and goes in again with an exit.
    """
    hop = hop_of(venue, market.pools[venue.id], entry)
    toll = bps_down(amount, venue.toll_bps) if entry else 0
    done = quote((hop,), amount - toll)
    value, cost = value_and_loss((hop,), done, in_money=entry)
    if entry:
        lost = cost + toll + market.due(venue.id, done.amount_out)
        return Deal(entry, amount, done.amount_out, value + toll, lost, hop, amount - toll, done.amount_out)
    toll, due = bps_down(done.amount_out, venue.toll_bps), market.due(venue.id, amount)
    if due > done.amount_out:
        raise NotEnoughLiquidity(f"{venue.id} pays less than has to go in with what is sold")
    received = done.amount_out - toll - due
    return Deal(entry, amount, received, max(0, value - due), cost + toll, hop, amount, done.amount_out)


def _of_offers(venue: Venue, market: Market, entry: bool, amount: int) -> Deal:
    book = market.books[venue.id]
    done = (buy(book.asks, amount) if entry else sell(book.bids, amount)) if amount > 0 else buy((), 0)
    if not entry and done.given < amount:
        raise NotEnoughLiquidity(f"{venue.id} has bids for {done.given} of {amount}")
    if entry:
        cost = max(0, done.given - value_of_units(venue, market, done.received, held=False))
        return Deal(True, done.given, done.received, done.given, cost, None, 0, 0, done.keys, book.exact)
    value = value_of_units(venue, market, amount, held=True)
    return Deal(False, amount, done.received, value, value - done.received, None, 0, 0, done.keys, book.exact)


def _entry(venue: Venue, market: Market, pool: Pool, money: int) -> Deal:
    lower, upper = range_of(venue, market)
    done = entry(pool, lower, upper, venue.base_is_token0, money)
    value = value_of_units(venue, market, done.liquidity, held=False)
    hop = hop_of(venue, pool, True) if done.swapped else None
    # What comes back, less than a unit of liquidity is worth, counts as cost: so the check needs no second search.
    terms = lower, upper, done.swapped
    return Deal(True, money, done.liquidity, money, money - value, hop, done.swapped, done.bought, terms)


def _exit(venue: Venue, market: Market, pool: Pool, liquidity: int) -> Deal:
    position = market.positions.get(venue.id)
    if position is None or liquidity > position.liquidity:
        raise NotEnoughLiquidity(f"{venue.id} has less liquidity than {liquidity}")
    done = leaving(pool, position, venue.base_is_token0, liquidity)
    value = value_of_units(venue, market, liquidity, held=True)
    hop = hop_of(venue, done.before, False) if done.swapped else None
    return Deal(False, liquidity, done.received, value, value - done.received, hop, done.swapped, done.sold_for)
