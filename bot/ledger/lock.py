"""One driver per data directory, by a lock that the kernel frees when its holder dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.errors import LockHeld, StorageError


@dataclass(frozen=True, slots=True)
class JournalPaths:
    """Where things are in a data directory."""

    data_dir: Path

    @property
    def ledger(self) -> Path:
        return self.data_dir / "ledger.sqlite"

    @property
    def lock(self) -> Path:
        return self.data_dir / "lock"


@contextmanager
def data_dir_lock(data_dir: Path) -> Iterator[None]:
    """Holds the directory while open; makes it (0700) if it is not there.

    Raises LockHeld at once when another process holds it, StorageError when the lock file cannot be made. The pid in
    the file is for reading only: nobody decides by it, and the file stays behind, since removing it would let two
    processes lock two files of one name.
    """
    path = JournalPaths(data_dir).lock
    handle = _open(path)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 20, 0).decode("ascii", "replace").strip()
            who = f"process {holder}" if holder.isdigit() else "another process"
            raise LockHeld(f"{data_dir}: {who} is already running on this data directory") from None
        try:
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            raise StorageError(f"{path}: {error.strerror}") from None
        yield
    finally:
        os.close(handle)


def private_dir(path: Path) -> None:
    """Makes the directory for its owner alone. One that exists is left as it is. Raises StorageError."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from None


def _open(path: Path) -> int:
    private_dir(path.parent)
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from None
