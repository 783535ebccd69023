"""Target-weight portfolios against vectorbt: the same orders and the same final equity, or no number is written."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from backtests.benchmark.environment import PEERS, ask_json, peer_python
from backtests.benchmark.limits import limits
from backtests.benchmark.memory import extra_megabytes
from backtests.benchmark.timing import Rounds, ratio, seconds, spread
from backtests.weights import WeightsResult, portfolio
from bot.core.panel import Floats
from bot.errors import PatronError

PEER: Final = "vectorbt"
SCRIPT: Final = PEERS / "vectorbt_weights.py"
ENGINES: Final = ("rust", "numba")
FEE, SPREAD, CAPITAL = 0.001, 0.0005, 1e6
SAME: Final = 1e-9  # relative, of the final equity and of the equity at every bar
RUNS: Final = 9  # of Patron's, a round


@dataclass(frozen=True, slots=True)
class Size:
    """One workload: so many assets and hourly bars, weights to reach every so many bars."""

    assets: int
    bars: int
    every: int
    rounds: int
    peer_runs: int
    goal: float  # updates per second
    floor: float


LARGE: Final = Size(100, 100_000, 24, 3, 1, 400e6, 100e6)
DENSE: Final = Size(20, 20_000, 1, 5, 3, 60e6, 20e6)


def market(assets: int, bars: int, every: int) -> tuple[Floats, Floats]:
    """(T, N) prices, and weights to reach: NaN at most bars, drifting slowly, 3 % stay cash."""
    draw = np.random.default_rng(11)
    close = draw.normal(0.0, 0.006, (bars, assets))
    close += draw.normal(0.0, 0.004, (bars, 1))
    np.cumsum(close, axis=0, out=close)
    np.exp(close, out=close)
    close *= 50.0
    share = 0.1 if every > 1 else 0.01  # or costs would eat the portfolio
    wish = draw.gamma(0.7, size=assets)
    weights = np.full((bars, assets), np.nan)
    for bar in range(0, bars, every):
        wish = (1.0 - share) * wish + share * draw.gamma(0.7, size=assets)
        weights[bar] = 0.97 * wish / wish.sum()
    return close, weights


def run(close: Floats, weights: Floats) -> WeightsResult:
    """Patron's, checks of its input included."""
    return portfolio(close, weights, capital=CAPITAL, fee=FEE, spread=SPREAD)


def require_same(ours: WeightsResult, answer: Any, name: str) -> float:
    """The largest relative difference of the equity at any bar. Raises PatronError above SAME, or for other orders."""
    assert ours.nav is not None
    theirs, nav = np.array(answer["nav"], dtype=np.float64), np.array(ours.nav, dtype=np.float64)
    if theirs.shape != nav.shape or int(answer["orders"]) != ours.counts["orders"]:
        made, orders = int(answer["orders"]), ours.counts["orders"]
        raise PatronError(f"{name} made {made} orders, Patron {orders}: nothing to compare")
    apart = float(np.max(np.abs(theirs / nav - 1.0)))
    if not apart <= SAME:
        raise PatronError(f"{name}'s equity is off by up to {apart:.2g}, above {SAME:g}: nothing to compare")
    return apart


def measured(size: Size, python: Path, script: Path, cache: Path) -> str:
    """One workload's table and sentences. Raises PatronError as `ask_json` and `require_same`."""
    close, weights = market(size.assets, size.bars, size.every)
    updates = size.assets * size.bars
    request = {"close": close, "size": weights, "fee": FEE, "slippage": SPREAD, "capital": CAPITAL}
    ours, mine = run(close, weights), []
    theirs: dict[str, list[Any]] = {engine: [] for engine in ENGINES}
    apart = 0.0
    for _ in range(size.rounds):
        mine.append(tuple(seconds(lambda: run(close, weights), RUNS)))
        for engine in ENGINES:
            answer = ask_json(python, script, {**request, "engine": engine, "runs": size.peer_runs}, cache)
            apart = max(apart, require_same(ours, answer, f"vectorbt, {engine}"))
            theirs[engine].append(answer)
    rounds = tuple(mine)
    every = [each for one in rounds for each in one]
    middle = statistics.median(every)
    lines = [
        "| engine | one run, median | fastest to slowest | updates per second "
        "| time ÷ Patron's (by round) | extra memory |",
        "|---|---:|---:|---:|---:|---:|",
        f"| **Patron, input checked** | {middle * 1e3:.1f} ms | {spread(every)} | **{updates / middle:,.0f}** | "
        f"| {_memory(close, weights):.0f} MB |",
    ]
    for engine, answers in theirs.items():
        both = tuple(tuple(map(sum, zip(a["simulate"], a["equity"], strict=True))) for a in answers)
        lines.append(_peer_row(engine, both, rounds, updates, max(float(a["extra"]) for a in answers)))
    return "\n".join(lines) + "\n\n" + _verdict(size, every, updates, apart, ours.counts["orders"])


def hard_case(assets: int = 8, bars: int = 3_000) -> tuple[Floats, Floats]:
    """A market where money is short at most bars: weights that add up to 1, some of them 0, some not given."""
    close, weights = market(assets, bars, 1)
    draw = np.random.default_rng(17)
    weights /= np.sum(weights, axis=1, keepdims=True)
    weights[draw.random(weights.shape) < 0.05] = 0.0
    weights[draw.random(weights.shape) < 0.05] = np.nan
    return close, weights


def checked(python: Path, script: Path, cache: Path) -> str:
    """A sentence about the hard case. Raises PatronError as `require_same`."""
    close, weights = hard_case()
    ours = run(close, weights)
    request = {"close": close, "size": weights, "fee": FEE, "slippage": SPREAD, "capital": CAPITAL, "runs": 1}
    apart = max(
        require_same(ours, ask_json(python, script, {**request, "engine": engine}, cache), f"{PEER}, {engine}")
        for engine in ENGINES
    )
    return (
        f"Where money is short (weights that add up to 1 at each of {len(close):,} bars, some 0, some not given) the "
        f"{ours.counts['orders']:,} orders are the same, too, and the equity at every bar within {apart:.1e}."
    )


def _peer_row(engine: str, taken: Rounds, base: Rounds, updates: int, extra: float) -> str:
    every = [each for one in taken for each in one]
    middle, (times, least, most) = statistics.median(every), ratio(taken, base)
    return (
        f"| {PEER}, {engine} engine | {middle * 1e3:,.0f} ms | {spread(every)} | {updates / middle:,.0f} "
        f"| **{times:,.0f}** ({least:,.0f}–{most:,.0f}) | {extra:,.0f} MB |"
    )


def _verdict(size: Size, taken: list[float], updates: int, apart: float, orders: int) -> str:
    """The bound and the fraction reached, and whether the goal was."""
    found, best = limits(), min(taken)
    rate = updates / statistics.median(taken)
    if size.every > 1:
        bound = found.read_time(2 * 8.0 * updates)
        what = (
            f"reading prices and weights once from memory ({found.read_all / 1e9:.1f} GB/s) takes {bound * 1e3:.1f} ms"
        )
    else:
        steps = size.bars * (size.assets / 2 + 8)
        bound = found.chain_time(steps)
        what = (
            f"a bar's orders need the bar before: a chain of {steps / size.bars:.0f} sums and products a bar "
            f"takes {bound * 1e3:.1f} ms"
        )
    reached = "reached" if rate >= size.goal else "missed" if rate >= size.floor else "missed, and the floor too"
    return (
        f"{orders:,} orders; the equity agrees at every bar, within {apart:.1e}. Bound: {what}; the fastest run "
        f"reached **{bound / best:.0%}** of it. Goal {size.goal / 1e6:,.0f} million updates per second: {reached} "
        f"(fastest run {updates / best:,.0f})."
    )


def _memory(close: Floats, weights: Floats) -> float:
    imports = "from backtests.benchmark.weights import run"
    return extra_megabytes(imports, "run(given['close'], given['weights'])", {"close": close, "weights": weights}, 100)


def section(python: Path, script: Path = SCRIPT) -> str:
    """The Markdown section. Raises PatronError when the peer disagrees."""
    cache = python.parents[1] / "compiled"
    sentence = checked(python, script, cache)
    parts = {size: measured(size, python, script, cache) for size in (LARGE, DENSE)}
    text = "\n\n".join(
        f"### {size.assets} assets × {size.bars:,} bars, every {size.every} bars\n\n{each}".replace(
            "every 1 bars", "every bar"
        )
        for size, each in parts.items()
    )
    return f"""## Target weights against {PEER}

Hourly bars, shared cash, sells first, a fee of {FEE:.1%} and {SPREAD:.2%} of slippage, equity at every bar. Patron gets
the same two arrays as the peer and checks each number of them within the time shown; its books (cash, positions, gains,
costs) are balanced in every run. The peer gets plain arrays and exactly the room for orders that it needs.
Interleaved rounds; the peer answers in a process of its own, after a small run that is not measured. {sentence}

{text}
"""


def sections() -> dict[str, str]:
    """The section about target weights. Raises PatronError when the peer cannot be had or disagrees."""
    return {"weights": section(peer_python(PEER))}
