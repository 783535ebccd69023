"""The gates of a benchmark: equal weight has no edge over itself, but it must be cheap, and stay so."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from backtests.certify.evidence import Beside, growth, years
from backtests.certify.gates.costs import ALL_AT_ONCE, HALF, charged
from backtests.certify.gates.words import percent
from backtests.run import Run
from bot.core.certificate import FAILED, NOT_APPLICABLE, PASSED, Gate
from bot.core.panel import Floats

DRAG: Final = 0.05
"""A year, of the capital: what a benchmark may lose to a stress, to sandwiches or to its size. A benchmark is there to
be cheap: beyond this, beating it would say more of its costs than of a strategy."""
NOT_ASKED: Final = ("edge", "interval", "idle money", "combinatorial paths", "walk-forward", "buy and hold")


def not_asked() -> list[Gate]:
    """The gates that compare a strategy with this very benchmark."""
    said = "it is the benchmark: no edge over itself is asked"
    return [Gate(name, NOT_APPLICABLE, said) for name in NOT_ASKED]


def stress(calm: Beside, found: Mapping[str, Beside]) -> Gate:
    """Passed where all stresses at once cost at most `DRAG` a year more than they cost buy and hold.

    Costs are those paid, as a share of the portfolio: what a market did while a leg had to wait is nobody's cost. So
    that it does not save them by not trading at all, it must be at least half as invested as without stress.
    """
    worst = found[ALL_AT_ONCE]
    own, held = paid(worst.run) - paid(calm.run), paid(worst.held) - paid(calm.held)
    extra, left = own - held, invested(worst.run) / max(invested(calm.run), 1e-12)
    figures: dict[str, float | None] = {name: paid(each.run) for name, each in {"calm": calm, **found}.items()}
    said = (
        f"2x fees, 3x impact and 10x gas cost it {percent(own)} of the portfolio a year, buy and hold {percent(held)}; "
        f"{DRAG:.0%} more are allowed; it stays {left:.0%} as invested"
    )
    good = extra <= DRAG and left >= HALF
    return Gate("cost stress", PASSED if good else FAILED, said, extra, DRAG, figures | {"invested": left})


def sandwich(calm: Beside, taken: Floats, attacked: int) -> Gate:
    """Passed where sandwiches that pay their attackers take at most `DRAG` of the capital a year."""
    lost = (growth(calm.run) - charged(calm.run, taken)) / years(calm.run)
    said = f"a sandwich pays on {attacked:,} of {len(calm.run.trades):,} legs; in all they take {percent(lost)} a year"
    return Gate("sandwich", PASSED if lost <= DRAG else FAILED, said, lost, DRAG, {"taken": float(taken.sum())})


def capacity(found: Mapping[float, Beside], money: str) -> Gate:
    """Passed where the configured capital is below that at which its size costs `DRAG` a year, or keeps half of it out.

    Legs that would cost more than `limits.max_loss` are cut, so beyond some size the money stays idle instead.
    """
    capitals = sorted(found)
    own = found[1.0].run.capital
    small = found[capitals[0]].run
    figures: dict[str, float | None] = {}
    strain: list[float] = []  # 1 where one of the two bounds is met
    for factor in capitals:
        run = found[factor].run
        lost, left = paid(run) - paid(small), invested(run) / max(invested(small), 1e-12)
        figures |= {f"{factor:g}x": lost, f"{factor:g}x invested": left}
        strain.append(max(lost / DRAG, (1.0 - left) / (1.0 - HALF)))
    for at in range(1, len(capitals)):
        if strain[at] > 1.0:
            part = (1.0 - strain[at - 1]) / (strain[at] - strain[at - 1])
            low, high = math.log(capitals[at - 1]), math.log(capitals[at])
            limit = math.exp(low + part * (high - low))
            figures["capacity"] = limit * own
            said = (
                f"at {limit * own:,.0f} {money} its size costs {DRAG:.0%} a year or keeps half of it idle; "
                f"it is configured with {own:,.0f}"
            )
            return Gate("capacity", PASSED if limit > 1.0 else FAILED, said, limit * own, own, figures)
    said = f"its size costs less than {DRAG:.0%} a year up to {capitals[-1] * own:,.0f} {money}"
    return Gate("capacity", PASSED, said, capitals[-1] * own, own, figures)


def paid(run: Run) -> float:
    """Pool fees, price impact and gas a year, as a share of the portfolio."""
    return float(((run.fees + run.gas) / np.maximum(run.nav, 1e-12)).sum()) / years(run)


def invested(run: Run) -> float:
    """Mean share of the portfolio that is not idle."""
    return float((1.0 - run.held[:, 0]).mean())
