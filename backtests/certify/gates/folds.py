"""Whether a strategy is ahead in most folds of a walk-forward, and over all of them, or in one lucky stretch only."""

from __future__ import annotations

from collections.abc import Sequence

from backtests.certify.evidence import growth
from backtests.certify.gates.words import percent
from backtests.run import Run
from backtests.walkforward.folds import Fold
from bot.core.certificate import FAILED, PASSED, Gate

FOLDS = 6
"""Of equal length: a majority is four, which chance alone reaches in one of three windows. It asks for steadiness; the
edge gate is the test."""


def walk_forward(folds: Sequence[Fold]) -> tuple[Gate, Gate]:
    """(against equal weight under the same rules, against buy and hold)."""
    return (
        against("walk-forward", "equal weight", [(fold.run, fold.rival) for fold in folds]),
        against("buy and hold", "buy and hold", [(fold.run, fold.held) for fold in folds]),
    )


def against(name: str, rival: str, pairs: Sequence[tuple[Run, Run]]) -> Gate:
    """Passed where the run returned more than its rival, net, in more than half of the folds and compounded over all.

    `observed` is the number of folds won; every fold's difference is in the figures.
    """
    if not pairs:
        return Gate(name, FAILED, f"the window is too short for {FOLDS} folds", None, float(FOLDS // 2 + 1))
    apart = [growth(run) - growth(other) for run, other in pairs]
    won, needed = sum(each > 0.0 for each in apart), len(apart) // 2 + 1
    mine, theirs = 1.0, 1.0
    for run, other in pairs:
        mine *= max(0.0, 1.0 + growth(run))  # two folds of debt are no gain
        theirs *= max(0.0, 1.0 + growth(other))
    ahead = mine - theirs
    said = f"ahead of {rival} in {won} of {len(apart)} folds, {needed} needed; {percent(ahead)} of the capital over all"
    verdict = PASSED if won >= needed and ahead > 0.0 else FAILED
    figures = {f"fold {number}": each for number, each in enumerate(apart, start=1)} | {"overall": ahead}
    return Gate(name, verdict, said, float(won), float(needed), figures)
