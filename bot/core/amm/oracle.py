"""The ring of price and liquidity observations that a concentrated liquidity pool keeps for its readers.

Whitepaper, section 5: cumulative sums of tick * seconds and of seconds / liquidity, one entry per second with a
change. Times are block timestamps modulo 2^32, tick cumulatives int56, seconds per liquidity Q32.128 in
uint160. The contract lets all three wrap around, so that differences stay right; this does too.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Final

from bot.core.amm.reverts import PoolReverted, Revert

CARDINALITY_MAX: Final = 65_535
"""Slots that the contract has for observations."""
UINT32_MASK: Final = (1 << 32) - 1
UINT160_MASK: Final = (1 << 160) - 1

_INT56_HALF: Final = 1 << 55
_INT56_MASK: Final = (1 << 56) - 1
_GROWN: Final = (1, 0, 0, False)  # the contract writes a time of one into a slot to pay for its storage in advance
_EMPTY: Final = (0, 0, 0, False)

_Entry = tuple[int, int, int, bool]  # the fields of an Observation; plain, for a swap writes one each second


@dataclass(frozen=True, slots=True)
class Observation:
    """One slot of the ring: cumulatives at a block's time; not initialised means reserved or never touched."""

    time: int
    tick_cumulative: int
    seconds_per_liquidity_x128: int
    initialized: bool


def wrap_int56(value: int) -> int:
    """The value as the contract's int56 keeps it."""
    return (value + _INT56_HALF & _INT56_MASK) - _INT56_HALF


@dataclass(slots=True)
class Observations:
    """The ring of one pool, empty (cardinality 0) until `initialize`.

    index: slot of the newest observation. cardinality: slots in use. cardinality_next: slots that will be used
    once the ring ends next.
    """

    index: int = field(default=0, init=False)
    cardinality: int = field(default=0, init=False)
    cardinality_next: int = field(default=0, init=False)
    _ring: list[_Entry] = field(default_factory=list, init=False)

    def copy(self) -> Observations:
        """An independent ring with the same observations."""
        other = copy(self)
        other._ring = self._ring.copy()
        return other

    def initialize(self, time: int) -> None:
        """Starts the ring with one observation of zeros."""
        self._ring = [(time & UINT32_MASK, 0, 0, True)]
        self.index, self.cardinality, self.cardinality_next = 0, 1, 1

    def grow(self, cardinality_next: int) -> None:
        """Reserves slots up to `cardinality_next`, never fewer than before; the ring lengthens when it next ends."""
        reserved = cardinality_next - self.cardinality_next
        if reserved > 0:
            self._ring += [_GROWN] * reserved
            self.cardinality_next = cardinality_next

    def at(self, index: int) -> Observation:
        """The observation in a slot; zeros where nothing was reserved. PoolReverted outside the contract's slots."""
        if not 0 <= index < CARDINALITY_MAX:
            raise PoolReverted(Revert.NO_REASON, f"observation {index} of 0..{CARDINALITY_MAX - 1}")
        return Observation(*(self._ring[index] if index < len(self._ring) else _EMPTY))

    def write(self, time: int, tick: int, liquidity: int) -> None:
        """Adds an observation, at most one per second. tick, liquidity: those in force until this time."""
        time &= UINT32_MASK
        last = self._ring[self.index]
        if last[0] == time:
            return
        if self.cardinality_next > self.cardinality and self.index == self.cardinality - 1:
            self.cardinality = self.cardinality_next
        self.index = (self.index + 1) % self.cardinality
        self._ring[self.index] = _extended(last, time, tick, liquidity)

    def now(self, time: int, tick: int, liquidity: int) -> tuple[int, int]:
        """(tick cumulative, seconds per liquidity) at this time; tick, liquidity: in force since the last one."""
        last = self._ring[self.index]
        time &= UINT32_MASK
        entry = last if last[0] == time else _extended(last, time, tick, liquidity)
        return entry[1], entry[2]

    def observe(
        self, seconds_agos: Sequence[int], time: int, tick: int, liquidity: int
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """(tick cumulatives, seconds per liquidity), each as of so many seconds before `time`.

        Between two observations the value is interpolated, the seconds per liquidity rounded down. PoolReverted
        I before `initialize`, OLD before the oldest observation kept; ValueError for seconds outside uint32.
        """
        if self.cardinality == 0:
            raise PoolReverted(Revert.I, "the pool keeps no observations yet")
        for seconds in seconds_agos:
            if not 0 <= seconds <= UINT32_MASK:
                raise ValueError(f"seconds ago must be a uint32 (got {seconds})")
        pairs = [self._as_of(seconds, time & UINT32_MASK, tick, liquidity) for seconds in seconds_agos]
        return tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)

    def _as_of(self, seconds_ago: int, time: int, tick: int, liquidity: int) -> tuple[int, int]:
        if seconds_ago == 0:
            return self.now(time, tick, liquidity)
        target = time - seconds_ago & UINT32_MASK
        newest = self._ring[self.index]
        if _not_after(time, newest[0], target):
            entry = newest if newest[0] == target else _extended(newest, target, tick, liquidity)
            return entry[1], entry[2]
        oldest = self._ring[(self.index + 1) % self.cardinality]
        if not oldest[3]:
            oldest = self._ring[0]
        if not _not_after(time, oldest[0], target):
            raise PoolReverted(Revert.OLD, f"{seconds_ago} seconds before {time} is not kept any more")
        return _interpolated(*self._around(time, target), target)

    def _around(self, time: int, target: int) -> tuple[_Entry, _Entry]:
        """Two successive observations with the target between them; it is known to be within those kept."""
        ring, cardinality = self._ring, self.cardinality
        left = self.index + 1
        right = left + cardinality - 1
        while left <= right:
            middle = (left + right) // 2
            before = ring[middle % cardinality]
            if not before[3]:  # slots that are reserved but not written yet come before the oldest
                left = middle + 1
                continue
            after = ring[(middle + 1) % cardinality]
            begun = _not_after(time, before[0], target)
            if begun and _not_after(time, target, after[0]):
                return before, after
            left, right = (middle + 1, right) if begun else (left, middle - 1)
        # Only where block times went backwards, which the contract would search until its gas is gone.
        raise PoolReverted(Revert.NO_REASON, f"no observations around {target}")


def _extended(last: _Entry, time: int, tick: int, liquidity: int) -> _Entry:
    """The observation at `time`, the tick and liquidity having stood since the last one."""
    seconds = time - last[0] & UINT32_MASK
    tick_cumulative = wrap_int56(last[1] + tick * seconds)
    return time, tick_cumulative, last[2] + (seconds << 128) // (liquidity or 1) & UINT160_MASK, True


def _interpolated(before: _Entry, after: _Entry, target: int) -> tuple[int, int]:
    """Cumulatives at a time between two observations, rounded as the contract does."""
    if target == before[0]:
        return before[1], before[2]
    if target == after[0]:
        return after[1], after[2]
    whole, part = after[0] - before[0] & UINT32_MASK, target - before[0] & UINT32_MASK
    tick = wrap_int56(after[1] - before[1]) // whole  # exact: one tick was in force all the while
    seconds = (after[2] - before[2] & UINT160_MASK) * part // whole
    return wrap_int56(before[1] + tick * part), before[2] + seconds & UINT160_MASK


def _not_after(time: int, a: int, b: int) -> bool:
    """Whether a <= b, both at or before `time`: what is numerically later belongs to the time before a wrap."""
    if a <= time and b <= time:
        return a <= b
    return (a if a > time else a + UINT32_MASK + 1) <= (b if b > time else b + UINT32_MASK + 1)
