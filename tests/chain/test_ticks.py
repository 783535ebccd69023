from __future__ import annotations

import pytest

from bot.chain.ticks import TickMap, Wanted
from bot.core.amm.tick_math import MAX_TICK, MIN_TICK


@pytest.mark.parametrize("spacing", [1, 10, 60, 200])
@pytest.mark.parametrize("tick", [MIN_TICK, -276_325, -1, 0, 1, 255, 887_000, MAX_TICK])
def test_the_words_that_are_read_surround_the_price(spacing: int, tick: int) -> None:
    wanted = Wanted("0x", tick, spacing)
    low, high = wanted.edges()
    assert MIN_TICK <= low <= tick <= high <= MAX_TICK
    words = wanted.words()
    assert len(words) <= 130
    full = MAX_TICK // spacing
    assert words[0] <= -full >> 8 or words[0] * 256 * spacing == low
    assert words[-1] >= full >> 8 or (words[-1] * 256 + 255) * spacing == high
    if spacing >= 60:
        assert (low, high) == (MIN_TICK, MAX_TICK)


def test_a_window_is_read_anew_before_the_price_leaves_it() -> None:
    window = TickMap((), (), lower=-10_000, upper=10_000, block=1)
    assert window.covers(0, spacing=1)
    assert not window.covers(8_000, spacing=1)
    assert not window.covers(-8_000, spacing=1)
    whole = TickMap((), (), MIN_TICK, MAX_TICK, block=1)
    assert whole.covers(MAX_TICK - 1, spacing=60)
