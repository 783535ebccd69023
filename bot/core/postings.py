"""Double entry: what a receipt means for the books. Postings of one receipt sum to zero per token.

Accounts: ``idle``, ``venue:<id>`` (what we own), ``market:<id>`` (who we trade with), ``income:<id>`` (what a venue
has paid without a trade), ``investors``, ``keeper``, ``anchorer`` and ``gas`` (native money, kept apart). A posting's
amount is raw units, positive = the account gains.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from bot.core.universe import Universe
from bot.errors import InvariantBroken

NATIVE = "native"
INCOME = "income:"


@dataclass(frozen=True, slots=True)
class Fill:
    """What the vault's event says one leg did: `amount` given, less what came back; `received` got; units as in Leg."""

    venue: str
    entry: bool
    amount: int
    received: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """The chain's word on one transaction. `fills` is empty when it reverted; gas was paid all the same."""

    tx_hash: str
    block: int
    block_hash: str
    time: int
    ok: bool
    fills: tuple[Fill, ...]
    gas_used: int
    gas_cost: int  # wei
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Posting:
    """One line of the books. `token` is a token address, or NATIVE."""

    account: str
    token: str
    amount: int


def postings_of(receipt: Receipt, universe: Universe) -> tuple[Posting, ...]:
    """The receipt's postings, in event order, gas last. Raises InvariantBroken if a token does not sum to zero."""
    money = universe.money.address
    lines: list[Posting] = []
    for fill in receipt.fills:
        token = universe[fill.venue].unit.address
        here, there = f"venue:{fill.venue}", f"market:{fill.venue}"
        spent, got = (fill.amount, fill.received) if fill.entry else (-fill.received, -fill.amount)
        lines += [Posting("idle", money, -spent), Posting(there, money, spent)]
        lines += [Posting(here, token, got), Posting(there, token, -got)]
    if receipt.gas_cost:
        lines += [Posting("keeper", NATIVE, -receipt.gas_cost), Posting("gas", NATIVE, receipt.gas_cost)]
    return balanced(lines)


def deposit(universe: Universe, amount: int) -> tuple[Posting, ...]:
    """Investors' money coming into the vault."""
    money = universe.money.address
    return balanced([Posting("investors", money, -amount), Posting("idle", money, amount)])


def income(universe: Universe, venue: str, amount: int) -> tuple[Posting, ...]:
    """Money that a venue paid into the vault without a trade: fees collected, revenue claimed."""
    money = universe.money.address
    return balanced([Posting(f"{INCOME}{venue}", money, -amount), Posting("idle", money, amount)])


def balanced(lines: Iterable[Posting]) -> tuple[Posting, ...]:
    """The postings as they are, once they are seen to sum to zero per token."""
    postings = tuple(lines)
    sums: dict[str, int] = defaultdict(int)
    for posting in postings:
        sums[posting.token] += posting.amount
    for token, total in sums.items():
        if total:
            raise InvariantBroken(f"postings do not balance: {token} sums to {total}")
    return postings


def trades_only(postings: Iterable[Posting]) -> tuple[Posting, ...]:
    """The postings without gas: what two rungs of the parity ladder must agree on to the unit."""
    return tuple(posting for posting in postings if posting.token != NATIVE)
