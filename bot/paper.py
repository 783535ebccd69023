"""A market and a vault in exact integers, behind the same ports as the chain: paper trading and the replay rung.

Amounts come from `bot.core.amm` alone: no EVM, no receipt, no quoter. Gas is an assumption, stated in `gas_of`.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.core.amm.concentrated import Pool, swap_exact_in
from bot.core.amm.pool_state import PoolState
from bot.core.amm.range_position import RangePosition, enter, leave, position_in, range_around
from bot.core.market import Market
from bot.core.mirror import MirrorParams, MirrorStep, apply, apply_to, seeding
from bot.core.panel import Floats, Panel
from bot.core.plan import Leg, Plan
from bot.core.postings import Fill, Receipt
from bot.core.score import Scores
from bot.core.universe import LP, Universe
from bot.errors import InvariantBroken, LedgerMismatch
from bot.ports import Commitment, Intent, MarketReader, Preview

BLOCK_SECONDS = 12
SETTLING = 1_800  # seconds that a price must stand before the vault trusts it
# Fitted to the devnet's receipts, the anchor of what enters included; a parity test bounds the error.
GAS_BASE, GAS_PER_LEG = 300_000, 270_000
# What liquidity is assumed to add to a leg's swap: a first mint and the swap of what it leaves. Burning and collecting
# takes half of it. Measured on the pool's bytecode; what an adapter for it would add is not known.
GAS_OF_LIQUIDITY = 320_000
VAULT = "vault"  # who owns our positions in the pool machines

Past = tuple[int, Leg, Fill]  # an earlier leg in a venue of liquidity: when, what was asked, what was done


def gas_of(legs: int, of_liquidity: int = 0) -> int:
    """Gas that one allocation of `legs` is assumed to use, `of_liquidity` of them in venues of liquidity.

    An estimate: the fork's receipts say the truth about swaps.
    """
    return GAS_BASE + GAS_PER_LEG * legs + GAS_OF_LIQUIDITY * of_liquidity


@dataclass(frozen=True, slots=True)
class _State:
    """What legs change: pools, machines and ranges by venue id."""

    pools: dict[str, Pool]
    machines: dict[str, PoolState]
    ranges: dict[str, tuple[int, int]]


class PaperMarket:
    """Pools that move by the mirror's swaps and ours, and a vault that holds what it bought.

    It is the environment (`step`, `settle`, `now`), the reader, committer, previewer and executor at once, because on
    paper they are one thing: the state below. With a `source` the pools are read from there before each use and our
    own trades do not move them. `machines`: the whole pool of each venue of liquidity, with our position in it; its
    snapshot is in `pools` too. `ranges`: (lower, upper) ticks of the positions that are held. `past`: what earlier legs
    in venues of liquidity did and when, oldest first, in the same market; they are done again as it passes their times.
    """

    def __init__(
        self,
        universe: Universe,
        pools: Mapping[str, Pool],
        capital: int,
        start: int,
        *,
        gas_price: int = 0,
        window: int = SETTLING,
        units: Mapping[str, int] | None = None,
        source: MarketReader | None = None,
        machines: Mapping[str, PoolState] | None = None,
        past: Sequence[Past] = (),
    ) -> None:
        self.universe = universe
        self.machines = dict(machines or {})
        self.ranges: dict[str, tuple[int, int]] = {}
        self.pools = dict(pools) | {name: machine.pool() for name, machine in self.machines.items()}
        self.idle = capital
        self.units = {venue.id: 0 for venue in universe.risky} | dict(units or {})
        self.time = start
        self.block = 0
        self.nonce = 0
        self._gas_price = gas_price
        self._window = window
        self._source = source
        self._past = deque(past)
        self._plans: dict[str, Plan] = {}
        self._receipts: dict[str, Receipt] = {}

    # the environment

    async def step(self, at: int, steps: Sequence[MirrorStep]) -> None:
        """Every pool's moves at the bar that closes at `at`, in one block."""
        self._repeat(at)
        for moves in steps:
            machine = self.machines.get(moves.venue)
            if machine is None:
                self.pools[moves.venue] = apply(self.pools[moves.venue], moves)
            else:
                apply_to(machine, moves, at)
                self.pools[moves.venue] = machine.pool()
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
            positions=self.positions(),
        )

    def positions(self) -> dict[str, RangePosition]:
        """Our positions of liquidity as their machines have them, by venue id."""
        return {name: position_in(self.machines[name], VAULT, *ticks) for name, ticks in self.ranges.items()}

    async def commit(self, plan: Plan, cycle: int, panel: Panel, scores: Scores, target: Floats) -> None:
        """Nothing: a paper vault takes its own word, and nobody else looks."""

    async def preview(self, plan: Plan, market: Market, commitment: Commitment | None = None) -> Preview:
        """What the legs would return, one after the other, from the pools as they are now."""
        touched = {leg.venue for leg in plan.legs}
        machines = {name: machine.copy() for name, machine in self.machines.items() if name in touched}
        trial = _State(dict(self.pools), machines, dict(self.ranges))
        received = tuple(self._fill(leg, trial).received for leg in plan.legs)
        return Preview(ok=True, received=received, gas=self._gas(plan), engine="arithmetic")

    async def sign(self, plan: Plan, cycle: int, now: int, commitment: Commitment | None = None) -> Intent:
        """Nothing is signed on paper: the bytes are the plan's id."""
        identity = plan.id
        self._plans[identity] = plan
        raw = bytes.fromhex(identity)
        return Intent(identity, cycle, plan.chain_id, "paper", plan.nonce, hashlib.sha256(raw).hexdigest(), raw, now)

    async def send(self, intent: Intent) -> Receipt | None:
        """Fills the plan against the pools. Raises InvariantBroken if the vault could not pay."""
        plan = self._plans[intent.id]
        if plan.nonce != self.nonce:
            raise InvariantBroken(f"paper vault is at nonce {self.nonce}, the plan is for {plan.nonce}")
        pools = self.pools if self._source is None else dict(self.pools)
        state, fills = _State(pools, self.machines, self.ranges), []
        for leg in plan.legs:
            fill = self._fill(leg, state)
            fills.append(fill)
            self.units[leg.venue] += fill.received if leg.entry else -fill.amount
            self.idle += -fill.amount if leg.entry else fill.received
            if self.idle < 0 or self.units[leg.venue] < 0:
                raise InvariantBroken(f"paper vault cannot pay for {leg}")
        self.nonce += 1
        self._mine(self.time + BLOCK_SECONDS)
        gas = self._gas(plan)
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

    def _fill(self, leg: Leg, state: _State) -> Fill:
        """What a leg pays, done on `state`."""
        venue = self.universe[leg.venue]
        if venue.kind == LP:
            return self._fill_liquidity(leg.venue, leg.entry, leg.amount, state, self.time + BLOCK_SECONDS)
        zero_for_one = venue.base_is_token0 != leg.entry
        done = swap_exact_in(state.pools[leg.venue], zero_for_one, leg.amount)
        state.pools[leg.venue] = done.pool
        return Fill(leg.venue, leg.entry, leg.amount, -done.amount1 if zero_for_one else -done.amount0)

    def _fill_liquidity(self, venue_id: str, entry: bool, amount: int, state: _State, time: int) -> Fill:
        venue, machine, ticks = self.universe[venue_id], state.machines[venue_id], state.ranges.get(venue_id)
        base_is_token0 = venue.base_is_token0
        if entry:
            lower, upper = ticks or range_around(machine.pool(), venue.width_bps)
            spent, received = enter(machine, VAULT, lower, upper, base_is_token0, amount, time)
            if received:
                state.ranges[venue.id] = lower, upper
            fill = Fill(venue.id, True, spent, received)
        else:
            if ticks is None or amount > machine.position(VAULT, *ticks).liquidity:
                raise InvariantBroken(f"paper vault cannot pay for {amount} of the liquidity of {venue_id}")
            received = leave(machine, VAULT, *ticks, base_is_token0, amount, time)
            if not machine.position(VAULT, *ticks).liquidity:
                del state.ranges[venue.id]
            fill = Fill(venue.id, False, amount, received)
        state.pools[venue.id] = machine.pool()
        return fill

    def _repeat(self, until: int) -> None:
        """Puts positions back where earlier legs had put them. Raises LedgerMismatch where they now pay otherwise."""
        state = _State(self.pools, self.machines, self.ranges)
        while self._past and self._past[0][0] <= until:
            at, leg, booked = self._past.popleft()
            done = self._fill_liquidity(leg.venue, leg.entry, leg.amount, state, at)
            if done != booked:
                raise LedgerMismatch(
                    f"{booked.venue}: the books say {booked.amount} for {booked.received}, this market now says "
                    f"{done.amount} for {done.received}: it is not the market of the earlier run"
                )

    def _gas(self, plan: Plan) -> int:
        return gas_of(len(plan.legs), sum(leg.venue in self.machines for leg in plan.legs))

    def _mine(self, at: int) -> None:
        if at < self.time:
            raise InvariantBroken(f"time cannot go back from {self.time} to {at}")
        self.time, self.block = at, self.block + 1


def made_market(
    universe: Universe,
    prices: Mapping[str, float],
    capital: int,
    params: MirrorParams,
    start: int,
    gas_price: int = 0,
    past: Sequence[Past] = (),
) -> PaperMarket:
    """A paper market whose pools start exactly as the devnet's do. `past`: see `PaperMarket`."""
    seeds = {
        venue: seeding(venue, universe.money.decimals, prices[venue.id], params.depth)
        for venue in universe.risky
        if venue.id in prices
    }
    pools = {venue.id: seed.pool() for venue, seed in seeds.items() if venue.kind != LP}
    machines = {venue.id: seed.machine(start) for venue, seed in seeds.items() if venue.kind == LP}
    return PaperMarket(universe, pools, capital, start, gas_price=gas_price, machines=machines, past=past)
