"""A pool log's columns: arrays as an Arrow table, and a table as arrays, without a copy where there are no nulls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bot.core.amm.events import KINDS, OF_POSITIONS, Kind
from bot.errors import DataError, located
from bot.pool_log_checks import NEEDED, place

if TYPE_CHECKING:
    from bot.pool_log import PoolLog

Limbs = NDArray[np.uint64]

WIDE: Final = ("liquidity", "amount0", "amount1", "sqrt_price_x96")
_HAS_POSITION: Final = np.isin(np.arange(len(Kind)), [int(kind) for kind in OF_POSITIONS])
SCHEMA: Final = pa.schema(
    [
        pa.field("block", pa.int64(), nullable=False),
        pa.field("log_index", pa.int64(), nullable=False),
        pa.field("time", pa.int64(), nullable=False),
        pa.field("kind", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("owner", pa.binary(20)),
        pa.field("lower", pa.int32()),
        pa.field("upper", pa.int32()),
        *(pa.field(name, pa.binary(32), nullable=False) for name in WIDE),
        pa.field("tick", pa.int32()),
    ]
)


def table_of(log: PoolLog) -> pa.Table:
    held = _HAS_POSITION[log.kind]
    packed = b"".join(bytes.fromhex(owner[2:]) for owner, _, _ in log.positions) + bytes(20)
    by_id = np.frombuffer(packed, dtype=np.uint8).reshape(-1, 20)
    owners = pa.py_buffer(by_id[log.position].tobytes())  # -1: the zeros at the end
    absent = pa.array(held).buffers()[1]
    priced = np.isin(log.kind, (Kind.INITIALIZE, Kind.SWAP))
    codes = pa.array(log.kind.astype(np.int32))
    columns = {
        "block": pa.array(log.block),
        "log_index": pa.array(log.log_index),
        "time": pa.array(log.time),
        "kind": pa.DictionaryArray.from_arrays(codes, pa.array([kind.label for kind in Kind])),
        "owner": pa.FixedSizeBinaryArray.from_buffers(pa.binary(20), len(log), [absent, owners]),
        "lower": pa.array(log.lower, mask=~held),
        "upper": pa.array(log.upper, mask=~held),
        "tick": pa.array(log.tick, mask=~priced),
    }
    for name in WIDE:
        data = pa.py_buffer(np.ascontiguousarray(getattr(log, name), dtype="<u8"))
        columns[name] = pa.FixedSizeBinaryArray.from_buffers(pa.binary(32), len(log), [None, data])
    return pa.table(columns, schema=SCHEMA)


def arrays_of(table: pa.Table, pool: str, path: object) -> dict[str, Any]:
    """The arrays of a PoolLog, by name. Raises DataError: an unknown kind, a value missing, a row of another pool."""
    columns = {name: _one(table.column(name)) for name in table.column_names}
    for name in ("block", "log_index", "time", "kind"):
        if columns[name].null_count:
            row = int(np.argmax(columns[name].is_null().to_numpy(zero_copy_only=False)))
            raise DataError(located(f"{path}: row {row}", name, "a value is missing"))
    block, log_index = columns["block"].to_numpy(), columns["log_index"].to_numpy()
    names = columns["kind"].dictionary.to_pylist()
    codes = np.array([KINDS.get(name, -1) for name in names] or [-1], dtype=np.int8)
    kind = codes[columns["kind"].indices.to_numpy()]
    if len(kind) and kind.min() < 0:
        row = int(np.argmax(kind < 0))
        raise DataError(located(place(path, row, block, log_index), "kind", "unknown", columns["kind"][row].as_py()))
    if "pool" in columns:
        _require_pool(columns["pool"], pool, path, block, log_index)
    for name, needed in NEEDED.items():
        if columns[name].null_count:
            missing = columns[name].is_null().to_numpy(zero_copy_only=False) & needed[kind]
            if missing.any():
                raise DataError(
                    located(place(path, int(np.argmax(missing)), block, log_index), name, "a value is missing")
                )
    lower, upper = (pc.fill_null(columns[name], 0).to_numpy() for name in ("lower", "upper"))
    position, positions = _positions(columns["owner"], lower, upper, _HAS_POSITION[kind])
    return {
        "block": block,
        "log_index": log_index,
        "time": columns["time"].to_numpy(),
        "kind": kind,
        "lower": lower,
        "upper": upper,
        "tick": pc.fill_null(columns["tick"], 0).to_numpy(),
        **{name: _wide(columns[name]) for name in WIDE},
        "position": position,
        "positions": positions,
    }


def _positions(
    owner: pa.Array, lower: NDArray[np.int32], upper: NDArray[np.int32], held: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], tuple[tuple[str, int, int], ...]]:
    """Ids and keys of the rows that are `held`, in order of first appearance."""
    rows = np.flatnonzero(held)
    keys = np.zeros((len(rows), 32), dtype=np.uint8)
    keys[:, :20] = _bytes(owner, 20)[rows]
    keys[:, 20:24] = lower[rows].astype("<i4").view(np.uint8).reshape(-1, 4)
    keys[:, 24:28] = upper[rows].astype("<i4").view(np.uint8).reshape(-1, 4)
    # Numbers hash faster than strings of bytes; rows that share a hash are compared in full below.
    odd = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93], dtype=np.uint64)
    limbs = keys.view("<u8")
    mixed = (limbs ^ (limbs >> np.uint64(29))) * odd
    hashes = pa.array(np.bitwise_xor.reduce(mixed ^ (mixed >> np.uint64(32)), axis=1))
    found = hashes.dictionary_encode().indices.to_numpy()  # in order of first appearance
    first = _first_rows(found)
    if len(rows) and not np.array_equal(limbs, limbs[first[found]]):
        _, first, found = np.unique(keys.view("V32").ravel(), return_index=True, return_inverse=True)
        order = np.argsort(first)
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        found, first = rank[found].astype(np.int32), first[order]
    position = np.full(len(held), -1, dtype=np.int32)
    position[rows] = found
    return position, tuple(
        ("0x" + keys[row, :20].tobytes().hex(), int(lower[rows[row]]), int(upper[rows[row]])) for row in first
    )


def _first_rows(ids: NDArray[np.intp]) -> NDArray[np.intp]:
    """Per id its first row; ids count up from 0 in order of first appearance."""
    if not len(ids):
        return np.zeros(0, dtype=np.intp)
    highest = np.maximum.accumulate(ids)
    return np.flatnonzero(np.concatenate(([True], highest[1:] > highest[:-1])))


def require_columns(schema: pa.Schema, path: object) -> None:
    for field in SCHEMA:
        if field.name not in schema.names:
            raise DataError(located(path, field.name, "column is missing", ", ".join(schema.names)))
        found = schema.field(field.name).type
        if field.name == "kind":
            plain = found.value_type if pa.types.is_dictionary(found) else found
            fits = pa.types.is_string(plain) or pa.types.is_large_string(plain)
        else:
            fits = found == field.type
        if not fits:
            raise DataError(located(path, field.name, f"not {field.type}", str(found)))
    extra = [name for name in schema.names if name not in SCHEMA.names and name != "pool"]
    if extra:
        raise DataError(located(path, extra[0], "column does not belong here"))


def _require_pool(
    column: pa.Array, pool: str, path: object, block: NDArray[np.int64], log_index: NDArray[np.int64]
) -> None:
    for row, value in enumerate(column.to_pylist()):
        text = "0x" + value.hex() if isinstance(value, bytes) else str(value).lower()
        if text != pool:
            problem = f"an event of another pool than {pool}"
            raise DataError(located(place(path, row, block, log_index), "pool", problem, text))


def _one(column: pa.ChunkedArray) -> pa.Array:
    """A column's only chunk, or all of them copied into one."""
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    elif not pa.types.is_string(column.type) and column.num_chunks == 1:
        return column.chunk(0)
    joint = column.combine_chunks()
    return joint.chunk(0) if isinstance(joint, pa.ChunkedArray) else joint


def _wide(column: pa.Array) -> Limbs:
    limbs = _bytes(column, 32).view("<u8")
    if column.null_count:
        limbs = np.where(column.is_null().to_numpy(zero_copy_only=False)[:, None], np.uint64(0), limbs)
    return limbs


def _bytes(column: pa.Array, width: int) -> NDArray[np.uint8]:
    """uint8[n, width] over the column's own memory."""
    buffer = column.buffers()[1]
    if buffer is None:
        return np.zeros((len(column), width), dtype=np.uint8)
    flat = np.frombuffer(buffer, dtype=np.uint8, count=(column.offset + len(column)) * width)
    return flat.reshape(-1, width)[column.offset :]


def limbs_of(values: Sequence[int]) -> Limbs:
    packed = b"".join((value & ((1 << 256) - 1)).to_bytes(32, "little") for value in values)
    return np.frombuffer(packed, dtype="<u8").reshape(-1, 4)
