"""No signed transaction leaves before its bytes are on disk."""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from bot.chain.rpc import Rpc
from bot.ledger.journal import JournalPaths, open_ledger
from tests.execution.conftest import MakeOutbox
from tests.execution.rig import FaultProxy, executions
from tests.execution.test_recovery import deploy
from tests.ledger.builders import plan_of

pytestmark = pytest.mark.fork

ROOT = Path(__file__).parents[2]
STRACE = shutil.which("strace")
TRACES = (
    STRACE is not None
    and not subprocess.run(  # a container may forbid it
        [STRACE, "-f", "--seccomp-bpf", "-e", "trace=fsync", "true"], capture_output=True, check=False
    ).returncode
)


async def test_when_the_bytes_reach_the_node_another_process_already_finds_them_in_the_ledger(
    tmp_path: Path, make_outbox: MakeOutbox, proxy: FaultProxy
) -> None:
    found: list[bytes] = []

    def look(method: str, side: str) -> None:
        if method == "eth_sendRawTransaction" and side == "before":
            with closing(sqlite3.connect(JournalPaths(tmp_path).ledger)) as reader:
                found.extend(raw for (raw,) in reader.execute("SELECT raw FROM intents WHERE state = 'open'"))

    proxy.at = look
    async with open_ledger(tmp_path) as journal:
        await deploy(journal, make_outbox(), plan_of(1))
    assert ["0x" + raw.hex() for raw in found] == proxy.sent


def order_of(trace: str) -> list[str]:
    """What the process did about it, in order: "write" and "sync" of the ledger's log, "send" of the transaction.

    A "sync" counts only when it returned 0, and from then on. Calls that another thread cut in two are joined first.
    """
    told: list[str] = []
    begun: dict[str, str] = {}
    for line in trace.splitlines():
        thread, _, call = line.partition(" ")
        call = call.strip()
        if call.endswith("<unfinished ...>"):
            begun[thread] = call.removesuffix("<unfinished ...>")
            continue
        resumed = re.match(r"<\.\.\. \w+ resumed>(.*)", call)
        if resumed:
            call = begun.pop(thread, "") + resumed[1]
        if re.match(r"pwrite64\(\d+<[^>]*ledger\.sqlite-wal>", call):
            told.append("write")
        elif re.match(r"(fdatasync|fsync)\(\d+<[^>]*ledger\.sqlite-wal>\s*\)\s*= 0", call):
            told.append("sync")
        elif re.match(r"(sendto|sendmsg|write|writev)\(", call) and "eth_sendRawTransaction" in call:
            told.append("send")
    return told


async def _traced(tmp_path: Path, url: str, *more: str) -> list[str]:
    log = tmp_path / "trace"
    calls = "trace=pwrite64,fdatasync,fsync,sendto,sendmsg,write,writev"
    command = [str(STRACE), "-f", "--seccomp-bpf", "-y", "-s", "400", "-e", calls, "-o", str(log)]
    command += [sys.executable, "-m", "tests.execution.one_deployment", str(tmp_path / "data"), url, *more]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
    try:
        assert await asyncio.wait_for(process.wait(), 60) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return order_of(await asyncio.to_thread(log.read_text))


def _synced_before_sent(order: list[str]) -> bool:
    before = order[: order.index("send")]
    assert "write" in before
    return before[-1] == "sync"


if TRACES:

    async def test_the_kernel_saw_the_ledger_synced_before_the_transaction_was_sent(tmp_path: Path, node: Rpc) -> None:
        order = await _traced(tmp_path, node.url)
        assert order.count("send") == 1
        assert _synced_before_sent(order)
        assert await executions(node, plan_of(1)) == 1

    async def test_a_ledger_that_does_not_wait_for_the_disk_is_found_out(tmp_path: Path, node: Rpc) -> None:
        assert not _synced_before_sent(await _traced(tmp_path, node.url, "careless"))


def test_a_sync_that_failed_or_came_too_late_does_not_count() -> None:
    wal = "</d/ledger.sqlite-wal>"
    lines = [
        f'7 pwrite64(5{wal}, "x"..., 4096, 0) = 4096',
        f"7 fdatasync(5{wal}) = -1 EIO (Input/output error)",
        f"7 fdatasync(5{wal} <unfinished ...>",
        '8 sendto(6<socket:[1]>, "{eth_sendRawTransaction}"..., 9, 0, NULL, 0) = 9',
        "7 <... fdatasync resumed>) = 0",
    ]
    assert order_of("\n".join(lines)) == ["write", "send", "sync"]
    assert not _synced_before_sent(order_of("\n".join(lines)))
