"""The same data gives the same bits: in another process, and with any number of threads."""

from __future__ import annotations

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from bot.core.score import Scores
from bot.scoring import score_panel
from tests.scoring.test_walkforward import MODELS, SHORT
from tests.strategies.properties import made_panel

PROGRAM = """
from tests.scoring.test_determinism import fingerprint, scored
print(fingerprint(scored()))
"""


def scored() -> list[Scores]:
    from dataclasses import replace

    return [
        score_panel(made_panel(seed=31, rows=90, venues=6), replace(SHORT, model=model)) for model in MODELS
    ]


def fingerprint(scores: list[Scores]) -> str:
    digest = sha256()
    for one in scores:
        digest.update(one.expected.tobytes() + one.high.tobytes() + repr(one.model).encode())
    return digest.hexdigest()


def test_threads_and_processes_change_no_bit() -> None:
    here = scored()
    assert all(len(set(scores.model)) > 5 for scores in here)
    root = Path(__file__).parents[2]
    found = {fingerprint(here)}
    for threads in ("4",):
        environment = dict(os.environ, PYTHONHASHSEED=threads)
        environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads)
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=root,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        found.add(done.stdout.strip())
    assert len(found) == 1
