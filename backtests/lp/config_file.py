"""A liquidity provider's backtest file on disk: read into `LpConfig`, or one line that says what is wrong and where."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from backtests.lp.config import LpConfig
from backtests.lp.strategies import STRATEGIES
from bot.errors import ConfigError
from bot.yaml_file import line_of, plain, read_yaml, refusal

_MISSING = "no such file; `patron lp init` writes one"
_KEYS = "log, capital, strategy"


def load_lp_config(path: Path) -> LpConfig:
    """The backtest file at `path`.

    Raises ConfigError with one line ``<file>:<line>: <field.path>: <what is wrong> (got …)``.
    """
    document = read_yaml(path, _MISSING, _KEYS)
    try:
        config = LpConfig.model_validate(plain(document))
    except ValidationError as error:
        raise ConfigError(refusal(error, path, document, LpConfig)) from None
    try:
        config.strategy_model  # noqa: B018  its own fields are checked by its own model
    except ValidationError as error:
        kind = STRATEGIES[config.strategy.name]
        raise ConfigError(refusal(error, path, document, kind, ("strategy", "params"))) from None
    return config


def refused(path: Path, field: str, problem: str) -> ConfigError:
    """The error for a value that is legal by itself but not with these data."""
    line = line_of(read_yaml(path, _MISSING, _KEYS), field.split("."))
    return ConfigError(f"{path}:{line}: {field}: {problem}" if line else f"{path}: {field}: {problem}")
