"""The vault's own limits, and where each number comes from: the one place that knows.

The contract is a second risk engine. What follows from the strategy file is a little looser than the file, so that the
contract only speaks when the first engine has failed; what the file does not know is a default, with its reason in
contracts/SPEC.md.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Final

from bot.core.units import BPS
from bot.core.universe import ZORA, Venue

DAY: Final = 86_400
EPOCH: Final = DAY  # seconds in which a spent budget refills
DELAY: Final = 7 * DAY  # of the timelock: longer than the longest way out through the queue
LOOSEST_LOSS: Final = 1_000  # bps; the contract allows no looser loss limit
DEPTH_BAND: Final = 10_000  # ticks on each side of the mean, a price times or over e: the whole way to ruin counts
# Bps of the band's depth that a position may be worth: safe as long as arbitrage is quick, and a little more than the
# shipped strategies ever took (562 on recorded prices, 627 on generated ones).
DEPTH_SHARE: Final = 750
ZORA_SHARE: Final = 25  # a coin's maker gets most of the pool's fee back, so moving its price costs him little
# Bps; what selling the last unit of a position of DEPTH_SHARE again costs, besides the fee: twice its part of the
# liquidity, which is 1 - exp(-1/2) times its part of the band. The vault counts it as lost on the way in.
RESALE: Final = -(-2 * DEPTH_SHARE * 3_935 // 10_000)
# Bps by which the breaker is beyond the policy's brake, which forgets peaks: equal weight fell by 66 % in 2024.
DRAWDOWN_SLACK: Final = 4_500


@dataclass(frozen=True, slots=True)
class Said:
    """What the strategy file says. Money raw, seconds, bps of the portfolio."""

    capital: int
    max_venue_bps: int
    max_loss_bps: int
    min_idle_bps: int
    max_turnover_bps: int  # one-way, per cycle
    every: int  # seconds between cycles
    drawdown_bps: int  # at which the policy's brake stops entries
    unpriced: int  # money per epoch into venues without a price


@dataclass(frozen=True, slots=True)
class VaultLimits:
    """The contract's struct, field by field."""

    min_idle_bps: int
    turnover_bps: int
    loss_bps: int
    drawdown_bps: int
    performance_fee_bps: int
    epoch: int
    profit_unlock: int
    stale_grace: int
    queue_grace: int
    anchor_blocks: int
    unpriced_budget: int
    min_request: int

    def values(self) -> tuple[int, ...]:
        """As the ABI has them."""
        return astuple(self)


@dataclass(frozen=True, slots=True)
class PriceRules:
    """The struct of the adapters on Uniswap V3: seconds, ticks, seconds, ticks, bps of depth, money."""

    twap_window: int
    max_tick_deviation: int
    min_age: int
    depth_band: int
    depth_share_bps: int
    min_depth: int

    def values(self) -> tuple[int, ...]:
        """As the ABI has them."""
        return astuple(self)


def vault_limits(said: Said) -> VaultLimits:
    """The whole vault's."""
    # A bucket that holds two cycles' turnover and drains no slower than cycles fill it.
    cycles = -(-EPOCH // min(EPOCH, max(1, said.every)))
    turnover = min(BPS, 2 * said.max_turnover_bps * cycles)
    return VaultLimits(
        min_idle_bps=said.min_idle_bps,
        turnover_bps=turnover,
        # What a whole budget of entries loses where each loses all that it may. An honest exit loses next to nothing:
        # what selling costs is taken off a position's value from the start.
        loss_bps=min(BPS, -(-turnover * min(LOOSEST_LOSS, said.max_loss_bps + 50 + RESALE) // BPS)),
        drawdown_bps=min(BPS, said.drawdown_bps + DRAWDOWN_SLACK),
        performance_fee_bps=0,
        epoch=EPOCH,
        profit_unlock=6 * 3_600,
        stale_grace=DAY,
        queue_grace=3 * DAY,
        anchor_blocks=1,
        unpriced_budget=said.unpriced,
        min_request=max(1, said.capital // 10_000),
    )


def cap_bps(said: Said) -> int:
    """Of a venue."""
    return min(BPS, said.max_venue_bps + 100)


def loss_bps(said: Said, venue: Venue) -> int:
    """Of one action in a venue: the file's limit, and the cost of selling again, which measured value is less of."""
    limit = said.max_loss_bps if venue.max_loss_bps is None else venue.max_loss_bps
    return min(LOOSEST_LOSS, limit + 50 + -(-venue.fee_pips // 100) + venue.toll_bps + RESALE)


def price_rules(said: Said, venue: Venue, window: int, max_tick_deviation: int, min_age: int) -> PriceRules:
    """Of an adapter on a pool; what its depth bounds is derived in V3Venue.sol."""
    return PriceRules(
        twap_window=window,
        max_tick_deviation=max_tick_deviation,
        min_age=min_age,
        depth_band=DEPTH_BAND,
        depth_share_bps=ZORA_SHARE if venue.kind == ZORA else DEPTH_SHARE,
        min_depth=max(1, said.capital // 10),
    )
