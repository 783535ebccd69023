"""Optuna's search over the same space: asked and told in batches, so that a seed means one search on any machine."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Final

from backtests.sweep.evaluate import OK
from backtests.sweep.executors import Executor
from backtests.sweep.plan import facts_digest
from backtests.sweep.results import Store
from backtests.sweep.runner import Progress, Sweep
from bot.errors import ConfigError

BATCH: Final = 16  # asked before any of them is told; not the machine's width, or results would depend on it


def search(
    sweep: Sweep,
    trials: int,
    seed: int,
    objective: str,
    sign: int,
    store: Store,
    where: Executor,
    progress: Progress,
    told: Callable[[Progress], None] = lambda progress: None,
) -> None:
    """So many trials of the TPE sampler for the highest `sign` × `objective`; results go where a grid's would.

    After a stop the same search asks the same questions, and is told from the store what is known already. A refused
    combination is told as failed. Raises ConfigError when Optuna is not installed.
    """
    try:
        optuna = importlib.import_module("optuna")
    except ImportError:
        raise ConfigError("--optuna needs Optuna: pip install -r requirements/sweep.in") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    space: dict[str, Any] = {
        axis.key: optuna.distributions.IntDistribution(0, len(axis.values) - 1)
        if axis.ordered
        else optuna.distributions.CategoricalDistribution(range(len(axis.values)))
        for axis in sweep.space.axes
    }
    facts = facts_digest(sweep.facts)
    for start in range(0, trials, BATCH):
        asked = [study.ask(space) for _ in range(min(BATCH, trials - start))]
        numbers = [sweep.space.number([trial.params[axis.key] for axis in sweep.space.axes]) for trial in asked]
        sweep.run(numbers, store, where, progress, told)
        keys = [sweep.space.combination(number, facts).key for number in numbers]
        rows = store.rows(set(keys))
        for trial, key in zip(asked, keys, strict=True):
            value = rows[key][objective] if rows[key]["status"] == OK else None
            if value is None:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(trial, sign * value)
