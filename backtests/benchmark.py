"""How fast the fast rung is, measured here and now: writes BENCHMARKS.md beside itself.

    python -m backtests.benchmark

The reference is the same source run by the interpreter, on the same input, in the same process; both must agree in
every bit before a number is written down.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numba
import numpy as np

from backtests import kernels
from backtests.kernels.plain import plain
from backtests.kernels.pool import Pools
from backtests.kernels.portfolio import ACT, NONE, Books, Rules, portfolio_path_nb

ASSETS, BARS, BARS_PER_CYCLE = 20, 20_000, 24
COMPILED_RUNS, PLAIN_RUNS, STARTS = 101, 5, 3
OUTPUT: Final = Path(__file__).resolve().parent / "BENCHMARKS.md"
START_CODE: Final = "from backtests import benchmark as b; b.portfolio_path_nb(*b.market(2, 48))"


def market(assets: int, bars: int) -> tuple[Any, ...]:
    """The kernel's arguments for a random walk of hourly bars with a cycle a day."""
    draw = np.random.default_rng(7)
    close = np.exp(np.cumsum(draw.normal(0.0, 0.01, (bars, assets + 1)), axis=0))
    close[:, 0] = 1.0
    target = draw.random((bars, assets + 1))
    target /= target.sum(axis=1, keepdims=True)
    act = np.where(np.arange(bars) % BARS_PER_CYCLE == 0, ACT, NONE).astype(np.int8)
    facts = (np.full(assets + 1, each) for each in (0.003, 1e6, 5.5e5, 8**-0.5, 8**0.5))
    rules = Rules(100_000.0, 0.01, 0.2, 0.25, 0.1, 0.9, 90 * 86_400, 25.0, 0.995, 100.0, 2.0, 3.0)
    return 3_600 * np.arange(bars, dtype=np.int64), close, act, target, Pools(*facts), rules


def seconds(call: Callable[[], object], runs: int) -> list[float]:
    """Wall-clock seconds of each of so many calls."""
    taken = []
    for _ in range(runs):
        since = time.perf_counter()
        call()
        taken.append(time.perf_counter() - since)
    return taken


def starts() -> tuple[float, list[float]]:
    """Seconds of a whole process that runs a small backtest: with an empty cache folder, then with a filled one."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, kernels.ROOT_VARIABLE: folder}
        environment.pop("NUMBA_CACHE_DIR", None)
        command = [sys.executable, "-c", START_CODE]

        def start() -> None:
            subprocess.run(command, env=environment, cwd=OUTPUT.parents[1], check=True, timeout=300)  # noqa: S603

        return seconds(start, 1)[0], seconds(start, STARTS)


def machine() -> str:
    """Processor, cores and versions, as far as the system tells."""
    described = Path("/proc/cpuinfo")
    lines = described.read_text(encoding="utf-8").splitlines() if described.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    versions = f"Python {platform.python_version()}, numba {numba.__version__}, numpy {np.__version__}"
    return f"{name}, {os.cpu_count()} logical cores, {platform.system()}; {versions}"


def measure() -> str:
    """The whole of BENCHMARKS.md. Raises RuntimeError if the two engines disagree."""
    given = market(ASSETS, BARS)
    reference = plain(portfolio_path_nb)
    compiled: Books = portfolio_path_nb(*given)
    interpreted: Books = reference(*given)
    for name, one, other in zip(Books._fields, compiled, interpreted, strict=True):
        if np.asarray(one).tobytes() != np.asarray(other).tobytes():
            raise RuntimeError(f"compiled and interpreted {name} differ: nothing to compare")
    quick = seconds(lambda: portfolio_path_nb(*given), COMPILED_RUNS)
    slow = seconds(lambda: reference(*given), PLAIN_RUNS)
    cold, cached = starts()
    updates = ASSETS * BARS
    fast, plainly = statistics.median(quick), statistics.median(slow)
    rows = (
        ("compiled kernel, one thread", updates / fast, fast, f"{min(quick) * 1e3:.1f}–{max(quick) * 1e3:.1f} ms"),
        ("the same source, interpreted", updates / plainly, plainly, f"{min(slow):.2f}–{max(slow):.2f} s"),
    )
    size = f"{len(compiled.nav):,} cycles, {int(compiled.legs.sum()):,} swaps"
    table = "\n".join(f"| {name} | {rate:,.0f} | {taken:.4g} s | {spread} |" for name, rate, taken, spread in rows)
    return f"""# Benchmarks

Written by `python -m backtests.benchmark`; run it again to replace these numbers by your machine's.

Machine: {machine()}. Other work may have been running beside it.

## The fast rung

{ASSETS} assets × {BARS:,} hourly bars, a cycle every {BARS_PER_CYCLE} bars ({size}).
An update is one asset at one bar. Both engines gave the same bits before they were timed.
Medians of {COMPILED_RUNS} compiled and {PLAIN_RUNS} interpreted runs.

| engine | asset updates per second | one run | fastest to slowest |
|---|---:|---:|---:|
{table}

Compiled is **{plainly / fast:,.0f} times** as fast as interpreted.

## Start of a process

Seconds from nothing to the result of a small backtest, imports included.

| compiled code on disk | seconds |
|---|---:|
| none: everything is compiled | {cold:.1f} |
| cached (median of {STARTS}) | {statistics.median(cached):.2f} |

The cache is worth a factor of {cold / statistics.median(cached):.0f}.
"""


if __name__ == "__main__":
    OUTPUT.write_text(measure(), encoding="utf-8")
