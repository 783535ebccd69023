from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from bot.chain.devnet.supervisor import Anvil
from bot.chain.rpc import quantity
from bot.errors import ChainError, RpcDown

pytestmark = pytest.mark.fork

START = 1_700_000_000
SECRET = "k3y-of-the-user"


def children(pid: int) -> list[int]:
    """Process ids of the direct children, zombies left out."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and state(int(entry.name)) not in ("", "Z") and parent(int(entry.name)) == pid:
            found.append(int(entry.name))
    return found


def stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def state(pid: int) -> str:
    """The letter of the process's state; empty when it is gone."""
    return (stat(pid) or [""])[0]


def parent(pid: int) -> int:
    return int((stat(pid) or ["", "0"])[1])


def gone(pid: int, within: float = 5.0) -> bool:
    """True once the process is gone; a zombie that nobody reaps counts as gone."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if state(pid) in ("", "Z"):
            return True
        time.sleep(0.02)
    return False


def node_of(anvil: Anvil) -> int:
    """Process id of the node itself, below its shim."""
    assert anvil._process is not None
    (pid,) = children(anvil._process.pid)
    return pid


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode()


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


async def test_answers_while_inside_and_is_gone_after(tmp_path: Path) -> None:
    async with Anvil.local("one", tmp_path, START) as anvil:
        pid = node_of(anvil)
        assert await anvil.rpc.request("eth_chainId", []) == hex(31_337)
        head = await anvil.rpc.request("eth_getBlockByNumber", ["latest", False])
        assert abs(quantity(head["timestamp"]) - START) < 60
    assert gone(pid)
    assert "Listening on" in (tmp_path / "one.log").read_text(encoding="utf-8")


async def test_a_fork_continues_its_upstream_and_leaves_it_alone(tmp_path: Path) -> None:
    async with Anvil.local("one", tmp_path, START) as first:
        await first.rpc.request("evm_mine", [{"timestamp": hex(START + 500)}])
        url = first.url.replace("127.0.0.1", f"user:{SECRET}@127.0.0.1")
        async with Anvil.fork("two", tmp_path, url) as second:
            command = command_of(node_of(second))
            await second.rpc.request("evm_mine", [{"timestamp": hex(START + 600)}])
            head = await second.rpc.request("eth_getBlockByNumber", ["latest", False])
            assert (quantity(head["number"]), quantity(head["timestamp"])) == (2, START + 600)
            assert quantity(await first.rpc.request("eth_blockNumber", [])) == 1
    assert SECRET not in command
    files = contents(tmp_path)
    assert set(files) == {"one.log", "two.log", "foundry.toml"}
    assert not [name for name, text in files.items() if SECRET in text]


async def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ChainError, match=f"port {port} is in use"):
            async with Anvil.local("one", tmp_path, START, port):
                pass


async def test_a_node_that_cannot_start_tells_its_last_line(tmp_path: Path) -> None:
    with pytest.raises(ChainError, match=r"did not start: .*unexpected argument"):
        async with Anvil("one", tmp_path, ["--no-such-option"]):
            pass


async def test_the_death_of_the_node_is_named(tmp_path: Path) -> None:
    async with Anvil.local("one", tmp_path, START) as anvil:
        os.kill(node_of(anvil), signal.SIGKILL)
        with pytest.raises(RpcDown, match=r"one \(anvil\) has ended: Listening on"):
            await anvil.rpc.request("eth_blockNumber", [])


async def test_the_end_of_the_starting_thread_does_not_end_the_node(tmp_path: Path) -> None:
    anvil = Anvil.local("one", tmp_path, START)
    thread = threading.Thread(target=anvil._start)
    thread.start()
    thread.join()
    port = await anvil._port()
    pid = node_of(anvil)
    await asyncio.sleep(0.3)
    assert state(pid) not in ("", "Z")
    assert port > 0
    await anvil._end()
    assert gone(pid)


@pytest.mark.parametrize("victim", ["parent", "shim"])
def test_a_killed_parent_takes_its_node_along(tmp_path: Path, victim: str) -> None:
    program = textwrap.dedent(
        f"""
        import asyncio
        from pathlib import Path
        from bot.chain.devnet.supervisor import Anvil

        async def main():
            async with Anvil.local("one", Path({str(tmp_path)!r}), {START}) as anvil:
                print(anvil._process.pid, flush=True)
                await asyncio.sleep(60)

        asyncio.run(main())
        """
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        shim = int(running.stdout.readline())
        (node,) = children(shim)
        assert "anvil" in command_of(node)
        os.kill(running.pid if victim == "parent" else shim, signal.SIGKILL)
        node_gone, shim_gone = gone(node), gone(shim)
        running.kill()
    assert (node_gone, shim_gone) == (True, True)
