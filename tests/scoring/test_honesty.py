"""What the scorer must not find, must find, and must not claim: leaks, a planted relation, its own precision."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from bot.core.panel import Floats, Panel
from bot.core.score import Scores
from bot.core.units import Token
from bot.core.universe import Universe, Venue, idle
from bot.scoring import ScorerParams, score_panel
from bot.scoring.estimator import fitted, predicted
from bot.scoring.features import features
from bot.scoring.labels import Labels, labels
from bot.scoring.params import ModelName
from bot.scoring.skill import covered_share, rank_information_coefficient
from bot.scoring.walkforward import TrainingSet, fit, training_rows
from bot.signals.catalogue import build_panel
from bot.signals.generator import STARS, generate
from tests.scoring.test_features import START, panel_of
from tests.scoring.test_walkforward import MODELS, SHORT
from tests.strategies.properties import DAY

PARAMS = ScorerParams(horizon=7 * DAY, train=90 * DAY, refit=28 * DAY, embargo=DAY, bar_seconds=DAY)
ASSETS = ("RNDR", "FET", "AR", "TAO", "WLD", "RARE", "LPT", "AKT")


def synthetic_panel(seed: int, strength: float, bars: int = 400) -> Panel:
    """A panel of the generator's market: every asset a venue that hears its own topics."""
    money = Token(1, "0x" + "1" * 40, "USDC", 6)
    venues = tuple(
        Venue(
            id=asset.lower(),
            kind="uniswap_v3_hold",
            asset=asset,
            token=Token(1, f"0x{number:040x}", asset, 18),
            topics={STARS: (f"{asset.lower()}/*",)},
        )
        for number, asset in enumerate(ASSETS, start=2)
    )
    market = generate(seed, ASSETS, bars, DAY, START, strength)
    return build_panel(market, Universe(money, (idle(money), *venues)), "1d", (STARS,), None, None)


def mean_skill(panel: Panel, params: ScorerParams) -> float:
    scores = score_panel(panel, params)
    return float(np.nanmean(rank_information_coefficient(scores, labels(panel, params.horizon))))


@pytest.mark.parametrize("model", MODELS)
def test_finds_a_planted_relation(model: ModelName) -> None:
    strength, seeds = (1.0, range(4)) if model == "ridge" else (2.0, range(3))  # trees need more of it
    skill = [mean_skill(synthetic_panel(seed, strength), replace(PARAMS, model=model)) for seed in seeds]
    assert np.mean(skill) > 0.06


def test_finds_nothing_where_nothing_was_planted() -> None:
    skill = np.array([mean_skill(synthetic_panel(seed, strength=0.0), PARAMS) for seed in range(6)])
    # Some 290 scored days of weekly returns are about 41 independent rows of 8 ranks: one standard error of a seed's
    # mean is 1 / sqrt(7 * 41), and of the mean over the seeds a root of their number less. Three of those.
    assert abs(skill.mean()) < 3.0 / np.sqrt(7 * 41 * len(skill))


def overlapping(seed: int) -> Panel:
    """Random walks, and a signal that only names the venue for a while: whoever sees a label that overlaps the
    row to be scored can read it off the name, and nobody else can learn a thing.
    """
    random = np.random.default_rng(seed)
    close = np.exp(np.cumsum(random.normal(0.0, 0.05, (150, 6)), axis=0))
    name = np.repeat(random.normal(0.0, 0.1, (5, 6)), 30, axis=0)
    return panel_of(close, stars=np.exp(10.0 + np.cumsum(name, axis=0)))


def leak_skill(panel: Panel, purge: bool) -> float:
    """Rank IC over the five days after each fit, with and without the purge of `training_rows`."""
    params = ScorerParams(horizon=15 * DAY, train=60 * DAY, refit=5 * DAY, embargo=0, bar_seconds=DAY)
    x, truth = features(panel, DAY)[1], labels(panel, params.horizon)
    known = np.isfinite(truth.returns)
    expected = np.full(truth.returns.shape, np.nan)
    for at in range(100, 130, 5):
        now = int(panel.times[at])
        estimator_rows, calibration_rows = training_rows(panel.times, truth.known_at, now, params)
        seen = estimator_rows | calibration_rows
        if not purge:
            seen = (panel.times < now) & (panel.times >= now - params.train)
        rows = known & seen[:, None]
        pipeline = fitted(x[rows], truth.returns[rows], params)
        expected[at : at + 5, 1:] = predicted(pipeline, x[at : at + 5, 1:].reshape(-1, x.shape[2])).reshape(5, -1)
    scores = Scores(expected, expected, expected, ("m",) * len(panel))
    return float(np.nanmean(rank_information_coefficient(scores, truth)))


def test_the_purge_is_what_keeps_overlapping_labels_out() -> None:
    panels = [overlapping(seed) for seed in range(16)]
    leaking = np.mean([leak_skill(panel, purge=False) for panel in panels])
    purged = np.mean([leak_skill(panel, purge=True) for panel in panels])
    assert leaking > 0.15, "the plant does not leak: this test tells nothing"
    assert abs(purged) < 0.1


def exchangeable(seed: int, rows: int) -> tuple[Floats, Floats]:
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 5))
    return x, 0.02 * x[:, 0] + 0.05 * random.standard_t(4, size=rows)


@pytest.mark.parametrize("model", MODELS)
def test_intervals_hold_their_share_of_exchangeable_returns(model: ModelName) -> None:
    params = replace(PARAMS, model=model)
    inside = []
    for seed in range(30):
        x, y = exchangeable(seed, 1_400)
        known = fit(TrainingSet(0, x[:300], y[:300], x[300:400], y[300:400], "d"), params)
        expected = np.clip(predicted(known.pipeline, x[400:]), known.low, known.high)
        inside.append(np.mean(np.abs(y[400:] - expected) <= known.radius))
    assert 0.77 <= np.mean(inside) <= 0.83
    assert all(0.65 <= share <= 0.95 for share in inside)


def test_radius_is_the_corrected_quantile_of_the_calibration_residuals() -> None:
    x = np.zeros((30, 2))
    known = fit(TrainingSet(0, x, np.zeros(30), x[:10], np.arange(10.0), "d"), SHORT)
    assert known.radius == 8.0  # the ninth of ten: ceil(11 * 0.8)


def test_intervals_cover_a_martingale_through_the_whole_walk_forward() -> None:
    random = np.random.default_rng(5)
    panel = panel_of(np.exp(np.cumsum(random.normal(0.0, 0.05, (250, 6)), axis=0)))
    params = ScorerParams(horizon=DAY, train=60 * DAY, refit=7 * DAY, embargo=0, bar_seconds=DAY)
    assert 0.7 <= covered_share(score_panel(panel, params), labels(panel, DAY)) <= 0.9


def test_expected_returns_stay_within_what_training_returns_were() -> None:
    panel = panel_of(np.exp(np.cumsum(np.random.default_rng(6).normal(0.0, 0.05, (70, 4)), axis=0)))
    panel.fields["close"].flags.writeable = True
    panel.fields["close"][66:, 2] *= 1e9  # a return far from anything that was learned from
    scores = score_panel(panel, SHORT)
    assert np.nanmax(np.abs(scores.expected)) < 0.5


def test_rank_information_coefficient_is_spearman_s() -> None:
    random = np.random.default_rng(7)
    expected, came = np.round(random.normal(size=(2, 40, 7)), 1)
    expected[3, 2:] = np.nan
    found = rank_information_coefficient(Scores(expected, expected, expected, ("m",) * 40), Labels(came, np.arange(40)))
    assert np.isnan(found[3])
    kept = np.arange(40) != 3
    oracle = [spearmanr(one, other).statistic for one, other in zip(expected[kept], came[kept], strict=True)]
    np.testing.assert_allclose(found[kept], oracle, atol=1e-12)
