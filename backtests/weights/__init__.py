"""Backtests of target weights and of threshold rules on frames and arrays, for a notebook.

from backtests.weights import portfolio, portfolio_sweep, threshold_sweep
result = portfolio(prices, weights, capital=1e6, fee=0.001, spread=0.0005)
result.nav, result.attribution, result.metrics
"""

from backtests.weights.options import Costs
from backtests.weights.sweeps import portfolio_sweep, threshold_sweep
from backtests.weights.targets import WeightsResult, portfolio

__all__ = ["Costs", "WeightsResult", "portfolio", "portfolio_sweep", "threshold_sweep"]
