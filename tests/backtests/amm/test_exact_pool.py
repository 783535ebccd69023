"""The compiled pool: equal to the mirror call by call, and to sums done by hand; room, copies, batches, refusals."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.exact_pool import ExactPool
from backtests.kernels.amm.layout import OBSERVED_AT, TICK_CUMULATIVE, dense_range, word_edges
from backtests.kernels.amm.limbs import from_limbs, to_limbs
from bot.core.amm.oracle import CARDINALITY_MAX
from bot.core.amm.pool_state import PoolState
from bot.core.amm.reverts import PoolReverted, Revert
from bot.core.amm.tick_math import MAX_TICK, MIN_TICK, sqrt_ratio_at_tick
from bot.core.fixedpoint import Q96, Q128, UINT128_MAX, UINT256_MAX
from tests.parity.operations import SHAPES, Generator, answer

NOW = 1_750_000_000
PROPERTIES = (
    *("sqrt_price_x96", "tick", "liquidity", "fee_growth_global", "protocol_fees", "fee_protocol", "fee_pips"),
    *("observation_index", "observation_cardinality", "observation_cardinality_next", "max_liquidity_per_tick"),
    "tick_spacing",
)
ANN = "ann"


def everything(machine: Any, positions: list[tuple[str, int, int]]) -> dict[str, Any]:
    """All that a pool stores, and what its views say of these positions."""
    ticks = {tick for _, lower, upper in positions for tick in (lower, upper)}
    return {
        **{name: getattr(machine, name) for name in PROPERTIES},
        "ticks": machine.initialized_ticks(),
        "tick": [machine.tick_info(tick) for tick in sorted(ticks)],
        "positions": [(machine.position(*key), machine.fees_owed(*key)) for key in positions],
        "observations": [machine.observation(index) for index in range(machine.observation_cardinality_next + 2)],
    }


def play(rnd: Random, shape: tuple[int, int], calls: int, check_every: int) -> tuple[PoolState, ExactPool, Generator]:
    """A mirror and a compiled pool after the same random calls, every answer and from time to time everything equal."""
    mirror, compiled = PoolState(*shape), ExactPool(*shape)
    generator = Generator(rnd, mirror, shape[1])
    for index in range(calls):
        operation = generator.next()
        expected, given = answer(mirror, operation), answer(compiled, operation)
        assert (given, type(given)) == (expected, type(expected)), str(operation)
        if index % check_every == check_every - 1:
            assert everything(compiled, generator.positions) == everything(mirror, generator.positions), str(operation)
    return mirror, compiled, generator


def pool_of(*positions: tuple[int, int, int], fee_pips: int = 3000, spacing: int = 60, tick: int = 0) -> ExactPool:
    pool = ExactPool(fee_pips, spacing)
    pool.initialize(sqrt_ratio_at_tick(tick), NOW)
    for lower, upper, liquidity in positions:
        pool.mint(ANN, lower, upper, liquidity, NOW)
    return pool


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SHAPES), st.randoms(use_true_random=False))
def test_does_and_says_what_the_mirror_does_call_by_call(shape: tuple[int, int], rnd: Random) -> None:
    play(rnd, shape, calls=60, check_every=1)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_stays_equal_to_the_mirror_over_a_long_life(shape: tuple[int, int]) -> None:
    play(Random(shape[0]), shape, calls=2_500, check_every=250)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_pool_taken_over_from_a_mirror_goes_on_as_the_mirror_does(shape: tuple[int, int]) -> None:
    mirror, compiled, generator = play(Random(17 + shape[1]), shape, calls=300, check_every=300)
    heir, copy = ExactPool.from_state(mirror, generator.positions), compiled.copy()
    for _ in range(300):
        operation = generator.next()
        expected = answer(mirror, operation)
        assert answer(heir, operation) == answer(copy, operation) == expected, str(operation)
    state = everything(mirror, generator.positions)
    assert everything(heir, generator.positions) == everything(copy, generator.positions) == state


def test_a_copy_and_its_original_do_not_touch_each_other() -> None:
    pool = pool_of((-600, 600, 10**18), (-60, 60, 10**17))
    pool.increase_observation_cardinality_next(4)
    positions = [(ANN, -600, 600), (ANN, -60, 60), ("bob", -120, 120)]
    before = everything(pool, positions)
    copy = pool.copy()
    copy.swap(True, 10**16, None, NOW + 5)
    copy.mint("bob", -120, 120, 10**18, NOW + 6)
    copy.burn(ANN, -60, 60, 10**17, NOW + 7)
    copy.set_fee_protocol(4, 5)
    assert everything(pool, positions) == before
    moved = everything(copy, positions)
    pool.swap(False, 10**17, None, NOW + 9)
    assert everything(copy, positions) == moved


def test_one_position_earns_the_fee_less_the_protocols_part() -> None:
    liquidity, paid = 10**24, 10**18
    pool = pool_of((-60_000, 60_000, liquidity))
    pool.set_fee_protocol(4, 0)
    amount0, amount1 = pool.swap(True, paid, None, NOW + 1)
    fee = paid * 3000 // 1_000_000
    protocol = fee // 4
    growth = (fee - protocol) * Q128 // liquidity
    after = -(-(liquidity * Q96 * Q96) // (liquidity * Q96 + (paid - fee) * Q96))  # L P / (L + x P), rounded up
    assert (amount0, pool.sqrt_price_x96) == (paid, after)
    assert amount1 == -(liquidity * (Q96 - after) // Q96)
    assert (pool.fee_growth_global, pool.protocol_fees) == ((growth, 0), (protocol, 0))
    owed = growth * liquidity // Q128
    assert pool.fees_owed(ANN, -60_000, 60_000) == (owed, 0)
    assert pool.position(ANN, -60_000, 60_000).owed == (0, 0)
    pool.burn(ANN, -60_000, 60_000, 0, NOW + 2)
    assert pool.collect(ANN, -60_000, 60_000, UINT128_MAX, UINT128_MAX) == (owed, 0)
    assert pool.collect_protocol(UINT128_MAX, UINT128_MAX) == (protocol - 1, 0)


def test_fees_go_to_positions_by_their_share_of_the_range_that_was_traded_through() -> None:
    pool = pool_of((-120, 120, 3 * 10**20), (0, 60, 10**20))
    stop = sqrt_ratio_at_tick(60)
    inside = pool.swap(False, 10**30, stop, NOW + 1)[1]
    beyond = pool.swap(False, 10**30, sqrt_ratio_at_tick(90), NOW + 2)[1]
    wide, narrow = pool.fees_owed(ANN, -120, 120)[1], pool.fees_owed(ANN, 0, 60)[1]
    # A fee is 0.3 % of what was paid; four steps and two positions round by less than one unit each.
    assert narrow == pytest.approx(inside * 3 // 1000 / 4, abs=3)
    assert wide + narrow == pytest.approx((inside + beyond) * 3 // 1000, abs=6)
    assert pool.position(ANN, 0, 60).liquidity == 10**20
    assert pool.liquidity == 3 * 10**20


def test_fee_growth_and_what_is_owed_wrap_around_as_on_chain() -> None:
    mirror = PoolState(3000, 60)
    mirror.initialize(Q96, NOW)
    mirror.mint(ANN, -60, 60, 1, NOW)
    mirror.fee_growth_global = (UINT256_MAX - 5, UINT256_MAX)
    mirror.protocol_fees = (UINT128_MAX, 1)
    mirror.set_fee_protocol(4, 4)
    pool = ExactPool.from_state(mirror, [(ANN, -60, 60)])
    for machine in (mirror, pool):
        machine.flash((1 << 127) + 3, 400)
        machine.burn(ANN, -60, 60, 0, NOW)
        machine.flash(UINT128_MAX, 0)
        machine.burn(ANN, -60, 60, 0, NOW)
    assert everything(pool, [(ANN, -60, 60)]) == everything(mirror, [(ANN, -60, 60)])
    assert pool.fee_growth_global[0] < UINT256_MAX - 5
    assert pool.protocol_fees[0] < UINT128_MAX


def test_ticks_come_and_go_without_using_up_room() -> None:
    pool = pool_of((-600, 600, 10**18))
    room = len(pool.arrays.tick_ints)
    for turn in range(1_000):
        lower = -60 * (turn % 90 + 1)
        pool.mint("bob", lower, lower + 6000, 10**9, NOW + turn)
        pool.burn("bob", lower, lower + 6000, 10**9, NOW + turn)
    assert len(pool.arrays.tick_ints) == room
    assert pool.initialized_ticks() == (-600, 600)
    assert pool.tick_info(-60) == PoolState(3000, 60).tick_info(-60)


def test_makes_room_for_many_ticks_and_positions() -> None:
    pool, mirror = ExactPool(100, 1), PoolState(100, 1)
    keys = [(f"owner {index}", -7 * index - 1, 11 * index + 2) for index in range(400)]
    for machine in (pool, mirror):
        machine.initialize(Q96, NOW)
        for index, key in enumerate(keys):
            machine.mint(*key, 10**12 + index, NOW + index)
        machine.swap(True, 10**15, None, NOW + 500)
    assert everything(pool, keys) == everything(mirror, keys)
    assert pool.positions() == tuple(keys)
    assert len(pool.initialized_ticks()) == 800


def test_a_refused_mint_leaves_no_position_and_no_tick_behind() -> None:
    pool = pool_of((-600, 600, 10**18))
    before = everything(pool, [(ANN, -600, 600)])
    with pytest.raises(PoolReverted) as refused:
        pool.mint("bob", -61, 60, 10**6, NOW)
    assert refused.value.revert is Revert.NO_REASON
    assert everything(pool, [(ANN, -600, 600)]) == before
    assert pool.positions() == ((ANN, -600, 600),)


def test_a_batch_of_swaps_equals_the_same_swaps_one_by_one() -> None:
    rnd = Random(3)
    whole = pool_of((-6000, 6000, 10**20), (-60, 120, 10**21))
    single = whole.copy()
    count = 300
    ways = np.array([rnd.random() < 0.5 for _ in range(count)])
    amounts = [rnd.choice((1, -1)) * int(10 ** rnd.uniform(3, 19)) for _ in range(count)]
    limits = [sqrt_ratio_at_tick(-5_900 if way else 5_900) if rnd.random() < 0.3 else 0 for way in ways]
    times = NOW + np.arange(count, dtype=np.int64) // 3
    amount0, amount1 = whole.swaps(ways, to_limbs(amounts), to_limbs(limits), times)
    for index in range(count):
        limit = limits[index] or None
        expected = single.swap(bool(ways[index]), amounts[index], limit, int(times[index]))
        given = from_limbs(amount0[index], signed=True)[0], from_limbs(amount1[index], signed=True)[0]
        assert given == expected
    assert everything(whole, [(ANN, -6000, 6000)]) == everything(single, [(ANN, -6000, 6000)])


def test_a_batch_stops_at_the_first_swap_that_is_refused_and_names_it() -> None:
    pool = pool_of((-6000, 6000, 10**20))
    control = pool.copy()
    control.swap(True, 10**15, None, NOW)
    ways, times = np.array([True, True, True]), np.full(3, NOW, dtype=np.int64)
    with pytest.raises(PoolReverted, match="swap 1 of 3") as refused:
        pool.swaps(ways, to_limbs([10**15, 0, 10**15]), None, times)
    assert refused.value.revert is Revert.AS
    assert pool.sqrt_price_x96 == control.sqrt_price_x96


def test_a_batch_of_the_wrong_shape_or_type_is_refused_by_name() -> None:
    pool = pool_of((-6000, 6000, 10**20))
    ways, amounts, times = np.array([True, False]), to_limbs([1, 1]), np.full(2, NOW, dtype=np.int64)
    for name, batch in {
        "zero_for_one": (ways.astype(np.int64), amounts, None, times),
        "amounts": (ways, to_limbs([1]), None, times),
        "limits": (ways, amounts, to_limbs([0, 0]).astype(np.int64), times),
        "times": (ways, amounts, None, times.astype(np.float64)),
    }.items():
        with pytest.raises(ValueError, match=f"^{name} must be contiguous"):
            pool.swaps(*batch)  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize("amount", [10**16, -(10**16), 10**30, -(10**30)])
@pytest.mark.parametrize("limit_tick", [None, 300])
def test_a_quote_is_the_swap_and_changes_nothing(amount: int, limit_tick: int | None) -> None:
    pool = pool_of((-6000, 6000, 10**20), (-60, 120, 10**21))
    before = everything(pool, [(ANN, -60, 120)])
    limit = None if limit_tick is None else sqrt_ratio_at_tick(limit_tick)
    quoted = pool.quote(False, amount, limit)
    assert everything(pool, [(ANN, -60, 120)]) == before
    assert pool.swap(False, amount, limit, NOW) == quoted


def test_a_quote_is_refused_for_the_same_reasons_as_a_swap() -> None:
    for ask in (pool_of((-600, 600, 10**18)).quote, ExactPool(3000, 60).quote):
        with pytest.raises(PoolReverted) as refused:
            ask(True, 0)
        assert refused.value.revert is Revert.AS
    with pytest.raises(PoolReverted) as refused:
        ExactPool(3000, 60).quote(True, 1)
    assert refused.value.revert is Revert.LOK
    for limit in (-1, 0, Q96, Q96 + 1, 1 << 300):
        with pytest.raises(PoolReverted) as refused:
            pool_of((-600, 600, 10**18)).quote(True, 1, limit)
        assert refused.value.revert is Revert.SPL


def test_finds_any_moment_in_the_longest_ring_of_observations() -> None:
    pool = pool_of((-60_000, 60_000, 10**21))
    pool.increase_observation_cardinality_next(CARDINALITY_MAX)
    count = CARDINALITY_MAX + 5_000  # once around, so that the ring's oldest entry is in its middle
    sizes = np.zeros((count, 4), dtype=np.uint64)
    sizes[:, 0] = 10**18 + np.arange(count, dtype=np.uint64) % np.uint64(7) * np.uint64(10**17)
    times = NOW + np.cumsum(1 + np.arange(count, dtype=np.int64) % 5)
    pool.swaps(np.arange(count) % 2 == 0, sizes, None, times)
    assert (pool.observation_cardinality, pool.observation_index) == (CARDINALITY_MAX, count % CARDINALITY_MAX)
    seen = np.roll(pool.arrays.observation_ints, -pool.observation_index - 1, axis=0)  # oldest first
    stamps, sums = seen[:, OBSERVED_AT], seen[:, TICK_CUMULATIVE]
    assert np.all(np.diff(stamps) > 0)
    now, rnd = int(stamps[-1]), Random(9)
    for target in [int(stamps[0]), now, *(rnd.randint(int(stamps[0]), now) for _ in range(200))]:
        right = int(np.searchsorted(stamps, target))
        left = right - (int(stamps[right]) != target)
        span, part = int(stamps[right] - stamps[left]), target - int(stamps[left])
        mean = int((sums[right] - sums[left]) / span) if span else 0
        assert pool.observe([now - target], now)[0] == (int(sums[left]) + mean * part,)
    with pytest.raises(PoolReverted) as refused:
        pool.observe([now - int(stamps[0]) + 1], now)
    assert refused.value.revert is Revert.OLD


def test_rounds_the_mean_tick_between_two_observations_towards_zero() -> None:
    pool = pool_of((-600, 600, 10**18))
    pool.increase_observation_cardinality_next(2)
    pool.swap(True, 10**15, None, NOW + 2)
    assert pool.observation_index == 1
    pool.arrays.observation_ints[1, TICK_CUMULATIVE] = -7  # no history of a pool leaves a remainder here
    assert pool.observe([2, 1, 0], NOW + 2)[0] == (0, -3, -7)


@pytest.mark.parametrize("spacing", [1, 10, 60, 200, 16_383])
def test_knows_where_a_swap_stops_at_the_ends_of_the_bitmaps_words(spacing: int) -> None:
    offset, dense = dense_range(spacing)
    ends = [compressed for first in range(-offset, dense - offset, 256) for compressed in (first, first + 255)]
    ticks = [min(max(compressed * spacing, MIN_TICK), MAX_TICK) for compressed in ends]
    assert from_limbs(word_edges(spacing)) == [sqrt_ratio_at_tick(tick) for tick in ticks]
    assert (ticks[0], ticks[-1]) == (MIN_TICK, MAX_TICK)


def test_the_densest_spacing_needs_some_megabytes() -> None:
    assert sum(array.nbytes for array in ExactPool(100, 1).arrays) < 10_000_000


REFUSED: list[tuple[Callable[[ExactPool], object], str]] = [
    (lambda pool: pool.mint(ANN, -60, 60, UINT128_MAX + 1, NOW), "must be within"),
    (lambda pool: pool.burn(ANN, -60, 60, -1, NOW), "must be within"),
    (lambda pool: pool.mint(ANN, -(1 << 23) - 1, 60, 1, NOW), "int24"),
    (lambda pool: pool.collect(ANN, -60, 60, -1, 0), "must be within"),
    (lambda pool: pool.swap(True, 1 << 255, None, NOW), "int256"),
    (lambda pool: pool.increase_observation_cardinality_next(65_536), "uint16"),
    (lambda pool: pool.observe([1 << 32], NOW), "uint32"),
    (lambda pool: pool.flash(UINT256_MAX + 1, 0), "must be within"),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_an_argument_that_the_contract_cannot_be_given_is_a_value_error(
    call: Callable[[ExactPool], object], words: str
) -> None:
    pool = pool_of((-60, 60, 10**18))
    before = everything(pool, [(ANN, -60, 60)])
    with pytest.raises(ValueError, match=words) as refused:
        call(pool)
    assert not isinstance(refused.value, PoolReverted)
    assert everything(pool, [(ANN, -60, 60)]) == before


@pytest.mark.parametrize(("fee_pips", "spacing"), [(-1, 60), (1_000_000, 60), (3000, 0), (3000, 16_384)])
def test_refuses_a_pool_that_no_factory_makes(fee_pips: int, spacing: int) -> None:
    with pytest.raises(ValueError, match="must be within"):
        ExactPool(fee_pips, spacing)
