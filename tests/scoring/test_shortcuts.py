"""What is reckoned in a quicker way is the same, to the last bit, as by its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from sklearn.impute import SimpleImputer

from bot.core.panel import Floats, Panel
from bot.scoring import spans as module
from bot.scoring.estimator import MedianImputer
from bot.scoring.features import features, ranked
from tests.strategies.properties import DAY, made_panel

few_values = st.sampled_from([-np.inf, -2.0, -0.0, 0.0, 1.0, 1.0 + 2**-52, 3.0, np.inf, np.nan])
tables = arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=7), elements=few_values)


def pairwise(values: Floats) -> Floats:
    """Ranks by comparing every venue of a row with every other."""
    found = np.full(values.shape, np.nan)
    for row, column in np.argwhere(np.isfinite(values)):
        here = values[row]
        others = np.isfinite(here).sum() - 1
        below, equal = (here < here[column]).sum(), (here == here[column]).sum() - 1
        found[row, column] = (below + 0.5 * equal) / max(others, 1) - 0.5 if others else 0.0
    return found


@given(tables)
def test_ranks_are_those_of_comparing_every_pair(values: Floats) -> None:
    assert ranked(values).tobytes() == pairwise(values).tobytes()


@pytest.mark.parametrize("bar_seconds", [3_600, DAY])
def test_features_of_even_bars_are_those_found_by_time(monkeypatch: pytest.MonkeyPatch, bar_seconds: int) -> None:
    made = made_panel(3, 800, 5, gaps=0.001)
    rows = np.arange(len(made), dtype=np.int64)
    panel = Panel(1_700_006_400 + bar_seconds * rows, made.venues, made.fields)
    quick = features(panel, bar_seconds)
    monkeypatch.setattr(module, "_rows_ago", lambda times, span: None)
    by_time = features(panel, bar_seconds)
    assert quick[0] == by_time[0]
    assert quick[1].tobytes() == by_time[1].tobytes()
    assert np.isfinite(quick[1]).any()


def test_bars_with_a_hole_are_never_counted_off() -> None:
    times = DAY * np.array([0, 1, 2, 4, 5], dtype=np.int64)
    assert module._rows_ago(times, DAY) is None
    assert module._rows_ago(times[:3], 2 * DAY) == 2
    assert module._rows_ago(times[:3], DAY // 2) is None
    assert module._rows_ago(times[:1], DAY) is None


@st.composite
def gappy(draw: st.DrawFn) -> tuple[Floats, Floats]:
    """Training rows in which every column holds a number, and rows to fill."""
    columns = draw(st.integers(1, 4))
    cells = st.one_of(st.floats(-1e6, 1e6), st.just(np.nan))
    train = draw(arrays(np.float64, (draw(st.integers(1, 12)), columns), elements=cells))
    train[0] = np.nan_to_num(train[0])
    return train, draw(arrays(np.float64, (3, columns), elements=cells))


@given(gappy())
def test_gaps_are_filled_as_scikit_learn_does_it(drawn: tuple[Floats, Floats]) -> None:
    train, later = drawn
    ours, theirs = MedianImputer().fit(train), SimpleImputer(strategy="median", add_indicator=True).fit(train)
    for rows in (train, later):
        expected = theirs.transform(rows)
        assert ours.transform(rows).shape == expected.shape
        np.testing.assert_array_equal(ours.transform(rows), expected)
