"""Digests of everything that a certificate was issued for; the daemon makes them again at its start and compares.

Imports nothing heavy: it runs at the start of every daemon.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Final

import backtests
import bot
from backtests.kernels import digest_of as digest_of_files
from backtests.kernels import sources
from backtests.sweep.plan import LIBRARIES
from bot.config import Config
from bot.core.certificate import digest_of
from bot.errors import ConfigError
from bot.loading import BAR_SECONDS
from bot.scoring.params import ScorerParams
from bot.settings import settings_of, simulated_universe

INPUTS: Final = ("strategy", "config", "engine", "fitting", "data")
# Whose code decides what a run of the rungs, or a gate, comes out as. Reports, commands and benchmarks do not.
BOT: Final = ("config", "cycle", "loading", "paper", "quantity", "replay", "settings")
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
        "weights",
    ),
    *("certify/attacks", "certify/evidence", "certify/inputs", "certify/procedure", "certify/trials"),
)
BACKTESTS_FOLDERS: Final = ("certify/gates", "lookahead", "walkforward", "weights")


def inputs_of(config: Config, config_path: Path, catalogue_digest: str) -> dict[str, str]:
    """Name -> digest of ``strategy``, ``config``, ``engine``, ``fitting`` and ``data``, in this order.

    `config` as it was loaded (environment applied, `Loaded.config`); `mode` alone is left out of its digest, for a
    certificate is what lets it change. `fitting` is "" where the strategy asks no model. Raises ConfigError when the
    strategy or one of our own sources cannot be read.
    """
    asks = settings_of(config, simulated_universe(config), config_path).strategy.uses_scores
    return {
        "strategy": strategy_digest(config, config_path),
        "config": digest_of(config.model_dump(mode="json", exclude={"mode"})),
        "engine": digest_of([_files(engine_files()), [version(library) for library in (*LIBRARIES, "numba")]]),
        "fitting": fitting_digest(config) if asks else "",
        "data": catalogue_digest,
    }


def strategy_digest(config: Config, config_path: Path) -> str:
    """Of the code of every strategy that decides, in the order of its sleeves. Raises ConfigError."""
    return _files([_strategy_file(name, config_path) for name in config.strategy.names])


def _strategy_file(name: str, config_path: Path) -> Path:
    """Where a strategy's code is: beside the strategy file, or among those shipped."""
    if name.endswith(".py"):
        return config_path.parent / name
    found = importlib.util.find_spec(f"strategies.{name}") if name.isidentifier() else None
    if found is None or found.origin is None:
        raise ConfigError(f"{config_path}: strategy: no strategy called {name!r}")
    return Path(found.origin)


def fitting_digest(config: Config) -> str:
    """Of the procedure that fits models: its sources, its parameters and the library under it. Of no model."""
    folder = Path(bot.__file__).parent / "scoring"
    params = ScorerParams.of(config.scorer, BAR_SECONDS[config.bar])
    return digest_of([_files(sorted(folder.glob("*.py"))), asdict(params), version("scikit-learn")])


def engine_files() -> tuple[Path, ...]:
    """The sources that a result depends on, strategy and fitting apart; sorted. What only shows results is left out."""
    ours, theirs = Path(bot.__file__).parent, Path(backtests.__file__).parent
    found = {
        *sources(),
        *(ours / f"{name}.py" for name in BOT),
        *(file for folder in BOT_FOLDERS for file in (ours / folder).rglob("*.py")),
        *(file for name in BACKTESTS if (file := theirs / f"{name}.py").is_file()),
        *(file for folder in BACKTESTS_FOLDERS for file in (theirs / folder).rglob("*.py")),
    }
    return tuple(sorted(file for file in found if file.name != "commands.py"))


def _files(files: Iterable[Path]) -> str:
    try:
        return digest_of_files(files)
    except OSError as error:
        raise ConfigError(f"{error.filename}: cannot be read: {error.strerror}") from None
