"""A small generated log, its file, and what other programs might write into such a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backtests.lp.made_log import made_log
from bot.core.amm.events import Kind
from bot.errors import DataError
from bot.pool_log import METADATA_KEY, PoolLog, read_pool_log

ARRAYS = (
    "block",
    "log_index",
    "time",
    "kind",
    "lower",
    "upper",
    "tick",
    "liquidity",
    "amount0",
    "amount1",
    "sqrt_price_x96",
    "position",
)
OWNER = "0x" + "ab" * 20
OTHER_POOL = "0x" + "77" * 20


@cache
def sample() -> PoolLog:
    return made_log(1, 400)


def same(a: PoolLog, b: PoolLog) -> bool:
    scalars = (a.facts, a.first_block, a.last_block, a.positions) == (b.facts, b.first_block, b.last_block, b.positions)
    return scalars and all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ARRAYS)


def rewritten(file: Path, change: Callable[[pa.Table], pa.Table], **metadata: Any) -> Path:
    """The file with its table changed, as another program might have written it; `metadata` entries replaced."""
    table = change(pq.read_table(file))
    document = json.loads(table.schema.metadata[METADATA_KEY]) | {"events": len(table)} | metadata
    pq.write_table(table.replace_schema_metadata({METADATA_KEY: json.dumps(document).encode()}), file)
    return file


def with_cell(column: str, row: int, value: Any) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        values = table.column(column).to_pylist()
        values[row] = value
        place = table.schema.get_field_index(column)
        changed = pa.array(values, table.schema.field(column).type)
        return table.set_column(place, pa.field(column, changed.type), changed)

    return change


def row_of(kind: Kind, nth: int = 0) -> int:
    return int(np.flatnonzero(sample().kind == kind)[nth])


def number(value: int) -> bytes:
    return (value & ((1 << 256) - 1)).to_bytes(32, "little")


def refusal(file: Path, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        read_pool_log(file, **options)
    line = str(caught.value)
    assert "\n" not in line
    assert file.name in line
    return line
