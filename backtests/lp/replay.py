"""A pool rebuilt from its log, exactly, with every event verified on the way.

Each swap must come out at the recorded amounts, price, tick and liquidity, each mint, burn and collection at its
recorded amounts; the first that does not ends the replay. Compiled: a whole slice of the log is one call.
"""

from __future__ import annotations

import time as clock
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backtests.exact_pool import ExactPool
from backtests.kernels.amm.events import (
    CALL,
    EXACT_IN,
    EXACT_OUT,
    FIELDS,
    TO_LIMIT,
    EventArrays,
    found_value,
    replay_slice_nb,
)
from backtests.kernels.amm.layout import SLOTS, with_capacity
from bot.core.amm.events import Disagreement, Kind, apply_snapshot_event, refusal_text
from bot.core.amm.pool_state import PoolState
from bot.core.amm.reverts import Revert
from bot.errors import DataError
from bot.pool_log import PoolLog

__all__ = [
    "EXACT_IN",
    "EXACT_OUT",
    "TO_LIMIT",
    "Replayed",
    "event_arrays",
    "first_disagreement",
    "pool_of",
    "replay",
    "replay_in_python",
    "with_room_for",
]


@dataclass(frozen=True, slots=True)
class Replayed:
    """A pool as it is after the last event applied, and what was verified on the way.

    `style` (EXACT_IN, EXACT_OUT, TO_LIMIT) and `zero_for_one`: what each swap's trader asked for, by row of the log,
    zero for every other event. `crossings`: initialised ticks that swaps crossed. `seconds` of the replay itself.
    """

    pool: ExactPool
    events: int
    counts: dict[str, int]
    crossings: int
    seconds: float
    style: NDArray[np.int8]
    zero_for_one: NDArray[np.bool_]


def replay(
    log: PoolLog, upto_block: int | None = None, pool: ExactPool | None = None, start: int = 0, name: object = "log"
) -> Replayed:
    """The pool after the events of all blocks up to `upto_block`, included; of the whole log by default.

    pool, start: go on with a pool that has seen the rows before `start`; it must come from `pool_of(log)` or an earlier
    replay of the same log, and is changed. Raises DataError at the first event that does not come out as recorded, and
    for a block that the log does not cover.
    """
    done = first_disagreement(log, upto_block, pool, start, name)
    if isinstance(done, Disagreement):
        raise DataError(f"{name}: {done}")
    return done


def first_disagreement(
    log: PoolLog, upto_block: int | None = None, pool: ExactPool | None = None, start: int = 0, name: object = "log"
) -> Replayed | Disagreement:
    """As `replay`, with the first event that does not come out as a value."""
    if upto_block is not None and not log.first_block <= upto_block <= log.last_block:
        raise DataError(f"{name}: covers the blocks {log.first_block} to {log.last_block} (got {upto_block})")
    stop = log.rows_until(upto_block)
    machine = pool if pool is not None else pool_of(log)
    with_room_for(machine, log, start, stop)
    style, zero_for_one = np.zeros(len(log), dtype=np.int8), np.zeros(len(log), dtype=np.bool_)
    found, events = np.zeros((1, 4), dtype=np.uint64), event_arrays(log)
    replay_slice_nb(machine.arrays, events, start, start, style, zero_for_one, found)  # compiles, and does nothing
    began = clock.perf_counter()
    row, field, code, crossings = replay_slice_nb(
        machine.arrays, events, start, max(start, stop), style, zero_for_one, found
    )
    seconds = clock.perf_counter() - began
    if field:
        event = log.event(row)
        expected: int | str = "accepted" if field == CALL else getattr(event, FIELDS[field])
        got: int | str = refusal_text(Revert(code)) if field == CALL else found_value(field, found)
        return Disagreement(event.block, event.log_index, event.kind, FIELDS[field], expected, got)
    tallies = np.bincount(log.kind[start:stop], minlength=len(Kind))
    counts = {kind.label: int(tallies[kind]) for kind in Kind if tallies[kind]}
    return Replayed(machine, max(0, stop - start), counts, int(crossings), seconds, style, zero_for_one)


def replay_in_python(log: PoolLog, upto_block: int | None = None) -> PoolState | Disagreement:
    """The same with plain Python ints, some hundred times slower: the reference that `replay` must equal."""
    state = PoolState(log.facts.fee_pips, log.facts.tick_spacing)
    for event in log.events(0, log.rows_until(upto_block)):
        differs = apply_snapshot_event(state, event)
        if differs is not None:
            return differs
    return state


def pool_of(log: PoolLog) -> ExactPool:
    """A new pool that knows the log's positions by the log's own numbers, so that `log.position` are its rows."""
    return ExactPool.from_state(PoolState(log.facts.fee_pips, log.facts.tick_spacing), log.positions)


def with_room_for(pool: ExactPool, log: PoolLog, start: int, stop: int) -> None:
    """Makes room in the pool's arrays for every tick and observation that rows start..stop-1 can need.

    Raises ValueError for a pool that does not know the log's positions by the log's numbers.
    """
    known = np.array([(lower, upper) for _, lower, upper in log.positions], dtype=np.int64).reshape(-1, 2)
    facts, held = log.facts, pool.arrays.position_ticks[: len(known)]
    if (pool.fee_pips, pool.tick_spacing) != (facts.fee_pips, facts.tick_spacing) or not np.array_equal(held, known):
        raise ValueError("the pool was not made for this log: see pool_of")
    kinds = log.kind[start:stop]
    minted = np.flatnonzero(kinds == Kind.MINT) + start
    ticks = np.unique(np.concatenate((log.lower[minted], log.upper[minted])))
    grown = np.flatnonzero(kinds == Kind.INCREASE_OBSERVATION_CARDINALITY_NEXT) + start
    observations = int(log.amount1[grown, 0].max()) if len(grown) else 0
    slots = int(pool.arrays.ints[SLOTS]) + len(ticks)
    pool.arrays = with_capacity(pool.arrays, slots=slots, observations=observations)


def event_arrays(log: PoolLog) -> EventArrays:
    """The log's columns as the kernels take them, without a copy."""
    return EventArrays(
        log.kind, log.time, log.position, log.tick, log.liquidity, log.amount0, log.amount1, log.sqrt_price_x96
    )
