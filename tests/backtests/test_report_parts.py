"""What a report is made of: the way from gross to net, months, moving windows, the fan, thinning and the extras."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.fast import benchmarks, run_fast
from backtests.report import heat_map, page_html
from backtests.report_parts.charts import EITHER_END, LAYERS, charts, drawn_rows
from backtests.report_parts.document import derived, document_of, runs_of
from backtests.report_parts.rolling import FAN_SHARES, fan_of, rolling_sharpe, turnover_by_period, window_of
from backtests.report_parts.tables import grouped, months, shade, waterfall
from backtests.run import TRADE_COLUMNS, Run, trades_frame
from bot.core.panel import Floats, Times
from bot.core.score import no_scores
from tests.backtests.markets import DAY, START, config_of, panel_of, run_of, settings_for, walk, wanted


def traded(seed: int = 1, rows: int = 40, venues: int = 3) -> Run:
    panel = panel_of(walk(rows, venues, seed))
    config = config_of(venues)
    window = START, int(panel.times[-1])
    return run_fast(settings_for(config, wanted(panel, seed)), config, panel, no_scores(rows, venues + 1), *window)


def cents(value: float) -> int:
    return round(value * 100)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.integers(2, 40))
def test_the_steps_from_gross_to_net_add_up_to_the_cent(seed: int, rows: int) -> None:
    run = traded(seed, rows)
    steps = waterfall(run)
    assert [step["name"] for step in steps] == ["gross profit", "pool fees", "price impact", "gas", "net profit"]
    assert sum(cents(step["value"]) for step in steps[:-1]) == cents(steps[-1]["value"])
    assert cents(steps[-1]["value"]) == cents(float(run.equity[-1] - run.equity[0]))
    before_end = run.trades[run.trades["time"] < run.times[-1]]
    assert steps[1]["value"] == pytest.approx(-before_end["fee"].sum(), abs=0.006)
    assert steps[1]["value"] + steps[2]["value"] == pytest.approx(-run.fees[:-1].sum(), abs=0.011)


def test_the_pool_fee_of_a_leg_is_its_pools_share_of_what_went_in_and_the_rest_of_its_cost_is_impact() -> None:
    run = traded()
    trades = run.trades
    rate = trades["venue"].map({"v1": 0.0005, "v2": 0.003, "v3": 0.0005})
    worth = np.where(trades["side"] == "buy", trades["money"], trades["money"] + trades["cost"])
    np.testing.assert_allclose(trades["fee"], worth * rate, rtol=1e-9)
    assert (trades["cost"] > trades["fee"]).all()


def test_costs_that_cannot_be_told_apart_are_a_step_of_their_own() -> None:
    run = traded()
    odd = run.trades.copy()
    odd.loc[odd.index[:5], "fee"] = math.nan
    steps = {step["name"]: step["value"] for step in waterfall(_with(run, trades=odd))}
    assert steps["fees and impact, not told apart"] == pytest.approx(-odd["cost"].head(5).sum(), abs=0.006)
    total = sum(cents(value) for name, value in steps.items() if name != "net profit")
    assert total == cents(steps["net profit"])
    layers = charts([_with(run, trades=odd)], 0, None, waterfall(run))["traces"]["costs"]
    assert [layer["name"] for layer in layers] == ["gas", "pool fees and price impact"]


def _with(run: Run, **changes: object) -> Run:
    known = {name: getattr(run, name) for name in Run.__slots__}
    return Run(**{**known, **changes})  # type: ignore[arg-type]  # any field


def test_months_are_those_of_pandas_and_their_years_compound() -> None:
    nav = walk(500, 1, seed=9)[:, 0]
    run = run_of(list(nav))
    table = months(run)
    moments = pd.to_datetime(run.times, unit="s", utc=True).tz_localize(None)
    last = pd.Series(nav, moments).groupby(moments.to_period("M")).last()
    expected = last / last.shift(1).fillna(nav[0]) - 1.0
    told = {(row["year"], month + 1): value for row in table for month, value in enumerate(row["months"])}
    for period, value in expected.items():
        assert told.pop((period.year, period.month)) == pytest.approx(value)
    assert set(told.values()) == {None}
    assert math.prod(1.0 + row["whole"] for row in table) == pytest.approx(nav[-1] / nav[0])


@pytest.mark.parametrize(
    ("value", "name"), [(None, ""), (0.0, ""), (0.001, "g1"), (0.05, "g3"), (5.0, "g5"), (-0.019, "l1"), (-0.1, "l5")]
)
def test_a_months_colour_grows_with_its_return(value: float | None, name: str) -> None:
    assert shade(value) == name


def test_reasons_are_grouped_with_the_most_frequent_first() -> None:
    told = grouped([(1, "a"), (2, "b"), (3, "b"), (4, "c")], most=2)
    assert told["groups"] == [
        {"reason": "b", "count": 2, "first": 2, "last": 3},
        {"reason": "a", "count": 1, "first": 1, "last": 1},
    ]
    assert (told["given"], told["kinds"]) == (4, 3)


def test_reasons_that_differ_in_a_decimal_number_only_are_one_with_its_range() -> None:
    given_reasons = ["v1: 9.5% of 1,200.00 # left", "v1: 35.1% of 1,200.00 # left", "v2: 9.5% of 1,200.00 # left", "5"]
    told = grouped(list(enumerate(given_reasons)), most=9)
    assert [group["reason"] for group in told["groups"]] == [
        "v1: 9.5–35.1% of 1,200.00 # left",
        "5",
        "v2: 9.5% of 1,200.00 # left",
    ]
    assert told["groups"][0]["count"] == 2


@pytest.mark.parametrize(
    ("cycles", "step", "window"),
    [
        *[(2, DAY, (0, 0)), (30, DAY, (0, 0)), (61, DAY, (21, 21)), (240, DAY, (30, 30)), (1_000, DAY, (180, 180))],
        *[(24 * 14, 3_600, (48, 2)), (24 * 400, 3_600, (24 * 60, 60)), (100, 7 * DAY, (20, 180))],
    ],
)
def test_the_moving_window_is_about_a_fifth_of_the_span_and_holds_enough_cycles(
    cycles: int, step: int, window: tuple[int, int]
) -> None:
    found = window_of(run_of([1.0] * cycles, step))
    assert found[1] == window[1]
    assert found[0] == pytest.approx(window[0], abs=6)


def test_the_rolling_sharpe_ratio_is_that_of_each_window_and_silent_where_nothing_moves() -> None:
    nav = walk(200, 1, seed=2)[:, 0]
    nav[100:150] = nav[100]
    run = run_of(list(nav))
    moves = pd.Series(nav).pct_change()
    expected = moves.rolling(30).mean() / moves.rolling(30).std() * math.sqrt(365)
    found = rolling_sharpe(run, 30, np.arange(200))
    assert np.isnan(found[:30]).all()
    np.testing.assert_allclose(found[30:100], expected[30:100], rtol=1e-6)
    assert np.isnan(found[130:150]).all()
    assert rolling_sharpe(run, 30, np.array([50, 60])).tolist() == found[[50, 60]].tolist()


@pytest.mark.parametrize(("cycles", "step", "period"), [(90, DAY, "day"), (400, DAY, "week"), (2_000, DAY, "month")])
def test_turnover_by_period_sums_to_the_whole(cycles: int, step: int, period: str) -> None:
    turnover = np.random.default_rng(1).random(cycles)
    name, starts, sums = turnover_by_period(run_of([1.0] * cycles, step, turnover=turnover))
    assert name == period
    assert sum(sums) == pytest.approx(turnover.sum())
    assert len(starts) == len(sums) <= 120
    first = [datetime.fromisoformat(start).replace(tzinfo=UTC) for start in starts]
    assert period != "week" or {moment.weekday() for moment in first} == {0}
    assert period != "month" or {moment.day for moment in first} == {1}


def test_the_fan_holds_the_middle_of_paths_that_the_same_returns_make() -> None:
    random = np.random.default_rng(3)
    nav = 100.0 * np.exp(np.concatenate(([0.0], np.cumsum(random.normal(0.001, 0.01, 400)))))
    fan = fan_of(run_of(list(nav)))
    assert fan is not None
    assert fan.bands.shape == (len(FAN_SHARES), len(fan.rows))
    assert (np.diff(fan.bands, axis=0) >= 0.0).all()
    assert fan.bands[:, 0].tolist() == [100.0] * 5
    # Independent draws of 400 steps: the sum of the logarithms is normal about that of the run.
    moves = np.diff(np.log(nav))
    spread = moves.std() * math.sqrt(400)
    centre = moves.mean() * 400
    expected = 100.0 * np.exp(centre + spread * np.array([-1.645, -0.674, 0.0, 0.674, 1.645]))
    np.testing.assert_allclose(fan.bands[:, -1], expected, rtol=0.06)
    again = fan_of(run_of(list(nav)))
    assert again is not None
    assert (again.bands == fan.bands).all()


def test_a_short_or_broken_run_has_no_fan() -> None:
    assert fan_of(run_of([100.0 + at for at in range(20)])) is None
    assert fan_of(run_of([100.0] * 50, gas=[60.0] * 50)) is None


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 20_000), st.integers(0, 100))
def test_thinning_keeps_first_and_last_and_every_peak_and_trough(cycles: int, seed: int) -> None:
    nav = 100.0 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, cycles)))
    run = run_of(list(nav))
    rows = drawn_rows(run)
    assert len(rows) <= 1_500
    assert (rows[0], rows[-1]) == (0, cycles - 1)
    assert (np.diff(rows) > 0).all()
    assert nav[rows].max() == nav.max()
    assert nav[rows].min() == nav.min()


def test_many_venues_are_drawn_as_the_largest_and_the_rest() -> None:
    run = traded(rows=30, venues=16)
    drawn = charts([run], 0, None, waterfall(run))
    layers = drawn["traces"]["weights"]
    assert len(layers) == LAYERS + 1
    assert layers[-2]["name"] == f"{drawn['rest']} others"
    assert drawn["rest"] == 16 - (LAYERS - 1)
    np.testing.assert_allclose(sum(np.array(layer["y"]) for layer in layers), 1.0, atol=1e-6)


def test_the_attribution_of_many_venues_is_drawn_at_its_ends_and_still_sums() -> None:
    cycles, names = 3, ("idle", *(f"v{i}" for i in range(1, 31)))
    held = np.zeros((cycles, 31))
    held[:, 1:] = np.linspace(0.0, 1.0 / 15.0, 30) + np.array([[0.0], [0.0], [0.001]]) * np.linspace(-1, 1, 30)
    held[:, 0] = 1.0 - held.sum(axis=1)
    run = run_of([100.0, 110.0, 120.0], venues=names, held=held, target=held, prices=np.ones((cycles, 31)))
    bars = charts([run], 0, None, waterfall(run))["traces"]["attribution"][0]
    assert len(bars["y"]) == 2 * EITHER_END + 1
    assert "15 between" in bars["y"]
    assert sum(bars["x"]) == pytest.approx(20.0, abs=1e-4)


def test_a_document_tells_its_runs_so_that_every_number_follows_from_them_again() -> None:
    run = traded(rows=60)
    document = document_of(run, [traded(2, 60)], {"title": "x"})
    back = json.loads(json.dumps(document, allow_nan=False))
    assert derived(back) == document["derived"]
    again = runs_of(back)[0]
    assert again.equity.tolist() == run.equity.tolist()
    pd.testing.assert_frame_equal(again.trades, run.trades, check_dtype=False)
    assert tuple(runs_of(back)[1].trades.columns) == TRADE_COLUMNS


@dataclass(frozen=True)
class MadeFold:
    first: int
    last: int
    run: Run
    rival: Run
    held: Run


@dataclass(frozen=True)
class MadePaths:
    times: Times
    paths: tuple[Floats, ...]
    rival: Floats
    splits: int
    sharpes: Floats
    share_below: float


def test_folds_paths_and_a_heat_map_become_sections_with_their_numbers() -> None:
    panel = panel_of(walk(90, 3, 4))
    config = config_of(3)
    edges = panel.times[[0, 30, 60, 89]].tolist()
    folds = []
    for first, last in pairwise(edges):
        scores = no_scores(90, 4)
        run = run_fast(settings_for(config, wanted(panel)), config, panel, scores, first, last, label="mine")
        folds.append(MadeFold(first, last, run, *benchmarks(settings_for(config), config, panel, first, last)))
    flat = np.full(59, 0.01)
    paths = MadePaths(panel.times[:60], (flat, flat * 2), flat, 15, np.array([0.25, np.nan]), 0.5)
    heat = heat_map(("policy.band", ["1 %", "2 %"]), ("every", ["1d"]), np.array([[0.5, np.nan]]), "sharpe", 2)
    run = traded()
    document = document_of(run, [], {}, {"folds": folds, "paths": paths, "heat": heat})
    traces = document["derived"]["traces"]
    totals = [fold.run.equity[-1] / fold.run.equity[0] - 1.0 for fold in folds]
    assert traces["folds"][0]["y"] == pytest.approx(totals, rel=1e-6)
    assert [trace["name"] for trace in traces["folds"]] == ["mine", "equal weight", "buy and hold"]
    assert traces["paths"][1]["y"][-1] == pytest.approx(1.02**59, rel=1e-6)
    assert traces["heat"][0]["z"] == [[0.5, None]]
    text = page_html(run, [], {}, {"folds": folds, "paths": paths, "heat": heat})
    for part in ("Walk-forward folds", "Cross-validated paths", "Sweep"):
        assert f'data-part="{part}"' in text
    assert "50 % of the paths are below" in text
    assert "2 combinations were tried" in text


def test_a_heat_map_whose_values_do_not_fit_its_keys_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(1, 2\), expected \(2, 1\)"):
        heat_map(("a", [1]), ("b", [1, 2]), np.zeros((1, 2)), "sharpe", 2)


def test_a_report_without_extras_has_no_empty_sections() -> None:
    text = page_html(_with(traded(), trades=trades_frame(())))
    for part in ("Walk-forward folds", "Cross-validated paths", 'data-part="Sweep"'):
        assert part not in text
