"""Ticks and square root prices in compiled code against the plain mirror."""

from __future__ import annotations

from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numpy.typing import NDArray

import backtests.kernels  # noqa: F401  before numba
from backtests.kernels.amm import tick_math
from backtests.kernels.amm.limbs import Limbs, from_limbs, to_limbs
from backtests.kernels.amm.wide import load256, store256
from bot.core.amm.tick_math import (
    MAX_SQRT_RATIO,
    MAX_TICK,
    MIN_SQRT_RATIO,
    MIN_TICK,
    sqrt_ratio_at_tick,
    tick_at_sqrt_ratio,
)


@njit(cache=True)
def _prices(ticks: NDArray[np.int64], out: Limbs) -> None:
    for i in range(len(ticks)):
        store256(out, i, tick_math.sqrt_ratio_at_tick_nb(ticks[i]))


@njit(cache=True)
def _ticks(prices: Limbs, out: NDArray[np.int64]) -> None:
    for i in range(len(out)):
        out[i] = tick_math.tick_at_sqrt_ratio_nb(load256(prices, i))


def prices_of(ticks: list[int]) -> list[int]:
    out = np.empty((len(ticks), 4), dtype=np.uint64)
    _prices(np.array(ticks), out)
    return from_limbs(out)


def ticks_of(prices: list[int]) -> list[int]:
    out = np.empty(len(prices), dtype=np.int64)
    _ticks(to_limbs(prices), out)
    return out.tolist()


def test_the_price_of_a_tick_is_the_mirrors_over_the_whole_range() -> None:
    rnd = Random(7)
    ticks = [
        *range(-300, 301),
        *(sign * (1 << bit) + step for bit in range(19) for sign in (-1, 1) for step in (-1, 0, 1)),
        *(MIN_TICK + step for step in range(50)),
        *(MAX_TICK - step for step in range(50)),
        *(rnd.randint(MIN_TICK, MAX_TICK) for _ in range(10_000)),
    ]
    assert prices_of(ticks) == [sqrt_ratio_at_tick(tick) for tick in ticks]


def test_the_tick_of_a_price_changes_exactly_at_the_ticks_price() -> None:
    rnd = Random(8)
    ticks = [MIN_TICK, MAX_TICK - 1, -1, 0, 1, *(rnd.randint(MIN_TICK + 1, MAX_TICK - 1) for _ in range(10_000))]
    at = [sqrt_ratio_at_tick(tick) for tick in ticks]
    assert ticks_of(at) == ticks
    below = [(price - 1, tick - 1) for price, tick in zip(at, ticks, strict=True) if tick > MIN_TICK]
    assert ticks_of([price for price, _ in below]) == [tick for _, tick in below]
    above = [sqrt_ratio_at_tick(tick + 1) - 1 for tick in ticks]
    assert ticks_of(above) == ticks
    assert ticks_of([MAX_SQRT_RATIO - 1]) == [MAX_TICK - 1]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(MIN_SQRT_RATIO, MAX_SQRT_RATIO - 1), min_size=1, max_size=20), st.integers(0, 127))
def test_the_tick_of_any_price_is_the_mirrors(prices: list[int], shift: int) -> None:
    prices = [max(price >> shift, MIN_SQRT_RATIO) for price in prices]
    assert ticks_of(prices) == [tick_at_sqrt_ratio(price) for price in prices]
