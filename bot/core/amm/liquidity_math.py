"""What a range of liquidity is worth in the two tokens, and the liquidity that two amounts can pay for.

Exact integers. Prices are square root prices in Q64.96, amounts raw units. `amounts_for_liquidity` with
round_up is what a mint asks for, without it what a burn returns (whitepaper, section 6.4.1, equations 6.29
and 6.30); `liquidity_for_amounts` repeats the rounding of the position manager's periphery library, which is
slightly coarser.
"""

from __future__ import annotations

from bot.core.amm.swap_math import amount0_down, amount0_up, amount1_down, amount1_up
from bot.core.amm.tick_math import MAX_TICK, MIN_TICK, sqrt_ratio_at_tick
from bot.core.fixedpoint import Q96, UINT128_MAX, mul_div_down


def require_range(lower: int, upper: int, tick_spacing: int = 1) -> None:
    """Nothing, or ValueError unless MIN_TICK <= lower < upper <= MAX_TICK, both multiples of the spacing."""
    if not MIN_TICK <= lower < upper <= MAX_TICK:
        raise ValueError(f"a range needs {MIN_TICK} <= lower < upper <= {MAX_TICK} (got {lower}..{upper})")
    if lower % tick_spacing or upper % tick_spacing:
        raise ValueError(f"ticks must be multiples of the spacing {tick_spacing} (got {lower}..{upper})")


def max_liquidity_per_tick(tick_spacing: int) -> int:
    """Greatest gross liquidity that one tick may carry, so that a pool's total always fits uint128."""
    usable_ticks = MAX_TICK // tick_spacing * 2 + 1
    return UINT128_MAX // usable_ticks


def amounts_for_liquidity(
    sqrt_price_x96: int, lower: int, upper: int, liquidity: int, round_up: bool
) -> tuple[int, int]:
    """(amount0, amount1) that `liquidity` over ticks lower..upper holds at a price.

    round_up True: owed to the pool by a mint; False: returned by a burn. Raises ValueError for a malformed
    range or negative liquidity.
    """
    require_range(lower, upper)
    if liquidity < 0:
        raise ValueError(f"liquidity must not be negative (got {liquidity})")
    lower_x96, upper_x96 = sqrt_ratio_at_tick(lower), sqrt_ratio_at_tick(upper)
    inside_x96 = min(max(sqrt_price_x96, lower_x96), upper_x96)
    if round_up:
        return amount0_up(inside_x96, upper_x96, liquidity), amount1_up(lower_x96, inside_x96, liquidity)
    return amount0_down(inside_x96, upper_x96, liquidity), amount1_down(lower_x96, inside_x96, liquidity)


def liquidity_for_amounts(sqrt_price_x96: int, lower: int, upper: int, amount0: int, amount1: int) -> int:
    """Greatest liquidity over ticks lower..upper that the position manager mints for at most these amounts.

    Rounded down, in the manager's own two steps: floor(P_a * P_b) first, then floor of the quotient. Raises
    ValueError for a malformed range, negative amounts, or liquidity above uint128.
    """
    require_range(lower, upper)
    lower_x96, upper_x96 = sqrt_ratio_at_tick(lower), sqrt_ratio_at_tick(upper)
    if sqrt_price_x96 <= lower_x96:
        return _liquidity_for_amount0(lower_x96, upper_x96, amount0)
    if sqrt_price_x96 >= upper_x96:
        return _liquidity_for_amount1(lower_x96, upper_x96, amount1)
    return min(
        _liquidity_for_amount0(sqrt_price_x96, upper_x96, amount0),
        _liquidity_for_amount1(lower_x96, sqrt_price_x96, amount1),
    )


def _liquidity_for_amount0(lower_x96: int, upper_x96: int, amount0: int) -> int:
    product_x96 = mul_div_down(lower_x96, upper_x96, Q96)
    return _as_uint128(mul_div_down(amount0, product_x96, upper_x96 - lower_x96))


def _liquidity_for_amount1(lower_x96: int, upper_x96: int, amount1: int) -> int:
    return _as_uint128(mul_div_down(amount1, Q96, upper_x96 - lower_x96))


def _as_uint128(liquidity: int) -> int:
    if liquidity > UINT128_MAX:
        raise ValueError(f"liquidity exceeds uint128 (got {liquidity})")
    return liquidity
