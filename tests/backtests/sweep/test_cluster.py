"""The same command on a Dask cluster: two worker processes on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import LocalCluster

from backtests.sweep import executors, runner
from backtests.sweep.executors import executor
from bot.errors import ConfigError
from tests.backtests.sweep.sweep_worlds import options_in, run_all, sweep_of

GRID = ("scorer.train=80d,100d", "policy.band=10bps:160bps:10bps", "limits.max_venue=40%,100%")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=":0"
    ) as cluster:
        yield cluster.scheduler_address


def test_two_processes_find_what_one_finds_to_the_bit(tmp_path: Path, address: str) -> None:
    options = options_in(tmp_path, "trend_tilt")
    here, same = run_all(sweep_of(options, GRID), tmp_path / "here")  # first, so that workers find the kernels compiled
    with executor(address) as where:
        assert where.width == 2
        there, rows = run_all(sweep_of(options, GRID), tmp_path / "there", where)
    assert (there.run, there.refused) == (here.run, here.refused) == (32, 32)
    assert rows == same
    assert there.scored == 2
    assert len(list((tmp_path / "there").glob("part-*"))) > 2


def test_a_strategy_of_ones_own_runs_on_workers_that_have_the_file(tmp_path: Path, address: str) -> None:
    mine = "import numpy as np\nfrom bot.core.strategy import equal_weight\n\n\ndef targets(panel, scores, params):\n"
    (tmp_path / "mine.py").write_text(f"{mine}    return equal_weight(panel)\n", encoding="utf-8")
    sweep = sweep_of(options_in(tmp_path, "mine.py"), ["policy.band=10bps:40bps:10bps"])
    with executor(address) as where:
        _, rows = run_all(sweep, tmp_path / "out", where)
    assert [row["status"] for row in rows] == ["ok"] * 4


def test_a_cluster_is_stopped_and_gone_on_with_here(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = sweep_of(options_in(tmp_path, "trend_tilt"), GRID)
    monkeypatch.setattr(runner, "CHUNK", 16)
    with executor(address) as where:
        run_all(sweep, tmp_path / "out", where, draws=20, seed=3)
    progress, rows = run_all(sweep, tmp_path / "out")
    assert progress.known == 20
    assert rows == run_all(sweep, tmp_path / "whole")[1]


def test_a_scheduler_without_workers_is_one_line() -> None:
    with (
        LocalCluster(n_workers=0, processes=True, host="127.0.0.1", dashboard_address=":0") as empty,
        pytest.raises(ConfigError, match="has no workers"),
        executor(empty.scheduler_address),
    ):
        pass


def test_a_cluster_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "PATIENCE", 0.5)
    with pytest.raises(ConfigError, match="--cluster: no scheduler at"), executor("tcp://127.0.0.1:9"):
        pass
