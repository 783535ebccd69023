"""What a block is worth: exact integers for money, floats for reading only, both orientations alike."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import MONEY, market_of, pools_of, universe_of, venue_of

PAIR = universe_of()
units = st.integers(0, 10**24)


def test_a_fresh_portfolio_is_all_idle() -> None:
    market = market_of(PAIR, pools_of(PAIR, [4.0, 4.0]), 10**11)
    assert market.nav(PAIR) == 10**11
    assert market.held(PAIR).tolist() == [1.0, 0.0, 0.0]


def test_an_empty_vault_holds_idle_and_divides_by_nothing() -> None:
    market = market_of(PAIR, pools_of(PAIR, [4.0, 4.0]), 0)
    assert market.nav(PAIR) == 0
    assert market.held(PAIR).tolist() == [1.0, 0.0, 0.0]


@given(units, units, st.integers(0, 10**15))
def test_weights_held_sum_to_one_and_value_is_the_floor_of_units_at_spot(first: int, second: int, idle: int) -> None:
    pools = pools_of(PAIR, [4.0, 0.07])
    market = market_of(PAIR, pools, idle, {"v1": first, "v2": second})
    root = Fraction(pools["v1"].sqrt_price_x96, 2**96), Fraction(pools["v2"].sqrt_price_x96, 2**96)
    exact = [first * root[0] ** 2, second / root[1] ** 2]
    assert [market.value(PAIR, name) for name in ("v1", "v2")] == [math.floor(value) for value in exact]
    assert market.nav(PAIR) == idle + math.floor(exact[0]) + math.floor(exact[1])
    held = market.held(PAIR)
    assert (held >= 0.0).all()
    assert held.sum() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("price", [1e-6, 0.07, 1.0, 31_000.0])
@pytest.mark.parametrize("decimals", [6, 8, 18])
def test_the_side_of_the_pool_on_which_the_token_stands_changes_no_price(price: float, decimals: int) -> None:
    both = universe_of(
        venue_of(1, base_is_token0=True, decimals=decimals), venue_of(2, base_is_token0=False, decimals=decimals)
    )
    market = market_of(both, pools_of(both, [price, price]), 1, {"v1": 10**decimals, "v2": 10**decimals})
    assert market.price(both, "v1") == pytest.approx(price, rel=1e-7)
    assert market.price(both, "v2") == pytest.approx(price, rel=1e-7)
    expected = price * 10**MONEY.decimals
    assert [market.value(both, name) for name in ("v1", "v2")] == pytest.approx([expected, expected], rel=1e-6, abs=1)


def test_a_pool_that_could_not_be_read_is_worth_nothing_and_has_no_price() -> None:
    pools = pools_of(PAIR, [4.0, 4.0])
    market = market_of(PAIR, pools, 10**9, {"v1": 10**18, "v2": 10**18})
    blind = replace(market, pools={"v2": pools["v2"]})
    assert blind.value(PAIR, "v1") == 0
    assert math.isnan(blind.price(PAIR, "v1"))
    assert blind.nav(PAIR) == 10**9 + blind.value(PAIR, "v2") < market.nav(PAIR)
    assert blind.held(PAIR)[1] == 0.0


def test_idle_money_costs_one_and_is_no_position() -> None:
    market = market_of(PAIR, pools_of(PAIR, [4.0, 4.0]), 5)
    assert market.price(PAIR, "idle") == 1.0
    assert market.value(PAIR, "idle") == 0
    assert np.isclose(market.held(PAIR)[0], 1.0)
