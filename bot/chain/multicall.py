"""Many reads in one request: encoded calls, and Multicall3's aggregate3 over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_abi.grammar import TupleType, parse
from eth_utils.crypto import keccak

from bot.chain.rpc import TIMEOUT, Rpc
from bot.errors import ChainError

MULTICALL3 = "0xcA11bde05977b3631167028862bE2a173976CA11"  # the same on every chain
_AGGREGATE = "aggregate3((address,bool,bytes)[])"


@dataclass(frozen=True, slots=True)
class Call:
    """One read. `signature` is canonical (``balanceOf(address)``), `returns` the types of what comes back."""

    target: str
    signature: str
    values: tuple[Any, ...] = ()
    returns: tuple[str, ...] = ("uint256",)


def call_data(signature: str, values: Sequence[Any] = ()) -> bytes:
    """Selector and encoded arguments of a call."""
    selector, types = _parsed(signature)
    return selector + encode(types, values)


async def aggregate(
    rpc: Rpc, calls: Sequence[Call], block: str = "latest", timeout: float = TIMEOUT, chunk: int = 2_000
) -> list[tuple[Any, ...] | None]:
    """Per call its decoded return values, all at one block; None where the call failed or answered something else.

    `block`: a tag or a 0x quantity; `timeout`: seconds for each request of at most `chunk` calls.
    Raises ChainError when the node has no Multicall3 there.
    """
    answers: list[tuple[Any, ...] | None] = []
    for start in range(0, len(calls), chunk):
        some = calls[start : start + chunk]
        packed = [(call.target, True, call_data(call.signature, call.values)) for call in some]
        request = {"to": MULTICALL3, "data": "0x" + call_data(_AGGREGATE, (packed,)).hex()}
        raw = await rpc.request("eth_call", [request, block], timeout)
        try:
            (results,) = decode(["(bool,bytes)[]"], bytes.fromhex(raw[2:]))
        except (DecodingError, ValueError):
            raise ChainError(f"{rpc.host}: no Multicall3 at {MULTICALL3} on chain {rpc.chain_id}") from None
        answers += [_decoded(call, ok, data) for call, (ok, data) in zip(some, results, strict=True)]
    return answers


async def read(rpc: Rpc, call: Call, block: str = "latest", timeout: float = TIMEOUT) -> tuple[Any, ...]:
    """Decoded return values of one call. Raises Reverted, or ChainError when it answers something else."""
    request = {"to": call.target, "data": "0x" + call_data(call.signature, call.values).hex()}
    raw = bytes.fromhex((await rpc.request("eth_call", [request, block], timeout))[2:])
    values = _decoded(call, True, raw)
    if values is None:
        raise ChainError(f"{rpc.host}: {call.target} does not answer {call.signature}")
    return values


def _decoded(call: Call, ok: bool, data: bytes) -> tuple[Any, ...] | None:
    if not ok:
        return None
    try:
        return decode(call.returns, data)
    except (DecodingError, ValueError):
        return None


@cache
def _parsed(signature: str) -> tuple[bytes, tuple[str, ...]]:
    selector = keccak(text=signature)[:4]
    if signature.endswith("()"):
        return selector, ()
    arguments = parse(signature[signature.index("(") :])
    assert isinstance(arguments, TupleType)
    return selector, tuple(component.to_type_str() for component in arguments.components)
