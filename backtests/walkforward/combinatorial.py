"""Combinatorial purged cross-validation: many histories of one strategy, each of models that never saw what they judge.

The window is cut into groups of rows. Each choice of some of them is a split: one model is fitted on all other rows, on
both sides, and scores the chosen groups. Taken in turn, the splits' scores of each group give whole histories: the
paths. Along each the strategy runs once through the fast rung. Source: M. López de Prado, Advances in Financial Machine
Learning (2018), chapters 7 and 12.

Unlike a walk-forward, most of these models know the future of what they judge. No one could have traded so: the paths
tell how much a result depends on which history it was, and not what it would have earned.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from backtests.fast import benchmarks, run_fast
from backtests.gas import gas_of
from backtests.metrics import FLAT, cycles_a_year, returns_of
from backtests.run import Run
from backtests.walkforward.judging import Judge
from backtests.walkforward.splits import chosen_groups, path_count, path_splits
from backtests.walkforward.window import fold_edges, window
from bot.core.dates import DAY
from bot.core.panel import Floats, Times
from bot.core.score import Scores, no_scores
from bot.errors import ConfigError, DataError
from bot.loading import BAR_SECONDS, Loaded
from bot.scoring.params import ScorerParams
from bot.scoring.walkforward import SHIPPED, Steps
from bot.settings import Settings

MOST_SPLITS: Final = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class Combinatorial:
    """What the reconstructed paths returned per cycle, net of all costs; each path covers the whole window.

    `times` (K,): the cycles; the k-th return ends at times[k + 1]. `paths`: C(groups, tested) * tested / groups.
    `rival`, `held`: equal weight and buy and hold over the same cycles. `models`: digest by split, "" where too little
    was left to learn from; () for a strategy that asks none, whose paths are all one and the same.
    """

    times: Times
    paths: tuple[Floats, ...]  # each (K - 1,)
    rival: Floats  # (K - 1,)
    held: Floats  # (K - 1,)
    groups: int
    tested: int
    splits: int
    models: tuple[str, ...]
    asks_model: bool

    @property
    def sharpes(self) -> Floats:
        """(paths,): annualised Sharpe ratio of each path, NaN where its returns do not vary."""
        return np.array([self.sharpe(path) for path in self.paths])

    @property
    def share_below(self) -> float:
        """The share of paths whose Sharpe ratio is below equal weight's; one that has none counts as below."""
        return float(np.mean(~(self.sharpes >= self.sharpe(self.rival))))

    def sharpe(self, returns: Floats) -> float:
        """Annualised Sharpe ratio of returns over these cycles, risk-free rate 0; NaN where they do not vary."""
        spread = float(returns.std(ddof=1))
        yearly = cycles_a_year(self.times)
        return float(returns.mean()) / spread * yearly**0.5 if spread >= FLAT else float("nan")


def combinatorial(
    loaded: Loaded, settings: Settings, groups: int = 6, tested: int = 2, steps: Steps = SHIPPED
) -> Combinatorial:
    """The strategy along each path of combinatorial purged cross-validation on the fast rung.

    Raises ConfigError for groups that cannot be, DataError as `run_fast` and where no split leaves enough to learn
    from, InvariantBroken where a model depends on what it judges.
    """
    config, schedule = loaded.config, window(loaded)
    check_groups(groups, tested, len(schedule.rows))
    fold_edges(schedule, 1)
    panel = schedule.panel
    gas = gas_of(config, loaded.source.catalogue, panel.times)

    def along(scores: Scores) -> Run:
        return run_fast(settings, config, panel, scores, schedule.first, schedule.last, gas=gas)

    models: tuple[str, ...] = ()
    chosen = chosen_groups(groups, tested)
    if settings.strategy.uses_scores:
        params = ScorerParams.of(config.scorer, BAR_SECONDS[config.bar])
        judge = Judge.of(panel, schedule.rows, params, config.every, groups, steps)
        splits = [tuple(split) for split in chosen.tolist()]
        judge.check_blind(splits)
        fitted = [judge.model(split) for split in splits]
        models = tuple(model.digest if model else "" for model in fitted)
        if not any(models):
            raise DataError(
                f"no split of {groups} groups leaves enough to learn from while {tested} are judged: beside each "
                f"tested group {judge.gap / DAY:g} days are left out; use fewer groups, or more data"
            )
        paths = path_splits(groups, tested).tolist()
        runs = [along(judge.scores([fitted[split] for split in path])) for path in paths]
    else:
        runs = [along(no_scores(len(panel), len(panel.venues)))] * path_count(groups, tested)
    rival, held = benchmarks(settings, config, panel, schedule.first, schedule.last, gas=gas)
    return Combinatorial(
        times=runs[0].times,
        paths=tuple(returns_of(run.equity) for run in runs),
        rival=returns_of(rival.equity),
        held=returns_of(held.equity),
        groups=groups,
        tested=tested,
        splits=len(chosen),
        models=models,
        asks_model=settings.strategy.uses_scores,
    )


def check_groups(groups: int, tested: int, rows: int) -> None:
    """Raises ConfigError unless `rows` can be cut into so many groups, of which so many are judged at a time."""
    if not 3 <= groups <= rows // 2:
        raise ConfigError(f"--groups: expected 3 to {rows // 2}: the window has {rows} bars (got {groups})")
    if not 1 <= tested < groups:
        raise ConfigError(f"--tested: expected 1 to {groups - 1} of {groups} groups (got {tested})")
    if (splits := math.comb(groups, tested)) > MOST_SPLITS:
        raise ConfigError(f"--groups: {splits:,} models would be fitted, at most {MOST_SPLITS:,} are")
