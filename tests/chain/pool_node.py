"""A JSON-RPC node on the loopback that knows one pool's history, with the moods that real nodes have."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from bot.core.amm.events import Kind, PoolEvent
from bot.pool_log import PoolLog

FACTORY = "0x" + "fa" * 20
STRANGER = "0x" + "55" * 20
SIGNATURES = {
    Kind.INITIALIZE: "Initialize(uint160,int24)",
    Kind.MINT: "Mint(address,address,int24,int24,uint128,uint256,uint256)",
    Kind.BURN: "Burn(address,int24,int24,uint128,uint256,uint256)",
    Kind.COLLECT: "Collect(address,address,int24,int24,uint128,uint128)",
    Kind.SWAP: "Swap(address,address,int256,int256,uint160,uint128,int24)",
    Kind.FLASH: "Flash(address,address,uint256,uint256,uint256,uint256)",
    Kind.SET_FEE_PROTOCOL: "SetFeeProtocol(uint8,uint8,uint8,uint8)",
    Kind.COLLECT_PROTOCOL: "CollectProtocol(address,address,uint128,uint128)",
    Kind.INCREASE_OBSERVATION_CARDINALITY_NEXT: "IncreaseObservationCardinalityNext(uint16,uint16)",
}


def topic(kind: Kind) -> str:
    return "0x" + keccak(text=SIGNATURES[kind]).hex()


def raw_log(event: PoolEvent, pool: str) -> dict[str, Any]:
    """The event as a node tells it."""
    amounts = (event.amount0, event.amount1)
    parties = [_word("address", STRANGER), _word("address", STRANGER)]
    place = [_word("address", event.owner or STRANGER), _word("int24", event.lower), _word("int24", event.upper)]
    topics, types, values = {
        Kind.INITIALIZE: ([], ("uint160", "int24"), (event.sqrt_price_x96, event.tick)),
        Kind.MINT: (
            place,
            ("address", "uint128", "uint256", "uint256"),
            (STRANGER, event.liquidity, *map(abs, amounts)),
        ),
        Kind.BURN: (place, ("uint128", "uint256", "uint256"), (event.liquidity, *map(abs, amounts))),
        Kind.COLLECT: (place, ("address", "uint128", "uint128"), (STRANGER, *map(abs, amounts))),
        Kind.SWAP: (
            parties,
            ("int256", "int256", "uint160", "uint128", "int24"),
            (*amounts, event.sqrt_price_x96, event.liquidity, event.tick),
        ),
        Kind.FLASH: (parties, ("uint256",) * 4, (9, 9, *map(abs, amounts))),
        Kind.SET_FEE_PROTOCOL: ([], ("uint256",) * 4, (0, 0, *map(abs, amounts))),
        Kind.COLLECT_PROTOCOL: (parties, ("uint256", "uint256"), tuple(map(abs, amounts))),
        Kind.INCREASE_OBSERVATION_CARDINALITY_NEXT: ([], ("uint256", "uint256"), tuple(map(abs, amounts))),
    }[event.kind]
    return {
        "address": pool,
        "topics": [topic(event.kind), *topics],
        "data": "0x" + encode(types, values).hex(),
        "blockNumber": hex(event.block),
        "logIndex": hex(event.log_index),
        "removed": False,
    }


@dataclass
class PoolNode:
    """What the node knows and how it behaves; `asked` are the requests so far, as (method, params)."""

    log: PoolLog
    head: int
    created: int
    chain_id: int = 31_337
    most_logs: int = 10_000
    most_blocks: int = 1 << 62
    stamps: bool = False  # tell each block's time with its logs
    dies_after: int | None = None  # eth_getLogs that it answers before it says nothing sensible any more
    too_often: int = 0  # eth_getLogs that it refuses as too many first
    delay: float = 0.0  # seconds before each answer to eth_getLogs
    slow_above: int = 1 << 62  # blocks of a range that take longer than anybody waits
    spoil: Callable[[dict[str, Any]], dict[str, Any]] = lambda log: log
    known_pool: str = ""
    pruned: bool = False  # no state before the newest block
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        facts = self.log.facts
        self.logs = [raw_log(event, facts.pool) for event in self.log.events()]
        self.times = dict(zip(self.log.block.tolist(), self.log.time.tolist(), strict=True))
        self.calls = {
            (facts.pool, _selector("factory()")): encode(("address",), (FACTORY,)),
            (facts.pool, _selector("fee()")): encode(("uint24",), (facts.fee_pips,)),
            (facts.pool, _selector("tickSpacing()")): encode(("int24",), (facts.tick_spacing,)),
            (facts.pool, _selector("token0()")): encode(("address",), (facts.token0.address,)),
            (facts.pool, _selector("token1()")): encode(("address",), (facts.token1.address,)),
            (FACTORY, _selector("getPool(address,address,uint24)")): encode(
                ("address",), (self.known_pool or facts.pool,)
            ),
        }
        for token in (facts.token0, facts.token1):
            self.calls[token.address, _selector("decimals()")] = encode(("uint8",), (token.decimals,))
        self.calls[facts.token0.address, _selector("symbol()")] = encode(("string",), (facts.token0.symbol,))
        self.calls[facts.token1.address, _selector("symbol()")] = facts.token1.symbol.encode().ljust(32, b"\0")

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The ranges of every eth_getLogs so far."""
        asked = [params[0] for method, params in self.asked if method == "eth_getLogs"]
        return [(int(where["fromBlock"], 16), int(where["toBlock"], 16)) for where in asked]

    async def handle(self, request: web.Request) -> web.Response:
        asked = json.loads(await request.text())
        method, params = asked["method"], asked["params"]
        self.asked.append((method, params))
        answer = await getattr(self, method)(*params)
        return web.json_response({"jsonrpc": "2.0", "id": asked["id"], **answer})

    async def eth_chainId(self) -> dict[str, Any]:
        return {"result": hex(self.chain_id)}

    async def eth_blockNumber(self) -> dict[str, Any]:
        return {"result": hex(self.head)}

    async def eth_call(self, call: dict[str, str], _: str) -> dict[str, Any]:
        found = self.calls.get((call["to"].lower(), call["data"][:10]))
        return {"result": "0x" + found.hex()} if found is not None else {"error": {"code": 3, "message": "reverted"}}

    async def eth_getCode(self, _: str, block: str) -> dict[str, Any]:
        if self.pruned:
            return {"error": {"code": -32000, "message": "missing trie node"}}
        return {"result": "0x60" if int(block, 16) >= self.created else "0x"}

    async def eth_getBlockByNumber(self, block: str, _: bool) -> dict[str, Any]:
        number = int(block, 16)
        return {"result": {"number": block, "timestamp": hex(self.times[number])}}

    async def eth_getLogs(self, where: dict[str, Any]) -> dict[str, Any]:
        start, stop = int(where["fromBlock"], 16), int(where["toBlock"], 16)
        await asyncio.sleep(self.delay)
        if self.too_often:
            self.too_often -= 1
            return {"error": {"code": -32005, "message": "rate limit reached"}}
        if self.dies_after is not None:
            if self.dies_after == 0:
                return {"error": {"code": -32603, "message": "internal error"}}
            self.dies_after -= 1
        if stop - start + 1 > self.slow_above:
            await asyncio.sleep(5)
        if stop - start + 1 > self.most_blocks:
            return {"error": {"code": -32602, "message": "block range is too wide"}}
        (wanted,) = where["topics"]
        found = [
            self.spoil(
                {**log, **({"blockTimestamp": hex(self.times[int(log["blockNumber"], 16)])} if self.stamps else {})}
            )
            for log in self.logs
            if start <= int(log["blockNumber"], 16) <= stop and log["topics"][0] in wanted
        ]
        if len(found) > self.most_logs:
            return {"error": {"code": -32005, "message": f"query returned more than {self.most_logs} results"}}
        return {"result": found[::-1]}  # nobody promises an order

    def _stamped(self, log: dict[str, Any]) -> dict[str, Any]:
        return log | {"blockTimestamp": hex(self.times[int(log["blockNumber"], 16)])} if self.stamps else log


@asynccontextmanager
async def serving(node: PoolNode) -> AsyncIterator[str]:
    """The URL of a node that listens on the loopback."""
    app = web.Application()
    app.router.add_post("/", node.handle)
    async with TestServer(app, host="127.0.0.1") as server:
        yield f"http://127.0.0.1:{server.port}"


def _selector(signature: str) -> str:
    return "0x" + keccak(text=signature)[:4].hex()


def _word(kind: str, value: object) -> str:
    return "0x" + encode((kind,), (value,)).hex()
