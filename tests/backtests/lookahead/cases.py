"""A small market to look for leaks in: four assets, one of them listed late, media trends, a model that is refitted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from backtests.lookahead.pipeline import Case
from bot.config import Config
from bot.settings import settings_of, simulated_universe
from bot.signals.catalogue import Catalogue
from bot.signals.generator import STARS, generate
from tests.backtests.markets import DAY, START

ASSETS = ("A1", "A2", "A3", "A4")
BARS, FIRST_ROW, LISTED_ROW = 170, 70, 150
SIGNAL = f"signal:{STARS}"
SCORER = {"model": "ridge", "horizon": "3d", "train": "45d", "refit": "14d", "embargo": "2d"}


def made(seed: int = 3, strategy: str = "trend_tilt", **sections: Any) -> Case:
    """A case over a generated market; the last asset is listed after most of the run has passed."""
    market = generate(seed, ASSETS, BARS, DAY, START, strength=0.0)
    prices = {("1d", asset): market.prices(asset, "1d") for asset in ASSETS}
    prices["1d", ASSETS[-1]] = prices["1d", ASSETS[-1]].iloc[LISTED_ROW:]
    return case_of(prices, {STARS: market.signals(STARS)}, strategy, **sections)


def case_of(
    prices: dict[tuple[str, str], pd.DataFrame],
    signals: dict[str, pd.DataFrame],
    strategy: str = "trend_tilt",
    **sections: Any,
) -> Case:
    """A case over these frames: each asset a venue that hears its own topics of every source."""
    venues = {
        f"v{number}": {
            "kind": "uniswap_v3_hold",
            "asset": asset,
            "fee": "30 bps",
            "topics": {source: [f"{asset.lower()}/*"] for source in signals},
        }
        for number, asset in enumerate(ASSETS, start=1)
    }
    chosen = {"name": strategy, "before_first_fit": "equal_weight"} if strategy == "trend_tilt" else {"name": strategy}
    document = {
        "capital": "100000 USDC",
        "every": "1d",
        "strategy": chosen,
        "signals": sorted(signals),
        "venues": venues,
        "scorer": SCORER,
    }
    config = Config.model_validate(document | sections)
    settings = settings_of(config, simulated_universe(config))
    catalogue = Catalogue.of("a made market", "synthetic", prices, signals)
    return Case(catalogue, settings, config, START + FIRST_ROW * DAY, START + (BARS - 1) * DAY)


def frames_of(case: Case) -> tuple[dict[tuple[str, str], pd.DataFrame], dict[str, pd.DataFrame]]:
    """The case's prices and signals, to be changed."""
    prices = {("1d", asset): case.catalogue.prices(asset, "1d") for asset in ASSETS}
    return prices, {source: case.catalogue.signals(source) for source in case.config.signals}


def signal_frame(asset: str, level: np.ndarray[Any, np.dtype[np.float64]], first_row: int = 0) -> pd.DataFrame:
    """A source's rows for one asset: a value a day, published at midnight, as its bars close."""
    at = pd.to_datetime(START + DAY * (first_row + np.arange(len(level))), unit="s", utc=True)
    return pd.DataFrame({"topic": f"{asset.lower()}/only", "value": level, "observed_at": at, "published_at": at})
