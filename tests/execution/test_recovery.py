"""Start is recovery: stopped at any boundary, the next start settles what was signed before anything new."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.chain.rpc import Rpc
from bot.core.plan import Plan
from bot.core.postings import NATIVE, Receipt
from bot.errors import ChainError
from bot.execution.outbox import Outbox
from bot.execution.recovery import settle_open_intents
from bot.ledger.journal import SqliteJournal, open_ledger
from bot.ports import Intent
from tests.execution import rig
from tests.execution.conftest import MakeOutbox
from tests.execution.rig import FaultProxy, executions
from tests.ledger.builders import MEDIA, MONEY, UNIVERSE, intent_of, plan_of, receipt_of

SETTINGS = SimpleNamespace(universe=UNIVERSE)


def ports_of(journal: SqliteJournal, executor: object) -> Any:
    return SimpleNamespace(journal=journal, executor=executor)


class Oracle:
    """An executor that knows the outcomes, and remembers in which order it was asked."""

    def __init__(self, outcomes: dict[str, Receipt | None]) -> None:
        self.outcomes = outcomes
        self.asked: list[str] = []

    async def outcome(self, intent: Intent) -> Receipt | None:
        self.asked.append(intent.id)
        return self.outcomes[intent.id]


@pytest.fixture
def three() -> list[tuple[Intent, Plan]]:
    return [(intent_of(plan, cycle=plan.block), plan) for plan in map(plan_of, (1, 2, 3))]


async def test_open_intents_are_settled_and_booked_oldest_first(
    tmp_path: Path, three: list[tuple[Intent, Plan]]
) -> None:
    receipts = {i.id: receipt_of(i, plan, ok=plan.block != 2) for i, plan in three}
    async with open_ledger(tmp_path) as journal:
        for intent, plan in three:
            await journal.intent(intent, plan)
        oracle = Oracle(dict(receipts))
        settled = await settle_open_intents(ports_of(journal, oracle), SETTINGS)
        assert oracle.asked == [intent.id for intent, _ in three]
        assert [(one.intent, one.receipt) for one in settled] == [(i, receipts[i.id]) for i, _ in three]
        assert await journal.open_intents() == []
        balances = await journal.balances()
        assert balances["venue:media", MEDIA.address] == 2 * three[0][1].legs[0].expected
        assert balances["keeper", NATIVE] == -sum(receipt.gas_cost for receipt in receipts.values())
        assert await settle_open_intents(ports_of(journal, oracle), SETTINGS) == []


async def test_an_outcome_that_stays_unknown_stops_the_start_and_keeps_the_rest(
    tmp_path: Path, three: list[tuple[Intent, Plan]]
) -> None:
    (first, plan), (second, _), (third, _) = three
    async with open_ledger(tmp_path) as journal:
        for intent, decided in three:
            await journal.intent(intent, decided)
        oracle = Oracle({first.id: receipt_of(first, plan), second.id: None})
        with pytest.raises(ChainError, match=f"{second.tx_hash}.* is still unknown: nothing new is signed") as caught:
            await settle_open_intents(ports_of(journal, oracle), SETTINGS)
        assert caught.value.exit_code == 4
        assert [intent for intent, _ in await journal.open_intents()] == [second, third]


async def deploy(journal: SqliteJournal, outbox: Outbox, plan: Plan) -> None:
    """The last steps of a cycle, in its order."""
    intent = await outbox.sign(plan, cycle=plan.block, now=plan.time)
    await journal.intent(intent, plan)
    receipt = await outbox.send(intent)
    assert receipt is not None


def _boundaries(calls: int) -> Iterator[tuple[int, str]]:
    for call in range(1, calls + 1):
        yield call, "before"
        yield call, "after"


@pytest.mark.fork
async def test_stopped_at_any_rpc_boundary_an_intent_is_executed_once_if_it_was_written_and_never_if_not(
    tmp_path: Path, make_outbox: MakeOutbox, proxy: FaultProxy, node: Rpc
) -> None:
    async with open_ledger(tmp_path) as journal:
        await deploy(journal, make_outbox(), plan_of(1))
        calls = len(proxy.calls)
        assert "eth_sendRawTransaction" in proxy.calls
        moved = 1
        for number, (call, side) in enumerate(_boundaries(calls), start=2):
            plan = plan_of(number)
            task = asyncio.create_task(deploy(journal, make_outbox(), plan))
            _stop_at(proxy, task, call, side)
            with pytest.raises(asyncio.CancelledError):
                await task
            proxy.at = lambda method, side: None
            written = {known.id for known, _ in await journal.open_intents()}
            settled = await settle_open_intents(ports_of(journal, make_outbox()), SETTINGS)
            assert {one.intent.id for one in settled} == written
            assert all(one.receipt.ok for one in settled)
            assert await executions(node, plan) == (plan.id in written), f"stopped {side} call {call}"
            moved += plan.id in written
        balances = await journal.balances()
        assert balances["idle", MONEY.address] == -moved * plan_of(0).legs[0].amount
        assert 1 < moved < 2 * calls  # some stops came before the signature was written, some after
    assert len(set(proxy.sent)) == moved


def _stop_at(proxy: FaultProxy, task: asyncio.Task[None], call: int, side: str) -> None:
    seen = {"before": 0, "after": 0}

    def at(_method: str, now: str) -> None:
        seen[now] += 1
        if now == side and seen[now] == call:
            task.cancel()

    proxy.at = at


@pytest.mark.fork
async def test_a_start_after_a_reorg_sends_what_the_chain_forgot(
    tmp_path: Path, make_outbox: MakeOutbox, proxy: FaultProxy, node: Rpc
) -> None:
    plan = plan_of(1)
    await node.request("anvil_mine", ["0x5"])
    async with open_ledger(tmp_path) as journal:
        intent = await make_outbox().sign(plan, 1, plan.time)
        await journal.intent(intent, plan)
        await rig.mine(node, intent)
        assert await executions(node, plan) == 1
        await node.request("anvil_reorg", [1, []])
        assert await executions(node, plan) == 0
        (settled,) = await settle_open_intents(ports_of(journal, make_outbox()), SETTINGS)
    assert settled.receipt.ok
    assert await executions(node, plan) == 1
    assert proxy.sent == ["0x" + intent.raw.hex()]


@pytest.mark.fork
async def test_a_nonce_spent_elsewhere_is_booked_as_nothing(tmp_path: Path, make_outbox: MakeOutbox, node: Rpc) -> None:
    plan = plan_of(1)
    async with open_ledger(tmp_path) as journal:
        intent = await make_outbox().sign(plan, 1, plan.time)
        await journal.intent(intent, plan)
        other = await make_outbox().sign(plan_of(2), 1, plan.time)
        await rig.mine(node, other)
        (settled,) = await settle_open_intents(ports_of(journal, make_outbox()), SETTINGS)
        assert (settled.receipt.reason, settled.postings) == ("nonce spent elsewhere", ())
        assert await journal.balances() == {}
        (row,) = await journal.intents()
        assert row.state == "reverted"
    assert await rig.executions(node, plan) == 0
