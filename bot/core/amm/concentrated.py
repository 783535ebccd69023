"""Concentrated liquidity pools: an exact integer mirror of a Uniswap V3 pool's swaps, mints and burns.

Written from the whitepaper (sections 6.2 and 6.3) and held to the real pool bytecode by the parity tests:
square root price, tick, liquidity and both amounts agree to the last unit. Amounts are raw token units from
the pool's point of view (positive: the pool received), prices Q64.96, fees in pips (hundredths of a basis
point). The protocol's own fee does not change any of these numbers. Fee growth, what positions have earned,
and oracle observations are not kept.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, replace

from bot.core.amm.liquidity_math import (
    amounts_for_liquidity,
    liquidity_for_amounts,
    max_liquidity_per_tick,
    require_range,
)
from bot.core.amm.swap_math import PIPS
from bot.core.amm.tick_math import (
    MAX_TICK,
    MIN_TICK,
    sqrt_ratio_at_tick,
    tick_at_sqrt_ratio,
)
from bot.core.amm.walk import AFTER_EVERY_NET, legal_limit, walk
from bot.core.fixedpoint import INT256_MAX, Q192, UINT128_MAX, mul_div_down

__all__ = [
    "NotEnoughLiquidity",
    "Order",
    "Pool",
    "Swap",
    "UnknownTicks",
    "amounts_for_liquidity",
    "liquidity_for_amounts",
    "nudge",
    "nudging",
    "pool_at",
    "swap",
    "swap_exact_in",
    "value_at_spot_down",
    "with_liquidity",
]


Order = tuple[bool, int, int | None]
"""A swap to make: zero_for_one, amount specified, price limit; see `swap`."""


class UnknownTicks(ValueError):
    """The swap would walk to prices whose initialised ticks were not read."""


class NotEnoughLiquidity(ValueError):
    """The pool's liquidity ended before the whole input was consumed."""


@dataclass(frozen=True, slots=True)
class Pool:
    """One pool's state at one block.

    ticks: every initialised tick within known_lower..known_upper (both included) with its net liquidity,
    ascending; a tick whose net is zero still counts, for a swap stops there. gross: the same ticks' gross
    liquidity, only needed to burn, because it alone says when a tick is no longer initialised.
    """

    sqrt_price_x96: int
    tick: int
    liquidity: int
    fee_pips: int
    tick_spacing: int
    ticks: tuple[tuple[int, int], ...]
    known_lower: int = MIN_TICK
    known_upper: int = MAX_TICK
    gross: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Swap:
    """A finished swap: the pool after it, and what the contract's Swap event says.

    amount0, amount1: positive when the pool received. fee_paid: part of the input that went to liquidity
    providers (and the protocol), in the input token. ticks_crossed: initialised ticks only.
    """

    pool: Pool
    amount0: int
    amount1: int
    fee_paid: int
    ticks_crossed: int


def swap(pool: Pool, zero_for_one: bool, amount_specified: int, sqrt_price_limit_x96: int | None = None) -> Swap:
    """The swap that the pool contract would perform.

    zero_for_one: token0 in, token1 out, the price falls. amount_specified > 0: exact input, fee included; <
    0: exact output. Ends when the amount is used up or the price reaches the limit (default: the widest legal
    one), so an exact amount can be filled in part; see `swap_exact_in`. Raises ValueError for an amount of zero
    or outside int256, for a limit on the wrong side, and for a pool whose tick and price contradict each other;
    UnknownTicks when the swap would leave the window that was read.
    """
    require_amount(amount_specified)
    require_price_of_tick(pool.sqrt_price_x96, pool.tick)
    limit = legal_limit(pool.sqrt_price_x96, zero_for_one, sqrt_price_limit_x96)
    edge = edge_of_known_prices(pool, pool.tick, zero_for_one)
    price, tick, liquidity = pool.sqrt_price_x96, pool.tick, pool.liquidity
    ticks, spacing, fee_pips = pool.ticks, pool.tick_spacing, pool.fee_pips
    paid, received, fee_paid, ticks_crossed = 0, 0, 0, 0
    steps = walk(ticks, price, tick, liquidity, spacing, fee_pips, zero_for_one, amount_specified, limit)
    for price, tick, liquidity, _, amount_in, amount_out, fee, crossed in steps:  # noqa: B007 the last one counts
        if price < edge if zero_for_one else price > edge:
            raise UnknownTicks(f"the swap leaves the ticks that were read, {pool.known_lower}..{pool.known_upper}")
        paid += amount_in + fee
        received += amount_out
        fee_paid += fee
        ticks_crossed += crossed
    amount0, amount1 = (paid, -received) if zero_for_one else (-received, paid)
    after = Pool(price, tick, liquidity, fee_pips, spacing, ticks, pool.known_lower, pool.known_upper, pool.gross)
    return Swap(after, amount0, amount1, fee_paid, ticks_crossed)


def swap_exact_in(pool: Pool, zero_for_one: bool, amount_in: int) -> Swap:
    """The swap of exactly `amount_in`, or NotEnoughLiquidity when some of it would be left over.

    Raises ValueError unless amount_in is a positive int256, UnknownTicks as `swap` does.
    """
    if amount_in <= 0:
        raise ValueError(f"an exact input must be positive (got {amount_in})")
    done = swap(pool, zero_for_one, amount_in)
    consumed = done.amount0 if zero_for_one else done.amount1
    if consumed != amount_in:
        raise NotEnoughLiquidity(f"the pool takes {consumed} of {amount_in} before its liquidity ends")
    return done


def nudge(
    pool: Pool, low_sqrt_x96: int, high_sqrt_x96: int, budget: tuple[int, int] = (INT256_MAX, INT256_MAX)
) -> Swap | None:
    """The swap that brings the price back into low..high, or None when it is inside.

    Mirror of the market maker contract's step: below low it buys token0 up to low, above high it sells token0
    down to high, with an exact input of all it has. budget: (token0, token1) it has, each cut to int256; too
    small a budget leaves the price short of the band. Raises ValueError for an inverted band, a band beyond
    the legal prices, or a budget of nothing where the contract says OutOfInventory.
    """
    order = nudging(pool, low_sqrt_x96, high_sqrt_x96, budget)
    return None if order is None else swap(pool, *order)


def nudging(
    pool: Pool, low_sqrt_x96: int, high_sqrt_x96: int, budget: tuple[int, int] = (INT256_MAX, INT256_MAX)
) -> Order | None:
    """The order of `nudge`'s swap, None when there is none. Raises as it does."""
    if low_sqrt_x96 > high_sqrt_x96:
        raise ValueError(f"a price band needs low <= high (got {low_sqrt_x96}..{high_sqrt_x96})")
    if low_sqrt_x96 <= pool.sqrt_price_x96 <= high_sqrt_x96:
        return None
    zero_for_one = pool.sqrt_price_x96 > high_sqrt_x96
    amount_in = min(budget[0] if zero_for_one else budget[1], INT256_MAX)
    if amount_in <= 0:
        raise ValueError(f"no token{0 if zero_for_one else 1} to bring the price into its band with")
    return zero_for_one, amount_in, high_sqrt_x96 if zero_for_one else low_sqrt_x96


def pool_at(sqrt_price_x96: int, fee_pips: int, tick_spacing: int, positions: Iterable[tuple[int, int, int]]) -> Pool:
    """A new pool at a price with these positions minted: (lower tick, upper tick, liquidity) each.

    All its ticks are known. Raises ValueError for a price, fee, spacing or position that the contract would
    refuse.
    """
    if not 0 <= fee_pips < PIPS:
        raise ValueError(f"a fee must be within 0..{PIPS - 1} pips (got {fee_pips})")
    if not 0 < tick_spacing < 16384:
        raise ValueError(f"a tick spacing must be within 1..16383 (got {tick_spacing})")
    tick = tick_at_sqrt_ratio(sqrt_price_x96)
    pool = Pool(sqrt_price_x96, tick, 0, fee_pips, tick_spacing, (), gross=())
    for lower, upper, liquidity in positions:
        pool = with_liquidity(pool, lower, upper, liquidity)
    return pool


def with_liquidity(pool: Pool, lower: int, upper: int, liquidity_delta: int) -> Pool:
    """The pool after a mint (delta > 0) or burn (delta < 0) over ticks lower..upper.

    The price does not move; what is paid or returned is `amounts_for_liquidity`. Raises ValueError for a
    range or an amount that the contract would refuse, and for a burn when the pool's gross liquidity was not
    read: the net alone does not tell whether a tick stays initialised. UnknownTicks when the range leaves the
    window that was read.
    """
    require_range(lower, upper, pool.tick_spacing)
    if liquidity_delta == 0:
        raise ValueError("a mint or burn needs some liquidity (got 0)")
    if liquidity_delta < 0 and pool.gross is None:
        raise ValueError("a burn needs the ticks' gross liquidity, and this pool was read without it")
    if not pool.known_lower <= lower < upper <= pool.known_upper:
        raise UnknownTicks(f"{lower}..{upper} leaves the ticks read, {pool.known_lower}..{pool.known_upper}")
    changed = _with_tick(pool, lower, liquidity_delta, liquidity_delta)
    changed = _with_tick(changed, upper, -liquidity_delta, liquidity_delta)
    if not lower <= pool.tick < upper:
        return changed
    liquidity = pool.liquidity + liquidity_delta
    if not 0 <= liquidity <= UINT128_MAX:
        raise ValueError(f"active liquidity must fit uint128 (got {liquidity})")
    return replace(changed, liquidity=liquidity)


def value_at_spot_down(pool: Pool, amount: int, is_token0: bool) -> int:
    """Raw units of the other token that `amount` is worth at the spot price, floor, exact.

    Without fee or price impact: a valuation, not a quote. Raises ValueError for a negative amount or a value
    above uint256.
    """
    price_x192 = pool.sqrt_price_x96 * pool.sqrt_price_x96
    return mul_div_down(amount, price_x192, Q192) if is_token0 else mul_div_down(amount, Q192, price_x192)


def require_amount(amount: int) -> None:
    """Raises ValueError for an amount of zero or outside int256."""
    if amount == 0 or not -INT256_MAX - 1 <= amount <= INT256_MAX:
        raise ValueError(f"a swap's amount must be a non-zero int256 (got {amount})")


def require_price_of_tick(sqrt_price_x96: int, tick: int) -> None:
    """Raises ValueError where tick and price contradict each other."""
    if not sqrt_ratio_at_tick(tick) <= sqrt_price_x96 <= sqrt_ratio_at_tick(tick + 1):
        raise ValueError(f"tick {tick} is not the tick of the square root price {sqrt_price_x96}")


def edge_of_known_prices(pool: Pool, tick: int, zero_for_one: bool) -> int:
    """Last price on the way that can be trusted; UnknownTicks when the walk would start outside the window.

    A pool whose price fell onto a tick has `tick` one below it, so going up may start one below the window.
    """
    starts_inside = tick <= pool.known_upper if zero_for_one else pool.known_lower <= tick + 1
    if not starts_inside:
        raise UnknownTicks(f"tick {tick} is outside the ticks read, {pool.known_lower}..{pool.known_upper}")
    return sqrt_ratio_at_tick(pool.known_lower if zero_for_one else pool.known_upper)


def _with_tick(pool: Pool, tick: int, net_delta: int, gross_delta: int) -> Pool:
    """The pool with one tick's net and gross liquidity changed; a tick with no gross left is dropped."""
    index = bisect_left(pool.ticks, (tick, -AFTER_EVERY_NET))
    present = index < len(pool.ticks) and pool.ticks[index][0] == tick
    end = index + present
    entries = ((tick, (pool.ticks[index][1] if present else 0) + net_delta),)
    if pool.gross is None:
        return replace(pool, ticks=pool.ticks[:index] + entries + pool.ticks[end:])
    gross = (pool.gross[index] if present else 0) + gross_delta
    if not 0 <= gross <= max_liquidity_per_tick(pool.tick_spacing):
        raise ValueError(f"liquidity at tick {tick} must be within 0..its maximum (got {gross})")
    kept = entries if gross else ()
    return replace(
        pool,
        ticks=pool.ticks[:index] + kept + pool.ticks[end:],
        gross=pool.gross[:index] + ((gross,) if gross else ()) + pool.gross[end:],
    )
