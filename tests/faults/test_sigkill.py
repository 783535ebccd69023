"""SIGKILL at any moment: each decision moves capital once, and the books say what the chain says.

The daemon runs against a devnet in a process of its own, so the chain outlives it. The judge is `rig.judge`.
"""

from __future__ import annotations

import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.rig import Chain, Ledger, Running, devnet_up, judge, patron, running

pytestmark = pytest.mark.fork

STRATEGY = """\
chain: devnet
mode: fork
capital: 100000 USDC
every: 1d
bar: 1d
strategy:
  name: reversal
  params: {bars: 2}
venues:
  music-coin: {kind: uniswap_v3_hold, asset: MUSIC, fee: 30 bps}
  video-coin: {kind: uniswap_v3_hold, asset: VIDEO, fee: 5 bps}
  model-coin: {kind: uniswap_v3_hold, asset: MODEL, fee: 100 bps}
policy: {band: 1 bps, max_turnover: 10 %, drawdown_brake: 90 %}
limits: {max_venue: 30 %, min_idle: 10 %, max_loss: 300 bps, min_trade: 1 USDC}
"""
FIRST_DAY = "2024-06-08"  # its bar, which closes at midnight, is the first with a cycle in a generated market


@pytest.fixture
def strategy(tmp_path: Path) -> Path:
    file = tmp_path / "strategy.yaml"
    file.write_text(STRATEGY, encoding="utf-8")
    return file


@pytest.fixture
def described(strategy: Path, tmp_path: Path) -> Iterator[Path]:
    with devnet_up(strategy, tmp_path / "devnet", "--synthetic", 7) as path:
        yield path


@dataclass(frozen=True, slots=True)
class Moments:
    """The states of a daemon in which it is killed, as seen from outside by the chain and the ledger."""

    chain: Chain
    ledger: Ledger

    def intent_open(self) -> bool:
        """Bytes are on disk, and their outcome is not."""
        return bool(self.ledger.rows("SELECT 1 FROM intents WHERE state = 'open'"))

    def mined_but_not_booked(self) -> bool:
        """The capital has moved, and the books do not know."""
        found = self.ledger.rows("SELECT tx_hash FROM intents WHERE state = 'open'")
        return bool(found) and self.chain.ask("eth_getTransactionReceipt", found[0][0]) is not None

    def anchored_but_not_sent(self) -> bool:
        """The newest transaction anchored a decision, and nothing has come of it yet."""
        head = self.chain.ask("eth_getBlockByNumber", "latest", True)
        if not head["transactions"]:  # the block that is waited for
            head = self.chain.ask("eth_getBlockByHash", head["parentHash"], True)
        registry = self.chain.description["decisions"].lower()
        return [(sent["to"] or "").lower() for sent in head["transactions"]] == [registry]

    def booked_but_not_reported(self) -> bool:
        return bool(
            self.ledger.rows("SELECT 1 FROM intents WHERE state <> 'open' AND cycle NOT IN (SELECT cycle FROM cycles)")
        )

    def market_half_moved(self) -> bool:
        """A market step is being put into a block."""
        return self.chain.ask("anvil_getAutomine") is False

    def stepped_but_not_settled(self) -> bool:
        """The newest block is a market step: the mean price is not yet the present one."""
        head = self.chain.ask("eth_getBlockByNumber", "latest", False)
        return int(head["timestamp"], 16) % 86_400 == 0 and len(head["transactions"]) == 1


@dataclass(slots=True)
class Killer:
    """Stops a daemon in a chosen state and kills it there; `caught` counts the states that it was killed in."""

    moments: Moments
    draw: random.Random
    caught: Counter[str] = field(default_factory=Counter)

    def strike(self, daemon: Running, name: str) -> None:
        """Kills `daemon` in the state `name`, or after a while if that never comes, unless it ends by itself."""
        state: Callable[[], bool] = getattr(self.moments, name, lambda: False)
        patience = self.draw.uniform(0.0, 0.5) if name == "any" else 8.0
        self._wait(daemon, lambda: bool(self.moments.ledger.rows("SELECT 1 FROM meta WHERE key LIKE 'token.%'")), 30.0)
        deadline = time.monotonic() + patience
        # Somewhere in the run, not always at its first chance.
        ready = time.monotonic() + self.draw.uniform(0.0, 0.2)
        while daemon.process.poll() is None and time.monotonic() < deadline:
            if time.monotonic() >= ready and state():
                daemon.process.send_signal(signal.SIGSTOP)
                if state():  # still so, now that nothing can change it
                    break
                daemon.process.send_signal(signal.SIGCONT)
        if daemon.process.poll() is None:
            held = state()
            daemon.process.kill()
            self.caught[name if held or name == "any" else "late"] += 1
        daemon.ended()

    @staticmethod
    def _wait(daemon: Running, seen: Callable[[], bool], within: float) -> None:
        deadline = time.monotonic() + within
        while daemon.process.poll() is None and not seen() and time.monotonic() < deadline:
            time.sleep(0.005)


def arguments(strategy: Path, described: Path, folder: Path, last: str) -> tuple[object, ...]:
    options = ("--mode", "fork", "--uncertified", "--synthetic", 7, "--to", last)
    return "run", strategy, *options, "--devnet", described, "--data-dir", folder


def killed_often(strategy: Path, described: Path, names: list[str], last: str, seed: int) -> Killer:
    """Kills one daemon per name, then lets the last one finish."""
    folder = strategy.parent / "run"
    killer = Killer(Moments(Chain.at(described), Ledger(folder / "ledger.sqlite")), random.Random(seed))
    log = strategy.parent / "run.log"
    for name in names:
        with running(*arguments(strategy, described, folder, last), cwd=strategy.parent, log=log) as daemon:
            killer.strike(daemon, name)
            assert daemon.process.returncode in (-signal.SIGKILL, 0), daemon.text[-3_000:]
    with running(*arguments(strategy, described, folder, last), cwd=strategy.parent, log=log) as daemon:
        assert daemon.ended(300.0) == 0, daemon.text[-3_000:]
    assert "Traceback" not in log.read_text(encoding="utf-8")
    return killer


def test_kills_lose_nothing_and_repeat_nothing(strategy: Path, described: Path, tmp_path: Path) -> None:
    names = [
        "intent_open",
        "anchored_but_not_sent",
        "mined_but_not_booked",
        "market_half_moved",
        "stepped_but_not_settled",
        "booked_but_not_reported",
        "any",
    ]
    killer = killed_often(strategy, described, names, "2024-06-17", seed=11)
    ledger = killer.moments.ledger
    decisions = judge(killer.moments.chain, ledger, range(1, 11))
    assert len(decisions) >= 8, "the run must move capital nearly each time, or nothing was tried"
    assert killer.caught["intent_open"] + killer.caught["mined_but_not_booked"] >= 1, killer.caught
    assert killer.caught["anchored_but_not_sent"] == 1, killer.caught

    # The same run, undisturbed on a chain of its own, ends with the same holdings to the wei.
    options = ("--mode", "fork", "--uncertified", "--synthetic", 7, "--to", "2024-06-17")
    calm = patron("run", strategy, *options, "--data-dir", tmp_path / "calm", cwd=tmp_path)
    assert calm.returncode == 0, calm.stderr
    undisturbed = Ledger(tmp_path / "calm" / "ledger.sqlite")
    gas = ("keeper", "anchorer")  # a decision that was anchored and cut off is anchored anew
    amounts = {account: total for (account, _), total in undisturbed.balances().items() if account not in gas}
    assert {account: total for (account, _), total in ledger.balances().items() if account not in gas} == amounts
    outcomes = {cycle: report["outcome"] for cycle, report in undisturbed.reports().items()}
    assert {cycle: report["outcome"] for cycle, report in ledger.reports().items()} == outcomes


@pytest.mark.deep
@pytest.mark.timeout(1_800)
def test_a_hundred_kills_lose_nothing_and_repeat_nothing(strategy: Path, described: Path) -> None:
    draw = random.Random(5)
    kinds = [name for name in dir(Moments) if not name.startswith("_") and name not in ("chain", "ledger")] + ["any"]
    names = [draw.choice(kinds) for _ in range(100)]
    killer = killed_often(strategy, described, names, "2024-12-31", seed=23)
    decisions = judge(killer.moments.chain, killer.moments.ledger, range(1, 208))
    assert len(decisions) >= 150
    assert killer.caught.total() == 100, killer.caught
    assert all(killer.caught[name] for name in kinds), killer.caught


def test_a_cycle_that_was_booked_but_not_reported_is_reported_at_the_next_start(
    strategy: Path, described: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    assert patron(*arguments(strategy, described, folder, FIRST_DAY), cwd=tmp_path).returncode == 0
    ledger = Ledger(folder / "ledger.sqlite")
    (told,) = ledger.reports().values()
    # As SIGKILL between the two commits leaves it.
    with sqlite3.connect(ledger.path) as connection:
        connection.execute("DELETE FROM cycles")
    connection.close()
    again = patron(*arguments(strategy, described, folder, FIRST_DAY), cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    judge(Chain.at(described), ledger, [1])
    (retold,) = ledger.reports().values()
    assert (retold["outcome"], retold["plan"], retold["postings"]) == ("deployed", told["plan"], told["postings"])
