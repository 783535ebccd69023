"""The feed serves the panel that was known at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bot.core.universe import Universe
from bot.errors import DataError
from bot.signals.catalogue import build_panel
from bot.signals.feed import CatalogueFeed
from bot.signals.generator import STARS, generate

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
