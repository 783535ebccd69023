"""What `patron run` shows: what is real, one sentence per cycle, and a summary that says what to try next."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from bot.core import report as told
from bot.core.report import CycleReport
from bot.core.universe import Universe
from bot.daemon import Session, serve
from bot.errors import ChainError, ConfigError
from bot.loading import Loaded, Options, load
from bot.quantity import written_seconds
from bot.settings import Settings
from bot.wiring import chain_of, new_run_dir, pace_of, session

COLOURS = {told.DEPLOYED: "green", told.REFUSED: "yellow", told.DISAGREED: "yellow", told.HELD: "dim"}

# Writes report.html and report.json beside the ledger and returns the headline metrics. Given by the command line,
# since the bot itself knows no backtests.
Reporter = Callable[[Loaded, Settings, Sequence[CycleReport], dict[str, Any], Path], dict[str, Any]]


def run_and_report(options: Options, as_json: bool, console: Console, reporter: Reporter) -> int:
    """Runs the daemon to its end and writes the report. Returns the exit code: 0, or 128 + the signal that ended it."""
    loaded = load(options)
    run_dir = new_run_dir(options, loaded.config)
    for line in banner(loaded):
        console.print(line, highlight=False, soft_wrap=True)
    started = time.monotonic()
    reports, settings, facts, stopped = asyncio.run(_run(loaded, run_dir, console))
    facts["seconds"] = round(time.monotonic() - started, 1)
    headline = (
        reporter(loaded, settings, reports, facts, run_dir) if any(r.outcome != told.FAILED for r in reports) else {}
    )
    summary = summarise(reports, facts, run_dir, headline)
    if as_json:
        print(json.dumps(summary, indent=2))  # noqa: T201  # the one document that --json promises
    else:
        for line in summary_lines(summary, loaded):
            console.print(line, highlight=False, soft_wrap=True)
    return 128 + stopped if stopped else 0


async def _run(
    loaded: Loaded, run_dir: Path, console: Console
) -> tuple[list[CycleReport], Settings, dict[str, Any], int]:
    def tell(line: str) -> None:
        console.print(f"[dim]{escape(line)}[/dim]", highlight=False, soft_wrap=True)

    async with session(loaded, run_dir, tell) as running:
        universe = running.settings.universe

        def show(report: CycleReport) -> None:
            console.print(cycle_line(report, universe), highlight=False, soft_wrap=True)

        stopped = await serve(running, pace_of(loaded), show)
        equal = await _compared(running, console)
        reports = await running.books.reports()
        facts = {
            "mode": loaded.mode,
            "ledger_equal_to_chain": equal,
            "chain": running.described,
            "data": loaded.source.described,
            "digest": loaded.source.catalogue.digest,
        }
        return reports, running.settings, facts, stopped


async def _compared(running: Session, console: Console) -> bool:
    """Whether books and chain are equal at the end. Raises LedgerMismatch if they differ; False if nobody answers."""
    try:
        await running.reconcile()
    except ChainError as error:
        console.print(f"[red]books not compared with the chain: {escape(str(error))}[/red]", highlight=False)
        return False
    return True


def banner(loaded: Loaded) -> list[str]:
    """What is real, what is replayed and what is simulated, before anything happens."""
    config, source = loaded.config, loaded.source
    fork = loaded.mode == "fork"
    first = f"[bold]mode {loaded.mode}[/bold]: " + (
        "every deployment is a signed transaction to a vault contract on a fork"
        if fork
        else "no key and no chain: deployments are exact arithmetic in a paper ledger"
    )
    real = (
        "Uniswap V3, Permit2, Multicall3 and WETH9 bytecode, the vault, signed transactions, gas, receipts"
        if fork
        else "the cycle, the policy, the limits and the pool arithmetic"
    )
    node = (
        "the node's own pools" if config.chain != "devnet" else "pools made here, moved along the prices by real swaps"
    )
    replayed = source.described if source.label == "recorded" else "nothing"
    held = config.strategy.before_first_fit.replace("_", " ")
    first_model = f"; before its first model it holds {held}" if loaded.uses_scores else ""
    simulated = [node] if config.chain == "devnet" else []
    if source.label == "synthetic":
        simulated.insert(0, f"prices and trend signals: {source.described}")
    return [
        first,
        f"  [green]real[/green]       {real}",
        f"  [blue]replayed[/blue]   {escape(replayed)}",
        f"  [magenta]simulated[/magenta]  {escape('; '.join(simulated) or 'nothing')}",
        f"  strategy {config.strategy.name}, capital {config.capital}, {len(config.venues)} venues, a cycle every "
        f"{written_seconds(config.every)}, at most {config.limits.max_venue / 100:g} % in a venue, "
        f"at least {config.limits.min_idle / 100:g} % idle{first_model}",
        "",
    ]


def cycle_line(report: CycleReport, universe: Universe) -> str:
    """One cycle in one line of a terminal."""
    day = datetime.fromtimestamp(report.at, UTC).strftime("%Y-%m-%d %H:%M")
    colour = COLOURS.get(report.outcome, "red")
    nav = report.nav / 10**universe.money.decimals
    return f"[bold]{report.cycle:4d}[/bold] {day}  nav {nav:12,.2f}  [{colour}]{escape(report.sentence)}[/{colour}]"


def summarise(
    reports: Sequence[CycleReport], facts: dict[str, Any], run_dir: Path, headline: dict[str, Any]
) -> dict[str, Any]:
    """The run as plain JSON types."""
    outcomes = Counter(report.outcome for report in reports)
    return {
        **facts,
        "run": str(run_dir),
        "cycles": len(reports),
        "deployments": outcomes[told.DEPLOYED],
        "refusals": outcomes[told.REFUSED] + outcomes[told.DISAGREED],
        "outcomes": dict(sorted(outcomes.items())),
        "metrics": headline,
        "report": str(run_dir / "report.html") if headline else None,
    }


def summary_lines(summary: dict[str, Any], loaded: Loaded) -> list[str]:
    """What a person reads at the end."""
    compared = f"equal to {summary['chain']}" if summary["ledger_equal_to_chain"] else "not compared at the end"
    lines = [
        "",
        f"[bold]{summary['cycles']} cycles[/bold] in {summary['seconds']} s: {summary['deployments']} deployments, "
        f"{summary['refusals']} refusals; ledger {compared}",
    ]
    lines += [f"  {name:<22} {value}" for name, value in summary["metrics"].items()]
    if summary["report"]:
        lines.append(f"report: {summary['report']} (opens offline), {summary['run']}/report.json")
    config = loaded.options.config
    lines += [
        "",
        "try next:",
        f"  patron status --data-dir {summary['run']}",
        f"  patron backtest {config} --synthetic {loaded.options.synthetic or 7} --report backtest.html",
        "  patron init my_strategy.yaml",
    ]
    return lines


def newest_run(data_dir: Path | None) -> Path:
    """The data directory named, or the newest under ``runs/``. Raises ConfigError when there is none."""
    if data_dir is not None:
        if not data_dir.is_dir():
            raise ConfigError(
                f"--data-dir: {data_dir} is not a folder; `patron run CONFIG --data-dir {data_dir}` makes it"
            )
        return data_dir
    found = sorted(
        (path.parent for path in Path("runs").glob("*/ledger.sqlite")), key=lambda folder: folder.stat().st_mtime
    )
    if not found:
        raise ConfigError("no run yet: `patron run CONFIG` makes one")
    return found[-1]


def keep_devnet_up(options: Options, console: Console) -> None:
    """The devnet of a strategy file, up until SIGTERM or SIGINT."""
    loaded = load(options)
    asyncio.run(_keep_up(loaded, new_run_dir(options, loaded.config), console))


async def _keep_up(loaded: Loaded, run_dir: Path, console: Console) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    async with chain_of(loaded, run_dir) as chain:
        console.print(f"up: {chain.description.rpc_url} (chain id {chain.description.chain_id}), vault {chain.vault}")
        console.print(f"try next: patron run {loaded.options.config} --devnet {run_dir / 'devnet.json'} --data-dir …")
        while not stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), 1.0)
            await chain.require_alive()
