"""Cycles on a historical clock: the market steps from bar to bar, and cycles run where the schedule says.

The daemon drives a fork with it, a backtest drives exact arithmetic; neither knows the other.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from bot.core.listing import last_known, with_halts
from bot.core.market import Market
from bot.core.mirror import MirrorParams, MirrorStep, moves
from bot.core.panel import Panel
from bot.core.report import CycleReport
from bot.core.universe import Universe
from bot.cycle import run_cycle
from bot.ports import Clock, MarketReader, Ports, SignalFeed
from bot.settings import Settings

RecordedMoves = Mapping[int, Sequence[MirrorStep]]  # unix seconds of a bar -> what the mirror did there


class Environment(Protocol):
    """A market that can be moved: the devnet's fork, or pools on paper."""

    async def step(self, at: int, steps: Sequence[MirrorStep]) -> None: ...

    async def settle(self) -> None: ...


class MovedMarket(Environment, Clock, Protocol):
    """An environment that knows its own time."""

    async def advance(self, at: int) -> None:
        """An empty block at unix second `at`, or a second after the newest one if that is later."""
        ...


@dataclass(frozen=True, slots=True)
class Schedule:
    """Bars of `panel` within [first, last], and a cycle on each bar that is a multiple of `every` after the first.

    Times in unix seconds. Cycles are numbered from 1 by their place in the schedule, whatever was run before.
    """

    panel: Panel
    first: int
    last: int
    every: int

    @property
    def rows(self) -> range:
        """Row numbers of the bars that are stepped through."""
        times = self.panel.times
        return range(int(np.searchsorted(times, self.first)), int(np.searchsorted(times, self.last, side="right")))

    def cycle(self, row: int) -> int | None:
        """The number of the cycle due at `row`, None if none is."""
        since = int(self.panel.times[row]) - int(self.panel.times[self.rows.start])
        return since // self.every + 1 if since % self.every == 0 else None

    @property
    def cycles(self) -> int:
        return sum(self.cycle(row) is not None for row in self.rows)


class ListedReader:
    """A market on a historical clock: a venue without a price in the panel stands as `bot.core.listing` says."""

    def __init__(self, reader: MarketReader, panel: Panel, universe: Universe) -> None:
        self._reader, self._universe = reader, universe
        self._times, self._known = panel.times, last_known(panel)

    async def market(self) -> Market:
        market = await self._reader.market()
        row = int(np.searchsorted(self._times, market.time, side="right")) - 1
        return with_halts(market, self._universe, self._known[row], int(self._times[row])) if row >= 0 else market


async def replay(
    ports: Ports,
    settings: Settings,
    environment: Environment,
    schedule: Schedule,
    mirror: MirrorParams,
    universe: Universe,
    *,
    done: int = 0,
    limit: int | None = None,
    recorded: RecordedMoves | None = None,
) -> AsyncIterator[CycleReport]:
    """The reports of the cycles, as they happen.

    `done`: number of the last cycle already in the journal, after a restart. A bar that the market has already been
    through is not stepped again: a step is one block at the bar's time, so the clock tells. `limit`: at most so many.
    `recorded`: the mirror's moves of an earlier run by bar, instead of moves made anew from prices.
    """
    told = 0
    ports = replace(ports, reader=ListedReader(ports.reader, schedule.panel, universe))
    for row in schedule.rows:
        at = int(schedule.panel.times[row])
        if ports.clock.now() < at:
            made = moves(mirror, universe, schedule.panel, row) if recorded is None else recorded.get(at, ())
            await environment.step(at, made)
        if ports.clock.now() == at:  # also when a stop came between the two
            await environment.settle()
        cycle = schedule.cycle(row)
        if cycle is None or cycle <= done:
            continue
        yield await run_cycle(ports, settings, cycle)
        told += 1
        if limit is not None and told >= limit:
            return


Following = Callable[[], Awaitable[None]]


def follow_bars(feed: SignalFeed, universe: Universe, mirror: MirrorParams, market: MovedMarket) -> Following:
    """On a wall clock: before a cycle, the made market goes through the bars that have closed since, then to now."""

    async def follow() -> None:
        now = int(time.time())
        panel = await feed.panel(now)
        for row in range(len(panel)):
            at = int(panel.times[row])
            if market.now() < at:
                await market.step(at, moves(mirror, universe, panel, row))
            if market.now() == at:
                await market.settle()
        await market.advance(now)  # blocks are made by trades only, and a cycle must not see an old one

    return follow
