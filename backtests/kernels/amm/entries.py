"""Kernels as Python calls them: 256-bit numbers go in and out through rows of one uint64[n, 4], the answer is a code.

A pool comes as its handles. Arguments are read from row 0 on; results are written from row 0 on, and only when the code
is NONE (0).
"""

from __future__ import annotations

from numba import njit

from backtests.kernels.amm.concentrated import quote_nb, swap_nb, widest_limit_nb
from backtests.kernels.amm.handles import pool_at_nb
from backtests.kernels.amm.layout import Ints
from backtests.kernels.amm.limbs import Limbs
from backtests.kernels.amm.oracle import NONE, snapshot_inside_nb
from backtests.kernels.amm.positions import burn_nb, collect_nb, fees_owed_nb, mint_nb
from backtests.kernels.amm.upkeep import collect_protocol_nb, flash_nb, initialize_nb
from backtests.kernels.amm.wide import Wide, load256, store256


@njit(cache=True, nogil=True, inline="always")
def _answered_nb(io: Limbs, code: int, amount0: Wide, amount1: Wide) -> int:
    """The code; io out: both amounts, if the call went well."""
    if code == NONE:
        store256(io, 0, amount0)
        store256(io, 1, amount1)
    return code


@njit(cache=True, nogil=True)
def pool_initialize_nb(handles: Ints, io: Limbs, time: int) -> int:
    """Code; io in: the square root price."""
    return initialize_nb(pool_at_nb(handles), load256(io, 0), time)


@njit(cache=True, nogil=True)
def pool_mint_nb(handles: Ints, position: int, io: Limbs, time: int) -> int:
    """Code; io in: liquidity, out: amount0, amount1."""
    code, amount0, amount1 = mint_nb(pool_at_nb(handles), position, load256(io, 0), time)
    return _answered_nb(io, code, amount0, amount1)


@njit(cache=True, nogil=True)
def pool_burn_nb(handles: Ints, position: int, io: Limbs, time: int) -> int:
    """Code; io in: liquidity, out: amount0, amount1."""
    code, amount0, amount1 = burn_nb(pool_at_nb(handles), position, load256(io, 0), time)
    return _answered_nb(io, code, amount0, amount1)


@njit(cache=True, nogil=True)
def pool_collect_nb(handles: Ints, position: int, io: Limbs) -> int:
    """Code; io in: the two amounts requested, out: the two paid."""
    code, amount0, amount1 = collect_nb(pool_at_nb(handles), position, load256(io, 0), load256(io, 1))
    return _answered_nb(io, code, amount0, amount1)


@njit(cache=True, nogil=True)
def pool_swap_nb(handles: Ints, zero_for_one: bool, limited: bool, io: Limbs, time: int) -> int:
    """Code; io in: the signed amount, and the price limit if `limited`; out: the signed amount0, amount1."""
    limit = load256(io, 1) if limited else widest_limit_nb(zero_for_one)
    code, amount0, amount1 = swap_nb(pool_at_nb(handles), zero_for_one, load256(io, 0), limit, time)
    return _answered_nb(io, code, amount0, amount1)


@njit(cache=True, nogil=True)
def pool_quote_nb(handles: Ints, zero_for_one: bool, limited: bool, io: Limbs) -> int:
    """Code; as `pool_swap_nb`, but the pool's state stays."""
    limit = load256(io, 1) if limited else widest_limit_nb(zero_for_one)
    code, amount0, amount1 = quote_nb(pool_at_nb(handles), zero_for_one, load256(io, 0), limit)
    return _answered_nb(io, code, amount0, amount1)


@njit(cache=True, nogil=True)
def pool_collect_protocol_nb(handles: Ints, io: Limbs) -> int:
    """Code; io in: the two amounts requested, out: the two paid."""
    code, amount0, amount1 = collect_protocol_nb(pool_at_nb(handles), load256(io, 0), load256(io, 1))
    return _answered_nb(io, code, amount0, amount1)


@njit(cache=True, nogil=True)
def pool_flash_nb(handles: Ints, io: Limbs) -> int:
    """Code; io in: the two fees paid."""
    return flash_nb(pool_at_nb(handles), load256(io, 0), load256(io, 1))


@njit(cache=True, nogil=True)
def pool_fees_owed_nb(handles: Ints, position: int, io: Limbs) -> None:
    """Nothing; io out: what a poke and a collect would pay."""
    owed0, owed1 = fees_owed_nb(pool_at_nb(handles), position)
    store256(io, 0, owed0)
    store256(io, 1, owed1)


@njit(cache=True, nogil=True)
def pool_snapshot_nb(handles: Ints, lower: int, upper: int, time: int, io: Limbs) -> tuple[int, int, int]:
    """(code, tick cumulative, seconds) inside a range; io out: seconds per liquidity."""
    code, cumulative, per_liquidity, seconds = snapshot_inside_nb(pool_at_nb(handles), lower, upper, time)
    store256(io, 0, per_liquidity)
    return code, cumulative, seconds
