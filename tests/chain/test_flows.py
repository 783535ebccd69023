"""What others do to the vault is booked from its own events, once, and the books equal the chain after each of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from bot.chain.calls import fills_of
from bot.chain.devnet.devnet import Devnet, devnet
from bot.chain.flows import Flows, postings_of_log
from bot.chain.reader import ChainReader
from bot.chain.rpc import quantity
from bot.core.postings import Posting, Receipt, postings_of
from bot.core.universe import Universe
from bot.errors import ChainError
from tests.chain.committing import agreed, carried_out
from tests.chain.governance import by_timelock, sent
from tests.chain.worlds import MONEY, UNIVERSE, placeholder, spec_of

pytestmark = [pytest.mark.fork, pytest.mark.asyncio(loop_scope="session")]

UNWIND = "unwind(address,uint256,uint256,bytes)"


@dataclass
class Books:
    """Sums by account and token since they were opened; a reference counts once."""

    known: dict[str, tuple[Posting, ...]] = field(default_factory=dict)
    totals: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))

    async def post(self, reference: str, cycle: int, lines: Sequence[Posting]) -> None:
        if reference in self.known:
            assert self.known[reference] == tuple(lines)
            return
        self.known[reference] = tuple(lines)
        self.add(lines)

    def add(self, lines: Sequence[Posting]) -> None:
        for line in lines:
            self.totals[line.account, line.token] += line.amount


async def test_books_follow_whatever_others_do_to_the_vault(tmp_path: Path) -> None:
    async with devnet(spec_of(), tmp_path) as chain:
        await follow_all(chain)


async def follow_all(chain: Devnet) -> None:
    people, money, universe = chain.description, chain.universe.money.address, chain.universe
    reader, books = ChainReader(chain.rpc, universe, chain.vault), Books()
    await chain.settle(7_200)  # old enough to be priced
    start = await reader.market()
    opening = await reader.balances(start.block)
    flows = Flows(chain.rpc, universe, chain.vault, start.block, books.post)

    async def equal(told: int) -> None:
        """Books and chain agree, and so many events are booked by now."""
        market = await reader.market()
        await flows.follow(market.block)
        await Flows(chain.rpc, universe, chain.vault, start.block, books.post).follow(market.block)  # as a new start
        now = await reader.balances(market.block)
        assert {key: total - opening[key] for key, total in now.items()} == {
            key: books.totals.get(key, 0) for key in now
        }
        assert len(books.known) == told, list(books.known.values())

    await equal(0)
    _, plan, allowed = await agreed(chain, reader, [0.1, 0.1, 0.0, 0.0])
    raw = await carried_out(chain, plan, allowed)
    block = quantity(raw["blockNumber"])
    receipt = Receipt("0x", block, "", 0, True, fills_of(raw["logs"], universe), 0, 0)
    books.add(postings_of(receipt, universe))
    await equal(0)

    await sent(chain, people.owner, money, "mint(address,uint256)", people.investor, 500 * 10**6)
    await sent(chain, people.investor, money, "approve(address,uint256)", chain.vault, 500 * 10**6)
    await sent(chain, people.investor, chain.vault, "deposit(uint256,address)", 500 * 10**6, people.investor)
    await equal(1)
    await sent(chain, people.investor, chain.vault, "withdraw(uint256,address,address)", 5, *[people.investor] * 2)
    await equal(2)

    adapter = universe["render"].adapter
    held = (await reader.market()).units["render"]
    await sent(chain, people.guardian, chain.vault, UNWIND, adapter, held // 3, 1, b"")
    await equal(3)
    await sent(chain, people.investor, chain.vault, "collect(address)", adapter)
    await equal(3)  # there was nothing to collect, so there is nothing to book

    await sent(chain, people.investor, chain.vault, "requestRedeem(uint256,address)", 10**15, people.investor)
    await equal(3)
    await sent(chain, people.owner, chain.vault, "settle(uint256)", 5)
    await equal(4)
    number = await last_request(chain)
    await sent(chain, people.investor, chain.vault, "claim(uint256)", number)
    await equal(4)

    await sent(chain, people.owner, money, "mint(address,uint256)", chain.vault, 77)
    await equal(4)
    await by_timelock(chain, chain.vault, "absorb()")
    await equal(5)
    assert books.totals["gifts", money] == -77


async def last_request(chain: Devnet) -> int:
    found = await chain.rpc.request("eth_call", [{"to": chain.vault, "data": "0x" + length()}, "latest"])
    return int(found, 16) - 1


def length() -> str:
    return keccak(text="queueLength()")[:4].hex()


def log(event: str, data: tuple[int, ...], *addresses: str) -> dict[str, Any]:
    topics = [keccak(text=event), *(bytes.fromhex(address[2:]).rjust(32, b"\0") for address in addresses)]
    words = encode(("uint256",) * len(data), data)
    return {"topics": ["0x" + topic.hex() for topic in topics], "data": "0x" + words.hex()}


ADAPTER = placeholder(0xAA)
ONE = Universe(MONEY, (UNIVERSE.venues[0], replace(UNIVERSE["render"], adapter=ADAPTER)))


async def test_income_is_its_own_account() -> None:
    lines = postings_of_log(log("Collected(address,uint256)", (9,), ADAPTER), ONE)
    assert lines == (Posting("income:render", MONEY.address, -9), Posting("idle", MONEY.address, 9))


@pytest.mark.parametrize("event", ["Collected(address,uint256)", "Unwound(address,address,uint256,uint256)"])
async def test_an_adapter_that_is_not_ours_is_refused(event: str) -> None:
    stranger = log(event, (9,) if "Collected" in event else (9, 9), placeholder(0xBB), placeholder(1))
    with pytest.raises(ChainError, match="which is no venue of ours"):
        postings_of_log(stranger, ONE)
