"""What kinds of venues other than a held token add to a reading, and to what their adapters are told."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

from bot.chain.calls import data_of
from bot.chain.multicall import Call, aggregate
from bot.chain.pieces import PieceReader
from bot.chain.rpc import Rpc
from bot.chain.shares import shares_book
from bot.chain.vault_state import need
from bot.core.amm.range_position import RangePosition
from bot.core.market import Market
from bot.core.offers import Book
from bot.core.plan import Leg
from bot.core.universe import ERC4626, LP, NFT, REVENUE, Universe, Venue

_RANGE: Final = (("lower()", ("int24",)), ("upper()", ("int24",)), ("owed()", ("uint256", "uint256")))


class KindReader:
    """Positions of liquidity, standing offers, and what wrapped shares have earned, at a block."""

    def __init__(self, rpc: Rpc, universe: Universe) -> None:
        self._rpc, self._universe = rpc, universe
        self._pieces = {
            venue.id: PieceReader(rpc, venue, universe.money.address) for venue in universe.risky if venue.kind == NFT
        }

    async def complete(self, market: Market) -> Market:
        """The market with what these kinds add to it. Raises ChainError."""
        offered = [venue for venue in self._universe.risky if venue.kind in (ERC4626, NFT)]
        books = await asyncio.gather(*(self._book(venue, market) for venue in offered))
        return replace(
            market,
            positions=await self._positions(market),
            dues=await self._dues(market.block),
            books={venue.id: book for venue, book in zip(offered, books, strict=True)},
        )

    def told(self, venue: Venue, leg: Leg) -> bytes:
        """What the venue's adapter is told about the leg besides its amount. Raises ChainError for an offer gone."""
        pieces = self._pieces.get(venue.id)
        return pieces.told(leg.terms, leg.entry) if pieces is not None else data_of(venue, leg)

    async def _book(self, venue: Venue, market: Market) -> Book:
        pieces = self._pieces.get(venue.id)
        if pieces is not None:
            return await pieces.book(market.block, market.time)
        return await shares_book(self._rpc, venue, self._universe.money.decimals, market.block)

    async def _positions(self, market: Market) -> dict[str, RangePosition]:
        held = [venue for venue in self._universe.risky if venue.kind == LP and market.units.get(venue.id)]
        calls = [Call(venue.adapter, signature, (), returns) for venue in held for signature, returns in _RANGE]
        answers = await aggregate(self._rpc, calls, hex(market.block)) if calls else []
        found = {}
        for place, venue in enumerate(held):
            asked = answers[3 * place : 3 * place + 3]
            (lower,), (upper,), owed = (need(answer, f"{venue.id}'s adapter") for answer in asked)
            found[venue.id] = RangePosition(lower, upper, market.units[venue.id], (owed[0], owed[1]))
        return found

    async def _dues(self, block: int) -> dict[str, int]:
        shared = [venue for venue in self._universe.risky if venue.kind == REVENUE]
        calls = [Call(venue.token.address, "fullX128()") for venue in shared]
        answers = await aggregate(self._rpc, calls, hex(block)) if calls else []
        return {
            venue.id: need(answer, f"{venue.id}'s wrapper")[0] for venue, answer in zip(shared, answers, strict=True)
        }
