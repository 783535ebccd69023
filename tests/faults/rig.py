"""Patron as a process: started, watched, stopped hard, and judged by the chain alone.

Nothing here imports Patron: what it did is read with its own SQL and its own JSON-RPC.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

ALLOCATED = "0x" + keccak(text="Allocated(uint256,address,bytes32,bool,uint256,uint256)").hex()
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def environment(**extra: str) -> dict[str, str]:
    """This process's environment without anything that would configure Patron."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PATRON__")}
    for name in ("ETH_RPC_URL", "PATRON_CONTRACTS", "ANVIL"):
        clean.pop(name, None)
    return clean | {"COLUMNS": "200", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"} | extra


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "bot", *map(str, arguments)]


def patron(
    *arguments: object,
    cwd: Path,
    timeout: float = 90.0,
    before: Callable[[], None] | None = None,
    **extra: str,
) -> subprocess.CompletedProcess[str]:
    """A whole command, from start to end. `before` is called in the new process just before the program starts."""
    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=environment(**extra),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        preexec_fn=before,
    )


def obey_permissions() -> None:
    """Makes even a process of root obey permission bits, as the programs that it then starts."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP; without the right to drop, there is nothing to drop


def disk_of(size: int) -> None:
    """No file may grow above `size` bytes: to the program, a disk that is full."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def one_line(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The error line of a command that ended as bad input must: one line, the right exit code, no traceback."""
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.strip()]
    assert done.returncode == code, (done.returncode, done.stdout[-2_000:], done.stderr[-2_000:])
    assert len(errors) == 1, done.stderr
    assert errors[0].startswith("error: "), errors
    return errors[0]


@dataclass(frozen=True, slots=True)
class Running:
    """A started command whose output goes to `log`."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def until(self, seen: Callable[[], object], within: float = 60.0) -> None:
        """Waits until `seen()` is true. Fails when it is not in time, or when the command ends before."""
        deadline = time.monotonic() + within
        while not seen():
            assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.text[-3_000:]}"
            assert time.monotonic() < deadline, f"not within {within:g} s: {self.text[-3_000:]}"
            time.sleep(0.02)

    def ended(self, within: float = 60.0) -> int:
        """The exit code (negative for a signal)."""
        return self.process.wait(within)


@contextlib.contextmanager
def running(*arguments: object, cwd: Path, log: Path, **extra: str) -> Iterator[Running]:
    """A command in the background, which is gone when the context ends."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command(*arguments),
            cwd=cwd,
            env=environment(**extra),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Running(process, log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(15.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5.0)


@contextlib.contextmanager
def devnet_up(config: Path, folder: Path, *options: object) -> Iterator[Path]:
    """The path of the devnet.json of a devnet that lives in a process of its own."""
    described = folder / "devnet.json"
    arguments = ("devnet", "up", config, "--data-dir", folder, *options)
    with running(*arguments, cwd=config.parent, log=folder.with_suffix(".log")) as up:
        up.until(described.exists)
        yield described


@dataclass(frozen=True, slots=True)
class Chain:
    """A devnet as a stranger sees it: its description and its JSON-RPC."""

    description: dict[str, Any]

    @classmethod
    def at(cls, described: Path) -> Chain:
        return cls(json.loads(described.read_text(encoding="utf-8")))

    def ask(self, method: str, *params: Any) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.description["rpc_url"], body, {"content-type": "application/json"})
        with _DIRECT.open(request, timeout=10.0) as answer:
            document = json.load(answer)
        assert "error" not in document, document["error"]
        return document["result"]

    def call(self, to: str, signature: str, *words: str) -> int:
        """The number that a view function returns; its arguments are words, or addresses, in hexadecimal."""
        data = keccak(text=signature)[:4].hex() + "".join(word[2:].lower().rjust(64, "0") for word in words)
        return int(self.ask("eth_call", {"to": to, "data": "0x" + data}, "latest"), 16)

    def decisions(self) -> dict[str, list[tuple[int, str]]]:
        """Decision (a root, or of exits alone a plan's id) -> its (vault nonce, transaction), each once."""
        where = {"address": self.description["vault"], "topics": [ALLOCATED], "fromBlock": "0x0", "toBlock": "latest"}
        found: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for log in self.ask("eth_getLogs", where):
            place = (int(log["topics"][1], 16), log["transactionHash"])
            decision = log["topics"][3].removeprefix("0x")
            if place not in found[decision]:
                found[decision].append(place)
        return dict(found)

    def anchored(self, root: str) -> int:
        """The block in which our anchorer anchored the root, 0 if never."""
        deployed = self.description
        return self.call(deployed["decisions"], "anchoredAt(address,bytes32)", deployed["anchorer"], "0x" + root)

    def balances(self) -> dict[tuple[str, str], int]:
        """What the chain says is ours, by (account, token in lower case) as the books name them."""
        universe = self.description["universe"]
        money = universe["money"]["address"]
        found = {("idle", money.lower()): self.call(self.description["vault"], "idle()")}
        for venue in universe["venues"][1:]:
            token = venue["token"]["address"]
            found[f"venue:{venue['id']}", token.lower()] = self.call(venue["adapter"], "position()")
        for payer in ("keeper", "anchorer"):
            found[payer, "native"] = int(self.ask("eth_getBalance", self.description[payer], "latest"), 16)
        return found


@dataclass(frozen=True, slots=True)
class Ledger:
    """A data directory's ledger, read as any SQLite file."""

    path: Path

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of a query; none while the file or the table is not there yet, or is being written."""
        if not self.path.exists():
            return []
        connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=2.0)
        try:
            return list(connection.execute(query))
        except sqlite3.OperationalError:
            return []
        finally:
            connection.close()

    def balances(self) -> dict[tuple[str, str], int]:
        """Sums of what is ours, by (account, token in lower case)."""
        totals: dict[tuple[str, str], int] = defaultdict(int)
        for account, token, amount in self.rows("SELECT account, token, amount FROM postings"):
            if account.startswith(("idle", "venue:", "keeper", "anchorer")):
                totals[account, token.lower()] += int(amount)
        return dict(totals)

    def reports(self) -> dict[int, dict[str, Any]]:
        """Cycle number -> its report."""
        return {cycle: json.loads(text) for cycle, text in self.rows("SELECT cycle, report FROM cycles")}

    def intact(self) -> bool:
        return self.rows("PRAGMA integrity_check") == [("ok",)]


def judge(chain: Chain, ledger: Ledger, cycles: Sequence[int]) -> dict[str, list[tuple[int, str]]]:
    """The chain's decisions, after checking that each moved capital once and that the books say the same."""
    decisions = chain.decisions()
    assert all(len(places) == 1 for places in decisions.values()), f"a decision moved capital twice: {decisions}"
    nonces = sorted(nonce for places in decisions.values() for nonce, _ in places)
    assert nonces == list(range(chain.call(chain.description["vault"], "nonce()")))

    assert ledger.intact()
    intents = {row[0]: row[1:] for row in ledger.rows("SELECT id, state, tx_hash, cycle FROM intents")}
    assert {state for state, _, _ in intents.values()} <= {"done", "reverted"}, "an intent was left open"
    done = {name: (tx, cycle) for name, (state, tx, cycle) in intents.items() if state == "done"}
    assert {tx: name for name, (tx, _) in done.items()}.keys() == {at[0][1] for at in decisions.values()}
    judge_commitments(chain, ledger, {name: places[0][1] for name, places in decisions.items()}, set(done))

    reports = ledger.reports()
    assert sorted(reports) == list(cycles), "a cycle is missing or was made up"
    assert {r["plan"]: cycle for cycle, r in reports.items() if r["outcome"] == "deployed"} == {
        name: cycle for name, (_, cycle) in done.items()
    }

    books, held = ledger.balances(), chain.balances()
    assert {key: books.get(key, 0) for key in held} == held
    assert all(total == held.get(key, 0) for key, total in books.items())
    return decisions


def judge_commitments(chain: Chain, ledger: Ledger, decisions: dict[str, str], plans: set[str]) -> None:
    """What entered anything was anchored in an earlier block, by another key, and is kept in the clear to be shown."""
    roots = {name: tx for name, tx in decisions.items() if name not in plans}
    assert roots, "a run that never entered anything proves nothing"
    for root, tx in roots.items():
        anchored = chain.anchored(root)
        assert 0 < anchored < int(chain.ask("eth_getTransactionReceipt", tx)["blockNumber"], 16)
        kept = json.loads((ledger.path.parent / "decisions" / f"{root}.json").read_text(encoding="utf-8"))
        assert kept["root"] == "0x" + root
        assert [leaf["adapter"] for leaf in kept["leaves"]] == [
            venue["adapter"] for venue in chain.description["universe"]["venues"][1:]
        ]
