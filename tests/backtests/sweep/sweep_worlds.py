"""A small strategy file on a generated market, and what the sweep tests do with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backtests.sweep.evaluate import schema
from backtests.sweep.executors import Executor, Here
from backtests.sweep.plan import numbers
from backtests.sweep.results import Store
from backtests.sweep.runner import Progress, Sweep
from backtests.sweep.space import axes_of
from bot.loading import Options, load

TEXT = """
capital: 100000 USDC
every: 1d
strategy:
  name: {strategy}
signals: [synthetic_stars]
venues:
  aa-usdc: {{kind: uniswap_v3_hold, asset: AA, fee: 30 bps, topics: {{synthetic_stars: ["aa/*"]}}}}
  bb-usdc: {{kind: uniswap_v3_hold, asset: BB, fee: 5 bps, topics: {{synthetic_stars: ["bb/*"]}}}}
  cc-usdc: {{kind: uniswap_v3_hold, asset: CC, fee: 30 bps, topics: {{synthetic_stars: ["cc/*"]}}}}
limits:
  max_venue: 40 %
"""
GRID = ("policy.band=50bps:200bps:50bps", "limits.max_venue=30%:100%:35%")  # 12, of which 4 contradict


def options_in(folder: Path, strategy: str = "equal_weight") -> Options:
    """A strategy file in `folder`, on a generated market."""
    file = folder / "strategy.yaml"
    file.write_text(TEXT.format(strategy=strategy), encoding="utf-8")
    return Options(config=file, synthetic=5)


def sweep_of(options: Options, grid: Sequence[str] = GRID) -> Sweep:
    loaded = load(options)
    return Sweep(loaded, axes_of(grid, loaded.config))


def store_for(sweep: Sweep, folder: Path) -> Store:
    return Store(folder, sweep.facts, len(sweep.edges) + 1)


def run_all(
    sweep: Sweep, folder: Path, where: Executor | None = None, draws: int | None = None, seed: int = 0
) -> tuple[Progress, list[dict[str, Any]]]:
    """The sweep run into `folder`, and all rows in it by their keys."""
    chosen = numbers(sweep.space, draws, seed)
    progress = Progress(len(chosen))
    with store_for(sweep, folder) as store:
        sweep.run(chosen, store, where or Here(), progress)
        return progress, rows_in(store)


def rows_in(store: Store) -> list[dict[str, Any]]:
    """Every row, sorted by key."""
    found = [row for batch in store.read(schema(store.blocks).names) for row in batch.to_pylist()]
    return sorted(found, key=lambda row: str(row["key"]))
