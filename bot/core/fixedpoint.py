"""Exact fixed-point integer arithmetic: the rounding is always part of the name.

Units: raw token units and Q64.96 / Q128.128 numbers as plain ints, all within uint256 as on chain. A price is
token1 per token0 in raw units; Uniswap V3 stores its square root times 2^96 (whitepaper, section 6.1).
"""

from __future__ import annotations

import math

Q96 = 1 << 96
Q128 = 1 << 128
Q192 = 1 << 192
UINT128_MAX = (1 << 128) - 1
UINT160_MAX = (1 << 160) - 1
UINT256_MAX = (1 << 256) - 1
INT256_MAX = (1 << 255) - 1

_DECIMALS_MAX = 255  # ERC-20 decimals() is a uint8


def mul_div_down(a: int, b: int, denominator: int) -> int:
    """floor(a * b / denominator), with a product of any width.

    Raises ValueError when an operand is negative, the denominator is not positive, or the result exceeds
    uint256: the same inputs on which a full-precision mulDiv reverts on chain.
    """
    if a < 0 or b < 0 or denominator <= 0:
        raise ValueError(f"mul_div needs a >= 0, b >= 0, denominator > 0 (got {a}, {b}, {denominator})")
    result = a * b // denominator
    if result > UINT256_MAX:
        raise ValueError(f"mul_div result exceeds uint256 ({a} * {b} / {denominator})")
    return result


def mul_div_up(a: int, b: int, denominator: int) -> int:
    """ceil(a * b / denominator), with a product of any width.

    Raises ValueError on the same inputs as `mul_div_down`.
    """
    if a < 0 or b < 0 or denominator <= 0:
        raise ValueError(f"mul_div needs a >= 0, b >= 0, denominator > 0 (got {a}, {b}, {denominator})")
    result = -(-a * b // denominator)
    if result > UINT256_MAX:
        raise ValueError(f"mul_div result exceeds uint256 ({a} * {b} / {denominator})")
    return result


def sqrt_price_x96_from_ratio(numerator: int, denominator: int) -> int:
    """floor(sqrt(numerator / denominator) * 2^96), exact.

    numerator: raw token1, denominator: raw token0. floor(sqrt(x)) equals isqrt(floor(x)) for every real x >=
    0, so flooring the quotient first loses nothing. Raises ValueError unless both are positive and the result
    is a uint160 above zero.
    """
    if numerator <= 0 or denominator <= 0:
        raise ValueError(f"a price ratio needs two positive amounts (got {numerator} / {denominator})")
    sqrt_price_x96 = math.isqrt((numerator << 192) // denominator)
    if not 0 < sqrt_price_x96 <= UINT160_MAX:
        raise ValueError(f"the square root of {numerator} / {denominator} does not fit a Q64.96")
    return sqrt_price_x96


def price_to_sqrt_x96(price: float, base_decimals: int, quote_decimals: int, base_is_token0: bool) -> int:
    """Square root price (Q64.96, floor) of a human price.

    price: whole quote tokens per whole base token. The float is taken exactly as the binary fraction that it
    is, so this is a labelled bridge from research to chain, with no hidden rounding but the final floor.
    Raises ValueError for a price that is not finite and positive, decimals outside uint8, or a result outside
    uint160.
    """
    if not (math.isfinite(price) and price > 0):
        raise ValueError(f"a price must be finite and positive (got {price!r})")
    raw_quote, raw_base = _units_of_one(base_decimals, quote_decimals)
    numerator, denominator = price.as_integer_ratio()
    numerator, denominator = numerator * raw_quote, denominator * raw_base
    if base_is_token0:
        return sqrt_price_x96_from_ratio(numerator, denominator)
    return sqrt_price_x96_from_ratio(denominator, numerator)


def sqrt_x96_to_price(sqrt_price_x96: int, base_decimals: int, quote_decimals: int, base_is_token0: bool) -> float:
    """Human price (whole quote tokens per whole base token) of a square root price, as the nearest float64.

    Research only, never money: not to be multiplied with an amount (use `concentrated.value_at_spot_down`).
    Raises ValueError when the square root price is not a uint160 above zero or decimals are outside uint8.
    """
    if not 0 < sqrt_price_x96 <= UINT160_MAX:
        raise ValueError(f"a square root price must be a uint160 above zero (got {sqrt_price_x96})")
    raw_quote, raw_base = _units_of_one(base_decimals, quote_decimals)
    squared = sqrt_price_x96 * sqrt_price_x96
    numerator, denominator = (squared, Q192) if base_is_token0 else (Q192, squared)
    try:
        return (numerator * raw_base) / (denominator * raw_quote)  # a quotient of ints is the nearest float64
    except OverflowError:
        raise ValueError(f"the price of {sqrt_price_x96} with these decimals exceeds float64") from None


def _units_of_one(base_decimals: int, quote_decimals: int) -> tuple[int, int]:
    """Raw units of one whole quote token and of one whole base token."""
    for decimals in (base_decimals, quote_decimals):
        if not 0 <= decimals <= _DECIMALS_MAX:
            raise ValueError(f"token decimals must be within 0..{_DECIMALS_MAX} (got {decimals})")
    quote: int = 10**quote_decimals
    base: int = 10**base_decimals
    return quote, base
