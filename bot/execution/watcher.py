"""What the chain says about an intent: its receipt at depth, or that its nonce was spent on something else.

Only these two end an intent. Everything here is read under the hash that was computed from our own bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes

from bot.core.postings import Fill, Receipt
from bot.errors import ChainError, Reverted
from bot.execution.rpc import IncurableError, RpcLike, digest, field, quantity
from bot.ports import Intent

SPENT_ELSEWHERE = "nonce spent elsewhere"


@dataclass(frozen=True, slots=True)
class Watcher:
    """Reads of one chain about one sender and one vault. `fills` gets the vault's own logs, in the node's form."""

    rpc: RpcLike
    chain_id: int
    vault: str
    sender: str
    fills: Callable[[list[Any]], tuple[Fill, ...]]
    confirmations: int
    timeout: float

    async def receipt(self, intent: Intent) -> Receipt | None:
        """The intent's receipt once its block has its confirmations, itself included; None before.

        Raises ChainError when the node contradicts itself: then nothing is known; IncurableError when the events mean
        nothing to us.
        """
        found = await self._raw_receipt(intent)
        if found is None:
            return None
        number = quantity(field(found, "blockNumber", "receipt"), "a receipt's block")
        if await self.head() - number + 1 < self.confirmations:
            return None
        block = await self.block(hex(number))
        block_hash = digest(field(found, "blockHash", "receipt"), "a receipt's block")
        if digest(field(block, "hash", "block"), "a block") != block_hash:
            raise ChainError(f"block {number} was replaced while {intent.tx_hash} was read")
        ok = quantity(field(found, "status", "receipt"), "a status") == 1
        logs = [log for log in field(found, "logs", "receipt") if self._of_vault(log)]
        gas_used = quantity(field(found, "gasUsed", "receipt"), "gas used")
        return Receipt(
            tx_hash=intent.tx_hash,
            block=number,
            block_hash=block_hash,
            time=quantity(field(block, "timestamp", "block"), "a block's time"),
            ok=ok,
            fills=self._read(logs, intent) if ok else (),
            gas_used=gas_used,
            gas_cost=gas_used * quantity(field(found, "effectiveGasPrice", "receipt"), "a gas price"),
            reason="" if ok else await self._reason(intent, number),
        )

    async def spent_elsewhere(self, intent: Intent) -> Receipt | None:
        """The end of an intent whose nonce another transaction has used at depth; None if that is not so.

        A missing receipt proves nothing, so the other transaction is looked up. Raises ChainError while it cannot be
        shown: then nothing is known.
        """
        depth = await self.head() - self.confirmations + 1
        if depth < 0 or await self.account_nonce(hex(depth)) <= intent.nonce:
            return None
        number = await self._passed(intent.nonce, depth)
        block = await self.ask("eth_getBlockByNumber", hex(number), True)
        for sent in field(block, "transactions", "block"):
            by = digest(field(sent, "from", "transaction"), "a sender")
            if by != self.sender.lower() or quantity(field(sent, "nonce", "transaction"), "a nonce") != intent.nonce:
                continue
            if digest(field(sent, "hash", "transaction"), "a transaction") == intent.tx_hash:
                raise ChainError(f"block {number} has {intent.tx_hash}, but the node shows no receipt of it yet")
            return Receipt(
                tx_hash=intent.tx_hash,
                block=number,
                block_hash=digest(field(block, "hash", "block"), "a block"),
                time=quantity(field(block, "timestamp", "block"), "a block's time"),
                ok=False,
                fills=(),
                gas_used=0,
                gas_cost=0,
                reason=SPENT_ELSEWHERE,
            )
        raise ChainError(f"block {number} used nonce {intent.nonce} of {self.sender}, but shows no such transaction")

    async def _passed(self, nonce: int, depth: int) -> int:
        """The block in which the account got past `nonce`, at most `depth`: steps back that double, then halves."""
        low, high, step = depth - 1, depth, 1
        while low >= 0 and await self.account_nonce(hex(low)) > nonce:
            low, high, step = low - step, low, 2 * step
        low = max(low, -1)
        while high - low > 1:
            middle = (low + high) // 2
            if await self.account_nonce(hex(middle)) > nonce:
                high = middle
            else:
                low = middle
        return high

    async def knows(self, intent: Intent) -> bool:
        """Whether the node has the transaction, mined or waiting."""
        return await self.ask("eth_getTransactionByHash", intent.tx_hash) is not None

    async def same_chain(self, wanted: int) -> None:
        """Raises IncurableError unless node, outbox and decision are about one chain."""
        found = quantity(await self.ask("eth_chainId"), "the chain id")
        if not wanted == self.chain_id == found:
            raise IncurableError(f"the node is on chain {found}, expected {self.chain_id} (decided for {wanted})")

    async def account_nonce(self, block: str) -> int:
        """How many transactions the sender has had mined as of `block`."""
        return quantity(await self.ask("eth_getTransactionCount", self.sender, block), "the account's nonce")

    async def head(self) -> int:
        """The newest block's number."""
        return quantity(await self.ask("eth_blockNumber"), "the head")

    async def block(self, number: str) -> Any:
        """A block's header and hashes. Raises ChainError when the node has none."""
        block = await self.ask("eth_getBlockByNumber", number, False)
        if block is None:
            raise ChainError(f"the node has no block {number}")
        return block

    async def ask(self, method: str, *params: Any) -> Any:
        return await self.rpc.request(method, list(params), timeout=self.timeout)

    async def _raw_receipt(self, intent: Intent) -> Any:
        found = await self.ask("eth_getTransactionReceipt", intent.tx_hash)
        if found is not None and digest(field(found, "transactionHash", "receipt"), "receipt") != intent.tx_hash:
            raise ChainError(f"the node answered with another transaction's receipt for {intent.tx_hash}")
        return found

    def _read(self, logs: list[Any], intent: Intent) -> tuple[Fill, ...]:
        try:
            return self.fills(logs)
        except ChainError as error:
            raise IncurableError(f"{intent.tx_hash} was mined, but its events cannot be read: {error}") from None

    async def _reason(self, intent: Intent, block: int) -> str:
        """Why it reverted, by running it again on the state before its block. For people, never for books."""
        sent = TypedTransaction.from_bytes(HexBytes(intent.raw)).as_dict()
        call = {
            "from": self.sender,
            "to": self.vault,
            "data": HexBytes(sent["data"]).to_0x_hex(),
            "gas": hex(sent["gas"]),
        }
        try:
            await self.ask("eth_call", call, hex(max(0, block - 1)))
        except Reverted as error:
            return str(error)
        except ChainError:
            return "reverted"
        return "reverted: the state had moved when it was mined"

    def _of_vault(self, log: Any) -> bool:
        return digest(field(log, "address", "log"), "a log's address") == self.vault.lower()
