"""The Python mirror against the real Uniswap V3 bytecode: swaps, mints and burns equal to the last unit.

Whatever the mirror refuses the contracts must refuse too, and the other way round. The random markets are
generated from fixed seeds; PATRON_PARITY_MARKETS asks for more of them per fee tier.
"""

from __future__ import annotations

import os
from collections import Counter
from random import Random

import pytest

from bot.core.amm.concentrated import (
    Pool,
    Swap,
    amounts_for_liquidity,
    liquidity_for_amounts,
    nudge,
    pool_at,
    swap,
    with_liquidity,
)
from bot.core.amm.tick_math import MAX_SQRT_RATIO, MAX_TICK, MIN_SQRT_RATIO, MIN_TICK, sqrt_ratio_at_tick
from bot.core.fixedpoint import Q128
from tests.parity.evm import OWNER, SUPPLY, Market, Reverted, SwapEvent

MARKETS = int(os.environ.get("PATRON_PARITY_MARKETS", "40"))
TIERS = [(500, 10), (3000, 60), (10000, 200)]


def event_of(done: Swap) -> SwapEvent:
    """The event that the contract should emit for a swap of the mirror."""
    after = done.pool
    return SwapEvent(done.amount0, done.amount1, after.sqrt_price_x96, after.liquidity, after.tick)


def random_start(rnd: Random) -> int:
    """A square root price: mostly ordinary, sometimes near an end of the range, often exactly on a tick."""
    tick = rnd.randint(-90_000, 90_000) if rnd.random() < 0.85 else rnd.choice([-880_000, 880_000])
    price = sqrt_ratio_at_tick(tick)
    return price if rnd.random() < 0.4 else rnd.randint(price, sqrt_ratio_at_tick(tick + 1) - 1)


def random_range(rnd: Random, pool: Pool) -> tuple[int, int]:
    """Ticks of a position around, above or below the price, now and then over the whole range."""
    spacing = pool.tick_spacing
    first, last = -(-MIN_TICK // spacing) * spacing, MAX_TICK // spacing * spacing
    if rnd.random() < 0.15:
        return first, last
    lower = (pool.tick + rnd.randint(-40, 12) * spacing) // spacing * spacing
    lower = min(max(lower, first), last - spacing)
    return lower, min(lower + rnd.choice([1, 2, 5, 40, 300]) * spacing, last)


def random_amount(rnd: Random) -> int:
    return int(10 ** rnd.uniform(0, 25))


def random_limit(rnd: Random, pool: Pool, zero_for_one: bool) -> int:
    """A legal price limit on the swap's way; often a tick where liquidity starts or ends. 0 when none is left."""
    ahead = [tick for tick, _ in pool.ticks if (tick < pool.tick if zero_for_one else tick > pool.tick)]
    if ahead and rnd.random() < 0.4:
        tick = rnd.choice(ahead)
    else:
        away = rnd.randint(1, 400 * pool.tick_spacing)
        tick = pool.tick - away if zero_for_one else pool.tick + 1 + away
    limit = sqrt_ratio_at_tick(min(max(tick, MIN_TICK), MAX_TICK)) + rnd.choice([0, 0, 1, -1])
    legal = MIN_SQRT_RATIO < limit < pool.sqrt_price_x96 if zero_for_one else limit < MAX_SQRT_RATIO
    return limit if legal and limit != pool.sqrt_price_x96 else 0


def open_market(rnd: Random, fee_pips: int, spacing: int, seen: Counter[str]) -> tuple[Market, Pool]:
    """A real pool and its mirror with the same random positions, every mint compared."""
    start = random_start(rnd)
    market, pool = Market(fee_pips, start), pool_at(start, fee_pips, spacing, [])
    for _ in range(rnd.randint(0, 7)):
        lower, upper = random_range(rnd, pool)
        liquidity = int(10 ** rnd.uniform(1, 25))
        owed = amounts_for_liquidity(pool.sqrt_price_x96, lower, upper, liquidity, round_up=True)
        assert market.seed(lower, upper, liquidity) == owed
        pool = with_liquidity(pool, lower, upper, liquidity)
        seen["positions"] += 1
    return market, pool


def trade(pool: Pool, zero_for_one: bool, amount: int, limit: int, seen: Counter[str]) -> Swap:
    """A swap of the mirror, counted."""
    done = swap(pool, zero_for_one, amount, limit or None)
    specified = done.amount0 if zero_for_one == (amount > 0) else done.amount1
    seen["swaps"] += 1
    seen["crossings"] += done.ticks_crossed
    seen["partial"] += specified != amount
    return done


def router_accepts(done: Swap, zero_for_one: bool, amount: int, limit: int) -> bool:
    """Whether the router's own rules, which are not the pool's, let a swap pass.

    Something must be paid, and without a limit an exact output must be complete.
    """
    received = -(done.amount1 if zero_for_one else done.amount0)
    return max(done.amount0, done.amount1) > 0 and (amount > 0 or limit != 0 or received == -amount)


def maker_step(
    pool: Pool, noise: list[int], band: tuple[int, int], funds: tuple[int, int], seen: Counter[str]
) -> tuple[list[Swap], tuple[int, int]]:
    """Swaps of one step of the market maker in the mirror, and what it holds afterwards."""
    swaps: list[Swap] = []
    for amount in noise:
        if amount:
            swaps.append(trade(pool, amount < 0, abs(amount), 0, seen))
            pool = swaps[-1].pool
            funds = funds[0] - swaps[-1].amount0, funds[1] - swaps[-1].amount1
    nudged = nudge(pool, *band, funds)
    if nudged is not None:
        swaps.append(nudged)
        funds = funds[0] - nudged.amount0, funds[1] - nudged.amount1
        seen["swaps"] += 1
        seen["nudges"] += 1
        seen["short of the band"] += not band[0] <= nudged.pool.sqrt_price_x96 <= band[1]
    return swaps, funds


@pytest.mark.parametrize(("fee_pips", "spacing"), TIERS)
def test_every_swap_of_the_market_maker_is_reproduced_to_the_wei(fee_pips: int, spacing: int) -> None:
    rnd, seen = Random(fee_pips), Counter[str]()
    for _ in range(MARKETS):
        market, pool = open_market(rnd, fee_pips, spacing, seen)
        for _ in range(10):
            funds = market.balances(market.maker)
            noise = [rnd.choice([-1, 1, 1, -1, 0]) * random_amount(rnd) for _ in range(rnd.randint(0, 6))]
            middle = min(max(pool.tick + rnd.randint(-60, 60) * spacing, MIN_TICK + 1), MAX_TICK - 2)
            band = sqrt_ratio_at_tick(middle), sqrt_ratio_at_tick(middle + 1) - rnd.choice([0, 1])
            try:
                swaps, funds_left = maker_step(pool, noise, band, funds, seen)
            except ValueError:
                with pytest.raises(Reverted):
                    market.step(noise, *band)
                seen["refused"] += 1
                continue
            assert market.step(noise, *band) == [event_of(done) for done in swaps]
            assert market.balances(market.maker) == funds_left
            pool = swaps[-1].pool if swaps else pool
    assert seen["swaps"] >= 25 * MARKETS, seen
    assert min(seen["crossings"], seen["nudges"], seen["partial"], seen["refused"]) >= MARKETS // 4, seen


@pytest.mark.parametrize(("fee_pips", "spacing"), TIERS)
def test_limits_and_exact_outputs_through_the_router_are_reproduced_to_the_wei(fee_pips: int, spacing: int) -> None:
    rnd, seen = Random(fee_pips + 1), Counter[str]()
    for _ in range(MARKETS):
        market, pool = open_market(rnd, fee_pips, spacing, seen)
        for _ in range(25):
            zero_for_one = rnd.random() < 0.5
            amount = random_amount(rnd) * rnd.choice([1, -1])
            limit = random_limit(rnd, pool, zero_for_one) if rnd.random() < 0.5 else 0
            try:
                done = trade(pool, zero_for_one, amount, limit, seen)
            except ValueError:
                done = None
            if done is None or not router_accepts(done, zero_for_one, amount, limit):
                with pytest.raises(Reverted):
                    market.route(zero_for_one, amount, limit)
                seen["refused"] += 1
                continue
            assert market.route(zero_for_one, amount, limit) == event_of(done)
            pool = done.pool
            seen["exact outputs"] += amount < 0
            seen["at the limit"] += pool.sqrt_price_x96 == limit
    assert seen["swaps"] >= 20 * MARKETS, seen
    assert min(seen["crossings"], seen["exact outputs"], seen["at the limit"]) >= MARKETS, seen


@pytest.mark.parametrize(("fee_pips", "spacing"), TIERS)
def test_mints_for_amounts_and_burns_between_swaps_are_reproduced_to_the_wei(fee_pips: int, spacing: int) -> None:
    rnd, seen = Random(fee_pips + 2), Counter[str]()
    for _ in range(MARKETS):
        market, pool = open_market(rnd, fee_pips, spacing, seen)
        held: list[tuple[int, int, int, int]] = []  # token id, lower, upper, liquidity
        for _ in range(15):
            if held and rnd.random() < 0.5:
                token_id, lower, upper, whole = held.pop(rnd.randrange(len(held)))
                part = whole if rnd.random() < 0.6 else rnd.randint(1, whole)
                returned = amounts_for_liquidity(pool.sqrt_price_x96, lower, upper, part, round_up=False)
                assert market.burn(token_id, part) == returned
                pool = with_liquidity(pool, lower, upper, -part)
                seen["burns"] += 1
                if part < whole:
                    held.append((token_id, lower, upper, whole - part))
            else:
                lower, upper = random_range(rnd, pool)
                most = random_amount(rnd), random_amount(rnd)
                try:
                    liquidity = liquidity_for_amounts(pool.sqrt_price_x96, lower, upper, *most)
                    minted = with_liquidity(pool, lower, upper, liquidity)
                except ValueError:
                    with pytest.raises(Reverted):
                        market.mint(lower, upper, *most)
                    seen["refused"] += 1
                    continue
                owed = amounts_for_liquidity(pool.sqrt_price_x96, lower, upper, liquidity, round_up=True)
                token_id, *paid = market.mint(lower, upper, *most)
                assert paid == [liquidity, *owed]
                pool = minted
                held.append((token_id, lower, upper, liquidity))
                seen["mints"] += 1
            noise = [rnd.choice([-1, 1]) * random_amount(rnd)]
            try:
                done = trade(pool, noise[0] < 0, abs(noise[0]), 0, seen)
            except ValueError:
                continue
            assert market.step(noise, 1, MAX_SQRT_RATIO) == [event_of(done)]
            pool = done.pool
    assert min(seen["burns"], seen["mints"], seen["swaps"]) >= 3 * MARKETS, seen


def test_a_nudge_that_runs_out_of_inventory_stops_where_the_contract_stops() -> None:
    rnd, seen = Random(7), Counter[str]()
    for _ in range(MARKETS):
        start = sqrt_ratio_at_tick(rnd.randint(-100, 100))
        funds = int(10 ** rnd.uniform(0, 19)), int(10 ** rnd.uniform(0, 19))
        market, pool = Market(3000, start, funds), pool_at(start, 3000, 60, [])
        _, liquidity, *_ = market.mint(-60_000, 60_000, 10**21, 10**21)
        pool = with_liquidity(pool, -60_000, 60_000, liquidity)
        for _ in range(6):
            middle = rnd.randint(-150, 150)
            band = sqrt_ratio_at_tick(middle), sqrt_ratio_at_tick(middle + 10)
            try:
                swaps, funds = maker_step(pool, [], band, funds, seen)
            except ValueError:
                with pytest.raises(Reverted):
                    market.step([], *band)
                seen["refused"] += 1
                continue
            assert market.step([], *band) == [event_of(done) for done in swaps]
            assert market.balances(market.maker) == funds
            pool = swaps[-1].pool if swaps else pool
    assert min(seen["short of the band"], seen["refused"], seen["nudges"]) >= MARKETS // 2, seen


@pytest.mark.parametrize(("fee_pips", "spacing"), TIERS)
def test_the_fee_paid_is_what_the_pool_credits_to_its_liquidity(fee_pips: int, spacing: int) -> None:
    rnd, liquidity = Random(fee_pips + 3), 10**24
    lower, upper = -799_800, 799_800  # multiples of every spacing
    start = sqrt_ratio_at_tick(rnd.randint(-1000, 1000))
    market, pool = Market(fee_pips, start), pool_at(start, fee_pips, spacing, [(lower, upper, liquidity)])
    market.seed(lower, upper, liquidity)
    for _ in range(MARKETS):
        zero_for_one, amount = rnd.random() < 0.5, int(10 ** rnd.uniform(0, 26))
        before = market.fee_growth()
        done = swap(pool, zero_for_one, amount)
        assert market.step([-amount if zero_for_one else amount], 1, MAX_SQRT_RATIO) == [event_of(done)]
        after = market.fee_growth()
        token = 0 if zero_for_one else 1
        assert after[1 - token] == before[1 - token]
        # Each step of the swap floors the growth once; with this liquidity they lose less than one raw unit.
        assert done.fee_paid == -(-(after[token] - before[token]) * liquidity // Q128)
        pool = done.pool


def test_the_referee_notices_one_wei() -> None:
    start = sqrt_ratio_at_tick(0)
    market, pool = Market(3000, start), pool_at(start, 3000, 60, [])
    market.seed(-600, 600, 10**18)
    pool = with_liquidity(pool, -600, 600, 10**18 + 1)
    assert market.balances(OWNER) == (SUPPLY // 2, SUPPLY // 2)
    assert market.step([10**15], 1, MAX_SQRT_RATIO) != [event_of(swap(pool, False, 10**15))]
