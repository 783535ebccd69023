"""Decisions anchored before capital moves, by a key of their own.

Order: what the decision was made from, the decision in the clear and the signed anchor on disk, then out; the vault's
blocks are waited for after that. A stop at any place loses nothing: a root without a deployment permits nothing but
what expires, and what an anchor cost is booked from the chain's receipt at the next chance.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from bot.chain.commitment import Decision
from bot.core.panel import Floats, Panel
from bot.core.plan import Plan
from bot.core.postings import NATIVE, Posting, Receipt, balanced
from bot.core.score import Scores
from bot.core.strict_json import parsed
from bot.errors import ChainError, SendError, StorageError
from bot.execution.sender import Sender
from bot.ports import Commitment, Committer, Intent
from bot.whole_file import sync_folder, write_whole

FOLDER: Final = "decisions"
NEWEST: Final = "anchor.json"  # the newest anchor as it was signed; decisions are beside it, by their roots
BASIS: Final = "basis"  # folder within: pieces and recipes that decisions were made from, by their digests
ANCHORER: Final = "anchorer"

SLOWEST_BLOCK: Final = 24  # seconds that are allowed for each block that has to be waited for

# The last: when it expires, unix seconds. With the decision comes what it was made from, by digest.
Decide = Callable[[Plan, Panel, Scores, Floats, int], tuple[Decision, Mapping[str, bytes]]]
Book = Callable[[str, int, Sequence[Posting]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Anchorage:
    """What the chain asks of an anchor: how it is called, how many blocks old it must be, and how to wait for a block.

    `reach` returns when a block of that number or a later one is the newest.
    """

    calldata: Callable[[Decision], bytes]
    blocks: Callable[[], Awaitable[int]]
    reach: Callable[[int], Awaitable[None]]


class Anchoring(Committer):
    """`bot.ports.Committer` on a chain. One instance per key, under the data directory's lock."""

    def __init__(self, sender: Sender, decide: Decide, chain: Anchorage, run_dir: Path, book: Book) -> None:
        """`book`: posts what no decision to trade caused, once per reference, as `SqliteJournal.post` does."""
        self._sender, self._decide, self._chain, self._book = sender, decide, chain, book
        self._folder = run_dir / FOLDER
        self._open = _read(self._folder / NEWEST)

    async def commit(self, plan: Plan, cycle: int, panel: Panel, scores: Scores, target: Floats) -> Commitment:
        """The plan's decision, anchored and old enough for a call in the next block. Raises ChainError, StorageError.

        An anchor whose end is not known stays open: it is settled before the next one is signed.
        """
        if open_still := await self.settle():
            raise ChainError(f"an earlier anchor is not settled: {open_still}")
        blocks = await self._chain.blocks()
        decision, made_from = self._decide(plan, panel, scores, target, plan.deadline + blocks * SLOWEST_BLOCK)
        data = self._chain.calldata(decision)
        intent = await self._sender.sign_call(decision.root.hex(), data, plan.chain_id, cycle, plan.time)
        self._keep(decision, made_from, intent)
        receipt = await self._sender.send(intent)
        if receipt is None:
            raise ChainError(f"no receipt for the anchor {intent.tx_hash}")
        await self._close(intent, receipt)
        if not receipt.ok:
            raise ChainError(f"the anchor {intent.tx_hash} failed: {receipt.reason or 'reverted'}")
        # The call comes a block later, but nodes estimate its gas as if it were in the newest one.
        await self._chain.reach(receipt.block + blocks)
        return decision.commitment(receipt)

    async def settle(self) -> str:
        """Books what the newest anchor cost, if that is open. Why it still is afterwards, "" if it is not."""
        if self._open is None:
            return ""
        try:
            receipt = await self._sender.outcome(self._open)
        except SendError as error:
            return str(error)
        if receipt is None:
            return f"no receipt for the anchor {self._open.tx_hash}"
        await self._close(self._open, receipt)
        return ""

    async def _close(self, intent: Intent, receipt: Receipt) -> None:
        if receipt.gas_cost:
            await self._book(f"anchor {intent.tx_hash}", intent.cycle, paid(receipt.gas_cost))
        self._open = None

    def _keep(self, decision: Decision, made_from: Mapping[str, bytes], intent: Intent) -> None:
        """All on disk when this returns, whole: what is pointed to before what points to it, and the anchor last.

        A root that nobody can open proves nothing, and neither does a decision that nobody can make again.
        """
        basis = self._folder / BASIS
        basis.mkdir(parents=True, exist_ok=True)
        fresh = {name: content for name, content in made_from.items() if not (basis / name).exists()}
        for name, content in fresh.items():
            write_whole(basis / name, content)
        if fresh:
            _sync(basis)
        _write(self._folder / f"{intent.id}.json", decision.document())
        _write(self._folder / NEWEST, {**asdict(intent), "raw": intent.raw.hex()})
        self._open = intent


def paid(wei: int) -> tuple[Posting, ...]:
    """Gas of an anchor, out of the anchorer's own account."""
    return balanced([Posting(ANCHORER, NATIVE, -wei), Posting("gas", NATIVE, wei)])


def _write(path: Path, document: dict[str, Any]) -> None:
    write_whole(path, json.dumps(document, indent=1, allow_nan=False) + "\n")
    _sync(path.parent)


def _sync(folder: Path) -> None:
    try:
        sync_folder(folder)
    except OSError as error:
        raise StorageError(f"{folder}: cannot be written: {error.strerror}") from None


def _read(path: Path) -> Intent | None:
    """The newest anchor of an earlier start, None without one. Raises StorageError for a file that was altered."""
    try:
        document = parsed(path.read_bytes())
        return Intent(**{**document, "raw": bytes.fromhex(document["raw"])})
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise StorageError(f"{path}: not the anchor that was written there") from None
