"""The chain that a run deploys on: which one, what is built there, the ports over it, and books compared with it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.config import Config
from bot.core.forecast import forecasts_of
from bot.core.market import Market
from bot.core.mirror import first_prices
from bot.core.panel import Floats, Panel
from bot.core.plan import Plan
from bot.core.postings import NATIVE
from bot.core.score import Scores
from bot.core.universe import Universe
from bot.errors import ConfigError
from bot.loading import Loaded, refuse_beyond_the_vault, rpc_url
from bot.ports import Previewer
from bot.settings import MONEY_DECIMALS

if TYPE_CHECKING:
    from bot.chain.commitment import Decision
    from bot.chain.devnet.devnet import Devnet, DevnetSpec
    from bot.chain.devnet.fork_market import ForkMarket
    from bot.chain.reader import ChainReader
    from bot.execution.anchoring import Anchoring
    from bot.execution.outbox import Outbox
    from bot.ledger.journal import SqliteJournal
    from bot.provenance.recipe import Recipe


@dataclass(frozen=True, slots=True)
class OnChain:
    """What a run needs of a chain."""

    reader: ChainReader
    market: ForkMarket
    committer: Anchoring
    previewer: Previewer
    executor: Outbox


async def on_chain(chain: Devnet, run_dir: Path, journal: SqliteJournal, recipe: Recipe) -> OnChain:
    """Reader, previewer, and the two keys that sign: the keeper's, and the anchorer's that commits beforehand.

    `recipe`: by which this run scores and decides; every decision is kept with the rows that it was applied to.
    """
    from eth_account import Account

    from bot.chain.artefacts import abi
    from bot.chain.calls import allocate_calldata, anchor_calldata, fills_of
    from bot.chain.commitment import Place, decision_of
    from bot.chain.devnet.accounts import anchorer_key, keeper_key
    from bot.chain.devnet.fork_market import ForkMarket
    from bot.chain.reader import ChainReader
    from bot.chain.simulate import ChainPreviewer
    from bot.chain.vault_state import anchor_blocks
    from bot.execution.anchoring import Anchorage, Anchoring
    from bot.execution.outbox import Outbox
    from bot.execution.sender import Sender
    from bot.provenance.basis import basis_of

    rpc, universe, vault, deployed = chain.rpc, chain.universe, chain.vault, chain.description
    chain_id, vault_abi = universe.money.chain_id, abi("Vault")
    place = Place(chain_id, vault, deployed.decisions, deployed.anchorer)
    reader = ChainReader(rpc, universe, vault, deployed.keeper, deployed.anchorer)

    async def blocks() -> int:
        return await anchor_blocks(rpc, vault)

    def decide(
        plan: Plan, panel: Panel, scores: Scores, target: Floats, expiry: int
    ) -> tuple[Decision, Mapping[str, bytes]]:
        basis = basis_of(panel, recipe)
        told = forecasts_of(universe, panel, scores, target, plan, basis.inputs, basis.recipe_digest)
        return decision_of(place, universe, plan, told, expiry, basis.facts()), basis.files

    return OnChain(
        reader=reader,
        market=ForkMarket(chain, reader, await chain.now()),
        committer=Anchoring(
            Sender(rpc, chain_id, deployed.decisions, Account.from_key(anchorer_key())),
            decide,
            Anchorage(anchor_calldata, blocks, chain.reach),
            run_dir,
            journal.post,
        ),
        previewer=ChainPreviewer(rpc, universe, vault, deployed.keeper, reader.told),
        executor=Outbox(
            rpc,
            chain_id,
            vault,
            Account.from_key(keeper_key()),
            calldata=lambda plan, commitment: allocate_calldata(plan, universe, vault_abi, commitment, reader.told),
            fills=lambda logs: fills_of(logs, universe),
        ),
    )


class Comparison:
    """Books and chain made comparable, then compared: what others did to the vault is booked, anchors are settled."""

    def __init__(self, chain: Devnet, ports: OnChain, journal: SqliteJournal) -> None:
        from bot.chain.flows import Flows

        self._flows = Flows(chain.rpc, chain.universe, chain.vault, chain.description.block, journal.post)
        self._universe, self._ports, self._journal = chain.universe, ports, journal

    async def __call__(self) -> None:
        """Returns when they are equal, and keeps what positions are worth. Raises LedgerMismatch, ChainError."""
        unsettled = await self._ports.committer.settle()
        market = await self._ports.reader.market()
        await self._flows.follow(market.block)
        # An anchor whose end is not known may be paid for at any moment.
        unknown = {"anchorer"} if unsettled else set()
        await compare_with_chain(self._journal, self._universe, self._ports.reader, market, unknown)
        worth = {venue.id: market.value(self._universe, venue.id) for venue in self._universe.risky}
        await self._journal.value(market.block, market.time, worth)


def chain_of(loaded: Loaded, run_dir: Path) -> AbstractAsyncContextManager[Devnet]:
    """The devnet of this run: the one named by --devnet, or a new one of its own."""
    from bot.chain.devnet.devnet import attach, devnet

    refuse_beyond_the_vault(loaded)
    if loaded.options.devnet is not None:
        return attach(loaded.options.devnet)
    return devnet(devnet_spec(loaded), run_dir)


def devnet_spec(loaded: Loaded) -> DevnetSpec:
    """What devnet to build: pools at the prices of the first bar, or the node's own pools."""
    from bot.chain.devnet.devnet import DevnetSpec

    config, panel = loaded.config, loaded.panel
    row = first_row(loaded)
    prices = first_prices(loaded.universe, panel, row)
    missing = [venue.id for venue in loaded.universe.risky if venue.id not in prices]
    if missing:
        raise ConfigError(
            f"{loaded.options.config}: venues.{missing[0]}: no price from the first bar on, so no pool can be made"
        )
    return DevnetSpec(
        universe=loaded.universe,
        prices=prices,
        depth=config.devnet.depth.raw(MONEY_DECIMALS),
        capital=config.capital.raw(MONEY_DECIMALS),
        max_venue_bps=config.limits.max_venue,
        max_loss_bps=config.limits.max_loss,
        min_idle_bps=config.limits.min_idle,
        max_turnover_bps=config.policy.max_turnover,
        every=config.every,
        drawdown_bps=config.policy.drawdown_brake,
        unpriced=unpriced_of(config),
        start=int(panel.times[row]),
        rpc_url=rpc_url() if config.chain != "devnet" else None,
        node_chain_id=expected_chain_id(config),
        pools={name: venue.pool for name, venue in config.venues.items() if venue.pool is not None},
    )


def unpriced_of(config: Config) -> int:
    """Money that may go per day into venues without a price, raw: a twentieth of the capital if the file is silent."""
    said = config.limits.unpriced
    return said.raw(MONEY_DECIMALS) if said is not None else config.capital.raw(MONEY_DECIMALS) // 20


def expected_chain_id(config: Config) -> int | None:
    """The id of the chain that the strategy file names; None for the devnet, which is made here."""
    from bot.chain.addresses import book

    return book(config.chain).chain_id if config.chain != "devnet" else None


def first_row(loaded: Loaded) -> int:
    """The row at which the made market opens: the schedule's first bar, or the newest bar that has closed."""
    if loaded.schedule is not None:
        return loaded.schedule.rows.start
    now = int(datetime.now(UTC).timestamp())
    return max(0, int(loaded.panel.times.searchsorted(now, side="right")) - 1)


async def identity_of(chain: Devnet) -> Any:
    """What ties a ledger to one chain: its id, the vault, and the block at which the vault was in place."""
    from bot.chain.reader import head_of
    from bot.ledger.connection import ChainIdentity

    anchor = await head_of(chain.rpc, chain.description.block)
    return ChainIdentity(chain.description.chain_id, anchor.hash, chain.vault, chain.description.block)


@contextlib.asynccontextmanager
async def pools_of(node: str, loaded: Loaded) -> AsyncIterator[tuple[Universe, ChainReader]]:
    """The pools that the file names, as the node's chain knows them, and a reader of them. Raises ChainError."""
    from bot.chain.devnet.upstream import universe_of
    from bot.chain.reader import ChainReader
    from bot.chain.rpc import Rpc

    pools = {name: venue.pool for name, venue in loaded.config.venues.items() if venue.pool is not None}
    async with await Rpc.connect(node, expected_chain_id(loaded.config)) as rpc:
        universe = await universe_of(rpc, loaded.universe, pools)
        yield universe, ChainReader(rpc, universe, "")


async def require_books_equal(
    journal: SqliteJournal, universe: Universe, market: Market, wei: Mapping[str, int] | None = None
) -> None:
    """Raises LedgerMismatch unless the books say what `market` says, and the wei of those who pay for gas, if given."""
    from bot.ledger.reconcile import ChainBalances, require_equal

    require_equal(await journal.balances(), ChainBalances.of(market, universe, wei))


async def compare_with_chain(
    journal: SqliteJournal,
    universe: Universe,
    reader: ChainReader,
    market: Market | None = None,
    unknown: set[str] | None = None,
) -> Market:
    """The market at the block at which books and chain were found equal. Raises LedgerMismatch, ChainError.

    `market`: where they are compared, now if not given. `unknown`: accounts about which the chain may still decide.
    """
    seen = await reader.market() if market is None else market
    found = await reader.balances(seen.block)
    wei = {name: held for (name, token), held in found.items() if token == NATIVE and name not in (unknown or ())}
    await require_books_equal(journal, universe, seen, wei)
    return seen
