"""What `patron check` and `patron ledger reconcile` answer: facts for machines, and lines for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bot.config import load_config
from bot.core.universe import Venue
from bot.forks import compare_with_chain, identity_of, pools_of
from bot.loading import Loaded, Options, load, refuse_beyond_the_vault, refuse_historical_node, rpc_url, unmade
from bot.settings import simulated_universe
from bot.trend_fields import trends_of

MOST_NAMED = 3  # topics that a line has room for


async def checked(config: Path, data: Path | None) -> dict[str, Any]:
    """What `patron check` found, by the loaders that `run` uses. Raises the first problem."""
    loaded = load(Options(config=config, replay=data))
    refuse_beyond_the_vault(loaded)
    read = loaded.config
    lines = [f"ok: {config}: strategy {read.strategy.name}, {len(read.venues)} venues, capital {read.capital}"]
    facts: dict[str, Any] = {"file": str(config), "strategy": loaded.config.strategy.name, "chain": loaded.config.chain}
    if data is not None:
        lines.append(f"ok: {loaded.source.described}: {len(loaded.panel)} bars, {loaded.warnings} warnings")
        facts["data"] = {
            "digest": loaded.source.catalogue.digest,
            "bars": len(loaded.panel),
            "warnings": loaded.warnings,
        }
    if read.trends is not None:
        told, facts["trends"] = _bearings(loaded) if data is None else _listening(loaded)
        lines += told
    if loaded.config.chain == "devnet":
        from bot.chain.artefacts import abi, anvil_binary

        anvil_binary()
        abi("Vault")
        lines.append("ok: chain tools and contracts are built")
    else:
        refuse_historical_node(loaded)
        node = rpc_url()
        assert node is not None  # refuse_historical_node insists on it
        async with pools_of(node, loaded) as (universe, _):
            facts["pools"] = {venue.id: venue.pool for venue in universe.risky}
            lines += [
                f"ok: {venue.id}: {venue.token.symbol}/{universe.money.symbol} at {venue.pool}"
                for venue in universe.risky
            ]
    verb, flag = ("run", " --uncertified") if unmade(loaded.universe) else ("backtest", "")
    lines.append(f"try next: patron {verb} {config} --synthetic 7{flag}")
    return facts | {"ok": True, "lines": lines}


def _bearings(loaded: Loaded) -> tuple[list[str], dict[str, Any]]:
    """What would be listened to, venue by venue, where no data says which of it there is: lines, and facts."""
    config = load_config(loaded.options.config)  # not the generated market's topics
    trends, universe = trends_of(config), simulated_universe(config)
    assert trends is not None  # asked for only where there are some
    lines, facts = [], {}
    for venue in universe.risky:
        names: dict[str, list[str]] = {}
        for bearing in trends.bearings(venue):
            names.setdefault(bearing.series, []).append(bearing.topic_pattern)
        lines.append(_line(venue, names))
        facts[venue.id] = names
    return lines, facts


def _listening(loaded: Loaded) -> tuple[list[str], dict[str, Any]]:
    """Which of the data's topics bear on which venue, and who was refused for a look-alike: lines, and facts."""
    trends = trends_of(loaded.config)
    assert trends is not None  # asked for only where there are some
    found = trends.listening(loaded.source.catalogue, loaded.universe)
    lines, facts = [], {}
    for venue in loaded.universe.risky:
        names = {each.series: list(each.speaking(venue.id)) for each in found}
        lines.append(_line(venue, names))
        facts[venue.id] = names
    for each in found:
        for topic, looks in each.refused:
            lines.append(f"refused: {each.series}: {topic!a} is not {looks.of}: it {looks.reason}")
    return lines, facts


def _line(venue: Venue, names: Mapping[str, Sequence[str]]) -> str:
    told = [
        f"{series}: {len(some)} ({', '.join(some[:MOST_NAMED])}{' …' if len(some) > MOST_NAMED else ''})"
        for series, some in names.items()
        if some
    ]
    heard = "; ".join(told)
    return f"ok: {venue.id} hears topics of {heard}" if heard else f"ok: {venue.id}: no topic bears on {venue.asset}"


async def reconciled(data_dir: Path, devnet: Path | None) -> dict[str, Any]:
    """The books of `data_dir` against the chain of `devnet`. Raises LedgerMismatch, ChainError."""
    from bot.chain.devnet.devnet import attach
    from bot.chain.reader import ChainReader
    from bot.ledger.journal import open_ledger

    async with (
        attach(devnet or data_dir, recover=False) as chain,
        open_ledger(data_dir, await identity_of(chain), read_only=True) as journal,
    ):
        reader = ChainReader(chain.rpc, chain.universe, chain.vault, chain.keeper, chain.anchorer)
        market = await compare_with_chain(journal, chain.universe, reader)
    lines = [
        f"ok: ledger equals chain at block {market.block}, to the wei",
        f"try next: patron ledger positions --data-dir {data_dir}",
    ]
    return {"ok": True, "block": market.block, "block_hash": market.block_hash, "lines": lines}
