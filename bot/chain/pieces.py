"""Pieces of a collection on Seaport 1.6: which listings stand, who is bound to buy back, and how an adapter is told.

Listings are those that were validated on chain (Seaport's own event holds the whole order); a marketplace's signed but
unpublished orders are not looked for. Bids are those whose money lies in the adapter's escrow.

Anyone may list and bid, and one offer that the adapter would refuse makes the whole call fail. So an offer that does
not meet each of the adapter's conditions is no offer here: see SeaportOrders.sol and PieceBook.sol.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

from bot.chain.logs import logs_between
from bot.chain.multicall import Call, aggregate, read
from bot.chain.pool_logs import creation_block
from bot.chain.rpc import Rpc
from bot.core.offers import Book, Offer
from bot.core.universe import Venue
from bot.errors import ChainError

_ITEM = "uint8,address,uint256,uint256,uint256"
PARAMETERS: Final = (
    f"(address,address,({_ITEM})[],({_ITEM},address)[],uint8,uint256,uint256,bytes32,uint256,bytes32,uint256)"
)
PURCHASES: Final = f"(({PARAMETERS},bytes),uint256)[]"
SALES: Final = "(address,uint256,uint256,bytes)[]"
_ASK = "(bytes32,uint128,uint128,address,uint48,uint48)"
_PIECES: Final = f"(address,uint48,uint256,uint128,uint128,uint128,uint128,{_ASK})[]"
_VALIDATED: Final = "0x" + keccak(text=f"OrderValidated(bytes32,{PARAMETERS})").hex()
_PLACED: Final = "0x" + keccak(text="Placed(uint256,address,address,uint256,bool,uint256,uint48)").hex()
_ERC20, _ERC721 = 1, 2
_MOST_ROYALTY_BPS: Final = 1_000  # the adapter pays no more
_MARGIN: Final = (
    3_600  # seconds that an offer must still stand, or outlast the decay of what it backs: calls come later
)
_NOBODY: Final = "0x" + "00" * 20
_NONE: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class _Listing:
    """One order as it was validated. price: of all its consideration, in raw money."""

    hash: bytes
    order: tuple[Any, ...]
    token_id: int
    price: int

    @property
    def seller(self) -> str:
        return str(self.order[0])


@dataclass(frozen=True, slots=True)
class _Bid:
    number: int
    token_id: int
    any: bool
    price: int
    expiry: int

    def covers(self, token_id: int) -> bool:
        return self.any or self.token_id == token_id


@dataclass(slots=True)
class PieceReader:
    """One venue of pieces. `sayings`: what the adapter is told of an offer, by its key, as of the last reading."""

    rpc: Rpc
    venue: Venue
    money: str
    sayings: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    _listings: dict[bytes, _Listing] = field(default_factory=dict)
    _bids: set[int] = field(default_factory=set)
    _since: int = 0  # the next block to look through
    _seaport: str = ""
    _escrow: str = ""
    _vault: str = ""
    _decay: int = 0
    _most: int = 0  # pieces that the adapter holds at once

    async def book(self, block: int, at: int) -> Book:
        """Asks, bids and value at a block whose time is `at`. Raises ChainError."""
        if not self._seaport:
            await self._know(block)
        await self._follow(block)
        adapter, collection, when = self.venue.adapter, self.venue.token.address, hex(block)
        calls = [
            Call(adapter, "value()"),
            Call(adapter, "held()", (), (_PIECES,)),
            Call(adapter, "maxPrice(address)", (collection,), ("uint128",)),
            *(self._bid_call(number) for number in sorted(self._bids)),
            *(Call(adapter, "backing(uint256)", (number,), ("bytes32",)) for number in sorted(self._bids)),
        ]
        value, held, most, *of_bids = await aggregate(self.rpc, calls, when)
        if value is None or held is None or most is None:
            raise ChainError(f"{self.venue.id}'s adapter does not answer: wrong address or wrong chain")
        free, backing = self._standing(of_bids, at)
        pieces = [piece for piece in held[0] if piece[0].lower() == collection.lower()]
        listings = await self._on_sale(when, at)
        royalties = await self._royalties(when, [(one.token_id, one.price) for one in listings])
        self.sayings = {}
        bids = await self._exits(when, pieces, free, backing)
        asks = self._asks(listings, royalties, most[0], free, at)
        return Book(tuple(asks[: self._most - len(held[0])]), tuple(bids), value[0])

    def told(self, keys: Sequence[int], entry: bool) -> bytes:
        """What the adapter is told to take the offers of these keys. Raises ChainError for one that is not known."""
        try:
            said = [self.sayings[key] for key in keys]
        except KeyError:
            raise ChainError(f"{self.venue.id}: an offer is no longer known: read the market again") from None
        return encode([PURCHASES if entry else SALES], [said])

    async def _know(self, block: int) -> None:
        adapter = self.venue.adapter
        (self._escrow,) = await read(self.rpc, Call(adapter, "escrow()", (), ("address",)))
        (self._vault,) = await read(self.rpc, Call(adapter, "vault()", (), ("address",)))
        (self._decay,) = await read(self.rpc, Call(adapter, "decayPeriod()", (), ("uint32",)))
        (self._most,) = await read(self.rpc, Call(adapter, "MAX_PIECES()"))
        (seaport,) = await read(self.rpc, Call(adapter, "seaport()", (), ("address",)))
        # Nothing is for sale before the collection is there, and nobody bids before the escrow is.
        places = self.venue.token.address, self._escrow
        self._since = min(await asyncio.gather(*(creation_block(self.rpc, place, block) for place in places)))
        self._seaport = seaport

    async def _follow(self, block: int) -> None:
        """Listings and bids that came since the last reading."""
        if block < self._since:
            return
        orders, placed = await asyncio.gather(
            logs_between(self.rpc, {"address": self._seaport, "topics": [_VALIDATED]}, self._since, block),
            logs_between(self.rpc, {"address": self._escrow, "topics": [_PLACED]}, self._since, block),
        )
        for log in orders:
            digest, order = decode(("bytes32", PARAMETERS), bytes.fromhex(log["data"][2:]))
            listing = self._listing(digest, order)
            if listing is not None:
                self._listings[digest] = listing
        self._bids |= {int(log["topics"][1], 16) for log in placed}
        self._since = block + 1

    def _listing(self, digest: bytes, order: tuple[Any, ...]) -> _Listing | None:
        """The order, if it offers one piece of our collection for our money as the adapter takes it: see there."""
        seller, zone, offer, asked, kind, _, _, _, _, conduit, signed = order
        collection, money, ours = self.venue.token.address.lower(), self.money.lower(), self._ours()
        if kind or int(zone, 16) or conduit != _NONE or not asked or len(asked) != signed or seller.lower() in ours:
            return None
        if len(offer) != 1 or offer[0][:2] != (_ERC721, collection) or offer[0][3:] != (1, 1):
            return None
        if any(item[:3] != (_ERC20, money, 0) or item[3] != item[4] or item[5].lower() in ours for item in asked):
            return None
        return _Listing(digest, order, offer[0][2], sum(item[3] for item in asked))

    def _ours(self) -> tuple[str, ...]:
        return self.venue.adapter.lower(), self._vault.lower()

    def _bid_call(self, number: int) -> Call:
        bid = ("(address,uint48,bool,address,uint256,uint256)",)
        return Call(self._escrow, "bidOf(uint256)", (number,), bid)

    def _standing(self, answers: Sequence[tuple[Any, ...] | None], at: int) -> tuple[list[_Bid], dict[int, _Bid]]:
        """(bids that back nothing, dearest first; bids that back a piece, by number)."""
        numbers, collection = sorted(self._bids), self.venue.token.address.lower()
        free, backing = [], {}
        for number, found, backed in zip(numbers, answers[: len(numbers)], answers[len(numbers) :], strict=True):
            if found is None or backed is None:
                continue
            _, expiry, anything, where, token_id, price = found[0]
            if not price:
                self._bids.discard(number)
            if not price or expiry < at + _MARGIN or where.lower() != collection:
                continue
            bid = _Bid(number, token_id, anything, price, expiry)
            if int.from_bytes(backed[0], "big"):
                backing[number] = bid
            else:
                free.append(bid)
        return sorted(free, key=lambda bid: (-bid.price, bid.number)), backing

    async def _on_sale(self, when: str, at: int) -> list[_Listing]:
        """The cheapest listing of each piece that could be filled at this block and a while later."""
        known = [one for one in self._listings.values() if one.order[5] <= at and at + _MARGIN < one.order[6]]
        answers = await aggregate(self.rpc, [call for one in known for call in self._sale_calls(one)], when)
        found, each = [], len(answers) // max(1, len(known))
        for place, one in enumerate(known):
            asked = [answer for answer in answers[each * place : each * (place + 1)] if answer is not None]
            if len(asked) < each:
                continue
            (validated, cancelled, filled, _), (owner,), (approved,), (for_all,), (counter,) = asked
            if cancelled or filled:
                self._listings.pop(one.hash, None)
            elif validated and owner == one.seller and (for_all or approved == self._seaport):
                found.append((one, counter))
        # A seller who raises his counter takes all his orders down, and their status does not tell.
        components = [((*one.order[:10], counter),) for one, counter in found]
        hashing = [Call(self._seaport, f"getOrderHash({PARAMETERS})", order, ("bytes32",)) for order in components]
        hashes = await aggregate(self.rpc, hashing, when)
        good = [one for (one, _), now in zip(found, hashes, strict=True) if now == (one.hash,)]
        cheapest = {one.token_id: one for one in sorted(good, key=lambda one: (one.price, one.hash), reverse=True)}
        return sorted(cheapest.values(), key=lambda one: (one.price, one.hash))  # a piece can be bought but once

    def _sale_calls(self, one: _Listing) -> tuple[Call, ...]:
        """What tells whether Seaport would hand the piece over: its order, its owner, the leave it has, the counter."""
        collection, seaport = self.venue.token.address, self._seaport
        return (
            self._status_call(one.hash),
            Call(collection, "ownerOf(uint256)", (one.token_id,), ("address",)),
            Call(collection, "getApproved(uint256)", (one.token_id,), ("address",)),
            Call(collection, "isApprovedForAll(address,address)", (one.seller, seaport), ("bool",)),
            Call(seaport, "getCounter(address)", (one.seller,)),
        )

    def _status_call(self, order_hash: bytes) -> Call:
        kinds = ("bool", "bool", "uint256", "uint256")
        return Call(self._seaport, "getOrderStatus(bytes32)", (order_hash,), kinds)

    async def _royalties(self, when: str, sales: Iterable[tuple[int, int]]) -> list[tuple[str, int]]:
        """(receiver, amount) of each sale (token id, price), as far as the adapter pays it."""
        asked = list(sales)
        signature, returns = "royaltyInfo(uint256,uint256)", ("address", "uint256")
        answers = await aggregate(
            self.rpc, [Call(self.venue.token.address, signature, sale, returns) for sale in asked], when
        )
        unpaid = (_NOBODY, *self._ours())
        return [
            (found[0], min(found[1], price * _MOST_ROYALTY_BPS // 10_000))
            if found is not None and found[0].lower() not in unpaid
            else (_NOBODY, 0)
            for (_, price), found in zip(asked, answers, strict=True)
        ]

    def _asks(
        self, listings: Sequence[_Listing], royalties: Sequence[tuple[str, int]], most: int, free: list[_Bid], at: int
    ) -> list[Offer]:
        """What may be bought, each with the dearest bid that would back it until its value has decayed."""
        left, asks = list(free), []
        for one, (receiver, royalty) in zip(listings, royalties, strict=True):
            paid = sum(item[3] for item in one.order[3] if item[5].lower() == receiver.lower())
            cost = one.price + max(0, royalty - paid)
            if cost > most:
                continue
            least = at + self._decay + _MARGIN
            bid = next((bid for bid in left if bid.covers(one.token_id) and bid.expiry >= least), None)
            back = 0
            if bid is not None:
                left.remove(bid)
                back = bid.price - bid.price * _MOST_ROYALTY_BPS // 10_000
            key = int.from_bytes(one.hash, "big")
            self.sayings[key] = ((one.order, b""), bid.number if bid is not None else 0)
            asks.append(Offer(1, cost, key=key, resale=min(cost, back)))
        return sorted(asks, key=lambda ask: (ask.money, ask.key))

    async def _exits(
        self, when: str, pieces: Sequence[tuple[Any, ...]], free: list[_Bid], backing: Mapping[int, _Bid]
    ) -> list[Offer]:
        """What each piece that is held can be left for, dearest first. A bid that is used here backs no purchase."""
        status = await aggregate(self.rpc, [self._status_call(piece[7][0]) for piece in pieces], when)
        chosen: list[tuple[tuple[Any, ...], _Bid]] = []
        offers = []
        for piece, state in zip(pieces, status, strict=True):
            if int.from_bytes(piece[7][0], "big") and state is not None and state[2]:
                offers.append(self._leaving(piece, 0, piece[7][1]))
                continue
            able = [bid for bid in (backing.get(piece[6]), *free) if bid is not None and bid.covers(piece[2])]
            if not able:
                continue
            bid = max(able, key=lambda bid: bid.price)  # its own before another of the same price
            if bid in free:
                free.remove(bid)
            chosen.append((piece, bid))
        royalties = await self._royalties(when, [(piece[2], bid.price) for piece, bid in chosen])
        for (piece, bid), (_, royalty) in zip(chosen, royalties, strict=True):
            if bid.price - royalty >= piece[4]:
                offers.append(self._leaving(piece, bid.number, bid.price - royalty))
        return sorted(offers, key=lambda offer: (-offer.money, offer.key))

    def _leaving(self, piece: tuple[Any, ...], bid: int, money: int) -> Offer:
        key = int.from_bytes(keccak(encode(("address", "uint256", "uint256"), (piece[0], piece[2], bid))), "big")
        self.sayings[key] = (piece[0], piece[2], bid, b"")
        return Offer(1, money, key=key)
