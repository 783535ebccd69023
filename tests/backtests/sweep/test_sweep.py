"""A sweep's rows against the fast rung, and what must hold through stops, refusals and other machines."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backtests
from backtests.fast import run_fast
from backtests.kernels.plain import plain
from backtests.kernels.portfolio import IMBALANCE
from backtests.kernels.sweep import sweep_nb
from backtests.metrics import metrics
from backtests.sweep import evaluate as evaluation
from backtests.sweep import runner
from backtests.sweep.evaluate import Parcel, evaluate
from backtests.sweep.executors import Here, executor
from backtests.sweep.plan import Combination
from backtests.sweep.results import UNFINISHED
from backtests.sweep.runner import Progress, Sweep, block_edges
from bot.core.score import Scores
from bot.errors import ConfigError, DataError, InvariantBroken, LockHeld
from tests.backtests.sweep.sweep_worlds import GRID, options_in, rows_in, run_all, store_for, sweep_of

ROOT = Path(backtests.__file__).resolve().parents[1]


def point_of(sweep: Sweep, number: int) -> Combination:
    point = sweep.space.combination(number, "facts")
    assert isinstance(point, Combination)
    return point


def test_every_figure_is_the_fast_rungs(tmp_path: Path) -> None:
    sweep = sweep_of(options_in(tmp_path, "reversal"), ["every=1d,3d", *GRID])
    _, rows = run_all(sweep, tmp_path / "out")
    by_values = {row["values"]: row for row in rows}
    seen = 0
    for number in range(len(sweep.space)):
        row = by_values[json.dumps(sweep.space.values(number))]
        if row["status"] == "refused":
            assert "contradict" in row["reason"]
            continue
        settings, config, panel, scores, first, last = sweep.settings(point_of(sweep, number).config)
        run = run_fast(settings, config, panel, scores, first, last)
        known = metrics(run)
        for name in ("sharpe", "sortino", "cagr", "calmar", "volatility", "total_return", "max_drawdown", "exposure"):
            assert row[name] == pytest.approx(known[name].value, rel=1e-9), name
        for name in ("turnover", "fees", "gas", "trades", "final_equity"):
            assert row[name] == pytest.approx(known[name].value, rel=1e-9), name
        returns = run.equity[1:] / run.equity[:-1] - 1.0
        assert row["observations"] == len(returns) == sum(row["block_count"])
        assert sum(row["block_total"]) == pytest.approx(float(returns.sum()), abs=1e-12)
        assert sum(row["block_squares"]) == pytest.approx(float((returns**2).sum()), abs=1e-12)
        inside = np.searchsorted(sweep.edges, run.times[1:]) == 2
        assert row["block_total"][2] == pytest.approx(float(returns[inside].sum()), abs=1e-14)
        seen += 1
    assert seen == 16


def test_compiled_and_interpreted_kernels_give_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = sweep_of(replace(options_in(tmp_path), last=1_704_067_200 + 220 * 86_400))
    calls: list[tuple[Any, ...]] = []
    whole = sweep_nb

    def keep(*arguments: Any) -> Any:
        calls.append(arguments)
        return whole(*arguments)

    monkeypatch.setattr(evaluation.kernel, "sweep_nb", keep)
    run_all(sweep, tmp_path / "out")
    (arguments,) = calls
    few = (*arguments[:5], arguments[5][:2], *arguments[6:])
    for compiled, interpreted in zip(whole(*few), plain(whole)(*few), strict=True):
        np.testing.assert_array_equal(compiled, interpreted)


def test_books_that_do_not_balance_stop_the_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def leak(*arguments: Any) -> Any:
        summary, total, squares = sweep_nb(*arguments)
        summary[1, IMBALANCE] = 1e-6
        return summary, total, squares

    monkeypatch.setattr(evaluation.kernel, "sweep_nb", leak)
    with pytest.raises(InvariantBroken, match="do not balance"):
        run_all(sweep_of(options_in(tmp_path)), tmp_path / "out")


def test_a_second_start_runs_nothing_and_a_wider_grid_only_what_is_new(tmp_path: Path) -> None:
    options = options_in(tmp_path)
    first, rows = run_all(sweep_of(options), tmp_path / "out")
    assert (first.run, first.refused, first.known) == (8, 4, 0)
    again, same = run_all(sweep_of(options), tmp_path / "out")
    assert (again.run, again.refused, again.known) == (0, 0, 12)
    assert same == rows
    wider, more = run_all(sweep_of(options, ["policy.band=50bps:250bps:50bps", GRID[1]]), tmp_path / "out")
    assert (wider.run, wider.refused, wider.known) == (2, 1, 12)
    assert len(more) == 15


CHILD = """
import os, sys, time
from pathlib import Path
from backtests.sweep import runner
from tests.backtests.sweep.sweep_worlds import options_in, run_all, sweep_of
folder, out = Path(sys.argv[1]), Path(sys.argv[2])
runner.CHUNK = 8
sync = os.fsync
def slow(handle):
    sync(handle)
    if len(list(out.glob("part-*"))) == 3 and list(out.glob(".unfinished-*")):
        print("writing", flush=True)
        time.sleep(600)
os.fsync = slow
run_all(sweep_of(options_in(folder), sys.argv[3:]), out)
"""


def test_a_kill_in_the_middle_of_a_write_loses_only_what_was_not_yet_written(tmp_path: Path) -> None:
    out, grid = tmp_path / "out", ["policy.band=10bps:400bps:10bps", "limits.max_venue=40%,100%"]
    with (
        (tmp_path / "child.log").open("w") as log,
        subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path), str(out), *grid],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as child,
    ):
        assert child.stdout is not None
        line = child.stdout.readline()
        os.kill(child.pid, signal.SIGKILL)
    assert line == "writing\n", (tmp_path / "child.log").read_text()
    assert child.returncode == -signal.SIGKILL
    assert len(list(out.glob(f"{UNFINISHED}*"))) == 1
    whole = {part: part.read_bytes() for part in out.glob("part-*")}
    assert len(whole) == 3
    sweep = sweep_of(options_in(tmp_path), grid)
    with store_for(sweep, out) as store:
        before = rows_in(store)
    progress, rows = run_all(sweep, out)
    assert progress.known == len(before) > 0
    assert progress.run + progress.refused == 80 - len(before)
    assert not list(out.glob(f"{UNFINISHED}*"))
    assert all(part.read_bytes() == content for part, content in whole.items())
    _, uninterrupted = run_all(sweep, tmp_path / "again")
    assert rows == uninterrupted


def test_memory_does_not_grow_with_combinations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "CHUNK", 32)
    sweep = sweep_of(options_in(tmp_path), ["policy.band=1bps:64bps:1bps", "policy.max_turnover=1%:16%:1%"])
    run_all(sweep, tmp_path / "warm", draws=64)
    peaks, held = [], []
    for draws in (128, 1_024):
        tracemalloc.start()
        try:
            with store_for(sweep, tmp_path / f"out{draws}") as store:
                progress = Progress(draws)
                sweep.run(range(0, 1_024, 1_024 // draws), store, Here(), progress)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        held.append(progress.held)
    assert held == [32, 32]
    # What grows is a key of sixteen bytes in a set; a single row of 240 returns would be 1,920 bytes.
    assert peaks[1] - peaks[0] < 400 * (1_024 - 128)


def test_each_scorer_block_is_fitted_once_whatever_else_varies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted: list[int] = []
    score = runner.scored

    def counted(panel: Any, params: Any) -> Scores:
        fitted.append(params.train)
        return score(panel, params)

    monkeypatch.setattr(runner, "scored", counted)
    monkeypatch.setattr(runner, "CHUNK", 5)
    grid = ["policy.band=50bps:400bps:50bps", "scorer.train=80d,100d", "strategy.name=trend_tilt,equal_weight"]
    progress, rows = run_all(sweep_of(options_in(tmp_path, "trend_tilt"), grid), tmp_path / "out")
    assert len(rows) == 32
    assert all(row["status"] == "ok" for row in rows)
    assert sorted(fitted) == [80 * 86_400, 100 * 86_400]
    assert progress.scored == 2


def test_what_only_the_run_can_refuse_is_a_row_with_its_reason(tmp_path: Path) -> None:
    grid = ["scorer.train=18d,80d", "strategy.name=trend_tilt,no_such", "every=1d,36h"]
    progress, rows = run_all(sweep_of(options_in(tmp_path, "trend_tilt"), grid), tmp_path / "out")
    reasons = [row["reason"] for row in rows if row["status"] == "refused"]
    assert (progress.run, progress.refused) == (1, 7)
    for said in ("scorer.train: too short", "no strategy called 'no_such'", "every: must be a multiple of bar"):
        assert any(said in reason for reason in reasons), said
    assert all("\n" not in reason for reason in reasons)


def test_a_strategys_own_failure_refuses_its_combinations_only(tmp_path: Path) -> None:
    mine = "PARAMS = {'limit': 1.0}\ndef targets(panel, scores, params):\n    raise ZeroDivisionError('mine')\n"
    (tmp_path / "mine.py").write_text(mine, encoding="utf-8")
    _, rows = run_all(sweep_of(options_in(tmp_path), ["strategy.name=mine.py,equal_weight"]), tmp_path / "out")
    assert sorted(row["status"] for row in rows) == ["ok", "refused"]
    (said,) = (row["reason"] for row in rows if row["status"] == "refused")
    assert said == "strategy mine: ZeroDivisionError in targets, line 3: mine"


def test_a_change_of_data_reads_other_data(tmp_path: Path) -> None:
    sweep = sweep_of(options_in(tmp_path), ["venues.aa-usdc.asset=AA,DD", "policy.band=50bps,100bps"])
    _, rows = run_all(sweep, tmp_path / "out")
    found = {row["values"]: row["final_equity"] for row in rows}
    assert len(found) == 4
    assert len(set(found.values())) == 4


def test_results_of_other_data_or_code_are_not_added_to(tmp_path: Path) -> None:
    options = options_in(tmp_path)
    run_all(sweep_of(options), tmp_path / "out")
    with pytest.raises(DataError, match="its results are of other data"):
        run_all(sweep_of(replace(options, synthetic=6)), tmp_path / "out")
    changed = sweep_of(options)
    changed.code = "0" * 32
    with pytest.raises(DataError, match="its results are of another code"):
        run_all(changed, tmp_path / "out")


def test_a_worker_with_other_code_is_refused(tmp_path: Path) -> None:
    sweep = sweep_of(options_in(tmp_path))
    panel = sweep.loaded.panel
    scores = runner.no_scores(len(panel), len(panel.venues))
    parcel = Parcel(sweep.space.path, panel, scores, sweep.first, sweep.last, sweep.edges, (), "0" * 32)
    with pytest.raises(DataError, match="runs another version"):
        evaluate(parcel)


def test_two_writers_and_damaged_parts_are_refused_in_one_line(tmp_path: Path) -> None:
    sweep = sweep_of(options_in(tmp_path))
    run_all(sweep, tmp_path / "out")
    with store_for(sweep, tmp_path / "out"), pytest.raises(LockHeld, match="another sweep writes here"):
        run_all(sweep, tmp_path / "out")
    part = next((tmp_path / "out").glob("part-*"))
    part.write_bytes(part.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"part-.*: damaged; remove it and run again") as caught:
        run_all(sweep, tmp_path / "out")
    assert "\n" not in str(caught.value)
    part.unlink()
    progress, rows = run_all(sweep, tmp_path / "out")
    assert progress.run + progress.refused + progress.known == len(rows) == 12


def test_a_window_of_days_is_refused(tmp_path: Path) -> None:
    first = 1_704_067_200 + 200 * 86_400
    with pytest.raises(ConfigError, match="at least 28 days"):
        sweep_of(replace(options_in(tmp_path), first=first, last=first + 20 * 86_400))


def test_blocks_are_fewer_where_cycles_are_few() -> None:
    times = np.arange(0, 1_000 * 86_400, 86_400, dtype=np.int64)
    assert [len(block_edges(times, cycles)) + 1 for cycles in (10, 32, 60, 100, 128, 5_000)] == [4, 4, 6, 12, 16, 16]


def test_random_rows_depend_on_the_seed_alone(tmp_path: Path) -> None:
    sweep = sweep_of(options_in(tmp_path), ["policy.band=50bps:400bps", "limits.max_venue=20%:90%"])
    found = [run_all(sweep, tmp_path / str(place), draws=12, seed=seed)[1] for place, seed in enumerate((1, 1, 2))]
    assert found[0] == found[1]
    assert {row["key"] for row in found[0]} != {row["key"] for row in found[2]}


def test_a_machine_without_dask_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigError, match=r"--cluster needs Dask: pip install -r requirements/sweep\.in"):
        executor("tcp://127.0.0.1:9").__enter__()
