"""The range venue on a real pool against its plan: the same liquidity, money and pool, to the last unit.

Random markets, both token orders: entries, an increase, trades of others, a collection, a decrease and the rest. A plan
is made on the mirror of the pool just before, as the daemon makes it. PATRON_PARITY_MARKETS asks for more markets.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from random import Random

import pytest

from bot.core.amm.concentrated import NotEnoughLiquidity
from bot.core.amm.pool_state import PoolState
from bot.core.amm.range_position import enter, entry, leave, leaving, position_in, range_around
from bot.core.mirror import OTHERS
from tests.parity.evm import NOW, Market, Reverted
from tests.parity.test_attack_bytecode import made

MARKETS = max(4, int(os.environ.get("PATRON_PARITY_MARKETS", "40")))
VENUE = "out/UniswapV3Range.sol/UniswapV3Range.json"
VAULT = "out/V3Fixture.sol/V3TestVault.json"
RULES = "(uint32,int24,uint32,int24,uint16,uint128)"
WITNESSES = "(address,int24,int24,uint128,bool)[]"
WIDEST = 1_774_544


@dataclass
class World:
    """One real pool with the venue on it, and the mirror that has lived through the same."""

    market: Market
    mirror: PoolState
    base_is_token0: bool
    vault: str
    venue: str
    depth: int  # liquidity of the widest position
    time: int

    def trade(self, rnd: Random) -> None:
        """Somebody's exact input, the largest of which moves the price by some percent."""
        amount = int(self.depth * 10 ** rnd.uniform(-5, -1.5)) + 1
        zero_for_one = rnd.random() < 0.5
        self.market.step([-amount if zero_for_one else amount], 1, (1 << 160) - 1)
        self.mirror.swap(zero_for_one, amount, None, self.time)
        self.pass_time()

    def some_money(self, rnd: Random) -> int:
        """From a hundred units up to as much as such a trade."""
        return int(10 ** rnd.uniform(2, len(str(self.depth)) - 2.5))

    def pass_time(self) -> None:
        """The mean price over the last second becomes the present one."""
        self.time += 2
        self.market.machine.set_time(self.time)

    def ask(self, function: str, *returns: str) -> tuple[int, ...]:
        return self.market.machine.call(self.venue, function, (), returns)

    def agree(self) -> None:
        """The pools, the position and what it is owed are the same on both sides."""
        slot0 = ("uint160", "int24", "uint16", "uint16", "uint16", "uint8", "bool")
        price, tick = self.market.machine.call(self.market.pool, "slot0()", (), slot0)[:2]
        assert (price, tick) == (self.mirror.sqrt_price_x96, self.mirror.tick)
        assert self.market.machine.call(self.market.pool, "liquidity()", (), ("uint128",)) == (self.mirror.liquidity,)
        assert self.market.fee_growth() == self.mirror.fee_growth_global
        (lower,), (upper,) = self.ask("lower()", "int24"), self.ask("upper()", "int24")
        if lower < upper:
            held = position_in(self.mirror, self.venue, lower, upper)
            assert self.ask("position()", "uint256") == (held.liquidity,)
            assert self.ask("owed()", "uint256", "uint256") == held.owed
        assert self.market.balances(self.venue) == (0, 0), "nothing but liquidity stays at the venue"


def opened(rnd: Random) -> World:
    fee_pips, spacing, price, positions = made(rnd)
    market, mirror = Market(fee_pips, price), PoolState(fee_pips, spacing)
    mirror.initialize(price, NOW)
    for lower, upper, liquidity in positions:
        market.seed(lower, upper, liquidity)
        mirror.mint(OTHERS, lower, upper, liquidity, NOW)
    base_is_token0 = rnd.random() < 0.5
    asset = market.tokens[1 if base_is_token0 else 0]
    vault = market.machine.deploy(VAULT, ("address",), (asset,))
    market.machine.call(asset, "transfer(address,uint256)", (vault, 10**30))
    rules = (1, 887_272, 0, 1, 1, 1)
    types = ("address", "address", RULES, WITNESSES, "int24", "int24")
    venue = market.machine.deploy(VENUE, types, (vault, market.pool, rules, [], 1, WIDEST))
    world = World(market, mirror, base_is_token0, vault, venue, positions[0][2], NOW)
    world.pass_time()
    return world


def plan_and_enter(world: World, lower: int, upper: int, money: int) -> bool:
    """Whether an entry of the money buys anything; then contract, plan and mirror agree on it."""
    try:
        planned = entry(world.mirror.pool(), lower, upper, world.base_is_token0, money)
    except NotEnoughLiquidity:
        return False
    data = b"".join(value.to_bytes(32, "big", signed=True) for value in (lower, upper, planned.swapped))
    order = (world.venue, money, data)
    if not planned.liquidity:
        with pytest.raises(Reverted):
            world.market.machine.call(world.vault, "enter(address,uint256,bytes)", order)
        return False
    got = world.market.machine.call(world.vault, "enter(address,uint256,bytes)", order, ("uint256", "uint256"))
    assert got == (planned.liquidity, planned.spent)
    done = enter(world.mirror, world.venue, lower, upper, world.base_is_token0, money, world.time)
    assert done == (planned.spent, planned.liquidity)
    world.agree()
    world.pass_time()
    return True


def plan_and_leave(world: World, lower: int, upper: int, liquidity: int) -> bool:
    """Whether so much of the position can be left; then contract, plan and mirror agree on what it brings."""
    held = position_in(world.mirror, world.venue, lower, upper)
    order = (world.venue, liquidity)
    try:
        planned = leaving(world.mirror.pool(), held, world.base_is_token0, liquidity)
    except NotEnoughLiquidity:
        with pytest.raises(Reverted):
            world.market.machine.call(world.vault, "exit(address,uint256)", order)
        return False
    got = world.market.machine.call(world.vault, "exit(address,uint256)", order, ("uint256",))
    assert got == (planned.received,)
    assert leave(world.mirror, world.venue, lower, upper, world.base_is_token0, liquidity, world.time) == got[0]
    world.agree()
    world.pass_time()
    return True


def collect(world: World, lower: int, upper: int) -> int:
    """Money that a collection brings: all that is owed, its base tokens sold."""
    owed = position_in(world.mirror, world.venue, lower, upper).owed
    (got,) = world.market.machine.call(world.vault, "collect(address)", (world.venue,), ("uint256",))
    world.mirror.burn(world.venue, lower, upper, 0, world.time)
    paid = world.mirror.collect(world.venue, lower, upper, *owed)
    base, money = paid if world.base_is_token0 else paid[::-1]
    if base:
        flows = world.mirror.swap(world.base_is_token0, base, None, world.time)
        money -= flows[1 if world.base_is_token0 else 0]
    assert got == money
    world.agree()
    world.pass_time()
    return int(got)


def test_the_venue_does_what_was_planned_to_the_last_unit() -> None:
    rnd = Random(11)
    entered = increased = earned = left = 0
    for _ in range(MARKETS):
        world = opened(rnd)
        lower, upper = range_around(world.mirror.pool(), rnd.choice([50, 500, 3_000, 20_000]))
        if not plan_and_enter(world, lower, upper, world.some_money(rnd)):
            continue
        entered += 1
        for _ in range(rnd.randint(1, 6)):
            world.trade(rnd)
        world.agree()
        increased += plan_and_enter(world, lower, upper, world.some_money(rnd))
        world.trade(rnd)
        earned += collect(world, lower, upper) > 0
        world.trade(rnd)
        liquidity = position_in(world.mirror, world.venue, lower, upper).liquidity
        if liquidity > 1:
            plan_and_leave(world, lower, upper, rnd.randint(1, liquidity - 1))
        rest = position_in(world.mirror, world.venue, lower, upper).liquidity
        left += plan_and_leave(world, lower, upper, rest)
    assert min(entered, left) > MARKETS * 3 // 4
    assert min(increased, earned) > MARKETS // 2
