"""Entries on the fork are committed to first; where they cannot be, nothing enters, it is said, and nothing is lost."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.certificates import UNCERTIFIED, Standing
from bot.chain.devnet.devnet import Devnet, attach
from bot.chain.multicall import Call, read
from bot.chain.vault_state import LIMITS
from bot.core.postings import NATIVE
from bot.core.report import DEPLOYED, FAILED, CycleReport
from bot.daemon import Session
from bot.loading import Loaded, Options, load
from bot.replay import replay
from bot.wiring import session
from tests.chain.governance import by_timelock
from tests.faults.test_sigkill import STRATEGY

pytestmark = pytest.mark.fork


@dataclass
class Running:
    """A daemon's session on a devnet of its own, its cycles by hand, and a second look at its chain."""

    session: Session
    chain: Devnet
    folder: Path
    cycles: AsyncIterator[CycleReport]

    async def cycle(self) -> CycleReport:
        """The next cycle's report, once books and chain are found equal."""
        report = await anext(self.cycles)
        await self.session.reconcile()
        return report

    def kept(self) -> set[str]:
        return {file.stem for file in (self.folder / "decisions").glob("*.json") if file.stem != "anchor"}

    async def anchored(self, root: str) -> int:
        deployed = self.chain.description
        call = Call(deployed.decisions, "anchoredAt(address,bytes32)", (deployed.anchorer, bytes.fromhex(root)))
        return int((await read(self.chain.rpc, call))[0])


@asynccontextmanager
async def running(loaded: Loaded, folder: Path) -> AsyncIterator[Running]:
    async with session(loaded, folder, lambda line: None, Standing(None, UNCERTIFIED)) as built:
        assert loaded.schedule is not None
        universe = built.settings.universe
        cycles = replay(built.ports, built.settings, built.environment, loaded.schedule, built.mirror, universe)
        async with attach(folder, recover=False) as chain:
            yield Running(built, chain, folder, cycles)
        await cycles.aclose()  # type: ignore[attr-defined]


@pytest.fixture
async def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    monkeypatch.delenv("ETH_RPC_URL", raising=False)
    file = tmp_path / "strategy.yaml"
    file.write_text(STRATEGY, encoding="utf-8")
    loaded = load(Options(file, mode="fork", synthetic=7, uncertified=True))
    async with running(loaded, tmp_path / "run") as made:
        yield made


def entered(report: CycleReport) -> bool:
    return any(leg["entry"] for leg in report.legs)


async def test_what_enters_was_anchored_before_and_is_told_with_its_cost(run: Running) -> None:
    before = (await run.session.books.balances())["anchorer", NATIVE]
    reports = [await run.cycle() for _ in range(6)]
    moved = [report for report in reports if report.outcome == DEPLOYED and entered(report)]
    assert len(moved) >= 3
    for report in moved:
        kept = json.loads((run.folder / "decisions" / f"{report.decision}.json").read_text(encoding="utf-8"))
        assert kept["root"] == "0x" + report.decision
        forecasts = {leaf["forecast"]["venue"]: leaf["forecast"] for leaf in kept["leaves"]}
        assert list(forecasts) == [venue.id for venue in run.chain.universe.risky]
        assert [forecasts[name]["target"] for name in forecasts] == list(report.target[1:])
        assert await run.anchored(report.decision) > report.block
        assert 0 < report.anchor_cost < report.gas_cost
    assert run.kept() == {report.decision for report in reports if report.decision}
    spent = before - (await run.session.books.balances())["anchorer", NATIVE]
    assert spent == sum(report.anchor_cost for report in reports)
    assert {report.decision for report in reports if not entered(report)} <= {""}


async def test_a_registry_that_is_broken_stops_entries_alone_until_it_is_there_again(run: Running) -> None:
    first = await run.cycle()
    assert first.outcome == DEPLOYED
    registry = run.chain.description.decisions
    code = await run.chain.rpc.request("eth_getCode", [registry, "latest"])
    await run.chain.rpc.request("anvil_setCode", [registry, "0xfe"])
    idle = (await run.session.ports.reader.market()).idle
    blocked = [await run.cycle() for _ in range(4)]
    assert not any(entered(report) for report in blocked)
    stopped = [report for report in blocked if report.outcome == FAILED]
    assert stopped, "it must have wanted to enter something"
    for report in stopped:
        assert report.sentence.startswith("failed: entries stopped: they could not be committed to: ")
    assert (await run.session.ports.reader.market()).idle >= idle
    await run.chain.rpc.request("anvil_setCode", [registry, code])
    later = [await run.cycle() for _ in range(3)]
    assert any(report.outcome == DEPLOYED and entered(report) for report in later)


@pytest.mark.parametrize("blocks", [1, 5])
async def test_the_vault_is_called_no_earlier_than_it_takes_an_anchor(run: Running, blocks: int) -> None:
    limits = list(await read(run.chain.rpc, Call(run.chain.vault, "limits()", (), LIMITS)))
    limits[9] = blocks
    await by_timelock(run.chain, run.chain.vault, f"setLimits(({','.join(LIMITS)}))", tuple(limits))
    await run.session.ports.reader.market()  # the session's clock sees that the timelock's delay has passed
    reports = [await run.cycle() for _ in range(10)]
    moved = [report for report in reports if report.outcome == DEPLOYED and entered(report)]
    assert moved
    for row in await run.session.books.intents():  # type: ignore[attr-defined]
        report = next(told for told in reports if told.plan == row.intent.id)
        if entered(report):
            assert row.receipt.block >= await run.anchored(report.decision) + blocks
