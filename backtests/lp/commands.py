"""What `patron lp backtest` shows: both assumptions side by side, the headline named, and what the numbers rest on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from backtests.kernels import tell_if_cold
from backtests.lp.bars import BAR_ASSUMPTIONS, backtest_minutes
from backtests.lp.config import LpConfig, StrategyChoice, Unfit, facts_of
from backtests.lp.config_file import load_lp_config, refused
from backtests.lp.engine import backtest
from backtests.lp.recorded import read_setup
from backtests.lp.report import lp_report_json, write_lp_report
from backtests.lp.result import ASSUMPTIONS, LpResult, LpRun
from backtests.metrics import Metric
from backtests.page import shown
from bot.core.dates import moment

EXACT: Final = "exact: swaps, mints, burns, fees and collects, in integers, as the contract makes them"
EXACT_ON_BARS: Final = "exact: our mints, burns and collects, in integers; approximate: the fees, by minute"
ASSUMED: Final = (
    "assumed: gas as in costs.gas; everything valued at the recorded price; other providers and traders do not react"
)


def lp_backtest(config: Path, report: Path | None, as_json: bool, console: Console) -> None:
    """Runs a backtest file; prints a table or one JSON document; writes the report (HTML, and JSON beside it).

    Raises ConfigError for the file, DataError for the data, StorageError for the report.
    """
    tell_if_cold()
    settings = load_lp_config(config)
    try:
        result = labelled(backtest_of(settings, config), settings.strategy)
    except Unfit as unfit:
        raise refused(config, unfit.setting, unfit.problem) from None
    if report is not None:
        write_lp_report(result, report)
    if as_json:
        console.print_json(json.dumps(lp_report_json(result)))
        return
    for line in summary(result):
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    console.print(comparison(result))
    if report is not None:
        console.print(f"report: {report} (opens offline)", highlight=False, soft_wrap=True, markup=False)
        following = f"patron lp backtest {config} --json"
    else:
        following = f"patron lp backtest {config} --report report.html"
    console.print(f"try next: {following}", highlight=False, soft_wrap=True, markup=False)


def backtest_of(settings: LpConfig, config: Path) -> LpResult:
    """The result of a backtest file that was read from `config`. Raises Unfit, DataError."""
    if settings.minutes is not None:
        return backtest_minutes(settings, config.parent)
    setup, notes = read_setup(settings, config.parent)
    facts = facts_of(settings, setup.market.label) | {
        "log": settings.log,
        "pool": setup.log.facts.pool,
        "chain_id": setup.log.facts.chain_id,
        "events": len(setup.log),
        "looks": f"every {settings.every} s",
    }
    return backtest(setup, settings.strategy_model, notes, facts)


def labelled(result: LpResult, chosen: StrategyChoice) -> LpResult:
    """The result with the strategy's parameters as the file writes them."""
    label = " ".join([chosen.name, *(f"{name}={value}" for name, value in chosen.params.items())])
    runs = tuple(replace(run, label=label) for run in result.runs)
    return replace(result, runs=runs, full_range=runs if result.full_range is result.runs else result.full_range)


def summary(result: LpResult) -> list[str]:
    """What a reader must know before the table."""
    run = result.worst
    first, last = int(run.series.time[0]), int(run.series.time[-1])
    lines = [
        f"{run.label} in {run.market.label}, {run.capital:,.2f} {run.market.money}, {moment(first)} to {moment(last)}"
    ]
    assumptions = {**ASSUMPTIONS, **BAR_ASSUMPTIONS}
    lines += [f"  {each.mode}: {assumptions[each.mode]}" for each in result.runs]
    on_bars = run.mode in BAR_ASSUMPTIONS
    lines += [f"  {EXACT_ON_BARS if on_bars else EXACT}", f"  {ASSUMED}"]
    lines += [f"  note: {note}" for note in run.notes]
    if len(result.runs) > 1:
        lines.append(f"  headline: {run.mode}, the worse of the two")
    return lines


def comparison(result: LpResult) -> Table:
    """The metrics of every run side by side; the headline's column is marked."""
    table = Table(box=None, header_style="bold")
    table.add_column("metric")
    runs: list[LpRun] = [*result.runs, *(full for full in result.full_range if full not in result.runs)]
    for index, run in enumerate(runs):
        whose = "full range, " if index >= len(result.runs) else ""
        mark = " *" if index == result.headline else ""
        table.add_column(f"{whose}{run.mode}{mark}", justify="right")
    missing = Metric(None, "")
    for name in result.worst.metrics:
        table.add_row(name.replace("_", " "), *(shown(run.metrics.get(name, missing), name) for run in runs))
    return table
