"""Metrics against hand-made numbers, plain pandas formulas and slow loops."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.fast import buy_and_hold, run_fast
from backtests.metrics import attribution, drawdowns, metrics, relative, sales
from backtests.run import TRADE_COLUMNS, trades_frame
from bot.core.score import no_scores
from tests.backtests.markets import DAY, START, config_of, panel_of, run_of, settings_for, walk, wanted

navs = st.lists(st.floats(1e-3, 1e9), min_size=1, max_size=40)


def trade(**known: Any) -> dict[str, Any]:
    blank: dict[str, Any] = dict.fromkeys(TRADE_COLUMNS, 0.0)
    return blank | {"time": START, "venue": "v1", "side": "buy"} | known


def test_numbers_of_a_year_that_can_be_checked_by_hand() -> None:
    # 100 -> 120 in half a year, back to 90 after three quarters, 110 at the end.
    nav = np.interp(np.arange(366), [0, 182, 274, 365], [100, 120, 90, 110])
    found = metrics(run_of(list(nav)))
    assert found["total_return"].value == pytest.approx(0.10)
    assert found["cagr"].value == pytest.approx(0.10)
    assert found["max_drawdown"].value == pytest.approx(0.25)
    assert found["max_drawdown_duration"].value == 365 - 182
    assert found["calmar"].value == pytest.approx(0.4)
    assert found["exposure"].value == 0.75
    assert found["cycles"].value == 366
    assert found["best_day"].value == pytest.approx((20 / 91) / 90)
    assert found["worst_day"].value == pytest.approx(nav[274] / nav[273] - 1)


@pytest.mark.parametrize(("step", "yearly"), [(DAY, 365), (3_600, 8_760), (7 * DAY, 365 / 7)])
def test_ratios_equal_the_textbook_formulas(step: int, yearly: float) -> None:
    nav = pd.Series(walk(1_000, 1, seed=4, step=0.02)[:, 0])
    moves = nav.pct_change().dropna()
    found = metrics(run_of(nav.tolist(), step))
    assert found["volatility"].value == pytest.approx(moves.std() * math.sqrt(yearly))
    assert found["sharpe"].value == pytest.approx(moves.mean() / moves.std() * math.sqrt(yearly))
    downside = math.sqrt((moves.clip(upper=0) ** 2).mean())
    assert found["sortino"].value == pytest.approx(moves.mean() / downside * math.sqrt(yearly))
    years = 999 * step / (365 * DAY)
    assert found["cagr"].value == pytest.approx((nav.iloc[-1] / nav.iloc[0]) ** (1 / years) - 1)
    assert found["max_drawdown"].value == pytest.approx((1 - nav / nav.cummax()).max())


def test_best_and_worst_day_compare_last_values_of_days_not_single_hours() -> None:
    nav = [100.0] * 48
    nav[10] = 50.0  # a dip within the first day
    nav[24:] = [110.0] * 24
    found = metrics(run_of(nav, 3_600))
    assert (found["best_day"].value, found["worst_day"].value) == (pytest.approx(0.1), pytest.approx(0.1))
    assert metrics(run_of([1.0, 2.0, 1.0], 7 * DAY))["best_day"].note == "cycles are 7 days apart"


def test_gas_of_earlier_cycles_is_taken_off_equity() -> None:
    run = run_of([100.0, 100.0, 100.0], gas=[1.0, 2.0, 4.0])
    assert run.equity.tolist() == [100.0, 99.0, 97.0]
    found = metrics(run)
    assert found["total_return"].value == pytest.approx(-0.03)
    assert found["gas"].value == 7.0
    assert found["gas_share"].value == pytest.approx(0.07)


def test_costs_are_sums_and_shares_of_the_capital() -> None:
    trades = trades_frame([trade(money=150.0), trade(money=50.0, side="sell")])
    run = run_of([100.0] * 61, fees=np.full(61, 0.5), turnover=np.full(61, 0.1), trades=trades)
    found = metrics(run)
    assert found["fees"].value == pytest.approx(30.5)
    assert found["fees_share"].value == pytest.approx(0.305)
    assert found["cost_of_trading"].value == pytest.approx(30.5 / 200 * 10_000)
    assert found["turnover"].value == pytest.approx(0.1)
    assert found["turnover_yearly"].value == pytest.approx(6.1 * 365 / 60)
    assert found["trades"].value == 2


@pytest.mark.parametrize(
    ("nav", "step", "gas", "name", "why"),
    [
        ([100.0], DAY, None, "sharpe", "needs two cycles"),
        ([100.0], DAY, None, "cagr", "needs two cycles"),
        ([100.0], DAY, None, "best_day", "needs two cycles"),
        ([100.0, 101.0], 30 * DAY, None, "volatility", "needs three cycles"),
        ([100.0, 101.0, 99.0], DAY, None, "sharpe", "shorter than 28 days: not annualised"),
        ([100.0, 101.0, 99.0], DAY, None, "cagr", "shorter than 28 days: not annualised"),
        ([100.0] * 50, DAY, None, "sharpe", "returns do not vary"),
        ([100.0] * 50, DAY, None, "calmar", "no CAGR or drawdown"),
        ([1.0, 2.0, 4.0], 20 * DAY, None, "sortino", "no cycle lost money"),
        ([100.0] * 50, DAY, [60.0] * 50, "sharpe", "gas ate the whole capital"),
        ([100.0] * 50, DAY, None, "cost_of_trading", "nothing was traded"),
        ([1.0, 2.0], 600, None, "worst_day", "needs two days"),
    ],
)
def test_says_why_a_number_cannot_be_had(
    nav: list[float], step: int, gas: list[float] | None, name: str, why: str
) -> None:
    metric = metrics(run_of(nav, step, gas))[name]
    assert (metric.value, metric.note) == (None, why)


@settings(deadline=None)
@given(navs, st.sampled_from([60, 3_600, DAY, 30 * DAY]))
def test_every_number_is_finite_or_none(nav: list[float], step: int) -> None:
    for name, metric in metrics(run_of(nav, step)).items():
        assert metric.value is None or math.isfinite(metric.value), name
        assert metric.value is not None or metric.note, name


@settings(deadline=None)
@given(navs)
def test_drawdown_and_its_duration_equal_a_slow_loop(nav: list[float]) -> None:
    peak, peak_day, deepest, longest = nav[0], 0, 0.0, 0
    for today, value in enumerate(nav):
        if value < peak:
            longest = max(longest, today - peak_day)
            deepest = max(deepest, 1 - value / peak)
        else:
            if today and nav[today - 1] < peak:  # recovered today
                longest = max(longest, today - peak_day)
            peak, peak_day = value, today
    found = metrics(run_of(nav))
    assert found["max_drawdown"].value == pytest.approx(deepest)
    assert found["max_drawdown_duration"].value == longest
    assert (drawdowns(np.array(nav)) >= 0.0).all()


@settings(deadline=None)
@given(st.integers(0, 500), st.integers(1, 5), st.integers(2, 60))
def test_profit_of_the_venues_sums_to_the_profit_of_the_portfolio(seed: int, venues: int, rows: int) -> None:
    close = walk(rows, venues, seed)
    close[: rows // 3, 0] = np.nan
    panel = panel_of(close)
    config = config_of(venues)
    window = START, int(panel.times[-1])
    scores = no_scores(rows, venues + 1)
    run = run_fast(settings_for(config, wanted(panel, seed)), config, panel, scores, *window)
    parts = attribution(run)
    assert set(parts) == set(run.venues)
    assert sum(parts.values()) == pytest.approx(run.nav[-1] - run.nav[0], abs=1e-6)
    assert parts["idle"] == pytest.approx(0.0, abs=1e-6)


def test_profit_of_a_held_venue_is_what_it_became_minus_what_was_paid() -> None:
    close = np.array([[1.0, 1.0], [1.0, 1.0], [3.0, 0.5]])
    panel = panel_of(close)
    config = config_of(2, capital="1000 USDC")
    run = buy_and_hold(settings_for(config), config, panel, START, int(panel.times[-1]))
    parts = attribution(run)
    assert parts["v1"] == pytest.approx(500 * (3.0 - 1), rel=0.005)
    assert parts["v2"] == pytest.approx(500 * (0.5 - 1), rel=0.005)


def test_sales_are_measured_against_what_the_units_had_cost_on_average() -> None:
    legs = [
        trade(side="buy", money=100.0, units=10.0),
        trade(side="buy", money=300.0, units=10.0),  # now 20 units for 400
        trade(side="sell", money=150.0, units=5.0),  # cost 100
        trade(side="sell", money=240.0, units=15.0),  # cost 300
        trade(side="buy", venue="v2", money=50.0, units=1.0),
        trade(side="sell", venue="v2", money=80.0, units=2.0),  # one of the two was never bought here
        trade(side="sell", venue="v3", money=10.0, units=1.0),
    ]
    frame = trades_frame(legs)
    assert sales(frame).tolist() == [pytest.approx(50.0), pytest.approx(-60.0), pytest.approx(-10.0)]
    found = metrics(run_of([100.0] * 3, trades=frame))
    assert found["win_rate"].value == pytest.approx(1 / 3)
    assert found["profit_factor"].value == pytest.approx(50 / 70)
    assert found["expectancy"].value == pytest.approx(-20 / 3)
    assert found["expectancy"].unit == "USDC"
    won = metrics(run_of([100.0] * 3, trades=trades_frame(legs[:3])))
    assert (won["profit_factor"].value, won["profit_factor"].note) == (None, "no sale lost money")


@settings(deadline=None)
@given(st.integers(0, 200), st.integers(1, 4), st.integers(2, 60))
def test_realised_and_open_profit_sum_to_that_of_the_portfolio(seed: int, venues: int, rows: int) -> None:
    panel = panel_of(walk(rows, venues, seed))
    config = config_of(venues)
    window = START, int(panel.times[-1])
    scores = no_scores(rows, venues + 1)
    run = run_fast(settings_for(config, wanted(panel, seed)), config, panel, scores, *window)
    before_end = run.trades[run.trades["time"] < run.times[-1]]
    worth = run.held[-1, 1:].sum() * run.nav[-1]
    paid = before_end["money"].where(before_end["side"] == "buy", 0.0).sum()
    got = before_end["money"].sum() - paid
    realised = sales(before_end).sum()
    open_cost = paid - (got - realised)  # what is still held has cost
    assert realised + worth - open_cost == pytest.approx(run.nav[-1] - run.nav[0], abs=1e-5)


def test_numbers_of_tails_need_twenty_returns_and_a_loss() -> None:
    few = metrics(run_of([100.0 + at for at in range(20)]))
    assert {(few[name].value, few[name].note) for name in ("value_at_risk", "expected_shortfall", "tail_ratio")} == {
        (None, "needs 21 cycles")
    }
    still = metrics(run_of([100.0] * 40))
    assert still["value_at_risk"].value == 0.0
    assert still["tail_ratio"].note == "the worst twentieth lost nothing"
    assert still["positive_cycles"].note == "returns do not vary"
    moved = metrics(run_of([100.0, 101.0, 101.0, 99.0, 102.0]))
    assert moved["positive_cycles"].value == pytest.approx(2 / 3)


def test_a_run_that_doubles_its_benchmarks_moves_has_a_beta_of_two() -> None:
    rival = run_of(list(walk(200, 1, 5)[:, 0]), label="rival")
    moves = rival.nav[1:] / rival.nav[:-1] - 1.0
    run = run_of(list(100.0 * np.concatenate(([1.0], np.cumprod(1.0 + 2.0 * moves + 0.001)))))
    found = relative(run, rival)
    assert found["beta"].value == pytest.approx(2.0)
    assert found["correlation"].value == pytest.approx(1.0)
    assert found["alpha"].value == pytest.approx(1.001**365 - 1.0)
    total = run.nav[-1] / run.nav[0] - rival.nav[-1] / rival.nav[0]
    assert found["excess_return"].value == pytest.approx(total)


def test_cycles_that_are_told_half_an_hour_later_are_the_same_cycles() -> None:
    run, rival = run_of(list(walk(60, 1, 6)[:, 0])), run_of(list(walk(60, 1, 7)[:, 0]))
    same = relative(run, rival)
    for shift in (1_800, -1_800):
        assert relative(replace(run, times=run.times + shift), rival) == same
    fewer = replace(run_of(list(np.delete(run.nav, 30))), times=np.delete(run.times, 30) + 60)
    moves = [np.delete(each, 30)[1:] / np.delete(each, 30)[:-1] - 1.0 for each in (run.nav, rival.nav)]
    assert relative(fewer, rival)["correlation"].value == pytest.approx(np.corrcoef(*moves)[0, 1])


@pytest.mark.parametrize(
    ("nav", "beside", "changes", "name", "why"),
    [
        (
            [100.0] * 50,
            [100.0] * 50,
            {"times": START + DAY * np.arange(90, 140)},
            "beta",
            "three cycles that both have",
        ),
        ([100.0] * 50, [100.0] * 60, {}, "beta", "the cycles of made are at other times"),
        ([100.0, 101.0, 102.0], [1.0, 1.1, 1.0], {}, "beta", "needs 21 cycles"),
        ([100.0, 101.0] * 25, [100.0] * 50, {}, "beta", "the benchmark does not move"),
        ([100.0, 101.0] * 25, [100.0, 101.0] * 25, {}, "information_ratio", "never leaves the benchmark"),
        ([100.0, 101.0] * 11, [100.0, 99.0] * 11, {}, "alpha", "shorter than 28 days: not annualised"),
        ([100.0] * 50, [100.0, 99.0] * 25, {}, "correlation", "returns do not vary"),
        ([100.0] * 50, [100.0] * 50, {"gas": np.full(50, 60.0)}, "alpha", "gas ate the whole capital"),
    ],
)
def test_says_why_two_runs_cannot_be_compared(
    nav: list[float], beside: list[float], changes: dict[str, Any], name: str, why: str
) -> None:
    metric = relative(replace(run_of(nav), **changes), run_of(beside))[name]
    assert metric.value is None
    assert why in metric.note


def test_every_metric_is_in_the_docs_with_its_unit() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    run = run_of(list(walk(60, 1)[:, 0]))
    told = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", page, re.MULTILINE))
    units = {name: metric.unit for name, metric in (metrics(run) | relative(run, run)).items()}
    assert {name: told.get(name, "").strip() for name in units} == {
        name: "money" if unit == "USDC" else unit for name, unit in units.items()
    }


def test_of_two_cycles_near_one_of_the_rivals_the_nearer_one_is_its_pair() -> None:
    """One run had a cycle more, six hours before the tenth; the rival's tenth is still compared with its tenth."""
    nav = 100.0 * np.cumprod(1.0 + np.random.default_rng(4).normal(0.0, 0.02, 40))
    rival = run_of(nav)
    times = np.insert(rival.times, 10, rival.times[10] - DAY // 4)
    run = replace(run_of(np.insert(nav, 10, 1.0)), times=times)
    assert relative(run, rival)["beta"].value == pytest.approx(1.0)
    assert relative(run, rival)["correlation"].value == pytest.approx(1.0)
