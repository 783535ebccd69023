"""Answers one request of the benchmark with vectorbt. Run by the peer's own interpreter, never imported.

    python vectorbt_thresholds.py REQUEST.npz ANSWER.json

The request: `close` (T, N); `indicators` (M, T, N); `combinations` (C, 3): which indicator, enter above, exit below;
`chunk`, combinations at a time; `fee`, `slippage`, fractions; `capital`, shared out equally among the assets;
`yearly`, bars a year; `engine`. Plain arrays, in chunks: all combinations at once would not fit any memory. A first
chunk is made and not measured.
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
    vectorbt.settings.caching["enabled"] = False
    with np.load(request) as given:
        asked = {name: given[name] for name in given.files}
    close, indicators, combinations = asked["close"], asked["indicators"], asked["combinations"]
    assets, chunk = close.shape[1], int(asked["chunk"])

    def run(some: Any) -> Any:
        portfolio = vectorbt.Portfolio.from_signals(
            np.tile(close, (1, len(some))),
            np.concatenate([indicators[int(m)] > above for m, above, _ in some], axis=1),
            np.concatenate([indicators[int(m)] < below for m, _, below in some], axis=1),
            fees=float(asked["fee"]),
            slippage=float(asked["slippage"]),
            init_cash=float(asked["capital"]) / assets,
            freq="1h",
            group_by=np.repeat(np.arange(len(some)), assets),
            engine=str(asked["engine"]),
        )
        value = np.asarray(portfolio.value()).reshape(len(close), len(some))
        change = value[1:] / value[:-1] - 1.0
        sharpe = change.mean(axis=0) / change.std(axis=0, ddof=1) * np.sqrt(float(asked["yearly"]))
        return value[-1], sharpe, (1.0 - value / np.maximum.accumulate(value, axis=0)).max(axis=0)

    run(combinations[:chunk])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    since = time.perf_counter()
    parts = [run(combinations[first : first + chunk]) for first in range(0, len(combinations), chunk)]
    taken = time.perf_counter() - since
    final, sharpe, drawdown = (np.concatenate(each) for each in zip(*parts, strict=True))
    made = {
        "versions": ", ".join(f"{each} {version(each)}" for each in ("vectorbt", "vectorbt-rust", "numba", "numpy")),
        "final": final.tolist(),
        "sharpe": sharpe.tolist(),
        "drawdown": drawdown.tolist(),
        "seconds": taken,
        "extra": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024.0,
    }
    answer.write_text(json.dumps(made), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
