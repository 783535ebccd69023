"""DefiLlama, CoinGecko and GeckoTerminal on answers made by hand (see answers/README.md)."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from bot.core.observation import Bar, Observation
from bot.errors import SourceDrift
from bot.signals.sources.coingecko import CoinGecko
from bot.signals.sources.defillama import DefiLlamaPrices, DefiLlamaYields
from bot.signals.sources.geckoterminal import GeckoTerminal
from bot.signals.sources.source import Parsed
from tests.signals.sources.pages import SEEN, asked, made, page
from tests.signals.sources.server import answer

DAY, HOUR = 86_400, 3_600
AUGUST = 1_722_470_400
POOL = "747c1d2a-c668-4682-b9f9-296708a3dd90"


def changed(name: str, *places: Any, to: Any) -> bytes:
    """An answer with one value replaced."""
    document = json.loads(answer(name))
    at = document
    for place in places[:-1]:
        at = at[place]
    at[places[-1]] = to
    return json.dumps(document).encode()


def rows_of(parsed: Parsed) -> list[tuple[str, str, float]]:
    return [(row.series, row.topic, row.value) for row in parsed.observations]


def test_pools_of_a_project_are_read_and_no_others() -> None:
    source = made(DefiLlamaYields, projects=["lender"])
    parsed = source.parse(page(asked(source, "pools"), "defillama_pools"))
    assert rows_of(parsed) == [
        ("defillama_tvl_usd", "lender/USDC@Ethereum", 12_345_678.0),
        ("defillama_apy_percent", "lender/USDC@Ethereum", 3.1),
        ("defillama_tvl_usd", "lender/WETH@Base", 5_000.0),
    ]
    assert parsed.observations[0].entity == POOL
    assert not parsed.refused


def test_a_pools_history_is_known_an_hour_after_each_sample() -> None:
    source = made(DefiLlamaYields, pools={"lender-usdc": POOL})
    parsed = source.parse(page(asked(source, "chart"), "defillama_chart", seen=AUGUST + 4 * DAY))
    sampled = AUGUST + DAY - 59 * 60 + 11
    assert parsed.observations[:2] == (
        Observation("defillama_tvl_usd", "lender-usdc", POOL, 1_000_001.0, sampled, sampled + HOUR),
        Observation("defillama_apy_percent", "lender-usdc", POOL, 2.6, sampled, sampled + HOUR),
    )
    assert len(parsed.observations) == 8
    assert [row.reason for row in parsed.refused] == ["lies in the future"]


def test_prices_are_asked_for_in_stretches_of_which_only_the_last_may_change() -> None:
    source = made(DefiLlamaPrices, coins={"RENDER": "coingecko:render-token"})
    asks = source.asks(SEEN - 250 * DAY, SEEN)
    assert [dict(ask.params)["span"] for ask in asks] == ["100"] * len(asks)
    assert all(ask.until and ask.thread == "RENDER" for ask in asks[:-1])
    assert asks[-1].until == 0
    starts = [int(dict(ask.params)["start"]) for ask in asks]
    assert [ask.until for ask in asks[:-1]] == starts[1:]
    assert starts[0] <= SEEN - 250 * DAY
    later = source.asks(SEEN - 250 * DAY, SEEN + 7)
    assert asks == later


def test_prices_are_taken_where_their_source_is_sure() -> None:
    source = made(DefiLlamaPrices, coins={"RENDER": "coingecko:render-token"})
    ask = asked(source, "coin RENDER")
    parsed = source.parse(page(ask, "defillama_prices", seen=AUGUST + 90 * DAY))
    assert len(parsed.observations) == 9
    at = AUGUST + 37
    assert parsed.observations[0] == Observation(
        "defillama_price_usd", "RENDER", "coingecko:render-token", 5.5, at, at + HOUR
    )
    for unsure in (0.3, "high", None, True):
        body = changed("defillama_prices", "coins", "coingecko:render-token", "confidence", to=unsure)
        assert [row.field for row in source.parse(page(ask, body)).refused] == ["confidence"]
        assert not source.parse(page(ask, body)).observations
    assert [row.reason for row in source.parse(page(ask, b'{"coins": {}}')).refused] == ["is not known"]


def test_coins_of_a_category_are_read_as_of_their_own_last_update() -> None:
    source = made(CoinGecko, categories=["artificial-intelligence"])
    parsed = source.parse(page(asked(source, "markets"), "coingecko_markets"))
    at = SEEN - 30
    assert parsed.observations[0] == Observation("coingecko_price_usd", "render-token", "render-token", 5.5, at, SEEN)
    assert rows_of(parsed)[3:] == [("coingecko_price_usd", "silent-coin", 0.01)]
    assert [(row.field, row.asset) for row in parsed.refused] == [("current_price", "no-price")]


def test_a_full_page_of_coins_is_followed_by_the_next() -> None:
    source = made(CoinGecko, categories=["ai"], coins=["a", "b"])
    first, by_id = asked(source, "markets category=ai"), asked(source, "markets ids=a,b")
    row = json.loads(answer("coingecko_markets"))[0]
    full = json.dumps([{**row, "id": f"c{number}"} for number in range(250)]).encode()
    (second,) = source.parse(page(first, full)).following
    assert dict(second.params) == dict(first.params) | {"page": "2"}
    assert dict(source.parse(page(by_id, full)).following[0].params)["ids"] == "a,b"
    assert not source.parse(page(second, "coingecko_markets")).following


def test_a_collection_is_read_and_must_be_the_one_that_was_asked_for() -> None:
    source = made(CoinGecko, nfts=["painted-ones"])
    ask = asked(source, "collection")
    assert rows_of(source.parse(page(ask, "coingecko_collection"))) == [
        ("coingecko_nft_floor_usd", "painted-ones", 4_800.0),
        ("coingecko_nft_market_cap_usd", "painted-ones", 48_000_000.0),
        ("coingecko_nft_volume_usd", "painted-ones", 64_000.0),
        ("coingecko_nft_holders", "painted-ones", 5_612.0),
        ("coingecko_nft_sales_1d", "painted-ones", 14.0),
    ]
    with pytest.raises(SourceDrift, match="painted-ones was asked for, the answer is of other"):
        source.parse(page(ask, changed("coingecko_collection", "id", to="other")))
    with pytest.raises(SourceDrift, match=r"floor_price\.usd"):
        source.parse(page(ask, changed("coingecko_collection", "floor_price", "usd", to=-1)))


def test_bars_are_stamped_with_their_close_and_the_newest_is_not_over() -> None:
    source = made(GeckoTerminal, pools={"RENDER": "eth/0xabc"})
    ask = asked(source, "1h RENDER")
    parsed = source.parse(page(ask, "geckoterminal_ohlcv", seen=AUGUST + 24 * HOUR + 599))
    assert len(parsed.bars) == 23
    assert parsed.bars[0] == Bar(
        "geckoterminal", "RENDER", "1h", AUGUST + HOUR, 5.0, 5.2, 4.9, 5.1, 1_000.0, AUGUST + HOUR + 600
    )
    assert len(source.parse(page(ask, "geckoterminal_ohlcv", seen=AUGUST + 24 * HOUR + 600)).bars) == 24


@pytest.mark.parametrize(
    ("place", "value", "field"),
    [
        (0, AUGUST + 7, "time"),
        (0, AUGUST * 1000, "opened"),
        (2, 0.5, "close"),
        (3, 99.0, "close"),
        (4, -1.0, "close"),
        (1, 0.0, "open"),
        (5, float("nan"), "volume"),
        (5, None, "volume"),
    ],
)
def test_a_bar_that_cannot_be_is_refused_by_itself(place: int, value: object, field: str) -> None:
    source = made(GeckoTerminal, pools={"RENDER": "eth/0xabc"})
    body = changed("geckoterminal_ohlcv", "data", "attributes", "ohlcv_list", 5, place, to=value)
    parsed = source.parse(page(asked(source, "1h"), body, seen=AUGUST + 10 * DAY))
    assert len(parsed.bars) == 23
    assert [(row.field, row.asset) for row in parsed.refused] == [(field, "RENDER")]


def test_bars_are_asked_for_in_stretches_of_a_thousand() -> None:
    source = made(GeckoTerminal, pools={"RENDER": "eth/0xabc"}, bars=["1h", "1d"])
    asks = source.asks(SEEN - 100 * DAY, SEEN)
    hourly = [ask for ask in asks if ask.thread == "RENDER/1h"]
    ends = [int(dict(ask.params)["before_timestamp"]) for ask in hourly]
    assert [after - before for before, after in pairwise(ends)] == [1_000 * HOUR] * (len(ends) - 1)
    assert ends[0] - 1_000 * HOUR <= SEEN - 100 * DAY
    assert ends[-1] > SEEN
    assert [ask.until for ask in hourly] == [*ends[:-1], 0]
    assert sorted(dict(hourly[0].params)) == ["aggregate", "before_timestamp", "currency", "limit", "token"]
    assert len(hourly[0].params) == 5
    assert hourly[0].url == "https://api.geckoterminal.com/api/v2/networks/eth/pools/0xabc/ohlcv/hour"


def test_only_hours_that_the_trades_cover_are_counted() -> None:
    """240 trades between 01:00:07 and 04:59:07, one a minute; fewer than 300 are a whole day."""
    source = made(GeckoTerminal, pools={"RENDER": "eth/0xabc"}, trades=True)
    ask = asked(source, "trades")
    seen = AUGUST + 5 * HOUR + 700
    parsed = source.parse(page(ask, "geckoterminal_trades", seen=seen))
    counts = {row.observed_at: row.value for row in parsed.observations if row.series == "geckoterminal_trades_1h"}
    assert counts[AUGUST + 5 * HOUR] == counts[AUGUST + 2 * HOUR] == 60.0
    assert counts[AUGUST + HOUR] == counts[AUGUST - HOUR] == 0.0
    assert max(counts) == AUGUST + 5 * HOUR
    assert min(counts) > seen - DAY
    document = json.loads(answer("geckoterminal_trades"))
    document["data"] += [
        {**row, "attributes": {**row["attributes"], "tx_hash": f"0x{number}"}}
        for number, row in enumerate(document["data"][100:160])
    ]
    cut = source.parse(page(ask, json.dumps(document).encode(), seen=seen))
    hours = {row.observed_at for row in cut.observations}
    assert min(hours) == AUGUST + 3 * HOUR  # the first hour may have begun before the first trade that is told


def test_buys_and_sells_are_sums_in_dollars() -> None:
    source = made(GeckoTerminal, pools={"RENDER": "eth/0xabc"}, trades=True)
    parsed = source.parse(page(asked(source, "trades"), "geckoterminal_trades", seen=AUGUST + 5 * HOUR + 700))
    found = {row.series: row.value for row in parsed.observations if row.observed_at == AUGUST + 3 * HOUR}
    minutes = range(120, 180)
    assert found["geckoterminal_sells_usd_1h"] == pytest.approx(sum(10 + m / 4 for m in minutes if m % 3 == 0))
    assert found["geckoterminal_buys_usd_1h"] == pytest.approx(sum(10 + m / 4 for m in minutes if m % 3))


def test_a_pool_without_its_network_is_refused() -> None:
    with pytest.raises(ValueError, match="expected network/address"):
        made(GeckoTerminal, pools={"RENDER": "0xabc"})
