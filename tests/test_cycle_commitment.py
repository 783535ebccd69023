"""What the cycle does about entries before they are made: commit, look again, plan again within that, or leave it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from bot.core.amm.concentrated import swap_exact_in
from bot.core.market import Market
from bot.core.panel import Panel
from bot.core.plan import Plan
from bot.core.report import CycleReport
from bot.core.score import Scores
from bot.cycle import compare, run_cycle
from bot.errors import ChainError, RpcTimeout, StorageError
from bot.ports import Commitment, Intent, Permit, Preview
from tests.builders import World, sends_of, with_ports, world
from tests.test_cycle import wanting

ROOT, GAS, WEI = b"\7" * 32, 80_000, 80_000 * 10**9


@dataclass
class Commits:
    """A committer that commits to what it is shown, or fails; `meanwhile` happens before it returns."""

    meanwhile: Callable[[], None] = lambda: None
    fails: Exception | None = None
    asked: list[Plan] = field(default_factory=list)

    async def commit(self, plan: Plan, cycle: int, panel: Panel, scores: Scores, target: Any) -> Commitment:
        self.asked.append(plan)
        assert len(panel)
        assert len(scores.expected) == 1
        assert target.sum() == pytest.approx(1.0)
        self.meanwhile()
        if self.fails is not None:
            raise self.fails
        permits = {leg.venue: Permit(leg.amount, plan.deadline, b"", ()) for leg in plan.legs if leg.entry}
        return Commitment(ROOT, plan.block + 1, permits, GAS, WEI)


@dataclass
class Watched:
    """The world's reader, previewer and executor, and what they were given."""

    made: World
    read: list[Market] = field(default_factory=list)
    previewed: list[tuple[Plan, Market, Commitment | None]] = field(default_factory=list)
    signed: list[tuple[Plan, Commitment | None]] = field(default_factory=list)

    async def market(self) -> Market:
        self.read.append(await self.made.market.market())
        return self.read[-1]

    async def preview(self, plan: Plan, market: Market, commitment: Commitment | None = None) -> Preview:
        self.previewed.append((plan, market, commitment))
        return await self.made.market.preview(plan, market, commitment)

    async def sign(self, plan: Plan, cycle: int, now: int, commitment: Commitment | None = None) -> Intent:
        self.signed.append((plan, commitment))
        return await sends_of(self.made).sign(plan, cycle, now, commitment)

    async def send(self, intent: Intent) -> Any:
        return await sends_of(self.made).send(intent)

    async def outcome(self, intent: Intent) -> Any:
        return await sends_of(self.made).outcome(intent)


async def cycle_of(made: World, commits: Commits, number: int = 1) -> tuple[CycleReport, Watched]:
    seen = Watched(made)
    ports = with_ports(made, reader=seen, committer=commits, previewer=seen, executor=seen)
    return await run_cycle(ports, made.settings, number), seen


def moved(made: World, venue: str, money: int) -> Callable[[], None]:
    """Somebody buys for so much, between the commitment and the second look."""

    def happens() -> None:
        entry = not made.settings.universe[venue].base_is_token0
        made.market.pools[venue] = swap_exact_in(made.market.pools[venue], entry, money).pool

    return happens


async def test_what_is_previewed_and_signed_is_the_plan_made_after_the_commitment() -> None:
    made, commits = world(), Commits()
    commits.meanwhile = lambda: made.market._mine(made.market.time + 12)
    report, seen = await cycle_of(made, commits)
    assert report.outcome == "deployed"
    (draft,) = commits.asked
    ((plan, market, commitment),) = seen.previewed
    assert (plan.block, market.block) == (draft.block + 1, draft.block + 1) == (seen.read[1].block,) * 2
    assert commitment is not None
    assert (commitment.root, set(commitment.permits)) == (ROOT, {"v1", "v2"})
    assert seen.signed == [(plan, commitment)]
    assert plan.legs == draft.legs
    assert report.plan == plan.id != draft.id


async def test_the_report_is_of_the_first_look_and_of_the_last_plan_with_all_gas_in_it() -> None:
    made, commits = world(), Commits()
    commits.meanwhile = lambda: made.market._mine(made.market.time + 12)
    report, seen = await cycle_of(made, commits)
    assert (report.at, report.block) == (seen.read[0].time, seen.read[0].block)
    assert report.decision == ROOT.hex()
    ((_, _, receipt),) = made.books.settled
    assert (report.gas_used, report.gas_cost) == (receipt.gas_used + GAS, receipt.gas_cost + WEI)
    assert report.anchor_cost == WEI


@pytest.mark.parametrize("money", [2_000 * 10**6, 60_000 * 10**6])
async def test_no_entry_is_above_what_was_committed_to_however_the_market_moves(money: int) -> None:
    made = world(policy={"max_turnover": "100 %"})
    commits = Commits(moved(made, "v1", money))
    report, seen = await cycle_of(made, commits)
    committed = {leg.venue: leg.amount for leg in commits.asked[0].legs}
    ((plan, _, _),) = seen.previewed
    assert report.outcome == "deployed"
    assert all(leg.amount <= committed[leg.venue] for leg in plan.legs)
    assert [leg.expected for leg in plan.legs] != [leg.expected for leg in commits.asked[0].legs]


async def test_a_venue_that_was_not_committed_to_is_not_entered() -> None:
    made = world()

    class Partial(Commits):
        async def commit(self, *asked: Any) -> Commitment:
            whole = await super().commit(*asked)
            return replace(whole, permits={"v2": whole.permits["v2"]})

    report, seen = await cycle_of(made, Partial())
    assert [leg["venue"] for leg in report.legs] == ["v2"]
    assert seen.signed[0][0].skipped["v1"] == "the vault takes no more of it now"


async def test_exits_alone_are_not_committed_to() -> None:
    made, commits = world(), Commits()
    await cycle_of(made, commits)
    report, seen = await cycle_of(wanting(made, 1.0, 0.0, 0.0), commits, 2)
    assert report.outcome == "deployed"
    assert {leg["entry"] for leg in report.legs} == {False}
    assert len(commits.asked) == 1
    assert len(seen.read) == 1
    assert seen.signed[0][1] is None
    assert (report.decision, report.anchor_cost) == ("", 0)


async def test_where_nothing_asks_for_it_the_market_is_read_once() -> None:
    made = world()
    seen = Watched(made)
    report = await run_cycle(with_ports(made, reader=seen, previewer=seen), made.settings, 1)
    assert report.outcome == "deployed"
    assert len(seen.read) == 1
    assert [commitment for _, _, commitment in seen.previewed] == [None]


FAILURES = [ChainError("insufficient funds"), RpcTimeout("no answer within 10 s")]


@pytest.mark.parametrize("error", FAILURES, ids=str)
async def test_what_could_not_be_committed_to_is_not_entered_and_said(error: ChainError) -> None:
    made = world()
    report, seen = await cycle_of(made, Commits(fails=error))
    assert report.outcome == "failed"
    assert report.sentence == f"failed: entries stopped: they could not be committed to: {error}"
    assert seen.previewed == []
    assert made.books.log == ["failed"]
    assert (made.market.nonce, report.legs, report.decision) == (0, (), "")


@pytest.mark.parametrize("error", FAILURES, ids=str)
async def test_exits_go_on_where_entries_could_not_be_committed_to(error: ChainError) -> None:
    made = world()
    await cycle_of(made, Commits())
    report, seen = await cycle_of(wanting(made, 0.0, 0.0, 1.0), Commits(fails=error), 2)
    assert report.outcome == "deployed"
    assert [(leg["venue"], leg["entry"]) for leg in report.legs] == [("v1", False)]
    assert report.reasons == (f"entries stopped: they could not be committed to: {error}",)
    assert seen.signed[0][1] is None
    assert made.market.units["v1"] == 0


async def test_a_full_disk_is_no_reason_to_go_on() -> None:
    made = world()
    with pytest.raises(StorageError):
        await cycle_of(made, Commits(fails=StorageError("no space left")))
    assert made.books.log == []


async def test_a_vault_that_closes_after_the_commitment_is_told_and_nothing_is_sent() -> None:
    made = world()

    class Closes(Watched):
        async def market(self) -> Market:
            seen = await super().market()
            return (
                replace(seen, entries_open=False, why_closed="the breaker has tripped") if len(self.read) > 1 else seen
            )

    seen = Closes(made)
    report = await run_cycle(with_ports(made, reader=seen, committer=Commits(), previewer=seen), made.settings, 1)
    assert report.outcome == "refused"
    assert report.reasons == ("entries while the breaker has tripped: 2 where 0 is allowed",)
    assert (report.gas_used, report.anchor_cost) == (GAS, WEI), "the anchor was paid for all the same"
    assert made.books.log == ["refused"]


async def test_why_the_vault_takes_no_entries_is_told() -> None:
    made = world()

    class Closed(Watched):
        async def market(self) -> Market:
            return replace(await super().market(), entries_open=False, why_closed="the vault's breaker has tripped")

    commits = Commits()
    ports = with_ports(made, reader=Closed(made), committer=commits)
    report = await run_cycle(ports, made.settings, 1)
    assert (report.outcome, report.reasons) == ("held", ("entries stopped: the vault's breaker has tripped",))
    assert commits.asked == []


async def test_money_that_withdrawals_wait_for_is_not_spent() -> None:
    made = world(policy={"max_turnover": "100 %"})

    class Owing(Watched):
        async def market(self) -> Market:
            return replace(await super().market(), owed=80_000 * 10**6)

    seen = Owing(made)
    report = await run_cycle(with_ports(made, reader=seen), made.settings, 1)
    assert report.outcome == "deployed"
    assert 0 < sum(leg["amount"] for leg in report.legs) <= 10_000 * 10**6


async def test_a_leg_that_need_not_be_exact_needs_what_the_plan_accepts() -> None:
    made = world()
    await cycle_of(made, Commits())
    ((_, plan, _),) = made.books.settled
    loose = replace(plan, legs=tuple(replace(leg, exact=False) for leg in plan.legs))
    paid = tuple(leg.min_received for leg in plan.legs)
    assert compare(loose, Preview(True, paid, 1, "arithmetic")) is None
    assert compare(plan, Preview(True, paid, 1, "arithmetic")) is not None
    short = compare(loose, Preview(True, (paid[0] - 1, *paid[1:]), 1, "arithmetic"))
    assert short is not None
    assert short.reasons == (f"v1 would return {paid[0] - 1}, planned {plan.legs[0].expected}",)
