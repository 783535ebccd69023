"""A log that only grows: one JSON document a line, each with its own digest and, as ``previous``, that of the last.

So a line that is changed, moved or taken out of the middle is found and named. A cut at the end is not: whoever keeps
such a log says what that would mean. A last line that a stop tore was never relied on: it is left out, and the next
one is written over it.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bot.core.strict_json import digest_of, parsed
from bot.errors import LockHeld, PatronError, StorageError
from bot.whole_file import sync_folder

WAIT_SECONDS: Final = 10.0  # for another process that is writing its line
_POLL_SECONDS: Final = 0.02

Line = Mapping[str, Any]


def begins_with_nothing(line: Line) -> str:
    """What the first line follows where nothing is before it."""
    return ""


@dataclass(frozen=True, slots=True)
class ChainedLog:
    """The log at `path`. `broken`: the error of a line that is not as it was written, or not where it was.

    `origin`: what the first line must have as its ``previous``.
    """

    path: Path
    broken: type[PatronError]
    origin: Callable[[Line], str] = begins_with_nothing
    # The bytes that were checked last and their lines: what only grows is not checked from its beginning each time.
    _seen: list[tuple[bytes, tuple[Line, ...]]] = field(default_factory=list, init=False, repr=False, compare=False)

    def read(self) -> tuple[Line, ...]:
        """Every line, oldest first; none without a file. Raises `broken` naming the line, StorageError."""
        try:
            self._require_file(self.path.stat().st_mode)
            content = self.path.read_bytes()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise StorageError(f"{self.path}: {error.strerror}") from None
        return self._checked(content)

    def append(self, made: Callable[[tuple[Line, ...]], Line | None]) -> tuple[Line, ...]:
        """Every line, the new one as the last, once it is safely on disk.

        `made`: of the lines so far, which no other process can add to meanwhile, what the next one says; None for no
        line. Raises as `read`, and LockHeld when another process does not let go of the log.
        """
        with self._locked() as handle:
            content = _content(handle)
            lines = self._checked(content)
            said = made(lines)
            if said is None:
                return lines
            body = {"previous": lines[-1]["digest"] if lines else self.origin(said), **said}
            line = body | {"digest": digest_of(body)}
            _write_last(handle, content.rfind(b"\n") + 1, json.dumps(line, allow_nan=False).encode() + b"\n")
            if not lines:
                sync_folder(self.path.parent)
        return (*lines, line)

    def _require_file(self, mode: int) -> None:
        """A pipe would be waited for, and a device read, for ever."""
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # of a folder the system itself says so
            raise StorageError(f"{self.path}: not a regular file")

    def _checked(self, content: bytes) -> tuple[Line, ...]:
        whole = content[: content.rfind(b"\n") + 1]
        before, known = self._seen[0] if self._seen and whole.startswith(self._seen[0][0]) else (b"", ())
        found = list(known)
        for number, text in enumerate(whole[len(before) :].split(b"\n")[:-1], start=1 + len(known)):
            line = _parsed(text)
            if line is None:
                raise self.broken(f"{self.path}: line {number}: changed after it was written")
            if line["previous"] != (found[-1]["digest"] if found else self.origin(line)):
                raise self.broken(
                    f"{self.path}: line {number}: does not follow the line before it: a line was taken out or moved"
                )
            found.append(line)
        self._seen[:] = [(whole, tuple(found))]
        return tuple(found)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """The open file, which nobody else writes meanwhile. Every OSError within is a StorageError."""
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                self._require_file(os.fstat(handle).st_mode)
                until = time.monotonic() + WAIT_SECONDS
                while not _lock(handle):
                    if time.monotonic() > until:
                        raise LockHeld(f"{self.path}: another process has held it for too long")
                    time.sleep(_POLL_SECONDS)
                yield handle
            finally:
                os.close(handle)
        except OSError as error:
            raise StorageError(f"{self.path}: {error.strerror}") from None


def _parsed(text: bytes) -> Line | None:
    """The document of a line, None where it is not to the byte what was written."""
    try:
        line = parsed(text)
        body = {name: value for name, value in line.items() if name != "digest"}
        sound = isinstance(line["previous"], str) and line["digest"] == digest_of(body)
        return line if sound and json.dumps(line, allow_nan=False).encode() == text else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _content(handle: int) -> bytes:
    pieces, at = [], 0
    while piece := os.pread(handle, 1 << 20, at):
        pieces.append(piece)
        at += len(piece)
    return b"".join(pieces)


def _write_last(handle: int, whole: int, line: bytes) -> None:
    """Writes `line` behind the whole lines' bytes, over what a stop left of another, and waits for the disk."""
    os.ftruncate(handle, whole)
    written = 0
    while written < len(line):
        written += os.pwrite(handle, line[written:], whole + written)
    os.fsync(handle)
