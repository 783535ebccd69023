"""A devnet: real protocols on a local upstream, a fork of it, our vault on the fork, and a market that follows prices.

With the URL of a node the fork is of that node instead; everything after that is the same code.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from bot.chain.devnet import market, upstream
from bot.chain.devnet.accounts import CURATOR, GUARDIAN, INVESTOR, KEEPER, OWNER
from bot.chain.devnet.batch import Batch, mine
from bot.chain.devnet.description import MIRROR_FILE, Deployed, load
from bot.chain.devnet.protocols import Protocols, deploy
from bot.chain.devnet.supervisor import Anvil
from bot.chain.rpc import Rpc, quantity
from bot.core.mirror import MirrorStep
from bot.core.units import BPS
from bot.core.universe import Universe
from bot.errors import ChainError

DAY = 86_400
BASE_FEE = 10**9  # wei per gas, held steady at each step: gas bills stay comparable over a long run
_MAX_LOSS_BPS = 1_000  # the contract allows no looser loss limit


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

    async def recover(self) -> None:
        """Undoes what a crash in the middle of a step leaves behind, and completes the market's log."""
        await self.rpc.request("anvil_removePoolTransactions", [self.description.owner])
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
            protocols, universe = await deploy(first.rpc, spec.universe, spec.prices, spec.depth)
            fork = await stack.enter_async_context(Anvil.fork("fork", run_dir, first.url))
            deployed = await _vault(fork, spec, universe, protocols)
            yield _ready(Devnet(fork.rpc, deployed, run_dir, beneath=first.rpc))
        else:
            node = await stack.enter_async_context(await Rpc.connect(spec.rpc_url, spec.node_chain_id))
            universe = await upstream.universe_of(node, spec.universe, spec.pools)
            fork = await stack.enter_async_context(Anvil.fork("fork", run_dir, spec.rpc_url))
            await upstream.prepare_accounts(fork.rpc)
            deployed = await _vault(fork, spec, universe, None)
            yield _ready(Devnet(fork.rpc, deployed, run_dir, node=node))


@asynccontextmanager
async def attach(path: Path, recover: bool = True) -> AsyncIterator[Devnet]:
    """The devnet described at `path` (file or run directory), whose processes somebody else owns. Raises ChainError.

    `recover`: True for the one who moves the market from here on, after a crash of the one who did; False to look only.
    """
    deployed, run_dir = load(path)
    async with await Rpc.connect(deployed.rpc_url, deployed.chain_id) as rpc:
        found = Devnet(rpc, deployed, run_dir)
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


async def _vault(fork: Anvil, spec: DevnetSpec, universe: Universe, protocols: Protocols | None) -> Deployed:
    """Our contracts on the fork, configured, with the investor's capital inside."""
    rpc, money = fork.rpc, universe.money.address
    curator, owner, investor = [await Batch.of(rpc, account) for account in (CURATOR, OWNER, INVESTOR)]
    roles = (CURATOR, GUARDIAN, KEEPER)
    vault = curator.create("Vault", (money, "Patron", "PTRN", *roles, spec.min_idle_bps))
    risky = []
    for venue in universe.risky:
        adapter = curator.create("UniswapV3Hold", (vault, venue.pool, spec.window, spec.max_tick_deviation))
        # The contract is a second risk engine: slightly looser than the first, so that it only speaks when that failed.
        cap, loss = min(BPS, spec.max_venue_bps + 100), min(_MAX_LOSS_BPS, spec.max_loss_bps + 50)
        curator.call(vault, "setVenue(address,uint16,uint16)", (adapter, cap, loss))
        risky.append(replace(venue, adapter=adapter))
    if protocols is not None:
        maker = protocols.market_maker
        owner.call(money, "mint(address,uint256)", (INVESTOR, spec.capital))
    else:
        maker = owner.create("MarketMaker", (OWNER,))
        await upstream.fund(rpc, universe, INVESTOR, spec.capital, maker)
    await mine(rpc, curator.transactions + owner.transactions)
    investor.call(money, "approve(address,uint256)", (vault, spec.capital))
    investor.call(vault, "deposit(uint256,address)", (spec.capital, INVESTOR), gas=3_000_000)
    receipts = await mine(rpc, investor.transactions)
    block = quantity(receipts[-1]["blockNumber"])
    head = await rpc.request("eth_getBlockByNumber", [hex(block), False])
    return Deployed(
        rpc_url=fork.url,
        chain_id=rpc.chain_id,
        universe=Universe(universe.money, (universe.venues[0], *risky)),
        vault=vault,
        keeper=KEEPER,
        curator=CURATOR,
        guardian=GUARDIAN,
        investor=INVESTOR,
        owner=OWNER,
        market_maker=maker,
        capital=spec.capital,
        start=spec.start if protocols is not None else quantity(head["timestamp"]),
        window=spec.window,
        block=block,
        protocols=protocols,
    )
