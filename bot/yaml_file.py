"""YAML files of people: read with their line numbers, and one line that says what a model refused, and where."""

from __future__ import annotations

import contextlib
import difflib
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError, YAMLWarning

from bot.errors import ConfigError

# What ruamel raises for bytes that are not YAML: for a scalar that is not of its tag, whatever Python raised.
NOT_YAML = (YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError)
_BRANCHES = ("int", "str")  # how pydantic names the branches of a union within a location


def read_yaml(path: Path, missing: str, keys: str) -> Mapping[str, Any]:
    """The mapping in the file at `path`, which knows on what line each key stands.

    Raises ConfigError in one line: `missing` when there is no such file; `keys` names some keys that are expected.
    """
    try:
        text = path.read_text(encoding="utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", YAMLWarning)  # an anchor used twice is legal
            document = YAML(typ="rt").load(text)
    except FileNotFoundError:
        raise ConfigError(f"{path}: {missing}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    except NOT_YAML as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = " ".join(str(getattr(error, "problem", None) or error).split())
        raise ConfigError(f"{path}{line}: not valid YAML: {problem}") from None
    if not isinstance(document, Mapping):
        raise ConfigError(f"{path}: expected a mapping of keys such as {keys}")
    return document


def plain(node: Any) -> Any:
    """The same values as plain Python ones: ruamel's scalars are subclasses that strict models refuse."""
    if isinstance(node, Mapping):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [plain(value) for value in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def refusal(
    error: ValidationError,
    path: Path,
    document: Any,
    root: type[BaseModel],
    prefix: Sequence[str] = (),
    overridden: Mapping[str, str] | None = None,
) -> str:
    """``<file>:<line>: <field.path>: <what is wrong> (got …)``.

    root: the model that refused, which stands at `prefix` in the file. overridden: place -> the environment variable
    that spoke for it, which is then named instead of a line.
    """
    errors = error.errors(include_url=False)
    # A key that is missing is often there under a name that is not known: the wrong name is what to tell.
    first = next((found for found in errors if found["type"] == "extra_forbidden"), errors[0])
    inside = [str(part) for part in first["loc"] if part not in _BRANCHES]
    message = first["msg"].removeprefix("Value error, ")
    if not inside:  # a rule across fields names its own
        named = re.match(r"([a-z_]+(?:\.(?:[A-Za-z0-9_.-]|:(?=[^ ]))+)*)[: ]", message)
        location = [*prefix, *(named[1].split(".") if named else [])]
        message = ".".join([*prefix, message])
    else:
        location = [*prefix, *inside]
        message = f"{'.'.join(location)}: {_told(first, message, root, inside)}"
    field = ".".join(location)
    message = " ".join(message.split())  # a key may hold a line break
    line = line_of(document, location)
    for place, name in (overridden or {}).items():
        if f"{field}.".startswith(f"{place}.") or (line is None and place.startswith(f"{field}.")):
            return f"{path}: {message} from {name}"
    return f"{path}:{line}: {message}" if line else f"{path}: {message}"


def line_of(document: Any, location: Sequence[str]) -> int | None:
    """The line (from 1) on which the deepest known part of `location` stands."""
    node, line = document, None
    for part in location:
        if not isinstance(node, Mapping) or part not in node:
            break
        with contextlib.suppress(KeyError, TypeError):  # what a merge (<<) brought in has no line here
            line = node.lc.key(part)[0] + 1  # type: ignore[attr-defined]  # ruamel's own mappings know their lines
        node = node[part]
    return line


def _told(first: Any, message: str, root: type[BaseModel], inside: list[str]) -> str:
    if first["type"] == "extra_forbidden":
        known = _keys(root, inside[:-1])
        near = difflib.get_close_matches(inside[-1], known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}"
        return f"unknown key; {hint}"
    if first["type"] == "missing":
        return "is missing"
    got = first.get("input")
    shown = f" (got {str(got)[:80]!r})" if isinstance(got, str) else f" (got {str(got)[:80]})"
    problem = "expected a section of keys" if first["type"] in ("model_type", "dict_type") else message
    return f"{problem[0].lower()}{problem[1:]}{shown}"


def _keys(root: type[BaseModel], location: Sequence[str]) -> list[str]:
    """The keys that are legal at a place below a model, sorted."""
    kind: Any = root
    for part in location:
        if get_origin(kind) is dict:  # the part is a name of the user's own
            kind = get_args(kind)[1]
        else:
            fields = getattr(_model(kind), "model_fields", {})
            kind = next((field.annotation for name, field in fields.items() if part in (name, field.alias)), None)
    return sorted(field.alias or name for name, field in getattr(_model(kind), "model_fields", {}).items())


def _model(kind: Any) -> Any:
    """The model that an annotation such as ``Pool | None`` speaks of; None if there is none."""
    return next((each for each in (kind, *get_args(kind)) if hasattr(each, "model_fields")), None)
