"""A pool's whole history from a node, as a log file: in ranges that the node bears, and resumable.

Every range that arrived is a part file beside the log; a second run continues with the blocks that no part covers, and
joins the parts when all of them are there. Only blocks that are deep enough are asked for, so that no reorganisation
changes what was written.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from eth_utils.address import is_address
from rich.console import Console

from bot.chain.block_times import block_of, times_of
from bot.chain.pool_events import TOPICS, decode_log, read_facts
from bot.chain.rpc import MethodMissingError, Rpc, quantity
from bot.core.amm.events import Kind, PoolEvent, PoolFacts
from bot.errors import ChainError, ConfigError, RpcDown
from bot.pool_log import PoolLog, joined, pool_log_of, read_pool_log, save_pool_log

DEVNET_CHAIN: Final = 31_337
CONFIRMATIONS: Final = 64  # blocks below the head of a live chain that count as final
FIRST_WIDTH: Final = 2_000  # blocks of the first range
_WIDEST: Final = 1 << 20
_FEW, _MANY = 2_000, 8_000  # logs of one answer: below it ranges grow, above it they shrink
_LOG_TIMEOUT: Final = 30.0  # seconds for one range
_SAY_EVERY: Final = 2.0  # seconds between two lines about how far it is
_PAUSES: Final = (1.0, 2.0, 4.0, 8.0, 16.0)  # seconds to wait when the node says that we ask too often
_TOO_OFTEN = re.compile(r"HTTP status 429|rate.?limit|too many requests|exceeded.*(per second|capacity)", re.IGNORECASE)
_PART = re.compile(r"(\d+)-(\d+)\.parquet")

Tell = Callable[[str], None]


def fetch_and_report(
    pool: str,
    url: str,
    out: Path,
    from_block: int | None,
    to_block: int | None,
    confirmations: int | None,
    as_json: bool,
    console: Console,
) -> None:
    """Fetches a pool's log into `out` and says what it holds; prints lines, or one JSON document."""

    def tell(line: str) -> None:
        if not as_json:
            console.print(line, highlight=False, soft_wrap=True, markup=False)

    log = asyncio.run(_connected(pool, url, out, from_block, to_block, confirmations, tell))
    facts, counts = log.facts, counts_of(log)
    if as_json:
        document = {
            "chain_id": facts.chain_id,
            "pool": facts.pool,
            "tokens": [facts.token0.symbol, facts.token1.symbol],
            "fee_pips": facts.fee_pips,
            "tick_spacing": facts.tick_spacing,
            "first_block": log.first_block,
            "last_block": log.last_block,
            "events": len(log),
            "counts": counts,
            "file": str(out),
            "next": f"patron lp replay {out}",
        }
        console.file.write(json.dumps(document, indent=2) + "\n")
        return
    tell(f"{facts.token0.symbol}/{facts.token1.symbol}, fee {facts.fee_pips} pips, pool {facts.pool}")
    tell(f"blocks {log.first_block} to {log.last_block}: {len(log):,} events")
    tell("  " + ", ".join(f"{count:,} {name}" for name, count in counts.items()))
    tell(f"wrote {out}")
    tell(f"try next: patron lp replay {out}")


def counts_of(log: PoolLog) -> dict[str, int]:
    """How many events of each kind there are, kinds that are missing left out."""
    found = ((kind.label, int((log.kind == kind).sum())) for kind in Kind)
    return {label: count for label, count in found if count}


async def fetch_pool_log(
    rpc: Rpc,
    pool: str,
    out: Path,
    from_block: int | None = None,
    to_block: int | None = None,
    confirmations: int | None = None,
    tell: Tell = lambda line: None,
) -> PoolLog:
    """The log of `pool` over the blocks asked for, also written to `out`; an older log there is continued.

    from_block: the block of the pool's creation by default; to_block: the newest that is `confirmations` deep (64 on a
    live chain, 0 on a devnet). Raises ChainError for the node and for what is no pool, DataError for a file in the way
    that is of another pool, and for events that make no history, such as a first block after the pool's Initialize.
    """
    if not is_address(pool):
        raise ConfigError(f"not the address of a pool: {pool[:80]!r}")
    head = quantity(await rpc.request("eth_blockNumber", []))
    depth = confirmations if confirmations is not None else 0 if rpc.chain_id == DEVNET_CHAIN else CONFIRMATIONS
    deepest = head - depth
    last = deepest if to_block is None else to_block
    if last > deepest:
        raise ChainError(f"block {last} is not {depth} blocks deep yet: the node is at {head}")
    facts = await read_facts(rpc, pool, hex(last))
    parts = Parts(out, facts)
    first = from_block
    if first is None:
        first = parts.older.first_block if parts.older is not None else await creation_block(rpc, pool, last)
    if first > last:
        raise ConfigError(f"nothing to fetch: the first block {first} is after the last one, {last}")
    ranges, said = _Ranges(rpc, facts.pool), time.monotonic()
    for start, stop in parts.gaps(first, last):
        at = start
        while at <= stop:  # bounded: each turn moves on, or halves a width that ends at one block
            events, end = await ranges.next(at, stop)
            parts.add(pool_log_of(facts, events, at, end, whole=False, name=f"blocks {at} to {end}"))
            if time.monotonic() - said > _SAY_EVERY:
                said = time.monotonic()
                tell(f"at block {end} of {last}")
            at = end + 1
    return parts.join()


async def creation_block(rpc: Rpc, pool: str, last: int) -> int:
    """The first block at which `pool` has code, by bisection; 0 when the node does not keep so old a state."""
    low, high = 0, last
    while low < high:
        middle = (low + high) // 2
        try:
            code = await rpc.request("eth_getCode", [pool, hex(middle)])
        except RpcDown:
            raise
        except ChainError:
            return 0
        low, high = (low, middle) if len(code) > 2 else (middle + 1, high)
    return low


class Parts:
    """Files of the ranges that arrived, in a folder beside the log, named by their blocks."""

    def __init__(self, out: Path, facts: PoolFacts) -> None:
        """Raises DataError when the folder or the log itself is of another pool, or damaged."""
        self._out, self._facts = out, facts
        self._folder = out.with_name(out.name + ".parts")
        self.older = read_pool_log(out, facts.pool) if out.exists() else None

    def gaps(self, first: int, last: int) -> list[tuple[int, int]]:
        """Ranges of blocks that no file covers, so that everything from the first block to the last one is covered.

        Blocks between what is asked for and what is there already count too: a log has no holes.
        """
        covered = self._covered()
        found, at = [], min([first, *(start for start, _ in covered)])
        for start, stop in [*covered, (last + 1, last)]:
            if start > at:
                found.append((at, start - 1))
            at = max(at, stop + 1)
        return found

    def add(self, part: PoolLog) -> None:
        """Keeps one more range."""
        self._folder.mkdir(parents=True, exist_ok=True)
        save_pool_log(self._folder / f"{part.first_block}-{part.last_block}.parquet", part)

    def join(self) -> PoolLog:
        """The whole log, written to its place; the parts are gone then. Raises DataError."""
        logs = [read_pool_log(path, self._facts.pool, whole=False) for _, _, path in self._files()]
        if self.older is not None:
            logs.append(self.older)
        logs.sort(key=lambda log: log.first_block)
        whole = joined(logs, self._out)
        save_pool_log(self._out, whole)
        shutil.rmtree(self._folder, ignore_errors=True)
        return whole

    def _covered(self) -> list[tuple[int, int]]:
        older = [(self.older.first_block, self.older.last_block)] if self.older is not None else []
        return sorted([*older, *((start, stop) for start, stop, _ in self._files())])

    def _files(self) -> list[tuple[int, int, Path]]:
        found = []
        for path in self._folder.glob("*.parquet") if self._folder.is_dir() else ():
            named = _PART.fullmatch(path.name)
            if named:
                found.append((int(named[1]), int(named[2]), path))
        return sorted(found)


class _Ranges:
    """Asks for one range after the other, as wide as the node bears."""

    def __init__(self, rpc: Rpc, pool: str) -> None:
        self._rpc, self._pool = rpc, pool
        self._width = FIRST_WIDTH
        self._calm = 0  # answers to wait for before a range may grow again after a refusal

    async def next(self, start: int, stop: int) -> tuple[list[PoolEvent], int]:
        """(events of the blocks start..end, end), in order. Raises ChainError when a single block is too much."""
        while True:  # bounded: the width halves with each refusal
            end = min(start + self._width - 1, stop)
            try:
                logs = await self._logs(start, end)
                break
            except (RpcDown, MethodMissingError):
                raise
            except ChainError:
                if end == start:
                    raise
                self._width, self._calm = (end - start + 1) // 2, 8
        outside = [block for block in map(block_of, logs) if not start <= block <= end]
        if outside:
            raise ChainError(f"{self._rpc.host}: block {outside[0]} was not asked for, only {start} to {end}")
        times = await times_of(self._rpc, logs)
        events = [decode_log(log, self._pool, times[block_of(log)]) for log in logs]
        events.sort(key=lambda event: (event.block, event.log_index))
        self._adapt(len(logs))
        return events, end

    def _adapt(self, logs: int) -> None:
        if logs > _MANY:
            self._width = max(1, self._width // 2)
        elif self._calm:
            self._calm -= 1
        elif logs < _FEW:
            self._width = min(_WIDEST, self._width * 2)

    async def _logs(self, start: int, end: int) -> list[dict[str, Any]]:
        where = {"address": self._pool, "topics": [list(TOPICS)], "fromBlock": hex(start), "toBlock": hex(end)}
        for pause in (*_PAUSES, None):
            try:
                logs = await self._rpc.request("eth_getLogs", [where], _LOG_TIMEOUT)
            except ChainError as error:
                if pause is None or not _TOO_OFTEN.search(str(error)):
                    raise
                await asyncio.sleep(pause)
                continue
            if not isinstance(logs, list) or not all(isinstance(log, dict) for log in logs):
                raise ChainError(f"{self._rpc.host} answered eth_getLogs with something that is no list of logs")
            return logs
        raise AssertionError("unreachable: the last turn returns or raises")


async def _connected(
    pool: str,
    url: str,
    out: Path,
    from_block: int | None,
    to_block: int | None,
    confirmations: int | None,
    tell: Tell,
) -> PoolLog:
    async with await Rpc.connect(url) as rpc:
        return await fetch_pool_log(rpc, pool, out, from_block, to_block, confirmations, tell)
