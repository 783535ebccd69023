"""Decisions anchored before capital moves. Judge: the contract's own count, and the anchorer's balance.

The contract of the rig stands in for the registry: called with a root it counts it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from eth_account import Account

from bot.chain.commitment import Decision, Place, decision_of
from bot.chain.rpc import Rpc
from bot.core.forecast import forecasts_of
from bot.core.plan import Plan
from bot.core.postings import NATIVE, Posting
from bot.core.score import no_scores
from bot.core.universe import Universe
from bot.errors import ChainError, StorageError
from bot.execution.anchoring import Anchorage, Anchoring
from bot.execution.sender import Patience, Sender
from bot.ports import Commitment
from bot.whole_file import write_whole
from tests.backtests.markets import panel_of, walk
from tests.execution import rig
from tests.execution.rig import CHAIN_ID, KEYS, VAULT, FaultProxy, Says, balance
from tests.ledger.builders import UNIVERSE, plan_of

pytestmark = pytest.mark.fork

SEND = "eth_sendRawTransaction"
PANEL, TARGET = panel_of(walk(4, 1)), np.array([0.4, 0.6])
ANCHORER = Account.from_key(KEYS[1]).address
ADAPTED = Universe(UNIVERSE.money, (UNIVERSE.venues[0], replace(UNIVERSE["media"], adapter="0x" + "44" * 20)))


@dataclass
class Ledger:
    """Books that know each reference once."""

    booked: dict[str, tuple[int, tuple[Posting, ...]]] = field(default_factory=dict)

    async def post(self, reference: str, cycle: int, lines: Sequence[Posting]) -> None:
        assert self.booked.setdefault(reference, (cycle, tuple(lines))) == (cycle, tuple(lines))

    @property
    def spent(self) -> int:
        lines = [line for _, postings in self.booked.values() for line in postings]
        assert sum(line.amount for line in lines) == 0
        assert {(line.account, line.token) for line in lines} <= {("anchorer", NATIVE), ("gas", NATIVE)}
        return sum(line.amount for line in lines if line.account == "gas")


@dataclass
class Harness:
    """One run's folder and books, and anchorings as several starts of its daemon would make them."""

    rpc: Rpc
    folder: Path
    ledger: Ledger = field(default_factory=Ledger)
    reached: list[int] = field(default_factory=list)
    blocks: int = 1

    def start(self, patience: Patience | None = None) -> Anchoring:
        def decide(
            plan: Plan, panel: Any, scores: Any, target: Any, expiry: int
        ) -> tuple[Decision, Mapping[str, bytes]]:
            made_from = {"of all": b"shared", f"of {plan.nonce}": b"its own"}
            basis = {"inputs": "", "pieces": list(made_from), "recipe": ""}
            forecasts = forecasts_of(ADAPTED, panel, scores, target, plan, "", "")
            place = Place(CHAIN_ID, VAULT, VAULT, ANCHORER)
            return decision_of(place, ADAPTED, plan, forecasts, expiry, basis), made_from

        async def blocks() -> int:
            return self.blocks

        async def reach(block: int) -> None:
            self.reached.append(block)

        quick = patience or Patience(request=1.0, receipt=15.0, poll=0.02, slowest=0.1)
        sender = Sender(self.rpc, CHAIN_ID, VAULT, Account.from_key(KEYS[1]), patience=quick)
        chain = Anchorage(lambda decision: decision.root, blocks, reach)
        return Anchoring(sender, decide, chain, self.folder, self.ledger.post)


BRIEF = Patience(request=1.0, receipt=0.5, poll=0.02, slowest=0.1)


@pytest.fixture
async def harness(proxy: FaultProxy, tmp_path: Path) -> Any:
    async with Rpc(proxy.url) as rpc:
        yield Harness(rpc, tmp_path)


async def commit(anchoring: Anchoring, number: int = 1) -> Commitment:
    return await anchoring.commit(plan_of(number), number, PANEL, no_scores(1, 2), TARGET)


def decisions(folder: Path) -> dict[str, dict[str, Any]]:
    """What was kept in the clear, by root."""
    files = [file for file in (folder / "decisions").glob("*.json") if file.name != "anchor.json"]
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}


async def test_a_decision_is_anchored_once_paid_by_its_own_account_and_booked(harness: Harness, node: Rpc) -> None:
    before = await balance(node, ANCHORER)
    commitment = await commit(harness.start())
    assert await rig.called(node, commitment.root.hex()) == 1
    assert harness.ledger.spent == commitment.gas_cost == before - await balance(node, ANCHORER) > 0
    assert [cycle for cycle, _ in harness.ledger.booked.values()] == [1]
    assert commitment.block == int(await node.request("eth_blockNumber", []), 16)
    ((root, kept),) = decisions(harness.folder).items()
    assert (root, kept["root"]) == (commitment.root.hex(), "0x" + commitment.root.hex())
    plan = plan_of(1)
    (permit,) = commitment.permits.values()
    assert permit.max_assets == plan.legs[0].amount == kept["leaves"][0]["max_assets"]
    assert permit.expiry == plan.deadline + 24 == kept["expiry"]
    assert kept["plan"]["nonce"] == plan.nonce == kept["nonce"]


@pytest.mark.parametrize("blocks", [1, 3, 50])
async def test_as_many_blocks_are_waited_for_as_the_vault_asks(harness: Harness, blocks: int) -> None:
    harness.blocks = blocks
    commitment = await commit(harness.start())
    assert harness.reached == [commitment.block + blocks]
    assert commitment.permits["media"].expiry == plan_of(1).deadline + 24 * blocks


async def test_when_the_bytes_reach_the_node_the_decision_is_already_on_disk(
    harness: Harness, proxy: FaultProxy
) -> None:
    seen: list[tuple[str, str]] = []
    made_from: list[bytes] = []

    def look(method: str, side: str) -> None:
        if method == SEND and side == "before":
            signed = json.loads((harness.folder / "decisions" / "anchor.json").read_text(encoding="utf-8"))
            kept = decisions(harness.folder)
            seen.extend((root, signed["raw"]) for root in kept if root == signed["id"])
            basis = harness.folder / "decisions" / "basis"
            made_from.extend((basis / name).read_bytes() for root in kept for name in kept[root]["basis"]["pieces"])

    proxy.at = look
    commitment = await commit(harness.start())
    assert [("0x" + raw) for _, raw in seen] == proxy.sent
    assert [root for root, _ in seen] == [commitment.root.hex()]
    assert made_from == [b"shared", b"its own"]


async def test_what_decisions_share_is_written_once(harness: Harness) -> None:
    anchoring, basis = harness.start(), harness.folder / "decisions" / "basis"
    await commit(anchoring, 1)
    first = (basis / "of all").stat().st_ino
    await commit(anchoring, 2)
    assert (basis / "of all").stat().st_ino == first
    assert sorted(path.name for path in basis.iterdir()) == ["of 1", "of 2", "of all"]


@pytest.mark.parametrize("full", ["of all", "of 1", "decision", "anchor.json"])
async def test_what_cannot_be_written_down_is_not_sent(
    harness: Harness, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch, full: str
) -> None:
    """Neither the decision, nor what it was made from, nor the anchor."""

    def write(path: Path, content: str | bytes) -> None:
        if path.name == full or (full == "decision" and len(path.stem) == 64):
            raise StorageError(f"{path}: no space left on device")
        write_whole(path, content)

    monkeypatch.setattr("bot.execution.anchoring.write_whole", write)
    with pytest.raises(StorageError, match="no space left"):
        await commit(harness.start())
    assert proxy.sent == []


@pytest.mark.parametrize(
    "fault",
    [rig.LOST, rig.UNHEARD, rig.UNAVAILABLE, rig.HALF, rig.DELAYED, rig.GARBAGE, Says("already known")],
    ids=str,
)
async def test_whatever_the_node_says_to_a_send_the_root_is_anchored_once(
    harness: Harness, proxy: FaultProxy, node: Rpc, fault: rig.Fault
) -> None:
    before = await balance(node, ANCHORER)
    proxy.faults[SEND] = [fault]
    commitment = await commit(harness.start())
    assert await rig.called(node, commitment.root.hex()) == 1
    assert harness.ledger.spent == before - await balance(node, ANCHORER)


async def test_an_anchor_without_an_answer_commits_to_nothing_and_is_settled_before_the_next(
    harness: Harness, node: Rpc
) -> None:
    before = await balance(node, ANCHORER)
    await node.request("evm_setAutomine", [False])
    anchoring = harness.start(BRIEF)
    with pytest.raises(ChainError, match=r"^no receipt for the anchor 0x"):
        await commit(anchoring)
    assert await anchoring.settle() != ""
    with pytest.raises(ChainError, match=r"^an earlier anchor is not settled: no receipt for the anchor 0x"):
        await commit(anchoring, 2)
    assert harness.ledger.booked == {}
    await node.request("evm_setAutomine", [True])
    await node.request("evm_mine", [])
    commitment = await commit(anchoring, 2)
    assert [await rig.called(node, root) for root in decisions(harness.folder)] == [1, 1]
    assert commitment.root.hex() in decisions(harness.folder)
    assert [cycle for cycle, _ in harness.ledger.booked.values()] == [1, 2]
    assert harness.ledger.spent == before - await balance(node, ANCHORER)


async def test_an_anchorer_without_money_commits_to_nothing_until_it_has_some(harness: Harness, node: Rpc) -> None:
    await node.request("anvil_setBalance", [ANCHORER, "0x1"])
    anchoring = harness.start()
    with pytest.raises(ChainError):
        await commit(anchoring)
    assert harness.ledger.booked == {}
    await node.request("anvil_setBalance", [ANCHORER, hex(10**20)])
    before = await balance(node, ANCHORER)
    commitment = await commit(anchoring, 2)
    assert await rig.called(node, commitment.root.hex()) == 1
    assert harness.ledger.spent == before - await balance(node, ANCHORER)


async def test_an_anchor_that_reverts_is_paid_for_booked_and_commits_to_nothing(harness: Harness, node: Rpc) -> None:
    before = await balance(node, ANCHORER)
    anchoring = harness.start()
    await node.request("evm_setAutomine", [False])
    task = asyncio.create_task(commit(anchoring))

    async def waiting() -> bool:
        return bool(int((await node.request("txpool_status", []))["pending"], 16))

    await rig.until(waiting)
    await rig.close_vault(node)
    await node.request("evm_mine", [])
    with pytest.raises(ChainError, match=r"^the anchor 0x[0-9a-f]{64} failed: "):
        await task
    assert harness.ledger.spent == before - await balance(node, ANCHORER) > 0
    assert await anchoring.settle() == ""


async def test_stopped_at_any_rpc_boundary_nothing_is_anchored_twice_and_all_gas_is_booked(
    harness: Harness, proxy: FaultProxy, node: Rpc
) -> None:
    before = await balance(node, ANCHORER)
    await commit(harness.start())
    calls = len(proxy.calls)
    stopped: Counter[str] = Counter()
    for number, (call, side) in enumerate(((n, s) for n in range(1, calls + 1) for s in ("before", "after")), start=2):
        task = asyncio.create_task(commit(harness.start(), number))
        seen = {"before": 0, "after": 0}

        def at(_method: str, now: str, task: Any = task, seen: Any = seen, stop: Any = (call, side)) -> None:
            seen[now] += 1
            if (seen[now], now) == stop:
                task.cancel()

        proxy.at = at
        with contextlib.suppress(asyncio.CancelledError):  # a quick answer may end it before its last boundary
            await task
        stopped["on its way"] += task.cancelled()
        proxy.at = lambda method, side: None
        assert await harness.start().settle() == ""
        assert harness.ledger.spent == before - await balance(node, ANCHORER), f"stopped {side} call {call}"
        # What was written down is anchored once, however it was stopped.
        assert {await rig.called(node, root) for root in decisions(harness.folder)} == {1}
    assert stopped["on its way"] >= calls
    assert 1 < len(decisions(harness.folder)) < 2 * calls


@pytest.mark.parametrize("text", ["", "{}", '{"id": 1}', "[1]", '{"raw": "xx"}'])
async def test_a_spoilt_note_of_the_newest_anchor_is_one_line(harness: Harness, text: str) -> None:
    path = harness.folder / "decisions" / "anchor.json"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StorageError, match=f"^{path}: not the anchor that was written there$"):
        harness.start()
