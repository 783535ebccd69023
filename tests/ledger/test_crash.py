"""What was acknowledged is there: after SIGKILL at any moment, and after a disk that filled up."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.ledger.journal import open_ledger
from tests.ledger.builders import intent_of, lines_of, plan_of, receipt_of

ROOT = Path(__file__).parents[2]
KILLS = 30


@contextmanager
def _writer(folder: Path, mode: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.ledger.writer", mode, str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _kill_once(process: subprocess.Popen[str], after: float) -> list[str]:
    """What one child acknowledged before it was killed `after` seconds into its life."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    word, pid = process.stdout.readline().split()
    assert word == "pid"
    time.sleep(after)
    os.kill(int(pid), signal.SIGKILL)
    return list(iter(lambda: process.stdout.readline().strip(), "ended"))


def _check(folder: Path, acknowledged: list[str], kills: int) -> int:
    """Opens the ledger (which checks every page) and compares; returns how many calls were durable but not yet said."""

    async def read() -> tuple[dict[int, str], dict[tuple[str, str], int]]:
        async with open_ledger(folder) as journal:
            rows = await journal.intents(10**6)
            for row in rows:
                plan = plan_of(row.intent.cycle)
                assert (row.intent, row.plan) == (intent_of(plan, cycle=row.intent.cycle), plan)
            return {row.intent.cycle: row.state for row in rows}, await journal.balances()

    states, balances = asyncio.run(read())
    assert sorted(states) == list(range(1, len(states) + 1))
    said = [line.split() for line in acknowledged]
    for word, number in said:
        assert word == "intent" or states[int(number)] == "done", f"{word} {number} was acknowledged and is lost"
        assert int(number) in states
    books: dict[tuple[str, str], int] = defaultdict(int)
    for number, state in states.items():
        if state == "done":
            plan = plan_of(number)
            for line in lines_of(receipt_of(intent_of(plan), plan)):
                books[line.account, line.token] += line.amount
    assert balances == dict(books)
    durable = len(states) + sum(state == "done" for state in states.values())
    assert durable - len(said) <= kills  # at most the one call that was under way at each kill
    return durable - len(said)


def test_thirty_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    moments = random.Random(7)
    acknowledged: list[str] = []
    with _writer(tmp_path, "fork") as process:
        for kill in range(1, KILLS + 1):
            acknowledged += _kill_once(process, moments.uniform(0.0, 0.3))
            _check(tmp_path, acknowledged, kill)
    assert len(acknowledged) > KILLS  # the children did get to work


def test_a_full_disk_is_refused_in_one_line_and_loses_nothing(tmp_path: Path) -> None:
    with _writer(tmp_path, "fill") as process:
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 6
    lines = output.splitlines()
    (refusal,) = [line for line in lines if line.startswith("refused ")]
    assert str(tmp_path / "ledger.sqlite") in refusal
    assert "nothing was lost" in refusal
    acknowledged = sorted({line for line in lines if line != refusal})  # what was refused was said again later
    assert lines.index(refusal) > 2
    assert lines[-1].startswith("outcome ")  # with room again, the same write went through
    assert _check(tmp_path, acknowledged, kills=0) == 0
