"""Ledger against chain, to the wei, at one named block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.core.market import Market
from bot.core.postings import NATIVE
from bot.core.universe import Universe
from bot.errors import LedgerMismatch

Books = Mapping[tuple[str, str], int]  # (account, token) -> raw units

IDLE, VENUE = "idle", "venue:"


@dataclass(frozen=True, slots=True)
class ChainBalances:
    """What the chain says at one block, by (account, token) as the books name them, in raw units."""

    block: int
    block_hash: str
    balances: Books

    @classmethod
    def of(cls, market: Market, universe: Universe, wei: Mapping[str, int] | None = None) -> ChainBalances:
        """Idle money and the units of every venue, as a market was read. `wei`: of those who pay for gas, by name."""
        balances = {(IDLE, universe.money.address): market.idle}
        for venue in universe.risky:
            balances[f"{VENUE}{venue.id}", venue.unit.address] = market.units.get(venue.id, 0)
        balances |= {(name, NATIVE): amount for name, amount in (wei or {}).items()}
        return cls(market.block, market.block_hash, balances)


@dataclass(frozen=True, slots=True)
class Difference:
    """One account on which the two disagree."""

    account: str
    token: str
    ledger: int
    chain: int

    def __str__(self) -> str:
        surplus = self.chain - self.ledger
        which = "more" if surplus > 0 else "less"
        return f"{self.account} of {self.token}: ledger {self.ledger}, chain {self.chain} ({abs(surplus)} {which})"


def differences(books: Books, chain: ChainBalances) -> list[Difference]:
    """Every account that is not equal, by name; empty when the books are right.

    Compared are idle money, every venue, and gas money where the chain's side has it. Something in the books
    that the chain does not know counts as zero there. Token addresses compare without regard to case. The other
    accounts (`market:`, `investors`, `gas`) say where things went: no balance on chain stands for them.
    """
    said, found = _lowered(books), _lowered(chain.balances)
    asked = {key for key in said if key[0] == IDLE or key[0].startswith(VENUE)} | set(found)
    pairs = ((*key, said.get(key, 0), found.get(key, 0)) for key in sorted(asked))
    return [Difference(account, token, ledger, chain) for account, token, ledger, chain in pairs if ledger != chain]


def require_equal(books: Books, chain: ChainBalances) -> None:
    """Raises LedgerMismatch naming each account with both figures, and the block."""
    found = differences(books, chain)
    if found:
        shown = "; ".join(str(difference) for difference in found[:5])
        more = f"; and {len(found) - 5} more" if len(found) > 5 else ""
        raise LedgerMismatch(f"ledger and chain differ at block {chain.block} ({chain.block_hash}): {shown}{more}")


def _lowered(balances: Books) -> dict[tuple[str, str], int]:
    totals: dict[tuple[str, str], int] = {}
    for (account, token), amount in balances.items():
        key = account, token.lower()
        totals[key] = totals.get(key, 0) + amount
    return totals
