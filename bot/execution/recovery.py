"""Start-up is recovery: what was signed before is settled on chain before anything new is signed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bot.core.postings import Posting, Receipt, postings_of
from bot.core.universe import Universe
from bot.errors import ChainError
from bot.ports import Intent, Ports


class HasUniverse(Protocol):
    """What recovery needs of the settings: the tokens that receipts are about."""

    @property
    def universe(self) -> Universe: ...


@dataclass(frozen=True, slots=True)
class Recovered:
    """An intent that was open, and what became of it."""

    intent: Intent
    receipt: Receipt
    postings: tuple[Posting, ...]


async def settle_open_intents(ports: Ports, settings: HasUniverse) -> list[Recovered]:
    """Every open intent with its outcome, now in the journal, in the order in which they were signed.

    Raises ChainError at the first whose outcome stays unknown: later nonces wait for it, and nothing new may be signed.
    What was settled before it stays settled. May be repeated at any time.
    """
    settled: list[Recovered] = []
    for intent, _ in await ports.journal.open_intents():
        receipt = await ports.executor.outcome(intent)
        if receipt is None:
            raise ChainError(
                f"the outcome of {intent.tx_hash} (cycle {intent.cycle}, nonce {intent.nonce}) is still unknown: "
                "nothing new is signed until the chain decides"
            )
        postings = postings_of(receipt, settings.universe)
        await ports.journal.outcome(intent, receipt, postings)
        settled.append(Recovered(intent, receipt, postings))
    return settled
