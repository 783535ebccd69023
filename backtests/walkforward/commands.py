"""What `patron walkforward` shows."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from backtests.origins import facts_of
from backtests.page import shown
from backtests.walkforward.folds import combinatorial, walk_forward
from backtests.walkforward.outcome import Outcome, document, runs_of, shown_of
from backtests.walkforward.picture import render_html
from bot.again import typed
from bot.core.dates import moment
from bot.errors import ConfigError
from bot.loading import Options, load
from bot.settings import settings_of


def walkforward(
    options: Options, folds: int, groups: int, tested: int, report: Path | None, as_json: bool, console: Console
) -> int:
    """Runs a strategy file over consecutive folds and over combinatorial paths, models refitted inside; may write HTML.

    Prints tables or one JSON document. Returns the exit code 0: nothing is demanded of the outcome here. Raises
    ConfigError for folds or groups that the window has no room for, DataError as a backtest.
    """
    if report is not None and report.suffix != ".html":
        raise ConfigError(f"--report: expected a name that ends in .html (got {str(report)[:80]!r})")
    loaded = load(options)
    settings = settings_of(loaded.config, loaded.universe, options.config)
    cut = walk_forward(loaded, settings, folds)
    outcome = Outcome(settings.strategy.name, cut, combinatorial(loaded, settings, groups, tested))
    facts = facts_of(loaded, settings, "fast")
    facts["scorer"] = loaded.config.scorer.model_dump(mode="json") if outcome.paths.asks_model else "no model is asked"
    if report is not None:
        render_html(outcome, facts, report)
    if as_json:
        console.print_json(json.dumps(document(outcome, facts), allow_nan=False))
        return 0

    def line(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True, markup=False)

    line(f"{loaded.source.label}: {loaded.source.described}")
    if loaded.doubts:
        line(f"  {loaded.doubts}")
    line(f"{outcome.strategy}, {moment(cut[0].first)} to {moment(cut[-1].last)}, each fold anew with all the capital")
    console.print(_table(outcome))
    for text in _lines(outcome, settings.strategy.before_first_fit.replace("_", " ")):
        line(text)
    if report is not None:
        line(f"report: {report} (opens offline)")
    line(f"try next: patron lookahead {typed(options)}")
    return 0


def _table(outcome: Outcome) -> Table:
    """Three lines for each fold."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("fold")
    table.add_column("run")
    for name in ("return", "Sharpe", "drawdown", "models"):
        table.add_column(name, justify="right")
    for fold in outcome.folds:
        dates = [moment(fold.first), f"to {moment(fold.last)}", ""]
        models = [str(len(fold.models)) if outcome.paths.asks_model else "", "", ""]
        for when, count, (name, run) in zip(dates, models, runs_of(fold).items(), strict=True):
            table.add_row(when, name, *(shown(each, metric) for metric, each in shown_of(run).items()), count)
    return table


def _lines(outcome: Outcome, before: str) -> list[str]:
    """What the folds and the paths come to, in words."""
    folds, paths = len(outcome.judged), outcome.paths
    told = [
        f"returned more than equal weight in {outcome.better('rival')} of {folds} folds, "
        f"than buy and hold in {outcome.better('held')}"
    ]
    if paths.asks_model:
        empty = len(outcome.folds) - folds
        silent = paths.models.count("")
        told += [f"  not counted: {empty} without a fitted model, where it holds {before}"] if empty else []
        told += [
            f"combinatorial purged cross-validation: {paths.groups} groups, {paths.tested} judged at a time by a model "
            f"of the others: {paths.splits} models, {len(paths.paths)} paths",
            *([f"  {silent} of them had too little left to learn from: no model there"] if silent else []),
            "  checked: with everything that a model judges changed, no model's training set changed",
            "  Sharpe ratio of the paths: "
            + ", ".join(f"{name} {value:.2f}" for name, value in outcome.quartiles.items()),
        ]
    else:
        told += [
            "combinatorial paths: the strategy asks no model, so nothing is fitted and all paths are the same",
            f"  Sharpe ratio of the path: {outcome.quartiles['median']:.2f}",
        ]
    told.append(
        f"  equal weight {paths.sharpe(paths.rival):.2f}, buy and hold {paths.sharpe(paths.held):.2f}; "
        f"{paths.share_below:.0%} of the paths are below equal weight"
    )
    return [line.replace("nan", "–").replace(" -", " −") for line in [*told, outcome.sentence]]
