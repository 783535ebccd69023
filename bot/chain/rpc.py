"""One node's JSON-RPC, with every way it can fail turned into one line.

A node's URL often carries a key in its path or userinfo. It stays in here: errors name host and port only, and any
URL inside a node's own message is cut down in the same way.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
from web3 import AsyncHTTPProvider, AsyncWeb3
from web3.types import RPCEndpoint

from bot.chain.reverts import revert_reason
from bot.errors import ChainError, Reverted, RpcDown, RpcTimeout, SendError

# The provider logs the whole URL with each request.
logging.getLogger("web3.providers.AsyncHTTPProvider").setLevel(logging.WARNING)

TIMEOUT = 10.0  # seconds for one request
_LAST_ANSWERS = 2.0  # seconds that closing waits for requests under way
SENDS = frozenset({"eth_sendRawTransaction", "eth_sendTransaction"})

_URL = re.compile(r"\b(?:https?|wss?)://[^\s\"'<>)]+")
_METHOD_NOT_FOUND = -32601

Explain = Callable[[], Awaitable[str]]


class MethodMissingError(ChainError):
    """The node does not know the method."""


class Rpc:
    """A connection to one node. Make it with `connect`, end it with `close` or as a context manager."""

    def __init__(self, url: str, explain: Explain | None = None) -> None:
        """`explain`: asked when nobody answers; a non-empty answer says why (the process that we own has ended)."""
        self.url = url
        self.host = host_of(url)
        self.chain_id = 0
        self._explain = explain
        # Sends must never be repeated behind our back, so the provider's own retries are off.
        self.w3 = AsyncWeb3(AsyncHTTPProvider(url, exception_retry_configuration=None))
        self._session: aiohttp.ClientSession | None = None
        self._opening, self._closed = asyncio.Lock(), False
        self._active, self._quiet = 0, asyncio.Event()

    @classmethod
    async def connect(
        cls,
        url: str,
        expected_chain_id: int | None = None,
        explain: Explain | None = None,
        timeout: float = TIMEOUT,
    ) -> Self:
        """A connection whose chain id is known, and is the expected one if one is given. Raises ChainError."""
        rpc = cls(url, explain)
        try:
            rpc.chain_id = quantity(await rpc.request("eth_chainId", [], timeout))
            if expected_chain_id is not None and rpc.chain_id != expected_chain_id:
                raise ChainError(f"{rpc.host} speaks for chain {rpc.chain_id}, expected {expected_chain_id}")
        except BaseException:
            await rpc.close()
            raise
        return rpc

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"Rpc({self.host}, chain {self.chain_id})"

    async def close(self) -> None:
        """Closes the connection for good; a second call does nothing."""
        self._closed = True
        # A read that runs beside one that failed would make the provider open a session that nobody closes.
        if self._active:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._quiet.wait(), _LAST_ANSWERS)
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def request(self, method: str, params: Sequence[Any] = (), timeout: float = TIMEOUT) -> Any:
        """The node's `result`. `timeout` in seconds, for the whole request.

        Raises RpcDown (nobody answers), RpcTimeout (no answer in time; after a send, also a connection that broke:
        the outcome is unknown), Reverted with the decoded reason, SendError (the node refused a transaction),
        MethodMissingError, or ChainError for anything else that the node says.
        """
        if self._closed:
            raise RpcDown(f"{self.host}: the connection was closed by us")
        self._active += 1
        self._quiet.clear()
        try:
            async with asyncio.timeout(timeout):
                provider = await self._provider()
                answer = await provider.make_request(RPCEndpoint(method), list(params))
        except TimeoutError:
            raise RpcTimeout(f"{self.host} did not answer {method} within {timeout:g} s") from None
        except aiohttp.ClientResponseError as error:
            raise ChainError(f"{self.host} answered {method} with HTTP status {error.status}") from None
        except (aiohttp.ClientConnectorError, aiohttp.InvalidURL):
            raise RpcDown(await self._why("nobody answers")) from None
        except (aiohttp.ClientError, OSError):
            if method in SENDS:
                raise RpcTimeout(f"{self.host} broke off during {method}: the outcome is unknown") from None
            raise RpcDown(await self._why("the connection broke off")) from None
        except ValueError:
            raise ChainError(f"{self.host} answered {method} with something that is not JSON-RPC") from None
        finally:
            self._active -= 1
            if self._active == 0:
                self._quiet.set()
        if not isinstance(answer, dict):
            raise ChainError(f"{self.host} answered {method} with something that is not JSON-RPC")
        if "error" in answer:
            raise self._refusal(method, answer["error"])
        if "result" not in answer:
            raise ChainError(f"{self.host} answered {method} with neither result nor error")
        return answer["result"]

    async def _provider(self) -> AsyncHTTPProvider:
        provider = self.w3.provider
        assert isinstance(provider, AsyncHTTPProvider)
        async with self._opening:
            if self._session is None:
                # One kept-alive session of ours: the provider's default opens a connection for each request.
                session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None), trust_env=False)
                self._session = await provider.cache_async_session(session)
        return provider

    async def _why(self, what: str) -> str:
        reason = await self._explain() if self._explain else ""
        return reason or f"{self.host}: {what}"

    def _refusal(self, method: str, error: Any) -> ChainError:
        if not isinstance(error, dict):
            return ChainError(f"{self.host}: {method}: {without_urls(str(error))}")
        message = without_urls(str(error.get("message", "")))
        code, data = error.get("code"), error.get("data")
        if method != "eth_sendRawTransaction" and (code == 3 or "revert" in message.lower()):
            return Reverted(revert_reason(data, message))
        if method in SENDS:
            return SendError(f"{self.host} refused the transaction: {message}")
        if code == _METHOD_NOT_FOUND or "method not found" in message.lower():
            return MethodMissingError(f"{self.host} does not know {method}")
        return ChainError(f"{self.host}: {method}: {message}")


def host_of(url: str) -> str:
    """Host and port of a node's URL, the only parts of it that may be shown. Raises ChainError if it is not one."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host:
        raise ChainError("the node's URL must be http://host:port or https://host/…")
    return f"{host}:{port or (443 if parts.scheme == 'https' else 80)}"


def without_urls(text: str) -> str:
    """`text` as one line of at most 300 characters, with each URL cut down to its host."""
    shown = _URL.sub(lambda found: f"<{urlsplit(found.group()).netloc.rpartition('@')[2] or 'url'}>", text)
    return " ".join(shown.split())[:300]


def quantity(value: Any) -> int:
    """A JSON-RPC quantity (0x…) as int. Raises ChainError for anything else."""
    try:
        return int(value, 16)
    except (TypeError, ValueError):
        raise ChainError(f"the node answered {str(value)[:40]!r} where a number was due") from None
