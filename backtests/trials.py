"""The trial log: every version of a strategy that was ever certified or swept, in order, each line chained to the last.

What was tried decides what a result is worth: the best of a thousand worthless versions looks like skill. The log can
be deleted, or never kept; nothing on a machine of one's own can prevent that. A certificate says how many trials it
counted, and whoever reads it judges whether that can be true.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from backtests.overfitting import expected_best_sharpe
from bot.chained_log import ChainedLog, Line
from bot.errors import DataError, StorageError

LOG: Final = Path(".patron") / "trials.jsonl"
VARIABLE: Final = "PATRON_TRIALS"  # another place for the log
CERTIFY, SWEEP = "certify", "sweep"
SAME: Final = 9  # decimals in which the Sharpe ratios per cycle of one version are the same


@dataclass(frozen=True, slots=True)
class Trial:
    """One line. `lineage`: names and code digests of the strategies, any of which makes two trials relatives.

    `family`: of the data. `identity`: what makes a repetition: a version that is tried again exactly as it was is one
    trial. `count` versions had Sharpe ratios, per cycle, of mean `mean` and variance `variance` across them; None where
    that is not known. `active`: whether they are of returns over the benchmark, or else of whole returns. `yearly`: of
    these cycles in a year, None in lines that are older than the figure.
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
    yearly: float | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """How much was tried before a result was shown: what the deflated Sharpe ratio asks for.

    `trials` counts every version once, this one included. `variance`: of their Sharpe ratios of active returns across
    trials, per cycle of the trial that asks.
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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from None

    def made(lines: Sequence[Line]) -> dict[str, Any]:
        return {"number": len(_trials(path, lines)) + 1, **asdict(trial)}

    return (*_trials(path, ChainedLog(path, DataError).append(made)[:-1]), trial)


def read(path: Path) -> tuple[Trial, ...]:
    """Every trial of the log, none where there is no log. Raises DataError and StorageError as `append`."""
    return _trials(path, ChainedLog(path, DataError).read())


def tried(trials: tuple[Trial, ...], this: Trial, null_variance: float, scale: float) -> Tried:
    """How much of `trials` counts for `this`, the last of them.

    Relatives are all of the same family of data with a name or a code digest in common; the same identity counts
    once, with its largest count, and a sweep that was done as it came out instead of as it was planned. The
    variance is pooled over groups by their degrees of freedom: each sweep is a group, all single runs together are
    one, and one degree more is given to `null_variance`, so that two versions that hardly differ are not taken for
    none. Nor is it ever so low that luck would make less of all than of the more different ones among them:
    versions that only repeat each other are tried for nothing, and lower no bar. `scale`: variance of
    a Sharpe ratio of active returns for one of whole returns.
    """
    mine = set(this.lineage)
    latest: dict[str, Trial] = {}
    for trial in trials:
        if trial.family == this.family and mine & set(trial.lineage):
            known = latest.get(trial.identity)
            latest[trial.identity] = trial if known is None else _better(known, trial)
    groups: list[_Group] = []
    singles: list[float] = []
    count = 0
    for trial in latest.values():
        cycles = trial.yearly / this.yearly if trial.yearly and this.yearly else 1.0  # of that trial in one of this
        if trial.count > 1:
            variance = null_variance
            if trial.variance is not None:
                variance = trial.variance * cycles * (1.0 if trial.active else scale)
            groups.append(_Group(trial.count, variance))
        else:
            count += trial.count
            singles += [round(trial.mean * cycles**0.5, SAME)] if trial.mean is not None and trial.active else []
    apart = sorted(set(singles))  # the very same ratio twice is the same version under another digest
    if len(apart) > 1:
        middle = sum(apart) / len(apart)
        groups.append(_Group(len(apart), sum((ratio - middle) ** 2 for ratio in apart) / (len(apart) - 1)))
        count -= len(apart)
    return _pooled(groups, max(0, count), null_variance)


def _better(known: Trial, trial: Trial) -> Trial:
    """Which of two lines of one identity counts: of a sweep how it came out, not the plan; else the larger."""
    if trial.kind == SWEEP and (known.variance is None) != (trial.variance is None):
        return known if trial.variance is None else trial
    return trial if trial.count >= known.count else known


@dataclass(frozen=True, slots=True)
class _Group:
    """So many versions, with this variance of their Sharpe ratios."""

    count: int
    variance: float


def _pooled(groups: Iterable[_Group], others: int, null_variance: float) -> Tried:
    """All groups together, and `others` of whose spread nothing is known.

    The variance that makes as much of luck as the most that it makes of any of the groups, the widest first.
    """
    weight, total, count, most = 1.0, null_variance, others, 0.0
    for group in sorted(groups, key=lambda each: each.variance, reverse=True):
        weight += group.count - 1
        total += (group.count - 1) * group.variance
        count += group.count
        most = max(most, expected_best_sharpe(total / weight, count))
    unit = expected_best_sharpe(1.0, count)
    return Tried(count, max(total / weight, (most / unit) ** 2 if unit > 0.0 else 0.0))


def _trials(path: Path, lines: Sequence[Line]) -> tuple[Trial, ...]:
    """What the lines say. Raises DataError naming one that says something else."""
    trials = []
    for number, line in enumerate(lines, start=1):
        body = {name: value for name, value in line.items() if name not in ("number", "previous", "digest")}
        try:
            trials.append(Trial(**body | {"lineage": tuple(body["lineage"])}))
        except (TypeError, KeyError):
            raise DataError(f"{path}: line {number}: no line of a trial log") from None
    return tuple(trials)


def lineage_of(names: tuple[str, ...], codes: Iterable[str]) -> tuple[str, ...]:
    """What a strategy is known by: its names, and the digests of its codes, which renamed copies share.

    `codes`: one of each strategy, of its text alone, so that what was one sleeve of several is known again by itself.
    """
    return (*(f"name:{Path(name).stem}" for name in names), *(f"code:{code}" for code in dict.fromkeys(codes)))


def family_of(label: str, strength: float) -> str:
    """The family of data: all that was recorded is one; what was generated is one for each strength that was planted.

    Another seed, another window or newer bars are the same family: whoever tries them in turn is choosing.
    """
    if label != "synthetic":
        return label
    return f"synthetic, strength {strength:g}"
