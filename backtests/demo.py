"""`patron demo`: a backtest, its report and a refused certificate, without chain or node, in a few seconds."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from typing import Final

from rich.console import Console

from backtests.certify.commands import certify
from backtests.commands import backtest
from bot.errors import ConfigError, StorageError
from bot.loading import Options

SEED: Final = 10
STRATEGY: Final = "reversal.yaml"  # asks no model, so nothing is fitted while a newcomer waits
BUDGET_SECONDS: Final = 8.0


def demo(folder: Path, console: Console) -> None:
    """Writes ``report.html`` and ``certificate.html`` into `folder`. Raises ConfigError, StorageError."""
    started = time.monotonic()
    shipped = importlib.util.find_spec("strategies")
    if shipped is None or not shipped.submodule_search_locations:
        raise ConfigError("strategies: the package is not installed")
    strategy = Path(shipped.submodule_search_locations[0]) / STRATEGY
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{folder}: {error.strerror}") from None
    options = Options(strategy, mode="paper", synthetic=SEED)
    report, page = folder / "report.html", folder / "certificate.html"
    _say(console, "1/2  a backtest on a generated market in which prices follow nothing")
    backtest(options, "fast", None, report, None, False, console)
    _say(console, "2/2  may it move capital? Every gate is asked; on this market the right answer is no")
    code = certify(
        options,
        folder / "certificate.json",
        page,
        False,
        console,
        now=int(time.time()),
        budget=BUDGET_SECONDS,
        log=folder / "trials.jsonl",  # a demonstration is no trial of yours
    )
    verdict = "refused, as it should be" if code else "granted: luck, for there is nothing in this market to find"
    _say(console, f"{verdict}; {time.monotonic() - started:.0f} s in all")
    for line in (
        f"look at: {report} and {page} (both open offline)",
        "try next: patron init my.yaml       (a strategy file of your own)",
        f"          patron verify {report}",
        "          make run                   (deploys on a fork of a local chain with real protocols)",
    ):
        console.print(line, highlight=False, soft_wrap=True)


def _say(console: Console, line: str) -> None:
    console.print(f"\n[bold]{line}[/bold]", highlight=False, soft_wrap=True)
