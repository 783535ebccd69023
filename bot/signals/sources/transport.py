"""One GET as it should be done: at the pace that the host allows, again when that helps, and never further than agreed.

What is not retried: an answer that would be the same again (404, 401, a body that is too large, another content type).
What is: 429 and 5xx, no connection, no answer in time, a body that was cut off; with pauses that double and are spread
at random, or as long as the host says (`Retry-After`, RFC 9110 §10.2.3).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final, Self
from urllib.parse import urljoin

import aiohttp
from aiolimiter import AsyncLimiter
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_random_exponential

from bot import __version__
from bot.errors import SourceDrift, SourceError, SourceGone
from bot.signals.sources.answers import Answers, Kept
from bot.signals.sources.body import ENCODINGS, BodyCutOff, whole_body
from bot.signals.sources.breaker import Breaker
from bot.signals.sources.origins import GuardedResolver, Origin, is_inside, origin_of
from bot.signals.sources.source import Ask, Page

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 4
_GONE: Final = frozenset({404, 410, 451})
_UNWELL: Final = frozenset({408, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524})  # 52x: a proxy in front of it
_CONNECT: Final = 10.0  # seconds to a connection
_CHUNK: Final = 1 << 16
_SPREAD: Final = wait_random_exponential(multiplier=1.0, max=60.0)
_SECOND_THOUGHTS: Final = 1.0  # seconds, at most, added to a pause that the host asked for: not all at once

Sleep = Callable[[float], Awaitable[None]]


class Unsteady(SourceError):
    """It may work the next time. `pause`: seconds that the host asked for, if it did."""

    def __init__(self, message: str, pause: float | None = None, unwell: bool = True) -> None:
        super().__init__(message)
        self.pause, self.unwell = pause, unwell


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a source is asked. `origins`: those that may be asked; the key goes to the first of them alone."""

    origins: tuple[Origin, ...]
    requests: int
    per: float  # seconds
    timeout: float = 30.0  # seconds for one request with its whole body
    attempts: int = 4
    most_bytes: int = 16_000_000  # of a body, decompressed
    longest_pause: float = 90.0  # seconds that we wait because a host asked us to; for longer ones we come back later
    key_header: str = ""
    key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Host:
    """What every source that asks a host has in common: its pace, and whether it is well."""

    pace: AsyncLimiter
    breaker: Breaker


class Hosts:
    """Hosts by origin. The first who asks sets the pace."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._hosts: dict[Origin, Host] = {}

    def of(self, origin: Origin, terms: Terms) -> Host:
        if origin not in self._hosts:
            pace = AsyncLimiter(terms.requests, terms.per)
            self._hosts[origin] = Host(pace, Breaker(str(origin), self._clock))
        return self._hosts[origin]


class Transport:
    """Asks for pages on given terms. A context manager."""

    def __init__(
        self,
        terms: Terms,
        hosts: Hosts | None = None,
        answers: Answers | None = None,
        sleep: Sleep = asyncio.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._terms, self._hosts, self._answers = terms, hosts or Hosts(), answers
        self._sleep, self._now = sleep, now
        inside = frozenset(origin.host for origin in terms.origins if is_inside(origin.host))
        self._resolver = GuardedResolver(inside)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=self._resolver, limit=4),
            timeout=aiohttp.ClientTimeout(total=self._terms.timeout, sock_connect=_CONNECT),
            headers={"User-Agent": f"patron/{__version__}", "Accept-Encoding": ENCODINGS},
            auto_decompress=False,  # we count what comes out
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, ask: Ask) -> Page:
        """The page. Raises SourceGone (nothing there), SourceDrift (no JSON), SourceError for all else."""
        kept = self._answers.of(ask) if self._answers is not None and not ask.until else None
        async for attempt in AsyncRetrying(
            stop=stop_after_attempt(self._terms.attempts),
            wait=_pause,
            retry=retry_if_exception(self._worth_another_try),
            sleep=self._sleep,
            reraise=True,
        ):
            with attempt:
                page = await self._once(ask, kept)
        if self._answers is not None and not ask.until and page.status == 200:
            self._answers.keep(ask, page.headers, page.body)
        return page

    def _worth_another_try(self, error: BaseException) -> bool:
        return isinstance(error, Unsteady) and (error.pause or 0.0) <= self._terms.longest_pause

    async def _once(self, ask: Ask, kept: Kept | None) -> Page:
        origin = self._allowed(ask.url)
        host = self._hosts.of(origin, self._terms)
        host.breaker.admit()
        try:
            async with host.pace:
                page = await self._followed(ask, kept)
        except Unsteady as error:
            if error.unwell:
                host.breaker.failed(str(error))
            else:
                host.breaker.succeeded()
            if error.pause is not None and error.pause > self._terms.longest_pause:
                host.breaker.rest(error.pause, str(error))
            raise
        except SourceError:
            host.breaker.succeeded()  # it is well: it is the answer that is not
            raise
        except BaseException:
            host.breaker.given_up()
            raise
        host.breaker.succeeded()
        return page

    async def _followed(self, ask: Ask, kept: Kept | None) -> Page:
        url, params = ask.url, ask.params
        for _ in range(_MOST_REDIRECTS + 1):
            found = await self._asked(url, params, ask, kept)
            if isinstance(found, Page):
                return found
            url, params = urljoin(url, found), ()
            try:
                self._allowed(url)
            except SourceError as error:
                raise SourceError(f"{origin_of(ask.url)} redirects elsewhere: {error}") from None
        raise SourceError(f"{origin_of(ask.url)} redirects more than {_MOST_REDIRECTS} times")

    async def _asked(self, url: str, params: tuple[tuple[str, str], ...], ask: Ask, kept: Kept | None) -> Page | str:
        """The page, or where it is said to be instead."""
        assert self._session is not None, "use it as a context manager"
        origin = origin_of(url)
        headers = {**dict(ask.headers), **(kept.conditions if kept is not None else {})}
        if self._terms.key and origin == self._terms.origins[0]:
            headers[self._terms.key_header] = self._terms.key
        try:
            async with self._session.get(url, params=params, headers=headers, allow_redirects=False) as response:
                told = {name.lower(): value for name, value in response.headers.items()}
                status = response.status
                if status in _REDIRECTS:
                    return told.get("location", "")
                if status == 304 and kept is not None:
                    return Page(ask, 304, {**kept.headers, **told}, kept.body, int(self._now()))
                self._refuse(status, told, origin, ask)
                length = told.get("content-length", "0")
                if length.isdigit() and int(length) > self._terms.most_bytes:
                    raise SourceError(f"{origin} answered with more than {self._terms.most_bytes:,} bytes")
                chunks = response.content.iter_chunked(_CHUNK)
                encoding = told.get("content-encoding", "").strip().lower()
                body = await whole_body(chunks, encoding, self._terms.most_bytes, str(origin))
        except TimeoutError:
            raise Unsteady(f"{origin} did not answer within {self._terms.timeout:g} s") from None
        except aiohttp.ClientConnectorError:
            raise Unsteady(f"{origin}: nobody answers") from None
        except BodyCutOff as error:
            raise Unsteady(str(error)) from None
        except aiohttp.InvalidURL:
            raise SourceError(f"{origin}: not an address that can be asked") from None
        except (aiohttp.ClientError, OSError):
            raise Unsteady(f"{origin} broke off within its answer") from None
        return Page(ask, status, told, body, int(self._now()))

    def _refuse(self, status: int, told: Mapping[str, str], origin: Origin, ask: Ask) -> None:
        """Raises for every answer but a 200 that says it is JSON."""
        what = f"{origin} answered {ask.note or 'a request'} with HTTP status {status}"
        spent = status == 403 and (told.get("x-ratelimit-remaining") == "0" or "retry-after" in told)
        if status == 429 or spent:
            pause = pause_of(told, self._now())
            raise Unsteady(what + (f", asking for a pause of {pause:.0f} s" if pause else ""), pause, unwell=False)
        if status in _UNWELL:
            raise Unsteady(what, pause_of(told, self._now()))
        if status in _GONE:
            raise SourceGone(what)
        if status in (401, 403):
            hint = "the key is not taken" if self._terms.key else "it wants a key: name its variable in key_env"
            raise SourceError(f"{what}: {hint}")
        if status != 200:
            raise SourceError(what)
        kind = told.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in ("application/json", "text/json") and not kind.endswith("+json"):
            raise SourceDrift(f"{origin} answered {ask.note or 'a request'} with {kind[:40] or 'nothing'}, not JSON")

    def _allowed(self, url: str) -> Origin:
        try:
            origin = origin_of(url)
        except ValueError as error:
            raise SourceError(str(error)) from None
        if origin not in self._terms.origins:
            raise SourceError(f"{origin.scheme}://{origin} is not among the hosts of this source")
        return origin


def pause_of(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that a host asks us to wait: from Retry-After (seconds or a date), or when its limit starts anew."""
    told = headers.get("retry-after", "").strip()
    if told.isdigit() and len(told) < 10:
        return float(told)
    if told:
        try:
            return max(0.0, parsedate_to_datetime(told).timestamp() - now)
        except (ValueError, OverflowError):
            return None
    reset = headers.get("x-ratelimit-reset", "").strip()
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdigit() and len(reset) < 12:
        return max(0.0, float(reset) - now)
    return None


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome is not None else None
    if isinstance(error, Unsteady) and error.pause is not None:
        return error.pause + random.uniform(0.0, _SECOND_THOUGHTS)
    return _SPREAD(state)
