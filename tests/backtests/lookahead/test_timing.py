"""Statistics of dates: what they are, when they keep silent, and that honest relations do not set them off."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from backtests.lookahead.pipeline import Case, Pipeline, trace
from backtests.lookahead.timing import LEAST_ROWS, correlation, timing_findings
from bot.signals.generator import STARS, generate
from tests.backtests.lookahead.cases import ASSETS, BARS, case_of
from tests.backtests.lookahead.zoo import ZOO
from tests.backtests.markets import DAY, START


def test_the_correlation_is_spearman_s_over_what_both_sides_know() -> None:
    draw = np.random.default_rng(1)
    left, right = np.round(draw.normal(size=(2, 50)), 1)
    left[3], right[7] = np.nan, np.nan
    both = np.isfinite(left) & np.isfinite(right)
    found, count = correlation(left, right)
    assert count == 48
    assert found == pytest.approx(spearmanr(left[both], right[both]).statistic)


def test_a_constant_or_unknown_side_is_correlated_with_nothing() -> None:
    assert correlation(np.ones(9), np.arange(9.0)) == (0.0, 9)
    assert correlation(np.full(9, np.nan), np.arange(9.0)) == (0.0, 0)
    assert correlation(np.arange(9.0), np.arange(9.0))[0] < 1.0


def market(seed: int, strength: float, bars: int = BARS) -> Case:
    made = generate(seed, ASSETS, bars, DAY, START, strength)
    prices = {("1d", asset): made.prices(asset, "1d") for asset in ASSETS}
    return case_of(prices, {STARS: made.signals(STARS)})


@pytest.mark.parametrize("strength", [1.0, 5.0])
def test_a_relation_that_lasts_is_no_leak_however_strong(strength: float) -> None:
    for seed in range(2):
        assert not list(timing_findings(trace(Pipeline(), market(seed, strength))))


def test_a_short_history_is_not_judged() -> None:
    case, pipeline = ZOO["one_asset_stamped_a_day_early"].plant()
    long = trace(pipeline, case)
    assert list(timing_findings(long))
    prices = {("1d", asset): case.catalogue.prices(asset, "1d") for asset in ASSETS[:3]}
    short = {key: frame.iloc[: LEAST_ROWS - 5] for key, frame in prices.items()}
    short["1d", ASSETS[3]] = case.catalogue.prices(ASSETS[0], "1d").iloc[: LEAST_ROWS - 5]
    signals = {source: case.catalogue.signals(source) for source in case.config.signals}
    early = case_of(short, signals, "reversal")
    window = Case(early.catalogue, early.settings, early.config, START + 20 * DAY, START + 50 * DAY)
    assert not list(timing_findings(trace(pipeline, window)))


@pytest.mark.deep
@pytest.mark.parametrize("strength", [0.0, 1.0, 2.0, 10.0])
def test_no_made_market_is_said_to_be_under_a_wrong_date(strength: float) -> None:
    for seed in range(20):
        found = list(timing_findings(trace(Pipeline(), market(seed, strength, bars=200))))
        assert not found, (seed, [str(finding) for finding in found])
