"""Mint, burn and collect of one pool, in compiled code. The mirror is `bot.core.amm.pool_state`.

A position is a row of the pool's arrays, its ticks are in `position_ticks`. Every kernel starts its result with a
number of `Revert` and has changed nothing unless it is NONE: first all the contract's checks in the contract's order,
then all effects. Amounts and liquidity are U256 without a sign. Fee growth wraps at 2^256 and owed amounts at 2^128, as
the contract's do (whitepaper, section 6.3).
"""

from __future__ import annotations

from typing import Any, Final

from numba import njit, uint64

from backtests.kernels.amm.layout import (
    CARDINALITY,
    FEE_GROWTH,
    FREE_SLOT,
    GROSS,
    INSIDE_LAST,
    LIQUIDITY,
    MAX_LIQUIDITY,
    NET,
    OFFSET,
    OUTSIDE,
    OWED,
    POSITION_LIQUIDITY,
    POSITION_ROWS,
    SECONDS_OUTSIDE,
    SECONDS_PER_LIQUIDITY_OUTSIDE,
    SLOTS,
    SPACING,
    SQRT_PRICE,
    TICK,
    TICK_AT,
    TICK_CUMULATIVE_OUTSIDE,
    TICK_PRICE,
    TICK_ROWS,
    PoolArrays,
)
from backtests.kernels.amm.oracle import NO_REASON, NONE, current_nb, range_code_nb, slot_at_nb, write_nb
from backtests.kernels.amm.swap_math import amount0_rem_nb, amount1_down_nb, amount1_up_nb
from backtests.kernels.amm.tick_math import sqrt_ratio_at_tick_nb
from backtests.kernels.amm.wide import const256, load256, store256, to_u256, to_u512
from bot.core.amm.reverts import Revert

LOK: Final = int(Revert.LOK)
_LO: Final = int(Revert.LO)
_LS: Final = int(Revert.LS)
_LA: Final = int(Revert.LA)
_NP: Final = int(Revert.NP)

ZERO: Final = const256(0)
UINT128_MAX: Final = const256((1 << 128) - 1)
_INT128_MAX: Final = const256((1 << 127) - 1)


@njit(cache=True, nogil=True)
def _changed_nb(liquidity: Any, amount: Any, adding: bool) -> tuple[int, Any]:
    """(code, liquidity after): LA above uint128, LS below zero."""
    if adding:
        after = liquidity + amount
        return (NONE if after <= UINT128_MAX() else _LA), after
    return (NONE if amount <= liquidity else _LS), liquidity - amount


@njit(cache=True, nogil=True)
def _gross_after_nb(pool: PoolArrays, slot: int, amount: Any, adding: bool) -> tuple[int, Any]:
    """(code, a tick's gross liquidity after a change): LA, LS, or LO above what one tick may carry."""
    code, after = _changed_nb(load256(pool.tick_words, slot * TICK_ROWS + GROSS), amount, adding)
    if code == NONE and after > load256(pool.words, MAX_LIQUIDITY):
        code = _LO
    return code, after


@njit(cache=True, nogil=True)
def _check_nb(pool: PoolArrays, position: int, low: int, high: int, amount: Any, adding: bool) -> int:
    """Why the contract refuses this change of a position whose ticks have slots `low` and `high`, or NONE."""
    lower, upper = pool.position_ticks[position, 0], pool.position_ticks[position, 1]
    held = load256(pool.position_words, position * POSITION_ROWS + POSITION_LIQUIDITY)
    if amount == ZERO():  # a poke
        return NONE if held != ZERO() else _NP
    code, _ = _gross_after_nb(pool, low, amount, adding)
    if code == NONE:
        code, _ = _gross_after_nb(pool, high, amount, adding)
    if code == NONE and (lower % pool.ints[SPACING] != 0 or upper % pool.ints[SPACING] != 0):
        code = NO_REASON
    if code == NONE:
        code, _ = _changed_nb(held, amount, adding)
    if code == NONE and lower <= pool.ints[TICK] < upper:
        code, _ = _changed_nb(load256(pool.words, LIQUIDITY), amount, adding)
    return code


@njit(cache=True, nogil=True)
def _new_slot_nb(pool: PoolArrays, tick: int, time: int) -> int:
    """Slot of a tick that gets its first liquidity. All growth so far is taken to have happened below the tick."""
    ints = pool.ints
    slot = ints[FREE_SLOT]
    if slot != 0:
        ints[FREE_SLOT] = pool.tick_ints[slot, TICK_AT]
    else:
        slot = ints[SLOTS]
        ints[SLOTS] = slot + 1
    dense = tick // ints[SPACING] + ints[OFFSET]
    pool.slot_of[dense] = slot
    pool.bitmap[dense >> 6] |= uint64(1) << uint64(dense & 63)
    row = slot * TICK_ROWS
    pool.tick_ints[slot, TICK_AT] = tick
    store256(pool.tick_words, row + TICK_PRICE, sqrt_ratio_at_tick_nb(tick))
    if tick <= ints[TICK]:
        cumulative, seconds = current_nb(pool, time, ints[TICK], load256(pool.words, LIQUIDITY))
        for token in range(2):
            store256(pool.tick_words, row + OUTSIDE + token, load256(pool.words, FEE_GROWTH + token))
        store256(pool.tick_words, row + SECONDS_PER_LIQUIDITY_OUTSIDE, seconds)
        pool.tick_ints[slot, TICK_CUMULATIVE_OUTSIDE] = cumulative
        pool.tick_ints[slot, SECONDS_OUTSIDE] = time
    return int(slot)


@njit(cache=True, nogil=True)
def _free_slot_nb(pool: PoolArrays, slot: int) -> None:
    """Forget a tick that lost its last liquidity, as the contract deletes it; the next new tick gets the slot."""
    ints = pool.ints
    dense = pool.tick_ints[slot, TICK_AT] // ints[SPACING] + ints[OFFSET]
    pool.slot_of[dense] = 0
    pool.bitmap[dense >> 6] &= ~(uint64(1) << uint64(dense & 63))
    for row in range(slot * TICK_ROWS, (slot + 1) * TICK_ROWS):
        store256(pool.tick_words, row, ZERO())
    pool.tick_ints[slot] = 0
    pool.tick_ints[slot, TICK_AT] = ints[FREE_SLOT]
    ints[FREE_SLOT] = slot


@njit(cache=True, nogil=True)
def _change_tick_nb(pool: PoolArrays, slot: int, amount: Any, adding: bool, entering: bool) -> None:
    """Change a tick's gross liquidity, and its net: `entering`, more becomes active when the price rises over it."""
    row = slot * TICK_ROWS
    _, gross = _changed_nb(load256(pool.tick_words, row + GROSS), amount, adding)
    store256(pool.tick_words, row + GROSS, gross)
    net = load256(pool.tick_words, row + NET)
    store256(pool.tick_words, row + NET, net + amount if entering else net - amount)


@njit(cache=True, nogil=True)
def inside_nb(pool: PoolArrays, low: int, high: int, token: int) -> Any:
    """Fee growth of a token between the ticks in two slots, X128, modulo 2^256."""
    tick, growth = pool.ints[TICK], load256(pool.words, FEE_GROWTH + token)
    below = load256(pool.tick_words, low * TICK_ROWS + OUTSIDE + token)
    above = load256(pool.tick_words, high * TICK_ROWS + OUTSIDE + token)
    if tick < pool.tick_ints[low, TICK_AT]:
        return below - above
    return growth - below - above if tick < pool.tick_ints[high, TICK_AT] else above - below


@njit(cache=True, nogil=True)
def earned_nb(pool: PoolArrays, position: int, inside: Any, token: int) -> Any:
    """Fees that a position earned since it was last touched: floor, cut to 128 bits as the contract cuts it."""
    row = position * POSITION_ROWS
    growth = inside - load256(pool.position_words, row + INSIDE_LAST + token)
    liquidity = load256(pool.position_words, row + POSITION_LIQUIDITY)
    return to_u256((to_u512(growth) * to_u512(liquidity)) >> 128) & UINT128_MAX()


@njit(cache=True, nogil=True)
def amounts_nb(pool: PoolArrays, low: int, high: int, liquidity: Any, rounding_up: bool) -> tuple[Any, Any]:
    """(amount0, amount1) that liquidity between the ticks in two slots is worth at the pool's price."""
    lowest = load256(pool.tick_words, low * TICK_ROWS + TICK_PRICE)
    highest = load256(pool.tick_words, high * TICK_ROWS + TICK_PRICE)
    tick = pool.ints[TICK]
    if tick < pool.tick_ints[low, TICK_AT]:
        price = lowest
    elif tick < pool.tick_ints[high, TICK_AT]:
        price = load256(pool.words, SQRT_PRICE)
    else:
        price = highest
    amount0 = amount1 = ZERO()
    if price != highest:
        amount0, inexact = amount0_rem_nb(price, highest, liquidity)
        if rounding_up and inexact:
            amount0 = amount0 + 1
    if price != lowest:
        amount1 = amount1_up_nb(lowest, price, liquidity) if rounding_up else amount1_down_nb(lowest, price, liquidity)
    return amount0, amount1


@njit(cache=True, nogil=True)
def _change_nb(pool: PoolArrays, position: int, amount: Any, adding: bool, time: int) -> tuple[int, Any, Any]:
    """(code, amount0, amount1) of adding or taking away liquidity; an amount of zero only updates the fees."""
    lower, upper = pool.position_ticks[position, 0], pool.position_ticks[position, 1]
    code = range_code_nb(lower, upper)
    if code != NONE:
        return code, ZERO(), ZERO()
    low, high = slot_at_nb(pool, lower), slot_at_nb(pool, upper)
    code = _check_nb(pool, position, low, high, amount, adding)
    if code != NONE:
        return code, ZERO(), ZERO()
    if amount != ZERO():
        for end in range(2):
            tick, slot = (lower, low) if end == 0 else (upper, high)
            if slot == 0:
                slot = _new_slot_nb(pool, tick, time)
            _change_tick_nb(pool, slot, amount, adding, adding == (end == 0))
            low, high = (slot, high) if end == 0 else (low, slot)
    words, row = pool.position_words, position * POSITION_ROWS
    for token in range(2):
        inside = inside_nb(pool, low, high, token)
        owed = load256(words, row + OWED + token) + earned_nb(pool, position, inside, token)
        store256(words, row + OWED + token, owed & UINT128_MAX())
        store256(words, row + INSIDE_LAST + token, inside)
    if amount == ZERO():
        return NONE, ZERO(), ZERO()
    _, held = _changed_nb(load256(words, row + POSITION_LIQUIDITY), amount, adding)
    store256(words, row + POSITION_LIQUIDITY, held)
    amount0, amount1 = amounts_nb(pool, low, high, amount, adding)
    if lower <= pool.ints[TICK] < upper:
        before = load256(pool.words, LIQUIDITY)
        write_nb(pool, time, pool.ints[TICK], before)
        _, after = _changed_nb(before, amount, adding)
        store256(pool.words, LIQUIDITY, after)
    for end in range(2):
        slot = low if end == 0 else high
        if load256(pool.tick_words, slot * TICK_ROWS + GROSS) == ZERO():
            _free_slot_nb(pool, slot)
    return NONE, amount0, amount1


@njit(cache=True, nogil=True)
def mint_nb(pool: PoolArrays, position: int, liquidity: Any, time: int) -> tuple[int, Any, Any]:
    """(code, amount0, amount1) owed to the pool, rounded up. Needs room for two more ticks and one position."""
    if pool.ints[CARDINALITY] == 0:
        return LOK, ZERO(), ZERO()
    if liquidity == ZERO() or liquidity > _INT128_MAX():
        return NO_REASON, ZERO(), ZERO()
    return _change_nb(pool, position, liquidity, True, time)


@njit(cache=True, nogil=True)
def burn_nb(pool: PoolArrays, position: int, liquidity: Any, time: int) -> tuple[int, Any, Any]:
    """(code, amount0, amount1) credited to the position, rounded down; liquidity 0 only updates what it is owed."""
    if pool.ints[CARDINALITY] == 0:
        return LOK, ZERO(), ZERO()
    if liquidity > _INT128_MAX():
        return NO_REASON, ZERO(), ZERO()
    code, amount0, amount1 = _change_nb(pool, position, liquidity, False, time)
    if code == NONE:
        row = position * POSITION_ROWS + OWED
        owed0, owed1 = load256(pool.position_words, row) + amount0, load256(pool.position_words, row + 1) + amount1
        store256(pool.position_words, row, owed0 & UINT128_MAX())
        store256(pool.position_words, row + 1, owed1 & UINT128_MAX())
    return code, amount0, amount1


@njit(cache=True, nogil=True)
def collect_nb(pool: PoolArrays, position: int, requested0: Any, requested1: Any) -> tuple[int, Any, Any]:
    """(code, amount0, amount1) paid out of what the position is owed, at most what was requested (uint128)."""
    if pool.ints[CARDINALITY] == 0:
        return LOK, ZERO(), ZERO()
    if requested0 > UINT128_MAX() or requested1 > UINT128_MAX():
        return NO_REASON, ZERO(), ZERO()
    row = position * POSITION_ROWS + OWED
    owed0, owed1 = load256(pool.position_words, row), load256(pool.position_words, row + 1)
    paid0 = requested0 if requested0 < owed0 else owed0
    paid1 = requested1 if requested1 < owed1 else owed1
    store256(pool.position_words, row, owed0 - paid0)
    store256(pool.position_words, row + 1, owed1 - paid1)
    return NONE, paid0, paid1


@njit(cache=True, nogil=True)
def fees_owed_nb(pool: PoolArrays, position: int) -> tuple[Any, Any]:
    """(owed0, owed1) that a poke and a collect would pay now; nothing changes."""
    row = position * POSITION_ROWS
    owed0, owed1 = load256(pool.position_words, row + OWED), load256(pool.position_words, row + OWED + 1)
    if load256(pool.position_words, row + POSITION_LIQUIDITY) == ZERO():
        return owed0, owed1
    low, high = slot_at_nb(pool, pool.position_ticks[position, 0]), slot_at_nb(pool, pool.position_ticks[position, 1])
    owed0 = owed0 + earned_nb(pool, position, inside_nb(pool, low, high, 0), 0)
    owed1 = owed1 + earned_nb(pool, position, inside_nb(pool, low, high, 1), 1)
    return owed0 & UINT128_MAX(), owed1 & UINT128_MAX()
