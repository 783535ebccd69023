"""A stop at any point of an append leaves all of it or nothing, and the next one goes on."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.core.observation import Bar, Observation, RefusedRow
from bot.errors import LockHeld, StorageError
from bot.signals.store.schema import LOG, SEGMENTS
from bot.signals.store.signal_store import SignalStore

DAY, START = 86_400, 1_700_006_400
NOW = START + 400 * DAY
POINTS = 40  # more than an append of three segments has
Star, MakeBar = Callable[..., Observation], Callable[..., Bar]
Rows = tuple[list[Observation], list[Bar], list[RefusedRow]]


@pytest.fixture
def rows(star: Star, daily_bar: MakeBar) -> Rows:
    return [star(2, 12.0), star(3, 13.0)], [daily_bar(2, 1.0)], [RefusedRow("gh", "stars", "o/x", "why", "raw", START)]


def killed_at(point: int, work: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Does the work in a child that is killed before its `point`-th change of the disk; whether it lived to the end."""
    child = os.fork()
    if not child:
        count = iter(range(POINTS))

        def until_killed(real: Callable[..., Any]) -> Callable[..., Any]:
            def call(*given: Any, **named: Any) -> Any:
                if next(count) == point:
                    if real is real_pwrite:  # and a line of the log may be torn
                        real(given[0], given[1][: len(given[1]) // 2], given[2])
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*given, **named)

            return call

        real_pwrite = os.pwrite
        for name in ("replace", "fsync", "pwrite", "ftruncate"):
            monkeypatch.setattr(os, name, until_killed(getattr(os, name)))
        work()
        os._exit(0)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
            return not os.WIFSIGNALED(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    raise AssertionError("the child did not end")


def test_a_kill_at_any_point_leaves_all_of_an_append_or_nothing(
    tmp_path: Path, rows: Rows, star: Star, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = SignalStore.open(tmp_path / "whole", create=True)
    whole.append([star(0, 10.0), star(1, 11.0)], received_at=NOW)
    whole.append(*rows, received_at=NOW)
    lived, found = False, set()
    for point in range(POINTS):
        root = tmp_path / f"killed-{point}"
        SignalStore.open(root, create=True).append([star(0, 10.0), star(1, 11.0)], received_at=NOW)
        before = SignalStore.open(root).digest
        lived = killed_at(point, lambda root=root: SignalStore.open(root).append(*rows, received_at=NOW), monkeypatch)
        left = SignalStore.open(root)
        assert left.digest in (before, whole.digest)
        found.add(left.digest == before)
        again = SignalStore.open(root, create=True)
        again.append(*rows, received_at=NOW)
        assert again.digest == whole.digest
        assert again.unnamed() == ()
        assert not [file for file in (root / SEGMENTS).iterdir() if file.name.startswith(".")]
        if lived:
            break
    assert lived
    assert found == {True, False}
    assert point > 8  # three segments, each written, synced and renamed, their folder, and the line


def test_a_new_store_that_was_stopped_at_once_is_an_empty_one(tmp_path: Path, star: Star) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / LOG).touch()
    store = SignalStore.open(tmp_path / "store")
    assert store.series() == ()
    assert store.append([star(0, 1.0)], received_at=NOW).kept == 1


@pytest.mark.parametrize("call", ["replace", "fsync", "pwrite"])
def test_a_full_disk_is_said_and_nothing_of_the_append_stays(
    store: SignalStore, rows: Rows, star: Star, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.append([star(0, 10.0)], received_at=NOW)
    digest = store.digest

    def full(*_: object, **__: object) -> Iterator[None]:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(StorageError, match="No space left on device"):
            store.append(*rows, received_at=NOW)
    assert store.digest == SignalStore.open(store.root).digest == digest
    assert store.append(*rows, received_at=NOW).kept == 3


def test_a_writer_that_does_not_let_go_is_named(
    store: SignalStore, star: Star, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    monkeypatch.setattr("bot.chained_log.WAIT_SECONDS", 0.05)
    with (store.root / LOG).open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(LockHeld, match=LOG):
            store.append([star(0, 10.0)], received_at=NOW)
    assert store.append([star(0, 10.0)], received_at=NOW).kept == 1
