"""The replay rung: cycles a second, every one the bot's own cycle on exact integers, against its swaps alone."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from backtests.benchmark.product import HOUR, START, strategy_file
from backtests.benchmark.timing import seconds, spread
from backtests.replay import Replayed, run_replay
from bot.core.amm.concentrated import Pool, swap_exact_in
from bot.core.mirror import apply, first_prices, moves, seeding
from bot.errors import InvariantBroken
from bot.loading import Loaded, Options, load
from bot.replay import Schedule
from bot.scoring.scorer import IdleScorer
from bot.settings import Settings, mirror_params, settings_of
from bot.signals.generator import STARS, generate
from bot.signals.storage import seconds_of

VENUES: Final = tuple(f"A{number:02d}" for number in range(10))
HISTORY, CYCLES, ROUNDS = 500, 1_000, 7
FLOOR, GOAL = 200, 1_000  # cycles a second


def prepared(folder: Path) -> tuple[Loaded, Settings]:
    """A strategy that trades in most of its hourly cycles, over ten venues with prices and signals."""
    generate(3, VENUES, HISTORY + CYCLES, HOUR, START).write(folder / "market")
    file = strategy_file(folder, "reversal", "1h", VENUES, "{bars: 24}")
    loaded = load(Options(file, replay=folder / "market", first=START + HISTORY * HOUR))
    return loaded, settings_of(loaded.config, loaded.universe, file)


def replayed(loaded: Loaded, settings: Settings) -> Replayed:
    """One run over the whole schedule."""
    assert loaded.schedule is not None  # a historical clock was asked for
    span = loaded.schedule.first, loaded.schedule.last
    return asyncio.run(run_replay(settings, loaded.config, loaded.panel, IdleScorer(), *span))


def require_sound(runs: Sequence[Replayed]) -> None:
    """Raises InvariantBroken unless all runs made the same postings, and these balance."""
    if any(run.journal.postings != runs[0].journal.postings for run in runs):
        raise InvariantBroken("two replays of one market posted differently: nothing to time")
    sums: dict[str, int] = defaultdict(int)
    for posting in runs[0].journal.postings:
        sums[posting.token] += posting.amount
    if any(sums.values()):
        raise InvariantBroken("the replay's postings do not balance: nothing to time")


def swaps_alone(loaded: Loaded, settings: Settings, run: Replayed) -> tuple[int, Callable[[], object]]:
    """(swaps of one run without arbitrage, a call that does nothing but all of them, on the same plain integers).

    Every swap that moves a pool: noise, arbitrage and the plan's own, once each. The run besides quotes, checks and
    previews each leg.
    """
    assert loaded.schedule is not None  # as above
    schedule, universe, params = loaded.schedule, loaded.universe, mirror_params(loaded.config)
    steps = [moves(params, universe, schedule.panel, row) for row in schedule.rows]
    legs = _legs(run, schedule, settings)
    prices = first_prices(universe, schedule.panel, schedule.rows.start)
    decimals = universe.money.decimals
    made = {venue.id: seeding(venue, decimals, prices[venue.id], params.depth).pool() for venue in universe.risky}

    def every() -> dict[str, Pool]:
        pools = dict(made)
        for bar, orders in zip(steps, legs, strict=True):
            for step in bar:
                pools[step.venue] = apply(pools[step.venue], step)
            for venue, zero_for_one, amount in orders:
                pools[venue] = swap_exact_in(pools[venue], zero_for_one, amount).pool
        return pools

    if every() != run.market.pools:
        raise InvariantBroken("the swaps alone end in other pools than the replay: nothing to compare")
    noise = sum(amount != 0 for bar in steps for step in bar for amount in step.noise)
    return sum(map(len, legs)) + noise, every


def _legs(run: Replayed, schedule: Schedule, settings: Settings) -> list[list[tuple[str, bool, int]]]:
    """(venue, way, amount) of every leg that was done, by bar."""
    done: dict[int, list[tuple[str, bool, int]]] = {row: [] for row in schedule.rows}
    for report in run.reports:
        if not report.postings:
            continue
        row = int(np.searchsorted(schedule.panel.times, report.at, side="right")) - 1
        for leg in report.legs:
            venue = settings.universe[leg["venue"]]
            done[row].append((venue.id, venue.base_is_token0 != leg["entry"], leg["amount"]))
    return list(done.values())


def sections() -> dict[str, str]:
    """The section about the replay rung. Raises InvariantBroken when runs differ or do not balance."""
    with tempfile.TemporaryDirectory() as name:
        loaded, settings = prepared(Path(name))
        assert loaded.schedule is not None  # as above
        run = replayed(loaded, settings)
        require_sound([run, replayed(loaded, settings)])
        count, swaps = swaps_alone(loaded, settings, run)
        took: list[float] = []
        bare: list[float] = []
        for _ in range(ROUNDS):
            took += seconds(lambda: replayed(loaded, settings), 1)
            bare += seconds(swaps, 1)
        published = seconds_of(loaded.source.catalogue.signals(STARS)["published_at"])
    median, bound = statistics.median(took), statistics.median(bare)
    reached = statistics.median(one / other for one, other in zip(bare, took, strict=True))
    cycles, traded = len(run.reports), sum(bool(report.postings) for report in run.reports)
    legs = sum(len(report.legs) for report in run.reports if report.postings)
    prices = len(loaded.schedule.rows) * len(VENUES)
    told = int(((published >= loaded.schedule.first) & (published <= loaded.schedule.last)).sum())
    alone = f"cycles that do nothing but their {count:,} swaps and the arbitrage, on plain integers"
    return {
        "replay": f"""## The replay rung

The bot's own cycle, on its own ports, in exact integers: {len(VENUES)} venues, hourly prices and daily signals of
{len(VENUES)} assets, a cycle at every bar, {cycles:,} cycles of which {traded:,} trade, {legs:,} legs. Two runs made
the same postings, which balance, before {ROUNDS} were timed, interleaved with the bound. The floor is {FLOOR:,} cycles
a second, the goal {GOAL:,}.

| | a second | one run, median | fastest to slowest |
|---|---:|---:|---:|
| **cycles** | **{cycles / median:,.0f}** | {median:.2f} s | {spread(took)} |
| price rows | {prices / median:,.0f} | | |
| signal rows | {told / median:,.0f} | | |
| bound: {alone} | {cycles / bound:,.0f} | {bound:.2f} s | {spread(bare)} |

Of that bound **{reached:.0%}** is reached. The rest of a cycle is what makes it one: each leg is quoted exactly
by the planner, again by the check, again by its look for sandwiches and again by the preview; the mirror draws its
trades; panel, strategy and policy are asked; plan and postings are written and digested.
"""
    }
