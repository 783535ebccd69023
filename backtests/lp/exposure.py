"""What a position went through between two looks, event by event: rebalancing loss, markouts, time in range.

Floats throughout, for reading only. Sources: loss versus rebalancing, Milionis, Moallemi, Roughgarden and Zhang,
Automated Market Making and Loss-Versus-Rebalancing (2022); what a range holds, Uniswap V3 whitepaper, equations 6.29
and 6.30.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backtests.lp.path import PricePath
from backtests.lp.result import Market
from bot.core.amm.tick_math import sqrt_ratio_at_tick
from bot.core.panel import Floats, Times

HORIZONS: Final = {"1m": 60, "5m": 300, "1h": 3_600}


@dataclass(frozen=True, slots=True)
class Shape:
    """A position as the curve sees it: square root prices of its ends, and its liquidity, as floats."""

    lower: float
    upper: float
    liquidity: float

    def amounts(self, roots: Floats, market: Market) -> tuple[Floats, Floats]:
        """Whole (base, quote) tokens that it holds at square root prices."""
        inside = np.clip(roots, self.lower, self.upper)
        amount0 = self.liquidity * (1.0 / inside - 1.0 / self.upper) / 10.0 ** market.decimals[0]
        amount1 = self.liquidity * (inside - self.lower) / 10.0 ** market.decimals[1]
        return (amount0, amount1) if market.quote == 1 else (amount1, amount0)


def shape_of(lower: int, upper: int, liquidity: int) -> Shape:
    """The shape of a range of ticks."""
    return Shape(sqrt_ratio_at_tick(lower) / 2.0**96, sqrt_ratio_at_tick(upper) / 2.0**96, float(liquidity))


def lvr_steps(base: Floats, price: Floats, value: Floats) -> Floats:
    """(K - 1,) loss versus rebalancing per step: x_k (p_{k+1} - p_k) - (V(p_{k+1}) - V(p_k)).

    base: x, what the position holds of the base token at each price; value: V, its worth in quote. Never below zero
    (but for rounding) where x and V are those of the curve at p, because V is concave with slope x.
    """
    return np.asarray(base[:-1] * np.diff(price) - np.diff(value))


def markout(gained_base: Floats, gained_quote: Floats, later: Floats) -> float:
    """What the flow gained on us: - sum (dx * p(t + h) + dy), dx and dy being our gains in each trade, without fees.

    At h = 0 and prices that the pool follows, this is the loss versus rebalancing.
    """
    return float(-np.sum(gained_base * later + gained_quote))


@dataclass(slots=True)
class Exposure:
    """Running sums over the stretches in which we had a position.

    lvr: the hedge is re-set at the end of each block; lvr_per_look: at each look only. A pool's own price stays within
    its fee of the market's without following each turn, so the first is less than a hedger on the market would lose.
    unknown: trades per horizon that ended too late.
    """

    market: Market
    path: PricePath
    lvr: float = 0.0
    lvr_per_look: float = 0.0
    volume: float = 0.0  # what was traded against us, at the price of the time
    inside: float = 0.0  # seconds
    held: float = 0.0
    markouts: dict[str, float] = field(default_factory=lambda: dict.fromkeys(HORIZONS, 0.0))
    unknown: dict[str, int] = field(default_factory=lambda: dict.fromkeys(HORIZONS, 0))

    def add(self, shape: Shape, since: int, until: int, rows: slice, root: float, roots: Floats, ends: Times) -> None:
        """A stretch: rows of the log in it, our pool's square root price before it and after each row.

        `ends`: rows, counted from the stretch's first, that are the last of their block.
        """
        times = self.path.time[rows]
        self.held += until - since
        pool = np.concatenate(([root], roots))
        spans = np.diff(np.concatenate(([since], times, [until])))
        self.inside += float(np.sum(spans[(pool >= shape.lower) & (pool < shape.upper)]))
        if not len(roots):
            return
        before = max(rows.start - 1, 0)
        price = np.concatenate((self.path.price[before : before + 1], self.path.price[rows][ends]))
        self.lvr += self._lvr(shape, price)
        self.lvr_per_look += self._lvr(shape, price[[0, -1]])
        self._add_markouts(shape, times, self.path.price[rows], pool)

    def _add_markouts(self, shape: Shape, times: Times, price: Floats, pool: Floats) -> None:
        base, quote = (np.diff(held) for held in shape.amounts(pool, self.market))
        traded: NDArray[np.bool_] = (base != 0.0) | (quote != 0.0)
        base, quote, times = base[traded], quote[traded], times[traded]
        self.volume += float(np.sum(np.abs(base) * price[traded]))
        for name, horizon in HORIZONS.items():
            known = times + horizon <= self.path.time[-1]
            later = self.path.at(times[known] + horizon)
            self.markouts[name] += markout(base[known], quote[known], later)
            self.unknown[name] += int(np.sum(~known))

    def _lvr(self, shape: Shape, price: Floats) -> float:
        """Loss versus rebalancing over a path of prices, the first one where it begins."""
        base, quote = shape.amounts(self._roots(price), self.market)
        return float(np.sum(lvr_steps(base, price, base * price + quote)))

    def _roots(self, price: Floats) -> Floats:
        """Square root prices of prices: the inverse of `Market.price`."""
        ratio = price if self.market.quote == 1 else 1.0 / price
        return np.asarray(np.sqrt(ratio * 10.0 ** (self.market.decimals[1] - self.market.decimals[0])))
