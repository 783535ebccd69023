"""One deployment as a process of its own: ``DIR URL [careless]``. Careless = without waiting for the disk."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from eth_account import Account
from sqlalchemy import text

from bot.chain.rpc import Rpc
from bot.execution.outbox import Outbox
from bot.ledger.journal import open_ledger
from tests.execution.rig import CHAIN_ID, KEYS, VAULT, calldata, fills
from tests.ledger.builders import plan_of


async def deploy(folder: Path, url: str, careless: bool) -> None:
    plan = plan_of(1)
    async with open_ledger(folder) as journal, await Rpc.connect(url, CHAIN_ID) as rpc:
        if careless:
            async with journal._engine.connect() as connection:
                plain = await connection.execution_options(outside_transactions=True)
                await plain.execute(text("PRAGMA synchronous=OFF"))
        outbox = Outbox(rpc, CHAIN_ID, VAULT, Account.from_key(KEYS[0]), calldata, fills)
        intent = await outbox.sign(plan, cycle=1, now=plan.time)
        await journal.intent(intent, plan)
        receipt = await outbox.send(intent)
        assert receipt is not None
        assert receipt.ok


if __name__ == "__main__":
    asyncio.run(deploy(Path(sys.argv[1]), sys.argv[2], sys.argv[3:] == ["careless"]))
