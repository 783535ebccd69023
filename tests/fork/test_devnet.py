from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.chain.calls import fills_of
from bot.chain.devnet.accounts import COLLECTOR, INVESTOR, OWNER, anchorer_key, keeper_key
from bot.chain.devnet.batch import Batch, mine
from bot.chain.devnet.description import Deployed, load
from bot.chain.devnet.devnet import Devnet, attach, devnet
from bot.chain.devnet.protocols import INVENTORY
from bot.chain.multicall import Call, call_data, read
from bot.chain.reader import ChainReader
from bot.chain.rpc import quantity
from bot.chain.simulate import ChainPreviewer
from bot.core.mirror import BUDGET, MirrorStep
from bot.core.universe import Universe, Venue, idle
from bot.errors import ChainError, Reverted, RpcDown
from tests.chain.committing import carried_out, committed
from tests.chain.governance import configured
from tests.chain.worlds import (
    CAPITAL,
    DEPTH,
    LIMITS,
    MONEY,
    PRICES,
    START,
    UNIVERSE,
    moved,
    plan_for,
    spec_of,
    steps_between,
)

pytestmark = pytest.mark.fork

WIDEST = (4_295_128_740, 1461446703485210103287273052203988822378723970341)  # any legal price is inside


@pytest.fixture
async def chain(tmp_path: Path) -> AsyncIterator[Devnet]:
    async with devnet(spec_of(), tmp_path) as running:
        yield running


async def number(chain: Devnet, to: str, signature: str, *values: object, kind: str = "uint256") -> int:
    (value,) = await read(chain.rpc, Call(to, signature, values, (kind,)))
    return int(value)


def lines_of(run_dir: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (run_dir / "mirror.jsonl").read_text(encoding="utf-8").splitlines()]


def bar(at: int, seed: int, chain: Devnet) -> tuple[MirrorStep, ...]:
    return steps_between(chain.universe, at, PRICES, moved(PRICES, seed))


async def test_everything_is_where_the_description_says(chain: Devnet) -> None:
    deployed, universe = chain.description, chain.universe
    assert await chain.now() < START
    assert await number(chain, chain.vault, "totalAssets()") == CAPITAL
    assert await number(chain, chain.vault, "balanceOf(address)", INVESTOR) == CAPITAL * 10**6
    (adapters,) = await read(chain.rpc, Call(chain.vault, "venueList()", (), ("address[]",)))
    assert [adapter.lower() for adapter in adapters] == [venue.adapter.lower() for venue in universe.risky]
    for venue in universe.risky:
        assert int(venue.token.address, 16) < int(universe.money.address, 16)
        (token0,) = await read(chain.rpc, Call(venue.pool, "token0()", (), ("address",)))
        assert token0 == venue.token.address.lower()
        assert await number(chain, venue.pool, "fee()", kind="uint24") == venue.fee_pips
        assert await number(chain, venue.pool, "tickSpacing()", kind="int24") == venue.tick_spacing
        listed, known, cap, loss, group = await configured(chain, venue.id)
        assert (listed, known, cap) == (True, True, LIMITS.max_venue_bps + 100)
        assert LIMITS.max_loss_bps + 50 < loss <= 1_000
        assert await number(chain, chain.vault, "groupCapBps(uint32)", group, kind="uint16") == cap
        held = await number(chain, venue.token.address, "balanceOf(address)", deployed.market_maker)
        assert BUDGET < held < INVENTORY
        in_pool = await number(chain, universe.money.address, "balanceOf(address)", venue.pool)
        assert DEPTH * 45 // 100 < in_pool <= DEPTH // 2


async def test_uniswaps_own_contracts_work_on_it(chain: Devnet) -> None:
    protocols = chain.description.protocols
    assert protocols is not None
    money, weth = protocols.money, protocols.weth
    quote = Call(
        protocols.quoter,
        "quoteExactInputSingle((address,address,uint256,uint24,uint160))",
        ((weth, money, 10**18, 500, 0),),
        ("uint256", "uint160", "uint32", "uint256"),
    )
    expected = (await read(chain.rpc, quote))[0]
    assert 2_950 * 10**6 < expected < 3_000 * 10**6
    owner = await Batch.of(chain.rpc, OWNER)
    owner.call(weth, "deposit()", value=10**18)
    owner.call(weth, "approve(address,uint256)", (protocols.swap_router, 10**18))
    order = (weth, money, 500, OWNER, 10**18, expected, 0)
    signature = "exactInputSingle((address,address,uint24,address,uint256,uint256,uint160))"
    owner.call(protocols.swap_router, signature, (order,))
    before = await number(chain, money, "balanceOf(address)", OWNER)
    await mine(chain.rpc, owner.transactions)
    assert await number(chain, money, "balanceOf(address)", OWNER) == before + expected
    word = Call(
        protocols.tick_lens,
        "getPopulatedTicksInWord(address,int16)",
        (protocols.weth_pool, -347),
        ("(int24,int128,uint128)[]",),
    )
    assert (await read(chain.rpc, word))[0]
    for address in (protocols.permit2, protocols.position_manager):
        assert len(await chain.rpc.request("eth_getCode", [address, "latest"])) > 1_000


async def test_a_step_is_one_transaction_alone_in_one_block_at_its_time(chain: Devnet) -> None:
    steps = bar(START, 1, chain)
    before = quantity(await chain.rpc.request("eth_blockNumber", []))
    await chain.step(START, steps)
    block = await chain.rpc.request("eth_getBlockByNumber", ["latest", False])
    assert (quantity(block["number"]), quantity(block["timestamp"])) == (before + 1, START)
    assert len(block["transactions"]) == 1
    assert await chain.now() == START
    lines = lines_of(chain.run_dir)
    assert [(line["at"], line["block"], line["venue"]) for line in lines] == [
        (START, before + 1, move.venue) for move in steps
    ]
    market = await ChainReader(chain.rpc, chain.universe, chain.vault).market()
    for line, move in zip(lines, steps, strict=True):
        assert line["noise"] == [str(amount) for amount in move.noise]
        assert (line["low"], line["high"]) == (str(move.low_sqrt_x96), str(move.high_sqrt_x96))
        assert line["sqrt_price"] == str(market.pools[move.venue].sqrt_price_x96)
        assert isinstance(line["swaps"], list)
        assert line["swaps"][-1]["sqrt_price"] == line["sqrt_price"]


async def test_after_settling_the_mean_price_is_the_present_one_and_capital_moves(chain: Devnet) -> None:
    await chain.step(START, bar(START, 2, chain))
    await chain.settle()
    assert await chain.now() == START + chain.description.window
    reader = ChainReader(chain.rpc, chain.universe, chain.vault, chain.keeper)
    market = await reader.market()
    for venue in chain.universe.risky:
        mean = await number(chain, venue.adapter, "twapTick()", kind="int24")
        assert mean == market.pools[venue.id].tick
    receipt = await carried_out(chain, plan_for([0.2, 0.2, 0.2, 0.2], market, chain.universe))
    fills = fills_of(receipt["logs"], chain.universe)
    balances = await reader.balances(quantity(receipt["blockNumber"]))
    for fill in fills:
        assert balances["venue:" + fill.venue, chain.universe[fill.venue].token.address] == fill.received
    assert balances["idle", chain.universe.money.address] == CAPITAL - sum(fill.amount for fill in fills)
    # Time goes on from there, it does not fall back to the wall's.
    block = await chain.rpc.request("eth_getBlockByNumber", [receipt["blockNumber"], False])
    assert START + 1_800 <= quantity(block["timestamp"]) < START + 1_900
    assert 5 * 10**8 < quantity(block["baseFeePerGas"]) < 2 * 10**9


async def test_a_step_that_was_done_is_not_done_again_and_the_past_is_refused(chain: Devnet) -> None:
    steps = bar(START, 3, chain)
    await chain.step(START, steps)
    block = await chain.rpc.request("eth_blockNumber", [])
    await chain.step(START, steps)
    assert await chain.rpc.request("eth_blockNumber", []) == block
    with pytest.raises(ChainError, match=f"a market step at {START - 1} is not after the chain's time {START}"):
        await chain.step(START - 1, steps)
    assert len(lines_of(chain.run_dir)) == len(steps)


async def test_a_step_that_fails_changes_nothing(chain: Devnet) -> None:
    good, *_ = bar(START, 4, chain)
    inverted = replace(good, low_sqrt_x96=good.high_sqrt_x96 + 1, noise=())
    reader = ChainReader(chain.rpc, chain.universe, chain.vault)
    before = await reader.market()
    with pytest.raises(Reverted, match=r"the market step failed: BandInverted\(pool=0x"):
        await chain.step(START, (good, inverted))
    assert (await reader.market()).pools == before.pools
    assert not (chain.run_dir / "mirror.jsonl").exists()
    await chain.step(START + 1, (good,))


async def test_another_process_can_attach_and_go_on(chain: Devnet) -> None:
    await chain.step(START, bar(START, 5, chain))
    async with attach(chain.run_dir) as other:
        assert other.description == chain.description
        assert await other.now() == START
        await other.step(START, bar(START, 5, chain))
        await other.step(START + 21_600, bar(START + 21_600, 6, chain))
        await other.require_alive()
    assert await chain.now() == START + 21_600
    assert len(lines_of(chain.run_dir)) == 2 * len(chain.universe.risky)


async def test_a_crash_before_the_step_is_mined_leaves_it_to_be_done(chain: Devnet) -> None:
    steps = bar(START, 7, chain)
    packed = [(chain.universe[move.venue].pool, list(move.noise), *WIDEST) for move in steps]
    data = "0x" + call_data("step((address,int256[],uint160,uint160)[])", (packed,)).hex()
    order = {"from": OWNER, "to": chain.description.market_maker, "data": data, "gas": hex(10**7)}
    await chain.rpc.request("evm_setAutomine", [False])
    await chain.rpc.request("eth_sendTransaction", [order])
    await chain.rpc.request("eth_sendTransaction", [{"from": COLLECTOR, "to": COLLECTOR, "value": "0x1"}])
    async with attach(chain.run_dir / "devnet.json") as survivor:
        assert await survivor.now() < START
        await survivor.step(START, steps)
        block = await survivor.rpc.request("eth_getBlockByNumber", ["latest", False])
        assert len(block["transactions"]) == 1
    assert [line["low"] for line in lines_of(chain.run_dir)] == [str(move.low_sqrt_x96) for move in steps]


async def test_a_crash_between_block_and_log_is_repaired_from_the_chain(chain: Devnet) -> None:
    await chain.step(START, bar(START, 8, chain))
    await chain.step(START + 21_600, bar(START + 21_600, 9, chain))
    path = chain.run_dir / "mirror.jsonl"
    whole = path.read_text(encoding="utf-8")
    first = "".join(whole.splitlines(keepends=True)[:4])
    for remains in ("", first, first + whole.splitlines()[4][:50], first + whole.splitlines()[4] + "\n"):
        path.write_text(remains, encoding="utf-8")
        async with attach(chain.run_dir, recover=False):
            assert path.read_text(encoding="utf-8") == remains
        async with attach(chain.run_dir):
            assert path.read_text(encoding="utf-8") == whole


async def test_the_description_survives_its_file_and_holds_no_key(chain: Devnet) -> None:
    assert Deployed.from_json(chain.description.to_json()) == chain.description
    assert load(chain.run_dir) == (chain.description, chain.run_dir)
    for key in (keeper_key(), anchorer_key()):
        assert key[2:] not in (chain.run_dir / "devnet.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "no devnet is described there"),
        ("{", "not a description of a devnet"),
        ("{}", "not a description of a devnet"),
        ('{"universe": 1, "more": 2}', "unknown fields"),
    ],
)
async def test_a_bad_description_is_one_line(tmp_path: Path, text: str | None, told: str) -> None:
    if text is not None:
        (tmp_path / "devnet.json").write_text(text, encoding="utf-8")
    with pytest.raises(ChainError, match=told):
        async with attach(tmp_path):
            pass


async def test_a_devnet_that_is_gone_is_one_line(tmp_path: Path) -> None:
    async with devnet(spec_of(), tmp_path) as chain:
        host = chain.rpc.host
    with pytest.raises(RpcDown, match=f"{host}: nobody answers"):
        async with attach(tmp_path):
            pass


async def test_a_dead_upstream_is_named(tmp_path: Path) -> None:
    async with devnet(spec_of(), tmp_path) as chain:
        await chain.require_alive()
        assert chain._beneath is not None
        beneath = chain._beneath
        ended = beneath._explain
        assert ended is not None
        await ended.__self__._end()  # type: ignore[attr-defined]
        with pytest.raises(ChainError, match=r"upstream \(anvil\) has ended"):
            await chain.require_alive()


async def test_a_venue_without_a_price_is_named(tmp_path: Path) -> None:
    with pytest.raises(ChainError, match="frames: no price to start its pool at"):
        async with devnet(
            spec_of(prices={name: price for name, price in PRICES.items() if name != "frames"}), tmp_path
        ):
            pass


async def test_two_venues_of_one_asset_share_its_token(tmp_path: Path) -> None:
    cheap, dear = (
        Venue(name, "uniswap_v3_hold", "render", UNIVERSE["render"].token, fee, spacing)
        for name, fee, spacing in (("cheap", 500, 10), ("dear", 10_000, 200))
    )
    both = Universe(MONEY, (idle(MONEY), cheap, dear))
    async with devnet(spec_of(universe=both, prices={"cheap": 2.0, "dear": 2.0}), tmp_path) as chain:
        assert chain.universe["cheap"].token == chain.universe["dear"].token
        assert chain.universe["cheap"].pool != chain.universe["dear"].pool


async def test_a_devnet_of_our_own_has_nobody_to_follow(chain: Devnet) -> None:
    with pytest.raises(ChainError, match="no upstream node to follow"):
        await chain.follow_upstream()


async def test_blocks_that_are_waited_for_come(chain: Devnet) -> None:
    head = quantity(await chain.rpc.request("eth_blockNumber", []))
    await chain.reach(head)
    assert quantity(await chain.rpc.request("eth_blockNumber", [])) == head
    await chain.reach(head + 3)
    assert quantity(await chain.rpc.request("eth_blockNumber", [])) == head + 3


async def test_a_shallow_pool_takes_a_small_part_of_its_depth_and_no_more(tmp_path: Path) -> None:
    async with devnet(spec_of(depth=400_000 * 10**6), tmp_path) as chain:
        await chain.step(START, bar(START, 2, chain))
        await chain.settle()
        reader = ChainReader(chain.rpc, chain.universe, chain.vault)
        market = await reader.market()
        room = market.room["render"]
        assert CAPITAL // 20 < room < CAPITAL // 10
        plan = plan_for([0.2, 0.0, 0.0, 0.0], market, chain.universe)
        assert plan.legs[0].amount <= room
        beyond = replace(plan, legs=(replace(plan.legs[0], amount=room * 12 // 10, min_received=1),))
        allowed = await committed(chain, beyond)
        previewer = ChainPreviewer(chain.rpc, chain.universe, chain.vault, chain.keeper)
        preview = await previewer.preview(beyond, await reader.market(), allowed)
        assert preview.reason.startswith("OverDepth(venue=render, "), preview
