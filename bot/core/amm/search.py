"""Where an exact integer condition stops to hold, found with few evaluations of something costly such as a swap."""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt

_MOST_STEPS = 1_000  # far more than a uint256's range ever needs


def last_accepted(
    excess: Callable[[int], int | None],
    low: int,
    high: int,
    low_excess: int,
    high_excess: int | None,
    tolerance: int = 1,
) -> int:
    """A number that is accepted and above which, within `tolerance`, one is refused.

    excess: at most 0 where a number is accepted, above 0 or None where it is refused. 0 <= low < high: one accepted
    and one refused, with their excesses; neither is evaluated again. Where the excess rises all the way this is the
    greatest accepted number to within the tolerance. The false position method with the Illinois rule (Dowell and
    Jarratt, 1971) proposes, in whole numbers; where two proposals do not halve the bracket its geometric middle is
    taken.
    """
    below, above = _centred(low_excess), None if high_excess is None else _centred(high_excess)
    side, width_before = 0, high - low
    for step in range(_MOST_STEPS):
        width = high - low
        if width <= tolerance:
            break
        stuck = step % 2 == 0 and step > 0 and width * 2 > width_before
        if step % 2 == 0:
            width_before = width
        if above is None or stuck:
            middle = isqrt(low * high) if low else low + width // 2
        else:
            middle = low + width * -below // (above - below)
        middle = min(max(middle, low + 1), high - 1)
        found = excess(middle)
        if found is not None and found <= 0:
            low, below = middle, _centred(found)
            if side == -1 and above is not None:
                above = above // 2 + 1
            side = -1
        else:
            high, above = middle, None if found is None else _centred(found)
            if side == 1:
                below = below // 2
            side = 1
    return low


def _centred(excess: int) -> int:
    """Twice the excess less one: what is accepted by nothing to spare lies as far from the edge as what is just not."""
    return 2 * excess - 1
