"""The rules of target-weight portfolios and of thresholds, written down once more, slowly and without numba."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backtests.weights import Costs
from bot.core.panel import Floats


@dataclass
class Told:
    """What the slow walk found."""

    nav: list[float] = field(default_factory=list)
    orders: int = 0
    refused: int = 0
    costs: float = 0.0
    units: Any = None
    cash: float = 0.0


def told(close: Floats, weights: Floats, costs: Costs) -> Told:
    """Walks bar by bar; purchases are sorted and filled one by one, smallest first."""
    bars, n = close.shape
    royalty, cap = np.broadcast_to(np.asarray(costs.royalty), n), np.broadcast_to(np.asarray(costs.cap), n)
    cash, peak, units, last = costs.capital, costs.capital, np.zeros(n), np.ones(n)
    found = Told()
    for t in range(bars):
        priced = ~np.isnan(close[t])
        last = np.where(priced, close[t], last)
        if not np.isnan(weights[t]).all():
            value = cash + float(units @ last)
            peak = max(peak, value)
            braked = costs.brake is not None and value <= (1.0 - costs.brake) * peak
            moves = {}
            for j in range(n):
                if math.isnan(weights[t, j]) or not priced[j]:
                    continue
                wish = min(weights[t, j], cap[j])
                move = wish * value - units[j] * last[j]
                if abs(move) >= max(costs.band, 1e-13) * value or (wish == 0.0 and units[j] > 0.0):
                    moves[j] = move
            for j, move in moves.items():
                if move < 0.0:
                    got = -move * (1.0 - costs.spread) * (1.0 - costs.fee - royalty[j]) - costs.fixed_fee
                    if got < 0.0:
                        found.refused += 1
                        continue
                    cash += got
                    units[j] = 0.0 if min(weights[t, j], cap[j]) == 0.0 else units[j] + move / last[j]
                    found.costs += -move - got
                    found.orders += 1
            money = max(0.0, cash - costs.min_cash * value)
            dear = (1.0 + costs.spread) * (1.0 + costs.fee)
            for move, j in sorted((move, j) for j, move in moves.items() if move > 0.0 and not braked):
                spent = min(move * dear + costs.fixed_fee, money)
                bought = (spent - costs.fixed_fee) / dear
                if bought <= 1e-13 * value:
                    found.refused += 1
                    continue
                money -= spent
                cash -= spent
                units[j] += bought / last[j]
                found.costs += spent - bought
                found.orders += 1
        found.nav.append(cash + float(units @ last))
    found.units, found.cash = units, cash
    return found


def thresholds_told(
    close: Floats, indicator: Floats, entry: float, leave: float, costs: Costs
) -> tuple[list[float], int]:
    """(value at each bar, orders) of one combination, asset by asset and bar by bar."""
    bars, n = close.shape
    royalty = np.broadcast_to(np.asarray(costs.royalty), n)
    nav, orders = np.zeros(bars), 0
    for j in range(n):
        cash, units, last = costs.capital / n, 0.0, 1.0
        for t in range(bars):
            if not math.isnan(close[t, j]):
                last = close[t, j]
                if units == 0.0:
                    if indicator[t, j] > entry:
                        units, cash, orders = cash / (last * (1 + costs.spread) * (1 + costs.fee)), 0.0, orders + 1
                elif indicator[t, j] < leave:
                    kept = (1 - costs.spread) * (1 - costs.fee - royalty[j])
                    cash, units, orders = units * last * kept, 0.0, orders + 1
            nav[t] += cash + units * last
    return list(nav), orders


def market(seed: int, bars: int, assets: int, *, gaps: bool = False) -> Floats:
    """(T, N) random prices; with gaps some are missing, and each asset has one at least."""
    draw = np.random.default_rng(seed)
    close = np.exp(np.cumsum(draw.normal(0.0, 0.05, (bars, assets)), axis=0)) * draw.uniform(0.1, 1e4, assets)
    if gaps:
        missing = draw.random((bars, assets)) < 0.2
        missing[: draw.integers(0, bars // 2), 0] = True  # listed late
        missing[bars // 2 :, -1] = True  # delisted
        missing[bars // 3] = False
        missing[bars - 1, 0] = False
        close[missing] = np.nan
    return np.asarray(close)


def wishes(seed: int, bars: int, assets: int, every: int, total: float = 1.0) -> Floats:
    """(T, N) weights each so many bars that add up to `total`, with some zeros and some NaN."""
    draw = np.random.default_rng(seed)
    weights = np.full((bars, assets), np.nan)
    for t in range(0, bars, every):
        row = draw.gamma(0.7, size=assets) * (draw.random(assets) < 0.8)
        weights[t] = total * row / max(row.sum(), 1e-9)
        weights[t, draw.random(assets) < 0.1] = np.nan
    weights[0, 0] = total / 2 if np.isnan(weights[0]).all() else weights[0, 0]
    return weights
