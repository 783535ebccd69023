"""Optuna's search: the same for the same seed, through a stop, and with what rules refuse."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backtests.sweep.executors import Here
from backtests.sweep.runner import Progress, Sweep
from backtests.sweep.search import search
from bot.errors import ConfigError
from tests.backtests.sweep.sweep_worlds import options_in, rows_in, run_all, store_for, sweep_of

GRID = ("policy.band=50bps:400bps", "limits.max_venue=20%:100%:5%", "strategy.name=reversal,equal_weight")


def searched(sweep: Sweep, folder: Path, trials: int, seed: int) -> tuple[Progress, list[dict[str, Any]]]:
    progress = Progress(trials)
    with store_for(sweep, folder) as store:
        search(sweep, trials, seed, "sharpe", 1, store, Here(), progress)
        return progress, rows_in(store)


def test_a_seed_is_one_search_and_another_seed_another(tmp_path: Path) -> None:
    sweep = sweep_of(options_in(tmp_path), GRID)
    first, again, other = (searched(sweep, tmp_path / str(place), 40, seed)[1] for place, seed in enumerate((1, 1, 2)))
    assert first == again
    assert [row["key"] for row in first] != [row["key"] for row in other]
    assert {row["status"] for row in first} == {"ok", "refused"}  # 95 % and 100 % contradict min_idle


def test_a_stopped_search_asks_the_same_questions_and_runs_only_the_rest(tmp_path: Path) -> None:
    sweep = sweep_of(options_in(tmp_path), GRID)
    _, part = searched(sweep, tmp_path / "out", 16, 1)
    progress, rows = searched(sweep, tmp_path / "out", 40, 1)
    assert progress.known >= len(part)
    assert rows == searched(sweep, tmp_path / "whole", 40, 1)[1]


def test_a_search_goes_where_draws_do_not(tmp_path: Path) -> None:
    # The least volatile portfolio holds least: a search must have moved there.
    sweep = sweep_of(options_in(tmp_path), ["limits.max_venue=1%:30%", "policy.band=10bps:50bps"])
    progress = Progress(64)
    with store_for(sweep, tmp_path / "out") as store:
        search(sweep, 64, 0, "volatility", -1, store, Here(), progress)
        rows = rows_in(store)
    _, drawn = run_all(sweep, tmp_path / "drawn", draws=64)
    middle, drawn_middle = (float(np.median([row["volatility"] for row in each])) for each in (rows, drawn))
    assert middle < 0.7 * drawn_middle


def test_a_machine_without_optuna_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError, match=r"--optuna needs Optuna: pip install -r requirements/sweep\.in"):
        searched(sweep_of(options_in(tmp_path), GRID), tmp_path / "out", 4, 1)
