"""What the cycle asks of the outside. Each port is small enough that a fake of it fits on a screen.

Every await at a port has a timeout inside its implementation. Units as in `bot.core`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.core.market import Market
from bot.core.panel import Floats, Panel
from bot.core.plan import Plan
from bot.core.postings import Posting, Receipt
from bot.core.report import CycleReport
from bot.core.score import Scores


@dataclass(frozen=True, slots=True)
class Preview:
    """What a node says the plan would do in the next block. `received` per leg, in the leg's own units."""

    ok: bool
    received: tuple[int, ...]
    gas: int
    engine: str  # "eth_simulateV1" | "pyrevm" | "arithmetic"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to enter one venue once, under an anchored root. `record`: keccak of the forecast that it rests on."""

    max_assets: int
    expiry: int  # last unix second at which it may be used
    record: bytes
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Commitment:
    """A decision that was anchored before capital moves. `permits`: by venue id, one for each entry."""

    root: bytes
    block: int  # in which it was anchored
    permits: Mapping[str, Permit]
    gas_used: int = 0
    gas_cost: int = 0  # wei, of the anchorer's own account


@dataclass(frozen=True, slots=True)
class Intent:
    """A signed decision, ready to send. It is on disk before its bytes leave the process.

    `raw` is what is sent and, after a crash, sent again unchanged; `tx_hash` is computed here, never taken from a node.
    """

    id: str  # the plan's, or of an anchor its root
    cycle: int
    chain_id: int
    sender: str
    nonce: int  # the sender's account nonce
    tx_hash: str
    raw: bytes
    created_at: int


class Clock(Protocol):
    def now(self) -> int:
        """Unix seconds. Nobody else reads a clock."""
        ...


class SignalFeed(Protocol):
    async def panel(self, at: int) -> Panel:
        """Everything published by `at`."""
        ...


class Scorer(Protocol):
    async def score(self, panel: Panel) -> Scores:
        """Scores of the panel's last row, shape (1, N)."""
        ...


class MarketReader(Protocol):
    async def market(self) -> Market:
        """Pools and holdings, all read at one pinned block. Raises ChainError."""
        ...


class Committer(Protocol):
    async def commit(self, plan: Plan, cycle: int, panel: Panel, scores: Scores, target: Floats) -> Commitment | None:
        """The plan's entries and every forecast behind them, anchored for so long that the vault takes it.

        None where nothing asks for it: on paper. Raises ChainError when it could not be anchored: nothing may be
        entered then, and nothing is lost.
        """
        ...


class Previewer(Protocol):
    async def preview(self, plan: Plan, market: Market, commitment: Commitment | None = None) -> Preview:
        """What the plan would do right after the market's block."""
        ...


class Executor(Protocol):
    async def sign(self, plan: Plan, cycle: int, now: int, commitment: Commitment | None = None) -> Intent:
        """The plan as signed bytes. Nothing is sent."""
        ...

    async def send(self, intent: Intent) -> Receipt | None:
        """Sends the bytes and waits for the receipt. None = unknown: it may still land, and only the chain decides."""
        ...

    async def outcome(self, intent: Intent) -> Receipt | None:
        """What became of an intent sent earlier, by its hash; sends the same bytes again if the chain has no trace."""
        ...


class Journal(Protocol):
    """The books. Each call is durable when it returns."""

    async def intent(self, intent: Intent, plan: Plan) -> None: ...

    async def outcome(self, intent: Intent, receipt: Receipt, postings: Sequence[Posting]) -> None: ...

    async def open_intents(self) -> list[tuple[Intent, Plan]]:
        """Intents without an outcome, oldest first."""
        ...

    async def report(self, report: CycleReport) -> None: ...

    async def high_water_mark(self, since: int) -> int:
        """Highest net asset value reported at or after `since`, 0 if none."""
        ...

    async def balances(self) -> dict[tuple[str, str], int]:
        """Sum of postings by (account, token)."""
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything a cycle touches."""

    clock: Clock
    feed: SignalFeed
    scorer: Scorer
    reader: MarketReader
    committer: Committer
    previewer: Previewer
    executor: Executor
    journal: Journal
