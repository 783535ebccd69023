"""A curve in one line of text."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bot.signals.sparkline import sparkline


def test_a_curve_goes_from_lowest_to_highest_and_leaves_out_what_is_unknown() -> None:
    assert sparkline(np.array([0.0, 1.0, 2.0, np.nan, 7.0])) == "▁▂▃ █"
    assert sparkline(np.array([3.0, 3.0])) == "▅▅"
    assert sparkline(np.array([np.nan])) == " "
    assert sparkline(np.array([])) == ""


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=300), st.integers(1, 80))
def test_a_curve_is_never_wider_than_asked_for(values: list[float], width: int) -> None:
    assert len(sparkline(np.array(values, dtype=np.float64), width)) == min(len(values), width)
