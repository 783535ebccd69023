"""A pair's kernels as Python calls them: numbers go in and out through rows of one uint64[n, 4], the answer is a code.

Arguments are read from row 0 on; results are written from row 0 on, and only when the code is NONE (0).
"""

from __future__ import annotations

from numba import njit

from backtests.kernels.amm.constant_product import (
    NONE,
    RESERVE,
    PairArrays,
    amount_in_nb,
    amount_out_nb,
    burn_pair_nb,
    mint_pair_nb,
    swap_pair_nb,
)
from backtests.kernels.amm.limbs import Limbs
from backtests.kernels.amm.wide import load256, store256


@njit(cache=True, nogil=True)
def pair_mint_nb(pair: PairArrays, io: Limbs, time: int) -> int:
    """Code; io in: amount0, amount1, out: liquidity."""
    code, liquidity = mint_pair_nb(pair, load256(io, 0), load256(io, 1), time)
    if code == NONE:
        store256(io, 0, liquidity)
    return code


@njit(cache=True, nogil=True)
def pair_burn_nb(pair: PairArrays, io: Limbs, time: int) -> int:
    """Code; io in: liquidity, out: amount0, amount1."""
    code, amount0, amount1 = burn_pair_nb(pair, load256(io, 0), time)
    if code == NONE:
        store256(io, 0, amount0)
        store256(io, 1, amount1)
    return code


@njit(cache=True, nogil=True)
def pair_swap_nb(pair: PairArrays, io: Limbs, time: int) -> int:
    """Code; io in: amount0 out, amount1 out, amount0 in, amount1 in."""
    return swap_pair_nb(pair, load256(io, 0), load256(io, 1), load256(io, 2), load256(io, 3), time)


@njit(cache=True, nogil=True)
def pair_quote_nb(pair: PairArrays, zero_for_one: bool, exact_in: bool, io: Limbs) -> int:
    """Code; io in: the exact input (or output), out: the output (or input)."""
    into, out = (0, 1) if zero_for_one else (1, 0)
    reserve_in, reserve_out = load256(pair.words, RESERVE + into), load256(pair.words, RESERVE + out)
    if exact_in:
        code, amount = amount_out_nb(load256(io, 0), reserve_in, reserve_out)
    else:
        code, amount = amount_in_nb(load256(io, 0), reserve_in, reserve_out)
    if code == NONE:
        store256(io, 0, amount)
    return code
