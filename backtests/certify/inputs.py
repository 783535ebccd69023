"""Digests of everything that a certificate was issued for; the daemon makes them again at its start and compares.

Imports nothing heavy: it runs at the start of every daemon.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Final

import backtests
import bot
from backtests.kernels import sources
from backtests.sweep.plan import LIBRARIES
from bot.config import Config
from bot.core.strict_json import digest_of
from bot.errors import ConfigError
from bot.loading import BAR_SECONDS
from bot.scoring.params import ScorerParams
from bot.settings import settings_of, simulated_universe

INPUTS: Final = ("strategy", "config", "engine", "fitting", "data")
# Whose code decides what a run of the rungs, or a gate, comes out as. Reports, commands and benchmarks do not.
BOT: Final = ("chained_log", "config", "cycle", "loading", "paper", "quantity", "replay", "settings")
BOT_FOLDERS: Final = ("core", "signals")
BACKTESTS: Final = (
    *(
        "api",
        "conservation",
        "fast",
        "gas",
        "listing",
        "metrics",
        "overfitting",
        "replay",
        "run",
        "simulated",
        "stress",
    ),
    *("certify/attacks", "certify/evidence", "certify/inputs", "certify/procedure", "certify/trials"),
)
BACKTESTS_FOLDERS: Final = ("certify/gates", "lookahead", "walkforward")


def inputs_of(config: Config, config_path: Path, catalogue_digest: str) -> dict[str, str]:
    """Name -> digest of ``strategy``, ``config``, ``engine``, ``fitting`` and ``data``, in this order.

    `config` as it was loaded (environment applied, `Loaded.config`); `mode` alone is left out of its digest, for a
    certificate is what lets it change. `fitting` is "" where the strategy asks no model. Raises ConfigError when the
    strategy or one of our own sources cannot be read.
    """
    asks = settings_of(config, simulated_universe(config), config_path).strategy.uses_scores
    return {
        "strategy": strategy_digest(config, config_path),
        # As text: the order of venues is that of a strategy's columns, and must not be sorted away.
        "config": digest_of(json.dumps(config.model_dump(mode="json", exclude={"mode"}))),
        "engine": digest_of([_files(engine_files()), [version(library) for library in (*LIBRARIES, "numba")]]),
        "fitting": fitting_digest(config) if asks else "",
        "data": catalogue_digest,
    }


def strategy_digest(config: Config, config_path: Path) -> str:
    """Of the code of every strategy that decides, in the order of its sleeves, and of what lies beside it and is
    imported there. Raises ConfigError.
    """
    return _files([file for name in config.strategy.names for file in _with_helpers(_strategy_file(name, config_path))])


def strategy_codes(names: Iterable[str], config_path: Path) -> tuple[str, ...]:
    """SHA-256 of the text of each strategy, whatever its file is called. Raises ConfigError."""
    return tuple(_content_digest(_strategy_file(name, config_path)) for name in names)


def _with_helpers(strategy: Path) -> list[Path]:
    """The file, and every module beside it that it imports, or that one of these imports, by a statement."""
    found: list[Path] = []
    waiting = [strategy]
    while waiting:
        file = waiting.pop(0)
        if file not in found:
            found.append(file)
            waiting += _imported(file, strategy.parent)
    return found


def _imported(file: Path, root: Path) -> list[Path]:
    """Modules below `root` that a source names, its packages included; none where it is no Python."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []  # whoever loads it says what is wrong
    places: list[Path] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            places += [root.joinpath(*alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = file.parents[node.level - 1] if node.level else root
            package = start.joinpath(*(node.module or "").split("."))
            places += [package, *(package / alias.name for alias in node.names)]
    every = [each for place in places for each in (place, *place.parents) if each.is_relative_to(root) and each != root]
    files = [each for place in every for each in (place.with_suffix(".py"), place / "__init__.py")]
    return sorted({each for each in files if each.is_file()})


def _strategy_file(name: str, config_path: Path) -> Path:
    """Where a strategy's code is: beside the strategy file, or among those shipped."""
    if name.endswith(".py"):
        return config_path.parent / name
    found = importlib.util.find_spec(f"strategies.{name}") if name.isidentifier() else None
    if found is None or found.origin is None:
        raise ConfigError(f"{config_path}: strategy: no strategy called {name!r}")
    return Path(found.origin)


def fitting_digest(config: Config) -> str:
    """Of the procedure that fits models: its sources, its parameters and the libraries under it. Of no model."""
    folder = Path(bot.__file__).parent / "scoring"
    params = ScorerParams.of(config.scorer, BAR_SECONDS[config.bar])
    return digest_of([_files(sorted(folder.glob("*.py"))), asdict(params), version("scikit-learn"), version("scipy")])


def engine_files() -> tuple[Path, ...]:
    """The sources that a result depends on, strategy and fitting apart; sorted. What only shows results is left out."""
    ours, theirs = Path(bot.__file__).parent, Path(backtests.__file__).parent
    found = {
        *sources(),
        *(ours / f"{name}.py" for name in BOT),
        *(file for folder in BOT_FOLDERS for file in (ours / folder).rglob("*.py")),
        *(theirs / f"{name}.py" for name in BACKTESTS),
        *(file for folder in BACKTESTS_FOLDERS for file in (theirs / folder).rglob("*.py")),
    }
    return tuple(sorted(file for file in found if file.name != "commands.py"))


def _files(files: Iterable[Path]) -> str:
    """SHA-256 over names and contents, all of it: two files with half a digest in common can be searched for."""
    return digest_of([[file.name, _content_digest(file)] for file in files])


def _content_digest(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from None
