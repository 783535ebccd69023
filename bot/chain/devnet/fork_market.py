"""The devnet as the cycle sees it."""

from __future__ import annotations

from collections.abc import Sequence

from bot.chain.devnet.devnet import Devnet
from bot.chain.reader import ChainReader
from bot.core.market import Market
from bot.core.mirror import MirrorStep
from bot.core.postings import NATIVE, Posting, balanced


class ForkMarket:
    """A reader, a clock that is the chain's, and a market that can be stepped."""

    def __init__(self, chain: Devnet, reader: ChainReader, now: int) -> None:
        self._chain, self._reader, self._now = chain, reader, now

    def now(self) -> int:
        """Time of the newest block that was seen, unix seconds."""
        return self._now

    async def market(self) -> Market:
        """Everything at one pinned block."""
        seen = await self._reader.market()
        self._now = max(self._now, seen.time)
        return seen

    async def step(self, at: int, steps: Sequence[MirrorStep]) -> None:
        """All pools moved in one block at unix second `at`; an empty block when no pool has a price there."""
        if not steps:
            return await self.advance(at)
        await self._chain.step(at, steps)
        self._now = max(self._now, at)

    async def settle(self) -> None:
        """The TWAP window filled with the present price."""
        await self._chain.settle()
        self._now = await self._chain.now()

    async def advance(self, at: int) -> None:
        """An empty block at unix second `at`, or a second after the newest one if that is later."""
        await self._chain.settle(max(1, at - await self._chain.now()))
        self._now = await self._chain.now()

    async def gas_openings(self) -> dict[str, tuple[Posting, ...]]:
        """By payer: its gas money as it stood at the block at which everything was in place, as an opening entry."""
        found = await self._reader.balances(self._chain.description.block)
        return {
            payer: balanced([Posting("gas", NATIVE, -held), Posting(payer, NATIVE, held)])
            for (payer, token), held in found.items()
            if token == NATIVE
        }
