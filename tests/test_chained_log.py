"""A log that only grows: whole lines survive, and whatever is done to them afterwards is named."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import chained_log
from bot.chained_log import ChainedLog
from bot.errors import DataError, LockHeld, RefusedError, StorageError


def filled(path: Path, count: int = 3) -> ChainedLog:
    path.unlink(missing_ok=True)
    log = ChainedLog(path, DataError)
    for number in range(count):
        log.append(lambda lines, number=number: {"number": number, "share": number / 7})  # type: ignore[misc]
    return log


def test_lines_are_read_again_in_order_each_with_the_digest_of_the_last(tmp_path: Path) -> None:
    lines = filled(tmp_path / "log").read()
    assert [line["number"] for line in lines] == [0, 1, 2]
    assert [line["previous"] for line in lines] == ["", lines[0]["digest"], lines[1]["digest"]]
    assert ChainedLog(tmp_path / "none", DataError).read() == ()


def test_a_line_may_be_made_of_those_before_it_or_not_at_all(tmp_path: Path) -> None:
    log = filled(tmp_path / "log", 2)
    before = log.path.read_bytes()
    assert len(log.append(lambda lines: None)) == 2
    assert log.path.read_bytes() == before
    assert log.append(lambda lines: {"known": len(lines)})[-1]["known"] == 2


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0.0, 1.0, exclude_max=True), byte=st.integers(0, 255))
def test_any_one_changed_byte_names_its_line(tmp_path: Path, place: float, byte: int) -> None:
    log = filled(tmp_path / "log")
    text = log.path.read_bytes()
    at = int(place * (len(text) - 1))  # but the last line's end: without it the line was never whole
    if text[at] == byte:
        byte ^= 1
    log.path.write_bytes(text[:at] + bytes([byte]) + text[at + 1 :])
    with pytest.raises(DataError, match=f"line {text.count(10, 0, at) + 1}: "):
        log.read()


@pytest.mark.parametrize("kept", [(1, 2), (0, 2), (0, 2, 1), (0, 0, 1, 2)])
def test_a_line_that_was_taken_out_moved_or_doubled_is_found(tmp_path: Path, kept: tuple[int, ...]) -> None:
    log = filled(tmp_path / "log")
    lines = log.path.read_bytes().splitlines(keepends=True)
    log.path.write_bytes(b"".join(lines[number] for number in kept))
    with pytest.raises(DataError, match="does not follow the line before it"):
        log.read()


@pytest.mark.parametrize("line", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"digest":NaN}', b'"digest"'])
def test_a_line_that_is_none_is_named_by_the_error_that_was_asked_for(tmp_path: Path, line: bytes) -> None:
    path = filled(tmp_path / "log", 1).path
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(RefusedError, match="line 2: changed after it was written"):
        ChainedLog(path, RefusedError).append(lambda lines: {})


def test_the_first_line_follows_what_the_log_belongs_to(tmp_path: Path) -> None:
    log = ChainedLog(tmp_path / "log", DataError, lambda line: str(line.get("owner")))
    assert log.append(lambda lines: {"owner": "mine"})[0]["previous"] == "mine"
    assert len(log.read()) == 1
    with pytest.raises(DataError, match="line 1: does not follow"):
        ChainedLog(log.path, DataError).read()


@pytest.mark.parametrize("left", [1, 40, 100])
def test_what_a_stop_tore_is_left_out_and_written_over(tmp_path: Path, left: int) -> None:
    log = filled(tmp_path / "log")
    whole = log.path.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    log.path.write_bytes(whole[: len(whole) - len(last) + left])
    assert len(log.read()) == 2
    log.append(lambda lines: {"number": 2, "share": 2 / 7})
    assert log.path.read_bytes() == whole


def test_processes_that_write_at_once_lose_no_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    code = (
        "import sys; from pathlib import Path\n"
        "from bot.chained_log import ChainedLog; from bot.errors import DataError\n"
        "log = ChainedLog(Path(sys.argv[1]), DataError)\n"
        "for _ in range(15): log.append(lambda lines: {'number': len(lines)})\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(path)]) for _ in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert [line["number"] for line in ChainedLog(path, DataError).read()] == list(range(45))


def test_whoever_never_lets_go_stops_nobody_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chained_log, "WAIT_SECONDS", 0.05)
    log = filled(tmp_path / "log")
    with log.path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(LockHeld, match="another process has held it for too long"):
            log.append(lambda lines: {})
        assert len(log.read()) == 3


def test_a_log_that_cannot_be_written_or_read_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StorageError, match=r"gone/log: No such file"):
        ChainedLog(tmp_path / "gone" / "log", DataError).append(lambda lines: {})
    with pytest.raises(StorageError, match="Is a directory"):
        ChainedLog(tmp_path, DataError).read()
    log = filled(tmp_path / "log")
    os.symlink(log.path, tmp_path / "link")
    with pytest.raises(StorageError, match="link: "):
        ChainedLog(tmp_path / "link", DataError).append(lambda lines: {})

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    before = log.path.read_bytes()
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(StorageError, match="No space left on device"):
        log.append(lambda lines: {})
    assert log.path.read_bytes() == before


def test_what_is_no_file_is_refused_and_neither_waited_for_nor_read_without_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        log = ChainedLog(path, DataError)
        for asked in (log.read, lambda log=log: log.append(lambda lines: {})):
            with pytest.raises(StorageError, match="not a regular file"):
                asked()
