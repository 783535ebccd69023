"""Pieces on a real Seaport: only what the adapter would really take is an offer, and it pays what the book says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from eth_abi.abi import decode

from bot.chain.devnet.accounts import COLLECTOR, CREATOR, INVESTOR
from bot.chain.devnet.adapters import DECAY
from bot.chain.devnet.devnet import Devnet, devnet
from bot.chain.devnet.studio import PIECES, YEAR, _minted
from bot.chain.devnet.worlds import studio_of
from bot.chain.multicall import Call, read
from bot.chain.pieces import PARAMETERS, PURCHASES, SALES
from bot.chain.reader import ChainReader
from bot.core.offers import Book, Offer
from bot.core.units import ZERO_ADDRESS
from bot.core.universe import Venue
from bot.errors import ChainError
from tests.chain.kind_worlds import USDC, given_money, moved_to, reader_of, sends, spec_with, undone

pytestmark = [pytest.mark.fork, pytest.mark.asyncio(loop_scope="module")]

ORDER = f"({PARAMETERS},bytes)"
ALL_FOR_SALE = [1_000 * USDC, 1_010 * USDC, 1_020 * USDC, 1_030 * USDC]  # and two above the highest price
BID = 980 * USDC
BACK = BID - BID // 10  # what is sure of a bid: the collection may yet ask for the highest royalty
NET = BID - BID // 20
PLACE = "place(address,uint256,bool,uint256,uint48)"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Devnet]:
    async with devnet(spec_with("pieces"), tmp_path_factory.mktemp("pieces")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def chain(made: Devnet) -> AsyncIterator[Devnet]:
    async with undone(made):
        yield made


@pytest.fixture
def reader(chain: Devnet) -> ChainReader:
    return reader_of(chain)


def venue_of(chain: Devnet) -> Venue:
    return chain.universe["pieces"]


def seaport_of(chain: Devnet) -> str:
    assert chain.description.protocols is not None
    return chain.description.protocols.seaport


async def book_of(reader: ChainReader) -> Book:
    return (await reader.market()).books["pieces"]


async def of_adapter(chain: Devnet, function: str, *returns: str) -> Any:
    (found,) = await read(chain.rpc, Call(venue_of(chain).adapter, f"{function}()", (), returns or ("uint256",)))
    return found


async def orders(chain: Devnet, reader: ChainReader) -> list[tuple[Any, ...]]:
    """The orders on offer, cheapest first, as the adapter would be told of them."""
    return [purchase[0][0] for purchase in await told(chain, reader, (await book_of(reader)).asks, True)]


async def told(chain: Devnet, reader: ChainReader, offers: tuple[Offer, ...], entry: bool) -> Any:
    pieces = reader._kinds._pieces["pieces"]
    return decode([PURCHASES if entry else SALES], pieces.told([offer.key for offer in offers], entry))[0]


def selling(chain: Devnet, token_id: int, price: int, seller: str = CREATOR, **other: Any) -> tuple[Any, ...]:
    """A listing of one piece; `other` names what about it is not as the adapter wants it."""
    money = chain.universe.money.address
    usual: dict[str, Any] = {
        "offerer": seller,
        "zone": ZERO_ADDRESS,
        "offer": [(2, venue_of(chain).token.address, token_id, 1, 1)],
        "consideration": [(1, money, 0, price, price, seller)],
        "kind": 0,
        "start": 0,
        "end": 2**40,
        "zone_hash": bytes(32),
        "salt": 77,
        "conduit": bytes(32),
    }
    usual |= other
    return (*usual.values(), len(usual["consideration"]))


async def list_it(chain: Devnet, order: tuple[Any, ...]) -> None:
    await sends(chain, order[0], (seaport_of(chain), f"validate({ORDER}[])", [(order, b"")]))


async def bought(chain: Devnet, order: tuple[Any, ...], buyer: str = COLLECTOR) -> None:
    await given_money(chain, buyer, sum(item[3] for item in order[3]), seaport_of(chain))
    await sends(chain, buyer, (seaport_of(chain), f"fulfillOrder({ORDER},bytes32)", (order, b""), bytes(32)))


async def bid(chain: Devnet, price: int, seconds: int, token_id: int | None = None) -> None:
    escrow = await of_adapter(chain, "escrow", "address")
    await given_money(chain, INVESTOR, price, escrow)
    expiry = await chain.now() + seconds
    collection = venue_of(chain).token.address
    await sends(chain, INVESTOR, (escrow, PLACE, collection, token_id or 0, token_id is None, price, expiry))


async def test_what_is_on_sale_below_the_highest_price_is_offered_cheapest_first(
    chain: Devnet, reader: ChainReader
) -> None:
    book = await book_of(reader)
    assert [ask.money for ask in book.asks] == ALL_FOR_SALE
    assert [(ask.units, ask.resale, ask.divisible) for ask in book.asks] == [(1, BACK, False)] * len(ALL_FOR_SALE)
    assert (book.bids, book.value, book.exact) == ((), 0, True)
    purchases = await told(chain, reader, book.asks, True)
    numbers = [number for _, number in purchases]
    assert len(set(numbers)) == len(purchases), "a bid backs one piece"
    assert 0 not in numbers
    assert [sum(item[3] for item in order[3]) for (order, _), _ in purchases] == ALL_FOR_SALE


async def _cancelled(chain: Devnet, order: tuple[Any, ...]) -> None:
    components = (*order[:10], 0)
    await sends(chain, CREATOR, (seaport_of(chain), f"cancel({PARAMETERS}[])", [components]))


async def _sent_away(chain: Devnet, order: tuple[Any, ...]) -> None:
    collection = venue_of(chain).token.address
    await sends(
        chain, CREATOR, (collection, "transferFrom(address,address,uint256)", CREATOR, INVESTOR, order[2][0][2])
    )


async def _bought_and_sent_back(chain: Devnet, order: tuple[Any, ...]) -> None:
    await bought(chain, order)
    collection, token_id = venue_of(chain).token.address, order[2][0][2]
    await sends(chain, COLLECTOR, (collection, "transferFrom(address,address,uint256)", COLLECTOR, CREATOR, token_id))


SPOILED: dict[str, Callable[[Devnet, tuple[Any, ...]], Awaitable[None]]] = {
    "cancelled": _cancelled,
    "bought by somebody else": bought,
    "bought by somebody else, and its seller's again": _bought_and_sent_back,
    "no longer the seller's": _sent_away,
}


@pytest.mark.parametrize("how", SPOILED)
@pytest.mark.parametrize("seen_before", [True, False])
async def test_a_listing_that_cannot_be_filled_is_no_offer(
    chain: Devnet, reader: ChainReader, how: str, seen_before: bool
) -> None:
    cheapest = (await orders(chain, reader))[0]
    await SPOILED[how](chain, cheapest)
    book = await book_of(reader if seen_before else reader_of(chain))
    assert [ask.money for ask in book.asks] == ALL_FOR_SALE[1:]


@pytest.mark.parametrize("how", ["raised the counter", "took the leave back"])
async def test_a_seller_who_takes_everything_down_offers_nothing(chain: Devnet, reader: ChainReader, how: str) -> None:
    """Seaport still calls these orders validated and not cancelled; filling one would fail, and with it the call."""
    cheapest = (await orders(chain, reader))[0]
    collection, seaport = venue_of(chain).token.address, seaport_of(chain)
    if how == "raised the counter":
        await sends(chain, CREATOR, (seaport, "incrementCounter()"))
        assert (await book_of(reader)).asks == ()
        return
    await sends(chain, CREATOR, (collection, "setApprovalForAll(address,bool)", seaport, False))
    assert (await book_of(reader)).asks == ()
    await sends(chain, CREATOR, (collection, "approve(address,uint256)", seaport, cheapest[2][0][2]))
    assert [ask.money for ask in (await book_of(reader)).asks] == ALL_FOR_SALE[:1]


async def test_a_piece_that_is_listed_twice_is_one_offer_and_a_listing_ends_before_its_last_second(
    chain: Devnet, reader: ChainReader
) -> None:
    token_id = (await orders(chain, reader))[0][2][0][2]
    await list_it(chain, selling(chain, token_id, 900 * USDC, end=await chain.now() + 10_000))
    assert [ask.money for ask in (await book_of(reader)).asks] == [900 * USDC, *ALL_FOR_SALE[1:]]
    await chain.settle(9_000)
    assert [ask.money for ask in (await book_of(reader)).asks] == ALL_FOR_SALE


async def test_orders_that_the_adapter_refuses_are_not_offered(chain: Devnet, reader: ChainReader) -> None:
    first, second, *_ = [order[2][0][2] for order in await orders(chain, reader)]
    collection, money, cheap = venue_of(chain).token.address, chain.universe.money.address, 10 * USDC
    asked = (1, money, 0, cheap, cheap, CREATOR)
    refused: list[dict[str, Any]] = [
        {"zone": INVESTOR},
        {"kind": 2, "zone": INVESTOR},
        {"conduit": b"\1" * 32},
        {"offer": [(2, collection, number, 1, 1) for number in (first, second)]},
        {"offer": [(4, collection, 0, 1, 1)]},  # any piece of the collection
        {"consideration": [asked, (0, ZERO_ADDRESS, 0, 1, 1, CREATOR)]},
        {"consideration": [asked, (1, collection, 0, 1, 1, CREATOR)]},
        {"consideration": [(1, money, 0, cheap, 2 * cheap, CREATOR)]},
        {"consideration": [asked, (1, money, 0, 1, 1, chain.vault)]},
        {"consideration": [asked, (1, money, 0, 1, 1, venue_of(chain).adapter)]},
    ]
    for other in refused:
        await list_it(chain, selling(chain, first, cheap, **other))
    assert [ask.money for ask in (await book_of(reader)).asks] == ALL_FOR_SALE


async def test_a_royalty_that_the_seller_left_out_is_part_of_the_cost(chain: Devnet, reader: ChainReader) -> None:
    cheapest = (await orders(chain, reader))[0]
    await bought(chain, cheapest)
    token_id, price = cheapest[2][0][2], 600 * USDC
    collection, seaport = venue_of(chain).token.address, seaport_of(chain)
    await sends(chain, COLLECTOR, (collection, "setApprovalForAll(address,bool)", seaport, True))
    await list_it(chain, selling(chain, token_id, price, COLLECTOR))
    ask = (await book_of(reader)).asks[0]
    assert ask.money == price + price // 20
    assert ask.resale == ask.money, "a bid above what it cost makes it worth no more"
    market, plan, (fill,) = await moved_to(chain, reader, 0.007)
    assert (fill.amount, fill.received) == (plan.legs[0].amount, 1) == (ask.money, 1)
    assert market.idle - (await reader.market()).idle == ask.money


async def test_a_royalty_that_would_be_ours_is_not_paid(chain: Devnet, reader: ChainReader) -> None:
    """Whoever mints a piece with our vault as its royalty's receiver must not make the book and the adapter differ."""
    assert chain.description.protocols is not None
    place, now = studio_of(chain.description.protocols), await chain.now()
    token_id = await _minted(chain.rpc, place, "ours", CREATOR, chain.vault, now)
    await list_it(chain, selling(chain, token_id, 500 * USDC))
    assert (await book_of(reader)).asks[0].money == 500 * USDC
    _, _, (entry,) = await moved_to(chain, reader, 0.006)
    assert entry.amount == 500 * USDC
    assert [offer.money for offer in (await book_of(reader)).bids] == [BID]
    _, _, (rest,) = await moved_to(chain, reader, 0.0)
    assert rest.received == BID


async def test_no_more_is_offered_than_the_adapter_holds(chain: Devnet, reader: ChainReader) -> None:
    await moved_to(chain, reader, 0.011)
    pieces = reader._kinds._pieces["pieces"]
    assert pieces._most == 32
    pieces._most = 2
    assert len((await book_of(reader)).asks) == 1


async def test_only_a_bid_that_outlasts_the_decay_and_covers_the_piece_backs_it(
    chain: Devnet, reader: ChainReader
) -> None:
    second = (await orders(chain, reader))[1][2][0][2]
    await bid(chain, 2_000 * USDC, DECAY)  # too short for a value that has to decay after it
    await bid(chain, 1_500 * USDC, DECAY + 7_200, second)
    await bid(chain, 1_005 * USDC, YEAR)
    book = await book_of(reader)
    sure = 1_005 * USDC - 1_005 * USDC // 10
    assert [ask.resale for ask in book.asks] == [sure, 1_010 * USDC, BACK, BACK]
    assert [number for _, number in await told(chain, reader, book.asks, True)][:2] == [PIECES + 3, PIECES + 2]


async def test_entry_and_exit_through_the_vault_pay_what_the_book_said(chain: Devnet, reader: ChainReader) -> None:
    before, plan, (entry,) = await moved_to(chain, reader, 0.031)
    assert [leg.terms for leg in plan.legs] == [tuple(ask.key for ask in before.books["pieces"].asks[:3])]
    assert (entry.amount, entry.received) == (sum(ALL_FOR_SALE[:3]), 3)
    held = await reader.market()
    assert before.idle - held.idle == sum(ALL_FOR_SALE[:3])
    assert held.units["pieces"] == 3
    book = held.books["pieces"]
    assert [ask.money for ask in book.asks] == ALL_FOR_SALE[3:]
    assert [offer.money for offer in book.bids] == [NET] * 3
    assert 0 < book.value == await of_adapter(chain, "value") <= 3 * BACK
    sales = await told(chain, reader, book.bids, False)
    backing = {(piece[0], piece[2], piece[6]) for piece in await pieces_of(chain)}
    assert {sale[:3] for sale in sales} == backing, "each is sold into the bid that backs it"

    _, plan, (part,) = await moved_to(chain, reader, 0.0085)
    assert (part.entry, part.amount, part.received) == (False, 2, 2 * NET)
    market, plan, (rest,) = await moved_to(chain, reader, 0.0)
    assert (rest.amount, rest.received, plan.legs[0].expected) == (1, NET, NET)
    after = await reader.market()
    assert (after.idle - market.idle, after.units["pieces"], after.books["pieces"].value) == (NET, 0, 0)


async def test_a_better_bid_than_its_own_is_taken(chain: Devnet, reader: ChainReader) -> None:
    await moved_to(chain, reader, 0.021)
    await bid(chain, 1_200 * USDC, 7_200)
    await bid(chain, 3_000 * USDC, 600)  # ends before a call could rely on it
    better = 1_200 * USDC - 60 * USDC
    assert [offer.money for offer in (await book_of(reader)).bids] == [better, NET]
    _, _, (fill,) = await moved_to(chain, reader, 0.0)
    assert (fill.amount, fill.received) == (2, better + NET)


async def test_a_piece_that_decayed_to_nothing_can_still_be_left(chain: Devnet, reader: ChainReader) -> None:
    await moved_to(chain, reader, 0.011)
    await chain.settle(DECAY)
    market = await reader.market()
    assert (market.books["pieces"].value, market.books["pieces"].bids[0].money) == (0, NET)
    _, _, (fill,) = await moved_to(chain, reader, 0.0)
    assert (fill.amount, fill.received) == (1, NET)


@pytest.mark.parametrize("collected", [False, True])
async def test_a_piece_that_our_listing_sold_is_left_for_its_money(
    chain: Devnet, reader: ChainReader, collected: bool
) -> None:
    await moved_to(chain, reader, 0.011)
    ((collection, _, token_id, *_),) = await pieces_of(chain)
    adapter, price, expiry = venue_of(chain).adapter, 1_400 * USDC, await chain.now() + 86_400
    await sends(
        chain, chain.keeper, (adapter, "list(address,uint256,uint256,uint256)", collection, token_id, price, expiry)
    )
    assert [offer.money for offer in (await book_of(reader)).bids] == [NET], "until somebody buys it, the bid is all"
    assert len((await book_of(reader)).asks) == len(ALL_FOR_SALE) - 1, "our own listing is no offer to us"
    ((*_, ask),) = await pieces_of(chain)
    royalty, net = price // 20, price - price // 20
    money = chain.universe.money.address
    asked = [(1, money, 0, net, net, adapter), (1, money, 0, royalty, royalty, CREATOR)]
    order = selling(chain, token_id, 0, adapter, consideration=asked, end=expiry, salt=ask[5])
    await bought(chain, order)
    if collected:
        await sends(chain, INVESTOR, (chain.vault, "collect(address)", adapter))
    expected = 0 if collected else net
    assert [offer.money for offer in (await book_of(reader)).bids] == [expected]
    _, _, (fill,) = await moved_to(chain, reader, 0.0)
    assert (fill.amount, fill.received) == (1, expected)
    assert (await reader.market()).units["pieces"] == 0


async def test_an_offer_that_is_gone_is_not_told(chain: Devnet, reader: ChainReader) -> None:
    cheapest = (await book_of(reader)).asks[0]
    await _cancelled(chain, (await orders(chain, reader))[0])
    await book_of(reader)
    with pytest.raises(ChainError, match="an offer is no longer known"):
        reader._kinds._pieces["pieces"].told([cheapest.key], True)


async def pieces_of(chain: Devnet) -> list[tuple[Any, ...]]:
    ask = "(bytes32,uint128,uint128,address,uint48,uint48)"
    return list(await of_adapter(chain, "held", f"(address,uint48,uint256,uint128,uint128,uint128,uint128,{ask})[]"))
