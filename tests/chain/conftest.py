"""One devnet for each file of these tests: it only moves forward, and each test starts from where it finds it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bot.chain.devnet.devnet import Devnet, devnet
from tests.chain.worlds import spec_of


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def chain(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Devnet]:
    async with devnet(spec_of(), tmp_path_factory.mktemp("devnet")) as running:
        yield running
