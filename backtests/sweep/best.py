"""The report of a sweep's best combination, which says in its own facts how many were tried and what luck makes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from backtests.fast import benchmarks
from backtests.gas import gas_of
from backtests.origins import facts_of
from backtests.page import NO_VALUE
from backtests.report import heat_map, write_report
from backtests.run import Run
from backtests.sweep.analysis import Found, Honesty
from backtests.sweep.heatmap import cells
from backtests.sweep.results import Store
from backtests.sweep.runner import Sweep
from backtests.sweep.space import Axis
from bot.config import Config
from bot.core.dates import moment


def report_best(
    plan: Sweep,
    config: Config,
    run: Run,
    store: Store,
    found: Found,
    honesty: Honesty,
    drawn: tuple[Axis, Axis] | None,
    objective: str,
    path: Path,
) -> None:
    """Writes the report of `run`, of the combination `config`, with the heat map of the two keys `drawn` in it."""
    settings, heard, panel, _, first, last = plan.settings(config)
    gas = gas_of(heard, plan.loaded.source.catalogue, panel.times)
    rivals = benchmarks(settings, heard, panel, first, last, gas=gas)
    loaded = replace(plan.loaded, config=heard, panel=panel, universe=settings.universe)
    facts: dict[str, Any] = facts_of(loaded, settings, "fast") | {
        "title": f"{run.label}, the best of {found.trials:,} by {objective.replace('_', ' ')}",
        "window": f"{moment(int(run.times[0]))} to {moment(int(run.times[-1]))}",
        "sweep": {
            "tried": f"{found.trials:,}",
            "best": ", ".join(f"{key}={value}" for key, value in found.top[0]["values"].items()),
            "deflated Sharpe": NO_VALUE if honesty.deflated is None else f"{honesty.deflated:.3f}",
            "probability of overfitting": f"{honesty.overfitting.probability:.0%}" if honesty.overfitting else NO_VALUE,
            "verdict": honesty.verdict,
        },
    }
    extras = {}
    if drawn is not None:
        across, up = drawn
        values = np.asarray(cells(store, across, up, objective)[0])
        extras["heat"] = heat_map((across.key, across.values), (up.key, up.values), values, objective, found.trials)
    write_report(run, rivals, facts, path, extras)
