"""Liquidity positions on minute bars: what they earn, by the compiled kernel and by peers on the same bars.

The bars are such that all rules agree: the price stays within the position's range, so that no engine's way to split a
bar matters. The peers must then find the same fees, or there is no row.
"""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any, Final

import numpy as np

from backtests.benchmark.environment import PEERS, ask_json, peer_python
from backtests.benchmark.limits import limits
from backtests.benchmark.timing import ratio, seconds
from backtests.kernels.amm.bars import Bars, accrue_nb
from backtests.lp.bar_pool import bars_of, owed_of, positions_of
from backtests.lp.minutes import Minutes
from bot.errors import PatronError

CENTRE: Final = 200_040
SPACING: Final = 60
FEE_PIPS: Final = 3_000
DECIMALS: Final = (6, 18)
YEAR: Final = 525_600
SHORT: Final = 20_000  # bars of the peers; the kernel is compared on as many
ROUNDS: Final = 5
MANY: Final = 16  # positions at once
TOLERANCE: Final = 1e-5  # of the fees: the contract rounds each fee up to a whole unit, peers count in fractions


def minutes(count: int) -> Minutes:
    """Minute bars of a price that wanders about CENTRE, with volume both ways in each."""
    draw = np.random.default_rng(9)
    walk = np.zeros(count)
    for i, step in enumerate(draw.normal(0.0, 9.0, count - 1), start=1):
        walk[i] = 0.9999 * walk[i - 1] + step
    ticks = CENTRE + np.rint(walk).astype(np.int64)
    volume = draw.lognormal(5.0, 0.8, count)  # whole units of token 0; small enough for one limb
    price = 1e12 / np.power(1.0001, ticks.astype(np.float64))
    narrow, still = ticks.astype(np.int32), np.zeros((count, 2), dtype=np.uint64)
    in0, in1, liquidity = still.copy(), still.copy(), still.copy()
    in0[:, 0], in1[:, 0] = (volume * 0.5e6).astype(np.uint64), (volume * 0.5 / price * 1e18).astype(np.uint64)
    liquidity[:, 0] = 2 * 10**18
    return Minutes(
        times=60 * np.arange(count, dtype=np.int64),
        open=narrow,
        low=narrow,
        high=narrow,
        close=narrow,
        in0=in0,
        in1=in1,
        liquidity=liquidity,
        missing=np.zeros(count, dtype=np.bool_),
        files=(),
        digest="",
    )


def around(given: Minutes) -> tuple[int, int]:
    """A range that the price never leaves."""
    lower = (int(given.close.min()) // SPACING - 1) * SPACING
    return lower, (int(given.close.max()) // SPACING + 2) * SPACING


def ask_demeter(python: Path, given: Minutes) -> tuple[str, float, int, tuple[float, float]]:
    """(versions, seconds, the position's liquidity, its fees in raw units)."""
    got = ask_json(python, PEERS / "demeter_bars.py", request_of(given), python.parents[1] / "compiled")
    try:
        fees = [float(each) * 10.0**decimals for each, decimals in zip(got["fees"], DECIMALS, strict=True)]
        return str(got["versions"]), float(got["seconds"]), int(got["liquidity"]), (fees[0], fees[1])
    except (KeyError, TypeError, ValueError) as error:
        raise PatronError(f"demeter_bars.py: unusable answer: {type(error).__name__}: {error}") from None


def ask_fractal(python: Path, given: Minutes, liquidity: int) -> tuple[str, float, float]:
    """(versions, seconds, fees in whole token 0)."""
    request = request_of(given) | {"position": str(liquidity)}
    got = ask_json(python, PEERS / "fractal_bars.py", request, python.parents[1] / "compiled")
    try:
        return str(got["versions"]), float(got["seconds"]), float(got["fees"])
    except (KeyError, TypeError, ValueError) as error:
        raise PatronError(f"fractal_bars.py: unusable answer: {type(error).__name__}: {error}") from None


def request_of(given: Minutes) -> dict[str, Any]:
    """The bars and one position in a peer's terms."""
    lower, upper = around(given)
    return {
        "ticks": given.close,
        "in0": given.in0[:, 0].astype(str),
        "in1": given.in1[:, 0].astype(str),
        "liquidity": given.liquidity[:, 0].astype(str),
        "lower": lower,
        "upper": upper,
        "capital0": 100_000,
        "capital1": 50,
        "fee_percent": FEE_PIPS / 10_000,
        "decimals0": DECIMALS[0],
        "decimals1": DECIMALS[1],
    }


def accrue(bars: Bars, ranges: list[tuple[int, int]], liquidities: list[int]) -> list[tuple[int, int]]:
    """Fees of each position, each alone in the pool with the recorded liquidity."""
    positions = positions_of(ranges, liquidities)
    accrue_nb(bars, positions, 0, len(bars.volume), True)
    return owed_of(positions)


def money_of(given: Minutes, bars: Bars, liquidity: int) -> float:
    """The kernel's fees as fractal counts them: each bar's at that bar's price, in whole token 0."""
    total, found = 0.0, positions_of([around(given)], [liquidity])
    before = (0, 0)
    for row, tick in enumerate(given.close.tolist()):
        accrue_nb(bars, found, row, row + 1, True)
        owed = owed_of(found)[0]
        price = 1e12 / 1.0001**tick
        total += (owed[0] - before[0]) / 1e6 + (owed[1] - before[1]) / 1e18 * price
        before = owed
    return total


def require_close(name: str, theirs: float, ours: float) -> None:
    """Raises PatronError unless a peer's fees are ours."""
    if not abs(theirs / ours - 1.0) <= TOLERANCE:
        raise PatronError(f"{name} finds fees of {theirs:.12g}, the kernel {ours:.12g}: nothing to compare")


def sections() -> dict[str, str]:
    """The section about minute bars. Raises PatronError when a peer cannot be had or disagrees."""
    demeter, fractal = peer_python("demeter"), peer_python("fractal")
    year, short = minutes(YEAR), minutes(SHORT)
    bars, few = bars_of(year, FEE_PIPS), bars_of(short, FEE_PIPS)
    one = around(short)
    reach = range(1, MANY + 1)
    ranges = [(CENTRE // SPACING * SPACING - 60 * k, CENTRE // SPACING * SPACING + 60 * k) for k in reach]
    accrue(few, [one], [10**15])  # compiled before it is timed
    alone: list[float] = []
    many: list[float] = []
    base: list[tuple[float, ...]] = []
    theirs: dict[str, list[tuple[float, ...]]] = {}
    for _ in range(ROUNDS):
        alone += seconds(lambda: accrue(bars, [around(year)], [10**15]), 3)
        many += seconds(lambda: accrue(bars, ranges, [10**15] * MANY), 1)
        version, taken, liquidity, fees = ask_demeter(demeter, short)
        ((ours0, ours1),) = accrue(few, [one], [liquidity])
        require_close(version, fees[0], ours0)
        require_close(version, fees[1], ours1)
        theirs.setdefault(version, []).append((taken,))
        version, taken, money = ask_fractal(fractal, short, liquidity)
        require_close(version, money, money_of(short, few, liquidity))
        theirs.setdefault(version, []).append((taken,))
        base.append(tuple(seconds(lambda: accrue(few, [one], [liquidity]), 9)))  # noqa: B023
    rows = [
        f"| **Patron, one position, a year of {YEAR:,} minutes** | **{YEAR / statistics.median(alone):,.0f}** "
        f"| {statistics.median(alone) * 1e3:.1f} ms | |",
        f"| **Patron, {MANY} positions of all widths at once** | **{MANY * YEAR / statistics.median(many):,.0f}** "
        f"| {statistics.median(many) * 1e3:.1f} ms | |",
    ]
    for name, each in theirs.items():
        middle, least, most = ratio(tuple(each), tuple(base))
        median = statistics.median(one[0] for one in each)
        rows.append(
            f"| {name}, one position, {SHORT:,} minutes | {SHORT / median:,.0f} | {median * 1e3:,.0f} ms "
            f"| **{middle:,.0f}** ({least:,.0f}–{most:,.0f}) |"
        )
    text = f"""## Liquidity positions on minute bars

What positions earn, in exact integers, from bars with volume both ways in every minute. {ROUNDS} interleaved rounds; a
peer is compared with Patron on the same {SHORT:,} bars and one position whose range the price never leaves, because
there all rules agree: the fees must, to {TOLERANCE:g} (the contract rounds each fee up to a unit, the peers do not).
zelos-demeter runs its whole loop with a strategy that does nothing after the first bar; fractal-defi its position's own
update alone.

| engine | position-rows per second | one run, median | time ÷ Patron's (by round) |
|---|---:|---:|---:|
{chr(10).join(rows)}

{limits().of_reading("The bound: a year for one position", sum(each.nbytes for each in bars), statistics.median(alone))}
"""
    return {"bars": text}
