"""Combinations by number, each with its checked config and a digest that names everything its result depends on."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

import backtests
import bot
from backtests.kernels import digest_of, sources
from backtests.sweep.space import Axis
from bot.config import Config, override
from bot.errors import ConfigError
from bot.yaml_file import plain, read_yaml, refusal

LIBRARIES: Final = ("numpy", "pandas", "scikit-learn")  # whose releases may change a result's last digits


@dataclass(frozen=True, slots=True)
class Combination:
    """One point of a sweep. `values`: by key, as in a strategy file; `key`: the digest of all that it depends on."""

    key: str
    values: Mapping[str, Any]
    config: Config


@dataclass(frozen=True, slots=True)
class Refusal:
    """A point that no strategy file can hold, and the rule that says so."""

    key: str
    values: Mapping[str, Any]
    reason: str


class Space:
    """All combinations of some axes over a strategy file, numbered from 0; the last axis turns fastest.

    Nothing is kept per combination: the n-th is made when it is asked for.
    """

    def __init__(self, path: Path, axes: Sequence[Axis], environment: Mapping[str, str] | None = None) -> None:
        self.path = path
        self.axes = tuple(axes)
        self._document = read_yaml(path, "no such file", "capital, strategy, venues")
        self._plain: dict[str, Any] = plain(self._document)
        self._overridden = override(self._plain, os.environ if environment is None else environment)
        for axis in self.axes:  # what the sweep says goes before what the environment says
            self._overridden.pop(axis.key, None)

    def __len__(self) -> int:
        return math.prod(len(axis.values) for axis in self.axes)

    def values(self, number: int) -> dict[str, Any]:
        """The n-th combination's values by key."""
        places = []
        for axis in reversed(self.axes):
            number, place = divmod(number, len(axis.values))
            places.append(place)
        return {axis.key: axis.values[at] for axis, at in zip(self.axes, reversed(places), strict=True)}

    def number(self, places: Sequence[int]) -> int:
        """The number of the combination with these places on the axes."""
        number = 0
        for axis, place in zip(self.axes, places, strict=True):
            number = number * len(axis.values) + place
        return number

    def combination(self, number: int, facts: str) -> Combination | Refusal:
        """The n-th combination, or why there is no such strategy file. `facts`: digest of data, code and window."""
        values = self.values(number)
        document = self._plain
        for axis in self.axes:
            document = _with(document, axis.path, values[axis.key])
        try:
            config = Config.model_validate(document)
        except ValidationError as error:
            line = refusal(error, self.path, self._document, Config, overridden=self._overridden)
            reason = line.removeprefix(f"{self.path}:").lstrip("0123456789: ")
            return Refusal(_digest([facts, "refused", document]), values, reason)
        return Combination(_digest([facts, config.model_dump(mode="json")]), values, config)


def numbers(space: Space, draws: int | None, seed: int) -> Sequence[int]:
    """The whole grid, or so many of it drawn without replacement, in the grid's order. Raises ConfigError."""
    if draws is None:
        for axis in space.axes:
            if not axis.stepped:
                raise ConfigError(f"--grid {axis.key}: a grid needs a step, FROM:TO:STEP (or use --random or --optuna)")
        return range(len(space))
    return sorted(random.Random(seed).sample(range(len(space)), min(draws, len(space))))


def code_digest(strategy_files: Sequence[Path] = ()) -> str:
    """Of all sources that a result can depend on, and the libraries under them. Raises ConfigError."""
    core, here = Path(bot.__file__).parent, Path(backtests.__file__).parent
    shipped = importlib.util.find_spec("strategies")
    places = [Path(place) for place in (shipped.submodule_search_locations or [])] if shipped else []
    files = {
        *sources(),
        *(core / "core").rglob("*.py"),
        *(core / "scoring").glob("*.py"),
        *(core / name for name in ("settings.py", "paper.py", "replay.py", "signals/gas.py")),
        *(here / name for name in ("fast.py", "gas.py", "metrics.py", "run.py", "stress.py")),
        *(here / "sweep" / name for name in ("plan.py", "evaluate.py")),
        *(file for place in places for file in place.glob("*.py")),
        *strategy_files,
    }
    try:
        found = digest_of(sorted(files))
    except OSError as error:
        raise ConfigError(f"{error.filename}: cannot be read: {error.strerror}") from None
    return _digest([found, [version(library) for library in LIBRARIES]])


def strategy_files(path: Path, axes: Sequence[Axis], config: Config) -> list[Path]:
    """Files of the user's own that hold a strategy which the sweep may load."""
    names = set(config.strategy.names)
    for axis in axes:
        if axis.path == ("strategy", "name"):
            names |= set(map(str, axis.values))
    return sorted(path.parent / name for name in names if name.endswith(".py") and (path.parent / name).is_file())


def facts_digest(*facts: Any) -> str:
    """Of data, code and window: what all results of one folder share."""
    return _digest(list(facts))


def _with(section: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    """A copy of `section` with `value` at `path`; what is not on the way there is shared."""
    first, *rest = path
    return {**section, first: _with(section.get(first) or {}, rest, value) if rest else value}


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
