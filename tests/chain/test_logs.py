"""Logs of many blocks from nodes that bear few at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chain import logs
from bot.chain.devnet.devnet import devnet
from bot.chain.logs import logs_between
from bot.chain.pool_logs import creation_block
from bot.chain.rpc import MethodMissingError, Rpc
from bot.errors import ChainError, RpcDown
from tests.chain.kind_worlds import reader_of, spec_with

WHERE = {"address": "0x" + "5e" * 20, "topics": ["0x" + "ab" * 32]}


class Node(Rpc):
    """One log a block, and answers for at most `most` blocks, or always the same error."""

    def __init__(self, most: int, error: ChainError | None = None) -> None:
        super().__init__("http://127.0.0.1:9")
        self.most, self.error = most, error
        self.asked: list[tuple[int, int]] = []

    async def request(self, method: str, params: Any = (), timeout: float = 10.0) -> Any:
        (asked,) = params
        assert (method, asked["address"], asked["topics"]) == ("eth_getLogs", WHERE["address"], WHERE["topics"])
        first, last = int(asked["fromBlock"], 16), int(asked["toBlock"], 16)
        self.asked.append((first, last))
        if self.error is not None:
            raise self.error
        if last - first >= self.most:
            raise ChainError("the node: query exceeds the most blocks")
        return [{"blockNumber": hex(block)} for block in range(first, last + 1)]


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_PAUSE", 0.0)


@given(first=st.integers(0, 1 << 40), blocks=st.integers(1, 400), most=st.integers(1, 500))
async def test_each_block_is_told_once_and_in_order_whatever_the_node_bears(first: int, blocks: int, most: int) -> None:
    node, last = Node(most), first + blocks - 1
    found = [int(log["blockNumber"], 16) for log in await logs_between(node, WHERE, first, last)]
    assert found == list(range(first, last + 1))
    if blocks <= most:
        assert node.asked == [(first, last)]


async def test_no_blocks_are_no_question() -> None:
    node = Node(10)
    assert await logs_between(node, WHERE, 8, 7) == []
    assert node.asked == []


async def test_a_block_that_is_too_much_alone_is_the_nodes_own_line() -> None:
    with pytest.raises(ChainError, match="query exceeds the most blocks"):
        await logs_between(Node(0), WHERE, 0, 999)


@pytest.mark.parametrize("error", [RpcDown("nobody answers"), MethodMissingError("no such method")])
async def test_a_node_that_is_gone_or_has_no_logs_is_asked_once(error: ChainError) -> None:
    node = Node(10, error)
    with pytest.raises(type(error)):
        await logs_between(node, WHERE, 0, 999)
    assert len(node.asked) == 1


@pytest.mark.parametrize("answer", [None, {}, "0x", [1]])
async def test_what_is_no_list_of_logs_is_refused(answer: object, monkeypatch: pytest.MonkeyPatch) -> None:
    async def request(*_: object) -> object:
        return answer

    node = Node(10)
    monkeypatch.setattr(node, "request", request)
    with pytest.raises(ChainError, match=r"127\.0\.0\.1:9 answered eth_getLogs with something that is no list of logs"):
        await logs_between(node, WHERE, 5, 5)


@pytest.mark.fork
async def test_pieces_are_looked_for_since_their_collection_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with devnet(spec_with("pieces"), tmp_path) as chain:
        node, asked = chain.rpc.request, []

        async def narrow(method: str, params: Any = (), timeout: float = 10.0) -> Any:
            if method == "eth_getLogs":
                asked.append(int(params[0]["fromBlock"], 16))
                if int(params[0]["toBlock"], 16) > asked[-1] + 2:
                    raise ChainError("the node: query exceeds the most blocks")
            return await node(method, params, timeout)

        whole = (await reader_of(chain).market()).books["pieces"]
        monkeypatch.setattr(chain.rpc, "request", narrow)
        assert (await reader_of(chain).market()).books["pieces"] == whole
        assert len(whole.asks) == 4
        head = int(await node("eth_blockNumber"), 16)
        assert 0 < min(asked) == await creation_block(chain.rpc, chain.universe["pieces"].token.address, head) < head
