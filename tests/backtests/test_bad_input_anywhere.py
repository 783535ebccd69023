"""One corruption of a random kind at a random place: the refusal names the place, or the run is the documented one."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.fast import run_fast
from bot.config import load_config
from bot.core.panel import Floats, Panel
from bot.core.score import no_scores
from bot.errors import DataError
from bot.settings import settings_of, simulated_universe
from tests.backtests.bad_inputs import (
    ASSETS,
    DAYS,
    FRAMES,
    Place,
    Spoil,
    again,
    cell,
    market,
    moved,
    scaled,
    stamped,
    strategy_file,
    swapped,
    without,
)

MARKET = market()
CLOSES = MARKET["close"].to_numpy().reshape(len(ASSETS), DAYS).T

numbers = st.sampled_from([float("nan"), float("inf"), -float("inf"), 0.0, -1.0, -1e-9, 1e19])
corruptions: st.SearchStrategy[Spoil] = st.one_of(
    st.builds(cell, st.sampled_from(["open", "high", "low", "close"]), numbers),
    st.builds(cell, st.just("volume"), st.sampled_from([float("nan"), float("inf"), -1.0, 1e19, 2.0**63])),
    st.builds(scaled, st.sampled_from([1e3, 1e6, 1e-3, 1e-6, 1e18]), st.integers(1, DAYS)),
    st.builds(moved, st.integers(1, 86_399).map(lambda seconds: pd.Timedelta(seconds, unit="s"))),
    st.builds(moved, st.integers(1, DAYS).map(lambda days: -pd.Timedelta(days, unit="D"))),
    st.builds(stamped, st.sampled_from(["1970-01-01", "1970-01-20 18:10", "2055-05-05", "2090-01-01"])),
    st.builds(again, st.sampled_from([1.0, 1.1, 0.5])),
    st.just(swapped),
)
places = st.builds(Place, st.integers(0, len(ASSETS) - 1), st.integers(1, DAYS - 2))


@settings(max_examples=150, deadline=None)
@given(corruptions, places)
def test_a_corruption_anywhere_is_refused_by_asset_and_time(spoil: Spoil, place: Place) -> None:
    """The time told is the bad bar's, or of a neighbour: which of two bars is wrong nobody can tell."""
    with TemporaryDirectory() as folder, pytest.raises(DataError) as caught:
        FRAMES.backtest(Path(folder), spoil(MARKET.copy(), place))
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(f"prices/1d/{place.name}.parquet: {place.name}: ")
    spoiled = spoil(MARKET.copy(), place)["time"]
    near = {Place(place.asset, place.day + step).time for step in (-1, 0, 1)}
    near |= {f"{time:%Y-%m-%d %H:%M} UTC" for time in spoiled.loc[place.row - 1 : place.row + 1]}
    assert any(time in line for time in near), line


def carried(close: Floats, missing: range) -> Floats:
    """(T,) what is known of a series without the rows `missing`: two bars carried, written out row by row."""
    told = np.full(len(close), np.nan)
    for row in range(len(close)):
        seen = [before for before in range(row + 1) if before not in missing]
        if seen and row - seen[-1] <= 2:
            told[row] = close[seen[-1]]
    return told


@settings(max_examples=40, deadline=None)
@given(places, st.integers(1, DAYS))
def test_missing_bars_anywhere_are_the_documented_run_and_touch_no_other_asset(place: Place, days: int) -> None:
    with TemporaryDirectory() as folder:
        found = FRAMES.panel(Path(folder), without(days)(MARKET.copy(), place))
        run = FRAMES.backtest(Path(folder), without(days)(MARKET.copy(), place)).run
        config = load_config(strategy_file(Path(folder)))
    close = np.column_stack([np.ones(DAYS), CLOSES])
    close[:, place.asset + 1] = carried(CLOSES[:, place.asset], range(place.day, place.day + days))
    np.testing.assert_array_equal(found.close, close)
    panel = Panel(found.times.copy(), found.venues, {"close": close, "volume": np.zeros(close.shape)})
    made = settings_of(config, simulated_universe(config))
    expected = run_fast(made, config, panel, no_scores(DAYS, 4), int(panel.times[0]), int(panel.times[-1]))
    np.testing.assert_array_equal(run.nav, expected.nav)
    left = DAYS - place.day
    if place.day + days < DAYS:
        assert f"{place.name}: gap, {days} bars" in run.notes[0]
    elif left > 7:
        assert f"{place.name}: ends {left} days before the data" in run.notes[0]
    else:  # nobody can tell yet; but a run that could not trade there says so
        assert bool(run.notes) == (left > 2)
