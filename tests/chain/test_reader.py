from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from bot.chain.devnet.batch import Batch, mine
from bot.chain.devnet.devnet import Devnet
from bot.chain.reader import ChainReader, head_of
from bot.chain.rpc import Rpc, quantity
from bot.core.amm.concentrated import Pool, with_liquidity
from bot.core.market import Market
from bot.core.mirror import apply, seeding
from bot.core.postings import NATIVE
from bot.core.universe import Universe
from bot.errors import ChainError
from tests.chain.worlds import (
    CAPITAL,
    DEPTH,
    MONEY_DECIMALS,
    PRICES,
    moved,
    next_bar,
    prices_of,
    steps_between,
)

pytestmark = [pytest.mark.fork, pytest.mark.asyncio(loop_scope="session")]


def within(pool: Pool, window: Pool) -> Pool:
    """`pool` with only the ticks that `window` tells about."""
    assert pool.gross is not None
    kept = [
        (pair, gross)
        for pair, gross in zip(pool.ticks, pool.gross, strict=True)
        if window.known_lower <= pair[0] <= window.known_upper
    ]
    return replace(
        pool,
        ticks=tuple(pair for pair, _ in kept),
        gross=tuple(gross for _, gross in kept),
        known_lower=window.known_lower,
        known_upper=window.known_upper,
    )


def windows(pools: Mapping[str, Pool], market: Market) -> dict[str, Pool]:
    return {venue: within(pool, market.pools[venue]) for venue, pool in pools.items()}


class Counting(Rpc):
    """A connection that counts what it is asked."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.calldata: list[str] = []
        self.methods: list[str] = []

    async def request(self, method: str, params: Any = (), timeout: float = 10.0) -> Any:
        self.methods.append(method)
        if method == "eth_call":
            self.calldata.append(params[0]["data"])
        return await super().request(method, params, timeout)


async def test_twenty_random_steps_leave_chain_and_mirror_equal_to_the_last_unit(chain: Devnet) -> None:
    universe, reader = chain.universe, ChainReader(chain.rpc, chain.universe, chain.vault)
    market = await reader.market()
    pools = {venue.id: seeding(venue, MONEY_DECIMALS, PRICES[venue.id], DEPTH).pool() for venue in universe.risky}
    assert dict(market.pools) == windows(pools, market), "this test has to be the first that moves the market"
    prices, at, crossed = dict(PRICES), next_bar(await chain.now()), 0
    for number in range(20):
        # Every fifth bar is a crash or a rally that crosses ticks and bitmap words.
        after = moved(prices, seed=number, spread=1.5 if number % 5 == 4 else 0.05)
        steps = steps_between(universe, at, prices, after)
        await chain.step(at, steps)
        market = await reader.market()
        for move in steps:
            before = pools[move.venue]
            pools[move.venue] = apply(before, move)
            crossed += pools[move.venue].liquidity != before.liquidity
        assert dict(market.pools) == windows(pools, market)
        assert market.time == at
        prices, at = after, at + 21_600
    assert crossed > 0


async def test_liquidity_that_comes_or_goes_is_seen_at_once_and_only_that_pool_is_read_again(chain: Devnet) -> None:
    rpc = Counting(chain.rpc.url)
    rpc.chain_id = chain.rpc.chain_id
    async with rpc:
        reader = ChainReader(rpc, chain.universe, chain.vault)
        before = await reader.market()
        venue = chain.universe["render"]
        pool = before.pools["render"]
        lower = pool.tick // 60 * 60 - 120
        batch = await Batch.of(chain.rpc, chain.description.owner)
        batch.call(
            chain.description.market_maker,
            "seed(address,int24,int24,uint128)",
            (venue.pool, lower, lower + 240, 10**15),
            gas=2_000_000,
        )
        await mine(chain.rpc, batch.transactions)
        rpc.calldata.clear()
        after = await reader.market()
    assert after.pools["render"] == with_liquidity(pool, lower, lower + 240, 10**15)
    assert after.pools["weights"] == before.pools["weights"]
    assert len(rpc.calldata) == 3, "state, the changed pool's bitmap, its ticks"
    bare = [data for data in rpc.calldata if chain.universe["weights"].pool[2:].lower() in data]
    assert len(bare) == 1, "the unchanged pool's ticks were read again"


async def test_a_quiet_reading_is_few_requests_and_all_at_one_block(chain: Devnet) -> None:
    rpc = Counting(chain.rpc.url)
    rpc.chain_id = chain.rpc.chain_id
    async with rpc:
        reader = ChainReader(rpc, chain.universe, chain.vault)
        await reader.market()
        rpc.methods.clear()
        market = await reader.market()
    assert sorted(rpc.methods) == ["eth_call", "eth_getBlockByNumber", "eth_getBlockByNumber"]
    head = await head_of(chain.rpc)
    assert (market.block, market.block_hash, market.time) == (head.number, head.hash, head.time)


async def test_a_block_mined_while_we_read_does_not_mix_in(chain: Devnet) -> None:
    class Interrupted(Counting):
        """Between the head and the calls somebody moves the market."""

        async def request(self, method: str, params: Any = (), timeout: float = 10.0) -> Any:
            if method == "eth_call" and "eth_call" not in self.methods:
                before = prices_of(pinned, chain.universe)
                at = next_bar(await chain.now())
                await chain.step(at, steps_between(chain.universe, at, before, moved(before, 5)))
            return await super().request(method, params, timeout)

    pinned = await ChainReader(chain.rpc, chain.universe, chain.vault).market()
    rpc = Interrupted(chain.rpc.url)
    rpc.chain_id = chain.rpc.chain_id
    async with rpc:
        seen = await ChainReader(rpc, chain.universe, chain.vault).market()
    assert seen == pinned
    assert (await head_of(chain.rpc)).number > seen.block


async def test_a_block_replaced_while_we_read_is_read_again(chain: Devnet) -> None:
    class Reorganised(Counting):
        async def request(self, method: str, params: Any = (), timeout: float = 10.0) -> Any:
            answer = await super().request(method, params, timeout)
            if method == "eth_getBlockByNumber" and self.methods.count(method) == 2:
                answer = {**answer, "hash": "0x" + "00" * 32}
            return answer

    rpc = Reorganised(chain.rpc.url)
    rpc.chain_id = chain.rpc.chain_id
    async with rpc:
        market = await ChainReader(rpc, chain.universe, chain.vault).market()
    assert rpc.methods.count("eth_getBlockByNumber") == 4
    assert market.block_hash == (await head_of(chain.rpc)).hash


async def test_a_pool_that_does_not_answer_is_missing_and_the_others_are_there(chain: Devnet) -> None:
    risky = [
        replace(venue, pool="0x" + "99" * 20) if venue.id == "prompts" else venue for venue in chain.universe.risky
    ]
    broken = Universe(chain.universe.money, (chain.universe.venues[0], *risky))
    market = await ChainReader(chain.rpc, broken, chain.vault).market()
    assert set(market.pools) == {"render", "weights", "frames"}
    assert set(market.units) == {"render", "weights", "prompts", "frames"}


async def test_without_a_vault_the_pools_are_read_and_nothing_is_held(chain: Devnet) -> None:
    bare = Universe(
        chain.universe.money,
        (chain.universe.venues[0], *(replace(venue, adapter="") for venue in chain.universe.risky)),
    )
    market = await ChainReader(chain.rpc, bare, "").market()
    assert market.pools == (await ChainReader(chain.rpc, chain.universe, chain.vault).market()).pools
    assert (market.idle, market.units, market.nonce, market.caps) == (0, {}, 0, None)


async def test_a_wrong_vault_is_one_line(chain: Devnet) -> None:
    with pytest.raises(ChainError, match="the vault does not answer: wrong address or wrong chain"):
        await ChainReader(chain.rpc, chain.universe, "0x" + "99" * 20).market()


async def test_what_the_contract_allows_is_read_with_the_market(chain: Devnet) -> None:
    reader = ChainReader(chain.rpc, chain.universe, chain.vault)
    before = await reader.market()
    assert before.entries_open
    assert before.idle == CAPITAL
    assert set((before.caps or {}).values()) == {2_600}
    guardian = await Batch.of(chain.rpc, chain.description.guardian)
    guardian.call(chain.vault, "pause()")
    guardian.call(chain.vault, "lowerCap(address,uint16)", (chain.universe["frames"].adapter, 17))
    guardian.call(chain.vault, "delist(address)", (chain.universe["render"].adapter,))
    await mine(chain.rpc, guardian.transactions)
    after = await reader.market()
    assert not after.entries_open
    assert after.caps == {"render": 0, "weights": 2_600, "prompts": 2_600, "frames": 17}
    curator = await Batch.of(chain.rpc, chain.description.curator)
    curator.call(chain.vault, "unpause()")
    for venue in ("frames", "render"):
        curator.call(chain.vault, "setVenue(address,uint16,uint16)", (chain.universe[venue].adapter, 2_600, 250))
    await mine(chain.rpc, curator.transactions)
    assert await reader.market() == replace(before, **pinned(await reader.market()))


def pinned(market: Any) -> dict[str, Any]:
    return {"block": market.block, "block_hash": market.block_hash, "time": market.time}


async def test_balances_are_those_of_the_block_that_is_asked_for(chain: Devnet) -> None:
    reader = ChainReader(chain.rpc, chain.universe, chain.vault, chain.keeper)
    block = quantity(await chain.rpc.request("eth_blockNumber", []))
    money = chain.universe.money.address
    owner = await Batch.of(chain.rpc, chain.description.owner)
    owner.call(money, "mint(address,uint256)", (chain.vault, 7))
    await mine(chain.rpc, owner.transactions)
    before, after = await reader.balances(block), await reader.balances()
    assert after["idle", money] == before["idle", money] + 7
    assert before["keeper", NATIVE] == quantity(await chain.rpc.request("eth_getBalance", [chain.keeper, hex(block)]))
    accounts = {account for account, _ in before}
    assert accounts == {"idle", "keeper", "venue:render", "venue:weights", "venue:prompts", "venue:frames"}
    # Give it back: the other tests know what the vault holds.
    await chain.rpc.request("anvil_dealERC20", [chain.vault, money, hex(before["idle", money])])
    assert (await reader.balances())["idle", money] == before["idle", money]
