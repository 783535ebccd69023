from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from eth_utils.crypto import keccak

from bot.chain.rpc import MethodMissingError, Rpc, host_of, quantity, without_urls
from bot.errors import ChainError, Reverted, RpcDown, RpcTimeout, SendError

SECRET = "k3y-of-the-user"  # as it would stand in a hosted node's path
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def node(handler: Handler) -> AsyncIterator[str]:
    """URL, with a secret in it, of a node that answers as `handler` does."""
    app = web.Application()
    app.router.add_post("/{path:.*}", handler)
    async with TestServer(app, host="127.0.0.1") as server:
        yield f"http://user:{SECRET}@127.0.0.1:{server.port}/v3/{SECRET}"


def saying(**answer: Any) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        asked = json.loads(await request.text())
        return web.json_response({"jsonrpc": "2.0", "id": asked["id"], **answer})

    return handle


async def failure(handler: Handler, method: str = "eth_call", timeout: float = 5.0) -> ChainError:
    """What a request to such a node raises; its one line never holds the secret."""
    async with node(handler) as url, Rpc(url) as rpc:
        with pytest.raises(ChainError) as caught:
            await rpc.request(method, [], timeout)
    text = str(caught.value)
    assert SECRET not in text
    assert "\n" not in text
    return caught.value


async def test_returns_the_result() -> None:
    async with node(saying(result="0x2a")) as url, await Rpc.connect(url, 42) as rpc:
        assert rpc.chain_id == 42
        assert await rpc.request("eth_blockNumber", []) == "0x2a"
        assert SECRET not in repr(rpc)


async def test_refuses_a_node_of_another_chain() -> None:
    async with node(saying(result="0x1")) as url:
        with pytest.raises(ChainError, match="speaks for chain 1, expected 31337") as caught:
            await Rpc.connect(url, 31_337)
    assert SECRET not in str(caught.value)


async def test_nobody_listening_is_rpc_down(unused_tcp_port: int) -> None:
    url = f"http://user:{SECRET}@127.0.0.1:{unused_tcp_port}/{SECRET}"
    with pytest.raises(RpcDown) as caught:
        await Rpc.connect(url)
    assert str(caught.value) == f"127.0.0.1:{unused_tcp_port}: nobody answers"


async def test_a_dead_process_of_ours_is_named(unused_tcp_port: int) -> None:
    async def explain() -> str:
        return "fork (anvil) has ended: out of memory"

    with pytest.raises(RpcDown, match="out of memory"):
        await Rpc.connect(f"http://127.0.0.1:{unused_tcp_port}", explain=explain)


async def test_a_slow_node_is_a_timeout() -> None:
    async def handle(_: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    error = await failure(handle, timeout=0.05)
    assert isinstance(error, RpcTimeout)
    assert "within 0.05 s" in str(error)


async def test_a_connection_that_breaks_after_a_send_leaves_the_outcome_unknown() -> None:
    async def handle(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    assert isinstance(await failure(handle, "eth_sendRawTransaction"), RpcTimeout)
    assert isinstance(await failure(handle, "eth_call"), RpcDown)


async def test_an_http_refusal_names_the_status() -> None:
    async def handle(_: web.Request) -> web.Response:
        return web.Response(status=401, text=f"bad key {SECRET}")

    assert "HTTP status 401" in str(await failure(handle))


@pytest.mark.parametrize("body", ["<html>", "", "[]", '"text"', '{"jsonrpc": "2.0", "id": 0}'])
async def test_anything_but_json_rpc_is_one_line(body: str) -> None:
    async def handle(_: web.Request) -> web.Response:
        return web.Response(text=body)

    assert type(await failure(handle)) is ChainError


async def test_a_revert_is_told_by_its_custom_error() -> None:
    data = keccak(text="WrongNonce(uint256,uint256)")[:4] + (3).to_bytes(32, "big") + (4).to_bytes(32, "big")
    error = await failure(saying(error={"code": 3, "message": "execution reverted", "data": "0x" + data.hex()}))
    assert isinstance(error, Reverted)
    assert str(error) == "WrongNonce(expected=3, current=4)"


async def test_a_refused_send_is_a_send_error_even_if_it_speaks_of_a_revert() -> None:
    for message in ("nonce too low", "execution reverted"):
        error = await failure(saying(error={"code": -32003, "message": message}), "eth_sendRawTransaction")
        assert isinstance(error, SendError)
        assert message in str(error)


async def test_an_unknown_method_can_be_told_apart() -> None:
    error = await failure(saying(error={"code": -32601, "message": "Method not found"}), "eth_simulateV1")
    assert isinstance(error, MethodMissingError)


async def test_urls_in_a_nodes_own_message_lose_their_secrets() -> None:
    message = f"error sending request for url (https://user:{SECRET}@node.example:8545/v3/{SECRET})\n at line 3"
    error = await failure(saying(error={"code": -32603, "message": message}))
    assert "<node.example:8545>" in str(error)


@pytest.mark.parametrize("url", ["", "localhost:8545", "ftp://node", "http://", "http://node:port", "https://[::1"])
def test_refuses_what_is_no_url_without_showing_it(url: str) -> None:
    with pytest.raises(ChainError, match="the node's URL must be"):
        host_of(url)


def test_names_host_and_port_only() -> None:
    assert host_of(f"https://user:{SECRET}@node.example/v3/{SECRET}") == "node.example:443"
    assert without_urls("a  b\nc" + "x" * 400) == ("a b c" + "x" * 400)[:300]


@pytest.mark.parametrize("value", [None, "", "0xzz", 5, "latest"])
def test_refuses_a_quantity_that_is_none(value: object) -> None:
    with pytest.raises(ChainError, match="where a number was due"):
        quantity(value)


async def test_a_closed_connection_is_not_opened_again() -> None:
    async with node(saying(result="0x2a")) as url:
        rpc = await Rpc.connect(url)
        await rpc.close()
        with pytest.raises(RpcDown, match="closed by us"):
            await rpc.request("eth_blockNumber", [])


async def test_requests_at_once_share_one_session() -> None:
    async with node(saying(result="0x2a")) as url, Rpc(url) as rpc:
        await asyncio.gather(*(rpc.request("eth_blockNumber", []) for _ in range(20)))
