"""A backtest from DataFrames: prices you have in, equity, weights and trades out.

python docs/examples/frames.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from backtests.api import Result, backtest

STRATEGY = """
capital: 50000 USDC
every: 1d
strategy: {name: reversal, params: {bars: 3}}
venues:
  artist-coin: {kind: uniswap_v3_hold, asset: ARTIST, fee: 30 bps}
  model-coin: {kind: uniswap_v3_hold, asset: MODEL, fee: 30 bps}
limits: {max_venue: 60 %}
"""


def prices() -> pd.DataFrame:
    """Daily closes (UTC, stamped at the close) and volumes of two made-up tokens."""
    draw = np.random.default_rng(5)
    time = pd.date_range("2024-01-02", periods=90, freq="D", tz="UTC")
    frames = []
    for asset in ("ARTIST", "MODEL"):
        close = np.exp(np.cumsum(draw.normal(0.0, 0.03, len(time))))
        frames.append(pd.DataFrame({"time": time, "asset": asset, "close": close, "volume": 5e6}))
    return pd.concat(frames, ignore_index=True)


def main() -> Result:
    """The result, after showing the end of each frame."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mine.yaml"
        file.write_text(STRATEGY)
        result = backtest(file, prices=prices(), rung="replay")
    for frame in (result.equity, result.weights, result.trades):
        sys.stdout.write(f"{frame.tail(3).to_string()}\n\n")
    sharpe = result.metrics["sharpe"]
    sys.stdout.write(f"Sharpe {sharpe.value} ({sharpe.note})\n")
    return result


if __name__ == "__main__":
    main()
