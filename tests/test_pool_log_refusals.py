from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bot.core.amm.events import Kind, PoolEvent
from bot.core.amm.tick_math import MAX_SQRT_RATIO, MAX_TICK, MIN_SQRT_RATIO, MIN_TICK
from bot.core.fixedpoint import INT256_MAX, UINT128_MAX
from bot.core.units import Token
from bot.errors import DataError
from bot.pool_log import pool_log_of, read_pool_log, save_pool_log, write_pool_log
from tests.pool_log_files import OTHER_POOL, number, refusal, rewritten, row_of, same, sample, with_cell


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pool.parquet"
    save_pool_log(path, sample())
    return path


def test_refuses_a_file_that_is_not_there_or_no_parquet(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "nothing.parquet")
    (tmp_path / "text.parquet").write_text("block,log_index\n1,2\n" * 9)
    assert "not a whole Parquet file" in refusal(tmp_path / "text.parquet")


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_refuses_a_truncated_file(file: Path, kept: float) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * kept)])
    assert "not a whole Parquet file" in refusal(file)


def test_refuses_a_file_with_damaged_pages(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[40:4_000] = bytes(3_960)
    file.write_bytes(data)
    assert refusal(file)


def test_refuses_rows_that_were_cut_off(file: Path) -> None:
    written = len(sample())
    rewritten(file, lambda table: table.slice(0, 300), events=written)
    assert f"rows are missing or too many: {written} were written (got 300)" in refusal(file)


def test_refuses_a_parquet_file_that_is_no_log(file: Path) -> None:
    pq.write_table(pq.read_table(file).replace_schema_metadata({}), file)
    assert "its metadata is missing" in refusal(file)


@pytest.mark.parametrize(
    ("entry", "value", "told"),
    [
        ("format", 2, "format"),
        ("chain_id", 0, "chain_id"),
        ("pool", "0xAB", "pool"),
        ("fee_pips", 1_000_000, "fee_pips"),
        ("tick_spacing", 0, "tick_spacing"),
        ("first_block", -1, "first_block"),
        ("last_block", 1, "last_block: before first_block"),
        ("token0", {"address": "0x" + "ff" * 20, "symbol": "Z", "decimals": 18}, "token0: must sort below token1"),
        ("token1", {"address": "0x" + "ff" * 20, "symbol": "Z", "decimals": 300}, "token1.decimals"),
        ("more", 1, "more"),
    ],
)
def test_refuses_metadata_that_no_pool_has(file: Path, entry: str, value: object, told: str) -> None:
    rewritten(file, lambda table: table, **{entry: value})
    assert told in refusal(file)


def test_refuses_to_write_facts_that_no_pool_has(tmp_path: Path) -> None:
    facts = replace(sample().facts, token1=Token(1, "0x00", "X", 6))
    with pytest.raises(DataError, match=r"pool facts: token1\.address"):
        write_pool_log(tmp_path / "log", facts, sample().events())
    assert not list(tmp_path.iterdir())


def test_refuses_the_log_of_another_pool(file: Path) -> None:
    assert f"pool: a log of another pool than {OTHER_POOL}" in refusal(file, pool=OTHER_POOL)
    assert same(read_pool_log(file, pool=sample().facts.pool.upper().replace("0X", "0x")), sample())


def test_refuses_a_row_of_another_pool(file: Path) -> None:
    pools = [sample().facts.pool] * len(sample())
    pools[7] = OTHER_POOL
    rewritten(file, lambda table: table.append_column("pool", pa.array(pools)))
    line = refusal(file)
    assert "row 7 (block " in line
    assert f"pool: an event of another pool than {sample().facts.pool}" in line


def test_refuses_missing_foreign_and_mistyped_columns(file: Path) -> None:
    whole = pq.read_table(file)
    rewritten(file, lambda table: table.drop_columns(["amount1"]))
    assert "amount1: column is missing" in refusal(file)
    rewritten(file, lambda _: whole.append_column("price", pa.array([1.0] * len(whole))))
    assert "price: column does not belong here" in refusal(file)
    narrow = pa.array(range(len(whole)), pa.int32())
    rewritten(file, lambda _: whole.set_column(0, "block", narrow))
    assert "block: not int64 (got 'int32')" in refusal(file) or "block: not int64 (got int32)" in refusal(file)


def test_refuses_an_unknown_kind(file: Path) -> None:
    rewritten(file, with_cell("kind", 9, "Sweep"))
    line = refusal(file)
    assert f"row 9 (block {sample().block[9]} log {sample().log_index[9]}): kind: unknown (got 'Sweep')" in line


def test_refuses_a_log_without_initialize(file: Path) -> None:
    rewritten(file, lambda table: table.slice(1))
    assert "row 0" in refusal(file)
    assert "kind: Initialize is missing: a log begins with it" in refusal(file)
    assert len(read_pool_log(file, whole=False)) == len(sample()) - 1
    rewritten(file, lambda table: table.slice(0, 0))
    assert "the log is empty: Initialize is missing" in refusal(file)
    assert len(read_pool_log(file, whole=False)) == 0


def test_refuses_a_second_initialize(file: Path) -> None:
    first = pq.read_table(file).slice(0, 1).to_pylist()[0]
    row = row_of(Kind.SWAP, 5)
    rewritten(file, lambda table: with_cell("kind", row, first["kind"])(table))
    assert f"row {row} " in refusal(file)
    assert "kind: a second Initialize" in refusal(file)


def test_refuses_reordered_rows(file: Path) -> None:
    order = np.arange(len(sample()))
    row = next(i for i in range(60, 300) if sample().block[i] != sample().block[i + 1])
    order[[row, row + 1]] = order[[row + 1, row]]
    rewritten(file, lambda table: table.take(pa.array(order)))
    assert "out of order" in refusal(file)
    assert f"row {row + 1} (block {sample().block[row]} log {sample().log_index[row]})" in refusal(file)


def same_block(nth: int = 3) -> int:
    """A row whose predecessor is in the same block."""
    return int(np.flatnonzero(np.diff(sample().block) == 0)[nth]) + 1


def test_refuses_a_duplicate_log_index(file: Path) -> None:
    row = same_block()
    rewritten(file, with_cell("log_index", row, int(sample().log_index[row - 1])))
    assert f"row {row} " in refusal(file)
    assert "log_index: twice in one block" in refusal(file)


def test_refuses_log_indices_out_of_order(file: Path) -> None:
    row = same_block()
    rewritten(file, with_cell("log_index", row, int(sample().log_index[row - 1]) - 1))
    assert "log_index: out of order" in refusal(file)


def test_refuses_time_that_goes_back_or_differs_within_a_block(file: Path) -> None:
    whole, row = pq.read_table(file), same_block()
    rewritten(file, with_cell("time", row, int(sample().time[row]) - 10**6))
    assert "time: goes back" in refusal(file)
    row = next(i for i in range(60, 300) if sample().block[i - 1] == sample().block[i] < sample().block[i + 1])
    rewritten(file, lambda _: with_cell("time", row, int(sample().time[row]) + 1)(whole))
    assert "time: two times in one block" in refusal(file)


@pytest.mark.parametrize("column", ["block", "log_index", "time"])
def test_refuses_negative_places(file: Path, column: str) -> None:
    rewritten(file, with_cell(column, 0, -1))
    assert f"{column}: negative (got -1)" in refusal(file)


def test_refuses_events_outside_the_blocks_covered(file: Path) -> None:
    rewritten(file, lambda table: table, last_block=int(sample().block[-1]) - 1)
    assert "block: after the last block covered" in refusal(file)
    rewritten(file, lambda t: t, first_block=int(sample().block[0]) + 1, last_block=int(sample().block[-1]))
    assert "block: before the first block covered" in refusal(file)


BAD_CELLS = [
    ("lower", Kind.MINT, -887_280, "lower: outside -887272..887272 (got -887280)"),
    ("upper", Kind.BURN, 900_000, "upper: outside"),
    ("lower", Kind.COLLECT, -200_001, "lower: not a multiple of the tick spacing 60 (got -200001)"),
    ("upper", Kind.MINT, -887_220, "lower: not below upper"),
    ("tick", Kind.SWAP, MAX_TICK, "tick: outside -887272..887271 (got 887272)"),
    ("tick", Kind.INITIALIZE, MIN_TICK - 1, "tick: outside"),
    ("liquidity", Kind.MINT, number(0), "liquidity: a mint of no liquidity (got 0)"),
    ("liquidity", Kind.SWAP, number(1 << 128), "liquidity: exceeds uint128"),
    ("amount0", Kind.COLLECT, number(1 << 128), "amount0: exceeds uint128"),
    ("amount0", Kind.MINT, number(1 << 255), "amount0: negative, or above int256"),
    ("amount1", Kind.BURN, number(-1), "amount1: negative, or above int256 (got -1)"),
    ("sqrt_price_x96", Kind.SWAP, number(MIN_SQRT_RATIO), f"sqrt_price_x96: outside {MIN_SQRT_RATIO + 1}.."),
    ("sqrt_price_x96", Kind.SWAP, number(MAX_SQRT_RATIO), "sqrt_price_x96: outside"),
    ("sqrt_price_x96", Kind.INITIALIZE, number(MIN_SQRT_RATIO - 1), "sqrt_price_x96: outside"),
    ("sqrt_price_x96", Kind.SWAP, number(1 << 200), "sqrt_price_x96: outside"),
    ("amount1", Kind.INCREASE_OBSERVATION_CARDINALITY_NEXT, number(1 << 16), "amount1: a cardinality is 1 to 65535"),
    ("amount1", Kind.INCREASE_OBSERVATION_CARDINALITY_NEXT, number(1), "amount1: a cardinality only grows, from 1"),
    ("owner", Kind.MINT, None, "owner: a value is missing"),
    ("lower", Kind.BURN, None, "lower: a value is missing"),
    ("tick", Kind.SWAP, None, "tick: a value is missing"),
    ("amount0", Kind.SWAP, None, "amount0: a value is missing"),
    ("sqrt_price_x96", Kind.INITIALIZE, None, "sqrt_price_x96: a value is missing"),
    ("liquidity", Kind.BURN, None, "liquidity: a value is missing"),
    ("time", Kind.SWAP, None, "time: a value is missing"),
]


@pytest.mark.parametrize(("column", "kind", "value", "told"), BAD_CELLS, ids=[cell[3][:40] for cell in BAD_CELLS])
def test_refuses_a_value_that_no_pool_emits(file: Path, column: str, kind: Kind, value: object, told: str) -> None:
    row = row_of(kind)
    rewritten(file, with_cell(column, row, value))
    line = refusal(file)
    assert told in line
    assert f"row {row}" in line


@pytest.mark.parametrize(
    "amounts", [(5, 5), (5, 0, "fine"), (-5, -5), (-5, 0), (0, -5), (0, 0, "fine"), (7, -5, "fine")]
)
def test_the_signs_of_a_swap_are_those_of_a_trade(amounts: tuple[Any, ...]) -> None:
    events = list(sample().events())
    row = row_of(Kind.SWAP)
    events[row] = replace(events[row], amount0=amounts[0], amount1=amounts[1])
    if len(amounts) == 3:
        assert len(pool_log_of(sample().facts, events)) == len(events)
    else:
        with pytest.raises(DataError, match=f"row {row} .*amount0, amount1: exactly one amount of a swap is positive"):
            pool_log_of(sample().facts, events)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("amount0", INT256_MAX + 1, "amount0: outside int256"),
        ("amount1", -INT256_MAX - 2, "amount1: outside int256"),
        ("liquidity", UINT128_MAX + 1, "liquidity: outside uint128"),
        ("liquidity", -1, "liquidity: outside uint128"),
        ("sqrt_price_x96", 1 << 160, "sqrt_price_x96: outside uint160"),
        ("lower", 1 << 40, "lower: outside its range"),
        ("block", 1 << 63, "block: outside its range"),
        ("owner", "0xAB", "owner: not an address in lower case"),
    ],
)
def test_refuses_events_that_do_not_fit_their_columns(field: str, value: Any, told: str) -> None:
    events = list(sample().events())
    row = row_of(Kind.MINT)
    events[row] = replace(events[row], **{field: value})
    with pytest.raises(DataError, match=f"events: row {row} .*{told}"):
        pool_log_of(sample().facts, events)


def test_refuses_a_protocol_share_that_the_contract_refuses() -> None:
    events = list(sample().events())
    last = events[-1]
    events.append(PoolEvent(Kind.SET_FEE_PROTOCOL, last.block + 1, 0, last.time, amount0=4, amount1=3))
    with pytest.raises(DataError, match=r"amount1: a protocol's share is 0 or 4 to 10 \(got 3\)"):
        pool_log_of(sample().facts, events)
