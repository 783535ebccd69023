"""What `patron run` shows: what is real, one sentence per cycle, and a summary that says what to try next."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from bot.again import typed
from bot.certificates import Standing, certificate_path, changes, read_certificate, require
from bot.config import Config
from bot.core import report as told
from bot.core.dates import minute
from bot.core.report import CycleReport
from bot.core.universe import NFT, ZORA, Universe
from bot.daemon import Session, serve
from bot.errors import ChainError, ConfigError, RefusedError
from bot.forks import chain_of
from bot.loading import (
    Loaded,
    Options,
    config_again,
    load,
    refuse_beyond_the_vault,
    refuse_historical_node,
    rpc_url,
    unmade,
)
from bot.quantity import written_seconds
from bot.scorers import scorer_of
from bot.settings import Settings, is_benchmark
from bot.standing import continued
from bot.wiring import new_run_dir, pace_of, session

PROTOCOLS = {  # what a kind of venue runs on besides
    NFT: "Seaport 1.6",
    ZORA: "Zora Coins 0.7.1 (the generation on Uniswap V3; coins of today use a Uniswap V4 hook and are not these)",
}
COLOURS = {told.DEPLOYED: "green", told.REFUSED: "yellow", told.DISAGREED: "yellow", told.HELD: "dim"}

# Writes report.html and report.json beside the ledger and returns the headline metrics. Given by the command line,
# since the bot itself knows no backtests.
Reporter = Callable[[Loaded, Settings, Sequence[CycleReport], dict[str, Any], Path], dict[str, Any]]

# Digests of all that a certificate is for: of the config, the path of its file, and the data's digest. Given likewise.
InputsOf = Callable[[Config, Path, str], Mapping[str, str]]


def run_and_report(options: Options, as_json: bool, console: Console, reporter: Reporter, inputs_of: InputsOf) -> int:
    """Runs the daemon to its end and writes the report. Returns the exit code: 0, or 128 + the signal that ended it.

    Raises RefusedError before anything is started where no capital may be moved: see `bot.certificates`.
    """
    loaded = load(options)
    refuse_beyond_the_vault(loaded)
    refuse_historical_node(loaded)
    run_dir = new_run_dir(options, loaded.config)
    standing = continued(standing_of(loaded, inputs_of), run_dir)
    for line in banner(loaded, standing):
        console.print(line, highlight=False, soft_wrap=True)
    started = time.monotonic()
    reports, settings, facts, stopped = asyncio.run(_run(loaded, standing, run_dir, console, inputs_of))
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


def standing_of(loaded: Loaded, inputs_of: InputsOf) -> Standing:
    """What the run deploys under. Raises RefusedError, and what reading a certificate raises.

    On paper a certificate is asked only where one is named: then the run is as strict as a fork.
    """
    options = loaded.options
    if options.certificate is not None and options.uncertified:
        raise ConfigError("--certificate and --uncertified contradict: choose one")
    path = certificate_path(options.config, options.certificate)
    asked = options.certificate is not None or (loaded.mode != "paper" and path.exists())
    certificate = read_certificate(path) if asked and not options.uncertified else None
    inputs = _inputs_now(loaded, inputs_of) if certificate else {}
    devnet = loaded.config.chain == "devnet" and rpc_url() is None
    standing = require(
        certificate,
        path,
        loaded.mode,
        devnet,
        inputs,
        int(time.time()),
        options.uncertified,
        options.config,
        is_benchmark(loaded.config),
    )
    scorer_of(loaded.config, loaded.uses_scores, standing)  # the models admitted so far must be as they were written
    return standing


def require_unchanged(loaded: Loaded, standing: Standing, inputs_of: InputsOf) -> None:
    """Raises RefusedError when anything certified has changed since `standing_of` looked.

    Asked once the strategy's code has been read for the last time: a chain takes seconds to start, and a file that is
    saved meanwhile would run unseen.
    """
    if standing.certificate is None:
        return
    if changed := changes(standing.certificate, _inputs_now(loaded, inputs_of)):
        raise RefusedError(f"{loaded.options.config}: {' and '.join(changed)} changed while the run was starting")


def _inputs_now(loaded: Loaded, inputs_of: InputsOf) -> Mapping[str, str]:
    """Digests of all that a certificate is for, of the very config that will run. Raises RefusedError."""
    return inputs_of(config_again(loaded), loaded.options.config, loaded.source.catalogue.digest)


async def _run(
    loaded: Loaded, standing: Standing, run_dir: Path, console: Console, inputs_of: InputsOf
) -> tuple[list[CycleReport], Settings, dict[str, Any], int]:
    def tell(line: str) -> None:
        console.print(f"[dim]{escape(line)}[/dim]", highlight=False, soft_wrap=True)

    async with session(loaded, run_dir, tell, standing) as running:
        require_unchanged(loaded, standing, inputs_of)
        universe = running.settings.universe

        def show(report: CycleReport) -> None:
            console.print(cycle_line(report, universe), highlight=False, soft_wrap=True)

        stopped = await serve(running, pace_of(loaded), show)
        equal = await _compared(running, console)
        reports = await running.books.reports()
        facts = {
            "mode": loaded.mode,
            "certificate": standing.stamp,
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


def banner(loaded: Loaded, standing: Standing) -> list[str]:
    """What is real, what is replayed, what is simulated, and what it is deployed under, before anything happens."""
    config, source = loaded.config, loaded.source
    fork = loaded.mode == "fork"
    first = f"[bold]mode {loaded.mode}[/bold]: " + (
        "every deployment is a signed transaction to a vault contract on a fork"
        if fork
        else "no key and no chain: deployments are exact arithmetic in a paper ledger"
    )
    real = (
        "Uniswap V3, Permit2, Multicall3 and WETH9 bytecode"
        + "".join(f", {PROTOCOLS[kind]}" for kind in sorted({v.kind for v in loaded.universe.risky} & PROTOCOLS.keys()))
        + ", the vault, signed transactions, gas, receipts"
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
        f"  {escape(standing.stamp)}",
        "",
    ]


def cycle_line(report: CycleReport, universe: Universe) -> str:
    """One cycle in one line of a terminal."""
    colour = COLOURS.get(report.outcome, "red")
    nav = report.nav / 10**universe.money.decimals
    at, said = minute(report.at), f"[{colour}]{escape(report.sentence)}[/{colour}]"
    return f"[bold]{report.cycle:4d}[/bold] {at}  nav {nav:12,.2f}  {said}"


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
    options = loaded.options
    if not options.historical:  # by the wall's clock: over its own recorded data, or the market that it made
        options = replace(options, replay=options.data, synthetic=None if options.data else 7)
    lines += ["", "try next:", f"  patron status --data-dir {summary['run']}"]
    if not unmade(loaded.universe):
        backtest = escape(f"patron backtest {typed(options)} --report backtest.html")
        return [*lines, f"  {backtest}", f"  patron compare {summary['run']} backtest.html"]
    return [*lines, f"  patron ledger positions --data-dir {summary['run']}"]


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
    """The devnet of a strategy file, up until SIGTERM or SIGINT.

    No certificate is asked: its vault is filled with money made here, and nothing is deployed by a strategy. The run
    that attaches to it is asked.
    """
    loaded = load(options)
    asyncio.run(_keep_up(loaded, new_run_dir(options, loaded.config), console))


async def _keep_up(loaded: Loaded, run_dir: Path, console: Console) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    async with chain_of(loaded, run_dir) as chain:
        console.print(f"up: {chain.description.rpc_url} (chain id {chain.description.chain_id}), vault {chain.vault}")
        flag = " --uncertified" if chain.description.protocols is not None else ""  # a fork of a node asks for one
        described = run_dir / "devnet.json"
        console.print(f"try next: patron run {loaded.options.config} --devnet {described}{flag} --data-dir …")
        while not stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), 1.0)
            await chain.require_alive()
