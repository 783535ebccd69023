"""The walk of a swap through a pool's ticks: the one loop behind quotes of a snapshot and the whole machine.

Mirrors how the contract proceeds (whitepaper, section 6.2.3): from one initialised tick, or end of a 256-tick
word of its bitmap, to the next, because each stop rounds once. What a step means (fee growth, crossed ticks,
a window of known ticks) is the caller's; the walk owns the order of stops, the amounts, the price, the tick
and the active liquidity.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

from bot.core.amm.reverts import PoolReverted, Revert
from bot.core.amm.swap_math import swap_step
from bot.core.amm.tick_math import (
    MAX_SQRT_RATIO,
    MAX_TICK,
    MIN_SQRT_RATIO,
    MIN_TICK,
    sqrt_ratio_at_tick,
    tick_at_sqrt_ratio,
)
from bot.core.fixedpoint import UINT128_MAX

AFTER_EVERY_NET: Final = 1 << 256
"""Sorts behind every net liquidity, and its negative before: to bisect (tick, liquidity net) by tick alone."""

_WORD_BITS: Final = 8  # 256 ticks share a word of the contract's bitmap
_LAST_OF_WORD: Final = (1 << _WORD_BITS) - 1

Step = tuple[int, int, int, int, int, int, int, bool]


def walk(
    ticks: Sequence[tuple[int, int]],
    price: int,
    tick: int,
    liquidity: int,
    tick_spacing: int,
    fee_pips: int,
    zero_for_one: bool,
    amount_specified: int,
    limit: int,
) -> Iterator[Step]:
    """The steps of one swap, in order.

    ticks: initialised ticks with their net liquidity, ascending; they must not change while walking. price,
    tick, liquidity: the pool before the swap. amount_specified > 0: exact input, fee included; < 0: exact
    output. limit: a legal price, already on the way. Each step is (price after, tick after, liquidity after,
    liquidity during the step, amount in without fee, amount out, fee, whether an initialised tick was
    crossed); a crossed tick is `tick after`, plus one when the price falls. Ends when the amount is used up or
    the price reaches the limit. Raises PoolReverted when a tick's net liquidity does not fit the active one.
    """
    index = bisect_right(ticks, (tick, AFTER_EVERY_NET)) - zero_for_one  # next initialised tick on the way
    remaining, exact_in = amount_specified, amount_specified > 0

    # Bounded: every turn but the last passes an initialised tick or the end of a word, and prices are finite.
    while remaining and price != limit:
        initialised = False
        if zero_for_one:
            stop = (tick // tick_spacing >> _WORD_BITS << _WORD_BITS) * tick_spacing  # first tick of the word
            if index >= 0 and ticks[index][0] >= stop:
                stop, initialised = ticks[index][0], True
            elif stop < MIN_TICK:
                stop = MIN_TICK
            stop_price = sqrt_ratio_at_tick(stop)
            target = stop_price if stop_price > limit else limit
        else:
            stop = (tick // tick_spacing + 1 | _LAST_OF_WORD) * tick_spacing  # last tick of the next one's word
            if index < len(ticks) and ticks[index][0] <= stop:
                stop, initialised = ticks[index][0], True
            elif stop > MAX_TICK:
                stop = MAX_TICK
            stop_price = sqrt_ratio_at_tick(stop)
            target = stop_price if stop_price < limit else limit
        before, active = price, liquidity
        price, amount_in, amount_out, fee = swap_step(before, target, active, remaining, fee_pips)
        remaining += -amount_in - fee if exact_in else amount_out
        crossed = False
        if price == stop_price:
            if initialised:
                crossed = True
                liquidity = _crossed(active, ticks[index], zero_for_one)
                index += -1 if zero_for_one else 1
            tick = stop - 1 if zero_for_one else stop
        elif price != before:
            tick = tick_at_sqrt_ratio(price)
        yield price, tick, liquidity, active, amount_in, amount_out, fee, crossed


def word_of(tick: int, tick_spacing: int) -> tuple[int, int]:
    """(first, last) tick of the bitmap's word that holds `tick`: where the walk stops, uninitialised or not.

    From `last` on, up to the next word, it stops elsewhere: a walk upwards begins in the word of the next tick spacing.
    """
    first = tick // tick_spacing >> _WORD_BITS << _WORD_BITS
    return first * tick_spacing, (first | _LAST_OF_WORD) * tick_spacing


def legal_limit(price: int, zero_for_one: bool, limit: int | None) -> int:
    """The price limit of a swap, the widest legal one by default; PoolReverted SPL for an illegal one."""
    if limit is None:
        limit = MIN_SQRT_RATIO + 1 if zero_for_one else MAX_SQRT_RATIO - 1
    legal = MIN_SQRT_RATIO < limit < price if zero_for_one else price < limit < MAX_SQRT_RATIO
    if not legal:
        way = "below" if zero_for_one else "above"
        detail = f"the price limit must be {way} the price {price} and within range (got {limit})"
        raise PoolReverted(Revert.SPL, detail)
    return limit


def _crossed(liquidity: int, entry: tuple[int, int], zero_for_one: bool) -> int:
    """Active liquidity beyond an initialised tick, or PoolReverted when it leaves uint128."""
    tick, net = entry
    after = liquidity - net if zero_for_one else liquidity + net
    if not 0 <= after <= UINT128_MAX:
        detail = f"net liquidity of tick {tick} does not fit the pool's active liquidity"
        raise PoolReverted(Revert.LS if after < 0 else Revert.LA, detail)
    return after
