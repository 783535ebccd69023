"""A studio on the devnet: media minted with their creator's signature, some on sale, some with their revenue shared.

Everything is the real thing (Seaport 1.6, Uniswap V3, our own media contracts); creator and collector are made up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from eth_abi.abi import decode
from eth_account import Account
from eth_utils.crypto import keccak

from bot.chain.devnet.accounts import COLLECTOR, CREATOR, OWNER, creator_key
from bot.chain.devnet.batch import Batch, mine
from bot.chain.devnet.protocols import seeded_pool
from bot.chain.multicall import Call, call_data, read
from bot.chain.pieces import PARAMETERS
from bot.chain.rpc import Rpc, quantity
from bot.core.units import ZERO_ADDRESS, Token
from bot.core.universe import Venue

PIECES: Final = 6  # of each collection
WHOLE: Final = 1_000  # what a piece costs, in prices of its series: generated series begin around one
ROYALTY_BPS: Final = 500
BID_BPS: Final = 9_800  # of a piece's price: what the collector is bound to pay for it
SHARES: Final = 10**8 * 10**18  # enough for deep pools at low prices
USES: Final = 5  # of a shared medium at each step of the market
UNLOCK: Final = 6 * 3_600
YEAR: Final = 365 * 86_400
_ERC20, _ERC721 = 1, 2
_PROVENANCE: Final = "(bytes32,bytes32,bytes32,bytes32,bytes32,bytes32,address,uint64,uint8)"
_TERMS: Final = "(address,address,address,uint16,(uint256,bytes32,uint16)[],uint256)"
_LICENCE: Final = "(bytes32,uint128,uint40,uint16,bool,bool,bool)"


@dataclass(frozen=True, slots=True)
class Studio:
    """Addresses of what all media here share."""

    seaport: str
    collection: str
    money: str


async def open_studio(rpc: Rpc, money: Token) -> Studio:
    """Seaport, and a collection in which media are minted. Raises ChainError."""
    batch = await Batch.of(rpc, OWNER)
    conduits = batch.create("ConduitController")
    seaport = batch.create("Seaport", (conduits,))
    splits = batch.create("RevenueSplitFactory")
    setup = ("Patron Studio", "STUDIO", "ipfs://", "ipfs://traits", [keccak(text="mood")], money.address, splits)
    collection = batch.create("MediaAsset", ((*setup, ZERO_ADDRESS, ZERO_ADDRESS),))
    await mine(rpc, batch.transactions)
    return Studio(seaport, collection, money.address)


async def make_pieces(
    rpc: Rpc, studio: Studio, venues: Sequence[Venue], money: Token, prices: Mapping[str, float], now: int
) -> list[Venue]:
    """The venues, each with pieces of its own that the creator sells on Seaport around its price. Raises ChainError."""
    made = []
    for venue in venues:
        price = round(prices[venue.id] * WHOLE * 10**money.decimals)
        ids = [await _minted(rpc, studio, f"{venue.asset} {number}", CREATOR, CREATOR, now) for number in range(PIECES)]
        batch = await Batch.of(rpc, CREATOR)
        batch.call(studio.collection, "setApprovalForAll(address,bool)", (studio.seaport, True))
        orders = [
            (_listing(studio, token_id, price + price * number // 100, now), b"") for number, token_id in enumerate(ids)
        ]
        batch.call(studio.seaport, f"validate(({PARAMETERS},bytes)[])", (orders,), gas=400_000 * PIECES)
        await mine(rpc, batch.transactions)
        token = Token(money.chain_id, studio.collection, venue.asset, 0)
        made.append(replace(venue, token=token))
    return made


async def place_bids(rpc: Rpc, venue: Venue, money: Token, price: float) -> None:
    """The collector binds himself to buy back every piece of a venue, with the money in its adapter's escrow."""
    (escrow,) = await read(rpc, Call(venue.adapter, "escrow()", (), ("address",)))
    each = round(price * WHOLE * 10**money.decimals) * BID_BPS // 10_000
    now = quantity((await rpc.request("eth_getBlockByNumber", ["latest", False]))["timestamp"])
    owner, collector = await asyncio.gather(Batch.of(rpc, OWNER), Batch.of(rpc, COLLECTOR))
    owner.call(money.address, "mint(address,uint256)", (COLLECTOR, each * PIECES))
    await mine(rpc, owner.transactions)
    collector.call(money.address, "approve(address,uint256)", (escrow, each * PIECES))
    for _ in range(PIECES):
        bid = (venue.token.address, 0, True, each, now + YEAR)
        collector.call(escrow, "place(address,uint256,bool,uint256,uint48)", bid)
    await mine(rpc, collector.transactions)


@dataclass(frozen=True, slots=True)
class Song:
    """A medium whose revenue is shared: its token, and the licence under which anyone may use it."""

    venue: str
    token_id: int
    licence: str
    price: int
    shares: str
    wrapper: str


async def make_songs(
    rpc: Rpc,
    studio: Studio,
    venues: Sequence[Venue],
    money: Token,
    prices: Mapping[str, float],
    depth: int,
    factory: str,
    maker: str,
    now: int,
) -> tuple[list[Venue], list[Song]]:
    """The venues, each with a medium, its revenue shares, their wrapper and the wrapper's pool. Raises ChainError."""
    made, songs = [], []
    for venue in venues:
        creator, owner = await asyncio.gather(Batch.of(rpc, CREATOR), Batch.of(rpc, OWNER))
        issue = (money.address, f"Revenue of {venue.asset}", f"r{venue.asset}", CREATOR, SHARES, ZERO_ADDRESS)
        shares = creator.create("RevenueShare", (issue,))
        wrapper = creator.create(
            "RevenueWrapper", (shares, f"Wrapped revenue of {venue.asset}", f"w{venue.asset}", UNLOCK)
        )
        creator.call(shares, "approve(address,uint256)", (wrapper, SHARES // 2))
        creator.call(wrapper, "mint(uint256,address)", (SHARES // 2, maker))
        await mine(rpc, creator.transactions)
        token_id = await _minted(rpc, studio, f"{venue.asset} song", CREATOR, shares, now)
        token = Token(money.chain_id, wrapper, venue.asset, 18)
        placed = replace(venue, token=token, base_is_token0=int(wrapper, 16) < int(money.address, 16))
        placed = replace(placed, pool=seeded_pool(owner, factory, maker, money, placed, prices[venue.id], depth))
        await mine(rpc, owner.transactions)
        licence = await _offered(rpc, studio, token_id, money)
        made.append(placed)
        songs.append(Song(venue.id, token_id, licence[0], licence[1], shares, wrapper))
    return made, songs


async def use(rpc: Rpc, studio: Studio, songs: Sequence[Song], vault: str, adapters: Mapping[str, str]) -> None:
    """The collector uses each medium and pays for it into its revenue. Then he brings that on, as anyone may: what
    wrapped shares earned to their wrapper, where it unlocks, and our share to the vault.

    `adapters`: venue id -> the adapter that holds the medium's shares.
    """
    owner, collector = await asyncio.gather(Batch.of(rpc, OWNER), Batch.of(rpc, COLLECTOR))
    cost = USES * sum(song.price for song in songs)
    owner.call(studio.money, "mint(address,uint256)", (COLLECTOR, cost))
    await mine(rpc, owner.transactions)
    collector.call(studio.money, "approve(address,uint256)", (studio.collection, cost))
    for song in songs:
        for _ in range(USES):
            collector.call(studio.collection, "use(uint256,bytes32)", (song.token_id, bytes.fromhex(song.licence[2:])))
        collector.call(song.wrapper, "harvest()")
        collector.call(vault, "collect(address)", (adapters[song.venue],), gas=3_000_000)
    await mine(rpc, collector.transactions)


async def _minted(rpc: Rpc, studio: Studio, name: str, receiver: str, revenue: str, now: int) -> int:
    """Token id of a new medium that its creator has signed."""
    hashes = [keccak(text=f"{what} of {name}") for what in ("content", "file", "pixels", "model", "prompt", "did")]
    provenance = (*hashes, CREATOR, now - 1, 0)
    terms: tuple[Any, ...] = (receiver, revenue, CREATOR, ROYALTY_BPS, [], now + YEAR)
    signature = f"digestOf({_PROVENANCE},{_TERMS})"
    (digest,) = await read(rpc, Call(studio.collection, signature, (provenance, terms), ("bytes32",)))
    signed = bytes(Account.unsafe_sign_hash(digest, creator_key()).signature)
    batch = await Batch.of(rpc, OWNER)  # anyone may bring it
    batch.call(studio.collection, f"mint({_PROVENANCE},{_TERMS},bytes)", (provenance, terms, signed), gas=1_000_000)
    await mine(rpc, batch.transactions)
    (token_id,) = await read(rpc, Call(studio.collection, "idOf(address,bytes32)", (CREATOR, hashes[0])))
    return int(token_id)


def _listing(studio: Studio, token_id: int, price: int, now: int) -> tuple[Any, ...]:
    """A Seaport order of the creator: one piece for a price in money, all of it his."""
    offer = [(_ERC721, studio.collection, token_id, 1, 1)]
    asked = [(_ERC20, studio.money, 0, price, price, CREATOR)]
    return (CREATOR, ZERO_ADDRESS, offer, asked, 0, 0, now + YEAR, bytes(32), token_id, bytes(32), len(asked))


async def _offered(rpc: Rpc, studio: Studio, token_id: int, money: Token) -> tuple[str, int]:
    """(id, price) of a licence that the medium's owner offers for a single use."""
    price = 10_000 * 10**money.decimals  # so that the part of the vault shows: it holds thousandths of a per cent
    licence = (keccak(text="playback"), price, 0, 1_000, False, True, False)
    data = call_data(f"offer(uint256,{_LICENCE})", (token_id, licence))
    told = await rpc.request(
        "eth_call", [{"from": CREATOR, "to": studio.collection, "data": "0x" + data.hex()}, "latest"]
    )
    batch = await Batch.of(rpc, CREATOR)
    batch.call(studio.collection, f"offer(uint256,{_LICENCE})", (token_id, licence))
    await mine(rpc, batch.transactions)
    (found,) = decode(("bytes32",), bytes.fromhex(told[2:]))
    return "0x" + found.hex(), price
