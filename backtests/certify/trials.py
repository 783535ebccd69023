"""The trial log: every version of a strategy that was ever certified or swept, in order, each line chained to the last.

What was tried decides what a result is worth: the best of a thousand worthless versions looks like skill. The log can
be deleted, or never kept; nothing on a machine of one's own can prevent that. A certificate says how many trials it
counted, and whoever reads it judges whether that can be true.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from bot.core.certificate import digest_of
from bot.errors import DataError, LockHeld, StorageError

LOG: Final = Path(".patron") / "trials.jsonl"
VARIABLE: Final = "PATRON_TRIALS"  # another place for the log
CERTIFY, SWEEP = "certify", "sweep"
WAIT_SECONDS: Final = 10.0  # for another process that is writing its line
_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Trial:
    """One line. `lineage`: names and code digests of the strategies, any of which makes two trials relatives.

    `family`: of the data. `identity`: what makes a repetition: a version that is tried again exactly as it was is one
    trial. `count` versions had Sharpe ratios, per cycle, of mean `mean` and variance `variance` across them; None where
    that is not known. `active`: whether they are of returns over the benchmark, or else of whole returns.
    """

    kind: str
    at: int  # unix seconds
    lineage: tuple[str, ...]
    family: str
    identity: str
    count: int
    mean: float | None = None
    variance: float | None = None
    active: bool = True
    said: str = ""  # for a reader


@dataclass(frozen=True, slots=True)
class Tried:
    """How much was tried before a result was shown: what the deflated Sharpe ratio asks for.

    `trials` counts every version once, this one included. `variance`: of their Sharpe ratios per cycle of active
    returns, across trials.
    """

    trials: int
    variance: float


def log_path() -> Path:
    """Where the log is kept: what PATRON_TRIALS names, else under ``.patron`` of the folder one works in."""
    return Path(os.environ.get(VARIABLE) or LOG)


def append(path: Path, trial: Trial) -> tuple[Trial, ...]:
    """Every trial of the log, this one as the last, once it is safely on disk.

    A last line that a crash tore is cut off first. Raises DataError naming the first line that was changed, moved or
    lost, StorageError, and LockHeld when another process does not let go of the log.
    """
    with _locked(path, write=True) as handle:
        content = _content(handle)
        trials, last, whole = _checked(content, path)
        body: dict[str, Any] = {"number": len(trials) + 1, "previous": last, **asdict(trial)}
        line = json.dumps(body | {"digest": digest_of(body)}, allow_nan=False) + "\n"
        try:
            os.ftruncate(handle, whole)
            os.pwrite(handle, line.encode(), whole)
            os.fsync(handle)
            if whole == 0:
                _sync_folder(path.parent)
        except OSError as error:
            raise StorageError(f"{path}: {error.strerror}") from None
    return (*trials, trial)


def read(path: Path) -> tuple[Trial, ...]:
    """Every trial of the log, none where there is no log. Raises as `append`."""
    if not path.exists():
        return ()
    with _locked(path, write=False) as handle:
        return _checked(_content(handle), path)[0]


def tried(trials: tuple[Trial, ...], this: Trial, null_variance: float, scale: float) -> Tried:
    """How much of `trials` counts for `this`, the last of them.

    Relatives are all of the same family of data with a name or a code digest in common; the same identity counts once,
    with its largest count. The variance is pooled over groups by their degrees of freedom: each sweep is a group, all
    single runs together are one, and one degree more is given to `null_variance`, so that two versions that hardly
    differ are not taken for none. `scale`: variance of a Sharpe ratio of active returns for one of whole returns.
    """
    mine = set(this.lineage)
    latest: dict[str, Trial] = {}
    for trial in trials:
        if trial.family == this.family and mine & set(trial.lineage):
            known = latest.get(trial.identity)
            latest[trial.identity] = trial if known is None or trial.count >= known.count else known
    weight, total = 1.0, null_variance
    singles: list[float] = []
    for trial in latest.values():
        if trial.count > 1:
            variance = null_variance
            if trial.variance is not None:
                variance = trial.variance * (1.0 if trial.active else scale)
            weight += trial.count - 1
            total += (trial.count - 1) * variance
        elif trial.mean is not None and trial.active:
            singles.append(trial.mean)
    if len(singles) > 1:
        middle = sum(singles) / len(singles)
        weight += len(singles) - 1
        total += sum((ratio - middle) ** 2 for ratio in singles)
    return Tried(sum(trial.count for trial in latest.values()), total / weight)


def _checked(content: bytes, path: Path) -> tuple[tuple[Trial, ...], str, int]:
    """(trials, digest of the last line, bytes of whole lines). What follows the last newline was torn by a crash."""
    whole = content.rfind(b"\n") + 1
    trials: list[Trial] = []
    last = ""
    for number, line in enumerate(content[:whole].splitlines(), start=1):
        try:
            body = json.loads(line)
            told = body.pop("digest")
            found, previous, counted = digest_of(body), body.pop("previous"), body.pop("number")
            trial = Trial(**body)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise DataError(f"{path}: line {number} is no line of a trial log: it was changed") from None
        if told != found:
            raise DataError(f"{path}: line {number} was changed after it was written")
        if previous != last or counted != number:
            raise DataError(f"{path}: line {number} does not follow the one before it: lines were moved or removed")
        trials.append(replace(trial, lineage=tuple(trial.lineage)))
        last = told
    return tuple(trials), last, whole


def _content(handle: int) -> bytes:
    size = os.fstat(handle).st_size
    return b"".join(_pieces(handle, size))


def _pieces(handle: int, size: int) -> Iterator[bytes]:
    at = 0
    while at < size:
        piece = os.pread(handle, size - at, at)
        if not piece:
            return
        at += len(piece)
        yield piece


@contextmanager
def _locked(path: Path, write: bool) -> Iterator[int]:
    try:
        if write:
            path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT if write else os.O_RDONLY, 0o600)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from None
    try:
        until = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                fcntl.flock(handle, (fcntl.LOCK_EX if write else fcntl.LOCK_SH) | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise LockHeld(f"{path}: another process has held the trial log for too long") from None
                time.sleep(_POLL_SECONDS)
        yield handle
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def lineage_of(names: tuple[str, ...], code: str) -> tuple[str, ...]:
    """What a strategy is known by: its names, and the digest of its code, which a renamed copy shares."""
    return (*(f"name:{Path(name).stem}" for name in names), f"code:{code}")


def family_of(label: str, strength: float) -> str:
    """The family of data: all that was recorded is one; what was generated is one for each strength that was planted.

    Another seed, another window or newer bars are the same family: whoever tries them in turn is choosing.
    """
    if label != "synthetic":
        return label
    return f"synthetic, strength {strength:g}"
