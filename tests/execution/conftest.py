"""A chain for each test, a proxy that breaks the replies of its node, and outboxes that speak through it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from eth_account import Account

from bot.chain.rpc import Rpc
from bot.execution.outbox import Outbox
from bot.execution.sender import Patience
from tests.execution.rig import CHAIN_ID, KEYS, VAULT, FaultProxy, anvil, calldata, fills

MakeOutbox = Callable[..., Outbox]
QUICK = Patience(request=1.0, receipt=15.0, poll=0.02, slowest=0.1)


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Rpc]:
    """The node itself, to arrange and to judge. It mines each transaction at once until told otherwise."""
    async with anvil(tmp_path / "anvil.log") as url, await Rpc.connect(url, CHAIN_ID) as rpc:
        yield rpc


@pytest.fixture
async def proxy(node: Rpc) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(node.url) as proxy:
        yield proxy


@pytest.fixture
async def make_outbox(proxy: FaultProxy) -> AsyncIterator[MakeOutbox]:
    """Outboxes of one key, as several starts of one daemon would make them, behind the proxy."""
    async with AsyncExitStack() as stack:
        rpc = await stack.enter_async_context(Rpc(proxy.url))

        def make(patience: Patience = QUICK, key: str = KEYS[0], confirmations: int = 1, **more: object) -> Outbox:
            signer = Account.from_key(key)
            return Outbox(rpc, CHAIN_ID, VAULT, signer, calldata, fills, confirmations, patience=patience, **more)

        yield make
