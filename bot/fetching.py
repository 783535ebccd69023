"""Sources into a store, as `patron data fetch` does it: each source on its own, so that none loses the others.

What a source said is in the store before it counts as known, and a portion is kept even if a later one fails.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from bot.core.observation import RefusedRow
from bot.errors import ChainError, SecretError, SourceError
from bot.signals.sources.answers import Answers
from bot.signals.sources.fetch import fetched
from bot.signals.sources.known import Known
from bot.signals.sources.settings import KINDS, Configured, load_sources
from bot.signals.sources.source import Portion, Source
from bot.signals.sources.transport import Hosts, Transport
from bot.signals.store.signal_store import Appended, SignalStore

ON_CHAIN: Final = {"onchain": "bot.chain.log_source:OnChain"}
"""Kinds that need a node: they live with what speaks to nodes."""
_OWN: Final = "fetch"  # folder within the store of what is remembered between two fetches
_BATCH: Final = 20_000  # rows of one append, about: each append is a segment of the store
_AFTER_FAILURE: Final = 600  # seconds until a source that failed is tried again, if that is sooner than its own pace
_JITTER: Final = 0.1  # of a pause, so that sources do not come to ask together
_FAILURES: Final = (SourceError, ChainError, SecretError)  # of one source: the others go on


@dataclass(frozen=True, slots=True)
class Round:
    """What one fetch of a source came to. `due`: unix second of the next one; `refused`: an example."""

    name: str
    kept: Appended
    due: int
    problem: str = ""
    refused: RefusedRow | None = None

    def line(self) -> str:
        """As it is told."""
        known = f"{self.kept.duplicates:,} known already"
        counts = f"{self.kept.kept:,} kept, {known}, {self.kept.revised:,} revised, {self.kept.refused:,} refused"
        due = datetime.fromtimestamp(self.due, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        lines = [f"{self.name}: {counts}; next due {due}"]
        if self.refused is not None:
            row = self.refused
            at = " ".join(part for part in (row.field, row.asset and f"of {row.asset}") if part)
            lines.append(f"  refused, for example: {at}: {row.reason}")
        if self.problem:
            lines.append(f"  failed: {self.problem}")
        return "\n".join(lines)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        counts = {name: getattr(self.kept, name) for name in ("kept", "duplicates", "revised", "refused")}
        return {"source": self.name, **counts, "next_due": self.due, "failed": self.problem or None}


async def fetch_into(
    sources_file: Path,
    store: Path,
    only: Sequence[str] = (),
    *,
    once: bool = True,
    as_json: bool = False,
    console: Console | None = None,
    stop: asyncio.Event | None = None,
    clock: Callable[[], float] = time.time,
) -> int:
    """Fetches every source of the file (or those named in `only`) into the store, and tells a line of each.

    Exit code: 0, or 1 where a source failed, which is named. Without `once`, each is fetched again at its own pace
    (`every`, with jitter) until `stop` is set; the code is then of each one's last round. JSON is a line a round.
    Raises ConfigError for the file, DataError or StorageError for the store.
    """
    configured = load_sources(sources_file, {**KINDS, **ON_CHAIN}, only)
    shown, ended = console or Console(), stop or asyncio.Event()
    fetching = _Fetching(SignalStore.open(store, create=True), store / _OWN, clock)
    last: dict[str, Round] = {}

    async def rounds(each: Configured) -> None:
        while not ended.is_set():
            found = await fetching.round(each)
            last[each.name] = found
            told = json.dumps(found.document()) if as_json else found.line()
            shown.file.write(told + "\n")
            shown.file.flush()
            if once:
                return
            await _until(ended, found.due - clock())

    tasks = [asyncio.create_task(rounds(each)) for each in configured]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return 1 if any(found.problem for found in last.values()) else 0


@dataclass
class _Tally:
    """What was kept of a round so far, and what is not in the store yet."""

    appended: Appended = field(default_factory=Appended)
    portions: list[Portion] = field(default_factory=list)
    rows: int = 0
    refused: RefusedRow | None = None


class _Fetching:
    """What all sources share: the store, the hosts' pace and health, and what is known from before."""

    def __init__(self, store: SignalStore, folder: Path, clock: Callable[[], float]) -> None:
        folder.mkdir(exist_ok=True)
        self._store, self._clock = store, clock
        self._answers = Answers(folder / "answers")
        self._known = Known(folder / "known.json")
        self._hosts = Hosts()

    async def round(self, each: Configured) -> Round:
        """One fetch of a source; what fails of it is told. Raises StorageError, DataError, LockHeld."""
        tally, problem = _Tally(), ""
        try:
            async with aclosing(self._portions(each)) as portions:
                async for portion in portions:
                    self._take(each.name, tally, portion)
        except _FAILURES as error:
            problem = str(error)
        self._keep(each.name, tally)
        every = min(each.options.every, _AFTER_FAILURE) if problem else each.options.every
        pause = every * random.uniform(1.0 - _JITTER, 1.0 + _JITTER)
        return Round(each.name, tally.appended, int(self._clock() + pause), problem, tally.refused)

    async def _portions(self, each: Configured) -> AsyncGenerator[Portion, None]:
        now, known = int(self._clock()), self._known.of(each.name)
        since = each.options.since(now)
        async with Transport(each.options.terms(), self._hosts, self._answers, now=self._clock) as transport:
            if isinstance(each.source, Source):
                found = fetched(each.source, transport.get, since, now, known, each.options.pages)
            else:
                found = each.source.read(transport.get, since, now, known)
            async with aclosing(found) as portions:
                async for portion in portions:
                    yield portion

    def _take(self, name: str, tally: _Tally, portion: Portion) -> None:
        parsed = portion.parsed
        tally.portions.append(portion)
        tally.rows += len(parsed.observations) + len(parsed.bars) + len(parsed.refused)
        tally.refused = tally.refused or next(iter(parsed.refused), None)
        if tally.rows >= _BATCH:
            self._keep(name, tally)

    def _keep(self, name: str, tally: _Tally) -> None:
        """Into the store first; then it is known."""
        if tally.rows:
            kept = self._store.append(
                [row for portion in tally.portions for row in portion.parsed.observations],
                [bar for portion in tally.portions for bar in portion.parsed.bars],
                [row for portion in tally.portions for row in portion.parsed.refused],
                received_at=int(self._clock()),
            )
            tally.appended = _sum(tally.appended, kept)
        untils: dict[str, int] = {}
        for portion in tally.portions:
            if portion.thread and portion.until:
                untils[portion.thread] = max(portion.until, untils.get(portion.thread, 0))
        self._known.add(name, untils)
        tally.portions, tally.rows = [], 0


def _sum(first: Appended, second: Appended) -> Appended:
    return replace(
        first,
        kept=first.kept + second.kept,
        duplicates=first.duplicates + second.duplicates,
        revised=first.revised + second.revised,
        refused=first.refused + second.refused,
    )


async def _until(stop: asyncio.Event, seconds: float) -> None:
    """Waits so long, or until `stop` is set."""
    try:
        await asyncio.wait_for(stop.wait(), max(0.0, seconds))
    except TimeoutError:
        return
