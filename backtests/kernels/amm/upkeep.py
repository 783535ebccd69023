"""What happens to a pool besides trades and positions: initialisation, flash loans' fees, the protocol's share.

Compiled; every kernel starts its result with a number of `Revert` and has changed nothing unless it is NONE. The mirror
is `bot.core.amm.pool_state`.
"""

from __future__ import annotations

from typing import Any, Final

from numba import njit, uint64

from backtests.kernels.amm.division import div_u256, mul_div_down
from backtests.kernels.amm.layout import (
    CARDINALITY,
    FEE_GROWTH,
    FEE_PROTOCOL,
    LIQUIDITY,
    PROTOCOL,
    SQRT_PRICE,
    TICK,
    PoolArrays,
)
from backtests.kernels.amm.oracle import NO_REASON, NONE, grow_nb, start_nb
from backtests.kernels.amm.positions import LOK, UINT128_MAX, ZERO
from backtests.kernels.amm.tick_math import tick_at_sqrt_ratio_nb
from backtests.kernels.amm.wide import const256, load256, store256, to_u256
from bot.core.amm.reverts import Revert
from bot.core.amm.tick_math import MAX_SQRT_RATIO, MIN_SQRT_RATIO

_AI: Final = int(Revert.AI)
_R: Final = int(Revert.R)
_L: Final = int(Revert.L)
_LEAST_SHARE: Final = 4  # the protocol may take between a quarter and a tenth of the fees
_MOST_SHARE: Final = 10

_ONE: Final = const256(1)
_Q128: Final = const256(1 << 128)
_LOWEST_PRICE: Final = const256(MIN_SQRT_RATIO)
_PRICES_END: Final = const256(MAX_SQRT_RATIO)


@njit(cache=True, nogil=True)
def initialize_nb(pool: PoolArrays, sqrt_price: Any, time: int) -> int:
    """Code of setting the first price: AI when there is one, R outside the legal prices."""
    if pool.ints[CARDINALITY] != 0:
        return _AI
    if sqrt_price < _LOWEST_PRICE() or sqrt_price >= _PRICES_END():
        return _R
    store256(pool.words, SQRT_PRICE, sqrt_price)
    pool.ints[TICK] = tick_at_sqrt_ratio_nb(sqrt_price)
    start_nb(pool, time)
    return NONE


@njit(cache=True, nogil=True)
def _flash_growth_nb(pool: PoolArrays, paid: Any, token: int) -> tuple[int, Any, Any]:
    """(code, protocol's part, growth per liquidity X128) of a flash loan's fee in one token."""
    protocol = ZERO()
    if pool.ints[FEE_PROTOCOL + token] != 0:
        protocol = div_u256(paid, to_u256(uint64(pool.ints[FEE_PROTOCOL + token])))[0]
    fits, growth = mul_div_down(paid - protocol, _Q128(), load256(pool.words, LIQUIDITY))
    return (NONE if fits else NO_REASON), protocol, growth


@njit(cache=True, nogil=True)
def flash_nb(pool: PoolArrays, paid0: Any, paid1: Any) -> int:
    """Code of crediting the fees that a flash loan paid above its principal; L when nobody is there to earn them."""
    if pool.ints[CARDINALITY] == 0:
        return LOK
    if load256(pool.words, LIQUIDITY) == ZERO():
        return _L
    code0, protocol0, growth0 = _flash_growth_nb(pool, paid0, 0)
    code1, protocol1, growth1 = _flash_growth_nb(pool, paid1, 1)
    if code0 != NONE or code1 != NONE:
        return NO_REASON
    store256(pool.words, FEE_GROWTH, load256(pool.words, FEE_GROWTH) + growth0)
    store256(pool.words, FEE_GROWTH + 1, load256(pool.words, FEE_GROWTH + 1) + growth1)
    store256(pool.words, PROTOCOL, (load256(pool.words, PROTOCOL) + protocol0) & UINT128_MAX())
    store256(pool.words, PROTOCOL + 1, (load256(pool.words, PROTOCOL + 1) + protocol1) & UINT128_MAX())
    return NONE


@njit(cache=True, nogil=True)
def set_fee_protocol_nb(pool: PoolArrays, denominator0: int, denominator1: int) -> int:
    """Code of setting the protocol's share of each token's fees to 1/denominator, 4..10, or 0 for none."""
    if pool.ints[CARDINALITY] == 0:
        return LOK
    for denominator in (denominator0, denominator1):
        if denominator != 0 and not _LEAST_SHARE <= denominator <= _MOST_SHARE:
            return NO_REASON
    pool.ints[FEE_PROTOCOL] = denominator0
    pool.ints[FEE_PROTOCOL + 1] = denominator1
    return NONE


@njit(cache=True, nogil=True)
def _protocol_paid_nb(pool: PoolArrays, requested: Any, token: int) -> Any:
    """What one token's protocol fees pay: one unit always stays, so that the contract's storage is never cleared."""
    owed = load256(pool.words, PROTOCOL + token)
    paid = requested if requested < owed else owed
    if paid == ZERO():
        return paid
    if paid == owed:
        paid = paid - _ONE()
    store256(pool.words, PROTOCOL + token, owed - paid)
    return paid


@njit(cache=True, nogil=True)
def collect_protocol_nb(pool: PoolArrays, requested0: Any, requested1: Any) -> tuple[int, Any, Any]:
    """(code, amount0, amount1) paid out of the protocol's fees, at most what was requested (uint128)."""
    if pool.ints[CARDINALITY] == 0:
        return LOK, ZERO(), ZERO()
    if requested0 > UINT128_MAX() or requested1 > UINT128_MAX():
        return NO_REASON, ZERO(), ZERO()
    return NONE, _protocol_paid_nb(pool, requested0, 0), _protocol_paid_nb(pool, requested1, 1)


@njit(cache=True, nogil=True)
def grow_observations_nb(pool: PoolArrays, cardinality_next: int) -> int:
    """Code of reserving observations, 0..65,535; the arrays must have the room."""
    if pool.ints[CARDINALITY] == 0:
        return LOK
    grow_nb(pool, cardinality_next)
    return NONE
