"""Gas at recorded prices: only what had been published by then, money per unit, and a count of what was assumed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.api import backtest, gas_burnt, result_of, run_backtest
from backtests.commands import report_run
from backtests.fast import run_fast
from backtests.gas import constant_gas, gas_note, gas_of, recorded_gas
from backtests.sweep.evaluate import Parcel, evaluate
from backtests.sweep.plan import Combination, code_digest
from bot.config import Config
from bot.core.panel import Times
from bot.core.score import no_scores
from bot.errors import ConfigError, DataError
from bot.loading import Options, load_frames
from bot.paper import GAS_BASE, GAS_PER_LEG
from bot.settings import settings_of
from bot.signals.catalogue import Catalogue
from tests.backtests.markets import DAY, START, config_of, panel_of, settings_for, walk, wanted

NAMES = {"gas_series": "chain/gas/fast", "native_asset": "ETH"}


def at(times: Any) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(pd.to_datetime(np.asarray(times), unit="s", utc=True))


def catalogue_of(rows: list[tuple[float, int, int]], closes: list[float], topic: str = "gas/fast") -> Catalogue:
    """`rows`: (gwei, observed, published), in days after START; `closes`: of ETH, a day each from START."""
    days = START + DAY * np.arange(len(closes))
    bars = pd.DataFrame({"time": at(days), **dict.fromkeys(("open", "high", "low", "close"), closes)})
    signals = pd.DataFrame(
        {
            "topic": [topic] * len(rows),
            "value": [row[0] for row in rows],
            "observed_at": at([START + DAY * row[1] for row in rows]),
            "published_at": at([START + DAY * row[2] for row in rows]),
        }
    )
    return Catalogue.of("made", "recorded", {("1d", "ETH"): bars.assign(volume_quote=1.0)}, {"chain": signals})


def days_of(count: int) -> Times:
    return START + DAY * np.arange(count, dtype=np.int64)


def test_gas_is_gwei_times_the_coins_price_and_nothing_is_known_before_it_is_published() -> None:
    config = config_of(2, costs={"gas_price": "5 gwei", "native_price": "3000 USDC", **NAMES})
    catalogue = catalogue_of([(20.0, 0, 2), (40.0, 3, 3), (30.0, 4, 6)], [1_000.0, 1_100.0, 1_200.0])
    found = gas_of(config, catalogue, days_of(8) - np.array([0, 0, 1, 0, 0, 0, 0, 0]))
    gwei = np.array([5, 5, 5, 40, 40, 40, 30, 30])
    native = np.array([1_000, 1_100, 1_100, 1_200, 1_200, 1_200, 1_200, 1_200])
    np.testing.assert_allclose(found, gwei * 1e-9 * native, rtol=1e-12)
    early = gas_of(config, catalogue, days_of(3))
    assert early is not None
    assert early[2] == pytest.approx(20e-9 * 1_200)


def test_one_name_alone_leaves_the_other_constant() -> None:
    catalogue = catalogue_of([(20.0, 0, 0)], [1_000.0])
    for names, expected in (
        ({"gas_series": NAMES["gas_series"]}, 20e-9 * 3_000),
        ({"native_asset": "ETH"}, 5e-9 * 1_000),
    ):
        config = config_of(2, costs=names)
        np.testing.assert_allclose(gas_of(config, catalogue, days_of(2)), expected, rtol=1e-12)
    assert gas_of(config_of(2), catalogue, days_of(2)) is None


def test_what_is_told_late_of_an_earlier_time_says_nothing_about_now_but_a_correction_counts() -> None:
    config = config_of(2, costs={"gas_series": NAMES["gas_series"], "native_price": "1000 USDC"})
    catalogue = catalogue_of([(10.0, 0, 0), (50.0, 2, 2), (99.0, 1, 3), (60.0, 2, 4)], [1.0])
    np.testing.assert_allclose(gas_of(config, catalogue, days_of(6)) * 1e6, [10, 10, 50, 50, 60, 60], rtol=1e-12)


def test_rows_before_the_first_record_are_counted_and_said() -> None:
    config = config_of(2, costs=NAMES)
    catalogue = catalogue_of([(20.0, 0, 3)], [1_000.0])
    recorded = recorded_gas(config, catalogue, days_of(10))
    assert recorded is not None
    assert recorded.assumed(config.costs) == 3
    note = gas_note(config, catalogue, days_of(10))
    assert note is not None
    assert note.endswith("3 of 10 bars before its first record, at the file's constant")
    assert gas_note(config_of(2), catalogue, days_of(10)) is None


@pytest.mark.parametrize("value", [0.0, -3.0, 2e6, np.nan, np.inf])
def test_refuses_a_value_that_is_no_price_of_gas(value: float) -> None:
    catalogue = catalogue_of([(20.0, 0, 0), (value, 1, 1)], [1_000.0])
    with pytest.raises(DataError, match=r"a price of gas is above zero and at most 1,000,000 gwei"):
        gas_of(config_of(2, costs=NAMES), catalogue, days_of(3))


@pytest.mark.parametrize(
    ("costs", "said"),
    [
        ({"gas_series": "chains/gas/fast"}, "costs.gas_series: no signal source chains; there are: chain"),
        ({"gas_series": "chain/gas/slow"}, "costs.gas_series: chain has no topic gas/slow; there are: gas/fast"),
        ({"native_asset": "WETH"}, "costs.native_asset: no 1d prices of WETH; there are: ETH"),
    ],
)
def test_refuses_a_name_that_the_catalogue_does_not_have(costs: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        gas_of(config_of(2, costs=costs), catalogue_of([(20.0, 0, 0)], [1_000.0]), days_of(3))


@pytest.mark.parametrize("series", ["chain", "/gas", "chain/", " chain/gas"])
def test_refuses_a_series_that_is_not_source_and_topic(series: str) -> None:
    with pytest.raises(ValueError, match="gas_series"):
        config_of(2, costs={"gas_series": series})


def test_the_fast_rung_pays_each_cycles_own_price_and_trades_the_same() -> None:
    panel = panel_of(walk(30, 3))
    config = config_of(3)
    settings, scores = settings_for(config, wanted(panel)), no_scores(30, 4)
    window = START, int(panel.times[-1])
    gas = np.linspace(1e-5, 9e-5, 30)
    constant, priced = (run_fast(settings, config, panel, scores, *window, gas=each) for each in (None, gas))
    assert constant.nav.tobytes() == priced.nav.tobytes()
    legs = priced.trades.groupby("time").size().reindex(priced.times, fill_value=0).to_numpy()
    expected = np.where(legs > 0, GAS_BASE + GAS_PER_LEG * legs, 0) * gas
    np.testing.assert_allclose(priced.gas, expected, rtol=1e-12)
    same = run_fast(settings, config, panel, scores, *window, gas=np.full(30, constant_gas(config.costs)))
    np.testing.assert_allclose(same.gas, constant.gas, rtol=1e-12)


def test_the_replay_rung_burns_its_gas_at_the_same_prices() -> None:
    panel = panel_of(walk(20, 2))
    config = config_of(2)
    gas = np.linspace(1e-5, 9e-5, 20)
    window = START, int(panel.times[-1])
    result = run_backtest(settings_for(config), config, panel, *window, "replay", gas=gas)
    used = np.array([report.gas_used for report in result.reports])
    assert (used > 0).any()
    np.testing.assert_allclose(result.run.gas, used * gas, rtol=1e-12)
    fast = run_backtest(settings_for(config), config, panel, *window, "fast", gas=gas)
    np.testing.assert_allclose(fast.run.gas, result.run.gas, rtol=1e-12)
    np.testing.assert_array_equal(gas_burnt(result.run, result.reports[:1] * 3, panel.times, gas)[1:], 0.0)


def test_a_run_without_the_recorded_prices_that_its_file_names_says_so() -> None:
    panel = panel_of(walk(10, 2))
    config = config_of(2, costs=NAMES)
    run = run_fast(settings_for(config), config, panel, no_scores(10, 3), START, int(panel.times[-1]))
    assert run.notes == ("gas at the strategy file's constant: recorded prices were not given to this run",)


def test_a_sweep_pays_what_the_fast_rung_pays(tmp_path: Path) -> None:
    panel = panel_of(walk(60, 3))
    catalogue = catalogue_of([(20.0, 0, 10), (80.0, 20, 20)], [1_000.0] * 60)
    scores, window = no_scores(60, 4), (START, int(panel.times[-1]))
    configs = [config_of(3, costs={**NAMES, "gas_price": f"{price} gwei"}) for price in (5, 9)]
    points = tuple(Combination(str(k), {"costs.gas_price": k}, config) for k, config in enumerate(configs))
    parcel = Parcel(
        path=tmp_path / "strategy.yaml",
        panel=panel,
        scores=scores,
        first=window[0],
        last=window[1],
        edges=panel.times[[15, 30, 45]],
        combinations=points,
        code=code_digest(()),
        gas=recorded_gas(configs[0], catalogue, panel.times),
    )
    rows = evaluate(parcel).to_pylist()
    for row, config in zip(rows, configs, strict=True):
        gas = gas_of(config, catalogue, panel.times)
        run = run_fast(settings_for(config), config, panel, scores, *window, gas=gas)
        assert row["gas"] == pytest.approx(float(run.gas.sum()), rel=1e-12)
        assert row["final_equity"] == pytest.approx(float(run.equity[-1]), rel=1e-12)
    assert rows[0]["gas"] < rows[1]["gas"]


def test_frames_with_a_gas_series_are_priced_by_it(tmp_path: Path) -> None:
    days = at(days_of(40))
    close = walk(40, 1)[:, 0]
    prices = pd.concat(
        pd.DataFrame({"time": days, "asset": asset, "close": values, "volume": 1e6})
        for asset, values in (("A", close), ("ETH", np.full(40, 2_000.0)))
    )
    gas = pd.DataFrame({"topic": "fast", "value": 10.0 + np.arange(40), "observed_at": days, "published_at": days})
    text = """capital: 100000 USDC
every: 1d
strategy: {name: equal_weight}
signals: []
venues:
  v1: {kind: uniswap_v3_hold, asset: A, fee: 30 bps}
"""
    path = tmp_path / "strategy.yaml"
    path.write_text(text + "costs: {gas_series: chain/fast, native_asset: ETH}\n")
    run = backtest(path, prices, {"chain": gas}).run
    burnt = run.gas > 0
    units = GAS_BASE + GAS_PER_LEG * run.trades.groupby("time").size().reindex(run.times[burnt]).to_numpy()
    expected = units * (10.0 + np.arange(40))[burnt] * 1e-9 * 2_000
    np.testing.assert_allclose(run.gas[burnt], expected, rtol=1e-12)
    assert run.notes[0] == "gas at recorded prices (chain/fast × ETH)"
    loaded = load_frames(Options(config=path), prices, {"chain": gas})
    shown = result_of(loaded, settings_of(loaded.config, loaded.universe, path), "fast").run  # the commands' way
    assert shown.notes == run.notes
    path.write_text(text + "costs: {gas_series: chain/slow}\n")
    with pytest.raises(ConfigError, match=r"costs\.gas_series: chain has no topic slow; there are: fast"):
        backtest(path, prices, {"chain": gas})


def test_a_run_of_the_daemon_pays_the_gas_prices_that_its_benchmarks_pay(tmp_path: Path) -> None:
    """The strategy is the benchmark itself, so each cycle's gas is the same."""
    days = at(days_of(40))
    prices = pd.concat(
        pd.DataFrame({"time": days, "asset": asset, "close": walk(40, 1, seed)[:, 0], "volume": 1e6})
        for seed, asset in enumerate(("A", "ETH"))
    )
    gas = pd.DataFrame({"topic": "fast", "value": 10.0 + np.arange(40), "observed_at": days, "published_at": days})
    path = tmp_path / "strategy.yaml"
    path.write_text(
        "capital: 100000 USDC\nevery: 1d\nstrategy: {name: equal_weight}\nsignals: []\n"
        "venues: {v1: {kind: uniswap_v3_hold, asset: A, fee: 30 bps}}\ndevnet: {noise: 0 %}\n"
        "costs: {gas_series: chain/fast, native_asset: ETH}\n"
    )
    loaded = load_frames(Options(config=path), prices, {"chain": gas})
    settings = settings_of(loaded.config, loaded.universe, path)
    found = result_of(loaded, settings, "replay")
    report_run(replace(loaded, mode="paper"), settings, found.reports, {}, tmp_path)
    told = json.loads((tmp_path / "report.json").read_text())
    assert told["rung"] == "paper"
    np.testing.assert_allclose(told["series"]["gas"], found.run.gas, rtol=1e-9)
    np.testing.assert_allclose(found.run.gas, found.benchmarks[0].gas, rtol=1e-9)
    assert "gas at recorded prices (chain/fast × ETH)" in told["notes"]


def test_a_generated_market_has_no_recorded_gas(tmp_path: Path) -> None:
    path = tmp_path / "strategy.yaml"
    config = "capital: 100000 USDC\nevery: 7d\nstrategy: {name: equal_weight}\n"
    venues = "venues: {v1: {kind: uniswap_v3_hold, asset: RENDER, fee: 30 bps}}\n"
    runs = []
    for costs in ("", "costs: {gas_series: chain/fast, native_asset: ETH}\n"):
        path.write_text(config + venues + costs)
        runs.append(backtest(path, synthetic=3).run)
    assert runs[0].gas.sum() > 0
    assert runs[0].gas.tobytes() == runs[1].gas.tobytes()
    assert runs[1].notes == runs[0].notes


def test_config_keeps_the_names_beside_the_constants() -> None:
    config: Config = config_of(2, costs=NAMES)
    assert (config.costs.gas_series, config.costs.native_asset) == ("chain/gas/fast", "ETH")
