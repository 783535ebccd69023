"""A pool's events as the chain tells them: topics, the decoding of a log, and the facts of a pool.

Decoded by hand, words of 32 bytes at fixed places: a history has millions of logs. Sources: the event declarations of
Uniswap V3's pool interface, and the contract ABI specification.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from eth_utils.crypto import keccak

from bot.chain.multicall import Call, read
from bot.chain.rpc import Rpc, quantity
from bot.core.amm.events import Kind, PoolEvent, PoolFacts
from bot.core.units import ZERO_ADDRESS, Token
from bot.errors import ChainError

_TEXT_TYPES: Final = ("string", "bytes32")  # some old tokens answer `symbol()` with 32 bytes


@dataclass(frozen=True, slots=True)
class _Shape:
    """Where a kind's numbers are: `fields` in the data's words (empty: not kept), `signed` among them."""

    kind: Kind
    topics: int
    fields: tuple[str, ...]
    signed: frozenset[str] = frozenset()


_SHAPES: Final = {
    "0x" + keccak(text=signature).hex(): shape
    for signature, shape in {
        "Initialize(uint160,int24)": _Shape(Kind.INITIALIZE, 1, ("sqrt_price_x96", "tick"), frozenset({"tick"})),
        "Mint(address,address,int24,int24,uint128,uint256,uint256)": _Shape(
            Kind.MINT, 4, ("", "liquidity", "amount0", "amount1")
        ),
        "Burn(address,int24,int24,uint128,uint256,uint256)": _Shape(Kind.BURN, 4, ("liquidity", "amount0", "amount1")),
        "Collect(address,address,int24,int24,uint128,uint128)": _Shape(Kind.COLLECT, 4, ("", "amount0", "amount1")),
        "Swap(address,address,int256,int256,uint160,uint128,int24)": _Shape(
            Kind.SWAP,
            3,
            ("amount0", "amount1", "sqrt_price_x96", "liquidity", "tick"),
            frozenset({"amount0", "amount1", "tick"}),
        ),
        "Flash(address,address,uint256,uint256,uint256,uint256)": _Shape(Kind.FLASH, 3, ("", "", "amount0", "amount1")),
        "SetFeeProtocol(uint8,uint8,uint8,uint8)": _Shape(Kind.SET_FEE_PROTOCOL, 1, ("", "", "amount0", "amount1")),
        "CollectProtocol(address,address,uint128,uint128)": _Shape(Kind.COLLECT_PROTOCOL, 3, ("amount0", "amount1")),
        "IncreaseObservationCardinalityNext(uint16,uint16)": _Shape(
            Kind.INCREASE_OBSERVATION_CARDINALITY_NEXT, 1, ("amount0", "amount1")
        ),
    }.items()
}
TOPICS: Final = tuple(_SHAPES)
"""First topics of every event that changes a pool's state."""


def decode_log(log: Mapping[str, Any], pool: str, time: int) -> PoolEvent:
    """One raw log of `pool` (lower case) as an event; `time`: unix seconds of its block.

    Raises ChainError for a log that is malformed, of another address or kind, or removed by a reorganisation.
    """
    try:
        block, index = quantity(log["blockNumber"]), quantity(log["logIndex"])
        topics, data = log["topics"], log["data"]
        where = f"block {block} log {index}"
        if log.get("removed"):
            raise ChainError(f"{where} was removed by a reorganisation: ask for more confirmations")
        if log["address"].lower() != pool:
            raise ChainError(f"{where} is of {log['address']}, not of {pool}")
        shape = _SHAPES.get(topics[0])
        if shape is None:
            raise ChainError(f"{where} has a topic that was not asked for: {topics[0]}")
        if len(topics) != shape.topics or len(data) != 2 + 64 * len(shape.fields):
            raise ChainError(f"{where} is no {shape.kind.label} of a Uniswap V3 pool")
        values: dict[str, Any] = {}
        for place, name in enumerate(shape.fields):
            if name:
                value = int(data[2 + 64 * place : 66 + 64 * place], 16)
                values[name] = value - (value >> 255 << 256) if name in shape.signed else value
        if shape.topics == 4:  # owner, lower and upper tick are indexed
            lower, upper = (int(topic, 16) for topic in topics[2:])
            values["owner"] = "0x" + topics[1][-40:].lower()
            values["lower"], values["upper"] = lower - (lower >> 255 << 256), upper - (upper >> 255 << 256)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise ChainError(f"the node answered a log that is none: {str(log)[:80]!r}") from None
    return PoolEvent(kind=shape.kind, block=block, log_index=index, time=time, **values)


async def read_facts(rpc: Rpc, pool: str, block: str = "latest") -> PoolFacts:
    """The facts of a pool that its own factory confirms. Raises ChainError when `pool` is no such pool."""
    try:
        (factory,) = await read(rpc, Call(pool, "factory()", (), ("address",)), block)
        (fee,) = await read(rpc, Call(pool, "fee()", (), ("uint24",)), block)
        (spacing,) = await read(rpc, Call(pool, "tickSpacing()", (), ("int24",)), block)
        addresses = [(await read(rpc, Call(pool, f"{name}()", (), ("address",)), block))[0] for name in _TOKENS]
        asked = Call(factory, "getPool(address,address,uint24)", (*addresses, fee), ("address",))
        (known,) = await read(rpc, asked, block)
    except ChainError as error:
        raise ChainError(f"{pool} does not answer as a Uniswap V3 pool does: {error}") from None
    if known.lower() != pool.lower() or known == ZERO_ADDRESS:
        raise ChainError(f"{pool} is no pool of its factory {factory}")
    token0, token1 = [await _token(rpc, address, block) for address in addresses]
    return PoolFacts(rpc.chain_id, pool.lower(), token0, token1, fee, spacing)


_TOKENS: Final = ("token0", "token1")


async def _token(rpc: Rpc, address: str, block: str) -> Token:
    (decimals,) = await read(rpc, Call(address, "decimals()", (), ("uint8",)), block)
    symbol = ""
    for kind in _TEXT_TYPES:
        try:
            (text,) = await read(rpc, Call(address, "symbol()", (), (kind,)), block)
        except ChainError:
            continue
        symbol = text.rstrip(b"\0").decode("utf-8", "replace") if isinstance(text, bytes) else text
        break
    return Token(rpc.chain_id, address.lower(), symbol, decimals)
