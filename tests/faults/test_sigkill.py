"""SIGKILL at any moment: each decision moves capital once, and the books say what the chain says.

The daemon runs against a devnet in a process of its own, so the chain outlives it. Between the two stands a proxy that
holds a request in a wanted state: there the daemon is killed. The judge is `rig.judge`.
"""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.holding import AFTER, BEFORE, Hold, Holder, holding
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
        registry = self.chain.description["decisions"].lower()
        return [(sent["to"] or "").lower() for sent in head["transactions"]] == [registry]

    def market_half_moved(self) -> bool:
        """A market step is being put into a block."""
        return self.chain.ask("anvil_getAutomine") is False

    def stepped_but_not_settled(self) -> bool:
        """The newest block is a market step: the mean price is not yet the present one."""
        head = self.chain.ask("eth_getBlockByNumber", "latest", False)
        return int(head["timestamp"], 16) % 86_400 == 0 and len(head["transactions"]) == 1

    def booked_but_not_reported(self) -> bool:
        """The outcome is in the books, and no report tells of it."""
        return bool(
            self.ledger.rows("SELECT 1 FROM intents WHERE state <> 'open' AND cycle NOT IN (SELECT cycle FROM cycles)")
        )


# Which request is held, and before the node hears of it or before its answer is heard.
HELD_AT = {
    "intent_open": ("eth_sendRawTransaction", BEFORE),
    "mined_but_not_booked": ("eth_getTransactionReceipt", AFTER),
    "anchored_but_not_sent": ("eth_getTransactionReceipt", AFTER),
    "market_half_moved": ("evm_mine", BEFORE),
    "stepped_but_not_settled": ("evm_mine", BEFORE),
}
BETWEEN_COMMITS = "booked_but_not_reported"  # no request is made there
ANY = "any"
_TEN = "(VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9))"
# Reports of cycles that booked something take about a minute to write.
_SLOW_REPORTS = f"""\
CREATE TRIGGER slow_reports BEFORE INSERT ON cycles
WHEN EXISTS (SELECT 1 FROM intents WHERE cycle = NEW.cycle AND state <> 'open')
BEGIN SELECT count(*) FROM {", ".join([_TEN] * 9)}; END
"""


@dataclass(slots=True)
class Killer:
    """Kills a daemon in a chosen state; `caught` counts the states that it was killed in."""

    moments: Moments
    holder: Holder
    draw: random.Random
    passing: int = 0  # at most so many chances are let by
    caught: Counter[str] = field(default_factory=Counter)

    def strike(self, daemon: Running, name: str) -> None:
        """Kills `daemon` in the state `name`. A daemon that ends by itself before is not caught."""
        if name == ANY:
            self._started(daemon)
            time.sleep(self.draw.uniform(0.0, 0.5))
            self._kill(daemon, name)
        elif name == BETWEEN_COMMITS:
            self._started(daemon)
            self._between_commits(daemon)
        else:
            state = getattr(self.moments, name)
            self.holder.want(Hold(*HELD_AT[name], state), self.draw.randint(0, self.passing))
            seen(daemon, lambda: self.holder.holds(0.05))
            if daemon.process.poll() is None:
                assert state()  # nothing can change it
                self._kill(daemon, name)
            self.holder.let_go()

    def _between_commits(self, daemon: Running) -> None:
        self._execute(_SLOW_REPORTS)
        seen(daemon, self.moments.booked_but_not_reported)
        if daemon.process.poll() is None:
            self._kill(daemon, BETWEEN_COMMITS)
        assert self.moments.booked_but_not_reported()
        self._execute("DROP TRIGGER slow_reports")

    def _kill(self, daemon: Running, name: str) -> None:
        daemon.process.kill()
        self.caught[name] += daemon.ended() == -signal.SIGKILL

    def _started(self, daemon: Running) -> None:
        seen(daemon, lambda: bool(self.moments.ledger.rows("SELECT 1 FROM meta WHERE key LIKE 'token.%'")))

    def _execute(self, statement: str) -> None:
        with sqlite3.connect(self.moments.ledger.path, timeout=10.0) as connection:
            connection.execute(statement)
        connection.close()


def seen(daemon: Running, true: Callable[[], bool], within: float = 120.0) -> None:
    """Returns once it is true, or the daemon has ended. Fails when neither comes."""
    deadline = time.monotonic() + within
    while daemon.process.poll() is None and not true():
        assert time.monotonic() < deadline, f"not within {within:g} s: {daemon.text[-3_000:]}"
        time.sleep(0.002)


def arguments(strategy: Path, described: Path, folder: Path, last: str) -> tuple[object, ...]:
    options = ("--mode", "fork", "--uncertified", "--synthetic", 7, "--to", last)
    return "run", strategy, *options, "--devnet", described, "--data-dir", folder


def killed_often(
    strategy: Path, described: Path, names: list[str], last: str, seed: int, passing: int = 0
) -> tuple[Killer, Ledger]:
    """Kills one daemon per name, then lets the last one finish."""
    chain, ledger = Chain.at(described), Ledger(strategy.parent / "run" / "ledger.sqlite")
    log = strategy.parent / "run.log"
    with holding(chain.description["rpc_url"]) as holder:
        proxied = described.with_name("proxied.json")
        proxied.write_text(json.dumps(chain.description | {"rpc_url": holder.url}), encoding="utf-8")
        killer = Killer(Moments(chain, ledger), holder, random.Random(seed), passing)
        command = arguments(strategy, proxied, ledger.path.parent, last)
        for name in names:
            with running(*command, cwd=strategy.parent, log=log) as daemon:
                killer.strike(daemon, name)
                assert daemon.process.returncode in (-signal.SIGKILL, 0), daemon.text[-3_000:]
        with running(*command, cwd=strategy.parent, log=log) as daemon:
            assert daemon.ended(300.0) == 0, daemon.text[-3_000:]
    assert "Traceback" not in log.read_text(encoding="utf-8")
    return killer, ledger


def test_kills_lose_nothing_and_repeat_nothing(strategy: Path, described: Path, tmp_path: Path) -> None:
    names = [*HELD_AT, BETWEEN_COMMITS, ANY]
    killer, ledger = killed_often(strategy, described, names, "2024-06-17", seed=11)
    decisions = judge(Chain.at(described), ledger, range(1, 11))
    assert len(decisions) >= 8, "the run must move capital nearly each time, or nothing was tried"
    assert killer.caught == Counter(names)

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
    kinds = [*HELD_AT, BETWEEN_COMMITS, ANY]
    names = [draw.choice(kinds) for _ in range(100)]
    killer, ledger = killed_often(strategy, described, names, "2024-12-31", seed=23, passing=1)
    decisions = judge(Chain.at(described), ledger, range(1, 208))
    assert len(decisions) >= 150
    assert killer.caught == Counter(names)


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
