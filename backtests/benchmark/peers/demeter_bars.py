"""Answers one request of the benchmark with zelos-demeter. Run by the peer's own interpreter, never imported.

    python demeter_bars.py REQUEST.npz ANSWER.json

The request: minute bars `ticks` (T,), `in0`, `in1`, `liquidity` (T,) decimal text, `lower`, `upper` ticks of one
position, `capital0`, `capital1` whole tokens it is offered, `fee_percent`, decimals `decimals0`, `decimals1`. The
position is added at the first bar and left alone. Answers its liquidity and the fees it is owed at the end.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import logging
import sys
import time
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np


def main(request: Path, answer: Path) -> None:
    pandas: Any = importlib.import_module("pandas")
    demeter: Any = importlib.import_module("demeter")
    uniswap: Any = importlib.import_module("demeter.uniswap")
    with np.load(request) as given:
        asked = {name: given[name] for name in given.files}
    ticks, lower, upper = asked["ticks"], int(asked["lower"]), int(asked["upper"])
    decimals = int(asked["decimals0"]), int(asked["decimals1"])
    quote, base = demeter.TokenInfo("quote", decimals[0]), demeter.TokenInfo("base", decimals[1])
    pool = uniswap.UniV3Pool(quote, base, float(asked["fee_percent"]), quote)
    price = [Decimal(repr(10.0 ** (decimals[1] - decimals[0]) / 1.0001 ** float(tick))) for tick in ticks]
    frame = pandas.DataFrame(
        {name: ticks for name in ("closeTick", "openTick", "lowestTick", "highestTick")}
        | {"netAmount0": 0, "netAmount1": 0, "price": price, "open": price, "low": price, "high": price}
        | {"inAmount0": [Decimal(str(each)) for each in asked["in0"]]}
        | {"inAmount1": [Decimal(str(each)) for each in asked["in1"]]}
        | {"currentLiquidity": [Decimal(str(each)) for each in asked["liquidity"]]},
        index=pandas.date_range("2024-01-01", periods=len(ticks), freq="1min"),
    )
    frame["volume0"], frame["volume1"] = frame.inAmount0, frame.inAmount1
    key = demeter.MarketInfo("pool")

    class Once(demeter.Strategy):  # type: ignore[misc]
        added = False

        def before_bar(self, _snapshot: Any) -> None:
            if not self.added:
                self.added = True
                self.broker.markets[key].add_liquidity_by_tick(
                    lower, upper, Decimal(str(asked["capital1"])), Decimal(str(asked["capital0"]))
                )

    actuator = demeter.Actuator()
    actuator.logger.setLevel(logging.ERROR)
    market = uniswap.UniLpMarket(key, pool)
    market.data = frame
    actuator.broker.add_market(market)
    actuator.broker.set_balance(quote, 10**15)
    actuator.broker.set_balance(base, 10**15)
    actuator.strategy = Once()
    actuator.set_price(market.get_price_from_data())
    quiet = io.StringIO()
    since = time.perf_counter()
    with contextlib.redirect_stderr(quiet), contextlib.redirect_stdout(quiet):
        actuator.run(print_result=False)
    taken = time.perf_counter() - since
    (position,) = market.positions.values()
    made = {
        "versions": f"zelos-demeter {version('zelos-demeter')}",
        "liquidity": str(position.liquidity),
        "fees": [str(position.pending_amount0), str(position.pending_amount1)],
        "seconds": taken,
    }
    answer.write_text(json.dumps(made), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
