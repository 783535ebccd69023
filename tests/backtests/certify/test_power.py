"""The edge gates as a test: how often noise gets through, and how often an edge of known strength does.

The quick ones play few repetitions with a part of the versions. The deep one plays what docs/certificates.md shows.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from backtests.certify.calibration import (
    CYCLES,
    REPETITIONS,
    YEARLY,
    Ground,
    noise,
    planted,
    planted_sharpe,
    predicted_power,
)
from backtests.certify.gates.edge import CONFIDENT, edge
from backtests.certify.power import CORRELATIONS
from backtests.overfitting import NORMAL
from backtests.trials import Tried
from bot.core.certificate import PASSED

FIRST = Tried(1, 0.0)
LET_THROUGH = 0.05
RARE = 0.001  # two-sided probability below which a share is not what was predicted


def passed(active: np.ndarray, known: Tried) -> np.ndarray:
    return np.array([edge(row, known, YEARLY).verdict == PASSED for row in active])


def test_the_gate_has_its_size_where_there_is_no_edge_and_one_version() -> None:
    active = np.random.default_rng(5).normal(0.0, 0.01, (4_000, CYCLES))
    share = float(passed(active, FIRST).mean())
    assert share == pytest.approx(1.0 - CONFIDENT, abs=4.0 * math.sqrt(0.05 * 0.95 / 4_000))


@pytest.mark.parametrize("versions", [10, 1_000])
@pytest.mark.parametrize("alike", [0.0, 0.6, 0.99])
def test_the_best_of_many_worthless_versions_passes_no_oftener_however_alike_they_are(
    versions: int, alike: float
) -> None:
    draw = np.random.default_rng([versions, int(alike * 100)])
    let_through, rounds = 0, 200
    for _ in range(rounds):
        shared = draw.normal(0.0, 0.01, CYCLES)
        each = draw.normal(0.0, 0.01, (versions, CYCLES))
        active = math.sqrt(alike) * shared + math.sqrt(1.0 - alike) * each
        ratios = active.mean(axis=1) / active.std(axis=1, ddof=1)
        known = Tried(versions, float(ratios.var(ddof=1)))
        let_through += int(passed(active[[ratios.argmax()]], known)[0])
    assert let_through <= 18, "one in twenty is ten; eighteen or more has a probability of one in a hundred"


@pytest.mark.parametrize("sharpe", [0.05, 0.12, 0.2])
@pytest.mark.parametrize("trials", [1, 100])
def test_normal_returns_of_a_known_ratio_pass_at_the_predicted_power(sharpe: float, trials: int) -> None:
    known = Tried(trials, 1.0 / (CYCLES - 1) if trials > 1 else 0.0)
    active = np.random.default_rng([trials, int(sharpe * 100)]).normal(sharpe * 0.01, 0.01, (2_000, CYCLES))
    predicted = predicted_power(sharpe, known)
    assert float(passed(active, known).mean()) == pytest.approx(predicted, abs=4.0 / math.sqrt(4 * 2_000))


def test_the_prediction_is_the_size_where_nothing_is_planted() -> None:
    assert predicted_power(0.0, FIRST) == pytest.approx(1.0 - CONFIDENT)
    quantile = NORMAL.inv_cdf(CONFIDENT)
    assert predicted_power(2.0 * quantile / math.sqrt(CYCLES - 1), FIRST) == pytest.approx(CONFIDENT, abs=0.01)
    assert planted_sharpe(0.0, 0.001) < 0.0


def test_on_the_kernel_path_tuned_noise_does_not_get_through(tmp_path: Path) -> None:
    tuned, _ = noise(Ground.made(tmp_path, versions=100), 4)
    assert tuned.passed <= 1  # of four at one in twenty each, two or more: one in seventy


def test_on_the_kernel_path_a_planted_edge_passes_at_the_predicted_power(tmp_path: Path) -> None:
    found = planted(Ground.made(tmp_path, versions=20), 0.06, 40)
    assert found.measured.differs(found.predicted) > RARE
    assert found.measured.passed > found.measured_tuned.passed


@pytest.mark.deep
@pytest.mark.timeout(7_200)
def test_of_noise_tuned_over_a_thousand_versions_at_most_one_in_twenty_passes(tmp_path: Path) -> None:
    ground = Ground.made(tmp_path)
    assert len(ground.combinations) == 1_000
    tuned, alone = noise(ground, REPETITIONS)
    print(f"tuned {tuned}, at most {tuned.at_most:.3f}; alone {alone}")  # noqa: T201
    assert tuned.at_most <= LET_THROUGH
    assert alone.differs(LET_THROUGH) > RARE or alone.value < LET_THROUGH


@pytest.mark.deep
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("correlation", CORRELATIONS)
def test_a_planted_edge_passes_at_the_predicted_power(tmp_path: Path, correlation: float) -> None:
    found = planted(Ground.made(tmp_path), correlation, REPETITIONS)
    print(found)  # noqa: T201
    assert found.measured.differs(found.predicted) > RARE
    assert found.measured_tuned.differs(found.predicted_tuned) > RARE
