"""A process that writes to a ledger until it is stopped, and says after each durable call what was acknowledged.

``fork DIR``: for each line on standard input a child writes until somebody kills it; ``pid N``, its acknowledgements
and ``ended`` are the output. ``fill DIR``: writes under a file size limit until the ledger refuses, then without.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from pathlib import Path

from bot.errors import StorageError
from bot.ledger.journal import SqliteJournal, open_ledger
from tests.ledger.builders import intent_of, lines_of, plan_of, receipt_of

ROOM = 60_000  # bytes that the largest file may still grow by


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())  # one write: a killed writer leaves no half line


async def write(journal: SqliteJournal, number: int) -> None:
    plan = plan_of(number)
    intent = intent_of(plan, cycle=number)
    await journal.intent(intent, plan)
    say(f"intent {number}")
    receipt = receipt_of(intent, plan)
    await journal.outcome(intent, receipt, lines_of(receipt))
    say(f"outcome {number}")


async def write_for_ever(folder: Path) -> None:
    async with open_ledger(folder) as journal:
        number = await journal.last_cycle()
        while True:
            number += 1
            await write(journal, number)


async def fill(folder: Path) -> int:
    """Exit code of the refusal. Afterwards, with room again, the same journal takes the same write."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with open_ledger(folder) as journal:
        largest = max(entry.stat().st_size for entry in os.scandir(folder))
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest + ROOM, hard))
        for number in range(1, 10_000):
            try:
                await write(journal, number)
            except StorageError as error:
                say(f"refused {error}")
                resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
                await write(journal, number)
                return error.exit_code
    return 0


def fork(folder: Path) -> None:
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            say(f"pid {os.getpid()}")
            try:
                asyncio.run(write_for_ever(folder))
            finally:
                os._exit(1)
        os.waitpid(pid, 0)
        say("ended")


if __name__ == "__main__":
    target = Path(sys.argv[2])
    if sys.argv[1] == "fork":
        fork(target)
    else:
        sys.exit(asyncio.run(fill(target)))
