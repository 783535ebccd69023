"""One strategy file on each rung of the parity ladder, and what the rungs must agree on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from backtests.recorded_market import read_moves
from backtests.replay import run_replay
from bot.certificates import UNCERTIFIED, Standing
from bot.core.postings import trades_only
from bot.core.report import CycleReport
from bot.core.universe import Universe
from bot.daemon import serve
from bot.loading import Loaded, Options, load
from bot.quantity import last_second, when
from bot.scorers import scorer_of
from bot.settings import Settings, settings_of
from bot.wiring import pace_of, session
from tests.recordings import ROOT, recorded_data

Line = tuple[int, str, str, int]  # cycle, account, token symbol, raw amount


def loaded(strategy: str, first: str, last: str, cycles: int | None = None) -> Loaded:
    """A shipped strategy over recorded prices, or over a generated market where no recording is at hand."""
    recorded = recorded_data()
    options = Options(
        config=ROOT / "strategies" / f"{strategy}.yaml",
        mode="fork",
        replay=recorded,
        synthetic=None if recorded else 11,
        first=when(first) if recorded else None,
        last=last_second(last) if recorded else None,
        cycles=cycles,
    )
    return load(options)


async def on_fork(run: Loaded, run_dir: Path) -> tuple[list[CycleReport], Settings]:
    """The run on real contracts, signed transactions and receipts; the ledger is reconciled after every cycle."""
    async with session(run, run_dir, lambda line: None, Standing(None, UNCERTIFIED)) as running:
        await serve(running, pace_of(run), lambda report: None)
        return await running.books.reports(), running.settings


async def on_replay(run: Loaded, universe: Universe | None = None, market: Path | None = None) -> list[CycleReport]:
    """The same cycles in exact arithmetic alone; with the market's moves read from a run's record if one is given."""
    assert run.schedule is not None
    settings = settings_of(run.config, universe or run.universe, run.options.config)
    done = await run_replay(
        settings,
        run.config,
        run.panel,
        scorer_of(run.config, run.uses_scores),
        run.schedule.first,
        run.schedule.last,
        run.options.cycles,
        read_moves(market) if market is not None else None,
    )
    return list(done.reports)


def lines(reports: list[CycleReport], universe: Universe) -> list[Line]:
    """Every posting but gas, in order, with symbols for addresses (each rung has its own)."""
    symbols = {venue.unit.address: venue.unit.symbol for venue in universe.venues}
    return [
        (report.cycle, posting.account, symbols[posting.token], posting.amount)
        for report in reports
        for posting in trades_only(report.postings)
    ]


def with_fee(universe: Universe, fee_pips: int) -> Universe:
    """The universe with every pool's fee changed."""
    return replace(
        universe,
        venues=(universe.venues[0], *(replace(venue, fee_pips=fee_pips) for venue in universe.risky)),
    )
