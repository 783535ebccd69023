"""Whole processes, as whoever types the command waits for them: a backtest of a year of hourly bars, and imports.

The bound beside them is the time in which the same interpreter does nothing but import the libraries that every run
needs: no Python program that reads Parquet into arrays and runs compiled code on them is faster than that.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Final

from backtests import kernels
from backtests.benchmark.environment import ROOT
from backtests.benchmark.timing import seconds, spread
from bot.errors import InvariantBroken
from bot.signals.catalogue import Catalogue
from bot.signals.generator import STARS, generate

ASSETS: Final = tuple(f"A{number:02d}" for number in range(50))
HOUR, START, BARS = 3_600, 1_704_067_200, 8_760  # a year from 2024-01-01 on
ROUNDS: Final = 5
LIBRARIES: Final = (  # SciPy left out, as `backtests.kernels` does
    "import sys; sys.modules['scipy.linalg'] = None; "
    "import numba.np.arraymath, numpy, pandas, pyarrow.parquet, pydantic, ruamel.yaml, rich.table, typer"
)
BOUND: Final = "the libraries alone, imported"
SMALL: Final = "`patron backtest reversal.yaml --synthetic 3 --rung fast`, 6 assets, 400 days"
FLOOR, GOAL = 2.0, 0.7  # seconds of the hourly backtest, warm


def market(folder: Path) -> Catalogue:
    """A generated year of hourly bars of the assets, with their signals, written to ``market`` in `folder`."""
    made = generate(3, ASSETS, BARS, HOUR, START)
    made.write(folder / "market")
    return made


def strategy_file(folder: Path, strategy: str, every: str, assets: tuple[str, ...] = ASSETS, params: str = "") -> Path:
    """A strategy file over the assets' venues, each of which listens to its own asset's stars."""
    lines = ["capital: 100000 USDC", f"every: {every}", "bar: 1h", f"signals: [{STARS}]"]
    lines += ["strategy:", f"  name: {strategy}", *([f"  params: {params}"] if params else []), "venues:"]
    for asset in assets:
        topics = f'{{{STARS}: ["{asset.lower()}/*"]}}'
        lines.append(
            f"  {asset.lower()}-usdc: {{kind: uniswap_v3_hold, asset: {asset}, fee: 30 bps, topics: {topics}}}"
        )
    lines += ["policy: {band: 50 bps, drawdown_brake: 90 %}"]
    file = folder / f"{strategy}-{every}-{len(assets)}.yaml"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def _process(arguments: list[str], cache: Path) -> str:
    """What a Python process prints. Raises InvariantBroken when it fails."""
    environment = {**os.environ, kernels.ROOT_VARIABLE: str(cache)}
    environment.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run(  # noqa: S603 our own interpreter and our own arguments
        [sys.executable, *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if done.returncode:
        raise InvariantBroken(f"{' '.join(arguments)}: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout


def taken(folder: Path) -> tuple[float, dict[str, list[float]]]:
    """Seconds of the small backtest with no compiled code on disk; and of each process with it, round by round."""
    fast = ["--rung", "fast"]
    recorded = ["--data", str(folder / "market"), *fast]
    hourly = strategy_file(folder, "reversal", "1d", params="{bars: 24}")
    modelled = strategy_file(folder, "trend_tilt", "1d")
    shipped = ROOT / "strategies" / "reversal.yaml"
    calls = {
        BOUND: ["-c", LIBRARIES],
        "`import backtests`": ["-c", "import backtests"],
        "`import backtests.api`": ["-c", "import backtests.api"],
        SMALL: ["-m", "bot", "backtest", str(shipped), "--synthetic", "3", *fast],
        "**`patron backtest --rung fast`, 50 assets, a year of hours**": [
            *["-m", "bot", "backtest", str(hourly), *recorded]
        ],
        "the same with a ridge model, 12 fits": ["-m", "bot", "backtest", str(modelled), *recorded],
    }
    found: dict[str, list[float]] = {name: [] for name in calls}
    first = seconds(partial(_process, calls[SMALL], folder / "warm"), 1)[0]
    for turn in range(1 + ROUNDS):
        for name, arguments in calls.items():
            took = seconds(partial(_process, arguments, folder / "warm"), 1)
            found[name] += took if turn else []  # the first turn may still compile, and reads every file once
    return first, found


def sections() -> dict[str, str]:
    """The section about whole processes. Raises InvariantBroken when one of them fails."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        market(folder)
        first, found = taken(folder)
    bound = found[BOUND]
    lines = []
    for what, took in found.items():
        reached = statistics.median(one / other for one, other in zip(bound, took, strict=True))
        share = "" if what == BOUND or what.startswith("`import") else f"{reached:.0%}"
        lines.append(f"| {what} | {statistics.median(took):.2f} s | {spread(took)} | {share} |")
    table = "\n".join(lines)
    return {
        "product": f"""## Whole processes

From nothing to the printed table: interpreter, imports, the catalogue's Parquet and its digests, checks of the data,
panel, features, scores, kernel, benchmarks, metrics; report off. The hourly backtest has {len(ASSETS)} assets and
{BARS:,} bars, {len(ASSETS) * BARS:,} rows, and a cycle a day. Medians of {ROUNDS} interleaved rounds; the floor for it
is {FLOOR:g} s, the goal {GOAL:g} s.

| process, compiled code on disk | median | fastest to slowest | of the bound reached |
|---|---:|---:|---:|
{table}

With no compiled code on disk, the backtest of 400 days takes **{first:.1f} s** once.

The bound is the first line: numpy, pandas, pyarrow, numba, pydantic, YAML and the command line's libraries, imported
and nothing more. It is why the goal is out of reach while these are used; what is ours is the difference to it.
"""
    }
