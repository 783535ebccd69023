"""When blocks were, and which block was first at a time: from what the node tells with its logs, or from headers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from bot.chain.rpc import Rpc, quantity
from bot.errors import ChainError

_AT_ONCE: Final = 16  # headers asked for at the same time


def block_of(log: Mapping[str, Any]) -> int:
    """Raises ChainError for a log without a block."""
    return quantity(log.get("blockNumber"))


async def times_of(rpc: Rpc, logs: Sequence[Mapping[str, Any]]) -> dict[int, int]:
    """Unix seconds by block: from the logs where the node says it with them, else from the headers."""
    blocks = set(map(block_of, logs))
    told: dict[int, set[int]] = {block: set() for block in blocks}
    for log in logs:
        stamp = log.get("blockTimestamp")
        told[block_of(log)].add(quantity(stamp) if stamp is not None else -1)
    sure = {block: next(iter(stamps)) for block, stamps in told.items() if len(stamps) == 1 and min(stamps) > 0}
    return sure | await _headers(rpc, blocks - sure.keys())


async def time_of(rpc: Rpc, block: int) -> int:
    """Unix second of a block. Raises ChainError."""
    header = await rpc.request("eth_getBlockByNumber", [hex(block), False])
    if not isinstance(header, dict):
        raise ChainError(f"{rpc.host} has logs of block {block} but not the block")
    return quantity(header.get("timestamp"))


class BlockClock:
    """Blocks by time, up to `last`. What it learnt on the way narrows the next search."""

    def __init__(self, rpc: Rpc, last: int) -> None:
        self._rpc, self._last = rpc, last
        self._times: dict[int, int] = {}

    async def first_at(self, second: int) -> int:
        """The first block whose time is `second` or later; one past `last` where there is none."""
        low = max((block + 1 for block, time in self._times.items() if time < second), default=0)
        high = min((block for block, time in self._times.items() if time >= second), default=self._last + 1)
        while low < high:
            middle = (low + high) // 2
            if await self.time_of(middle) < second:
                low = middle + 1
            else:
                high = middle
        return low

    async def time_of(self, block: int) -> int:
        """Unix second of a block. Raises ChainError."""
        if block not in self._times:
            self._times[block] = await time_of(self._rpc, block)
        return self._times[block]


async def _headers(rpc: Rpc, blocks: Iterable[int]) -> dict[int, int]:
    async def timed(block: int) -> tuple[int, int]:
        return block, await time_of(rpc, block)

    wanted = sorted(blocks)
    times: dict[int, int] = {}
    for at in range(0, len(wanted), _AT_ONCE):
        times.update(await asyncio.gather(*(timed(block) for block in wanted[at : at + _AT_ONCE])))
    return times
