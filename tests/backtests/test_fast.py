"""The fast rung against the exact one, and the rules that it must keep by itself."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from backtests.fast import benchmarks, buy_and_hold, run_fast
from backtests.replay import run_replay
from backtests.run import Run, run_from_reports
from bot.core.panel import Floats, Panel
from bot.core.score import Scores, no_scores
from bot.core.strategy import all_idle
from bot.errors import DataError
from bot.paper import GAS_BASE, GAS_PER_LEG
from bot.ports import Scorer
from tests.backtests.markets import DAY, START, config_of, panel_of, settings_for, walk, wanted


class Silent:
    """A scorer without a model."""

    async def score(self, panel: Panel) -> Scores:
        return no_scores(1, len(panel.venues))


def fast(panel: Panel, weights: Floats | None = None, first: int | None = None, **sections: object) -> Run:
    config = config_of(len(panel.venues) - 1, **sections)
    scores = no_scores(len(panel), len(panel.venues))
    since = int(panel.times[0]) if first is None else first
    return run_fast(settings_for(config, weights), config, panel, scores, since, int(panel.times[-1]))


def late_and_gone(rows: int) -> Panel:
    """Five venues; the third is listed late, the fourth loses its price."""
    close = walk(rows, 5)
    close[: rows // 3, 2] = np.nan
    close[rows // 2 :, 3] = np.nan
    return panel_of(close)


def test_fast_rung_follows_the_exact_replay_when_there_is_no_noise() -> None:
    panel = late_and_gone(60)
    limits = {"max_venue": "30 %", "min_trade": "250 USDC", "max_loss": "45 bps"}
    brake = {"drawdown_brake": "6 %", "drawdown_window": "10d"}
    config = config_of(5, limits=limits, capital="400000 USDC", policy=brake)
    settings = settings_for(config)  # equal weight: what it wants follows from the prices in either engine
    scorer: Scorer = Silent()
    first, last = int(panel.times[0]), int(panel.times[-1])
    replayed = asyncio.run(run_replay(settings, config, panel, scorer, first, last))
    exact = run_from_reports(replayed.reports, settings.universe, 6, 3_000 / 1e18, "exact", "replay")
    quick = run_fast(settings, config, panel, no_scores(60, 6), first, last)
    assert len(exact.trades) > 20
    assert quick.trades["venue"].tolist() == exact.trades["venue"].tolist()
    assert quick.trades["side"].tolist() == exact.trades["side"].tolist()
    np.testing.assert_allclose(quick.trades["money"], exact.trades["money"], rtol=1e-5)
    np.testing.assert_allclose(quick.trades["units"], exact.trades["units"], rtol=1e-5)
    np.testing.assert_allclose(quick.nav, exact.nav, rtol=1e-7)
    np.testing.assert_allclose(quick.held, exact.held, atol=1e-6)
    np.testing.assert_allclose(quick.fees, exact.fees, atol=0.01)
    np.testing.assert_allclose(quick.turnover, exact.turnover, atol=1e-6)
    np.testing.assert_allclose(quick.gas, exact.gas)


def test_limits_hold_after_every_cycle() -> None:
    panel = panel_of(walk(80, 4))
    run = fast(panel, wanted(panel), limits={"max_venue": "25 %", "min_idle": "10 %"}, policy={"max_turnover": "15 %"})
    assert 0.149 < run.turnover.max() <= 0.15 + 1e-8  # weights become money in parts of a billion
    bought = run.target[:, 1:] > run.held[:, 1:] + 1e-12
    assert bought.any()
    assert run.target[:, 1:][bought].max() <= 0.25 + 1e-12
    assert (run.target[bought.any(axis=1), 0] >= 0.10 - 1e-12).all()
    np.testing.assert_allclose(run.target.sum(axis=1), 1.0)
    np.testing.assert_allclose(run.held.sum(axis=1), 1.0)


def test_nothing_is_bought_before_it_is_listed() -> None:
    panel = late_and_gone(60)
    run = fast(panel)
    listed = int(panel.times[20])
    bought = run.trades[run.trades["venue"] == "v3"]
    assert len(bought)
    assert bought["time"].min() == listed
    assert np.isnan(run.prices[19, 3])
    assert run.prices[20, 3] == panel.close[20, 3]


def test_a_venue_that_lost_its_price_is_not_traded_and_ends_at_nothing() -> None:
    panel = late_and_gone(70)
    run = fast(panel, policy={"max_turnover": "2 %"})
    assert run.held[34, 4] > 0.0
    assert not ((run.trades["venue"] == "v4") & (run.trades["time"] >= panel.times[35])).any()
    assert (run.prices[35:65, 4] == run.prices[35, 4]).all()
    assert run.held[64, 4] > 0.0
    # The last price is of day 34: 30 days later it is still counted, and after that it is not.
    assert (run.prices[65:, 4] == 0.0).all()
    assert (run.held[65:, 4] == 0.0).all()
    told = [(at, why) for at, why in run.reasons if why.startswith("v4")]
    assert told[0] == (int(panel.times[35]), "v4: no price: nothing can be traded")


def test_brake_stops_entries_until_the_high_water_mark_is_forgotten() -> None:
    close = np.ones((40, 1))
    close[10:, 0] = 0.5
    panel = panel_of(close)
    weights = np.tile([0.5, 0.5], (40, 1))
    braked = {"drawdown_brake": "10 %", "drawdown_window": "20d", "max_turnover": "50 %"}
    run = fast(panel, weights, policy=braked, limits={"max_venue": "60 %"})
    buys = (run.trades["time"].to_numpy() - START) // DAY
    assert buys[0] == 0
    assert not ((buys >= 10) & (buys < 30)).any()
    # The last cycle at the old height is on day 9; it counts up to and including day 29.
    assert buys[buys >= 10].min() == 30


def test_a_leg_that_is_too_dear_is_cut_or_left_out_with_a_reason() -> None:
    panel = panel_of(np.ones((2, 1)))
    weights = np.tile([0.5, 0.5], (2, 1))
    free = {"policy": {"max_turnover": "100 %"}, "capital": "1000000 USDC"}
    cut = fast(panel, weights, limits={"max_venue": "60 %", "max_loss": "200 bps"}, **free)
    assert 10_000 < cut.trades["money"].iloc[0] < 500_000
    assert cut.trades["cost_bps"].iloc[0] == pytest.approx(200, rel=1e-9)
    none = fast(panel, weights, limits={"max_venue": "60 %", "max_loss": "4 bps"}, **free)  # the pool's fee is 5
    assert none.trades.empty
    assert none.reasons[0] == (START, "v1: costs more than max_loss at any size")


def test_a_cycle_comes_every_so_often_after_the_first_bar() -> None:
    panel = panel_of(walk(100, 2), step=3_600)
    run = fast(panel, every="6h", first=START + 2 * 3_600)
    np.testing.assert_array_equal(run.times, START + 3_600 * np.arange(2, 100, 6))


def test_history_before_the_run_changes_nothing() -> None:
    panel = panel_of(walk(60, 3))
    whole = fast(panel, first=int(panel.times[25]))
    part = fast(panel.rows(25, 60))
    np.testing.assert_array_equal(whole.nav, part.nav)


def test_gas_is_what_the_paper_market_burns_times_the_files_prices() -> None:
    run = fast(panel_of(walk(30, 3)), costs={"gas_price": "7 gwei", "native_price": "2000 USDC"})
    legs = run.trades.groupby("time").size().reindex(run.times, fill_value=0).to_numpy()
    expected = np.where(legs > 0, (GAS_BASE + GAS_PER_LEG * legs) * 7e-9 * 2_000, 0.0)
    assert legs.max() > 1
    np.testing.assert_allclose(run.gas, expected)


def test_scores_stand_beside_the_trades_they_caused() -> None:
    panel = panel_of(walk(30, 3))
    config = config_of(3)
    expected = np.arange(30.0 * 4).reshape(30, 4)
    scores = Scores(expected, expected, expected, ("digest",) * 30)
    run = run_fast(settings_for(config), config, panel, scores, START, int(panel.times[-1]))
    for trade in run.trades.itertuples():
        assert trade.score == expected[(trade.time - START) // DAY, run.venues.index(trade.venue)]


@pytest.mark.parametrize("price", [0.0, -1.0, np.inf])
def test_refuses_a_price_that_is_none_and_names_asset_and_day(price: float) -> None:
    close = walk(10, 2)
    close[3, 1] = price
    panel = panel_of(close)
    with pytest.raises(DataError, match=r"v2: close at 2024-01-04: a price is a finite number above zero"):
        fast(panel, all_idle(panel))


def test_refuses_an_idle_price_other_than_one() -> None:
    panel = panel_of(walk(10, 2))
    close = panel.close.copy()
    close[5, 0] = np.nan
    with pytest.raises(DataError, match="idle: close at 2024-01-06: the price of idle is 1"):
        fast(replace(panel, fields={**panel.fields, "close": close}), all_idle(panel))


def test_refuses_a_window_without_bars() -> None:
    panel = panel_of(walk(10, 2))
    with pytest.raises(DataError, match="no bar between 2024-02-01 and 2024-01-10; the data has bars from 2024-01-01"):
        fast(panel, first=START + 31 * DAY)


def test_refuses_targets_that_are_no_weights() -> None:
    panel = panel_of(walk(10, 2))
    with pytest.raises(DataError, match="strategy given: targets in row 0 are not weights"):
        fast(panel, np.full((10, 3), 0.5))


def test_refuses_a_panel_of_another_universe() -> None:
    panel = panel_of(walk(10, 2))
    with pytest.raises(DataError, match="the panel's venues are idle, v2, v1, the universe's idle, v1, v2"):
        fast(panel.columns(("idle", "v2", "v1")))


def test_buy_and_hold_buys_once_and_never_again() -> None:
    panel = late_and_gone(60)
    config = config_of(5)
    run = buy_and_hold(settings_for(config), config, panel, START, int(panel.times[-1]))
    assert run.trades["time"].unique().tolist() == [START]
    assert run.trades["venue"].tolist() == ["v1", "v2", "v4", "v5"]
    np.testing.assert_allclose(run.trades["money"], 25_000, rtol=1e-8)
    units = run.trades.set_index("venue")["units"]
    worth = sum(units[venue] * run.prices[:, run.venues.index(venue)] for venue in units.index)
    np.testing.assert_allclose(run.nav[1:], worth[1:], rtol=1e-6)
    assert run.fees[0] == pytest.approx(run.trades["cost"].sum())


def test_equal_weight_benchmark_obeys_the_same_policy() -> None:
    panel = panel_of(walk(40, 3))
    config = config_of(3)
    rival, _ = benchmarks(settings_for(config, all_idle(panel)), config, panel, START, int(panel.times[-1]))
    np.testing.assert_array_equal(rival.nav, fast(panel).nav)
    assert (rival.label, rival.trades.empty) == ("equal weight", False)


@pytest.mark.parametrize(
    "rules", [{"policy": {"band": "4 %"}}, {"limits": {"min_trade": "5000 USDC"}}, {"limits": {"max_venue": "5 %"}}]
)
def test_no_rule_of_the_strategy_keeps_its_rival_out_of_many_venues(rules: dict[str, dict[str, str]]) -> None:
    """Thirty shares of a thirtieth: under a band of 4 % none of them would ever be bought."""
    config, panel = config_of(30, **rules), panel_of(walk(60, 30))
    rival, _ = benchmarks(settings_for(config), config, panel, START, int(panel.times[-1]))
    assert (1.0 - rival.held[30:, 0]).min() > 0.6
    assert any("quarter of an equal share" in note for note in rival.notes)
