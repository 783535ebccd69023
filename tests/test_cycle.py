"""One cycle on paper: every outcome, what is written down before what, and what each step is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from backtests.simulated import PanelFeed
from bot.core.market import Market
from bot.core.panel import Panel
from bot.core.postings import NATIVE
from bot.core.report import CycleReport
from bot.core.score import Scores
from bot.core.strategy import Strategy
from bot.cycle import compare, run_cycle
from bot.errors import DataError, SendError
from bot.ports import Intent, Preview
from tests.backtests.markets import DAY, panel_of
from tests.builders import Lying, World, sends_of, with_ports, world


@dataclass(frozen=True)
class Seen:
    """The world's market with some facts replaced."""

    made: World
    facts: Mapping[str, Any]

    async def market(self) -> Market:
        return replace(await self.made.market.market(), **self.facts)


async def cycle_of(made: World, number: int = 1, **ports: Any) -> CycleReport:
    return await run_cycle(with_ports(made, **ports), made.settings, number)


def wanting(made: World, *weights: float) -> World:
    """The same world with a strategy that wants just this."""
    target = np.array(weights)
    strategy = Strategy("given", lambda panel, scores, params: np.tile(target, (len(panel), 1)), {}, 1, False)
    return replace(made, settings=replace(made.settings, strategy=strategy))


async def test_deploys_and_books_what_the_vault_did() -> None:
    made = world()
    opening = made.market.idle
    report = await cycle_of(made)
    assert report.outcome == "deployed"
    assert report.sentence.startswith("bought 10,000 USDC of v1: no score, cost 44 bps; bought 10,000 USDC of v2")
    books, universe = await made.books.balances(), made.settings.universe
    assert books["idle", universe.money.address] == made.market.idle - opening == -report.turnover
    for venue in universe.risky:
        assert books[f"venue:{venue.id}", venue.token.address] == made.market.units[venue.id] > 0
    assert books["keeper", NATIVE] == -report.gas_cost < 0
    assert report.turnover == 20_000 * 10**6
    assert report.pool_cost == sum(leg["cost"] for leg in report.legs) > 0
    assert (report.nav, report.idle, report.held) == (opening, opening, (1.0, 0.0, 0.0))
    assert report.weights == pytest.approx((0.8, 0.1, 0.1))
    assert report.target == pytest.approx((0.0, 0.5, 0.5))
    assert made.books.written == [report]


async def test_what_is_held_after_a_cycle_is_what_the_next_one_sees() -> None:
    made = world()
    first = await cycle_of(made)
    second = await cycle_of(made, 2)
    assert second.held[1:] == pytest.approx((0.1, 0.1), abs=1e-3)
    assert second.idle == first.idle - first.turnover


async def test_the_intent_is_written_before_anything_is_sent_and_the_outcome_after() -> None:
    made = world()
    await cycle_of(made)
    assert made.books.log == ["intent", "send", "outcome", "deployed"]


async def test_nothing_is_sent_when_the_intent_cannot_be_written() -> None:
    made = world()

    async def full(intent: Intent, plan: object) -> None:
        raise OSError("disk is full")

    made.books.intent = full  # type: ignore[method-assign]
    with pytest.raises(OSError, match="disk is full"):
        await cycle_of(made)
    assert "send" not in made.books.log
    assert made.market.nonce == 0


async def test_holds_when_nothing_is_worth_moving() -> None:
    made = wanting(world(), 1.0, 0.0, 0.0)
    report = await cycle_of(made)
    assert (report.outcome, report.sentence) == ("held", "held: nothing worth moving")
    assert made.books.log == ["held"]
    assert report.legs == ()


async def test_holding_says_why_a_venue_was_left_out() -> None:
    made = world(limits={"max_loss": "1 bps"})
    report = await cycle_of(made)
    assert report.outcome == "held"
    assert report.reasons == tuple(f"{name}: costs more than max_loss at any size" for name in ("v1", "v2"))


async def test_a_leg_that_a_sandwich_could_live_on_is_refused_or_tightened_as_the_file_says() -> None:
    limits = {"max_venue": "45 %", "max_loss": "200 bps", "max_sandwich": "0 bps"}
    free: dict[str, Any] = {"policy": {"max_turnover": "100 %"}, "capital": "200000 USDC"}
    refused = await cycle_of(world(limits=limits, **free))
    assert refused.outcome == "refused"
    assert all(reason.startswith("max_sandwich") for reason in refused.reasons)
    tight = await cycle_of(world(limits=limits | {"on_sandwich": "tighten"}, **free))
    assert tight.outcome == "deployed"
    assert [leg["min_received"] == leg["expected"] for leg in tight.legs] == [True, True]


@pytest.mark.parametrize("cap", [0, 500])
async def test_no_more_is_planned_than_the_contract_allows(cap: int) -> None:
    made = world()
    report = await cycle_of(made, reader=Seen(made, {"caps": {"v1": cap, "v2": 10_000}}))
    assert report.outcome == "deployed"
    entered = {leg["venue"]: leg["amount"] for leg in report.legs}
    assert entered.get("v1", 0) <= report.nav * cap // 10_000
    assert entered["v2"] > 0
    assert ("v1" in entered) == (cap > 0)


STOPPED: dict[str, tuple[dict[str, Any], str]] = {
    "paused": ({"entries_open": False}, "entries stopped: the vault is paused"),
    "stale": (
        {"time": 1_704_067_200 + 29 * DAY + 3 * DAY},
        "entries stopped: the newest data is 259,200 s old, 172,800 s allowed",
    ),
}


@pytest.mark.parametrize("why", list(STOPPED))
async def test_a_paused_vault_or_stale_data_stops_entries_and_says_so(why: str) -> None:
    made = world()
    facts, reason = STOPPED[why]
    report = await cycle_of(made, reader=Seen(made, facts))
    assert (report.outcome, report.reasons) == ("held", (reason,))
    assert made.market.nonce == 0


@pytest.mark.parametrize("why", list(STOPPED))
async def test_a_paused_vault_or_stale_data_stops_no_exit(why: str) -> None:
    made = world()
    await cycle_of(made)
    report = await cycle_of(wanting(made, 0.0, 0.0, 1.0), 2, reader=Seen(made, STOPPED[why][0]))
    assert report.outcome == "deployed"
    assert [(leg["venue"], leg["entry"]) for leg in report.legs] == [("v1", False)]
    assert made.market.units["v1"] == 0


async def test_a_drawdown_stops_entries_and_no_exit() -> None:
    made = world()
    first = await cycle_of(made)
    made.market.idle = first.nav // 2
    braked = await cycle_of(made, 2)
    assert braked.outcome == "held"
    (reason,) = braked.reasons
    assert reason.startswith("entries stopped: 30.0% below the highest value")
    left = await cycle_of(wanting(made, 1.0, 0.0, 0.0), 3)
    assert left.outcome == "deployed"
    assert {leg["entry"] for leg in left.legs} == {False}


async def test_a_high_water_mark_older_than_its_window_is_forgotten() -> None:
    made = world(policy={"drawdown_window": "10d"})
    first = await cycle_of(made)
    made.market.idle = first.nav // 2
    later = {"time": made.market.time + 11 * DAY}
    report = await cycle_of(made, 2, reader=Seen(made, later))
    assert report.reasons == ()
    assert report.outcome == "deployed"


LIES = {
    "one unit less": lambda said: replace(said, received=(said.received[0] - 1, *said.received[1:])),
    "one unit more": lambda said: replace(said, received=(said.received[0] + 1, *said.received[1:])),
    "a leg short": lambda said: replace(said, received=said.received[:1]),
    "a leg too many": lambda said: replace(said, received=(*said.received, 1)),
    "would revert": lambda said: replace(said, ok=False, reason="Paused()"),
}


@pytest.mark.parametrize("lie", list(LIES))
async def test_sends_nothing_when_the_preview_is_not_the_plan(lie: str) -> None:
    made = world()
    report = await cycle_of(made, previewer=Lying(made.market, LIES[lie]))
    assert report.outcome == "disagreed"
    assert report.reasons
    assert made.books.log == ["disagreed"]
    assert made.market.nonce == 0


async def test_a_disagreement_names_leg_and_both_amounts() -> None:
    made = world()
    report = await cycle_of(made, previewer=Lying(made.market, LIES["one unit less"]))
    planned = report.legs[0]["expected"]
    assert report.sentence == f"disagreed: v1 would return {planned - 1}, planned {planned}"
    reverted = await cycle_of(made, previewer=Lying(made.market, LIES["would revert"]))
    assert reverted.sentence == "disagreed: the call would revert: Paused()"


async def test_gas_is_no_disagreement() -> None:
    made = world()
    report = await cycle_of(made, previewer=Lying(made.market, lambda said: replace(said, gas=said.gas * 9)))
    assert report.outcome == "deployed"


async def test_a_revert_costs_gas_and_moves_nothing() -> None:
    made = world()
    sends_of(made).script = ["reverted"]
    report = await cycle_of(made)
    assert report.outcome == "reverted"
    assert report.sentence.startswith("reverted: TooLittle() [bought 10,000 USDC of v1")
    assert made.books.log == ["intent", "send", "outcome", "reverted"]
    assert {posting.token for posting in report.postings} == {NATIVE}
    assert (report.gas_used, report.gas_cost) == (90_000, 90_000 * 10**9)
    assert await made.books.open_intents() == []


async def test_no_answer_leaves_the_intent_open_and_books_nothing() -> None:
    made = world()
    sends_of(made).script = ["lost"]
    report = await cycle_of(made)
    ((intent, plan),) = await made.books.open_intents()
    assert report.outcome == "unknown"
    assert report.reasons == (f"no receipt for {intent.tx_hash}",)
    assert (intent.id, plan.id) == (report.plan, report.plan)
    assert await made.books.balances() == {}
    assert made.books.log == ["intent", "send", "unknown"]


async def test_a_node_that_refuses_the_bytes_leaves_the_intent_open() -> None:
    made = world()

    async def refuse(intent: Intent) -> None:
        raise SendError("nonce too low")

    sends_of(made).send = refuse  # type: ignore[method-assign]
    with pytest.raises(SendError):
        await cycle_of(made)
    assert len(await made.books.open_intents()) == 1


async def test_nothing_published_yet_is_said_in_one_line() -> None:
    made = world()
    early = Seen(made, {"time": int(made.panel.times[0]) - 1})
    with pytest.raises(DataError, match=r"^no prices are published by 2023-12-31 23:59 UTC, the time of block 0$"):
        await cycle_of(made, reader=early)


async def test_a_strategy_that_wants_no_weights_is_said_in_one_line() -> None:
    made = wanting(world(), 0.5, 0.6, 0.0)
    with pytest.raises(DataError, match=r"^strategy given: targets in row 0 are not weights"):
        await cycle_of(made)


async def test_a_strategy_sees_as_many_rows_as_it_needs_and_the_scores_of_the_last() -> None:
    made = world()
    seen: list[tuple[int, int, tuple[str, ...]]] = []

    def targets(panel: Panel, scores: Scores, params: object) -> np.ndarray:
        seen.append((len(panel), int(panel.times[-1]), scores.model))
        return np.tile([1.0, 0.0, 0.0], (len(panel), 1))

    watching = replace(made, settings=replace(made.settings, strategy=Strategy("w", targets, {}, 4, True)))
    at = int(made.panel.times[9]) + 60
    await cycle_of(watching, reader=Seen(made, {"time": at}))
    assert seen == [(4, int(made.panel.times[9]), ("", "", "", ""))]
    await cycle_of(watching, reader=Seen(made, {"time": int(made.panel.times[1])}))
    assert seen[1][0] == 2  # all that there is


async def test_a_venue_without_a_price_is_not_bought_and_one_that_is_held_can_be_left() -> None:
    close = np.full((30, 2), 4.0)
    close[1:, 0] = np.nan
    made = world(panel_of(close), policy={"max_turnover": "100 %"})
    await cycle_of(made)
    bought = made.market.units["v1"]
    assert bought > 0
    made.market.time = int(made.panel.times[3])
    report = await cycle_of(wanting(made, 1.0, 0.0, 0.0), 2)
    assert {leg["venue"] for leg in report.legs} == {"v1", "v2"}
    assert made.market.units == {"v1": 0, "v2": 0}


async def test_the_feed_is_asked_for_the_time_of_the_block() -> None:
    made = world()
    asked: list[int] = []

    class Feed(PanelFeed):
        async def panel(self, at: int) -> Panel:
            asked.append(at)
            return await super().panel(at)

    await cycle_of(made, feed=Feed(made.panel))
    assert asked == [made.books.written[0].at]


async def test_equal_amounts_agree() -> None:
    made = world()
    report = await cycle_of(made)
    ((_, plan, _),) = made.books.settled
    honest = Preview(True, tuple(leg["expected"] for leg in report.legs), 1, "arithmetic")
    assert compare(plan, honest) is None
