"""A contract's logs from a node, in ranges of blocks that the node bears."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from bot.chain.rpc import MethodMissingError, Rpc
from bot.errors import ChainError, RpcDown

_TIMEOUT: Final = 30.0  # seconds for one range of blocks
_PAUSE: Final = 0.5  # seconds after a range that the node refused


async def logs_between(rpc: Rpc, where: Mapping[str, Any], first: int, last: int) -> list[dict[str, Any]]:
    """All logs of the blocks first..last that `where` (address, topics) asks for: in one answer if the node bears it,
    else in ranges.

    Raises ChainError when a single block is too much.
    """
    found: list[dict[str, Any]] = []
    at, width = first, last - first + 1
    while at <= last:  # bounded: each turn moves on, or makes the range smaller
        end = min(at + width - 1, last)
        try:
            found += await logs_at_once(rpc, where, at, end)
        except (RpcDown, MethodMissingError):
            raise
        except ChainError:
            if end == at:
                raise
            width = max(1, (end - at + 1) // 4)
            await asyncio.sleep(_PAUSE)
            continue
        at = end + 1
    return found


async def logs_at_once(rpc: Rpc, where: Mapping[str, Any], first: int, last: int) -> list[dict[str, Any]]:
    """The logs of the blocks first..last in one answer. Raises ChainError where the node refuses so many."""
    asked = {**where, "fromBlock": hex(first), "toBlock": hex(last)}
    logs = await rpc.request("eth_getLogs", [asked], _TIMEOUT)
    if not isinstance(logs, list) or not all(isinstance(log, dict) for log in logs):
        raise ChainError(f"{rpc.host} answered eth_getLogs with something that is no list of logs")
    return logs
