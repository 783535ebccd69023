"""The devnet's mainnet with everything that a universe's venues need, kind by kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bot.chain.devnet.protocols import Protocols, deploy
from bot.chain.devnet.savings import make_savings
from bot.chain.devnet.studio import Song, Studio, make_pieces, make_songs, open_studio
from bot.chain.devnet.zora import deploy_zora, make_coins
from bot.chain.rpc import Rpc, quantity
from bot.core.universe import ERC4626, NFT, REVENUE, ZORA, Universe, Venue


@dataclass(frozen=True, slots=True)
class World:
    """Addresses, the venues as they are on chain, and the media that pay when they are used."""

    protocols: Protocols
    universe: Universe
    songs: tuple[Song, ...] = ()


async def make_world(rpc: Rpc, universe: Universe, prices: Mapping[str, float], depth: int) -> World:
    """Everything in place on the chain behind `rpc`. Arguments and errors as of `protocols.deploy`."""
    protocols, real = await deploy(rpc, universe, prices, depth)
    money, made = real.money, {venue.id: venue for venue in real.risky}

    def of(kind: str) -> list[Venue]:
        return [venue for venue in real.risky if venue.kind == kind]

    found = await make_savings(rpc, of(ERC4626), money)
    if of(ZORA):
        zora = await deploy_zora(rpc, protocols.weth, protocols.v3_factory, protocols.swap_router)
        found += await make_coins(rpc, zora, of(ZORA), money, prices, protocols.market_maker)
        protocols = replace(protocols, zora_implementation=zora.implementation, zora_code_hash=zora.code_hash)
    songs: list[Song] = []
    if of(NFT) or of(REVENUE):
        now = quantity((await rpc.request("eth_getBlockByNumber", ["latest", False]))["timestamp"])
        studio = await open_studio(rpc, money)
        found += await make_pieces(rpc, studio, of(NFT), money, prices, now)
        factory, maker = protocols.v3_factory, protocols.market_maker
        shared, songs = await make_songs(rpc, studio, of(REVENUE), money, prices, depth, factory, maker, now)
        found += shared
        protocols = replace(protocols, seaport=studio.seaport, collection=studio.collection)
    made |= {venue.id: venue for venue in found}
    risky = (made[venue.id] for venue in real.risky)
    return World(protocols, Universe(money, (real.venues[0], *risky)), tuple(songs))


def studio_of(protocols: Protocols) -> Studio:
    """The studio of a devnet that has one."""
    return Studio(protocols.seaport, protocols.collection, protocols.money)
