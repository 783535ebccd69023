"""A devnet: real protocols on a local upstream, a fork of it, our vault on the fork, and a market that follows prices.

With the URL of a node the fork is of that node instead; everything after that is the same code.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from bot.chain.code_check import require_same_code
from bot.chain.devnet import market, upstream
from bot.chain.devnet.accounts import ANCHORER, COLLECTOR, CURATOR, DEPLOYER, ESCROW, GUARDIAN, INVESTOR, KEEPER, OWNER
from bot.chain.devnet.adapters import Site
from bot.chain.devnet.batch import Batch, mine
from bot.chain.devnet.deployment import Deployment, Roles
from bot.chain.devnet.description import MIRROR_FILE, Deployed, load
from bot.chain.devnet.limits import DAY, DELAY, DEPTH_BAND, Said, price_rules
from bot.chain.devnet.studio import place_bids, use
from bot.chain.devnet.supervisor import Anvil
from bot.chain.devnet.witnesses import found_on, seeded
from bot.chain.devnet.worlds import World, make_world, studio_of
from bot.chain.devnet.zora import coin_ranges
from bot.chain.multicall import Call, aggregate
from bot.chain.rpc import Rpc, quantity
from bot.core.mirror import MirrorStep
from bot.core.universe import NFT, ZORA, Universe, Venue
from bot.errors import ChainError

BASE_FEE = 10**9  # wei per gas, held steady at each step: gas bills stay comparable over a long run
MIN_AGE = 3_600  # seconds before an adapter of our own upstream is priced; its first bar is hours after it is made


ROLES = Roles(
    deployer=DEPLOYER,
    curator=CURATOR,
    guardian=GUARDIAN,
    keeper=KEEPER,
    anchorer=ANCHORER,
    escrow=ESCROW,
    delay=DELAY,
    holders=(INVESTOR,),
)


@dataclass(frozen=True, slots=True)
class DevnetSpec:
    """What to build. Money in raw units, times in unix seconds, prices in money per whole token.

    `universe` gives ids, assets, fees and spacings; its token addresses are placeholders. `rpc_url` and `pools` (venue
    id -> pool address) fork a node instead of our own upstream; prices, depth and start then come from that node.
    """

    universe: Universe
    prices: Mapping[str, float]
    depth: int
    capital: int
    max_venue_bps: int
    max_loss_bps: int
    min_idle_bps: int
    start: int
    max_turnover_bps: int = 2_000  # one-way, per cycle
    every: int = DAY  # seconds between cycles
    drawdown_bps: int = 3_500  # at which the policy's own brake stops entries
    unpriced: int = 0  # money per day into venues without a price
    window: int = 1_800
    max_tick_deviation: int = 500
    rpc_url: str | None = None
    node_chain_id: int | None = None  # that the node must speak for
    pools: Mapping[str, str] = field(default_factory=dict)


class Devnet:
    """A running devnet, seen through the fork that the bot trades on."""

    def __init__(
        self,
        rpc: Rpc,
        description: Deployed,
        run_dir: Path,
        node: Rpc | None = None,
        beneath: Rpc | None = None,
    ) -> None:
        """`node`: somebody's node that is forked; `beneath`: our own upstream. At most one of them is given."""
        self.rpc = rpc
        self.description = description
        self.run_dir = run_dir
        self._node, self._beneath = node, beneath
        self._log = market.MarketLog(run_dir / MIRROR_FILE, description.universe, description.market_maker)

    @property
    def universe(self) -> Universe:
        """Venues with their real tokens, pools and adapters."""
        return self.description.universe

    @property
    def vault(self) -> str:
        return self.description.vault

    @property
    def keeper(self) -> str:
        return self.description.keeper

    @property
    def anchorer(self) -> str:
        return self.description.anchorer

    async def now(self) -> int:
        """Time of the newest block, unix seconds."""
        head = await self.rpc.request("eth_getBlockByNumber", ["latest", False])
        return quantity(head["timestamp"])

    async def require_alive(self) -> None:
        """Raises ChainError, with the last line of its output, when one of our nodes has ended or does not answer."""
        for rpc in (self._beneath, self.rpc):
            if rpc is not None:
                await rpc.request("eth_chainId", [])

    async def step(self, at: int, steps: Sequence[MirrorStep]) -> None:
        """Moves the market: all `steps` in one transaction, alone in one block at unix second `at`.

        All or nothing, so after a crash `now() >= at` means that it was done; asking again for a step that was done
        does nothing. Raises ChainError when `at` is past, when a swap fails, or when a pool misses its band.
        """
        if at in self._log.done or not steps:
            return
        now = await self.now()
        if at <= now:
            raise ChainError(f"a market step at {at} is not after the chain's time {now}")
        await self._steady_base_fee()
        deployed = self.description
        await market.step(self.rpc, self._log, deployed.owner, deployed.market_maker, self.universe, at, steps)
        if deployed.songs and deployed.protocols is not None:
            adapters = {venue.id: venue.adapter for venue in self.universe.risky}
            await use(self.rpc, studio_of(deployed.protocols), deployed.songs, deployed.vault, adapters)

    async def settle(self, seconds: int | None = None) -> None:
        """One empty block `seconds` later (default: the TWAP window), so that the mean price is the present one."""
        later = await self.now() + (self.description.window if seconds is None else seconds)
        await self._steady_base_fee()
        await self.rpc.request("evm_mine", [{"timestamp": hex(later)}])

    async def follow_upstream(self) -> None:
        """Trades each pool to the upstream node's present price. Only on a fork of a node, by its owner."""
        if self._node is None:
            raise ChainError("this devnet has no upstream node to follow")
        moves, deployed = await upstream.moves(self._node, self.rpc, self.universe), self.description
        if moves:  # the fork of a live node keeps to the wall's time by itself
            await market.step(self.rpc, self._log, deployed.owner, deployed.market_maker, self.universe, None, moves)

    async def reach(self, block: int) -> None:
        """Empty blocks until the newest has this number: here blocks come with trades only."""
        while quantity(await self.rpc.request("eth_blockNumber", [])) < block:
            await self.settle(1)

    async def recover(self) -> None:
        """Undoes what a crash in the middle of a step leaves behind, and completes the market's log."""
        for sender in (self.description.owner, COLLECTOR):  # who pays for uses at each step
            await self.rpc.request("anvil_removePoolTransactions", [sender])
        await self.rpc.request("evm_setAutomine", [True])
        await self._log.repair(self.rpc, self.description.block)

    async def _steady_base_fee(self) -> None:
        if self.description.protocols is not None:
            await self.rpc.request("anvil_setNextBlockBaseFeePerGas", [hex(BASE_FEE)])


@asynccontextmanager
async def devnet(spec: DevnetSpec, run_dir: Path) -> AsyncIterator[Devnet]:
    """A new devnet whose processes end with this context; its description is ``<run_dir>/devnet.json``.

    Raises ChainError: something is not installed, the node does not answer, a named pool is not what it should be.
    """
    _prepare(run_dir)
    async with AsyncExitStack() as stack:
        if spec.rpc_url is None:
            first = await stack.enter_async_context(Anvil.local("upstream", run_dir, spec.start - DAY))
            world = await make_world(first.rpc, spec.universe, spec.prices, spec.depth)
            fork = await stack.enter_async_context(Anvil.fork("fork", run_dir, first.url))
            deployed = await _deployed(fork, spec, world.universe, world)
            yield _ready(Devnet(fork.rpc, deployed, run_dir, beneath=first.rpc))
        else:
            node = await stack.enter_async_context(await Rpc.connect(spec.rpc_url, spec.node_chain_id))
            universe = await upstream.universe_of(node, spec.universe, spec.pools)
            fork = await stack.enter_async_context(Anvil.fork("fork", run_dir, spec.rpc_url))
            await upstream.prepare_accounts(fork.rpc)
            deployed = await _deployed(fork, spec, universe, None)
            yield _ready(Devnet(fork.rpc, deployed, run_dir, node=node))


@asynccontextmanager
async def attach(path: Path, recover: bool = True) -> AsyncIterator[Devnet]:
    """The devnet described at `path` (file or run directory), whose processes somebody else owns.

    Raises ChainError, also where its contracts are not those of this build.

    `recover`: True for the one who moves the market from here on, after a crash of the one who did; False to look only.
    """
    deployed, run_dir = load(path)
    async with await Rpc.connect(deployed.rpc_url, deployed.chain_id) as rpc:
        found = Devnet(rpc, deployed, run_dir)
        await require_same_code(rpc, deployed.suite.contracts(deployed.universe.risky))
        if recover:
            await found.recover()
        yield found


def _prepare(run_dir: Path) -> None:
    """An existing folder without an older devnet's market in it."""
    run_dir.mkdir(parents=True, exist_ok=True)
    (run_dir / MIRROR_FILE).unlink(missing_ok=True)


def _ready(found: Devnet) -> Devnet:
    found.description.write(found.run_dir)
    return found


async def _deployed(fork: Anvil, spec: DevnetSpec, universe: Universe, world: World | None) -> Deployed:
    """Our contracts on the fork, configured, with the investor's capital inside."""
    rpc, money = fork.rpc, universe.money.address
    deployer, owner, investor = [await Batch.of(rpc, account) for account in (DEPLOYER, OWNER, INVESTOR)]
    protocols = world.protocols if world is not None else None
    if protocols is not None:
        maker = protocols.market_maker
        witnesses = seeded(universe, spec.prices, spec.depth, maker)
        owner.call(money, "mint(address,uint256)", (INVESTOR, spec.capital))
    else:
        maker = owner.create("MarketMaker", (OWNER,))
        witnesses = await found_on(rpc, universe, DEPTH_BAND)
        await upstream.fund(rpc, universe, INVESTOR, spec.capital, maker)
    said = said_of(spec)
    deployment = Deployment(deployer, universe.money, ROLES, said)
    risky = []
    for venue in universe.risky:
        # On a fork of a node the pools are older than we can know, and the first cycle does not wait.
        rules = price_rules(said, venue, spec.window, spec.max_tick_deviation, MIN_AGE if protocols is not None else 0)
        ranges = await coin_ranges(rpc, venue.token.address) if venue.kind == ZORA else ()
        site = Site(deployment.suite.vault, venue, rules, witnesses.get(venue.id, ()), protocols, ranges)
        risky.append(replace(venue, adapter=deployment.venue(site)))
    suite = deployment.finish(risky)
    await mine(rpc, deployer.transactions + owner.transactions)
    investor.call(money, "approve(address,uint256)", (suite.vault, spec.capital))
    investor.call(suite.vault, "deposit(uint256,address)", (spec.capital, INVESTOR), gas=3_000_000)
    receipts = await mine(rpc, investor.transactions)
    for venue in risky:
        if venue.kind == NFT:
            await place_bids(rpc, venue, universe.money, spec.prices[venue.id])
    block = quantity(receipts[-1]["blockNumber"])
    head = await rpc.request("eth_getBlockByNumber", [hex(block), False])
    return Deployed(
        rpc_url=fork.url,
        chain_id=rpc.chain_id,
        universe=Universe(universe.money, (universe.venues[0], *risky)),
        **asdict(suite),
        keeper=KEEPER,
        anchorer=ANCHORER,
        curator=CURATOR,
        guardian=GUARDIAN,
        investor=INVESTOR,
        owner=OWNER,
        market_maker=maker,
        capital=spec.capital,
        start=spec.start if protocols is not None else quantity(head["timestamp"]),
        window=spec.window,
        block=block,
        unvouched=await _unvouched(rpc, risky) if protocols is None else (),
        protocols=protocols,
        songs=world.songs if world is not None else (),
    )


async def _unvouched(rpc: Rpc, venues: Sequence[Venue]) -> tuple[str, ...]:
    """Venues whose adapter does not find enough liquidity, independent and of several owners, to be priced."""
    answers = await aggregate(rpc, [Call(venue.adapter, "priced()", (), ("bool",)) for venue in venues])
    return tuple(venue.id for venue, answer in zip(venues, answers, strict=True) if answer is None or not answer[0])


def said_of(spec: DevnetSpec) -> Said:
    """What the vault's limits follow from."""
    return Said(
        capital=spec.capital,
        max_venue_bps=spec.max_venue_bps,
        max_loss_bps=spec.max_loss_bps,
        min_idle_bps=spec.min_idle_bps,
        max_turnover_bps=spec.max_turnover_bps,
        every=spec.every,
        drawdown_bps=spec.drawdown_bps,
        unpriced=spec.unpriced,
    )
