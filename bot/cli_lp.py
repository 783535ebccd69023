"""`patron lp`: pools as they were, to the wei, and what a liquidity provider would have earned in them."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bot.cli_options import Json
from bot.errors import ConfigError

lp_app = typer.Typer(no_args_is_help=True, help="Liquidity providing: fetch and replay pool logs, backtest positions.")

Log = Annotated[Path, typer.Argument(metavar="LOG", help="event log (Parquet) of a pool", show_default=False)]
Rpc = Annotated[
    str, typer.Option("--rpc", envvar="ETH_RPC_URL", help="address of a node; ETH_RPC_URL without", show_default=False)
]


@lp_app.command("init")
def lp_init(
    file: Annotated[Path, typer.Argument(help="backtest file to write", show_default=False)],
    log: Annotated[Path | None, typer.Option("--log", help="event log that `patron lp fetch` wrote")] = None,
    minutes: Annotated[list[Path] | None, typer.Option("--minutes", help="minute bars (repeat for more)")] = None,
    token0: Annotated[str, typer.Option(help="of minute bars: SYMBOL:DECIMALS")] = "USDC:6",
    token1: Annotated[str, typer.Option(help="of minute bars: SYMBOL:DECIMALS")] = "WETH:18",
    fee: Annotated[str, typer.Option(help="of minute bars: the pool's fee")] = "0.05 %",
) -> None:
    """Write a backtest file that you can finish, from an event log or minute bars."""
    # By name, here and below: the bot knows no backtests but at this door.
    starter = importlib.import_module("backtests.lp.starter")
    for line in starter.write_lp_starter(file, log, tuple(minutes or ()), (token0, token1), fee):
        typer.echo(line)


@lp_app.command("fetch")
def lp_fetch(
    pool: Annotated[str, typer.Argument(metavar="POOL", help="address of a Uniswap V3 pool", show_default=False)],
    out: Annotated[Path, typer.Argument(metavar="FILE", help="event log to write, or to continue", show_default=False)],
    rpc: Rpc,
    from_block: Annotated[int | None, typer.Option(min=0, help="first block; the pool's creation without")] = None,
    to_block: Annotated[int | None, typer.Option(min=0, help="last block; the newest settled one without")] = None,
    confirmations: Annotated[int | None, typer.Option(min=0, help="depth of a settled block")] = None,
    as_json: Json = False,
) -> None:
    """Fetch a pool's whole event log from a node. Goes on where it was interrupted."""
    from bot.chain.pool_logs import fetch_and_report

    fetch_and_report(pool, rpc, out, from_block, to_block, confirmations, as_json, Console())


@lp_app.command("replay")
def lp_replay(
    log: Log,
    block: Annotated[int | None, typer.Option("--block", min=0, help="rebuild the pool as of this block")] = None,
    as_json: Json = False,
) -> None:
    """Rebuild a pool from its log and verify every event. Exit code 3 at the first one that comes out otherwise."""
    importlib.import_module("backtests.lp.commands_replay").replay_command(log, block, as_json, Console())


@lp_app.command("backtest")
def lp_backtest(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="backtest file (YAML)", show_default=False)],
    report: Annotated[Path | None, typer.Option("--report", help="write an HTML report here")] = None,
    as_json: Json = False,
) -> None:
    """Run a liquidity provider's strategy in a recorded pool, with its position in it."""
    importlib.import_module("backtests.lp.commands").lp_backtest(config, report, as_json, Console())


@lp_app.command("position")
def lp_position(
    token_id: Annotated[int, typer.Argument(metavar="ID", help="number of a Uniswap V3 position", show_default=False)],
    rpc: Rpc,
    log: Annotated[Path | None, typer.Option("--log", help="its pool's event log: compare with other ranges")] = None,
    manager: Annotated[str | None, typer.Option("--manager", help="position manager; the chain's own without")] = None,
    report: Annotated[Path | None, typer.Option("--report", help="write an HTML report here (needs --log)")] = None,
    as_json: Json = False,
) -> None:
    """What a position earned, to the unit; with its pool's log also what other ranges would have earned."""
    import asyncio

    from bot.chain.positions import fetch_position
    from bot.position_view import show_position

    if report is not None and log is None:
        raise ConfigError("--report needs --log: without the pool's log there is nothing to compare")
    held = asyncio.run(fetch_position(rpc, token_id, manager))
    if log is None:
        show_position(held, as_json, Console())
    else:
        compare = importlib.import_module("backtests.lp.commands_position").position_command
        compare(held, log, report, as_json, Console())
