"""Made-up markets with a known truth: martingale prices, media trends, and a relation only if asked for.

With strength 0 nothing in the signals says anything about returns, so whatever a scorer or a strategy earns
on it is luck or a leak. Nothing made here is evidence about real markets. The model and what its numbers were
calibrated on are written down in docs/data-format.md.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bot.core.panel import Floats, Times
from bot.errors import DataError, located
from bot.signals.alignment import MICROS, growth_index
from bot.signals.catalogue import Catalogue
from bot.signals.storage import BARS

STARS, DOWNLOADS = "synthetic_stars", "synthetic_downloads"
_DAY = 86_400
_YEAR_SECONDS = 365.25 * _DAY


@dataclass(frozen=True, slots=True)
class GeneratorParams:
    """The model's numbers. Volatilities are annualised; shares are fractions; the rest says its unit."""

    market_volatility: float = 0.75  # of the common factor
    own_volatility: float = 0.75  # of an asset's own part
    volatility_spread: float = 0.65  # standard deviation of log volatility: this is what makes tails fat
    volatility_halflife_days: float = 4.0
    beta_low: float = 0.7
    beta_high: float = 1.35
    daily_volume: float = 9.4e6  # median money per day of a typical asset
    topics: int = 5  # per asset
    topic_gap_days: float = 150.0  # mean time between births; the first is old at the start
    market_size: float = 30_000.0  # median stars that a topic gets in its life
    attention_spread: float = 0.7  # standard deviation of log attention
    attention_halflife_days: float = 20.0
    bursts_per_day: float = 1 / 120
    burst_halflife_days: float = 3.0
    threshold: float = 100.0  # a topic is reported only at or above it, as in a ranking
    missing_days: float = 0.07  # share of days on which the source reports nothing
    missing_rows: float = 0.18  # share of single rows that vanish besides
    longest_lag_seconds: int = 2 * _DAY
    growth_days: int = 7  # the growth that the planted relation looks at
    weekly_drift: float = 0.08  # return per week for one standard deviation of growth, at strength 1


def generate(
    seed: int,
    assets: tuple[str, ...],
    bars: int,
    bar_seconds: int,
    start: int,
    strength: float = 0.0,
    params: GeneratorParams | None = None,
) -> Catalogue:
    """A synthetic catalogue in memory: bars close at ``start + i * bar_seconds`` for i in 0 … bars - 1.

    Signals are `synthetic_stars` (cumulative, daily) and `synthetic_downloads` (a 30-day count, weekly),
    topics ``<asset in lower case>/topic-<k>``. Each asset has streams of its own, so adding one changes no
    other, and fewer bars of the same seed are the beginning of more: rows published after the last close are
    left out. At strength 0 prices are martingales exactly. Otherwise each bar drifts by `strength` times the
    standardised growth of the stars *published by its open*. Raises DataError on arguments that make no
    market.
    """
    params = params or GeneratorParams()
    _check(assets, bars, bar_seconds, start, strength)
    bar = next(name for name, seconds in BARS.items() if seconds == bar_seconds)
    grid = start + bar_seconds * np.arange(bars, dtype=np.int64)
    first_day = start // _DAY * _DAY
    days = int((grid[-1] - first_day) // _DAY) + 1
    market_volatility, market_shock = _shocks(seed, "market", bars, bar_seconds, params)
    present = _stream(seed, "", "missing days").random(days) >= params.missing_days

    prices, stars, downloads = {}, [], []
    for asset in assets:
        star_frame, download_frame, growth = _trends(seed, asset, first_day, present, grid, params)
        drift = strength * params.weekly_drift * growth * (bar_seconds / (7 * _DAY))
        common = params.market_volatility * market_volatility, market_shock
        prices[bar, asset] = _prices(seed, asset, grid, bar_seconds, common, drift, params)
        stars.append(star_frame)
        downloads.append(download_frame)
    title = f"SYNTHETIC market, seed {seed}, {len(assets)} assets, {bars} bars of {bar}, strength {strength:g}"
    signals = {STARS: _sorted(stars), DOWNLOADS: _sorted(downloads)}
    return Catalogue.of(title, "synthetic", prices, signals, seed)


def _prices(
    seed: int,
    asset: str,
    grid: Times,
    bar_seconds: int,
    common: tuple[Floats, Floats],
    drift: Floats,
    params: GeneratorParams,
) -> pd.DataFrame:
    """The asset's bars. Volatility is known before the shock, shocks are normal: E[close] is the last close.

    `drift` (T,) is what was known at each bar's *close* and moves the bar after it.
    """
    bars = len(grid)
    traits = _stream(seed, asset, "traits")
    beta = traits.uniform(params.beta_low, params.beta_high)
    first_price, volume_scale = np.exp(traits.normal(0.0, 1.5)), np.exp(traits.normal(0.0, 1.4))
    own_volatility, own_shock = _shocks(seed, asset, bars, bar_seconds, params)
    scale = np.sqrt(bar_seconds / _YEAR_SECONDS)
    market_part = beta * common[0] * scale
    own_part = params.own_volatility * own_volatility * scale
    variance = market_part**2 + own_part**2
    shock = market_part * common[1] + own_part * own_shock
    known_drift = np.append(0.0, drift[:-1])
    close = first_price * np.exp(np.cumsum(shock - variance / 2 + known_drift))
    opened = np.append(first_price, close[:-1])

    wicks = np.abs(_stream(seed, asset, "wicks").standard_normal((bars, 2))) * (0.4 * np.sqrt(variance))[:, None]
    surprise = np.abs(shock) / np.sqrt(variance)
    noise = _stream(seed, asset, "volume").standard_normal(bars)
    typical = params.daily_volume * volume_scale * bar_seconds / _DAY
    return pd.DataFrame(
        {
            "time": _utc(grid * MICROS),
            "open": opened,
            "high": np.maximum(opened, close) * np.exp(wicks[:, 0]),
            "low": np.minimum(opened, close) * np.exp(-wicks[:, 1]),
            "close": close,
            "volume_quote": typical * np.exp(0.5 * noise + 0.4 * (surprise - 0.8)),
        }
    )


def _shocks(seed: int, name: str, bars: int, bar_seconds: int, params: GeneratorParams) -> tuple[Floats, Floats]:
    """Relative volatility (mean square 1, known before the bar) and standard normal shocks, each (bars,)."""
    persistence = 0.5 ** (bar_seconds / _DAY / params.volatility_halflife_days)
    log_volatility = _autoregressive(_stream(seed, name, "volatility"), bars, persistence) * params.volatility_spread
    bounded = np.clip(log_volatility, -2.5 * params.volatility_spread, 2.5 * params.volatility_spread)
    return np.exp(bounded - params.volatility_spread**2), _stream(seed, name, "shocks").standard_normal(bars)


def _trends(
    seed: int, asset: str, first_day: int, present: NDArray[np.bool_], grid: Times, params: GeneratorParams
) -> tuple[pd.DataFrame, pd.DataFrame, Floats]:
    """One asset's star rows, download rows, and the standardised growth of its published stars, (T,)."""
    days = len(present)
    age = np.arange(days, dtype=np.float64)
    births = _stream(seed, asset, "births")
    birth = -births.uniform(60.0, 400.0)
    star_parts, download_parts = [], []
    for number in range(params.topics):
        name = f"{asset.lower()}/topic-{number}"
        traits = _stream(seed, name, "traits")
        size = params.market_size * np.exp(traits.normal(0.0, 1.0))
        innovation, imitation = 10 ** traits.uniform(-4.0, -3.0), traits.uniform(0.004, 0.02)
        per_star = np.exp(traits.normal(3.0, 0.7))
        adopted = _bass(np.maximum(age - birth, 0.0), innovation, imitation)
        earlier = _bass(np.maximum(age - 1 - birth, 0.0), innovation, imitation)
        tail = 0.00004 * (age >= birth)  # adoption never quite ends
        pace = 0.5 ** (1 / params.attention_halflife_days)
        attention = _autoregressive(_stream(seed, name, "attention"), days, pace) * params.attention_spread
        rate = size * (adopted - earlier + tail) * np.exp(attention - params.attention_spread**2 / 2)
        rate *= 1.0 + _bursts(_stream(seed, name, "bursts"), days, params)
        level = int(size * earlier[0]) + np.cumsum(_stream(seed, name, "stars").poisson(rate))
        kept = present & (level >= params.threshold) & (_stream(seed, name, "rows").random(days) >= params.missing_rows)
        star_parts.append(_rows(seed, name, "star lag", first_day, kept, level.astype(np.float64), params))
        month_ago = np.append(np.full(min(30, days), level[0]), level[:-30])[:days]
        noise = np.exp(0.1 * _stream(seed, name, "downloads").standard_normal(days))
        counted = np.round(per_star * (0.3 * level + 10.0 * (level - month_ago)) * noise)
        weekly = present & (age % 7 == 0) & (level >= params.threshold)
        download_parts.append(_rows(seed, name, "download lag", first_day, weekly, counted, params))
        birth += births.exponential(params.topic_gap_days)
    last = int(grid[-1]) * MICROS
    stars, downloads = (
        frame[frame["published_at"] <= pd.Timestamp(last, unit="us", tz="UTC")]
        for frame in (pd.concat(star_parts), pd.concat(download_parts))
    )
    return stars, downloads, standard_growth(stars, grid, params)


def standard_growth(stars: pd.DataFrame, grid: Times, params: GeneratorParams) -> Floats:
    """(T,): growth of the published basket, standardised by its own past and centred; 0 where unknown.

    The past is an exponentially weighted one (half-life 60 days), each row included: no row knows a later
    one. Adoption slows as it matures, so growth is mostly below its own past; what is mostly so is taken off
    again, or a planted relation would be a bear market.
    """
    codes = pd.factorize(stars["topic"], sort=True)[0].astype(np.int64)
    times = [stars[name].to_numpy(dtype="datetime64[us]").astype(np.int64) for name in ("observed_at", "published_at")]
    logs = np.log(growth_index(codes, stars["value"].to_numpy(dtype=np.float64), times[0], times[1], grid))
    step = int(grid[1] - grid[0]) if len(grid) > 1 else _DAY
    lookback = params.growth_days * _DAY // step
    growth = pd.Series(np.append(np.full(min(lookback, len(grid)), np.nan), (logs[lookback:] - logs[:-lookback])))
    past = growth.ewm(halflife=60 * _DAY / step, min_periods=2 * lookback)
    standard = (growth - past.mean()) / past.std().clip(lower=1e-6)
    clipped = standard.clip(-3.0, 3.0)
    centred = clipped - clipped.ewm(halflife=60 * _DAY / step).mean()
    return centred.fillna(0.0).to_numpy(dtype=np.float64)


def _rows(
    seed: int,
    name: str,
    purpose: str,
    first_day: int,
    kept: NDArray[np.bool_],
    value: Floats,
    params: GeneratorParams,
) -> pd.DataFrame:
    lag = _stream(seed, name, purpose).integers(0, params.longest_lag_seconds, len(kept), endpoint=True)
    observed = first_day + _DAY * np.arange(len(kept), dtype=np.int64)
    return pd.DataFrame(
        {
            "topic": name,
            "value": value[kept],
            "observed_at": _utc(observed[kept] * MICROS),
            "published_at": _utc((observed + lag)[kept] * MICROS),
        }
    )


def _bass(age: Floats, innovation: float, imitation: float) -> Floats:
    """The share that has adopted after `age` days. Source: F. Bass, A New Product Growth for Model Consumer
    Durables, Management Science 15 (1969).
    """
    fading = np.exp(-(innovation + imitation) * age)
    return (1.0 - fading) / (1.0 + imitation / innovation * fading)


def _bursts(stream: np.random.Generator, days: int, params: GeneratorParams) -> Floats:
    """(days,): extra attention as a multiple of the usual, arriving at random, halved each half-life."""
    draws = stream.random((days, 2))
    jumps = np.where(draws[:, 0] < params.bursts_per_day, 4.0 * draws[:, 1] ** -0.5, 0.0)
    fading = 0.5 ** (1 / params.burst_halflife_days)
    return _filtered(np.minimum(jumps, 40.0), fading)


def _autoregressive(stream: np.random.Generator, count: int, persistence: float) -> Floats:
    """(count,): a stationary AR(1) with standard deviation 1."""
    shocks = stream.standard_normal(count)
    shocks[1:] *= np.sqrt(1.0 - persistence**2)
    return _filtered(shocks, persistence)


def _filtered(shocks: Floats, persistence: float) -> Floats:
    """(T,): y[t] = persistence * y[t-1] + shocks[t]."""
    level, levels = 0.0, np.empty(len(shocks))
    for index, shock in enumerate(shocks.tolist()):
        level = persistence * level + shock
        levels[index] = level
    return levels


def _stream(seed: int, name: str, purpose: str) -> np.random.Generator:
    """An independent random stream for one purpose of one thing: its numbers depend on nothing else."""
    key = hashlib.sha256(f"{name}\0{purpose}".encode()).digest()
    words = [int.from_bytes(key[at : at + 4], "little") for at in range(0, 16, 4)]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *words])))


def _sorted(parts: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(parts).sort_values(["topic", "published_at", "observed_at"], kind="stable", ignore_index=True)


def _utc(micros: NDArray[np.int64]) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(micros.astype("datetime64[us]"), tz="UTC")


def _check(assets: tuple[str, ...], bars: int, bar_seconds: int, start: int, strength: float) -> None:
    if bar_seconds not in BARS.values():
        known = ", ".join(str(seconds) for seconds in BARS.values())
        raise DataError(located("synthetic", "bar_seconds", f"not one of {known}", bar_seconds))
    if bars < 2:
        raise DataError(located("synthetic", "bars", "at least 2", bars))
    if start <= 0 or start % bar_seconds:
        raise DataError(located("synthetic", "start", "not the close of a whole bar", start))
    if not assets or len({asset.lower() for asset in assets}) != len(assets):
        raise DataError(located("synthetic", "assets", "name each asset once", ", ".join(assets)))
    if not np.isfinite(strength):
        raise DataError(located("synthetic", "strength", "a finite number", strength))
