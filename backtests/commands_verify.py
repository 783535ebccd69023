"""What `patron verify` does: finds out what kind of thing it was given, and whether it holds."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from backtests.api import result_of
from backtests.certify.inputs import inputs_of
from backtests.run import Run
from backtests.verify import Again, verify_report
from bot.certificates import verify_certificate
from bot.config import load_config
from bot.core.strict_json import parsed
from bot.errors import ConfigError, DataError
from bot.loading import Options, load
from bot.settings import settings_of


def verify(thing: Path, again: Options | None, as_json: bool, console: Console) -> None:
    """Prints what holds of a report's page or of a certificate. Raises DataError in one line where something does not.

    `again`: a strategy file, and for a report its data: the run is made anew and must be that of the page; a
    certificate's inputs must be those of the file and of this Patron.
    """
    if thing.suffix == ".html":
        lines = verify_report(thing, _again(again) if again is not None else None)
    elif thing.is_dir():
        raise ConfigError(f"{thing}: a folder; the report of a run is {thing / 'report.html'}")
    elif thing.suffix == ".json":
        _require_no_report(thing)
        inputs = inputs_of(load_config(again.config), again.config, "") if again is not None else None
        lines = verify_certificate(thing, inputs, int(time.time()))
    else:
        raise ConfigError(f"{thing}: expected a report (.html) or a certificate (.certificate.json)")
    if as_json:
        console.print_json(json.dumps({"file": str(thing), "holds": True, "lines": lines}))
        return
    for line in lines:
        console.print(f"{_mark(line)}  {escape(line)}", highlight=False, soft_wrap=True)


def _mark(line: str) -> str:
    """What stands before a line: what was proved, what was not asked, what is merely told, or nothing for a gate."""
    if line.startswith("  "):
        return "     "
    if line.startswith("not asked"):
        return "[dim]open [/dim]"
    if line.startswith(("not granted", "expired", "changed since")):
        return "[yellow]note [/yellow]"
    return "[green]holds[/green]"


def _require_no_report(thing: Path) -> None:
    """Raises ConfigError where the JSON is the one beside a report: its page is what is sealed."""
    try:
        document = parsed(thing.read_bytes())
    except (OSError, ValueError):
        return  # said by what reads it as a certificate
    if isinstance(document, Mapping) and "series" in document:
        raise ConfigError(
            f"{thing}: the numbers of a report; its page proves both: patron verify {thing.with_suffix('.html')}"
        )


def _again(options: Options) -> Again:
    def run(facts: Mapping[str, Any]) -> Run:
        rung, window = facts.get("rung"), facts.get("seconds_of_window")
        if rung not in ("fast", "replay") or not isinstance(window, list) or len(window) != 2:
            raise DataError("only the report of a backtest can be run again: it says its rung and window")
        first, last = (int(second) for second in window)
        loaded = load(replace(options, first=first, last=last))
        digest = loaded.source.catalogue.digest
        if digest != facts.get("data_digest"):
            raise DataError(
                f"the page is of other data: its digest is {str(facts.get('data_digest'))[:12]}…, "
                f"that of this data {digest[:12]}…"
            )
        return result_of(loaded, settings_of(loaded.config, loaded.universe, options.config), str(rung)).run

    return run
