"""A chain, a contract that counts, and a proxy that breaks replies. The contract is the judge, not our ledger.

The contract stands in for the vault: called with 32 bytes it adds one to the storage slot of that number and logs it;
while slot 0 is not zero it reverts with "closed". So an intent's slot says how often it was executed.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import aiohttp
from aiohttp import web
from eth_account import Account
from eth_utils.crypto import keccak

from bot.chain.artefacts import anvil_binary
from bot.chain.rpc import Rpc
from bot.core.plan import Plan
from bot.core.postings import Fill
from bot.ports import Commitment, Intent
from tests.ledger.builders import plan_of

CHAIN_ID = 31_337
VAULT = "0x" + "5a" * 20
KEYS = tuple("0x" + keccak(text=f"a key for tests, number {number}").hex() for number in range(3))
LATE = 0.8  # seconds by which a late reply is late


def _runtime() -> bytes:
    closed = (
        "5b6308c379a060e01b5f52"  # JUMPDEST, mstore(0, selector of Error(string))
        "60206004526006602452"  # its offset and length
        "65636c6f73656460d01b604452"  # "closed"
        "60645ffd"
    )
    # if sload(0) jump; key = calldata[0:32]; sstore(key, sload(key) + 1); log1(key, topic 1); stop
    head = "5f5460{:02x}575f358054600101" + "8155" + "5f52600160205fa100"
    start = len(bytes.fromhex(head.format(0)))
    return bytes.fromhex(head.format(start) + closed)


def calldata(plan: Plan, commitment: Commitment | None = None) -> bytes:
    return bytes.fromhex(plan.id)


def fills(logs: list[Any]) -> tuple[Fill, ...]:
    """One fill of the plan's usual size for each of the contract's logs."""
    leg = plan_of(0).legs[0]
    return tuple(Fill(leg.venue, leg.entry, leg.amount, leg.expected) for _ in logs)


async def executions(node: Rpc, plan: Plan) -> int:
    """How often the chain has carried out the plan."""
    return await called(node, plan.id)


async def called(node: Rpc, word: str) -> int:
    """How often the contract was called with this word, 64 hexadecimal digits."""
    return int(await node.request("eth_getStorageAt", [VAULT, "0x" + word, "latest"]), 16)


async def close_vault(node: Rpc) -> None:
    await node.request("anvil_setStorageAt", [VAULT, "0x" + "00" * 32, "0x" + "00" * 31 + "01"])


async def balance(node: Rpc, address: str) -> int:
    return int(await node.request("eth_getBalance", [address, "latest"]), 16)


@asynccontextmanager
async def anvil(log: Path) -> AsyncIterator[str]:
    """The URL of a fresh chain with the contract on it and money for the keys. Its process ends with the block."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            str(anvil_binary()), "--port", "0", "--chain-id", str(CHAIN_ID), stdout=output, stderr=output
        )
    try:
        url = await _listening(log, process)
        async with Rpc(url) as rpc:
            await rpc.request("anvil_setCode", [VAULT, "0x" + _runtime().hex()])
            for key in KEYS:
                await rpc.request("anvil_setBalance", [Account.from_key(key).address, hex(10**20)])
        yield url
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _listening(log: Path, process: asyncio.subprocess.Process) -> str:
    for _ in range(500):
        where = _address(log)
        if where:
            return f"http://{where}"
        assert process.returncode is None, f"anvil ended: {log}"
        await asyncio.sleep(0.02)
    raise AssertionError(f"anvil does not listen: {log}")


def _address(log: Path) -> str:
    lines = log.read_text().splitlines()
    return next((line.removeprefix("Listening on ").strip() for line in lines if line.startswith("Listening on ")), "")


async def mine(node: Rpc, intent: Intent) -> int:
    """The block that the intent got into, sent past the proxy. A node may answer before it mines."""
    await node.request("eth_sendRawTransaction", ["0x" + intent.raw.hex()])

    async def mined() -> bool:
        return await node.request("eth_getTransactionReceipt", [intent.tx_hash]) is not None

    await until(mined)
    return int((await node.request("eth_getTransactionReceipt", [intent.tx_hash]))["blockNumber"], 16)


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Returns once it is true; an AssertionError after ten seconds."""
    for _ in range(500):
        if await true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never became true")


@dataclass(frozen=True, slots=True)
class Says:
    """A canned error; `forward`: whether the node gets the request all the same."""

    message: str
    forward: bool = True


@dataclass(frozen=True, slots=True)
class Rewrites:
    """The node's result, changed."""

    change: Callable[[Any], Any]


Fault = str | Says | Rewrites

# Faults by name, as far as they are no error or rewritten result.
LOST, UNHEARD, TOO_MANY, UNAVAILABLE, HALF, DELAYED, GARBAGE = (
    "the reply is lost",
    "the request is lost",
    "429 without forwarding",
    "503 after forwarding",
    "half a body",
    "a late reply",
    "a reply that is not JSON",
)
SILENT = {UNHEARD, TOO_MANY}  # the node never hears of it


class FaultProxy:
    """Forwards JSON-RPC to a node. `faults[method]` is used up from its front, one entry a call; None = no fault."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.faults: dict[str, list[Fault | None]] = defaultdict(list)
        self.choose: Callable[[str], Fault | None] = lambda method: None  # when nothing is queued
        self.at: Callable[[str, str], None] = lambda method, side: None  # told "before" and "after" each forwarding
        self.calls: list[str] = []
        self.sent: list[str] = []  # every transaction that was handed in, accepted or not
        self.broken = 0

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        app = web.Application()
        app.router.add_post("/", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        question = await request.json()
        method = question["method"]
        self.calls.append(method)
        if method == "eth_sendRawTransaction":
            self.sent.append(question["params"][0])
        queue = self.faults[method]
        fault = queue.pop(0) if queue else self.choose(method)
        self.broken += fault is not None
        self.at(method, "before")
        silent = fault in SILENT or (isinstance(fault, Says) and not fault.forward)
        answer = {} if silent else await self._forward(question)
        self.at(method, "after")
        return await self._reply(request, question, answer, fault)

    async def _forward(self, question: Any) -> Any:
        async with self._session.post(self.target, json=question) as response:
            return await response.json()

    async def _reply(self, request: web.Request, question: Any, answer: Any, fault: Fault | None) -> web.StreamResponse:
        if fault in (LOST, UNHEARD):
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if fault == TOO_MANY:
            return web.Response(status=429, headers={"Retry-After": "1"})
        if fault == UNAVAILABLE:
            return web.Response(status=503, text="unavailable")
        if fault == GARBAGE:
            return web.Response(text="<html>try again</html>", content_type="application/json")
        if fault == HALF:
            body = json.dumps(answer).encode()
            return web.Response(body=body[: len(body) // 2], content_type="application/json")
        if fault == DELAYED:
            await asyncio.sleep(LATE)
        if isinstance(fault, Says):
            answer = {"jsonrpc": "2.0", "id": question["id"], "error": {"code": -32000, "message": fault.message}}
        if isinstance(fault, Rewrites) and "result" in answer:
            answer = {**answer, "result": fault.change(answer["result"])}
        return web.json_response(answer)
