"""What `patron sweep` does and shows."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table

from backtests.kernels.sweep import use_threads
from backtests.page import plain_json
from backtests.sweep.analysis import OBJECTIVES, Found, Honesty, best_run, judge, look
from backtests.sweep.best import report_best
from backtests.sweep.executors import executor
from backtests.sweep.heatmap import draw, two_keys
from backtests.sweep.plan import Combination, facts_digest, numbers
from backtests.sweep.results import Store
from backtests.sweep.runner import Progress, Sweep
from backtests.sweep.search import search
from backtests.sweep.space import Axis, axes_of, place
from backtests.sweep.trial import log_sweep
from backtests.trials import log_path
from bot.again import typed
from bot.errors import ConfigError
from bot.loading import Options, load

COLUMNS: Final = ("sharpe", "total_return", "max_drawdown", "trades")
SHARES: Final = ("total_return", "max_drawdown", "turnover", "cagr", "volatility", "exposure")


def sweep(
    options: Options,
    grid: Sequence[str],
    *,
    random: int | None = None,
    optuna: int | None = None,
    seed: int = 0,
    objective: str = "sharpe",
    out: Path | None = None,
    cluster: str | None = None,
    threads: int | None = None,
    heat: Path | None = None,
    heat_keys: str | None = None,
    report: Path | None = None,
    as_json: bool = False,
    console: Console | None = None,
) -> None:
    """Runs combinations of a strategy file, or goes on with them; prints the best and how much of it is luck.

    Raises ConfigError for options that contradict or name what is not there, before anything is run.
    """
    console = console or Console()
    if random is not None and optuna is not None:
        raise ConfigError("--random and --optuna contradict: choose one way to search")
    if objective not in OBJECTIVES:
        raise ConfigError(f"--objective: expected {', '.join(OBJECTIVES)} (got {objective!r})")
    try:
        use_threads(threads)
    except ValueError as error:
        raise ConfigError(f"--threads: {error}") from None
    loaded = load(options)
    axes = axes_of(grid, loaded.config)
    varied = sum(len(axis.values) > 1 for axis in axes) == 2 or heat_keys is not None
    drawn = two_keys(axes, heat_keys) if heat is not None or varied else None
    for option, page in (("--heat", heat), ("--report", report)):
        if page is not None and page.suffix != ".html":
            raise ConfigError(f"{option}: expected a name that ends in .html (got {str(page)[:80]!r})")
    plan = Sweep(loaded, axes)
    chosen: Sequence[int] = range(optuna) if optuna is not None else numbers(plan.space, random, seed)
    asked = {"grid": sorted(grid), "random": random, "optuna": optuna, "seed": seed if random or optuna else None}
    folder = (
        out or Path("runs") / f"sweep-{facts_digest(plan.facts, loaded.config.model_dump(mode='json'), asked)[:12]}"
    )
    progress = Progress(len(chosen))
    with Store(folder, plan.facts, len(plan.edges) + 1) as store, executor(cluster) as where:
        if not as_json:
            console.print(f"{loaded.source.label}: {loaded.source.described}", highlight=False, soft_wrap=True)
            console.print(f"{len(chosen):,} combinations into {folder}", highlight=False, soft_wrap=True)
        # What was tried decides what a certificate is worth, also where nobody sees how it ends.
        log_sweep(log_path(), loaded, axes, asked, folder, len(chosen), None, None, int(time.time()))
        with _bar(progress, as_json) as told:
            if optuna is not None:
                search(plan, optuna, seed, objective, OBJECTIVES[objective], store, where, progress, told)
            else:
                plan.run(chosen, store, where, progress, told)
        found = look(store, objective)
        best = found.top[0]
        yearly = best["yearly"]
        log_sweep(log_path(), loaded, axes, asked, folder, found.trials, found.variance, yearly, int(time.time()))
        chosen_config = _config_of(plan, best["values"])
        run = best_run(plan, chosen_config)
        honesty = judge(store, found, run, best["yearly"], seed)
        if heat is not None and drawn is not None:
            draw(store, *drawn, objective, heat)
        if report is not None:
            report_best(plan, chosen_config, run, store, found, honesty, drawn, objective, report)
    if as_json:
        console.print_json(json.dumps(document(folder, objective, progress, found, honesty), allow_nan=False))
        return
    for line in lines(objective, progress, found, honesty):
        console.print(line, highlight=False, soft_wrap=True)
    console.print(_table(objective, found))
    if heat is not None:
        console.print(f"heat map: {heat} (opens offline)", highlight=False, soft_wrap=True)
    if report is not None:
        console.print(f"report of the best: {report} (opens offline)", highlight=False, soft_wrap=True)
    console.print(f"try next: {_next(options, best['values'])}", highlight=False, soft_wrap=True, markup=False)


def document(folder: Path, objective: str, progress: Progress, found: Found, honesty: Honesty) -> dict[str, Any]:
    """All that is printed, as plain JSON types."""
    told: dict[str, Any] = plain_json(
        {
            "folder": str(folder),
            "objective": objective,
            "progress": asdict(progress),
            "trials": found.trials,
            "refused": found.refused,
            "reasons": found.reasons,
            "best": found.top[0],
            "top": found.top,
            "honesty": asdict(honesty) | {"verdict": honesty.verdict},
        }
    )
    return told


def lines(objective: str, progress: Progress, found: Found, honesty: Honesty) -> list[str]:
    """What the sweep found and what it is worth, in words."""
    best = found.top[0]
    told = [
        f"ran {progress.run:,}, refused {progress.refused:,}, known before {progress.known:,}; "
        f"the folder holds {found.trials:,} trials",
        *(f"  refused {count:,} times: {reason}" for reason, count in list(found.reasons.items())[:3]),
        f"best {objective.replace('_', ' ')}: {_written(best['values'])}",
    ]
    if best["sharpe"] is not None:
        interval = honesty.interval
        told.append(
            f"  Sharpe ratio       {best['sharpe']:.2f} a year"
            + (f", {interval.level:.0%} interval {interval.low:.2f} to {interval.high:.2f}" if interval else "")
            + (f" (stationary bootstrap, blocks of {interval.block:.1f} cycles)" if interval else "")
        )
    told.append(f"  luck alone         the best of {honesty.trials:,} worthless trials shows {honesty.luck:.2f} a year")
    if honesty.deflated is not None:
        kinder = (
            f"; {honesty.deflated_effective:.3f} if they weigh as {honesty.effective:,.1f} independent ones"
            if honesty.deflated_effective is not None and honesty.effective is not None
            else ""
        )
        told.append(f"  deflated Sharpe    {honesty.deflated:.3f} after {honesty.trials:,} trials{kinder}")
    if honesty.overfitting is not None:
        over = honesty.overfitting
        told.append(
            f"  overfitting        {over.probability:.0%} of {over.splits:,} splits choose what is below the median "
            f"elsewhere; {over.loss:.0%} choose a loss"
        )
    return [*told, *(f"  {note}" for note in honesty.notes), f"  verdict            {honesty.verdict}"]


def _config_of(plan: Sweep, values: Mapping[str, Any]) -> Any:
    """The config of a row; of a folder's earlier sweeps too, whose keys may be others."""
    axes = [Axis(key, _path(plan, key), (value,), False) for key, value in values.items()]
    point = type(plan.space)(plan.space.path, axes).combination(0, "")
    if not isinstance(point, Combination):
        raise ConfigError(f"{plan.space.path}: the best combination no longer fits the file: {point.reason}")
    return point.config


def _path(plan: Sweep, key: str) -> tuple[str, ...]:
    return place(key, plan.loaded.config)[0]


def _table(objective: str, found: Found) -> Table:
    """The best combinations; a key is headed by its last word where no other key has the same."""
    shown = Table(box=None, header_style="bold")
    columns = dict.fromkeys((objective, *COLUMNS))
    keys = list(dict.fromkeys(key for row in found.top for key in row["values"]))
    last = [key.rpartition(".")[2] for key in keys]
    for name in (*(name.replace("_", " ") for name in columns), *(last if len(set(last)) == len(last) else keys)):
        shown.add_column(name, justify="right", overflow="fold")
    for row in found.top:
        values = (str(row["values"].get(key, "–")) for key in keys)
        shown.add_row(*(_number(row[name], name) for name in columns), *values)
    return shown


def _number(value: float | None, name: str) -> str:
    if value is None:
        return "–"
    return f"{value:.2%}" if name in SHARES else f"{value:,.0f}" if name == "trades" else f"{value:,.2f}"


def _written(values: Mapping[str, Any]) -> str:
    return "  ".join(f"{key}={value}" for key, value in values.items())


def _next(options: Options, values: Mapping[str, Any]) -> str:
    """The exact rung for the best: the keys go into the environment, which overrides the file."""
    changes = " ".join(
        shlex.quote(f"PATRON__{key.replace('.', '__').upper()}={value}") for key, value in values.items()
    )
    return f"env {changes} patron backtest {typed(options)} --rung replay"


@contextmanager
def _bar(progress: Progress, quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """A bar on the error stream with the time that is left; what is called with progress moves it."""
    columns = (
        TextColumn("sweep"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[refused]} refused"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), disable=quiet) as bar:
        task = bar.add_task("sweep", total=progress.total, refused=0)
        yield lambda now: bar.update(task, completed=now.done, refused=now.refused)
