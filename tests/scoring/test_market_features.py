"""Market features and those of optional fields: what they are worth, and that they know nothing but the past."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.panel import Floats, Panel
from bot.scoring.features import BASIC_FEATURES, features, lookback_days
from bot.scoring.market_features import FIELD_FEATURES, MARKET_FEATURES, field_features, market_features
from tests.scoring.test_features import panel_of
from tests.strategies.properties import DAY, made_panel, tampered

FORMS = ("", ":demeaned", ":rank")


def full_panel(seed: int, rows: int = 100, venues: int = 4, gaps: float = 0.02) -> Panel:
    """A panel that has every optional field."""
    panel = made_panel(seed, rows, venues, gaps)
    random = np.random.default_rng(seed + 1)

    def field(scale: float) -> Floats:
        values = scale * np.exp(random.normal(0.0, 0.3, panel.close.shape))
        values[random.random(values.shape) < gaps] = np.nan
        return values

    more = {
        "pool:depth": field(1e6),
        "pool:fees": field(1e3),
        "income:royalties": field(0.01),
        "trend:persistence": field(0.1),
        "trend:sources": field(2.0),
    }
    return replace(panel, times=panel.times.copy(), fields={**panel.fields, **more})


def market(panel: Panel, name: str, bar_seconds: int = DAY) -> Floats:
    return market_features(panel, bar_seconds)[name]


def test_momentum_and_reversal_are_log_returns_over_their_spans() -> None:
    panel = panel_of(np.exp(0.01 * np.arange(90.0))[:, None])
    assert market(panel, "momentum_84d")[-1, 1] == pytest.approx(0.84)
    assert np.isnan(market(panel, "momentum_84d")[83, 1])
    assert market(panel, "momentum_28d_less_7d")[-1, 1] == pytest.approx(0.21)
    assert market(panel, "reversal_3d")[-1, 1] == pytest.approx(-0.03)


def test_volatility_change_is_above_zero_where_the_market_woke_up() -> None:
    steps = np.where(np.arange(40) < 33, 0.01, 0.1) * np.where(np.arange(40) % 2, 1.0, -1.0)
    panel = panel_of(np.exp(np.cumsum(steps))[:, None])
    assert market(panel, "volatility_7d")[-1, 1] == pytest.approx(0.1)
    assert market(panel, "volatility_change")[-1, 1] == pytest.approx(
        np.log(0.1 / np.sqrt((7 * 0.01 + 21 * 1e-4) / 28))
    )


@pytest.mark.parametrize("bar_seconds", [3_600, DAY])
def test_illiquidity_is_what_a_unit_of_money_moves(bar_seconds: int) -> None:
    days = np.arange(30 * DAY // bar_seconds) * bar_seconds / DAY
    volume = np.full((len(days), 1), 500.0 * bar_seconds / DAY)
    panel = panel_of(np.exp(0.02 * days)[:, None], bar_seconds, volume=volume)
    assert market(panel, "illiquidity_28d", bar_seconds)[-1, 1] == pytest.approx(np.log(0.02 / 500.0), abs=1e-6)


def test_a_day_without_volume_makes_illiquidity_unknown_and_never_infinite() -> None:
    volume = np.full((40, 1), 10.0)
    volume[35] = 0.0
    panel = panel_of(np.exp(0.01 * np.arange(40.0))[:, None], volume=volume)
    assert np.isnan(market(panel, "illiquidity_28d")[-1, 1])


def test_fees_and_income_are_shares_of_depth_and_price() -> None:
    panel = full_panel(1, gaps=0.0)
    found = field_features(panel, DAY)
    last = slice(-7, None)
    fees, depth = panel.fields["pool:fees"], panel.fields["pool:depth"]
    np.testing.assert_allclose(found["pool:fee_yield_7d"][-1], fees[last].sum(axis=0) / depth[-1])
    np.testing.assert_allclose(found["pool:depth_change_7d"][-1], np.log(depth[-1] / depth[-8]))
    income = panel.fields["income:royalties"]
    np.testing.assert_allclose(found["income:royalties:yield_28d"][-1], income[-28:].sum(axis=0) / panel.close[-1])
    growth = np.log(income[-14:].sum(axis=0) / income[-28:-14].sum(axis=0))
    np.testing.assert_allclose(found["income:royalties:growth_14d"][-1], growth)
    assert found["trend:persistence"] is panel.fields["trend:persistence"]


def test_how_many_sources_speak_is_learned_from_by_nobody() -> None:
    names = features(full_panel(1), DAY, "market")[0]
    assert "trend:persistence" in names
    assert not [name for name in names if "sources" in name]


def test_the_catalogue_names_every_feature_and_no_other() -> None:
    def generic(name: str) -> str:
        for known, shown in (("signal:stars", "signal:<source>"), ("trend:persistence", "trend:<name>")):
            name = name.replace(known, shown)
        return name.replace("income:royalties", "income:<name>")

    for chosen, catalogue in (("basic", BASIC_FEATURES), ("market", BASIC_FEATURES + MARKET_FEATURES)):
        names = features(full_panel(1), DAY, chosen)[0]  # type: ignore[arg-type]  # a literal of the tuple
        assert len(set(names)) == len(names)
        known = {feature.name for feature in (*catalogue, *FIELD_FEATURES)}
        assert {generic(name) for name in names} == {name + form for name in known for form in FORMS}
        assert max(feature.lookback_days for feature in catalogue) == lookback_days(chosen)  # type: ignore[arg-type]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 999), cut=st.integers(1, 99))
def test_later_rows_change_no_earlier_row(seed: int, cut: int) -> None:
    panel = full_panel(seed)
    whole = features(panel, DAY, "market")[1][:cut]
    np.testing.assert_array_equal(features(panel.rows(0, cut), DAY, "market")[1], whole)
    np.testing.assert_array_equal(features(tampered(panel, cut, seed), DAY, "market")[1][:cut], whole)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 999))
def test_each_feature_needs_its_lookback_and_no_more(seed: int) -> None:
    panel = full_panel(seed, gaps=0.0)
    names, whole = features(panel, DAY, "market")
    lookback = {
        feature.name.replace("<source>", "stars").replace("income:<name>", "income:royalties"): feature.lookback_days
        for feature in (*BASIC_FEATURES, *MARKET_FEATURES, *FIELD_FEATURES)
    }
    for days in sorted(set(lookback.values())):
        recent = features(panel.rows(len(panel) - 1 - days, len(panel)), DAY, "market")[1][-1]
        for column, name in enumerate(names):
            base = name.removesuffix(":rank").removesuffix(":demeaned").replace("trend:persistence", "trend:<name>")
            if lookback[base] <= days:
                np.testing.assert_array_equal(recent[:, column], whole[-1, :, column], err_msg=name)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 999), data=st.data())
def test_order_of_columns_does_not_matter(seed: int, data: st.DataObject) -> None:
    panel = full_panel(seed)
    order = ("idle", *data.draw(st.permutations(panel.venues[1:])))
    places = [panel.venues.index(venue) for venue in order]
    moved = features(panel.columns(order), DAY, "market")[1]
    np.testing.assert_array_equal(moved, features(panel, DAY, "market")[1][:, places])
