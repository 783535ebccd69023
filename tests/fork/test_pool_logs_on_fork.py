"""Histories of real pools on a devnet: fetched, written, read, replayed, and compared with what the chain says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from backtests.lp.replay import replay
from bot.chain.devnet.accounts import OWNER
from bot.chain.devnet.batch import Batch, mine
from bot.chain.devnet.devnet import Devnet, devnet
from bot.chain.multicall import Call, read
from bot.chain.pool_logs import fetch_pool_log
from bot.core.amm.events import Kind, PoolMachine, apply_snapshot_event
from bot.core.amm.pool_state import PoolState
from bot.core.fixedpoint import UINT128_MAX
from bot.pool_log import PoolLog, read_pool_log
from tests.chain.worlds import BAR, PRICES, START, moved, spec_of, steps_between

pytestmark = pytest.mark.fork

BARS = 6


@pytest.fixture
async def chain(tmp_path: Path) -> AsyncIterator[Devnet]:
    """A devnet with a history: bars of the market, positions of the manager, exact outputs of the router."""
    async with devnet(spec_of(), tmp_path / "run") as running:
        prices = dict(PRICES)
        for bar in range(BARS):
            at = START + BAR * bar
            later = moved(prices, 40 + bar, 0.08)
            await running.step(at, steps_between(running.universe, at, prices, later))
            prices = later
            if bar in (1, 3):
                await trade_and_provide(running)
        yield running


async def trade_and_provide(chain: Devnet) -> None:
    """In the ether pool: a position minted, a limited swap, exact outputs, part of it burned and collected."""
    protocols = chain.description.protocols
    assert protocols is not None
    tokens = sorted((protocols.weth, protocols.money), key=str.lower)
    owner = await Batch.of(chain.rpc, OWNER)
    owner.call(protocols.weth, "deposit()", value=20 * 10**18)
    owner.call(protocols.money, "mint(address,uint256)", (OWNER, 10**12))
    for token in tokens:
        for spender in (protocols.position_manager, protocols.swap_router):
            owner.call(token, "approve(address,uint256)", (spender, 1 << 200))
    await mine(chain.rpc, owner.transactions)
    manager, now = protocols.position_manager, await chain.now() + 10_000
    (price, tick, *_) = await slot0(chain, protocols.weth_pool)
    around = tick // 10 * 10
    (supply,) = await read(chain.rpc, Call(manager, "totalSupply()"))
    token_id = supply + 1
    order = (*tokens, 500, around - 200, around + 200, 10**18, 3_000 * 10**6, 0, 0, OWNER, now)
    kinds = "address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256"
    owner = await Batch.of(chain.rpc, OWNER)
    owner.call(manager, f"mint(({kinds}))", (order,), gas=1_000_000)
    route = "((address,address,uint24,address,uint256,uint256,uint160))"
    limited = (protocols.weth, protocols.money, 500, OWNER, 10**18, 0, price * 9_999 // 10_000)
    owner.call(protocols.swap_router, "exactInputSingle" + route, (limited,))
    for token_in, token_out, wanted, most in (
        (protocols.weth, protocols.money, 5_000 * 10**6, 10**19),
        (protocols.money, protocols.weth, 10**18 + 7, 10**11),
    ):
        out = (token_in, token_out, 500, OWNER, wanted, most, 0)
        owner.call(protocols.swap_router, "exactOutputSingle" + route, (out,))
    less = (token_id, 10**9, 0, 0, now)
    owner.call(manager, "decreaseLiquidity((uint256,uint128,uint256,uint256,uint256))", (less,))
    owner.call(manager, "collect((uint256,address,uint128,uint128))", ((token_id, OWNER, 1_000, UINT128_MAX),))
    await mine(chain.rpc, owner.transactions)


async def slot0(chain: Devnet, pool: str) -> tuple[Any, ...]:
    types = ("uint160", "int24", "uint16", "uint16", "uint16", "uint8", "bool")
    return await read(chain.rpc, Call(pool, "slot0()", (), types))


async def word(chain: Devnet, pool: str, signature: str, values: Sequence[object], types: tuple[str, ...]) -> Any:
    return await read(chain.rpc, Call(pool, signature, tuple(values), types))


async def require_equal_to_chain(chain: Devnet, log: PoolLog, machine: PoolMachine | Any) -> None:
    """Everything that the pool keeps, read from the chain and compared."""
    pool = log.facts.pool
    price, tick, index, cardinality, cardinality_next, _, _ = await slot0(chain, pool)
    assert (machine.sqrt_price_x96, machine.tick) == (price, tick)
    assert machine.observation_index == index
    assert (machine.observation_cardinality, machine.observation_cardinality_next) == (cardinality, cardinality_next)
    assert machine.liquidity == (await word(chain, pool, "liquidity()", (), ("uint128",)))[0]
    for token in (0, 1):
        growth = await word(chain, pool, f"feeGrowthGlobal{token}X128()", (), ("uint256",))
        assert machine.fee_growth_global[token] == growth[0]
    for at in machine.initialized_ticks():
        found = machine.tick_info(at)
        types = ("uint128", "int128", "uint256", "uint256", "int56", "uint160", "uint32", "bool")
        gross, net, growth0, growth1, cumulative, seconds_per, seconds, there = await word(
            chain, pool, "ticks(int24)", (at,), types
        )
        assert (found.gross, found.net, found.fee_growth_outside) == (gross, net, (growth0, growth1))
        assert (found.tick_cumulative_outside, found.seconds_per_liquidity_outside_x128) == (cumulative, seconds_per)
        assert (found.seconds_outside, found.initialized) == (seconds, there)
    for owner, lower, upper in log.positions:
        key = keccak(bytes.fromhex(owner[2:]) + b"".join(encode(("int24",), (at,))[-3:] for at in (lower, upper)))
        liquidity, *numbers = await word(chain, pool, "positions(bytes32)", (key,), ("uint128", *("uint256",) * 4))
        held = machine.position(owner, lower, upper)
        assert held.liquidity == liquidity
        assert [*held.fee_growth_inside_last, *held.owed] == numbers
    seen = machine.observation(index)
    assert (seen.time, seen.tick_cumulative, seen.seconds_per_liquidity_x128, seen.initialized) == await word(
        chain, pool, "observations(uint256)", (index,), ("uint32", "int56", "uint160", "bool")
    )


async def test_every_pool_of_a_devnet_is_rebuilt_from_its_log(chain: Devnet, tmp_path: Path) -> None:
    protocols = chain.description.protocols
    assert protocols is not None
    kinds: set[Kind] = set()
    for pool in [venue.pool for venue in chain.universe.risky] + [protocols.weth_pool]:
        out = tmp_path / f"{pool}.parquet"
        fetched = await fetch_pool_log(chain.rpc, pool, out)
        log = read_pool_log(out, pool)
        assert list(log.events()) == list(fetched.events())
        kinds |= {event.kind for event in log.events()}
        mirror = PoolState(log.facts.fee_pips, log.facts.tick_spacing)
        for event in log.events():
            assert apply_snapshot_event(mirror, event) is None
        await require_equal_to_chain(chain, log, mirror)
        await require_equal_to_chain(chain, log, replay(log).pool)
    assert kinds >= {Kind.INITIALIZE, Kind.MINT, Kind.BURN, Kind.COLLECT, Kind.SWAP}
    assert Kind.INCREASE_OBSERVATION_CARDINALITY_NEXT in kinds


async def test_the_times_in_a_log_are_those_of_its_blocks(chain: Devnet, tmp_path: Path) -> None:
    log = await fetch_pool_log(chain.rpc, chain.universe.risky[0].pool, tmp_path / "log")
    for row in range(0, len(log), 3):
        header = await chain.rpc.request("eth_getBlockByNumber", [hex(int(log.block[row])), False])
        assert int(header["timestamp"], 16) == log.time[row]
