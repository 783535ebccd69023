"""Swaps through one concentrated liquidity pool: the compiled engine, its plain mirror, and peers on the same input.

Every engine gets the same integers and must end at the same price, tick, liquidity and token sums, and at the same fee
growth where it keeps any; otherwise there is no row.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from backtests.benchmark.environment import PEERS, ROOT, ask_json, newest_python, peer_python
from backtests.benchmark.limits import limits
from backtests.benchmark.timing import ratio
from backtests.benchmark.workloads import CENTRE, FEE_PIPS, PRICE, SPACING, Workload, workload
from backtests.exact_pool import ExactPool
from backtests.kernels.amm.limbs import from_limbs, to_limbs
from bot.core.amm.concentrated import pool_at, swap
from bot.core.amm.pool_state import PoolState
from bot.errors import InvariantBroken, PatronError

ROUNDS: Final = 5
COUNT: Final = 200_000  # of the compiled engine
SHORT: Final = 5_000  # of the others; the compiled engine is compared on as many
CALM, WILD = "calm", "wild"
STEPS: Final = {CALM: 18.0, WILD: 300.0}  # ticks a swap, standard deviation: 0.2 and above 3 crossings a swap
State = tuple[int, ...]  # price, tick, liquidity, sums of token0 and token1, fee growth 0 and 1


def fresh(given: Workload) -> ExactPool:
    """The workload's pool before its first swap, with room for a month of oracle observations."""
    pool = ExactPool(FEE_PIPS, SPACING)
    pool.initialize(PRICE, 0)
    pool.increase_observation_cardinality_next(720)
    for lower, upper, liquidity in given.positions:
        pool.mint("maker", lower, upper, liquidity, 0)
    return pool


def run_compiled(given: Workload, count: int) -> tuple[float, State]:
    """(seconds, end state) of the compiled engine: fee growth, ticks' outsides and the oracle all kept."""
    pool, ways = fresh(given), np.array(given.zero_for_one[:count])
    amounts, times = to_limbs(given.amounts[:count]), 12 * np.arange(count, dtype=np.int64)
    since = time.perf_counter()
    amount0, amount1 = pool.swaps(ways, amounts, None, times)
    taken = time.perf_counter() - since
    return taken, state_of(pool, sum(map(signed, from_limbs(amount0))), sum(map(signed, from_limbs(amount1))))


def signed(word: int) -> int:
    """A 256-bit word as two's complement."""
    return word - (1 << 256) if word >> 255 else word


def run_two_pools(given: Workload, count: int) -> float:
    """Seconds for `count` swaps into each of two pools on two threads."""
    pools = [fresh(given), fresh(given)]
    ways, amounts = np.array(given.zero_for_one[:count]), to_limbs(given.amounts[:count])
    times = 12 * np.arange(count, dtype=np.int64)
    threads = [threading.Thread(target=pool.swaps, args=(ways, amounts, None, times)) for pool in pools]
    since = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - since


def run_mirror(given: Workload, count: int) -> tuple[float, State]:
    """(seconds, end state) of the plain Python mirror, which keeps all that the compiled engine keeps."""
    pool = PoolState(FEE_PIPS, SPACING)
    pool.initialize(PRICE, 0)
    for lower, upper, liquidity in given.positions:
        pool.mint("maker", lower, upper, liquidity, 0)
    orders = list(zip(given.zero_for_one[:count], given.amounts[:count], range(0, 12 * count, 12), strict=True))
    sums = [0, 0]
    since = time.perf_counter()
    for zero_for_one, amount, at in orders:
        amount0, amount1 = pool.swap(zero_for_one, amount, None, at)
        sums[0] += amount0
        sums[1] += amount1
    taken = time.perf_counter() - since
    return taken, state_of(pool, *sums)


def state_of(pool: ExactPool | PoolState, sum0: int, sum1: int) -> State:
    return (pool.sqrt_price_x96, pool.tick, pool.liquidity, sum0, sum1, *pool.fee_growth_global)


def crossings(given: Workload, count: int) -> float:
    """Initialised ticks crossed per swap, on the first `count`."""
    pool, crossed = pool_at(PRICE, FEE_PIPS, SPACING, given.positions), 0
    for zero_for_one, amount in zip(given.zero_for_one[:count], given.amounts[:count], strict=True):
        done = swap(pool, zero_for_one, amount)
        pool, crossed = done.pool, crossed + done.ticks_crossed
    return crossed / count


def request_of(given: Workload, count: int) -> dict[str, Any]:
    """The workload in a peer's terms."""
    pool = pool_at(PRICE, FEE_PIPS, SPACING, given.positions)
    assert pool.gross is not None
    return {
        "contracts": str(ROOT / "contracts"),
        "fee_pips": FEE_PIPS,
        "spacing": SPACING,
        "price": str(pool.sqrt_price_x96),
        "tick": pool.tick,
        "liquidity": str(pool.liquidity),
        "ticks": np.array([tick for tick, _ in pool.ticks]),
        "net": np.array([str(net) for _, net in pool.ticks]),
        "gross": np.array([str(gross) for gross in pool.gross]),
        "positions": np.array([[str(each) for each in position] for position in given.positions]),
        "zero_for_one": np.array(given.zero_for_one[:count]),
        "amounts": np.array([str(amount) for amount in given.amounts[:count]]),
    }


def ask_peer(python: Path, script: str, request: dict[str, Any]) -> tuple[str, float, State]:
    """(versions, seconds, end state) of one run of a peer in a process of its own."""
    got = ask_json(python, PEERS / script, request, python.parents[1] / "compiled")
    try:
        return str(got["versions"]), float(got["seconds"]), tuple(int(each) for each in got["state"])
    except (KeyError, TypeError, ValueError) as error:
        raise PatronError(f"{script}: unusable answer: {type(error).__name__}: {error}") from None


def is_same(theirs: State, ours: State) -> bool:
    """Whether both ended in the same state, as far as the peer keeps it."""
    return theirs == ours[: len(theirs)]


def against_peers(given: Workload, rounds: int = ROUNDS) -> tuple[float, list[str]]:
    """(swaps per second of the compiled engine, table rows) of one workload; ratios are on as many swaps."""
    peers: dict[str, tuple[Path, str, dict[str, Any]]] = {
        "degenbot": (
            peer_python("degenbot", interpreter=newest_python()),
            "degenbot_swaps.py",
            request_of(given, SHORT),
        ),
        "pyrevm, a swap a call": (Path(sys.executable), "pyrevm_swaps.py", request_of(given, SHORT) | {"batch": 1}),
        "pyrevm, 200 a call": (Path(sys.executable), "pyrevm_swaps.py", request_of(given, SHORT) | {"batch": 200}),
    }
    long: list[float] = []
    two: list[float] = []
    base: list[tuple[float, ...]] = []
    times: dict[str, list[tuple[float, ...]]] = {"plain Python ints (the mirror)": [], **{name: [] for name in peers}}
    versions: dict[str, str] = {}
    _, ours = run_compiled(given, SHORT)
    for _ in range(rounds):
        long.append(run_compiled(given, COUNT)[0])
        two.append(run_two_pools(given, COUNT))
        base.append(tuple(run_compiled(given, SHORT)[0] for _ in range(9)))
        taken, state = run_mirror(given, SHORT)
        if not is_same(state, ours):
            raise InvariantBroken(f"the mirror ends at {state}, the compiled engine at {ours}: nothing to compare")
        times["plain Python ints (the mirror)"].append((taken,))
        for name, (python, script, request) in peers.items():
            versions[name], taken, state = ask_peer(python, script, request)
            if is_same(state, ours):
                times[name].append((taken,))
    rows = [
        f"| **Patron, one core** | **{COUNT / statistics.median(long):,.0f}** "
        f"| {COUNT / max(long):,.0f}–{COUNT / min(long):,.0f} | |",
        f"| **Patron, two pools on two cores** | **{2 * COUNT / statistics.median(two):,.0f}** "
        f"| {2 * COUNT / max(two):,.0f}–{2 * COUNT / min(two):,.0f} | |",
    ]
    for name, each in times.items():
        if len(each) < rounds:
            rows.append(f"| {versions[name]} | does not count: it ends in another state | | |")
            continue
        middle, least, most = ratio(tuple(each), tuple(base))
        speeds = [SHORT / one[0] for one in each]
        rows.append(
            f"| {versions.get(name, name)}{', ' + name.split(', ')[1] if ', ' in name else ''} "
            f"| {statistics.median(speeds):,.0f} | {min(speeds):,.0f}–{max(speeds):,.0f} "
            f"| **{middle:,.0f}** ({least:,.0f}–{most:,.0f}) |"
        )
    return COUNT / statistics.median(long), rows


def memory() -> str:
    """How much memory a run of many swaps needs beyond its input and output."""
    import resource

    given = workload(CALM, 20_000, STEPS[CALM])
    pool, ways = fresh(given), np.array(given.zero_for_one)
    amounts, times = to_limbs(given.amounts), np.zeros(len(ways), dtype=np.int64)
    pool.swaps(ways, amounts, None, times)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(50):  # a million swaps, there and back: the same slice again from the price it left
        pool.swaps(ways, amounts, None, times)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return f"A million further swaps into the same pool raised the peak of the process's memory by {grown:.1f} MB."


def sections() -> dict[str, str]:
    """The section about swaps. Raises PatronError without a peer, InvariantBroken when the mirror disagrees."""
    parts: list[str] = []
    speeds: list[float] = []
    for name, step in STEPS.items():
        given = workload(name, COUNT, step)
        speed, rows = against_peers(given)
        speeds.append(speed)
        table = "\n".join(rows)
        parts.append(f"""### The {name} workload: {crossings(given, 2_000):.1f} ticks crossed a swap

| engine | swaps per second, median | slowest to fastest | time ÷ Patron's (by round) |
|---|---:|---:|---:|
{table}
""")
    text = f"""## Uniswap V3 swaps, exact to the wei

The slowest of the workloads below: **{min(speeds):,.0f} swaps per second** on one core. A third one, a pool's log with
mints and burns among its swaps, is under event logs.

One 0.3 % pool, tick spacing {SPACING}, 65 positions, starting at tick {CENTRE:,}; exact inputs. Patron's engine keeps
everything the contract keeps: fee growth, ticks' outsides, positions, the oracle (720 observations, every swap in a
block of its own). {COUNT:,} swaps of Patron's a run; {SHORT:,} of the others, who are compared with Patron on as many;
{ROUNDS} interleaved rounds. degenbot keeps no fee growth and gets its pool filled by hand; its newest release needs
Python 3.12, and the one for 3.11 ends in another state. pyrevm runs the contract's own bytecode. All that count end at
the same price, tick, liquidity and token sums, those with fee growth at the same.

{chr(10).join(parts)}
{memory()}

{limits().in_steps("The bound: a swap of the calm workload", 1.0 / speeds[0])}
"""
    return {"swaps": text}
