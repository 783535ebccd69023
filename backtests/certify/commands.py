"""What `patron certify` shows and writes, and the exit code that it ends with."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from backtests.certify.gates.words import figure
from backtests.certify.page import render
from backtests.certify.procedure import Certified, certified
from backtests.trials import log_path
from bot.again import typed
from bot.certificates import certificate_path
from bot.core.certificate import FAILED, NOT_APPLICABLE, PASSED, Gate
from bot.core.dates import moment
from bot.errors import ConfigError, RefusedError, StorageError
from bot.loading import Loaded, Options, load
from bot.whole_file import write_whole

DAYS = 90
"""Of validity: about as long as three refits of the shipped models, and the window of the drawdown brake."""
BUDGET_SECONDS = 60.0
"""For the look-ahead detectors, who end sooner when every future was tried: on a year of daily bars after ten or so."""
MARKS = {PASSED: "[green]passed[/]", FAILED: "[red]FAILED[/]", NOT_APPLICABLE: "[dim]not asked[/]"}


def certify(
    options: Options,
    out: Path | None,
    report: Path | None,
    as_json: bool,
    console: Console,
    *,
    now: int,
    days: int = DAYS,
    budget: float = BUDGET_SECONDS,
    seed: int = 0,
    log: Path | None = None,
) -> int:
    """Runs every gate and writes the certificate, granted or not. Returns 0, or 9 where a gate failed.

    `out`: by default beside the strategy file, ``<stem>.certificate.json``. `report`: an HTML page of it. `log`: of
    trials, by default the one of this folder. Raises ConfigError, DataError, StorageError, LockHeld.
    """
    if report is not None and report.suffix != ".html":
        raise ConfigError(f"--report: expected a name that ends in .html (got {str(report)[:80]!r})")
    loaded = load(replace(options, mode="paper"))  # a file for live must be certified before it may be run at all
    if loaded.schedule is None:
        raise ConfigError("certify needs data: --data DIR (recorded), or --synthetic SEED (a generated market)")
    path = certificate_path(options.config, out)
    with console.status("certify") as status:
        found = certified(
            loaded,
            now=now,
            days=days,
            budget=budget,
            seed=seed,
            log=log or log_path(),
            told=lambda what: status.update(f"certify: {what}"),
        )
    _write(path, json.dumps(found.certificate.document(), indent=2, allow_nan=False) + "\n")
    if report is not None:
        _write(report, render(found, loaded))
    if as_json:
        console.print_json(json.dumps(found.certificate.document() | {"file": str(path)}, allow_nan=False))
    else:
        _show(found, loaded, path, report, console)
    return 0 if found.certificate.granted else RefusedError.exit_code


def _show(found: Certified, loaded: Loaded, path: Path, report: Path | None, console: Console) -> None:
    def line(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True)

    certificate, options = found.certificate, loaded.options
    line(f"{loaded.source.label}: {loaded.source.described}")
    line(
        f"{certificate.strategy}, {moment(certificate.first)} to {moment(certificate.last)}: "
        f"{len(found.evidence.calm.run)} cycles judged, {found.seconds:.0f} s"
    )
    console.print(_table(certificate.gates))
    tried = f"{certificate.trials:,} version{'s' if certificate.trials > 1 else ''} tried so far"
    if certificate.granted:
        line(f"[bold green]granted[/] until {moment(certificate.expires_at)}; {tried}")
    else:
        names = ", ".join(gate.name for gate in certificate.failed)
        line(f"[bold red]refused[/]: {names}; {tried}")
    line(f"certificate: {path}" + (f"; page: {report} (opens offline)" if report else ""))
    again = escape(typed(options, "--replay"))
    if certificate.granted:
        named = (
            "" if path == certificate_path(options.config, None) else escape(f" --certificate {shlex.quote(str(path))}")
        )
        line(f"try next: patron run {again} --mode fork{named}")
        if certificate.data_kind == "synthetic":
            line("  it was made on generated data: it holds on a fork, never live")
    else:
        line(f"try next: patron run {again} --mode paper    (paper needs no certificate)")


def _table(gates: tuple[Gate, ...]) -> Table:
    table = Table(box=None, header_style="bold")
    for name in ("gate", "verdict"):
        table.add_column(name, no_wrap=True)
    for name in ("observed", "bound"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("what was found", overflow="fold")
    for gate in gates:
        verdict = MARKS[gate.verdict]
        table.add_row(gate.name, verdict, figure(gate, gate.observed), figure(gate, gate.bound), gate.said)
    return table


def _write(path: Path, text: str) -> None:
    """Its folders too; whole or not at all, for a daemon may be reading it. Raises StorageError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from None
    write_whole(path, text)
