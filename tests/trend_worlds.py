"""Small worlds with media topics for the tests of trends: many topics in two sources, prices beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bot.config import Config
from bot.core.universe import Universe
from bot.settings import simulated_universe
from bot.signals.catalogue import Catalogue
from bot.signals.generator import generate

DAY = 86_400
START = 1_704_067_200  # 2024-01-01
STARS, LIKES = "stars", "likes"
ASSETS = ("AAA", "BBB", "CCC")
TOPICS = 120
OWNERS = ("one", "two", "three", "four")


def signals_of(seed: int, bars: int, series: str) -> pd.DataFrame:
    """Daily levels of `TOPICS` topics whose growth has phases; some are born on the way, single rows are missing."""
    random = np.random.default_rng([seed, len(series)])
    parts = []
    for number in range(TOPICS):
        born = 0 if number % 3 else int(random.integers(0, bars // 2))
        days = np.arange(born, bars)
        pace = np.repeat(random.gamma(0.7, 0.012, bars // 30 + 2), 30)[: len(days)]
        level = random.uniform(10, 400) * np.exp(np.cumsum(pace * random.gamma(4, 0.25, len(days))))
        kept = random.random(len(days)) > 0.05
        at = START + days[kept] * DAY
        parts.append(
            pd.DataFrame(
                {
                    "topic": f"{OWNERS[number % len(OWNERS)]}/thing-{number:03d}",
                    "value": np.floor(level[kept]),
                    "observed_at": pd.to_datetime(at - 6 * 3_600, unit="s", utc=True),
                    "published_at": pd.to_datetime(at - 3_600, unit="s", utc=True),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def frames_of(catalogue: Catalogue) -> dict[str, pd.DataFrame]:
    """The signals of a catalogue by series."""
    return {series: catalogue.signals(series) for series in catalogue.sources()}


def catalogue_of(signals: dict[str, pd.DataFrame], bars: int, seed: int = 3) -> Catalogue:
    """Prices of a generated market beside given signals."""
    made = generate(seed, ASSETS, bars, DAY, START)
    prices = {("1d", asset): made.prices(asset, "1d") for asset in ASSETS}
    return Catalogue.of("a world of topics", "synthetic", prices, signals)


def world(bars: int = 240, seed: int = 3) -> Catalogue:
    """Prices of `ASSETS`, and `STARS` and `LIKES` of the same topics."""
    return catalogue_of({series: signals_of(seed, bars, series) for series in (STARS, LIKES)}, bars, seed)


def config_of(trends: dict[str, Any] | None = None, only: dict[str, Any] | None = None, **changed: Any) -> Config:
    """A strategy file whose venues hear an owner each by name: AAA by glob, BBB two topics, CCC nobody's likes.

    `trends`: keys of that section; `only`: venues instead of those three.
    """
    topics = {
        "AAA": {STARS: ["one/*"], LIKES: ["one/*"]},
        "BBB": {STARS: ["two/thing-001", "two/thing-005"], LIKES: ["two/*"]},
        "CCC": {STARS: ["three/*"]},
    }
    section = {"series": [STARS, LIKES], "model": "logistic", "horizon": "14d", "train": "120d", "refit": "28d"}
    venues = {
        asset.lower(): {"kind": "uniswap_v3_hold", "asset": asset, "fee": "30 bps", "topics": topics[asset]}
        for asset in ASSETS
    }
    file = {
        "capital": "1000 USDC",
        "every": "1d",
        "strategy": {"name": "equal_weight"},
        "venues": only or venues,
        "trends": section | (trends or {}),
    }
    return Config.model_validate(file | changed)


def universe_of(config: Config) -> Universe:
    return simulated_universe(config)
