from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.chain.devnet.batch import Batch, mine
from bot.chain.devnet.devnet import Devnet, devnet
from bot.chain.multicall import Call, read
from bot.chain.reader import ChainReader, head_of
from bot.chain.rpc import Rpc, quantity
from bot.chain.simulate import ChainPreviewer
from bot.chain.vault_state import LIMITS
from bot.core.amm.concentrated import Pool, with_liquidity
from bot.core.deal import deal_of
from bot.core.market import Market
from bot.core.mirror import apply, seeding
from bot.core.plan import Leg
from bot.core.postings import NATIVE
from bot.core.units import ZERO_ADDRESS
from bot.core.universe import Universe
from bot.errors import ChainError, Reverted
from tests.chain.committing import agreed, carried_out, committed
from tests.chain.governance import by_timelock, configured, sent
from tests.chain.worlds import (
    CAPITAL,
    DEPTH,
    MONEY_DECIMALS,
    PRICES,
    moved,
    next_bar,
    plan_for,
    prices_of,
    spec_of,
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


async def test_twenty_random_steps_leave_chain_and_mirror_equal_to_the_last_unit(tmp_path: Path) -> None:
    async with devnet(spec_of(), tmp_path) as fresh:
        await walked(fresh)


async def walked(chain: Devnet) -> None:
    """Random bars on a market that nobody has moved yet, pool by pool beside the arithmetic."""
    universe, reader = chain.universe, ChainReader(chain.rpc, chain.universe, chain.vault)
    market = await reader.market()
    pools = {venue.id: seeding(venue, MONEY_DECIMALS, PRICES[venue.id], DEPTH).pool() for venue in universe.risky}
    assert dict(market.pools) == windows(pools, market)
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


SET_VENUE = "setVenue(address,uint32,uint16,uint16)"


async def test_what_the_contract_allows_is_read_with_the_market(chain: Devnet) -> None:
    reader, people = ChainReader(chain.rpc, chain.universe, chain.vault), chain.description
    await chain.settle()
    before = await reader.market()
    assert before.entries_open
    assert before.idle == CAPITAL
    assert set((before.caps or {}).values()) == {2_600}
    assert (before.unpriced, before.unpriced_room, before.owed) == (frozenset(), 0, 0)
    as_it_was = {name: await configured(chain, name) for name in ("frames", "render")}
    _, _, _, loss, group = as_it_was["frames"]
    await sent(chain, people.guardian, chain.vault, "pause()")
    await sent(chain, people.guardian, chain.vault, SET_VENUE, chain.universe["frames"].adapter, group, 17, loss)
    await sent(chain, people.guardian, chain.vault, "delist(address)", chain.universe["render"].adapter)
    after = await reader.market()
    assert (after.entries_open, after.why_closed) == (False, "the vault is paused")
    assert after.caps == {"render": 0, "weights": 2_600, "prompts": 2_600, "frames": 17}
    assert after.room["frames"] == CAPITAL * 17 // 10_000
    for looser in ((2_600, loss), (17, loss + 1)):
        with pytest.raises(Reverted, match="NotTighter"):
            await sent(chain, people.guardian, chain.vault, SET_VENUE, chain.universe["frames"].adapter, group, *looser)
    await by_timelock(chain, chain.vault, "unpause()")
    for name, (_, _, cap, most, of) in as_it_was.items():
        await by_timelock(chain, chain.vault, SET_VENUE, chain.universe[name].adapter, of, cap, most)
    assert await reader.market() == replace(before, **pinned(await reader.market()))


async def test_without_an_anchorer_nothing_may_enter(chain: Devnet) -> None:
    reader, people = ChainReader(chain.rpc, chain.universe, chain.vault), chain.description
    await sent(chain, people.guardian, chain.vault, "setAnchorer(address)", ZERO_ADDRESS)
    market = await reader.market()
    assert (market.entries_open, market.why_closed) == (False, "nobody may anchor decisions for the vault")
    with pytest.raises(Reverted, match="NotTighter"):
        await sent(chain, people.guardian, chain.vault, "setAnchorer(address)", people.anchorer)
    await by_timelock(chain, chain.vault, "setAnchorer(address)", people.anchorer)
    assert (await reader.market()).entries_open


async def test_room_is_what_the_vault_takes_and_no_more(chain: Devnet) -> None:
    """An entry of all the room passes the vault's own judgement, one of a tenth more does not."""
    reader = ChainReader(chain.rpc, chain.universe, chain.vault)
    previewer = ChainPreviewer(chain.rpc, chain.universe, chain.vault, chain.keeper)
    await chain.settle()
    market = await reader.market()
    assert market.room["frames"] == CAPITAL * 26 // 100
    for spend, told in ((market.room["frames"], ""), (market.room["frames"] * 11 // 10, "OverCap(venue=frames, ")):
        done = deal_of(chain.universe["frames"], market, True, spend)
        leg = Leg("frames", True, spend, done.received, 1, done.value, done.cost)
        plan = replace(plan_for([0.0] * 4, market, chain.universe), legs=(leg,))
        allowed = await committed(chain, plan)
        preview = await previewer.preview(plan, await reader.market(), allowed)
        assert preview.ok is not bool(told), preview.reason
        assert preview.reason.startswith(told)


async def test_what_the_queue_needs_is_read_and_given_back_on_cancelling(chain: Devnet) -> None:
    reader, people = ChainReader(chain.rpc, chain.universe, chain.vault), chain.description
    shares = 30_000 * 10**12  # with six decimals more than the money
    await sent(chain, people.investor, chain.vault, "requestRedeem(uint256,address)", shares, people.investor)
    market = await reader.market()
    assert market.owed == pytest.approx(30_000 * 10**6, abs=1)
    assert market.idle == CAPITAL
    assert sum(leg.amount for leg in plan_for([0.25] * 4, market, chain.universe).legs) <= 60_000 * 10**6
    await sent(chain, people.investor, chain.vault, "cancel(uint256)", 0)
    assert (await reader.market()).owed == 0


def pinned(market: Any) -> dict[str, Any]:
    return {"block": market.block, "block_hash": market.block_hash, "time": market.time}


async def test_balances_are_those_of_the_block_that_is_asked_for_and_no_gift_is_among_them(chain: Devnet) -> None:
    people, money = chain.description, chain.universe.money.address
    reader = ChainReader(chain.rpc, chain.universe, chain.vault, people.keeper, people.anchorer)
    block = quantity(await chain.rpc.request("eth_blockNumber", []))
    await sent(chain, people.owner, money, "mint(address,uint256)", chain.vault, 5)
    await sent(chain, people.owner, money, "mint(address,uint256)", people.investor, 7)
    await sent(chain, people.investor, money, "approve(address,uint256)", chain.vault, 7)
    await sent(chain, people.investor, chain.vault, "deposit(uint256,address)", 7, people.investor)
    before, after = await reader.balances(block), await reader.balances()
    assert after["idle", money] == before["idle", money] + 7
    for payer, address in (("keeper", people.keeper), ("anchorer", people.anchorer)):
        held = quantity(await chain.rpc.request("eth_getBalance", [address, hex(block)]))
        assert before[payer, NATIVE] == held
    venues = {f"venue:{venue.id}" for venue in chain.universe.risky}
    assert {account for account, _ in before} == {"idle", "keeper", "anchorer"} | venues
    # Out again: the other tests know what the vault holds.
    await sent(chain, people.investor, chain.vault, "withdraw(uint256,address,address)", 7, *[people.investor] * 2)
    assert (await reader.balances())["idle", money] == before["idle", money]


async def test_a_tripped_breaker_closes_entries_until_the_timelock_resets_it(chain: Devnet) -> None:
    reader, people = ChainReader(chain.rpc, chain.universe, chain.vault), chain.description
    set_limits = f"setLimits(({','.join(LIMITS)}))"
    limits = await read(chain.rpc, Call(chain.vault, "limits()", (), LIMITS))
    await chain.settle()
    _, plan, allowed = await agreed(chain, reader, [0.1, 0.0, 0.0, 0.0])
    await carried_out(chain, plan, allowed)  # what selling again would cost is a fall of the share price
    await sent(chain, people.guardian, chain.vault, set_limits, (*limits[:3], 0, *limits[4:]))
    await sent(chain, people.investor, chain.vault, "refresh()")
    market = await reader.market()
    assert (market.entries_open, market.why_closed) == (False, "the vault's breaker has tripped")
    assert (await carried_out(chain, plan_for([0.0] * 4, market, chain.universe)))["status"] == "0x1"
    await by_timelock(chain, chain.vault, set_limits, limits)
    assert not (await reader.market()).entries_open
    await by_timelock(chain, chain.vault, "resetBreaker()")
    assert (await reader.market()).entries_open
