"""The vault's adapters by kind of venue: which contract each is, and what its constructor is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass
from typing import Any, Final

from bot.chain.devnet.limits import DAY, PriceRules
from bot.chain.devnet.protocols import Protocols
from bot.core.units import ZERO_ADDRESS
from bot.core.universe import ERC4626, HOLD, LP, NFT, REVENUE, ZORA, Venue
from bot.errors import ChainError

NARROWEST: Final = 60  # ticks of a range of liquidity; the widest is what a pool takes
_WIDEST: Final = 2 * 887_272
GROWTH: Final = (DAY, 50)  # a vault's share price is believed to rise by half a per cent a day at most
CLAIMS: Final = (28 * DAY, 5_000)  # revenue shares are worth at most half of what they really paid in four weeks
DECAY: Final = 14 * DAY  # in which the value of a piece falls to nothing, unless a bid backs it anew
LISTING: Final = 30 * DAY  # the longest that a listing of ours may stand


@dataclass(frozen=True, slots=True)
class Witness:
    """Liquidity of a pool that whoever lists a venue vouches for: independent of issuer, keeper and each other.

    `owner` in the pool itself; `liquidity`: the most of it that counts; `locked`: nobody can take it out.
    """

    owner: str
    lower: int
    upper: int
    liquidity: int
    locked: bool


@dataclass(frozen=True, slots=True)
class Site:
    """Where an adapter is made, and by which rules it is priced."""

    vault: str
    venue: Venue
    rules: PriceRules
    witnesses: tuple[Witness, ...] = ()
    protocols: Protocols | None = None  # where the venue's kind needs more than a pool
    ranges: tuple[tuple[int, int], ...] = ()  # (lower, upper) of the liquidity that a coin itself owns


@dataclass(frozen=True, slots=True)
class Adapter:
    """A kind's contract. `values`: its constructor's arguments at a site; `told`: what its owner tells it after that.

    Each telling is a canonical signature and its values.
    """

    artefact: str
    values: Callable[[Site], tuple[Any, ...]]
    told: Callable[[Site], tuple[tuple[str, tuple[Any, ...]], ...]] = lambda site: ()


def on_pool(site: Site) -> tuple[Any, ...]:
    """What every adapter on a Uniswap V3 pool begins with."""
    return site.vault, site.venue.pool, site.rules.values(), [astuple(witness) for witness in site.witnesses]


def _on_coin(site: Site) -> tuple[Any, ...]:
    made = _protocols(site)
    pinned = made.zora_implementation, bytes.fromhex(made.zora_code_hash[2:])
    return site.vault, site.venue.token.address, *pinned, site.rules.values(), list(site.ranges)


def _on_seaport(site: Site) -> tuple[Any, ...]:
    return site.vault, _protocols(site).seaport, bytes(32), ZERO_ADDRESS, DECAY, LISTING


def _priced_at_most(site: Site) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    return (("setMaxPrice(address,uint128)", (site.venue.token.address, site.venue.max_price)),)


def _protocols(site: Site) -> Protocols:
    if site.protocols is None:
        raise ChainError(f"{site.venue.id}: {site.venue.kind} is made on the devnet alone so far")
    return site.protocols


ADAPTERS: Final[Mapping[str, Adapter]] = {
    HOLD: Adapter("UniswapV3Hold", on_pool),
    LP: Adapter("UniswapV3Range", lambda site: (*on_pool(site), NARROWEST, _WIDEST)),
    ERC4626: Adapter("Erc4626Venue", lambda site: (site.vault, site.venue.token.address, GROWTH)),
    ZORA: Adapter("ZoraCoinVenue", _on_coin),
    NFT: Adapter("SeaportVenue", _on_seaport, _priced_at_most),
    REVENUE: Adapter("RevenueVenue", lambda site: (*on_pool(site), CLAIMS)),
}


def adapter_of(venue: Venue) -> Adapter:
    """The contract of the venue's kind. Raises ChainError for a kind without one."""
    found = ADAPTERS.get(venue.kind)
    if found is None:
        raise ChainError(f"{venue.id}: no adapter of the vault is for {venue.kind}")
    return found
