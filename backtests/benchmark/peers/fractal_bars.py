"""Answers one request of the benchmark with fractal-defi. Run by the peer's own interpreter, never imported.

    python fractal_bars.py REQUEST.npz ANSWER.json

The request: as of demeter_bars.py, and `position`, the liquidity (decimal text) that the one position has from the
start. Its bars take prices and the fees of both tokens as one sum of money; answers the fees it earned in that money.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np


def main(request: Path, answer: Path) -> None:
    entities: Any = importlib.import_module("fractal.core.entities.protocols.uniswap_v3_lp")
    with np.load(request) as given:
        asked = {name: given[name] for name in given.files}
    decimals0, decimals1 = int(asked["decimals0"]), int(asked["decimals1"])
    unit = 10.0 ** (decimals1 - decimals0)
    rate = float(asked["fee_percent"]) / 100.0
    price = (unit / np.power(1.0001, asked["ticks"].astype(np.float64))).tolist()
    in0 = [float(str(each)) / 10.0**decimals0 for each in asked["in0"]]
    in1 = [float(str(each)) / 10.0**decimals1 for each in asked["in1"]]
    liquidity = [int(str(each)) for each in asked["liquidity"]]
    config = entities.UniswapV3LPConfig(
        pool_fee_rate=rate, token0_decimals=decimals0, token1_decimals=decimals1, notional_side="token0"
    )
    entity = entities.UniswapV3LPEntity(config)
    states = [
        entities.UniswapV3LPGlobalState(
            tvl=1e8, volume=one + other * each, fees=(one + other * each) * rate, liquidity=depth, price=each
        )
        for one, other, each, depth in zip(in0, in1, price, liquidity, strict=True)
    ]
    held = entity._internal_state
    held.liquidity = int(str(asked["position"])) / 10.0 ** ((decimals0 + decimals1) / 2)
    held.price_lower, held.price_upper = unit / 1.0001 ** int(asked["upper"]), unit / 1.0001 ** int(asked["lower"])
    held.price_init = price[0]
    root, low, high = price[0] ** 0.5, held.price_lower**0.5, held.price_upper**0.5
    entity._set_position_amounts(held.liquidity * (root - low), held.liquidity * (1 / root - 1 / high))
    if not entity.is_position:
        raise SystemExit("the position was not taken")
    since = time.perf_counter()
    for state in states:
        entity.update_state(state)
    taken = time.perf_counter() - since
    made = {
        "versions": f"fractal-defi {version('fractal-defi')}",
        "fees": entity._internal_state.cash,
        "seconds": taken,
    }
    answer.write_text(json.dumps(made), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
