"""Recorded events applied to a pool and verified, in compiled code. The mirror is `bot.core.amm.events.apply_event`.

A whole slice of a log is one call. Nothing is thrown: the first event that does not come out as it was recorded ends
the slice with its row, the field, and what the pool found.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from backtests.kernels.amm.concentrated import amounts_nb, settle_nb, walk_nb, widest_limit_nb
from backtests.kernels.amm.layout import (
    CARDINALITY_NEXT,
    SQRT_PRICE,
    TICK,
    PoolArrays,
)
from backtests.kernels.amm.limbs import Limbs
from backtests.kernels.amm.oracle import MASK32
from backtests.kernels.amm.positions import burn_nb, collect_nb, mint_nb
from backtests.kernels.amm.upkeep import (
    collect_protocol_nb,
    flash_nb,
    grow_observations_nb,
    initialize_nb,
    set_fee_protocol_nb,
)
from backtests.kernels.amm.wide import (
    Wide,
    const256,
    is_negative256,
    limb,
    load256,
    neg256,
    store256,
    to_u256,
)
from bot.core.amm.events import Kind
from bot.core.amm.reverts import Revert
from bot.core.fixedpoint import INT256_MAX, UINT128_MAX

# What a swap's trader asked for; also the codes that `Replayed.style` holds.
EXACT_IN: Final = 0
EXACT_OUT: Final = 1
TO_LIMIT: Final = 2

# Fields of an event in which log and pool can differ.
AGREED: Final = 0
CALL: Final = 1  # the pool refuses it
AMOUNT0: Final = 2
AMOUNT1: Final = 3
PRICE: Final = 4
TICK_FIELD: Final = 5
LIQUIDITY_FIELD: Final = 6
FIELDS: Final = ("", "call", "amount0", "amount1", "sqrt_price_x96", "tick", "liquidity")

NONE: Final = int(Revert.NONE)
_INITIALIZE: Final = int(Kind.INITIALIZE)
_MINT: Final = int(Kind.MINT)
_BURN: Final = int(Kind.BURN)
_COLLECT: Final = int(Kind.COLLECT)
_SWAP: Final = int(Kind.SWAP)
_FLASH: Final = int(Kind.FLASH)
_SET_FEE_PROTOCOL: Final = int(Kind.SET_FEE_PROTOCOL)
_COLLECT_PROTOCOL: Final = int(Kind.COLLECT_PROTOCOL)

_zero: Final = const256(0)
_no_amount: Final = const256(INT256_MAX)
_uint128_max: Final = const256(UINT128_MAX)
_U64 = np.uint64


class EventArrays(NamedTuple):
    """Columns of a log, n rows each, as `bot.pool_log.PoolLog` has them; `position`: rows of the pool's positions."""

    kind: NDArray[np.int8]
    time: NDArray[np.int64]
    position: NDArray[np.int32]
    tick: NDArray[np.int32]
    liquidity: Limbs
    amount0: Limbs
    amount1: Limbs
    sqrt_price_x96: Limbs


RecordedSwap = tuple[Wide, Wide, Wide, int, Wide]
"""amount0, amount1, square root price, tick and liquidity of a swap's event."""


@njit(cache=True, nogil=True)
def _signed_nb(value: int) -> Wide:
    """A 256-bit two's complement number of an int64."""
    return to_u256(_U64(value)) if value >= 0 else neg256(to_u256(_U64(-value)))


@njit(cache=True, nogil=True)
def _amounts_differ_nb(events: EventArrays, row: int, amount0: Wide, amount1: Wide, found: Limbs) -> int:
    """The first of both amounts that is not the recorded one, AGREED when both are."""
    if amount0 != load256(events.amount0, row):
        store256(found, 0, amount0)
        return AMOUNT0
    if amount1 != load256(events.amount1, row):
        store256(found, 0, amount1)
        return AMOUNT1
    return AGREED


@njit(cache=True, nogil=True)
def _difference_nb(
    amount0: Wide, amount1: Wide, price: Wide, tick: int, liquidity: Wide, swap: RecordedSwap
) -> tuple[int, Wide]:
    """(the first field in which a walked swap is not the recorded one, what it is instead), or AGREED."""
    if amount0 != swap[0]:
        return AMOUNT0, amount0
    if amount1 != swap[1]:
        return AMOUNT1, amount1
    if price != swap[2]:
        return PRICE, price
    if tick != swap[3]:
        return TICK_FIELD, _signed_nb(tick)
    if liquidity != swap[4]:
        return LIQUIDITY_FIELD, liquidity
    return AGREED, _zero()


@njit(cache=True, nogil=True)
def _order_nb(amount0: Wide, amount1: Wide, price: Wide, style: int, zero_for_one: bool) -> tuple[Wide, Wide]:
    """(amount specified, limit) of a swap with these amounts and this price afterwards, in one of the three styles."""
    if style == TO_LIMIT:
        return _no_amount(), price
    paid_in_token0 = zero_for_one == (style == EXACT_IN)
    return (amount0 if paid_in_token0 else amount1), widest_limit_nb(zero_for_one)


@njit(cache=True, nogil=True)
def recorded_call_nb(events: EventArrays, row: int, style: int, zero_for_one: bool) -> tuple[Wide, Wide]:
    """(amount specified, limit) of a recorded swap in one of the three styles."""
    amount0, amount1 = load256(events.amount0, row), load256(events.amount1, row)
    return _order_nb(amount0, amount1, load256(events.sqrt_price_x96, row), style, zero_for_one)


@njit(cache=True, nogil=True)
def replay_swap_nb(pool: PoolArrays, swap: RecordedSwap, time: int) -> tuple[int, int, Wide, int, bool, int]:
    """(field that differs, revert code, what the pool has there, style, zero_for_one, ticks crossed) of one recorded
    swap, done if it agrees.

    Tries exact input, exact output, then all the way to the recorded price: walks, of which only one that agrees moves
    the pool. What is told of a swap that none explains is the first try's.
    """
    zero = _zero()
    amount0, amount1, wanted = swap[0], swap[1], swap[2]
    nothing = amount0 == zero and amount1 == zero
    zero_for_one = not is_negative256(amount0) and amount0 != zero
    if nothing:
        zero_for_one = wanted < load256(pool.words, SQRT_PRICE)
    given = is_negative256(amount0) or is_negative256(amount1)
    first_field, first_code, first_found = AGREED, NONE, zero
    style = TO_LIMIT if nothing else EXACT_IN
    while style <= TO_LIMIT:
        amount, limit = _order_nb(amount0, amount1, wanted, style, zero_for_one)
        code, price, tick, liquidity, divisor, growth, protocol, specified, other, crossings = walk_nb(
            pool, zero_for_one, amount, limit
        )
        field, value = CALL, zero
        if code == NONE:
            had0, had1 = amounts_nb(zero_for_one, style != EXACT_OUT, specified, other)
            field, value = _difference_nb(had0, had1, price, tick, liquidity, swap)
        if field == AGREED:
            settle_nb(pool, zero_for_one, time, price, tick, liquidity, divisor, growth, protocol, crossings)
            return AGREED, NONE, zero, style, zero_for_one, crossings
        if first_field == AGREED:
            first_field, first_code, first_found = field, code, value
        style += 1 if given or style != EXACT_IN else 2
    return first_field, first_code, first_found, 0, zero_for_one, 0


@njit(cache=True, nogil=True)
def replay_other_nb(pool: PoolArrays, events: EventArrays, row: int, found: Limbs) -> tuple[int, int]:
    """(field that differs, revert code) of one recorded event that is no swap, done."""
    kind, time = events.kind[row], events.time[row] & MASK32
    amount0, amount1 = load256(events.amount0, row), load256(events.amount1, row)
    position = np.int64(events.position[row])
    if kind == _MINT:
        code, given0, given1 = mint_nb(pool, position, load256(events.liquidity, row), time)
    elif kind == _BURN:
        code, given0, given1 = burn_nb(pool, position, load256(events.liquidity, row), time)
    elif kind == _COLLECT:
        code, given0, given1 = collect_nb(pool, position, amount0, amount1)
    elif kind == _COLLECT_PROTOCOL:
        code, given0, given1 = collect_protocol_nb(pool, amount0, amount1)
    elif kind == _FLASH:
        code, given0, given1 = flash_nb(pool, amount0, amount1), amount0, amount1
    elif kind == _SET_FEE_PROTOCOL:
        code = set_fee_protocol_nb(pool, np.int64(limb(amount0, 0)), np.int64(limb(amount1, 0)))
        given0, given1 = amount0, amount1
    elif kind == _INITIALIZE:
        code, given0, given1 = initialize_nb(pool, load256(events.sqrt_price_x96, row), time), amount0, amount1
        if code == NONE and pool.ints[TICK] != events.tick[row]:
            store256(found, 0, _signed_nb(pool.ints[TICK]))
            return TICK_FIELD, NONE
    else:
        given0 = to_u256(_U64(pool.ints[CARDINALITY_NEXT]))
        code = grow_observations_nb(pool, np.int64(limb(amount1, 0)))
        given1 = to_u256(_U64(pool.ints[CARDINALITY_NEXT]))
    if code != NONE:
        return CALL, code
    return _amounts_differ_nb(events, row, given0, given1, found), NONE


@njit(cache=True, nogil=True)
def replay_slice_nb(
    pool: PoolArrays,
    events: EventArrays,
    start: int,
    stop: int,
    style: NDArray[np.int8],
    zero_for_one: NDArray[np.bool_],
    found: Limbs,
) -> tuple[int, int, int, int]:
    """(row, field, revert code, ticks crossed): `stop`, AGREED, NONE when all rows start..stop-1 came out as recorded.

    Else the first row that did not; `found` (one row of limbs): what the pool has in that field. The arrays must have
    room for every tick, position and observation of the slice. Fills `style` and `zero_for_one` of the swaps.
    """
    crossed = 0
    for row in range(start, stop):
        if events.kind[row] == _SWAP:
            swap = (
                load256(events.amount0, row),
                load256(events.amount1, row),
                load256(events.sqrt_price_x96, row),
                np.int64(events.tick[row]),
                load256(events.liquidity, row),
            )
            field, code, value, style[row], zero_for_one[row], crossings = replay_swap_nb(
                pool, swap, events.time[row] & MASK32
            )
            store256(found, 0, value)
            crossed += crossings
        else:
            field, code = replay_other_nb(pool, events, row, found)
        if field != AGREED:
            return row, field, code, crossed
    return stop, AGREED, NONE, crossed


def found_value(field: int, found: Limbs) -> int:
    """What the pool has in a field that differs, as a Python int."""
    signed = field in (AMOUNT0, AMOUNT1, TICK_FIELD)
    return int.from_bytes(found[0].tobytes(), "little", signed=signed)
