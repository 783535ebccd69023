"""The chain as a source of signals: hourly flows of pools, collections, sales, media and their revenue.

An hour is counted once a block after it is as deep as a reorganisation never reaches; the unconfirmed tip is left out.
It is taken as published `lag` after its end. An hour without events is a zero, from the contract's birth on.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncGenerator, Mapping
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator, model_validator

from bot.chain.block_times import BlockClock, times_of
from bot.chain.log_flows import FLOWS, HOUR, IN_MONEY, Watched, What, flows, topics_of
from bot.chain.logs import logs_between
from bot.chain.multicall import Call, read
from bot.chain.pool_events import read_facts
from bot.chain.pool_logs import CONFIRMATIONS, DEVNET_CHAIN, creation_block
from bot.chain.rpc import Rpc, host_of, quantity
from bot.config_venues import Model
from bot.core.observation import Observation, RefusedRow
from bot.core.units import ZERO_ADDRESS
from bot.errors import ChainError, Reverted, SecretError
from bot.quantity import SecondsField
from bot.signals.sources.options import SourceOptions
from bot.signals.sources.source import Get, Parsed, Portion

_DAY: Final = 86_400
_NATIVE_DECIMALS: Final = 18
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise ValueError("expected an address: 0x and 40 hexadecimal digits")
    return value.lower()


class WatchOptions(Model):
    """One contract."""

    what: What = Field(description="a Uniswap V3 pool, an ERC-721 collection, sales on Seaport, our media or revenue")
    address: str = Field(description="of the contract; of Seaport for sales")
    quote: Literal["token0", "token1"] = Field(default="token1", description="which token of a pool is the money")
    collection: str | None = Field(default=None, description="whose sales are counted")
    money: str | None = Field(default=None, description="the token of payments; the chain's own coin for sales")

    @field_validator("address", "collection", "money")
    @classmethod
    def _addresses(cls, value: str | None) -> str | None:
        return value if value is None else _address(value)

    @model_validator(mode="after")
    def _sales_of_what(self) -> WatchOptions:
        if (self.what == "sales") != (self.collection is not None):
            raise ValueError("collection: is said for sales, and for nothing else")
        return self


class OnChainOptions(SourceOptions):
    base_url: str = Field(default="https://ethereum-rpc.publicnode.com", description="a node")
    url_env: str | None = Field(
        default=None, pattern=r"^[A-Z][A-Z0-9_]*$", description="environment variable with a node's address and key"
    )
    chain_id: int = Field(default=1, ge=1, description="the chain that the node must speak for")
    confirmations: int | None = Field(default=None, ge=0, description="blocks that count as final; 64, devnet 0")
    lag: SecondsField = Field(default="15min", validate_default=True, description="until an hour is known for sure")
    watch: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")], WatchOptions] = Field(
        min_length=1, description="contracts, by a name of your own"
    )


class OnChain:
    """Hourly flows of contracts on one chain."""

    Options = OnChainOptions

    def __init__(self, name: str, options: OnChainOptions) -> None:
        self.kind = name
        self._options = options

    async def read(self, get: Get, since: int, now: int, known: Mapping[str, int]) -> AsyncGenerator[Portion, None]:
        """A day of one contract after the other. Raises ChainError, SecretError."""
        async with await Rpc.connect(self._url(), self._options.chain_id) as rpc:
            last = quantity(await rpc.request("eth_blockNumber")) - self._depth(rpc)
            if last < 0:
                return
            clock = BlockClock(rpc, last)
            end = await clock.time_of(last) // HOUR * HOUR
            for name, asked in self._options.watch.items():
                born = await clock.time_of(min(last, max(1, await creation_block(rpc, asked.address, last))))
                start = max(since // HOUR * HOUR, born // HOUR * HOUR, known.get(name, 0))
                if start >= end:
                    continue
                watched, decimals = await self._watched(rpc, asked, hex(last))
                while start < end:
                    stop = min(start // _DAY * _DAY + _DAY, end)
                    parsed = await self._stretch(rpc, clock, name, watched, decimals, start, stop, now)
                    yield Portion(parsed, name, stop)
                    start = stop

    async def _stretch(
        self, rpc: Rpc, clock: BlockClock, name: str, watched: Watched, decimals: int, start: int, stop: int, now: int
    ) -> Parsed:
        first, past = await clock.first_at(start), await clock.first_at(stop)
        where = {"address": watched.address, "topics": [topics_of(watched.what)]}
        logs = await logs_between(rpc, where, first, past - 1) if past > first else []
        sums, unfit = flows(watched, logs, await times_of(rpc, logs))
        if 2 * len(unfit) > len(logs):
            raise ChainError(f"{self.kind}: {name}: {watched.address} is no {watched.what}: {unfit[0][1]}")
        entity = f"{rpc.chain_id}:{watched.address}"
        hours = range(start // HOUR, stop // HOUR)
        amounts = {(flow, "", hour): 0 for flow in FLOWS[watched.what] for hour in hours} | {
            place: amount for place, amount in sums.items() if place[2] in hours
        }
        observations = []
        for (flow, token, hour), amount in sorted(amounts.items()):
            ended = (hour + 1) * HOUR
            known = max(ended, min(now, ended + self._options.lag))
            topic, itself = (f"{name}/{token}", f"{entity}:{token}") if token else (name, entity)
            value = amount / 10**decimals if flow in IN_MONEY else float(amount)
            observations.append(Observation(f"onchain_{flow}_1h", topic, itself, value, ended, known))
        refused = tuple(RefusedRow(self.kind, "log", name, reason, place, now) for place, reason in unfit)
        return Parsed(tuple(observations), refused=refused)

    async def _watched(self, rpc: Rpc, asked: WatchOptions, block: str) -> tuple[Watched, int]:
        """What is counted, and the decimals of the money. Raises ChainError where the contract is another."""
        if asked.what == "pool":
            facts = await read_facts(rpc, asked.address, block)
            quote = 0 if asked.quote == "token0" else 1
            return Watched("pool", asked.address, quote), (facts.token0, facts.token1)[quote].decimals
        money = asked.money or ZERO_ADDRESS
        if asked.money is None and asked.what in ("media", "revenue"):
            try:
                (told,) = await read(rpc, Call(asked.address, "money()", (), ("address",)), block)
            except Reverted:
                problem = f"{asked.address} does not tell its money: say it in money, if it is {asked.what} at all"
                raise ChainError(f"{self.kind}: {problem}") from None
            money = str(told).lower()
        decimals = _NATIVE_DECIMALS
        if money != ZERO_ADDRESS:
            (decimals,) = await read(rpc, Call(money, "decimals()", (), ("uint8",)), block)
        return Watched(asked.what, asked.address, collection=asked.collection or "", money=money), decimals

    def _depth(self, rpc: Rpc) -> int:
        told = self._options.confirmations
        return told if told is not None else 0 if rpc.chain_id == DEVNET_CHAIN else CONFIRMATIONS

    def _url(self) -> str:
        """Raises SecretError naming the variable, and nothing of its content."""
        if self._options.url_env is None:
            return self._options.base_url
        url = os.environ.get(self._options.url_env, "").strip()
        try:
            host_of(url)
        except ChainError:
            raise SecretError(f"{self.kind}: {self._options.url_env} holds no address of a node") from None
        return url
