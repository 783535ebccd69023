"""The ring of price and liquidity observations of one pool, in compiled code. Its mirror is `bot.core.amm.oracle`.

Cumulative sums of tick * seconds and of seconds / liquidity (whitepaper, section 5). The contract's wrap-arounds are
made: times modulo 2^32, tick cumulatives int56, seconds per liquidity X128 in uint160. `time` is always below 2^32
here; a result of (code, ...) starts with a number of `Revert`.
"""

from __future__ import annotations

from typing import Any, Final

from numba import njit, uint64

from backtests.kernels.amm.division import div_u256
from backtests.kernels.amm.layout import (
    CARDINALITY,
    CARDINALITY_NEXT,
    LIQUIDITY,
    OBSERVATION_INDEX,
    OBSERVED,
    OBSERVED_AT,
    OFFSET,
    SECONDS_OUTSIDE,
    SECONDS_PER_LIQUIDITY_OUTSIDE,
    SPACING,
    TICK,
    TICK_CUMULATIVE,
    TICK_CUMULATIVE_OUTSIDE,
    TICK_ROWS,
    Ints,
    PoolArrays,
)
from backtests.kernels.amm.limbs import Limbs
from backtests.kernels.amm.wide import const256, load256, store256, to_u256
from bot.core.amm.reverts import Revert
from bot.core.amm.tick_math import MAX_TICK, MIN_TICK

MASK32: Final = (1 << 32) - 1
_TIMES: Final = 1 << 32
_HALF56: Final = 1 << 55
_MASK56: Final = (1 << 56) - 1
_MOST_HALVINGS: Final = 18  # 65,535 slots need 17

_ZERO: Final = const256(0)
_ONE: Final = const256(1)
_MASK160: Final = const256((1 << 160) - 1)

NONE: Final = int(Revert.NONE)
NO_REASON: Final = int(Revert.NO_REASON)
_I: Final = int(Revert.I)
_OLD: Final = int(Revert.OLD)
_TLU: Final = int(Revert.TLU)
_TLM: Final = int(Revert.TLM)
_TUM: Final = int(Revert.TUM)


@njit(cache=True, nogil=True, _nrt=False, inline="always")
def wrap56_nb(value: int) -> int:
    """`value` as the contract's int56 keeps it."""
    return ((value + _HALF56) & _MASK56) - _HALF56


@njit(cache=True, nogil=True, _nrt=False, inline="always")
def extended_nb(pool: PoolArrays, index: int, time: int, tick: int, liquidity: Any) -> tuple[int, Any]:
    """(tick cumulative, seconds per liquidity) at `time`; `tick` and `liquidity` stood since observation `index`."""
    before = pool.observation_ints[index, TICK_CUMULATIVE]
    seconds_before = load256(pool.observation_words, index)
    seconds = (time - pool.observation_ints[index, OBSERVED_AT]) & MASK32
    if seconds == 0:
        return before, seconds_before
    share = to_u256(uint64(seconds)) << 128
    if liquidity > _ONE():  # the contract divides by one where there is no liquidity
        share = div_u256(share, liquidity)[0]
    return wrap56_nb(before + tick * seconds), (seconds_before + share) & _MASK160()


@njit(cache=True, nogil=True, _nrt=False, inline="always")
def current_nb(pool: PoolArrays, time: int, tick: int, liquidity: Any) -> tuple[int, Any]:
    """(tick cumulative, seconds per liquidity) at `time`; tick, liquidity: in force since the newest one."""
    cumulative, seconds = extended_nb(pool, pool.ints[OBSERVATION_INDEX], time, tick, liquidity)
    return cumulative, seconds


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def write_nb(pool: PoolArrays, time: int, tick: int, liquidity: Any) -> None:
    """Add an observation, at most one a second. tick, liquidity: those in force until `time`."""
    ints, observed = pool.ints, pool.observation_ints
    index = ints[OBSERVATION_INDEX]
    if observed[index, OBSERVED_AT] == time:
        return
    cumulative, seconds = extended_nb(pool, index, time, tick, liquidity)
    if ints[CARDINALITY_NEXT] > ints[CARDINALITY] and index == ints[CARDINALITY] - 1:
        ints[CARDINALITY] = ints[CARDINALITY_NEXT]
    index += 1
    if index >= ints[CARDINALITY]:
        index = 0
    ints[OBSERVATION_INDEX] = index
    observed[index, OBSERVED_AT] = time
    observed[index, TICK_CUMULATIVE] = cumulative
    observed[index, OBSERVED] = 1
    store256(pool.observation_words, index, seconds)


@njit(cache=True, nogil=True, _nrt=False)
def start_nb(pool: PoolArrays, time: int) -> None:
    """The first observation, of zeros."""
    pool.observation_ints[0, OBSERVED_AT] = time
    pool.observation_ints[0, TICK_CUMULATIVE] = 0
    pool.observation_ints[0, OBSERVED] = 1
    store256(pool.observation_words, 0, _ZERO())
    pool.ints[OBSERVATION_INDEX] = 0
    pool.ints[CARDINALITY] = 1
    pool.ints[CARDINALITY_NEXT] = 1


@njit(cache=True, nogil=True, _nrt=False)
def grow_nb(pool: PoolArrays, cardinality_next: int) -> None:
    """Reserve observations up to `cardinality_next`, never fewer than before. The arrays must have the room."""
    for index in range(pool.ints[CARDINALITY_NEXT], cardinality_next):
        pool.observation_ints[index, OBSERVED_AT] = 1  # the contract pays for the storage in advance
    pool.ints[CARDINALITY_NEXT] = max(pool.ints[CARDINALITY_NEXT], cardinality_next)


@njit(cache=True, nogil=True, _nrt=False)
def _not_after_nb(time: int, a: int, b: int) -> bool:
    """Whether a <= b, both at or before `time`: what is numerically later belongs to the time before a wrap."""
    if a <= time and b <= time:
        return a <= b
    return (a if a > time else a + _TIMES) <= (b if b > time else b + _TIMES)


@njit(cache=True, nogil=True, _nrt=False)
def _between_nb(pool: PoolArrays, left: int, right: int, target: int) -> tuple[int, Any]:
    """Cumulatives at `target`, between two successive observations, rounded as the contract does."""
    observed, words = pool.observation_ints, pool.observation_words
    start, end = observed[left, OBSERVED_AT], observed[right, OBSERVED_AT]
    if target == start:
        return observed[left, TICK_CUMULATIVE], load256(words, left)
    if target == end:
        return observed[right, TICK_CUMULATIVE], load256(words, right)
    whole, part = (end - start) & MASK32, (target - start) & MASK32
    ticks = wrap56_nb(observed[right, TICK_CUMULATIVE] - observed[left, TICK_CUMULATIVE])
    mean = ticks // whole if ticks >= 0 else -(-ticks // whole)
    seconds = (load256(words, right) - load256(words, left)) & _MASK160()
    seconds = div_u256(seconds * uint64(part), to_u256(uint64(whole)))[0]
    cumulative = wrap56_nb(observed[left, TICK_CUMULATIVE] + mean * part)
    return cumulative, (load256(words, left) + seconds) & _MASK160()


@njit(cache=True, nogil=True, _nrt=False)
def as_of_nb(pool: PoolArrays, time: int, seconds_ago: int) -> tuple[int, int, Any]:
    """(code, tick cumulative, seconds per liquidity) as of so many seconds before `time`.

    Codes: I before initialisation, OLD before the oldest observation kept, NO_REASON where block times went backwards
    so far that the contract would search until its gas is gone. A binary search over the ring.
    """
    ints, observed = pool.ints, pool.observation_ints
    cardinality, index = ints[CARDINALITY], ints[OBSERVATION_INDEX]
    if cardinality == 0:
        return _I, 0, _ZERO()
    target = (time - seconds_ago) & MASK32
    if seconds_ago == 0 or _not_after_nb(time, observed[index, OBSERVED_AT], target):
        cumulative, seconds = extended_nb(pool, index, target, ints[TICK], load256(pool.words, LIQUIDITY))
        return NONE, cumulative, seconds
    oldest = (index + 1) % cardinality
    if observed[oldest, OBSERVED] == 0:
        oldest = 0
    if not _not_after_nb(time, observed[oldest, OBSERVED_AT], target):
        return _OLD, 0, _ZERO()
    left, right = index + 1, index + cardinality
    for _ in range(_MOST_HALVINGS):
        if left > right:
            break
        middle = (left + right) // 2
        before, after = middle % cardinality, (middle + 1) % cardinality
        if observed[before, OBSERVED] == 0:  # reserved but not written yet: these come before the oldest
            left = middle + 1
            continue
        begun = _not_after_nb(time, observed[before, OBSERVED_AT], target)
        if begun and _not_after_nb(time, target, observed[after, OBSERVED_AT]):
            cumulative, seconds = _between_nb(pool, before, after, target)
            return NONE, cumulative, seconds
        if begun:
            left = middle + 1
        else:
            right = middle - 1
    return NO_REASON, 0, _ZERO()


@njit(cache=True, nogil=True, _nrt=False)
def observe_nb(pool: PoolArrays, time: int, seconds_agos: Ints, cumulatives: Ints, seconds: Limbs) -> int:
    """Code; fills cumulatives[i] and seconds[i] (uint64[n, 4]) as of seconds_agos[i] before `time`."""
    if pool.ints[CARDINALITY] == 0:
        return _I
    for i in range(len(seconds_agos)):
        code, cumulative, per_liquidity = as_of_nb(pool, time, seconds_agos[i])
        if code != NONE:
            return int(code)
        cumulatives[i] = cumulative
        store256(seconds, i, per_liquidity)
    return NONE


@njit(cache=True, nogil=True, _nrt=False)
def range_code_nb(lower: int, upper: int) -> int:
    """TLU, TLM or TUM for ticks that no position may have, otherwise NONE."""
    if lower >= upper:
        return _TLU
    if lower < MIN_TICK:
        return _TLM
    return _TUM if upper > MAX_TICK else NONE


@njit(cache=True, nogil=True, _nrt=False)
def slot_at_nb(pool: PoolArrays, tick: int) -> int:
    """Slot of a tick within the legal range, 0 when it is not initialised (or no multiple of the spacing)."""
    spacing = pool.ints[SPACING]
    if tick % spacing != 0:
        return 0
    return int(pool.slot_of[tick // spacing + pool.ints[OFFSET]])


@njit(cache=True, nogil=True, _nrt=False)
def snapshot_inside_nb(pool: PoolArrays, lower: int, upper: int, time: int) -> tuple[int, int, Any, int]:
    """(code, tick cumulative, seconds per liquidity, seconds) inside a range, comparable with later snapshots only.

    NO_REASON unless both ticks are initialised.
    """
    code = range_code_nb(lower, upper)
    if code != NONE:
        return code, 0, _ZERO(), 0
    low, high = slot_at_nb(pool, lower), slot_at_nb(pool, upper)
    if low == 0 or high == 0:
        return NO_REASON, 0, _ZERO(), 0
    outside = pool.tick_ints
    below, above = outside[low, TICK_CUMULATIVE_OUTSIDE], outside[high, TICK_CUMULATIVE_OUTSIDE]
    below_time, above_time = outside[low, SECONDS_OUTSIDE], outside[high, SECONDS_OUTSIDE]
    below_seconds = load256(pool.tick_words, low * TICK_ROWS + SECONDS_PER_LIQUIDITY_OUTSIDE)
    above_seconds = load256(pool.tick_words, high * TICK_ROWS + SECONDS_PER_LIQUIDITY_OUTSIDE)
    tick = pool.ints[TICK]
    if tick < lower:
        ticks, seconds, inside_time = below - above, below_seconds - above_seconds, below_time - above_time
    elif tick < upper:
        now, seconds_now = current_nb(pool, time, tick, load256(pool.words, LIQUIDITY))
        ticks, seconds = now - below - above, seconds_now - below_seconds - above_seconds
        inside_time = time - below_time - above_time
    else:
        ticks, seconds, inside_time = above - below, above_seconds - below_seconds, above_time - below_time
    return NONE, wrap56_nb(ticks), seconds & _MASK160(), inside_time & MASK32
