"""A position over a range of prices, entered with one token and left into it: how much to swap, mint, burn and collect.

Exact integers on an immutable pool, so that what is planned is what a pool machine then does (`enter`, `leave`). One of
the pool's tokens is the money, the other the base token. All of the money that buys liquidity is spent, to within a
unit of liquidity: base tokens that a mint does not take are sold again at once, so nothing but money and liquidity is
ever left over.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from math import isqrt

from bot.core.amm.concentrated import NotEnoughLiquidity, Pool, swap_exact_in, value_at_spot_down, with_liquidity
from bot.core.amm.liquidity_math import amounts_for_liquidity, max_liquidity_per_tick, require_range
from bot.core.amm.pool_state import PoolState
from bot.core.amm.search import last_accepted
from bot.core.amm.tick_math import (
    MAX_SQRT_RATIO,
    MAX_TICK,
    MIN_SQRT_RATIO,
    MIN_TICK,
    sqrt_ratio_at_tick,
    tick_at_sqrt_ratio,
)
from bot.core.amm.walk import AFTER_EVERY_NET
from bot.core.fixedpoint import Q96
from bot.core.units import BPS


@dataclass(frozen=True, slots=True)
class RangePosition:
    """Liquidity over ticks lower..upper. owed: (token0, token1) that it has earned and not collected."""

    lower: int
    upper: int
    liquidity: int
    owed: tuple[int, int]

    def share_of_owed(self, liquidity: int) -> tuple[int, int]:
        """(token0, token1) of what is owed that goes with a part of the liquidity, rounded down; all with all of it."""
        return self.owed[0] * liquidity // self.liquidity, self.owed[1] * liquidity // self.liquidity


@dataclass(frozen=True, slots=True)
class Entry:
    """Money turned into liquidity: so much of it is swapped first, in `before`; `spent` is what does not come back."""

    before: Pool
    swapped: int
    bought: int
    liquidity: int
    spent: int
    after: Pool


@dataclass(frozen=True, slots=True)
class Exit:
    """Liquidity turned into money: its base tokens are swapped last, in `before`, the pool after the burn."""

    liquidity: int
    before: Pool
    swapped: int
    sold_for: int
    received: int
    after: Pool


def range_around(pool: Pool, width_bps: int) -> tuple[int, int]:
    """(lower, upper): ticks from price / (1 + width) to price * (1 + width), outwards to the pool's spacing.

    The same whichever token the price is told in. Cut at the widest ticks that a pool takes. Raises ValueError unless
    the width is positive.
    """
    if width_bps <= 0:
        raise ValueError(f"a range needs a width above zero (got {width_bps} bps)")
    squared, spacing = pool.sqrt_price_x96 * pool.sqrt_price_x96, pool.tick_spacing
    low = max(isqrt(squared * BPS // (BPS + width_bps)), MIN_SQRT_RATIO)
    high = min(isqrt(squared * (BPS + width_bps) // BPS), MAX_SQRT_RATIO - 1)
    lower, upper = tick_at_sqrt_ratio(low), tick_at_sqrt_ratio(high)
    if sqrt_ratio_at_tick(upper) < high:
        upper += 1
    lower, upper = lower // spacing * spacing, -(-upper // spacing) * spacing
    return max(lower, -(-MIN_TICK // spacing) * spacing), min(upper, MAX_TICK // spacing * spacing)


def in_range(pool: Pool, lower: int, upper: int) -> bool:
    """Whether liquidity over these ticks takes part in the next swap."""
    return lower <= pool.tick < upper


def worth(pool: Pool, amounts: tuple[int, int], base_is_token0: bool) -> int:
    """Money that (token0, token1) is worth at spot, rounded down."""
    base, money = amounts if base_is_token0 else amounts[::-1]
    return money + value_at_spot_down(pool, base, base_is_token0)


def holdings(pool: Pool, lower: int, upper: int, liquidity: int) -> tuple[int, int]:
    """(token0, token1) that a burn of the liquidity would return at the pool's price."""
    return amounts_for_liquidity(pool.sqrt_price_x96, lower, upper, liquidity, round_up=False)


def most_liquidity(sqrt_price_x96: int, lower: int, upper: int, token: int, amount: int) -> int | None:
    """The greatest liquidity whose mint asks at most `amount` of a token (0 or 1); None if it asks nothing of it.

    Exact, where `liquidity_for_amounts` repeats the periphery's coarser rounding: a mint asks the ceiling of a
    quotient, and ceil(x) <= n holds just where x <= n.
    """
    require_range(lower, upper)
    lower_x96, upper_x96 = sqrt_ratio_at_tick(lower), sqrt_ratio_at_tick(upper)
    inside = min(max(sqrt_price_x96, lower_x96), upper_x96)
    if token == 0:
        return amount * upper_x96 * inside // (upper_x96 - inside << 96) if inside < upper_x96 else None
    return amount * Q96 // (inside - lower_x96) if inside > lower_x96 else None


def entry(pool: Pool, lower: int, upper: int, base_is_token0: bool, money: int) -> Entry:
    """The most liquidity that `money` buys in one exact-input swap and one mint.

    The liquidity that the bought tokens allow rises with the size of the swap and the liquidity that the rest of the
    money allows falls, so the best size lies where they meet: exact, in about a dozen swaps. Raises ValueError unless
    the money is positive, NotEnoughLiquidity where the ticks cannot carry so much, UnknownTicks as `swap` does.
    """
    if money <= 0:
        raise ValueError(f"an entry needs some money (got {money})")
    base_token, money_token = (0, 1) if base_is_token0 else (1, 0)

    def bought_by(swapped: int) -> tuple[Pool, int]:
        if not swapped:
            return pool, 0
        done = swap_exact_in(pool, not base_is_token0, swapped)
        return done.pool, -(done.amount0 if base_is_token0 else done.amount1)

    def allowed(swapped: int) -> tuple[int | None, int | None]:
        """Liquidity by the tokens bought, and by the money left; (None, 0) past what the pool can sell."""
        try:
            after, bought = bought_by(swapped)
        except NotEnoughLiquidity:
            return None, 0
        price = after.sqrt_price_x96
        by_base = most_liquidity(price, lower, upper, base_token, bought)
        return by_base, most_liquidity(price, lower, upper, money_token, money - swapped)

    def excess(swapped: int) -> int | None:
        by_base, by_money = allowed(swapped)
        if by_base is None:
            return None
        return -by_base - 1 if by_money is None else by_base - by_money

    def minted(swapped: int) -> int:
        return min((most for most in allowed(swapped) if most is not None), default=0)

    best, none = 0, excess(0)
    if none is not None:
        everything = excess(money)
        if everything is not None and everything <= 0:
            best = money
        else:
            best = last_accepted(excess, 0, money, none, everything)
            if minted(best + 1) > minted(best):
                best += 1
    liquidity = minted(best)
    after, bought = bought_by(best)
    if not liquidity:
        return Entry(pool, best, bought, 0, 0, pool)
    if liquidity > _room(pool, lower, upper):
        raise NotEnoughLiquidity(f"ticks {lower} and {upper} cannot carry {liquidity} more")
    needed = amounts_for_liquidity(after.sqrt_price_x96, lower, upper, liquidity, round_up=True)
    unused = bought - needed[base_token]
    after = with_liquidity(after, lower, upper, liquidity)
    spent = best + needed[money_token]
    if unused:
        back = swap_exact_in(after, base_is_token0, unused)
        after, spent = back.pool, spent + (back.amount1 if base_is_token0 else back.amount0)
    return Entry(pool, best, bought, liquidity, spent, after)


def leaving(pool: Pool, position: RangePosition, base_is_token0: bool, liquidity: int) -> Exit:
    """What burning a part of a position pays in money: its tokens, its share of what is owed, the base token swapped.

    Raises ValueError unless 0 < liquidity <= the position's, or when the pool's gross liquidity was not read,
    NotEnoughLiquidity or UnknownTicks when the base tokens cannot be sold.
    """
    if not 0 < liquidity <= position.liquidity:
        raise ValueError(f"a position of {position.liquidity} cannot be left by {liquidity}")
    returned, owed = holdings(pool, position.lower, position.upper, liquidity), position.share_of_owed(liquidity)
    base, money = (returned[0] + owed[0], returned[1] + owed[1])[:: 1 if base_is_token0 else -1]
    burned = with_liquidity(pool, position.lower, position.upper, -liquidity)
    if not base:
        return Exit(liquidity, burned, 0, 0, money, burned)
    sold = swap_exact_in(burned, base_is_token0, base)
    got = -(sold.amount1 if base_is_token0 else sold.amount0)
    return Exit(liquidity, burned, base, got, money + got, sold.pool)


def position_in(machine: PoolState, owner: str, lower: int, upper: int) -> RangePosition:
    """An owner's position as the machine has it now, with what a collect would pay beyond its liquidity."""
    held = machine.position(owner, lower, upper).liquidity
    return RangePosition(lower, upper, held, machine.fees_owed(owner, lower, upper))


def enter(
    machine: PoolState, owner: str, lower: int, upper: int, base_is_token0: bool, money: int, time: int
) -> tuple[int, int]:
    """(money spent, liquidity minted) after doing on the machine what `entry` found. Raises as it does."""
    found = entry(machine.pool(), lower, upper, base_is_token0, money)
    if not found.liquidity:
        return 0, 0
    flows = []
    if found.swapped:
        flows.append(machine.swap(not base_is_token0, found.swapped, None, time))
    flows.append(machine.mint(owner, lower, upper, found.liquidity, time))
    base_token, money_token = (0, 1) if base_is_token0 else (1, 0)
    unused = -sum(flow[base_token] for flow in flows)
    if unused:
        flows.append(machine.swap(base_is_token0, unused, None, time))
    return sum(flow[money_token] for flow in flows), found.liquidity


def leave(
    machine: PoolState, owner: str, lower: int, upper: int, base_is_token0: bool, liquidity: int, time: int
) -> int:
    """Money received after burning, collecting and swapping on the machine what `leaving` says. Raises as it does."""
    share = position_in(machine, owner, lower, upper).share_of_owed(liquidity)
    returned = machine.burn(owner, lower, upper, liquidity, time)
    paid = machine.collect(owner, lower, upper, returned[0] + share[0], returned[1] + share[1])
    base, money = paid if base_is_token0 else paid[::-1]
    if not base:
        return money
    swapped = machine.swap(base_is_token0, base, None, time)
    return money - swapped[1 if base_is_token0 else 0]


def _room(pool: Pool, lower: int, upper: int) -> int:
    """Liquidity that both ends of a range may still carry."""
    carried = [0]
    for tick in (lower, upper):
        index = bisect_left(pool.ticks, (tick, -AFTER_EVERY_NET))
        if pool.gross is not None and index < len(pool.ticks) and pool.ticks[index][0] == tick:
            carried.append(pool.gross[index])
    return max_liquidity_per_tick(pool.tick_spacing) - max(carried)
