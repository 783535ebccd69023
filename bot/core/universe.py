"""What capital may be in: the ordered venues. Their order is the column order of every array in Patron."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.core.units import Token

IDLE = "idle"
HOLD, LP = "uniswap_v3_hold", "uniswap_v3_lp"
ZORA, REVENUE = "zora_v3", "revenue_share"  # bought on a pool too, on terms of their own
ERC4626, NFT = "erc4626", "seaport"  # no pool: standing offers
MADE = frozenset({HOLD, LP})  # kinds that a backtest and the paper vault can make; the others live on chain alone
OFFERED = frozenset({ERC4626, NFT})
LIQUIDITY_DECIMALS = 12  # halfway between money's 6 and a token's 18: liquidity is a root of their product


@dataclass(frozen=True, slots=True)
class Venue:
    """One place capital can go. `asset` names the data series; pool facts are filled in once the chain is known."""

    id: str
    kind: str  # IDLE | HOLD (the token itself) | LP (liquidity over a range around the price) | see above
    asset: str
    token: Token
    fee_pips: int = 0  # pool fee in hundredths of a basis point, as Uniswap counts it
    tick_spacing: int = 1
    base_is_token0: bool = True
    pool: str = ""
    adapter: str = ""
    topics: dict[str, tuple[str, ...]] = field(default_factory=dict, hash=False)  # signal source -> topic names
    width_bps: int = 0  # of a new range: price / (1 + width) to price * (1 + width); LP only
    toll_bps: int = 0  # of the money side of each trade, kept by others before and after the pool; ZORA only
    max_loss_bps: int | None = None  # instead of the limit for all venues
    max_price: int = 0  # raw money that one piece may cost; NFT only

    @property
    def unit(self) -> Token:
        """What the books count here: the token, or the liquidity of the venue's own position."""
        if self.kind != LP:
            return self.token
        return Token(self.token.chain_id, f"liquidity:{self.id}", f"{self.token.symbol}-LP", LIQUIDITY_DECIMALS)


@dataclass(frozen=True, slots=True)
class Universe:
    """Ordered venues; index 0 is always idle money. N counts idle too."""

    money: Token
    venues: tuple[Venue, ...]
    ids: tuple[str, ...] = field(init=False, repr=False, compare=False)
    _columns: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ids = tuple(venue.id for venue in self.venues)
        if not ids or ids[0] != IDLE:
            raise ValueError("the first venue of a universe is idle")
        if len(set(ids)) != len(ids):
            raise ValueError(f"venue ids repeat: {list(ids)}")
        object.__setattr__(self, "ids", ids)
        object.__setattr__(self, "_columns", {name: column for column, name in enumerate(ids)})

    def __len__(self) -> int:
        return len(self.venues)

    @property
    def risky(self) -> tuple[Venue, ...]:
        """Every venue but idle."""
        return self.venues[1:]

    def index(self, venue_id: str) -> int:
        """The column of a venue. Raises ValueError for one that is not here."""
        column = self._columns.get(venue_id)
        if column is None:
            raise ValueError(f"no venue {venue_id!r} among {', '.join(self.ids)}")
        return column

    def __getitem__(self, venue_id: str) -> Venue:
        return self.venues[self.index(venue_id)]


def idle(money: Token) -> Venue:
    """The venue at index 0: money that is not deployed."""
    return Venue(id=IDLE, kind=IDLE, asset=money.symbol, token=money)
