"""The models admitted under a certificate: a file beside it that only grows, each line tied to the one before.

One JSON document a line. ``previous`` is the digest of the line before, of the first line the certificate's own; so a
line that is changed, moved or taken out of the middle is found and named. What a cut at the end takes away is admitted
again, through the same gate. A certificate that is issued anew goes on in the same file with models of its own.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bot.core.certificate import canonical, digest_of
from bot.core.strict_json import parsed
from bot.errors import RefusedError, StorageError

SUFFIX: Final = ".admissions.jsonl"
_FIELDS: Final = {"certificate", "previous", "model", "fit_time", "admitted_at", "figures", "digest"}


def admissions_path(certificate: Path) -> Path:
    """Where the models admitted under the certificate at this path are written down."""
    return certificate.with_name(certificate.name + SUFFIX)


class Admissions:
    """The register of one certificate. Several daemons may share it: an append holds a lock and reads the file anew."""

    def __init__(self, path: Path, certificate: str) -> None:
        """`certificate`: its digest. Raises RefusedError naming the line that was changed, StorageError."""
        self._path, self._certificate = path, certificate
        self._models = self._of_mine(read_admissions(path))

    def __contains__(self, model: str) -> bool:
        """Whether the model with this digest was admitted under this certificate."""
        return model in self._models

    def append(self, model: str, fit_time: int, figures: Mapping[str, float | None], now: int) -> None:
        """One line more, on disk when this returns; none where the model is there already. Times in unix seconds.

        Raises StorageError when it cannot be written, RefusedError when the file was changed meanwhile.
        """
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise StorageError(f"{self._path}: {error.strerror}") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            lines = read_admissions(self._path)
            if model not in self._of_mine(lines):
                line: dict[str, Any] = {
                    "certificate": self._certificate,
                    "previous": lines[-1]["digest"] if lines else self._certificate,
                    "model": model,
                    "fit_time": fit_time,
                    "admitted_at": now,
                    "figures": dict(figures),
                }
                _write_last(handle, canonical(line | {"digest": digest_of(line)}).encode() + b"\n")
            self._models = self._of_mine(lines) | {model}
        except OSError as error:
            raise StorageError(f"{self._path}: {error.strerror}") from None
        finally:
            os.close(handle)

    def _of_mine(self, lines: list[dict[str, Any]]) -> set[str]:
        return {line["model"] for line in lines if line["certificate"] == self._certificate}


def read_admissions(path: Path) -> list[dict[str, Any]]:
    """Every line, oldest first; none without a file. A last line that a stop cut off was never relied on: left out.

    Raises RefusedError naming the first line that is not what was written, StorageError when the file cannot be read.
    """
    try:
        whole, _, _ = path.read_bytes().rpartition(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from None
    found: list[dict[str, Any]] = []
    for number, text in enumerate(whole.split(b"\n") if whole else [], start=1):
        found.append(_checked(text, found[-1]["digest"] if found else None, f"{path}: line {number}"))
    return found


def _checked(text: bytes, previous: str | None, where: str) -> dict[str, Any]:
    """One line's document. `previous`: the digest of the line before, None for the first."""
    line: dict[str, Any] = {}
    digest = ""
    try:
        line = parsed(text)
        sound = isinstance(line, dict) and set(line) == _FIELDS
        digest = digest_of({name: line[name] for name in _FIELDS - {"digest"}}) if sound else ""
        sound = sound and canonical(line).encode() == text
    except (ValueError, TypeError):
        sound = False
    if not sound or line["digest"] != digest:
        raise RefusedError(f"{where}: changed after it was written, so no model can be admitted beside it")
    if line["previous"] != (line["certificate"] if previous is None else previous):
        raise RefusedError(f"{where}: does not follow the line before it: a line was taken out or moved")
    return line


def _write_last(handle: int, line: bytes) -> None:
    """Writes `line` at the end, over what a stop left of another, and waits for the disk."""
    size = os.fstat(handle).st_size
    whole = os.pread(handle, size, 0).rfind(b"\n") + 1
    if whole < size:
        os.ftruncate(handle, whole)
    os.lseek(handle, whole, os.SEEK_SET)
    written = 0
    while written < len(line):
        written += os.write(handle, line[written:])
    os.fsync(handle)
