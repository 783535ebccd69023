"""Options that several verbs of the command line share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.errors import ConfigError

if TYPE_CHECKING:
    from bot.loading import Options

StrategyFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="strategy file (YAML)", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="one JSON document on standard output")]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="folder of the ledger and the reports of this run")]
From = Annotated[str | None, typer.Option("--from", metavar="DAY", help='first day, such as "2024-01-01"')]
To = Annotated[str | None, typer.Option("--to", metavar="DAY", help="last day, included")]
Synthetic = Annotated[int | None, typer.Option("--synthetic", metavar="SEED", help="a generated market with this seed")]
Strength = Annotated[
    float, typer.Option("--strength", min=0.0, max=10.0, help="relation planted in a generated market; 0 = none")
]
Data = Annotated[Path | None, typer.Option("--data", help="catalogue, or folder of files that ready maps know")]


def historical(
    strategy: Path,
    data: Path | None,
    synthetic: int | None,
    strength: float,
    first: str | None,
    last: str | None,
    verb: str,
) -> Options:
    """What a verb that needs recorded data or a generated market was asked for. Raises ConfigError naming the verb."""
    from bot.loading import Options

    start, end = span(first, last)
    require_data(data, synthetic, verb)
    # A market made of data is traded on paper, whatever the file says of later.
    return Options(strategy, mode="paper", replay=data, synthetic=synthetic, first=start, last=end, strength=strength)


def require_data(data: Path | None, synthetic: int | None, verb: str) -> None:
    """Raises ConfigError where a verb was given neither recorded data nor a generated market."""
    if data is None and synthetic is None:
        raise ConfigError(
            f"{verb} needs data: --data DIR for recorded data, or --synthetic SEED for a generated market"
        )


def span(first: str | None, last: str | None) -> tuple[int | None, int | None]:
    """The days of --from and --to as unix seconds; a last day or month is included whole."""
    from bot.quantity import last_second, when

    try:
        start = when(first, "--from") if first else None
        end = last_second(last, "--to") if last else None
        # A last day ends where the next one begins: a window that begins there has no bar of what was named.
        if start is not None and last and end is not None and when(last, "--to") < end <= start:
            raise ConfigError(f"--from and --to contradict: {first} is after {last}")
    except ValueError as error:
        raise ConfigError(str(error)) from None
    return start, end
