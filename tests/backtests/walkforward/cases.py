"""Small loaded windows to cut into folds: a generated market, a model that is refitted often."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backtests.walkforward.judging import Judge
from backtests.walkforward.window import window
from bot.core.panel import Floats, Panel
from bot.loading import BAR_SECONDS, Loaded, Options, load
from bot.replay import Schedule
from bot.scoring.params import ScorerParams
from bot.scoring.walkforward import SHIPPED, Steps
from bot.settings import Settings, settings_of

STRATEGIES = Path(__file__).resolve().parents[3] / "strategies"
DAY = 86_400


@functools.cache
def loaded_of(name: str = "trend_tilt", seed: int = 3, strength: float = 0.0) -> Loaded:
    """A shipped strategy over a generated market of 400 days, of which the last 240 are the window."""
    return load(Options(config=STRATEGIES / f"{name}.yaml", synthetic=seed, strength=strength))


def settings_for(loaded: Loaded) -> Settings:
    return settings_of(loaded.config, loaded.universe, loaded.options.config)


def judge_of(loaded: Loaded, groups: int = 6, steps: Steps = SHIPPED) -> Judge:
    """The judge of the loaded window, as `combinatorial` makes it."""
    schedule = window(loaded)
    params = ScorerParams.of(loaded.config.scorer, BAR_SECONDS[loaded.config.bar])
    return Judge.of(schedule.panel, schedule.rows, params, loaded.config.every, groups, steps)


def on_panel(loaded: Loaded, panel: Panel) -> Loaded:
    """The same window over another panel."""
    assert loaded.schedule is not None
    schedule = loaded.schedule
    return replace(loaded, panel=panel, schedule=Schedule(panel, schedule.first, schedule.last, schedule.every))


def changed(panel: Panel, rows: NDArray[np.bool_], change: Callable[[Floats], Floats]) -> Panel:
    """The panel with every number of some rows changed, but idle's."""
    fields = {}
    for name, values in panel.fields.items():
        other = values.copy()
        other[rows, 1:] = change(values[rows, 1:])
        fields[name] = other
    return replace(panel, times=panel.times.copy(), fields=fields)
