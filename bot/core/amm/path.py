"""A pool after a row of swaps of which only the end counts: what moves a market, and asks for no amounts.

Between two stops of the walk liquidity is constant, so there a swap is one formula for its price; whatever leaves takes
the walk itself. Equal to `concentrated.swap`, one swap after another, to the last unit, and three times as fast.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from bot.core.amm.concentrated import (
    Order,
    Pool,
    UnknownTicks,
    edge_of_known_prices,
    require_amount,
    require_price_of_tick,
)
from bot.core.amm.swap_math import PIPS, amount0_up, amount1_up, price_after_token0_in, price_after_token1_in
from bot.core.amm.tick_math import MAX_TICK, MIN_TICK, sqrt_ratio_at_tick, tick_at_sqrt_ratio
from bot.core.amm.walk import AFTER_EVERY_NET, legal_limit, walk, word_of
from bot.core.fixedpoint import UINT256_MAX


def swapped(pool: Pool, orders: Iterable[Order]) -> Pool:
    """The pool after these swaps, one after another. Raises as `concentrated.swap` does."""
    price, tick, liquidity = pool.sqrt_price_x96, pool.tick, pool.liquidity
    ticks, spacing, fee_pips = pool.ticks, pool.tick_spacing, pool.fee_pips
    require_price_of_tick(price, tick)
    low, high = _between_stops(pool, tick)
    canonical = True  # whether `tick` is that of `price`
    for zero_for_one, amount, limit in orders:
        require_amount(amount)
        if amount > 0 and low < price < high:
            after = _price_after(price, liquidity, amount * (PIPS - fee_pips) // PIPS, zero_for_one, limit)
            if low < after < high:  # then the walk would end there too: see `_price_after`
                canonical, price = canonical and after == price, after
                continue
        if not canonical:
            tick = tick_at_sqrt_ratio(price)
        legal = legal_limit(price, zero_for_one, limit)
        edge = edge_of_known_prices(pool, tick, zero_for_one)
        for step in walk(ticks, price, tick, liquidity, spacing, fee_pips, zero_for_one, amount, legal):
            price, tick, liquidity = step[:3]
            if price < edge if zero_for_one else price > edge:
                raise UnknownTicks(f"the swap leaves the ticks that were read, {pool.known_lower}..{pool.known_upper}")
        canonical = True
        low, high = _between_stops(pool, tick)
    if not canonical:
        tick = tick_at_sqrt_ratio(price)
    return Pool(price, tick, liquidity, fee_pips, spacing, ticks, pool.known_lower, pool.known_upper, pool.gross)


def _between_stops(pool: Pool, tick: int) -> tuple[int, int]:
    """The prices at the walk's next stops below and above `tick`; (0, 0) where they differ from tick to tick.

    They do not where the last tick spacing of a word, whose way up goes on to the next word's end, is left out; nor
    where a stop is beyond the ticks that were read, or is the last tick of all.
    """
    first, last = word_of(tick, pool.tick_spacing)
    index = bisect_right(pool.ticks, (tick, AFTER_EVERY_NET))
    lower = max(first, MIN_TICK, pool.ticks[index - 1][0] if index else MIN_TICK)
    upper = min(last, MAX_TICK, pool.ticks[index][0] if index < len(pool.ticks) else MAX_TICK)
    if not max(pool.known_lower, MIN_TICK + 1) <= lower <= tick < upper <= min(pool.known_upper, MAX_TICK - 1):
        return 0, 0
    return sqrt_ratio_at_tick(lower), sqrt_ratio_at_tick(upper)


def _price_after(price: int, liquidity: int, spent: int, zero_for_one: bool, limit: int | None) -> int:
    """Price after an input without its fee, at constant liquidity; 0 where it must not be reckoned so.

    Rounded towards the price before, so a price strictly before a stop is one that the input does not reach.
    """
    if not liquidity:
        return 0
    if limit is not None:
        if not (0 < limit < price if zero_for_one else limit > price):
            return 0
        needed = amount0_up(limit, price, liquidity) if zero_for_one else amount1_up(price, limit, liquidity)
        return limit if spent >= needed else 0
    if not zero_for_one:
        return price_after_token1_in(price, liquidity, spent)
    if spent * price + (liquidity << 96) > UINT256_MAX:  # the contract then rounds coarser
        return 0
    return price_after_token0_in(price, liquidity, spent)
