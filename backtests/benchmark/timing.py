"""Clocks of a benchmark, and the machine it ran on."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numba
import numpy as np

Rounds = tuple[tuple[float, ...], ...]  # seconds of each run of each round


def spread(taken: Sequence[float]) -> str:
    """Fastest to slowest."""
    return f"{min(taken) * 1e3:,.1f}–{max(taken) * 1e3:,.1f} ms"


def seconds(call: Callable[[], object], runs: int) -> list[float]:
    """Wall-clock seconds of each of so many calls."""
    taken = []
    for _ in range(runs):
        since = time.perf_counter()
        call()
        taken.append(time.perf_counter() - since)
    return taken


def machine() -> str:
    """Processor, cores and versions, as far as the system tells."""
    described = Path("/proc/cpuinfo")
    lines = described.read_text(encoding="utf-8").splitlines() if described.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    versions = f"Python {platform.python_version()}, numba {numba.__version__}, numpy {np.__version__}"
    return f"{name}, {os.cpu_count()} logical cores, {platform.system()}; {versions}"


def ratio(theirs: Rounds, ours: Rounds) -> tuple[float, float, float]:
    """(median, least, greatest) over the rounds of their median time ÷ ours of the same round."""
    ratios = [statistics.median(one) / statistics.median(other) for one, other in zip(theirs, ours, strict=True)]
    return statistics.median(ratios), min(ratios), max(ratios)
