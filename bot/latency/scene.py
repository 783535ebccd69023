"""What the measurement runs on: a store with a generated market in it, a strategy that trades at every signal."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot.core.observation import Bar, Observation
from bot.signals.generator import generate
from bot.signals.storage import seconds_of
from bot.signals.store.signal_store import SignalStore

ASSETS: Final = ("ARTIST", "MODEL", "MUSIC", "VIDEO", "GAME", "RENDERX")
BARS: Final = 1_440  # sixty days of hours
HOUR: Final = 3_600
SERIES: Final = "synthetic_stars"
LEVEL: Final = 100_000.0  # of the topic that the arrivals speak of
_SPACING: Final = 60  # seconds between two arrivals by the signals' own clock: an hour holds them all

STRATEGY_FILE: Final = """\
chain: devnet
mode: fork
capital: 100000 USDC
every: 1h
bar: 1h
wake_on: [signal]
debounce: 1s
strategy: {name: turning.py}
signals: [synthetic_stars]
venues:
"""
_VENUE: Final = """\
  {name}: {{kind: uniswap_v3_hold, asset: {asset}, fee: 30 bps, topics: {{synthetic_stars: ["{name}/*"]}}}}
"""
_REST: Final = """\
scorer: {model: ridge, horizon: 1d, train: 14d, refit: 1d, embargo: 1h, on_drift: ignore}
policy: {band: 1 bps, max_turnover: 50 %, drawdown_brake: 90 %}
limits: {max_venue: 30 %, min_idle: 10 %, max_loss: 300 bps, min_trade: 1 USDC}
"""
CODE: Final = '''\
"""Turns a little from one venue to another whenever the newest signal is above, or below, the one of the bar before."""

import numpy as np

LOOKBACK = 2
PARAMS = {"step": 0.004}
USES_SCORES = True


def targets(panel, scores, params):
    stars = panel.fields["signal:synthetic_stars"][:, 1]
    up = np.zeros(len(panel), dtype=bool)
    up[1:] = stars[1:] > stars[:-1]
    weights = np.zeros(panel.close.shape)
    weights[:, 1] = 0.2 + params["step"] * up
    weights[:, 2] = 0.2 + params["step"] * ~up
    weights[:, 0] = 1.0 - weights[:, 1] - weights[:, 2]
    return weights
'''


@dataclass(slots=True)
class Scene:
    """A strategy file, and a store that grows by an observation at a time."""

    config: Path
    store: SignalStore
    close: int  # of the newest bar, unix seconds
    arrived: int = 0

    def arrive(self) -> None:
        """The next observation: published before the newest bar closed and delivered now, as sources that lag do.

        In turn above and below what was known a bar before. Durable when this returns.
        """
        self.arrived += 1
        at = self.close - HOUR + _SPACING // 2 + self.arrived * _SPACING
        value = LEVEL + (500.0 if self.arrived % 2 else -500.0) + self.arrived
        self.store.append([Observation(SERIES, "artist/turning", "", value, at, at)], received_at=int(time.time()))


def made_scene(folder: Path, seed: int = 7) -> Scene:
    """A strategy file, its code and a store in `folder`, whose newest bar is the last that has closed by now."""
    close = int(time.time()) // HOUR * HOUR
    market = generate(seed, ASSETS, BARS, HOUR, close - (BARS - 1) * HOUR)
    store = SignalStore.open(folder / "store", create=True)
    bars = []
    for asset in ASSETS:
        frame = market.prices(asset, "1h")
        numbers = [frame[name].tolist() for name in ("open", "high", "low", "close", "volume_quote")]
        bars += [
            Bar("synthetic", asset, "1h", at, first, high, low, last, volume, at)
            for at, first, high, low, last, volume in zip(seconds_of(frame["time"]).tolist(), *numbers, strict=True)
        ]
    stars = market.signals(SERIES)
    said = [
        Observation(SERIES, topic, "", value, observed, published)
        for topic, value, observed, published in zip(
            stars["topic"].tolist(),
            stars["value"].tolist(),
            seconds_of(stars["observed_at"]).tolist(),
            seconds_of(stars["published_at"]).tolist(),
            strict=True,
        )
        if published <= close - HOUR
    ]
    first = close - 40 * 24 * HOUR
    said += [Observation(SERIES, "artist/turning", "", LEVEL, at, at) for at in (first, close - 2 * HOUR)]
    store.append(said, bars, received_at=int(time.time()))
    config = folder / "turning.yaml"
    venues = "".join(_VENUE.format(name=asset.lower(), asset=asset) for asset in ASSETS)
    config.write_text(STRATEGY_FILE + venues + _REST, encoding="utf-8")
    (folder / "turning.py").write_text(CODE, encoding="utf-8")
    return Scene(config, store, close)
