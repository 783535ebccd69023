"""The money of a provider in a pool: a wallet and one position, every raw unit of both tokens accounted for.

All integers come from the machine: a mint is paid rounded up, a burn is credited rounded down, a collect pays principal
and fees as the contract would. Swaps happen in the pool itself, where they move the price, or outside of it at the
pool's price less a cost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from backtests.lp.config import CostsConfig
from backtests.lp.counterfactual import LpMachine, snapshot
from backtests.lp.result import Action, Books, HeldRange, Market, Pair
from bot.core.amm.concentrated import swap
from bot.core.amm.liquidity_math import amounts_for_liquidity, liquidity_for_amounts
from bot.core.amm.tick_math import MAX_SQRT_RATIO, MIN_SQRT_RATIO, sqrt_ratio_at_tick
from bot.core.fixedpoint import Q192, UINT128_MAX
from bot.core.units import BPS
from bot.errors import InvariantBroken

OWNER: Final = "0x" + b"a provider of ours..".hex()  # 20 bytes that nobody has the key of
WEI: Final = 10**18


class CannotEnter(ValueError):
    """No position could be opened now; the message says why. The wallet is unchanged, but for a swap."""


@dataclass(frozen=True, slots=True)
class Position:
    """What we have in the pool."""

    lower: int
    upper: int
    liquidity: int
    since: int


@dataclass(slots=True)
class Account:
    """`wallet`: raw units outside the pool. The rest is history; gas is kept in wei, apart from the tokens."""

    market: Market
    machine: LpMachine
    costs: CostsConfig
    deposited: Pair
    owner: str = OWNER
    wallet: Pair = (0, 0)
    position: Position | None = None
    swapped: Pair = (0, 0)
    minted: Pair = (0, 0)
    returned: Pair = (0, 0)
    fees: Pair = (0, 0)
    gas_wei: int = 0
    swap_costs: float = 0.0
    actions: list[Action] = field(default_factory=list)
    ranges: list[HeldRange] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.wallet = self.deposited

    def enter(self, lower: int, upper: int, time: int, reason: str) -> None:
        """Opens a position with all of the wallet, swapped first into the mix that the range takes.

        What is left over stays in the wallet. Raises CannotEnter when there is nothing to swap with, or the wallet does
        not pay for one unit of liquidity; PoolReverted LO for more than a tick may carry.
        """
        assert self.position is None
        filled = self._balance(lower, upper, time, reason)
        price = self.machine.sqrt_price_x96
        liquidity = min(liquidity_for_amounts(price, lower, upper, *self.wallet), UINT128_MAX >> 1)
        while liquidity and not _covered(amounts_for_liquidity(price, lower, upper, liquidity, True), self.wallet):
            liquidity -= 1  # the manager's formula is coarse: at most a few units too many
        if not liquidity:
            why = "the wallet does not pay for one unit of liquidity" if filled else "the swap before it was not filled"
            raise CannotEnter(f"{why} in {lower}..{upper}")
        paid = self.machine.mint(self.owner, lower, upper, liquidity, time)
        self.wallet, self.minted = _less(self.wallet, paid), _plus(self.minted, paid)
        gas = self._burnt(self.costs.gas.mint)
        self.position = Position(lower, upper, liquidity, time)
        self.actions.append(Action(time, "mint", -paid[0], -paid[1], lower, upper, liquidity, gas=gas, reason=reason))

    def leave(self, time: int, reason: str) -> None:
        """Closes the position: all liquidity is burnt, principal and fees are collected into the wallet."""
        held = self.position
        assert held is not None
        place = (self.owner, held.lower, held.upper)
        owed = self.machine.fees_owed(*place)
        principal = self.machine.burn(*place, held.liquidity, time)
        gas = self._burnt(self.costs.gas.burn)
        range_ = {"lower": held.lower, "upper": held.upper, "liquidity": held.liquidity}
        self.actions.append(Action(time, "burn", 0, 0, **range_, gas=gas, reason=reason))
        paid = self.machine.collect(*place, UINT128_MAX, UINT128_MAX)
        earned = _less(paid, principal)
        if earned != owed:
            raise InvariantBroken(f"collected fees {earned}, but the pool owed {owed}")
        gas = self._burnt(self.costs.gas.collect)
        self.actions.append(Action(time, "collect", *paid, **range_, gas=gas, reason=reason))
        self.wallet, self.fees = _plus(self.wallet, paid), _plus(self.fees, earned)
        self.returned = _plus(self.returned, principal)
        self.ranges.append(HeldRange(held.since, time, held.lower, held.upper, held.liquidity))
        self.position = None

    def convert(self, base_share: int, time: int, reason: str) -> None:
        """Spends `base_share` (basis points) of the quote tokens in the wallet on base tokens."""
        amount = self.wallet[self.market.quote] * base_share // BPS
        if amount:
            self._swap(self.market.quote == 0, amount, time, reason)

    def holdings(self) -> tuple[Pair, Pair]:
        """(principal in the position, fees not collected), as a burn and a collect would pay them now."""
        held = self.position
        if held is None:
            return (0, 0), (0, 0)
        price = self.machine.sqrt_price_x96
        inside = amounts_for_liquidity(price, held.lower, held.upper, held.liquidity, round_up=False)
        return inside, self.machine.fees_owed(self.owner, held.lower, held.upper)

    def gas_paid(self) -> float:
        """All gas so far, in quote."""
        return self._in_quote(self.gas_wei)

    def books(self) -> Books:
        """The closed books. Raises InvariantBroken unless every raw unit of both tokens is accounted for."""
        assert self.position is None
        for token in (0, 1):
            came = self.deposited[token] + self.swapped[token] + self.returned[token] + self.fees[token]
            if came - self.minted[token] != self.wallet[token] or self.wallet[token] < 0:
                raise InvariantBroken(f"token {token}: the books say {came - self.minted[token]}, not {self.wallet}")
        return Books(
            self.deposited, self.swapped, self.minted, self.returned, self.fees, self.wallet, gas_wei=self.gas_wei
        )

    def _balance(self, lower: int, upper: int, time: int, reason: str) -> bool:
        """Swaps the wallet into the range's mix of tokens. Whether the mix was reached (but for rounding)."""
        price = self.machine.sqrt_price_x96
        surplus = _surplus(price, lower, upper, self.wallet)
        if surplus is None:
            return True
        zero_for_one = surplus == 0
        if self.costs.swap == "external":

            def after(amount: int) -> tuple[int, Pair]:
                return price, self._outside(zero_for_one, amount)
        else:
            limit = self._limit(zero_for_one)
            if limit is None:
                return False
            pool = snapshot(self.machine)

            def after(amount: int) -> tuple[int, Pair]:
                done = swap(pool, zero_for_one, amount, limit)
                return done.pool.sqrt_price_x96, (-done.amount0, -done.amount1)

        low, high = 0, self.wallet[surplus]  # the most that leaves no surplus of the other token
        while low < high:
            middle = (low + high + 1) // 2
            reached, got = after(middle)
            if _surplus(reached, lower, upper, _plus(self.wallet, got)) == 1 - surplus:
                high = middle - 1
            else:
                low = middle
        return low == 0 or self._swap(zero_for_one, low, time, reason)

    def _swap(self, zero_for_one: bool, amount: int, time: int, reason: str) -> bool:
        """Swaps up to `amount`; whether all of it was taken."""
        price = self.machine.sqrt_price_x96
        if self.costs.swap == "external":
            got = self._outside(zero_for_one, amount)
        else:
            limit = self._limit(zero_for_one)
            if limit is None:
                return False
            amount0, amount1 = self.machine.swap(zero_for_one, amount, limit, time)
            got = (-amount0, -amount1)
        if got == (0, 0):
            return False
        self.wallet, self.swapped = _plus(self.wallet, got), _plus(self.swapped, got)
        cost = -self._valued(got, price)
        self.swap_costs += cost
        gas = self._burnt(self.costs.gas.swap)
        self.actions.append(Action(time, "swap", *got, gas=gas, cost=cost, reason=reason))
        return -got[0 if zero_for_one else 1] == amount

    def _outside(self, zero_for_one: bool, amount: int) -> Pair:
        """What a swap elsewhere brings: the pool's price less the cost, rounded down."""
        squared = self.machine.sqrt_price_x96**2
        worth = amount * squared // Q192 if zero_for_one else amount * Q192 // squared
        received = worth * (BPS - self.costs.swap_cost) // BPS
        return (-amount, received) if zero_for_one else (received, -amount)

    def _limit(self, zero_for_one: bool) -> int | None:
        """The square root price beyond which a swap of ours does not go; None where there is nothing to swap with: an
        empty pool gives nothing and any amount moves its price, and at the end of all prices none is left."""
        price, slippage = self.machine.sqrt_price_x96, self.costs.slippage
        if not self.machine.liquidity:
            return None
        if zero_for_one:
            lowest = max(math.isqrt(price * price * (BPS - slippage) // BPS), MIN_SQRT_RATIO + 1)
            return lowest if lowest < price else None
        highest = min(math.isqrt(price * price * (BPS + slippage) // BPS), MAX_SQRT_RATIO - 1)
        return highest if highest > price else None

    def _valued(self, amounts: Pair, sqrt_price_x96: int) -> float:
        """Signed raw amounts in quote at a square root price."""
        squared = sqrt_price_x96**2
        if self.market.quote == 1:
            return self.market.whole(amounts[0] * squared + amounts[1] * Q192, 1) / Q192
        return self.market.whole(amounts[1] * Q192 + amounts[0] * squared, 0) / squared

    def _burnt(self, units: int) -> float:
        """The gas of one action, in quote; it is paid from here on."""
        wei = units * self.costs.gas_price
        self.gas_wei += wei
        return self._in_quote(wei)

    def _in_quote(self, wei: int) -> float:
        price = self.costs.native_price
        return wei / WEI * float(price) if price is not None else 0.0


def _surplus(price: int, lower: int, upper: int, wallet: Pair) -> int | None:
    """Which token (0, 1) the wallet has too much of for a range at a square root price; None for neither.

    Per unit of liquidity the range takes (U - P) / (P U) of token 0 and P - L of token 1 (whitepaper, 6.29 and 6.30);
    compared by cross multiplication, exactly.
    """
    low, high = sqrt_ratio_at_tick(lower), sqrt_ratio_at_tick(upper)
    inside = min(max(price, low), high)
    of_token0 = wallet[0] * (inside - low) * inside * high
    of_token1 = wallet[1] * (high - inside) * Q192
    if of_token0 == of_token1:
        return None
    return 0 if of_token0 > of_token1 else 1


def _covered(paid: Pair, wallet: Pair) -> bool:
    return paid[0] <= wallet[0] and paid[1] <= wallet[1]


def _plus(one: Pair, other: Pair) -> Pair:
    return one[0] + other[0], one[1] + other[1]


def _less(one: Pair, other: Pair) -> Pair:
    return one[0] - other[0], one[1] - other[1]
