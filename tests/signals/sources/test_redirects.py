from __future__ import annotations

from dataclasses import replace

import pytest

from bot.errors import SourceError
from bot.signals.sources.origins import origin_of
from bot.signals.sources.source import Ask
from bot.signals.sources.transport import Terms, Transport
from tests.signals.sources.server import Said, Server, serving
from tests.signals.sources.test_origins import Names

WELL = Said(b'{"well": true}')


def to(place: str, status: int = 302) -> Said:
    return Said(b"", status, {"Location": place})


def terms_of(server: Server) -> Terms:
    return Terms((origin_of(server.url),), requests=1_000, per=1.0, timeout=5.0, attempts=1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_within_the_host_is_followed(status: int) -> None:
    script = {"/repos/old": to("/repositories/7", status), "/repositories/7": WELL}
    async with serving(script) as server, Transport(terms_of(server)) as transport:
        page = await transport.get(Ask(server.url + "/repos/old", (("page", "1"),)))
    assert page.body == WELL.body
    assert server.paths == ["/repos/old?page=1", "/repositories/7"]
    assert page.ask.url.endswith("/repos/old")


@pytest.mark.parametrize(
    "place",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://localhost:1/",
        "http://[::1]/",
        "https://127.0.0.1/",
        "file:///etc/passwd",
        "//10.0.0.1/",
        "http://2130706433/",
        "http://elsewhere.example/",
        "gopher://x",
        "http://user:secret@127.0.0.1/",
    ],
)
async def test_a_redirect_to_another_host_is_refused(place: str) -> None:
    async with serving({"/x": to(place)}) as server, Transport(terms_of(server)) as transport:
        with pytest.raises(SourceError, match="redirects elsewhere") as caught:
            await transport.get(Ask(server.url + "/x"))
    assert "secret" not in str(caught.value)
    assert server.paths == ["/x"]


async def test_a_redirect_to_another_port_of_this_machine_is_refused_and_never_asked() -> None:
    async with (
        serving({"/secrets": WELL}) as inside,
        serving({"/x": to(inside.url + "/secrets")}) as server,
        Transport(terms_of(server)) as transport,
    ):
        with pytest.raises(SourceError, match="is not among the hosts"):
            await transport.get(Ask(server.url + "/x"))
    assert not inside.asked


async def test_another_host_that_is_agreed_on_is_followed_without_the_key() -> None:
    async with serving({"/moved": WELL}) as other, serving({"/x": to(other.url + "/moved")}) as server:
        terms = terms_of(server)
        agreed = replace(terms, origins=(*terms.origins, origin_of(other.url)), key_header="X-Key", key="sesame")
        async with Transport(agreed) as transport:
            assert (await transport.get(Ask(server.url + "/x"))).body == WELL.body
    assert server.asked[0].headers["X-Key"] == "sesame"
    assert "X-Key" not in other.asked[0].headers


async def test_a_redirect_in_circles_ends() -> None:
    async with serving({"/x": to("/x")}) as server, Transport(terms_of(server)) as transport:
        with pytest.raises(SourceError, match="more than 4 times"):
            await transport.get(Ask(server.url + "/x"))
    assert len(server.asked) == 5


async def test_an_address_that_the_terms_do_not_name_is_not_asked() -> None:
    async with serving({"/x": WELL}) as server, Transport(terms_of(server)) as transport:
        for url in ("http://127.0.0.1:9/x", "https://api.github.com/x", "not an address", server.url + "0/x"):
            with pytest.raises(SourceError, match=r"not among the hosts|not an address"):
                await transport.get(Ask(url))
    assert not server.asked


async def test_a_name_that_leads_inside_is_not_connected_to() -> None:
    async with serving({"/x": WELL}) as server:
        url = f"http://rebound.example:{server.url.rpartition(':')[2]}/x"
        async with Transport(Terms((origin_of(url),), requests=10, per=1.0, attempts=1)) as transport:
            transport._resolver._resolver = Names(("127.0.0.1",))
            with pytest.raises(SourceError, match=r"rebound.example leads to 127.0.0.1, .* not asked"):
                await transport.get(Ask(url))
    assert not server.asked


async def test_a_number_that_is_an_address_in_disguise_is_not_asked() -> None:
    async with serving({"/x": WELL}) as server:
        for host in ("2130706433", "0x7f000001", "127.1"):
            url = f"http://{host}:{server.url.rpartition(':')[2]}/x"
            async with Transport(Terms((origin_of(url),), requests=10, per=1.0, attempts=1)) as transport:
                with pytest.raises(SourceError):
                    await transport.get(Ask(url))
    assert not server.asked
