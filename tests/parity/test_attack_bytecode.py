"""Attacks as they are foreseen, carried out on the real contracts: the same amounts to the last unit.

Every attack gets a market of its own, opened the same way. PATRON_PARITY_MARKETS asks for more of them.
"""

from __future__ import annotations

import os
from collections import Counter
from random import Random

import pytest

from bot.core.amm.attack import Sandwich, just_in_time, sandwich
from bot.core.amm.concentrated import NotEnoughLiquidity, Pool, liquidity_for_amounts, pool_at, with_liquidity
from bot.core.amm.quotes import Hop, quote
from bot.core.amm.tick_math import sqrt_ratio_at_tick
from tests.parity.evm import OWNER, Market, Reverted

MARKETS = max(4, int(os.environ.get("PATRON_PARITY_MARKETS", "40")) // 4)
TIERS = [(500, 10), (3000, 60), (10000, 200)]
SINGLE = "exactInputSingle((address,address,uint24,address,uint256,uint256,uint160))"
Positions = list[tuple[int, int, int]]


def made(rnd: Random) -> tuple[int, int, int, Positions]:
    """(fee, spacing, square root price, positions) of a random market."""
    fee_pips, spacing = rnd.choice(TIERS)
    tick = rnd.randint(-20_000, 20_000)
    price = rnd.randint(sqrt_ratio_at_tick(tick), sqrt_ratio_at_tick(tick + 1) - 1)
    near = tick // spacing
    positions = [((near - 500) * spacing, (near + 500) * spacing, int(10 ** rnd.uniform(19, 21)))]
    for _ in range(rnd.randint(0, 4)):
        lower = near - rnd.randint(-3, 20)
        positions.append((lower * spacing, (lower + rnd.randint(1, 30)) * spacing, int(10 ** rnd.uniform(19, 22))))
    return fee_pips, spacing, price, positions


def opened(fee_pips: int, price: int, positions: Positions) -> Market:
    market = Market(fee_pips, price)
    for position in positions:
        market.seed(*position)
    return market


def swapped(market: Market, zero_for_one: bool, amount: int, least: int = 0) -> int:
    """Output of an exact input through the router, or Reverted below `least`."""
    token_in, token_out = market.tokens if zero_for_one else market.tokens[::-1]
    order = (token_in, token_out, market.fee_pips, OWNER, amount, least, 0)
    (received,) = market.machine.call(market.router, SINGLE, (order,), ("uint256",))
    return int(received)


def victim_of(rnd: Random, pool: Pool) -> tuple[Hop, int, int, Sandwich] | None:
    """(hop, amount in, least accepted, what is foreseen) of a random swap that the pool can fill."""
    hop, amount = Hop(pool, rnd.random() < 0.5), int(10 ** rnd.uniform(15, 21))
    try:
        least = quote((hop,), amount).amount_out * (10_000 - rnd.choice([1, 10, 50, 300, 2_000])) // 10_000
    except NotEnoughLiquidity:
        return None
    return hop, amount, least, sandwich(hop, amount, least, in_money=True)


def test_the_largest_first_swap_is_survived_and_one_unit_more_is_not() -> None:
    rnd, seen = Random(3), Counter[str]()
    while seen["victims"] < MARKETS:
        fee_pips, spacing, price, positions = made(rnd)
        met = victim_of(rnd, pool_at(price, fee_pips, spacing, positions))
        if met is None:
            continue
        hop, amount, least, seen_before = met
        market = opened(fee_pips, price, positions)
        swapped(market, hop.zero_for_one, seen_before.largest)
        assert swapped(market, hop.zero_for_one, amount, least) == seen_before.least_fill >= least
        market = opened(fee_pips, price, positions)
        swapped(market, hop.zero_for_one, seen_before.largest + 1)
        with pytest.raises(Reverted):
            swapped(market, hop.zero_for_one, amount, least)
        seen["victims"] += 1


def test_a_sandwich_earns_and_takes_what_is_foreseen() -> None:
    rnd, seen = Random(4), Counter[str]()
    while seen["attacks"] < MARKETS:
        fee_pips, spacing, price, positions = made(rnd)
        met = victim_of(rnd, pool_at(price, fee_pips, spacing, positions))
        if met is None or not met[3].pays:
            continue
        hop, amount, least, foreseen = met
        for size, fill in ((foreseen.best, foreseen.best_fill), (foreseen.paying, foreseen.paying_fill)):
            market = opened(fee_pips, price, positions)
            bought = swapped(market, hop.zero_for_one, size)
            assert swapped(market, hop.zero_for_one, amount, least) == fill
            earned = swapped(market, not hop.zero_for_one, bought) - size
            assert 0 < earned <= foreseen.best_profit
            assert earned == foreseen.best_profit or size != foreseen.best
        seen["attacks"] += 1


def test_liquidity_for_one_swap_earns_and_gives_what_is_foreseen() -> None:
    rnd, seen = Random(5), Counter[str]()
    collect = "collect((uint256,address,uint128,uint128))"
    while seen["attacks"] < MARKETS:
        fee_pips, spacing, price, positions = made(rnd)
        pool = pool_at(price, fee_pips, spacing, positions)
        hop, amount = Hop(pool, rnd.random() < 0.5), int(10 ** rnd.uniform(15, 21))
        lower = (pool.tick // spacing - rnd.randint(0, 2)) * spacing
        upper = (pool.tick // spacing + rnd.randint(1, 3)) * spacing
        most = int(10 ** rnd.uniform(16, 22)), int(10 ** rnd.uniform(16, 22))
        liquidity = liquidity_for_amounts(price, lower, upper, *most)
        try:
            plain = quote((hop,), amount).amount_out
            joined = Hop(with_liquidity(pool, lower, upper, liquidity), hop.zero_for_one)
            after = quote((joined,), amount).amount_out
        except NotEnoughLiquidity:
            continue
        foreseen = just_in_time(hop, amount, lower, upper, liquidity, in_money=True)
        assert foreseen.victim_gain == after - plain
        market = opened(fee_pips, price, positions)
        before = market.balances(OWNER)
        token_id, minted, *_ = market.mint(lower, upper, *most)
        assert minted == liquidity
        received = swapped(market, hop.zero_for_one, amount)
        principal = market.burn(token_id, liquidity)
        everything = (token_id, OWNER, (1 << 128) - 1, (1 << 128) - 1)
        paid = market.machine.call(market.manager, collect, (everything,), ("uint256", "uint256"))
        fees = paid[0] - principal[0], paid[1] - principal[1]
        assert fees == ((foreseen.fees, 0) if hop.zero_for_one else (0, foreseen.fees))
        assert received == after
        # All of it was OWNER's: what is left over is the attacker's own result, and the swap's two legs.
        own = [now - then for now, then in zip(market.balances(OWNER), before, strict=True)]
        own[0 if hop.zero_for_one else 1] += amount
        own[1 if hop.zero_for_one else 0] -= received
        value_x192 = own[0] * price * price + (own[1] << 192)  # in token1 at the price before everything
        exact = value_x192 // (price * price) if hop.zero_for_one else value_x192 >> 192
        assert abs(foreseen.profit - exact) <= 1
        seen["attacks"] += 1
        seen["earning"] += foreseen.fees > 0
    assert seen["earning"] >= MARKETS // 2
