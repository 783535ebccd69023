from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from bot.errors import SourceDrift, SourceError, SourceGone
from bot.signals.sources.answers import Answers
from bot.signals.sources.breaker import FAILURES, REST, HostResting, State
from bot.signals.sources.origins import origin_of
from bot.signals.sources.source import Ask, Page
from bot.signals.sources.transport import Hosts, Terms, Transport, pause_of
from tests.signals.sources.server import JSON, Said, Script, Server, serving

NOW = 1_722_513_600.0
WELL = Said(b'{"well": true}')


class Slept(list[float]):
    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


@asynccontextmanager
async def asking(
    script: dict[str, Script], sleep: Slept | None = None, hosts: Hosts | None = None, **terms: Any
) -> AsyncIterator[tuple[Server, Transport]]:
    """A server that keeps to the script, and a transport that may ask it and nobody else."""
    answers: Answers | None = terms.pop("answers", None)
    async with serving(script) as server:
        agreed = Terms((origin_of(server.url),), requests=1_000, per=1.0, timeout=5.0)
        pausing = sleep if sleep is not None else Slept()
        async with Transport(replace(agreed, **terms), hosts, answers, pausing, lambda: NOW) as transport:
            yield server, transport


async def got(script: Script, path: str = "/x", **terms: Any) -> Page:
    async with asking({path: script}, **terms) as (server, transport):
        return await transport.get(Ask(server.url + path))


async def test_a_page_is_what_was_said() -> None:
    async with asking({"/x": WELL}) as (server, transport):
        page = await transport.get(Ask(server.url + "/x", (("q", "a b&c"), ("q", "ü")), (("X-Mine", "1"),)))
    assert (page.status, page.body, page.received_at) == (200, WELL.body, int(NOW))
    (request,) = server.asked
    assert request.query.getall("q") == ["a b&c", "ü"]
    assert request.headers["X-Mine"] == "1"
    assert request.headers["User-Agent"].startswith("patron/")
    assert request.method == "GET"


async def test_waits_as_long_as_the_host_asks_for_and_asks_again() -> None:
    slept = Slept()
    too_often = Said(b"{}", 429, {**JSON, "Retry-After": "7"})
    assert (await got([too_often, WELL], sleep=slept)).body == WELL.body
    (pause,) = slept
    assert 7.0 <= pause <= 8.0


async def test_retry_after_may_be_a_date() -> None:
    slept = Slept()
    unwell = Said(b"{}", 503, {**JSON, "Retry-After": formatdate(NOW + 11, usegmt=True)})
    await got([unwell, WELL], sleep=slept)
    assert 11.0 <= slept[0] <= 12.0


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"retry-after": "30"}, 30.0),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": formatdate(NOW - 50, usegmt=True)}, 0.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW) + 90)}, 90.0),
        ({"x-ratelimit-remaining": "3", "x-ratelimit-reset": str(int(NOW) + 90)}, None),
        ({}, None),
    ],
)
def test_what_a_host_asks_for(headers: dict[str, str], pause: float | None) -> None:
    assert pause_of(headers, NOW) == pause


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520])
async def test_a_host_that_is_unwell_is_asked_again(status: int) -> None:
    slept = Slept()
    assert (await got([Said(b"oops", status), Said(b"oops", status), WELL], sleep=slept)).body == WELL.body
    assert len(slept) == 2


async def test_gives_up_after_so_many_attempts_and_says_what_it_was() -> None:
    async with asking({"/x": Said(b"oops", 503)}, attempts=3) as (server, transport):
        with pytest.raises(SourceError, match=r"127.0.0.1:\d+ answered listing with HTTP status 503"):
            await transport.get(Ask(server.url + "/x", note="listing"))
    assert len(server.asked) == 3


async def test_pauses_double_and_are_spread() -> None:
    spreads = []
    for _ in range(20):
        slept = Slept()
        with pytest.raises(SourceError):
            await got(Said(b"", 500), sleep=slept, attempts=4)
        assert all(0 <= pause <= 2**number for number, pause in enumerate(slept))
        spreads.append(slept[2])
    assert max(spreads) > 1.0
    assert len(set(spreads)) > 10


async def test_a_pause_that_is_too_long_is_not_waited_for_and_the_host_is_left_alone_meanwhile() -> None:
    slept, hosts = Slept(), Hosts()
    too_often = Said(b"{}", 429, {**JSON, "Retry-After": "3600"})
    async with asking({"/x": [too_often, WELL]}, slept, hosts) as (server, transport):
        with pytest.raises(SourceError, match="asking for a pause of 3600 s"):
            await transport.get(Ask(server.url + "/x"))
        with pytest.raises(HostResting, match="another 3600 s"):
            await transport.get(Ask(server.url + "/x"))
    assert len(server.asked) == 1
    assert not slept


async def test_a_spent_allowance_is_a_429_by_another_number() -> None:
    slept = Slept()
    spent = Said(b"{}", 403, {**JSON, "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW) + 20)})
    await got([spent, WELL], sleep=slept)
    assert 20.0 <= slept[0] <= 21.0


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422, 451])
async def test_what_would_be_the_same_again_is_asked_once(status: int) -> None:
    async with asking({"/x": Said(b"{}", status)}) as (server, transport):
        with pytest.raises(SourceError, match=f"status {status}") as caught:
            await transport.get(Ask(server.url + "/x"))
    assert len(server.asked) == 1
    assert isinstance(caught.value, SourceGone) == (status in (404, 410, 451))


@pytest.mark.parametrize(
    "said", [Said(b'{"a": 1}', cut=500), Said.gzipped(b'{"a": 1}' * 90, lose=9), Said(b"[" + b"1," * 50_000, cut=1)]
)
async def test_a_body_that_breaks_off_is_asked_for_again(said: Said) -> None:
    assert (await got([said, WELL])).body == WELL.body
    with pytest.raises(SourceError, match="broke off"):
        await got(said, attempts=2)


async def test_a_body_that_is_too_large_is_refused_before_and_while_it_comes() -> None:
    with pytest.raises(SourceError, match="more than 1,000 bytes"):
        await got(Said(b"x" * 1_001), most_bytes=1_000)
    bomb = Said.gzipped(bytes(30_000_000))
    assert len(bomb.body) < 40_000
    async with asking({"/x": bomb}, most_bytes=100_000) as (server, transport):
        with pytest.raises(SourceError, match="more than 100,000 bytes"):
            await transport.get(Ask(server.url + "/x"))
    assert len(server.asked) == 1


async def test_a_gzipped_body_is_unpacked() -> None:
    assert (await got(Said.gzipped(b'{"a": 1}'))).body == b'{"a": 1}'


async def test_an_answer_that_drips_is_not_waited_for() -> None:
    dripping = Said(b"[" + b" " * 1_000 + b"]", drip=0.05)
    with pytest.raises(SourceError, match=r"did not answer within 0\.4 s"):
        await got(dripping, timeout=0.4, attempts=1)


async def test_nobody_there_is_said_so() -> None:
    async with asking({}) as (server, transport):
        pass
    terms = Terms((origin_of(server.url),), requests=10, per=1.0, attempts=2)
    async with Transport(terms, sleep=Slept()) as transport:
        with pytest.raises(SourceError, match="nobody answers"):
            await transport.get(Ask(server.url + "/x"))


@pytest.mark.parametrize("kind", ["text/html", "application/javascript", "", "application/jsonish"])
async def test_what_is_not_json_is_another_shape(kind: str) -> None:
    with pytest.raises(SourceDrift, match="not JSON"):
        await got(Said(b"<html>", headers={"Content-Type": kind} if kind else {"X-None": "1"}))


async def test_kinds_of_json_are_json() -> None:
    for kind in ("application/json; charset=utf-8", "application/vnd.github+json", "text/json"):
        assert (await got(Said(b"[]", headers={"Content-Type": kind}))).body == b"[]"


async def test_every_request_counts_towards_the_pace_of_its_host_and_all_sources_share_it() -> None:
    hosts = Hosts()
    async with asking({"/x": [Said(b"", 500), WELL]}, hosts=hosts, requests=3, per=86_400.0) as (server, transport):
        await transport.get(Ask(server.url + "/x"))
        other = Terms((origin_of(server.url),), requests=99, per=1.0)
        pace = hosts.of(origin_of(server.url), other).pace
        assert pace.max_rate == 3
        assert pace.has_capacity()
        async with Transport(other, hosts) as second:
            await second.get(Ask(server.url + "/x"))
        assert not pace.has_capacity()
    assert len(server.asked) == 3


async def test_a_host_that_stays_unwell_is_left_alone_until_it_answers_a_probe() -> None:
    now = [1_000.0]
    hosts = Hosts(lambda: now[0])
    script: dict[str, Script] = {"/bad": Said(b"", 500), "/good": WELL}
    async with asking(script, hosts=hosts, attempts=1) as (server, transport):
        for _ in range(FAILURES):
            with pytest.raises(SourceError, match="status 500"):
                await transport.get(Ask(server.url + "/bad"))
        with pytest.raises(HostResting, match=r"left alone for another 30 s: 127.0.0.1:\d+ answered .* status 500"):
            await transport.get(Ask(server.url + "/good"))
        assert len(server.asked) == FAILURES
        breaker = hosts.of(origin_of(server.url), Terms((), 1, 1.0)).breaker
        assert breaker.state is State.OPEN
        now[0] += REST
        assert (await transport.get(Ask(server.url + "/good"))).body == WELL.body
        assert breaker.state is State.CLOSED


async def test_a_key_goes_into_its_header_and_nowhere_else(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    key = "Bearer sesame-1234"
    script: dict[str, Script] = {"/x": WELL, "/bad": Said(b"{}", 401), "/worse": Said(b"<", 200, {"X": "1"})}
    said = []
    async with asking(script, key=key, key_header="Authorization") as (server, transport):
        await transport.get(Ask(server.url + "/x"))
        for path in ("/bad", "/worse", "/none"):
            with pytest.raises(SourceError) as caught:
                await transport.get(Ask(server.url + path))
            said.append(str(caught.value) + repr(caught.value))
        said.append(repr(transport._terms) + repr(Ask(server.url, headers=(("Authorization", key),))))
    assert server.asked[0].headers["Authorization"] == key
    assert all("sesame" not in request.path_qs for request in server.asked)
    assert "sesame" not in "".join(said) + caplog.text
    assert "the key is not taken" in said[0]


async def test_unchanged_pages_are_not_sent_again(tmp_path: Path) -> None:
    body = b'{"stars": 7}'
    first = Said(body, headers={**JSON, "ETag": '"one"', "Last-Modified": "Thu, 01 Aug 2024 00:00:00 GMT"})
    answers = Answers(tmp_path / "answers")
    async with asking({"/x": [first, Said(b"", 304), WELL]}, answers=answers) as (server, transport):
        pages = [await transport.get(Ask(server.url + "/x")) for _ in range(3)]
    assert [page.body for page in pages] == [body, body, WELL.body]
    assert [page.status for page in pages] == [200, 304, 200]
    assert "If-None-Match" not in server.asked[0].headers
    assert server.asked[1].headers["If-None-Match"] == '"one"'
    assert server.asked[1].headers["If-Modified-Since"] == "Thu, 01 Aug 2024 00:00:00 GMT"
    assert pages[1].headers["content-type"] == "application/json"


async def test_not_modified_without_anything_kept_is_an_error() -> None:
    with pytest.raises(SourceError, match="status 304"):
        await got(Said(b"", 304))
