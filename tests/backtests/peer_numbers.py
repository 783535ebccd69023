"""Writes peer_numbers.json: what empyrical says of a few series. Run it where empyrical-reloaded is installed.

    python tests/backtests/peer_numbers.py

empyrical needs a package that is published without a wheel, so it cannot stand in the locks of this project.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FILE = Path(__file__).with_suffix(".json")
SEEDS = range(4)
STEPS = {86_400: 365, 3_600: 8_760}  # seconds between cycles -> cycles a year


def walked_nav(seed: int, cycles: int) -> NDArray[np.float64]:
    """Fat tails, a drift of either sign, and a stretch in which nothing moves."""
    random = np.random.default_rng(seed)
    moves = random.standard_t(4, cycles - 1) * 0.012 + (-1) ** seed * 0.0015
    moves[100:120] = 0.0
    return np.asarray(100_000.0 * np.exp(np.concatenate(([0.0], np.cumsum(moves)))))


def returns(seed: int, cycles: int) -> NDArray[np.float64]:
    """Of the walk with this seed."""
    nav = walked_nav(seed, cycles)
    return np.asarray(nav[1:] / nav[:-1] - 1.0)


def main() -> None:
    """Records every number with all its digits."""
    import empyrical

    numbers: dict[str, dict[str, float]] = {}
    for step, yearly in STEPS.items():
        for seed in SEEDS:
            own = returns(seed, 1_000)
            numbers[f"alone {step} {seed}"] = {
                "total_return": empyrical.cum_returns_final(own),
                "cagr": empyrical.cagr(own, annualization=yearly),
                "volatility": empyrical.annual_volatility(own, annualization=yearly),
                "sharpe": empyrical.sharpe_ratio(own, annualization=yearly),
                "sortino": empyrical.sortino_ratio(own, annualization=yearly),
                "calmar": empyrical.calmar_ratio(own, annualization=yearly),
                "max_drawdown": -empyrical.max_drawdown(own),
                "value_at_risk": empyrical.value_at_risk(own),
                "expected_shortfall": empyrical.conditional_value_at_risk(own),
                "tail_ratio": empyrical.tail_ratio(own),
            }
    for seed in SEEDS:
        own, against = returns(seed, 500), returns(seed + 10, 500)
        alpha, beta = empyrical.alpha_beta_aligned(own, against, annualization=365)
        numbers[f"beside {seed}"] = {
            "alpha": alpha,
            "beta": beta,
            "information_ratio": empyrical.excess_sharpe(own, against) * 365**0.5,
            "tracking_error": empyrical.annual_volatility(own - against, annualization=365),
        }
    told = {name: {each: float(value) for each, value in found.items()} for name, found in numbers.items()}
    versions = {name: version(name) for name in ("empyrical-reloaded", "numpy", "pandas")}
    FILE.write_text(json.dumps({"versions": versions, "numbers": told}, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"wrote {FILE.name}: {len(told)} series\n")


if __name__ == "__main__":
    main()
