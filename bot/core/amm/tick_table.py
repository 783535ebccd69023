"""The initialised ticks of a concentrated liquidity pool: what is kept at each, and what lies inside a range.

Whitepaper, sections 6.3 and 6.4: "outside" values are relative to where the price is, so only differences mean
something; they wrap around at the contract's widths (fee growth 2^256, seconds per liquidity 2^160, tick
cumulative int56, seconds 2^32), which this repeats.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Final

from bot.core.amm.liquidity_math import max_liquidity_per_tick
from bot.core.amm.oracle import UINT32_MASK, UINT160_MASK, wrap_int56
from bot.core.amm.reverts import PoolReverted, Revert
from bot.core.amm.tick_math import MAX_TICK, MIN_TICK
from bot.core.amm.walk import AFTER_EVERY_NET
from bot.core.fixedpoint import UINT256_MAX


@dataclass(frozen=True, slots=True)
class TickInfo:
    """One tick. Pairs are (token0, token1), fee growth and seconds per liquidity are scaled by 2^128."""

    gross: int
    net: int
    fee_growth_outside: tuple[int, int]
    tick_cumulative_outside: int
    seconds_per_liquidity_outside_x128: int
    seconds_outside: int
    initialized: bool


@dataclass(frozen=True, slots=True)
class Moment:
    """What a tick is measured against: the pool's tick, growths and clocks at one time (modulo 2^32)."""

    tick: int
    fee_growth: tuple[int, int]
    tick_cumulative: int
    seconds_per_liquidity_x128: int
    time: int


NO_TICK: Final = TickInfo(0, 0, (0, 0), 0, 0, 0, False)


def require_ticks(lower: int, upper: int) -> None:
    """Nothing, or PoolReverted TLU, TLM or TUM for a range that the contract refuses, in its order."""
    if lower >= upper:
        raise PoolReverted(Revert.TLU, f"{lower}..{upper}")
    if lower < MIN_TICK:
        raise PoolReverted(Revert.TLM, f"{lower} is below {MIN_TICK}")
    if upper > MAX_TICK:
        raise PoolReverted(Revert.TUM, f"{upper} is above {MAX_TICK}")


def growth_inside(
    lower: int, upper: int, lower_info: TickInfo, upper_info: TickInfo, tick: int, fee_growth: Sequence[int]
) -> tuple[int, int]:
    """Fee growth (token0, token1) inside lower..upper since its ticks were initialised, modulo 2^256."""
    inside = []
    for token in (0, 1):
        below, above = lower_info.fee_growth_outside[token], upper_info.fee_growth_outside[token]
        if tick < lower:
            below = fee_growth[token] - below
        if tick >= upper:
            above = fee_growth[token] - above
        inside.append(fee_growth[token] - below - above & UINT256_MAX)
    return inside[0], inside[1]


def cumulatives_inside(
    lower: int, upper: int, lower_info: TickInfo, upper_info: TickInfo, now: Moment
) -> tuple[int, int, int]:
    """(tick cumulative, seconds per liquidity, seconds) inside lower..upper since its ticks were initialised."""
    ticks = lower_info.tick_cumulative_outside, upper_info.tick_cumulative_outside
    depths = lower_info.seconds_per_liquidity_outside_x128, upper_info.seconds_per_liquidity_outside_x128
    seconds = lower_info.seconds_outside, upper_info.seconds_outside
    if now.tick < lower:
        inside = ticks[0] - ticks[1], depths[0] - depths[1], seconds[0] - seconds[1]
    elif now.tick < upper:
        inside = (
            now.tick_cumulative - sum(ticks),
            now.seconds_per_liquidity_x128 - sum(depths),
            now.time - sum(seconds),
        )
    else:
        inside = ticks[1] - ticks[0], depths[1] - depths[0], seconds[1] - seconds[0]
    return wrap_int56(inside[0]), inside[1] & UINT160_MASK, inside[2] & UINT32_MASK


@dataclass(slots=True)
class TickTable:
    """All initialised ticks of one pool.

    nets: (tick, liquidity net), ascending: what a swap walks along. Never to be changed by a caller.
    """

    tick_spacing: int
    nets: list[tuple[int, int]] = field(default_factory=list, init=False)
    _infos: dict[int, TickInfo] = field(default_factory=dict, init=False)
    _listed: tuple[tuple[tuple[int, int], ...], tuple[int, ...]] | None = field(default=None, init=False, compare=False)

    def copy(self) -> TickTable:
        """An independent table with the same ticks."""
        other = copy(self)
        other.nets, other._infos = self.nets.copy(), self._infos.copy()
        return other

    def info(self, tick: int) -> TickInfo:
        """What is kept at a tick, zeros when it is not initialised."""
        return self._infos.get(tick, NO_TICK)

    def listed(self) -> tuple[tuple[tuple[int, int], ...], tuple[int, ...]]:
        """(`nets`, the same ticks' gross liquidity) as they are now; cheap until liquidity changes again."""
        if self._listed is None:
            self._listed = tuple(self.nets), tuple(self._infos[tick].gross for tick, _ in self.nets)
        return self._listed

    def updated(self, tick: int, net_delta: int, gross_delta: int, moment: Moment) -> TickInfo:
        """The tick after liquidity was added or removed; nothing is stored yet.

        A tick that gets its first liquidity takes the moment's values when the price is at or above it: all
        that ever happened counts as happened below. PoolReverted LS or LO.
        """
        info = self.info(tick)
        gross = info.gross + gross_delta
        if gross < 0:
            raise PoolReverted(Revert.LS, f"tick {tick} has gross liquidity {info.gross}, {-gross_delta} is to leave")
        most = max_liquidity_per_tick(self.tick_spacing)
        if gross > most:
            raise PoolReverted(Revert.LO, f"tick {tick} may carry {most}, not {gross}")
        if info.gross or tick > moment.tick:
            return replace(info, gross=gross, net=info.net + net_delta, initialized=True)
        cumulatives = moment.tick_cumulative, moment.seconds_per_liquidity_x128, moment.time
        return TickInfo(gross, info.net + net_delta, moment.fee_growth, *cumulatives, True)

    def require_spacing(self, tick: int, updated: TickInfo) -> None:
        """Nothing, or PoolReverted where a tick would flip in the bitmap that has no place in it."""
        if tick % self.tick_spacing and (updated.gross == 0) != (self.info(tick).gross == 0):
            raise PoolReverted(Revert.NO_REASON, f"tick {tick} is not a multiple of the spacing {self.tick_spacing}")

    def store(self, tick: int, info: TickInfo) -> None:
        """Keeps what `updated` said; a tick without gross liquidity is forgotten."""
        index = bisect_left(self.nets, (tick, -AFTER_EVERY_NET))
        end = index + (tick in self._infos)
        self._listed = None
        self.nets[index:end] = [(tick, info.net)] if info.gross else []
        if info.gross:
            self._infos[tick] = info
        else:
            self._infos.pop(tick, None)

    def cross(self, tick: int, fee_growth: tuple[int, int], moment: Moment) -> None:
        """Turns the outside of a tick over, as the price passes it. fee_growth: at the crossing itself."""
        info = self._infos[tick]
        outside0, outside1 = info.fee_growth_outside
        self._infos[tick] = TickInfo(
            info.gross,
            info.net,
            (fee_growth[0] - outside0 & UINT256_MAX, fee_growth[1] - outside1 & UINT256_MAX),
            wrap_int56(moment.tick_cumulative - info.tick_cumulative_outside),
            moment.seconds_per_liquidity_x128 - info.seconds_per_liquidity_outside_x128 & UINT160_MASK,
            moment.time - info.seconds_outside & UINT32_MASK,
            True,
        )
