"""Parsers on real answers, where the recordings are at hand; each test says what it still holds without them.

The recordings stay where they are: nothing of them is in the project. CoinGecko's are byte for byte what the interface
said (lists cut short by their recorder). Starscreener's are not: their recorder gave fields other names, and the Hub's
`_id` is not among them; here they get their old names back, and an `_id` of our own.
"""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from bot.signals.sources.coingecko import CoinGecko
from bot.signals.sources.huggingface import HuggingFace
from bot.signals.sources.source import Parsed
from tests.signals.sources.pages import made, page
from tests.signals.sources.server import answer

SHARED = Path(os.environ.get("PATRON_SHARED_DATA") or Path(__file__).parents[4] / "shared/data")
RECORDED = SHARED / "coingecko_recorded"
SCREENED = SHARED / "starscreener"
SEEN = 1_735_689_600  # after all of them: 2025-01-01
SCREENED_AT = 1_777_900_000  # 2026-05-04


def recorded(name: str, made_by_hand: str) -> bytes:
    """The recording, or, where there is none, the answer made by hand."""
    file = RECORDED / f"{name}_response.json"
    return file.read_bytes() if file.exists() else answer(made_by_hand)


def coingecko(note: str, body: bytes) -> Parsed:
    source = made(CoinGecko, categories=["ai"], history=["bitcoin"], nfts=["bored-ape-yacht-club", "cryptopunks"])
    asks = source.asks(0, SEEN)
    return source.parse(page(next(ask for ask in asks if ask.note == note), body, seen=SEEN))


def test_recorded_markets_are_read_whole() -> None:
    body = recorded("coins_markets", "coingecko_markets")
    parsed = coingecko("markets category=ai", body)
    told = [row for row in json.loads(body) if row["current_price"] is not None]
    prices = {row.topic: row.value for row in parsed.observations if row.series == "coingecko_price_usd"}
    assert prices == {row["id"]: float(row["current_price"]) for row in told}
    assert len(parsed.refused) == len(json.loads(body)) - len(told)
    assert all(row.observed_at < row.published_at == SEEN for row in parsed.observations)


@pytest.mark.parametrize("name", ["coins_id_market_chart", "coins_id_market_chart_range"])
def test_recorded_charts_are_read_whole(name: str) -> None:
    body = recorded(name, "coingecko_chart")
    parsed = coingecko("chart bitcoin", body)
    prices = {row.observed_at: row.value for row in parsed.observations if row.series == "coingecko_price_usd"}
    assert prices == {int(at) // 1000: float(value) for at, value in json.loads(body)["prices"]}
    assert {row.series for row in parsed.observations} == {
        "coingecko_price_usd",
        "coingecko_market_cap_usd",
        "coingecko_volume_usd",
    }
    assert all(row.published_at == row.observed_at + 600 for row in parsed.observations)
    assert not parsed.refused


@pytest.mark.parametrize(("name", "collection"), [("nfts_id", "bored-ape-yacht-club"), ("cryptopunks", "cryptopunks")])
def test_recorded_collections_are_read(name: str, collection: str) -> None:
    by_hand = answer("coingecko_collection").replace(b"painted-ones", collection.encode())
    file = RECORDED / f"{name}_response.json"
    body = file.read_bytes() if file.exists() else by_hand
    told = json.loads(body)
    parsed = coingecko(f"collection {collection}", body)
    found = {row.series: row.value for row in parsed.observations}
    assert found["coingecko_nft_floor_usd"] == told["floor_price"]["usd"]
    holders = told["number_of_unique_addresses"]
    assert found.get("coingecko_nft_holders") == (None if holders == "null" else holders)  # the text, of some
    assert {row.entity for row in parsed.observations} == {told["contract_address"].lower()}


def screened() -> list[dict[str, Any]]:
    """Models as the Hub would have listed them; a handful of made-up ones where there is no recording."""
    file = SCREENED / "huggingface-trending.json.gz"
    if file.exists():
        models = json.loads(gzip.decompress(file.read_bytes()))["models"]
    else:
        models = [{"id": f"studio/m{n}", "downloads": n, "likes": n, "trendingScore": 1} for n in range(50)]
    return [{**row, "_id": f"{number:024x}"} for number, row in enumerate(models)]


def test_a_recorded_listing_of_the_hub_is_read_whole_once_its_fields_have_their_names_again() -> None:
    source = made(HuggingFace)
    (ask,) = source.asks(0, SCREENED_AT)
    models = screened()
    parsed = source.parse(page(ask, json.dumps(models).encode(), seen=SCREENED_AT))
    likes = {row.topic: row.value for row in parsed.observations if row.series == "hf_model_likes"}
    assert likes == {row["id"]: float(row["likes"]) for row in models}
    assert not parsed.refused
    created = [row.value for row in parsed.observations if row.series == "hf_model_created"]
    assert all(value < SCREENED_AT for value in created)
