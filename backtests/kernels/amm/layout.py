"""The arrays that hold one concentrated-liquidity pool for compiled code, and how they are made, grown and copied.

A 256-bit number is four uint64 limbs, little-endian: row i of a uint64[n, 4] array (signed: two's complement). Ticks
are sparse: a *dense index* is tick / spacing + ints[OFFSET]; `slot_of` maps it to a slot, 0 meaning that the tick is
not initialised. Slot 0 is never given away and stays zero, so reading it gives what the contract's storage gives for an
unknown tick. Kernels only fill these arrays; more capacity is made in Python before a call that could need it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from backtests.kernels.amm.limbs import Limbs, to_limbs
from backtests.kernels.amm.tick_math import sqrt_ratio_at_tick_nb
from backtests.kernels.amm.wide import store256
from bot.core.amm.liquidity_math import max_liquidity_per_tick
from bot.core.amm.tick_math import MAX_TICK, MIN_TICK

Ints = NDArray[np.int64]

# Rows of `words`.
SQRT_PRICE: Final = 0  # Q64.96; 0: not initialised yet
LIQUIDITY: Final = 1  # active, uint128
FEE_GROWTH: Final = 2  # + token: 2 and 3. Global, X128, wraps at 2^256
PROTOCOL: Final = 4  # + token: 4 and 5. Protocol fees not collected yet, uint128
MAX_LIQUIDITY: Final = 6  # gross liquidity that one tick may carry
FEE_DIVISOR: Final = 7  # limbs (multiplier low, multiplier high, shift, 0): how to divide by 1e6 - FEE_PIPS
LIQUIDITY_DIVISOR: Final = 8  # limbs (normalised low, normalised high, shift, reciprocal) of a recent LIQUIDITY, or
#   zeros; a swap checks it against LIQUIDITY and makes it anew where it differs, so nobody else needs to care
WORD_ROWS: Final = 9

# Entries of `ints`.
TICK: Final = 0
FEE_PIPS: Final = 1
SPACING: Final = 2
OFFSET: Final = 3  # dense index of tick 0, a multiple of 256
FEE_PROTOCOL: Final = 4  # + token: 4 and 5. Protocol's share is 1/x of the fee; 0: none
OBSERVATION_INDEX: Final = 6  # newest observation
CARDINALITY: Final = 7  # observations in use; 0: the pool is not initialised
CARDINALITY_NEXT: Final = 8
SLOTS: Final = 9  # slots ever given away, slot 0 included
FREE_SLOT: Final = 10  # first of the slots given back, 0: none; the next one is in its TICK_AT
INT_ENTRIES: Final = 11

# Rows of `tick_words`, per slot: row slot * TICK_ROWS + x.
TICK_PRICE: Final = 0  # square root price at the tick, Q64.96
NET: Final = 1  # liquidity net, int128 in two's complement of 256 bits
GROSS: Final = 2  # liquidity gross, uint128
OUTSIDE: Final = 3  # + token: 3 and 4. Fee growth outside, X128, wraps
SECONDS_PER_LIQUIDITY_OUTSIDE: Final = 5  # X128, uint160, wraps
STORED_ROWS: Final = 6  # those above, which the contract keeps too
WAYS: Final = (
    6  # + WAY_ROWS for token 1 in: what a step to this tick last came to, when it began at a stop. A swap that
)
#   passes the same stretch again reads it here. Not state: zeros, or what any other walk left, give the same swaps.
TICK_ROWS: Final = 18

# Rows of such a step, for each token that came in.
WAY_FROM: Final = 0  # square root price where it began; 0: none yet
WAY_KEY: Final = 1  # liquidity + (protocol's denominator << 128), the other things that decide it
WAY_TOTAL: Final = 2  # paid, fee included: also the least exact input that gets through, because
#   floor(n (1e6 - f) / 1e6) >= paid without fee just when n >= ceil(paid without fee * 1e6 / (1e6 - f))
WAY_OUT: Final = 3
WAY_GROWTH: Final = 4  # what fee growth rose by, X128
WAY_CUT: Final = 5  # the protocol's part of the fee
WAY_ROWS: Final = 6

# Columns of `tick_ints`, per slot.
TICK_AT: Final = 0  # the tick; of a slot given back: the next such slot
TICK_CUMULATIVE_OUTSIDE: Final = 1  # int56, wraps
SECONDS_OUTSIDE: Final = 2  # uint32, wraps
TICK_COLUMNS: Final = 3

# Rows of `position_words`, per position: row position * POSITION_ROWS + x.
POSITION_LIQUIDITY: Final = 0
INSIDE_LAST: Final = 1  # + token: 1 and 2. Fee growth inside at the last touch, X128
OWED: Final = 3  # + token: 3 and 4. uint128, wraps as the contract's does
POSITION_ROWS: Final = 5

# Columns of `observation_ints`.
OBSERVED_AT: Final = 0  # uint32 seconds
TICK_CUMULATIVE: Final = 1  # int56, wraps
OBSERVED: Final = 2  # 1: written at least once since initialisation
OBSERVATION_COLUMNS: Final = 3

WORD_TICKS: Final = 256  # dense indices that share a word of the contract's bitmap
MAX_OBSERVATIONS: Final = 65_535
_LEAST_SLOTS: Final = 16


class PoolArrays(NamedTuple):
    """One pool. Every array is C-contiguous; shapes and dtypes never change, only the capacities (first axes)."""

    words: Limbs  # [WORD_ROWS, 4] SQRT_PRICE, LIQUIDITY, FEE_GROWTH + token, PROTOCOL + token, MAX_LIQUIDITY
    ints: Ints  # [INT_ENTRIES] TICK, FEE_PIPS, SPACING, OFFSET, ...
    bitmap: Limbs  # [dense / 64] bit (dense & 63) of entry (dense >> 6): the tick is initialised
    slot_of: NDArray[np.int32]  # [dense] slot of the tick's data, 0: not initialised
    word_edges: Limbs  # [2 * dense / 256, 4] square root price of a word's lowest (2w) and highest (2w + 1) tick,
    #   clamped to MIN_TICK..MAX_TICK: where a swap stops when the word has no further tick. Shared between pools.
    tick_words: Limbs  # [slots * TICK_ROWS, 4] TICK_PRICE, NET, GROSS, OUTSIDE + token, ...
    tick_ints: Ints  # [slots, TICK_COLUMNS] TICK_AT, TICK_CUMULATIVE_OUTSIDE, SECONDS_OUTSIDE
    crossed: NDArray[np.int32]  # [slots] scratch of a swap: slots crossed so far, in order
    growth_at: Limbs  # [slots, 4] scratch of a swap: fee growth (of the input token) at those crossings
    position_words: Limbs  # [positions * POSITION_ROWS, 4] POSITION_LIQUIDITY, INSIDE_LAST + token, OWED + token
    position_ticks: Ints  # [positions, 2] lower and upper tick
    observation_ints: Ints  # [observations, OBSERVATION_COLUMNS] OBSERVED_AT, TICK_CUMULATIVE, OBSERVED
    observation_words: Limbs  # [observations, 4] seconds per liquidity X128, uint160, wraps


def new_pool(fee_pips: int, tick_spacing: int, slots: int = 64, positions: int = 16) -> PoolArrays:
    """The arrays of a pool that is not initialised yet, with room for so many ticks and positions, one observation.

    Raises ValueError for a fee outside 0..999,999 pips or a spacing outside 1..16,383. The dense arrays are zero pages
    that the system hands out on first touch: a spacing of 1 costs some 100 kB until liquidity is spread out.
    """
    if not 0 <= fee_pips < 1_000_000:
        raise ValueError(f"a fee must be within 0..999999 pips (got {fee_pips})")
    offset, dense = dense_range(tick_spacing)
    ints = np.zeros(INT_ENTRIES, dtype=np.int64)
    ints[[FEE_PIPS, SPACING, OFFSET, SLOTS]] = fee_pips, tick_spacing, offset, 1
    words = np.zeros((WORD_ROWS, 4), dtype=np.uint64)
    multiplier, shift = fixed_divisor(1_000_000 - fee_pips)
    words[MAX_LIQUIDITY], words[FEE_DIVISOR] = to_limbs((max_liquidity_per_tick(tick_spacing), multiplier))
    words[FEE_DIVISOR, 2] = shift
    slots = max(slots + 1, _LEAST_SLOTS)
    return PoolArrays(
        words=words,
        ints=ints,
        bitmap=np.zeros(dense // 64, dtype=np.uint64),
        slot_of=np.zeros(dense, dtype=np.int32),
        word_edges=word_edges(tick_spacing),
        tick_words=np.zeros((slots * TICK_ROWS, 4), dtype=np.uint64),
        tick_ints=np.zeros((slots, TICK_COLUMNS), dtype=np.int64),
        crossed=np.zeros(slots, dtype=np.int32),
        growth_at=np.zeros((slots, 4), dtype=np.uint64),
        position_words=np.zeros((max(positions, 1) * POSITION_ROWS, 4), dtype=np.uint64),
        position_ticks=np.zeros((max(positions, 1), 2), dtype=np.int64),
        observation_ints=np.zeros((1, OBSERVATION_COLUMNS), dtype=np.int64),
        observation_words=np.zeros((1, 4), dtype=np.uint64),
    )


def fixed_divisor(divisor: int) -> tuple[int, int]:
    """(multiplier, shift) with n // divisor == n * multiplier >> shift for every n below 2^127; multiplier below 2^128.

    The divisor is within 1..2^64. With 2^(k-1) < divisor <= 2^k and shift = 127 + k, the multiplier is 2^shift /
    divisor rounded up, too large by less than 1, which for such n stays below the next quotient.
    """
    shift = 127 + (divisor - 1).bit_length()
    return -(-(1 << shift) // divisor), shift


def with_capacity(pool: PoolArrays, slots: int = 0, positions: int = 0, observations: int = 0) -> PoolArrays:
    """The same pool with room for at least so many ticks, positions and observations, its arrays shared where they fit.

    Capacities double, so that growing one by one costs a constant share.
    """
    held = len(pool.tick_ints)
    if slots + 1 > held:
        held = max(slots + 1, 2 * held)
        pool = pool._replace(
            tick_words=_grown(pool.tick_words, held * TICK_ROWS),
            tick_ints=_grown(pool.tick_ints, held),
            crossed=_grown(pool.crossed, held),
            growth_at=_grown(pool.growth_at, held),
        )
    held = len(pool.position_ticks)
    if positions > held:
        held = max(positions, 2 * held)
        pool = pool._replace(
            position_words=_grown(pool.position_words, held * POSITION_ROWS),
            position_ticks=_grown(pool.position_ticks, held),
        )
    held = len(pool.observation_ints)
    if observations > held:
        held = min(max(observations, 2 * held), MAX_OBSERVATIONS)
        pool = pool._replace(
            observation_ints=_grown(pool.observation_ints, held),
            observation_words=_grown(pool.observation_words, held),
        )
    return pool


def copied(pool: PoolArrays) -> PoolArrays:
    """A pool of its own with the same state. Costs the ticks and positions in use, not the dense arrays' length."""
    # Not zeros_like, which writes every zero: these are pages that the system hands out on first touch.
    bitmap = np.zeros(len(pool.bitmap), dtype=np.uint64)
    slot_of = np.zeros(len(pool.slot_of), dtype=np.int32)
    slots = initialised_slots(pool)
    dense = pool.tick_ints[slots, TICK_AT] // pool.ints[SPACING] + pool.ints[OFFSET]
    slot_of[dense] = slots
    bitmap[dense >> 6] = pool.bitmap[dense >> 6]
    copies = {name: array.copy() for name, array in pool._asdict().items() if name not in _NOT_COPIED}
    return pool._replace(bitmap=bitmap, slot_of=slot_of, **copies)


_NOT_COPIED: Final = ("bitmap", "slot_of", "word_edges")


def initialised_slots(pool: PoolArrays) -> NDArray[np.int64]:
    """Slots of the initialised ticks, in no order worth knowing."""
    used = int(pool.ints[SLOTS])
    gross = pool.tick_words.reshape(-1, TICK_ROWS, 4)[:used, GROSS]
    return np.flatnonzero(gross.any(axis=1))


def dense_range(tick_spacing: int) -> tuple[int, int]:
    """(dense index of tick 0, number of dense indices): whole words that cover every tick a swap can look at.

    Raises ValueError for a spacing outside 1..16,383.
    """
    if not 0 < tick_spacing < 16_384:
        raise ValueError(f"a tick spacing must be within 1..16383 (got {tick_spacing})")
    lowest = MIN_TICK // tick_spacing  # floor: the word that a swap at the lowest price looks at
    highest = MAX_TICK // tick_spacing + 1  # an upward search starts one above the current tick
    offset = -(lowest // WORD_TICKS) * WORD_TICKS
    return offset, offset + (highest // WORD_TICKS + 1) * WORD_TICKS


@lru_cache(maxsize=32)
def word_edges(tick_spacing: int) -> Limbs:
    """Square root prices where a swap stops at the ends of bitmap words, as in PoolArrays. Shared: never written to."""
    offset, dense = dense_range(tick_spacing)
    edges = np.empty((2 * dense // WORD_TICKS, 4), dtype=np.uint64)
    _fill_edges_nb(edges, offset, tick_spacing)
    return edges


@njit(cache=True, nogil=True)
def _fill_edges_nb(edges: Limbs, offset: int, spacing: int) -> None:
    for row in range(len(edges)):
        compressed = (row >> 1) * WORD_TICKS - offset + (WORD_TICKS - 1) * (row & 1)
        tick = min(max(compressed * spacing, MIN_TICK), MAX_TICK)
        store256(edges, row, sqrt_ratio_at_tick_nb(tick))


def _grown(array: NDArray[Any], length: int) -> NDArray[Any]:
    larger = np.zeros((length, *array.shape[1:]), dtype=array.dtype)
    larger[: len(array)] = array
    return larger
