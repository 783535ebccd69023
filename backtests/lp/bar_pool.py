"""A pool that is known by its minute bars only, with our positions in it: a pool machine for the backtest's eyes.

It has the machine's names (`mint`, `burn`, `collect`, `swap`, `fees_owed`, ...) and its integers, and stands between
two bars; `play` moves it on. Principal is exact at the tick of the close; fees are `backtests.kernels.amm.bars`.
A swap of ours meets the recorded active liquidity as if it reached over every price, and the pool keeps the price that
it left until the next bar, whose price is the recorded one again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from backtests.kernels.amm.bars import Bars, Positions, accrue_nb, fees_nb, mean_nb, owed_nb
from backtests.lp.minutes import Minutes, integers
from bot.core.amm.concentrated import Pool, swap
from bot.core.amm.liquidity_math import amounts_for_liquidity, require_range
from bot.core.amm.reverts import PoolReverted, Revert
from bot.core.amm.tick_math import sqrt_ratio_at_tick
from bot.core.fixedpoint import UINT128_MAX
from bot.core.panel import Floats

LIMB: Final = (1 << 64) - 1
Key = tuple[str, int, int]


def bars_of(minutes: Minutes, fee_pips: int, fee_protocol: int = 0) -> Bars:
    """The bars that kernels take. fee_protocol: n of the pool's 1/n for the protocol, 0 for none."""
    fees = np.zeros((len(minutes), 4), dtype=np.uint64)
    fees_nb(minutes.in0, fee_pips, fee_protocol, fees, 0)
    fees_nb(minutes.in1, fee_pips, fee_protocol, fees, 2)
    before = np.concatenate((minutes.open[:1], minutes.close[:-1]))
    way = np.stack((before, minutes.open, minutes.low, minutes.high, minutes.close), axis=1).astype(np.int32)
    hull = np.ascontiguousarray(np.stack((way.min(axis=1), way.max(axis=1)), axis=1))
    liquidity = np.empty_like(minutes.liquidity)
    mean_nb(minutes.liquidity, liquidity)
    return Bars(way, hull, fees, liquidity, np.any(fees, axis=1))


def positions_of(ranges: list[tuple[int, int]], liquidities: list[int]) -> Positions:
    """Fresh positions: ranges (lower, upper) and their liquidities, which must fit 128 bits."""
    ticks = np.array(ranges, dtype=np.int64).reshape(-1, 2)
    limbs = np.array([[each & LIMB, each >> 64] for each in liquidities], dtype=np.uint64).reshape(-1, 2)
    return Positions(ticks, limbs, np.zeros((2 * len(ranges), 4), np.uint64), np.zeros(len(ranges), np.int64))


def owed_of(positions: Positions) -> list[tuple[int, int]]:
    """Raw units of both tokens that each position has earned, rounded down once."""
    out = np.zeros((2 * len(positions.ticks), 2), dtype=np.uint64)
    owed_nb(positions, out)
    flat = integers(out)
    return list(zip(flat[::2], flat[1::2], strict=True))


@dataclass(slots=True)
class _Held:
    """A position: the kernel's arrays (one row), and what burns have credited."""

    arrays: Positions
    liquidity: int
    credited: tuple[int, int] = (0, 0)


class BarPool:
    """The pool after its first `at` bars, at the close of the last.

    diluted: whether our liquidity shares in the recorded fees, or the fees grow with it, so that a unit of liquidity
    earns what it did without us.
    """

    def __init__(self, minutes: Minutes, bars: Bars, fee_pips: int, tick_spacing: int, diluted: bool) -> None:
        self.fee_pips, self.tick_spacing = fee_pips, tick_spacing
        self.at = 0
        self._minutes, self._bars, self._diluted = minutes, bars, diluted
        self._held: dict[Key, _Held] = {}
        self._recorded = integers(minutes.liquidity)
        self._moved: tuple[int, int] | None = None  # price and tick after a swap of ours

    @property
    def tick(self) -> int:
        if self._moved is not None:
            return self._moved[1]
        return int(self._minutes.close[self.at - 1] if self.at else self._minutes.open[0])

    @property
    def sqrt_price_x96(self) -> int:
        return sqrt_ratio_at_tick(self.tick) if self._moved is None else self._moved[0]

    @property
    def liquidity(self) -> int:
        """Recorded active liquidity, and ours that is in range."""
        return self._recorded[max(self.at - 1, 0)] + sum(
            held.liquidity for (_, lower, upper), held in self._held.items() if lower <= self.tick < upper
        )

    def play(self, until: int) -> Floats:
        """Lives through the bars `at` .. until - 1; square root prices (not scaled) at their closes."""
        first = self.at
        for held in self._held.values():
            if held.liquidity:
                accrue_nb(self._bars, held.arrays, first, until, self._diluted)
        if until > first:
            self.at, self._moved = until, None
        return np.asarray(1.0001 ** (self._minutes.close[first:until] / 2.0))

    def mint(self, owner: str, lower: int, upper: int, liquidity: int, time: int) -> tuple[int, int]:
        """What the pool is owed, rounded up. Positions are not added to: each is minted once, and burnt as a whole."""
        require_range(lower, upper, self.tick_spacing)
        if not 0 < liquidity <= UINT128_MAX - self.liquidity:
            raise PoolReverted(Revert.LA)
        held = self._held.get((owner, lower, upper))
        if held is not None and held.liquidity:
            raise ValueError(f"the position {lower}..{upper} is already there")
        credited = held.credited if held is not None else (0, 0)
        self._held[owner, lower, upper] = _Held(positions_of([(lower, upper)], [liquidity]), liquidity, credited)
        return amounts_for_liquidity(self.sqrt_price_x96, lower, upper, liquidity, round_up=True)

    def burn(self, owner: str, lower: int, upper: int, liquidity: int, time: int) -> tuple[int, int]:
        """The principal, rounded down and credited with the fees. All of the liquidity, or 0 for the fees alone."""
        held = self._held[owner, lower, upper]
        if liquidity not in (0, held.liquidity):
            raise ValueError(f"a bar's position is burnt as a whole (got {liquidity} of {held.liquidity})")
        fees = owed_of(held.arrays)[0]
        held.arrays.growth[:] = 0
        principal = (0, 0)
        if liquidity:
            principal = amounts_for_liquidity(self.sqrt_price_x96, lower, upper, liquidity, round_up=False)
            held.liquidity = 0
        held.credited = (
            held.credited[0] + principal[0] + fees[0],
            held.credited[1] + principal[1] + fees[1],
        )
        return principal

    def collect(self, owner: str, lower: int, upper: int, requested0: int, requested1: int) -> tuple[int, int]:
        """Pays out of what was credited, at most what is asked for."""
        held = self._held[owner, lower, upper]
        paid = min(requested0, held.credited[0]), min(requested1, held.credited[1])
        held.credited = held.credited[0] - paid[0], held.credited[1] - paid[1]
        if not held.liquidity and held.credited == (0, 0):
            del self._held[owner, lower, upper]
        return paid

    def fees_owed(self, owner: str, lower: int, upper: int) -> tuple[int, int]:
        """What a poke and a collect would pay now."""
        held = self._held.get((owner, lower, upper))
        if held is None:
            return 0, 0
        fees = owed_of(held.arrays)[0]
        return held.credited[0] + fees[0], held.credited[1] + fees[1]

    def swap(
        self, zero_for_one: bool, amount_specified: int, sqrt_price_limit_x96: int | None, time: int
    ) -> tuple[int, int]:
        """A swap of ours against the active liquidity; the price stays moved until the next bar."""
        done = swap(self.pool(), zero_for_one, amount_specified, sqrt_price_limit_x96)
        self._moved = done.pool.sqrt_price_x96, done.pool.tick
        return done.amount0, done.amount1

    def pool(self) -> Pool:
        """An immutable snapshot for quoting: the active liquidity over all prices."""
        return Pool(self.sqrt_price_x96, self.tick, self.liquidity, self.fee_pips, self.tick_spacing, ())

    def initialized_ticks(self) -> tuple[int, ...]:
        """None: a bar does not say where liquidity begins and ends."""
        return ()
