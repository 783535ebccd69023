"""What one position of a concentrated liquidity pool has, and what it earned since it was last touched.

Whitepaper, section 6.4.2. What is owed is kept modulo 2^128, as the contract's uint128 does: fees beyond it are
lost to whoever did not collect in time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bot.core.amm.reverts import PoolReverted, Revert
from bot.core.fixedpoint import UINT128_MAX, UINT256_MAX


@dataclass(frozen=True, slots=True)
class PositionInfo:
    """One position. Pairs are (token0, token1); fee growth is scaled by 2^128, owed are raw units to collect."""

    liquidity: int
    fee_growth_inside_last: tuple[int, int]
    owed: tuple[int, int]


NO_POSITION: Final = PositionInfo(0, (0, 0), (0, 0))


def credited(owed: tuple[int, int], amounts: tuple[int, int]) -> tuple[int, int]:
    """Two uint128 balances after adding two amounts, modulo 2^128."""
    return owed[0] + amounts[0] & UINT128_MAX, owed[1] + amounts[1] & UINT128_MAX


def touched(position: PositionInfo, liquidity_delta: int, growth_inside: tuple[int, int]) -> PositionInfo:
    """The position with its fees credited up to now and its liquidity changed.

    growth_inside: fee growth inside its range now. PoolReverted NP for a position without liquidity whose
    liquidity does not change, LS for taking out more than there is.
    """
    if not (liquidity_delta or position.liquidity):
        raise PoolReverted(Revert.NP, "the position has no liquidity")
    liquidity = position.liquidity + liquidity_delta
    if liquidity < 0:
        raise PoolReverted(Revert.LS, f"the position has {position.liquidity}, {-liquidity_delta} is to leave")
    before = position.fee_growth_inside_last
    earned0 = (growth_inside[0] - before[0] & UINT256_MAX) * position.liquidity >> 128
    earned1 = (growth_inside[1] - before[1] & UINT256_MAX) * position.liquidity >> 128
    return PositionInfo(liquidity, growth_inside, credited(position.owed, (earned0, earned1)))
