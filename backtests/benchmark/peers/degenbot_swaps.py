"""Answers one request of the benchmark with degenbot. Run by the peer's own interpreter, never imported.

    python degenbot_swaps.py REQUEST.npz ANSWER.json

The request: `fee_pips`, `spacing`, `price` (decimal text), `tick`, `liquidity`, `ticks` (K,) initialised ones, `gross`
and `net` (K,) decimal text, `zero_for_one` (n,), `amounts` (n,) decimal text: exact inputs, one after the other. The
pool object is filled by hand, because its constructor asks a node; what is timed is its own swap function, chained
through its override state, without the result objects around it.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

LOWEST, HIGHEST = 4295128739, 1461446703485210103287273052203988822378723970342  # legal prices end before these


def main(request: Path, answer: Path) -> None:
    pools: Any = importlib.import_module("degenbot.uniswap.v3_liquidity_pool")
    types: Any = importlib.import_module("degenbot.uniswap.types")
    with np.load(request) as given:
        asked = {name: given[name] for name in given.files}
    pool = object.__new__(pools.UniswapV3Pool)
    pool.fee, pool.tick_spacing, pool.sparse_liquidity_map = int(asked["fee_pips"]), int(asked["spacing"]), False
    ticks = {
        int(tick): types.UniswapV3LiquidityAtTick(liquidity_net=int(net), liquidity_gross=int(gross))
        for tick, net, gross in zip(asked["ticks"], asked["net"], asked["gross"], strict=True)
    }
    state = SimpleNamespace(
        sqrt_price_x96=int(str(asked["price"])),
        tick=int(asked["tick"]),
        liquidity=int(str(asked["liquidity"])),
        tick_bitmap={},
        tick_data=ticks,
    )
    swaps = [(bool(way), int(amount)) for way, amount in zip(asked["zero_for_one"], asked["amounts"], strict=True)]
    sum0 = sum1 = 0
    since = time.perf_counter()
    for zero_for_one, amount in swaps:
        limit = LOWEST + 1 if zero_for_one else HIGHEST - 1
        amount0, amount1, state.sqrt_price_x96, state.liquidity, state.tick = pool._calculate_swap(
            zero_for_one, amount, limit, state
        )
        sum0 += amount0
        sum1 += amount1
    taken = time.perf_counter() - since
    made = {
        "versions": f"degenbot {version('degenbot')}, Python {sys.version.split()[0]}",
        "state": [str(each) for each in (state.sqrt_price_x96, state.tick, state.liquidity, sum0, sum1)],
        "seconds": taken,
    }
    answer.write_text(json.dumps(made), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
