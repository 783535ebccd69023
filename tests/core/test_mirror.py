"""The mirror's moves are a function of seed, venue and bar alone, and leave every pool where no arbitrage pays."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.fixedpoint import price_to_sqrt_x96
from bot.core.mirror import (
    NOISE_TRADES,
    MirrorParams,
    MirrorStep,
    apply,
    apply_to,
    band,
    first_prices,
    moves,
    seeding,
    step,
)
from bot.core.universe import Venue
from tests.backtests.markets import panel_of, walk
from tests.builders import MONEY, universe_of, venue_of

PARAMS = MirrorParams(seed=7, noise_bps=100, depth=4_000_000 * 10**6)
VENUES = [venue_of(1), venue_of(2, 500, base_is_token0=False), venue_of(3, 10_000, decimals=6)]
prices = st.floats(1e-4, 1e5)
ratios = st.floats(0.5, 2.0)


def step_of(venue: Venue, price: float = 4.0, before: float = 4.0, volume: float = 1e6, at: int = 1_000) -> MirrorStep:
    return step(PARAMS, venue, MONEY.decimals, at, price, before, volume)


@given(st.sampled_from(VENUES), prices, ratios, st.floats(0.0, 1e9))
def test_the_price_ends_in_the_band_whatever_the_noise(venue: Venue, price: float, ratio: float, volume: float) -> None:
    before = price * ratio
    pool = seeding(venue, MONEY.decimals, before, PARAMS.depth).pool()
    made = step_of(venue, price, before, volume)
    after = apply(pool, made)
    assert made.low_sqrt_x96 <= after.sqrt_price_x96 <= made.high_sqrt_x96
    assert apply(after, replace(made, noise=())) == after  # inside the band nothing more is done


@given(st.sampled_from(VENUES), prices, st.lists(st.tuples(ratios, st.floats(0.0, 1e9)), min_size=1, max_size=5))
def test_a_whole_pool_machine_goes_through_the_same_steps(
    venue: Venue, price: float, bars: list[tuple[float, float]]
) -> None:
    made = seeding(venue, MONEY.decimals, price, PARAMS.depth)
    pool, machine = made.pool(), made.machine(1_000)
    assert machine.pool() == pool
    for number, (ratio, volume) in enumerate(bars, start=1):
        moves_made = step_of(venue, price * ratio, price, volume, number)
        pool, price = apply(pool, moves_made), price * ratio
        apply_to(machine, moves_made, 1_000 + number)
        assert machine.pool() == pool


@given(st.sampled_from(VENUES), prices)
def test_the_band_is_as_wide_as_the_fee_and_holds_the_price(venue: Venue, price: float) -> None:
    low, high = band(venue, MONEY.decimals, price)
    here = price_to_sqrt_x96(price, venue.token.decimals, MONEY.decimals, venue.base_is_token0)
    assert low < here < high
    assert (high / low) ** 2 == pytest.approx((1 - venue.fee_pips / 1e6) ** -2, rel=1e-4)


def test_the_same_arguments_always_give_the_same_moves() -> None:
    assert step_of(VENUES[0]) == step_of(VENUES[0])
    # A fixed value: the fork of one machine and the replay of another must draw the same trades.
    assert step_of(VENUES[0]).noise == (
        1_063_850_760,
        -69_037_019_498_245_087_232,
        1_028_737_605,
        -336_260_671_748_677_369_856,
        6_008_201_422,
        -69_504_861_671_465_803_776,
    )


@pytest.mark.parametrize(
    "other",
    [
        step(replace(PARAMS, seed=8), VENUES[0], MONEY.decimals, 1_000, 4.0, 4.0, 1e6),
        step_of(replace(VENUES[0], id="v9")),
        step_of(VENUES[0], at=1_001),
    ],
    ids=["seed", "venue", "bar"],
)
def test_another_seed_venue_or_bar_draws_other_trades(other: MirrorStep) -> None:
    assert other.noise != step_of(VENUES[0]).noise


@given(st.sampled_from(VENUES), prices, st.floats(1.0, 1e9))
def test_noise_alternates_its_side_and_sums_to_its_share_of_the_volume(
    venue: Venue, price: float, volume: float
) -> None:
    noise = step_of(venue, price, price, volume).noise
    assert len(noise) == NOISE_TRADES
    signs = [math.copysign(1, amount) for amount in noise if amount]
    if len(signs) == NOISE_TRADES:
        assert all(one == -two for one, two in pairwise(signs))
    money_is_token1 = venue.base_is_token0
    spent = sum(
        abs(amount) / 10**MONEY.decimals
        if (amount > 0) == money_is_token1
        else abs(amount) * price / 10**venue.token.decimals
        for amount in noise
    )
    grain = NOISE_TRADES * (10**-MONEY.decimals + price * 10**-venue.token.decimals)
    assert spent == pytest.approx(volume * 0.01, rel=1e-9, abs=grain)


@pytest.mark.parametrize("volume", [0.0, -5.0])
def test_a_bar_without_volume_has_no_noise(volume: float) -> None:
    assert set(step_of(VENUES[0], volume=volume).noise) == {0}


def test_adding_a_venue_changes_no_other_trade() -> None:
    close = walk(5, 3)
    three, two = panel_of(close), panel_of(close[:, :2])
    for row in range(5):
        more = moves(PARAMS, universe_of(venue_of(1), venue_of(2), venue_of(3)), three, row)
        assert more[:2] == moves(PARAMS, universe_of(venue_of(1), venue_of(2)), two, row)


def test_a_venue_without_a_price_stands_still_and_comes_back_at_its_own_price() -> None:
    close = np.full((3, 2), 4.0)
    close[1, 0] = np.nan
    panel, universe = panel_of(close), universe_of(venue_of(1), venue_of(2))
    assert [one.venue for one in moves(PARAMS, universe, panel, 1)] == ["v2"]
    back = moves(PARAMS, universe, panel, 2)[0]
    assert back == step(PARAMS, universe["v1"], 6, int(panel.times[2]), 4.0, 4.0, 1e6)


@pytest.mark.parametrize("venue", VENUES, ids=lambda venue: venue.id)
@pytest.mark.parametrize("price", [1e-4, 1.0, 31_000.0])
def test_a_pool_is_seeded_at_its_price_with_two_ranges_on_its_grid(venue: Venue, price: float) -> None:
    seed = seeding(venue, MONEY.decimals, price, PARAMS.depth)
    assert seed.sqrt_price_x96 == price_to_sqrt_x96(price, venue.token.decimals, 6, venue.base_is_token0)
    full, near = seed.positions
    assert full[0] == -full[1]
    assert full[0] < near[0] < seed.pool().tick < near[1] < full[1]
    assert all(tick % venue.tick_spacing == 0 for lower, upper, _ in seed.positions for tick in (lower, upper))
    assert all(liquidity > 0 for *_, liquidity in seed.positions)
    # One step of the grid more than a factor of eight on either side.
    reach = math.log(8) / math.log(1.0001)
    assert near[1] - near[0] == pytest.approx(2 * reach, abs=2 * venue.tick_spacing + 2)


def test_a_pool_opens_at_the_first_price_that_its_venue_ever_has() -> None:
    close = np.array([[np.nan, 2.0, np.nan], [3.0, np.nan, np.nan], [5.0, 6.0, np.nan]])
    universe = universe_of(venue_of(1), venue_of(2), venue_of(3))
    assert first_prices(universe, panel_of(close), 0) == {"v1": 3.0, "v2": 2.0}
    assert first_prices(universe, panel_of(close), 1) == {"v1": 3.0, "v2": 6.0}
