"""DefiLlama: yields and depth of pools, and prices of coins by their address.

``GET https://yields.llama.fi/pools`` and ``/chart/<pool>``, ``GET https://coins.llama.fi/chart/<coin>``; keyless. Pools
are sampled about hourly and what a chart says of a time is taken as published an hour after it.
Source: https://defillama.com/docs/api
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

from bot.core.observation import Observation
from bot.signals.sources.options import NameOf, Names, SourceOptions
from bot.signals.sources.rows import (
    Iso,
    Level,
    MaybeLevel,
    Name,
    Row,
    Second,
    document,
    listed,
    member,
    over,
    refusal,
    rows,
)
from bot.signals.sources.source import Ask, Page, Parsed, stretches

LAG: Final = 3_600  # seconds
_DAY: Final = 86_400
_SPAN: Final = 100  # days of one answer


class YieldOptions(SourceOptions):
    base_url: str = Field(default="https://yields.llama.fi", description="the interface of yields")
    most_bytes: int = Field(default=64_000_000, ge=1_000, le=1_000_000_000, description="of a body, decompressed")
    projects: Names = Field(default=(), description="protocols of which every pool is taken as it is now")
    pools: NameOf = Field(default={}, description="pools whose history is fetched: our name -> DefiLlama's id")


class PriceOptions(SourceOptions):
    base_url: str = Field(default="https://coins.llama.fi", description="the interface of prices")
    coins: NameOf = Field(min_length=1, description="our name -> `ethereum:0x…` or `coingecko:<id>`")
    confidence: float = Field(default=0.8, ge=0, le=1, description="below it a price is not taken")


class _Pool(Row):
    pool: Name
    chain: Name
    project: Name
    symbol: Name
    tvl: Level = Field(alias="tvlUsd")
    apy: MaybeLevel = None


class _Sample(Row):
    timestamp: Iso
    tvl: MaybeLevel = Field(alias="tvlUsd")
    apy: MaybeLevel


class _Price(Row):
    timestamp: Second
    price: Level = Field(gt=0)


class DefiLlamaYields:
    """Pools as they are now, by project, and the history of single ones."""

    Options = YieldOptions

    def __init__(self, name: str, options: YieldOptions) -> None:
        self.kind = name
        self._options = options
        self._names = {pool: ours for ours, pool in options.pools.items()}

    def asks(self, since: int, now: int) -> tuple[Ask, ...]:
        base = self._options.base_url
        charts = [Ask(f"{base}/chart/{pool}", note=f"chart {ours}") for ours, pool in self._options.pools.items()]
        return (*([Ask(f"{base}/pools", note="pools")] if self._options.projects else []), *charts)

    def parse(self, page: Page) -> Parsed:
        raw = listed(self.kind, member(self.kind, document(self.kind, page), "data"), "data")
        return self._pools(page, raw) if page.ask.note == "pools" else self._chart(page, raw)

    def _pools(self, page: Page, raw: list[Any]) -> Parsed:
        wanted = [each for each in raw if not isinstance(each, dict) or each.get("project") in self._options.projects]
        fit, refused = rows(self.kind, _Pool, wanted, lambda row: row["pool"], page.received_at)
        seen = page.received_at
        return Parsed(
            tuple(
                Observation(f"defillama_{name}", f"{row.project}/{row.symbol}@{row.chain}", row.pool, value, seen, seen)
                for row in fit
                for name, value in (("tvl_usd", row.tvl), ("apy_percent", row.apy))
                if value is not None
            ),
            refused=tuple(refused),
        )

    def _chart(self, page: Page, raw: list[Any]) -> Parsed:
        ours, seen = page.ask.note.removeprefix("chart "), page.received_at
        fit, refused = rows(self.kind, _Sample, raw, lambda _: ours, seen)
        sampled, early = over(self.kind, "timestamp", fit, lambda _: ours, lambda row: row.timestamp, seen)
        pool = page.ask.url.rpartition("/")[2]
        return Parsed(
            tuple(
                Observation(f"defillama_{name}", ours, pool, value, row.timestamp, min(seen, row.timestamp + LAG))
                for row in sampled
                for name, value in (("tvl_usd", row.tvl), ("apy_percent", row.apy))
                if value is not None
            ),
            refused=(*refused, *early),
        )


class DefiLlamaPrices:
    """Daily prices of coins, in stretches of a hundred days that are asked for once."""

    Options = PriceOptions

    def __init__(self, name: str, options: PriceOptions) -> None:
        self.kind = name
        self._options = options

    def asks(self, since: int, now: int) -> tuple[Ask, ...]:
        found = []
        for ours, coin in self._options.coins.items():
            for start, until in stretches(since, now, _SPAN * _DAY, LAG):
                params = (("start", str(start)), ("span", str(_SPAN)), ("period", "1d"))
                url = f"{self._options.base_url}/chart/{coin}"
                found.append(Ask(url, params, note=f"coin {ours}", thread=ours, until=until))
        return tuple(found)

    def parse(self, page: Page) -> Parsed:
        """A coin that is not known is an empty answer, as the interface has it."""
        ours, seen = page.ask.note.removeprefix("coin "), page.received_at
        coins = member(self.kind, document(self.kind, page), "coins")
        coin = self._options.coins.get(ours, "")
        if not isinstance(coins, dict) or not coins:
            return Parsed(refused=(refusal(self.kind, "coins", ours, "is not known", coins, seen),))
        found = member(self.kind, coins, coin if coin in coins else next(iter(coins)))
        sure = member(self.kind, found, "confidence")
        if isinstance(sure, bool) or not isinstance(sure, int | float) or not sure >= self._options.confidence:
            reason = f"below {self._options.confidence:g}: a thin market, or another coin's name"
            return Parsed(refused=(refusal(self.kind, "confidence", ours, reason, sure, seen),))
        raw = listed(self.kind, member(self.kind, found, "prices"), "prices")
        fit, refused = rows(self.kind, _Price, raw, lambda _: ours, seen)
        priced, early = over(self.kind, "timestamp", fit, lambda _: ours, lambda row: row.timestamp, seen)
        observations = tuple(
            Observation("defillama_price_usd", ours, coin, row.price, row.timestamp, min(seen, row.timestamp + LAG))
            for row in priced
        )
        return Parsed(observations, refused=(*refused, *early))
