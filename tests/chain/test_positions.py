"""Positions of the real position manager on a devnet: what is read equals what the manager then pays, to the wei."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import pytest
from eth_abi.abi import decode
from eth_utils.crypto import keccak
from rich.console import Console

from bot.chain import logs
from bot.chain.devnet.devnet import Devnet
from bot.chain.positions import fetch_position, read_position
from bot.chain.rpc import Rpc, quantity
from bot.core.amm.events import Kind
from bot.core.amm.held_position import HeldPosition, worth
from bot.errors import ChainError, ConfigError
from bot.position_view import position_document, position_lines, show_position
from tests.chain.provider import Provider, second
from tests.chain.worlds import PRICES, moved, next_bar, steps_between

pytestmark = [pytest.mark.fork, pytest.mark.asyncio(loop_scope="session")]

DOLLARS = 400_000
TOKEN = 10**18


async def trade(chain: Devnet, seed: int, bars: int = 2, spread: float = 0.02) -> None:
    """Some bars of the market around its first prices."""
    before = dict(PRICES)
    for bar in range(bars):
        at = next_bar(await chain.now())
        after = moved(PRICES, 100 * seed + bar, spread)
        await chain.step(at, steps_between(chain.universe, at, before, after))
        before = after


async def provider_of(chain: Devnet, venue: str = "render") -> Provider:
    provider = Provider(chain, chain.universe[venue])
    await provider.fund(DOLLARS)
    await trade(chain, 0, bars=1, spread=0.0)  # back from where buying the tokens moved the price
    return provider


async def seen(provider: Provider, token_id: int) -> HeldPosition:
    return await read_position(provider.chain.rpc, token_id, provider.manager)


def paid(receipt: Mapping[str, Any], pool: str) -> tuple[int, int]:
    """What the pool's Collect event of a transaction says."""
    topic = "0x" + keccak(text="Collect(address,address,int24,int24,uint128,uint128)").hex()
    (log,) = [log for log in receipt["logs"] if log["topics"][0] == topic and log["address"].lower() == pool.lower()]
    _, amount0, amount1 = decode(("address", "uint128", "uint128"), bytes.fromhex(log["data"][2:]))
    return amount0, amount1


def plus(*pairs: tuple[int, int]) -> tuple[int, int]:
    return sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)


async def test_what_is_owed_is_what_a_collect_then_pays(chain: Devnet) -> None:
    provider = await provider_of(chain)
    token_id = await provider.mint(*await provider.around(20), 20_000 * TOKEN, 25_000 * 10**6)
    fresh = await seen(provider, token_id)
    assert (fresh.owed, fresh.fees, fresh.withdrawn, fresh.collected) == ((0, 0),) * 4
    assert fresh.deposited == (fresh.history[0].amount0, fresh.history[0].amount1)
    assert [event.kind for event in fresh.history] == [Kind.MINT]
    assert fresh.since == fresh.history[0].time
    assert fresh.closed is None
    assert fresh.owner == provider.who.lower()
    assert fresh.facts.token0.symbol == "render"
    for own, back in zip(fresh.deposited, fresh.principal, strict=True):
        assert own - 1 <= back <= own  # paid in rounded up, given back rounded down
    await trade(chain, 1)
    held = await seen(provider, token_id)
    assert min(held.owed) > 0
    assert held.owed == held.fees == await provider.would_collect(token_id)
    assert held.owed == paid(await provider.collect(token_id), held.facts.pool)
    after = await seen(provider, token_id)
    assert (after.owed, after.collected, after.fees) == ((0, 0), held.owed, held.owed)


async def test_a_position_taken_out_in_part_and_collected_twice(chain: Devnet) -> None:
    provider = await provider_of(chain)
    token_id = await provider.mint(*await provider.around(30), 10_000 * TOKEN, 12_000 * 10**6)
    liquidity = await provider.liquidity(token_id)
    await trade(chain, 2)
    first = paid(await provider.collect(token_id, 1_000_000, 0), provider.venue.pool)
    assert first == (1_000_000, 0)
    await trade(chain, 3)
    await provider.take_out(token_id, liquidity // 3)
    await provider.add(token_id, 1_000 * TOKEN, 2_000 * 10**6)
    await trade(chain, 4)
    held = await seen(provider, token_id)
    kinds = [event.kind for event in held.history]
    assert kinds == [Kind.MINT, Kind.COLLECT, Kind.BURN, Kind.MINT]
    assert held.liquidity == await provider.liquidity(token_id)
    assert held.owed == await provider.would_collect(token_id)
    second_time = paid(await provider.collect(token_id), held.facts.pool)
    assert held.owed == second_time
    await provider.take_out(token_id, held.liquidity)
    closed = await seen(provider, token_id)
    assert closed.liquidity == 0
    assert closed.closed == closed.history[-1].time
    assert closed.principal == (0, 0)
    last = paid(await provider.collect(token_id), held.facts.pool)
    assert closed.owed == last
    done = await seen(provider, token_id)
    assert done.collected == plus(first, second_time, last)
    assert plus(done.withdrawn, done.fees) == done.collected
    assert done.fees == held.fees
    assert min(done.fees) > 0
    assert done.owed == (0, 0)


async def test_a_position_out_of_range_earns_nothing_more(chain: Devnet) -> None:
    provider = await provider_of(chain, "weights")
    above = await provider.around(100, 300)
    token_id = await provider.mint(*above, 500 * TOKEN, 0)
    await trade(chain, 5)
    held = await seen(provider, token_id)
    assert not held.in_range
    assert held.fees == (0, 0)
    assert held.principal[1] == 0
    assert held.deposited[1] == 0
    assert "out of range" in " ".join(position_lines(held))


async def test_two_positions_in_the_same_range_are_told_apart(chain: Devnet) -> None:
    provider = await provider_of(chain, "frames")
    other = second(provider)
    await other.fund(DOLLARS)
    await trade(chain, 0, bars=1, spread=0.0)
    around = await provider.around(3_000)
    mine_ = await provider.mint(*around, 50 * TOKEN, 50_000 * 10**6)
    theirs = await other.mint(*around, 20 * TOKEN, 20_000 * 10**6)
    await trade(chain, 6)
    await other.collect(theirs)
    await trade(chain, 7)
    for whose, token_id in ((provider, mine_), (other, theirs)):
        held = await seen(whose, token_id)
        assert held.owed == await whose.would_collect(token_id)
        assert min(held.owed) > 0
        assert held.owner == whose.who.lower()
    assert [event.kind for event in (await seen(other, theirs)).history] == [Kind.MINT, Kind.COLLECT]
    held = await seen(provider, mine_)
    assert held.history[0].liquidity == held.liquidity
    assert held.owed == paid(await provider.collect(mine_), held.facts.pool)


async def test_a_pool_that_pays_a_unit_less_than_the_manager_tells_is_believed(chain: Devnet) -> None:
    provider = await provider_of(chain)
    other = second(provider)
    await other.fund(DOLLARS)
    await trade(chain, 0, bars=1, spread=0.0)
    around = await provider.around(100)
    token_id = await provider.mint(*around, 7_000 * TOKEN, 9_000 * 10**6)
    crumb = await other.mint(*around, 10**12, 2)  # earns no whole unit of money, but makes the pool round at each touch
    for turn in range(8):
        await trade(chain, 20 + turn, bars=1)
        await other.collect(crumb)
    held = await seen(provider, token_id)
    assert held.owed == await provider.would_collect(token_id)
    receipt = await provider.collect(token_id)
    assert held.owed == paid(receipt, held.facts.pool)
    told = decode(("address", "uint256", "uint256"), bytes.fromhex(receipt["logs"][-1]["data"][2:]))[1:]
    assert 0 < told[1] - held.owed[1] <= 8
    after = await seen(provider, token_id)
    assert (after.collected, after.fees, after.owed) == (held.owed, held.fees, (0, 0))


async def test_a_burned_position_is_one_clear_line(chain: Devnet) -> None:
    provider = await provider_of(chain)
    token_id = await provider.mint(*await provider.around(5), 100 * TOKEN, 100 * 10**6)
    await provider.take_out(token_id, await provider.liquidity(token_id))
    await provider.collect(token_id)
    block = quantity((await provider.burn(token_id))["blockNumber"])
    with pytest.raises(ChainError, match=f"^position {token_id} was burned in block {block}: nothing is left of it$"):
        await seen(provider, token_id)


async def test_refuses_a_number_that_was_never_made(chain: Devnet) -> None:
    provider = Provider(chain, chain.universe["render"])
    with pytest.raises(ChainError, match=r"^there is no position 999999: the manager 0x.* never made it$"):
        await seen(provider, 999_999)
    for number in (0, -3, 1 << 256):
        with pytest.raises(ConfigError, match="no position has the number"):
            await seen(provider, number)


async def test_refuses_a_manager_that_is_none(chain: Devnet) -> None:
    with pytest.raises(ConfigError, match="not the address of a position manager"):
        await read_position(chain.rpc, 1, "uniswap")
    with pytest.raises(ConfigError, match="no position manager is known on chain 31337"):
        await read_position(chain.rpc, 1)
    nobody = "0x" + "77" * 20
    with pytest.raises(ChainError, match=f"{nobody} does not answer as a position manager does"):
        await read_position(chain.rpc, 1, nobody)


class _Narrow(Rpc):
    """A node that answers for few blocks at once, and keeps no state older than its newest blocks."""

    most_blocks = 7
    oldest = 1 << 62
    asked = 0

    async def request(self, method: str, params: Any = (), timeout: float = 10.0) -> Any:
        if method == "eth_getLogs":
            self.asked += 1
            if int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) >= self.most_blocks:
                raise ChainError("the node: query exceeds the most blocks")
        if method in ("eth_call", "eth_getCode") and params[1] != "latest" and int(params[1], 16) < self.oldest:
            raise ChainError("the node: missing trie node")
        return await super().request(method, params, timeout)


async def test_a_node_that_answers_for_few_blocks_without_old_states_tells_the_same(
    chain: Devnet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_PAUSE", 0.0)
    provider = await provider_of(chain)
    token_id = await provider.mint(*await provider.around(10), 1_000 * TOKEN, 1_000 * 10**6)
    await trade(chain, 8, bars=1)
    whole = await seen(provider, token_id)
    async with await _Narrow.connect(chain.rpc.url) as narrow:
        narrow.oldest = whole.block
        assert await read_position(narrow, token_id, provider.manager) == whole
        assert narrow.asked > 5
        with pytest.raises(ChainError, match=r"^there is no position 999999 now: it was burned, or never made$"):
            await read_position(narrow, 999_999, provider.manager)
        narrow.most_blocks = 0
        with pytest.raises(ChainError, match="exceeds the most blocks"):
            await read_position(narrow, token_id, provider.manager)


async def test_refuses_a_node_that_hides_a_part_of_the_history(chain: Devnet) -> None:
    provider = await provider_of(chain)
    token_id = await provider.mint(*await provider.around(10), 1_000 * TOKEN, 1_000 * 10**6)
    await provider.add(token_id, 500 * TOKEN, 500 * 10**6)
    last = quantity(await chain.rpc.request("eth_blockNumber", []))
    assert len((await seen(provider, token_id)).history) == 2
    with pytest.raises(ChainError, match="does not tell the position's whole history"):
        await read_position(chain.rpc, token_id, provider.manager, first_block=last)


async def test_what_is_shown_is_what_was_read(chain: Devnet) -> None:
    provider = await provider_of(chain)
    token_id = await provider.mint(*await provider.around(15), 2_000 * TOKEN, 2_500 * 10**6)
    await trade(chain, 9, bars=1)
    held = await fetch_position(chain.rpc.url, token_id, provider.manager)
    assert held == await seen(provider, token_id)
    text, document = io.StringIO(), io.StringIO()
    show_position(held, False, Console(file=text, width=80))
    show_position(held, True, Console(file=document, width=80))
    told = json.loads(document.getvalue())
    assert told["fees"] == list(held.fees)
    assert told["worth_in_quote"] == worth(plus(held.principal, held.owed), held.sqrt_price_x96, 1)
    assert told == position_document(held) | {"next": told["next"]}
    assert told["price"] == pytest.approx((held.sqrt_price_x96 / 2**96) ** 2 * 10**12)
    assert f"fees earned: {held.facts.token0.human(held.fees[0])} render" in text.getvalue()
    following = f"try next: patron lp fetch {held.facts.pool} pool.parquet, then patron lp position {token_id}"
    assert following in text.getvalue().replace("\n", " ")
