"""What a position of Uniswap V3's position manager holds and earned, read from a node at one block, to the raw unit.

Sources: the interfaces and events of the position manager and the pool, the token standard's Transfer (EIP-721), and
the whitepaper, section 6.4, for fees that nobody has credited yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.address import is_address
from eth_utils.crypto import keccak

from bot.chain.addresses import book_of
from bot.chain.logs import logs_at_once, logs_between
from bot.chain.multicall import Call, call_data, read
from bot.chain.pool_events import decode_log, read_facts
from bot.chain.pool_logs import creation_block
from bot.chain.rpc import MethodMissingError, Rpc, quantity
from bot.core.amm.events import Kind, PoolEvent, PoolFacts
from bot.core.amm.held_position import HeldPosition, Pair
from bot.core.amm.positions import PositionInfo, touched
from bot.core.amm.tick_table import TickInfo, growth_inside
from bot.core.fixedpoint import UINT256_MAX
from bot.errors import ChainError, ConfigError, Reverted, RpcDown, RpcTimeout

_POSITION = "positions(uint256)"
_POSITION_TYPES = (
    *("uint96", "address", "address", "address", "uint24", "int24", "int24", "uint128"),
    *("uint256", "uint256", "uint128", "uint128"),
)
_SLOT0_TYPES = ("uint160", "int24", "uint16", "uint16", "uint16", "uint8", "bool")
_TICK_TYPES = ("uint128", "int128", "uint256", "uint256", "int56", "uint160", "uint32", "bool")
_TRANSFER = "0x" + keccak(text="Transfer(address,address,uint256)").hex()
_KINDS: Final = {
    "0x" + keccak(text=signature).hex(): (kind, types)
    for signature, kind, types in (
        ("IncreaseLiquidity(uint256,uint128,uint256,uint256)", Kind.MINT, ("uint128", "uint256", "uint256")),
        ("DecreaseLiquidity(uint256,uint128,uint256,uint256)", Kind.BURN, ("uint128", "uint256", "uint256")),
        ("Collect(uint256,address,uint256,uint256)", Kind.COLLECT, ("address", "uint256", "uint256")),
    )
}
_POOL_TOPICS: Final = {
    kind: "0x" + keccak(text=signature).hex()
    for kind, signature in (
        (Kind.MINT, "Mint(address,address,int24,int24,uint128,uint256,uint256)"),
        (Kind.BURN, "Burn(address,int24,int24,uint128,uint256,uint256)"),
        (Kind.COLLECT, "Collect(address,address,int24,int24,uint128,uint128)"),
    )
}


@dataclass(frozen=True, slots=True)
class _Entry:
    """What the manager keeps for a token. `credited`: fees and principal, up to the last touch."""

    tokens: tuple[str, str]
    fee_pips: int
    lower: int
    upper: int
    liquidity: int
    growth_inside_last: Pair
    credited: Pair


async def fetch_position(url: str, token_id: int, manager: str | None = None) -> HeldPosition:
    """`read_position` on a connection of its own."""
    async with await Rpc.connect(url) as rpc:
        return await read_position(rpc, token_id, manager)


async def read_position(
    rpc: Rpc, token_id: int, manager: str | None = None, first_block: int | None = None
) -> HeldPosition:
    """The position `token_id` at the newest block, with its whole history.

    manager: by default the chain's own position manager. first_block: at or before the token's birth; found with the
    node's old states by default, and taken as 0 when it keeps none. Raises ConfigError for a number that no token has
    and a chain without a known manager, ChainError for a token that was burned or never made, and for the node.
    """
    if not 0 < token_id <= UINT256_MAX:
        raise ConfigError(f"no position has the number {token_id}")
    where = _manager(rpc, manager)
    head = quantity(await rpc.request("eth_blockNumber", []))
    block = hex(head)
    entry = await _entry(rpc, where, token_id, head)
    (owner,) = await read(rpc, Call(where, "ownerOf(uint256)", (token_id,), ("address",)), block)
    (factory,) = await read(rpc, Call(where, "factory()", (), ("address",)), block)
    asked = Call(factory, "getPool(address,address,uint24)", (*entry.tokens, entry.fee_pips), ("address",))
    (pool,) = await read(rpc, asked, block)
    facts = await read_facts(rpc, pool, block)
    born = first_block if first_block is not None else await _birth(rpc, where, token_id, head)
    topics = [list(_KINDS), _topic(token_id)]
    logs = await logs_between(rpc, {"address": where, "topics": topics}, born, head)
    history = await _history(rpc, logs, facts, where.lower(), entry)
    price, tick, *_ = await read(rpc, Call(pool, "slot0()", (), _SLOT0_TYPES), block)
    header = await _header(rpc, head)
    return HeldPosition(
        token_id=token_id,
        manager=where.lower(),
        owner=owner.lower(),
        facts=facts,
        lower=entry.lower,
        upper=entry.upper,
        liquidity=entry.liquidity,
        owed=await _owed(rpc, pool, where, entry, tick, block),
        history=history,
        block=head,
        time=quantity(header["timestamp"]),
        sqrt_price_x96=price,
        tick=tick,
    )


def _manager(rpc: Rpc, named: str | None) -> str:
    if named is not None:
        if not is_address(named):
            raise ConfigError(f"not the address of a position manager: {named[:80]!r}")
        return named
    known = book_of(rpc.chain_id)
    if known is None:
        raise ConfigError(f"no position manager is known on chain {rpc.chain_id}: name its address")
    return known.position_manager


async def _entry(rpc: Rpc, manager: str, token_id: int, head: int) -> _Entry:
    """What the manager says. Raises ChainError for a token that does not exist (any more)."""
    try:
        values = await read(rpc, Call(manager, _POSITION, (token_id,), _POSITION_TYPES), hex(head))
    except Reverted:
        raise ChainError(await _absence(rpc, manager, token_id, head)) from None
    except (RpcDown, RpcTimeout):
        raise
    except ChainError as error:
        raise ChainError(f"{manager} does not answer as a position manager does: {error}") from None
    _, _, token0, token1, fee, lower, upper, liquidity, growth0, growth1, owed0, owed1 = values
    return _Entry((token0, token1), fee, lower, upper, liquidity, (growth0, growth1), (owed0, owed1))


async def _absence(rpc: Rpc, manager: str, token_id: int, head: int) -> str:
    """Why the manager knows no such token, in a line: one question to the node, and a guess if it refuses."""
    first = await creation_block(rpc, manager, head)
    where = {"address": manager, "topics": [_TRANSFER, None, _topic(0), _topic(token_id)]}
    try:
        burns = await logs_at_once(rpc, where, first, head)
    except (RpcDown, MethodMissingError):
        raise
    except ChainError:
        return f"there is no position {token_id} now: it was burned, or never made"
    if not burns:
        return f"there is no position {token_id}: the manager {manager} never made it"
    block = quantity(burns[-1].get("blockNumber"))
    return f"position {token_id} was burned in block {block}: nothing is left of it"


async def _birth(rpc: Rpc, manager: str, token_id: int, head: int) -> int:
    """The first block at which the manager knows a token that it knows at `head`, by bisection.

    0 when the node does not keep so old a state.
    """
    request = {"to": manager, "data": "0x" + call_data(_POSITION, (token_id,)).hex()}
    low, high = 0, head
    while low < high:
        middle = (low + high) // 2
        try:
            known = await rpc.request("eth_call", [request, hex(middle)]) != "0x"  # 0x: before the manager itself
        except Reverted:
            known = False
        except RpcDown:
            raise
        except ChainError:
            return 0
        low, high = (low, middle) if known else (middle + 1, high)
    return low


async def _history(
    rpc: Rpc, logs: Sequence[Mapping[str, Any]], facts: PoolFacts, manager: str, entry: _Entry
) -> tuple[PoolEvent, ...]:
    """The pool's event behind each of the manager's, in order.

    Raises ChainError where the two do not say the same, and for a history that does not lead to the present liquidity.
    """
    times: dict[int, int] = {}
    receipts: dict[str, Sequence[Mapping[str, Any]]] = {}
    events: list[PoolEvent] = []
    try:
        ordered = sorted(logs, key=lambda log: (quantity(log["blockNumber"]), quantity(log["logIndex"])))
        for log in ordered:
            block, sender = quantity(log["blockNumber"]), log["transactionHash"]
            if block not in times:
                times[block] = quantity((await _header(rpc, block))["timestamp"])
            if sender not in receipts:
                receipts[sender] = (await rpc.request("eth_getTransactionReceipt", [sender]))["logs"]
            events.append(_behind(log, receipts[sender], facts.pool, manager, entry, times[block]))
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, DecodingError):
        raise ChainError(f"{rpc.host} answered a log or a receipt that is none") from None
    signs = {Kind.MINT: 1, Kind.BURN: -1, Kind.COLLECT: 0}
    liquidity = sum(signs[event.kind] * event.liquidity for event in events)
    if not events or events[0].kind is not Kind.MINT or liquidity != entry.liquidity:
        raise ChainError(
            f"{rpc.host} does not tell the position's whole history: its events leave a liquidity of {liquidity}, "
            f"it has {entry.liquidity}"
        )
    return tuple(events)


def _behind(
    log: Mapping[str, Any],
    receipt: Sequence[Mapping[str, Any]],
    pool: str,
    manager: str,
    entry: _Entry,
    time: int,
) -> PoolEvent:
    """The event of the pool that one event of the manager tells about: the last one of its kind before it."""
    kind, types = _KINDS[log["topics"][0]]
    index = quantity(log["logIndex"])
    told = decode(types, bytes.fromhex(log["data"][2:]))
    before = [
        each
        for each in receipt
        if quantity(each["logIndex"]) < index
        and each["address"].lower() == pool
        and each["topics"][0] == _POOL_TOPICS[kind]
    ]
    where = f"block {quantity(log['blockNumber'])} log {index}"
    if before:
        event = decode_log(before[-1], pool, time)
        said = (event.amount0, event.amount1)
        # The manager tells what it asked for; a pool that owes a unit less, by its own rounding, pays that.
        agrees = said == told[1:] if kind is not Kind.COLLECT else said[0] <= told[1] and said[1] <= told[2]
        agrees = agrees and (kind is Kind.COLLECT or event.liquidity == told[0])
        if agrees and (event.owner, event.lower, event.upper) == (manager, entry.lower, entry.upper):
            return event
    raise ChainError(f"{where}: the pool has no {kind.label} as the manager tells it")


async def _owed(rpc: Rpc, pool: str, manager: str, entry: _Entry, tick: int, block: str) -> Pair:
    """What a collect of everything would pay at `block`.

    The manager credits the token its part of the fees and asks the pool for it; the pool pays that, at most what it
    owes the manager for all of its tokens in the range together.
    """
    packed = b"".join(encode(("int24",), (tick_,))[-3:] for tick_ in (entry.lower, entry.upper))
    key = keccak(bytes.fromhex(manager[2:]) + packed)
    calls = (
        Call(pool, "feeGrowthGlobal0X128()"),
        Call(pool, "feeGrowthGlobal1X128()"),
        Call(pool, "ticks(int24)", (entry.lower,), _TICK_TYPES),
        Call(pool, "ticks(int24)", (entry.upper,), _TICK_TYPES),
        Call(pool, "positions(bytes32)", (key,), ("uint128", "uint256", "uint256", "uint128", "uint128")),
    )
    (global0,), (global1,), below, above, held = await asyncio.gather(*(read(rpc, call, block) for call in calls))
    pooled = PositionInfo(held[0], (held[1], held[2]), (held[3], held[4]))
    token = PositionInfo(entry.liquidity, entry.growth_inside_last, entry.credited)
    if entry.liquidity:  # without liquidity the manager does not ask the pool to credit anything either
        ends = [TickInfo(info[0], info[1], (info[2], info[3]), *info[4:]) for info in (below, above)]
        inside = growth_inside(entry.lower, entry.upper, ends[0], ends[1], tick, (global0, global1))
        pooled, token = touched(pooled, 0, inside), touched(token, 0, inside)
    return min(token.owed[0], pooled.owed[0]), min(token.owed[1], pooled.owed[1])


async def _header(rpc: Rpc, block: int) -> Mapping[str, Any]:
    header = await rpc.request("eth_getBlockByNumber", [hex(block), False])
    if not isinstance(header, dict):
        raise ChainError(f"{rpc.host} does not have the block {block}")
    return header


def _topic(number: int) -> str:
    return f"0x{number:064x}"
