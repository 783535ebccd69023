"""Signing: which nonce, which fee, which bytes, and when not at all. Nothing is sent here."""

from __future__ import annotations

import asyncio

import pytest
from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.crypto import keccak
from hexbytes import HexBytes

from bot.chain.rpc import Rpc
from bot.errors import Reverted, SendError
from bot.execution.fees import GWEI, FeeLimits
from tests.execution import rig
from tests.execution.conftest import MakeOutbox
from tests.execution.rig import FaultProxy, Rewrites
from tests.ledger.builders import plan_of

pytestmark = pytest.mark.fork

SEND = "eth_sendRawTransaction"
NOW = 1_700_000_000


async def test_a_signed_intent_is_a_type_2_call_of_the_vault_with_its_own_hash(make_outbox: MakeOutbox) -> None:
    outbox, plan = make_outbox(), plan_of(1)
    intent = await outbox.sign(plan, cycle=4, now=NOW)
    sent = TypedTransaction.from_bytes(HexBytes(intent.raw)).as_dict()
    assert (sent["type"], sent["chainId"], sent["nonce"], sent["value"]) == (2, rig.CHAIN_ID, 0, 0)
    assert HexBytes(sent["to"]) == HexBytes(rig.VAULT)
    assert HexBytes(sent["data"]) == bytes.fromhex(plan.id)
    assert sent["maxFeePerGas"] >= 2 * sent["maxPriorityFeePerGas"]
    assert Account.recover_transaction(intent.raw) == intent.sender == outbox.sender
    assert intent.tx_hash == "0x" + keccak(intent.raw).hex()
    assert (intent.id, intent.cycle, intent.chain_id, intent.created_at) == (plan.id, 4, rig.CHAIN_ID, NOW)


async def test_signing_sends_nothing_and_counts_nonces_without_gaps(
    make_outbox: MakeOutbox, proxy: FaultProxy, node: Rpc
) -> None:
    outbox = make_outbox()
    intents = await asyncio.gather(*(outbox.sign(plan_of(number), 1, NOW) for number in range(1, 6)))
    assert sorted(intent.nonce for intent in intents) == [0, 1, 2, 3, 4]
    assert proxy.sent == []
    outbox.forget_nonce()
    assert (await outbox.sign(plan_of(9), 1, NOW)).nonce == 0


async def test_a_pending_transaction_of_an_earlier_life_does_not_move_the_nonce(
    make_outbox: MakeOutbox, node: Rpc
) -> None:
    await node.request("evm_setAutomine", [False])
    first = await make_outbox().sign(plan_of(1), 1, NOW)
    await node.request(SEND, ["0x" + first.raw.hex()])
    assert await node.request("eth_getTransactionCount", [first.sender, "pending"]) == "0x1"
    assert (await make_outbox().sign(plan_of(1), 1, NOW)).nonce == 0


async def test_a_call_that_would_revert_is_not_signed(make_outbox: MakeOutbox, node: Rpc) -> None:
    outbox = make_outbox()
    await rig.close_vault(node)
    with pytest.raises(Reverted, match="closed"):
        await outbox.sign(plan_of(1), 1, NOW)


async def test_a_base_fee_or_a_gas_estimate_beyond_the_limits_is_not_signed(
    make_outbox: MakeOutbox, proxy: FaultProxy, node: Rpc
) -> None:
    outbox = make_outbox(fees=FeeLimits(tip=1, max_fee=10 * GWEI, max_gas=500_000))
    for estimate in ("0x0", "0x1c9c380"):
        proxy.faults["eth_estimateGas"] = [Rewrites(lambda _, said=estimate: said)]
        with pytest.raises(SendError, match="gas estimate"):
            await outbox.sign(plan_of(1), 1, NOW)
    await node.request("anvil_setNextBlockBaseFeePerGas", [hex(100 * GWEI)])
    await node.request("evm_mine", [])
    with pytest.raises(SendError, match="the limit is 10: nothing was sent"):
        await outbox.sign(plan_of(1), 1, NOW)
    assert proxy.sent == []
