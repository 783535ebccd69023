"""Ticks and square root prices: price at tick i is 1.0001^i, stored as its square root in Q64.96.

Exact mirror of Uniswap V3's TickMath (whitepaper, section 6.1). On chain, 1.0001^(-|i|/2) is a product of the
constants 1.0001^(-2^k/2) for the bits k of |i|, each rounded to the nearest Q128.128 and each product
floored. Both halves of that statement are kept here: the constants are computed, not copied, and the products
are floored in the same order, lowest bit first.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

from bot.core.fixedpoint import Q128, UINT256_MAX

MIN_TICK: Final = -887272
MAX_TICK: Final = 887272
MIN_SQRT_RATIO: Final = 4295128739
"""Square root price at MIN_TICK. A swap's price must stay strictly above it."""
MAX_SQRT_RATIO: Final = 1461446703485210103287273052203988822378723970342
"""Square root price at MAX_TICK. A swap's price must stay strictly below it."""

_TICK_BITS: Final = 20  # 887272 < 2^20
_WORKING_BITS: Final = 600  # far more than the 128 kept: the last rounding is then the only one that matters
_TICKS_PER_LOG: Final = 2 / math.log1p(0.0001)
_LOG_Q96: Final = 96 * math.log(2)


def _inverse_root_powers() -> tuple[int, ...]:
    """1.0001^(-2^k / 2) for k = 0..19 as Q128.128, each rounded to nearest."""
    power = math.isqrt((10_000 << (2 * _WORKING_BITS)) // 10_001)
    dropped = _WORKING_BITS - 128
    rounded = []
    for _ in range(_TICK_BITS):
        rounded.append((power + (1 << (dropped - 1))) >> dropped)
        power = power * power >> _WORKING_BITS
    return tuple(rounded)


INVERSE_ROOT_POWERS: Final = _inverse_root_powers()


@lru_cache(maxsize=1 << 16)
def sqrt_ratio_at_tick(tick: int) -> int:
    """Square root price at a tick, Q64.96, the Q128.128 value rounded up.

    Raises ValueError outside MIN_TICK..MAX_TICK. Strictly increasing in the tick.
    """
    if not MIN_TICK <= tick <= MAX_TICK:
        raise ValueError(f"tick must be within {MIN_TICK}..{MAX_TICK} (got {tick})")
    ratio = Q128
    for bit in range(_TICK_BITS):
        if abs(tick) >> bit & 1:
            ratio = ratio * INVERSE_ROOT_POWERS[bit] >> 128
    if tick > 0:
        ratio = UINT256_MAX // ratio
    return -(-ratio >> 32)


def tick_at_sqrt_ratio(sqrt_price_x96: int) -> int:
    """Greatest tick whose square root price is at most the given one.

    Domain: MIN_SQRT_RATIO <= sqrt_price_x96 < MAX_SQRT_RATIO, otherwise ValueError. A float logarithm only
    proposes the tick (its error is below 1e-8 ticks); `sqrt_ratio_at_tick` decides, in integers.
    """
    if not MIN_SQRT_RATIO <= sqrt_price_x96 < MAX_SQRT_RATIO:
        raise ValueError(
            f"square root price must be within [{MIN_SQRT_RATIO}, {MAX_SQRT_RATIO}) (got {sqrt_price_x96})"
        )
    tick = math.floor((math.log(sqrt_price_x96) - _LOG_Q96) * _TICKS_PER_LOG)
    tick = min(max(tick, MIN_TICK), MAX_TICK - 1)
    if sqrt_ratio_at_tick(tick) > sqrt_price_x96:
        return tick - 1
    if sqrt_ratio_at_tick(tick + 1) <= sqrt_price_x96:
        return tick + 1
    return tick
