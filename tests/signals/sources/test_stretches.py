from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.signals.sources.source import stretches

SECONDS, WIDTHS = st.integers(0, 10**9), st.integers(1, 10**7)


@given(SECONDS, st.integers(0, 10**7), WIDTHS, st.integers(0, 10**5))
def test_stretches_cover_the_history_side_by_side(since: int, length: int, width: int, settling: int) -> None:
    width = max(width, length // 50 + 1)
    now = since + length
    found = list(stretches(since, now, width, settling))
    starts = [start for start, _ in found]
    assert starts == [since // width * width + number * width for number in range(len(starts))]
    assert not length or (starts[0] <= since and starts[-1] < now <= starts[-1] + width)
    assert all(until in (0, start + width) for start, until in found)
    assert all(bool(until) == (start + width + settling <= now) for start, until in found)


@given(SECONDS, st.integers(1, 10**7), st.integers(0, 10**6), WIDTHS)
def test_they_are_the_same_ones_later_and_what_was_over_stays_over(
    since: int, length: int, later: int, width: int
) -> None:
    width = max(width, length // 50 + 1, later // 50 + 1)
    before = list(stretches(since, since + length, width, 600))
    after = list(stretches(since, since + length + later, width, 600))
    for old, new in zip(before, after, strict=False):
        assert old[0] == new[0]
        assert old[1] in (0, new[1])
    assert len(after) >= len(before)
