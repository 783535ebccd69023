"""Somebody else's vault as offers: the price is its own word, the sizes are what it takes and gives now."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from eth_utils.crypto import keccak

from bot.chain.devnet.accounts import OWNER
from bot.chain.devnet.devnet import Devnet, devnet
from bot.chain.multicall import Call, read
from bot.chain.reader import ChainReader
from bot.core.market import Market
from bot.core.offers import Book
from bot.core.plan import NOTHING_OFFERED, Plan
from bot.core.universe import Venue
from tests.chain.kind_worlds import USDC, moved_to, reader_of, sends, spec_with, undone
from tests.chain.worlds import plan_for

pytestmark = [pytest.mark.fork, pytest.mark.asyncio(loop_scope="module")]

WEEK = 7 * 86_400


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Devnet]:
    async with devnet(spec_with("savings"), tmp_path_factory.mktemp("savings")) as running:
        await running.settle(86_400)  # until its adapter is old enough to be priced
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def chain(made: Devnet) -> AsyncIterator[Devnet]:
    async with undone(made):
        yield made


@pytest.fixture
def reader(chain: Devnet) -> ChainReader:
    return reader_of(chain)


def venue_of(chain: Devnet) -> Venue:
    return chain.universe["savings"]


async def book_of(reader: ChainReader) -> Book:
    return (await reader.market()).books["savings"]


async def told(chain: Devnet, signature: str, *values: object) -> int:
    """What the savings account itself says of a sum."""
    return int((await read(chain.rpc, Call(venue_of(chain).token.address, signature, values)))[0])


async def answering(chain: Devnet, signature: str, word: int | None) -> None:
    """From now on the account answers one function with this word, or fails there; all else is as it was."""
    account, elsewhere = venue_of(chain).token.address, "5a" * 20
    if await chain.rpc.request("eth_getCode", ["0x" + elsewhere, "latest"]) == "0x":
        code = await chain.rpc.request("eth_getCode", [account, "latest"])
        await chain.rpc.request("anvil_setCode", ["0x" + elsewhere, code])
    other = "365f5f375f5f365f73" + elsewhere + "5af43d5f5f3e6037573d5ffd5b3d5ff3"  # to the code as it was
    said = "5b5f5ffd" if word is None else "5b7f" + f"{word:064x}" + "5f5260205ff3"
    selector = keccak(text=signature)[:4].hex()
    shim = "5f3560e01c63" + selector + "14603b57" + other + said
    await chain.rpc.request("anvil_setCode", [account, "0x" + shim])


async def test_the_price_is_what_the_vault_says_of_a_round_sum(chain: Devnet, reader: ChainReader) -> None:
    book = await book_of(reader)
    (ask,) = book.asks
    assert (book.bids, book.value, book.exact, ask.divisible) == ((), 0, False, True)
    for money in (100 * USDC, 12_345_678_901, 5_000_000 * USDC):
        shares = await told(chain, "previewDeposit(uint256)", money)
        assert money * ask.units // ask.money == pytest.approx(shares, rel=1e-9)
        again = await told(chain, "previewRedeem(uint256)", shares)
        assert money * ask.resale // ask.money == pytest.approx(again, rel=1e-9)


async def test_entry_and_exit_through_the_vault_pay_what_the_vault_said(chain: Devnet, reader: ChainReader) -> None:
    _, plan, (entry,) = await moved_to(chain, reader, 0.2)
    (leg,) = plan.legs
    assert not leg.exact
    assert entry.amount == leg.amount == 20_000 * USDC
    assert entry.received == pytest.approx(leg.expected, rel=1e-9)
    await chain.settle(WEEK)  # in which it earns interest
    held = await reader.market()
    (bid,) = held.books["savings"].bids
    assert held.units["savings"] == bid.units == entry.received
    assert bid.money == await told(chain, "previewRedeem(uint256)", bid.units) > 20_000 * USDC
    assert 0 < held.books["savings"].value <= bid.money
    _, plan, (rest,) = await moved_to(chain, reader, 0.0)
    assert (rest.amount, rest.received) == (entry.received, plan.legs[0].expected)
    assert rest.received >= bid.money
    after = await reader.market()
    assert (after.idle - held.idle, after.units["savings"]) == (rest.received, 0)


async def test_a_vault_that_takes_no_more_offers_no_more(chain: Devnet, reader: ChainReader) -> None:
    deposit = "maxDeposit(address)"
    await answering(chain, deposit, 7_000 * USDC)
    assert (await book_of(reader)).asks[0].money == 7_000 * USDC
    _, _, (entry,) = await moved_to(chain, reader, 0.2)
    assert entry.amount == 7_000 * USDC
    await answering(chain, deposit, 0)
    market = await reader.market()
    assert market.books["savings"].asks == ()
    assert len(market.books["savings"].bids) == 1, "what is there can be left all the same"
    assert planned(chain, market, 0.2).skipped == {"savings": NOTHING_OFFERED}


async def test_a_vault_short_of_money_is_left_as_far_as_it_pays(chain: Devnet, reader: ChainReader) -> None:
    _, _, (entry,) = await moved_to(chain, reader, 0.2)
    await answering(chain, "maxRedeem(address)", entry.received // 4)
    assert (await book_of(reader)).bids[0].units == entry.received // 4
    _, _, (part,) = await moved_to(chain, reader, 0.0)
    assert part.amount == entry.received // 4
    await answering(chain, "maxRedeem(address)", 0)
    market = await reader.market()
    assert market.books["savings"].bids == ()
    assert planned(chain, market, 0.0).skipped == {"savings": NOTHING_OFFERED}


@pytest.mark.parametrize("failing", ["previewDeposit(uint256)", "maxDeposit(address)"])
async def test_a_vault_that_cannot_tell_is_not_entered(chain: Devnet, reader: ChainReader, failing: str) -> None:
    await moved_to(chain, reader, 0.1)
    await answering(chain, failing, None)
    book = await book_of(reader)
    assert (len(book.asks), len(book.bids)) == (0, 1)
    _, _, (rest,) = await moved_to(chain, reader, 0.0)
    assert rest.received > 0


async def test_nothing_is_planned_where_the_adapter_cannot_tell_its_value(chain: Devnet, reader: ChainReader) -> None:
    """Patron's vault would refuse the keeper's exit, and with it all other legs."""
    await moved_to(chain, reader, 0.1)
    await answering(chain, "convertToAssets(uint256)", None)
    market = await reader.market()
    assert market.units["savings"] > 0
    assert market.books["savings"] == Book((), (), exact=False)
    for weight in (0.0, 0.2):
        assert planned(chain, market, weight).legs == ()


async def test_gifts_to_the_adapter_are_not_ours(chain: Devnet, reader: ChainReader) -> None:
    _, _, (entry,) = await moved_to(chain, reader, 0.1)
    account = venue_of(chain)
    await sends(chain, OWNER, (account.token.address, "transfer(address,uint256)", account.adapter, entry.received))
    market = await reader.market()
    assert market.units["savings"] == market.books["savings"].bids[0].units == entry.received


def planned(chain: Devnet, market: Market, weight: float) -> Plan:
    return plan_for((weight,), market, chain.universe)
