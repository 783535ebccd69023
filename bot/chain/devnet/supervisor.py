"""Owner of anvil processes: they start here, answer here, and never outlive us."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from bot.chain.artefacts import anvil_binary
from bot.chain.rpc import Rpc
from bot.errors import ChainError

CHAIN_ID = 31_337
GAS_LIMIT = 1_000_000_000  # a block's: the whole devnet is deployed in a handful of blocks
START_TIMEOUT = 30.0
_LISTENING = re.compile(rb"Listening on 127\.0\.0\.1:(\d+)")
_SHIM = Path(__file__).with_name("shim.py")
_FORK_CONFIG = '[rpc_endpoints]\nupstream = "${PATRON_FORK_URL}"\n'


class Anvil:
    """One anvil process on the loopback, as an async context manager. `rpc` is connected while inside.

    Its output is in ``<run_dir>/<name>.log``. It ends with this process, however this process ends; starting it from a
    thread that ends before it is safe.
    """

    def __init__(
        self, name: str, run_dir: Path, arguments: Sequence[str] = (), fork_url: str = "", port: int = 0
    ) -> None:
        """`port`: 0 lets the system choose, so that no two ever collide. Use `local` and `fork` for the arguments."""
        self.name = name
        self.log = run_dir / f"{name}.log"
        self._run_dir, self._arguments, self._fork_url, self._asked_port = (
            run_dir,
            list(arguments),
            fork_url,
            port,
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline = -1
        self.url = ""
        self.rpc: Rpc

    @classmethod
    def local(cls, name: str, run_dir: Path, start: int, port: int = 0) -> Self:
        """A chain of its own whose clock starts at `start` (unix seconds)."""
        arguments = [
            "--chain-id",
            str(CHAIN_ID),
            "--timestamp",
            str(start),
            "--block-base-fee-per-gas",
            str(10**9),
        ]
        return cls(name, run_dir, arguments, port=port)

    @classmethod
    def fork(cls, name: str, run_dir: Path, url: str, block: int | None = None, port: int = 0) -> Self:
        """A fork of the node at `url`. The URL may hold a key: it is not on the command line and not in the log."""
        # A disk cache is keyed by chain and block number only, so another devnet's state could be read from it.
        arguments = ["--fork-url", "upstream", "--no-storage-caching", "--retries", "2", "--timeout", "5000"]
        if block is not None:
            arguments += ["--fork-block-number", str(block)]
        return cls(name, run_dir, arguments, fork_url=url, port=port)

    async def __aenter__(self) -> Self:
        self._start()
        try:
            self.url = f"http://127.0.0.1:{await self._port()}"
            self.rpc = await Rpc.connect(self.url, explain=self.death)
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.rpc.close()
        await self._end()

    async def death(self) -> str:
        """One line about the end of the process, or an empty string while it runs. Waits briefly for a dying one."""
        for _ in range(20):
            if self._process is None or self._process.poll() is not None:
                return f"{self.name} (anvil) has ended: {self._last_line()}"
            await asyncio.sleep(0.02)
        return ""

    def _start(self) -> None:
        self._run_dir.mkdir(parents=True, exist_ok=True)
        self.log.write_bytes(b"")
        if self._fork_url:
            (self._run_dir / "foundry.toml").write_text(_FORK_CONFIG, encoding="utf-8")
        near = ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1", "localhost"]))
        # HOME: nothing of the user's foundry configuration or caches takes part.
        environment = {**os.environ, "HOME": str(self._run_dir.resolve()), "NO_PROXY": near}
        environment["PATRON_FORK_URL"] = self._fork_url
        command = [str(anvil_binary()), "--host", "127.0.0.1", "--port", str(self._asked_port)]
        command += ["--gas-limit", str(GAS_LIMIT), "--no-request-size-limit", *self._arguments]
        theirs, self._lifeline = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603 our own interpreter and shim
                [sys.executable, "-I", "-S", str(_SHIM), str(theirs), str(self.log.resolve()), *command],
                pass_fds=(theirs,),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=self._run_dir,
                env=environment,
                start_new_session=True,  # an interrupt at the keyboard is ours to handle first
            )
        except OSError as error:
            raise ChainError(f"{self.name} (anvil) cannot be started: {error.strerror}") from None
        finally:
            os.close(theirs)
            if self._process is None:
                os.close(self._lifeline)
                self._lifeline = -1

    async def _port(self) -> int:
        assert self._process is not None
        deadline = asyncio.get_running_loop().time() + START_TIMEOUT
        while asyncio.get_running_loop().time() < deadline:
            ended = self._process.poll() is not None
            found = _LISTENING.search(self.log.read_bytes())
            if found:
                return int(found.group(1))
            if ended:
                last = self._last_line()
                if "in use" in last.lower():
                    raise ChainError(f"port {self._asked_port} is in use: choose another for {self.name}")
                raise ChainError(f"{self.name} (anvil) did not start: {last}")
            await asyncio.sleep(0.01)
        raise ChainError(f"{self.name} (anvil) did not start within {START_TIMEOUT:g} s: {self._last_line()}")

    async def _end(self) -> None:
        if self._lifeline >= 0:
            os.close(self._lifeline)  # the shim takes that as the order to end the node
            self._lifeline = -1
        if self._process is not None:
            process, self._process = self._process, None
            try:
                await asyncio.to_thread(process.wait, 5.0)
            except subprocess.TimeoutExpired:
                process.kill()
                await asyncio.to_thread(process.wait, 5.0)

    def _last_line(self) -> str:
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        # After what went wrong come notes on backtraces and usage; the line that says "error" is the one that tells.
        errors = [line for line in lines if line.lower().startswith("error")]
        telling = errors or [line for line in lines if not line.startswith(("note:", "stack backtrace"))]
        return telling[-1][:200] if telling else "no output"
