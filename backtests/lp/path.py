"""The recorded price of a pool over time: what everything is valued at, and what strategies may look back on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backtests.lp.result import Market
from bot.core.amm.events import Kind
from bot.core.panel import Floats, Times
from bot.pool_log import PoolLog

STEPS: Final = 96  # returns that a volatility is taken from
LEAST_STEPS: Final = 8


@dataclass(frozen=True, slots=True)
class PricePath:
    """Prices (N,) in whole quote per whole base, each valid from its time on; times ascend, not strictly."""

    time: Times
    price: Floats

    def at(self, times: Times) -> Floats:
        """The last price known at each time; the first one before the path begins."""
        return np.asarray(self.price[np.maximum(np.searchsorted(self.time, times, side="right") - 1, 0)])

    def volatility(self, now: int, lookback: int) -> float | None:
        """Realised volatility per root second over the seconds before `now`, None with too little history.

        sqrt(sum r^2 / T), r: log returns between STEPS + 1 equidistant times of the look-back, those before the path
        begins left out (Andersen, Bollerslev, Diebold and Labys 2003, without a mean). Uses no price after `now`.
        """
        step = lookback / STEPS
        grid = now - np.arange(STEPS, -1, -1) * step
        known = self.at(np.floor(grid[grid >= self.time[0]]).astype(np.int64))
        if len(known) <= LEAST_STEPS:
            return None
        returns = np.diff(np.log(known))
        spread = math.sqrt(float(np.sum(returns * returns)) / (len(returns) * step))
        return spread if spread > 0.0 else None


def recorded_path(log: PoolLog, market: Market) -> PricePath:
    """One price per row: that of the last Initialize or Swap up to it."""
    priced = np.isin(log.kind, (Kind.INITIALIZE, Kind.SWAP))
    last = np.maximum.accumulate(np.where(priced, np.arange(len(log)), 0))
    return PricePath(log.time, market.price(roots_of(log.sqrt_price_x96)[last]))


def roots_of(sqrt_prices_x96: NDArray[np.uint64]) -> Floats:
    """Square root prices as floats, not scaled."""
    weights: NDArray[np.float64] = np.ldexp(1.0, np.array([-96, -32, 32, 96]))
    return np.asarray(sqrt_prices_x96.astype(np.float64) @ weights)
