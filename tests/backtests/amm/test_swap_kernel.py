"""Swaps in compiled code against the plain mirror: every step's arithmetic, whole walks, limits and refusals."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numba import njit

import backtests.kernels  # noqa: F401  before numba
from backtests.exact_pool import ExactPool
from backtests.kernels.amm import concentrated, division, swap_math, wide
from backtests.kernels.amm.layout import NET, OFFSET, STORED_ROWS, TICK_ROWS, copied
from backtests.kernels.amm.limbs import Limbs, from_limbs, to_limbs
from bot.core.amm import swap_math as mirror
from bot.core.amm.concentrated import pool_at
from bot.core.amm.concentrated import swap as mirror_swap
from bot.core.amm.pool_state import PoolState
from bot.core.amm.reverts import Revert
from bot.core.amm.tick_math import MAX_SQRT_RATIO, MAX_TICK, MIN_SQRT_RATIO, MIN_TICK, sqrt_ratio_at_tick
from bot.core.fixedpoint import INT256_MAX, UINT128_MAX

NOW = 1_750_000_000


@njit(cache=True)
def _step(io: Limbs, exact_in: bool, zero_for_one: bool, fee_pips: int) -> None:
    """Rows 0.. hold price, target, liquidity, remaining, the fee's divisor; then come after, in, out, fee."""
    price, target, liquidity, left = (
        wide.load256(io, 0),
        wide.load256(io, 1),
        wide.load256(io, 2),
        wide.load256(io, 3),
    )
    divisor = division.normalised128(wide.to_u128(liquidity) | np.uint64(liquidity == 0))
    fee = np.uint64(fee_pips)
    if exact_in:
        spendable = swap_math.without_fee_nb(left, fee)
        after, taken, given, reached = swap_math.step_in_nb(price, target, liquidity, divisor, spendable, zero_for_one)
        paid = swap_math.fee_on_top_nb(taken, fee, wide.load256(io, 4)) if reached else left - taken
    else:
        after, taken, given, _ = swap_math.step_out_nb(price, target, liquidity, divisor, left, zero_for_one)
        paid = swap_math.fee_on_top_nb(taken, fee, wide.load256(io, 4))
    wide.store256(io, 5, after)
    wide.store256(io, 6, taken)
    wide.store256(io, 7, given)
    wide.store256(io, 8, paid)


def step(price: int, target: int, liquidity: int, remaining: int, fee_pips: int) -> tuple[int, ...]:
    io = np.zeros((9, 4), dtype=np.uint64)
    io[:4] = to_limbs((price, target, liquidity, abs(remaining)))
    io[4] = ExactPool(fee_pips, 60).arrays.words[concentrated.FEE_DIVISOR]
    _step(io, remaining >= 0, price >= target, fee_pips)
    return tuple(from_limbs(io[5:]))


prices = st.integers(32, 159).flatmap(
    lambda bits: st.integers(max(1 << bits, MIN_SQRT_RATIO), min(2 << bits, MAX_SQRT_RATIO) - 1)
)
liquidities = st.integers(0, 128).flatmap(lambda bits: st.integers(0, (1 << bits) - 1)) | st.sampled_from(
    [0, 1, UINT128_MAX]
)
amounts = st.integers(1, 255).flatmap(lambda bits: st.integers(1, (1 << bits) - 1))
fees = st.sampled_from([0, 1, 100, 500, 3000, 10_000, 999_999]) | st.integers(0, 999_999)


@settings(max_examples=3000, deadline=None)
@given(prices, st.data(), liquidities, amounts, fees, st.booleans())
def test_a_step_gives_the_mirrors_price_amounts_and_fee(
    price: int, data: st.DataObject, liquidity: int, amount: int, fee_pips: int, exact_in: bool
) -> None:
    ratio = data.draw(st.sampled_from([1.000001, 1.0001, 1.01, 2.0, 1e6, 1e30]))
    target = int(price * ratio) if data.draw(st.booleans()) else int(price / ratio)
    target = min(max(target, MIN_SQRT_RATIO), MAX_SQRT_RATIO)
    if data.draw(st.booleans()):  # next to what exactly reaches the target: where the branches part
        whole = mirror.swap_step(price, target, liquidity, INT256_MAX if exact_in else -INT256_MAX, fee_pips)
        near = whole[1] + whole[3] if exact_in else whole[2]
        amount = min(max(near + data.draw(st.integers(-3, 3)), 1), INT256_MAX)
    remaining = amount if exact_in else -amount
    assert step(price, target, liquidity, remaining, fee_pips) == mirror.swap_step(
        price, target, liquidity, remaining, fee_pips
    )


def test_an_input_too_large_for_256_bits_takes_the_contracts_coarser_price() -> None:
    price, liquidity = 1 << 158, UINT128_MAX
    amount = (1 << 98) + 12_345
    exact = -(-(liquidity << 96) * price // ((liquidity << 96) + amount * price))
    after = step(price, MIN_SQRT_RATIO, liquidity, amount, 0)
    assert after == mirror.swap_step(price, MIN_SQRT_RATIO, liquidity, amount, 0)
    assert after[0] > exact


@st.composite
def pools(draw: st.DrawFn) -> tuple[int, int, int, tuple[tuple[int, int, int], ...]]:
    """(fee, spacing, square root price, positions): narrow and wide, near the middle and near the ends."""
    fee, spacing = draw(st.sampled_from([(100, 1), (500, 10), (3000, 60), (10_000, 200), (0, 16_383), (999_999, 7)]))
    rnd = Random(draw(st.integers(0, 1 << 32)))
    centre = draw(st.sampled_from([0, 200_000, -200_000, MIN_TICK + 5_000, MAX_TICK - 5_000]))
    lowest, highest = -(MAX_TICK // spacing), MAX_TICK // spacing
    positions = [(lowest * spacing, highest * spacing, rnd.getrandbits(draw(st.sampled_from([20, 64, 100]))) + 1)]
    for _ in range(draw(st.integers(0, 8))):
        lower = min(max(centre // spacing + rnd.randint(-300, 300), lowest), highest - 1)
        upper = min(lower + rnd.choice([1, 2, 10, 400]), highest)
        positions.append((lower * spacing, upper * spacing, rnd.getrandbits(rnd.choice([10, 60, 90])) + 1))
    tick = min(max(centre + rnd.randint(-200, 200), MIN_TICK), MAX_TICK - 1)
    price = sqrt_ratio_at_tick(tick)
    return (
        fee,
        spacing,
        min(max(price + rnd.choice([0, 0, 1, 10**6]), MIN_SQRT_RATIO), MAX_SQRT_RATIO - 1),
        tuple(positions),
    )


def built(shape: tuple[int, int, int, tuple[tuple[int, int, int], ...]], machine: Any) -> Any:
    fee, spacing, price, positions = shape
    machine = machine(fee, spacing)
    machine.initialize(price, NOW)
    for owner, (lower, upper, liquidity) in enumerate(positions):
        machine.mint(str(owner), lower, upper, liquidity, NOW)
    return machine


@settings(max_examples=120, deadline=None)
@given(pools(), st.lists(st.tuples(st.booleans(), st.integers(2, 200), st.booleans(), st.integers(0, 99)), max_size=8))
def test_swaps_of_random_pools_end_where_the_mirror_ends(
    shape: tuple[int, int, int, tuple[tuple[int, int, int], ...]], orders: list[tuple[bool, int, bool, int]]
) -> None:
    pool, full, plain = built(shape, ExactPool), built(shape, PoolState), pool_at(*_reordered(shape))
    for number, (zero_for_one, bits, exact_in, luck) in enumerate(orders):
        amount = (1 << bits) + luck
        amount = amount if exact_in else -amount
        limit = None
        if luck < 60:  # a limit somewhere on the way
            away = plain.sqrt_price_x96 * (luck + 1) // 64
            limit = away if zero_for_one else plain.sqrt_price_x96 + away
            if not MIN_SQRT_RATIO < limit < MAX_SQRT_RATIO or limit == plain.sqrt_price_x96:
                limit = None
        edge = MIN_SQRT_RATIO + 1 if zero_for_one else MAX_SQRT_RATIO - 1
        if limit is None and not (plain.sqrt_price_x96 > edge if zero_for_one else plain.sqrt_price_x96 < edge):
            continue
        done = mirror_swap(plain, zero_for_one, amount, limit)
        assert pool.quote(zero_for_one, amount, limit) == (done.amount0, done.amount1)
        assert pool.swap(zero_for_one, amount, limit, NOW + 7 * number) == (done.amount0, done.amount1)
        full.swap(zero_for_one, amount, limit, NOW + 7 * number)
        plain = done.pool
        assert (pool.sqrt_price_x96, pool.tick, pool.liquidity) == (plain.sqrt_price_x96, plain.tick, plain.liquidity)
        assert pool.fee_growth_global == full.fee_growth_global
    for tick in full.initialized_ticks():
        assert pool.tick_info(tick) == full.tick_info(tick)


def _reordered(shape: tuple[int, int, int, Any]) -> tuple[int, int, int, Any]:
    fee, spacing, price, positions = shape
    return price, fee, spacing, positions


def everything(pool: ExactPool) -> list[bytes]:
    """All arrays but a swap's scratch and what it remembers of the way to a tick."""
    arrays = copied(pool.arrays)
    arrays.tick_words.reshape(-1, TICK_ROWS, 4)[:, STORED_ROWS:] = 0
    return [array.tobytes() for name, array in arrays._asdict().items() if name not in ("crossed", "growth_at")]


SHAPE = (3000, 60, sqrt_ratio_at_tick(30), ((-600, 600, 10**18), (-60, 120, 10**19), (-887_220, 887_220, 10**15)))


@pytest.mark.parametrize(
    ("zero_for_one", "amount", "limit", "reason"),
    [
        (True, 0, None, Revert.AS),
        (True, 10, 0, Revert.SPL),
        (True, 10, MIN_SQRT_RATIO, Revert.SPL),
        (True, 10, sqrt_ratio_at_tick(30), Revert.SPL),
        (True, 10, sqrt_ratio_at_tick(31), Revert.SPL),
        (False, 10, sqrt_ratio_at_tick(29), Revert.SPL),
        (False, 10, MAX_SQRT_RATIO, Revert.SPL),
    ],
)
def test_a_refused_swap_names_the_contracts_reason_and_changes_nothing(
    zero_for_one: bool, amount: int, limit: int | None, reason: Revert
) -> None:
    pool = built(SHAPE, ExactPool)
    before = everything(pool)
    for act in (lambda: pool.swap(zero_for_one, amount, limit, NOW), lambda: pool.quote(zero_for_one, amount, limit)):
        with pytest.raises(ValueError, match=reason.name):
            act()
    assert everything(pool) == before


@pytest.mark.parametrize(
    ("zero_for_one", "amount", "net", "reason"),
    [(False, 10**20, -(10**20), Revert.LS), (True, -(10**17), -(UINT128_MAX - 10**10), Revert.LA)],
)
def test_a_swap_that_fails_half_way_has_changed_nothing(
    zero_for_one: bool, amount: int, net: int, reason: Revert
) -> None:
    """A sound pool never does: its second tick on the way is given a net liquidity that nobody minted."""
    pool = built(SHAPE, ExactPool)
    slot = pool.arrays.slot_of[(600 if not zero_for_one else -600) // 60 + pool.arrays.ints[OFFSET]]
    pool.arrays.tick_words[slot * TICK_ROWS + NET] = to_limbs([net])[0]
    before = everything(pool)
    with pytest.raises(ValueError, match=reason.name):
        pool.swap(zero_for_one, amount, None, NOW + 9)
    assert everything(pool) == before
    assert pool.arrays.crossed[:1].any()  # it had crossed a tick by then


def test_a_quote_leaves_the_pool_alone() -> None:
    pool = built(SHAPE, ExactPool)
    before = everything(pool)
    pool.quote(True, 10**18)
    assert everything(pool) == before


def test_a_batch_stops_at_the_first_refused_swap_and_keeps_those_before() -> None:
    pool, single = built(SHAPE, ExactPool), built(SHAPE, ExactPool)
    directions = np.array([True, False, True, False])
    orders = to_limbs([10**15, -(10**12), 0, 10**9])
    out0, out1 = np.zeros((4, 4), dtype=np.uint64), np.zeros((4, 4), dtype=np.uint64)
    limits, times = np.zeros((4, 4), dtype=np.uint64), np.array([NOW, NOW, NOW + 1, NOW + 1])
    code, done = concentrated.swaps_nb(pool.arrays, directions, orders, limits, times, out0, out1)
    assert (Revert(code), done) == (Revert.AS, 2)
    expected = [single.swap(True, 10**15, None, NOW), single.swap(False, -(10**12), None, NOW)]
    assert list(zip(from_limbs(out0[:2], True), from_limbs(out1[:2], True), strict=True)) == expected
    assert not out0[2:].any()
    assert everything(pool) == everything(single)


@settings(max_examples=400, deadline=None)
@given(prices, prices, liquidities)
@example(MIN_SQRT_RATIO, MAX_SQRT_RATIO, UINT128_MAX)
@example(1 << 96, 1 << 96, 5)
def test_amounts_between_two_prices_are_the_mirrors(one: int, other: int, liquidity: int) -> None:
    lower, upper = sorted((one, other))
    io = np.zeros((7, 4), dtype=np.uint64)
    io[:3] = to_limbs((lower, upper, liquidity))
    _amounts(io)
    functions = (mirror.amount0_down, mirror.amount0_up, mirror.amount1_down, mirror.amount1_up)
    assert from_limbs(io[3:]) == [function(lower, upper, liquidity) for function in functions]


@njit(cache=True)
def _amounts(io: Limbs) -> None:
    lower, upper, liquidity = wide.load256(io, 0), wide.load256(io, 1), wide.load256(io, 2)
    wide.store256(io, 3, swap_math.amount0_down_nb(lower, upper, liquidity))
    wide.store256(io, 4, swap_math.amount0_up_nb(lower, upper, liquidity))
    wide.store256(io, 5, swap_math.amount1_down_nb(lower, upper, liquidity))
    wide.store256(io, 6, swap_math.amount1_up_nb(lower, upper, liquidity))
