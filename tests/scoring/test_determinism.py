"""The same data gives the same bits: in another process, and with any number of threads."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

from bot.core.panel import Floats
from bot.core.score import Scores
from bot.scoring import score_panel
from bot.scoring.estimator import fitted
from bot.scoring.params import ModelName
from tests.scoring.test_walkforward import MODELS, SHORT
from tests.strategies.properties import made_panel

PROGRAM = """
from tests.scoring.test_determinism import fingerprint, scored
print(fingerprint(scored()))
"""


def scored() -> list[Scores]:
    return [score_panel(made_panel(seed=31, rows=90, venues=6), replace(SHORT, model=model)) for model in MODELS]


def fingerprint(scores: list[Scores]) -> str:
    digest = sha256()
    for one in scores:
        digest.update(one.expected.tobytes() + one.high.tobytes() + repr(one.model).encode())
    return digest.hexdigest()


def test_threads_and_processes_change_no_bit() -> None:
    here = scored()
    assert all(len(set(scores.model)) > 5 for scores in here)
    environment = dict(os.environ, PYTHONHASHSEED="4", OMP_NUM_THREADS="4", OPENBLAS_NUM_THREADS="4")
    there = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=Path(__file__).parents[2],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert there.stdout.strip() == fingerprint(here)


@pytest.mark.parametrize("model", MODELS)
def test_fits_run_on_one_thread(monkeypatch: pytest.MonkeyPatch, model: ModelName) -> None:
    seen: list[int] = []

    def spied(self: Pipeline, x: Floats, y: Floats) -> Pipeline:
        # Numba may have brought an OpenMP of its own into the process by now; a fit uses scikit-learn's and BLAS.
        used = [pool for pool in threadpool_info() if pool["user_api"] == "blas" or "scikit_learn" in pool["filepath"]]
        seen.extend(pool["num_threads"] for pool in used)
        return self

    monkeypatch.setattr(Pipeline, "fit", spied)
    fitted(np.ones((4, 2)), np.ones(4), replace(SHORT, model=model))
    assert seen
    assert set(seen) == {1}
