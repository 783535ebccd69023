"""A position of Uniswap V3's position manager as it stands at one block: its range, its history, what it earned.

Amounts are raw units in the pool's order (token0, token1), prices Q64.96, times unix seconds. The history is what the
pool's own events say: the manager's Collect event may name a unit or two more than the pool paid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bot.core.amm.events import Kind, PoolEvent, PoolFacts
from bot.core.amm.liquidity_math import amounts_for_liquidity
from bot.core.fixedpoint import Q192

Pair = tuple[int, int]

_ETHER: Final = frozenset({"WETH", "ETH"})


@dataclass(frozen=True, slots=True)
class HeldPosition:
    """One token of a manager, read at `block`, whose time is `time`.

    manager: lower case, the owner of the liquidity in the pool. owed: what a collect of everything would pay then, fees
    not yet credited and principal not yet collected included. history: the Mint, Burn and Collect events of the pool
    that were made for this token, in order; the first is a Mint. sqrt_price_x96, tick: of the pool.
    """

    token_id: int
    manager: str
    owner: str
    facts: PoolFacts
    lower: int
    upper: int
    liquidity: int
    owed: Pair
    history: tuple[PoolEvent, ...]
    block: int
    time: int
    sqrt_price_x96: int
    tick: int

    @property
    def deposited(self) -> Pair:
        """Everything that was paid in."""
        return self._sum(Kind.MINT)

    @property
    def withdrawn(self) -> Pair:
        """Principal that was taken out, collected or not."""
        return self._sum(Kind.BURN)

    @property
    def collected(self) -> Pair:
        """Everything that was paid out: fees, and principal taken out before."""
        return self._sum(Kind.COLLECT)

    @property
    def fees(self) -> Pair:
        """Fees earned so far: collected and owed, less the principal among them."""
        paid, owed, principal = self.collected, self.owed, self.withdrawn
        return paid[0] + owed[0] - principal[0], paid[1] + owed[1] - principal[1]

    @property
    def principal(self) -> Pair:
        """What burning all of the liquidity would give back now."""
        return amounts_for_liquidity(self.sqrt_price_x96, self.lower, self.upper, self.liquidity, round_up=False)

    @property
    def in_range(self) -> bool:
        """Whether the price is within the range; a position without liquidity earns nothing there either."""
        return self.lower <= self.tick < self.upper

    @property
    def since(self) -> int:
        """When it was opened."""
        return self.history[0].time

    @property
    def closed(self) -> int | None:
        """When its last liquidity was taken out, None while there is some."""
        if self.liquidity:
            return None
        return max(event.time for event in self.history if event.kind is Kind.BURN and event.liquidity)

    def worth(self, amounts: Pair, quote: int) -> int:
        """Amounts in raw units of token `quote` (0 or 1) at the pool's price, rounded down."""
        return worth(amounts, self.sqrt_price_x96, quote)

    def _sum(self, kind: Kind) -> Pair:
        events = [event for event in self.history if event.kind is kind]
        return sum(event.amount0 for event in events), sum(event.amount1 for event in events)


def worth(amounts: Pair, sqrt_price_x96: int, quote: int) -> int:
    """(token0, token1) in raw units of token `quote` at a square root price, rounded down."""
    squared = sqrt_price_x96 * sqrt_price_x96
    if quote == 1:
        return (amounts[0] * squared + amounts[1] * Q192) // Q192
    return (amounts[0] * squared + amounts[1] * Q192) // squared


def quote_of(facts: PoolFacts) -> int:
    """Which token (0, 1) people reckon in: the dollar of a pair, else ether, else token1. Only a default."""
    symbols = [token.symbol.upper() for token in (facts.token0, facts.token1)]
    for is_money in (lambda symbol: "USD" in symbol or symbol == "DAI", lambda symbol: symbol in _ETHER):
        meant = [token for token, symbol in enumerate(symbols) if is_money(symbol)]
        if len(meant) == 1:
            return meant[0]
    return 1
