"""Answers one request of the benchmark with vectorbt. Run by the peer's own interpreter, never imported.

    python vectorbt_portfolio.py REQUEST.npz ANSWER.json

The request: `close` (T, N); `size` (T, N), the weight to reach by each order, NaN for none; `fees`, a fraction of an
order's value, (T, N) or one for all; `capital`; `engine`, numba or rust; `runs`, how often to measure after a first run
that is not measured. Arrays go in as they are: a frame around them only costs vectorbt time.
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
    vectorbt: Any = importlib.import_module("vectorbt")
    with np.load(request) as given:
        close, size, fees = given["close"], given["size"], given["fees"]
        capital, engine, runs = float(given["capital"]), str(given["engine"]), int(given["runs"])
    simulate, equity = [], []
    for run in range(1 + runs):
        since = time.perf_counter()
        portfolio = vectorbt.Portfolio.from_orders(
            close,
            size,
            size_type="targetpercent",
            fees=fees if fees.ndim else float(fees),
            init_cash=capital,
            cash_sharing=True,
            group_by=True,
            call_seq="auto",  # sells first
            freq="1h",
            engine=engine,
        )
        simulated = time.perf_counter()
        nav = np.asarray(portfolio.value()).ravel()
        if run > 0:
            simulate.append(simulated - since)
            equity.append(time.perf_counter() - simulated)
    made = {
        "versions": ", ".join(f"{each} {version(each)}" for each in ("vectorbt", "vectorbt-rust", "numba", "numpy")),
        "nav": nav.tolist(),
        "orders": len(portfolio.order_records),
        "simulate": simulate,
        "equity": equity,
    }
    answer.write_text(json.dumps(made), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
