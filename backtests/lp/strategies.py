"""Where liquidity is put, and when it is moved: small strategies over what was known at the time.

A strategy is a frozen strict model (its fields are the file's ``params``) with one method, `decide(view)`: what to do
now, or None to leave things as they are. It sees the pool, its own range and past prices only. A new strategy is one
class with a `name` of its own, listed in `STRATEGIES`. Ranges are symmetric in ticks, so a width of 10 % reaches from
the price divided by 1.1 to the price times 1.1, whichever token is the quote.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

from pydantic import Field, model_validator

from bot.config_venues import Model
from bot.core.amm.tick_math import MAX_TICK, MIN_TICK
from bot.quantity import BpsField, SecondsField

LOG_OF_TICK: Final = math.log(1.0001)
HALF: Final = 5_000  # basis points


@dataclass(frozen=True, slots=True)
class View:
    """What is known at `time`, and nothing later.

    tick: of the pool with us in it. held: our range (lower, upper), None when out; since: when it was set. quote: 0 or
    1; price_to_tick: tick of a price in whole quote tokens per whole base token. volatility: (seconds of look-back) ->
    standard deviation of the log price over one second's square root, from recorded prices up to now; None where too
    few are known.
    """

    time: int
    tick: int
    tick_spacing: int
    quote: int
    held: tuple[int, int] | None
    since: int | None
    price_to_tick: Callable[[float], float]
    volatility: Callable[[int], float | None]


@dataclass(frozen=True, slots=True)
class Provide:
    """Everything into this range, swapped first into the mix of tokens that it takes at the price."""

    lower: int
    upper: int
    reason: str


@dataclass(frozen=True, slots=True)
class Convert:
    """Out of the pool, with `base_share` (basis points) of the value in the base token."""

    base_share: int
    reason: str


Decision = Provide | Convert | None


class LpStrategy(Model):
    """What every strategy is. `ranges`: whether it provides at all."""

    name: ClassVar[str]
    provides: ClassVar[bool] = True

    @abstractmethod
    def decide(self, view: View) -> Decision:
        """What to do about the position at this look; None: leave it as it is."""


def usable(tick_spacing: int) -> tuple[int, int]:
    """The outermost ticks that a range can have."""
    return -(-MIN_TICK // tick_spacing) * tick_spacing, MAX_TICK // tick_spacing * tick_spacing


def aligned(lower: float, upper: float, tick_spacing: int) -> tuple[int, int]:
    """The smallest legal range around lower..upper (ticks), cut at the outermost ones and never empty."""
    first, last = usable(tick_spacing)
    below = min(max(math.floor(lower / tick_spacing) * tick_spacing, first), last - tick_spacing)
    above = min(max(math.ceil(upper / tick_spacing) * tick_spacing, below + tick_spacing), last)
    return below, above


def around(tick: int, half: float, tick_spacing: int) -> tuple[int, int]:
    """A range of `half` ticks on either side of a tick."""
    return aligned(tick - half, tick + half, tick_spacing)


def half_of(width_bps: int) -> float:
    """Ticks from the middle to the edge of a width: log(1 + width) / log(1.0001)."""
    return math.log1p(width_bps / 10_000) / LOG_OF_TICK


class FullRange(LpStrategy):
    """All prices, set once: what a constant product pool does."""

    name: ClassVar[str] = "full_range"

    def decide(self, view: View) -> Decision:
        return None if view.held else Provide(*usable(view.tick_spacing), reason="start")


class Static(LpStrategy):
    """One range, set at the start and never moved: `width` around the first price, or from `lower` to `upper`."""

    name: ClassVar[str] = "static"
    width: BpsField | None = Field(default=None, description="from price / (1 + width) to price * (1 + width)")
    lower: float | None = Field(default=None, gt=0, strict=False, description="lower price, in quote per base")
    upper: float | None = Field(default=None, gt=0, strict=False, description="upper price, in quote per base")

    @model_validator(mode="after")
    def _one_way(self) -> Static:
        if (self.width is None) == (self.lower is None and self.upper is None):
            raise ValueError("width: write either width, or lower and upper")
        if self.width is None:
            if self.lower is None or self.upper is None:
                raise ValueError("lower: lower and upper belong together")
            if self.lower >= self.upper:
                raise ValueError(f"lower: must be below upper (got {self.lower} and {self.upper})")
        elif self.width == 0:
            raise ValueError("width: must be above zero")
        return self

    def decide(self, view: View) -> Decision:
        if view.held:
            return None
        if self.width is not None:
            return Provide(*around(view.tick, half_of(self.width), view.tick_spacing), reason="start")
        assert self.lower is not None
        assert self.upper is not None
        edges = sorted((view.price_to_tick(self.lower), view.price_to_tick(self.upper)))
        first, last = usable(view.tick_spacing)
        if edges[0] < first or edges[1] > last:
            raise ValueError(f"lower: the range {self.lower} .. {self.upper} is outside the pool's ticks")
        return Provide(*aligned(edges[0], edges[1], view.tick_spacing), reason="start")


class Recentre(LpStrategy):
    """A range around the price that is set anew when the price has gone `at` of the way from its middle to an edge."""

    name: ClassVar[str] = "recentre"
    width: BpsField = Field(
        default="10 %", gt=0, validate_default=True, description="half of the range, above and below"
    )
    at: BpsField = Field(default="100 %", gt=0, validate_default=True, description="100 %: when the price has left it")

    def decide(self, view: View) -> Decision:
        fresh = around(view.tick, half_of(self.width), view.tick_spacing)
        if view.held is None:
            return Provide(*fresh, reason="start")
        if not _gone(view.tick, view.held, self.at) or fresh == view.held:
            return None
        return Provide(*fresh, reason="out of range" if _outside(view.tick, view.held) else "off centre")


class Volatility(LpStrategy):
    """A range of `sigmas` standard deviations of the log price over `every`, from the volatility of `lookback`; set
    anew each `every`. `first_width` until enough prices are known."""

    name: ClassVar[str] = "volatility"
    sigmas: float = Field(
        default=2.0, gt=0, le=100, strict=False, description="half of the range, in standard deviations"
    )
    lookback: SecondsField = Field(default="7d", validate_default=True, description="past prices that are looked at")
    every: SecondsField = Field(default="1d", validate_default=True, description="time between two settings")
    first_width: BpsField = Field(default="10 %", gt=0, validate_default=True, description="before prices are known")

    def decide(self, view: View) -> Decision:
        if view.held is not None and view.since is not None and view.time - view.since < self.every:
            return None
        sigma = view.volatility(self.lookback)
        half = half_of(self.first_width) if sigma is None else self.sigmas * sigma * math.sqrt(self.every) / LOG_OF_TICK
        fresh = around(view.tick, half, view.tick_spacing)
        if fresh == view.held:
            return None
        return Provide(*fresh, reason="start" if view.held is None else "set anew")


class OneSided(LpStrategy):
    """One token, in a range beside the price: `below` buys the base token as its price falls, `above` sells it as its
    price rises. Set once; with `follow`, set anew when the price has gone that far away from an untouched range."""

    name: ClassVar[str] = "one_sided"
    side: Literal["below", "above"] = Field(default="below", description="below: quote token only; above: base only")
    width: BpsField = Field(default="10 %", gt=0, validate_default=True, description="from the near to the far edge")
    follow: BpsField | None = Field(default=None, description="distance of the price at which the range comes after it")

    def decide(self, view: View) -> Decision:
        under = (self.side == "below") == (view.quote == 1)  # whether the range lies at lower ticks than the price
        spacing, length = view.tick_spacing, half_of(self.width)
        if view.held is not None:
            lower, upper = view.held
            away = view.tick - upper if under else lower - view.tick
            if self.follow is None or away <= half_of(self.follow) + spacing:
                return None
        near = view.tick // spacing * spacing if under else (view.tick // spacing + 1) * spacing
        fresh = aligned(near - length, near, spacing) if under else aligned(near, near + length, spacing)
        if fresh == view.held:
            return None
        return Provide(*fresh, reason="start" if view.held is None else "followed")


class Hold(LpStrategy):
    """No liquidity at all: half of the capital in the base token, bought at the start."""

    name: ClassVar[str] = "hold"
    provides: ClassVar[bool] = False

    def decide(self, view: View) -> Decision:
        return Convert(HALF, "start") if view.since is None else None


STRATEGIES: Final[dict[str, type[LpStrategy]]] = {
    kind.name: kind for kind in (Static, Recentre, Volatility, OneSided, FullRange, Hold)
}


def _outside(tick: int, held: tuple[int, int]) -> bool:
    return not held[0] <= tick < held[1]


def _gone(tick: int, held: tuple[int, int], at_bps: int) -> bool:
    """Whether the tick is at least `at_bps` of the way from the middle of a range to its edge, in integers."""
    if at_bps == 10_000:
        return _outside(tick, held)
    lower, upper = held
    return abs(2 * tick - lower - upper) * 10_000 >= (upper - lower) * at_bps
