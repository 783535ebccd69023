"""The feed serves the panel that was known at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.core.observation import Bar
from bot.core.panel import Panel
from bot.core.universe import Universe
from bot.errors import DataError
from bot.signals.catalogue import build_panel
from bot.signals.feed import CatalogueFeed, RefreshingFeed
from bot.signals.generator import STARS, generate
from bot.signals.store.signal_store import SignalStore

MakeUniverse = Callable[..., Universe]
DAY, START = 86_400, 1_600_041_600


async def test_the_feed_serves_what_was_known_and_nothing_later(make_universe: MakeUniverse) -> None:
    universe = make_universe("AAA", "BBB", topics={"AAA": {STARS: ("aaa/*",)}, "BBB": {STARS: ("bbb/*",)}})
    feed = CatalogueFeed(generate(1, ("AAA", "BBB"), 300, DAY, START), universe, "1d", (STARS,))
    assert feed.bar_seconds == DAY
    assert feed.times().tolist() == [START + DAY * bar for bar in range(300)]
    at = START + 100 * DAY + 7
    served = await feed.panel(at)
    known = build_panel(generate(1, ("AAA", "BBB"), 101, DAY, START), universe, "1d", (STARS,))
    assert served.times.tolist() == known.times.tolist()
    for name, values in known.fields.items():
        np.testing.assert_array_equal(served.fields[name], values)


async def test_the_feed_says_when_nothing_was_known_yet(make_universe: MakeUniverse) -> None:
    feed = CatalogueFeed(generate(1, ("AAA",), 10, DAY, START), make_universe("AAA"), "1d", ())
    with pytest.raises(DataError, match="no bar had closed by then"):
        await feed.panel(START - 1)


async def test_a_catalogue_that_is_replaced_on_disk_is_read_again(tmp_path: Path, make_universe: MakeUniverse) -> None:
    root = tmp_path / "catalogue"
    start = START
    short, longer = (generate(3, ("AAA", "BBB"), bars, DAY, start) for bars in (30, 31))
    short.write(root)
    feed = RefreshingFeed(root, make_universe("AAA", "BBB"), "1d", ())
    at = start + 40 * DAY
    assert len(await feed.panel(at)) == 30
    longer.write(root)
    assert len(await feed.panel(at)) == 31


async def test_a_catalogue_that_turns_bad_while_running_is_refused_by_name(
    tmp_path: Path, make_universe: MakeUniverse
) -> None:
    root = tmp_path / "catalogue"
    generate(3, ("AAA",), 30, DAY, START).write(root)
    feed = RefreshingFeed(root, make_universe("AAA"), "1d", ())
    (root / "catalogue.yaml").unlink()
    with pytest.raises(DataError, match="the catalogue cannot be read"):
        await feed.panel(START + DAY)


async def test_the_newest_signal_is_the_last_one_published_by_then(make_universe: MakeUniverse) -> None:
    data = generate(3, ("AAA",), 60, DAY, START)
    feed = CatalogueFeed(data, make_universe("AAA"), "1d", (STARS,))
    published = sorted({int(at.timestamp()) for at in data.signals(STARS)["published_at"]})
    assert feed.newest_signal(published[0] - 1) == 0
    assert feed.newest_signal(published[5]) == published[5]
    assert feed.newest_signal(published[6] - 1) == published[5]


async def test_a_store_that_grows_is_read_again(tmp_path: Path, make_universe: MakeUniverse) -> None:
    def bars(first: int, last: int) -> list[Bar]:
        times = [START + bar * DAY for bar in range(first, last)]
        return [Bar("binance", "AAA", "1d", at, 1.0, 1.1, 0.9, 1.0, 1e6, at) for at in times]

    store = SignalStore.open(tmp_path / "store", create=True)
    store.append(bars=bars(0, 30), received_at=START + 40 * DAY)
    feed = RefreshingFeed(store.root, make_universe("AAA"), "1d", ())
    at = START + 40 * DAY
    assert len(await feed.panel(at)) == 30
    store.append(bars=bars(30, 31), received_at=START + 40 * DAY)
    assert len(await feed.panel(at)) == 31


async def test_a_feed_serves_the_panel_that_it_was_told_to_make(make_universe: MakeUniverse) -> None:
    def halves(*given: Any) -> Panel:
        made = build_panel(*given)
        return Panel(made.times, made.venues, {**made.fields, "trend:x": made.fields["close"] / 2.0}, made.newest)

    feed = CatalogueFeed(generate(1, ("AAA",), 10, DAY, START), make_universe("AAA"), "1d", (), halves)
    panel = await feed.panel(START + 9 * DAY)
    np.testing.assert_array_equal(panel.fields["trend:x"], panel.fields["close"] / 2.0)
