"""Swaps to measure with: one 0.3 % pool with 65 positions, and exact inputs that walk its price about.

The same arguments always give the same workload. Amounts are what moves the price from one point of the walk to the
next, worked out in floats from the pool's liquidity; that they are not exact does not matter, for every engine gets the
same integers.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Final

import numpy as np

from bot.core.amm.tick_math import MAX_TICK, sqrt_ratio_at_tick
from bot.core.panel import Floats

FEE_PIPS: Final = 3_000
SPACING: Final = 60
CENTRE: Final = 200_040  # the tick that the walk returns to
REVERSION: Final = 1_400.0  # ticks: standard deviation of the walk's place in the long run
PRICE: Final = sqrt_ratio_at_tick(CENTRE)

Position = tuple[int, int, int]  # lower tick, upper tick, liquidity


@dataclass(frozen=True, slots=True)
class Workload:
    """A pool's positions and swaps into it, in order: which way, and the exact input."""

    name: str
    positions: tuple[Position, ...]
    zero_for_one: tuple[bool, ...]
    amounts: tuple[int, ...]


def positions(count: int = 64) -> tuple[Position, ...]:
    """One position over the full range and `count` around the centre, of all widths and sizes."""
    draw = random.Random(11)
    full = MAX_TICK // SPACING * SPACING
    made = [(-full, full, 2 * 10**18 + draw.getrandbits(50))]
    for _ in range(count):
        middle = CENTRE + int(draw.gauss(0, 900))
        reach = int(abs(draw.gauss(0, 1_200))) + 120
        lower = (middle - reach) // SPACING * SPACING
        upper = -(-(middle + reach) // SPACING) * SPACING
        made.append((lower, upper, int(10 ** draw.uniform(17.0, 18.8)) + draw.getrandbits(40)))
    return tuple(made)


def workload(name: str, count: int, step: float) -> Workload:
    """`count` swaps whose targets are a mean-reverting walk with steps of `step` ticks (standard deviation)."""
    made, draw = positions(), np.random.default_rng(5)
    pull = (step / REVERSION) ** 2
    steps = draw.normal(0.0, step, count) * np.where(draw.random(count) < 0.03, 6.0, 1.0)
    walk = np.zeros(count + 1)
    for i in range(count):
        change = steps[i] - pull * walk[i]
        walk[i + 1] = walk[i] + math.copysign(max(abs(change), 0.05), change)
    paid0, paid1 = _paid(made, CENTRE + walk)
    up = np.diff(walk) > 0.0
    without_fee = np.where(up, np.abs(np.diff(paid1)), np.abs(np.diff(paid0)))
    amounts = tuple(
        int(each / (1.0 - FEE_PIPS / 1e6)) + 1 + int(low)
        for each, low in zip(without_fee, draw.integers(0, 1 << 20, count), strict=True)
    )
    return Workload(name, made, tuple(bool(each) for each in ~up), amounts)


def _paid(made: tuple[Position, ...], ticks: Floats) -> tuple[Floats, Floats]:
    """Token0 and token1, up to a constant, that the pool holds at each tick: integrals over the square root price."""
    edges = np.unique(np.array([edge for lower, upper, _ in made for edge in (lower, upper)], dtype=np.float64))
    liquidity = np.zeros(len(edges) - 1)
    for lower, upper, amount in made:
        liquidity[np.searchsorted(edges, lower) : np.searchsorted(edges, upper)] += amount
    # The outermost edges are far away: cut them off, or sums would drown what the walk moves.
    keep = (edges > CENTRE - 40_000) & (edges < CENTRE + 40_000)
    first = int(np.argmax(keep))
    inner = edges[keep]
    between = liquidity[first : first + len(inner) - 1]
    roots, places = np.power(1.0001, inner / 2), np.power(1.0001, ticks / 2)
    token1 = np.concatenate(([0.0], np.cumsum(between * np.diff(roots))))
    token0 = np.concatenate(([0.0], np.cumsum(between * -np.diff(1.0 / roots))))
    # Within a segment both are linear: token1 in the root, token0 in its inverse.
    return np.interp(-1.0 / places, -1.0 / roots, token0), np.interp(places, roots, token1)
