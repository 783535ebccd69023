"""The recorded markets that are looked at, as panels: AI and media tokens, chosen by what they are for and not by what
they did. Names that were not traded for the whole window are in it from their first day."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from bot.config import load_config
from bot.core.panel import Floats, Panel
from bot.core.units import Token
from bot.core.universe import Universe, Venue, idle
from bot.errors import DataError, located
from bot.loading import cache_dir
from bot.scoring.spans import DAY
from bot.signals.catalogue import build_panel

STRATEGIES: Final = Path(__file__).resolve().parent.parent.parent / "strategies"
# Computing, models, storage and data for AI; then images, music, games and attention. Binance spot, 2024.
RECENT: Final = (
    *("AR", "ARKM", "CTXC", "FET", "FLUX", "ICP", "IO", "NEAR", "PHA", "PHB", "RENDER", "RLC", "TAO", "WLD"),
    *("APE", "BLUR", "GALA", "LOKA", "MASK", "PYR", "RARE", "YGG"),
)
OLDER: Final = (
    *("AR", "CTXC", "FET", "FIL", "GLM", "RLC", "STORJ"),
    *("BAT", "CHZ", "ENJ", "MANA", "SAND", "STEEM", "TFUEL", "THETA", "WAXP"),
)
SIGNALS: Final = ("comfyui_nodes", "github_stars")
YAHOO: Final = "yahoo_daily_to_2022-02.parquet"


def recent(folder: Path) -> Panel:
    """Daily bars of 2024 with the trend signals of the tokens to which `strategies/trend_tilt.yaml` ties topics.

    Raises DataError where the folder holds no catalogue and no files that ready maps know.
    """
    from bot.signals.importer import open_data

    config = load_config(STRATEGIES / "trend_tilt.yaml", {})
    topics = {venue.asset: dict(venue.topics) for venue in config.venues.values()}
    money = Token(1, f"0x{1:040x}", "USDC", 6)
    venues = tuple(
        Venue(
            id=asset.lower(),
            kind="uniswap_v3_hold",
            asset=asset,
            token=Token(1, f"0x{number:040x}", asset, 18),
            topics=topics.get(asset, {}),
        )
        for number, asset in enumerate(RECENT, start=2)
    )
    return build_panel(open_data(folder, cache_dir()), Universe(money, (idle(money), *venues)), "1d", SIGNALS)


def older(folder: Path) -> Panel:
    """Daily closes up to February 2022, no signals. Rows before six of the tokens were traded are left out."""
    files = sorted(folder.rglob(YAHOO))
    if not files:
        raise DataError(located(str(folder), "prices", f"no {YAHOO} in it"))
    table = pd.read_parquet(files[0], columns=["ticker", "Date", "Close", "Volume"])
    known = table[table["ticker"].isin(OLDER)].astype({"ticker": str})
    close, volume = (known.pivot(index="Date", columns="ticker", values=name) for name in ("Close", "Volume"))
    days = pd.date_range(close.index[0], close.index[-1], freq="D")
    prices = close.reindex(index=days, columns=list(OLDER)).to_numpy(dtype=np.float64)
    traded = volume.reindex(index=days, columns=list(OLDER)).to_numpy(dtype=np.float64)
    prices = np.where(prices > 0.0, prices, np.nan)
    begin = int(np.argmax(np.isfinite(prices).sum(axis=1) >= 6))
    times = days.to_numpy(dtype="datetime64[s]").astype(np.int64) + DAY  # a day's close is known when it is over
    fields = {"close": _with_idle(prices[begin:], 1.0), "volume": _with_idle(traded[begin:], 0.0)}
    return Panel(times[begin:], ("idle", *(name.lower() for name in OLDER)), fields)


def _with_idle(values: Floats, idle_value: float) -> Floats:
    return np.hstack([np.full((len(values), 1), idle_value), values])
