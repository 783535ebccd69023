"""Logs of a pool's events: Parquet files, and the arrays that everything else reads them as.

One row per event, sorted by (block, log index). Numbers of the chain are 256-bit two's complement, little-endian, in
fixed-size binaries: a column of them is a uint64[n, 4] without a copy. Every malformed file is one DataError that names
the file, the row with its block and log index, and the field (see `bot.pool_log_checks`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bot.core.amm.events import OF_POSITIONS, Kind, PoolEvent, PoolFacts
from bot.errors import DataError, located
from bot.pool_log_checks import check_events, check_rows, metadata_of, parsed_metadata
from bot.pool_log_columns import WIDE, Limbs, arrays_of, limbs_of, require_columns, table_of

METADATA_KEY: Final = b"patron.pool_log"
ROW_GROUP: Final = 1 << 20  # rows that a reader holds twice while it joins groups


@dataclass(frozen=True, slots=True, eq=False)
class PoolLog:
    """The events of one pool within blocks first_block..last_block (both included), n rows.

    Wide numbers are uint64[n, 4], lowest limb first, signed ones in two's complement; what a kind of event does not
    have is zero. `position`: index into `positions` of the event's (owner, lower, upper), -1 where it has none; ids are
    in order of first appearance. All arrays are read-only.
    """

    facts: PoolFacts
    first_block: int
    last_block: int
    block: NDArray[np.int64]
    log_index: NDArray[np.int64]
    time: NDArray[np.int64]  # unix seconds of the block
    kind: NDArray[np.int8]  # bot.core.amm.events.Kind
    lower: NDArray[np.int32]
    upper: NDArray[np.int32]
    tick: NDArray[np.int32]
    liquidity: Limbs
    amount0: Limbs
    amount1: Limbs
    sqrt_price_x96: Limbs
    position: NDArray[np.int32]
    positions: tuple[tuple[str, int, int], ...]

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    def __len__(self) -> int:
        return len(self.block)

    def rows_until(self, block: int | None) -> int:
        """How many rows are of blocks up to `block`, included; all of them for None."""
        return len(self) if block is None else int(np.searchsorted(self.block, block, side="right"))

    def event(self, row: int) -> PoolEvent:
        """One row as Python ints."""
        held = int(self.position[row])
        return PoolEvent(
            kind=Kind(int(self.kind[row])),
            block=int(self.block[row]),
            log_index=int(self.log_index[row]),
            time=int(self.time[row]),
            owner=self.positions[held][0] if held >= 0 else "",
            lower=int(self.lower[row]),
            upper=int(self.upper[row]),
            liquidity=int.from_bytes(self.liquidity[row].tobytes(), "little"),
            amount0=int.from_bytes(self.amount0[row].tobytes(), "little", signed=True),
            amount1=int.from_bytes(self.amount1[row].tobytes(), "little", signed=True),
            sqrt_price_x96=int.from_bytes(self.sqrt_price_x96[row].tobytes(), "little"),
            tick=int(self.tick[row]),
        )

    def events(self, start: int = 0, stop: int | None = None) -> Iterator[PoolEvent]:
        """Rows start..stop-1 as events."""
        return map(self.event, range(start, len(self) if stop is None else stop))


def pool_log_of(
    facts: PoolFacts,
    events: Iterable[PoolEvent],
    first_block: int | None = None,
    last_block: int | None = None,
    whole: bool = True,
    name: object = "events",
) -> PoolLog:
    """The log of these events, checked as a file is. Blocks covered: those of the events where not given.

    whole: it must begin with Initialize; False for a part that is joined later. Raises DataError with `name` in front.
    """
    listed = list(events)
    check_events(listed, name)
    ids: dict[tuple[str, int, int], int] = {}
    position = np.full(len(listed), -1, dtype=np.int32)
    for row, event in enumerate(listed):
        if event.kind in OF_POSITIONS:
            position[row] = ids.setdefault((event.owner, event.lower, event.upper), len(ids))
    blocks = np.array([event.block for event in listed], dtype=np.int64)
    log = PoolLog(
        facts=facts,
        first_block=first_block if first_block is not None else int(blocks[0]) if listed else 0,
        last_block=last_block if last_block is not None else int(blocks[-1]) if listed else 0,
        block=blocks,
        log_index=np.array([event.log_index for event in listed], dtype=np.int64),
        time=np.array([event.time for event in listed], dtype=np.int64),
        kind=np.array([event.kind for event in listed], dtype=np.int8),
        lower=np.array([event.lower for event in listed], dtype=np.int32),
        upper=np.array([event.upper for event in listed], dtype=np.int32),
        tick=np.array([event.tick for event in listed], dtype=np.int32),
        liquidity=limbs_of([event.liquidity for event in listed]),
        amount0=limbs_of([event.amount0 for event in listed]),
        amount1=limbs_of([event.amount1 for event in listed]),
        sqrt_price_x96=limbs_of([event.sqrt_price_x96 for event in listed]),
        position=position,
        positions=tuple(ids),
    )
    check_rows(log, name, whole)
    return log


def write_pool_log(
    path: Path | str,
    facts: PoolFacts,
    events: Iterable[PoolEvent],
    first_block: int | None = None,
    last_block: int | None = None,
) -> PoolLog:
    """The log of these events, also written to `path`. Raises DataError for events that no pool could have emitted."""
    log = pool_log_of(facts, events, first_block, last_block, name=path)
    save_pool_log(path, log)
    return log


def save_pool_log(path: Path | str, log: PoolLog) -> None:
    """Writes a log as Parquet, whole or not at all: beside its place first, then renamed."""
    target = Path(path)
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    document = metadata_of(log.facts, log.first_block, log.last_block, len(log))
    table = table_of(log).replace_schema_metadata({METADATA_KEY: document})
    try:
        with beside.open("wb") as file:
            pq.write_table(
                table,
                file,
                compression="lz4",  # the fastest to read; most bytes of a wide number are zeros
                use_dictionary=["kind"],
                write_statistics=["block", "time"],
                row_group_size=ROW_GROUP,
                store_schema=True,
            )
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def read_pool_log(path: Path | str, pool: str | None = None, whole: bool = True) -> PoolLog:
    """The log in a Parquet file, every row checked. `pool`: the address that it must be of, if one is expected.

    Raises DataError naming file, row, block, log index and field.
    """
    try:
        file = pq.ParquetFile(path, memory_map=True, read_dictionary=["kind"])
        schema, table = file.schema_arrow, file.read(use_threads=False)
    except FileNotFoundError:
        raise DataError(located(path, "", "no such file; `patron lp fetch` writes one")) from None
    except OSError as error:
        raise DataError(located(path, "", f"cannot read: {error.strerror or _line(error)}")) from None
    except pa.ArrowException as error:
        raise DataError(located(path, "", f"not a whole Parquet file: {_line(error)}")) from None
    document = parsed_metadata((schema.metadata or {}).get(METADATA_KEY), path)
    facts = document.facts()
    if pool is not None and facts.pool != pool.lower():
        raise DataError(located(path, "pool", f"a log of another pool than {pool.lower()}", facts.pool))
    require_columns(schema, path)
    if len(table) != document.events:
        raise DataError(located(path, "", f"rows are missing or too many: {document.events} were written", len(table)))
    log = PoolLog(facts, document.first_block, document.last_block, **arrays_of(table, facts.pool, path))
    check_rows(log, path, whole)
    return log


def joined(logs: Sequence[PoolLog], name: object = "parts") -> PoolLog:
    """One whole log of parts that follow each other, checked again. Raises DataError, also for parts of two pools."""
    first = logs[0]
    ids: dict[tuple[str, int, int], int] = {}
    position = []
    for log in logs:
        if log.facts != first.facts:
            raise DataError(located(name, "pool", f"a part of another pool than {first.facts.pool}", log.facts.pool))
        renumbered = np.array([ids.setdefault(held, len(ids)) for held in log.positions] + [-1], dtype=np.int32)
        position.append(renumbered[log.position])  # -1 takes the last entry, which is -1
    arrays = ("block", "log_index", "time", "kind", "lower", "upper", "tick", *WIDE)
    columns: dict[str, Any] = {array: np.concatenate([getattr(log, array) for log in logs]) for array in arrays}
    whole = PoolLog(
        facts=first.facts,
        first_block=min(log.first_block for log in logs),
        last_block=max(log.last_block for log in logs),
        position=np.concatenate(position),
        positions=tuple(ids),
        **columns,
    )
    check_rows(whole, name, True)
    return whole


def _line(error: Any) -> str:
    return " ".join(str(error).split())
