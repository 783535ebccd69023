from __future__ import annotations

import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import SourceError
from bot.signals.sources.origins import GuardedResolver, Origin, is_inside, is_public, origin_of

INSIDE = [
    "127.0.0.1",
    "127.8.9.10",
    "10.0.0.1",
    "172.16.5.4",
    "192.168.1.1",
    "169.254.169.254",  # where clouds keep their secrets
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "no address",
]


class Names(AbstractResolver):
    """A name server that says another thing each time."""

    def __init__(self, *answers: tuple[str, ...]) -> None:
        self._answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = self._answers.pop(0)
        return [ResolveResult(hostname=host, host=each, port=port, family=family, proto=0, flags=0) for each in found]

    async def close(self) -> None:
        return


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_of_a_private_network_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "140.82.112.3", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_wrapped_into_ipv6_is_as_public_as_it_is_itself(address: object) -> None:
    assert is_public(f"::ffff:{address}") == is_public(str(address))


def test_only_a_host_that_is_written_as_a_private_address_is_inside() -> None:
    assert is_inside("localhost")
    assert is_inside("127.0.0.1")
    assert not is_inside("api.github.com")
    assert not is_inside("1.1.1.1")


async def test_a_name_that_leads_inside_is_not_connected_to() -> None:
    resolver = GuardedResolver(frozenset(), Names(("169.254.169.254",)))
    with pytest.raises(SourceError, match=r"leads to 169\.254\.169\.254"):
        await resolver.resolve("api.example.com")


async def test_a_name_that_leads_elsewhere_the_second_time_gains_nothing() -> None:
    resolver = GuardedResolver(frozenset(), Names(("1.1.1.1",), ("127.0.0.1",), ("127.0.0.1", "1.1.1.1")))
    assert [each["host"] for each in await resolver.resolve("api.example.com")] == ["1.1.1.1"]
    with pytest.raises(SourceError):
        await resolver.resolve("api.example.com")
    assert [each["host"] for each in await resolver.resolve("api.example.com")] == ["1.1.1.1"]


async def test_a_host_that_the_configuration_means_may_be_inside() -> None:
    resolver = GuardedResolver(frozenset({"localhost"}), Names(("127.0.0.1",)))
    assert [each["host"] for each in await resolver.resolve("localhost")] == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("url", "origin", "shown"),
    [
        ("https://api.github.com/x?y", Origin("https", "api.github.com", 443), "api.github.com"),
        ("https://API.github.com.:8443", Origin("https", "api.github.com", 8443), "api.github.com:8443"),
        ("http://[::1]:80/", Origin("http", "::1", 80), "[::1]"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: Origin, shown: str) -> None:
    assert origin_of(url) == origin
    assert str(origin) == shown


@pytest.mark.parametrize("url", ["", "ftp://host/x", "https:///x", "https://host:99999", "file:///etc/passwd", "//x"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        origin_of(url)


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValueError, match="key_env") as caught:
        origin_of("https://me:geheim@host/")
    assert "geheim" not in str(caught.value)
