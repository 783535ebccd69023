"""Whether an edge outlives dearer trading: stress, sandwiches, more capital. The rival pays the same."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from backtests.certify.evidence import Beside, active_returns, growth, slope
from backtests.certify.gates.words import lead, percent
from backtests.metrics import returns_of
from backtests.run import Run
from backtests.stress import Stress
from bot.core.certificate import FAILED, PASSED, Gate
from bot.core.panel import Floats

ALL_AT_ONCE: Final = "all at once"
STRESSES: Final = {
    "2x fees": Stress(fees=2.0),
    "3x impact": Stress(impact=3.0),
    "10x gas": Stress(gas=10.0),
    ALL_AT_ONCE: Stress(fees=2.0, impact=3.0, gas=10.0),
}
"""Fee tiers are fixed, yet pools of another tier may be all that is left; liquidity falls to a third in a panic (as
2020-03 and 2022-11 saw); gas has been ten times its median for hours on end. All at once is what the gate asks."""
CAPITALS: Final = (0.01, 0.1, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Times the configured capital. The first moves no price: it is what the strategy earns without impact."""
HALF: Final = 0.5
"""Of the active return: where it is gone, the pools earn as much from the strategy as it does from them."""


def stress(calm: Beside, found: Mapping[str, Beside]) -> Gate:
    """Passed where under all stresses at once the run is still ahead of equal weight, and its active return above zero.

    Equal weight is stressed the same. `observed`: the smaller of the two, over the window.
    """
    figures: dict[str, float | None] = {}
    for name, each in {"calm": calm, **found}.items():
        figures[f"{name}: ahead"], figures[f"{name}: active"] = ahead(each), active(each)
    worst = found[ALL_AT_ONCE]
    least = min(ahead(worst), active(worst))
    said = (
        f"with 2x fees, 3x impact and 10x gas it is {lead(ahead(worst))} ({percent(ahead(calm))} "
        "without), its active return over the window "
        f"{percent(active(worst))} ({percent(active(calm))})"
    )
    return Gate("cost stress", PASSED if least > 0.0 else FAILED, said, least, 0.0, figures)


def sandwich(calm: Beside, run: Floats, rival: Floats, harsh: Beside, attacked: int) -> Gate:
    """Passed where it is still ahead after each leg paid the worst sandwich that earns its attacker anything.

    `run`, `rival` (K,): money taken at each cycle, by `attacks.taken`; `attacked`: legs of the run that one pays on.
    `harsh`: every leg loses all that the limits let through, paying or not; it is in the figures, and no gate.
    """
    excess = charged(calm.run, run) - charged(calm.rival, rival)
    mine, market = _left(calm.run, run), _left(calm.rival, rival)
    left = float((mine - slope(mine, market) * market).sum())
    least = min(excess, left)
    taken = float(run.sum())
    said = (
        f"a sandwich pays on {attacked:,} of {len(calm.run.trades):,} legs and takes {taken:,.0f} {calm.run.money} "
        f"in all; charged with it, it is {lead(excess)}"
    )
    figures = {"taken": taken, "legs": float(attacked), "every leg at its limit: ahead": ahead(harsh)}
    return Gate("sandwich", PASSED if least > 0.0 else FAILED, said, least, 0.0, figures)


def capacity(found: Mapping[float, Beside], money: str) -> Gate:
    """Passed where the configured capital is below the strategy's capacity.

    Capacity is the capital from which on half of the active return is gone: half of the most that it is at any of the
    capitals tried. Between two of them it is put where a line through both, over the logarithm of capital, crosses.
    """
    capitals = sorted(found)
    earned = np.array([active(found[factor]) for factor in capitals])
    own = found[1.0].run.capital
    figures: dict[str, float | None] = {
        f"{factor:g}x": float(each) for factor, each in zip(capitals, earned, strict=True)
    }
    best = int(earned.argmax())
    if earned[best] <= 0.0:
        said = "it has no active return at any capital, so no capacity"
        return Gate("capacity", FAILED, said, 0.0, own, figures)
    limit = _crossing(capitals[best:], earned[best:], HALF * float(earned[best]))
    figures["capacity"] = None if limit is None else limit * own
    if limit is None:
        said = f"more than half of its active return is left at {capitals[-1] * own:,.0f} {money}"
        return Gate("capacity", PASSED, said, capitals[-1] * own, own, figures)
    said = f"half of its active return is gone at {limit * own:,.0f} {money}; it is configured with {own:,.0f}"
    return Gate("capacity", PASSED if limit > 1.0 else FAILED, said, limit * own, own, figures)


def ahead(beside: Beside) -> float:
    """How much more than equal weight it returned over the window, as a fraction of the capital."""
    return growth(beside.run) - growth(beside.rival)


def active(beside: Beside) -> float:
    """Sum of the active returns over the window."""
    return float(active_returns(beside.run, beside.rival).sum())


def charged(run: Run, taken: Floats) -> float:
    """Net return over the window, had so much money been taken at each cycle, and with it what it would have grown to.

    The last cycle's trades come after the last value, and so does what they lose.
    """
    final = float(run.equity[-1])
    lost = float((taken[:-1] * final / np.maximum(run.equity[:-1], 1e-12)).sum())
    return (final - lost) / float(run.equity[0]) - 1.0


def _left(run: Run, taken: Floats) -> Floats:
    """(K - 1,): returns per cycle, less what was taken when each began."""
    return np.asarray(returns_of(run.equity) - taken[:-1] / np.maximum(run.equity[:-1], 1e-12))


def _crossing(capitals: Sequence[float], earned: Floats, level: float) -> float | None:
    """The first capital at which `earned` has fallen to `level`, None where it never does. It begins above."""
    for i in range(1, len(capitals)):
        if earned[i] <= level:
            part = (earned[i - 1] - level) / (earned[i - 1] - earned[i])
            low, high = math.log(capitals[i - 1]), math.log(capitals[i])
            return math.exp(low + float(part) * (high - low))
    return None
