"""The `patron` command. Verbs import what they need when they are called, so that `--help` is instant.

Every `PatronError` becomes one line on standard error and its exit code; nothing here ever shows a traceback for bad
input. Every command ends by naming the next one to try, and `--json` prints one document on standard output instead.
"""

from __future__ import annotations

import errno
import gc
import importlib
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from bot import __version__
from bot.cli_data import data_app
from bot.cli_doubt import lookahead, sweep
from bot.cli_lp import lp_app
from bot.cli_models import models_app
from bot.cli_options import Data, DataDir, From, Json, StrategyFile, Strength, Synthetic, To, historical, span
from bot.cli_proof import certify, compare, demo, evidence, verify, walkforward
from bot.errors import ConfigError, InvariantBroken, PatronError, StorageError

app = typer.Typer(
    name="patron",
    help="Patron: an algorithmic patron for generative media. Scores trends, allocates capital, deploys it on a fork.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
ledger_app = typer.Typer(no_args_is_help=True, help="The books: positions, intents, evidence, reconcile.")
devnet_app = typer.Typer(no_args_is_help=True, help="The local mainnet and its fork.")
app.add_typer(data_app, name="data")
app.add_typer(lp_app, name="lp")
app.add_typer(models_app, name="models")
app.add_typer(ledger_app, name="ledger")
app.add_typer(devnet_app, name="devnet")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"patron {__version__}")
        raise typer.Exit


@app.callback()
def _patron(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    pass


@app.command()
def init(
    file: Annotated[Path, typer.Argument(help="strategy file to write", show_default=False)],
    chain: Annotated[str, typer.Option(help="devnet, ethereum, base, polygon or arbitrum")] = "devnet",
    pool: Annotated[list[str] | None, typer.Option(help="address of a Uniswap V3 pool (repeat for more)")] = None,
) -> None:
    """Write a strategy file that you can finish."""
    from bot.starter import write_starter

    for line in write_starter(file, chain, tuple(pool or ())):
        typer.echo(line)


@app.command()
def check(
    config: StrategyFile,
    data: Annotated[Path | None, typer.Option("--data", help="also read this catalogue or folder")] = None,
    as_json: Json = False,
) -> None:
    """Read a strategy file with the loaders that `run` uses, and ask the chain whether it agrees."""
    import asyncio

    from bot.checking import checked

    _print_lines(asyncio.run(checked(config, data)), as_json)


@app.command()
def backtest(
    strategy: StrategyFile,
    data: Data = None,
    synthetic: Synthetic = None,
    strength: Strength = 0.0,
    first: From = None,
    last: To = None,
    rung: Annotated[
        str, typer.Option(help="fast (compiled arrays) or replay (the cycle itself, exact integers)")
    ] = "replay",
    market: Annotated[
        Path | None, typer.Option("--market", metavar="RUN", help="follow the trades of an earlier run's mirror.jsonl")
    ] = None,
    report: Annotated[Path | None, typer.Option("--report", help="write an HTML report here")] = None,
    folds: Annotated[
        int | None,
        typer.Option("--folds", min=2, max=100, help="also walk it forward in folds, for the report"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a strategy on recorded or generated data."""
    options = historical(strategy, data, synthetic, strength, first, last, "backtest")
    # By name: the bot knows no backtests but at this door.
    importlib.import_module("backtests.commands").backtest(options, rung, market, report, folds, as_json, Console())


@app.command()
def run(
    config: StrategyFile,
    mode: Annotated[str | None, typer.Option(help="paper or fork; overrides the file")] = None,
    once: Annotated[bool, typer.Option("--once", help="one cycle, then end")] = False,
    cycles: Annotated[int | None, typer.Option(min=1, help="end after so many cycles")] = None,
    replay: Annotated[
        Path | None, typer.Option("--replay", metavar="DIR", help="historical clock over recorded data")
    ] = None,
    synthetic: Synthetic = None,
    strength: Strength = 0.0,
    data: Annotated[Path | None, typer.Option("--data", help="catalogue to read prices and signals from")] = None,
    first: From = None,
    last: To = None,
    data_dir: DataDir = None,
    devnet: Annotated[Path | None, typer.Option("--devnet", help="devnet.json of a running `patron devnet up`")] = None,
    certificate: Annotated[
        Path | None, typer.Option("--certificate", help="where it is (beside the file: NAME.certificate.json)")
    ] = None,
    uncertified: Annotated[
        bool, typer.Option("--uncertified", help="deploy on the local devnet without a certificate; every page says so")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run the daemon: cycles by the clock and by events, until stopped."""
    from bot.loading import Options
    from bot.running import run_and_report

    start, end = span(first, last)
    options = Options(
        config=config,
        mode=mode,
        replay=replay,
        synthetic=synthetic,
        data=data,
        first=start,
        last=end,
        data_dir=data_dir,
        devnet=devnet,
        cycles=1 if once else cycles,
        strength=strength,
        certificate=certificate,
        uncertified=uncertified,
    )
    # By name: the bot knows no backtests but at this door.
    reporter = importlib.import_module("backtests.commands").report_run
    inputs_of = importlib.import_module("backtests.certify.inputs").inputs_of
    code = run_and_report(options, as_json, Console(stderr=as_json), reporter, inputs_of)
    if code:
        raise typer.Exit(code)


@app.command()
def status(data_dir: DataDir = None, as_json: Json = False) -> None:
    """What the newest run (or the one in --data-dir) holds and last did."""
    from bot.ledger.views import show_status
    from bot.running import newest_run

    show_status(newest_run(data_dir), as_json)


@app.command()
def schema(
    file: Annotated[Path | None, typer.Argument(help="where to write it; standard output without")] = None,
    reference: Annotated[bool, typer.Option("--reference", help="the YAML reference as Markdown instead")] = False,
) -> None:
    """The JSON Schema of strategy files, for editors; or their reference."""
    from bot.schema import reference_markdown, schema_json

    text = reference_markdown() if reference else schema_json()
    if file is None:
        typer.echo(text, nl=False)
    else:
        file.write_text(text, encoding="utf-8")
        typer.echo(f"wrote {file}")


app.command()(certify)
app.command()(sweep)
app.command()(lookahead)
app.command()(walkforward)
app.command()(compare)
app.command()(verify)
app.command()(demo)


@ledger_app.command("positions")
def ledger_positions(data_dir: DataDir = None, as_json: Json = False) -> None:
    """What the books say is held."""
    from bot.ledger.views import show_positions
    from bot.running import newest_run

    show_positions(newest_run(data_dir), as_json)


@ledger_app.command("intents")
def ledger_intents(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Every decision that was signed, and what became of it."""
    from bot.ledger.views import show_intents
    from bot.running import newest_run

    show_intents(newest_run(data_dir), as_json)


@ledger_app.command("reconcile")
def ledger_reconcile(
    data_dir: DataDir = None,
    devnet: Annotated[Path | None, typer.Option("--devnet", help="devnet.json of a running `patron devnet up`")] = None,
    as_json: Json = False,
) -> None:
    """Compare the books with the chain, to the wei. Exit code 7 if they differ."""
    import asyncio

    from bot.checking import reconciled
    from bot.running import newest_run

    _print_lines(asyncio.run(reconciled(newest_run(data_dir), devnet)), as_json)


ledger_app.command("evidence")(evidence)


@devnet_app.command("up")
def devnet_up(
    config: StrategyFile,
    replay: Annotated[Path | None, typer.Option("--replay", metavar="DIR", help="start at this data's prices")] = None,
    synthetic: Synthetic = None,
    first: From = None,
    data_dir: DataDir = None,
) -> None:
    """Start the local mainnet and its fork for a strategy file, and keep them up until stopped."""
    from bot.loading import Options
    from bot.running import keep_devnet_up

    start, _ = span(first, None)
    keep_devnet_up(
        Options(config=config, mode="fork", replay=replay, synthetic=synthetic, first=start, data_dir=data_dir),
        Console(),
    )


def _print_lines(facts: dict[str, Any], as_json: bool) -> None:
    """A verb's facts: `lines` for people, everything else for machines."""
    import json

    if as_json:
        typer.echo(json.dumps({key: value for key, value in facts.items() if key != "lines"}, indent=2))
    else:
        for line in facts["lines"]:
            typer.echo(line)


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and ends the process with the exit code of the house (see `bot.errors`)."""
    gc.set_threshold(100_000)  # what is imported stays: to look through it at every 700 objects costs a tenth of a run
    try:
        code = app(arguments, standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        _fail("stopped", 130)
    except typer.TyperException as error:
        if not error.format_message():  # a verb was not named: the help has been shown, and says more
            sys.exit(ConfigError.exit_code)
        _fail(error.format_message(), ConfigError.exit_code)
    except PatronError as error:
        _fail(str(error), error.exit_code)
    except InvariantBroken as error:
        _fail(f"we are wrong about something, so nothing more is done; the ledger is kept as it is: {error}", 1)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO):
            _fail(f"{error.filename or 'storage'}: {error.strerror}; nothing was lost", StorageError.exit_code)
        _fail(f"{error.filename or 'system'}: {error.strerror or error}", 1)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(line: str, code: int) -> NoReturn:
    sys.stderr.write(f"error: {' '.join(line.split())}\n")
    sys.exit(code)
