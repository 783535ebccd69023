"""The generator's truths: martingales, streams of their own, prefixes, and a relation only where it was planted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.panel import Floats
from bot.core.universe import Universe
from bot.errors import DataError
from bot.signals.catalogue import Catalogue, build_panel
from bot.signals.generator import DOWNLOADS, STARS, GeneratorParams, generate, standard_growth
from bot.signals.quality import check

MakeUniverse = Callable[..., Universe]
DAY, HOUR = 86_400, 3_600
START = 1_600_041_600  # a midnight


@pytest.mark.parametrize("bar_seconds", [DAY, HOUR])
@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_fewer_bars_are_the_beginning_of_more(bar_seconds: int, strength: float) -> None:
    bar = {DAY: "1d", HOUR: "1h"}[bar_seconds]
    short, long = (generate(3, ("AAA", "BBB"), bars, bar_seconds, START, strength) for bars in (500, 1000))
    for asset in ("AAA", "BBB"):
        pd.testing.assert_frame_equal(short.prices(asset, bar), long.prices(asset, bar).iloc[:500])
    end = short.prices("AAA", bar)["time"].iloc[-1]
    for source in (STARS, DOWNLOADS):
        frame = long.signals(source)
        pd.testing.assert_frame_equal(short.signals(source), frame[frame["published_at"] <= end].reset_index(drop=True))


def test_adding_an_asset_changes_no_other() -> None:
    few, many = (generate(3, assets, 400, DAY, START, 1.0) for assets in (("BBB",), ("AAA", "BBB", "CCC")))
    pd.testing.assert_frame_equal(few.prices("BBB", "1d"), many.prices("BBB", "1d"))
    frame = many.signals(STARS)
    own = frame[frame["topic"].str.startswith("bbb/")].reset_index(drop=True)
    pd.testing.assert_frame_equal(few.signals(STARS), own)


def test_the_seed_is_the_market() -> None:
    assert generate(1, ("AAA",), 50, DAY, START).digest == generate(1, ("AAA",), 50, DAY, START).digest
    assert generate(1, ("AAA",), 50, DAY, START).digest != generate(2, ("AAA",), 50, DAY, START).digest


def test_without_strength_prices_are_martingales() -> None:
    """The mean of close over last close is 1, and closely enough that the usual mistake would show.

    Log returns of mean zero would make it 1 + variance / 2, well outside the tolerance.
    """
    daily, variances = [], []
    for seed in range(5):
        data = generate(seed, tuple("ABCDEFGH"), 5000, DAY, START, params=GeneratorParams(topics=1))
        closes = np.column_stack([data.prices(asset, "1d")["close"] for asset in data.assets("1d")])
        daily.append((closes[1:] / closes[:-1]).mean(axis=1))
        variances.append(np.diff(np.log(closes), axis=0).var())
    ratios = np.concatenate(daily)
    error = ratios.std() / np.sqrt(len(ratios))
    assert 4 * error < 0.7 * np.mean(variances) / 2
    assert abs(ratios.mean() - 1.0) < 3 * error


def growth_and_forward(data: Catalogue, universe: Universe) -> tuple[Floats, Floats]:
    """Standardised weekly growth of the index and the return of the week after, once a week, as flat arrays."""
    panel = build_panel(data, universe, "1d", (STARS,))
    index, close = np.log(panel.fields[f"signal:{STARS}"][:, 1:]), np.log(panel.close[:, 1:])
    rows = np.arange(60, len(panel) - 7, 7)
    growth, forward = index[rows] - index[rows - 7], close[rows + 7] - close[rows]
    standard = (growth - np.nanmean(growth, axis=0)) / np.nanstd(growth, axis=0)
    known = np.isfinite(standard)
    return standard[known], forward[known]


def correlations(strength: float, universe: Universe, assets: tuple[str, ...]) -> Floats:
    pairs = (growth_and_forward(generate(seed, assets, 700, DAY, START, strength), universe) for seed in range(8))
    return np.array([np.corrcoef(growth, forward)[0, 1] for growth, forward in pairs])


def test_growth_tells_returns_exactly_when_it_was_planted(make_universe: MakeUniverse) -> None:
    assets = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")
    universe = make_universe(*assets, topics={name: {STARS: (f"{name.lower()}/*",)} for name in assets})
    nothing, planted, opposite = (correlations(strength, universe, assets) for strength in (0.0, 1.0, -1.0))
    assert abs(nothing.mean()) < 3 * nothing.std() / np.sqrt(len(nothing))
    assert planted.mean() > 4 * planted.std() / np.sqrt(len(planted))
    assert planted.mean() > 0.05
    assert opposite.mean() < -0.05


def test_the_planted_drift_uses_only_what_was_published() -> None:
    """Without noise a bar's return is the drift that growth published by its open implies, and nothing else."""
    silent = GeneratorParams(market_volatility=1e-9, own_volatility=1e-9)
    data = generate(5, ("AAA",), 300, DAY, START, 0.5, params=silent)
    close, grid = np.log(data.prices("AAA", "1d")["close"].to_numpy()), START + DAY * np.arange(300)
    growth = standard_growth(data.signals(STARS), grid, silent)
    stars = data.signals(STARS)
    by_then = stars[stars["published_at"] <= pd.Timestamp(int(grid[150]), unit="s", tz="UTC")]
    known = standard_growth(by_then, grid[:151], silent)
    np.testing.assert_array_equal(growth[:151], known)
    np.testing.assert_allclose(np.diff(close), 0.5 * silent.weekly_drift / 7 * growth[:-1], atol=1e-7)
    assert np.abs(growth).max() > 1.0


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**63), st.sampled_from([DAY, HOUR]), st.integers(2, 300), st.floats(-2, 2))
def test_every_synthetic_catalogue_passes_the_checks(seed: int, bar: int, bars: int, strength: float) -> None:
    data = generate(seed, ("AAA", "BBB"), bars, bar, START, strength)
    assert data.kind == "synthetic"
    assert data.title.startswith("SYNTHETIC")
    assert [found for found in check(data) if found.severity == "error"] == []
    for asset in data.assets(data.bars()[0]):
        frame = data.prices(asset, data.bars()[0])
        assert (frame["high"] >= frame[["open", "close"]].max(axis=1)).all()
        assert (frame["low"] <= frame[["open", "close"]].min(axis=1)).all()


def test_signals_are_censored_late_and_have_holes() -> None:
    params = GeneratorParams()
    frame = generate(7, ("AAA", "BBB", "CCC"), 900, DAY, START).signals(STARS)
    lag = (frame["published_at"] - frame["observed_at"]).dt.total_seconds()
    assert frame["value"].min() >= params.threshold
    assert lag.between(0, params.longest_lag_seconds).all()
    assert lag.std() > HOUR
    days = frame["observed_at"].nunique()
    assert 0.85 * 900 < days < 0.97 * 900
    births = frame.groupby("topic")["observed_at"].min()
    assert (births > births.min() + pd.Timedelta("90D")).any()
    assert (frame.sort_values("observed_at").groupby("topic")["value"].diff().dropna() >= 0).all()


def test_volatility_and_volume_are_like_those_measured() -> None:
    """Measured on binance_spot_1d_2024: volatility 1.08 (median), excess kurtosis 3.1, |return| and log volume 0.44."""
    data = generate(11, tuple(f"A{number}" for number in range(10)), 3000, DAY, START)
    frames = [data.prices(asset, "1d") for asset in data.assets("1d")]
    returns = pd.DataFrame({place: np.log(frame["close"]).diff().dropna() for place, frame in enumerate(frames)})
    volumes = pd.DataFrame({place: np.log(frame["volume_quote"])[1:] for place, frame in enumerate(frames)})
    assert 0.9 < returns.std().median() * np.sqrt(365.25) < 1.3
    assert 1.0 < returns.kurt().median() < 6.0
    assert 0.2 < returns.abs().corrwith(volumes).median() < 0.6
    assert 0.2 < returns.corr().to_numpy()[np.triu_indices(10, 1)].mean() < 0.7


def test_twelve_assets_of_five_thousand_bars_are_there_to_the_last_and_are_prices() -> None:
    """Over so many bars a level that drifted would leave what a float can hold."""
    data = generate(1, tuple(f"A{number}" for number in range(12)), 5000, DAY, START)
    assert len(data.assets("1d")) == 12
    for asset in data.assets("1d"):
        bars = data.prices(asset, "1d")[["open", "high", "low", "close", "volume_quote"]].to_numpy()
        assert bars.shape == (5000, 5)
        assert (np.isfinite(bars) & (bars > 0.0)).all()


def test_arguments_that_make_no_market_are_refused() -> None:
    for arguments, problem in [
        ((("AAA",), 50, 60, START), "bar_seconds"),
        ((("AAA",), 1, DAY, START), "bars"),
        (((), 50, DAY, START), "assets"),
        ((("AAA", "aaa"), 50, DAY, START), "assets"),
        ((("AAA",), 50, DAY, -DAY), "start"),
        ((("AAA",), 50, DAY, START + 1), "start"),
        ((("../AAA",), 50, DAY, START), "name"),
        ((("AAA",), 50, DAY, START, float("nan")), "strength"),
    ]:
        with pytest.raises(DataError, match=problem):
            generate(1, *arguments)
