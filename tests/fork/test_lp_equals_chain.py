"""A position on the fork, traded against by the market mirror: the backtest's amounts are the chain's, to the wei."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from eth_abi.abi import decode
from eth_utils.crypto import keccak
from rich.console import Console

from backtests.lp.account import OWNER
from backtests.lp.commands_position import position_command
from backtests.lp.compiled import calls_of, compiled_player
from backtests.lp.counterfactual import LpMachine
from backtests.lp.engine import MakePlayer
from backtests.lp.position import compare
from backtests.lp.relived import live_again, rows_of
from backtests.lp.result import SAME_AMOUNTS, SAME_PRICE
from bot.chain.devnet.devnet import Devnet, devnet
from bot.chain.pool_logs import fetch_pool_log
from bot.chain.positions import read_position
from bot.chain.rpc import quantity
from bot.core.amm.events import Kind, PoolEvent
from bot.core.amm.held_position import HeldPosition
from bot.core.fixedpoint import UINT128_MAX
from bot.errors import DataError
from bot.pool_log import PoolLog, pool_log_of
from tests.backtests.lp.lp_worlds import python_calls, python_player
from tests.chain.provider import Provider, second
from tests.chain.worlds import BAR, PRICES, START, moved, spec_of, steps_between

pytestmark = [pytest.mark.fork, pytest.mark.asyncio(loop_scope="module")]

BARS = 36
VENUE = "render"
TOKEN = 10**18
_COLLECT = "0x" + keccak(text="Collect(uint256,address,uint256,uint256)").hex()


@dataclass
class Lived:
    """What happened on the chain, and the whole log of the pool."""

    chain: Devnet
    provider: Provider
    alone: int  # the number of a position that has its range to itself
    neighbours: tuple[int, int]  # two positions of two owners in one range
    log: PoolLog
    file: Path  # that the log is in
    requests: dict[tuple[int, int], tuple[int, int]]  # block, position -> what a collect asked for


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lived(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lived]:
    """36 bars of the market with three positions in the pool: collected, made larger and smaller, left, burned."""
    folder = tmp_path_factory.mktemp("lp")
    async with devnet(spec_of(), folder / "run") as chain:
        provider = Provider(chain, chain.universe[VENUE])
        other = second(provider)
        for each in (provider, other):
            await each.fund(600_000)
        market = _Market(chain)
        await market.bars(2)
        requests: dict[tuple[int, int], tuple[int, int]] = {}

        async def collect(token_id: int, most0: int = UINT128_MAX, most1: int = UINT128_MAX) -> None:
            receipt = await provider.collect(token_id, most0, most1)
            requests[quantity(receipt["blockNumber"]), token_id] = (most0, most1)

        alone = await provider.mint(*await provider.around(10), 60_000 * TOKEN, 80_000 * 10**6)
        neighbours = await provider.around(60)
        first = await provider.mint(*neighbours, 30_000 * TOKEN, 40_000 * 10**6)
        await market.bars(7)
        theirs = await other.mint(*neighbours, 20_000 * TOKEN, 30_000 * 10**6)
        await market.bars(5)
        await collect(alone)
        await market.bars(6)
        await collect(alone, 10**15, 0)
        await other.collect(theirs)
        await provider.add(alone, 5_000 * TOKEN, 7_000 * 10**6)
        await market.bars(6)
        await provider.take_out(alone, await provider.liquidity(alone) // 3)
        await other.take_out(theirs, await provider.liquidity(theirs) // 2)
        await market.bars(5)
        await provider.collect(first)
        await market.bars(5)
        await provider.take_out(alone, await provider.liquidity(alone))
        await collect(alone)
        assert market.done == BARS
        log = await fetch_pool_log(chain.rpc, provider.venue.pool, folder / "pool.parquet")
        yield Lived(chain, provider, alone, (first, theirs), log, folder / "pool.parquet", requests)


class _Market:
    """Bars of the market, one after the other."""

    def __init__(self, chain: Devnet) -> None:
        self._chain, self._prices, self.done = chain, dict(PRICES), 0

    async def bars(self, count: int) -> None:
        for _ in range(count):
            now = await self._chain.now()
            at = max(START, now // BAR * BAR + BAR)
            # Around the first price, so that the ranges are left and entered again.
            later = moved(PRICES, 900 + self.done, 0.06)
            await self._chain.step(at, steps_between(self._chain.universe, at, self._prices, later))
            self._prices, self.done = later, self.done + 1


async def held_of(lived: Lived, token_id: int) -> HeldPosition:
    return await read_position(lived.chain.rpc, token_id, lived.provider.manager)


def of_position(log: PoolLog, held: HeldPosition) -> list[PoolEvent]:
    """Every event of the pool for the position's owner and range, pokes included."""
    place = (held.manager, held.lower, held.upper)
    return [event for event in log.events() if (event.owner, event.lower, event.upper) == place]


def done_by(machine: LpMachine, event: PoolEvent, request: tuple[int, int]) -> tuple[int, int]:
    """What the backtest's pool gives for the call behind an event, made as ours."""
    place = (OWNER, event.lower, event.upper)
    if event.kind is Kind.MINT:
        return machine.mint(*place, event.liquidity, event.time)
    if event.kind is Kind.BURN:
        return machine.burn(*place, event.liquidity, event.time)
    return machine.collect(*place, *request)


@pytest.mark.parametrize("arbitrage", [False, True], ids=[SAME_AMOUNTS, SAME_PRICE])
@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "python"])
async def test_the_backtest_pays_what_the_chain_paid_to_the_wei(lived: Lived, arbitrage: bool, compiled: bool) -> None:
    held = await held_of(lived, lived.alone)
    log, own = lived.log, of_position(lived.log, held)
    kinds = [event.kind for event in own]
    assert (kinds.count(Kind.MINT), kinds.count(Kind.COLLECT)) == (2, 3)
    assert kinds.count(Kind.BURN) == 4  # two withdrawals, and two pokes before collects
    rows = np.array([row for row in range(len(log)) if log.event(row) in own])
    kept = np.setdiff1d(np.arange(len(log)), rows)
    without = pool_log_of(log.facts, [log.event(int(row)) for row in kept], log.first_block, log.last_block)
    calls = calls_of(log, "log") if compiled else python_calls(log)
    make: MakePlayer = compiled_player if compiled else python_player
    player = make(without, calls.rows(kept), arbitrage)
    for event, row in zip(own, rows.tolist(), strict=True):
        player.play(int(np.searchsorted(kept, row)))
        request = lived.requests.get((event.block, held.token_id), (UINT128_MAX, UINT128_MAX))
        assert done_by(player.machine, event, request) == (event.amount0, event.amount1), event
    player.play(len(without))
    assert player.flow.as_dict()["arbitrages"] == 0
    assert player.flow.as_dict()["refused"] == 0
    assert player.machine.fees_owed(OWNER, held.lower, held.upper) == held.owed == (0, 0)
    price, tick = await lived.provider.price_and_tick()
    assert (player.machine.sqrt_price_x96, player.machine.tick) == (price, tick)


async def test_the_market_traded_on_both_sides_of_the_range(lived: Lived) -> None:
    held = await held_of(lived, lived.alone)
    ticks = [event.tick for event in lived.log.events() if event.kind is Kind.SWAP and event.time > held.since]
    assert min(ticks) < held.lower
    assert max(ticks) >= held.upper
    assert sum(held.lower <= tick < held.upper for tick in ticks) > BARS
    assert min(held.fees) > 0


async def test_fees_earned_are_what_the_managers_collects_paid_above_the_principal(lived: Lived) -> None:
    chain, manager = lived.chain, lived.provider.manager
    for token_id in (lived.alone, *lived.neighbours):
        held = await held_of(lived, token_id)
        topics = [_COLLECT, f"0x{token_id:064x}"]
        where = {"address": manager, "topics": topics, "fromBlock": "0x0", "toBlock": "latest"}
        logs = await chain.rpc.request("eth_getLogs", [where])
        told = [decode(("address", "uint256", "uint256"), bytes.fromhex(log["data"][2:]))[1:] for log in logs]
        paid = (sum(amounts[0] for amounts in told), sum(amounts[1] for amounts in told))
        # A manager with several tokens in a range may tell a unit more than the pool paid.
        slack = 0 if token_id == lived.alone else len(logs)
        for token in (0, 1):
            earned = paid[token] + held.owed[token] - held.withdrawn[token]
            assert 0 <= earned - held.fees[token] <= slack
            assert held.fees[token] > 0


async def test_every_position_lives_again_in_the_replayed_pool(lived: Lived) -> None:
    calls = calls_of(lived.log, "log")
    for token_id in (lived.alone, *lived.neighbours):
        held = await held_of(lived, token_id)
        found = live_again(held, lived.log, calls, rows_of(held, lived.log))
        assert found.to_the_unit
        assert found.liquidity == held.liquidity
        assert (found.slack > 0) == (token_id != lived.alone)
        for token in (0, 1):
            assert abs(found.owed[token] - held.owed[token]) <= found.slack
            assert abs(found.fees[token] - held.fees[token]) <= found.slack
        if token_id == lived.alone:
            assert (found.owed, found.fees) == (held.owed, held.fees)


async def test_a_position_of_the_chain_is_compared_with_other_ranges(lived: Lived) -> None:
    held = await held_of(lived, lived.neighbours[0])
    compared = compare(held, lived.log)
    own = compared.alternatives[0].runs[0]
    for token, decimals in ((0, 18), (1, 6)):
        # Its mint was alone in its block, so nothing traded between its entry and the backtest's.
        assert own.metrics[f"fees{token}"].value == pytest.approx(held.fees[token] / 10**decimals, rel=1e-6)
    fees = {each.name: each.worst.metrics["fees"].value or 0.0 for each in compared.alternatives}
    assert fees["full range"] < fees["twice the width"] < fees["your range"]
    assert any("other positions in this very range" in note for note in compared.notes)


async def test_the_command_shows_a_position_of_the_chain(lived: Lived, tmp_path: Path) -> None:
    held = await held_of(lived, lived.neighbours[0])
    text = io.StringIO()
    position_command(held, lived.file, tmp_path / "page.html", False, Console(file=text, width=200))
    shown = text.getvalue()
    assert f"fees earned: {held.facts.token0.human(held.fees[0])} {VENUE}" in shown
    assert "note: the manager holds other positions in this very range" in shown
    for name in ("your range", "half the width", "twice the width", "full range", "following the price"):
        assert name in shown
    assert "other positions in this very range" in (tmp_path / "page.html").read_text(encoding="utf-8")


async def test_a_history_that_the_log_does_not_bear_out_is_refused(lived: Lived) -> None:
    held = await held_of(lived, lived.alone)
    wrong = replace(held, history=(*held.history[:-1], replace(held.history[-1], amount0=held.history[-1].amount0 + 1)))
    with pytest.raises(DataError, match=f"Collect of position {held.token_id}: amount0: the log says"):
        compare(wrong, lived.log)
