from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bot.core.amm.events import Kind, PoolEvent
from bot.core.amm.tick_math import MAX_SQRT_RATIO, MAX_TICK, MIN_SQRT_RATIO, MIN_TICK
from bot.core.fixedpoint import INT256_MAX, UINT128_MAX
from bot.errors import DataError
from bot.pool_log import joined, pool_log_of, read_pool_log, save_pool_log, write_pool_log
from tests.pool_log_files import OTHER_POOL, OWNER, rewritten, row_of, same, sample, with_cell


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pool.parquet"
    save_pool_log(path, sample())
    return path


def test_a_log_survives_its_file(file: Path) -> None:
    assert same(read_pool_log(file), sample())


def test_events_survive_the_arrays() -> None:
    log = sample()
    events = list(log.events())
    assert same(pool_log_of(log.facts, events), log)
    assert {event.kind for event in events} >= {Kind.INITIALIZE, Kind.MINT, Kind.BURN, Kind.COLLECT, Kind.SWAP}
    assert list(log.events(3, 5)) == events[3:5]


def test_every_kind_and_the_widest_numbers_survive(tmp_path: Path) -> None:
    place = {"owner": OWNER, "lower": -887_220, "upper": 887_220}
    swap = {"liquidity": UINT128_MAX, "sqrt_price_x96": MAX_SQRT_RATIO - 1, "tick": MAX_TICK - 1}
    events = [
        PoolEvent(Kind.INITIALIZE, 7, 0, 10, sqrt_price_x96=MIN_SQRT_RATIO, tick=MIN_TICK),
        PoolEvent(Kind.MINT, 7, 1, 10, **place, liquidity=UINT128_MAX, amount0=INT256_MAX, amount1=0),
        PoolEvent(Kind.SWAP, 8, 0, 12, **swap, amount0=INT256_MAX, amount1=-INT256_MAX - 1),
        PoolEvent(Kind.SWAP, 8, 2, 12, liquidity=0, amount0=0, amount1=0, sqrt_price_x96=MIN_SQRT_RATIO + 1, tick=-1),
        PoolEvent(Kind.BURN, 9, 0, 12, **place),
        PoolEvent(Kind.COLLECT, 9, 1, 12, **place, amount0=UINT128_MAX, amount1=UINT128_MAX),
        PoolEvent(Kind.FLASH, 9, 2, 12, amount0=INT256_MAX, amount1=1),
        PoolEvent(Kind.SET_FEE_PROTOCOL, 9, 3, 12, amount0=4, amount1=10),
        PoolEvent(Kind.COLLECT_PROTOCOL, 9, 4, 12, amount0=UINT128_MAX, amount1=0),
        PoolEvent(Kind.INCREASE_OBSERVATION_CARDINALITY_NEXT, 9, 5, 12, amount0=1, amount1=65_535),
    ]
    written = write_pool_log(tmp_path / "log", sample().facts, events, first_block=5, last_block=20)
    back = read_pool_log(tmp_path / "log")
    assert list(back.events()) == events
    assert same(back, written)
    assert (back.first_block, back.last_block, back.positions) == (5, 20, ((OWNER, -887_220, 887_220),))


def test_wide_columns_are_read_without_a_copy_and_rows_are_found_by_block(file: Path) -> None:
    log = read_pool_log(file)
    assert not log.amount0.flags.owndata
    assert log.amount0.dtype == np.uint64
    assert log.rows_until(None) == len(log)
    assert log.rows_until(int(log.block[0])) == int((log.block == log.block[0]).sum())
    assert log.rows_until(int(log.block[0]) - 1) == 0


def test_many_row_groups_and_a_column_of_pools_are_read_alike(file: Path) -> None:
    table = pq.read_table(file)
    pools = pa.array([bytes.fromhex(sample().facts.pool[2:])] * len(table), pa.binary(20))
    pq.write_table(table.append_column("pool", pools), file, row_group_size=37)
    assert same(read_pool_log(file), sample())


def test_parts_join_to_the_whole() -> None:
    log = sample()
    events, middle = list(log.events()), int(log.block[200])
    before = [event for event in events if event.block < middle]
    parts = [
        pool_log_of(log.facts, before, log.first_block, middle - 1),
        pool_log_of(log.facts, [], middle, middle, whole=False),
        pool_log_of(log.facts, events[len(before) :], middle, log.last_block, whole=False),
    ]
    parts[1] = replace(parts[1], last_block=middle)
    assert same(joined(parts), log)
    stranger = replace(parts[2], facts=replace(log.facts, pool=OTHER_POOL))
    with pytest.raises(DataError, match="a part of another pool"):
        joined([parts[0], stranger])


def test_a_write_that_fails_leaves_the_old_file(file: Path) -> None:
    before = file.read_bytes()
    bad = [*sample().events(), *sample().events()]
    with pytest.raises(DataError):
        write_pool_log(file, sample().facts, bad)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_missing_value_that_nobody_needs_is_zero(file: Path) -> None:
    row = row_of(Kind.COLLECT)
    rewritten(file, with_cell("sqrt_price_x96", row, None))
    assert same(read_pool_log(file), sample())


def test_positions_are_told_apart_by_owner_and_both_ticks(tmp_path: Path) -> None:
    facts = replace(sample().facts, pool=OTHER_POOL)
    keys = [(f"0x{i % 7:040x}", -60 * (1 + i % 5), 60 * (1 + i % 3)) for i in range(300)]
    events = [PoolEvent(Kind.INITIALIZE, 0, 0, 0, sqrt_price_x96=1 << 96)]
    events += [PoolEvent(Kind.COLLECT, 1 + i, 0, 1 + i, *key) for i, key in enumerate(keys)]
    log = write_pool_log(tmp_path / "log", facts, events)
    assert same(read_pool_log(tmp_path / "log"), log)
    assert log.positions == tuple(dict.fromkeys(keys))
    assert [log.positions[i] for i in log.position[1:]] == keys
