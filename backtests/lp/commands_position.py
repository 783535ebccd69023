"""What `patron lp position ID --log FILE` shows: the position, and what other ranges would have earned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from backtests.kernels import tell_if_cold
from backtests.lp.position import Alternative, Comparison, compare
from backtests.lp.report import write_lp_report
from backtests.lp.result import ASSUMPTIONS, LpRun
from backtests.metrics import Metric
from backtests.page import shown
from bot.core.amm.held_position import HeldPosition
from bot.core.dates import moment
from bot.pool_log import read_pool_log
from bot.position_view import position_document, position_lines

COLUMNS: Final = ("fees", "impermanent_loss", "lvr", "net_profit", "net_apr", "time_in_range")
ASSUMED: Final = (
    "assumed: gas left out; swaps to change the mix of tokens made elsewhere, at the pool's price less its fee; "
    "nobody reacts"
)


def position_command(held: HeldPosition, log: Path, report: Path | None, as_json: bool, console: Console) -> None:
    """Compares a position, as read from the chain, with other ranges in its pool's log; prints a table or JSON.

    `report`: also writes the page of the position's own range there. Raises DataError, StorageError.
    """
    tell_if_cold()
    compared = compare(held, read_pool_log(log), log)
    if report is not None:
        write_lp_report(compared.result, report)
    following = f"patron lp init lp.yaml --log {log}"
    if as_json:
        document = comparison_document(compared) | {"log": str(log), "next": following}
        console.file.write(json.dumps(document, indent=2) + "\n")
        return
    for line in (*position_lines(held), *comparison_lines(compared)):
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    console.print(comparison_table(compared))
    if report is not None:
        console.print(f"report: {report} (opens offline)", highlight=False, soft_wrap=True, markup=False)
    console.print(f"try next: {following}", highlight=False, soft_wrap=True, markup=False)


def comparison_lines(compared: Comparison) -> list[str]:
    """What a reader must know before the table."""
    market, lived, held = compared.market, compared.lived, compared.held
    money = (held.facts.token0, held.facts.token1)[market.quote]
    paid = "every deposit, withdrawal and collect of it came out of the replayed pool as on the chain, to the unit"
    owed = f", and so did what it is owed at block {lived.block}" if lived.to_the_unit and not lived.slack else ""
    return [
        f"verified: {paid}{owed}",
        f"the same {money.human(compared.capital)} {money.symbol}, "
        f"{moment(compared.since)} to {moment(compared.until)}, "
        "in other ranges; of two assumptions the one with the lower net profit:",
        *(f"  {name}: {text}" for name, text in ASSUMPTIONS.items() if name in _modes(compared)),
        f"  {ASSUMED}",
        *(f"  note: {note}" for note in compared.notes),
    ]


def comparison_table(compared: Comparison) -> Table:
    """One row per use of the money."""
    table = Table(box=None, header_style="bold")
    table.add_column("range")
    table.add_column("ticks")
    for name in COLUMNS:
        table.add_column(name.replace("_", " "), justify="right")
    table.add_column("assumption")
    missing = Metric(None, "")
    for each in compared.alternatives:
        run = each.worst
        numbers = (shown(run.metrics.get(name, missing), name) for name in COLUMNS)
        table.add_row(each.name, _ticks(each), *numbers, run.mode)
    return table


def comparison_document(compared: Comparison) -> dict[str, Any]:
    """Everything as JSON values; raw units are integers."""
    lived = compared.lived
    return position_document(compared.held) | {
        "verified": {
            "block": lived.block,
            "fees": list(lived.fees),
            "owed": list(lived.owed),
            "to_the_unit": lived.to_the_unit,
            "slack": lived.slack,
        },
        "compared": {
            "since": compared.since,
            "until": compared.until,
            "quote": compared.market.money,
            "deposited": list(compared.deposited),
            "capital": compared.capital,
            "ranges": [
                {
                    "name": each.name,
                    "ticks": list(each.ticks) if each.ticks else None,
                    "counts": each.worst.mode,
                    "runs": {run.mode: _numbers(run) for run in each.runs},
                }
                for each in compared.alternatives
            ],
            "notes": list(compared.notes),
        },
    }


def _numbers(run: LpRun) -> dict[str, float | None]:
    return {name: metric.value for name, metric in run.metrics.items()}


def _modes(compared: Comparison) -> set[str]:
    return {run.mode for each in compared.alternatives for run in each.runs}


def _ticks(each: Alternative) -> str:
    return f"{each.ticks[0]} to {each.ticks[1]}" if each.ticks else "–"
