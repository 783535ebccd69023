"""One data directory, one driver: across processes, and freed by death alone."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.errors import LockHeld, StorageError
from bot.ledger.lock import JournalPaths, data_dir_lock

HOLD = """
import sys, time
from pathlib import Path
from bot.errors import PatronError
from bot.ledger.lock import data_dir_lock
try:
    with data_dir_lock(Path(sys.argv[1])):
        print("held", flush=True)
        time.sleep(60)
except PatronError as error:
    print(error, flush=True)
    sys.exit(error.exit_code)
"""


@contextmanager
def _process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_second_process_ends_with_code_5_and_names_the_directory_and_the_holder(tmp_path: Path) -> None:
    with _process(tmp_path) as first:
        assert _said(first) == "held"
        with _process(tmp_path) as second:
            assert _said(second) == f"{tmp_path}: process {first.pid} is already running on this data directory"
            assert second.wait(10) == 5


def test_of_processes_started_at_once_exactly_one_gets_the_directory(tmp_path: Path) -> None:
    with _process(tmp_path) as first, _process(tmp_path) as second, _process(tmp_path) as third:
        said = [_said(process) for process in (first, second, third)]
        assert said.count("held") == 1
        assert sum("is already running on this data directory" in line for line in said) == 2


def test_a_killed_holder_leaves_no_lock_behind(tmp_path: Path) -> None:
    with _process(tmp_path) as holder:
        assert _said(holder) == "held"
        with pytest.raises(LockHeld), data_dir_lock(tmp_path):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait(10)
        assert JournalPaths(tmp_path).lock.read_text() == f"{holder.pid}\n"
        with data_dir_lock(tmp_path):
            assert JournalPaths(tmp_path).lock.read_text() == f"{os.getpid()}\n"


def test_two_locks_in_one_process_exclude_each_other_too(tmp_path: Path) -> None:
    with data_dir_lock(tmp_path), pytest.raises(LockHeld, match=str(tmp_path)), data_dir_lock(tmp_path):
        pass
    with data_dir_lock(tmp_path):
        pass


def test_a_damaged_pid_decides_nothing(tmp_path: Path) -> None:
    JournalPaths(tmp_path).lock.write_bytes(b"\xff\xfe 12; rm -rf")
    with data_dir_lock(tmp_path):
        JournalPaths(tmp_path).lock.write_bytes(b"\xff\xfe what?")
        with pytest.raises(LockHeld, match="another process is already running"), data_dir_lock(tmp_path):
            pass


def test_directory_and_file_are_for_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    with data_dir_lock(folder):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE(JournalPaths(folder).lock.stat().st_mode) == 0o600


def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("kept")
    JournalPaths(tmp_path).lock.symlink_to(target)
    with pytest.raises(StorageError, match="lock"), data_dir_lock(tmp_path):
        pass
    assert target.read_text() == "kept"


def test_a_file_where_the_directory_should_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"), data_dir_lock(tmp_path / "file"):
        pass
