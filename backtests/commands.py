"""What `patron backtest` shows, and the report that every run ends with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from backtests.api import gas_burnt, native_price, result_of, scores_of
from backtests.fast import benchmarks
from backtests.gas import gas_note, gas_of
from backtests.listing import with_endings
from backtests.metrics import metrics
from backtests.origins import facts_of
from backtests.page import shown, signed
from backtests.recorded_market import read_moves
from backtests.run import Run, run_from_reports
from backtests.sleeves import attribution_by_sleeve
from bot.again import typed
from bot.core.dates import moment
from bot.core.report import CycleReport
from bot.core.sleeves import Sleeves
from bot.core.universe import LP
from bot.errors import ConfigError
from bot.loading import Loaded, Options, load
from bot.settings import Settings, settings_of

HEADLINE = ("total_return", "sharpe", "max_drawdown", "turnover", "fees", "gas")


def backtest(
    options: Options,
    rung: str,
    market: Path | None,
    report: Path | None,
    folds: int | None,
    as_json: bool,
    console: Console,
) -> None:
    """Runs a strategy file on one rung beside its benchmarks; prints a table or one JSON document; may write HTML.

    `folds`: the report also shows it fold by fold, and along the paths of combinatorial cross-validation.
    """
    if report is not None and report.suffix != ".html":
        raise ConfigError(f"--report: expected a name that ends in .html (got {str(report)[:80]!r})")
    if folds is not None and report is None:
        raise ConfigError("--folds: is shown in the report; name one with --report")
    loaded = load(options)
    schedule = loaded.schedule
    assert schedule is not None  # the command line insists on data
    settings = settings_of(loaded.config, loaded.universe, options.config)
    result = result_of(loaded, settings, rung, read_moves(market) if market is not None else None)
    facts = facts_of(loaded, settings, rung) | {
        "window": f"{moment(int(result.run.times[0]))} to {moment(int(result.run.times[-1]))}",
        "seconds_of_window": [schedule.first, schedule.last],
    }
    if isinstance(settings.strategy, Sleeves):
        facts["profit_by_sleeve"] = _by_sleeve(loaded, settings, result.run)
    if report is not None:
        from backtests.report import write_report

        extras = {} if folds is None else _extras(loaded, settings, folds)
        write_report(result.run, list(result.benchmarks), facts, report, extras)
    if as_json:
        from backtests.report import report_json

        console.print_json(json.dumps(report_json(result.run, list(result.benchmarks), facts)))
        return
    console.print(f"{loaded.source.label}: {loaded.source.described}", highlight=False, soft_wrap=True)
    for line in notes_of(loaded, settings, result.run):
        console.print(line, highlight=False, soft_wrap=True)
    console.print(comparison([result.run, *result.benchmarks]))
    for name, profit in facts.get("profit_by_sleeve", {}).items():
        console.print(f"  sleeve {name}: {profit} of profit and loss before gas", highlight=False, soft_wrap=True)
    if report is not None:
        beside = f"{report.with_suffix('.json').name} and {report.with_suffix('.trades.parquet').name} beside it"
        console.print(f"report: {report} (opens offline), {beside}", highlight=False, soft_wrap=True)
    for line in _next(loaded, rung):
        console.print(line, highlight=False, soft_wrap=True, markup=False)


def _extras(loaded: Loaded, settings: Settings, folds: int) -> dict[str, Any]:
    from backtests.walkforward.folds import combinatorial, walk_forward

    return {"folds": walk_forward(loaded, settings, folds), "paths": combinatorial(loaded, settings)}


def _by_sleeve(loaded: Loaded, settings: Settings, run: Run) -> dict[str, str]:
    assert isinstance(settings.strategy, Sleeves)
    scores = scores_of(settings, loaded.config, loaded.panel)
    parts = attribution_by_sleeve(run, settings.strategy, loaded.panel, scores)
    return {name: f"{signed(profit)} {run.money}" for name, profit in parts.items()}


def _next(loaded: Loaded, rung: str) -> list[str]:
    """What may be tried after a backtest. Liquidity runs on paper and on the replay rung only."""
    if any(venue.kind == LP for venue in loaded.universe.risky):
        return [f"try next: patron run {typed(loaded.options, '--replay')} --mode paper"]
    other = "fast" if rung == "replay" else "replay"
    return [
        f"try next: patron certify {typed(loaded.options)}",
        f"          patron backtest {typed(loaded.options)} --rung {other}",
    ]


def report_run(
    loaded: Loaded, settings: Settings, reports: Sequence[CycleReport], facts: dict[str, Any], run_dir: Path
) -> dict[str, Any]:
    """Writes ``report.html`` and ``report.json`` of a daemon's run into `run_dir`; returns the headline as text."""
    universe = settings.universe
    label = f"{settings.strategy.name} ({loaded.mode})"
    run = run_from_reports(reports, universe, universe.money.decimals, native_price(loaded.config), label, loaded.mode)
    held: list[Run] = []
    if loaded.schedule is not None:
        # As many cycles as were run: a run that was stopped early is compared over its own window.
        simulated = settings_of(loaded.config, loaded.universe, loaded.options.config)
        last = min(loaded.schedule.last, int(run.times[-1]))
        gas = gas_of(loaded.config, loaded.source.catalogue, loaded.panel.times)
        if gas is not None:  # what its benchmarks pay
            said = gas_note(loaded.config, loaded.source.catalogue, loaded.panel.times) or ""
            burnt = gas_burnt(run, reports, loaded.panel.times, gas)
            run = replace(run, gas=burnt, notes=(said, *run.notes))
        both = benchmarks(simulated, loaded.config, loaded.panel, loaded.schedule.first, last, gas=gas)
        run, *held = (with_endings(each, loaded.panel) for each in (run, *both))
    known = facts_of(loaded, settings, loaded.mode) | facts
    outcomes = {report.cycle: report.outcome for report in reports}
    told = {
        "cycles": len(outcomes),
        "deployments": sum(outcome == "deployed" for outcome in outcomes.values()),
        "refusals": sum(outcome in ("refused", "disagreed") for outcome in outcomes.values()),
        "ledger_equal_to_chain": facts.get("ledger_equal_to_chain", False),
    }
    from backtests.report import write_report

    write_report(run, held, known, run_dir / "report.html", more=told)
    found = metrics(run)
    return {name: shown(found[name], name) for name in HEADLINE}


def notes_of(loaded: Loaded, settings: Settings, run: Run) -> list[str]:
    """What a reader must know before the numbers: doubts about the data, listings, what is held before a model."""
    notes = [f"  {line}" for line in run.notes]
    for column, venue in enumerate(loaded.universe.risky, start=1):
        known = np.flatnonzero(np.isfinite(loaded.panel.close[:, column]))
        listed = int(loaded.panel.times[known[0]])
        if listed > int(run.times[0]):
            notes.append(f"  {venue.id}: no price before {moment(listed)}, so nothing was bought there until then")
    liquid = [venue.id for venue in settings.universe.risky if venue.kind == LP]
    if liquid:
        notes.append(f"  {', '.join(liquid)}: the benchmarks hold the token there, without providing liquidity")
    if settings.strategy.uses_scores:
        spoken = np.flatnonzero(np.isfinite(run.trades["score"].to_numpy())) if len(run.trades) else np.array([])
        first = moment(int(run.trades["time"].iloc[spoken[0]])) if len(spoken) else None
        before = settings.strategy.before_first_fit.replace("_", " ")
        notes.append(
            f"  before the first fitted model it holds {before}"
            + (f"; the first scored trade is on {first}" if first else "")
        )
    return notes


def comparison(runs: Sequence[Run]) -> Table:
    """The metrics of several runs side by side."""
    table = Table(box=None, header_style="bold")
    table.add_column("metric", no_wrap=True)
    for run in runs:
        table.add_column(f"{run.label} ({run.rung})", justify="right")
    columns = [metrics(run) for run in runs]
    for name in columns[0]:
        table.add_row(name.replace("_", " "), *(shown(column[name], name) for column in columns))
    return table
