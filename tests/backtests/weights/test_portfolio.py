"""Target-weight portfolios: by hand, against the slow reference, bit for bit against their own source, and balanced."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.kernels.plain import plain
from backtests.kernels.weights import IMBALANCE, Book
from backtests.kernels.weights_path import portfolio_nb
from backtests.weights import Costs, WeightsResult, portfolio, tables, targets
from bot.errors import DataError, InvariantBroken
from tests.backtests.weights.reference import market, told, wishes

HOURS = pd.date_range("2024-01-01", periods=2_000, freq="h", tz="UTC")


def of(costs: Costs) -> dict[str, Any]:
    return {name: getattr(costs, name) for name in Costs.__dataclass_fields__}


def series_of(result: WeightsResult) -> pd.Series[float]:
    assert result.nav is not None
    return result.nav


def test_agrees_with_an_example_worked_out_by_hand() -> None:
    prices = np.array([[10.0, 20.0], [20.0, 20.0], [20.0, 10.0]])
    weights = np.array([[0.5, 0.25], [0.25, 0.5], [np.nan, np.nan]])
    result = portfolio(prices, weights, capital=1_000.0, fee=0.01, trades=True)
    # Bar 0: 500 and 250 are bought, 7.50 paid: 242.50 cash, 50 and 12.5 units.
    # Bar 1: 1000 + 250 + 242.50 = 1492.50; wanted 373.125 and 746.25: sell 626.875, buy 496.25, 11.23125 paid.
    assert result.nav is not None
    assert result.nav.tolist() == pytest.approx([992.5, 1_481.26875, 1_481.26875 - 373.125], rel=1e-14)
    assert result.cash == pytest.approx(242.5 + 626.875 * 0.99 - 496.25 * 1.01, rel=1e-14)
    assert result.costs == pytest.approx(7.5 + 6.26875 + 4.9625, rel=1e-14)
    assert result.attribution["gained"].tolist() == pytest.approx([500.0, -373.125], rel=1e-14)
    assert result.trades is not None
    assert result.trades["side"].tolist() == ["buy", "buy", "sell", "buy"]
    assert result.trades["units"].tolist() == pytest.approx([50.0, 12.5, -31.34375, 24.8125], rel=1e-14)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    bars=st.integers(4, 60),
    assets=st.integers(1, 11),
    every=st.integers(1, 7),
    total=st.sampled_from([0.6, 1.0]),
    gaps=st.booleans(),
    fee=st.sampled_from([0.0005, 0.01]),
    spread=st.sampled_from([0.0, 0.002]),
    fixed_fee=st.sampled_from([0.0, 3.0, 900.0]),
    royalty=st.sampled_from([0.0, 0.05]),
    band=st.sampled_from([0.0, 0.0203]),
    cap=st.sampled_from([1.0, 0.21]),
    min_cash=st.sampled_from([0.0, 0.11]),
    brake=st.sampled_from([None, 0.03]),
)
def test_does_what_the_slow_reference_does(
    seed: int, bars: int, assets: int, every: int, total: float, gaps: bool, **options: Any
) -> None:
    costs = Costs(capital=12_345.0, **options)
    close, weights = market(seed, bars, assets, gaps=gaps), wishes(seed, bars, assets, every, total)
    slow, quick = told(close, weights, costs), portfolio(close, weights, positions=True, **of(costs))
    assert quick.nav is not None
    assert quick.positions is not None
    np.testing.assert_allclose(quick.nav, slow.nav, rtol=1e-11)
    np.testing.assert_allclose(quick.attribution["units"], slow.units, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(quick.positions.iloc[-1, 1:].astype(float), slow.units, rtol=1e-9, atol=1e-9)
    assert quick.costs == pytest.approx(slow.costs, rel=1e-9)
    assert quick.cash == pytest.approx(slow.cash, rel=1e-9, abs=1e-6)
    assert (quick.counts["orders"], quick.counts["refused"]) == (slow.orders, slow.refused)


@pytest.mark.parametrize("gaps", [False, True])
def test_compiled_and_interpreted_give_the_same_bits(gaps: bool) -> None:
    close, weights = market(3, 50, 7, gaps=gaps), wishes(4, 50, 7, 3)
    costs = Costs(1e4, 0.002, 0.001, 1.0, 0.03, 0.01, 0.4, 0.05, 0.1)
    at = np.flatnonzero(~np.isnan(weights).all(axis=1))
    answers = []
    for kernel in (portfolio_nb, plain(portfolio_nb)):
        book = Book(*np.zeros((2, 200), dtype=np.int64), *np.zeros((3, 200)))
        nav, held, purses = np.zeros(50), np.zeros((len(at), 7)), np.zeros(len(at))
        columns = tuple("abcdefg")
        terms, royalty, cap = costs.terms(), costs.royalties(columns), costs.caps(columns)
        final, account = kernel(close, at, weights, at, gaps, terms, royalty, cap, book, nav, held, purses)
        answers.append([np.asarray(each).tobytes() for each in (final, *account, *book, nav, held, purses)])
    assert answers[0] == answers[1]


def test_any_number_of_threads_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MANY", 0)
    close, weights = market(5, 9_000, 40), wishes(6, 9_000, 40, 700)
    before, answers = numba.get_num_threads(), []
    try:
        for threads in sorted({1, before}):
            numba.set_num_threads(threads)
            answers.append(np.asarray(portfolio(close, weights, fee=0.001).nav).tobytes())
    finally:
        numba.set_num_threads(before)
    assert len(set(answers)) == 1
    slow = told(close, weights, Costs(fee=0.001)).nav
    np.testing.assert_allclose(np.frombuffer(answers[0]), slow, rtol=1e-11)


def test_start_gains_and_costs_make_the_end() -> None:
    close, weights = market(8, 300, 9, gaps=True), wishes(9, 300, 9, 5)
    result = portfolio(close, weights, fee=0.002, spread=0.001, royalty=0.02, trades=True, positions=True)
    parts = result.attribution
    assert result.capital + parts["gained"].sum() - parts["costs"].sum() == pytest.approx(result.final, rel=1e-12)
    assert result.cash + parts["value"].sum() == pytest.approx(result.final, rel=1e-12)
    assert result.trades is not None
    assert len(result.trades) == result.counts["orders"]
    assert result.trades["cost"].sum() == pytest.approx(result.costs, rel=1e-12)
    by_asset = result.trades.groupby("asset")["units"].sum()
    np.testing.assert_allclose(by_asset.reindex(parts.index).fillna(0.0), parts["units"], rtol=1e-9, atol=1e-9)


def test_stops_when_the_books_do_not_balance(monkeypatch: pytest.MonkeyPatch) -> None:
    walk = targets._walk

    def off(*given: Any) -> Any:
        book, final, account = walk(*given)
        account.purse[IMBALANCE] = 2e-9
        return book, final, account

    monkeypatch.setattr(targets, "_walk", off)
    with pytest.raises(InvariantBroken, match="books are off by 2e-09"):
        portfolio(market(1, 10, 2), wishes(1, 10, 2, 3))


def test_the_smallest_purchases_come_first_when_money_is_short() -> None:
    prices = np.ones((2, 3))
    result = portfolio(prices, np.array([0.3, 0.5, 0.2]), capital=1_000.0, fee=0.1)
    # 200 and 300 cost 220 and 330; of the 450 that are left, 450 / 1.1 goes into the largest.
    assert result.attribution["units"].tolist() == pytest.approx([300.0, 450.0 / 1.1, 200.0])
    assert result.cash == 0.0
    assert result.counts["refused"] == 0


def test_what_money_does_not_reach_is_refused_and_counted() -> None:
    result = portfolio(np.ones((2, 3)), np.array([0.2, 0.3, 0.5]), capital=1_000.0, min_cash=0.8)
    assert result.attribution["units"].tolist() == pytest.approx([200.0, 0.0, 0.0])
    assert (result.counts["orders"], result.counts["refused"], result.cash) == (1, 2, 800.0)


def test_the_brake_stops_purchases_and_lets_sales_go_on() -> None:
    prices = np.array([[1.0, 1.0], [0.5, 1.0], [0.5, 1.0]])
    weights = np.array([[0.8, 0.0], [0.1, 0.5], [np.nan, np.nan]])
    result = portfolio(prices, weights, capital=1_000.0, brake=0.3)
    assert result.attribution["units"].tolist() == pytest.approx([120.0, 0.0])
    assert result.counts["braked"] == 1


def test_a_sale_that_the_fixed_fee_would_eat_is_refused() -> None:
    prices = np.ones((2, 1))
    weights = np.array([[0.01], [0.0]])
    kept = portfolio(prices, weights, capital=1_000.0, fixed_fee=10.5)
    assert (kept.counts["orders"], kept.counts["refused"]) == (1, 1)
    assert kept.attribution["units"].tolist() == [pytest.approx(10.0)]


def test_the_band_skips_small_changes_but_lets_positions_be_closed() -> None:
    prices = np.ones((3, 2))
    weights = np.array([[0.5, 0.005], [0.505, 0.0], [0.505, 0.02]])
    result = portfolio(prices, weights, capital=1_000.0, band=0.01, trades=True)
    assert result.trades is not None
    assert list(zip(result.trades["time"], result.trades["asset"], strict=True)) == [(0, "0"), (2, "1")]
    closing = portfolio(prices, np.array([[0.5, 0.02], [0.5, 0.015], [0.5, 0.0]]), band=0.018, trades=True)
    assert closing.trades is not None
    assert closing.trades["side"].tolist() == ["buy", "buy", "sell"]
    assert closing.attribution["units"]["1"] == 0.0


def test_a_missing_price_is_not_traded_keeps_its_value_and_is_counted() -> None:
    prices = np.array([[10.0, np.nan], [12.0, np.nan], [np.nan, 5.0], [np.nan, 5.0]])
    weights = np.array([[0.5, 0.5], [np.nan, np.nan], [0.0, 0.4], [np.nan, np.nan]])
    result = portfolio(prices, weights, capital=1_000.0)
    assert result.nav is not None
    assert result.nav.tolist() == pytest.approx([1_000.0, 1_100.0, 1_100.0, 1_100.0])
    assert result.attribution["units"].tolist() == pytest.approx([50.0, 0.4 * 1_100.0 / 5.0])
    assert (result.counts["unpriced"], result.counts["stale"]) == (2, 2)


def test_one_target_each_so_many_bars_is_a_frame_of_these_bars() -> None:
    prices = pd.DataFrame(market(2, 100, 3), index=HOURS[:100], columns=list("abc"))
    target = pd.Series({"c": 0.2, "a": 0.5, "b": 0.1})
    often = portfolio(prices, target, every=7, fee=0.001)
    frame = pd.DataFrame([target] * 15, index=prices.index[::7])
    assert often.rebalances == 15
    pd.testing.assert_series_equal(series_of(often), series_of(portfolio(prices, frame, fee=0.001)), check_exact=True)
    assert portfolio(prices, target, fee=0.001).rebalances == 1


def test_every_uses_the_weights_that_count_by_then() -> None:
    prices = np.ones((6, 1))
    weights = np.array([[np.nan], [0.5], [np.nan], [0.1], [np.nan], [0.9]])
    result = portfolio(prices, weights, every=3, positions=True, capital=100.0)
    assert result.positions is not None
    assert result.positions.index.tolist() == [1, 4]
    assert result.positions["0"].tolist() == pytest.approx([50.0, 10.0])


def test_what_is_not_asked_for_changes_no_number() -> None:
    close, weights = market(11, 3_000, 6), wishes(12, 3_000, 6, 2)
    whole = portfolio(close, weights, fee=0.001, trades=True, positions=True)
    bare = portfolio(close, weights, fee=0.001, nav=False)
    series = portfolio(close, weights, fee=0.001)
    assert (bare.nav, bare.trades, bare.positions) == (None, None, None)
    assert bare.final == whole.final == series.final
    assert series_of(series).equals(series_of(whole))
    assert series_of(series).iloc[-1] == pytest.approx(series.final, rel=1e-12)


def test_metrics_start_from_the_capital_and_need_times() -> None:
    close, weights = market(13, 2_000, 4), wishes(14, 2_000, 4, 24, 0.9)
    result = portfolio(pd.DataFrame(close, index=HOURS), pd.DataFrame(weights, index=HOURS), fee=0.01)
    found = result.metrics
    assert found["total_return"].value == pytest.approx(result.final / result.capital - 1.0)
    assert found["fees"].value == result.costs
    assert result.nav is not None
    value = np.concatenate(([result.capital], result.nav.to_numpy()[1:]))
    change = value[1:] / value[:-1] - 1.0
    assert found["sharpe"].value == pytest.approx(change.mean() / change.std(ddof=1) * np.sqrt(8_760))
    with pytest.raises(DataError, match="no times"):
        _ = portfolio(close, weights).metrics
    with pytest.raises(DataError, match="not asked for"):
        _ = portfolio(close, weights, nav=False).metrics
