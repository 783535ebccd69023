"""A node that is not ours behind ETH_RPC_URL: its pools by address, in paper and on a fork of it.

The node is a local chain with Uniswap's own bytecode that says it is Ethereum (chain id 1). The address book is made to
know its addresses, so the commands run in this process.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot import cli
from bot.chain import addresses
from bot.chain.devnet.protocols import Protocols, deploy
from bot.chain.devnet.supervisor import Anvil
from bot.core.universe import Universe
from tests.certified import certify
from tests.chain.worlds import DEPTH, PRICES, UNIVERSE
from tests.faults.rig import Ledger, one_line, patron

pytestmark = pytest.mark.fork

FEES = {"render": "30 bps", "weights": "5 bps", "prompts": "100 bps", "frames": "1 bps"}


class Node:
    """A chain in a thread of its own, so that commands with event loops of their own can use it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ready, self._done = threading.Event(), threading.Event()
        self.url = ""
        self.protocols: Protocols
        self.universe: Universe
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()))

    def __enter__(self) -> Node:
        self._thread.start()
        assert self._ready.wait(30.0)
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(20.0)

    async def _live(self) -> None:
        now = int(datetime.now(UTC).timestamp())
        arguments = ["--chain-id", "1", "--timestamp", str(now - 7_200)]
        async with Anvil("remote", self._folder, arguments) as remote:
            self.protocols, self.universe = await deploy(remote.rpc, UNIVERSE, PRICES, DEPTH)
            await remote.rpc.request("evm_mine", [{"timestamp": hex(now)}])
            self.url = remote.url
            self._ready.set()
            await asyncio.to_thread(self._done.wait)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with Node(tmp_path_factory.mktemp("remote")) as running:
        yield running


@pytest.fixture
def strategy(node: Node, tmp_path: Path) -> Path:
    file = tmp_path / "strategy.yaml"
    lines = ["chain: ethereum", "capital: 100000 USDC", "every: 6h", "bar: 1h", "strategy: {name: equal_weight}"]
    lines += ["limits: {max_loss: 200 bps, unpriced: 40000 USDC}", "venues:"]
    for venue in node.universe.risky:
        lines.append(f"  {venue.id}: {{kind: uniswap_v3_hold, asset: A-{venue.id}, fee: {FEES[venue.id]}, pool: ")
        lines[-1] += f'"{venue.pool}"}}'
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


@pytest.fixture
def known(node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The address book of Ethereum with this node's addresses in it."""
    folder = tmp_path / "addresses"
    folder.mkdir()
    for chain in addresses.CHAINS:
        text = (addresses.FOLDER / f"{chain}.yaml").read_text(encoding="utf-8")
        if chain == "ethereum":
            entries = {field.name: getattr(node.protocols, field.name, "") for field in fields(addresses.AddressBook)}
            text = json.dumps(entries | {"chain_id": 1})
        (folder / f"{chain}.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(addresses, "FOLDER", folder)
    monkeypatch.setenv("ETH_RPC_URL", node.url)
    monkeypatch.chdir(tmp_path)
    addresses.book.cache_clear()
    yield
    addresses.book.cache_clear()


def ended(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main([str(argument) for argument in arguments])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_check_names_each_pool_that_it_found(
    known: None, strategy: Path, node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended("check", strategy) == 0
    told = capsys.readouterr().out
    for venue in node.universe.risky:
        assert f"ok: {venue.id}: {venue.token.symbol}/USDC at {venue.pool}" in told


@pytest.mark.parametrize("mode", ["fork", "paper"])
def test_one_cycle_moves_capital_into_the_nodes_own_pools(
    known: None, strategy: Path, tmp_path: Path, mode: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / mode
    certify(strategy)
    assert ended("run", strategy, "--mode", mode, "--once", "--data-dir", folder, "--json") == 0
    shown = capsys.readouterr()
    told = json.loads(shown.out)
    assert (told["cycles"], told["deployments"], told["ledger_equal_to_chain"]) == (1, 1, True)
    # One owner, who could leave at any time, holds all of these pools' liquidity.
    warned = [f"{name}: its pool is too little vouched for to be priced" in shown.err for name in FEES]
    assert warned == [mode == "fork"] * len(FEES)
    books = Ledger(folder / "ledger.sqlite").balances()
    assert sum(amount > 0 for (account, _), amount in books.items() if account.startswith("venue:")) == 4


def test_cycles_by_the_wall_see_a_new_block_each(known: None, strategy: Path, tmp_path: Path) -> None:
    text = strategy.read_text(encoding="utf-8").replace("every: 6h", "every: 1s")
    strategy.write_text(text, encoding="utf-8")
    folder = tmp_path / "run"
    certify(strategy)
    assert ended("run", strategy, "--mode", "fork", "--cycles", 4, "--data-dir", folder) == 0
    reports = Ledger(folder / "ledger.sqlite").reports()
    times = [report["at"] for _, report in sorted(reports.items())]
    assert len(times) == 4
    assert times == sorted(set(times))
    assert abs(times[-1] - datetime.now(UTC).timestamp()) < 60


def test_a_node_of_another_factory_is_refused(strategy: Path, node: Node, tmp_path: Path) -> None:
    told = one_line(patron("check", strategy, cwd=tmp_path, ETH_RPC_URL=node.url), 4)
    assert "is not a pool of the Uniswap V3 factory" in told


@pytest.mark.parametrize("mode", ["fork", "paper"])
def test_a_node_of_another_chain_is_refused(strategy: Path, node: Node, tmp_path: Path, mode: str) -> None:
    text = strategy.read_text(encoding="utf-8").replace("chain: ethereum", "chain: polygon")
    strategy.write_text(text, encoding="utf-8")
    certify(strategy)
    run = ("run", strategy, "--mode", mode, "--once", "--data-dir", tmp_path / "run")
    told = one_line(patron(*run, cwd=tmp_path, ETH_RPC_URL=node.url), 4)
    assert told.endswith("speaks for chain 1, expected 137")
    assert not (tmp_path / "run" / "ledger.sqlite").exists()


def test_a_historical_clock_cannot_drive_a_fork_of_a_node(strategy: Path, node: Node, tmp_path: Path) -> None:
    run = ("run", strategy, "--mode", "fork", "--synthetic", 7, "--data-dir", tmp_path / "run")
    told = one_line(patron(*run, cwd=tmp_path, ETH_RPC_URL=node.url), 2)
    assert "a historical clock cannot drive a fork of a live node" in told
