"""Leaks planted in the panel, the strategy, costs and fills, and data under a wrong date."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtests.fast import PoolsOf, pools_of
from backtests.kernels.pool import Pools
from backtests.lookahead.pipeline import Case, Pipeline, fast_fills
from backtests.run import BUY, Run
from bot.core.panel import Floats, Panel
from bot.core.score import Scores
from bot.core.strategy import Strategy
from bot.core.universe import Universe
from bot.signals.catalogue import Catalogue, build_panel
from tests.backtests.lookahead.cases import case_of, frames_of, made, signal_frame
from tests.backtests.lookahead.planting import Leaks, leak

LEAKS: Leaks = {}


# the panel


def with_panel(
    change: Callable[[Catalogue, Universe, str, tuple[str, ...]], Panel],
) -> tuple[Case, Pipeline]:
    return made(), Pipeline(panel_of=change)


def edited(catalogue: Catalogue, edit: Callable[[str, pd.DataFrame], pd.DataFrame]) -> Catalogue:
    """The catalogue with each price and signal frame as `edit(kind, frame)` returns it."""
    prices = {("1d", asset): edit("prices", catalogue.prices(asset, "1d")) for asset in catalogue.assets("1d")}
    signals = {source: edit("signals", catalogue.signals(source)) for source in catalogue.sources()}
    return Catalogue.of(catalogue.title, catalogue.kind, prices, signals)


def without(panel: Panel, gone: NDArray[np.bool_]) -> Panel:
    """The panel in which some venues never had a price."""
    close = panel.close.copy()
    close[:, gone] = np.nan
    return replace(panel, fields={**panel.fields, "close": close})


@leak(LEAKS, "panel", "close", "universe")
def a_universe_of_survivors() -> tuple[Case, Pipeline]:
    def panel_of(catalogue: Catalogue, universe: Universe, bar: str, sources: tuple[str, ...]) -> Panel:
        panel = build_panel(catalogue, universe, bar, sources)
        return without(panel, np.isnan(panel.close[-1]))

    return with_panel(panel_of)


@leak(LEAKS, "panel", "close", "tampering")
def a_universe_of_what_will_be_traded_most() -> tuple[Case, Pipeline]:
    def panel_of(catalogue: Catalogue, universe: Universe, bar: str, sources: tuple[str, ...]) -> Panel:
        panel = build_panel(catalogue, universe, bar, sources)
        volume = np.nanmean(panel.volume, axis=0)
        volume[0] = np.inf
        return without(panel, volume == volume.min())

    return with_panel(panel_of)


@leak(LEAKS, "panel", "signal:synthetic_stars", "revisions")
def revised_values_under_their_first_date() -> tuple[Case, Pipeline]:
    def panel_of(catalogue: Catalogue, universe: Universe, bar: str, sources: tuple[str, ...]) -> Panel:
        def edit(kind: str, frame: pd.DataFrame) -> pd.DataFrame:
            if kind == "prices":
                return frame
            ordered = frame.sort_values("published_at", kind="stable")
            groups = ordered.groupby(["topic", "observed_at"], sort=False)
            return groups.agg(value=("value", "last"), published_at=("published_at", "first")).reset_index()

        return build_panel(edited(catalogue, edit), universe, bar, sources)

    return with_panel(panel_of)


@leak(LEAKS, "panel", "signal:synthetic_stars", "truncation")
def known_when_observed_not_when_published() -> tuple[Case, Pipeline]:
    def panel_of(catalogue: Catalogue, universe: Universe, bar: str, sources: tuple[str, ...]) -> Panel:
        def edit(kind: str, frame: pd.DataFrame) -> pd.DataFrame:
            return frame if kind == "prices" else frame.assign(published_at=frame["observed_at"])

        return build_panel(edited(catalogue, edit), universe, bar, sources)

    return with_panel(panel_of)


@leak(LEAKS, "panel", "close", "truncation")
def bars_stamped_with_their_open() -> tuple[Case, Pipeline]:
    def panel_of(catalogue: Catalogue, universe: Universe, bar: str, sources: tuple[str, ...]) -> Panel:
        def edit(kind: str, frame: pd.DataFrame) -> pd.DataFrame:
            return frame.assign(time=frame["time"] - pd.Timedelta(days=1)) if kind == "prices" else frame

        return build_panel(edited(catalogue, edit), universe, bar, sources)

    return with_panel(panel_of)


@leak(LEAKS, "panel", "close", "tampering", venue="v4")
def prices_filled_back_before_the_listing() -> tuple[Case, Pipeline]:
    def panel_of(catalogue: Catalogue, universe: Universe, bar: str, sources: tuple[str, ...]) -> Panel:
        panel = build_panel(catalogue, universe, bar, sources)
        filled = pd.DataFrame(panel.close).bfill().to_numpy(copy=True)
        return replace(panel, fields={**panel.fields, "close": filled})

    return with_panel(panel_of)


@leak(LEAKS, "panel", "signal:synthetic_stars", "truncation")
def topics_chosen_for_what_they_became() -> tuple[Case, Pipeline]:
    def panel_of(catalogue: Catalogue, universe: Universe, bar: str, sources: tuple[str, ...]) -> Panel:
        def edit(kind: str, frame: pd.DataFrame) -> pd.DataFrame:
            if kind == "prices":
                return frame
            asset = frame["topic"].astype("str").str.split("/").str[0]
            last = frame.groupby("topic")["value"].transform("last")
            return frame[last == last.groupby(asset).transform("max")]

        return build_panel(edited(catalogue, edit), universe, bar, sources)

    return with_panel(panel_of)


# strategy, costs and fills


def legal(wanted: Floats, panel: Panel) -> Floats:
    """Weights from any numbers: only listed venues, the rest idle."""
    wanted = np.where(panel.listed & np.isfinite(wanted), np.clip(wanted, 0.0, 1.0), 0.0)
    wanted[:, 0] = 0.05
    weights: Floats = wanted / wanted.sum(axis=1, keepdims=True)
    return weights


def with_targets(change: Callable[[Panel], Floats]) -> tuple[Case, Pipeline]:
    def targets_of(strategy: Strategy, panel: Panel, scores: Scores) -> Floats:
        return legal(change(panel), panel)

    return made(strategy="reversal"), Pipeline(targets_of=targets_of)


@leak(LEAKS, "targets", "targets of reversal", "truncation")
def a_strategy_that_buys_what_will_rise() -> tuple[Case, Pipeline]:
    return with_targets(lambda panel: np.vstack([panel.close[1:], panel.close[-1:]]) / panel.close - 1.0)


@leak(LEAKS, "targets", "targets of reversal", "truncation")
def a_strategy_that_standardises_over_the_whole_sample() -> tuple[Case, Pipeline]:
    return with_targets(lambda p: (np.nanmean(p.close, axis=0) - p.close) / (np.nanstd(p.close, axis=0) + 1e-9))


@leak(LEAKS, "costs", "pool full", "truncation")
def pools_as_deep_as_their_later_volume() -> tuple[Case, Pipeline]:
    def deep(universe: Universe, panel: Panel, start: int, stop: int, depth: int) -> Pools:
        pools = pools_of(universe, panel, start, stop, depth)
        busy = np.nanmean(panel.volume, axis=0) / np.nanmean(panel.volume)
        return pools._replace(full=pools.full * busy, wide=pools.wide * busy)

    return made(strategy="equal_weight"), Pipeline(pools_of=deep)


def with_fills(change: Callable[[Case, Panel, Scores, Floats, PoolsOf], Run]) -> tuple[Case, Pipeline]:
    return made(strategy="reversal"), Pipeline(fills_of=change)


@leak(LEAKS, "fills", "prices", "same-bar fill")
def fills_at_the_price_before_the_bar_that_decided() -> tuple[Case, Pipeline]:
    def fills_of(case: Case, panel: Panel, scores: Scores, targets: Floats, pools: PoolsOf) -> Run:
        late = np.vstack([panel.close[:1], panel.close[:-1]])
        late = np.where(np.isfinite(late) & panel.listed, late, panel.close)
        return fast_fills(case, replace(panel, fields={**panel.fields, "close": late}), scores, targets, pools)

    return with_fills(fills_of)


@leak(LEAKS, "fills", "trades", "same-bar fill")
def fills_at_the_best_price_of_the_bar() -> tuple[Case, Pipeline]:
    def fills_of(case: Case, panel: Panel, scores: Scores, targets: Floats, pools: PoolsOf) -> Run:
        run = fast_fills(case, panel, scores, targets, pools)
        best = np.where(run.trades["side"] == BUY, 0.98, 1.02)
        return replace(run, trades=run.trades.assign(price=run.trades["price"] * best))

    return with_fills(fills_of)


@leak(LEAKS, "fills", "", "tampering")
def trades_that_will_lose_are_left_out() -> tuple[Case, Pipeline]:
    def fills_of(case: Case, panel: Panel, scores: Scores, targets: Floats, pools: PoolsOf) -> Run:
        ahead = np.vstack([panel.close[1:], panel.close[-1:]])
        return fast_fills(case, panel, scores, legal(np.where(ahead < panel.close, 0.0, targets), panel), pools)

    return with_fills(fills_of)


# data under a wrong date


@leak(LEAKS, "panel", "close", "dates", venue="v2")
def one_asset_stamped_a_day_early() -> tuple[Case, Pipeline]:
    prices, signals = frames_of(made(seed=4))  # whose assets move together, as a market's do
    bars = prices["1d", "A2"]
    prices["1d", "A2"] = bars.assign(time=bars["time"] - pd.Timedelta(days=1))
    return case_of(prices, signals), Pipeline()


@leak(LEAKS, "panel", "volume", "dates", venue="v1")
def volume_stamped_a_day_early() -> tuple[Case, Pipeline]:
    prices, signals = frames_of(made())
    bars = prices["1d", "A1"]
    moves = np.abs(np.diff(np.log(bars["close"].to_numpy()), append=np.nan))
    prices["1d", "A1"] = bars.assign(volume_quote=np.nan_to_num(1e6 * np.exp(20.0 * moves), nan=1e6))
    return case_of(prices, signals), Pipeline()


def told_by_prices(level: Callable[[Floats], Floats]) -> tuple[Case, Pipeline]:
    """A signal that is made of each asset's closes."""
    prices, _ = frames_of(made())
    rows = []
    for (_, asset), bars in prices.items():
        first_row = int((bars["time"].iloc[0] - pd.Timestamp("2024-01-01", tz="UTC")).days)
        rows.append(signal_frame(asset, level(bars["close"].to_numpy()), first_row))
    return case_of(prices, {"chatter": pd.concat(rows, ignore_index=True)}), Pipeline()


@leak(LEAKS, "panel", "signal:chatter", "label lag")
def a_signal_dated_a_day_before_the_moves_that_it_answers() -> tuple[Case, Pipeline]:
    def level(close: Floats) -> Floats:
        noise = np.random.default_rng(int(close[0] * 1e6)).normal(0.0, 0.03, len(close))
        known = np.append(close[1:], close[-1]) / close[0]
        return np.asarray(1e6 * known * np.exp(np.cumsum(noise) * 0.2 + noise * 0.5))

    return told_by_prices(level)


@leak(LEAKS, "features", "signal:chatter:growth_7d", "label lag")
def a_signal_whose_growth_is_the_label() -> tuple[Case, Pipeline]:
    def level(close: Floats) -> Floats:
        rows = np.arange(len(close))
        ahead = np.log(close[np.minimum(rows + 3, len(close) - 1)] / close)
        grown = np.zeros(len(close))
        for row in range(7, len(close)):
            grown[row] = grown[row - 7] + ahead[row]
        return np.asarray(1e6 * np.exp(grown))

    return told_by_prices(level)
