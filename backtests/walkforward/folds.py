"""The window cut into consecutive test folds, each run anew beside its benchmarks.

Models are refitted inside by the scorer's own schedule, from what was known before each row: purge and embargo as
`bot.scoring.walkforward` keeps them. Two neighbouring folds share one cycle: there the earlier one is valued for the
last time, before its trades, and the later one begins. So every cycle's return is in one fold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from backtests.api import scores_of
from backtests.fast import benchmarks, run_fast
from backtests.gas import gas_of
from backtests.run import Run
from backtests.walkforward.combinatorial import Combinatorial, combinatorial
from backtests.walkforward.window import fold_edges, window
from bot.core.panel import Panel
from bot.core.score import Scores
from bot.core.strategy import Strategy
from bot.errors import DataError
from bot.loading import Loaded
from bot.settings import Settings

__all__ = ["Combinatorial", "Fold", "combinatorial", "walk_forward"]


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """One fold, `first` to `last` (unix seconds, cycles both). Each run starts anew with the whole capital.

    `rival`: equal weight under the same policy, limits and costs; `held`: buy and hold. `models`: digests of the fitted
    models that spoke in the fold, in order; () for a strategy that asks none.
    """

    first: int
    last: int
    run: Run
    rival: Run
    held: Run
    models: tuple[str, ...] = ()


def walk_forward(loaded: Loaded, settings: Settings, folds: int) -> tuple[Fold, ...]:
    """`folds` consecutive folds of the loaded window, as nearly equal in cycles as can be, the longer first.

    Raises ConfigError where the window has too few cycles for so many, DataError as `run_fast`.
    """
    config, schedule = loaded.config, window(loaded)
    panel = schedule.panel
    gas = gas_of(config, loaded.source.catalogue, panel.times)
    scores = scores_of(settings, config, panel)
    decided = replace(settings, strategy=_decided(settings.strategy, panel, scores))
    found = []
    cuts = fold_edges(schedule, folds)
    for first, last in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
        run = run_fast(decided, config, panel, scores, first, last, gas=gas)
        rows = np.searchsorted(panel.times, (first, last))  # what is said at `last` is the next fold's
        models = tuple(dict.fromkeys(digest for digest in scores.model[rows[0] : rows[1]] if digest))
        rivals = benchmarks(settings, config, panel, first, last, gas=gas)
        found.append(Fold(first, last, run, *rivals, models))
    return tuple(found)


def _decided(strategy: Strategy, panel: Panel, scores: Scores) -> Strategy:
    """What `strategy` wants of the whole panel, found once for all folds."""
    try:
        wanted = strategy.weights(panel, scores)
    except ValueError as error:
        raise DataError(f"strategy {strategy.name}: {error}") from None
    return Strategy(strategy.name, lambda *_: wanted, {}, 1, uses_scores=False)
