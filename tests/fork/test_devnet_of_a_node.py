"""A devnet that is a fork of a node which is not ours: its pools, its prices, and what we make on top of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.chain.calls import fills_of
from bot.chain.devnet import devnet as building
from bot.chain.devnet.accounts import OWNER
from bot.chain.devnet.batch import Batch, mine
from bot.chain.devnet.devnet import devnet
from bot.chain.devnet.protocols import deploy
from bot.chain.devnet.supervisor import Anvil
from bot.chain.devnet.witnesses import found_on
from bot.chain.multicall import Call, read
from bot.chain.reader import ChainReader
from bot.chain.rpc import quantity
from bot.core.mirror import seeding
from bot.core.universe import Universe, idle
from bot.errors import ChainError, RpcDown
from tests.chain.committing import carried_out
from tests.chain.worlds import (
    CAPITAL,
    DEPTH,
    MONEY,
    MONEY_DECIMALS,
    PRICES,
    START,
    UNIVERSE,
    placeholder,
    plan_for,
    spec_of,
)

pytestmark = pytest.mark.fork

WIDEST = (4_295_128_740, 1461446703485210103287273052203988822378723970341)  # any legal price is inside


def lines_of(run_dir: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (run_dir / "mirror.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[tuple[Anvil, Universe]]:
    """A local node that plays the remote one, and what its pools are."""
    async with Anvil.local("remote", tmp_path, START - 90_000) as remote:
        _, universe = await deploy(remote.rpc, UNIVERSE, PRICES, DEPTH)
        await remote.rpc.request("evm_mine", [{"timestamp": hex(START)}])
        yield remote, universe


def pools_of(universe: Universe) -> dict[str, str]:
    return {venue.id: venue.pool for venue in universe.risky}


async def test_a_nodes_pools_become_the_universe_and_capital_is_there(
    node: tuple[Anvil, Universe], tmp_path: Path
) -> None:
    remote, universe = node
    secret = remote.url.replace("127.0.0.1", "user:k3y@127.0.0.1")
    spec = spec_of(rpc_url=secret, pools=pools_of(universe), unpriced=CAPITAL * 2 // 5)
    async with devnet(spec, tmp_path / "run") as chain:
        assert chain.universe.money == universe.money
        assert [replace(venue, adapter="") for venue in chain.universe.risky] == list(universe.risky)
        assert await read(chain.rpc, Call(chain.vault, "totalAssets()")) == (CAPITAL,)
        assert chain.description.protocols is None
        # One owner, who could leave, is all that these pools have: nobody may call them priced.
        assert chain.description.unvouched == tuple(venue.id for venue in universe.risky)
        assert await remote.rpc.request("eth_getCode", [chain.vault, "latest"]) == "0x"
        reader = ChainReader(chain.rpc, chain.universe, chain.vault)
        market = await reader.market()
        receipt = await carried_out(chain, plan_for([0.2, 0.0, 0.2, 0.0], market, chain.universe))
        assert len(fills_of(receipt["logs"], chain.universe)) == 2
        for path in (tmp_path / "run").iterdir():
            assert "k3y" not in path.read_text(encoding="utf-8"), path.name


async def test_the_fork_follows_its_node_by_real_swaps(node: tuple[Anvil, Universe], tmp_path: Path) -> None:
    remote, universe = node
    async with devnet(spec_of(rpc_url=remote.url, pools=pools_of(universe)), tmp_path / "run") as chain:
        await chain.follow_upstream()
        assert not (chain.run_dir / "mirror.jsonl").exists(), "there was nothing to follow"
        render, prompts = universe["render"], universe["prompts"]
        maker = await Batch.of(remote.rpc, OWNER)
        moves = [(render.pool, [10**21, 0], *WIDEST), (prompts.pool, [-(10**24)], *WIDEST)]
        (protocols_maker,) = {log_owner async for log_owner in makers(remote)}
        maker.call(protocols_maker, "step((address,int256[],uint160,uint160)[])", (moves,), gas=5_000_000)
        await mine(remote.rpc, maker.transactions)
        await chain.follow_upstream()
        assert {line["venue"] for line in lines_of(chain.run_dir)} == {"render", "prompts"}
        for venue in chain.universe.risky:
            there = await read(remote.rpc, Call(venue.pool, "slot0()", (), ("uint160", "int24")))
            here = await read(chain.rpc, Call(venue.pool, "slot0()", (), ("uint160", "int24")))
            assert there[0] == here[0]


async def makers(remote: Anvil) -> AsyncIterator[str]:
    """Who minted the liquidity on the remote node."""
    where = {
        "fromBlock": "0x0",
        "toBlock": "latest",
        "topics": ["0x7a53080ba414158be7ec69b987b5fb7d07dee101fe85488f0853ae16239d0bde"],
    }
    for log in await remote.rpc.request("eth_getLogs", [where]):
        yield "0x" + log["topics"][1][-40:]


async def test_pools_that_are_not_what_the_file_says_are_refused_by_name(
    node: tuple[Anvil, Universe], tmp_path: Path
) -> None:
    remote, universe = node
    pools = pools_of(universe)
    fees = {venue.id: venue.fee_pips for venue in universe.risky}
    other = Universe(
        MONEY,
        (
            idle(MONEY),
            *(replace(venue, fee_pips=500 if venue.id == "render" else fees[venue.id]) for venue in UNIVERSE.risky),
        ),
    )
    euro = replace(MONEY, symbol="EURC")
    cases = [
        (
            spec_of(pools={**pools, "weights": placeholder(0x99)}),
            "weights: no contract at 0x0000000000000000000000000000000000000099",
        ),
        (spec_of(pools={**pools, "weights": universe.money.address}), "weights: 0x.* is not a Uniswap V3 pool"),
        (spec_of(pools={**pools, "weights": ""}), "weights: no pool address is given"),
        (spec_of(pools=pools, universe=other), "render: the pool's fee is 30 bps, the strategy file says 5"),
        (
            spec_of(pools=pools, universe=Universe(euro, (idle(euro), *UNIVERSE.risky))),
            "render: EURC is not one of the pool's tokens, render and USDC",
        ),
    ]
    for spec, told in cases:
        with pytest.raises(ChainError, match=told):
            async with devnet(replace(spec, rpc_url=remote.url), tmp_path / "run"):
                pass


async def test_a_node_that_does_not_answer_is_one_line(tmp_path: Path, unused_tcp_port: int) -> None:
    spec = spec_of(rpc_url=f"http://user:k3y@127.0.0.1:{unused_tcp_port}/k3y", pools={})
    with pytest.raises(RpcDown) as caught:
        async with building.devnet(spec, tmp_path):
            pass
    assert str(caught.value) == f"127.0.0.1:{unused_tcp_port}: nobody answers"


async def test_the_largest_positions_around_the_price_are_what_the_node_vouches_with(
    node: tuple[Anvil, Universe], tmp_path: Path
) -> None:
    remote, universe = node
    (maker,) = {owner async for owner in makers(remote)}
    found = await found_on(remote.rpc, universe, 10_000)
    for venue in universe.risky:
        seeded = seeding(venue, MONEY_DECIMALS, PRICES[venue.id], DEPTH).positions
        told = [(one.owner.lower(), one.lower, one.upper, one.liquidity, one.locked) for one in found[venue.id]]
        expected = sorted(seeded, key=lambda position: -position[2])
        assert told == [(maker, lower, upper, liquidity, False) for lower, upper, liquidity in expected]
    # What does not cover the band, and what is not there any more, is none.
    assert all(len(witnesses) == 1 for witnesses in (await found_on(remote.rpc, universe, 25_000)).values())
    assert all(not witnesses for witnesses in (await found_on(remote.rpc, universe, 887_272)).values())


async def test_a_pool_of_several_independent_owners_is_priced(node: tuple[Anvil, Universe], tmp_path: Path) -> None:
    remote, universe = node
    render = universe["render"]
    lower, upper, _ = seeding(render, MONEY_DECIMALS, PRICES["render"], DEPTH).positions[0]
    owner = await Batch.of(remote.rpc, OWNER)
    whole = sum(part for _, _, part in seeding(render, MONEY_DECIMALS, PRICES["render"], DEPTH).positions)
    maker = owner.create("MarketMaker", (OWNER,))
    for token in (render.token.address, universe.money.address):
        await remote.rpc.request("anvil_dealERC20", [maker, token, hex(10**30)])
    owner.call(maker, "seed(address,int24,int24,uint128)", (render.pool, lower, upper, whole), gas=2_000_000)
    await mine(remote.rpc, owner.transactions)
    async with devnet(spec_of(rpc_url=remote.url, pools=pools_of(universe)), tmp_path / "run") as chain:
        assert chain.description.unvouched == ("weights", "prompts", "frames")
        market = await ChainReader(chain.rpc, chain.universe, chain.vault).market()
        assert market.unpriced == {"weights", "prompts", "frames"}
        plan = plan_for([0.2, 0.2, 0.0, 0.0], market, chain.universe)
        assert [leg.venue for leg in plan.legs] == ["render"], "without a budget for it nothing enters what is unpriced"
        assert quantity((await carried_out(chain, plan))["status"]) == 1
