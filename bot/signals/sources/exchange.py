"""Any exchange that ccxt knows: bars and tickers of pairs, from public interfaces, without an account.

ccxt knows each exchange's addresses and answers; the requests themselves go through our own transport, so that pace,
pauses, caps and the bounds of where we may be sent hold here as well. ccxt stamps a bar with its open and counts its
volume in the asset.
Source: https://docs.ccxt.com/
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Iterator, Mapping
from contextlib import aclosing
from typing import Any, Final, Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field, field_validator

from bot.core.observation import Observation
from bot.core.strict_json import DEEPEST, depth
from bot.errors import SourceDrift, SourceError
from bot.signals.sources.candles import SETTLING, STEPS, MillisecondsCandle, bars_of
from bot.signals.sources.fetch import MISFITS
from bot.signals.sources.options import NameOf, SourceOptions
from bot.signals.sources.rows import Level, MaybeLevel, Millisecond, Name, Row, listed, refusal, rows
from bot.signals.sources.source import Ask, Get, Parsed, Portion, stretches

_SENSIBLE: Final = 946_684_800_000  # the year 2000 in milliseconds
_LIMIT: Final = 500  # bars of one answer: no exchange gives fewer, but for those that give only the newest


class ExchangeOptions(SourceOptions):
    base_url: str = Field(default="", description="another server that speaks the same; the exchange's own if not said")
    exchange: str = Field(pattern=r"^[a-z0-9]{2,40}$", description="ccxt's name of it, such as binance or kraken")
    most_bytes: int = Field(default=64_000_000, ge=1_000, le=1_000_000_000, description="of a body, decompressed")
    requests: int = Field(default=60, ge=1, le=10_000, description="at most so many requests per `per`")
    pairs: NameOf = Field(min_length=1, description="our name -> ccxt's name of the pair, such as RENDER/USDT")
    bars: tuple[Literal["1h", "1d"], ...] = Field(default=("1h",), strict=False, description="lengths of bars")
    tickers: bool = Field(default=False, description="also the last price and the volume of 24 hours")

    @field_validator("exchange")
    @classmethod
    def _known(cls, value: str) -> str:
        _class_of(value)
        return value

    @field_validator("key_env")
    @classmethod
    def _no_key(cls, value: str | None) -> str | None:
        if value is not None:
            raise ValueError("only public interfaces of exchanges are read: no key is needed or taken")
        return value

    def urls(self) -> tuple[str, ...]:
        return (self.base_url, *self.redirects_to) if self.base_url else tuple(_hosts(_class_of(self.exchange)()))


class _Ticker(Row):
    symbol: Name
    last: Level = Field(gt=0)
    volume: MaybeLevel = Field(alias="quoteVolume")
    time: Millisecond | None = Field(alias="timestamp")


class Exchange:
    """Bars and tickers of one exchange."""

    Options = ExchangeOptions

    def __init__(self, name: str, options: ExchangeOptions) -> None:
        self.kind = name
        self._options = options

    async def read(self, get: Get, since: int, now: int, known: Mapping[str, int]) -> AsyncGenerator[Portion, None]:
        """Bars in stretches of five hundred, each asked for once; then the tickers. Raises SourceError."""
        exchange = self._speaking(get)
        try:
            await self._asked(exchange.load_markets())
            if not exchange.markets.keys() & set(self._options.pairs.values()):
                raise SourceError(f"{self.kind}: {self._options.exchange} has none of the pairs")
            for ours, pair in self._options.pairs.items():
                if pair not in exchange.markets:
                    reason = f"{self._options.exchange} has no pair {pair}"
                    yield Portion(Parsed(refused=(refusal(self.kind, "pairs", ours, reason, pair, now),)))
                    continue
                for bar in self._options.bars:
                    told = self._bars(exchange, ours, bar, since, now, known.get(f"{ours}/{bar}", 0))
                    async with aclosing(told) as portions:
                        async for portion in portions:
                            yield portion
            if self._options.tickers:
                yield Portion(await self._tickers(exchange, now))
        finally:
            await exchange.close()

    async def _bars(
        self, exchange: Any, ours: str, bar: str, since: int, now: int, known: int
    ) -> AsyncGenerator[Portion, None]:
        width = _LIMIT * STEPS[bar]
        for start, until in stretches(since, now, width, SETTLING):
            if start + width <= known:
                continue
            asking = exchange.fetch_ohlcv(self._options.pairs[ours], bar, since=start * 1000, limit=_LIMIT)
            told = listed(self.kind, await self._asked(asking))
            raw = [each for each in told if not _outside(each, start, start + width)]
            bars, refused = bars_of(self.kind, ours, bar, raw, MillisecondsCandle, now, volume_is_base=True)
            yield Portion(Parsed(bars=bars, refused=tuple(refused)), f"{ours}/{bar}", until)

    async def _tickers(self, exchange: Any, now: int) -> Parsed:
        pairs = {pair: ours for ours, pair in self._options.pairs.items() if pair in exchange.markets}
        found = await self._asked(exchange.fetch_tickers(sorted(pairs)))
        raw = [found[pair] for pair in sorted(pairs) if pair in found]
        fit, refused = rows(self.kind, _Ticker, raw, lambda row: pairs[row["symbol"]], now)
        observations = []
        for row in fit:
            at = min(row.time, now) if row.time is not None else now
            for name, value in (("last", row.last), ("volume_quote_24h", row.volume)):
                if value is not None and row.symbol in pairs:
                    series = f"{self._options.exchange}_{name}"
                    observations.append(Observation(series, pairs[row.symbol], row.symbol, value, at, now))
        return Parsed(tuple(observations), refused=tuple(refused))

    async def _asked(self, asking: Awaitable[Any]) -> Any:
        """What ccxt says. Raises SourceError: our own as they are, ccxt's and its parsers' as one line."""
        import ccxt  # type: ignore[import-untyped]  # heavy: only where an exchange is asked

        try:
            return await asking
        except ccxt.BaseError as error:
            told = " ".join(str(error).split())[:160]
            raise SourceError(f"{self.kind}: {type(error).__name__}: {told}") from None
        except MISFITS as error:
            raise SourceDrift(f"{self.kind}: the answer cannot be read: {type(error).__name__}: {error}") from error

    def _speaking(self, get: Get) -> Any:
        """ccxt's object of the exchange, whose requests go through `get`."""
        kind, base = self.kind, self._options.base_url

        class Speaking(_class_of(self._options.exchange)):  # type: ignore[misc]  # a class that is chosen by name
            async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
                if method != "GET" or body:
                    raise SourceError(f"{kind}: ccxt wanted to {method}: only what is public is read")
                asked = _moved(url, base) if base else url
                page = await get(Ask(asked, headers=tuple((headers or {}).items()), note=urlsplit(url).path))
                if depth(page.body) > DEEPEST:
                    raise SourceDrift(f"{kind}: the answer is nested more than {DEEPEST} deep")
                text = page.body.decode("utf-8")
                found = self.on_json_response(text)
                # An error of the exchange's own may come with status 200.
                self.handle_errors(200, "OK", url, method, dict(page.headers), text, found, headers, body)
                return found

            def parse_ohlcvs(self, ohlcvs: Any, market: Any = None, *_: Any, **__: Any) -> Any:
                # ccxt's own leaves out what has no time, and a stretch of rows in another shape would pass for empty.
                return [self.parse_ohlcv(each, market) for each in ohlcvs]

        return Speaking({"enableRateLimit": False, "options": {"fetchMarkets": {"types": ["spot"]}}})


def _class_of(exchange: str) -> Any:
    """ccxt's class of the exchange. Raises ValueError."""
    import ccxt.async_support as ccxt  # type: ignore[import-untyped]

    if exchange not in ccxt.exchanges:
        raise ValueError(f"ccxt knows no exchange {exchange!r}")
    return getattr(ccxt, exchange)


def _hosts(exchange: Any) -> Iterator[str]:
    """The addresses of every interface of an exchange, each host once."""
    seen, left = set(), [exchange.urls["api"]]
    while left:
        found = left.pop()
        if isinstance(found, Mapping):
            left += found.values()
        elif isinstance(found, str):
            parts = urlsplit(exchange.implode_hostname(found))
            host = f"{parts.scheme}://{parts.netloc}"
            if parts.scheme == "https" and host not in seen:
                seen.add(host)
                yield host


def _moved(url: str, base: str) -> str:
    """The same request to another server."""
    there, here = urlsplit(base), urlsplit(url)
    return urlunsplit((there.scheme, there.netloc, there.path + here.path, here.query, ""))


def _outside(candle: Any, start: int, end: int) -> bool:
    """Whether a candle is of another stretch; one that says no sensible time is left to be refused."""
    opened = candle[0] if isinstance(candle, list) and candle else None
    return isinstance(opened, int) and opened >= _SENSIBLE and not start * 1000 <= opened < end * 1000
