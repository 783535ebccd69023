"""Which of several kept models is the one in use: a chained log of who promoted what, when and why, or took it back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bot.chained_log import ChainedLog, Line
from bot.errors import DataError, RefusedError

FILE: Final = "promotions.jsonl"
_FIELDS: Final = {"at": int, "who": str, "why": str, "slot": str, "what": str, "model": str}
PROMOTED, ROLLED_BACK = "promoted", "rolled back"


@dataclass(frozen=True, slots=True)
class Promotion:
    """One line. `model`: the one in use from then on, "" for none. `at`: unix seconds."""

    at: int
    who: str
    why: str
    slot: str
    what: str
    model: str


class Promotions:
    """The log of one registry. A cut at its end takes promotions back unseen, as the log itself cannot tell."""

    def __init__(self, root: Path) -> None:
        self._log = ChainedLog(root / FILE, RefusedError)

    def read(self) -> tuple[Promotion, ...]:
        """Oldest first. Raises RefusedError naming the line that was changed, StorageError."""
        return self._checked(self._log.read())

    def current(self, slot: str) -> str:
        """Digest of the model in use, "" for none. Raises as `read`."""
        return _in_use(self.read(), slot)[-1]

    def promote(self, slot: str, model: str, who: str, why: str, now: int) -> Promotion:
        """Durable when it returns. Raises RefusedError where it is in use already, or as `read`."""

        def made(lines: Sequence[Line]) -> dict[str, Any]:
            if _in_use(self._checked(lines), slot)[-1] == model:
                raise RefusedError(f"{model[:12]} is in use for {slot} already")
            return _line(now, who, why, slot, PROMOTED, model)

        return _promotion(self._log.append(made)[-1])

    def roll_back(self, slot: str, who: str, why: str, now: int) -> Promotion:
        """The model that was in use before is in use again; "" when there was none.

        Raises DataError where none is in use, or as `read`.
        """

        nothing = DataError(f"{self._log.path}: nothing is promoted for {slot}: nothing to take back")
        if not self.current(slot):  # so that no log is begun where there is none
            raise nothing

        def made(lines: Sequence[Line]) -> dict[str, Any]:
            used = _in_use(self._checked(lines), slot)
            if not used[-1]:
                raise nothing
            return _line(now, who, why, slot, ROLLED_BACK, used[-2])

        return _promotion(self._log.append(made)[-1])

    def _checked(self, lines: Sequence[Line]) -> tuple[Promotion, ...]:
        for number, line in enumerate(lines, start=1):
            sound = all(type(line.get(name)) is kind for name, kind in _FIELDS.items())
            if not sound or line["what"] not in (PROMOTED, ROLLED_BACK):
                raise RefusedError(f"{self._log.path}: line {number}: no promotion of a model")
        return tuple(map(_promotion, lines))


def _line(at: int, who: str, why: str, slot: str, what: str, model: str) -> dict[str, Any]:
    return {"at": at, "who": who, "why": why, "slot": slot, "what": what, "model": model}


def _promotion(line: Line) -> Promotion:
    return Promotion(**{name: line[name] for name in _FIELDS})


def _in_use(history: Iterable[Promotion], slot: str) -> list[str]:
    """The models that were in use one after the other and were not taken back, the newest last; "" before the first."""
    used = [""]
    for each in history:
        if each.slot != slot:
            continue
        if each.what == PROMOTED:
            used.append(each.model)
        elif len(used) > 1:
            used.pop()
    return used
