from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bot.chain.calls import fills_of
from bot.chain.devnet.devnet import Devnet
from bot.chain.reader import ChainReader
from bot.chain.rpc import MethodMissingError, Rpc, quantity
from bot.chain.simulate import ChainPreviewer, next_block_env
from bot.core.market import Market
from bot.core.plan import Plan
from bot.errors import ChainError
from bot.ports import Commitment
from tests.chain.committing import agreed, anchored, carried_out, committed, decision_for
from tests.chain.worlds import moved, next_bar, plan_for, prices_of, steps_between

pytestmark = [pytest.mark.fork, pytest.mark.asyncio(loop_scope="session")]


async def moved_market(chain: Devnet, reader: ChainReader, seed: int) -> Market:
    """The market one random bar later, its mean price settled."""
    before = prices_of(await reader.market(), chain.universe)
    at = next_bar(await chain.now())
    await chain.step(at, steps_between(chain.universe, at, before, moved(before, seed)))
    await chain.settle()
    return await reader.market()


async def emptied_market(chain: Devnet, seed: int) -> Market:
    """A moved market in which the vault holds nothing but idle money."""
    reader = ChainReader(chain.rpc, chain.universe, chain.vault)
    market = await moved_market(chain, reader, seed)
    for _ in range(8):  # a large exit is cut to what its pool takes at a tolerable loss
        exits = plan_for([0.0, 0.0, 0.0, 0.0], market, chain.universe)
        if not exits.legs:
            break
        await carried_out(chain, exits)
        await chain.settle()
        market = await reader.market()
    assert not any(market.units.values())
    return market


def previewer_of(chain: Devnet, rpc: Rpc | None = None) -> ChainPreviewer:
    return ChainPreviewer(rpc or chain.rpc, chain.universe, chain.vault, chain.keeper)


def damaged(plan: Plan, draw: random.Random) -> Plan:
    """The plan, made wrong in one of the ways that the vault refuses."""
    legs = list(plan.legs)
    which = draw.randrange(len(legs))
    leg = legs[which]
    kind = draw.choice(["nonce", "deadline", "greedy", "huge", "nothing"])
    if kind == "nonce":
        return replace(plan, nonce=plan.nonce + 1)
    if kind == "deadline":
        return replace(plan, deadline=plan.time)
    if kind == "greedy":
        legs[which] = replace(leg, min_received=leg.expected + 1)
    elif kind == "huge":
        legs[which] = replace(leg, amount=leg.amount * 1_000)
    else:
        return replace(plan, legs=())
    return replace(plan, legs=tuple(legs))


async def test_both_engines_the_arithmetic_and_the_mined_block_agree_on_random_plans(chain: Devnet) -> None:
    reader, previewer, draw = (
        ChainReader(chain.rpc, chain.universe, chain.vault),
        previewer_of(chain),
        random.Random(11),
    )
    seen_exit = False
    for number in range(6):
        market = await moved_market(chain, reader, 100 + number)
        weights = [draw.choice([0.0, draw.random() * 0.22]) for _ in chain.universe.risky]
        plan = plan_for(weights, market, chain.universe)
        if not plan.legs:
            continue
        bad = damaged(plan, draw)
        allowed = {candidate.id: await committed(chain, candidate) for candidate in (bad, plan)}
        market = await reader.market()  # two blocks later, and nothing in them but the anchors
        for candidate, ok in ((bad, False), (plan, True)):
            case = (candidate, market, allowed[candidate.id])
            node, own = await previewer.by_node(*case), await previewer.by_evm(*case)
            assert (node.ok, node.received, node.reason) == (own.ok, own.received, own.reason)
            # A call that ends at once costs a node no less than its data (EIP-7623), which our own EVM does not know.
            assert node.gas == own.gas if ok else node.gas >= own.gas
            assert (node.engine, own.engine) == ("eth_simulateV1", "pyrevm")
            assert node.ok is ok, node.reason
            assert bool(node.reason) is not ok
        assert await previewer.preview(*case) == node
        assert list(node.received) == [leg.expected for leg in plan.legs]
        fills = fills_of((await carried_out(chain, plan, allowed[plan.id]))["logs"], chain.universe)
        assert [fill.received for fill in fills] == list(node.received)
        assert [(fill.venue, fill.entry, fill.amount) for fill in fills] == [
            (leg.venue, leg.entry, leg.amount) for leg in plan.legs
        ]
        seen_exit = seen_exit or any(not leg.entry for leg in plan.legs)
        after = await reader.market()
        assert after.nonce == market.nonce + 1
        assert after.idle == market.idle + sum(f.received for f in fills if not f.entry) - sum(
            f.amount for f in fills if f.entry
        )
    assert seen_exit


async def test_a_refusal_names_the_venue_and_the_numbers(chain: Devnet) -> None:
    market = await emptied_market(chain, 7)
    plan = plan_for([0.2, 0.0, 0.0, 0.0], market, chain.universe)
    (leg,) = plan.legs
    greedy = replace(plan, legs=(replace(leg, min_received=leg.expected + 1),))
    allowed = await committed(chain, greedy)
    market = await ChainReader(chain.rpc, chain.universe, chain.vault).market()
    preview = await previewer_of(chain).preview(greedy, market, allowed)
    assert not preview.ok
    least = leg.expected + 1
    assert preview.reason == f"TooLittleReceived(venue=render, received={leg.expected}, minReceived={least})"


async def test_spot_pushed_off_the_mean_price_is_refused_by_both_engines(chain: Devnet) -> None:
    reader, previewer = ChainReader(chain.rpc, chain.universe, chain.vault), previewer_of(chain)
    before = prices_of(await emptied_market(chain, 8), chain.universe)
    at = next_bar(await chain.now())
    rally = {venue: price * 1.12 for venue, price in before.items()}
    await chain.step(at, steps_between(chain.universe, at, before, rally))
    # Not settled: the mean still remembers the old price.
    market, plan, allowed = await agreed(chain, reader, [0.0, 0.0, 0.0, 0.2])
    for preview in (await previewer.by_node(plan, market, allowed), await previewer.by_evm(plan, market, allowed)):
        assert not preview.ok
        assert preview.reason.startswith("SpotOffTwap(spotTick=")
    await chain.settle()


async def test_the_market_block_counts_not_the_newest(chain: Devnet) -> None:
    reader, previewer = ChainReader(chain.rpc, chain.universe, chain.vault), previewer_of(chain)
    await emptied_market(chain, 9)
    market, plan, allowed = await agreed(chain, reader, [0.1, 0.1, 0.1, 0.1])
    before = [await ask(plan, market, allowed) for ask in (previewer.by_node, previewer.by_evm)]
    assert before[0].ok
    await moved_market(chain, reader, 10)
    assert [await ask(plan, market, allowed) for ask in (previewer.by_node, previewer.by_evm)] == before


async def test_a_node_without_the_method_is_answered_for_by_our_own_evm(chain: Devnet) -> None:
    class Old(Rpc):
        async def request(self, method: str, params: Any = (), timeout: float = 10.0) -> Any:
            # A method that no node has: the real node's own refusal comes back.
            asked = "eth_simulateV0" if method == "eth_simulateV1" else method
            return await super().request(asked, params, timeout)

    await emptied_market(chain, 12)
    reader = ChainReader(chain.rpc, chain.universe, chain.vault)
    market, plan, allowed = await agreed(chain, reader, [0.2, 0.0, 0.0, 0.0])
    async with Old(chain.rpc.url) as rpc:
        with pytest.raises(MethodMissingError):
            await previewer_of(chain, rpc).by_node(plan, market, allowed)
        preview = await previewer_of(chain, rpc).preview(plan, market, allowed)
    assert preview.engine == "pyrevm"
    assert replace(preview, engine="eth_simulateV1") == await previewer_of(chain).preview(plan, market, allowed)


async def test_an_address_that_is_no_vault_is_one_line(chain: Devnet) -> None:
    await emptied_market(chain, 13)
    reader = ChainReader(chain.rpc, chain.universe, chain.vault)
    market, plan, allowed = await agreed(chain, reader, [0.2, 0.0, 0.0, 0.0])
    lost = ChainPreviewer(chain.rpc, chain.universe, "0x" + "99" * 20, chain.keeper)
    for ask in (lost.by_node, lost.by_evm):
        with pytest.raises(ChainError, match="did not answer as a vault"):
            await ask(plan, market, allowed)


async def test_a_node_that_is_gone_is_one_line_for_our_own_evm_too(chain: Devnet, unused_tcp_port: int) -> None:
    await emptied_market(chain, 14)
    reader = ChainReader(chain.rpc, chain.universe, chain.vault)
    market, plan, allowed = await agreed(chain, reader, [0.2, 0.0, 0.0, 0.0])
    async with Rpc(f"http://127.0.0.1:{unused_tcp_port}/secret") as rpc:
        with pytest.raises(ChainError, match=f"127.0.0.1:{unused_tcp_port}") as caught:
            await previewer_of(chain, rpc).by_evm(plan, market, allowed)
    assert "secret" not in str(caught.value)


async def test_the_simulated_block_is_the_one_after_the_market(chain: Devnet) -> None:
    market = await ChainReader(chain.rpc, chain.universe, chain.vault).market()
    env = next_block_env(market)
    assert env.number == market.block + 1
    assert env.time > market.time
    head = await chain.rpc.request("eth_getBlockByNumber", [hex(market.block), False])
    assert quantity(head["number"]) == market.block


WRONG: dict[str, tuple[Callable[[Commitment], Commitment], str]] = {
    "a root that nobody anchored": (lambda made: replace(made, root=b"\7" * 32), r"NotAnchored\(decision=0x0707.*"),
    "another's forecast": (
        lambda made: changed(made, record=b"\1" * 32),
        r"NotInDecision\(decision=0x[0-9a-f]{64}, leaf=0x[0-9a-f]{64}\)",
    ),
    "more than was committed to": (lambda made: changed(made, max_assets=10**30), r"NotInDecision\(.*"),
    "past its time": (lambda made: changed(made, expiry=1), r"PermitExpired\(expiry=1, timestamp=\d+\)"),
}


def changed(commitment: Commitment, **facts: Any) -> Commitment:
    permits = {venue: replace(permit, **facts) for venue, permit in commitment.permits.items()}
    return replace(commitment, permits=permits)


@pytest.mark.parametrize("what", list(WRONG))
async def test_an_entry_needs_just_what_was_anchored(chain: Devnet, what: str) -> None:
    reader, previewer = ChainReader(chain.rpc, chain.universe, chain.vault), previewer_of(chain)
    await emptied_market(chain, 15)
    market, plan, allowed = await agreed(chain, reader, [0.2, 0.1, 0.0, 0.0])
    assert allowed is not None
    assert (await previewer.preview(plan, market, allowed)).ok
    spoil, told = WRONG[what]
    for ask in (previewer.by_node, previewer.by_evm):
        preview = await ask(plan, market, spoil(allowed))
        assert not preview.ok
        assert re.fullmatch(told, preview.reason), preview.reason


async def test_a_decision_that_the_keeper_anchored_itself_lets_nothing_in(chain: Devnet) -> None:
    reader, previewer = ChainReader(chain.rpc, chain.universe, chain.vault), previewer_of(chain)
    plan = plan_for([0.2, 0.0, 0.0, 0.0], await emptied_market(chain, 16), chain.universe)
    own = await anchored(chain, decision_for(chain, plan), by=chain.keeper)
    preview = await previewer.preview(plan, await reader.market(), own)
    assert preview.reason == f"NotAnchored(decision=0x{own.root.hex()}, blockNumber=0)"


async def test_an_anchor_counts_from_the_next_block_on_and_once(chain: Devnet) -> None:
    reader, previewer = ChainReader(chain.rpc, chain.universe, chain.vault), previewer_of(chain)
    before = await emptied_market(chain, 17)
    plan = plan_for([0.2, 0.0, 0.0, 0.0], before, chain.universe)
    allowed = await committed(chain, plan)
    early = replace(before, block=before.block - 1)  # the simulated block is the one before the anchor's
    assert (await previewer.preview(plan, early, allowed)).reason.startswith("NotAnchored(")
    assert quantity((await carried_out(chain, plan, allowed))["status"]) == 1
    again = replace(plan, nonce=plan.nonce + 1)
    assert (await previewer.preview(again, await reader.market(), allowed)).reason.startswith("NotInDecision(")
