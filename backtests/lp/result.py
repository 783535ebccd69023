"""What a liquidity provider's backtest comes back with: series at sample times, what was done, the books, the metrics.

Prices are whole quote tokens per whole base token. Series are float64 and for reading only: the money is in `Books`, in
raw units, as the pool's own integers left it. Amounts of the two tokens stand in the pool's order (0, 1), whichever of
them is the quote.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from backtests.metrics import Metric
from bot.core.panel import Floats, Times

Pair = tuple[int, int]  # raw units of token 0 and token 1

SAME_AMOUNTS = "same amounts"
SAME_PRICE = "same price"
MINUTE_BARS = "minute bars"
ASSUMPTIONS: Mapping[str, str] = {
    SAME_AMOUNTS: "every recorded swap sends the amount it sent, into the pool with us in it; nobody reacts to us",
    SAME_PRICE: "as before, and at the end of each block an arbitrageur who pays no gas trades our pool back to within "
    "its fee of the recorded price",
    MINUTE_BARS: "fees by our share of the recorded volume; our liquidity moves no price (approximate)",
}


@dataclass(frozen=True, slots=True)
class Market:
    """The pool of a backtest. `quote` is 0 or 1: which token everything is reckoned in. `label` is for people."""

    label: str
    symbols: tuple[str, str]
    decimals: tuple[int, int]
    quote: int
    fee_pips: int
    tick_spacing: int

    @property
    def base(self) -> int:
        return 1 - self.quote

    @property
    def money(self) -> str:
        return self.symbols[self.quote]

    def price(self, root: Floats) -> Floats:
        """Whole quote per whole base at square root prices (token 1 per token 0, raw units, no scaling by 2^96)."""
        token1_per_token0 = root * root * 10.0 ** (self.decimals[0] - self.decimals[1])
        return token1_per_token0 if self.quote == 1 else 1.0 / token1_per_token0

    def tick_of(self, price: float) -> float:
        """Tick, with its fraction, of a price in whole quote per whole base."""
        ratio = math.log(price if self.quote == 1 else 1.0 / price)
        return (ratio + (self.decimals[1] - self.decimals[0]) * math.log(10.0)) / math.log(1.0001)

    def whole(self, raw: int, token: int) -> float:
        """Raw units of token 0 or 1 in whole tokens, for reading only."""
        return raw / 10.0 ** self.decimals[token]

    def worth(self, amounts: tuple[float, float], price: float) -> float:
        """Whole tokens (0, 1) in quote."""
        return amounts[self.base] * price + amounts[self.quote]


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Columns (N,) at the sample times, the first at the start, before anything is done, and the last at the end.

    price: the recorded one, at which everything is valued; pool_price, tick: of the pool with us in it. value: all that
    we own in quote: idle, in the position, fees not yet collected; gas is taken off. hold: what the first deposit (idle
    remainder included) would be worth, never touched; the capital before that. fees0/1: whole tokens earned so far,
    collected or not. amount0/1: whole tokens in the position, without fees; idle0/1: outside it. in_range: whether the
    position is working (False without one). gas, swap_costs, lvr: so far, in quote; gas of a strategy that is still in
    the pool at the end includes its exit at the last sample.
    """

    time: Times
    price: Floats
    pool_price: Floats
    tick: NDArray[np.int64]
    value: Floats
    hold: Floats
    fees0: Floats
    fees1: Floats
    amount0: Floats
    amount1: Floats
    idle0: Floats
    idle1: Floats
    in_range: NDArray[np.bool_]
    gas: Floats
    swap_costs: Floats
    lvr: Floats

    def __len__(self) -> int:
        return len(self.time)


@dataclass(frozen=True, slots=True)
class HeldRange:
    """A position's life: seconds `since` to `until`, ticks lower (included) to upper (not), and its liquidity."""

    since: int
    until: int
    lower: int
    upper: int
    liquidity: int


@dataclass(frozen=True, slots=True)
class Action:
    """One thing we did. `amount0/1`: raw units, positive when our wallet received them. `gas` and `cost` in quote; a
    swap's cost is what it gave away against the pool's price before it. `reason` is the strategy's own word."""

    time: int
    kind: str  # mint, burn, collect, swap
    amount0: int
    amount1: int
    lower: int | None = None
    upper: int | None = None
    liquidity: int = 0
    gas: float = 0.0
    cost: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Books:
    """Every raw unit of both tokens: deposited + swapped + returned + fees - minted = final, asserted in each run.

    swapped: net of our own swaps, signed; minted: paid into positions; returned: principal that burns gave back; fees:
    what collects paid above it; final: the wallet at the end, with nothing left in the pool. gas_wei: of native coin.
    """

    deposited: Pair
    swapped: Pair
    minted: Pair
    returned: Pair
    fees: Pair
    final: Pair
    gas_wei: int


@dataclass(frozen=True, slots=True, eq=False)
class LpRun:
    """One strategy under one assumption (`mode`: SAME_AMOUNTS, SAME_PRICE or MINUTE_BARS). `books` is None where the
    run is in floats. `flow`: counts of what the pool did with the recorded events (swaps, arbitrage, refused, ...)."""

    label: str
    mode: str
    market: Market
    capital: float
    series: Series
    ranges: tuple[HeldRange, ...]
    actions: tuple[Action, ...]
    metrics: Mapping[str, Metric]
    books: Books | None = None
    flow: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        return self.books is not None


@dataclass(frozen=True, slots=True, eq=False)
class LpResult:
    """A backtest: the strategy under each assumption, and the same capital over the full range beside each of them.

    `headline` is the index of the run that counts: the one with the lowest net profit. `facts` are for the report.
    """

    runs: tuple[LpRun, ...]
    full_range: tuple[LpRun, ...]
    headline: int
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def worst(self) -> LpRun:
        return self.runs[self.headline]
