"""Ticks and square root prices in compiled code, exact: the mirror is `bot.core.amm.tick_math`, its constants too.

A price is a U256 in Q64.96, a tick an int64. Arguments are not checked: the caller keeps a tick within
MIN_TICK..MAX_TICK and a price within MIN_SQRT_RATIO <= price < MAX_SQRT_RATIO.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit

from backtests.kernels.amm.division import all_ones256, div_256_by_128, normalised128
from backtests.kernels.amm.limbs import to_limbs
from backtests.kernels.amm.wide import Wide, const256, limb, load256, to_float, to_u128, to_u192, trailing_zeros64
from bot.core.amm.tick_math import INVERSE_ROOT_POWERS

_U64 = np.uint64
_POWERS: Final = to_limbs(INVERSE_ROOT_POWERS)
_Q128: Final = const256(1 << 128)
_TICKS_PER_LOG: Final = 2 / math.log1p(0.0001)
_ULP_Q96: Final = 2.0**-96
_BAND: Final = 1e-7  # ticks; a hundred times the error of the float proposal below


@njit(cache=True, nogil=True, _nrt=False)
def sqrt_ratio_at_tick_nb(tick: int) -> Wide:
    """Square root price at a tick: the product of the powers of its bits, floored each time, lowest bit first."""
    ratio = _Q128()
    bits = _U64(abs(tick))
    while bits != _U64(0):  # bounded: a turn for each of at most 20 bits
        ratio = (ratio * load256(_POWERS, np.int64(trailing_zeros64(bits)))) >> 128
        bits &= bits - _U64(1)
    if tick > 0:
        normal, shift, v = normalised128(to_u128(ratio))
        ratio = div_256_by_128(all_ones256(), normal, shift, v)[0]
    price = ratio >> 32
    return price + 1 if limb(ratio, 0) & _U64(0xFFFFFFFF) != _U64(0) else price


@njit(cache=True, nogil=True, _nrt=False)
def tick_at_sqrt_ratio_nb(sqrt_price: Wide) -> int:
    """Greatest tick whose square root price is at most the given one.

    A float logarithm proposes; where the proposal is near a tick's own price, integers decide.
    """
    proposal = math.log(to_float(to_u192(sqrt_price)) * _ULP_Q96) * _TICKS_PER_LOG
    tick = math.floor(proposal)
    if _BAND < proposal - tick < 1.0 - _BAND:
        return tick
    nearest = math.floor(proposal + 0.5)
    return nearest if sqrt_ratio_at_tick_nb(nearest) <= sqrt_price else nearest - 1
