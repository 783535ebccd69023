"""Whether a strategy is better than luck, and by how much it can be told."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from backtests.certify.evidence import growth
from backtests.certify.gates.words import percent
from backtests.overfitting import Moments, bootstrap_interval, deflated_sharpe, expected_best_sharpe
from backtests.run import Run
from backtests.trials import Tried
from backtests.walkforward.combinatorial import Combinatorial
from bot.core.certificate import FAILED, NOT_APPLICABLE, PASSED, Gate
from bot.core.panel import Floats

CONFIDENT: Final = 0.95
"""Of a deflated Sharpe ratio: one worthless strategy in twenty gets through, whatever it was tuned over. Convention."""
LEAST_RETURNS: Final = 60
"""The deflated Sharpe ratio takes the estimate for normal; with fewer returns its tails are wrong by more than a tenth
of the size of the test."""
LEVEL: Final = 0.90
"""Of the central interval, so that its lower end is the one-sided bound of the same 95 %."""
BEHIND: Final = 0.2
"""Of combinatorial paths that may end behind the benchmark: with five paths, one. The bound that sweeps use as well."""


def edge(active: Floats, tried: Tried, yearly: float) -> Gate:
    """Passed where the deflated Sharpe ratio of the active returns, for all that was tried, is at least `CONFIDENT`.

    It is the probability that the true ratio is above what luck alone makes of so many trials. Size: under no edge, at
    most one in twenty of the best-of-N strategies passes. `yearly`: returns in a year, for the sentence.
    """
    if len(active) < LEAST_RETURNS:
        said = f"{len(active)} cycles are too few to tell an edge from luck: at least {LEAST_RETURNS} are needed"
        return Gate("edge", FAILED, said, float(len(active)), float(LEAST_RETURNS))
    try:
        moments = Moments.of(active)
    except ValueError:
        said = "it never differed from a mixture of equal weight and idle money: there is no edge to test"
        return Gate("edge", FAILED, said, 0.0, CONFIDENT)
    luck = expected_best_sharpe(tried.variance, tried.trials)
    sure = deflated_sharpe(moments, tried.variance, tried.trials)
    year = math.sqrt(yearly)
    versions = f"the best of {tried.trials:,} versions tried" if tried.trials > 1 else "the first version tried"
    said = (
        f"its active return is {percent(float(active.mean()) * yearly)} a year, its active Sharpe ratio "
        f"{moments.sharpe * year:.2f}".replace("-", "−")
        + f"; luck alone shows {luck * year:.2f} in {versions}: {sure:.1%} sure that there is more to it"
    )
    return Gate(
        "edge",
        PASSED if sure >= CONFIDENT else FAILED,
        said,
        sure,
        CONFIDENT,
        {
            "active_return_yearly": float(active.mean()) * yearly,
            "active_sharpe_yearly": moments.sharpe * year,
            "luck_sharpe_yearly": luck * year,
            "trials": float(tried.trials),
            "observations": float(moments.observations),
            "skew": moments.skew,
            "kurtosis": moments.kurtosis,
        },
    )


def interval(active: Floats, yearly: float, seed: int) -> Gate:
    """Passed where the stationary bootstrap's lower bound of the mean active return is above zero.

    Beside the deflated ratio, which takes returns for independent: here their dependence widens the interval.
    """
    if len(active) < LEAST_RETURNS:
        return Gate("interval", FAILED, f"{len(active)} cycles are too few for an interval", None, 0.0)
    found = bootstrap_interval(active, lambda drawn: float(drawn.mean()), level=LEVEL, seed=seed)
    low, high = found.low * yearly, found.high * yearly
    said = (
        f"the mean active return is between {percent(low)} and {percent(high)} a year "
        f"(stationary bootstrap, {LEVEL:.0%}, blocks of {found.block:.1f} cycles)"
    )
    verdict = PASSED if low > 0.0 else FAILED
    return Gate("interval", verdict, said, low, 0.0, {"high": high, "block": found.block})


def idle_money(run: Run) -> Gate:
    """Passed where the run ended with more than it began with, all costs paid: idle money would have kept it.

    Having lost less than the market is no reason to be given capital that could have stayed where it was.
    """
    gained = growth(run)
    moved = "grew" if gained >= 0.0 else "fell"
    said = f"net of all costs the capital {moved} by {abs(gained):.1%}; idle money would have stayed as it was"
    return Gate("idle money", PASSED if gained > 0.0 else FAILED, said, gained, 0.0)


def paths(found: Combinatorial | None, why: str = "") -> Gate:
    """Passed where at most `BEHIND` of the combinatorial paths ended behind equal weight.

    Each path is a whole history put together of models that were fitted on other parts of it: what holds on one only
    depends on which history it was. None, with `why`: the paths could not be made; "" where no model is asked.
    """
    name = "combinatorial paths"
    if found is None and why:
        return Gate(name, FAILED, why, None, BEHIND)
    if found is None or not found.asks_model:
        return Gate(name, NOT_APPLICABLE, "no model is fitted, so all paths are one and the same")
    ended = np.array([float(np.prod(1.0 + path)) - 1.0 for path in found.paths])
    rival = float(np.prod(1.0 + found.rival)) - 1.0
    behind = float((ended <= rival).mean())
    count = int((ended <= rival).sum())
    said = (
        f"{count} of {len(ended)} histories put together of {found.splits} refits ended behind equal weight; "
        f"the worst by {percent(float(ended.min()) - rival)}, the best {percent(float(ended.max()) - rival)}"
    )
    figures = {
        "worst": float(ended.min()) - rival,
        "median": float(np.median(ended)) - rival,
        "paths": float(len(ended)),
    }
    return Gate(name, PASSED if behind <= BEHIND else FAILED, said, behind, BEHIND, figures)
