"""What capital may be in: the ordered venues. Their order is the column order of every array in Patron."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.core.units import Token

IDLE = "idle"


@dataclass(frozen=True, slots=True)
class Venue:
    """One place capital can go. `asset` names the data series; pool facts are filled in once the chain is known."""

    id: str
    kind: str  # "idle" | "uniswap_v3_hold"
    asset: str
    token: Token
    fee_pips: int = 0  # pool fee in hundredths of a basis point, as Uniswap counts it
    tick_spacing: int = 1
    base_is_token0: bool = True
    pool: str = ""
    adapter: str = ""
    topics: dict[str, tuple[str, ...]] = field(default_factory=dict, hash=False)  # signal source -> topic names


@dataclass(frozen=True, slots=True)
class Universe:
    """Ordered venues; index 0 is always idle money. N counts idle too."""

    money: Token
    venues: tuple[Venue, ...]

    def __post_init__(self) -> None:
        ids = [venue.id for venue in self.venues]
        if not ids or ids[0] != IDLE:
            raise ValueError("the first venue of a universe is idle")
        if len(set(ids)) != len(ids):
            raise ValueError(f"venue ids repeat: {ids}")

    def __len__(self) -> int:
        return len(self.venues)

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(venue.id for venue in self.venues)

    @property
    def risky(self) -> tuple[Venue, ...]:
        """Every venue but idle."""
        return self.venues[1:]

    def index(self, venue_id: str) -> int:
        return self.ids.index(venue_id)

    def __getitem__(self, venue_id: str) -> Venue:
        return self.venues[self.index(venue_id)]


def idle(money: Token) -> Venue:
    """The venue at index 0: money that is not deployed."""
    return Venue(id=IDLE, kind=IDLE, asset=money.symbol, token=money)
