"""The fast rung against vectorbt, against its own source, and from the start of a process.

The interpreter must agree with the compiled kernel in every bit, and the peer in the equity of every bar, before a
number is written down.
"""

from __future__ import annotations

import functools
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from backtests import kernels
from backtests.benchmark.environment import PEERS, ROOT, peer_python
from backtests.benchmark.limits import limits
from backtests.benchmark.timing import Rounds, ratio, seconds, spread
from backtests.benchmark.vectorbt import (
    FEE,
    TOLERANCE,
    Answer,
    Arguments,
    ask,
    bare_market,
    difference,
    request_of,
    require_agreement,
)
from backtests.kernels.cycle import ACT, NONE, Rules
from backtests.kernels.plain import plain
from backtests.kernels.pool import Pools
from backtests.kernels.portfolio import SMALL, Books, path_nb, portfolio_path
from bot.errors import InvariantBroken

ASSETS, BARS, BARS_PER_CYCLE = 20, 20_000, 24
COMPILED_RUNS, PLAIN_RUNS, STARTS = 101, 3, 3
ROUNDS, RUNS_PER_ROUND = 7, 9
PEER: Final = "vectorbt"
SCRIPT: Final = PEERS / "vectorbt_portfolio.py"
START_CODE: Final = "from backtests.benchmark import portfolio as b; b.portfolio_path(*b.market(2, 48))"
COMPILED_CODE: Final = START_CODE.replace("48))", "48), walk=b.path_nb)")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the comparison; `difference` is the largest relative one of the equity at any bar."""

    name: str
    series: str  # where the equity is known
    rounds: Rounds
    base: Rounds  # Patron's, for the same answer
    difference: float | None = None


def market(assets: int, bars: int) -> Arguments:
    """The kernel's arguments for a random walk of hourly bars with a cycle a day."""
    draw = np.random.default_rng(7)
    close = np.exp(np.cumsum(draw.normal(0.0, 0.01, (bars, assets + 1)), axis=0))
    close[:, 0] = 1.0
    target = draw.random((bars, assets + 1))
    target /= target.sum(axis=1, keepdims=True)
    act = np.where(np.arange(bars) % BARS_PER_CYCLE == 0, ACT, NONE).astype(np.int8)
    facts = (np.full(assets + 1, each) for each in (FEE, 1e6, 5.5e5, 8**-0.5, 8**0.5))
    rules = Rules(100_000.0, 0.01, 0.2, 0.25, 0.1, 0.9, 90 * 86_400, 25.0, 0.995, 100.0, 2.0, 3.0)
    return 3_600 * np.arange(bars, dtype=np.int64), close, act, target, Pools(*facts), rules


def compare(python: Path, script: Path, cache: Path, given: Arguments, rounds: int) -> tuple[str, list[Row]]:
    """(the peer's versions, rows) of so many interleaved rounds: Patron, then each of the peer's columns, in turn.

    Raises PatronError as `ask` and `require_agreement`.
    """
    books: Books = portfolio_path(*given)
    sparse = (*given[:2], np.where(given[2] == ACT, ACT, NONE).astype(np.int8), *given[3:])
    portfolio_path(*sparse)
    same, on_top = request_of(given, books), request_of(given, books, fee_on_top=True)
    columns = {"rust engine": (same, "rust"), "numba engine": (same, "numba"), "rust, fee on top": (on_top, "rust")}
    full: list[tuple[float, ...]] = []
    short: list[tuple[float, ...]] = []
    answers: dict[str, list[Answer]] = {name: [] for name in columns}
    for _ in range(rounds):
        full.append(tuple(seconds(lambda: portfolio_path(*given), RUNS_PER_ROUND)))
        short.append(tuple(seconds(lambda: portfolio_path(*sparse), RUNS_PER_ROUND)))
        for name, (request, engine) in columns.items():
            answer = ask(python, script, {**request, "engine": engine, "runs": RUNS_PER_ROUND}, cache)
            if request is same:
                require_agreement(books, answer, name)
            answers[name].append(answer)
    every_bar, cycles = tuple(full), tuple(short)
    whole = [Row("**Patron**", "every bar", every_bar, every_bar)]
    orders = [Row("**Patron**", "every cycle", cycles, cycles)]
    for name, got in answers.items():
        apart = max(difference(books, each) for each in got)
        both = tuple(tuple(map(sum, zip(each.simulate, each.equity, strict=True))) for each in got)
        whole.append(Row(f"{PEER}, {name}", "every bar", both, every_bar, apart))
        orders.append(Row(f"{PEER}, {name}", "nowhere", tuple(each.simulate for each in got), cycles))
    return got[0].versions, whole + orders


def table(rows: Sequence[Row], updates: int) -> str:
    """The rows as a Markdown table; `updates` of one run. A ratio is the median of those within each round."""
    lines = [
        "| engine | equity known | one run, median | fastest to slowest | asset updates per second "
        "| time ÷ Patron's (by round) | equity differs by at most |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        every = [each for runs in row.rounds for each in runs]
        median = statistics.median(every)
        times, apart = "", "" if row.difference is None else f"{row.difference:.1e}"
        if row.rounds is not row.base:
            middle, least, most = ratio(row.rounds, row.base)
            times = f"**{middle:.1f}** ({least:.1f}–{most:.1f})"
        lines.append(
            f"| {row.name} | {row.series} | {median * 1e3:.1f} ms | {spread(every)} | {updates / median:,.0f} "
            f"| {times} | {apart} |"
        )
    return "\n".join(lines)


def starts(script: Path, python: Path) -> dict[str, list[float]]:
    """Seconds of whole processes that run a small backtest, by engine: the first with no compiled code on disk, the
    others, interleaved, with what it left there."""
    close = np.exp(np.cumsum(np.random.default_rng(7).normal(0.0, 0.01, (48, 2)), axis=0))
    size = np.where(np.arange(48)[:, None] % BARS_PER_CYCLE == 0, 0.4, np.nan) * np.ones(2)
    request = {"close": close, "size": size, "fees": np.array(FEE), "capital": 1e6, "runs": 0}
    with tempfile.TemporaryDirectory() as folder:
        environment = {key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"}

        def ours(code: str) -> Callable[[], object]:
            command, own = [sys.executable, "-c", code], {kernels.ROOT_VARIABLE: str(Path(folder, str(len(code))))}
            return lambda: subprocess.run(command, env=environment | own, cwd=ROOT, check=True, timeout=300)  # noqa: S603

        def theirs(engine: str) -> Callable[[], object]:
            return lambda: ask(python, script, {**request, "engine": engine}, Path(folder, engine))

        calls = {"**Patron**": ours(START_CODE), "Patron, its kernel asked for": ours(COMPILED_CODE)} | {
            f"{PEER}, {engine} engine": theirs(engine) for engine in ("rust", "numba")
        }
        taken: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(1 + STARTS):
            for name, call in calls.items():
                taken[name] += seconds(call, 1)
    return taken


def interpreted() -> str:
    """The section that compares the kernel with its own source. Raises InvariantBroken if the two disagree."""
    given = market(ASSETS, BARS)
    reference = functools.partial(portfolio_path, walk=plain(path_nb))
    books: Books = portfolio_path(*given)
    for name, one, other in zip(Books._fields, books, reference(*given), strict=True):
        if np.asarray(one).tobytes() != np.asarray(other).tobytes():
            raise InvariantBroken(f"compiled and interpreted {name} differ: nothing to compare")
    quick = seconds(lambda: portfolio_path(*given), COMPILED_RUNS)
    slow = seconds(lambda: reference(*given), PLAIN_RUNS)
    updates, fast, plainly = ASSETS * BARS, statistics.median(quick), statistics.median(slow)
    size = f"{len(books.nav):,} cycles, {int(books.legs.sum()):,} swaps"
    return f"""## The fast rung against its own source

{ASSETS} assets × {BARS:,} hourly bars, a cycle every {BARS_PER_CYCLE} bars ({size}), with the limits and the price
impact of a real run. Both engines gave the same bits before they were timed. Medians of {COMPILED_RUNS} compiled and
{PLAIN_RUNS} interpreted runs.

| engine | asset updates per second | one run | fastest to slowest |
|---|---:|---:|---:|
| compiled kernel, one thread | {updates / fast:,.0f} | {fast:.4g} s | {spread(quick)} |
| the same source, interpreted | {updates / plainly:,.0f} | {plainly:.4g} s | {spread(slow)} |

Compiled is **{plainly / fast:,.0f} times** as fast as interpreted.
{limits().of_reading("The bound: the run", given[1].nbytes, fast)}
"""


def against_peer(python: Path) -> str:
    """The section that compares the kernel with the peer. Raises PatronError as `compare`."""
    given = bare_market(ASSETS, BARS, BARS_PER_CYCLE)
    versions, rows = compare(python, SCRIPT, python.parents[1] / "compiled", given, ROUNDS)
    return f"""## The fast rung against {PEER}

The peer: {versions}, in an environment of its own;
its `Portfolio.from_orders` and `value`, on plain arrays.

{ASSETS} assets × {BARS:,} hourly bars, weights to reach every {BARS_PER_CYCLE} bars, a fee of {FEE:.1%}, shared cash,
sells first, one core each. An update is one asset at one bar. {ROUNDS} interleaved rounds of {RUNS_PER_ROUND} runs
each; a round of the peer's is a process of its own that has made one run before.

{table(rows, ASSETS * BARS)}

The upper rows are the same work: equity at every bar. Patron's own backtests ask for it at every cycle only, which the
peer cannot: it makes the series for every bar, or, in the lower rows, orders alone. Those are the peer's lower bound.

What each is given, so that both follow the same rules:

- Patron walks its pools along the market's prices itself; the peer is given the pools' prices.
- A pool takes its fee out of what is paid, the peer adds it on top. So the peer's entries are given as the weight that
  the pool leaves, at f/(1-f). "Fee on top" is the peer given the plain weights and one fee for all, the input that
  costs it least: it shows how far the two rules lead apart.
- No limit of the policy binds, and the pools are so deep that trades hardly move them. What is left of that, and of
  rounding, is the difference in the last column: more than {TOLERANCE:g} at any bar, or one trade more or fewer, stops
  the benchmark ("fee on top" excepted).
"""


def starting(python: Path) -> str:
    """The section about the start of a process."""
    taken = starts(SCRIPT, python)
    lines = "\n".join(
        f"| {name} | {first:.1f} s | {statistics.median(rest):.2f} s | {min(rest):.2f}–{max(rest):.2f} s |"
        for name, (first, *rest) in taken.items()
    )
    return f"""## Start of a process

From nothing to the result of a small backtest, imports included. While nothing is compiled, Patron interprets what is
done sooner so, with the same bits (up to {SMALL / 1e6:g} s of it in a process); then it says that it compiles. The
second row compiles at once.

| engine | no compiled code on disk | with it, median of {STARTS} | fastest to slowest |
|---|---:|---:|---:|
{lines}
"""


def sections() -> dict[str, str]:
    """The sections about portfolios, by name. Raises PatronError when the peer cannot be had or disagrees."""
    python = peer_python(PEER)
    return {"portfolio": against_peer(python), "interpreted": interpreted(), "start": starting(python)}
