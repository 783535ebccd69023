"""The market and what we hold, all of it at one pinned block."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils.crypto import keccak

from bot.chain.kinds import KindReader
from bot.chain.multicall import Call, aggregate
from bot.chain.rpc import Rpc, quantity
from bot.chain.ticks import TickMap, Wanted, read_ticks
from bot.chain.vault_state import need, vault_calls, with_vault
from bot.core.amm.concentrated import Pool
from bot.core.market import Market
from bot.core.postings import NATIVE
from bot.core.universe import OFFERED, Universe, Venue
from bot.errors import ChainError

_SLOT0 = ("uint160", "int24", "uint16", "uint16", "uint16", "uint8", "bool")
_LIQUIDITY_EVENTS = [
    "0x" + keccak(text=event).hex()
    for event in (
        "Mint(address,address,int24,int24,uint128,uint256,uint256)",
        "Burn(address,int24,int24,uint128,uint256,uint256)",
    )
]
_ATTEMPTS = 3  # a head that is reorganised away while we read it is read again


@dataclass(frozen=True, slots=True)
class Head:
    """A block's header: what everything of one reading is pinned to."""

    number: int
    hash: str
    time: int


class ChainReader:
    """Reads the vault and the pools of a universe whose tokens, pools and adapters are known."""

    def __init__(self, rpc: Rpc, universe: Universe, vault: str, keeper: str = "", anchorer: str = "") -> None:
        """`vault`: empty where there is none: pools only, nothing held. The others: whose wei `balances` tells."""
        self._rpc, self._universe, self._vault = rpc, universe, vault
        self._payers = {name: address for name, address in (("keeper", keeper), ("anchorer", anchorer)) if address}
        self._maps: dict[str, TickMap] = {}  # venue id -> ticks; they change only when liquidity does
        self._kinds = KindReader(rpc, universe)
        self._pooled = [venue for venue in universe.risky if venue.kind not in OFFERED]
        self.told = self._kinds.told

    async def market(self) -> Market:
        """Pools and holdings at the newest block. A venue whose pool does not answer is missing from `pools`.

        Raises ChainError: the node, a vault that does not answer, a chain that keeps being reorganised under us.
        """
        for _ in range(_ATTEMPTS):
            head = await head_of(self._rpc)
            of_pools = self._pool_calls()
            calls = of_pools + vault_calls(self._vault, self._universe)
            answers, events = await asyncio.gather(
                aggregate(self._rpc, calls, hex(head.number)), self._liquidity_events(head)
            )
            pools = await self._pools(head, answers[: len(of_pools)], events)
            market = await self._market(head, answers[len(of_pools) :], pools)
            if (await head_of(self._rpc, head.number)).hash == head.hash:
                return market
            self._maps.clear()  # what was read may belong to a block that is no more
        raise ChainError(f"{self._rpc.host}: the newest block was replaced {_ATTEMPTS} times while it was read")

    async def balances(self, block: int | None = None) -> dict[tuple[str, str], int]:
        """What the chain says we own at `block` (default: the newest), keyed by (account, token) as postings are.

        Idle money, units of each venue, and the native balances in wei of those who pay for gas. Raises ChainError.
        """
        at = hex((await head_of(self._rpc)).number if block is None else block)
        calls = [Call(self._vault, "idle()")]
        calls += [Call(venue.adapter, "position()") for venue in self._universe.risky]
        answers = await aggregate(self._rpc, calls, at)
        found = {("idle", self._universe.money.address): need(answers[0], "the vault")[0]}
        for venue, answer in zip(self._universe.risky, answers[1:], strict=True):
            found["venue:" + venue.id, venue.unit.address] = need(answer, f"{venue.id}'s adapter")[0]
        for name, address in self._payers.items():
            found[name, NATIVE] = quantity(await self._rpc.request("eth_getBalance", [address, at]))
        return found

    def _pool_calls(self) -> list[Call]:
        calls = []
        for venue in self._pooled:
            calls += [Call(venue.pool, "slot0()", (), _SLOT0), Call(venue.pool, "liquidity()", (), ("uint128",))]
        return calls

    async def _liquidity_events(self, head: Head) -> list[Mapping[str, Any]]:
        """Mints and burns after the oldest map we keep."""
        if not self._maps:
            return []
        since = min(known.block for known in self._maps.values()) + 1
        if since > head.number:
            return []
        pools = [venue.pool for venue in self._pooled]
        where = {
            "address": pools,
            "topics": [_LIQUIDITY_EVENTS],
            "fromBlock": hex(since),
            "toBlock": hex(head.number),
        }
        return list(await self._rpc.request("eth_getLogs", [where]))

    async def _pools(
        self, head: Head, answers: Sequence[tuple[Any, ...] | None], events: Sequence[Mapping[str, Any]]
    ) -> dict[str, Pool]:
        changed = {(log["address"].lower(), quantity(log["blockNumber"])) for log in events}
        states: dict[str, tuple[int, int, int]] = {}
        stale: list[tuple[Venue, Wanted]] = []
        for venue, slot0, liquidity in zip(self._pooled, answers[::2], answers[1::2], strict=True):
            if slot0 is None or liquidity is None or slot0[0] == 0:
                continue
            price, tick = slot0[0], slot0[1]
            states[venue.id] = (price, tick, liquidity[0])
            known = self._maps.get(venue.id)
            if known is not None and known.block <= head.number and known.covers(tick, venue.tick_spacing):
                fresh = not any(pool == venue.pool.lower() and block > known.block for pool, block in changed)
                if fresh:
                    continue
            stale.append((venue, Wanted(venue.pool, tick, venue.tick_spacing)))
        if stale:
            maps = await read_ticks(self._rpc, [want for _, want in stale], head.number)
            for (venue, _), read in zip(stale, maps, strict=True):
                self._maps.pop(venue.id, None)
                if read is not None:
                    self._maps[venue.id] = read
        return {
            venue.id: _pool(venue, states[venue.id], self._maps[venue.id])
            for venue in self._pooled
            if venue.id in states and venue.id in self._maps
        }

    async def _market(self, head: Head, answers: Sequence[tuple[Any, ...] | None], pools: Mapping[str, Pool]) -> Market:
        bare = Market(self._rpc.chain_id, head.number, head.hash, head.time, pools, units={}, idle=0, nonce=0)
        return await self._kinds.complete(with_vault(bare, self._universe, answers)) if self._vault else bare


async def head_of(rpc: Rpc, number: int | None = None) -> Head:
    """The newest block's header, or that of block `number`. Raises ChainError when the node lacks it."""
    block = await rpc.request("eth_getBlockByNumber", ["latest" if number is None else hex(number), False])
    if block is None:
        return Head(-1, "", 0)  # replaced by a shorter chain: no hash equals this one
    return Head(quantity(block["number"]), block["hash"], quantity(block["timestamp"]))


def _pool(venue: Venue, state: tuple[int, int, int], known: TickMap) -> Pool:
    price, tick, liquidity = state
    return Pool(
        sqrt_price_x96=price,
        tick=tick,
        liquidity=liquidity,
        fee_pips=venue.fee_pips,
        tick_spacing=venue.tick_spacing,
        ticks=known.ticks,
        known_lower=known.lower,
        known_upper=known.upper,
        gross=known.gross,
    )
