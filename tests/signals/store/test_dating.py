"""A source that is a day off is caught by another one of the same thing; what merely differs is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.panel import Floats
from bot.signals.catalogue import Catalogue
from bot.signals.importer import import_directory
from bot.signals.store.dating import Track, compared, findings, track, tracks_of
from tests.recordings import recorded_data

DAY = 86_400
Frames = dict[tuple[str, str], pd.DataFrame]


def walk(seed: int, days: int = 200) -> Floats:
    return np.asarray(np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0, 0.04, days))))


def told(source: str, values: Floats, shift: int = 0) -> Track:
    return Track(source, "price of FET", np.arange(19_000, 19_000 + len(values)) + shift, values)


@given(st.integers(-2, 2), st.integers(0, 50), st.floats(0.0, 0.01))
def test_the_late_one_is_named_by_so_many_days(shift: int, seed: int, noise: float) -> None:
    values = walk(seed)
    other = values * np.exp(np.random.default_rng(seed + 1).normal(0.0, noise, len(values)))
    found = compared(told("one", values), told("other", other, shift))
    if shift == 0:
        assert found is None
    else:
        assert found is not None
        assert (found.late, found.against) == (("other", "one") if shift > 0 else ("one", "other"))
        assert found.days == abs(shift)


def test_what_is_not_the_same_thing_is_not_compared_into_one() -> None:
    market = np.random.default_rng(1).normal(0.0, 0.02, 200)
    one, other = (np.exp(np.cumsum(market + np.random.default_rng(seed).normal(0.0, 0.04, 200))) for seed in (2, 3))
    assert compared(told("one", one), told("other", other, 1)) is None  # related, and not one thing told twice
    assert compared(told("one", walk(4)), told("other", walk(5))) is None


def test_too_little_in_common_says_nothing() -> None:
    values = walk(6, 25)
    assert compared(told("one", values), told("other", values, 1)) is None
    assert compared(told("one", np.ones(100)), told("other", np.ones(100), 1)) is None
    assert compared(told("one", walk(6)), told("other", walk(6), 5_000)) is None


def test_a_midnight_belongs_to_the_day_that_it_ends() -> None:
    made = track("one", "x", np.array([DAY, DAY + 1, 2 * DAY - 1, 2 * DAY]), np.array([1.0, 2.0, 3.0, 4.0]))
    assert (made.days.tolist(), made.values.tolist()) == ([1, 2], [1.0, 4.0])


def frames_of(hourly: Floats, start: str) -> Frames:
    """Hourly bars that close at those prices, and the daily bars that they add up to."""
    times = pd.date_range(start, periods=len(hourly), freq="h", tz="UTC").as_unit("us")
    bars = pd.DataFrame({"time": times, **dict.fromkeys(("open", "high", "low", "close"), hourly), "volume_quote": 1.0})
    daily = bars[bars["time"] == bars["time"].dt.normalize()].reset_index(drop=True)
    return {("1h", "FET"): bars, ("1d", "FET"): daily}


def test_daily_bars_stamped_with_their_open_are_caught_beside_hourly_ones() -> None:
    frames = frames_of(walk(7, 24 * 60), "2024-01-01 01:00")
    assert findings(tracks_of(Catalogue.of("made", "recorded", frames, {}))) == []
    early = frames["1d", "FET"].assign(time=frames["1d", "FET"]["time"] - pd.Timedelta("1D"))
    (found,) = findings(tracks_of(Catalogue.of("made", "recorded", {**frames, ("1d", "FET"): early}, {})))
    assert found.severity == "error"
    assert found.file == "prices/1h"
    assert found.problem.startswith("dated 1 day late against prices/1d (or that one early)")
    assert found.asset == "price of FET"


def test_signals_of_one_metric_from_two_sources_are_compared() -> None:
    def frame(shift: int) -> pd.DataFrame:
        days = pd.date_range("2024-01-01", periods=100, tz="UTC").as_unit("us") + pd.Timedelta(shift, unit="D")
        topic = pd.Series(["Owner/Name"] * 100, dtype="str")
        return pd.DataFrame({"topic": topic, "value": walk(8, 100), "observed_at": days, "published_at": days})

    signals = {"github_stars": frame(0), "ossinsight_stars": frame(1), "github_forks": frame(2)}
    (found,) = findings(tracks_of(Catalogue.of("made", "recorded", {}, signals)))
    assert (found.file, found.asset) == ("ossinsight_stars", "stars of owner/name")


@pytest.fixture(scope="module")
def binance(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """Hours and days of 2024: recorded where the recordings are at hand, else made by `frames_of`."""
    data = recorded_data()
    if data is None:
        return Catalogue.of("made", "recorded", frames_of(walk(9, 24 * 90), "2024-01-01 01:00"), {})
    folder = tmp_path_factory.mktemp("binance")
    import_directory(data / "genetrader_binance", folder / "data")
    return Catalogue.open(folder / "data")


def test_recorded_hours_and_days_agree_until_one_is_shifted(binance: Catalogue) -> None:
    tracks = list(tracks_of(binance))
    assert findings(tracks) == []
    days = [each for each in tracks if each.source == "prices/1d"]
    late = [Track("prices/1d", each.what, each.days + 1, each.values) for each in days]
    (found,) = findings([each for each in tracks if each.source == "prices/1h"] + late)
    assert found.file == "prices/1d"
    assert "dated 1 day late against prices/1h" in found.problem
    assert found.count >= 0.95 * len(days)
