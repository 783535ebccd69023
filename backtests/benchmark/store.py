"""Events into the point-in-time store, one in a hundred malformed: how fast, and whether every good one is there."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from backtests.benchmark.timing import spread
from bot.core.observation import Observation
from bot.errors import InvariantBroken
from bot.signals.catalogue import Catalogue
from bot.signals.store.signal_store import SignalStore

DAY, START = 86_400, 1_700_006_400
TOPICS: Final = 2_000
BATCHES: Final = 100  # of one value of each topic
MALFORMED: Final = 0.01
GOAL: Final = 2_000  # events per second
ROUNDS: Final = 3
BAD: Final[tuple[dict[str, Any], ...]] = (
    *({"value": value} for value in (float("nan"), float("inf"), "1e400", -1.0, 1e300, None)),
    *({"observed_at": at} for at in (START * 1_000, 0, "today")),
    *({"published_at": at} for at in (START * 10**6, 2**40)),
    *({"topic": topic} for topic in ("", "a\x00b", "x" * 10_000)),
)


def batches(seed: int) -> Iterator[tuple[int, list[Observation], list[Observation]]]:
    """(when, good, malformed) rows of each batch: levels that grow, and what a broken source could say of the same."""
    rng = np.random.default_rng(seed)
    levels = rng.integers(100, 50_000, TOPICS).astype(np.float64)
    for batch in range(BATCHES):
        at = START + batch * DAY
        levels += rng.poisson(levels / 1_000.0)
        good = [
            Observation("github_stars", f"owner{n}/name{n}", str(n), float(levels[n]), at, at + 60)
            for n in range(TOPICS)
        ]
        struck = rng.integers(0, TOPICS, round(TOPICS * MALFORMED / (1.0 - MALFORMED)))
        yield at + 60, good, [replace(good[n], **BAD[int(rng.integers(len(BAD)))]) for n in struck]


def filled(folder: Path, seed: int) -> tuple[list[float], int]:
    """Seconds of each append to a new store, and how many events that were. Raises InvariantBroken if one is lost."""
    store = SignalStore.open(folder, create=True)
    taken, wanted, bad = [], [], 0
    for now, good, malformed in batches(seed):
        since = time.perf_counter()
        done = store.append([*malformed, *good], received_at=now)
        taken.append(time.perf_counter() - since)
        if (done.kept, done.refused) != (len(good), len(malformed)):
            raise InvariantBroken(f"of {len(good)} good and {len(malformed)} malformed rows the store says {done}")
        wanted += [(row.topic, row.value) for row in good]
        bad += len(malformed)
    frame = Catalogue.open(folder).signals("github_stars")
    if sorted(zip(frame["topic"], frame["value"], strict=True)) != sorted(wanted):
        raise InvariantBroken("what is read back from the store is not what was good of what went in")
    return taken, len(wanted) + bad


def sections() -> dict[str, str]:
    """The section about the store. Raises InvariantBroken when a good event is lost, or a malformed one is kept."""
    with tempfile.TemporaryDirectory() as name:
        rounds = [filled(Path(name, str(seed)), seed) for seed in range(ROUNDS)]
        first = Path(name, "0")
        since = time.perf_counter()
        rows = len(Catalogue.open(first).signals("github_stars"))
        opened = time.perf_counter() - since
        size = sum(file.stat().st_size for file in first.rglob("*") if file.is_file()) / 1e6
    rates = [events / sum(taken) for taken, events in rounds]
    early = [seconds for taken, _ in rounds for seconds in taken[: BATCHES // 10]]
    late = [seconds for taken, _ in rounds for seconds in taken[-BATCHES // 10 :]]
    median = statistics.median(rates)
    reached = "reached" if min(rates) >= GOAL else "not reached"
    text = f"""## Events into the point-in-time store

{rounds[0][1]:,} events in {BATCHES} appends, one in a hundred malformed (no numbers, infinities, other epochs, times to
come, empty and hostile names), {ROUNDS} rounds. An append is judged, compared with what is known of the same moments,
written as Parquet, synced and entered in the chained log before it returns. Read back, every good event is there and
no other; every malformed one is in quarantine by name.

| | |
|---|---:|
| events per second, median | **{median:,.0f}** |
| slowest to fastest round | {min(rates):,.0f}–{max(rates):,.0f} |
| an append, first tenth | {spread(early)} |
| an append, last tenth | {spread(late)} |
| the store opened, checked and read as a catalogue ({rows:,} rows, {size:.1f} MB) | {opened:.2f} s |

Goal {GOAL:,} events per second: {reached} (slowest round {min(rates):,.0f}).
"""
    return {"store": text}
