"""ccxt's Binance against a server on the loopback that speaks its public protocol, on answers made by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web

from bot.core.observation import Bar
from bot.errors import SourceDrift, SourceError
from bot.signals.sources.exchange import Exchange
from bot.signals.sources.source import Portion
from bot.signals.sources.transport import Transport
from tests.signals.sources.pages import SEEN, made
from tests.signals.sources.server import Said, Script, Server, answer, serving

HOUR, DAY = 3_600, 86_400
WIDTH = 500 * HOUR


def klines(request: web.Request) -> Said:
    """Candles of every hour that is asked for, one dearer than the other; the newest is not over."""
    start, limit = int(request.query["startTime"]) // 1000, int(request.query["limit"])
    assert start % HOUR == 0
    opens = [start + number * HOUR for number in range(limit) if start + number * HOUR <= SEEN]
    rows = []
    for opened in opens:
        price = 5 + (opened // HOUR % 100) / 100
        prices = [f"{each:.4f}" for each in (price, price + 0.2, price - 0.1, price + 0.1)]
        rows.append([opened * 1000, *prices, "100.0", (opened + HOUR) * 1000 - 1, "500.0", 9, "50.0", "250.0", "0"])
    return Said.json(rows)


SCRIPT: dict[str, Script] = {
    "/api/v3/exchangeInfo": Said(answer("binance_exchange_info")),
    "/api/v3/klines": klines,
    "/api/v3/ticker/24hr": Said(answer("binance_tickers")),
}


async def read(
    server: Server, since: int = SEEN - 30 * DAY, known: dict[str, int] | None = None, **keys: Any
) -> list[Portion]:
    pairs = {"RENDER": "RENDER/USDT"}
    defaults = {"exchange": "binance", "base_url": server.url, "pairs": pairs, "requests": 1_000, "attempts": 1}
    source = made(Exchange, **{**defaults, **keys})
    async with Transport(source._options.terms(), now=lambda: float(SEEN)) as transport:
        return [portion async for portion in source.read(transport.get, since, SEEN, known or {})]


async def test_bars_come_in_stretches_stamped_with_their_close() -> None:
    async with serving(SCRIPT) as server:
        portions = await read(server)
    first = (SEEN - 30 * DAY) // WIDTH * WIDTH
    assert [portion.thread for portion in portions] == ["RENDER/1h"] * len(portions)
    assert [portion.until for portion in portions] == [first + WIDTH, 0]
    bars = [bar for portion in portions for bar in portion.parsed.bars]
    assert [bar.time for bar in bars] == list(range(first + HOUR, SEEN, HOUR))  # the last closes at SEEN: not settled
    price = 5 + (first // HOUR % 100) / 100
    prices = (price, price + 0.2, price - 0.1, price + 0.1)
    assert bars[0] == Bar(
        "exchange",
        "RENDER",
        "1h",
        first + HOUR,
        *map(pytest.approx, prices),
        pytest.approx(100.0 * sum(prices) / 4),
        first + HOUR + 600,
    )


async def test_what_is_known_is_not_asked_for_again() -> None:
    known = (SEEN - 30 * DAY) // WIDTH * WIDTH + WIDTH
    async with serving(SCRIPT) as server:
        portions = await read(server, known={"RENDER/1h": known})
    starts = [int(request.query["startTime"]) // 1000 for request in server.asked if "klines" in request.path]
    assert starts == [known]
    assert len(portions) == 1


async def test_only_public_interfaces_of_spot_markets_are_asked() -> None:
    async with serving(SCRIPT) as server:
        await read(server, tickers=True)
    assert {request.path for request in server.asked} == set(SCRIPT)
    assert {request.method for request in server.asked} == {"GET"}


async def test_tickers_are_told_under_our_names() -> None:
    async with serving(SCRIPT) as server:
        portions = await read(server, since=SEEN, pairs={"RNDR": "RENDER/USDT", "FET": "FET/USDT"}, tickers=True)
    found = {(row.series, row.topic): row.value for row in portions[-1].parsed.observations}
    assert found == {
        ("binance_last", "RNDR"): 5.5,
        ("binance_last", "FET"): 1.25,
        ("binance_volume_quote_24h", "RNDR"): 5_400.5,
        ("binance_volume_quote_24h", "FET"): 5_400.5,
    }
    row = portions[-1].parsed.observations[0]
    assert row.observed_at < row.published_at == SEEN


async def test_a_pair_that_the_exchange_does_not_have_costs_only_itself() -> None:
    async with serving(SCRIPT) as server:
        portions = await read(server, pairs={"NONE": "NONE/USDT", "FET": "FET/USDT"})
    assert [(row.field, row.asset) for row in portions[0].parsed.refused] == [("pairs", "NONE")]
    assert portions[1].parsed.bars


@pytest.mark.parametrize(
    ("path", "said", "told"),
    [
        ("/api/v3/klines", Said(b"", 503), "HTTP status 503"),
        ("/api/v3/klines", Said.json({"code": -1121, "msg": "Invalid symbol."}), "exchange: BadSymbol"),
        ("/api/v3/klines", Said(b"<html>", headers={"Content-Type": "text/html"}), "not JSON"),
        ("/api/v3/klines", Said(b"[" * 5_000), "nested more than 200 deep"),
        ("/api/v3/klines", Said.json([[1], [2]]), "rows do not fit"),
        ("/api/v3/klines", Said.json([["x"] * 12] * 3), "rows do not fit"),
        ("/api/v3/exchangeInfo", Said.json({"symbols": [{"symbol": 1}]}), "exchange: "),
        ("/api/v3/exchangeInfo", Said(b'{"symbols": '), "exchange: "),
        ("/api/v3/exchangeInfo", Said(b"\xff"), "exchange: "),
        ("/api/v3/ticker/24hr", Said.json([{"symbol": "RENDERUSDT", "lastPrice": "-1"}]), "last: 1 of 1 rows"),
        ("/api/v3/ticker/24hr", Said.json([{"symbol": "RENDERUSDT", "lastPrice": "1e400"}]), "last: 1 of 1 rows"),
    ],
)
async def test_what_an_exchange_says_wrongly_is_one_line(path: str, said: Said, told: str) -> None:
    async with serving({**SCRIPT, path: said}) as server:
        with pytest.raises(SourceError, match=told) as caught:
            await read(server, tickers=True)
    assert "\n" not in str(caught.value)


async def test_one_bar_that_cannot_be_is_refused_by_itself() -> None:
    def spoiled(request: web.Request) -> Said:
        rows = json.loads(klines(request).body)
        rows[3][3] = "99.0"  # a low above everything
        return Said.json(rows)

    async with serving({**SCRIPT, "/api/v3/klines": spoiled}) as server:
        portions = await read(server, since=SEEN - DAY)
    assert [row.field for row in portions[0].parsed.refused] == ["close"]
    assert portions[0].parsed.bars


def test_the_exchanges_own_hosts_are_asked_where_no_other_is_named() -> None:
    origins = made(Exchange, exchange="kraken", pairs={"X": "X/Y"})._options.terms().origins
    assert "api.kraken.com" in {origin.host for origin in origins}
    assert {origin.scheme for origin in origins} == {"https"}
    with pytest.raises(ValueError, match="no key is needed or taken"):
        made(Exchange, exchange="kraken", pairs={"X": "X/Y"}, key_env="MY_KEY")


async def test_an_error_of_our_own_is_not_taken_for_one_of_ccxts() -> None:
    async with serving({**SCRIPT, "/api/v3/klines": Said(b"null")}) as server:
        with pytest.raises(SourceDrift):
            await read(server)


async def test_an_exchange_that_wants_more_than_a_get_is_not_given_it() -> None:
    async with serving({}) as server:
        with pytest.raises(SourceError, match="ccxt wanted to POST: only what is public is read"):
            await read(server, exchange="hyperliquid", pairs={"BTC": "BTC/USDC:USDC"})
    assert not server.asked
