"""The verbs that say what a strategy, a page or a decision is worth: certify, compare, verify, evidence and others."""

from __future__ import annotations

import importlib
import json
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bot.cli_options import Data, DataDir, From, Json, StrategyFile, Strength, Synthetic, To, historical, require_data
from bot.errors import ConfigError

Report = Annotated[Path | None, typer.Option("--report", help="write an HTML page here")]


def certify(
    strategy: StrategyFile,
    data: Data = None,
    synthetic: Synthetic = None,
    strength: Strength = 0.0,
    first: From = None,
    last: To = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="where to write it (beside the file: NAME.certificate.json)")
    ] = None,
    report: Report = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="until it expires")] = 90,
    budget: Annotated[float, typer.Option(min=0.0, help="seconds for the look-ahead passes")] = 60.0,
    seed: Annotated[int, typer.Option(min=0, help="of tamperings and intervals")] = 0,
    as_json: Json = False,
) -> None:
    """Put a strategy through every gate and write its certificate. Exit code 9 if one said no."""
    options = historical(strategy, data, synthetic, strength, first, last, "certify")
    # By name, here and below: the bot knows no backtests but at this door.
    command = importlib.import_module("backtests.certify.commands").certify
    now = int(time.time())
    code = command(options, out, report, as_json, Console(), now=now, days=days, budget=budget, seed=seed)
    if code:
        raise typer.Exit(code)


def walkforward(
    strategy: StrategyFile,
    data: Data = None,
    synthetic: Synthetic = None,
    strength: Strength = 0.0,
    first: From = None,
    last: To = None,
    folds: Annotated[int, typer.Option(min=2, max=100, help="consecutive test folds")] = 6,
    groups: Annotated[int, typer.Option(min=3, max=20, help="time groups of the combinatorial splits")] = 6,
    tested: Annotated[int, typer.Option(min=1, help="groups of them that each split tests")] = 2,
    report: Report = None,
    as_json: Json = False,
) -> None:
    """Run a strategy fold by fold, and along every path that combinatorial purged cross-validation makes."""
    options = historical(strategy, data, synthetic, strength, first, last, "walkforward")
    command = importlib.import_module("backtests.walkforward.commands").walkforward
    code = command(options, folds, groups, tested, report, as_json, Console())
    if code:
        raise typer.Exit(code)


def compare(
    run: Annotated[Path, typer.Argument(help="folder of a run, or its report", show_default=False)],
    backtest: Annotated[Path, typer.Argument(help="report of a backtest (.json or .html)", show_default=False)],
    out: Annotated[Path | None, typer.Option("--out", help="write every differing trade to this Parquet file")] = None,
    as_json: Json = False,
) -> None:
    """Explain a run against its backtest, trade by trade: every difference has a name, and the rest is shown."""
    importlib.import_module("backtests.compare.commands").compare(run, backtest, out, as_json, Console())


def verify(
    thing: Annotated[
        Path,
        typer.Argument(
            help="report (.html), certificate (.json), or with --bundle a decision's root", show_default=False
        ),
    ],
    config: Annotated[Path | None, typer.Option("--config", help="strategy file: run it, or compare with it")] = None,
    data: Data = None,
    synthetic: Synthetic = None,
    strength: Strength = 0.0,
    bundle: Annotated[
        Path | None, typer.Option("--bundle", help="evidence of a decision, by `patron ledger evidence`")
    ] = None,
    rpc: Annotated[
        str | None, typer.Option("--rpc", metavar="URL", help="node to ask about a decision (or ETH_RPC_URL)")
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(min=0.0, max=0.1, help="compare a decision's numbers within this share, not to the bit"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check that a report, certificate or decision is whole and follows from its numbers. Exit code 3 if not.

    With --bundle: that a decision was forecast, anchored and carried out as its evidence says. Exit code 9 if it was
    not, 4 if the chain alone says otherwise, 1 if something could not be asked.
    """
    from bot.loading import Options

    if bundle is not None:
        from bot.verifying import verify_decision

        if data is not None or synthetic is not None:
            raise ConfigError("verify --bundle: the evidence has its own data: --data and --synthetic are of reports")
        if code := verify_decision(str(thing), bundle, rpc, config, tolerance, as_json, Console()):
            raise typer.Exit(code)
        return
    if rpc is not None or tolerance is not None:
        raise ConfigError("verify: --rpc and --tolerance are of a decision: name its evidence with --bundle")
    if config is None and (data is not None or synthetic is not None):
        raise ConfigError("verify: --data and --synthetic are what to run --config on: name the strategy file too")
    if config is not None and thing.suffix == ".html":
        require_data(data, synthetic, "verify --config of a report")
    again = Options(config=config, replay=data, synthetic=synthetic, strength=strength) if config else None
    importlib.import_module("backtests.commands_verify").verify(thing, again, as_json, Console())


def evidence(
    decision: Annotated[str, typer.Argument(help="its root, the first digits of it, or `newest`", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="file to write (.zip)", show_default=False)],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Write one file with which anybody can check a decision: what was forecast, from what, and how."""
    from bot.running import newest_run
    from bot.verifying import export

    facts = export(decision, newest_run(data_dir), out)
    lines = facts.pop("lines")
    for line in [json.dumps(facts, indent=2)] if as_json else lines:
        typer.echo(line)


def demo(
    folder: Annotated[Path, typer.Argument(help="where to write the report and the certificate")] = Path("runs/demo"),
) -> None:
    """Show a backtest, its report and a refused certificate: no chain, no node, a few seconds."""
    importlib.import_module("backtests.demo").demo(folder, Console())
