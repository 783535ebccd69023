"""A strategy: what to *want*, from data alone. What to *do* about it is the policy's business.

A strategy file defines ``targets(panel, scores, params) -> (T, N)`` (pure, vectorised, each row from data up to that
row only), ``LOOKBACK`` (bars of history a row needs) and ``PARAMS`` (name -> default). Nothing else is asked of it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from traceback import walk_tb
from types import MappingProxyType, ModuleType

import numpy as np

from bot.core.panel import Floats, Panel
from bot.core.score import Scores

Targets = Callable[[Panel, Scores, Mapping[str, float]], Floats]


@dataclass(frozen=True, slots=True)
class Strategy:
    """A loaded strategy with its parameters filled in. `uses_scores`: whether it asks a model at all."""

    name: str
    targets: Targets
    params: Mapping[str, float]
    lookback: int
    uses_scores: bool
    before_first_fit: str = "idle"

    def weights(self, panel: Panel, scores: Scores) -> Floats:
        """Target weights (T, N), every row legal (each ≥ 0, sum 1). Raises ValueError naming the row if it is not.

        Rows in which a model is asked for but none has been fitted hold idle, or equal weight if so configured.
        """
        try:
            wanted = np.array(self.targets(panel, scores, self.params), dtype=np.float64)  # ours to write to
        except Exception as error:  # a strategy is its owner's code: whatever it raises is one line for them
            raise ValueError(f"{type(error).__name__} in targets{_line_of(error, self.targets)}: {error}") from error
        _check_shape(wanted, panel)
        if self.uses_scores:
            silent = np.array([digest == "" for digest in scores.model], dtype=bool)
            before = equal_weight(panel) if self.before_first_fit == "equal_weight" else all_idle(panel)
            wanted[silent] = before[silent]
        check_weights(wanted, panel)
        return wanted


def all_idle(panel: Panel) -> Floats:
    """(T, N) weights with everything in idle."""
    weights = np.zeros((len(panel), len(panel.venues)))
    weights[:, 0] = 1.0
    return weights


def _line_of(error: Exception, targets: Targets) -> str:
    """Where in the strategy's own file it was raised, or where that called what raised it: ", line 7"."""
    code = getattr(targets, "__code__", None)
    own = [at for frame, at in walk_tb(error.__traceback__) if code and frame.f_code.co_filename == code.co_filename]
    return f", line {own[-1]}" if own else ""


def equal_weight(panel: Panel) -> Floats:
    """(T, N): the same weight in every venue that has a price, idle where none has."""
    listed = panel.listed.copy()
    listed[:, 0] = False
    count = listed.sum(axis=1, keepdims=True)
    weights = np.where(listed, 1.0 / np.maximum(count, 1), 0.0)
    weights[:, 0] = np.where(count[:, 0] == 0, 1.0, 0.0)
    return weights


def check_weights(weights: Floats, panel: Panel) -> None:
    """Raises ValueError unless every row is finite, non-negative, sums to 1 (1e-9) and buys nothing without a price."""
    _check_shape(weights, panel)
    bad = ~np.isfinite(weights).all(axis=1) | (weights < 0).any(axis=1) | (np.abs(weights.sum(axis=1) - 1) > 1e-9)
    bad |= ((weights > 0) & ~panel.listed).any(axis=1)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(f"targets in row {row} are not weights of listed venues: {weights[row].tolist()}")


def _check_shape(weights: Floats, panel: Panel) -> None:
    if weights.shape != (len(panel), len(panel.venues)):
        raise ValueError(f"targets have shape {weights.shape}, expected {(len(panel), len(panel.venues))}")


def load(
    name: str, params: Mapping[str, float] | None = None, before_first_fit: str = "idle", beside: Path | None = None
) -> Strategy:
    """The strategy called `name`, or the file at `name` if it ends in ``.py`` (relative to `beside`).

    Raises ValueError with one line that says what is wrong: no such strategy, or an unknown parameter.
    """
    module = _module(name, beside)
    defaults: Mapping[str, float] = getattr(module, "PARAMS", {})
    if not isinstance(defaults, Mapping):
        raise ValueError(f"strategy {name}: PARAMS must map names to numbers (got {defaults!r})")
    unknown = sorted(set(params or {}) - set(defaults))
    if unknown:
        known = ", ".join(sorted(defaults)) or "none"
        hint = " (a file names them, with their defaults, in PARAMS)" if name.endswith(".py") else ""
        raise ValueError(f"strategy {name} has no parameter {unknown[0]!r}; it has: {known}{hint}")
    lookback = getattr(module, "LOOKBACK", 1)
    if not isinstance(lookback, int) or lookback < 1:
        raise ValueError(f"strategy {name}: LOOKBACK must be a whole number above zero (got {lookback!r})")
    return Strategy(
        name=Path(name).stem,
        targets=module.targets,
        params=MappingProxyType({**defaults, **(params or {})}),
        lookback=lookback,
        uses_scores=bool(getattr(module, "USES_SCORES", False)),
        before_first_fit=before_first_fit,
    )


def _module(name: str, beside: Path | None) -> ModuleType:
    if name.endswith(".py"):
        path = (beside or Path()) / name
        if not path.is_file():
            raise ValueError(f"no strategy file {name}")
        module = ModuleType(f"strategy_{path.stem}")
        module.__file__ = str(path)
        sys.modules[module.__name__] = module  # dataclasses in the file look themselves up there
        try:
            # Compiled from the text itself: Python's own cache goes by size and whole seconds, so that a digit changed
            # twice within a second, or a cache put there by somebody else, would run what nobody reads or digests.
            exec(compile(path.read_bytes(), str(path), "exec", dont_inherit=True), module.__dict__)  # noqa: S102
        except SyntaxError as error:
            raise ValueError(f"strategy {name}, line {error.lineno}: {error.msg}") from None
        except OSError as error:
            raise ValueError(f"strategy {name}: {error.strerror or error}") from None
        except Exception as error:  # as in `weights`: whatever its owner's code raises
            raise ValueError(f"strategy {name}: {type(error).__name__}: {error}") from error
    elif name.isidentifier() and importlib.util.find_spec(f"strategies.{name}"):
        module = importlib.import_module(f"strategies.{name}")
    else:
        raise ValueError(f"no strategy called {name!r}; shipped: {', '.join(shipped())}")
    if not callable(getattr(module, "targets", None)):
        raise ValueError(f"strategy {name} defines no targets(panel, scores, params)")
    return module


def shipped() -> list[str]:
    """Names of the strategies that come with Patron."""
    found = importlib.util.find_spec("strategies")
    places = list(found.submodule_search_locations or []) if found else []
    return sorted(file.stem for place in places for file in Path(place).glob("*.py") if not file.stem.startswith("_"))
