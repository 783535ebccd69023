"""A constant product pair in compiled code. The mirror, with the sources, is `bot.core.amm.constant_product`.

Amounts, reserves and liquidity are U256 raw units; `time` is below 2^32. Every kernel starts its result with a number
of `PairRevert` and has changed nothing unless it is NONE. Price accumulators wrap at 2^256, as the contract's do.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit, uint64

from backtests.kernels.amm.division import div_u256, sqrt_u256
from backtests.kernels.amm.layout import Ints
from backtests.kernels.amm.limbs import Limbs
from backtests.kernels.amm.wide import const256, load256, store256, to_u256, to_u384, to_u512
from bot.core.amm.constant_product import MINIMUM_LIQUIDITY, RESERVE_MAX, PairRevert

# Rows of `words`.
RESERVE: Final = 0  # + token: 0 and 1
SUPPLY: Final = 2  # liquidity, the burnt MINIMUM_LIQUIDITY included
PROTOCOL_LIQUIDITY: Final = 3  # part of it that was minted for the protocol's fee
PRICE_CUMULATIVE: Final = 4  # + token: 4 and 5. Seconds times UQ112.112
K_LAST: Final = 6  # product of the reserves after the last mint or burn with the fee on
PAIR_ROWS: Final = 7

# Entries of `ints`.
FEE_ON: Final = 0  # 1: the protocol takes a sixth of the fees
UPDATED_AT: Final = 1  # uint32 seconds of the last change of the reserves
PAIR_INTS: Final = 2

NONE: Final = int(PairRevert.NONE)
_NO_REASON: Final = int(PairRevert.NO_REASON)
_NOTHING_MINTED: Final = int(PairRevert.INSUFFICIENT_LIQUIDITY_MINTED)
_NOTHING_BURNED: Final = int(PairRevert.INSUFFICIENT_LIQUIDITY_BURNED)
_NOTHING_OUT: Final = int(PairRevert.INSUFFICIENT_OUTPUT_AMOUNT)
_TOO_MUCH_OUT: Final = int(PairRevert.INSUFFICIENT_LIQUIDITY)
_NOTHING_IN: Final = int(PairRevert.INSUFFICIENT_INPUT_AMOUNT)
_K: Final = int(PairRevert.K)
_OVERFLOW: Final = int(PairRevert.OVERFLOW)
_SUB_UNDERFLOW: Final = int(PairRevert.SUB_UNDERFLOW)
_MUL_OVERFLOW: Final = int(PairRevert.MUL_OVERFLOW)

_MASK32: Final = (1 << 32) - 1
_FEE_BASE: Final = 1000
_FEE: Final = 3
_KEPT: Final = _FEE_BASE - _FEE
_ZERO: Final = const256(0)
_ONE: Final = const256(1)
_LOCKED: Final = const256(MINIMUM_LIQUIDITY)
_RESERVE_MAX: Final = const256(RESERVE_MAX)
_UINT256_MAX: Final = const256((1 << 256) - 1)


class PairArrays(NamedTuple):
    """One pair."""

    words: Limbs  # [PAIR_ROWS, 4] RESERVE + token, SUPPLY, ...
    ints: Ints  # [PAIR_INTS] FEE_ON, UPDATED_AT


def new_pair(fee_on: bool = False) -> PairArrays:
    """A pair without reserves."""
    pair = PairArrays(np.zeros((PAIR_ROWS, 4), dtype=np.uint64), np.zeros(PAIR_INTS, dtype=np.int64))
    pair.ints[FEE_ON] = fee_on
    return pair


@njit(cache=True, nogil=True)
def _product_nb(a: Any, b: Any) -> tuple[bool, Any]:
    """(whether it fits 256 bits, a * b)."""
    product = to_u512(a) * to_u512(b)
    return product <= to_u512(_UINT256_MAX()), to_u256(product)


@njit(cache=True, nogil=True)
def _fee_liquidity_nb(pair: PairArrays) -> Any:
    """Liquidity that the protocol's fee mints now: a sixth of the growth of the root of k since the last time."""
    last = load256(pair.words, K_LAST)
    if pair.ints[FEE_ON] == 0 or last == _ZERO():
        return _ZERO()
    root = sqrt_u256(load256(pair.words, RESERVE) * load256(pair.words, RESERVE + 1))
    root_last = sqrt_u256(last)
    if root <= root_last:
        return _ZERO()
    return div_u256(load256(pair.words, SUPPLY) * (root - root_last), root * uint64(5) + root_last)[0]


@njit(cache=True, nogil=True)
def _settle_nb(pair: PairArrays, balance0: Any, balance1: Any, time: int) -> int:
    """Code; new reserves, the prices before them accumulated over the time that they held."""
    if balance0 > _RESERVE_MAX() or balance1 > _RESERVE_MAX():
        return _OVERFLOW
    words = pair.words
    reserve0, reserve1 = load256(words, RESERVE), load256(words, RESERVE + 1)
    elapsed = (time - pair.ints[UPDATED_AT]) & _MASK32
    if elapsed != 0 and reserve0 != _ZERO() and reserve1 != _ZERO():
        price0 = div_u256(reserve1 << 112, reserve0)[0] * uint64(elapsed)
        price1 = div_u256(reserve0 << 112, reserve1)[0] * uint64(elapsed)
        store256(words, PRICE_CUMULATIVE, load256(words, PRICE_CUMULATIVE) + price0)
        store256(words, PRICE_CUMULATIVE + 1, load256(words, PRICE_CUMULATIVE + 1) + price1)
    store256(words, RESERVE, balance0)
    store256(words, RESERVE + 1, balance1)
    pair.ints[UPDATED_AT] = time
    return NONE


@njit(cache=True, nogil=True)
def _end_nb(pair: PairArrays, supply: Any, minted_fee: Any) -> None:
    words = pair.words
    store256(words, SUPPLY, supply)
    store256(words, PROTOCOL_LIQUIDITY, load256(words, PROTOCOL_LIQUIDITY) + minted_fee)
    k = load256(words, RESERVE) * load256(words, RESERVE + 1)
    store256(words, K_LAST, k if pair.ints[FEE_ON] != 0 else _ZERO())


@njit(cache=True, nogil=True)
def _minted_nb(pair: PairArrays, amount0: Any, amount1: Any, supply: Any) -> tuple[int, Any]:
    """(code, liquidity that two amounts mint)."""
    reserve0, reserve1 = load256(pair.words, RESERVE), load256(pair.words, RESERVE + 1)
    if supply == _ZERO():
        fits, product = _product_nb(amount0, amount1)
        root = sqrt_u256(product)
        if not fits:
            return _MUL_OVERFLOW, root
        if root < _LOCKED():
            return _SUB_UNDERFLOW, root
        liquidity = root - _LOCKED()
    else:
        if reserve0 == _ZERO() or reserve1 == _ZERO():
            return _NO_REASON, _ZERO()
        fits0, share0 = _product_nb(amount0, supply)
        fits1, share1 = _product_nb(amount1, supply)
        if not (fits0 and fits1):
            return _MUL_OVERFLOW, _ZERO()
        share0, share1 = div_u256(share0, reserve0)[0], div_u256(share1, reserve1)[0]
        liquidity = share0 if share0 < share1 else share1
    return (NONE if liquidity != _ZERO() else _NOTHING_MINTED), liquidity


@njit(cache=True, nogil=True)
def mint_pair_nb(pair: PairArrays, amount0: Any, amount1: Any, time: int) -> tuple[int, Any]:
    """(code, liquidity minted for two amounts that were sent to the pair)."""
    minted_fee = _fee_liquidity_nb(pair)
    supply = load256(pair.words, SUPPLY) + minted_fee
    code, liquidity = _minted_nb(pair, amount0, amount1, supply)
    if code != NONE:
        return code, _ZERO()
    if amount0 > _RESERVE_MAX() or amount1 > _RESERVE_MAX():
        return _OVERFLOW, _ZERO()  # before the sums below could wrap
    balance0, balance1 = load256(pair.words, RESERVE) + amount0, load256(pair.words, RESERVE + 1) + amount1
    code = _settle_nb(pair, balance0, balance1, time)
    if code != NONE:
        return code, _ZERO()
    locked = _LOCKED() if supply == _ZERO() else _ZERO()
    _end_nb(pair, supply + liquidity + locked, minted_fee)
    return NONE, liquidity


@njit(cache=True, nogil=True)
def burn_pair_nb(pair: PairArrays, liquidity: Any, time: int) -> tuple[int, Any, Any]:
    """(code, amount0, amount1) paid for liquidity that was sent to the pair."""
    supply = load256(pair.words, SUPPLY)
    held = supply - _LOCKED() if supply > _LOCKED() else _ZERO()
    if liquidity > held:
        return _SUB_UNDERFLOW, _ZERO(), _ZERO()
    minted_fee = _fee_liquidity_nb(pair)
    supply = supply + minted_fee
    if supply == _ZERO():
        return _NO_REASON, _ZERO(), _ZERO()
    reserve0, reserve1 = load256(pair.words, RESERVE), load256(pair.words, RESERVE + 1)
    amount0, amount1 = div_u256(liquidity * reserve0, supply)[0], div_u256(liquidity * reserve1, supply)[0]
    if amount0 == _ZERO() or amount1 == _ZERO():
        return _NOTHING_BURNED, _ZERO(), _ZERO()
    code = _settle_nb(pair, reserve0 - amount0, reserve1 - amount1, time)
    if code != NONE:
        return code, _ZERO(), _ZERO()
    _end_nb(pair, supply - liquidity, minted_fee)
    return NONE, amount0, amount1


@njit(cache=True, nogil=True)
def _adjusted_nb(reserve: Any, out: Any, paid: Any) -> tuple[bool, Any, Any]:
    """(whether it fits, balance after, 1000 * balance - 3 * what came in)."""
    balance = to_u384(reserve - out) + to_u384(paid)
    scaled = balance * uint64(_FEE_BASE)
    fits = scaled <= to_u384(_UINT256_MAX())
    return fits, to_u256(balance), to_u256(scaled) - paid * uint64(_FEE)


@njit(cache=True, nogil=True)
def swap_pair_nb(pair: PairArrays, out0: Any, out1: Any, paid0: Any, paid1: Any, time: int) -> int:
    """Code; the reserves move by what was paid out and what had come in."""
    reserve0, reserve1 = load256(pair.words, RESERVE), load256(pair.words, RESERVE + 1)
    if out0 == _ZERO() and out1 == _ZERO():
        return _NOTHING_OUT
    if out0 >= reserve0 or out1 >= reserve1:
        return _TOO_MUCH_OUT
    if paid0 == _ZERO() and paid1 == _ZERO():
        return _NOTHING_IN
    fits0, balance0, adjusted0 = _adjusted_nb(reserve0, out0, paid0)
    fits1, balance1, adjusted1 = _adjusted_nb(reserve1, out1, paid1)
    fits, product = _product_nb(adjusted0, adjusted1)
    if not (fits0 and fits1 and fits):
        return _MUL_OVERFLOW
    if product < reserve0 * reserve1 * uint64(_FEE_BASE * _FEE_BASE):
        return _K
    return _settle_nb(pair, balance0, balance1, time)


@njit(cache=True, nogil=True)
def amount_out_nb(paid: Any, reserve_in: Any, reserve_out: Any) -> tuple[int, Any]:
    """(code, most that an exact input buys), as the router's library quotes it."""
    if paid == _ZERO():
        return _NOTHING_IN, _ZERO()
    if reserve_in == _ZERO() or reserve_out == _ZERO():
        return _TOO_MUCH_OUT, _ZERO()
    fits, kept = _product_nb(paid, to_u256(uint64(_KEPT)))
    divisor = reserve_in * uint64(_FEE_BASE) + kept
    fits_product, product = _product_nb(kept, reserve_out)
    if not fits or divisor < kept or not fits_product:
        return _MUL_OVERFLOW, _ZERO()
    return NONE, div_u256(product, divisor)[0]


@njit(cache=True, nogil=True)
def amount_in_nb(out: Any, reserve_in: Any, reserve_out: Any) -> tuple[int, Any]:
    """(code, input that buys an exact output), as the router's library quotes it: floor plus one."""
    if out == _ZERO():
        return _NOTHING_OUT, _ZERO()
    if reserve_in == _ZERO() or reserve_out == _ZERO() or out >= reserve_out:
        return _TOO_MUCH_OUT, _ZERO()
    # Reserves are uint112, so these products cannot leave 256 bits.
    product = reserve_in * out * uint64(_FEE_BASE)
    return NONE, div_u256(product, (reserve_out - out) * uint64(_KEPT))[0] + _ONE()
