"""Data directories that are full, locked, foreign or taken: one line, the right exit code, and nothing lost."""

from __future__ import annotations

import functools
import os
import stat
from pathlib import Path

import pytest

from tests.faults.inside import call
from tests.faults.rig import Ledger, disk_of, obey_permissions, one_line, patron, running
from tests.faults.test_sigkill import FIRST_DAY, STRATEGY


@pytest.fixture
def strategy(tmp_path: Path) -> Path:
    file = tmp_path / "strategy.yaml"
    file.write_text(STRATEGY, encoding="utf-8")
    return file


def paper(strategy: Path, folder: Path, last: str = "2024-06-20") -> tuple[object, ...]:
    return "run", strategy, "--mode", "paper", "--synthetic", 7, "--to", last, "--data-dir", folder


def test_a_second_daemon_is_refused_and_the_first_goes_on(strategy: Path, tmp_path: Path) -> None:
    strategy.write_text(STRATEGY.replace("every: 1d", "every: 1s").replace("bar: 1d", "bar: 1h"), encoding="utf-8")
    folder = tmp_path / "run"
    ledger = Ledger(folder / "ledger.sqlite")
    with running("run", strategy, "--mode", "paper", "--data-dir", folder, cwd=tmp_path, log=tmp_path / "log") as first:
        first.until(lambda: len(ledger.reports()) >= 1)
        told = one_line(patron("run", strategy, "--mode", "paper", "--data-dir", folder, cwd=tmp_path), 5)
        assert told == f"error: {folder}: process {first.process.pid} is already running on this data directory"
        seen = len(ledger.reports())
        first.until(lambda: len(ledger.reports()) > seen)
        first.process.terminate()
        assert first.ended() == 143
    assert sorted(ledger.reports()) == list(range(1, len(ledger.reports()) + 1))


def test_a_full_disk_ends_the_run_and_loses_nothing(strategy: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    ledger = Ledger(folder / "ledger.sqlite")
    full = patron(*paper(strategy, folder), cwd=tmp_path, before=functools.partial(disk_of, 150_000))
    assert "nothing was lost" in one_line(full, 6)
    assert ledger.intact()
    kept = ledger.reports()
    assert 0 < len(kept) < 13
    assert patron(*paper(strategy, folder), cwd=tmp_path).returncode == 0
    after = ledger.reports()
    assert sorted(after) == list(range(1, 14))
    assert {cycle: after[cycle] for cycle in kept} == kept


def test_a_disk_too_small_for_the_report_keeps_the_books(strategy: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    full = patron(*paper(strategy, folder, FIRST_DAY), cwd=tmp_path, before=functools.partial(disk_of, 500_000))
    assert "report.html: the report cannot be written" in one_line(full, 6)
    ledger = Ledger(folder / "ledger.sqlite")
    assert ledger.intact()
    assert len(ledger.reports()) == 1


def test_a_data_directory_that_cannot_be_written_is_refused(strategy: Path, tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    told = one_line(patron(*paper(strategy, folder), cwd=tmp_path, before=obey_permissions), 6)
    assert str(folder) in told
    assert os.listdir(folder) == []
    inside = one_line(patron(*paper(strategy, folder / "run"), cwd=tmp_path, before=obey_permissions), 6)
    assert str(folder) in inside


def test_a_file_where_the_data_directory_should_be_is_refused(strategy: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine", encoding="utf-8")
    assert str(file) in one_line(patron(*paper(strategy, file), cwd=tmp_path), 6)
    assert file.read_text(encoding="utf-8") == "mine"


def test_a_ledger_that_is_none_is_refused_and_kept(
    strategy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "ledger.sqlite").write_bytes(b"not a database at all, but something of mine\n" * 50)
    before = (folder / "ledger.sqlite").read_bytes()
    for arguments in (paper(strategy, folder), ("status", "--data-dir", folder)):
        assert "ledger.sqlite" in call(capsys, *arguments).error(6)
    assert (folder / "ledger.sqlite").read_bytes() == before
