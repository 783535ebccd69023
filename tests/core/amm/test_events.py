from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.amm.concentrated import swap
from bot.core.amm.events import (
    KINDS,
    Disagreement,
    Kind,
    Outcome,
    PoolEvent,
    QuotedMachine,
    apply_event,
    apply_snapshot_event,
    quote_by_snapshot,
    swap_call,
)
from bot.core.amm.pool_state import PoolState
from bot.core.fixedpoint import INT256_MAX, Q96

OWNER = "0x" + "0a" * 20


def machine() -> PoolState:
    pool = PoolState(3_000, 60)
    pool.initialize(Q96, 100)
    pool.mint(OWNER, -6_000, 6_000, 10**18, 100)
    pool.mint(OWNER, -600, 600, 10**18, 100)
    return pool


def swap_event(zero_for_one: bool, amount: int, limit: int | None = None) -> PoolEvent:
    """The event of such a swap in `machine()`."""
    done = swap(machine().pool(), zero_for_one, amount, limit)
    after = done.pool
    return PoolEvent(
        Kind.SWAP,
        7,
        3,
        160,
        amount0=done.amount0,
        amount1=done.amount1,
        sqrt_price_x96=after.sqrt_price_x96,
        tick=after.tick,
        liquidity=after.liquidity,
    )


CALLS = {
    "exact input of token0": (True, 10**15, None),
    "exact input of token1": (False, 10**15, None),
    "exact output of token1": (True, -(10**15), None),
    "exact output of token0": (False, -(10**15), None),
    "exact input across a tick": (True, 10**17, None),
    "exact output across a tick": (False, -(10**17), None),
    "to a price below": (True, 10**20, Q96 * 99 // 100),
    "to a price above": (False, 10**20, Q96 * 101 // 100),
    "to a price beyond a tick": (True, 10**20, Q96 * 9 // 10),
    "one unit of fee": (True, 1, None),
}


@pytest.mark.parametrize(("zero_for_one", "amount", "limit"), CALLS.values(), ids=CALLS)
def test_a_swap_is_explained_and_done(zero_for_one: bool, amount: int, limit: int | None) -> None:
    event, pool, other = swap_event(zero_for_one, amount, limit), machine(), machine()
    assert apply_snapshot_event(pool, event) is None
    other.swap(zero_for_one, amount, limit, event.time)
    assert (pool.sqrt_price_x96, pool.tick, pool.liquidity) == (event.sqrt_price_x96, event.tick, event.liquidity)
    assert pool.fee_growth_global == other.fee_growth_global
    for tick in pool.initialized_ticks():
        assert pool.tick_info(tick) == other.tick_info(tick)


@pytest.mark.parametrize("name", ["exact input of token0", "exact output of token0", "to a price above"])
def test_the_first_call_that_explains_a_swap_is_taken(name: str) -> None:
    zero_for_one, amount, limit = CALLS[name]
    event = swap_event(*CALLS[name])
    call = swap_call(machine(), event, quote_by_snapshot)
    if name == "to a price above":
        # Its input, spent exactly, ends at the same price for the same output, and is tried first.
        assert call == (zero_for_one, event.amount1, None)
    else:
        assert call == (zero_for_one, amount, limit)


def test_a_limit_is_found_where_no_exact_amount_explains_the_price() -> None:
    pool = PoolState(3_000, 60)
    pool.initialize(Q96, 100)
    event = PoolEvent(Kind.SWAP, 7, 3, 160, sqrt_price_x96=Q96 - 10**20, tick=-1)
    assert swap_call(pool, event, quote_by_snapshot) == (True, INT256_MAX, Q96 - 10**20)
    assert apply_snapshot_event(pool, event) is None
    assert (pool.sqrt_price_x96, pool.tick) == (Q96 - 10**20, -1)


@pytest.mark.parametrize("field", ["amount1", "sqrt_price_x96", "tick", "liquidity"])
def test_a_swap_that_nothing_explains_leaves_the_pool_untouched(field: str) -> None:
    event, pool = swap_event(True, 10**15), machine()
    wrong = replace(event, **{field: getattr(event, field) - 1})
    found = apply_snapshot_event(pool, wrong)
    assert found == Disagreement(7, 3, Kind.SWAP, field, getattr(wrong, field), getattr(event, field))
    assert str(found).startswith(f"block 7 log 3: Swap: {field}: the log says {getattr(wrong, field)}, the pool says ")
    assert (pool.sqrt_price_x96, pool.fee_growth_global) == (Q96, (0, 0))


def test_a_machine_that_does_something_else_than_it_quoted_is_caught() -> None:
    event = swap_event(True, 10**15)

    def flattering(pool: QuotedMachine, zero_for_one: bool, amount: int, limit: int | None) -> Outcome:
        return event.amount0, event.amount1 - 1, event.sqrt_price_x96, event.tick, event.liquidity

    found = apply_event(machine(), replace(event, amount1=event.amount1 - 1), flattering)
    assert isinstance(found, Disagreement)
    assert (found.field, found.expected, found.found) == ("amount1", event.amount1 - 1, event.amount1)


def test_a_swap_before_initialize_is_refused() -> None:
    found = apply_snapshot_event(PoolState(3_000, 60), swap_event(True, 10**15))
    assert isinstance(found, Disagreement)
    assert (found.field, found.expected) == ("call", "accepted")
    assert "LOK" in str(found)


def test_positions_pay_and_are_paid_as_recorded() -> None:
    pool, other = machine(), machine()
    place = {"owner": OWNER, "lower": -600, "upper": 600}
    paid = other.mint(OWNER, -600, 600, 10**15, 200)
    mint = PoolEvent(Kind.MINT, 8, 0, 200, **place, liquidity=10**15, amount0=paid[0], amount1=paid[1])
    assert apply_snapshot_event(pool, mint) is None
    returned = other.burn(OWNER, -600, 600, 10**16, 212)
    burn = PoolEvent(Kind.BURN, 9, 0, 212, **place, liquidity=10**16, amount0=returned[0], amount1=returned[1])
    assert apply_snapshot_event(pool, burn) is None
    too_much = PoolEvent(Kind.COLLECT, 9, 1, 212, **place, amount0=returned[0], amount1=returned[1] + 1)
    found = apply_snapshot_event(pool.copy(), too_much)
    assert found == Disagreement(9, 1, Kind.COLLECT, "amount1", returned[1] + 1, returned[1])
    assert apply_snapshot_event(pool, replace(too_much, amount1=returned[1])) is None
    assert pool.position(OWNER, -600, 600).owed == (0, 0)
    gone = replace(burn, liquidity=10**30)
    assert str(apply_snapshot_event(pool, gone)).startswith("block 9 log 0: Burn: call: the log says accepted")
    assert "(LS)" in str(apply_snapshot_event(pool, gone))


def test_settings_and_fees_of_others_are_applied() -> None:
    pool = machine()
    grow = PoolEvent(Kind.INCREASE_OBSERVATION_CARDINALITY_NEXT, 8, 0, 200, amount0=1, amount1=9)
    assert apply_snapshot_event(pool, grow) is None
    assert pool.observation_cardinality_next == 9
    assert apply_snapshot_event(pool, grow) == Disagreement(8, 0, grow.kind, "amount0", 1, 9)
    assert apply_snapshot_event(pool, PoolEvent(Kind.SET_FEE_PROTOCOL, 8, 1, 200, amount0=4, amount1=10)) is None
    assert pool.fee_protocol == (4, 10)
    assert apply_snapshot_event(pool, PoolEvent(Kind.FLASH, 8, 2, 200, amount0=4_000, amount1=1_000)) is None
    assert pool.protocol_fees == (1_000, 100)
    taken = PoolEvent(Kind.COLLECT_PROTOCOL, 8, 3, 200, amount0=999, amount1=99)
    assert apply_snapshot_event(pool, taken) is None
    assert apply_snapshot_event(pool, taken) == Disagreement(8, 3, Kind.COLLECT_PROTOCOL, "amount0", 999, 0)
    again = PoolEvent(Kind.INITIALIZE, 8, 4, 200, sqrt_price_x96=Q96)
    assert "(AI)" in str(apply_snapshot_event(pool, again))


def test_kinds_are_named_as_the_contract_names_its_events() -> None:
    assert list(KINDS) == [
        "Initialize",
        "Mint",
        "Burn",
        "Collect",
        "Swap",
        "Flash",
        "SetFeeProtocol",
        "CollectProtocol",
        "IncreaseObservationCardinalityNext",
    ]
    assert [int(kind) for kind in KINDS.values()] == list(range(9))
