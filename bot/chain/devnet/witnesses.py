"""Liquidity that the adapters of a devnet count as independent: what we seeded, or what a node's pool shows."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from eth_abi.abi import decode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from bot.chain.addresses import book_of
from bot.chain.devnet.adapters import Witness
from bot.chain.multicall import Call, aggregate, read
from bot.chain.rpc import Rpc, quantity
from bot.core.mirror import seeding
from bot.core.universe import HOLD, LP, REVENUE, Universe, Venue
from bot.errors import ChainError, RpcDown

MOST: Final = 4  # that an adapter takes
_MINT: Final = "0x" + keccak(text="Mint(address,address,int24,int24,uint128,uint256,uint256)").hex()
_RANGE, _RANGES = 5_000, 10  # blocks of one request for logs, and requests: what every node bears
_SLOT0 = ("uint160", "int24", "uint16", "uint16", "uint16", "uint8", "bool")
_POSITION = ("uint128", "uint256", "uint256", "uint128", "uint128")

Witnesses = Mapping[str, tuple[Witness, ...]]  # by venue id
Place = tuple[str, int, int]  # owner in the pool, lower and upper tick


def seeded(universe: Universe, prices: Mapping[str, float], depth: int, maker: str) -> Witnesses:
    """The market maker's positions in the pools that we made: it is a contract that cannot take liquidity out again."""
    return {
        venue.id: tuple(
            Witness(maker, lower, upper, liquidity, locked=True)
            for lower, upper, liquidity in seeding(venue, universe.money.decimals, prices[venue.id], depth).positions
        )
        for venue in universe.risky
        if venue.kind in (HOLD, LP, REVENUE)
    }


async def found_on(node: Rpc, universe: Universe, band: int) -> Witnesses:
    """The largest positions in each venue's pool that cover `band` ticks on both sides of its price.

    Looked for among those minted in the last 50,000 blocks. A position manager's are left out: they mix many owners.
    No more is known of an owner than that it can take its liquidity out. A pool without any has no witness, and a node
    that does not tell logs shows none.
    """
    pooled = [venue for venue in universe.risky if venue.pool]
    found = await asyncio.gather(*(_of_pool(node, venue, band) for venue in pooled))
    return {venue.id: witnesses for venue, witnesses in zip(pooled, found, strict=True)}


async def _of_pool(node: Rpc, venue: Venue, band: int) -> tuple[Witness, ...]:
    tick = (await read(node, Call(venue.pool, "slot0()", (), _SLOT0)))[1]
    known = book_of(node.chain_id)
    managers = {known.position_manager.lower()} if known else set()
    places = [
        place
        for place in await _minted(node, venue.pool)
        if place[1] <= tick - band and tick + band <= place[2] and place[0].lower() not in managers
    ]
    calls = [Call(venue.pool, "positions(bytes32)", (_key(*place),), _POSITION) for place in places]
    answers = await aggregate(node, calls)
    live = [Witness(*place, answer[0], locked=False) for place, answer in zip(places, answers, strict=True) if answer]
    ranked = sorted((witness for witness in live if witness.liquidity), key=lambda one: -one.liquidity)
    return tuple(ranked[:MOST])


async def _minted(node: Rpc, pool: str) -> list[Place]:
    """Where liquidity was minted lately, newest first, each place once."""
    last = quantity(await node.request("eth_blockNumber", []))
    places: dict[Place, None] = {}
    for _ in range(_RANGES):
        if last < 0:
            break
        where = {"address": pool, "topics": [_MINT], "fromBlock": hex(max(0, last - _RANGE + 1)), "toBlock": hex(last)}
        try:
            logs = await node.request("eth_getLogs", [where])
        except RpcDown:
            raise
        except ChainError:
            break  # a node that tells no more logs than these
        places |= dict.fromkeys(_place(log) for log in reversed(logs))
        last -= _RANGE
    return list(places)


def _place(log: Any) -> Place:
    owner, lower, upper = (bytes.fromhex(topic[2:]) for topic in log["topics"][1:])
    ticks = decode(("int24", "int24"), lower + upper)
    return to_checksum_address(owner[12:]), ticks[0], ticks[1]


def _key(owner: str, lower: int, upper: int) -> bytes:
    return keccak(bytes.fromhex(owner[2:]) + b"".join(tick.to_bytes(3, "big", signed=True) for tick in (lower, upper)))
