"""Answers one request of the benchmark with vectorbt. Run by the peer's own interpreter, never imported.

    python vectorbt_weights.py REQUEST.npz ANSWER.json

The request: `close` (T, N); `size` (T, N), weights to reach, NaN for none; `fee` and `slippage`, fractions; `capital`;
`engine`, numba or rust; `runs`, how often to measure after a first run on a few bars that is not measured. Plain arrays
and exactly as much room for orders as there are weights: what costs vectorbt least.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np


def main(request: Path, answer: Path) -> None:
    vectorbt: Any = importlib.import_module("vectorbt")
    vectorbt.settings.caching["enabled"] = False  # or the second run answers what the first one has kept
    with np.load(request) as given:
        asked = {name: given[name] for name in given.files}
    close, size, engine = asked["close"], asked["size"], str(asked["engine"])

    def run(bars: int) -> Any:
        return vectorbt.Portfolio.from_orders(
            close[:bars],
            size[:bars],
            size_type="targetpercent",
            fees=float(asked["fee"]),
            slippage=float(asked["slippage"]),
            init_cash=float(asked["capital"]),
            cash_sharing=True,
            group_by=True,
            call_seq="auto",  # sells first
            freq="1h",
            engine=engine,
            max_orders=int((~np.isnan(size[:bars])).sum()) + 1,
        )

    run(50).value()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    simulate, equity = [], []
    for _ in range(int(asked["runs"])):
        since = time.perf_counter()
        portfolio = run(len(close))
        simulated = time.perf_counter()
        nav = np.asarray(portfolio.value()).ravel()
        simulate.append(simulated - since)
        equity.append(time.perf_counter() - simulated)
    made = {
        "versions": ", ".join(f"{each} {version(each)}" for each in ("vectorbt", "vectorbt-rust", "numba", "numpy")),
        "nav": nav.tolist(),
        "orders": len(portfolio.order_records),
        "simulate": simulate,
        "equity": equity,
        "extra": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024.0,
    }
    answer.write_text(json.dumps(made), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
