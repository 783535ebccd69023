"""The devnet's market: one transaction in one block per step, written down from what the chain says."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_abi.abi import decode
from eth_utils.crypto import keccak

from bot.chain.devnet.batch import Transaction, mine
from bot.chain.multicall import call_data
from bot.chain.rpc import Rpc, quantity
from bot.core.mirror import MirrorStep
from bot.core.universe import Universe
from bot.errors import ChainError

STEP = "step((address,int256[],uint160,uint160)[])"
_STEPPED = "0x" + keccak(text="Stepped(address,uint160)").hex()
_SWAP = "0x" + keccak(text="Swap(address,address,int256,int256,uint160,uint128,int24)").hex()
_SWAP_TYPES = ("int256", "int256", "uint160", "uint128", "int24")
_STEP_TYPES = ("(address,int256[],uint160,uint160)[]",)


class MarketLog:
    """`mirror.jsonl`: what each step did, one line per pool. Rebuilt from the chain where lines are missing.

    Each line holds at, block, venue, noise, low, high, sqrt_price and swaps; integers beyond 2^53 are strings.
    """

    def __init__(self, path: Path, universe: Universe, maker: str) -> None:
        self._path, self._maker = path, maker
        self._venues = {venue.pool.lower(): venue.id for venue in universe.risky}
        self.done: set[int] = set()  # unix seconds of the steps written down

    async def repair(self, rpc: Rpc, since: int) -> None:
        """Reads the file and adds each step since block `since` that it lacks, as after a crash between the two."""
        text = self._path.read_text(encoding="utf-8") if self._path.exists() else ""
        kept = [entry for entry in map(_entry, text.splitlines(keepends=True)) if entry is not None]
        where = {"address": self._maker, "topics": [_STEPPED], "fromBlock": hex(since), "toBlock": "latest"}
        logs = await rpc.request("eth_getLogs", [where])
        counts = Counter(quantity(log["blockNumber"]) for log in logs)
        written = Counter(entry.block for entry in kept)
        whole = {block for block, count in written.items() if counts[block] == count}
        lines = "".join(entry.line for entry in kept if entry.block in whole)
        if lines != text:
            self._path.write_text(lines, encoding="utf-8")
        self.done = {entry.at for entry in kept if entry.block in whole}
        for block in sorted(counts.keys() - whole):
            await self._restore(rpc, block)

    def write(self, at: int, transaction: Mapping[str, Any], receipt: Mapping[str, Any]) -> None:
        """Appends the lines of one step. Raises ChainError for a pool that ended outside its band."""
        (steps,) = decode(_STEP_TYPES, bytes.fromhex(transaction["input"][10:]))
        ends = _ends(receipt["logs"])
        block = quantity(receipt["blockNumber"])
        lines = []
        for pool, noise, low, high in steps:
            venue = self._venues.get(pool.lower(), pool)
            price = ends[pool.lower()]
            if not low <= price <= high:
                raise ChainError(f"{venue}: the market maker left the price at {price}, outside {low}..{high}")
            entry = {
                "at": at,
                "block": block,
                "venue": venue,
                "noise": [str(amount) for amount in noise],
                "low": str(low),
                "high": str(high),
                "sqrt_price": str(price),
                "swaps": _swaps(receipt["logs"], pool),
            }
            lines.append(json.dumps(entry, separators=(",", ":")) + "\n")
        with self._path.open("a", encoding="utf-8") as file:
            file.write("".join(lines))
        self.done.add(at)

    async def _restore(self, rpc: Rpc, block: int) -> None:
        whole = await rpc.request("eth_getBlockByNumber", [hex(block), True])
        for transaction in whole["transactions"]:
            if (transaction["to"] or "").lower() == self._maker.lower():
                receipt = await rpc.request("eth_getTransactionReceipt", [transaction["hash"]])
                if any(log["topics"][0] == _STEPPED for log in receipt["logs"]):
                    self.write(quantity(whole["timestamp"]), transaction, receipt)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One whole line of the log."""

    at: int
    block: int
    line: str


def _entry(line: str) -> _Entry | None:
    """The line, None for one that a crash cut short: its step is written again."""
    try:
        document = json.loads(line)
        return _Entry(document["at"], document["block"], line) if line.endswith("\n") else None
    except (ValueError, KeyError, TypeError):
        return None


async def step(
    rpc: Rpc,
    log: MarketLog,
    owner: str,
    maker: str,
    universe: Universe,
    at: int | None,
    steps: Sequence[MirrorStep],
) -> None:
    """Carries out `steps` as one transaction in one block, at unix second `at` if given, and writes it down.

    Raises Reverted, or ChainError when a pool ended outside its band.
    """
    packed = [(universe[move.venue].pool, list(move.noise), move.low_sqrt_x96, move.high_sqrt_x96) for move in steps]
    swaps = sum(1 + len(move.noise) for move in steps)
    data = call_data(STEP, (packed,))
    gas = 500_000 + 600_000 * swaps  # a swap costs about 100 000, more when the price crosses many bitmap words
    (receipt,) = await mine(rpc, [Transaction(owner, maker, data, gas, "the market step")], at)
    block = await rpc.request("eth_getBlockByNumber", [receipt["blockNumber"], False])
    log.write(quantity(block["timestamp"]), {"input": "0x" + data.hex()}, receipt)


def _ends(logs: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Pool (lower case) -> square root price after its step, from the market maker's events."""
    stepped = (log for log in logs if log["topics"][0] == _STEPPED)
    return {"0x" + log["topics"][1][-40:]: int(log["data"], 16) for log in stepped}


def _swaps(logs: Sequence[Mapping[str, Any]], pool: str) -> list[dict[str, str | int]]:
    """The pool's swaps in order: amounts from the pool's point of view, then its state."""
    found: list[dict[str, str | int]] = []
    for log in logs:
        if log["topics"][0] == _SWAP and log["address"].lower() == pool.lower():
            amount0, amount1, price, _, tick = decode(_SWAP_TYPES, bytes.fromhex(log["data"][2:]))
            found.append({"amount0": str(amount0), "amount1": str(amount1), "sqrt_price": str(price), "tick": tick})
    return found
