"""Money and rates as types that cannot be mixed by accident.

On-chain money is an `int` in a token's raw units, wrapped in `Amount` (never negative) or `Delta` (signed; a positive
delta means that the vault received). Neither multiplies with a float: a weight becomes money only through
`parts_of` and `share_down`, so every rounding is named and goes down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

Bps = NewType("Bps", int)  # 1 bps = 1/10 000
BlockNumber = NewType("BlockNumber", int)
UnixSeconds = NewType("UnixSeconds", int)

BPS = 10_000
PARTS = 10**9  # the grain of a weight when it becomes money
ZERO_ADDRESS = "0x" + "00" * 20


@dataclass(frozen=True, slots=True)
class Token:
    """An ERC-20 on one chain. Identity is chain id and address; symbol and decimals are for people and conversions."""

    chain_id: int
    address: str
    symbol: str
    decimals: int

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Token) and (self.chain_id, self.address) == (other.chain_id, other.address)

    def __hash__(self) -> int:
        return hash((self.chain_id, self.address))

    def human(self, raw: int) -> str:
        """`raw` in whole tokens with two to six places, for reading only."""
        sign, units = ("-", -raw) if raw < 0 else ("", raw)
        whole, rest = divmod(units, 10**self.decimals)
        places = f"{rest:0{self.decimals}d}"[:6] if self.decimals else ""
        trimmed = places.rstrip("0")
        return f"{sign}{whole:,}.{trimmed.ljust(2, '0')}" if self.decimals else f"{sign}{whole:,}"


@dataclass(frozen=True, slots=True)
class Amount:
    """A non-negative number of raw units of one token."""

    token: Token
    raw: int

    def __post_init__(self) -> None:
        if self.raw < 0:
            raise ValueError(f"negative amount of {self.token.symbol}: {self.raw}")

    def _same(self, other: Amount) -> None:
        if self.token != other.token:
            raise ValueError(f"cannot mix {self.token.symbol} with {other.token.symbol}")

    def __add__(self, other: Amount) -> Amount:
        self._same(other)
        return Amount(self.token, self.raw + other.raw)

    def __sub__(self, other: Amount) -> Amount:
        self._same(other)
        return Amount(self.token, self.raw - other.raw)

    def __lt__(self, other: Amount) -> bool:
        self._same(other)
        return self.raw < other.raw

    def __str__(self) -> str:
        return f"{self.token.human(self.raw)} {self.token.symbol}"


@dataclass(frozen=True, slots=True)
class Delta:
    """A signed change of one token, seen from the vault: positive = received."""

    token: Token
    raw: int

    def __add__(self, other: Delta) -> Delta:
        if self.token != other.token:
            raise ValueError(f"cannot mix {self.token.symbol} with {other.token.symbol}")
        return Delta(self.token, self.raw + other.raw)

    def __neg__(self) -> Delta:
        return Delta(self.token, -self.raw)


def parts_of(weight: float) -> int:
    """`weight` as whole parts per 10⁹, rounded down. Raises ValueError outside [0, 1] or when not finite.

    This is the one bridge from research floats towards money. Sums that overshoot 1 by float error are the policy's
    business: each single weight must be legal here.
    """
    if not 0.0 <= weight <= 1.0:  # NaN fails this too
        raise ValueError(f"not a weight: {weight!r}")
    return int(weight * PARTS)


def share_down(total: int, parts: int) -> int:
    """`parts`/10⁹ of `total`, rounded down: what the vault may spend, never a unit more."""
    return total * parts // PARTS


def bps_down(total: int, bps: int) -> int:
    """`bps` of `total`, rounded down."""
    return total * bps // BPS


def bps_up(total: int, bps: int) -> int:
    """`bps` of `total`, rounded up."""
    return -(-total * bps // BPS)
