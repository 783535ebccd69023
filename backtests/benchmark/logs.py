"""A pool rebuilt from its event log, every event verified: read from Parquet and replayed, against the plain mirror."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Final

from backtests.benchmark.limits import limits
from backtests.benchmark.timing import ratio, seconds
from backtests.exact_pool import ExactPool
from backtests.lp.made_log import made_log
from backtests.lp.replay import replay, replay_in_python
from bot.core.amm.pool_state import PoolState
from bot.errors import InvariantBroken
from bot.pool_log import PoolLog, read_pool_log, save_pool_log

SWAPS: Final = 200_000
SHORT: Final = 5_000  # of the mirror; the kernel is compared on as many
ROUNDS: Final = 5


def require_same(one: ExactPool, other: PoolState) -> None:
    """Raises InvariantBroken unless both are at the same place with the same fees."""
    for name in ("sqrt_price_x96", "tick", "liquidity", "fee_growth_global", "observation_index"):
        if getattr(one, name) != getattr(other, name):
            raise InvariantBroken(f"compiled and plain replay end at another {name}: nothing to compare")


def both(file: Path) -> tuple[float, float, PoolLog]:
    """(seconds to read, seconds to replay) a log file, and the log."""
    since = time.perf_counter()
    log = read_pool_log(file)
    read = time.perf_counter() - since
    return read, seconds(lambda: replay(log), 1)[0], log


def sections() -> dict[str, str]:
    """The section about event logs. Raises InvariantBroken if compiled and plain replay disagree."""
    with tempfile.TemporaryDirectory() as folder:
        long, short = Path(folder, "long.parquet"), Path(folder, "short.parquet")
        save_pool_log(long, made_log(1, SWAPS, machine=ExactPool))
        save_pool_log(short, made_log(2, SHORT, machine=ExactPool))
        size = long.stat().st_size / 1e6
        _, _, log = both(long)
        few = both(short)[2]
        done, plain = replay(few), replay_in_python(few)
        if not isinstance(plain, PoolState):
            raise InvariantBroken(f"the plain replay stops: {plain}")
        require_same(done.pool, plain)
        swaps = replay(log).counts["Swap"]
        crossed = replay(log).crossings / swaps
        whole: list[float] = []
        alone: list[float] = []
        base: list[tuple[float, ...]] = []
        mirror: list[tuple[float, ...]] = []
        for _ in range(ROUNDS):
            for _ in range(3):
                read, played, _ = both(long)
                whole.append(read + played)
                alone.append(played)
            base.append(tuple(seconds(lambda: replay(few), 9)))
            mirror.append(tuple(seconds(lambda: replay_in_python(few), 1)))
    middle, least, most = ratio(tuple(mirror), tuple(base))
    slow = statistics.median(each[0] for each in mirror)
    text = f"""## Event logs, replayed and verified

A made log of {len(log):,} events ({swaps:,} swaps with {crossed:.2f} ticks crossed each; mints, burns and collects of
some twenty providers; {size:.0f} MB of Parquet): the pool is rebuilt, and each swap's amounts, price, tick and
liquidity, each mint's and burn's amounts are compared with the log. {ROUNDS} interleaved rounds. The plain mirror ends
in the same state.

| engine | events per second, median | slowest to fastest | time ÷ Patron's (by round) |
|---|---:|---:|---:|
| **Patron, read from Parquet, checked and replayed** | **{len(log) / statistics.median(whole):,.0f}** \
| {len(log) / max(whole):,.0f}–{len(log) / min(whole):,.0f} | |
| Patron, replay alone | {len(log) / statistics.median(alone):,.0f} \
| {len(log) / max(alone):,.0f}–{len(log) / min(alone):,.0f} | |
| plain Python ints (the mirror), {len(few):,} events, replay alone | {len(few) / slow:,.0f} | | \
**{middle:,.0f}** ({least:,.0f}–{most:,.0f}) |

{limits().in_steps("The bound: an event, replayed", statistics.median(alone) / len(log))}
"""
    return {"logs": text}
