"""CoinGecko: coins of a category as they are now, the history of single ones, and collections of pieces.

``GET /coins/markets``, ``/coins/<id>/market_chart`` and ``/nfts/<id>``; keyless at a handful of requests a minute, with
a free key at 30 (`key_header: x-cg-demo-api-key`). A chart's value is taken as published ten minutes after its time:
"the last completed UTC day is available 10 minutes after midnight". Some of its nulls are the text "null".
Source: https://docs.coingecko.com/
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

from bot.core.observation import Observation, RefusedRow
from bot.errors import SourceDrift
from bot.signals.sources.options import Names, SourceOptions
from bot.signals.sources.rows import (
    Iso,
    Level,
    MaybeLevel,
    Millisecond,
    Name,
    Row,
    document,
    listed,
    member,
    over,
    positional,
    rows,
)
from bot.signals.sources.source import Ask, Page, Parsed

LAG: Final = 600  # seconds
_PER_PAGE: Final = 250
_CHARTS: Final = {"prices": "price_usd", "market_caps": "market_cap_usd", "total_volumes": "volume_usd"}


class CoinGeckoOptions(SourceOptions):
    base_url: str = Field(default="https://api.coingecko.com/api/v3", description="the interface")
    requests: int = Field(default=5, ge=1, le=10_000, description="at most so many requests per `per`")
    key_header: str = Field(default="x-cg-demo-api-key", description="the header of a key, which is not needed")
    categories: Names = Field(default=(), description="such as artificial-intelligence: its coins as they are now")
    coins: Names = Field(default=(), description="single coins as they are now, by CoinGecko's id")
    history: Names = Field(default=(), description="coins whose last `days` are fetched")
    days: int = Field(default=365, ge=1, le=365, description="of history; keyless no more than a year")
    nfts: Names = Field(default=(), description="collections as they are now, by CoinGecko's id")


class _Market(Row):
    id: Name
    price: Level = Field(alias="current_price", gt=0)
    cap: MaybeLevel = Field(alias="market_cap")
    volume: MaybeLevel = Field(alias="total_volume")
    updated: Iso = Field(alias="last_updated")


class _Point(Row):
    time: Millisecond
    value: MaybeLevel


class _Money(Row):
    usd: MaybeLevel


class _Collection(Row):
    id: Name
    address: Name = Field(alias="contract_address")
    floor: _Money = Field(alias="floor_price")
    cap: _Money = Field(alias="market_cap")
    volume: _Money = Field(alias="volume_24h")
    holders: MaybeLevel = Field(default=None, alias="number_of_unique_addresses")
    sales: MaybeLevel = Field(default=None, alias="one_day_sales")


class CoinGecko:
    """Coins and collections. Prices are in US dollars."""

    Options = CoinGeckoOptions

    def __init__(self, name: str, options: CoinGeckoOptions) -> None:
        self.kind = name
        self._options = options

    def asks(self, since: int, now: int) -> tuple[Ask, ...]:
        base, days = self._options.base_url, str(self._options.days)
        chosen = [("category", each) for each in self._options.categories]
        chosen += [("ids", ",".join(self._options.coins))] if self._options.coins else []
        return (
            *(self._market(name, value, 1) for name, value in chosen),
            *(
                Ask(f"{base}/coins/{coin}/market_chart", (("vs_currency", "usd"), ("days", days)), note=f"chart {coin}")
                for coin in self._options.history
            ),
            *(Ask(f"{base}/nfts/{each}", note=f"collection {each}") for each in self._options.nfts),
        )

    def parse(self, page: Page) -> Parsed:
        found, what = document(self.kind, page), page.ask.note.partition(" ")[0]
        if what == "chart":
            return self._chart(page, found)
        return self._collection(page, found) if what == "collection" else self._markets(page, found)

    def _market(self, name: str, value: str, number: int) -> Ask:
        paging = (("per_page", str(_PER_PAGE)), ("page", str(number)))
        params = (("vs_currency", "usd"), (name, value), ("order", "market_cap_desc"), *paging)
        return Ask(f"{self._options.base_url}/coins/markets", params, note=f"markets {name}={value[:40]}")

    def _markets(self, page: Page, found: Any) -> Parsed:
        raw, seen = listed(self.kind, found), page.received_at
        fit, refused = rows(self.kind, _Market, raw, lambda row: row["id"], seen)
        told, early = over(self.kind, "last_updated", fit, lambda row: row.id, lambda row: row.updated, seen)
        observations = tuple(
            Observation(f"coingecko_{name}", row.id, row.id, value, row.updated, seen)
            for row in told
            for name, value in (("price_usd", row.price), ("market_cap_usd", row.cap), ("volume_usd", row.volume))
            if value is not None
        )
        params = dict(page.ask.params)
        name = "category" if "category" in params else "ids"
        more = len(raw) == _PER_PAGE and name in params
        following = (self._market(name, params[name], int(params["page"]) + 1),) if more else ()
        return Parsed(observations, (), (*refused, *early), following)

    def _chart(self, page: Page, found: Any) -> Parsed:
        coin, seen = page.ask.note.partition(" ")[2], page.received_at
        observations: list[Observation] = []
        refused: list[RefusedRow] = []
        for field, name in _CHARTS.items():
            raw = positional(("time", "value"), listed(self.kind, member(self.kind, found, field), field))
            fit, unfit = rows(self.kind, _Point, raw, lambda _: coin, seen)
            told, early = over(self.kind, field, fit, lambda _: coin, lambda row: row.time, seen)
            refused += [*unfit, *early]
            observations += [
                Observation(f"coingecko_{name}", coin, coin, row.value, row.time, min(seen, row.time + LAG))
                for row in told
                if row.value is not None
            ]
        return Parsed(tuple(observations), refused=tuple(refused))

    def _collection(self, page: Page, found: Any) -> Parsed:
        seen = page.received_at
        (row,), _ = rows(self.kind, _Collection, [found], lambda each: each["id"], seen)
        asked = page.ask.note.partition(" ")[2]
        if row.id != asked:
            raise SourceDrift(f"{self.kind}: id: {asked} was asked for, the answer is of {row.id}")
        levels = {
            "floor_usd": row.floor.usd,
            "market_cap_usd": row.cap.usd,
            "volume_usd": row.volume.usd,
            "holders": row.holders,
            "sales_1d": row.sales,
        }
        return Parsed(
            tuple(
                Observation(f"coingecko_nft_{name}", row.id, row.address.lower(), value, seen, seen)
                for name, value in levels.items()
                if value is not None
            )
        )
