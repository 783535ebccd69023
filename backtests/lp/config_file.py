"""A liquidity provider's backtest file on disk: read into `LpConfig`, or one line that says what is wrong and where."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML

from backtests.lp.config import LpConfig
from backtests.lp.strategies import STRATEGIES
from bot.config import NOT_YAML, Model, _line_of, _plain
from bot.errors import ConfigError


def load_lp_config(path: Path) -> LpConfig:
    """The backtest file at `path`.

    Raises ConfigError with one line ``<file>:<line>: <field.path>: <what is wrong> (got …)``.
    """
    try:
        document = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    except NOT_YAML as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = " ".join(str(getattr(error, "problem", None) or error).split())
        raise ConfigError(f"{path}{line}: not valid YAML: {problem}") from None
    if not isinstance(document, Mapping):
        raise ConfigError(f"{path}: expected a mapping of keys such as log, capital, strategy")
    try:
        config = LpConfig.model_validate(_plain(document))
    except ValidationError as error:
        raise ConfigError(_line(error, path, document, [], LpConfig)) from None
    try:
        config.strategy_model  # noqa: B018  its own fields are checked by its own model
    except ValidationError as error:
        kind = STRATEGIES[config.strategy.name]
        raise ConfigError(_line(error, path, document, ["strategy", "params"], kind)) from None
    return config


def refused(path: Path, field: str, problem: str) -> ConfigError:
    """The error for a value that is legal by itself but not with these data."""
    try:
        document = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, *NOT_YAML):  # it was readable a moment ago; the message matters more
        document = {}
    line = _line_of(document, field.split("."))
    return ConfigError(f"{path}:{line}: {field}: {problem}" if line else f"{path}: {field}: {problem}")


def _line(error: ValidationError, path: Path, document: Any, prefix: list[str], root: type[Model]) -> str:
    errors = error.errors(include_url=False)
    # A key that is missing is often there under a name that is not known: the wrong name is what to tell.
    first = next((found for found in errors if found["type"] == "extra_forbidden"), errors[0])
    inside = [str(part) for part in first["loc"] if part not in ("int", "str")]  # pydantic names a union's branch
    message = first["msg"].removeprefix("Value error, ")
    got = f" (got {str(first.get('input'))[:80]!r})" if isinstance(first.get("input"), str) else ""
    if not inside:  # a rule across fields names its own
        named, _, message = message.partition(": ")
        location, got = [*prefix, *named.split(".")], ""
    else:
        location = [*prefix, *inside]
        if first["type"] == "extra_forbidden":
            known = _keys(root, inside[:-1])
            near = difflib.get_close_matches(inside[-1], known, n=1, cutoff=0.5)
            message = "unknown key; " + (f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}")
            got = ""
        elif first["type"] == "missing":
            message, got = "is missing", ""
        elif first["type"] in ("model_type", "dict_type"):
            message = "expected a section of keys"
        if first["type"] not in ("extra_forbidden", "missing") and not got:
            got = f" (got {str(first.get('input'))[:80]})"
    line = _line_of(document, location)
    text = " ".join(f"{'.'.join(location)}: {message[:1].lower()}{message[1:]}{got}".split())
    return f"{path}:{line}: {text}" if line else f"{path}: {text}"


def _keys(root: type[Model], location: list[str]) -> list[str]:
    """The keys that are legal at a place below a model, sorted."""
    model: Any = root
    for part in location:
        model = next((f.annotation for n, f in model.model_fields.items() if part in (n, f.alias)), None)
        model = next((a for a in getattr(model, "__args__", (model,)) if hasattr(a, "model_fields")), None)
        if model is None:
            return []
    return sorted(field.alias or name for name, field in model.model_fields.items())
