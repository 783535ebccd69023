"""One small devnet world for the tests: four venues over all of Uniswap's fee tiers, and random markets."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from bot.chain.devnet.devnet import DevnetSpec
from bot.core.market import Market
from bot.core.mirror import MirrorParams, MirrorStep, step
from bot.core.plan import Limits, Plan, make_plan
from bot.core.units import Token
from bot.core.universe import Universe, Venue, idle

START = 1_700_006_400  # a multiple of the bar
BAR = 21_600
MONEY_DECIMALS = 6
CAPITAL = 100_000 * 10**6
DEPTH = 40_000_000 * 10**6  # deep enough to price positions even after the crashes of these tests
LIMITS = Limits(
    max_venue_bps=2_500,
    min_idle_bps=1_000,
    slippage_bps=50,
    max_loss_bps=200,
    min_trade=100 * 10**6,
    max_turnover_bps=10_000,
    max_staleness=86_400,
)
_TIERS = {"render": (3_000, 60), "weights": (500, 10), "prompts": (10_000, 200), "frames": (100, 1)}
PRICES = {"render": 1.25, "weights": 43.7, "prompts": 0.0031, "frames": 950.0}


def placeholder(number: int) -> str:
    return "0x" + f"{number:040x}"


MONEY = Token(31_337, placeholder(1), "USDC", MONEY_DECIMALS)
UNIVERSE = Universe(
    MONEY,
    (
        idle(MONEY),
        *(
            Venue(name, "uniswap_v3_hold", name, Token(31_337, placeholder(number), name, 18), fee, spacing)
            for number, (name, (fee, spacing)) in enumerate(_TIERS.items(), start=2)
        ),
    ),
)


def spec_of(**changes: object) -> DevnetSpec:
    """The world's devnet, with some fields changed."""
    spec = DevnetSpec(
        universe=UNIVERSE,
        prices=PRICES,
        depth=DEPTH,
        capital=CAPITAL,
        max_venue_bps=LIMITS.max_venue_bps,
        max_loss_bps=LIMITS.max_loss_bps,
        min_idle_bps=LIMITS.min_idle_bps,
        max_turnover_bps=LIMITS.max_turnover_bps,
        start=START,
    )
    return replace(spec, **changes)  # type: ignore[arg-type]


def moved(prices: Mapping[str, float], seed: int, spread: float = 0.05) -> dict[str, float]:
    """The prices after one random bar of standard deviation `spread`."""
    draw = random.Random(seed)
    return {venue: price * math.exp(draw.gauss(0.0, spread)) for venue, price in prices.items()}


def steps_between(
    universe: Universe, at: int, before: Mapping[str, float], after: Mapping[str, float], volume: float = 2e6
) -> tuple[MirrorStep, ...]:
    """Noise at the old price, then arbitrage to the new one, for every venue."""
    params = MirrorParams(seed=7, noise_bps=100, depth=DEPTH)
    return tuple(
        step(params, venue, MONEY_DECIMALS, at, after[venue.id], before[venue.id], volume) for venue in universe.risky
    )


def prices_of(market: Market, universe: Universe) -> dict[str, float]:
    return {venue.id: market.price(universe, venue.id) for venue in universe.risky}


def next_bar(now: int) -> int:
    """The first bar that closes at least a TWAP window after `now`."""
    return (now + 1_800) // BAR * BAR + BAR


def plan_for(weights: Sequence[float], market: Market, universe: Universe) -> Plan:
    """The plan towards weights of the risky venues, in universe order; the rest is idle."""
    return make_plan(np.array([1.0 - sum(weights), *weights]), market, universe, LIMITS)
