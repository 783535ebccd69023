"""The ports of a backtest in memory: what was highest since when, and no more of the panel than is looked at."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from backtests.simulated import MemoryJournal, PanelFeed
from bot.core.report import HELD, CycleReport
from tests.backtests.markets import DAY, panel_of, walk

EMPTY = CycleReport(1, 0, 0, HELD, "", 0, 0, (), (), (), ())
values = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=20)


@given(values, st.integers(-1, 70))
def test_the_high_water_mark_is_the_highest_value_reported_since(drawn: list[tuple[int, int]], since: int) -> None:
    async def peak() -> int:
        journal, at = MemoryJournal(), 0
        for later, nav in drawn:
            at += later
            await journal.report(replace(EMPTY, at=at, nav=nav))
        reported = [report.nav for report in journal.reports if report.at >= since]
        assert await journal.high_water_mark(since) == max(reported, default=0)
        return await journal.high_water_mark(at + 1)

    assert asyncio.run(peak()) == 0, "nothing was reported after the last one"


async def test_a_feed_shows_the_newest_rows_and_nothing_published_later() -> None:
    whole = panel_of(walk(30, 2))
    at = int(whole.times[19]) + DAY // 2
    everything, recent = await PanelFeed(whole).panel(at), await PanelFeed(whole, 5).panel(at)
    assert len(everything) == 20
    np.testing.assert_array_equal(recent.times, whole.times[15:20])
    np.testing.assert_array_equal(recent.close, everything.close[-5:])
    assert len(await PanelFeed(whole, 5).panel(int(whole.times[0]) - 1)) == 0
