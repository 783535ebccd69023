"""The arithmetic of the vault on chain, in plain integers: shares, caps, budgets, locked profit, mean ticks, depth.

The same roundings in the same places as contracts/src/vault and contracts/src/libraries; tests/mirror holds both to
each other. Assets and shares are raw units, times are seconds, bps are ten-thousandths; names say which way a result is
rounded. ValueError stands where the contract reverts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.core.amm.swap_math import amount0_down, amount1_down, swap_step
from bot.core.fixedpoint import INT256_MAX, UINT128_MAX, mul_div_down, mul_div_up

BPS = 10_000
VIRTUAL_SHARES = 10**6  # shares that nobody holds, against one asset that nobody put in
WAD = 10**18
_FIRST_PRICE = 10**24  # shares whose worth is WAD when a share costs what the first one cost


def shares_down(assets: int, supply: int, total: int) -> int:
    """Shares that a deposit of `assets` brings."""
    return mul_div_down(assets, supply + VIRTUAL_SHARES, total + 1)


def shares_up(assets: int, supply: int, total: int) -> int:
    """Shares that a withdrawal of `assets` costs."""
    return mul_div_up(assets, supply + VIRTUAL_SHARES, total + 1)


def assets_down(shares: int, supply: int, total: int) -> int:
    """Assets that a redemption of `shares` brings."""
    return mul_div_down(shares, total + 1, supply + VIRTUAL_SHARES)


def assets_up(shares: int, supply: int, total: int) -> int:
    """Assets that `shares` cost."""
    return mul_div_up(shares, total + 1, supply + VIRTUAL_SHARES)


def price_down(supply: int, total: int) -> int:
    """What a share is worth; WAD when that is what the first share cost."""
    return assets_down(_FIRST_PRICE, supply, total)


def cap_down(total: int, cap_bps: int) -> int:
    """The most that a venue or a group may count for."""
    return mul_div_down(total, cap_bps, BPS)


def least_idle_up(total: int, min_idle_bps: int) -> int:
    """The least that an entry leaves idle, beyond what the queue needs."""
    return mul_div_up(total, min_idle_bps, BPS)


def least_gain_up(given: int, max_loss_bps: int) -> int:
    """The least that an action which gave `given` must have gained."""
    return given - mul_div_down(given, max_loss_bps, BPS)


def part_up(amount: int, total: int) -> int:
    """An amount as a part of the whole; WAD is all of it. What the meters of turnover and loss count in."""
    return mul_div_up(amount, WAD, max(total, 1))


def budget_down(bps: int) -> int:
    """A budget in bps, as a part of the whole; WAD is all of it."""
    return bps * WAD // BPS


class BudgetSpent(ValueError):
    """The bucket has no room for what was to be used."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A budget that refills with time (Meter.sol). `used`: its level at `at`."""

    used: int = 0
    at: int = 0

    def level_up(self, now: int, budget: int, epoch: int) -> int:
        """What counts as used now."""
        return max(self.used - mul_div_down(budget, now - self.at, epoch), 0)

    def taken(self, amount: int, now: int, budget: int, epoch: int) -> Bucket:
        """The bucket after `amount` more. Raises BudgetSpent."""
        if amount == 0:
            return self
        used = self.level_up(now, budget, epoch)
        if amount > max(budget - used, 0):
            raise BudgetSpent(f"{amount} more than {used} of {budget}")
        return Bucket(used + amount, now)

    def settled(self, now: int, budget: int, epoch: int) -> Bucket:
        """Drained up to now, before budget or epoch change."""
        return Bucket(self.level_up(now, budget, epoch), now)


@dataclass(frozen=True, slots=True)
class ProfitLock:
    """Gains that reach the share price slowly (ProfitLock.sol)."""

    checkpoint: int = 0  # gross assets at the last report, moved since by flows
    locked: int = 0  # the part of it that was locked at `at`
    deficit: int = 0  # losses not made good yet
    at: int = 0
    until: int = 0

    def locked_up(self, now: int) -> int:
        """The part that is locked now."""
        if now >= self.until:
            return 0
        return mul_div_up(self.locked, self.until - now, self.until - self.at)

    def unlocked(self, now: int) -> int:
        """The most that the assets may count for now."""
        return self.checkpoint - self.locked_up(now)

    def moved(self, flow: int) -> ProfitLock:
        """After a deposit (positive) or a withdrawal. Raises ValueError when there is not so much."""
        if not 0 <= self.checkpoint + flow <= UINT128_MAX:
            raise ValueError(f"a flow of {flow} from {self.checkpoint}")
        return replace(self, checkpoint=self.checkpoint + flow)

    def reported(self, gross: int, now: int, period: int, fee_bps: int) -> tuple[ProfitLock, int]:
        """(the lock with gross assets as they are now, fee rounded down). Raises ValueError above uint128."""
        if gross == self.checkpoint:
            return self, 0
        if gross > UINT128_MAX:
            raise ValueError(f"gross assets of {gross}")
        locked, left, deficit, fee = self.locked_up(now), max(self.until - now, 0), self.deficit, 0
        if gross > self.checkpoint:
            regained = min(gross - self.checkpoint, deficit)
            fee = mul_div_down(gross - self.checkpoint - regained, fee_bps, BPS)
            gain = gross - self.checkpoint - fee
            left = -(-(locked * left + gain * period) // (locked + gain))
            deficit -= regained
            locked += gain
        else:
            deficit += self.checkpoint - gross
            locked = max(locked - (self.checkpoint - gross), 0)
        return ProfitLock(gross, locked, deficit, now, now + left), fee


def mean_tick_floor(earlier: int, later: int, window: int) -> int:
    """Arithmetic-mean tick between two cumulative ticks, toward negative infinity."""
    return (later - earlier) // window


def band_whole_down(start_x96: int, edge_x96: int, liquidity: int) -> int:
    """All that constant liquidity between two square root prices holds of the token that it pays in (PoolDepth.sol)."""
    if edge_x96 < start_x96:
        return amount1_down(edge_x96, start_x96, liquidity)
    return amount0_down(start_x96, edge_x96, liquidity)


def band_sell_down(start_x96: int, edge_x96: int, liquidity: int, units: int, fee_pips: int) -> int:
    """What selling units into that liquidity pays, fee off the input; beyond the edge nothing more is paid."""
    if liquidity == 0:
        return 0
    return swap_step(start_x96, edge_x96, liquidity, min(units, INT256_MAX), fee_pips)[2]
