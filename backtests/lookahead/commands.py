"""What `patron lookahead` shows, and the exit code that it ends with."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from rich.console import Console
from rich.table import Table

from backtests.lookahead.detectors import BUDGET_SECONDS, CUTS, examine
from backtests.lookahead.findings import Report
from backtests.lookahead.pipeline import Case, Pipeline, fast_fills, replay_fills
from backtests.lookahead.tampering import TAMPERINGS
from bot.again import typed
from bot.core.dates import moment
from bot.errors import ConfigError, RefusedError
from bot.loading import Loaded, Options, load
from bot.settings import settings_of

RUNGS = {"fast": fast_fills, "replay": replay_fills}


def lookahead(
    options: Options,
    rung: str,
    as_json: bool,
    console: Console,
    cuts: int = CUTS,
    budget_seconds: float = BUDGET_SECONDS,
) -> int:
    """Looks for leaks in a strategy file's whole pipeline. Returns the exit code: 0 clean, 9 where a leak was found.

    Raises ConfigError, or DataError where the strategy cannot run on this data or on a tampered copy of it.
    """
    if rung not in RUNGS:
        raise ConfigError(f"--rung: expected {' or '.join(RUNGS)} (got {rung!r})")
    loaded = load(options)
    case = case_of(loaded)
    pipeline = replace(Pipeline(), fills_of=RUNGS[rung])
    report = examine(case, pipeline, cuts=cuts, budget_seconds=budget_seconds)
    if as_json:
        console.print_json(json.dumps(document(report, case, loaded, rung), allow_nan=False))
    else:
        _show(report, case, loaded, rung, console)
    return 0 if report.clean else RefusedError.exit_code


def case_of(loaded: Loaded) -> Case:
    """What was loaded, over the window that a backtest of it would run."""
    if loaded.schedule is None:
        raise ConfigError(
            "lookahead needs data: --data DIR for recorded data, or --synthetic SEED for a generated market"
        )
    settings = settings_of(loaded.config, loaded.universe, loaded.options.config)
    window = loaded.schedule.first, loaded.schedule.last
    return Case(loaded.source.catalogue, settings, loaded.config, *window, loaded.panel_of)


def document(report: Report, case: Case, loaded: Loaded, rung: str) -> dict[str, Any]:
    """The report for machines."""
    return {
        "strategy": case.settings.strategy.name,
        "rung": rung,
        "data": loaded.source.described,
        "data_digest": case.catalogue.digest,
        "window": dict(zip(("first", "last"), _window(case, loaded), strict=True)),
        "clean": report.clean,
        "complete": report.complete,
        "passes": report.passes,
        "planned_passes": report.planned,
        "fits": report.fits,
        "trades": report.trades,
        "past_ends_at": [moment(cut) for cut in report.cuts],
        "futures": [tampering.name for tampering in TAMPERINGS],
        "findings": [finding.document() for finding in report.findings],
    }


def _window(case: Case, loaded: Loaded) -> tuple[str, str]:
    """The first and the last bar that were looked at: what was asked for may begin before the data, or end after it."""
    times = loaded.panel.times
    return moment(max(case.first, int(times[0]))), moment(min(case.last, int(times[-1])))


def _show(report: Report, case: Case, loaded: Loaded, rung: str, console: Console) -> None:
    def line(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True, markup=False)

    options = loaded.options
    line(f"{loaded.source.label}: {loaded.source.described}")
    line(
        f"{case.settings.strategy.name} on the {rung} rung, {' to '.join(_window(case, loaded))}: "
        f"{report.passes} other future{'' if report.passes == 1 else 's'}, "
        f"after {', '.join(moment(cut) for cut in report.cuts)}"
    )
    line(f"  on the data as they are: {report.fits} models fitted, {report.trades} legs traded")
    if case.settings.strategy.uses_scores and not report.fits:
        line("  no model was ever fitted here, so nothing is known about the scorer: give it more data")
    if not report.complete:
        line(f"  the budget was enough for {report.passes} of {report.planned}: raise --budget for the rest")
    if report.clean:
        so_far = "" if report.complete else " so far"
        line(f"no leak found{so_far}: nothing that was said of the past changed with the future")
        line(f"try next: patron backtest {typed(options)}")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("stage", "name", "venue", "row", "rows", "difference", "found by"):
        table.add_column(name, justify="right" if name in ("rows", "difference") else "left", overflow="fold")
    for found in report.findings:
        by = ", ".join((found.detector, *found.also))
        size = f"{found.difference:.3g}"
        table.add_row(found.stage, found.name, found.venue, moment(found.row), str(found.rows), size, by)
    console.print(table)
    for found in report.findings:
        line(str(found))
    count = len(report.findings)
    line(f"{count} leak{'s' if count > 1 else ''} found; mend the first stage named, then try next: the same command")
