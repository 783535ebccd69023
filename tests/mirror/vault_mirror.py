"""What the vault's books must say after each move, in plain Python over bot.core.vault_math."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field

from bot.core.vault_math import (
    BPS,
    WAD,
    Bucket,
    BudgetSpent,
    ProfitLock,
    assets_down,
    assets_up,
    budget_down,
    cap_down,
    least_gain_up,
    least_idle_up,
    part_up,
    price_down,
    shares_down,
    shares_up,
)

MAX_VALUE = (1 << 120) - 1


class Refused(Exception):
    """The vault must revert."""


@dataclass
class Limits:
    """As IRules.Limits, in its order; such that each of them is the one that stops an entry now and then."""

    min_idle_bps: int = 4_050
    turnover_bps: int = 9_000
    loss_bps: int = 100
    drawdown_bps: int = 300
    fee_bps: int = 1_000
    epoch: int = 86_400
    profit_unlock: int = 21_600
    stale_grace: int = 86_400
    queue_grace: int = 3 * 86_400
    anchor_blocks: int = 1
    unpriced_budget: int = 900_000 * 10**6
    min_request: int = 1


@dataclass
class Venue:
    """One venue, and what the vault keeps of it. Both venues are of one group."""

    cap_bps: int
    max_loss_bps: int
    value: int = 0
    position: int = 0
    steady: bool = True
    priced: bool = True
    broken: bool = False
    most: int = 2**256 - 1
    last_good: int = 0
    cost: int = 0
    unpriced: bool = False

    @property
    def answer(self) -> int:
        """What it says it is worth: nothing while it is broken."""
        return 0 if self.broken else self.value

    @property
    def believed(self) -> bool:
        """A fall is believed of a steady venue only."""
        return not self.broken and (self.value >= self.last_good or self.steady)

    @property
    def counted(self) -> int:
        """What caps judge."""
        return max(self.last_good, self.cost) if self.unpriced else self.last_good


@dataclass
class Mirror:
    """The vault. Each move either happens or raises Refused and changes nothing."""

    now: int
    venues: list[Venue]
    group_cap_bps: int
    limits: Limits = field(default_factory=Limits)
    idle: int = 0
    supply: int = 0
    shares: dict[str, int] = field(default_factory=dict)
    fee_shares: int = 0
    lock: ProfitLock = field(default_factory=ProfitLock)
    high_water: int = WAD
    tripped: bool = False
    turnover: Bucket = field(default_factory=Bucket)
    lost: Bucket = field(default_factory=Bucket)
    unpriced: Bucket = field(default_factory=Bucket)

    @property
    def gross(self) -> int:
        """Assets with every venue as believed."""
        return self.idle + sum(v.value if v.believed else v.last_good for v in self.venues)

    @property
    def total(self) -> int:
        """What shares are issued at."""
        return min(self.gross, self.lock.unlocked(self.now))

    @property
    def low(self) -> int:
        """What shares are redeemed at: a venue that is not believed counts at its own low answer."""
        return min(self.idle + sum(v.answer for v in self.venues), self.lock.unlocked(self.now))

    @property
    def open(self) -> bool:
        """Whether shares are issued."""
        doubted = any(not v.believed for v in self.venues)
        unsteady = any(v.position > 0 and not v.steady for v in self.venues)
        return not (self.tripped or doubted or unsteady or self._drawdown())

    def levels(self) -> tuple[int, int, int]:
        """What is used of turnover, loss and unpriced budgets."""
        return (
            self.turnover.level_up(self.now, budget_down(self.limits.turnover_bps), self.limits.epoch),
            self.lost.level_up(self.now, budget_down(self.limits.loss_bps), self.limits.epoch),
            self.unpriced.level_up(self.now, self.limits.unpriced_budget, self.limits.epoch),
        )

    def max_in(self) -> int:
        """Most assets that can be deposited."""
        return max(MAX_VALUE - self.gross, 0) if self.open else 0

    def max_assets_out(self, who: str) -> int:
        """Most assets that an owner can withdraw at once."""
        return min(assets_down(self.shares.get(who, 0), self.supply, self.low), self.idle)

    def max_shares_out(self, who: str) -> int:
        """Most shares that an owner can redeem at once."""
        held = self.shares.get(who, 0)
        enough = assets_down(held, self.supply, self.low) <= self.idle
        return held if enough else shares_down(self.idle, self.supply, self.low)

    def report(self) -> None:
        """Books gains and losses; a fee is paid in shares at the price before."""
        total, gross = self.total, self.gross
        for venue in self.venues:
            if venue.believed:
                venue.last_good = venue.value
        price = price_down(self.supply, total)
        if price > self.high_water:
            self.high_water = price
        else:
            self.tripped = self.tripped or self._below(price)
        self.lock, fee = self.lock.reported(gross, self.now, self.limits.profit_unlock, self.limits.fee_bps)
        fresh = shares_down(fee, self.supply, total)
        self.fee_shares += fresh
        self.supply += fresh

    def reset_breaker(self) -> None:
        """The present share price is the new mark."""
        self.high_water, self.tripped = price_down(self.supply, self.total), False

    def deposit(self, who: str, assets: int) -> int:
        """Shares."""
        if assets > self.max_in():
            raise Refused
        shares = shares_down(assets, self.supply, self.total)
        self._in(who, assets, shares)
        return shares

    def mint(self, who: str, shares: int) -> int:
        """Assets."""
        if shares > shares_down(self.max_in(), self.supply, self.total):
            raise Refused
        assets = assets_up(shares, self.supply, self.total)
        self._in(who, assets, shares)
        return assets

    def withdraw(self, who: str, assets: int) -> int:
        """Shares."""
        if assets > self.max_assets_out(who):
            raise Refused
        shares = shares_up(assets, self.supply, self.low)
        self._out(who, assets, shares)
        return shares

    def redeem(self, who: str, shares: int) -> int:
        """Assets."""
        if shares > self.max_shares_out(who):
            raise Refused
        assets = assets_down(shares, self.supply, self.low)
        self._out(who, assets, shares)
        return assets

    def enter(self, index: int, assets: int, worth: int, units: int) -> None:
        """The keeper spends assets for units that are worth so much more."""
        after = deepcopy(self)
        after._enter(after.venues[index], assets, worth, units)
        self.__dict__ = after.__dict__

    def leave(self, index: int, units: int, value: int, pays: int) -> None:
        """The keeper sells units for what the venue pays; the rest is worth `value`."""
        after = deepcopy(self)
        after._leave(after.venues[index], units, value, pays)
        self.__dict__ = after.__dict__

    def _enter(self, venue: Venue, assets: int, worth: int, units: int) -> None:
        if assets == 0 or self.tripped or assets > self.idle or venue.broken:
            raise Refused
        priced = venue.priced
        venue.value, venue.position = venue.value + worth, venue.position + units
        venue.last_good, venue.cost, venue.unpriced = venue.last_good + worth, venue.cost + assets, not priced
        self.idle -= assets
        if priced and worth < least_gain_up(assets, venue.max_loss_bps):
            raise Refused
        self.report()
        self._use(assets if priced else 0, max(assets - worth, 0) if priced else 0, 0 if priced else assets)
        if any(v.broken for v in self.venues) or self.tripped or venue.last_good > venue.most:
            raise Refused
        over = venue.counted > cap_down(self.gross, venue.cap_bps)
        together = sum(v.counted for v in self.venues) > cap_down(self.gross, self.group_cap_bps)
        if over or together or self.idle < least_idle_up(self.gross, self.limits.min_idle_bps):
            raise Refused

    def _leave(self, venue: Venue, units: int, value: int, pays: int) -> None:
        if units == 0 or units > venue.position or venue.broken:
            raise Refused
        fell = max(venue.value - value, 0)
        venue.cost -= venue.cost * units // venue.position
        venue.last_good = venue.last_good * (venue.position - units) // venue.position
        venue.value, venue.position = value, venue.position - units
        self.idle += pays
        if pays < least_gain_up(fell, venue.max_loss_bps):
            raise Refused
        self.report()
        self._use(0, max(fell - pays, 0), 0)

    def _use(self, turnover: int, lost: int, unpriced: int) -> None:
        """Out of the budgets. The first two are parts of gross assets."""
        limits = self.limits
        try:
            budget = budget_down(limits.turnover_bps)
            self.turnover = self.turnover.taken(part_up(turnover, self.gross), self.now, budget, limits.epoch)
            budget = budget_down(limits.loss_bps)
            self.lost = self.lost.taken(part_up(lost, self.gross), self.now, budget, limits.epoch)
            self.unpriced = self.unpriced.taken(unpriced, self.now, limits.unpriced_budget, limits.epoch)
        except BudgetSpent as spent:
            raise Refused from spent

    def _in(self, who: str, assets: int, shares: int) -> None:
        self.report()
        self.lock = self.lock.moved(assets)
        self.idle += assets
        self.supply += shares
        self.shares[who] = self.shares.get(who, 0) + shares

    def _out(self, who: str, assets: int, shares: int) -> None:
        self.report()
        self.lock = self.lock.moved(-assets)
        self.idle -= assets
        self.supply -= shares
        self.shares[who] = self.shares.get(who, 0) - shares

    def _drawdown(self) -> bool:
        return self._below(price_down(self.supply, self.total))

    def _below(self, price: int) -> bool:
        return price < self.high_water * (BPS - self.limits.drawdown_bps) // BPS
