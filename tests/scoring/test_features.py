"""Features: what they are worth, and that they know nothing but the past."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.panel import Floats, Panel
from bot.scoring.features import LOOKBACK_DAYS, demeaned, features, ranked
from tests.strategies.properties import DAY, made_panel, panels, tampered

START = 1_700_006_400


def panel_of(close: Floats, bar_seconds: int = DAY, **fields: Floats) -> Panel:
    """A panel of these prices, idle in front, volume 1 unless given."""
    rows, venues = close.shape
    columns = {"close": close, "volume": fields.pop("volume", np.ones_like(close))}
    columns |= {f"signal:{name}": values for name, values in fields.items()}
    idle = {name: np.full((rows, 1), 1.0 if name == "close" else np.nan) for name in columns}
    return Panel(
        START + bar_seconds * np.arange(rows, dtype=np.int64),
        ("idle", *(f"v{number}" for number in range(venues))),
        {name: np.hstack([idle[name], values]) for name, values in columns.items()},
    )


def feature(panel: Panel, name: str, bar_seconds: int = DAY) -> Floats:
    names, values = features(panel, bar_seconds)
    return values[:, :, names.index(name)]


@pytest.mark.parametrize("bar_seconds", [3_600, DAY])
def test_returns_are_logarithmic_over_calendar_days_whatever_the_bar(bar_seconds: int) -> None:
    per_day = DAY // bar_seconds
    days = np.arange(30 * per_day + 1) / per_day
    panel = panel_of(np.exp(0.01 * days)[:, None], bar_seconds)
    for span in (1, 7, 28):
        found = feature(panel, f"return_{span}d", bar_seconds)[:, 1]
        assert np.isnan(found[: span * per_day]).all()
        np.testing.assert_allclose(found[span * per_day :], 0.01 * span, rtol=1e-9)


def test_volatility_is_the_root_mean_square_of_28_daily_log_returns() -> None:
    steps = np.random.default_rng(0).normal(0.0, 0.05, 40)
    found = feature(panel_of(np.exp(np.cumsum(steps))[:, None]), "volatility_28d")[:, 1]
    assert np.isnan(found[:LOOKBACK_DAYS]).all()
    assert found[-1] == pytest.approx(np.sqrt(np.mean(steps[-28:] ** 2)))


@pytest.mark.parametrize("bar_seconds", [3_600, DAY])
def test_volume_change_compares_a_week_with_the_week_before(bar_seconds: int) -> None:
    per_day = DAY // bar_seconds
    volume = np.where(np.arange(14 * per_day) < 7 * per_day, 10.0, 30.0)[:, None]
    panel = panel_of(np.ones_like(volume), bar_seconds, volume=volume)
    found = feature(panel, "volume_change_7d", bar_seconds)[:, 1]
    assert np.isnan(found[:-1]).all()
    assert found[-1] == pytest.approx(np.log(3.0))


def test_acceleration_is_this_week_s_growth_less_last_week_s() -> None:
    level = np.where(np.arange(15) <= 7, 1.02 ** np.arange(15), 1.02**7 * 1.05 ** (np.arange(15) - 7.0))
    panel = panel_of(np.ones((15, 1)), stars=(1e9 * level)[:, None])
    assert feature(panel, "signal:stars:growth_7d")[-1, 1] == pytest.approx(7 * np.log(1.05))
    assert feature(panel, "signal:stars:growth_14d")[-1, 1] == pytest.approx(7 * np.log(1.05 * 1.02))
    assert feature(panel, "signal:stars:acceleration")[-1, 1] == pytest.approx(7 * np.log(1.05 / 1.02))


def test_ranks_share_ties_and_ignore_what_is_unknown() -> None:
    values = np.array([[np.nan, 3.0, 1.0, 3.0, 7.0], [np.nan, 2.0, np.nan, np.nan, np.nan]])
    np.testing.assert_array_equal(
        ranked(values), [[np.nan, 0.0, -0.5, 0.0, 0.5], [np.nan, 0.0, np.nan, np.nan, np.nan]]
    )
    np.testing.assert_array_equal(demeaned(values)[0], [np.nan, -0.5, -2.5, -0.5, 3.5])


def test_a_missing_bar_makes_what_would_need_it_unknown_and_nothing_else() -> None:
    whole = panel_of(np.exp(np.random.default_rng(1).normal(0.0, 0.1, (20, 2))))
    kept = np.delete(np.arange(20), 10)
    holed = Panel(whole.times[kept], whole.venues, {k: v[kept] for k, v in whole.fields.items()})
    full, found = feature(whole, "return_7d")[kept], feature(holed, "return_7d")
    unknown = kept == 17
    assert np.isnan(found[unknown, 1:]).all()
    np.testing.assert_array_equal(found[~unknown], full[~unknown])


def test_idle_and_unlisted_venues_have_no_features() -> None:
    panel = made_panel(seed=2, rows=45, venues=4, gaps=0.3)
    values = features(panel, DAY)[1]
    assert np.isnan(values[:, 0]).all()
    assert np.isnan(values[~panel.listed]).all()
    assert np.isfinite(values[-1]).any()


@settings(max_examples=15, deadline=None)
@given(panel=panels(), cut=st.integers(1, 33), seed=st.integers(0, 99))
def test_later_rows_change_no_earlier_row(panel: Panel, cut: int, seed: int) -> None:
    whole = features(panel, DAY)[1][:cut]
    np.testing.assert_array_equal(features(panel.rows(0, cut), DAY)[1], whole)
    np.testing.assert_array_equal(features(tampered(panel, cut, seed), DAY)[1][:cut], whole)


@settings(max_examples=15, deadline=None)
@given(panel=panels(), extra=st.integers(0, 4))
def test_rows_need_no_more_than_lookback(panel: Panel, extra: int) -> None:
    start = len(panel) - 1 - LOOKBACK_DAYS - extra
    recent = features(panel.rows(start, len(panel)), DAY)[1]
    np.testing.assert_array_equal(recent[-1], features(panel, DAY)[1][-1])


@settings(max_examples=15, deadline=None)
@given(panel=panels(), data=st.data())
def test_order_of_columns_does_not_matter(panel: Panel, data: st.DataObject) -> None:
    order = ("idle", *data.draw(st.permutations(panel.venues[1:])))
    index = [panel.venues.index(venue) for venue in order]
    np.testing.assert_array_equal(features(panel.columns(order), DAY)[1], features(panel, DAY)[1][:, index])
