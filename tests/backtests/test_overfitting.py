"""Luck's share in a best result, against the papers' own numbers and against made series whose truth is known."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from backtests.overfitting import (
    Blocks,
    Moments,
    automatic_block_length,
    bootstrap_interval,
    deflated_sharpe,
    effective_trials,
    expected_best_sharpe,
    halves,
    mean_correlation,
    probabilistic_sharpe,
    probability_of_overfitting,
    stationary_indices,
)
from bot.core.panel import Floats


def blocks_of(returns: Floats, blocks: int = 8) -> Blocks:
    """(M, T) returns as block sums."""
    parts = returns.reshape(len(returns), blocks, -1)
    count = np.full(parts.shape[:2], float(parts.shape[2]))
    return Blocks(count, parts.sum(axis=2), (parts**2).sum(axis=2))


def autoregressive(length: int, weight: float, random: np.random.Generator) -> Floats:
    shocks, series = random.normal(size=length + 100), np.zeros(length + 100)
    for place in range(1, length + 100):
        series[place] = weight * series[place - 1] + shocks[place]
    return series[100:]


def test_probabilistic_sharpe_gives_the_published_hedge_fund_example() -> None:
    # Bailey and López de Prado (2012): two years of months, 0.458 a month.
    assert probabilistic_sharpe(Moments(24, 0.458, 0.0, 3.0)) == pytest.approx(0.982, abs=5e-4)
    assert probabilistic_sharpe(Moments(24, 0.458, -2.448, 10.164)) == pytest.approx(0.913, abs=5e-4)


def test_deflated_sharpe_gives_the_published_example() -> None:
    # Bailey and López de Prado (2014): five years of days, 2.5 a year, variance 1/2 a year across trials.
    found = Moments(1_250, 2.5 / math.sqrt(250), -3.0, 10.0)
    variance = 0.5 / 250
    assert expected_best_sharpe(variance, 100) == pytest.approx(0.1132, abs=5e-5)
    assert deflated_sharpe(found, variance, 100) == pytest.approx(0.9004, abs=5e-5)
    assert deflated_sharpe(found, variance, 46) == pytest.approx(0.9505, abs=5e-5)
    normal = Moments(1_250, 2.5 / math.sqrt(250), 0.0, 3.0)
    assert deflated_sharpe(normal, variance, 88) == pytest.approx(0.9505, abs=5e-5)


def test_one_trial_is_not_deflated() -> None:
    found = Moments(500, 0.1, 0.0, 3.0)
    assert deflated_sharpe(found, 0.01, 1) == probabilistic_sharpe(found)


def test_luck_of_the_best_is_what_worthless_trials_show() -> None:
    draws = np.random.default_rng(3).normal(0.0, 0.2, (4_000, 200)).max(axis=1)
    assert expected_best_sharpe(0.04, 200) == pytest.approx(float(draws.mean()), rel=0.02)


def test_moments_are_those_of_the_series() -> None:
    returns = np.random.default_rng(1).exponential(0.01, 200_000) - 0.005
    found = Moments.of(returns)
    assert found.skew == pytest.approx(2.0, abs=0.1)
    assert found.kurtosis == pytest.approx(9.0, abs=0.8)
    assert found.sharpe == pytest.approx(0.5, abs=0.01)
    with pytest.raises(ValueError, match="returns that vary"):
        Moments.of(np.full(10, 0.01))


def test_contradicting_moments_are_refused() -> None:
    with pytest.raises(ValueError, match="contradict"):
        probabilistic_sharpe(Moments(100, 1.0, 3.0, 1.0))


def test_splits_are_every_choice_of_half_the_blocks_with_its_complement() -> None:
    inside, outside = halves(6)
    assert len(inside) == math.comb(6, 3)
    for chosen, judged in zip(inside, outside, strict=True):
        assert sorted([*chosen, *judged]) == list(range(6))


@pytest.mark.parametrize("blocks", [2, 5, 22])
def test_blocks_that_cannot_be_halved_are_refused(blocks: int) -> None:
    with pytest.raises(ValueError, match="even number of blocks"):
        halves(blocks)


def test_overfitting_equals_a_plain_count_over_whole_series() -> None:
    returns = np.random.default_rng(8).normal(0.001, 0.01, (7, 48))
    returns[5] = returns[2]  # a tie
    parts = returns.reshape(7, 6, 8)
    below, losses = [], []
    for chosen in itertools.combinations(range(6), 3):
        rest = [block for block in range(6) if block not in chosen]
        inside, outside = (parts[:, list(taken)].reshape(7, -1) for taken in (chosen, rest))
        ratios = [each.mean(axis=1) / each.std(axis=1, ddof=1) for each in (inside, outside)]
        pick = int(ratios[0].argmax())
        others = ratios[1]
        same = np.isclose(others, others[pick], rtol=1e-12, atol=0.0)
        rank = (~same & (others < others[pick])).sum() + (same.sum() + 1) / 2
        below.append(1.0 if rank < 4 else 0.5 if rank == 4 else 0.0)
        losses.append(others[pick] < 0.0)
    found = probability_of_overfitting(lambda: [blocks_of(returns, 6)])
    assert found.probability == pytest.approx(float(np.mean(below)), abs=1e-12)
    assert found.loss == pytest.approx(float(np.mean(losses)), abs=1e-12)
    assert found.splits == 20
    assert found.trials == 7


def test_choosing_among_noise_is_a_coin() -> None:
    random = np.random.default_rng(1)
    found = []
    for _ in range(40):
        batch = blocks_of(random.normal(0.0, 0.01, (50, 320)))
        found.append(probability_of_overfitting(lambda batch=batch: [batch]).probability)  # type: ignore[misc]
    assert float(np.mean(found)) == pytest.approx(0.5, abs=0.1)


def test_a_planted_winner_is_not_called_overfitting() -> None:
    returns = np.random.default_rng(2).normal(0.0, 0.01, (200, 640))
    returns[17] += 0.004
    found = probability_of_overfitting(lambda: [blocks_of(returns, 16)])
    assert found.probability < 0.01
    assert found.loss < 0.01


def test_trials_may_come_in_any_number_of_batches() -> None:
    returns = np.random.default_rng(4).normal(0.0, 0.01, (90, 160))
    whole = probability_of_overfitting(lambda: [blocks_of(returns)])
    parts = probability_of_overfitting(lambda: [blocks_of(returns[start : start + 13]) for start in range(0, 90, 13)])
    assert whole == parts


def test_trials_that_are_all_the_same_give_one_half() -> None:
    returns = np.tile(np.random.default_rng(5).normal(0.0, 0.01, 160), (6, 1))
    assert probability_of_overfitting(lambda: [blocks_of(returns)]).probability == 0.5


def test_one_trial_has_no_overfitting_to_speak_of() -> None:
    with pytest.raises(ValueError, match="two trials"):
        probability_of_overfitting(lambda: [blocks_of(np.ones((1, 80)))])


def test_mean_correlation_is_over_all_pairs_and_skips_what_does_not_vary() -> None:
    random = np.random.default_rng(6)
    returns = random.normal(size=(12, 160)) + 2.0 * random.normal(size=160)
    sums = blocks_of(returns).total
    pairs = np.corrcoef(sums)[np.triu_indices(12, 1)]
    idle = np.vstack([returns, np.zeros(160)])
    found = mean_correlation(lambda: [blocks_of(idle[:5]), blocks_of(idle[5:])])
    assert found == pytest.approx(float(pairs.mean()), abs=1e-12)
    assert mean_correlation(lambda: [blocks_of(np.zeros((3, 80)))]) is None


def test_effective_trials_lie_between_one_and_all() -> None:
    assert effective_trials(500, 1.0) == 1.0
    assert effective_trials(500, 0.0) == 500.0
    assert effective_trials(500, -0.1) == 500.0
    assert effective_trials(101, 0.5) == 51.0


@pytest.mark.parametrize("weight", [-0.4, 0.3, 0.6, 0.8])
def test_block_length_of_an_autoregressive_series_is_the_known_one(weight: float) -> None:
    random = np.random.default_rng(7)
    found = [automatic_block_length(autoregressive(10_000, weight, random)) for _ in range(5)]
    # Politis and White (2004): of a first-order series the spectrum and its bend are known in closed form.
    known = ((2.0 * weight / (1.0 - weight**2)) ** 2 * 10_000) ** (1.0 / 3.0)
    assert float(np.mean(found)) == pytest.approx(known, rel=0.2)


def test_block_length_of_noise_is_short_and_of_a_constant_is_one() -> None:
    assert automatic_block_length(np.random.default_rng(8).normal(size=5_000)) < 6.0
    assert automatic_block_length(np.full(100, 0.1)) == 1.0
    assert automatic_block_length(np.arange(5.0)) == 1.0


def test_drawn_blocks_run_on_with_the_mean_length_asked_for() -> None:
    drawn = stationary_indices(200_000, 12.5, np.random.default_rng(9))
    breaks = (np.diff(drawn) % 200_000 != 1).sum()
    assert 200_000 / breaks == pytest.approx(12.5, rel=0.05)
    assert drawn.min() >= 0
    assert drawn.max() < 200_000


def test_bootstrap_covers_the_mean_of_a_dependent_series_where_single_draws_do_not() -> None:
    random = np.random.default_rng(10)
    hits, naive, runs = 0, 0, 200
    for _ in range(runs):
        series = autoregressive(1_600, 0.5, random)
        found = bootstrap_interval(series, lambda drawn: float(drawn.mean()), level=0.9, draws=200)
        hits += found.low <= 0.0 <= found.high
        single = 1.645 * series.std(ddof=1) / 40.0
        naive += abs(series.mean()) <= single
    assert 0.82 <= hits / runs <= 0.96
    assert hits - naive > 0.15 * runs


def test_bootstrap_is_the_same_for_the_same_seed() -> None:
    series = np.random.default_rng(11).normal(size=100)
    first, again, other = (
        bootstrap_interval(series, lambda drawn: float(drawn.mean()), draws=50, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_a_quick_and_a_slow_trial_are_judged_by_the_same_step_of_time() -> None:
    """A weekly ratio is the higher number beside a daily one that is worth more a year."""
    random = np.random.default_rng(11)
    quick = random.normal(0.0, 0.01, (1, 8 * 70))
    quick += 0.0016 - quick.mean()  # 0.16 a day, 3.1 a year of 365 days
    slow = random.normal(0.0, 0.01, (1, 8 * 10))
    slow += 0.0025 - slow.mean()  # 0.25 a week, 1.8 a year
    mixed = [blocks_of(quick), blocks_of(slow)]
    padded = np.zeros((1, 8 * 70))
    padded[:, ::7] = slow
    same = [blocks_of(np.vstack([quick, padded]))]
    found, expected = probability_of_overfitting(lambda: mixed), probability_of_overfitting(lambda: same)
    assert (found.probability, found.loss) == (expected.probability, expected.loss)
    assert found.slope == pytest.approx(expected.slope)


@pytest.mark.parametrize("trials", [1.01, 1.2, 1.5, 2.0])
def test_hardly_more_than_one_trial_makes_no_luck_below_zero(trials: float) -> None:
    found = Moments(500, 0.1, 0.0, 3.0)
    assert expected_best_sharpe(0.04, trials) >= 0.0
    assert deflated_sharpe(found, 0.04, trials) <= probabilistic_sharpe(found)
