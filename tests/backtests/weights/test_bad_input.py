"""What cannot be backtested is refused in one line that names the column and the time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.weights import portfolio, portfolio_sweep, threshold_sweep
from bot.errors import ConfigError, DataError

DAYS = pd.date_range("2024-01-01", periods=6, freq="D")


def prices(**cells: float) -> pd.DataFrame:
    """Six days of two assets; `ink_3=0.0` puts 0.0 into the third row of ink."""
    frame = pd.DataFrame({"ink": np.arange(1.0, 7.0), "pen": np.arange(2.0, 8.0)}, index=DAYS)
    return _with(frame, cells)


def weights(**cells: float) -> pd.DataFrame:
    return _with(pd.DataFrame({"ink": 0.5, "pen": 0.25}, index=DAYS), cells)


def _with(frame: pd.DataFrame, cells: dict[str, float]) -> pd.DataFrame:
    for name, value in cells.items():
        column, row = name.split("_")
        frame.iloc[int(row), list(frame.columns).index(column)] = value
    return frame


def shuffled(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.iloc[[0, 1, 3, 2, 4, 5]]


PROBLEMS: dict[str, tuple[Any, Any, str]] = {
    "empty prices": (prices().iloc[:0], weights(), "prices: empty: 0 rows"),
    "no asset": (prices()[[]], weights(), "0 columns"),
    "one row": (prices().iloc[:1], weights().iloc[:1], "prices: one row"),
    "unsorted prices": (shuffled(prices()), weights(), "prices: 2024-01-03 00:00:00: comes after a later time"),
    "unsorted weights": (prices(), shuffled(weights()), "weights: 2024-01-03 00:00:00: comes after a later time"),
    "a time twice": (prices().iloc[[0, 1, 1, 2]], weights(), "prices: 2024-01-02 00:00:00: this time is there twice"),
    "no time": (prices().set_axis(pd.DatetimeIndex([*DAYS[:5], pd.NaT])), weights(), "prices: row 5: has no time"),
    "a column twice": (prices().set_axis(["ink", "ink"], axis=1), weights(), "prices: ink: this column is there twice"),
    "words": (prices().astype({"pen": object}), weights(), "prices: pen: not a column of numbers"),
    "price 0": (prices(ink_3=0.0), weights(), "prices: ink at 2024-01-04 00:00:00: a price is finite and above 0"),
    "negative price": (prices(pen_2=-1.0), weights(), r"prices: pen at 2024-01-03 .* \(got -1.0\)"),
    "infinite price": (prices(pen_2=np.inf), weights(), r"prices: pen at 2024-01-03 .* \(got inf\)"),
    "never a price": (prices().assign(pen=np.nan), weights(), "prices: pen: this column has no price at all"),
    "one dimension": (np.ones(4), weights(), "prices: expected two dimensions"),
    "an array of words": ([["a", "b"]], weights(), "prices: not an array of numbers"),
    "negative weight": (prices(), weights(pen_1=-0.1), r"weights: pen at 2024-01-02 .* between 0 and 1 \(got -0.1\)"),
    "weight above 1": (prices(), weights(ink_0=1.5), "weights: ink at 2024-01-01"),
    "infinite weight": (prices(), weights(ink_0=np.inf), "weights: ink at 2024-01-01"),
    "more than the whole": (
        prices(),
        weights(ink_4=0.9),
        r"weights: 2024-01-05 00:00:00: weights add up to more than 1",
    ),
    "no weight": (prices(), weights() * np.nan, "weights: no row has a weight"),
    "a column less": (prices(), weights()[["ink"]], "weights: pen: prices have this column, weights have not"),
    "a column more": (prices(), weights().assign(cup=0.0), "weights: cup: weights have this column, prices have not"),
    "a time of its own": (prices(), weights().shift(freq="1h"), "weights: 2024-01-01 01:00:00: no bar of the prices"),
    "columns that do not fit": (prices(), np.full((6, 3), 0.3), "without names there is a column for every asset"),
    "rows that do not fit": (prices(), np.full((3, 2), 0.5), "weights: without times there is a row for every bar"),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_refuses_prices_and_weights_that_cannot_be_used(name: str) -> None:
    close, target, message = PROBLEMS[name]
    with pytest.raises(DataError, match=message) as caught:
        portfolio(close, target)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fee": -0.1}, "fee: between 0 and 1"),
        ({"fee": float("nan")}, "fee: between 0 and 1"),
        ({"capital": 0.0}, "capital: money above 0"),
        ({"capital": "much"}, "capital: money above 0"),
        ({"fixed_fee": -1.0}, "fixed_fee: money, not below 0"),
        ({"royalty": {"ink": 0.1}}, "royalty: pen: this asset has none"),
        ({"royalty": {"ink": 0.1, "pen": 0.1, "cup": 0.1}}, "royalty: cup: no such asset"),
        ({"royalty": 0.6, "fee": 0.4}, "nothing is left of a sale"),
        ({"cap": {"ink": 1.5, "pen": 1.0}}, "cap: ink: between 0 and 1"),
        ({"brake": 0.0}, "brake: above 0"),
        ({"every": 0}, "every: a count of bars"),
        ({"every": 1.5}, "every: a count of bars"),
    ],
)
def test_refuses_options_that_mean_nothing(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        portfolio(prices(), weights(), **options)


def test_refuses_a_sweep_without_combinations() -> None:
    with pytest.raises(ConfigError, match="grid: colour: not one of capital"):
        portfolio_sweep(prices(), weights(), {"colour": [1]})
    with pytest.raises(ConfigError, match="grid: fee: has no values"):
        portfolio_sweep(prices(), weights(), {"fee": []})
    with pytest.raises(ConfigError, match="entries: finite thresholds"):
        threshold_sweep(prices(), {"a": prices()}, [float("nan")], [0.0])
    with pytest.raises(DataError, match="indicators: there are none"):
        threshold_sweep(prices(), {}, [0.0], [0.0])


def test_refuses_indicators_that_do_not_fit_the_prices() -> None:
    for indicator, message in (
        (prices().iloc[1:], "indicator a: expected the prices' shape"),
        (prices().shift(freq="1h"), "indicator a: has not the prices' times and columns"),
        (prices(pen_3=-np.inf), "indicator a: pen at 2024-01-04 00:00:00: an indicator is finite"),
    ):
        with pytest.raises(DataError, match=message):
            threshold_sweep(prices(), {"a": indicator}, [0.0], [0.0])


def test_accepts_frames_that_are_laid_out_otherwise() -> None:
    whole = portfolio(prices(), weights(), fee=0.01).final
    by_column = pd.DataFrame({name: prices()[name].copy() for name in prices()})
    assert portfolio(by_column, weights()[["pen", "ink"]], fee=0.01).final == whole
    assert portfolio(prices().astype("Float64"), weights().astype(np.float32), fee=0.01).final == whole
    assert portfolio(prices().astype(np.int64), weights(), fee=0.01).final == whole
    assert portfolio(prices().to_numpy(), weights().to_numpy(), fee=0.01).final == whole
