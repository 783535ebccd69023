"""The executor: a plan, and what was committed to before it, as the vault's one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eth_account.signers.local import LocalAccount

from bot.core.plan import Plan
from bot.core.postings import Fill
from bot.execution.fees import FeeLimits
from bot.execution.rpc import RpcLike
from bot.execution.sender import Patience, Sender
from bot.ports import Commitment, Executor, Intent


class Outbox(Sender, Executor):
    """`bot.ports.Executor` for one key, one vault, one chain; see `Sender`."""

    def __init__(
        self,
        rpc: RpcLike,
        chain_id: int,
        vault: str,
        signer: LocalAccount,
        calldata: Callable[[Plan, Commitment | None], bytes],
        fills: Callable[[list[Any]], tuple[Fill, ...]],
        confirmations: int = 1,
        fees: FeeLimits | None = None,
        patience: Patience | None = None,
    ) -> None:
        super().__init__(rpc, chain_id, vault, signer, fills, confirmations, fees, patience)
        self._calldata = calldata

    async def sign(self, plan: Plan, cycle: int, now: int, commitment: Commitment | None = None) -> Intent:
        """The plan as a signed transaction; see `Sender.sign_call`. Its bytes hold all that sending it again needs."""
        data = self._calldata(plan, commitment)
        return await self.sign_call(plan.id, data, plan.chain_id, cycle, now)
