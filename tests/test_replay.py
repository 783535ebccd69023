"""Cycles on a historical clock: which bars and cycles there are, and what a restart does not do again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtests.simulated import PanelFeed
from bot.core.mirror import MirrorStep, first_prices, moves
from bot.core.panel import Panel
from bot.core.report import CycleReport
from bot.paper import PaperMarket, made_market
from bot.replay import RecordedMoves, Schedule, follow_bars, replay
from tests.backtests.markets import DAY, START, panel_of, walk
from tests.builders import STILL, World, universe_of, with_ports, world

HOUR = 3_600
TEN = panel_of(walk(10, 2))


def schedule(first: int = 0, last: int = 9, every: int = 1, panel: Panel = TEN) -> Schedule:
    """From the close of bar `first` to that of bar `last`, a cycle every so many days."""
    return Schedule(panel, START + first * DAY, START + last * DAY, every * DAY)


def numbers(of: Schedule) -> list[int | None]:
    return [of.cycle(row) for row in of.rows]


def test_both_ends_of_the_window_belong_to_it() -> None:
    assert list(schedule(2, 5).rows) == [2, 3, 4, 5]
    assert list(Schedule(TEN, START + 2 * DAY + 1, START + 5 * DAY - 1, DAY).rows) == [3, 4]


def test_cycles_come_every_so_many_bars_from_the_first_on() -> None:
    assert numbers(schedule(0, 6, 1)) == [1, 2, 3, 4, 5, 6, 7]
    assert numbers(schedule(0, 6, 3)) == [1, None, None, 2, None, None, 3]
    assert numbers(schedule(2, 6, 3)) == [1, None, None, 2, None]
    assert [schedule(0, 6, every).cycles for every in (1, 3, 7)] == [7, 3, 1]


def test_a_window_without_bars_has_no_cycles() -> None:
    empty = Schedule(TEN, START + 20 * DAY, START + 30 * DAY, DAY)
    assert list(empty.rows) == []
    assert empty.cycles == 0


def test_a_missing_bar_moves_no_other_cycle() -> None:
    whole = panel_of(walk(6, 1))
    keep = [0, 1, 3, 4, 5]
    gap = Panel(whole.times[keep], whole.venues, {name: values[keep] for name, values in whole.fields.items()})
    assert numbers(schedule(0, 5, 2, gap)) == [1, None, None, 3, None]


@given(st.integers(-3, 12), st.integers(-3, 12), st.integers(1, 5))
def test_every_cycle_falls_on_a_bar_of_the_window_at_its_time(first: int, last: int, every: int) -> None:
    made = schedule(first, last, every)
    for row in made.rows:
        at = int(TEN.times[row])
        assert made.first <= at <= made.last
        number = made.cycle(row)
        if number is not None:
            assert at == int(TEN.times[made.rows.start]) + (number - 1) * every * DAY
    assert made.cycles == (len(made.rows) + every - 1) // every


@dataclass
class Watched:
    """The world's market, with a record of what was done to it; it may stop between a step and its settling."""

    market: PaperMarket
    stops_at: int = 0
    done: list[tuple[str, int]] = field(default_factory=list)

    def now(self) -> int:
        return self.market.now()

    async def step(self, at: int, steps: Sequence[MirrorStep]) -> None:
        self.done.append(("step", at))
        await self.market.step(at, steps)
        if at == self.stops_at:
            raise KeyboardInterrupt

    async def settle(self) -> None:
        self.done.append(("settle", self.now()))
        await self.market.settle()

    async def advance(self, at: int) -> None:
        self.done.append(("advance", at))
        await self.market.advance(at)


def before(panel: Panel = TEN) -> World:
    """A world that opens one second before the first bar, as a run's does."""
    made = world(panel)
    made.market.time = int(panel.times[0]) - 1
    return made


async def reports(
    made: World,
    of: Schedule,
    watched: Watched,
    done: int = 0,
    limit: int | None = None,
    recorded: RecordedMoves | None = None,
) -> list[CycleReport]:
    universe = made.settings.universe
    ports = with_ports(made, clock=watched)
    run = replay(ports, made.settings, watched, of, STILL, universe, done=done, limit=limit, recorded=recorded)
    return [report async for report in run]


async def test_each_bar_is_stepped_and_settled_once_before_its_cycle() -> None:
    made = before()
    watched = Watched(made.market)
    told = await reports(made, schedule(0, 4, 2), watched)
    assert [report.cycle for report in told] == [1, 2, 3]
    steps = [START + day * DAY for day in range(5)]
    assert watched.done == [entry for at in steps for entry in (("step", at), ("settle", at))]
    assert [report.at for report in told] == [START + day * DAY + 1_800 for day in (0, 2, 4)]


async def test_no_cycle_sees_a_bar_that_closes_after_it() -> None:
    made = before()
    told = await reports(made, schedule(0, 9), Watched(made.market))
    for report in told:
        row = int(np.searchsorted(TEN.times, report.at, side="right")) - 1
        assert TEN.times[row] == report.at - 1_800
        assert report.prices[1:] == pytest.approx(TEN.close[row, 1:], rel=0.004)


async def test_a_limit_ends_it_after_so_many_cycles() -> None:
    made = before()
    watched = Watched(made.market)
    assert [report.cycle for report in await reports(made, schedule(), watched, limit=2)] == [1, 2]
    assert watched.done[-1] == ("settle", START + DAY)


@pytest.mark.parametrize("cut", range(1, 6))
async def test_a_run_that_was_stopped_goes_on_where_it_was_and_ends_the_same(cut: int) -> None:
    whole, broken = before(), before()
    await reports(whole, schedule(0, 6), Watched(whole.market))
    watched = Watched(broken.market)
    await reports(broken, schedule(0, 6), watched, limit=cut)
    await reports(broken, schedule(0, 6), watched, done=await broken.books.last_cycle())
    assert broken.books.written == whole.books.written
    assert broken.market.pools == whole.market.pools
    assert len(watched.done) == 2 * 7  # no bar twice


async def test_a_stop_between_step_and_settle_is_made_good_and_no_bar_is_stepped_twice() -> None:
    whole, broken = before(), before()
    await reports(whole, schedule(0, 4), Watched(whole.market))
    watched = Watched(broken.market, stops_at=START + 2 * DAY)
    with pytest.raises(KeyboardInterrupt):
        await reports(broken, schedule(0, 4), watched)
    watched.stops_at = 0
    await reports(broken, schedule(0, 4), watched, done=await broken.books.last_cycle())
    assert broken.books.written == whole.books.written
    assert [what for what, _ in watched.done] == ["step", "settle"] * 5


async def test_a_market_made_anew_goes_through_the_old_bars_without_their_cycles() -> None:
    made = before()
    watched = Watched(made.market)
    told = await reports(made, schedule(0, 4), watched, done=3)
    assert [report.cycle for report in told] == [4, 5]
    assert len(watched.done) == 2 * 5


async def test_moves_that_were_recorded_are_made_instead_of_new_ones() -> None:
    made, still = before(), before()
    universe = made.settings.universe
    recorded = {int(TEN.times[row]): moves(STILL, universe, TEN, row) for row in range(5)}
    await reports(made, schedule(0, 4), Watched(made.market), recorded=recorded)
    plain = before()
    await reports(plain, schedule(0, 4), Watched(plain.market))
    assert made.books.written == plain.books.written
    await reports(still, schedule(0, 4), Watched(still.market), recorded={})
    assert still.books.written != plain.books.written


async def test_on_a_wall_clock_it_follows_the_bars_that_have_closed_and_then_comes_to_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    universe = universe_of()
    market = made_market(universe, first_prices(universe, TEN, 2), 10**9, STILL, START + 2 * DAY - 1)
    watched = Watched(market)
    follow = follow_bars(PanelFeed(TEN), universe, STILL, watched)
    now = START + 3 * DAY + 7 * HOUR
    monkeypatch.setattr("bot.replay.time.time", lambda: float(now))
    await follow()
    bars = [START + 2 * DAY, START + 3 * DAY]
    assert watched.done == [*[entry for at in bars for entry in (("step", at), ("settle", at))], ("advance", now)]
    assert market.now() == now
    watched.done.clear()
    await follow()
    assert watched.done == [("advance", now)]  # no bar twice
    assert market.now() == now + 1
