"""What all backtest tests share: their trials are no trials of whoever runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from backtests.trials import VARIABLE


@pytest.fixture(autouse=True)
def own_trial_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sweeps and certificates of a test are logged in its own folder."""
    log = tmp_path / "trials.jsonl"
    monkeypatch.setenv(VARIABLE, str(log))
    return log
