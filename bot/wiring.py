"""The composition root: a strategy file and a few options become ports. The only file that knows everyone."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bot.certificates import Standing
from bot.config import Config
from bot.core.mirror import first_prices
from bot.core.postings import deposit
from bot.core.universe import LP, Universe
from bot.daemon import Pace, Session
from bot.errors import ConfigError, RefusedError
from bot.forks import Comparison, chain_of, first_row, identity_of, on_chain, pools_of, require_books_equal
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
from bot.settings import mirror_params, settings_of
from bot.standing import continued, keep

if TYPE_CHECKING:
    from bot.chain.devnet.devnet import Devnet
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
    from bot.ledger.journal import open_ledger
    from bot.provenance.recipe import recipe_of

    config = loaded.config
    async with chain_of(loaded, run_dir) as chain:
        deployed = chain.description
        if loaded.options.uncertified and deployed.protocols is None:
            raise RefusedError(f"{loaded.options.devnet}: a fork of a node, and --uncertified is for the devnet alone")
        universe = chain.universe
        settings = settings_of(config, universe, loaded.options.config)
        where = f"chain {deployed.chain_id}, fork at {chain.rpc.host}"
        tell(f"vault {chain.vault} with {len(universe.risky)} venues on {where}")
        for venue in deployed.unvouched:
            tell(f"{venue}: its pool is too little vouched for to be priced: what enters counts as lost")
        async with open_ledger(run_dir, await identity_of(chain)) as journal:
            recipe = recipe_of(config, settings.strategy, loaded.options.config)
            ports = await on_chain(chain, run_dir, journal, recipe)
            market, feed = ports.market, _feed(loaded, universe)
            await journal.post("opening", 0, deposit(universe, deployed.capital))
            for payer, lines in (await market.gas_openings()).items():
                await journal.post(f"{payer} gas", 0, lines)
            await journal.name_tokens([universe.money, *(venue.unit for venue in universe.risky)])
            yield Session(
                mode=loaded.mode,
                described=f"the chain (vault {chain.vault})",
                settings=settings,
                ports=Ports(
                    clock=market,
                    feed=feed,
                    scorer=scorer,
                    reader=market,
                    committer=ports.committer,
                    previewer=ports.previewer,
                    executor=ports.executor,
                    journal=journal,
                ),
                books=journal,
                environment=market,
                following=_following(loaded, feed, universe, market, chain if rpc_url() else None),
                mirror=mirror_params(config),
                reconcile=Comparison(chain, ports, journal),
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
            seen = await market.market()
            await require_books_equal(journal, universe, seen)
            worth = {venue.id: seen.value(universe, venue.id) for venue in universe.risky}
            await journal.value(seen.block, seen.time, worth)

        yield Session(
            mode=loaded.mode,
            described="the paper vault",
            settings=settings,
            ports=Ports(
                clock=market,
                feed=feed,
                scorer=scorer,
                reader=market,
                committer=market,
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


def _feed(loaded: Loaded, universe: Universe) -> CatalogueFeed | RefreshingFeed:
    """The data as the cycle sees it. On a wall clock a catalogue may be replaced, and a store grow, while we run."""
    from bot.signals.catalogue import is_store
    from bot.signals.feed import CatalogueFeed, RefreshingFeed

    config, root, named = loaded.config, loaded.source.catalogue.root, loaded.options.data
    if named is not None and is_store(named):
        root = named  # what was read of it is in memory, and knows no folder
    if loaded.schedule is None and root is not None:
        return RefreshingFeed(root, universe, config.bar, config.read, loaded.panel_of)
    return CatalogueFeed(loaded.source.catalogue, universe, config.bar, config.read, loaded.panel_of)


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
