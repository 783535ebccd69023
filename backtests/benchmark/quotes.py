"""One exact quote at a time, asked from Python, through a pool with 65 positions."""

from __future__ import annotations

import statistics
from typing import Final

from backtests.benchmark.limits import limits
from backtests.benchmark.swaps import CALM, STEPS, fresh
from backtests.benchmark.timing import ratio, seconds
from backtests.benchmark.workloads import FEE_PIPS, PRICE, SPACING, workload
from bot.core.amm.concentrated import pool_at, swap
from bot.errors import InvariantBroken

QUOTES: Final = 2_000
ROUNDS: Final = 5


def sections() -> dict[str, str]:
    """The section about quotes. Raises InvariantBroken if the two engines disagree."""
    given = workload(CALM, QUOTES, STEPS[CALM])
    compiled, plain = fresh(given), pool_at(PRICE, FEE_PIPS, SPACING, given.positions)
    asked = list(zip(given.zero_for_one, given.amounts, strict=True))
    for zero_for_one, amount in asked:
        done = swap(plain, zero_for_one, amount)
        if compiled.quote(zero_for_one, amount) != (done.amount0, done.amount1):
            raise InvariantBroken(f"compiled and plain quotes of {amount} differ: nothing to compare")

    def all_compiled() -> None:
        for zero_for_one, amount in asked:
            compiled.quote(zero_for_one, amount)

    def all_plain() -> None:
        for zero_for_one, amount in asked:
            swap(plain, zero_for_one, amount)

    quick: list[tuple[float, ...]] = []
    slow: list[tuple[float, ...]] = []
    for _ in range(ROUNDS):
        quick.append(tuple(seconds(all_compiled, 9)))
        slow.append(tuple(seconds(all_plain, 3)))
    times, theirs = [one for each in quick for one in each], [one for each in slow for one in each]
    middle, least, most = ratio(tuple(slow), tuple(quick))
    text = f"""## Exact quotes, one by one from Python

{QUOTES:,} different sizes both ways through the 65-position pool of the swaps, each from the same state; the call from
Python and the conversion of its integers included. Both engines gave the same amounts. {ROUNDS} interleaved rounds.

| engine | one quote, median | fastest to slowest run | time ÷ Patron's (by round) |
|---|---:|---:|---:|
| **Patron, compiled** | **{statistics.median(times) / QUOTES * 1e6:.1f} µs** \
| {min(times) / QUOTES * 1e6:.1f}–{max(times) / QUOTES * 1e6:.1f} µs | |
| plain Python ints (the planner's own) | {statistics.median(theirs) / QUOTES * 1e6:.1f} µs \
| {min(theirs) / QUOTES * 1e6:.1f}–{max(theirs) / QUOTES * 1e6:.1f} µs | **{middle:.1f}** ({least:.1f}–{most:.1f}) |

{limits().in_steps("The bound: a quote", statistics.median(times) / QUOTES)}
"""
    return {"quotes": text}
