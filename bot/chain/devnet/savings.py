"""A vault of somebody else's on the devnet, to lend to: a plain ERC-4626 that pays interest out of a fund."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bot.chain.devnet.accounts import OWNER
from bot.chain.devnet.batch import Batch, mine
from bot.chain.rpc import Rpc
from bot.core.units import Token
from bot.core.universe import Venue

_DECIMALS_ABOVE: Final = 6  # of its shares, above the money's
_PERIOD: Final = 5 * 365 * 86_400
_OTHERS: Final = 1_000_000 * 10**6  # raw dollars of other depositors
_FUND: Final = 250_000 * 10**6  # raw dollars of interest over the period: five per cent a year of what others have


async def make_savings(rpc: Rpc, venues: Sequence[Venue], money: Token) -> list[Venue]:
    """The venues, each with a vault of its own to lend to, in which others already have money. Raises ChainError."""
    if not venues:
        return []
    batch = await Batch.of(rpc, OWNER)
    made = []
    for venue in venues:
        vault = batch.create("DevSavings", (money.address, _PERIOD))
        batch.call(money.address, "mint(address,uint256)", (OWNER, _OTHERS + _FUND))
        batch.call(money.address, "approve(address,uint256)", (vault, _OTHERS + _FUND))
        batch.call(vault, "endow(uint256)", (_FUND,))
        batch.call(vault, "deposit(uint256,address)", (_OTHERS, OWNER))
        token = Token(money.chain_id, vault, venue.asset, money.decimals + _DECIMALS_ABOVE)
        made.append(replace(venue, token=token))
    await mine(rpc, batch.transactions)
    return made
