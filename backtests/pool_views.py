"""What can be read off a pool's arrays, in Python's types; and the arrays of a pool that exists in plain Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from backtests.kernels.amm import layout
from backtests.kernels.amm.handles import handles_of
from backtests.kernels.amm.layout import PoolArrays, initialised_slots, new_pool, with_capacity
from backtests.kernels.amm.limbs import Limbs, from_limbs, int_of, to_limbs
from backtests.kernels.amm.oracle import slot_at_nb
from bot.core.amm.oracle import CARDINALITY_MAX, Observation
from bot.core.amm.pool_state import PoolState, PositionInfo, TickInfo
from bot.core.amm.reverts import PoolReverted, Revert
from bot.core.amm.tick_math import MAX_TICK, MIN_TICK, sqrt_ratio_at_tick

PositionKey = tuple[str, int, int]  # owner, lower tick, upper tick


class PoolViews:
    """One pool's state as the mirror `PoolState` shows it. Does not change it."""

    __slots__ = ("_arrays", "_handles", "_ids")

    def __init__(self, arrays: PoolArrays, positions: Mapping[PositionKey, int] | None = None) -> None:
        self.arrays = arrays
        self._ids = dict(positions or {})  # row of each position

    @property
    def arrays(self) -> PoolArrays:
        """The state, for kernels; another tuple after a call that needed room."""
        return self._arrays

    @arrays.setter
    def arrays(self, arrays: PoolArrays) -> None:
        self._arrays = arrays
        self._handles = handles_of(arrays)  # only as good as the arrays are alive, so the two change together

    @property
    def fee_pips(self) -> int:
        """Hundredths of a basis point."""
        return int(self.arrays.ints[layout.FEE_PIPS])

    @property
    def tick_spacing(self) -> int:
        """Ticks between two that positions may use."""
        return int(self.arrays.ints[layout.SPACING])

    @property
    def sqrt_price_x96(self) -> int:
        """0 before `initialize`."""
        return int_of(self.arrays.words[layout.SQRT_PRICE])

    @property
    def tick(self) -> int:
        """The price's tick; one less where a falling price ended on an initialised tick or the end of a word."""
        return int(self.arrays.ints[layout.TICK])

    @property
    def liquidity(self) -> int:
        """Of the positions in range."""
        return int_of(self.arrays.words[layout.LIQUIDITY])

    @property
    def fee_growth_global(self) -> tuple[int, int]:
        """(token0, token1) per unit of liquidity, times 2^128, modulo 2^256."""
        return _pair(self.arrays.words, layout.FEE_GROWTH)

    @property
    def protocol_fees(self) -> tuple[int, int]:
        """(token0, token1) that the protocol may collect."""
        return _pair(self.arrays.words, layout.PROTOCOL)

    @property
    def fee_protocol(self) -> tuple[int, int]:
        """Denominators (token0, token1) of the protocol's part of the fees, 0 for none."""
        ints = self.arrays.ints
        return int(ints[layout.FEE_PROTOCOL]), int(ints[layout.FEE_PROTOCOL + 1])

    @property
    def observation_index(self) -> int:
        """Slot of the newest observation."""
        return int(self.arrays.ints[layout.OBSERVATION_INDEX])

    @property
    def observation_cardinality(self) -> int:
        """Number of observations kept; 0 before `initialize`."""
        return int(self.arrays.ints[layout.CARDINALITY])

    @property
    def observation_cardinality_next(self) -> int:
        """Number of observations that will be kept once the ring ends next."""
        return int(self.arrays.ints[layout.CARDINALITY_NEXT])

    @property
    def max_liquidity_per_tick(self) -> int:
        """Greatest gross liquidity that one tick may carry."""
        return int_of(self.arrays.words[layout.MAX_LIQUIDITY])

    def tick_info(self, tick: int) -> TickInfo:
        """What is kept at a tick, zeros when it is not initialised."""
        slot = slot_at_nb(self.arrays, tick) if MIN_TICK <= tick <= MAX_TICK else 0
        words = self.arrays.tick_words[slot * layout.TICK_ROWS :][: layout.STORED_ROWS]
        _, cumulative, seconds = self.arrays.tick_ints[slot].tolist()
        values = from_limbs(words)
        outside = values[layout.OUTSIDE], values[layout.OUTSIDE + 1]
        return TickInfo(
            gross=values[layout.GROSS],
            net=int_of(words[layout.NET], signed=True),
            fee_growth_outside=outside,
            tick_cumulative_outside=cumulative,
            seconds_per_liquidity_outside_x128=values[layout.SECONDS_PER_LIQUIDITY_OUTSIDE],
            seconds_outside=seconds,
            initialized=slot != 0,
        )

    def positions(self) -> tuple[PositionKey, ...]:
        """(owner, lower, upper) of every position known; its index is its row in the arrays."""
        return tuple(self._ids)

    def position(self, owner: str, lower: int, upper: int) -> PositionInfo:
        """A position as it was last touched, zeros when there never was one."""
        row = self._ids.get((owner, lower, upper))
        if row is None:
            return PositionInfo(0, (0, 0), (0, 0))
        words = self.arrays.position_words
        base = row * layout.POSITION_ROWS
        liquidity = int_of(words[base + layout.POSITION_LIQUIDITY])
        return PositionInfo(liquidity, _pair(words, base + layout.INSIDE_LAST), _pair(words, base + layout.OWED))

    def observation(self, index: int) -> Observation:
        """The oracle's observation in a slot; PoolReverted outside the contract's 65,535 slots."""
        if not 0 <= index < CARDINALITY_MAX:
            raise PoolReverted(Revert.NO_REASON, f"observation {index} of 0..{CARDINALITY_MAX - 1}")
        if index >= len(self.arrays.observation_ints):
            return Observation(0, 0, 0, False)
        time, cumulative, seen = self.arrays.observation_ints[index].tolist()
        return Observation(time, cumulative, int_of(self.arrays.observation_words[index]), bool(seen))

    def initialized_ticks(self) -> tuple[int, ...]:
        """Ticks with liquidity, ascending."""
        slots = initialised_slots(self.arrays)
        return tuple(sorted(self.arrays.tick_ints[slots, layout.TICK_AT].tolist()))


def _pair(words: Limbs, row: int) -> tuple[int, int]:
    first, second = from_limbs(words[row : row + 2])
    return first, second


def loaded(state: PoolState, positions: Sequence[PositionKey]) -> PoolArrays:
    """The arrays of a pool in the state of a mirror, these positions of it in rows 0, 1, ..."""
    ticks, reserved = state.initialized_ticks(), state.observation_cardinality_next
    arrays = new_pool(state.fee_pips, state.tick_spacing, len(ticks), len(positions))
    arrays = with_capacity(arrays, observations=reserved)
    globals_ = (state.sqrt_price_x96, state.liquidity, *state.fee_growth_global, *state.protocol_fees)
    arrays.words[: layout.MAX_LIQUIDITY] = to_limbs(globals_)
    arrays.ints[[layout.TICK, layout.FEE_PROTOCOL, layout.FEE_PROTOCOL + 1]] = state.tick, *state.fee_protocol
    arrays.ints[[layout.OBSERVATION_INDEX, layout.CARDINALITY, layout.CARDINALITY_NEXT]] = (
        state.observation_index,
        state.observation_cardinality,
        reserved,
    )
    for slot, tick in enumerate(ticks, start=1):
        _load_tick(arrays, slot, tick, state.tick_info(tick))
    arrays.ints[layout.SLOTS] = len(ticks) + 1
    for row, key in enumerate(positions):
        position = state.position(*key)
        values = (position.liquidity, *position.fee_growth_inside_last, *position.owed)
        arrays.position_words[row * layout.POSITION_ROWS : (row + 1) * layout.POSITION_ROWS] = to_limbs(values)
        arrays.position_ticks[row] = key[1:]
    for index in range(reserved):
        seen = state.observation(index)
        arrays.observation_ints[index] = seen.time, seen.tick_cumulative, seen.initialized
        arrays.observation_words[index] = to_limbs((seen.seconds_per_liquidity_x128,))[0]
    return arrays


def _load_tick(arrays: PoolArrays, slot: int, tick: int, info: TickInfo) -> None:
    dense = tick // int(arrays.ints[layout.SPACING]) + int(arrays.ints[layout.OFFSET])
    arrays.slot_of[dense] = slot
    arrays.bitmap[dense >> 6] |= np.uint64(1 << (dense & 63))
    values = (sqrt_ratio_at_tick(tick), info.net, info.gross, *info.fee_growth_outside)
    rows = to_limbs((*values, info.seconds_per_liquidity_outside_x128))
    arrays.tick_words[slot * layout.TICK_ROWS :][: layout.STORED_ROWS] = rows
    arrays.tick_ints[slot] = tick, info.tick_cumulative_outside, info.seconds_outside
