"""How a decision's numbers were made: the scorer's parameters, the strategy and its code, the versions under them.

Enough to make them again with the same Patron, and to say what differs where it is another one. No code is in it: a
strategy of somebody's own is named by the digest of its text, and run again only from that very text.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

import bot
from bot.config import Config
from bot.core.sleeves import Sleeve, Sleeves, combined
from bot.core.strategy import Strategy, load
from bot.core.strict_json import canonical, parsed
from bot.errors import ConfigError, DataError, located
from bot.loading import BAR_SECONDS
from bot.scoring.params import ScorerParams
from bot.strategy_code import code_digest, digest_of_files

VERSION: Final = 1
LIBRARIES: Final = ("numpy", "scipy", "scikit-learn")  # whose arithmetic a score is


@dataclass(frozen=True, slots=True)
class Part:
    """One strategy: alone, or a sleeve with its share. `params`: all of them, those that nobody set too."""

    name: str  # as the strategy file names it
    sleeve: str
    share: float
    params: Mapping[str, int | float]
    before_first_fit: str


@dataclass(frozen=True, slots=True)
class StrategyRecipe:
    """What wanted the weights. `code`: digest of the text of every strategy in it, and of what that imports."""

    parts: tuple[Part, ...]
    code: str
    lookback: int  # rows

    @property
    def names(self) -> tuple[str, ...]:
        """Of all strategies in it, each once."""
        return tuple(dict.fromkeys(part.name for part in self.parts))


@dataclass(frozen=True, slots=True)
class Recipe:
    """`scorer` is None where the strategy asks no model. `procedure`: digest of the sources that score and decide."""

    bar_seconds: int
    scorer: ScorerParams | None
    strategy: StrategyRecipe
    versions: Mapping[str, str]
    procedure: str
    version: int = VERSION

    def text(self) -> bytes:
        """Canonical JSON: what is kept, and hashed."""
        return canonical(asdict(self)).encode()


def recipe_of(config: Config, strategy: Strategy, path: Path) -> Recipe:
    """The recipe of a run of the strategy file at `path` by this Patron; `strategy` as it was loaded from there.

    Raises ConfigError.
    """
    chosen, bar = config.strategy, BAR_SECONDS[config.bar]
    if isinstance(strategy, Sleeves):
        sleeves = strategy.parts
        parts = tuple(_part(chosen.sleeves[one.name].name, one.name, one.share, one.strategy) for one in sleeves)
    else:
        parts = (_part(chosen.name, "", 1.0, strategy),)
    wants = StrategyRecipe(parts, code_digest(chosen.names, path), strategy.lookback)
    scorer = ScorerParams.of(config.scorer, bar) if strategy.uses_scores else None
    return Recipe(bar, scorer, wants, versions_here(), procedure_here())


def recipe_from(content: bytes, name: str) -> Recipe:
    """The recipe that `Recipe.text` wrote, by this Patron or an earlier one. Raises DataError in one line."""
    try:
        document = parsed(content)
        recipe = TypeAdapter(Recipe).validate_json(content, strict=True)
        again: dict[str, Any] = asdict(recipe)
        if recipe.scorer is not None:  # parameters that came later have their defaults
            again["scorer"] = {name: told for name, told in again["scorer"].items() if name in document["scorer"]}
        if canonical(again).encode() != content:
            raise ValueError("not as it is written, or more than a recipe")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise DataError(located(name, ".".join(map(str, first["loc"])), first["msg"])) from None
    except (ConfigError, ValueError, KeyError, TypeError) as error:
        raise DataError(located(name, "", str(error))) from None
    if recipe.version != VERSION:
        raise DataError(located(name, "version", f"this Patron reads {VERSION}", recipe.version))
    if recipe.bar_seconds not in BAR_SECONDS.values() or recipe.strategy.lookback < 1 or not recipe.strategy.parts:
        raise DataError(located(name, "", "bars, lookback or strategies that no strategy file can have"))
    if recipe.scorer is not None and recipe.scorer.bar_seconds != recipe.bar_seconds:
        raise DataError(located(name, "scorer.bar_seconds", "other than the run's", recipe.scorer.bar_seconds))
    return recipe


def strategy_again(recipe: StrategyRecipe, path: Path) -> Strategy:
    """The strategy of a recipe, from code that is the recipe's to the letter. `path`: its strategy file, or any.

    Nothing of a recipe is executed: shipped strategies are this Patron's, others lie beside `path`. Raises ConfigError
    where there is no such code, DataError where it is another, or does not make that strategy.
    """
    found = code_digest(recipe.names, path)
    if found != recipe.code:
        raise DataError(
            f"the code of {', '.join(recipe.names)} here is {found[:12]}…, the recipe's {recipe.code[:12]}…"
        )
    try:
        loaded = [load(part.name, part.params, part.before_first_fit, path.parent) for part in recipe.parts]
        if not recipe.parts[0].sleeve:
            return loaded[0]
        sleeves = zip(recipe.parts, loaded, strict=True)
        return combined([Sleeve(part.sleeve, part.share, strategy) for part, strategy in sleeves])
    except ValueError as error:
        raise DataError(str(error)) from None


def differences(recipe: Recipe) -> tuple[str, ...]:
    """What of this Patron is not what the recipe was made by, each as "name: then, now here"."""
    here = versions_here()
    names = sorted(recipe.versions.keys() | here.keys())
    told = [
        f"{name}: {recipe.versions.get(name, 'none')}, here {here.get(name, 'none')}"
        for name in names
        if recipe.versions.get(name) != here.get(name)
    ]
    if recipe.procedure != procedure_here():
        told.append(f"sources of scoring: {recipe.procedure[:12]}…, here {procedure_here()[:12]}…")
    return tuple(told)


@cache
def versions_here() -> Mapping[str, str]:
    """Everything under a score that could round differently, by name."""
    from threadpoolctl import threadpool_info

    kernels = sorted({info["architecture"] for info in threadpool_info() if "architecture" in info})
    return {
        "patron": bot.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "blas": " ".join(kernels) or "unknown",
        **{library: version(library) for library in LIBRARIES},
    }


@cache
def procedure_here() -> str:
    """Digest of our sources that make a score and a target of rows."""
    ours = Path(bot.__file__).parent
    folders = (ours / "core", ours / "scoring")
    return digest_of_files([file for folder in folders for file in sorted(folder.rglob("*.py"))])


def _part(name: str, sleeve: str, share: float, strategy: Strategy) -> Part:
    return Part(name, sleeve, share, dict(strategy.params), strategy.before_first_fit)
