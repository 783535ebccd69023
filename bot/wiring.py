"""The composition root: a strategy file and a few options become ports. The only file that knows everyone."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.certificates import Standing
from bot.config import Config
from bot.core.market import Market
from bot.core.mirror import first_prices
from bot.core.postings import deposit
from bot.core.universe import LP, Universe
from bot.daemon import Pace, Session
from bot.errors import ConfigError, RefusedError
from bot.loading import (
    Loaded,
    Options,
    refuse_beyond_the_vault,
    refuse_historical_node,
    rpc_url,
)
from bot.paper import PaperMarket, Past, made_market
from bot.ports import Ports, Scorer, SignalFeed
from bot.replay import Following, MovedMarket, follow_bars
from bot.scorers import scorer_of
from bot.settings import MONEY_DECIMALS, mirror_params, settings_of
from bot.standing import continued, keep

if TYPE_CHECKING:
    from bot.chain.devnet.devnet import Devnet, DevnetSpec
    from bot.chain.reader import ChainReader
    from bot.ledger.journal import SqliteJournal
    from bot.signals.feed import CatalogueFeed, RefreshingFeed

Tell = Callable[[str], None]


def pace_of(loaded: Loaded) -> Pace:
    """When this run's cycles happen."""
    config = loaded.config
    return Pace(
        schedule=loaded.schedule,
        every=config.every,
        debounce=config.debounce,
        wake_on=config.wake_on if loaded.schedule is None else (),
        cycles=loaded.options.cycles,
    )


def new_run_dir(options: Options, config: Config) -> Path:
    """The data directory of this run: the one named, or a new folder under ``runs/``."""
    if options.data_dir is not None:
        return options.data_dir
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    return Path("runs") / f"{stamp}-{config.strategy.name}-{secrets.token_hex(2)}"


@contextlib.asynccontextmanager
async def session(loaded: Loaded, run_dir: Path, tell: Tell, standing: Standing) -> AsyncIterator[Session]:
    """Everything a daemon needs, started in order and stopped in reverse: lock, market, ledger, ports.

    `standing`: what the run deploys under; it is left in the run's folder once it may deploy, and before it does.
    """
    from bot.ledger.lock import data_dir_lock

    refuse_beyond_the_vault(loaded)
    refuse_historical_node(loaded)
    scorer = scorer_of(loaded.config, loaded.uses_scores, standing)
    with data_dir_lock(run_dir):
        build = _paper if loaded.mode == "paper" else _fork
        async with build(loaded, run_dir, tell, scorer) as built:
            keep(continued(standing, run_dir), run_dir)  # asked again: another run may have ended here meanwhile
            yield built


@contextlib.asynccontextmanager
async def _fork(loaded: Loaded, run_dir: Path, tell: Tell, scorer: Scorer) -> AsyncIterator[Session]:
    from eth_account import Account

    from bot.chain.artefacts import abi
    from bot.chain.calls import allocate_calldata, fills_of
    from bot.chain.devnet.accounts import keeper_key
    from bot.chain.devnet.fork_market import ForkMarket
    from bot.chain.reader import ChainReader
    from bot.chain.simulate import ChainPreviewer
    from bot.execution.outbox import Outbox
    from bot.ledger.journal import open_ledger

    config = loaded.config
    async with chain_of(loaded, run_dir) as chain:
        if loaded.options.uncertified and chain.description.protocols is None:
            raise RefusedError(f"{loaded.options.devnet}: a fork of a node, and --uncertified is for the devnet alone")
        universe = chain.universe
        settings = settings_of(config, universe, loaded.options.config)
        where = f"chain {chain.description.chain_id}, fork at {chain.rpc.host}"
        tell(f"vault {chain.vault} with {len(universe.risky)} venues on {where}")
        async with open_ledger(run_dir, await identity_of(chain)) as journal:
            reader = ChainReader(chain.rpc, universe, chain.vault, chain.keeper)
            market = ForkMarket(chain, reader, await chain.now())
            feed = _feed(loaded, universe)
            vault_abi = abi("Vault")
            ports = Ports(
                clock=market,
                feed=feed,
                scorer=scorer,
                reader=market,
                previewer=ChainPreviewer(chain.rpc, universe, chain.vault, chain.keeper),
                executor=Outbox(
                    chain.rpc,
                    universe.money.chain_id,
                    chain.vault,
                    Account.from_key(keeper_key()),
                    calldata=lambda plan: allocate_calldata(plan, universe, vault_abi),
                    fills=lambda logs: fills_of(logs, universe),
                ),
                journal=journal,
            )
            await journal.post("opening", 0, deposit(universe, chain.description.capital))
            await journal.post("keeper gas", 0, await market.keeper_opening())
            await journal.name_tokens([universe.money, *(venue.token for venue in universe.risky)])

            async def reconcile() -> None:
                await compare_with_chain(journal, universe, reader)

            yield Session(
                mode=loaded.mode,
                described=f"the chain (vault {chain.vault})",
                settings=settings,
                ports=ports,
                books=journal,
                environment=market,
                following=_following(loaded, feed, universe, market, chain if rpc_url() else None),
                mirror=mirror_params(config),
                reconcile=reconcile,
                newest_signal=feed.newest_signal,
            )


@contextlib.asynccontextmanager
async def _paper(loaded: Loaded, run_dir: Path, tell: Tell, scorer: Scorer) -> AsyncIterator[Session]:
    from bot.ledger.connection import ChainIdentity
    from bot.ledger.journal import open_ledger

    config, node = loaded.config, rpc_url()
    async with contextlib.AsyncExitStack() as stack:
        universe, source = loaded.universe, None
        if config.chain != "devnet" and node is not None:
            universe, source = await stack.enter_async_context(pools_of(node, loaded))
        settings = settings_of(config, universe, loaded.options.config)
        capital = config.capital.raw(universe.money.decimals)
        identity = ChainIdentity(universe.money.chain_id, "paper", "paper")
        journal = await stack.enter_async_context(open_ledger(run_dir, identity))
        await journal.post("opening", 0, deposit(universe, capital))
        await journal.name_tokens([universe.money, *(venue.unit for venue in universe.risky)])
        market = await _paper_market(loaded, universe, source, journal)
        feed = _feed(loaded, universe)
        for intent, _ in await journal.open_intents():
            market.forget(intent)
        tell(f"paper ledger in {run_dir}")

        async def reconcile() -> None:
            await require_books_equal(journal, universe, await market.market())

        yield Session(
            mode=loaded.mode,
            described="the paper vault",
            settings=settings,
            ports=Ports(
                clock=market,
                feed=feed,
                scorer=scorer,
                reader=market,
                previewer=market,
                executor=market,
                journal=journal,
            ),
            books=journal,
            environment=market,
            following=None if source is not None else _following(loaded, feed, universe, market, None),
            mirror=mirror_params(config),
            reconcile=reconcile,
            newest_signal=feed.newest_signal,
        )


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
        start=int(panel.times[row]),
        rpc_url=rpc_url() if config.chain != "devnet" else None,
        node_chain_id=expected_chain_id(config),
        pools={name: venue.pool for name, venue in config.venues.items() if venue.pool is not None},
    )


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


def _feed(loaded: Loaded, universe: Universe) -> CatalogueFeed | RefreshingFeed:
    """The data as the cycle sees it. On a wall clock a catalogue on disk may be replaced while we run."""
    from bot.signals.feed import CatalogueFeed, RefreshingFeed

    config, root = loaded.config, loaded.source.catalogue.root
    if loaded.schedule is None and root is not None:
        return RefreshingFeed(root, universe, config.bar, config.signals)
    return CatalogueFeed(loaded.source.catalogue, universe, config.bar, config.signals)


def _following(
    loaded: Loaded, feed: SignalFeed, universe: Universe, market: MovedMarket, node: Devnet | None
) -> Following | None:
    """What moves the pools on a wall clock: the node we forked, or the bars that have closed since."""
    if loaded.schedule is not None:
        return None
    if node is not None and loaded.config.chain != "devnet":

        async def follow() -> None:
            await node.follow_upstream()
            await market.advance(int(time.time()))  # blocks are made by trades only: a cycle must not see an old one

        return follow
    return follow_bars(feed, universe, mirror_params(loaded.config), market)


async def _paper_market(
    loaded: Loaded, universe: Universe, source: ChainReader | None, journal: SqliteJournal
) -> PaperMarket:
    config = loaded.config
    books = await journal.balances()
    idle = books.get(("idle", universe.money.address), 0)
    units = {venue.id: books.get((f"venue:{venue.id}", venue.unit.address), 0) for venue in universe.risky}
    if source is not None:
        seen = await source.market()
        return PaperMarket(universe, seen.pools, idle, seen.time, units=units, source=source)
    row, past = first_row(loaded), await _past_of(journal, universe)
    if past and loaded.schedule is None:
        place = f"{loaded.options.data_dir}: has liquidity in a made pool"
        raise ConfigError(f"{place}, which only a historical clock can make again; use another --data-dir")
    made = made_market(
        universe,
        first_prices(universe, loaded.panel, row),
        idle,
        mirror_params(config),
        int(loaded.panel.times[row]) - 1,
        config.costs.gas_price,
        past,
    )
    made.units.update(units)
    return made


async def _past_of(journal: SqliteJournal, universe: Universe) -> list[Past]:
    """Every leg in a venue of liquidity that the books know of, oldest first."""
    if all(venue.kind != LP for venue in universe.risky):
        return []
    return [
        (row.receipt.time, leg, fill)
        for row in reversed(await journal.intents(1 << 62))
        if row.receipt and row.receipt.ok
        for leg, fill in zip(row.plan.legs, row.receipt.fills, strict=True)
        if universe[leg.venue].kind == LP
    ]


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
    journal: SqliteJournal, universe: Universe, market: Market, keeper: int | None = None
) -> None:
    """Raises LedgerMismatch unless the books say what `market` says, and the keeper's wei where they are given."""
    from bot.ledger.reconcile import ChainBalances, require_equal

    require_equal(await journal.balances(), ChainBalances.of(market, universe, keeper))


async def compare_with_chain(journal: SqliteJournal, universe: Universe, reader: ChainReader) -> Market:
    """The market at the block at which books and chain were found equal. Raises LedgerMismatch, ChainError."""
    from bot.core.postings import NATIVE

    market = await reader.market()
    keeper = (await reader.balances(market.block)).get(("keeper", NATIVE))
    await require_books_equal(journal, universe, market, keeper)
    return market
