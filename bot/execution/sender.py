"""One key's transactions: signed once, sent as those bytes, and only the chain says what became of them.

A lost reply, a timeout or a strange answer after a send decides nothing: the transaction is looked for under the hash
that was computed here, and if the chain has no trace of it the same bytes go out again. There is no second signature
for an intent, so it moves capital at most once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_account.types import TransactionDictType
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from bot.core.postings import Fill, Receipt
from bot.errors import ChainError, InvariantBroken, SendError
from bot.execution.fees import FeeLimits, fee_of
from bot.execution.rpc import IncurableError, RpcLike, field, quantity
from bot.execution.watcher import Watcher
from bot.ports import Intent

# A node that says one of these did not take the bytes, and waiting does not cure it. Whatever else it says, "already
# known" and "nonce too low" included, leaves the outcome to the chain.
REFUSALS = (
    "insufficient funds",
    "underpriced",
    "intrinsic gas too low",
    "exceeds block gas limit",
    "exceeds transaction gas limit",
    "tx fee exceeds",
    "invalid chain id",
    "invalid sender",
)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds. Looks start `poll` apart and slow down to `slowest`."""

    request: float = 10.0  # one answer of the node
    receipt: float = 120.0  # a receipt at depth
    poll: float = 0.1
    slowest: float = 2.0


def no_fills(logs: list[Any]) -> tuple[Fill, ...]:
    """Of a contract whose events move nothing of ours."""
    return ()


class Sender:
    """Calls of one contract on one chain by one key. One instance per key, under the data directory's lock.

    A signed intent takes the next nonce whether or not it is sent. When it could not be written down, end the process
    or call `forget_nonce`, or the next one waits for ever behind the gap.
    """

    def __init__(
        self,
        rpc: RpcLike,
        chain_id: int,
        contract: str,
        signer: LocalAccount,
        fills: Callable[[list[Any]], tuple[Fill, ...]] = no_fills,
        confirmations: int = 1,
        fees: FeeLimits | None = None,
        patience: Patience | None = None,
    ) -> None:
        """`fills`: what the contract's own logs say was done, in the node's form."""
        if confirmations < 1:
            raise ValueError(f"confirmations count the block itself, so at least 1 (got {confirmations})")
        self._chain_id = chain_id
        self._contract = to_checksum_address(contract)
        self._signer = signer
        self._fees = fees or FeeLimits()
        self._patience = patience or Patience()
        self._chain = Watcher(
            rpc, chain_id, self._contract, self.sender, fills, confirmations, timeout=self._patience.request
        )
        self._next_nonce = 0  # as far as this process knows; the chain may know better
        self._signing = asyncio.Lock()

    @property
    def sender(self) -> str:
        """Checksummed address of the key."""
        return str(self._signer.address)

    async def sign_call(self, name: str, data: bytes, chain_id: int, cycle: int, now: int) -> Intent:
        """A call as a signed type-2 transaction (EIP-1559), named for what it carries out. Nothing is sent.

        The nonce is the account's as of the latest block, or the next after what was signed here: never the node's
        idea of what is pending, which a crash makes worthless. Raises ChainError on another chain, Reverted when the
        call would fail, SendError when it would cost more than the limits.
        """
        async with self._signing:
            await self._chain.same_chain(chain_id)
            base_fee = quantity(field(await self._chain.block("latest"), "baseFeePerGas", "block"), "the base fee")
            call = {"from": self.sender, "to": self._contract, "data": "0x" + data.hex()}
            estimate = quantity(await self._chain.ask("eth_estimateGas", call), "a gas estimate")
            fee = fee_of(base_fee, estimate, self._fees)
            nonce = max(self._next_nonce, await self._chain.account_nonce("latest"))
            transaction: TransactionDictType = {
                "type": 2,
                "chainId": self._chain_id,
                "nonce": nonce,
                "to": self._contract,
                "value": 0,
                "data": data,
                "gas": fee.gas,
                "maxFeePerGas": fee.max_fee,
                "maxPriorityFeePerGas": fee.tip,
            }
            raw = bytes(self._signer.sign_transaction(transaction).raw_transaction)
            self._next_nonce = nonce + 1
        return Intent(
            id=name,
            cycle=cycle,
            chain_id=self._chain_id,
            sender=self.sender,
            nonce=nonce,
            tx_hash="0x" + keccak(raw).hex(),
            raw=raw,
            created_at=now,
        )

    def forget_nonce(self) -> None:
        """The next nonce is read from the chain alone. Only while no intent is open."""
        self._next_nonce = 0

    async def send(self, intent: Intent) -> Receipt | None:
        """Sends the bytes and waits for their receipt at depth; None when the time is over and the chain is silent.

        Raises SendError when the node refuses the bytes for a reason that waiting does not cure. The intent stays open
        all the same: only the chain closes it.
        """
        return await self._settle(intent, offer_first=True)

    async def outcome(self, intent: Intent) -> Receipt | None:
        """As `send`, but looks before it sends: what the chain has a trace of is only waited for."""
        return await self._settle(intent, offer_first=False)

    async def _settle(self, intent: Intent, offer_first: bool) -> Receipt | None:
        if "0x" + keccak(intent.raw).hex() != intent.tx_hash or intent.sender != self.sender:
            raise InvariantBroken(f"intent {intent.id[:12]}: its bytes are not {intent.tx_hash} of {self.sender}")
        self._next_nonce = max(self._next_nonce, intent.nonce + 1)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience.receipt
        pause = self._patience.poll
        while True:
            try:
                await self._chain.same_chain(intent.chain_id)
                if offer_first:
                    offer_first = False
                    await self._offer(intent)
                receipt = await self._chain.receipt(intent)
                if receipt is not None:
                    return receipt
                spent = await self._chain.spent_elsewhere(intent)
                if spent is not None:
                    return spent
                if not await self._chain.knows(intent):
                    await self._offer(intent)
            except (SendError, IncurableError):
                raise
            except ChainError:
                pass  # no answer, or a contradiction: look again
            if loop.time() + pause >= deadline:
                return None
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, self._patience.slowest)

    async def _offer(self, intent: Intent) -> None:
        """Hands the bytes to the node, once. Raises SendError only for a refusal that is certain."""
        try:
            await self._chain.ask("eth_sendRawTransaction", "0x" + intent.raw.hex())
        except ChainError as error:
            said = str(error).lower()
            if not any(refusal in said for refusal in REFUSALS) or await self._chain.knows(intent):
                return
            raise SendError(f"the node refuses {intent.tx_hash} (nonce {intent.nonce}): {error}") from None
