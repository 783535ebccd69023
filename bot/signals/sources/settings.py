"""A sources file, read and checked: which sources there are, and the object that speaks for each.

A kind is a class with `kind`, `Options` (a model of its keys) and a constructor of (name, options). Your own is named
by file or module, `my_source.py:MySource`; the file is looked for beside the sources file.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from pydantic import ValidationError

from bot.errors import ConfigError, PatronError
from bot.signals.sources.options import SourceOptions
from bot.signals.sources.source import Reader, Source
from bot.yaml_file import line_of, plain, read_yaml, refusal

_HERE: Final = "bot.signals.sources."
KINDS: Final[Mapping[str, str]] = {
    "huggingface": _HERE + "huggingface:HuggingFace",
    "github": _HERE + "github:GitHub",
    "pypistats": _HERE + "downloads:PyPIStats",
    "defillama_yields": _HERE + "defillama:DefiLlamaYields",
    "defillama_prices": _HERE + "defillama:DefiLlamaPrices",
    "coingecko": _HERE + "coingecko:CoinGecko",
    "geckoterminal": _HERE + "geckoterminal:GeckoTerminal",
    "exchange": _HERE + "exchange:Exchange",
}
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Configured:
    """One source of the file, by the name that it has there."""

    name: str
    options: SourceOptions
    source: Source | Reader


def load_sources(path: Path, kinds: Mapping[str, str] = KINDS, only: Sequence[str] = ()) -> tuple[Configured, ...]:
    """The sources of the file, in its order; those named in `only`, if any are.

    kinds: kind -> ``module:Class``. Raises ConfigError with file, line and key.
    """
    document = read_yaml(path, "no such sources file", "sources")
    for key in document:
        if key != "sources":
            raise ConfigError(f"{_at(path, document, [key])}: {key}: unknown key; known here: sources")
    sources = document.get("sources")
    if not isinstance(sources, Mapping) or not sources:
        raise ConfigError(f"{_at(path, document, ['sources'])}: sources: expected a section of named sources")
    unknown = [name for name in only if name not in sources]
    if unknown:
        raise ConfigError(f"{path}: no source is called {unknown[0]!r}; there are: {', '.join(map(str, sources))}")
    return tuple(
        _configured(path, document, str(name), node, kinds)
        for name, node in sources.items()
        if not only or name in only
    )


def _configured(path: Path, document: Any, name: str, node: Any, kinds: Mapping[str, str]) -> Configured:
    at = _at(path, document, ["sources", name])
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{at}: sources.{name}: a name is letters, digits, dot, dash and underscore")
    if not isinstance(node, Mapping) or not isinstance(node.get("kind"), str):
        raise ConfigError(f"{at}: sources.{name}.kind: is missing; shipped: {', '.join(kinds)}")
    kind = str(node["kind"])
    try:
        made = _class_of(kinds.get(kind, kind), path.parent)
        options = made.Options
    except (ValueError, AttributeError) as error:
        at = _at(path, document, ["sources", name, "kind"])
        hint = "" if ":" in kind else f"; shipped: {', '.join(kinds)}"
        raise ConfigError(f"{at}: sources.{name}.kind: {error}{hint}") from None
    try:
        checked = options.model_validate(plain(node))
    except ValidationError as error:
        raise ConfigError(refusal(error, path, document, options, ("sources", name))) from None
    try:
        return Configured(name, checked, made(name, checked))
    except ValueError as error:
        raise ConfigError(f"{at}: sources.{name}: {error}") from None


def _class_of(place: str, beside: Path) -> Any:
    """The class at ``module:Class`` or ``file.py:Class``. Raises ValueError."""
    module_name, colon, class_name = place.rpartition(":")
    if not colon:
        raise ValueError(f"no source of kind {place!r}")
    if module_name.endswith(".py"):
        module = _from_file(beside / module_name)
    else:
        try:
            module = importlib.import_module(module_name)
        except ImportError as error:
            raise ValueError(f"no module {module_name}: {error}") from None
    found = getattr(module, class_name, None)
    if not isinstance(found, type):
        raise ValueError(f"{module_name} has no class {class_name}")
    options = getattr(found, "Options", None)
    if not (isinstance(options, type) and issubclass(options, SourceOptions)):
        raise ValueError(f"{class_name} has no Options derived from SourceOptions")
    speaks = ("asks", "parse") if not hasattr(found, "read") else ("read",)
    missing = [name for name in speaks if not hasattr(found, name)]
    if missing:
        raise ValueError(f"{class_name} has no {missing[0]}")
    return found


def _from_file(file: Path) -> ModuleType:
    if not file.is_file():
        raise ValueError(f"no file {file.name} beside the sources file")
    module = ModuleType(f"source_{file.stem}")
    module.__file__ = str(file)
    sys.modules[module.__name__] = module  # dataclasses and models in the file look themselves up there
    try:
        exec(compile(file.read_bytes(), str(file), "exec", dont_inherit=True), module.__dict__)  # noqa: S102
    except SyntaxError as error:
        raise ValueError(f"{file.name}, line {error.lineno}: {error.msg}") from None
    except PatronError:
        raise
    except Exception as error:  # whatever its owner's code raises is one line for them
        raise ValueError(f"{file.name}: {type(error).__name__}: {error}") from None
    return module


def _at(path: Path, document: Any, place: Sequence[str]) -> str:
    line = line_of(document, place)
    return f"{path}:{line}" if line else str(path)
