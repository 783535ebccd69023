"""Verbs that doubt a backtest: how much of it is luck, and does it see the future."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bot.cli_options import Data, From, Json, StrategyFile, Strength, Synthetic, To, historical


def sweep(
    strategy: StrategyFile,
    grid: Annotated[
        list[str],
        typer.Option("--grid", metavar="KEY=VALUES", help="FROM:TO:STEP, or VALUE,VALUE (repeat for more keys)"),
    ],
    data: Data = None,
    synthetic: Synthetic = None,
    strength: Strength = 0.0,
    first: From = None,
    last: To = None,
    random: Annotated[int | None, typer.Option(min=1, help="so many combinations, drawn without replacement")] = None,
    optuna: Annotated[int | None, typer.Option(min=1, help="so many trials of Optuna's search")] = None,
    seed: Annotated[int, typer.Option(min=0, help="of draws, trials and intervals")] = 0,
    objective: Annotated[str, typer.Option(help="what is best")] = "sharpe",
    out: Annotated[
        Path | None, typer.Option("--out", help="folder of results (a new one under runs/, found again)")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option("--cluster", metavar="tcp://HOST:PORT", help="a Dask scheduler")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="of this machine; all without it")] = None,
    heat: Annotated[Path | None, typer.Option("--heat", help="draw a heat map of two keys into this .html")] = None,
    heat_keys: Annotated[str | None, typer.Option("--heat-keys", metavar="KEY,KEY", help="of the heat map")] = None,
    report: Annotated[Path | None, typer.Option("--report", help="write the best one's HTML report here")] = None,
    as_json: Json = False,
) -> None:
    """Run many versions of a strategy file, and say how much of the best one is luck."""
    options = historical(strategy, data, synthetic, strength, first, last, "sweep")
    # By name, here and below: the bot knows no backtests but at this door.
    importlib.import_module("backtests.sweep.commands").sweep(
        options,
        grid,
        random=random,
        optuna=optuna,
        seed=seed,
        objective=objective,
        out=out,
        cluster=cluster,
        threads=threads,
        heat=heat,
        heat_keys=heat_keys,
        report=report,
        as_json=as_json,
        console=Console(),
    )


def lookahead(
    strategy: StrategyFile,
    data: Data = None,
    synthetic: Synthetic = None,
    strength: Strength = 0.0,
    first: From = None,
    last: To = None,
    rung: Annotated[str, typer.Option(help="fast or replay")] = "fast",
    cuts: Annotated[int, typer.Option(min=1, help="times at which the past is made to end")] = 4,
    budget: Annotated[float, typer.Option(min=0.0, help="seconds after which no further pass begins")] = 45.0,
    as_json: Json = False,
) -> None:
    """Look for leaks of the future in a strategy's whole pipeline. Exit code 9 if one is found."""
    options = historical(strategy, data, synthetic, strength, first, last, "lookahead")
    command = importlib.import_module("backtests.lookahead.commands").lookahead
    code = command(options, rung, as_json, Console(), cuts, budget)
    if code:
        raise typer.Exit(code)
