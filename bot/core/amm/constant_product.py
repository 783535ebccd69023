"""Constant product pools: an exact integer mirror of a Uniswap V2 pair, and the router's exact quotes.

Written from the whitepaper (sections 2.2, 2.4, 3.2 to 3.4) and held to the real pair bytecode by the parity
tests. Amounts, reserves and liquidity are raw units; the fee is 0.3 % of the input. What the contract lets
wrap (price accumulators mod 2^256, time mod 2^32) wraps here too; what it refuses is a PairReverted and
changes nothing. Who holds the liquidity tokens is not kept, except for what the protocol's fee has minted.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Final

from bot.core.fixedpoint import UINT256_MAX

MINIMUM_LIQUIDITY: Final = 1000
"""Liquidity of the first mint that nobody ever gets, so that a unit of liquidity cannot become priceless."""
RESERVE_MAX: Final = (1 << 112) - 1

_FEE_BASE: Final = 1000
_FEE: Final = 3
_KEPT: Final = _FEE_BASE - _FEE
_PROTOCOL_SHARE: Final = 5  # the protocol gets 1/6 of the growth: 1 part against these 5


class PairRevert(IntEnum):
    """The contract's reason for refusing a call, in its own words; kernels return these as numbers."""

    NONE = 0  # not a revert
    NO_REASON = 1  # a division by zero: a burn before the first mint
    INSUFFICIENT_LIQUIDITY_MINTED = 2
    INSUFFICIENT_LIQUIDITY_BURNED = 3
    INSUFFICIENT_OUTPUT_AMOUNT = 4
    INSUFFICIENT_LIQUIDITY = 5
    INSUFFICIENT_INPUT_AMOUNT = 6
    K = 7  # the product of the reserves, fee taken out, would fall
    OVERFLOW = 8  # a reserve above uint112
    SUB_UNDERFLOW = 9  # checked arithmetic: a difference below zero
    MUL_OVERFLOW = 10  # checked arithmetic: a product above uint256


class PairReverted(ValueError):
    """The contract would revert this call; nothing changed. `revert` says why."""

    def __init__(self, revert: PairRevert, detail: str = "") -> None:
        super().__init__(f"the pair refuses ({revert.name}){': ' + detail if detail else ''}")
        self.revert = revert


class Pair:
    """A V2 pair of two tokens, at first without reserves.

    fee_on: whether the factory sends the protocol's share, a sixth of the fees, to somebody; a factory's
    owner can change it at any time, see `set_fee_on`.
    """

    __slots__ = (
        "block_timestamp_last",
        "fee_on",
        "k_last",
        "price_cumulative",
        "protocol_liquidity",
        "reserves",
        "total_supply",
    )

    def __init__(self, fee_on: bool = False) -> None:
        self.fee_on = fee_on
        self.reserves = (0, 0)
        """Raw units of (token0, token1)."""
        self.total_supply = 0
        """Liquidity, the burnt MINIMUM_LIQUIDITY included."""
        self.protocol_liquidity = 0
        """Part of the total that was minted for the protocol's fee."""
        self.price_cumulative = (0, 0)
        """Seconds times price of (token0 in token1, token1 in token0) as UQ112.112, mod 2^256."""
        self.block_timestamp_last = 0
        """Time of the last change of the reserves, mod 2^32."""
        self.k_last = 0
        """Product of the reserves after the last mint or burn with the fee on, otherwise 0."""

    def set_fee_on(self, fee_on: bool) -> None:
        """Nothing; the next mint or burn sees the change, as on chain."""
        self.fee_on = fee_on

    def mint(self, amount0: int, amount1: int, time: int) -> int:
        """Liquidity minted for two amounts that were sent to the pair: the smaller of the two shares, floor.

        The first mint gives the square root of the product, less MINIMUM_LIQUIDITY. Raises PairReverted.
        """
        minted_fee = self._fee_liquidity()
        supply = self.total_supply + minted_fee
        reserve0, reserve1 = self.reserves
        if supply == 0:
            liquidity = math.isqrt(_product(amount0, amount1)) - MINIMUM_LIQUIDITY
            if liquidity < 0:
                raise PairReverted(PairRevert.SUB_UNDERFLOW, f"first mint of {amount0}, {amount1}")
            locked = MINIMUM_LIQUIDITY
        else:
            liquidity = min(_product(amount0, supply) // reserve0, _product(amount1, supply) // reserve1)
            locked = 0
        if liquidity == 0:
            raise PairReverted(PairRevert.INSUFFICIENT_LIQUIDITY_MINTED, f"mint of {amount0}, {amount1}")
        self._settle(reserve0 + amount0, reserve1 + amount1, time)
        self._end_of_mint_or_burn(supply + liquidity + locked, minted_fee)
        return liquidity

    def burn(self, liquidity: int, time: int) -> tuple[int, int]:
        """(amount0, amount1) paid for liquidity that was sent to the pair: its shares of the reserves, floor.

        Raises PairReverted; also SUB_UNDERFLOW for more liquidity than anybody can hold.
        """
        if liquidity > max(0, self.total_supply - MINIMUM_LIQUIDITY):
            raise PairReverted(PairRevert.SUB_UNDERFLOW, f"burn of {liquidity} of {self.total_supply}")
        minted_fee = self._fee_liquidity()
        supply = self.total_supply + minted_fee
        if supply == 0:
            raise PairReverted(PairRevert.NO_REASON, "burn without any liquidity")
        reserve0, reserve1 = self.reserves
        amount0, amount1 = liquidity * reserve0 // supply, liquidity * reserve1 // supply
        if amount0 == 0 or amount1 == 0:
            raise PairReverted(PairRevert.INSUFFICIENT_LIQUIDITY_BURNED, f"burn of {liquidity} of {supply}")
        self._settle(reserve0 - amount0, reserve1 - amount1, time)
        self._end_of_mint_or_burn(supply - liquidity, minted_fee)
        return amount0, amount1

    def swap(self, amount0_out: int, amount1_out: int, amount0_in: int, amount1_in: int, time: int) -> None:
        """Nothing; the reserves move by what was paid out and what had come in, or PairReverted.

        Both outs and both ins may be positive (a flash swap paid back in kind).
        """
        reserve0, reserve1 = self.reserves
        if amount0_out <= 0 and amount1_out <= 0:
            raise PairReverted(PairRevert.INSUFFICIENT_OUTPUT_AMOUNT)
        if amount0_out >= reserve0 or amount1_out >= reserve1:
            raise PairReverted(
                PairRevert.INSUFFICIENT_LIQUIDITY, f"{amount0_out}, {amount1_out} out of {reserve0}, {reserve1}"
            )
        if amount0_in <= 0 and amount1_in <= 0:
            raise PairReverted(PairRevert.INSUFFICIENT_INPUT_AMOUNT)
        balance0, balance1 = reserve0 - amount0_out + amount0_in, reserve1 - amount1_out + amount1_in
        adjusted0 = _product(balance0, _FEE_BASE) - amount0_in * _FEE
        adjusted1 = _product(balance1, _FEE_BASE) - amount1_in * _FEE
        if _product(adjusted0, adjusted1) < reserve0 * reserve1 * _FEE_BASE**2:
            raise PairReverted(
                PairRevert.K, f"{amount0_in}, {amount1_in} in do not pay for {amount0_out}, {amount1_out} out"
            )
        self._settle(balance0, balance1, time)

    def _fee_liquidity(self) -> int:
        """Liquidity that the protocol's fee mints now: a sixth of the growth of sqrt(k) since the last time."""
        if not self.fee_on or self.k_last == 0:
            return 0
        root, root_last = math.isqrt(self.reserves[0] * self.reserves[1]), math.isqrt(self.k_last)
        if root <= root_last:
            return 0
        return self.total_supply * (root - root_last) // (root * _PROTOCOL_SHARE + root_last)

    def _settle(self, balance0: int, balance1: int, time: int) -> None:
        """New reserves; the prices before them are accumulated over the time that they held."""
        if balance0 > RESERVE_MAX or balance1 > RESERVE_MAX:
            raise PairReverted(PairRevert.OVERFLOW, f"reserves of {balance0}, {balance1}")
        now = time % (1 << 32)
        elapsed = (now - self.block_timestamp_last) % (1 << 32)
        reserve0, reserve1 = self.reserves
        if elapsed and reserve0 and reserve1:
            before0, before1 = self.price_cumulative
            self.price_cumulative = (
                before0 + (reserve1 << 112) // reserve0 * elapsed & UINT256_MAX,
                before1 + (reserve0 << 112) // reserve1 * elapsed & UINT256_MAX,
            )
        self.reserves = balance0, balance1
        self.block_timestamp_last = now

    def _end_of_mint_or_burn(self, total_supply: int, minted_fee: int) -> None:
        self.total_supply = total_supply
        self.protocol_liquidity += minted_fee
        self.k_last = self.reserves[0] * self.reserves[1] if self.fee_on else 0


def amount_out(amount_in: int, reserve_in: int, reserve_out: int) -> int:
    """Most that an exact input buys, floor, fee included, as the router's library quotes it.

    Raises PairReverted for an input of nothing, an empty pair, or a product above uint256.
    """
    if amount_in <= 0:
        raise PairReverted(PairRevert.INSUFFICIENT_INPUT_AMOUNT)
    _require_reserves(reserve_in, reserve_out)
    kept = _product(amount_in, _KEPT)
    denominator = reserve_in * _FEE_BASE + kept
    if denominator > UINT256_MAX:
        raise PairReverted(PairRevert.MUL_OVERFLOW, f"quote of {amount_in}")
    return _product(kept, reserve_out) // denominator


def amount_in(amount_out: int, reserve_in: int, reserve_out: int) -> int:
    """Input that buys an exact output, fee included, as the router's library quotes it.

    Floor plus one, so one unit more than the least possible where the division has no remainder. Raises
    PairReverted for an output of nothing, an empty pair, or an output that the pair does not have.
    """
    if amount_out <= 0:
        raise PairReverted(PairRevert.INSUFFICIENT_OUTPUT_AMOUNT)
    _require_reserves(reserve_in, reserve_out)
    if amount_out >= reserve_out:
        raise PairReverted(PairRevert.INSUFFICIENT_LIQUIDITY, f"{amount_out} out of {reserve_out}")
    return _product(_product(reserve_in, amount_out), _FEE_BASE) // ((reserve_out - amount_out) * _KEPT) + 1


def _require_reserves(reserve_in: int, reserve_out: int) -> None:
    if reserve_in <= 0 or reserve_out <= 0:
        raise PairReverted(PairRevert.INSUFFICIENT_LIQUIDITY, f"reserves of {reserve_in}, {reserve_out}")


def _product(a: int, b: int) -> int:
    """a * b, or PairReverted above uint256: the contract checks its products."""
    product = a * b
    if product > UINT256_MAX:
        raise PairReverted(PairRevert.MUL_OVERFLOW, f"{a} * {b}")
    return product
