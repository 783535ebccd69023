"""A sweep of thresholds over momentum against vectorbt: the same figures of the same combinations, or no number."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from backtests.benchmark.environment import PEERS, ask_json, peer_python
from backtests.benchmark.limits import limits
from backtests.benchmark.memory import extra_megabytes
from backtests.benchmark.timing import seconds, spread
from backtests.metrics import YEAR
from backtests.weights import threshold_sweep
from bot.core.panel import Floats
from bot.errors import PatronError

PEER: Final = "vectorbt"
SCRIPT: Final = PEERS / "vectorbt_thresholds.py"
FEE, SPREAD, CAPITAL = 0.001, 0.0005, 1e6
ASSETS, BARS = 20, 10_000
LOOKBACKS, ENTRIES, EXITS = np.linspace(5, 400, 40).astype(int), np.linspace(0.0, 0.06, 25), np.linspace(-0.06, 0.0, 10)
ROUNDS, RUNS = 3, 3
SAMPLE, CHUNK = 40, 10  # combinations that the peer makes a round, and how many at once (its quickest)
SAME: Final = 1e-9  # relative, of final equity, Sharpe ratio and drawdown
FLOOR, GOAL = 4.0, 1.0  # seconds


def market(assets: int = ASSETS, bars: int = BARS) -> Floats:
    """(T, N) hourly prices with stretches of drift, so that momentum has something to find."""
    draw = np.random.default_rng(13)
    moves = draw.normal(0.0, 0.006, (bars, assets)) + draw.normal(0.0, 0.004, (bars, 1))
    moves += np.repeat(draw.normal(0.0, 0.0012, (bars // 250 + 1, assets)), 250, axis=0)[:bars]
    return np.asarray(50.0 * np.exp(np.cumsum(moves, axis=0)))


def momentum(close: Floats, lookback: int) -> Floats:
    """(T, N) return over so many bars, NaN before there are as many."""
    made = np.full(close.shape, np.nan)
    made[lookback:] = close[lookback:] / close[:-lookback] - 1.0
    return made


def run(close: Floats) -> pd.DataFrame:
    """Patron's, from prices to a row a combination: indicators are made in the time shown."""
    frame = pd.DataFrame(close, index=pd.date_range("2015-01-01", periods=len(close), freq="h"))
    makers = {int(each): (lambda each=int(each): momentum(close, each)) for each in LOOKBACKS if each < len(close)}
    return threshold_sweep(frame, makers, list(ENTRIES), list(EXITS), capital=CAPITAL, fee=FEE, spread=SPREAD)


def request_of(close: Floats, rows: pd.DataFrame) -> dict[str, Any]:
    """Some of the combinations in the peer's terms."""
    kept = sorted(set(rows["indicator"]))
    places = [kept.index(each) for each in rows["indicator"]]
    return {
        "close": close,
        "indicators": np.stack([momentum(close, int(each)) for each in kept]),
        "combinations": np.column_stack((places, rows["entry"], rows["exit"])),
        "chunk": CHUNK,
        "fee": FEE,
        "slippage": SPREAD,
        "capital": CAPITAL,
        "yearly": YEAR / 3_600,
    }


def require_same(rows: pd.DataFrame, answer: Mapping[str, Any], name: str) -> float:
    """The largest relative difference of a figure. Raises PatronError above SAME."""
    apart = 0.0
    for ours, theirs in (("final", "final"), ("sharpe", "sharpe"), ("max_drawdown", "drawdown")):
        one, other = rows[ours].to_numpy(dtype=np.float64), np.array(answer[theirs], dtype=np.float64)
        off = float(np.max(np.abs(one - other) / np.maximum(np.abs(other), 1e-3)))  # figures near 0 by themselves
        if not off <= SAME:
            raise PatronError(f"{name}'s {theirs} is off by up to {off:.2g}, above {SAME:g}: nothing to compare")
        apart = max(apart, off)
    return apart


def section(python: Path, script: Path = SCRIPT) -> str:
    """The Markdown section. Raises PatronError when the peer disagrees."""
    close, cache = market(), python.parents[1] / "compiled"
    table = run(close)
    rows = table.iloc[np.linspace(0, len(table) - 1, SAMPLE).astype(int)]
    request = request_of(close, rows)
    mine: list[list[float]] = []
    theirs: dict[str, list[Any]] = {"numba": [], "rust": []}
    apart = 0.0
    for _ in range(ROUNDS):
        mine.append(seconds(lambda: run(close), RUNS))
        for engine, got in theirs.items():
            got.append(ask_json(python, script, {**request, "engine": engine}, cache))
            apart = max(apart, require_same(rows, got[-1], f"{PEER}, {engine}"))
    every = [each for one in mine for each in one]
    middle, best = statistics.median(every), min(every)
    rate = len(table) / middle
    extra = extra_megabytes(
        "from backtests.benchmark.combinations import run", "run(given['close'])", {"close": close}, 500
    )
    lines = [f"| **Patron** | {len(table):,} | {middle:.2f} s | {rate:,.0f} | | {extra:.0f} MB |"]
    for engine, got in theirs.items():
        speeds = [SAMPLE / float(each["seconds"]) for each in got]
        times = [len(table) / statistics.median(one) / each for one, each in zip(mine, speeds, strict=True)]
        speed, most = statistics.median(speeds), max(float(each["extra"]) for each in got)
        lines.append(
            f"| {PEER}, {engine} engine | {SAMPLE}, in chunks of {CHUNK} | {SAMPLE / speed:.2f} s | {speed:,.0f} "
            f"| **{statistics.median(times):,.0f}** ({min(times):,.0f}–{max(times):,.0f}) | {most:,.0f} MB |"
        )
    found = limits()
    cells = len(table) * close.size
    bound = found.cached_time(8.0 * cells)
    chained = found.chain_time(2.0 * cells) / found.cores
    reached = "reached" if middle <= GOAL else "missed" if middle <= FLOOR else "missed, and the floor too"
    body = "\n".join(lines)
    return f"""## Sweeps of thresholds against {PEER}

{ASSETS} assets × {BARS:,} hourly bars; {len(LOOKBACKS)} lookbacks × {len(ENTRIES)} entry × {len(EXITS)} exit thresholds
of momentum, a fee of {FEE:.1%} and {SPREAD:.2%} of slippage, equal parts of the capital. From prices to final equity,
Sharpe ratio and largest drawdown of every combination, {found.cores} cores. The peer makes {SAMPLE} of them, spread
over the grid; its indicators are given to it, Patron makes its own within the time. Interleaved rounds.

| engine | combinations | median | combinations per second | speed ÷ the peer's (by round) | extra memory |
|---|---:|---:|---:|---:|---:|
{body}

All figures of the combinations that both made agree within {apart:.1e}. Runs of Patron's took {spread(every)}. Bound:
each price is read once a combination, {8.0 * cells / 1e9:.0f} GB, which takes {bound:.2f} s from the cores' first
caches; the fastest run reached **{bound / best:.0%}** of it. (Bar after bar, one dependent multiply-add each, it would
be {chained:.1f} s.) Goal {GOAL:.1f} s: {reached} (fastest run {best:.2f} s).
"""


def sections() -> dict[str, str]:
    """The section about sweeps of thresholds. Raises PatronError when the peer cannot be had or disagrees."""
    return {"combinations": section(peer_python(PEER))}
