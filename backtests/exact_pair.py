"""A constant product pair on compiled code, with the methods of its mirror `bot.core.amm.constant_product.Pair`."""

from __future__ import annotations

from typing import Final

import numpy as np

from backtests.kernels.amm.constant_product import (
    FEE_ON,
    K_LAST,
    PRICE_CUMULATIVE,
    PROTOCOL_LIQUIDITY,
    RESERVE,
    SUPPLY,
    UPDATED_AT,
    PairArrays,
    new_pair,
)
from backtests.kernels.amm.limbs import int_of
from backtests.kernels.amm.pair_entries import pair_burn_nb, pair_mint_nb, pair_quote_nb, pair_swap_nb
from bot.core.amm.constant_product import PairRevert, PairReverted
from bot.core.fixedpoint import UINT256_MAX

_MASK32: Final = (1 << 32) - 1


class ExactPair:
    """A V2 pair, at first without reserves. See `Pair` for what each method gives and refuses.

    `arrays` may be handed to kernels; amounts that are no uint256 are a ValueError.
    """

    __slots__ = ("_buffer", "_io", "arrays")

    def __init__(self, fee_on: bool = False) -> None:
        self.arrays: PairArrays = new_pair(fee_on)
        self._buffer = bytearray(4 * 32)
        self._io = np.frombuffer(self._buffer, dtype=np.uint64).reshape(4, 4)

    def copy(self) -> ExactPair:
        """A pair of its own in the same state."""
        other = ExactPair()
        other.arrays = PairArrays(self.arrays.words.copy(), self.arrays.ints.copy())
        return other

    def set_fee_on(self, fee_on: bool) -> None:
        """Nothing; the next mint or burn sees the change, as on chain."""
        self.arrays.ints[FEE_ON] = fee_on

    def mint(self, amount0: int, amount1: int, time: int) -> int:
        """Liquidity minted for two amounts that were sent to the pair, or PairReverted."""
        self._put(amount0, amount1)
        self._accept(pair_mint_nb(self.arrays, self._io, time & _MASK32), f"mint of {amount0}, {amount1}")
        return self._get(0)

    def burn(self, liquidity: int, time: int) -> tuple[int, int]:
        """(amount0, amount1) paid for liquidity that was sent to the pair, or PairReverted."""
        self._put(liquidity)
        self._accept(pair_burn_nb(self.arrays, self._io, time & _MASK32), f"burn of {liquidity}")
        return self._get(0), self._get(1)

    def swap(self, amount0_out: int, amount1_out: int, amount0_in: int, amount1_in: int, time: int) -> None:
        """Nothing; the reserves move by what was paid out and what had come in, or PairReverted."""
        self._put(amount0_out, amount1_out, amount0_in, amount1_in)
        asked = f"{amount0_out}, {amount1_out} out for {amount0_in}, {amount1_in} in"
        self._accept(pair_swap_nb(self.arrays, self._io, time & _MASK32), asked)

    def amount_out(self, zero_for_one: bool, amount_in: int) -> int:
        """Most that an exact input of token0 (zero_for_one) or token1 buys now, or PairReverted."""
        self._put(amount_in)
        self._accept(pair_quote_nb(self.arrays, zero_for_one, True, self._io), f"quote of {amount_in} in")
        return self._get(0)

    def amount_in(self, zero_for_one: bool, amount_out: int) -> int:
        """Input of token0 (zero_for_one) or token1 that buys an exact output now, or PairReverted."""
        self._put(amount_out)
        self._accept(pair_quote_nb(self.arrays, zero_for_one, False, self._io), f"quote of {amount_out} out")
        return self._get(0)

    @property
    def fee_on(self) -> bool:
        """Whether the protocol takes its sixth of the fees."""
        return bool(self.arrays.ints[FEE_ON])

    @property
    def reserves(self) -> tuple[int, int]:
        """Raw units of (token0, token1)."""
        return self._word(RESERVE), self._word(RESERVE + 1)

    @property
    def total_supply(self) -> int:
        """Liquidity, the burnt MINIMUM_LIQUIDITY included."""
        return self._word(SUPPLY)

    @property
    def protocol_liquidity(self) -> int:
        """Part of the total that was minted for the protocol's fee."""
        return self._word(PROTOCOL_LIQUIDITY)

    @property
    def price_cumulative(self) -> tuple[int, int]:
        """Seconds times price of (token0 in token1, token1 in token0) as UQ112.112, mod 2^256."""
        return self._word(PRICE_CUMULATIVE), self._word(PRICE_CUMULATIVE + 1)

    @property
    def block_timestamp_last(self) -> int:
        """Time of the last change of the reserves, mod 2^32."""
        return int(self.arrays.ints[UPDATED_AT])

    @property
    def k_last(self) -> int:
        """Product of the reserves after the last mint or burn with the fee on, otherwise 0."""
        return self._word(K_LAST)

    def _word(self, row: int) -> int:
        return int_of(self.arrays.words[row])

    def _put(self, *values: int) -> None:
        for row, value in enumerate(values):
            if not 0 <= value <= UINT256_MAX:
                raise ValueError(f"an amount must be a uint256 (got {value})")
            self._buffer[32 * row : 32 * row + 32] = value.to_bytes(32, "little")

    def _get(self, row: int) -> int:
        return int.from_bytes(self._buffer[32 * row : 32 * row + 32], "little")

    def _accept(self, code: int, asked: str) -> None:
        if code:
            raise PairReverted(PairRevert(code), asked)
