"""Answers of a node in a form that can be relied on: whatever has another shape is a ChainError, in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from bot.chain.rpc import Rpc, quantity
from bot.errors import ChainError


@dataclass(frozen=True, slots=True)
class Event:
    """A contract's event: its indexed values as words of 32 bytes, and the others decoded."""

    indexed: tuple[bytes, ...]
    values: tuple[Any, ...]
    block: int
    transaction: str

    def number(self, place: int) -> int:
        """An indexed value as a number."""
        return int.from_bytes(self.indexed[place])

    def address(self, place: int) -> str:
        """An indexed value as an address, in lower case."""
        return "0x" + self.indexed[place][-20:].hex()


async def events(
    rpc: Rpc, address: str, topics: Sequence[str | None], types: Sequence[str], first: int, last: int
) -> list[Event]:
    """Events of a contract in blocks `first` to `last`, in order. `types`: of what is not indexed."""
    where = {"address": address, "topics": list(topics), "fromBlock": hex(first), "toBlock": hex(last)}
    logs = await rpc.request("eth_getLogs", [where])
    try:
        return [
            Event(
                tuple(bytes.fromhex(topic[2:]).rjust(32, b"\0") for topic in log["topics"][1:]),
                decode(types, bytes.fromhex(log["data"][2:])),
                quantity(log["blockNumber"]),
                str(log["transactionHash"]),
            )
            for log in _listed(logs)
        ]
    except (KeyError, TypeError, ValueError, DecodingError):
        raise ChainError(f"{rpc.host} answered eth_getLogs with something that is no event") from None


async def time_of(rpc: Rpc, block: int) -> int:
    """When a block was made, unix seconds."""
    head = await rpc.request("eth_getBlockByNumber", [hex(block), False])
    if not isinstance(head, Mapping):
        raise ChainError(f"{rpc.host} does not know block {block}")
    return quantity(head.get("timestamp"))


async def newest(rpc: Rpc) -> int:
    """Number of the newest block."""
    return quantity(await rpc.request("eth_blockNumber", []))


async def sender_of(rpc: Rpc, transaction: str) -> str:
    """Who sent a transaction, in lower case."""
    sent = await rpc.request("eth_getTransactionByHash", [transaction])
    if not isinstance(sent, Mapping) or not isinstance(sent.get("from"), str):
        raise ChainError(f"{rpc.host} does not know transaction {transaction}")
    return str(sent["from"]).lower()


async def code_at(rpc: Rpc, address: str) -> bytes:
    """The code of a contract, empty where there is none."""
    code = await rpc.request("eth_getCode", [address, "latest"])
    try:
        return bytes.fromhex(code[2:])
    except (TypeError, ValueError):
        raise ChainError(f"{rpc.host} answered eth_getCode with something that is no code") from None


def _listed(logs: Any) -> list[Any]:
    if not isinstance(logs, list):
        raise ValueError("no list of events")
    return logs
