"""What the devnet's mainnet is made of, kind by kind: the real thing each, at the price that it was asked for."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from eth_utils.crypto import keccak

from bot.chain.devnet import studio
from bot.chain.devnet.accounts import CREATOR, keeper_key
from bot.chain.devnet.devnet import Devnet, devnet
from bot.chain.devnet.protocols import Protocols
from bot.chain.devnet.studio import BID_BPS, PIECES, ROYALTY_BPS, SHARES, USES, WHOLE, use
from bot.chain.devnet.worlds import studio_of
from bot.chain.devnet.zora import VERSION, coin_ranges
from bot.chain.multicall import Call, read
from bot.core.mirror import seeding
from bot.core.units import BPS
from bot.errors import Reverted
from tests.chain.kind_worlds import PRICES, USDC, reader_of, spec_with, undone
from tests.chain.worlds import DEPTH, MONEY_DECIMALS

pytestmark = [pytest.mark.fork, pytest.mark.asyncio(loop_scope="module")]

NAMES = ("range", "savings", "coin", "pieces", "song")
PROVENANCE = "(bytes32,bytes32,bytes32,bytes32,bytes32,bytes32,address,uint64,uint8)"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Devnet]:
    async with devnet(spec_with(*NAMES), tmp_path_factory.mktemp("worlds")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def chain(made: Devnet) -> AsyncIterator[Devnet]:
    async with undone(made):
        yield made


def protocols_of(chain: Devnet) -> Protocols:
    assert chain.description.protocols is not None
    return chain.description.protocols


async def told(chain: Devnet, to: str, signature: str, *values: Any, returns: str = "uint256") -> Any:
    return (await read(chain.rpc, Call(to, signature, values, (returns,))))[0]


async def test_every_venue_stands_at_its_price_and_nothing_is_shared(chain: Devnet) -> None:
    market = await reader_of(chain).market()
    for name in ("range", "coin", "song"):
        assert market.price(chain.universe, name) == pytest.approx(PRICES[name], rel=1e-6)
    assert market.price(chain.universe, "pieces") == PRICES["pieces"] * WHOLE
    assert market.price(chain.universe, "savings") == pytest.approx(1.0, rel=1e-4)
    assert len({venue.token.address for venue in chain.universe.venues}) == len(NAMES) + 1
    assert len({venue.adapter for venue in chain.universe.risky}) == len(NAMES)


async def test_a_coin_is_of_the_version_told_and_was_bought_up_from_a_quarter_of_its_price(chain: Devnet) -> None:
    coin, money, known = chain.universe["coin"], chain.universe.money.address, protocols_of(chain)
    assert await told(chain, coin.token.address, "contractVersion()", returns="string") == VERSION == "0.7.1"
    assert await told(chain, coin.token.address, "poolAddress()", returns="address") == coin.pool.lower()
    assert await told(chain, coin.token.address, "currency()", returns="address") == money.lower()
    code = await chain.rpc.request("eth_getCode", [known.zora_implementation, "latest"])
    assert "0x" + keccak(bytes.fromhex(code[2:])).hex() == known.zora_code_hash
    clone = await chain.rpc.request("eth_getCode", [coin.token.address, "latest"])
    assert known.zora_implementation[2:].lower() in clone, "each coin is a clone of what is pinned"

    ((lower, upper),) = await coin_ranges(chain.rpc, coin.token.address)
    launch = lower if coin.base_is_token0 else -upper
    pool = (await reader_of(chain).market()).pools["coin"]
    now = pool.tick if coin.base_is_token0 else -pool.tick
    assert 1.0001 ** (now - launch) == pytest.approx(4, rel=0.03)
    paid = await told(chain, money, "balanceOf(address)", coin.pool)
    # Liquidity times the difference of the roots, and the pool's fee: what buying up to the price leaves there.
    first, last = (math.sqrt(1.0001**tick) for tick in (launch, now))
    assert paid == pytest.approx(pool.liquidity * (last - first) / 0.99, rel=1e-3)
    assert paid > 10**8 * USDC


async def test_the_pool_of_wrapped_shares_is_seeded_as_every_other(chain: Devnet) -> None:
    song, market = chain.universe["song"], await reader_of(chain).market()
    start = seeding(song, MONEY_DECIMALS, PRICES["song"], DEPTH).pool()
    pool = market.pools["song"]
    assert (pool.sqrt_price_x96, pool.tick, pool.liquidity) == (start.sqrt_price_x96, start.tick, start.liquidity)
    (made,) = chain.description.songs
    assert await told(chain, song.token.address, "share()", returns="address") == made.shares.lower()
    assert await told(chain, made.shares, "totalSupply()") == SHARES
    assert await told(chain, made.shares, "balanceOf(address)", made.wrapper) == SHARES // 2


async def test_pieces_are_minted_with_their_creators_signature_and_pay_him_a_royalty(
    chain: Devnet, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, now = studio_of(protocols_of(chain)), await chain.now()
    assert await told(chain, place.collection, "balanceOf(address)", CREATOR) == PIECES + 1, "and the song"
    content = keccak(text="content of pieces 0")
    token_id = await told(chain, place.collection, "idOf(address,bytes32)", CREATOR, content)
    provenance = await told(chain, place.collection, "provenanceOf(uint256)", token_id, returns=PROVENANCE)
    assert (provenance[0], provenance[6]) == (content, CREATOR.lower())
    royalty = Call(place.collection, "royaltyInfo(uint256,uint256)", (token_id, BPS), ("address", "uint256"))
    assert await read(chain.rpc, royalty) == (CREATOR.lower(), ROYALTY_BPS)
    fresh = await studio._minted(chain.rpc, place, "another", CREATOR, CREATOR, now)
    assert await told(chain, place.collection, "ownerOf(uint256)", fresh, returns="address") == CREATOR.lower()
    monkeypatch.setattr(studio, "creator_key", keeper_key)
    with pytest.raises(Reverted, match="mint failed: "):
        await studio._minted(chain.rpc, place, "a third", CREATOR, CREATOR, now)


async def test_a_bid_with_its_money_stands_behind_every_piece(chain: Devnet) -> None:
    adapter = chain.universe["pieces"].adapter
    escrow = await told(chain, adapter, "escrow()", returns="address")
    each = WHOLE * USDC * BID_BPS // BPS
    assert await told(chain, escrow, "count()") == PIECES
    assert await told(chain, chain.universe.money.address, "balanceOf(address)", escrow) == PIECES * each
    for number in range(1, PIECES + 1):
        bid = await told(
            chain, escrow, "bidOf(uint256)", number, returns="(address,uint48,bool,address,uint256,uint256)"
        )
        assert bid[5] == each


async def test_savings_earn_their_interest_by_the_second(chain: Devnet) -> None:
    account = chain.universe["savings"].token.address
    before = await told(chain, account, "totalAssets()")
    assert before >= 1_000_000 * USDC
    await chain.settle(365 * 86_400 // 12)
    earned = await told(chain, account, "totalAssets()") - before
    assert earned * 12 / before == pytest.approx(0.05, rel=0.01)


async def test_uses_pay_into_the_revenue_and_half_of_it_is_the_wrappers(chain: Devnet) -> None:
    (song,), money = chain.description.songs, chain.universe.money.address
    adapters = {venue.id: venue.adapter for venue in chain.universe.risky}
    place, paid = studio_of(protocols_of(chain)), USES * song.price
    assert await told(chain, song.wrapper, "fullX128()") == 0
    await use(chain.rpc, place, chain.description.songs, chain.vault, adapters)
    halves = [await told(chain, money, "balanceOf(address)", where) for where in (song.wrapper, song.shares)]
    assert halves[0] == pytest.approx(paid // 2, abs=1)
    assert sum(halves) == paid
    each = await told(chain, song.wrapper, "fullX128()")
    assert each * SHARES >> 128 == pytest.approx(paid, abs=1)
