"""Why a pool refuses: the reasons that a Uniswap V3 pool's own reverts carry, as numbers that kernels can return."""

from __future__ import annotations

from enum import IntEnum


class Revert(IntEnum):
    """The contract's short reason for refusing a call. `NO_REASON`: it reverts without a word (a failed cast, a
    product above uint256, a liquidity of nothing)."""

    NONE = 0  # not a revert: kernels return this for a call that went well
    NO_REASON = 1
    AI = 2  # already initialised
    LOK = 3  # locked: also every call before initialisation
    AS = 4  # amount specified is zero
    SPL = 5  # square root price limit on the wrong side or outside the legal prices
    TLU = 6  # lower tick not below upper
    TLM = 7  # lower tick below the minimum
    TUM = 8  # upper tick above the maximum
    LO = 9  # liquidity overflow: more than one tick may carry
    LS = 10  # liquidity subtraction underflows
    LA = 11  # liquidity addition overflows
    NP = 12  # no position
    I = 13  # observations are not initialised  # noqa: E741
    OLD = 14  # observation older than the oldest kept
    R = 15  # square root price out of range
    T = 16  # tick out of range
    L = 17  # no liquidity to flash


class PoolReverted(ValueError):
    """The contract would revert this call; nothing changed. The text says the contract's reason and what was asked."""

    def __init__(self, revert: Revert, detail: str = "") -> None:
        reason = revert.name if revert is not Revert.NO_REASON else "no reason"
        super().__init__(f"the pool refuses ({reason}){': ' + detail if detail else ''}")
        self.revert = revert
