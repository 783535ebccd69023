"""Strategies decide from what is known at the time; their ranges are legal ones around the right prices."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from backtests.lp.result import Market
from backtests.lp.strategies import (
    STRATEGIES,
    Convert,
    FullRange,
    Hold,
    OneSided,
    Provide,
    Recentre,
    Static,
    View,
    Volatility,
    aligned,
    half_of,
    usable,
)
from bot.core.amm.tick_math import MAX_TICK, MIN_TICK

MARKET = Market("pool", ("WETH", "USDC"), (18, 6), 1, 3_000, 60)
TICK = -196_260


def view(
    tick: int = TICK,
    held: tuple[int, int] | None = None,
    since: int | None = None,
    time: int = 1_000_000,
    volatility: Callable[[int], float | None] = lambda lookback: None,
    quote: int = 1,
    spacing: int = 60,
) -> View:
    return View(time, tick, spacing, quote, held, since, MARKET.tick_of, volatility)


def provided(decision: object) -> tuple[int, int]:
    assert isinstance(decision, Provide)
    return decision.lower, decision.upper


# No subnormal numbers: a spacing's part of one is zero, and no tick is that far below a tick.
PLACES = st.floats(-2e6, 2e6, allow_subnormal=False)
LENGTHS = st.floats(0, 3e6, allow_subnormal=False)


@given(lower=PLACES, length=LENGTHS, spacing=st.sampled_from([1, 10, 60, 200]))
def test_a_range_is_always_legal(lower: float, length: float, spacing: int) -> None:
    below, above = aligned(lower, lower + length, spacing)
    assert MIN_TICK <= below < above <= MAX_TICK
    assert below % spacing == above % spacing == 0
    first, last = usable(spacing)
    if first <= lower and lower + length <= last - spacing:
        assert below <= lower
        assert above >= lower + length


def test_a_width_reaches_as_far_up_as_down() -> None:
    assert half_of(1_000) == pytest.approx(math.log(1.1) / math.log(1.0001))
    lower, upper = provided(Static(width="10 %").decide(view()))
    assert 1.0001 ** (upper - TICK) == pytest.approx(1.1, rel=0.006)
    assert 1.0001 ** (TICK - lower) == pytest.approx(1.1, rel=0.006)


def test_a_static_range_may_be_said_in_prices_and_never_moves() -> None:
    strategy = Static(lower=2_500, upper=3_500)
    lower, upper = provided(strategy.decide(view()))
    price = [1.0001**tick * 1e12 for tick in (lower, upper)]
    assert price[0] == pytest.approx(2_500, rel=0.006)
    assert price[1] == pytest.approx(3_500, rel=0.006)
    assert price[0] <= 2_500 < 3_500 <= price[1]
    assert strategy.decide(view(tick=TICK + 50_000, held=(lower, upper))) is None


def test_prices_in_the_other_quote_give_the_same_range() -> None:
    other = Market("pool", ("WETH", "USDC"), (18, 6), 0, 3_000, 60)
    strategy = Static(lower=1 / 3_500, upper=1 / 2_500)
    seen = View(0, TICK, 60, 0, None, None, other.tick_of, lambda lookback: None)
    assert provided(strategy.decide(seen)) == provided(Static(lower=2_500, upper=3_500).decide(view()))


@pytest.mark.parametrize(
    ("at", "tick", "moves"),
    [
        ("100 %", 599, False),
        ("100 %", 600, True),
        ("100 %", -600, False),
        ("100 %", -601, True),
        ("50 %", 299, False),
        ("50 %", 300, True),
        ("50 %", -300, True),
        ("50 %", -299, False),
    ],
)
def test_a_range_is_recentred_when_the_price_is_far_enough(at: str, tick: int, moves: bool) -> None:
    decision = Recentre(width="5 %", at=at).decide(view(tick=tick, held=(-600, 600)))
    assert (decision is not None) == moves
    if moves:
        lower, upper = provided(decision)
        assert lower <= tick - half_of(500) < tick + half_of(500) <= upper


def test_a_range_that_would_come_out_the_same_is_left_alone() -> None:
    held = provided(Recentre(width="1 %").decide(view()))
    assert Recentre(width="1 %", at="1 bps").decide(view(tick=TICK + 1, held=held)) is None


def test_a_volatile_time_gets_a_wider_range_by_the_root_of_time() -> None:
    sigma = 0.02 / math.sqrt(86_400)
    calm, wild = (
        provided(Volatility(sigmas=2, every="1d").decide(view(spacing=1, volatility=lambda lookback, k=k: k * sigma)))  # type: ignore[misc]
        for k in (1, 3)
    )
    assert 1.0001 ** ((calm[1] - calm[0]) / 2) == pytest.approx(math.exp(0.04), rel=1e-3)
    assert wild[1] - wild[0] == pytest.approx(3 * (calm[1] - calm[0]), abs=4)


def test_a_volatility_range_asks_for_its_look_back_and_waits_for_its_time() -> None:
    asked: list[int] = []

    def sigma(lookback: int) -> None:
        asked.append(lookback)

    strategy = Volatility(lookback="3d", every="12h", first_width="20 %")
    held = provided(strategy.decide(view(volatility=sigma)))
    assert asked == [3 * 86_400]
    assert held == provided(Static(width="20 %").decide(view()))
    far = {"tick": TICK + 9_000, "held": held, "since": 1_000_000 - 43_199}
    assert strategy.decide(view(**far)) is None
    assert strategy.decide(view(**(far | {"since": 1_000_000 - 43_200}))) is not None


@pytest.mark.parametrize("quote", [0, 1])
@pytest.mark.parametrize("side", ["below", "above"])
def test_a_one_sided_range_touches_the_price_and_holds_one_token(quote: int, side: Any) -> None:
    lower, upper = provided(OneSided(side=side, width="5 %").decide(view(quote=quote)))
    base_only = side == "above"
    token0_only = base_only == (quote == 1)  # the base is token 0 where token 1 is the quote
    if token0_only:
        assert TICK < lower <= TICK + 60
    else:
        assert TICK - 60 < upper <= TICK
    assert 1.0001 ** (upper - lower) == pytest.approx(1.05, rel=0.013)


def test_a_one_sided_range_follows_the_price_only_when_asked() -> None:
    held = provided(OneSided(width="5 %").decide(view()))
    risen = view(tick=TICK + 2_000, held=held)
    assert OneSided(width="5 %").decide(risen) is None
    follows = OneSided(width="5 %", follow="10 %")
    assert follows.decide(view(tick=TICK + 900, held=held)) is None
    assert provided(follows.decide(risen))[1] > held[1]
    assert follows.decide(view(tick=held[0] - 5_000, held=held)) is None  # bought through: it stays


def test_the_full_range_is_all_legal_ticks() -> None:
    assert provided(FullRange().decide(view())) == (-887_220, 887_220)
    assert FullRange().decide(view(held=(-887_220, 887_220))) is None


def test_hold_buys_once() -> None:
    assert Hold().decide(view()) == Convert(5_000, "start")
    assert Hold().decide(view(since=5)) is None


def test_every_strategy_is_found_by_its_name() -> None:
    assert set(STRATEGIES) == {"static", "recentre", "volatility", "one_sided", "full_range", "hold"}
    assert all(kind.name == name for name, kind in STRATEGIES.items())


@pytest.mark.parametrize(
    "params", [{}, {"width": "0 %"}, {"lower": 1.0}, {"lower": 2.0, "upper": 1.0}, {"width": "5 %", "lower": 1.0}]
)
def test_a_static_range_that_says_nothing_or_two_things_is_refused(params: dict[str, Any]) -> None:
    if params == {"width": "5 %", "lower": 1.0}:
        with pytest.raises(ValidationError, match="write either width"):
            Static(**params)
        return
    with pytest.raises(ValidationError):
        Static(**params)
