"""Writes docs/exactness.md: what is exact, what is approximate and by how much, with the evidence.

    python -m backtests.exactness

Takes some minutes: the approximations are measured anew. The long run against the bytecode is read from its record,
which the test writes that makes it.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from backtests.lp.bar_error import FREE, measure, table
from backtests.lp.compiled import calls_of
from backtests.lp.engine import Setup, run
from backtests.lp.made_log import DOLLAR, ETHER, MadeMarket, made_log
from backtests.lp.path import recorded_path
from backtests.lp.result import SAME_AMOUNTS, SAME_PRICE, Market
from backtests.lp.strategies import Static
from bot.errors import DataError

ROOT: Final = Path(__file__).resolve().parents[1]
RECORD: Final = ROOT / "tests" / "parity" / "deep_run.json"
OUTPUT: Final = ROOT / "docs" / "exactness.md"
CAPITALS: Final = (1_000, 100_000, 3_000_000)
SEEDS: Final = tuple(range(5))
SWAPS: Final = 6_000

EXACT: Final = (
    ("256-bit integers of the kernels", "Python ints", "`tests/backtests/amm/test_wide.py`, `test_division.py`"),
    (
        "Uniswap V3 pool: every call, refusal and stored word; oracle, protocol fee, all tiers and spacings",
        "the pool's bytecode in an EVM",
        "`tests/parity/test_amm_state_machine.py`, `test_amm_any_order.py`",
    ),
    ("Uniswap V2 pair: mint, burn, swap, cumulative prices", "the pair's bytecode", "`test_pair_state_machine.py`"),
    ("the 240 swap vectors of the pool's own test suite", "recorded results", "`test_official_vectors.py`"),
    ("quotes, one pool and routes, exact in and out", "QuoterV2's bytecode", "`test_quoter.py`"),
    ("sandwich and just-in-time liquidity", "the same trades in the EVM", "`test_attack_bytecode.py`"),
    (
        "replay of event logs fetched from a chain",
        "the chain's slots, ticks, positions and observations",
        "`tests/fork/test_pool_logs_on_fork.py`",
    ),
    (
        "a backtested position: mint, fees, collect, burn",
        "the same position on the fork, traded against by the market mirror",
        "`tests/fork/test_lp_equals_chain.py`",
    ),
    (
        "a recorded provider's whole life, lived again by the backtest in its place",
        "the log's own amounts",
        "`tests/backtests/lp/test_engine.py`",
    ),
)

APPROXIMATE: Final = """\
- **Minute bars** do not say where in the bar the volume was paid; the table below is their measured error.
- **What the others would have done** had we been there is not known to anyone; the two assumptions below frame it.
- **Loss versus rebalancing and markouts** are measured against the pool's own price, block by block and look by look,
  in floats: for reading, never for the books.
- **Gas** is a number of units per action at a stated price, not the receipt of that block.
- **The sandwich search**: the largest front-run that lets the victim through, and the loss bound from it, are exact.
  The attacker's best size is searched, and could miss a small peak where liquidity is very uneven. His gas is left
  out, and he is taken to own none of the liquidity.
- **A `uniswap_v3_lp` venue's gas** is a swap's and a mint's, without the vault's adapter.
- **Fee-on-transfer and rebasing tokens** are outside the model: a pool's token balances are not kept, so a call that
  fails only because a token is not paid goes well here.
- **Block times that run backwards** are refused in a log; no chain makes them."""


def main() -> int:
    """Measures, writes the page, and returns the exit code."""
    try:
        record = json.loads(RECORD.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        problem = DataError(f"{RECORD.name}: no record of the long run ({error}); see tests/parity")
        sys.stderr.write(f"error: {problem}\n")
        return problem.exit_code
    errors = table(list(measure()))
    OUTPUT.write_text(page(record, errors, worlds()), encoding="utf-8")
    return 0


def page(record: dict[str, object], errors: str, apart: str) -> str:
    """The whole page as Markdown."""
    rows = "\n".join(f"| {what} | {held} | {test} |" for what, held, test in EXACT)
    told = "\n".join(f"| {name.replace('_', ' ')} | {shown(value)} |" for name, value in record.items())
    return f"""# What is exact, what is approximate, and by how much

Written by `python -m backtests.exactness`; the tests named here are what holds it true.

## Exact: equal to the last unit

| what | held to | by |
|---|---|---|
{rows}

Three machines are driven in lock-step through random operations: the real bytecode, the mirror in plain Python ints
(`bot/core/amm`, used live) and the compiled engine (`backtests/kernels/amm`). After each operation the answer, the
refusal with its reason and the touched storage words must be equal, and after each batch the whole state. The default
tests do 120,000 operations; broken copies of the mirror must be found within 400. The long run, once:

| long run | |
|---|---|
{told}

Repeat it with `PATRON_AMM_EVIDENCE=tests/parity/deep_run.json python -m pytest -m deep
tests/parity/test_amm_state_machine.py`.

What wraps around in the contract wraps here too, on purpose: fee growth, what a position is owed, the oracle's sums.
Everywhere else an overflow is the contract's refusal, never a wrong number.

## Approximate

{APPROXIMATE}

## Minute bars against the exact replay

Fees found from bars against fees of the exact engine, on generated logs: the median absolute error, and the largest
with its sign (above zero: bars say too much).

{errors}
## Same amounts, or same price?

Net profit under both assumptions for a static range of 3 % each way over generated logs of {SWAPS:,} swaps, without
gas and swap costs; medians over {len(SEEDS)} logs. A small provider need not care; a large one sees how much the answer
hangs on what the others do. The headline of a backtest is the worse of the two.

{apart}
"""


def shown(value: object) -> str:
    """A number with separators; a mapping in a line; a list as its two ends."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {shown(each)}" for name, each in value.items())
    if isinstance(value, list):
        return f"{value[0]} to {value[-1]}"
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def worlds() -> str:
    """The table that compares the two assumptions."""
    found: dict[int, list[tuple[float, float, float]]] = defaultdict(list)
    for capital, share, amounts, price in _compared():
        found[capital].append((share, amounts, price))
    lines = ["| capital | share of the active liquidity | same amounts | same price |", "|---:|---:|---:|---:|"]
    for capital, rows in found.items():
        share, amounts, price = (statistics.median(column) for column in zip(*rows, strict=True))
        cells = (f"{value / capital * 100:+.3f} %".replace("-", "−") for value in (amounts, price))
        lines.append(f"| {capital:,} USDC | {share * 100:.2f} % | {' | '.join(cells)} |")
    return "\n".join(lines)


def _compared() -> Iterator[tuple[int, float, float, float]]:
    """(capital, share of the pool, net profit under each assumption) of each log and capital."""
    chosen = MadeMarket(fee_pips=500, tick_spacing=10)
    strategy = Static.model_validate({"width": "3 %"})
    for seed in SEEDS:
        log = made_log(seed, SWAPS, chosen)
        market = Market("made", (ETHER.symbol, DOLLAR.symbol), (18, 6), 1, chosen.fee_pips, chosen.tick_spacing)
        calls, path = calls_of(log, "made log"), recorded_path(log, market)
        since, until = int(log.time[0]) + 3_600, int(log.time[-1])
        for capital in CAPITALS:
            setup = Setup(log, calls, market, path, FREE, capital * 10**6, 3_600, since, until)
            runs = [run(setup, strategy, mode).metrics for mode in (SAME_AMOUNTS, SAME_PRICE)]
            net = [metrics["net_profit"].value or 0.0 for metrics in runs]
            yield capital, runs[0]["share_of_pool"].value or 0.0, net[0], net[1]


if __name__ == "__main__":
    sys.exit(main())
