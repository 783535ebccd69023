from __future__ import annotations

import asyncio
import io
import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from backtests.lp.made_log import made_log
from bot.chain import pool_logs
from bot.chain.pool_events import decode_log
from bot.chain.pool_logs import fetch_and_report, fetch_pool_log
from bot.chain.rpc import Rpc
from bot.core.amm.events import Kind, PoolEvent
from bot.errors import ChainError, ConfigError, DataError
from bot.pool_log import PoolLog, pool_log_of, read_pool_log, save_pool_log
from tests.chain.pool_node import PoolNode, raw_log, serving, topic

POOL = "0x" + "ab" * 20
ROOT = Path(__file__).resolve().parents[2]


@cache
def sample() -> PoolLog:
    return made_log(2, 600)


def node(**moods: Any) -> PoolNode:
    log = sample()
    return PoolNode(log, head=log.last_block + 5, created=log.first_block - 3, **moods)


async def fetched(known: PoolNode, out: Path, **asked: Any) -> PoolLog:
    async with serving(known) as url, await Rpc.connect(url) as rpc:
        return await fetch_pool_log(rpc, known.log.facts.pool, out, **asked)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def same_events(found: PoolLog, wanted: PoolLog) -> bool:
    return list(found.events()) == list(wanted.events()) and found.facts == wanted.facts


def test_every_kind_of_event_is_decoded_as_it_was_emitted() -> None:
    place = {"owner": "0x" + "0a" * 20, "lower": -887_220, "upper": -60}
    widest = {"amount0": (1 << 255) - 1, "amount1": -(1 << 255)}
    events = [
        PoolEvent(Kind.INITIALIZE, 1, 0, 5, sqrt_price_x96=(1 << 160) - 1, tick=-887_272),
        PoolEvent(Kind.MINT, 1, 1, 5, **place, liquidity=(1 << 128) - 1, amount0=7, amount1=(1 << 255) - 1),
        PoolEvent(Kind.BURN, 1, 2, 5, **place, liquidity=3, amount0=1, amount1=2),
        PoolEvent(Kind.COLLECT, 1, 3, 5, **place, amount0=(1 << 128) - 1, amount1=0),
        PoolEvent(Kind.SWAP, 1, 4, 5, **widest, sqrt_price_x96=1 << 96, liquidity=9, tick=-1),
        PoolEvent(Kind.FLASH, 1, 5, 5, amount0=3, amount1=4),
        PoolEvent(Kind.SET_FEE_PROTOCOL, 1, 6, 5, amount0=4, amount1=10),
        PoolEvent(Kind.COLLECT_PROTOCOL, 1, 7, 5, amount0=11, amount1=12),
        PoolEvent(Kind.INCREASE_OBSERVATION_CARDINALITY_NEXT, 1, 8, 5, amount0=1, amount1=65_535),
    ]
    assert [decode_log(raw_log(event, POOL), POOL, 5) for event in events] == events


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"removed": True}, "removed by a reorganisation"),
        ({"address": "0x" + "cd" * 20}, "is of 0xcdcd"),
        ({"topics": ["0x" + "11" * 32]}, "a topic that was not asked for"),
        ({"topics": [topic(Kind.SWAP)]}, "no Swap of a Uniswap V3 pool"),
        ({"data": "0x"}, "no Swap of a Uniswap V3 pool"),
        ({"data": "0x" + "zz" * 160}, "a log that is none"),
        ({"blockNumber": None}, "where a number was due"),
        ({"topics": None}, "a log that is none"),
    ],
)
def test_refuses_a_log_that_is_not_of_the_pool(changes: dict[str, Any], told: str) -> None:
    log = raw_log(PoolEvent(Kind.SWAP, 1, 4, 5, amount0=1, amount1=-1, sqrt_price_x96=1 << 96), POOL)
    with pytest.raises(ChainError, match=told) as caught:
        decode_log(log | changes, POOL, 5)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("stamps", [True, False])
async def test_fetches_the_whole_history_and_writes_it(tmp_path: Path, stamps: bool) -> None:
    known = node(stamps=stamps)
    log = await fetched(known, tmp_path / "pool.parquet")
    assert same_events(log, sample())
    assert same_events(read_pool_log(tmp_path / "pool.parquet"), sample())
    assert (log.first_block, log.last_block) == (known.created, known.head)
    assert log.facts.token1.symbol == "USDC"
    headers = [params for method, params in known.asked if method == "eth_getBlockByNumber"]
    assert len(headers) == (0 if stamps else len(set(sample().block.tolist())))
    assert names_in(tmp_path) == ["pool.parquet"]


async def test_halves_ranges_that_hold_too_many_results(tmp_path: Path) -> None:
    known = node(most_logs=50, stamps=True)
    assert same_events(await fetched(known, tmp_path / "log"), sample())
    widths = [stop - start + 1 for start, stop in known.ranges]
    assert widths[0] > 1_000
    assert widths[:5] == [widths[0] >> halvings for halvings in range(5)]


async def test_halves_ranges_that_are_too_wide_or_too_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = node(most_blocks=300, stamps=True)
    assert same_events(await fetched(known, tmp_path / "wide"), sample())
    monkeypatch.setattr(pool_logs, "_LOG_TIMEOUT", 0.2)
    monkeypatch.setattr(pool_logs, "FIRST_WIDTH", 1_000)
    known = node(slow_above=900, stamps=True)
    assert same_events(await fetched(known, tmp_path / "slow"), sample())
    assert max(stop - start + 1 for start, stop in known.ranges[1:]) <= 900


async def test_ranges_grow_where_little_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_logs, "FIRST_WIDTH", 10)
    known = node(stamps=True)
    await fetched(known, tmp_path / "log")
    widths = [stop - start + 1 for start, stop in known.ranges]
    assert widths[:4] == [10, 20, 40, 80]
    assert len(widths) < 12


async def test_a_block_that_the_node_never_answers_is_its_own_error(tmp_path: Path) -> None:
    with pytest.raises(ChainError, match="query returned more than 0 results"):
        await fetched(node(most_logs=0), tmp_path / "log")


async def test_waits_when_it_asks_too_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_logs, "_PAUSES", (0.01, 0.01, 0.01))
    known = node(too_often=3, stamps=True)
    assert same_events(await fetched(known, tmp_path / "log"), sample())
    assert known.ranges[:4] == [known.ranges[0]] * 4


async def test_a_second_run_goes_on_where_the_first_one_was_killed(tmp_path: Path) -> None:
    out = tmp_path / "log"
    known = node(most_blocks=100, dies_after=9, stamps=True)
    with pytest.raises(ChainError, match="internal error"):
        await fetched(known, out)
    assert not out.exists()
    parts = [name for name in names_in(tmp_path / "log.parts") if name.endswith(".parquet")]
    (tmp_path / "log.parts" / ".7-9.parquet.123").write_bytes(b"half of a part that a kill left")
    assert parts
    had = [tuple(map(int, part.removesuffix(".parquet").split("-"))) for part in parts]
    again = node(most_blocks=100, stamps=True)
    assert same_events(await fetched(again, out), sample())
    assert not any(
        start <= stop and first <= stop and start <= last for start, stop in again.ranges for first, last in had
    )
    assert names_in(tmp_path) == ["log"]


async def test_a_process_that_is_killed_loses_only_the_range_under_way(tmp_path: Path) -> None:
    known, out = node(most_blocks=64, stamps=True, delay=0.05), tmp_path / "log"
    code = (
        "import sys; from pathlib import Path; from rich.console import Console\n"
        "from bot.chain.pool_logs import fetch_and_report\n"
        "fetch_and_report(sys.argv[1], sys.argv[2], Path(sys.argv[3]), None, None, None, True, Console())"
    )
    async with serving(known) as url:
        with (tmp_path / "output").open("wb") as output:
            command = (sys.executable, "-c", code, known.log.facts.pool, url, str(out))
            process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output, cwd=ROOT)
        try:
            for _ in range(3_000):
                if len(known.ranges) >= 12:
                    break
                await asyncio.sleep(0.02)
        finally:
            process.kill()
            await process.wait()
    parts = [name for name in names_in(tmp_path / "log.parts") if name[0] != "."]
    had = [tuple(map(int, part.removesuffix(".parquet").split("-"))) for part in parts]
    assert had
    again = node(most_blocks=64, stamps=True)
    assert same_events(await fetched(again, out), sample())
    assert not any(first <= stop and start <= last for start, stop in again.ranges for first, last in had)


async def test_an_older_log_is_continued(tmp_path: Path) -> None:
    out, known = tmp_path / "log", node(stamps=True)
    middle = int(sample().block[300])
    first = await fetched(known, out, to_block=middle)
    assert len(first) < len(sample())
    again = node(stamps=True)
    assert same_events(await fetched(again, out), sample())
    assert min(start for start, _ in again.ranges) == middle + 1
    done = node(stamps=True)
    assert same_events(await fetched(done, out), sample())
    assert done.ranges == []


async def test_blocks_between_an_older_log_and_what_is_asked_for_are_fetched_too(tmp_path: Path) -> None:
    out, known = tmp_path / "log", node(stamps=True)
    early, late = int(sample().block[200]), int(sample().block[400])
    await fetched(known, out, to_block=early)
    log = await fetched(node(stamps=True), out, from_block=late)
    assert same_events(log, sample())


async def test_only_blocks_that_are_deep_enough_are_fetched(tmp_path: Path) -> None:
    known = node(stamps=True, chain_id=1)
    log = await fetched(known, tmp_path / "log")
    assert log.last_block == known.head - pool_logs.CONFIRMATIONS
    assert max(stop for _, stop in known.ranges) == log.last_block
    shallow = await fetched(node(stamps=True, chain_id=1), tmp_path / "shallow", confirmations=2)
    assert shallow.last_block == known.head - 2
    with pytest.raises(ChainError, match="is not 64 blocks deep yet"):
        await fetched(known, tmp_path / "deep", to_block=known.head)


async def test_a_node_without_old_state_is_asked_from_the_first_block(tmp_path: Path) -> None:
    known = node(pruned=True, stamps=True)
    assert same_events(await fetched(known, tmp_path / "log"), sample())
    assert known.ranges[0][0] == 0


async def test_a_first_block_after_initialize_is_bad_data(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Initialize is missing"):
        await fetched(node(stamps=True), tmp_path / "log", from_block=int(sample().block[0]) + 1)
    assert same_events(await fetched(node(stamps=True), tmp_path / "log"), sample())


async def test_refuses_what_is_no_pool(tmp_path: Path) -> None:
    known = node(known_pool=POOL)
    with pytest.raises(ChainError, match="is no pool of its factory"):
        await fetched(known, tmp_path / "log")
    async with serving(node()) as url, await Rpc.connect(url) as rpc:
        with pytest.raises(ChainError, match="does not answer as a Uniswap V3 pool does"):
            await fetch_pool_log(rpc, POOL, tmp_path / "log")
        with pytest.raises(ConfigError, match="not the address of a pool"):
            await fetch_pool_log(rpc, "weth", tmp_path / "log")


async def test_refuses_the_log_of_another_pool_in_the_way(tmp_path: Path) -> None:
    other = made_log(3, 5)
    save_pool_log(tmp_path / "log", other)
    with pytest.raises(DataError, match="a log of another pool"):
        await fetched(node(), tmp_path / "log")
    assert same_events(read_pool_log(tmp_path / "log"), other)


async def test_refuses_a_node_that_answers_blocks_nobody_asked_for(tmp_path: Path) -> None:
    elsewhere = {"blockNumber": hex(sample().first_block + 9_999)}
    known = node(stamps=True, most_blocks=50, spoil=lambda log: log | elsewhere)
    with pytest.raises(ChainError, match="was not asked for"):
        await fetched(known, tmp_path / "log")


async def test_refuses_a_node_that_answers_no_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nonsense(self: PoolNode, where: object) -> dict[str, Any]:
        return {"result": {"logs": []}}

    monkeypatch.setattr(PoolNode, "eth_getLogs", nonsense)
    with pytest.raises(ChainError, match="no list of logs"):
        await fetched(node(), tmp_path / "log")


def test_parts_with_nothing_in_them_are_kept(tmp_path: Path) -> None:
    empty = pool_log_of(sample().facts, [], 10, 20, whole=False)
    save_pool_log(tmp_path / "10-20.parquet", empty)
    back = read_pool_log(tmp_path / "10-20.parquet", whole=False)
    assert (len(back), back.first_block, back.last_block, back.positions) == (0, 10, 20, ())


@pytest.mark.parametrize("as_json", [True, False])
async def test_says_what_was_fetched(tmp_path: Path, as_json: bool) -> None:
    known, text = node(stamps=True), io.StringIO()
    async with serving(known) as url:
        arguments = (
            known.log.facts.pool,
            url,
            tmp_path / "log",
            None,
            None,
            None,
            as_json,
            Console(file=text, width=80),
        )
        await asyncio.to_thread(fetch_and_report, *arguments)
    swaps = int(np.count_nonzero(sample().kind == Kind.SWAP))
    if as_json:
        told = json.loads(text.getvalue())
        assert (told["events"], told["counts"]["Swap"]) == (len(sample()), swaps)
        assert told["next"] == f"patron lp replay {tmp_path / 'log'}"
    else:
        assert f"{swaps} Swap" in text.getvalue()
        assert f"try next: patron lp replay {tmp_path / 'log'}" in text.getvalue().replace("\n", "")
