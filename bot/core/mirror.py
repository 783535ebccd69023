"""The market mirror: how pools follow a price path by real swaps. Pure, so that a fork and a replay do the same.

At each bar a pool gets noise trades (which pay fees and cancel out roughly), then one arbitrage swap that brings its
price back into the band in which no arbitrage pays: path price × (1 - fee) … path price ÷ (1 - fee). The arbitrage
takes from the liquidity providers what real arbitrage takes (loss-versus-rebalancing); nobody gives it back.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import numpy as np

from bot.core.amm.concentrated import Pool, liquidity_for_amounts, nudging, pool_at
from bot.core.amm.path import swapped
from bot.core.amm.pool_state import PoolState
from bot.core.amm.tick_math import MAX_TICK, MIN_TICK
from bot.core.fixedpoint import price_to_sqrt_x96
from bot.core.panel import Panel
from bot.core.universe import OFFERED, Universe, Venue
from bot.errors import DataError

PIPS = 1_000_000
NOISE_TRADES = 6  # a bar and pool: alternately bought and sold, so that noise has no direction of its own
OTHERS = "others"  # who owns the liquidity that a made pool is seeded with
BUDGET = 10**33  # the mirror's own inventory of each token; its swaps end at a price, never for want of tokens


@dataclass(frozen=True, slots=True)
class MirrorParams:
    """`noise_bps`: noise volume as a share of the bar's recorded volume. `depth`: money a pool is seeded with (raw)."""

    seed: int
    noise_bps: int
    depth: int


@dataclass(frozen=True, slots=True)
class MirrorStep:
    """One pool's moves at one bar. Noise > 0: exact input of token1; < 0: of token0. Then the band, as sqrt Q64.96."""

    venue: str
    noise: tuple[int, ...]
    low_sqrt_x96: int
    high_sqrt_x96: int


def band(venue: Venue, money_decimals: int, price: float) -> tuple[int, int]:
    """Lowest and highest pool price (sqrt Q64.96) at which arbitrage against `price` (money per token) does not pay."""
    keep = 1.0 - venue.fee_pips / PIPS
    one, other = (
        price_to_sqrt_x96(edge, venue.token.decimals, money_decimals, venue.base_is_token0)
        for edge in (price * keep, price / keep)
    )
    return min(one, other), max(one, other)


def step(
    params: MirrorParams, venue: Venue, money_decimals: int, at: int, price: float, before: float, volume: float
) -> MirrorStep:
    """The moves of one pool at the bar that closes at `at`; the same arguments always give the same moves.

    `price`, `before`: this bar's and the previous bar's close (money per token; noise trades happen at the old price);
    `volume`: the bar's recorded volume in money.
    """
    # A generator of its own for each pool and bar: adding a venue or starting later changes no other trade.
    draw = random.Random(f"mirror:{params.seed}:{venue.id}:{at}")
    total = max(0.0, volume) * params.noise_bps / 10_000
    cuts = sorted([draw.random() for _ in range(NOISE_TRADES - 1)])
    buying = draw.random() < 0.5
    money, token = 10**money_decimals, 10**venue.token.decimals
    noise = []
    for low, high in zip([0.0, *cuts], [*cuts, 1.0], strict=True):
        share = high - low
        # Buying the token pays money in; whether that is token1 or token0 decides the sign.
        amount = int(share * total * money) if buying else int(share * total / before * token)
        pays_token1 = buying == venue.base_is_token0
        noise.append(amount if pays_token1 else -amount)
        buying = not buying
    return MirrorStep(venue.id, tuple(noise), *band(venue, money_decimals, price))


def apply(pool: Pool, moves: MirrorStep) -> Pool:
    """The pool after one step, exactly as the devnet's market maker contract leaves it.

    Raises DataError where the mirror's inventory does not bring the price into its band: a price would be made up.
    """
    pool = swapped(pool, [(amount < 0, abs(amount), None) for amount in moves.noise if amount])
    arbitrage = nudging(pool, moves.low_sqrt_x96, moves.high_sqrt_x96, (BUDGET, BUDGET))
    pool = swapped(pool, [arbitrage]) if arbitrage else pool
    _check_arrived(pool.sqrt_price_x96, moves)
    return pool


def apply_to(machine: PoolState, moves: MirrorStep, time: int) -> None:
    """The same step on a whole pool machine, where the positions earn its fees: one block at `time`."""
    for amount in moves.noise:
        if amount:
            machine.swap(amount < 0, abs(amount), None, time)
    low, high = moves.low_sqrt_x96, moves.high_sqrt_x96
    if not low <= machine.sqrt_price_x96 <= high:
        falls = machine.sqrt_price_x96 > high
        machine.swap(falls, BUDGET, high if falls else low, time)
        _check_arrived(machine.sqrt_price_x96, moves)


def _check_arrived(sqrt_price_x96: int, moves: MirrorStep) -> None:
    if not moves.low_sqrt_x96 <= sqrt_price_x96 <= moves.high_sqrt_x96:
        problem = f"its pool cannot follow the price with {BUDGET:.0e} raw units of each token"
        raise DataError(f"{moves.venue}: {problem}: the price is too low, or devnet.depth too high, for it")


@dataclass(frozen=True, slots=True)
class Seeding:
    """How a devnet pool starts: its price and its positions (lower tick, upper tick, liquidity)."""

    sqrt_price_x96: int
    fee_pips: int
    tick_spacing: int
    positions: tuple[tuple[int, int, int], ...]

    def pool(self) -> Pool:
        return pool_at(self.sqrt_price_x96, self.fee_pips, self.tick_spacing, self.positions)

    def machine(self, time: int) -> PoolState:
        """The same pool as a whole machine, initialised and minted at `time`; `OTHERS` own its positions."""
        machine = PoolState(self.fee_pips, self.tick_spacing)
        machine.initialize(self.sqrt_price_x96, time)
        for lower, upper, liquidity in self.positions:
            machine.mint(OTHERS, lower, upper, liquidity, time)
        return machine


def seeding(venue: Venue, money_decimals: int, price: float, depth: int) -> Seeding:
    """Two positions with half of `depth` (raw money, both sides together) each: full range, and price ÷ 8 … × 8.

    The wide range makes the pool as deep as a typical busy pool; the full range keeps it trading whatever happens.
    """
    spacing = venue.tick_spacing
    sqrt_price = price_to_sqrt_x96(price, venue.token.decimals, money_decimals, venue.base_is_token0)
    full = MAX_TICK // spacing * spacing
    here = pool_at(sqrt_price, venue.fee_pips, spacing, ()).tick
    reach = 20_795  # ticks that multiply a price by eight: ln 8 / ln 1.0001
    lower = max(MIN_TICK, here - reach) // spacing * spacing
    upper = -(-min(MAX_TICK, here + reach) // spacing) * spacing
    side = depth // 4  # half of the depth for each range, half of that for each side
    token_side = int(side / price * 10 ** (venue.token.decimals - money_decimals))
    amounts = (token_side, side) if venue.base_is_token0 else (side, token_side)
    positions = tuple(
        (low, high, liquidity_for_amounts(sqrt_price, low, high, *amounts))
        for low, high in ((-full, full), (lower, upper))
    )
    return Seeding(sqrt_price, venue.fee_pips, spacing, positions)


def moves(params: MirrorParams, universe: Universe, panel: Panel, row: int) -> tuple[MirrorStep, ...]:
    """Every pool's moves at one row of the panel; a venue without a price in that row, or a pool, stands still."""
    close, volume = panel.close, panel.volume
    found = []
    prices, traded_by, at = close[row].tolist(), volume[row].tolist(), int(panel.times[row])
    earlier = close[row - 1].tolist() if row else prices
    for column, venue in enumerate(universe.risky, start=1):
        price, before, traded = prices[column], earlier[column], traded_by[column]
        if not math.isfinite(price) or venue.kind in OFFERED:
            continue
        found.append(
            step(
                params,
                venue,
                universe.money.decimals,
                at,
                price,
                before if math.isfinite(before) else price,
                traded if math.isfinite(traded) else 0.0,
            )
        )
    return tuple(found)


def first_prices(universe: Universe, panel: Panel, row: int) -> dict[str, float]:
    """The price each pool starts at: the venue's close in `row`, or its first one after it.

    A venue that is listed later starts at its first price; nobody can trade there before, so nothing is foreseen.
    Venues that never have a price from `row` on are left out.
    """
    prices = {}
    for column, venue in enumerate(universe.risky, start=1):
        known = panel.close[row:, column]
        finite = known[np.isfinite(known)]
        if len(finite):
            prices[venue.id] = float(finite[0])
    return prices
