"""What moves the vault's money without us, from its own events: deposits, withdrawals, income, exits by others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from eth_abi.abi import decode
from eth_utils.crypto import keccak

from bot.chain.rpc import Rpc, quantity
from bot.core.postings import Posting, balanced, income
from bot.core.universe import Universe
from bot.errors import ChainError

# Event -> names of the words of its data. What is indexed is in the topics.
_EVENTS: Final = {
    "Deposit(address,address,uint256,uint256)": ("assets", "shares"),
    "Withdraw(address,address,address,uint256,uint256)": ("assets", "shares"),
    "Settled(uint256,uint256,uint256)": ("shares", "assets"),
    "Absorbed(uint256)": ("assets",),
    "Collected(address,uint256)": ("assets",),
    "Unwound(address,address,uint256,uint256)": ("units", "assets"),
}
_BY_TOPIC: Final = {"0x" + keccak(text=event).hex(): event for event in _EVENTS}

Book = Callable[[str, int, Sequence[Posting]], Awaitable[None]]


class Flows:
    """Books each event of the vault once. `since`: the block at which the books were opened."""

    def __init__(self, rpc: Rpc, universe: Universe, vault: str, since: int, book: Book) -> None:
        """`book`: posts what no intent of ours caused, once per reference, as `SqliteJournal.post` does."""
        self._rpc, self._universe, self._vault, self._book = rpc, universe, vault, book
        self._followed = since

    async def follow(self, block: int) -> None:
        """Books what happened up to `block`, from where it was last called to. Raises ChainError."""
        if block <= self._followed:
            return
        where = {"address": self._vault, "topics": [list(_BY_TOPIC)]}
        where |= {"fromBlock": hex(self._followed + 1), "toBlock": hex(block)}
        for log in await self._rpc.request("eth_getLogs", [where]):
            lines = postings_of_log(log, self._universe)
            if any(line.amount for line in lines):
                reference = f"{log['transactionHash']}:{quantity(log['logIndex'])}"
                await self._book(reference, 0, lines)
        self._followed = block


def postings_of_log(log: Mapping[str, Any], universe: Universe) -> tuple[Posting, ...]:
    """What one such event (JSON-RPC form) means for the books.

    Raises ChainError for an event about an adapter that is not in the universe.
    """
    event = _BY_TOPIC[log["topics"][0]].partition("(")[0]
    names = _EVENTS[_BY_TOPIC[log["topics"][0]]]
    words = dict(zip(names, decode(("uint256",) * len(names), bytes.fromhex(log["data"][2:])), strict=True))
    assets, money = words["assets"], universe.money.address
    if event == "Collected":
        return income(universe, _venue(log, universe), assets)
    if event == "Unwound":
        venue = universe[_venue(log, universe)]
        here, there, units = f"venue:{venue.id}", f"market:{venue.id}", words["units"]
        lines = [Posting("idle", money, assets), Posting(there, money, -assets)]
        return balanced([*lines, Posting(here, venue.unit.address, -units), Posting(there, venue.unit.address, units)])
    if event in ("Withdraw", "Settled"):
        assets = -assets
    other = "gifts" if event == "Absorbed" else "investors"
    return balanced([Posting(other, money, -assets), Posting("idle", money, assets)])


def _venue(log: Mapping[str, Any], universe: Universe) -> str:
    adapter = "0x" + log["topics"][1][-40:]
    found = [venue.id for venue in universe.risky if venue.adapter.lower() == adapter.lower()]
    if not found:
        raise ChainError(f"the vault dealt with {adapter}, which is no venue of ours")
    return found[0]
