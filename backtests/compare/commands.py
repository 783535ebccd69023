"""What `patron compare` shows: the difference of a run and its backtest by cause, and the trades that differ most."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from backtests.compare.causes import ORDER, REST, Explanation, explain
from backtests.compare.grid import Grid, grid_of
from backtests.compare.told import Told, read_told
from backtests.page import signed
from bot.core.dates import moment
from bot.whole_file import write_whole

SHOWN: Final = 12
# What must be the same for the two to be the same strategy on the same data.
SETTLED: Final = ("strategy", "params", "data_digest", "capital", "every_hours", "limits", "before_first_fit", "venues")


def compare(run: Path, backtest: Path, out: Path | None, as_json: bool, console: Console) -> None:
    """Explains `run` against `backtest` (folders or reports); `out`: every differing trade as Parquet."""
    told = read_told(run), read_told(backtest)
    grid = grid_of(*told)
    found = explain(grid)
    settings = settings_apart(*told)
    if out is not None:
        _write(found, out)
    if as_json:
        console.print_json(json.dumps(document(told, grid, found, settings), allow_nan=False))
        return
    for line in head(told, grid, found, settings):
        console.print(line, highlight=False, soft_wrap=True)
    console.print(causes_table(found, told[1]))
    if found.trades:
        console.print(trades_table(found, told[1].money))
    if out is not None:
        console.print(f"every differing trade: {out}", highlight=False, soft_wrap=True)
    if out is None and found.trades:
        again = shlex.join([str(run), str(backtest)])
        line = f"try next: patron compare {again} --out differences.parquet    (every differing trade)"
    else:
        line = f"try next: patron verify {shlex.quote(str(told[1].path.with_suffix('.html')))}"
    console.print(line, highlight=False, soft_wrap=True, markup=False)


def settings_apart(run: Told, backtest: Told) -> dict[str, tuple[Any, Any]]:
    """The facts that both tell and that differ: name -> (the run's, the backtest's), one level of nesting opened up."""
    apart: dict[str, tuple[Any, Any]] = {}
    for name in SETTLED:
        if name not in run.facts or name not in backtest.facts:
            continue
        ours, theirs = run.facts[name], backtest.facts[name]
        if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
            for key in sorted({*ours, *theirs}):
                if ours.get(key) != theirs.get(key):
                    apart[f"{name}.{key}"] = ours.get(key), theirs.get(key)
        elif ours != theirs:
            apart[name] = ours, theirs
    return apart


def head(told: tuple[Told, Told], grid: Grid, found: Explanation, settings: Mapping[str, tuple[Any, Any]]) -> list[str]:
    """What is compared, and whether it is the same thing."""
    run, backtest = told
    lines = [
        f"run: {escape(run.label)}, {run.rung}, {escape(str(run.path))}",
        f"backtest: {escape(backtest.label)}, {backtest.rung}, {escape(str(backtest.path))}",
        f"{found.rows} cycles from {moment(int(grid.times[0]))} to {moment(int(grid.times[-1]))}; "
        f"{found.same_trades} trades the same, {len(found.trades)} not",
    ]
    for name, (ours, theirs) in settings.items():
        lines.append(
            f"[yellow]{escape(name)}[/yellow]: {escape(str(ours))} in the run, {escape(str(theirs))} in the backtest"
        )
    if not settings:
        lines.append("strategy, parameters, data, capital and limits are the same")
    return lines


def causes_table(found: Explanation, backtest: Told) -> Table:
    """The causes in money and in basis points of the backtest's capital, those that are nothing left out."""
    capital = float(backtest.nav[0])
    table = Table(box=None, header_style="bold")
    table.add_column("why the run ended elsewhere")
    table.add_column(backtest.money, justify="right")
    table.add_column("bps of capital", justify="right")
    for cause in ORDER:
        value = found.causes[cause]
        if signed(value) != signed(0.0) or cause == REST:
            table.add_row(cause, signed(value), signed(value / capital * 1e4))
    table.add_row(
        "[bold]the whole difference[/bold]", signed(found.difference), signed(found.difference / capital * 1e4)
    )
    return table


def trades_table(found: Explanation, money: str) -> Table:
    """The trades whose difference moved most money, then those that were largest."""
    title = f"differing trades, the largest {SHOWN}: tokens bought (+) and sold (−); apart and effect in {money}"
    table = Table(box=None, header_style="bold", title=title, title_justify="left", pad_edge=False)
    table.add_column("time", no_wrap=True)
    table.add_column("venue", overflow="fold")
    for name in ("run", "backtest", "apart", "effect"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("cause")
    for each in sorted(found.trades, key=lambda trade: (-abs(trade.effect), -abs(trade.money)))[:SHOWN]:
        table.add_row(
            moment(each.time),
            each.venue,
            _units(each.run_units),
            _units(each.backtest_units),
            signed(each.money),
            signed(each.effect),
            each.cause,
        )
    return table


def _units(units: float) -> str:
    """Tokens with their sign, five digits; a dash where nothing was traded."""
    return f"{'+' if units > 0.0 else '−'}{abs(units):,.5g}" if units else "–"


def document(
    told: tuple[Told, Told], grid: Grid, found: Explanation, settings: Mapping[str, tuple[Any, Any]]
) -> dict[str, Any]:
    """The explanation as plain JSON types."""
    return {
        "run": str(told[0].path),
        "backtest": str(told[1].path),
        "from": int(grid.times[0]),
        "to": int(grid.times[-1]),
        "cycles": found.rows,
        "same_trades": found.same_trades,
        "settings_apart": {name: {"run": ours, "backtest": theirs} for name, (ours, theirs) in settings.items()},
        "difference": found.difference,
        "causes": found.causes,
        "trades": [asdict(each) for each in found.trades],
    }


def _write(found: Explanation, out: Path) -> None:
    columns = list(asdict(found.trades[0])) if found.trades else ["time", "venue", "cause"]
    write_whole(out, pd.DataFrame([asdict(each) for each in found.trades], columns=columns).to_parquet(index=False))
