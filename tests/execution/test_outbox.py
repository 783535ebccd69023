"""One intent moves at most once, and only the chain says what became of it. Judge: the contract's own count."""

from __future__ import annotations

import asyncio
import random
import re
from dataclasses import replace
from typing import Any

import pytest

from bot.chain.rpc import Rpc
from bot.errors import ChainError, InvariantBroken, SendError
from bot.execution.sender import Patience
from bot.execution.watcher import SPENT_ELSEWHERE
from tests.execution import rig
from tests.execution.conftest import QUICK, MakeOutbox
from tests.execution.rig import FaultProxy, Rewrites, Says, balance, executions
from tests.ledger.builders import plan_of

pytestmark = pytest.mark.fork

SEND = "eth_sendRawTransaction"
BRIEF = Patience(request=1.0, receipt=0.6, poll=0.02, slowest=0.1)
NOW = 1_700_000_000


async def test_a_deployment_is_executed_once_and_its_receipt_is_exact(make_outbox: MakeOutbox, node: Rpc) -> None:
    outbox, plan = make_outbox(), plan_of(1)
    before = await balance(node, outbox.sender)
    intent = await outbox.sign(plan, 1, NOW)
    receipt = await outbox.send(intent)
    assert receipt is not None
    assert receipt.ok
    assert await executions(node, plan) == 1
    assert receipt.gas_cost == before - await balance(node, outbox.sender) > 0
    assert receipt.fills == rig.fills([1])
    block = await node.request("eth_getBlockByNumber", [hex(receipt.block), False])
    assert (block["hash"], int(block["timestamp"], 16)) == (receipt.block_hash, receipt.time)
    assert await outbox.send(intent) == receipt  # the same bytes again: the same answer, no second execution
    assert await executions(node, plan) == 1


@pytest.mark.parametrize(
    "fault",
    [
        rig.LOST,
        rig.UNHEARD,
        rig.TOO_MANY,
        rig.UNAVAILABLE,
        rig.HALF,
        rig.DELAYED,
        rig.GARBAGE,
        Says("already known"),
        Says("nonce too low"),
        Says("txpool is full", forward=False),
        Says("max fee per gas less than block base fee", forward=False),
        Says("something nobody has thought of"),
        pytest.param(Rewrites(lambda result: None), id="answers null"),
        pytest.param(Rewrites(lambda result: "0x" + "ee" * 32), id="answers another hash"),
    ],
    ids=str,
)
async def test_whatever_the_node_says_to_a_send_the_intent_moves_once(
    make_outbox: MakeOutbox, proxy: FaultProxy, node: Rpc, fault: rig.Fault
) -> None:
    outbox, plan = make_outbox(), plan_of(1)
    intent = await outbox.sign(plan, 1, NOW)
    proxy.faults[SEND] = [fault]
    receipt = await outbox.send(intent)
    assert receipt is not None
    assert receipt.ok
    assert await executions(node, plan) == 1
    assert set(proxy.sent) == {"0x" + intent.raw.hex()}


async def test_no_receipt_in_time_is_unknown_and_later_known(make_outbox: MakeOutbox, node: Rpc) -> None:
    await node.request("evm_setAutomine", [False])
    outbox, plan = make_outbox(BRIEF), plan_of(1)
    intent = await outbox.sign(plan, 1, NOW)
    assert await outbox.send(intent) is None
    assert await outbox.outcome(intent) is None
    await node.request("evm_mine", [])
    receipt = await outbox.outcome(intent)
    assert receipt is not None
    assert receipt.ok
    assert await executions(node, plan) == 1


async def test_a_node_that_is_gone_leaves_the_outcome_unknown(make_outbox: MakeOutbox, proxy: FaultProxy) -> None:
    outbox = make_outbox(BRIEF)
    intent = await outbox.sign(plan_of(1), 1, NOW)
    proxy.choose = lambda method: rig.UNHEARD
    assert await outbox.send(intent) is None


async def test_an_intent_that_never_left_is_sent_by_the_next_start(
    make_outbox: MakeOutbox, proxy: FaultProxy, node: Rpc
) -> None:
    plan = plan_of(1)
    intent = await make_outbox().sign(plan, 1, NOW)
    receipt = await make_outbox().outcome(intent)
    assert receipt is not None
    assert receipt.ok
    assert await executions(node, plan) == 1
    assert proxy.sent == ["0x" + intent.raw.hex()]


async def test_what_the_chain_knows_is_not_sent_again(make_outbox: MakeOutbox, proxy: FaultProxy, node: Rpc) -> None:
    intent = await make_outbox().sign(plan_of(1), 1, NOW)
    await rig.mine(node, intent)
    receipt = await make_outbox().outcome(intent)
    assert receipt is not None
    assert receipt.ok
    assert proxy.sent == []


@pytest.mark.parametrize(("earlier", "later"), [(0, 0), (0, 1), (3, 2), (1, 9), (40, 37)])
async def test_a_nonce_spent_on_something_else_ends_the_intent_without_gas(
    make_outbox: MakeOutbox, node: Rpc, earlier: int, later: int
) -> None:
    ours, theirs = plan_of(1), plan_of(2)
    outbox = make_outbox()
    intent = await outbox.sign(ours, 1, NOW)
    other = await make_outbox().sign(theirs, 1, NOW)
    assert other.nonce == intent.nonce
    await node.request("anvil_mine", [hex(earlier)])
    spent_in = await rig.mine(node, other)
    await node.request("anvil_mine", [hex(later)])
    receipt = await outbox.send(intent)
    assert receipt is not None
    assert (receipt.ok, receipt.reason, receipt.gas_cost, receipt.fills) == (False, SPENT_ELSEWHERE, 0, ())
    assert receipt.block == spent_in == earlier + 1
    assert await executions(node, ours) == 0
    assert (await outbox.sign(plan_of(3), 2, NOW)).nonce == intent.nonce + 1


async def test_a_nonce_spent_elsewhere_counts_only_at_depth(make_outbox: MakeOutbox, node: Rpc) -> None:
    outbox = make_outbox(BRIEF, confirmations=3)
    intent = await outbox.sign(plan_of(1), 1, NOW)
    other = await make_outbox().sign(plan_of(2), 1, NOW)
    await rig.mine(node, other)
    assert await outbox.outcome(intent) is None
    await node.request("anvil_mine", ["0x2"])
    receipt = await outbox.outcome(intent)
    assert receipt is not None
    assert receipt.reason == SPENT_ELSEWHERE


@pytest.mark.parametrize(
    "refusal",
    ["insufficient funds for gas * price + value", "replacement transaction underpriced", "intrinsic gas too low"],
)
async def test_a_certain_refusal_is_an_error_that_names_it(
    make_outbox: MakeOutbox, proxy: FaultProxy, node: Rpc, refusal: str
) -> None:
    outbox, plan = make_outbox(), plan_of(1)
    intent = await outbox.sign(plan, 1, NOW)
    proxy.faults[SEND] = [Says(refusal, forward=False)]
    with pytest.raises(SendError, match=re.escape(refusal)) as caught:
        await outbox.send(intent)
    assert "\n" not in str(caught.value)
    assert await executions(node, plan) == 0
    receipt = await outbox.outcome(intent)  # the intent stays open, and the same bytes are good later
    assert receipt is not None
    assert receipt.ok
    assert len(set(proxy.sent)) == 1


async def test_a_refusal_of_what_the_node_already_has_is_no_refusal(
    make_outbox: MakeOutbox, proxy: FaultProxy, node: Rpc
) -> None:
    outbox, plan = make_outbox(), plan_of(1)
    intent = await outbox.sign(plan, 1, NOW)
    proxy.faults[SEND] = [Says("insufficient funds", forward=True)]
    receipt = await outbox.send(intent)
    assert receipt is not None
    assert receipt.ok


async def test_an_account_without_money_is_told_so_by_the_real_node(make_outbox: MakeOutbox, node: Rpc) -> None:
    outbox = make_outbox()
    intent = await outbox.sign(plan_of(1), 1, NOW)
    await node.request("anvil_setBalance", [outbox.sender, "0x1"])
    with pytest.raises(SendError, match=r"(?i)insufficient funds"):
        await outbox.send(intent)


async def test_a_state_that_moved_before_inclusion_is_a_revert_with_its_reason_and_its_gas(
    make_outbox: MakeOutbox, node: Rpc
) -> None:
    outbox, plan = make_outbox(), plan_of(1)
    intent = await outbox.sign(plan, 1, NOW)
    before = await balance(node, outbox.sender)
    await rig.close_vault(node)
    receipt = await outbox.send(intent)
    assert receipt is not None
    assert (receipt.ok, receipt.fills) == (False, ())
    assert "closed" in receipt.reason
    assert receipt.gas_cost == before - await balance(node, outbox.sender) > 0
    assert await executions(node, plan) == 0


async def test_a_reorg_before_the_confirmations_sends_the_same_bytes_again(
    make_outbox: MakeOutbox, proxy: FaultProxy, node: Rpc
) -> None:
    outbox, plan = make_outbox(confirmations=3), plan_of(1)
    await node.request("anvil_mine", ["0x5"])
    intent = await outbox.sign(plan, 1, NOW)
    sending = asyncio.create_task(outbox.send(intent))

    async def mined() -> bool:
        found = await node.request("eth_getTransactionReceipt", [intent.tx_hash])
        return found is not None and await executions(node, plan) == 1

    await rig.until(mined)
    first = await node.request("eth_getTransactionReceipt", [intent.tx_hash])
    await node.request("anvil_reorg", [1, []])
    await rig.until(mined)
    assert len(proxy.sent) > 1
    assert not sending.done()
    await node.request("anvil_mine", ["0x3"])
    receipt = await sending
    assert receipt is not None
    assert receipt.ok
    assert receipt.block_hash != first["blockHash"]
    assert await executions(node, plan) == 1
    assert set(proxy.sent) == {"0x" + intent.raw.hex()}


@pytest.mark.parametrize(
    ("method", "lie"),
    [
        ("eth_getTransactionReceipt", lambda found: {**found, "transactionHash": "0x" + "ee" * 32}),
        ("eth_getTransactionReceipt", lambda found: {**found, "blockHash": "0x" + "ee" * 32}),
        ("eth_getTransactionReceipt", lambda found: {k: v for k, v in found.items() if k != "status"}),
        ("eth_getTransactionReceipt", lambda found: {**found, "gasUsed": "-0x1"}),
        ("eth_getTransactionReceipt", lambda found: "0x"),
        ("eth_getTransactionReceipt", lambda found: None),
        ("eth_blockNumber", lambda found: None),
    ],
)
async def test_an_answer_that_contradicts_itself_is_no_answer(
    make_outbox: MakeOutbox, proxy: FaultProxy, node: Rpc, method: str, lie: Any
) -> None:
    outbox, plan = make_outbox(BRIEF), plan_of(1)
    intent = await outbox.sign(plan, 1, NOW)
    await rig.mine(node, intent)
    proxy.choose = lambda asked: Rewrites(lie) if asked == method else None
    assert await outbox.outcome(intent) is None
    proxy.choose = lambda asked: None
    receipt = await outbox.outcome(intent)
    assert receipt is not None
    assert receipt.ok


async def test_events_of_other_contracts_are_not_fills(make_outbox: MakeOutbox, proxy: FaultProxy) -> None:
    outbox = make_outbox()
    intent = await outbox.sign(plan_of(1), 1, NOW)

    def crowded(found: Any) -> Any:
        if found is None:
            return None
        (log,) = found["logs"]
        return {**found, "logs": [{**log, "address": "0x" + "66" * 20}, log]}

    proxy.choose = lambda asked: Rewrites(crowded) if asked == "eth_getTransactionReceipt" else None
    receipt = await outbox.send(intent)
    assert receipt is not None
    assert len(receipt.fills) == 1


async def test_events_that_mean_nothing_to_us_are_an_error_at_once(make_outbox: MakeOutbox, node: Rpc) -> None:
    outbox = make_outbox()
    intent = await outbox.sign(plan_of(1), 1, NOW)

    def strange(logs: list[Any]) -> Any:
        raise ChainError("the vault traded through something unknown")

    object.__setattr__(outbox._chain, "fills", strange)
    with pytest.raises(ChainError, match="was mined, but its events cannot be read: the vault traded through"):
        await outbox.send(intent)


async def test_on_another_chain_nothing_is_signed_sent_or_decided(
    make_outbox: MakeOutbox, proxy: FaultProxy, node: Rpc
) -> None:
    outbox = make_outbox()
    intent = await outbox.sign(plan_of(1), 1, NOW)
    await node.request("anvil_setChainId", [1])
    for attempt in (outbox.sign(plan_of(2), 1, NOW), outbox.send(intent), outbox.outcome(intent)):
        with pytest.raises(ChainError, match="the node is on chain 1, expected 31337"):
            await attempt
    assert proxy.sent == []


async def test_bytes_that_are_not_the_intents_are_never_sent(make_outbox: MakeOutbox, proxy: FaultProxy) -> None:
    outbox = make_outbox()
    intent = await outbox.sign(plan_of(1), 1, NOW)
    for wrong in (replace(intent, raw=intent.raw + b"\x00"), replace(intent, sender="0x" + "01" * 20)):
        with pytest.raises(InvariantBroken, match="its bytes are not"):
            await outbox.send(wrong)
    assert proxy.sent == []


async def test_under_random_faults_every_intent_moves_exactly_once(
    make_outbox: MakeOutbox, proxy: FaultProxy, node: Rpc
) -> None:
    dice = random.Random(11)
    kinds: list[rig.Fault] = [
        *(rig.LOST, rig.UNHEARD, rig.TOO_MANY, rig.UNAVAILABLE, rig.HALF, rig.GARBAGE),
        Says("already known"),
        Says("nonce too low"),
        Rewrites(lambda result: None),
    ]
    plans = [plan_of(number) for number in range(1, 26)]
    for plan in plans:
        proxy.choose = lambda method: None
        intent = await make_outbox(QUICK).sign(plan, 1, NOW)  # each by a new start
        proxy.choose = lambda method: dice.choice(kinds) if dice.random() < 0.25 else None
        receipt = await make_outbox(QUICK).send(intent)
        assert receipt is not None, plan.block
        assert receipt.ok, receipt
    assert [await executions(node, plan) for plan in plans] == [1] * len(plans)
    assert proxy.broken > len(plans)
    assert len(set(proxy.sent)) == len(plans)
