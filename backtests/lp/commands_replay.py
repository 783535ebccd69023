"""What `patron lp replay` shows."""

from __future__ import annotations

import json
import time as clock
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from backtests.kernels import tell_if_cold
from backtests.lp.replay import Replayed, replay
from bot.core.amm.events import Kind
from bot.core.fixedpoint import sqrt_x96_to_price
from bot.pool_log import PoolLog, read_pool_log

_STYLES = ("exact input", "exact output", "to a price limit")  # in the order of the codes of `Replayed.style`


def replay_command(path: Path, block: int | None, as_json: bool, console: Console) -> None:
    """Reads a log, rebuilds its pool up to `block`, verifies every event; prints a table or one JSON document.

    Raises DataError for a malformed log, and at the first event that does not come out as recorded.
    """
    tell_if_cold()
    began = clock.perf_counter()
    log = read_pool_log(path)
    read = clock.perf_counter() - began
    done = replay(log, block, name=path)
    facts = _facts(log, done, block, read)
    following = f"patron lp backtest CONFIG (a file with the line log: {path})"
    if as_json:
        console.file.write(json.dumps(facts | {"next": following}, indent=2) + "\n")
        return
    pool = log.facts
    console.print(
        f"{pool.token0.symbol}/{pool.token1.symbol}, fee {pool.fee_pips} pips, pool {pool.pool}, chain {pool.chain_id}",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )
    table = Table("", "", box=None, show_header=False)
    for name, value in facts.items():
        if name not in ("pool", "chain_id", "tokens", "fee_pips", "tick_spacing"):
            table.add_row(name.replace("_", " "), _shown(value))
    console.print(table)
    console.print("every event came out as recorded, to the last unit", highlight=False)
    console.print(f"try next: {following}", highlight=False, soft_wrap=True, markup=False)


def _facts(log: PoolLog, done: Replayed, block: int | None, read: float) -> dict[str, object]:
    pool, told = done.pool, log.facts
    swaps = log.kind[: done.events] == Kind.SWAP
    styles = np.bincount(done.style[: done.events][swaps], minlength=len(_STYLES))
    price = sqrt_x96_to_price(pool.sqrt_price_x96, told.token0.decimals, told.token1.decimals, base_is_token0=True)
    seconds = done.seconds + read
    return {
        "pool": told.pool,
        "chain_id": told.chain_id,
        "tokens": [told.token0.symbol, told.token1.symbol],
        "fee_pips": told.fee_pips,
        "tick_spacing": told.tick_spacing,
        "first_block": log.first_block,
        "last_block": log.last_block if block is None else block,
        "events": done.events,
        "counts": done.counts,
        "verified_swaps": int(swaps.sum()),
        "swaps_by_style": {name: int(count) for name, count in zip(_STYLES, styles, strict=True)},
        "ticks_crossed": done.crossings,
        "sqrt_price_x96": str(pool.sqrt_price_x96),
        "price": price,
        "tick": pool.tick,
        "liquidity": str(pool.liquidity),
        "seconds": round(seconds, 6),
        "events_per_second": round(done.events / seconds) if seconds > 0 else 0,
    }


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{count:,} {name}" for name, count in value.items())
    if isinstance(value, float):
        return f"{value:,.6g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
