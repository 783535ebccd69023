"""Our metrics against those of empyrical, where the definitions agree: docs/metrics.md says where they do not.

Its numbers are recorded with all their digits; `peer_numbers.py` beside this file writes them anew.
"""

from __future__ import annotations

import json

import pytest

from backtests.metrics import metrics, relative
from backtests.run import Run
from tests.backtests.markets import run_of
from tests.backtests.peer_numbers import FILE, SEEDS, STEPS, walked_nav

NUMBERS: dict[str, dict[str, float]] = json.loads(FILE.read_text(encoding="utf-8"))["numbers"]


def walked(seed: int, cycles: int, step: int = 86_400) -> Run:
    """The run whose net asset value is the recorded walk."""
    return run_of(list(walked_nav(seed, cycles)), step)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("step", STEPS)
def test_ratios_agree_with_empyrical(seed: int, step: int) -> None:
    found = metrics(walked(seed, 1_000, step))
    known = NUMBERS[f"alone {step} {seed}"]
    assert {name: found[name].value for name in known} == pytest.approx(known, rel=1e-9)
    assert len(known) == 10


@pytest.mark.parametrize("seed", SEEDS)
def test_numbers_beside_a_benchmark_agree_with_empyrical(seed: int) -> None:
    found = relative(walked(seed, 500), walked(seed + 10, 500))
    known = NUMBERS[f"beside {seed}"]
    assert {name: found[name].value for name in known} == pytest.approx(known, rel=1e-9)
    assert len(known) == 4
