"""Numbers of a provider's run against small examples reckoned by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtests.lp.exposure import Exposure, Shape, lvr_steps, markout, shape_of
from backtests.lp.metrics import (
    Trades,
    fees_over_lvr,
    impermanent_loss,
    lp_metrics,
    net_apr,
    time_in_range,
)
from backtests.lp.path import PricePath
from backtests.lp.result import Action, Market, Series
from bot.core.amm.liquidity_math import amounts_for_liquidity
from bot.core.amm.tick_math import sqrt_ratio_at_tick

PLAIN = Market("pool", ("A", "B"), (0, 0), 1, 3_000, 60)  # decimals of nothing, token 1 is the quote
WIDE = Shape(1e-9, 1e9, 1.0)  # the full range with L = 1: 1 / sqrt(p) of A, sqrt(p) of B
ROOTS = st.lists(st.floats(0.05, 20.0), min_size=2, max_size=30)


def floats(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def test_the_rebalancing_loss_of_a_price_that_quadruples() -> None:
    # L = 1: x goes 1 -> 1/2, V goes 2 -> 4, so the hedge made 3 where the position made 2.
    assert lvr_steps(floats(1.0, 0.5), floats(1.0, 4.0), floats(2.0, 4.0)).tolist() == [1.0]
    # and back: x = 1/2, -3 * 1/2 - (2 - 4) = 1/2
    assert lvr_steps(floats(1.0, 0.5, 1.0), floats(1.0, 4.0, 1.0), floats(2.0, 4.0, 2.0)).tolist() == [1.0, 0.5]


@given(ROOTS, st.floats(0.1, 5.0), st.floats(1.01, 10.0), st.sampled_from([0, 1]))
def test_no_path_has_a_rebalancing_gain(roots: list[float], lower: float, ratio: float, quote: int) -> None:
    market = Market("pool", ("A", "B"), (0, 0), quote, 3_000, 60)
    at = np.array(roots)
    base, held = Shape(lower, lower * ratio, 7.0).amounts(at, market)
    price = market.price(at)
    steps = lvr_steps(base, price, base * price + held)
    assert np.all(steps >= -1e-9 * (1 + np.abs(base[:-1] * np.diff(price))))


def test_the_markout_at_the_end_of_the_trade_is_the_rebalancing_loss() -> None:
    roots = floats(1.0, 2.0, 1.5)
    base, quote = WIDE.amounts(roots, PLAIN)
    price = PLAIN.price(roots)
    loss = lvr_steps(base, price, base * price + quote).sum()
    assert markout(np.diff(base), np.diff(quote), price[1:]) == pytest.approx(loss)


def test_a_markout_by_hand() -> None:
    # We bought 2 A for 6 B, and A is worth 2 B later: the flow gained 2 B on us.
    assert markout(floats(2.0), floats(-6.0), floats(2.0)) == pytest.approx(2.0)
    # We sold 1 A for 3 B, and A is worth 2 B later: it lost 1 B.
    assert markout(floats(-1.0), floats(3.0), floats(2.0)) == pytest.approx(-1.0)


def test_a_shape_holds_what_the_integers_say() -> None:
    market = Market("pool", ("WETH", "USDC"), (18, 6), 1, 3_000, 60)
    lower, upper, liquidity = -200_040, -194_400, 10**17
    shape = shape_of(lower, upper, liquidity)
    for tick in (-201_000, -200_040, -197_000, -194_400, -190_000):
        price = sqrt_ratio_at_tick(tick)
        raw = amounts_for_liquidity(price, lower, upper, liquidity, round_up=False)
        base, quote = shape.amounts(floats(price / 2.0**96), market)
        assert base[0] == pytest.approx(raw[0] / 1e18, rel=1e-9, abs=1e-15)
        assert quote[0] == pytest.approx(raw[1] / 1e6, rel=1e-9, abs=1e-5)


def test_an_exposure_counts_seconds_volume_loss_and_markouts() -> None:
    # Price 1 until 100, 4 from 100 on, 9 from 160 on; our range ends at a price of 4 (root 2).
    path = PricePath(np.array([0, 100, 160, 4_000]), floats(1.0, 4.0, 9.0, 9.0))
    exposure = Exposure(PLAIN, path)
    shape = Shape(0.5, 2.0, 1.0)
    exposure.add(shape, 40, 200, slice(1, 3), 1.0, floats(2.0, 3.0), np.array([0, 1]))
    assert exposure.held == 160
    assert exposure.inside == 60  # from 40 to 100; at root 2 the range is left
    # x: 1/1 - 1/2 = 1/2 before, 0 after; y: 1/2 before, 3/2 after
    assert exposure.volume == pytest.approx(0.5 * 4.0)
    assert exposure.lvr == pytest.approx(0.5 * 3.0 - (1.5 - (0.5 + 0.5)))
    assert exposure.lvr_per_look == pytest.approx(0.5 * 8.0 - (1.5 - (0.5 + 0.5)))  # straight from 1 to 9
    assert exposure.markouts["1m"] == pytest.approx(0.5 * 9.0 - 1.0)  # sold 1/2 for 1, worth 9 a minute later
    assert exposure.unknown == {"1m": 0, "5m": 0, "1h": 0}


def test_a_markout_that_ends_after_the_data_is_left_out() -> None:
    path = PricePath(np.array([0, 100, 350]), floats(1.0, 4.0, 4.0))
    exposure = Exposure(PLAIN, path)
    exposure.add(WIDE, 0, 200, slice(1, 2), 1.0, floats(2.0), np.array([0]))
    assert exposure.unknown == {"1m": 0, "5m": 1, "1h": 1}
    assert exposure.markouts["5m"] == 0.0
    assert exposure.markouts["1m"] != 0.0


def test_a_price_is_the_last_one_known() -> None:
    path = PricePath(np.array([10, 20, 20, 30]), floats(1.0, 2.0, 3.0, 4.0))
    assert path.at(np.array([5, 10, 19, 20, 29, 30, 99])).tolist() == [1.0, 1.0, 1.0, 3.0, 3.0, 4.0, 4.0]


def test_the_volatility_of_steady_returns_is_their_size() -> None:
    times = np.arange(0, 9_601, 100)
    price = np.exp(0.01 * np.arange(len(times)))
    found = PricePath(times, price).volatility(9_600, 9_600)
    assert found == pytest.approx(0.01 / math.sqrt(100))


def test_the_volatility_sees_nothing_later_and_needs_a_past() -> None:
    times = np.arange(0, 20_000, 100)
    calm = np.exp(0.001 * np.sin(np.arange(len(times))))
    wild = np.where(times > 9_600, calm * 5, calm)
    assert PricePath(times, calm).volatility(9_600, 9_600) == PricePath(times, wild).volatility(9_600, 9_600)
    assert PricePath(times, calm).volatility(700, 9_600) is None
    assert PricePath(times, np.ones(len(times))).volatility(9_600, 9_600) is None


def test_the_yearly_rate_is_simple_and_needs_a_day() -> None:
    assert net_apr(10.0, 1_000.0, 73 * 86_400).value == pytest.approx(0.05)
    assert net_apr(10.0, 1_000.0, 86_399).value is None
    assert "less than 28 days" in net_apr(1.0, 1_000.0, 86_400).note


def test_small_ratios_say_why_they_are_missing() -> None:
    assert fees_over_lvr(3.0, 2.0).value == 1.5
    assert fees_over_lvr(3.0, 0.0).value is None
    assert time_in_range(30.0, 120).value == 0.25
    assert time_in_range(None, 120).value is None


def test_impermanent_loss_is_the_textbook_one_for_a_full_range() -> None:
    # A price that quadruples: 2 sqrt(4) / (1 + 4) - 1 = -20 % of what holding is worth.
    value, hold = 2 * math.sqrt(4.0), 1.0 * 4.0 + 1.0
    assert impermanent_loss(value, hold, 0.0, 0.0, "B").value == pytest.approx(-0.2 * hold)
    assert impermanent_loss(value + 0.3 - 0.1, hold, 0.3, 0.1, "B").value == pytest.approx(-0.2 * hold)


def series(**last: float) -> Series:
    """Two samples a day apart; everything is zero at first."""
    columns = {name: np.array([0.0, last.get(name, 0.0)]) for name in Series.__dataclass_fields__}
    columns |= {"time": np.array([0, 86_400]), "price": floats(2.0, 3.0)}
    return Series(**columns)


def test_a_run_is_split_without_a_remainder() -> None:
    found = lp_metrics(
        PLAIN,
        100.0,
        series(value=104.0, hold=103.0, fees0=1.0, fees1=4.0, gas=2.0, lvr=3.5, swap_costs=0.5),
        [Action(0, "mint", -1, -1), Action(9, "mint", -1, -1), Action(9, "swap", 1, -1)],
        Trades(volume=50.0, inside=43_200.0, share=0.1, lvr_per_look=7.0, markouts={"1m": (1.25, 3)}),
    )
    got = {name: metric.value for name, metric in found.items()}
    assert got["net_profit"] == 4.0
    assert got["fees"] == 1.0 * 3.0 + 4.0
    assert got["held"] == 3.0
    assert got["impermanent_loss"] == (104.0 + 2.0 - 7.0) - 103.0
    assert got["net_profit"] == got["held"] + got["impermanent_loss"] + got["fees"] - got["gas"]
    assert (got["lvr_per_block"], got["lvr_per_look"], got["lvr"]) == (3.5, 7.0, 7.0)
    assert got["fees_over_lvr"] == 7.0 / 7.0
    assert got["time_in_range"] == 0.5
    assert got["rebalances"] == 1.0
    assert got["against_hold"] == 1.0
    assert got["against_half"] == 104.0 - 100.0 * (1 + 1.5) / 2
    assert got["net_apr"] == pytest.approx(0.04 * 365)
    assert (got["markout_1m"], got["share_of_pool"], got["volume"]) == (1.25, 0.1, 50.0)
    assert "3 trades" in found["markout_1m"].note
