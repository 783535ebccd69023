"""Many portfolios at once: each row is what one by one would have given."""

from __future__ import annotations

from functools import partial
from typing import Any

import numba
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.kernels import thresholds
from backtests.kernels.plain import plain
from backtests.kernels.thresholds import BLOCK, thresholds_nb
from backtests.weights import Costs, portfolio, portfolio_sweep, sweeps, threshold_sweep
from bot.core.panel import Floats
from bot.errors import InvariantBroken
from tests.backtests.weights.reference import market, thresholds_told, wishes


def figures(nav: Any) -> tuple[float, float, float]:
    """(final, Sharpe ratio per bar, largest fall) of a series."""
    value = np.asarray(nav, dtype=np.float64)
    change = value[1:] / value[:-1] - 1.0
    peak = np.maximum.accumulate(value)
    spread = change.std(ddof=1) if len(change) > 1 else 0.0
    sharpe = change.mean() / spread if spread > 1e-12 else float("nan")
    return float(value[-1]), float(sharpe), float(((peak - value) / peak).max())


def require_row(row: Any, nav: Any) -> None:
    final, sharpe, fall = figures(nav)
    assert row.final == pytest.approx(final, rel=1e-11)
    assert row.sharpe == pytest.approx(sharpe, rel=1e-8, abs=1e-10, nan_ok=True)
    assert row.max_drawdown == pytest.approx(fall, rel=1e-9, abs=1e-12)


def signals(seed: int, bars: int, assets: int) -> Floats:
    draw = np.random.default_rng(seed)
    made = draw.normal(0.0, 1.0, (bars, assets)).round(1)  # so that values meet thresholds exactly, too
    made[draw.random((bars, assets)) < 0.05] = np.nan
    return np.asarray(made)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    bars=st.sampled_from([2, 3, 40, BLOCK - 1, BLOCK, BLOCK + 1, BLOCK + 2, 2 * BLOCK + 5]),
    assets=st.integers(1, 9),
    gaps=st.booleans(),
    entry=st.sampled_from([-3.0, -0.5, 0.0, 0.7, 1.5, 9.0]),
    leave=st.sampled_from([-9.0, -1.5, -0.2, 0.0, 0.6, 3.0]),
    royalty=st.sampled_from([0.0, 0.05]),
)
def test_a_row_of_thresholds_is_what_the_slow_reference_finds(
    seed: int, bars: int, assets: int, gaps: bool, entry: float, leave: float, royalty: float
) -> None:
    close, indicator = market(seed, bars, assets, gaps=gaps and bars > 3), signals(seed, bars, assets)
    costs = Costs(5_000.0, 0.002, 0.001, royalty=royalty)
    table = threshold_sweep(
        close, {"a": indicator}, [0.3, entry], [leave, -0.1], capital=5_000.0, fee=0.002, spread=0.001, royalty=royalty
    )
    rows: Any = table.itertuples()
    for row in rows:
        nav, orders = thresholds_told(close, indicator, row.entry, row.exit, costs)
        require_row(row, nav)
        assert row.orders == orders


def test_thresholds_agree_with_an_example_worked_out_by_hand() -> None:
    prices = np.array([[10.0], [20.0], [30.0], [15.0], [15.0]])
    signal = np.array([[0.0], [1.0], [1.0], [-1.0], [1.0]])
    table = threshold_sweep(prices, {"a": signal}, [0.5], [-0.5], capital=100.0, fee=0.25)
    # 100 buy 4 units at 20 and 25 %; 4 × 15 less 25 % are 45, which buy 2.4 units at 15.
    assert table.loc[0, "final"] == pytest.approx(36.0)
    assert table.loc[0, "orders"] == 3
    assert table.loc[0, "costs"] == pytest.approx(20.0 + 15.0 + 9.0)
    assert table.loc[0, "max_drawdown"] == pytest.approx(1.0 - 36.0 / 120.0)


def test_thresholds_are_the_same_bits_on_any_number_of_threads_and_in_any_company() -> None:
    close, levels = market(1, 700, 5), [round(each, 2) for each in np.linspace(-1.0, 2.0, 23)]
    indicators = {seed: signals(seed, 700, 5) for seed in range(3)}
    before, answers = numba.get_num_threads(), []
    try:
        for threads in sorted({1, before}):
            numba.set_num_threads(threads)
            answers.append(threshold_sweep(close, indicators, levels, [-0.5, 0.0], fee=0.001))
    finally:
        numba.set_num_threads(before)
    assert all(each.equals(answers[0]) for each in answers)
    alone = threshold_sweep(close, {2: indicators[2]}, [levels[7]], [0.0], fee=0.001)
    row = answers[0].query(f"indicator == 2 and entry == {levels[7]} and exit == 0")
    assert alone.to_numpy().tolist() == row.to_numpy().tolist()


def test_compiled_and_interpreted_thresholds_give_the_same_bits() -> None:
    close = np.ascontiguousarray(market(2, 150, 3).T)
    given_ = np.stack([np.ascontiguousarray(signals(4, 150, 3).T)])
    answers = []
    for kernel in (thresholds_nb, plain(thresholds_nb)):
        out = np.zeros((2, thresholds.COLUMNS))
        groups, entry, leave = np.array([[0, 0, 2]]), np.array([0.2, 1.0]), np.array([-0.2, 0.0])
        kernel(close, close, given_, groups, entry, leave, 100.0, 1.001, np.full(3, 0.99), out)
        answers.append(out)
    assert answers[0].tobytes() == answers[1].tobytes()
    assert (answers[0][:, thresholds.IMBALANCE] < 1e-13).all()


def test_indicators_may_be_made_when_their_turn_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    close, made = market(3, 60, 2), []
    monkeypatch.setattr(sweeps, "BATCH", 2 * close.size)

    def maker(seed: int) -> Floats:
        made.append(seed)
        return signals(seed, 60, 2)

    lazy = threshold_sweep(close, {seed: partial(maker, seed) for seed in range(5)}, [0.5], [0.0])
    assert made == [0, 1, 2, 3, 4]
    assert lazy.equals(threshold_sweep(close, {seed: signals(seed, 60, 2) for seed in range(5)}, [0.5], [0.0]))


def test_ratios_are_annualised_where_prices_have_times() -> None:
    close = market(4, 200, 2)
    frame = pd.DataFrame(close, index=pd.date_range("2024-01-01", periods=200, freq="D"))
    plainly = threshold_sweep(close, {"a": signals(1, 200, 2)}, [0.5], [0.0])
    yearly = threshold_sweep(frame, {"a": signals(1, 200, 2)}, [0.5], [0.0])
    assert yearly.loc[0, "sharpe"] == pytest.approx(plainly.loc[0, "sharpe"] * np.sqrt(365))


@pytest.mark.parametrize("gaps", [False, True])
def test_a_sweep_of_costs_is_a_portfolio_a_row(gaps: bool) -> None:
    close, weights = market(6, 120, 5, gaps=gaps), wishes(7, 120, 5, 4)
    grid: dict[str, list[Any]] = {"fee": [0.0, 0.01], "band": [0.0, 0.03], "brake": [None, 0.05], "cap": [1.0, 0.3]}
    table = portfolio_sweep(close, weights, grid, royalty=0.01)
    assert len(table) == 16
    rows: Any = table.itertuples()
    for row in rows:
        brake = None if row.brake is None or np.isnan(row.brake) else row.brake
        one = portfolio(close, weights, fee=row.fee, band=row.band, brake=brake, cap=row.cap, royalty=0.01)
        assert one.nav is not None
        require_row(row, one.nav)
        assert row.final == one.final
        assert (row.orders, row.costs, row.turnover) == (one.counts["orders"], one.costs, one.turnover)


def test_a_sweep_stops_when_books_do_not_balance(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = thresholds_nb

    def off(*given: Any) -> None:
        kernel(*given)
        given[-1][0, thresholds.IMBALANCE] = float("nan")

    monkeypatch.setattr(sweeps, "thresholds_nb", off)
    with pytest.raises(InvariantBroken, match="books are off"):
        threshold_sweep(market(1, 20, 2), {"a": signals(1, 20, 2)}, [0.5], [0.0])
