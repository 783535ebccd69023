"""A market and a vault in exact integers, behind the same ports as the chain: paper trading and the replay rung.

Amounts come from `bot.core.amm` alone: no EVM, no receipt, no quoter. Gas is an assumption, stated in `gas_of`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from bot.core.amm.concentrated import Pool, swap_exact_in
from bot.core.market import Market
from bot.core.mirror import MirrorParams, MirrorStep, apply, seeding
from bot.core.plan import Leg, Plan
from bot.core.postings import Fill, Receipt
from bot.core.universe import Universe
from bot.errors import InvariantBroken
from bot.ports import Intent, MarketReader, Preview

BLOCK_SECONDS = 12
GAS_BASE, GAS_PER_LEG = 175_000, 155_000  # fitted to the devnet's receipts; a parity test bounds the error


def gas_of(legs: int) -> int:
    """Gas that one allocation of `legs` swaps is assumed to use. An estimate: the fork's receipts say the truth."""
    return GAS_BASE + GAS_PER_LEG * legs


class PaperMarket:
    """Pools that move by the mirror's swaps and ours, and a vault that holds what it bought.

    It is the environment (`step`, `settle`, `now`), the reader, the previewer and the executor at once, because on
    paper they are one thing: the state below. With a `source` the pools are read from there before each use and our
    own trades do not move them.
    """

    def __init__(
        self,
        universe: Universe,
        pools: Mapping[str, Pool],
        capital: int,
        start: int,
        *,
        gas_price: int = 0,
        window: int = 1_800,
        units: Mapping[str, int] | None = None,
        source: MarketReader | None = None,
    ) -> None:
        self.universe = universe
        self.pools = dict(pools)
        self.idle = capital
        self.units = {venue.id: 0 for venue in universe.risky} | dict(units or {})
        self.time = start
        self.block = 0
        self.nonce = 0
        self._gas_price = gas_price
        self._window = window
        self._source = source
        self._plans: dict[str, Plan] = {}
        self._receipts: dict[str, Receipt] = {}

    # the environment

    async def step(self, at: int, steps: Sequence[MirrorStep]) -> None:
        """Every pool's moves at the bar that closes at `at`, in one block."""
        for moves in steps:
            self.pools[moves.venue] = apply(self.pools[moves.venue], moves)
        self._mine(at)

    async def settle(self) -> None:
        """The time that a price must stand before the vault trusts it."""
        self._mine(self.time + self._window)

    async def advance(self, at: int) -> None:
        """Time goes on without a trade."""
        self._mine(max(at, self.time + 1))

    def now(self) -> int:
        """Unix seconds of the newest block."""
        return self.time

    # the ports

    async def market(self) -> Market:
        """The state as it stands, pinned by value."""
        if self._source is not None:
            outside = await self._source.market()
            self.pools, self.time, self.block = dict(outside.pools), outside.time, outside.block
        return Market(
            chain_id=self.universe.money.chain_id,
            block=self.block,
            block_hash=hashlib.sha256(f"{self.block}:{self.time}".encode()).hexdigest(),
            time=self.time,
            pools=dict(self.pools),
            units=dict(self.units),
            idle=self.idle,
            nonce=self.nonce,
        )

    async def preview(self, plan: Plan, market: Market) -> Preview:
        """What the legs would return, one after the other, from the pools as they are now."""
        pools = dict(self.pools)
        received = tuple(self._swap(pools, leg) for leg in plan.legs)
        return Preview(ok=True, received=received, gas=gas_of(len(plan.legs)), engine="arithmetic")

    async def sign(self, plan: Plan, cycle: int, now: int) -> Intent:
        """Nothing is signed on paper: the bytes are the plan's id."""
        self._plans[plan.id] = plan
        raw = bytes.fromhex(plan.id)
        return Intent(plan.id, cycle, plan.chain_id, "paper", plan.nonce, hashlib.sha256(raw).hexdigest(), raw, now)

    async def send(self, intent: Intent) -> Receipt | None:
        """Fills the plan against the pools. Raises InvariantBroken if the vault could not pay."""
        plan = self._plans[intent.id]
        if plan.nonce != self.nonce:
            raise InvariantBroken(f"paper vault is at nonce {self.nonce}, the plan is for {plan.nonce}")
        fills = []
        for leg in plan.legs:
            received = self._swap(self.pools, leg)
            fills.append(Fill(leg.venue, leg.entry, leg.amount, received))
            self.units[leg.venue] += received if leg.entry else -leg.amount
            self.idle += -leg.amount if leg.entry else received
            if self.idle < 0 or self.units[leg.venue] < 0:
                raise InvariantBroken(f"paper vault cannot pay for {leg}")
        self.nonce += 1
        self._mine(self.time + BLOCK_SECONDS)
        gas = gas_of(len(fills))
        self._receipts[intent.id] = Receipt(
            tx_hash=intent.tx_hash,
            block=self.block,
            block_hash="",
            time=self.time,
            ok=True,
            fills=tuple(fills),
            gas_used=gas,
            gas_cost=gas * self._gas_price,
        )
        return self._receipts[intent.id]

    async def outcome(self, intent: Intent) -> Receipt | None:
        """The receipt of an intent sent earlier in this process, None if it never was."""
        return self._receipts.get(intent.id)

    def forget(self, intent: Intent) -> None:
        """Settles an intent of a process that stopped before it was booked: on paper it then never happened."""
        self._receipts[intent.id] = Receipt(
            tx_hash=intent.tx_hash,
            block=self.block,
            block_hash="",
            time=self.time,
            ok=False,
            fills=(),
            gas_used=0,
            gas_cost=0,
            reason="stopped before the paper vault filled it",
        )

    def _swap(self, pools: dict[str, Pool], leg: Leg) -> int:
        zero_for_one = self.universe[leg.venue].base_is_token0 != leg.entry
        done = swap_exact_in(pools[leg.venue], zero_for_one, leg.amount)
        if self._source is None:
            pools[leg.venue] = done.pool
        return -done.amount1 if zero_for_one else -done.amount0

    def _mine(self, at: int) -> None:
        if at < self.time:
            raise InvariantBroken(f"time cannot go back from {self.time} to {at}")
        self.time, self.block = at, self.block + 1


def made_market(
    universe: Universe, prices: Mapping[str, float], capital: int, params: MirrorParams, start: int, gas_price: int = 0
) -> PaperMarket:
    """A paper market whose pools start exactly as the devnet's do."""
    pools = {
        venue.id: seeding(venue, universe.money.decimals, prices[venue.id], params.depth).pool()
        for venue in universe.risky
        if venue.id in prices
    }
    return PaperMarket(universe, pools, capital, start, gas_price=gas_price)
