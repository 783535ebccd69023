"""One step of a swap between two neighbouring prices, with constant liquidity, in exact integers.

With liquidity L and square root price P (whitepaper, sections 6.2.1 and 6.2.3): token1 amount = L * |dP| and
token0 amount = L * |d(1/P)|. Whatever a trader pays is rounded up, whatever a trader receives is rounded
down, and the price is rounded so that the pool never gives more than the curve allows. Prices are Q64.96,
amounts raw units, liquidity and fee (hundredths of a basis point) as in the pool contract.
"""

from __future__ import annotations

from typing import Final

from bot.core.fixedpoint import UINT256_MAX

PIPS: Final = 1_000_000
"""Fee denominator: one pip is a hundredth of a basis point."""


def amount0_down(lower_x96: int, upper_x96: int, liquidity: int) -> int:
    """floor(floor(L * (upper - lower) / upper) / lower): token0 that a trader receives between two prices."""
    return (liquidity << 96) * (upper_x96 - lower_x96) // upper_x96 // lower_x96


def amount0_up(lower_x96: int, upper_x96: int, liquidity: int) -> int:
    """ceil(ceil(L * (upper - lower) / upper) / lower): token0 that a trader owes between two prices."""
    return -(-(liquidity << 96) * (upper_x96 - lower_x96) // upper_x96 // lower_x96)


def amount1_down(lower_x96: int, upper_x96: int, liquidity: int) -> int:
    """floor(L * (upper - lower)): token1 that a trader receives between two prices."""
    return liquidity * (upper_x96 - lower_x96) >> 96


def amount1_up(lower_x96: int, upper_x96: int, liquidity: int) -> int:
    """ceil(L * (upper - lower)): token1 that a trader owes between two prices."""
    return -(-liquidity * (upper_x96 - lower_x96) >> 96)


def price_after_token0_in(sqrt_price_x96: int, liquidity: int, amount: int) -> int:
    """Price after `amount` of token0 came in: L * P / (L + amount * P), rounded up.

    Where the denominator does not fit 256 bits the contract uses the coarser L / (L / P + amount), so this
    does too.
    """
    numerator = liquidity << 96
    denominator = numerator + amount * sqrt_price_x96
    if denominator <= UINT256_MAX:
        return -(-numerator * sqrt_price_x96 // denominator)
    return -(-numerator // (numerator // sqrt_price_x96 + amount))


def price_after_token1_in(sqrt_price_x96: int, liquidity: int, amount: int) -> int:
    """Price after `amount` of token1 came in: P + amount / L, rounded down."""
    return sqrt_price_x96 + (amount << 96) // liquidity


def price_after_token0_out(sqrt_price_x96: int, liquidity: int, amount: int) -> int:
    """Price after `amount` of token0 went out: L * P / (L - amount * P), rounded up."""
    numerator = liquidity << 96
    return -(-numerator * sqrt_price_x96 // (numerator - amount * sqrt_price_x96))


def price_after_token1_out(sqrt_price_x96: int, liquidity: int, amount: int) -> int:
    """Price after `amount` of token1 went out: P - amount / L, rounded down (the quotient is rounded up)."""
    return sqrt_price_x96 - -(-(amount << 96) // liquidity)


def swap_step(
    sqrt_price_x96: int, target_x96: int, liquidity: int, remaining: int, fee_pips: int
) -> tuple[int, int, int, int]:
    """(price after, amount in without fee, amount out, fee) of a swap's step towards a target price.

    remaining > 0: exact input still to be paid, fee included; remaining < 0: exact output still owed. The
    step ends at the target, or where `remaining` is used up. The direction follows from the target's side of
    the price. When an exact input ends inside the step, all that is left of it is fee: the pool keeps the
    dust.
    """
    zero_for_one = sqrt_price_x96 >= target_x96
    if remaining >= 0:
        return _step_exact_in(sqrt_price_x96, target_x96, liquidity, remaining, fee_pips, zero_for_one)
    return _step_exact_out(sqrt_price_x96, target_x96, liquidity, -remaining, fee_pips, zero_for_one)


def _step_exact_in(
    price: int, target: int, liquidity: int, remaining: int, fee_pips: int, zero_for_one: bool
) -> tuple[int, int, int, int]:
    spendable = remaining * (PIPS - fee_pips) // PIPS
    if zero_for_one:
        amount_in = amount0_up(target, price, liquidity)
        if spendable >= amount_in:
            after = target
        else:
            after = price_after_token0_in(price, liquidity, spendable)
            if after != target:
                amount_in = amount0_up(after, price, liquidity)
        amount_out = amount1_down(after, price, liquidity)
    else:
        amount_in = amount1_up(price, target, liquidity)
        if spendable >= amount_in:
            after = target
        else:
            after = price_after_token1_in(price, liquidity, spendable)
            if after != target:
                amount_in = amount1_up(price, after, liquidity)
        amount_out = amount0_down(price, after, liquidity)
    # Short of the target the input is used up by definition, whatever the rounding left over.
    fee = remaining - amount_in if after != target else -(-amount_in * fee_pips // (PIPS - fee_pips))
    return after, amount_in, amount_out, fee


def _step_exact_out(
    price: int, target: int, liquidity: int, owed: int, fee_pips: int, zero_for_one: bool
) -> tuple[int, int, int, int]:
    if zero_for_one:
        amount_out = amount1_down(target, price, liquidity)
        if owed >= amount_out:
            after = target
        else:
            after = price_after_token1_out(price, liquidity, owed)
            if after != target:
                amount_out = amount1_down(after, price, liquidity)
        amount_in = amount0_up(after, price, liquidity)
    else:
        amount_out = amount0_down(price, target, liquidity)
        if owed >= amount_out:
            after = target
        else:
            after = price_after_token0_out(price, liquidity, owed)
            if after != target:
                amount_out = amount0_down(price, after, liquidity)
        amount_in = amount1_up(price, after, liquidity)
    # The price is rounded against the trader, so the curve can hold one unit more than was asked for.
    return after, amount_in, min(amount_out, owed), -(-amount_in * fee_pips // (PIPS - fee_pips))
