"""`patron data …`: fetch, import, list, check and show what is known, and since when."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bot.cli_options import Json
from bot.errors import ConfigError

data_app = typer.Typer(no_args_is_help=True, help="Recorded data: fetch, import, list, check, show.")
Folder = Annotated[Path, typer.Argument(help="catalogue or store", show_default=False)]


@data_app.command("fetch")
def data_fetch(
    sources: Annotated[Path, typer.Argument(help="sources file (YAML)", show_default=False)],
    store: Annotated[Path, typer.Argument(help="point-in-time store; made if it is not there", show_default=False)],
    only: Annotated[list[str] | None, typer.Option("--only", help="this source alone (repeat for more)")] = None,
    once: Annotated[bool, typer.Option("--once", help="fetch each source once, then end")] = False,
    as_json: Json = False,
) -> None:
    """Fetch sources into a point-in-time store, once or by each source's own rhythm until stopped."""
    import asyncio

    from bot.fetching import fetch_into

    code = asyncio.run(fetch_into(sources, store, only or (), once=once, as_json=as_json, console=Console()))
    if code:
        raise typer.Exit(code)


@data_app.command("import")
def data_import(
    source: Annotated[Path, typer.Argument(help="folder of CSV or Parquet files", show_default=False)],
    destination: Annotated[Path, typer.Argument(help="catalogue or store to write", show_default=False)],
    maps: Annotated[list[Path] | None, typer.Option("--map", help="column map of your own (repeat for more)")] = None,
    into_store: Annotated[
        bool, typer.Option("--into-store", help="append to a point-in-time store, which is made if it is not there")
    ] = False,
    as_json: Json = False,
) -> None:
    """Import files into a catalogue, or append them to a store, by column maps."""
    from bot.signals.commands import import_data

    import_data(source, destination, maps or (), as_json, Console(), into_store)


@data_app.command("list")
def data_list(catalogue: Folder, as_json: Json = False) -> None:
    """What a catalogue or store holds."""
    from bot.signals.commands import list_data

    list_data(catalogue, as_json, Console())


@data_app.command("check")
def data_check(catalogue: Folder, as_json: Json = False) -> None:
    """Find gaps, duplicates, disorder, absurd numbers and days that two sources do not agree on.

    Exit code 3 if a run would refuse the data, or sources are dated apart.
    """
    from bot.signals.commands import check_data

    code = check_data(catalogue, as_json, Console())
    if code:
        raise typer.Exit(code)


@data_app.command("show")
def data_show(
    topic: Annotated[str, typer.Argument(help="topic or asset, by any name that it had", show_default=False)],
    data: Annotated[Path, typer.Option("--data", help="catalogue or store", show_default=False)],
    series: Annotated[str | None, typer.Option("--series", help="this series alone")] = None,
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help="as it was known then: 2024-08-01")] = None,
    plot: Annotated[Path | None, typer.Option("--plot", metavar="FILE", help="also write an HTML plot here")] = None,
    as_json: Json = False,
) -> None:
    """What is known of a topic: its course, newest value, first sight, revisions, refused rows, gaps and renames."""
    from bot.quantity import when
    from bot.signals.show import show_topic

    try:
        known_at = when(at, "--at") if at else None
    except ValueError as error:
        raise ConfigError(str(error)) from None
    show_topic(topic, data, series, known_at, plot, as_json, Console())
