"""Starting again after a stop in one exact place, without a chain."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from bot.replay import Schedule, replay
from tests.backtests.markets import DAY, panel_of
from tests.builders import STILL, world
from tests.faults.inside import call
from tests.faults.rig import Ledger
from tests.faults.test_sigkill import FIRST_DAY, STRATEGY

WINDOW = 1_800


async def test_a_stop_between_the_step_and_its_settling_is_settled_at_the_next_start() -> None:
    panel = panel_of(np.full((6, 2), 4.0))
    made = world(panel)
    at = int(panel.times[2])
    await made.market.step(at, ())
    schedule = Schedule(panel, at, at, DAY)
    universe = made.settings.universe
    (report,) = [
        report async for report in replay(made.ports, made.settings, made.market, schedule, STILL, universe, done=0)
    ]
    assert report.at == at + WINDOW


async def test_a_bar_that_was_settled_is_not_settled_again() -> None:
    panel = panel_of(np.full((6, 2), 4.0))
    made = world(panel)
    at = int(panel.times[2])
    await made.market.step(at, ())
    await made.market.settle()
    schedule = Schedule(panel, at, at, DAY)
    universe = made.settings.universe
    (report,) = [
        report async for report in replay(made.ports, made.settings, made.market, schedule, STILL, universe, done=0)
    ]
    assert report.at == at + WINDOW


def test_a_paper_run_that_was_killed_before_it_booked_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    strategy = tmp_path / "strategy.yaml"
    strategy.write_text(STRATEGY, encoding="utf-8")
    run = ("run", strategy, "--mode", "paper", "--synthetic", 7, "--data-dir", tmp_path / "run")
    assert call(capsys, *run, "--to", FIRST_DAY).code == 0
    ledger = Ledger(tmp_path / "run" / "ledger.sqlite")
    # As SIGKILL between the intent and its outcome leaves it.
    with sqlite3.connect(ledger.path) as connection:
        connection.execute("DELETE FROM cycles")
        connection.execute("DELETE FROM postings WHERE intent_id IS NOT NULL")
        connection.execute("UPDATE intents SET state = 'open', receipt = NULL, resolved_at = NULL")
    connection.close()
    opening = ledger.balances()
    again = call(capsys, *run, "--to", FIRST_DAY)
    assert again.code == 0, again.err
    assert ledger.balances() == opening
    assert [report["outcome"] for report in ledger.reports().values()] == ["reverted"]
    assert "stopped before the paper vault filled it" in again.out
    more = call(capsys, *run, "--to", "2024-06-10")
    assert more.code == 0, more.err
    outcomes = {cycle: report["outcome"] for cycle, report in ledger.reports().items()}
    assert outcomes == {1: "reverted", 2: "deployed", 3: "deployed"}
