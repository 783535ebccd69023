"""Digests of everything that a certificate was issued for; the daemon makes them again at its start and compares.

Imports nothing heavy: it runs at the start of every daemon.
"""

from __future__ import annotations

import json
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
from bot.loading import BAR_SECONDS
from bot.scoring.params import ScorerParams
from bot.settings import settings_of, simulated_universe
from bot.strategy_code import digest_of_files, strategy_digest
from bot.topics.ontology import load_ontology

INPUTS: Final = ("strategy", "config", "engine", "fitting", "data")
# Whose code decides what a run of the rungs, or a gate, comes out as. Reports, commands and benchmarks do not.
BOT: Final = (
    *("chained_log", "config", "config_venues", "cycle", "loading", "paper", "quantity", "replay", "settings"),
    *("config_fields", "strategy_code", "trend_fields"),
    *("scoring/estimator", "scoring/feature", "scoring/features"),  # what scores of topics are made with
)
BOT_FOLDERS: Final = ("core", "signals", "topics", "scoring/registry", "scoring/trends")
ENGINE_LIBRARIES: Final = (*LIBRARIES, "numba", "confusable-homoglyphs")  # the last one tells look-alikes apart
BACKTESTS: Final = (
    *(
        "api",
        "compiled_scoring",
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
        "trials",
    ),
    *("certify/attacks", "certify/evidence", "certify/inputs", "certify/procedure"),
)
BACKTESTS_FOLDERS: Final = ("certify/gates", "lookahead", "walkforward")


def inputs_of(config: Config, config_path: Path, catalogue_digest: str) -> dict[str, str]:
    """Name -> digest of ``strategy``, ``config``, ``engine``, ``fitting`` and ``data``, in this order.

    `config` as it was loaded (environment applied, `Loaded.config`); `mode` alone is left out of its digest, for a
    certificate is what lets it change. `fitting` is "" where the strategy asks no model. Raises ConfigError when the
    strategy or one of our own sources cannot be read.
    """
    asks = settings_of(config, simulated_universe(config), config_path).strategy.uses_scores
    # As it is written; of a file that it names the content, wherever that lies.
    written = config.model_dump(mode="json", exclude={"mode"})
    if config.trends is not None:
        named = config.trends.ontology
        written["trends"]["ontology"] = load_ontology(Path(named) if named else None).digest
    return {
        "strategy": strategy_digest(config, config_path),
        # As text: the order of venues is that of a strategy's columns, and must not be sorted away.
        "config": digest_of(json.dumps(written)),
        "engine": digest_of([digest_of_files(engine_files()), [version(each) for each in ENGINE_LIBRARIES]]),
        "fitting": fitting_digest(config) if asks else "",
        "data": catalogue_digest,
    }


def fitting_digest(config: Config) -> str:
    """Of the procedure that fits models: its sources, its parameters and the libraries under it. Of no model."""
    folder = Path(bot.__file__).parent / "scoring"
    params = ScorerParams.of(config.scorer, BAR_SECONDS[config.bar])
    return digest_of(
        [digest_of_files(sorted(folder.glob("*.py"))), asdict(params), version("scikit-learn"), version("scipy")]
    )


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
