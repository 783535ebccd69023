"""What becomes of a holding whose asset has no price any more, and of old data: the same on both rungs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.api import run_backtest
from backtests.fast import benchmarks
from backtests.run import Run
from bot.core.listing import WRITE_OFF, last_known, with_halts
from bot.core.panel import Floats, Panel
from bot.core.strategy import Strategy
from bot.core.universe import Universe
from bot.cycle import data_age
from bot.settings import Settings, simulated_universe
from bot.signals.catalogue import Catalogue, build_panel
from bot.signals.feed import CatalogueFeed
from tests.backtests.markets import DAY, START, config_of, panel_of, settings_for, walk
from tests.builders import market_of, pools_of

OPEN = {"max_venue": "50 %", "min_idle": "5 %", "min_trade": "10 USDC"}
FREE = {"band": "10 bps", "max_turnover": "100 %", "drawdown_brake": "99 %"}


def chosen(panel: Panel, weights: Floats, **sections: Any) -> tuple[Settings, Any]:
    """Settings of a strategy that wants `weights` of the panel's rows, whichever rows it is shown."""
    config = config_of(len(panel.venues) - 1, **{"limits": OPEN, "policy": FREE} | sections)
    wants = Strategy("given", lambda shown, *_: weights[np.searchsorted(panel.times, shown.times)], {}, 1, False)
    return replace(settings_for(config), strategy=wants), config


def both(panel: Panel, weights: Floats, **sections: Any) -> dict[str, Run]:
    """The run on each rung."""
    settings, config = chosen(panel, weights, **sections)
    first, last = int(panel.times[0]), int(panel.times[-1])
    return {rung: run_backtest(settings, config, panel, first, last, rung).run for rung in ("fast", "replay")}


def alternating(panel: Panel) -> Floats:
    """(T, N) weights that trade something on every row, of what has a price."""
    rows = np.arange(len(panel))
    raw = np.where(panel.listed[:, 1:], 0.2 + 0.1 * ((rows[:, None] + np.arange(len(panel.venues) - 1)) % 2), 0.0)
    return np.column_stack([1.0 - raw.sum(axis=1), raw])


def lost(gone: int, back: int | None = None, rows: int = 60) -> Panel:
    """Two venues; the second has no price from row `gone` on, or until row `back`."""
    close = walk(rows, 2, step=0.01)
    close[gone:back, 1] = np.nan
    return panel_of(close)


@pytest.mark.parametrize("rung", ["fast", "replay"])
def test_without_a_price_there_is_no_trade_the_last_price_for_30_days_and_then_nothing(rung: str) -> None:
    panel = lost(gone=10)
    run = both(panel, alternating(panel))[rung]
    day = (run.trades["time"].to_numpy() - START) // DAY
    traded = {venue: set(day[(run.trades["venue"] == venue).to_numpy()]) for venue in ("v1", "v2")}
    assert traded["v2"] == set(range(10))
    assert max(traded["v1"]) > 50  # the rest of the portfolio goes on
    known_at = 9
    kept = slice(10, known_at + WRITE_OFF // DAY + 1)
    assert (run.prices[kept, 2] == run.prices[10, 2]).all()
    assert (run.held[kept, 2] > 0.1).all()
    assert (run.prices[kept.stop :, 2] == 0.0).all()
    assert (run.held[kept.stop :, 2] == 0.0).all()
    fall = run.nav[kept.stop] / run.nav[kept.stop - 1] - 1.0
    assert fall == pytest.approx(-run.held[kept.stop - 1, 2], abs=0.03)
    assert any(why.startswith("v2: no price") for _, why in run.reasons)


def test_both_rungs_agree_through_loss_write_off_and_return() -> None:
    panel = lost(gone=10, back=50)
    runs = both(panel, alternating(panel))
    np.testing.assert_allclose(runs["fast"].nav, runs["replay"].nav, rtol=1e-6)
    assert runs["fast"].prices[49, 2] == runs["replay"].prices[49, 2] == 0.0
    for run in runs.values():
        assert run.held[50, 2] > 0.05  # when a price comes back, so does the value
        assert ((run.trades["venue"] == "v2") & (run.trades["time"] == run.times[50])).any()


def test_a_short_hole_costs_nothing_but_the_trades_in_it() -> None:
    panel = lost(gone=10, back=14)
    for run in both(panel, alternating(panel)).values():
        assert (run.held[10:14, 2] > 0.1).all()
        during = run.trades[run.trades["time"].between(run.times[10], run.times[13] + DAY // 2)]
        assert set(during["venue"]) == {"v1"}


def test_benchmarks_follow_the_same_rule() -> None:
    panel = lost(gone=10)
    settings, config = chosen(panel, alternating(panel))
    for run in benchmarks(settings, config, panel, int(panel.times[0]), int(panel.times[-1])):
        assert run.held[39, 2] > 0.1
        assert (run.held[40:, 2] == 0.0).all()
        assert run.nav[40] < 0.9 * run.nav[39]


def test_an_asset_that_was_never_held_costs_nothing_when_it_goes() -> None:
    panel = lost(gone=10)
    weights = alternating(panel)
    weights[:, 0] += weights[:, 2]
    weights[:, 2] = 0.0
    alone = panel_of(panel.close[:, 1:2])
    with_it, without = both(panel, weights), both(alone, weights[:, :2])
    for rung, run in with_it.items():
        np.testing.assert_array_equal(run.nav, without[rung].nav)


def universe_of_two() -> Universe:
    return simulated_universe(config_of(2))


def test_standing_looks_at_the_past_only() -> None:
    panel, universe = lost(gone=10, back=50), universe_of_two()
    known = last_known(panel)
    for row in (5, 12, 45, 55):
        cut = last_known(panel.rows(0, row + 1))
        np.testing.assert_array_equal(cut, known[: row + 1])
    market = market_of(universe, pools_of(universe, (2.0, 3.0)), 10**6, {"v1": 10**18, "v2": 10**18})
    at = panel.times
    assert with_halts(market, universe, known[5], int(at[5])) is market
    halted = with_halts(market, universe, known[12], int(at[12]))
    assert (dict(halted.halted), halted.worthless) == ({"v2": "no price since 2024-01-10"}, frozenset())
    assert halted.nav(universe) == market.nav(universe)
    dead = with_halts(market, universe, known[45], int(at[45]))
    assert dead.halted == {"v2": "written off: no price since 2024-01-10"}
    assert dead.value(universe, "v2") == 0
    assert dead.price(universe, "v2") == 0.0
    assert dead.nav(universe) == market.nav(universe) - market.value(universe, "v2")


def holed(hole: range, rows: int = 20) -> Catalogue:
    """Two assets of which neither has a bar in the hole."""
    keep = [row for row in range(rows) if row not in hole]
    close = walk(rows, 2, step=0.01)
    prices = {}
    for column in range(2):
        time = pd.DatetimeIndex(((START + DAY * np.array(keep)) * 1_000_000).astype("datetime64[us]"), tz="UTC")
        bars = {name: close[keep, column] for name in ("open", "high", "low", "close")}
        prices["1d", f"A{column + 1}"] = pd.DataFrame({"time": time, **bars, "volume_quote": 1e6})
    return Catalogue.of("t", "recorded", prices, {})


@pytest.mark.parametrize("rung", ["fast", "replay"])
@pytest.mark.parametrize(("limit", "stale"), [("1d", {10, 11}), ("2d", {11}), ("5d", set())])
def test_old_data_stops_entries_and_never_exits(rung: str, limit: str, stale: set[int]) -> None:
    panel = build_panel(holed(range(10, 12)), universe_of_two(), "1d", ())
    assert panel.listed[10:12].all()  # carried, so there is a price to trade at
    weights = alternating(panel)
    weights[10], weights[11] = [0.5, 0.1, 0.4], [0.45, 0.05, 0.5]  # less of the one, more of the other
    run = both(panel, weights, limits={**OPEN, "max_staleness": limit})[rung]
    day = (run.trades["time"].to_numpy() - START) // DAY
    bought = set(day[(run.trades["side"] == "buy").to_numpy()])
    sold = set(day[(run.trades["side"] == "sell").to_numpy()])
    assert {10, 11} - bought == stale
    assert {10, 11} <= sold
    assert {9, 12, 13} <= bought


@pytest.mark.parametrize("day", range(8, 14))
def test_data_is_as_old_in_a_backtest_as_it_was_live(day: int) -> None:
    """Live the catalogue ends where it then ended; in a backtest it goes on, and the hole has rows."""
    whole, universe = holed(range(10, 12)), universe_of_two()
    at = START + day * DAY + 1_800
    frames = {("1d", asset): whole.prices(asset, "1d") for asset in whole.assets("1d")}
    then = {key: frame[frame["time"] <= pd.Timestamp(at, unit="s", tz="UTC")] for key, frame in frames.items()}
    live = CatalogueFeed(Catalogue.of("t", "recorded", then, {}), universe, "1d", ())
    later = CatalogueFeed(whole, universe, "1d", ())
    market = market_of(universe, pools_of(universe, (2.0, 3.0)), 10**6, time=at)
    ages = [data_age(asyncio.run(feed.panel(at)), market) for feed in (live, later)]
    assert ages[0] == ages[1] == 1_800 + DAY * {10: 1, 11: 2}.get(day, 0)
