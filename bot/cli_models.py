"""`patron models`: fitted models that are kept, judged, put into use and trained again."""

from __future__ import annotations

import getpass
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bot.cli_options import Data, Json, StrategyFile, Strength, Synthetic, To, historical
from bot.errors import ConfigError

models_app = typer.Typer(no_args_is_help=True, help="Fitted models: train, score, keep, promote, verify.")

Models = Annotated[Path, typer.Option("--models", envvar="PATRON_MODELS", help="folder of the kept models")]
Model = Annotated[str, typer.Argument(metavar="ID", help="digest of a model, or how it begins", show_default=False)]
Topics = Annotated[bool, typer.Option("--topics", help="also the topics of each series under `trends`")]
Why = Annotated[str, typer.Option("--why", help="for the log")]
Who = Annotated[str | None, typer.Option("--who", help="for the log; your user name without")]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise ConfigError("this machine does not say who you are: name yourself with --who") from None


@models_app.command("train")
def models_train(
    strategy: StrategyFile,
    data: Data = None,
    synthetic: Synthetic = None,
    strength: Strength = 0.0,
    last: To = None,
    topics: Topics = False,
    models: Models = Path("models"),
    as_json: Json = False,
) -> None:
    """Fit the model of a strategy file at the newest fit time, and keep it under its digest."""
    from bot.model_verbs import train

    options = historical(strategy, data, synthetic, strength, None, last, "models train")
    train(options, models, topics, as_json, Console())


@models_app.command("score")
def models_score(
    strategy: StrategyFile,
    data: Data = None,
    synthetic: Synthetic = None,
    strength: Strength = 0.0,
    last: To = None,
    model: Annotated[str, typer.Option("--model", metavar="ID", help="a kept model instead of a new fit")] = "",
    topics: Topics = False,
    models: Models = Path("models"),
    as_json: Json = False,
) -> None:
    """The newest scores with their intervals and reasons, and what is withheld."""
    from bot.model_verbs import score

    options = historical(strategy, data, synthetic, strength, None, last, "models score")
    score(options, models, model, topics, as_json, Console())


@models_app.command("list")
def models_list(models: Models = Path("models"), as_json: Json = False) -> None:
    """Every kept model, newest fit first."""
    from bot.model_verbs import listed

    listed(models, as_json, Console())


@models_app.command("show")
def models_show(
    model: Model,
    card: Annotated[Path | None, typer.Option("--card", metavar="FILE", help="write a model card (HTML) here")] = None,
    models: Models = Path("models"),
    as_json: Json = False,
) -> None:
    """What a model is, how good it was, and when it was in use. Reads it whole, with limits."""
    from bot.model_verbs import show

    show(models, model, card, as_json, Console())


@models_app.command("promote")
def models_promote(
    model: Model, why: Why = "", who: Who = None, models: Models = Path("models"), as_json: Json = False
) -> None:
    """Put a model into use for its slot (kind and strategy), in a log that only grows."""
    from bot.model_verbs import promote

    promote(models, model, who or _user(), why, int(time.time()), as_json, Console())


@models_app.command("rollback")
def models_rollback(
    slot: Annotated[str, typer.Argument(metavar="SLOT", help='such as "asset:trend_tilt"', show_default=False)],
    why: Why = "",
    who: Who = None,
    models: Models = Path("models"),
    as_json: Json = False,
) -> None:
    """Put the model before into use again."""
    from bot.model_verbs import rollback

    rollback(models, slot, who or _user(), why, int(time.time()), as_json, Console())


@models_app.command("verify")
def models_verify(model: Model, data: Data = None, models: Models = Path("models"), as_json: Json = False) -> None:
    """Train a model again from its manifest and compare every bit. Exit code 3 if it is another."""
    from bot.model_verbs import verify

    code = verify(models, model, data, as_json, Console())
    if code:
        raise typer.Exit(code)
