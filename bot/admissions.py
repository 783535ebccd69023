"""The models admitted under a certificate: a chained log beside it, whose first line follows the certificate itself.

What a cut at the end takes away is admitted again, through the same gate. A certificate that is issued anew goes on in
the same file with models of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bot.chained_log import ChainedLog, Line
from bot.errors import LockHeld, RefusedError, StorageError

SUFFIX: Final = ".admissions.jsonl"
_FIELDS: Final = {"certificate", "previous", "model", "fit_time", "admitted_at", "figures", "digest"}


def admissions_path(certificate: Path) -> Path:
    """Where the models admitted under the certificate at this path are written down."""
    return certificate.with_name(certificate.name + SUFFIX)


class Admissions:
    """The register of one certificate. Several daemons may share it: an append holds a lock and reads the file anew."""

    def __init__(self, path: Path, certificate: str) -> None:
        """`certificate`: its digest. Raises RefusedError naming the line that was changed, StorageError."""
        self._log, self._certificate = _log(path), certificate
        self._models = self._of_mine(read_admissions(path))

    def __contains__(self, model: str) -> bool:
        """Whether the model with this digest was admitted under this certificate."""
        return model in self._models

    def append(self, model: str, fit_time: int, figures: Mapping[str, float | None], now: int) -> None:
        """One line more, on disk when this returns; none where the model is there already. Times in unix seconds.

        Raises StorageError when it cannot be written or another process does not let go of it, RefusedError when the
        file was changed meanwhile.
        """

        def made(lines: Sequence[Line]) -> dict[str, Any] | None:
            if model in self._of_mine(_checked(self._log, lines)):
                return None
            return {
                "certificate": self._certificate,
                "model": model,
                "fit_time": fit_time,
                "admitted_at": now,
                "figures": dict(figures),
            }

        try:
            self._models = self._of_mine(self._log.append(made))
        except LockHeld as error:  # to a daemon the same as a disk that does not answer
            raise StorageError(str(error)) from None

    def _of_mine(self, lines: Sequence[Line]) -> set[str]:
        return {line["model"] for line in lines if line["certificate"] == self._certificate}


def read_admissions(path: Path) -> Sequence[Line]:
    """Every line, oldest first; none without a file.

    Raises RefusedError naming the first line that is not what was written, StorageError when the file cannot be read.
    """
    log = _log(path)
    return _checked(log, log.read())


def _log(path: Path) -> ChainedLog:
    return ChainedLog(path, RefusedError, lambda line: str(line.get("certificate")))


def _checked(log: ChainedLog, lines: Sequence[Line]) -> Sequence[Line]:
    """The same lines, each of them an admission."""
    for number, line in enumerate(lines, start=1):
        if set(line) != _FIELDS or not all(isinstance(line[name], str) for name in ("certificate", "model")):
            raise log.broken(f"{log.path}: line {number}: no admission of a model")
    return lines
