"""Minute bars as an approximation with exact arithmetic: kernels against Python's integers, the pool, the backtest."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from backtests.kernels.amm.bars import accrue_nb, mean_nb, scale_nb, shares_nb
from backtests.lp.bar_pool import LIMB, BarPool, bars_of, owed_of, positions_of
from backtests.lp.minutes import Minutes, integers
from bot.core.amm.liquidity_math import amounts_for_liquidity
from bot.core.amm.reverts import PoolReverted
from bot.core.amm.tick_math import sqrt_ratio_at_tick
from bot.core.fixedpoint import UINT128_MAX
from tests.backtests.lp.bar_markets import limbs, minutes_of, quiet, walk


def part(start: int, end: int, lower: int, upper: int) -> int:
    return max(0, min(end, upper) - max(start, lower))


def in_python(
    minutes: Minutes, fee: int, protocol: int, lower: int, upper: int, ours: int, diluted: bool
) -> tuple[int, int]:
    """What the kernel reckons, said again in plain integers."""
    growth, before = [0, 0], int(minutes.open[0])
    amounts, liquidity = (integers(minutes.in0), integers(minutes.in1)), integers(minutes.liquidity)
    for row in range(len(minutes)):
        open_, low, high, close = (int(x[row]) for x in (minutes.open, minutes.low, minutes.high, minutes.close))
        stops = [before, open_, low, high, close]
        if abs(open_ - low) + abs(high - close) > abs(open_ - high) + abs(low - close):
            stops = [before, open_, high, low, close]
        before = close
        bottom, top = min(stops), max(stops)
        mean = (liquidity[row] + liquidity[max(row - 1, 0)]) // 2
        for token in (0, 1):
            paid = -(-amounts[token][row] * fee // 1_000_000)
            paid -= paid // protocol if protocol else 0
            ways = [(b, a) if token == 0 else (a, b) for a, b in itertools.pairwise(stops)]
            ways = [(2 * a + 1, 2 * b + 1) for a, b in ways if a < b]
            ways = ways or [(2 * bottom, 2 * top + 2)]
            seen, whole = sum(part(a, b, 2 * lower, 2 * upper) for a, b in ways), sum(b - a for a, b in ways)
            if bottom < lower or top >= upper:
                paid = paid * seen // whole if bottom < upper and top >= lower else 0
            growth[token] += (paid << 128) // (mean + (ours if diluted else 0))
    return growth[0] % (1 << 256) * ours >> 128, growth[1] % (1 << 256) * ours >> 128


@pytest.mark.parametrize("diluted", [True, False])
@pytest.mark.parametrize("bits", [40, 90, 126])
def test_kernel_is_plain_integers_bit_for_bit(bits: int, diluted: bool) -> None:
    minutes = walk(bits, 300, bits)
    draw = random.Random(7)
    ranges = [(-10, 10), (-60, 60), (0, 1), (-3, 200), (-887_220, 887_220), (5_000, 6_000)]
    ours = [1 + draw.getrandbits(draw.randrange(1, bits)) for _ in ranges]
    positions = positions_of(ranges, ours)
    accrue_nb(bars_of(minutes, 3_000, 6), positions, 0, len(minutes), diluted)
    wanted = [in_python(minutes, 3_000, 6, *each, mine, diluted) for each, mine in zip(ranges, ours, strict=True)]
    assert owed_of(positions) == [(a % (1 << 128), b % (1 << 128)) for a, b in wanted]
    assert positions.rows_in.tolist() == [int(np.sum((minutes.close >= a) & (minutes.close < b))) for a, b in ranges]
    assert wanted[4] != (0, 0)
    assert wanted[5] == (0, 0)


def test_stretches_add_up_to_the_whole() -> None:
    minutes = walk(3, 5_000)  # longer than a block of the kernel
    bars, whole, parts = bars_of(minutes, 500), positions_of([(-50, 50)], [10**15]), positions_of([(-50, 50)], [10**15])
    accrue_nb(bars, whole, 0, 5_000, True)
    for first, last in ((0, 1), (1, 1), (1, 2_500), (2_500, 5_000)):
        accrue_nb(bars, parts, first, last, True)
    np.testing.assert_array_equal(whole.growth, parts.growth)
    assert owed_of(whole) == owed_of(parts)


def test_means_and_scales_do_not_overflow() -> None:
    ends = limbs([UINT128_MAX, UINT128_MAX, UINT128_MAX - 3, 0, 1])
    out = np.empty_like(ends)
    mean_nb(ends, out)
    assert integers(out) == [UINT128_MAX, UINT128_MAX, UINT128_MAX - 2, (UINT128_MAX - 3) // 2, 0]
    draw = random.Random(2)
    for _ in range(500):
        value, below = draw.getrandbits(draw.randrange(1, 129)), 1 + draw.getrandbits(draw.randrange(1, 32))
        above = draw.randrange(below + 1)
        high, low, rest = scale_nb(np.uint64(value >> 64), np.uint64(value & LIMB), np.uint64(above), np.uint64(below))
        assert (int(high) << 64 | int(low), bool(rest)) == (value * above // below, value * above % below != 0)


def test_a_bars_way_is_the_shortest_through_its_extremes() -> None:
    way, hull = np.array([10, 12, 8, 20, 18], dtype=np.int32), np.array([8, 20], dtype=np.int32)
    assert shares_nb(way, hull, 0, 100) == (12, 12, 28, 28)  # up 2, down 4, up 12, down 2: in half ticks
    assert shares_nb(way, hull, 15, 100) == (4, 12, 11, 28)  # of the fall the last two, of the rise 15 to 20.5
    rising = np.array([10, 12, 12, 20, 20], dtype=np.int32)
    assert shares_nb(rising, np.array([10, 20], dtype=np.int32), 15, 100)[:2] == (12, 22)  # no fall: spread evenly


def test_our_share_of_the_fees_is_our_share_of_the_liquidity() -> None:
    for diluted, share in ((True, 4), (False, 3)):  # of 3e18 that are there, 1e18 is ours, added or not
        minutes = quiet(11, in0=10**12 - 1, in1=10**9, liquidity=3 * 10**18)
        pool = BarPool(minutes, bars_of(minutes, 3_000), 3_000, 60, diluted)
        pool.play(1)
        pool.mint("us", -600, 600, 10**18, 0)
        pool.play(11)
        owed = pool.fees_owed("us", -600, 600)
        exact = [10 * fee / share for fee in (3 * 10**9, 3 * 10**6)]  # rounded up per bar, then down once
        assert owed == (int(exact[0] - 1e-6), int(exact[1] - 1e-6))


def test_what_is_minted_comes_back_but_for_rounding_and_the_fees() -> None:
    minutes = minutes_of(
        [(0, 0, 0, 0, 0, 0, 10**18), (30, 0, 40, 35, 10**15, 10**15, 10**18), (35, 35, 35, 35, 0, 0, 10**18)]
    )
    pool = BarPool(minutes, bars_of(minutes, 500), 500, 10, True)
    assert (pool.tick, pool.sqrt_price_x96) == (0, 1 << 96)
    pool.play(1)
    liquidity = 10**17 + 3
    assert pool.mint("us", -50, 50, liquidity, 0) == amounts_for_liquidity(1 << 96, -50, 50, liquidity, round_up=True)
    assert pool.liquidity == 10**18 + liquidity
    roots = pool.play(3)
    np.testing.assert_allclose(roots, [1.0001**17.5] * 2, rtol=1e-12)
    owed = pool.fees_owed("us", -50, 50)
    principal = pool.burn("us", -50, 50, liquidity, 0)
    assert principal == amounts_for_liquidity(sqrt_ratio_at_tick(35), -50, 50, liquidity, round_up=False)
    assert pool.fees_owed("us", -50, 50) == (principal[0] + owed[0], principal[1] + owed[1])
    assert pool.collect("us", -50, 50, UINT128_MAX, UINT128_MAX) == (principal[0] + owed[0], principal[1] + owed[1])
    assert pool.fees_owed("us", -50, 50) == (0, 0)
    assert pool.liquidity == 10**18


def test_a_swap_of_ours_moves_the_price_until_the_next_bar() -> None:
    minutes = quiet(3, liquidity=10**15)
    pool = BarPool(minutes, bars_of(minutes, 3_000), 3_000, 60, True)
    pool.play(1)
    amount0, amount1 = pool.swap(True, 10**12, None, 0)
    assert amount0 == 10**12
    assert -amount1 == 10**15 * 997 * 10**9 // (10**15 + 997 * 10**9)  # x · y = k with reserves of L each
    assert pool.tick < 0
    assert pool.pool().liquidity == 10**15
    pool.play(2)
    assert (pool.tick, pool.sqrt_price_x96) == (0, 1 << 96)


def test_refuses_what_a_bars_pool_cannot_do() -> None:
    minutes = quiet(3)
    pool = BarPool(minutes, bars_of(minutes, 3_000), 3_000, 60, True)
    pool.mint("us", -60, 60, 5, 0)
    with pytest.raises(ValueError, match="already there"):
        pool.mint("us", -60, 60, 5, 0)
    with pytest.raises(ValueError, match="burnt as a whole"):
        pool.burn("us", -60, 60, 4, 0)
    with pytest.raises(ValueError, match="multiples of the spacing"):
        pool.mint("us", -61, 60, 5, 0)
    with pytest.raises(PoolReverted):
        pool.mint("us", -120, 120, UINT128_MAX, 0)
