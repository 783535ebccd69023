from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from backtests.exact_pool import ExactPool
from backtests.lp.commands_replay import replay_command
from backtests.lp.made_log import MadeMarket, made, made_log
from backtests.lp.replay import (
    EXACT_IN,
    EXACT_OUT,
    TO_LIMIT,
    Replayed,
    first_disagreement,
    pool_of,
    replay,
    replay_in_python,
)
from bot.core.amm.events import Disagreement, Kind, PoolEvent
from bot.core.amm.pool_state import PoolState
from bot.errors import DataError
from bot.pool_log import PoolLog, pool_log_of, save_pool_log

MARKETS = {
    "a usual pool": MadeMarket(),
    "narrow ticks": MadeMarket(fee_pips=100, tick_spacing=1, volatility=3.0, liquidity_actions=0.2),
    "wide ticks": MadeMarket(fee_pips=10_000, tick_spacing=200, volatility=8.0, full_range=50_000, trade_size=20_000),
    "hardly any liquidity": MadeMarket(500, 10, full_range=1_000, providers=3, provider_size=500, trade_size=3_000),
}


@cache
def sample() -> PoolLog:
    return made_log(11, 1_500, MadeMarket(liquidity_actions=0.15))


def require_equal(exact: ExactPool, state: PoolState, log: PoolLog) -> None:
    for name in ("sqrt_price_x96", "tick", "liquidity", "fee_growth_global", "protocol_fees", "fee_protocol"):
        assert getattr(exact, name) == getattr(state, name), name
    for name in ("observation_index", "observation_cardinality", "observation_cardinality_next"):
        assert getattr(exact, name) == getattr(state, name), name
    assert exact.initialized_ticks() == state.initialized_ticks()
    for tick in state.initialized_ticks():
        assert exact.tick_info(tick) == state.tick_info(tick)
    for key in log.positions:
        assert exact.position(*key) == state.position(*key)
        assert exact.fees_owed(*key) == state.fees_owed(*key)
    for index in range(state.observation_cardinality_next):
        assert exact.observation(index) == state.observation(index)


@pytest.mark.parametrize("market", MARKETS.values(), ids=MARKETS)
def test_compiled_and_plain_replay_leave_the_same_pool(market: MadeMarket) -> None:
    log, machine = made(5, 800, market)
    done, state = replay(log), replay_in_python(log)
    assert isinstance(state, PoolState)
    assert isinstance(machine, PoolState)
    require_equal(done.pool, state, log)
    require_equal(done.pool, machine, log)
    assert done.events == len(log)
    assert done.counts["Swap"] == 800
    assert sum(done.counts.values()) == len(log)


def test_the_logs_of_both_machines_are_the_same() -> None:
    log = made_log(9, 300, machine=ExactPool)
    assert list(log.events()) == list(made_log(9, 300).events())


def test_generated_logs_differ_by_seed_and_hold_every_kind() -> None:
    assert list(made_log(1, 50).events()) != list(made_log(2, 50).events())
    assert {Kind(int(kind)) for kind in np.unique(made_log(6, 3_000).kind)} == set(Kind)


def test_stops_at_a_block_and_goes_on_from_there() -> None:
    log = sample()
    middle = int(log.block[700])
    part = replay(log, middle)
    row = log.rows_until(middle)
    assert part.events == row
    state = replay_in_python(log, middle)
    assert isinstance(state, PoolState)
    require_equal(part.pool, state, log)
    rest = replay(log, pool=part.pool, start=row)
    assert rest.events == len(log) - row
    whole = replay_in_python(log)
    assert isinstance(whole, PoolState)
    require_equal(rest.pool, whole, log)
    assert replay(log).crossings == part.crossings + rest.crossings > 0


def test_a_pool_that_plays_on_can_take_a_position_of_our_own() -> None:
    log = sample()
    part = replay(log, int(log.block[700]))
    lower, upper = log.positions[1][1:]
    before = part.pool.liquidity
    part.pool.mint("0x" + "77" * 20, lower, upper, 10**12, int(log.time[700]))
    part.pool.burn("0x" + "77" * 20, lower, upper, 10**12, int(log.time[700]))
    assert part.pool.liquidity == before
    replay(log, pool=part.pool, start=part.events)


class Recorder:
    """A pool whose every call is written down as the contract's event."""

    def __init__(self) -> None:
        self.pool = PoolState(3_000, 60)
        self.events: list[PoolEvent] = []

    def tell(self, kind: Kind, **values: int | str) -> None:
        number = len(self.events)
        self.events.append(PoolEvent(kind, 100 + number, 0, 1_000 + 12 * number, **values))  # type: ignore[arg-type]

    @property
    def now(self) -> int:
        return 1_000 + 12 * len(self.events)

    def initialize(self, price: int) -> None:
        tick = self.pool.initialize(price, self.now)
        self.tell(Kind.INITIALIZE, sqrt_price_x96=price, tick=tick)

    def mint(self, lower: int, upper: int, liquidity: int) -> None:
        owner = "0x" + "0a" * 20
        paid = self.pool.mint(owner, lower, upper, liquidity, self.now)
        self.tell(
            Kind.MINT, owner=owner, lower=lower, upper=upper, liquidity=liquidity, amount0=paid[0], amount1=paid[1]
        )

    def swap(self, zero_for_one: bool, amount: int, limit: int | None = None) -> None:
        amounts = self.pool.swap(zero_for_one, amount, limit, self.now)
        pool = self.pool
        after = {"sqrt_price_x96": pool.sqrt_price_x96, "liquidity": pool.liquidity, "tick": pool.tick}
        self.tell(Kind.SWAP, amount0=amounts[0], amount1=amounts[1], **after)

    @property
    def log(self) -> PoolLog:
        return pool_log_of(sample().facts, self.events)


def test_finds_out_what_the_traders_asked_for() -> None:
    pool = Recorder()
    pool.initialize(1 << 96)
    pool.swap(True, 10**18, (1 << 96) - 10**20)  # nobody there: the price moves for nothing
    pool.swap(False, -5, 1 << 96)
    pool.mint(-600, 600, 10**18)
    pool.mint(-6_000, 6_000, 10**16)
    pool.swap(True, 10**15)
    pool.swap(False, -(10**15))
    pool.swap(True, 10**20, (1 << 96) * 99 // 100)
    pool.swap(False, -(10**30), (1 << 96) * 101 // 100)
    pool.swap(True, 1)  # one unit: all of it is fee
    pool.swap(False, 21 * 10**15)
    done = replay(pool.log)
    swaps = pool.log.kind == Kind.SWAP
    # An exact output explains the fifth as well as its limit does, and comes first.
    styles = [TO_LIMIT, TO_LIMIT, EXACT_IN, EXACT_OUT, EXACT_OUT, TO_LIMIT, EXACT_IN, EXACT_IN]
    assert done.style[swaps].tolist() == styles
    assert done.zero_for_one[swaps].tolist() == [True, False, True, False, True, False, True, False]
    assert done.crossings == 1
    state = replay_in_python(pool.log)
    assert isinstance(state, PoolState)
    require_equal(done.pool, state, pool.log)


def first_row(kind: Kind, fits: Callable[[PoolEvent], bool] = lambda event: True) -> int:
    return next(row for row, event in enumerate(sample().events()) if event.kind is kind and fits(event))


def _is_output(event: PoolEvent, field: str | None) -> bool:
    return field is None or getattr(event, field) < 0


TAMPERED = {
    "amount0 of a swap": (Kind.SWAP, "amount0", 1),
    "amount1 of a swap": (Kind.SWAP, "amount1", 1),
    "price of a swap": (Kind.SWAP, "sqrt_price_x96", 1),
    "tick of a swap": (Kind.SWAP, "tick", -1),
    "liquidity of a swap": (Kind.SWAP, "liquidity", 1),
    "amount0 of a mint": (Kind.MINT, "amount0", 1),
    "amount1 of a mint": (Kind.MINT, "amount1", -1),
    "liquidity of a mint": (Kind.MINT, "liquidity", 10**9),
    "amount0 of a burn": (Kind.BURN, "amount0", 1),
    "amount1 of a burn": (Kind.BURN, "amount1", 1),
    "more collected than owed, token0": (Kind.COLLECT, "amount0", 1),
    "more collected than owed, token1": (Kind.COLLECT, "amount1", 1),
    "tick of the first price": (Kind.INITIALIZE, "tick", 1),
    "room for observations before": (Kind.INCREASE_OBSERVATION_CARDINALITY_NEXT, "amount0", 1),
}


@pytest.mark.parametrize(("kind", "field", "change"), TAMPERED.values(), ids=TAMPERED)
def test_stops_at_the_first_event_that_does_not_come_out(kind: Kind, field: str, change: int) -> None:
    events = list(sample().events())
    given = field if kind is Kind.SWAP and field.startswith("amount") else None  # the input says what was asked for
    row = first_row(kind, lambda event: (event.liquidity > 0 or kind is not Kind.BURN) and _is_output(event, given))
    value = getattr(events[row], field)
    step = -change if value < 0 else change
    events[row] = replace(events[row], **{field: value + step})
    log = pool_log_of(sample().facts, events)
    found = first_disagreement(log)
    assert isinstance(found, Disagreement)
    assert found == replay_in_python(log)
    assert (found.block, found.log_index, found.kind) == (events[row].block, events[row].log_index, kind)
    if field != "liquidity":
        truth: int | str = value
        assert (found.expected, found.found) == (value + step, truth)
        assert found.field == field
    with pytest.raises(DataError) as caught:
        replay(log, name="pool.parquet")
    place = f"block {found.block} log {found.log_index}: {kind.label}: {found.field}"
    assert str(caught.value) == f"pool.parquet: {place}: the log says {found.expected}, the pool says {found.found}"


REFUSED = {
    "burn of more than there is": (Kind.BURN, {"liquidity": 10**30}, "LS"),
    "burn of a position nobody has": (Kind.BURN, {"owner": "0x" + "99" * 20, "liquidity": 5}, "LS"),
    "poke of a position nobody has": (Kind.BURN, {"owner": "0x" + "99" * 20, "liquidity": 0}, "NP"),
    "more liquidity than a tick may carry": (Kind.MINT, {"liquidity": (1 << 127) - 1}, "LO"),
}


@pytest.mark.parametrize(("kind", "changes", "reason"), REFUSED.values(), ids=REFUSED)
def test_says_when_the_pool_refuses_a_recorded_call(kind: Kind, changes: dict[str, int], reason: str) -> None:
    events = list(sample().events())
    row = first_row(kind)
    events[row] = replace(events[row], **changes)  # type: ignore[arg-type]
    log = pool_log_of(sample().facts, events)
    found, plain = first_disagreement(log), replay_in_python(log)
    assert isinstance(found, Disagreement)
    assert isinstance(plain, Disagreement)
    assert (found.field, found.expected) == ("call", "accepted") == (plain.field, plain.expected)
    assert (found.block, found.log_index) == (plain.block, plain.log_index)
    assert f"the pool refuses ({reason})" in str(found)
    assert f"the pool refuses ({reason})" in str(plain)


def test_a_flash_or_a_protocol_collection_that_cannot_be_is_told() -> None:
    pool = Recorder()
    pool.initialize(1 << 96)
    pool.tell(Kind.FLASH, amount0=1, amount1=0)
    found = first_disagreement(pool.log)
    assert isinstance(found, Disagreement)
    assert "the pool refuses (L)" in str(found)
    other = Recorder()
    other.initialize(1 << 96)
    other.mint(-600, 600, 10**18)
    other.tell(Kind.COLLECT_PROTOCOL, amount0=3, amount1=0)
    found = first_disagreement(other.log)
    assert isinstance(found, Disagreement)
    assert (found.field, found.expected, found.found) == ("amount0", 3, 0)
    assert found == replay_in_python(other.log)


def test_a_missing_event_in_the_middle_is_found() -> None:
    events = list(sample().events())
    row = first_row(Kind.SWAP)
    found = first_disagreement(pool_log_of(sample().facts, events[:row] + events[row + 1 :]))
    assert isinstance(found, Disagreement)
    assert found.block >= events[row].block


def test_refuses_a_block_that_the_log_does_not_cover() -> None:
    log = sample()
    for block in (log.first_block - 1, log.last_block + 1):
        with pytest.raises(DataError, match=f"covers the blocks {log.first_block} to {log.last_block}"):
            replay(log, block)


def test_refuses_a_pool_that_was_not_made_for_the_log() -> None:
    with pytest.raises(ValueError, match="was not made for this log"):
        replay(sample(), pool=ExactPool(3_000, 60))
    with pytest.raises(ValueError, match="was not made for this log"):
        replay(sample(), pool=ExactPool(500, 10))
    assert isinstance(first_disagreement(sample(), pool=pool_of(sample())), Replayed)


@pytest.mark.parametrize("as_json", [True, False])
def test_the_command_says_what_was_verified(tmp_path: Path, as_json: bool) -> None:
    path, text = tmp_path / "pool.parquet", io.StringIO()
    save_pool_log(path, sample())
    block = int(sample().block[900])
    replay_command(path, block, as_json, Console(file=text, width=120))
    swaps = int((sample().kind[: sample().rows_until(block)] == Kind.SWAP).sum())
    state = replay_in_python(sample(), block)
    assert isinstance(state, PoolState)
    if as_json:
        told = json.loads(text.getvalue())
        assert told["verified_swaps"] == swaps == sum(told["swaps_by_style"].values())
        assert (told["tick"], told["liquidity"]) == (state.tick, str(state.liquidity))
        assert told["sqrt_price_x96"] == str(state.sqrt_price_x96)
        assert told["last_block"] == block
        assert told["events_per_second"] > 0
    else:
        for line in (
            "WETH/USDC, fee 3000 pips",
            f"{swaps:,}",
            str(state.sqrt_price_x96),
            "to the last unit",
            "try next:",
        ):
            assert line in text.getvalue()


def test_the_command_refuses_a_log_that_does_not_come_out(tmp_path: Path) -> None:
    events = list(sample().events())
    row = first_row(Kind.SWAP)
    events[row] = replace(events[row], liquidity=events[row].liquidity + 1)
    path = tmp_path / "pool.parquet"
    save_pool_log(path, pool_log_of(sample().facts, events))
    with pytest.raises(
        DataError, match=f"pool.parquet: block {events[row].block} log .*: Swap: liquidity: the log says"
    ):
        replay_command(path, None, False, Console(file=io.StringIO()))
