"""Where a source may be asked, and where it may not send us.

An answer, a redirect or a name server that somebody else holds must not make us call what is inside our own network.
So only origins that the configuration names are asked, and a name that resolves to an address of this machine or of a
private network is not connected to, unless the configuration itself gave that address. The check is made on the very
addresses that are then connected to: a name that answers otherwise the second time gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from bot.errors import SourceError

_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: what must be equal for two addresses to be of the same party."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return shown if self.port == _PORTS[self.scheme] else f"{shown}:{self.port}"


def origin_of(url: str) -> Origin:
    """Raises ValueError for what is no address of a web service, or holds a user name or password."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("not an address such as https://host/path") from None
    if parts.scheme not in _PORTS or not host:
        raise ValueError("not an address such as https://host/path")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a user name or password does not belong into an address: name a variable in key_env")
    return Origin(parts.scheme, host.lower().rstrip("."), port or _PORTS[parts.scheme])


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the internet at large, also when it is wrapped into an IPv6 one."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(str(inner))
    return found.is_global and not found.is_multicast and not found.is_reserved


def is_inside(host: str) -> bool:
    """Whether the host is written as an address of this machine or of a private network."""
    if host == "localhost":
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return not is_public(host)


class GuardedResolver(AbstractResolver):
    """Resolves names, and leaves out addresses that are not public, but for `inside`: hosts that are meant so."""

    def __init__(self, inside: frozenset[str], resolver: AbstractResolver | None = None) -> None:
        self._inside = inside
        self._resolver = resolver or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises SourceError where a name leads inside, OSError where it leads nowhere."""
        found = await self._resolver.resolve(host, port, family)
        if host in self._inside:
            return found
        public = [each for each in found if is_public(each["host"])]
        if found and not public:
            raise SourceError(f"{host} leads to {found[0]['host']}, which is not an address of the internet: not asked")
        return public

    async def close(self) -> None:
        await self._resolver.close()
