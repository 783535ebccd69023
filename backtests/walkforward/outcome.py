"""What folds and paths say together, in numbers and in one honest sentence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from backtests.metrics import Metric, metrics
from backtests.page import plain_json
from backtests.run import Run
from backtests.walkforward.folds import Combinatorial, Fold

LIKELY_LUCK: Final = 0.05  # a coin that does as well at least this often explains the folds
FEW_BELOW: Final = 0.25  # share of paths below equal weight that still counts as better
QUARTILES: Final = ("lowest", "lower quartile", "median", "upper quartile", "highest")
SHOWN: Final = ("total_return", "sharpe", "max_drawdown")
RUNS: Final = {"strategy": "run", "equal weight": "rival", "buy and hold": "held"}


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Folds in order of time, and the combinatorial paths over the same window."""

    strategy: str
    folds: tuple[Fold, ...]
    paths: Combinatorial

    @property
    def judged(self) -> tuple[Fold, ...]:
        """The folds that say something of the strategy: where it asks for a model, those in which one spoke."""
        return tuple(fold for fold in self.folds if fold.models or not self.paths.asks_model)

    def better(self, than: str) -> int:
        """In how many judged folds the strategy returned more than ``rival`` or ``held``."""
        return sum(_gain(fold.run) > _gain(getattr(fold, than)) for fold in self.judged)

    @property
    def coin(self) -> float:
        """The probability that a coin is better than equal weight in at least as many folds."""
        return at_least(self.better("rival"), len(self.judged))

    @property
    def quartiles(self) -> dict[str, float]:
        """Of the Sharpe ratios of the paths that have one; NaN where none has."""
        known = self.paths.sharpes[np.isfinite(self.paths.sharpes)]
        found = np.quantile(known, [0.0, 0.25, 0.5, 0.75, 1.0]) if len(known) else np.full(5, math.nan)
        return dict(zip(QUARTILES, found.tolist(), strict=True))

    @property
    def sentence(self) -> str:
        """The outcome for a reader of one line."""
        if not self.judged:
            return "Nothing is shown: no model was fitted before the last fold ended."
        if all(np.array_equal(fold.run.equity, fold.rival.equity) for fold in self.judged):
            return "It did what equal weight did in every fold: there is nothing to compare."
        folds, paths = len(self.judged), self.paths
        counted = f"it returned more than equal weight in {self.better('rival')} of {folds} folds, which a coin "
        counted += f"does in {self.coin:.0%} of tries"
        if paths.asks_model:
            below = round(paths.share_below * len(paths.paths))
            told = f"{counted}, and {below} of {len(paths.paths)} paths have a lower Sharpe ratio"
        else:
            side = "below" if paths.share_below else "not below"
            told = f"{counted}, and its one path has a Sharpe ratio {side} equal weight's"
        if self.coin < LIKELY_LUCK and paths.share_below <= FEW_BELOW:
            return f"Better than equal weight here, in a history that happened once: {told}."
        return f"Not shown to be better than equal weight: {told}."


def at_least(wins: int, tries: int) -> float:
    """The probability of `wins` or more heads in so many tosses."""
    return sum(math.comb(tries, count) for count in range(wins, tries + 1)) / 2.0**tries


def runs_of(fold: Fold) -> dict[str, Run]:
    """The fold's three runs by what they are."""
    return {name: getattr(fold, field) for name, field in RUNS.items()}


def shown_of(run: Run) -> dict[str, Metric]:
    """The metrics that stand in a table of folds."""
    found = metrics(run)
    return {name: found[name] for name in SHOWN}


def document(outcome: Outcome, facts: dict[str, Any]) -> dict[str, Any]:
    """All that is told, as plain JSON types; what is not a number is None."""
    paths = outcome.paths
    found = {
        "strategy": outcome.strategy,
        "verdict": outcome.sentence,
        "folds": [
            {
                "from": fold.first,
                "to": fold.last,
                "cycles": len(fold.run),
                "models": fold.models,
                **{name.replace(" ", "_"): _values(run) for name, run in runs_of(fold).items()},
            }
            for fold in outcome.folds
        ],
        "folds_judged": len(outcome.judged),
        "better_than_equal_weight": outcome.better("rival"),
        "better_than_buy_and_hold": outcome.better("held"),
        "coin": outcome.coin,
        "combinatorial": {
            "groups": paths.groups,
            "tested": paths.tested,
            "splits": paths.splits,
            "paths": len(paths.paths),
            "asks_model": paths.asks_model,
            "models": paths.models,
            "splits_without_a_model": paths.models.count(""),
            "sharpe": paths.sharpes,
            "sharpe_quartiles": {name.replace(" ", "_"): value for name, value in outcome.quartiles.items()},
            "sharpe_equal_weight": paths.sharpe(paths.rival),
            "sharpe_buy_and_hold": paths.sharpe(paths.held),
            "share_below_equal_weight": paths.share_below,
            "times": paths.times,
            "returns": [*paths.paths] if paths.asks_model else [paths.paths[0]],
            "equal_weight": paths.rival,
            "buy_and_hold": paths.held,
        },
        "facts": facts,
    }
    return {name: plain_json(value) for name, value in found.items()}


def _values(run: Run) -> dict[str, Any]:
    return {name: {"value": each.value, "unit": each.unit, "note": each.note} for name, each in metrics(run).items()}


def _gain(run: Run) -> float:
    return float(run.equity[-1] / run.equity[0])
