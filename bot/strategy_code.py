"""The code that decides for a strategy file: where it is, and the digests that tell it from any other."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from collections.abc import Iterable
from pathlib import Path

from bot.config import Config
from bot.core.strict_json import digest_of
from bot.errors import ConfigError


def strategy_digest(config: Config, config_path: Path) -> str:
    """Of the code of every strategy that decides, in the order of its sleeves, and of what lies beside it and is
    imported there. Raises ConfigError.
    """
    return code_digest(config.strategy.names, config_path)


def code_digest(names: Iterable[str], config_path: Path) -> str:
    """The same of strategies by their names. Raises ConfigError."""
    return digest_of_files([file for name in names for file in _with_helpers(_strategy_file(name, config_path))])


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


def digest_of_files(files: Iterable[Path]) -> str:
    """SHA-256 over names and contents, all of it: two files with half a digest in common can be searched for."""
    return digest_of([[file.name, _content_digest(file)] for file in files])


def _content_digest(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from None
