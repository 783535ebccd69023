"""Swaps of one concentrated liquidity pool in compiled code, exact. The mirror is `bot.core.amm.pool_state`.

One walk serves swaps and quotes: it reads the pool and writes only its scratch arrays, so a swap that the contract
refuses half way has changed nothing. Results start with a number of `Revert`. Signed amounts are U256 in two's
complement, from the pool's point of view: positive when the pool received. `time` is block.timestamp modulo 2^32.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from backtests.kernels.amm.division import div_256_by_128, div_u256, mul_div_rem, normalised128
from backtests.kernels.amm.layout import (
    CARDINALITY,
    FEE_DIVISOR,
    FEE_GROWTH,
    FEE_PIPS,
    FEE_PROTOCOL,
    LIQUIDITY,
    LIQUIDITY_DIVISOR,
    NET,
    OFFSET,
    OUTSIDE,
    PROTOCOL,
    SECONDS_OUTSIDE,
    SECONDS_PER_LIQUIDITY_OUTSIDE,
    SPACING,
    SQRT_PRICE,
    TICK,
    TICK_CUMULATIVE_OUTSIDE,
    TICK_PRICE,
    TICK_ROWS,
    WAY_CUT,
    WAY_FROM,
    WAY_GROWTH,
    WAY_KEY,
    WAY_OUT,
    WAY_ROWS,
    WAY_TOTAL,
    WAYS,
    PoolArrays,
)
from backtests.kernels.amm.limbs import Limbs
from backtests.kernels.amm.oracle import MASK32, current_nb, wrap56_nb, write_nb
from backtests.kernels.amm.swap_math import Divisor, fee_on_top_nb, step_in_nb, step_out_nb, without_fee_nb
from backtests.kernels.amm.tick_math import tick_at_sqrt_ratio_nb
from backtests.kernels.amm.wide import (
    Wide,
    const256,
    is_negative256,
    leading_zeros64,
    limb,
    load256,
    make_u256,
    neg256,
    store256,
    to_u128,
    to_u256,
    trailing_zeros64,
)
from bot.core.amm.reverts import Revert
from bot.core.amm.tick_math import MAX_SQRT_RATIO, MAX_TICK, MIN_SQRT_RATIO, MIN_TICK

_U64 = np.uint64
_I64 = np.int64
_ZERO: Final = _U64(0)
_ALL: Final = _U64(0xFFFFFFFFFFFFFFFF)
_LAST_BIT: Final = _U64(63)

NONE: Final = int(Revert.NONE)
_LOK: Final = int(Revert.LOK)
_AS: Final = int(Revert.AS)
_SPL: Final = int(Revert.SPL)
_LS: Final = int(Revert.LS)
_LA: Final = int(Revert.LA)

_zero256: Final = const256(0)
_uint128_max: Final = const256((1 << 128) - 1)
_below_all: Final = const256(MIN_SQRT_RATIO)
_above_all: Final = const256(MAX_SQRT_RATIO)
_MASK160: Final = const256((1 << 160) - 1)

Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]


@njit(cache=True, nogil=True, _nrt=False, inline="always")
def widest_limit_nb(zero_for_one: bool) -> Wide:
    """The price limit of a swap that has none: the last legal price on its way."""
    return _below_all() + 1 if zero_for_one else _above_all() - 1


@njit(cache=True, nogil=True, _nrt=False, inline="always")
def _next_stop_nb(bitmap: Limbs, dense: int, zero_for_one: bool) -> tuple[Any, bool]:
    """(dense index where a swap stops next, whether that tick is initialised).

    Going down, the search starts at `dense` itself, going up one above; it ends at the end of the 256-tick word.
    """
    if zero_for_one:
        word = dense >> 6
        bits = bitmap[word] & (_ALL >> (_LAST_BIT - _U64(dense & 63)))
        first = (dense >> 8) << 2
        while bits == _ZERO and word > first:
            word -= 1
            bits = bitmap[word]
        if bits != _ZERO:
            return (word << 6) + 63 - _I64(leading_zeros64(bits)), True
        return first << 6, False
    dense += 1
    word = dense >> 6
    bits = bitmap[word] & (_ALL << _U64(dense & 63))
    last = ((dense >> 8) << 2) + 3
    while bits == _ZERO and word < last:
        word += 1
        bits = bitmap[word]
    if bits != _ZERO:
        return (word << 6) + _I64(trailing_zeros64(bits)), True
    return (last << 6) + 63, False


@njit(cache=True, nogil=True, _nrt=False, inline="always")
def _divisor_nb(pool: PoolArrays, liquidity: Wide) -> Divisor:
    """What divides by the active liquidity: as kept, or made anew. Without liquidity nothing is ever divided by it."""
    row = load256(pool.words, LIQUIDITY_DIVISOR)
    normal, shift = to_u128(row), limb(row, 2)
    if to_u256(normal >> shift) == liquidity or liquidity == 0:
        return normal, shift, limb(row, 3)
    return normalised128(to_u128(liquidity))


@njit(cache=True, nogil=True, _nrt=False, inline="always")
def _growth_nb(fee: Wide, liquidity: Wide, divisor: Divisor) -> Wide:
    """fee * 2^128 / L: fee growth of a step.

    Fits 256 bits, though the contract would check: between any two legal prices less than 2^64 L comes in, and the fee
    is at most a million times that.
    """
    if limb(fee, 3) == _ZERO and limb(fee, 2) == _ZERO:
        return div_256_by_128(fee << 128, *divisor)[0]
    return mul_div_rem(fee, _uint128_max() + 1, liquidity)[1]


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def walk_nb(pool: PoolArrays, zero_for_one: bool, amount: Wide, limit: Wide) -> Any:
    """(code, price, tick, liquidity, its divisor, fee growth and protocol fee of the input token, amounts specified and
    other without sign, ticks crossed) of a swap.

    Crossed ticks' slots, and the fee growth at the time, are in the pool's scratch arrays, in order.
    """
    words, ints = pool.words, pool.ints
    price, liquidity = load256(words, SQRT_PRICE), load256(words, LIQUIDITY)
    divisor = _divisor_nb(pool, liquidity)
    token = 0 if zero_for_one else 1
    growth, protocol = load256(words, FEE_GROWTH + token), _zero256()
    tick, spacing, offset = ints[TICK], ints[SPACING], ints[OFFSET]
    fee_pips, fee_divisor = _U64(ints[FEE_PIPS]), load256(words, FEE_DIVISOR)
    share = _U64(ints[FEE_PROTOCOL + token])
    exact_in = not is_negative256(amount)
    remaining, other, crossings = amount if exact_in else neg256(amount), _zero256(), 0
    whole = remaining
    code, way, at_stop = NONE, _I64(0), False
    if amount == 0:
        code = _AS
    elif ints[CARDINALITY] == 0:
        code = _LOK
    elif zero_for_one:
        if limit >= price or limit <= _below_all():
            code = _SPL
    elif limit <= price or limit >= _above_all():
        code = _SPL

    # Bounded: every turn but the last passes an initialised tick or the end of a word, and prices are finite.
    while code == NONE and remaining != 0 and price != limit:
        dense, initialised = _next_stop_nb(pool.bitmap, tick // spacing + offset, zero_for_one)
        slot = _I64(pool.slot_of[dense]) if initialised else _I64(0)
        if initialised:
            stop_price = load256(pool.tick_words, slot * TICK_ROWS + TICK_PRICE)
        else:
            stop_price = load256(pool.word_edges, (dense >> 8 << 1) + (dense & 1))
        if zero_for_one:
            target = stop_price if stop_price > limit else limit
        else:
            target = stop_price if stop_price < limit else limit
        before, known = price, False
        if initialised and at_stop:
            way = slot * TICK_ROWS + WAYS + token * WAY_ROWS
            key = (to_u256(share) << 128) + liquidity
            same = before == load256(pool.tick_words, way + WAY_FROM) and key == load256(pool.tick_words, way + WAY_KEY)
            if same and target == stop_price:
                known = remaining >= load256(pool.tick_words, way + (WAY_TOTAL if exact_in else WAY_OUT))
        if known:
            total, given = load256(pool.tick_words, way + WAY_TOTAL), load256(pool.tick_words, way + WAY_OUT)
            price = stop_price
            remaining = remaining - (total if exact_in else given)
            other = other + (given if exact_in else total)
            growth = growth + load256(pool.tick_words, way + WAY_GROWTH)
            protocol = protocol + load256(pool.tick_words, way + WAY_CUT)
        else:
            if exact_in:
                spendable = without_fee_nb(remaining, fee_pips)
                price, taken, given, reached = step_in_nb(before, target, liquidity, divisor, spendable, zero_for_one)
                fee = fee_on_top_nb(taken, fee_pips, fee_divisor) if reached else remaining - taken
                remaining = remaining - (taken + fee)
                other = other + given
            else:
                price, taken, given, reached = step_out_nb(before, target, liquidity, divisor, remaining, zero_for_one)
                fee = fee_on_top_nb(taken, fee_pips, fee_divisor)
                remaining = remaining - given
                other = other + taken + fee
            cut = _zero256()
            if share != _ZERO:
                cut = div_u256(fee, to_u256(share))[0]
                fee = fee - cut
                protocol = protocol + cut
            rise = _growth_nb(fee, liquidity, divisor) if liquidity != 0 and fee != 0 else _zero256()
            growth = growth + rise
            if at_stop and initialised and reached and target == stop_price:
                store256(pool.tick_words, way + WAY_FROM, before)
                store256(pool.tick_words, way + WAY_KEY, (to_u256(share) << 128) + liquidity)
                store256(pool.tick_words, way + WAY_TOTAL, taken + fee + cut)
                store256(pool.tick_words, way + WAY_OUT, given)
                store256(pool.tick_words, way + WAY_GROWTH, rise)
                store256(pool.tick_words, way + WAY_CUT, cut)
        at_stop = price == stop_price
        if at_stop:
            if initialised:
                net = load256(pool.tick_words, slot * TICK_ROWS + NET)
                net = neg256(net) if zero_for_one else net
                liquidity = liquidity + net
                if liquidity > _uint128_max():
                    code = _LS if is_negative256(net) else _LA
                    break
                if liquidity != 0:
                    divisor = normalised128(to_u128(liquidity))
                pool.crossed[crossings] = slot
                store256(pool.growth_at, crossings, growth)
                crossings += 1
            tick = (dense - offset) * spacing
            if not initialised:
                tick = min(max(tick, MIN_TICK), MAX_TICK)
            if zero_for_one:
                tick -= 1
        elif price != before:
            tick = tick_at_sqrt_ratio_nb(price)
    return code, price, tick, liquidity, divisor, growth, protocol, whole - remaining, other, crossings


@njit(cache=True, nogil=True, _nrt=False, inline="always")
def amounts_nb(zero_for_one: bool, exact_in: bool, specified: Wide, other: Wide) -> tuple[Wide, Wide]:
    """(amount0, amount1) with their signs."""
    received, paid = (specified, other) if exact_in else (other, specified)
    if zero_for_one:
        return received, neg256(paid)
    return neg256(paid), received


@njit(cache=True, nogil=True, _nrt=False, inline="always")
def cross_nb(pool: PoolArrays, zero_for_one: bool, crossings: int, tick: int, liquidity: Wide, time: int) -> None:
    """Turn over what is outside of the ticks that a swap crossed. tick, liquidity: those before the swap."""
    still = 1 if zero_for_one else 0  # the token that no fee was paid in
    growth_still = load256(pool.words, FEE_GROWTH + still)
    cumulative, seconds = current_nb(pool, time, tick, liquidity)
    for i in range(crossings):
        slot = _I64(pool.crossed[i])
        row = slot * TICK_ROWS
        outside = row + OUTSIDE + 1 - still
        store256(pool.tick_words, outside, load256(pool.growth_at, i) - load256(pool.tick_words, outside))
        outside = row + OUTSIDE + still
        store256(pool.tick_words, outside, growth_still - load256(pool.tick_words, outside))
        outside = row + SECONDS_PER_LIQUIDITY_OUTSIDE
        store256(pool.tick_words, outside, (seconds - load256(pool.tick_words, outside)) & _MASK160())
        ints = pool.tick_ints[slot]
        ints[TICK_CUMULATIVE_OUTSIDE] = wrap56_nb(cumulative - ints[TICK_CUMULATIVE_OUTSIDE])
        ints[SECONDS_OUTSIDE] = (time - ints[SECONDS_OUTSIDE]) & MASK32


@njit(cache=True, nogil=True, _nrt=False, inline="always")
def settle_nb(
    pool: PoolArrays,
    zero_for_one: bool,
    time: int,
    price: Wide,
    tick: int,
    liquidity: Wide,
    divisor: Divisor,
    growth: Wide,
    protocol: Wide,
    crossings: int,
) -> None:
    """Write what a walk found: after this the swap has happened."""
    words, ints = pool.words, pool.ints
    token = 0 if zero_for_one else 1
    if crossings != 0:
        cross_nb(pool, zero_for_one, crossings, ints[TICK], load256(words, LIQUIDITY), time)
    if tick != ints[TICK]:
        write_nb(pool, time, ints[TICK], load256(words, LIQUIDITY))
        ints[TICK] = tick
    store256(words, SQRT_PRICE, price)
    store256(words, LIQUIDITY, liquidity)
    normal, shift, v = divisor
    store256(words, LIQUIDITY_DIVISOR, make_u256(limb(normal, 0), limb(normal, 1), shift, v))
    store256(words, FEE_GROWTH + token, growth)
    if protocol != 0:
        owed = load256(words, PROTOCOL + token) + protocol
        store256(words, PROTOCOL + token, owed & _uint128_max())


@njit(cache=True, nogil=True, _nrt=False, inline="always")
def swap_nb(pool: PoolArrays, zero_for_one: bool, amount: Wide, limit: Wide, time: int) -> tuple[int, Wide, Wide]:
    """(code, amount0, amount1) of a swap, done. amount > 0: exact input, fee included; < 0: exact output."""
    code, price, tick, liquidity, divisor, growth, protocol, specified, other, crossings = walk_nb(
        pool, zero_for_one, amount, limit
    )
    if code == NONE:
        settle_nb(pool, zero_for_one, time, price, tick, liquidity, divisor, growth, protocol, crossings)
    amount0, amount1 = amounts_nb(zero_for_one, not is_negative256(amount), specified, other)
    return code, amount0, amount1


@njit(cache=True, nogil=True, _nrt=False, inline="always")
def quote_nb(pool: PoolArrays, zero_for_one: bool, amount: Wide, limit: Wide) -> tuple[int, Wide, Wide]:
    """(code, amount0, amount1) that `swap_nb` would give; the pool's state stays. Uses its scratch arrays."""
    code, _, _, _, _, _, _, specified, other, _ = walk_nb(pool, zero_for_one, amount, limit)
    amount0, amount1 = amounts_nb(zero_for_one, not is_negative256(amount), specified, other)
    return code, amount0, amount1


@njit(cache=True, nogil=True, _nrt=False)
def swaps_nb(
    pool: PoolArrays, zero_for_one: Flags, amounts: Limbs, limits: Limbs, times: Ints, amount0: Limbs, amount1: Limbs
) -> tuple[int, int]:
    """(code, swaps done) of swaps one after another, up to the first that the contract refuses.

    amounts: uint64[n, 4], two's complement; limits: the same, a row of zeros for none; times: seconds. Fills the rows
    of amount0 and amount1, two's complement.
    """
    for i in range(len(zero_for_one)):
        limit = load256(limits, i)
        if limit == 0:
            limit = widest_limit_nb(zero_for_one[i])
        code, given0, given1 = swap_nb(pool, zero_for_one[i], load256(amounts, i), limit, times[i] & MASK32)
        if code != NONE:
            return code, i
        store256(amount0, i, given0)
        store256(amount1, i, given1)
    return NONE, len(zero_for_one)
