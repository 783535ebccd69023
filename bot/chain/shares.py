"""A vault of somebody else's (ERC-4626) as offers: its shares for money and back, at the price of the pinned block."""

from __future__ import annotations

from typing import Final

from bot.chain.multicall import Call, aggregate
from bot.chain.rpc import Rpc
from bot.core.offers import Book, Offer
from bot.core.universe import Venue
from bot.errors import ChainError

_ROUND: Final = 10**6  # whole money at which the price is asked: large, so that rounding does not tell


async def shares_book(rpc: Rpc, venue: Venue, money_decimals: int, block: int) -> Book:
    """One divisible offer on each side, as large as the vault takes and gives now. Raises ChainError.

    The price is the vault's own word for a round sum. Another sum may be paid a unit more or less, which is why the
    book is not exact.
    """
    vault, adapter, at = venue.token.address, venue.adapter, hex(block)
    sums = Call(adapter, "value()"), Call(adapter, "position()")
    bounds = Call(vault, "maxDeposit(address)", (adapter,)), Call(vault, "maxRedeem(address)", (adapter,))
    probe = _ROUND * 10**money_decimals
    answers = await aggregate(rpc, [*sums, *bounds, Call(vault, "previewDeposit(uint256)", (probe,))], at)
    if answers[1] is None:
        raise ChainError(f"{venue.id}'s adapter does not answer: wrong address or wrong chain")
    value, held, most_in, most_out, units = (0 if answer is None else answer[0] for answer in answers)
    if answers[0] is None:  # the vault moves nothing of a venue that cannot tell its value
        return Book((), (), exact=False)
    leaving = min(held, most_out)
    again, proceeds = await aggregate(
        rpc, [Call(vault, "previewRedeem(uint256)", (shares,)) for shares in (units, leaving)], at
    )
    asks = []
    if units * most_in >= probe and again is not None:
        asks.append(Offer(units * most_in // probe, most_in, divisible=True, resale=again[0] * most_in // probe))
    bids = [Offer(leaving, proceeds[0], divisible=True)] if leaving and proceeds is not None else []
    return Book(tuple(asks), tuple(bids), value, exact=False)
