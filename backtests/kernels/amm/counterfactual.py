"""Recorded calls made in a pool that is not the recorded one, in compiled code: a whole slice of a log is one call.

Nothing is verified, because nothing has to come out as recorded. What the pool refuses is left out and counted. The
mirror is `backtests.lp.counterfactual.Player`, which also says what is assumed.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from backtests.kernels.amm.concentrated import NONE, swap_nb
from backtests.kernels.amm.division import mul_div_down, mul_div_up
from backtests.kernels.amm.events import CALL, EventArrays, recorded_call_nb, replay_other_nb
from backtests.kernels.amm.layout import SQRT_PRICE, PoolArrays
from backtests.kernels.amm.limbs import Limbs
from backtests.kernels.amm.oracle import MASK32
from backtests.kernels.amm.wide import Wide, const256, load256, to_float
from bot.core.amm.events import Kind
from bot.core.amm.tick_math import MAX_SQRT_RATIO, MIN_SQRT_RATIO
from bot.core.fixedpoint import INT256_MAX, Q128

# Entries of `counts`.
SWAPS: Final = 0
REFUSED: Final = 1
ARBITRAGES: Final = 2
COUNTS: Final = 3

_SWAP: Final = int(Kind.SWAP)
_no_amount: Final = const256(INT256_MAX)
_q128: Final = const256(Q128)
_lowest: Final = const256(MIN_SQRT_RATIO + 1)
_highest: Final = const256(MAX_SQRT_RATIO - 1)


@njit(cache=True, nogil=True)
def _arbitrage_nb(pool: PoolArrays, recorded: Wide, roots_of_fee: Limbs, time: int) -> int:
    """1 after a swap to the nearer end of the band around a recorded price, 0 where the pool is within it.

    roots_of_fee: sqrt(1 - f) rounded down and 1 / sqrt(1 - f) rounded up, times 2^128.
    """
    price = load256(pool.words, SQRT_PRICE)
    low = mul_div_down(recorded, load256(roots_of_fee, 0), _q128())[1]
    high = mul_div_up(recorded, load256(roots_of_fee, 1), _q128())[1]
    low = low if low > _lowest() else _lowest()
    high = high if high < _highest() else _highest()
    if price < low:
        swap_nb(pool, False, _no_amount(), low, time)
        return 1
    if price > high:
        swap_nb(pool, True, _no_amount(), high, time)
        return 1
    return 0


@njit(cache=True, nogil=True)
def play_slice_nb(
    pool: PoolArrays,
    events: EventArrays,
    block: NDArray[np.int64],
    style: NDArray[np.int8],
    zero_for_one: NDArray[np.bool_],
    arbitrage: bool,
    roots_of_fee: Limbs,
    start: int,
    stop: int,
    found: Limbs,
    roots: NDArray[np.float64],
    counts: NDArray[np.int64],
) -> None:
    """Makes the calls of rows start..stop-1, and with `arbitrage` trades the pool back at the end of each block.

    Adds to `counts` and fills `roots`, one square root price after each row. The arrays must have room for every tick,
    position and observation of the slice; `found`: two rows of scratch.
    """
    last_swap = -1  # of the block
    for row in range(start, stop):
        time = events.time[row] & MASK32
        if events.kind[row] == _SWAP:
            last_swap = row
            amount, limit = recorded_call_nb(events, row, style[row], zero_for_one[row])
            code = swap_nb(pool, zero_for_one[row], amount, limit, time)[0]
            counts[SWAPS if code == NONE else REFUSED] += 1
        elif replay_other_nb(pool, events, row, found)[0] == CALL:
            counts[REFUSED] += 1
        if row + 1 == len(block) or block[row + 1] != block[row]:
            if arbitrage and last_swap >= 0:
                recorded = load256(events.sqrt_price_x96, last_swap)
                counts[ARBITRAGES] += _arbitrage_nb(pool, recorded, roots_of_fee, time)
            last_swap = -1
        roots[row - start] = to_float(load256(pool.words, SQRT_PRICE)) * 2.0**-96
