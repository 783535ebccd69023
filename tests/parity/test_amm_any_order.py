"""The same comparison in Hypothesis' hands: a mismatch is reduced to the shortest calls with the plainest numbers."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule

from bot.core.amm.tick_math import MAX_SQRT_RATIO, MAX_TICK, MIN_SQRT_RATIO, MIN_TICK, sqrt_ratio_at_tick
from bot.core.fixedpoint import INT256_MAX, UINT128_MAX
from tests.parity.evm import NOW
from tests.parity.lockstep import LockStep
from tests.parity.operations import OWNERS, SHAPES, Operation

Position = tuple[str, int, int]

waits = st.sampled_from([0, 12]) | st.integers(0, 1 << 33)
liquidities = st.integers(1, 10**18) | st.integers(0, UINT128_MAX)
fees = st.integers(0, 10**18) | st.integers(0, 1 << 140)
amounts = st.integers(-(10**20), 10**20) | st.integers(-INT256_MAX - 1, INT256_MAX)
trades = st.tuples(st.booleans(), amounts, st.integers(-1, 60), st.sampled_from([0, 0, 1, -1]), waits)


class AnyOrder(RuleBasedStateMachine):
    """Every call of a pool, in any order, on bytecode, mirror and kernel at once."""

    positions = Bundle("positions")
    agreed = False

    @initialize(
        target=positions,
        shape=st.sampled_from(SHAPES),
        tick=st.integers(-90_000, 90_000),
        inside=st.integers(0, 1 << 15),
        liquidity=st.integers(1, 10**18),
    )
    def begin(self, shape: tuple[int, int], tick: int, inside: int, liquidity: int) -> Position:
        """A pool with a price and one position over all prices."""
        self.lock_step, self.spacing, self.now = LockStep(*shape), shape[1], NOW
        price = sqrt_ratio_at_tick(tick)
        self.do("initialize", price + (price * inside >> 31), self.now)
        return self.mint_over(OWNERS[0], -(MAX_TICK // self.spacing), MAX_TICK // self.spacing, liquidity)

    def mint_over(self, owner: str, lower: int, upper: int, liquidity: int) -> Position:
        """The position between two multiples of the spacing, minted."""
        position = (owner, lower * self.spacing, upper * self.spacing)
        self.do("mint", *position, liquidity, self.now)
        return position

    def do(self, name: str, *arguments: object) -> None:
        self.agreed = False
        self.lock_step.do(Operation(name, arguments))
        self.agreed = True

    def later(self, seconds: int) -> int:
        self.now += seconds
        return self.now

    @rule(
        target=positions,
        owner=st.sampled_from(OWNERS),
        lower=st.integers(-30, 30) | st.integers(-900, 900),
        width=st.integers(-1, 60) | st.just(1 << 20),
        liquidity=liquidities,
        wait=waits,
    )
    def mint(self, owner: str, lower: int, width: int, liquidity: int, wait: int) -> Position:
        """A position around the price; the greatest width reaches to the ends, the negative one is refused."""
        self.later(wait)
        first, last = -(MAX_TICK // self.spacing), MAX_TICK // self.spacing
        low = (
            first if width == 1 << 20 else min(max(self.lock_step.leader.tick // self.spacing + lower, first), last - 1)
        )
        return self.mint_over(owner, low, min(low + width, last), liquidity)

    @rule(position=positions, liquidity=liquidities, wait=waits)
    def add(self, position: Position, liquidity: int, wait: int) -> None:
        self.do("mint", *position, liquidity, self.later(wait))

    @rule(position=positions, thousandths=st.integers(0, 1_001), requests=st.tuples(amounts, amounts), wait=waits)
    def burn_and_collect(self, position: Position, thousandths: int, requests: tuple[int, int], wait: int) -> None:
        held = self.lock_step.leader.position(*position).liquidity
        self.do("burn", *position, min(held * thousandths // 1_000, UINT128_MAX), self.later(wait))
        self.do("collect", *position, *[abs(request) & UINT128_MAX for request in requests])

    @rule(trades=st.lists(trades, min_size=1, max_size=8))
    def swap(self, trades: list[tuple[bool, int, int, int, int]]) -> None:
        """Each with a limit some multiples of the spacing away, or one beside it."""
        for zero_for_one, amount, multiples, past, wait in trades:
            tick = self.lock_step.leader.tick // self.spacing + (-multiples if zero_for_one else multiples + 1)
            limit = sqrt_ratio_at_tick(min(max(tick * self.spacing, MIN_TICK), MAX_TICK)) + past
            limit = min(max(limit, MIN_SQRT_RATIO), MAX_SQRT_RATIO)
            self.do("swap", zero_for_one, amount, limit, self.later(wait))

    @rule(
        name=st.sampled_from(["flash", "set_fee_protocol", "collect_protocol"]),
        amount0=fees,
        amount1=fees,
        denominators=st.tuples(st.integers(3, 11), st.integers(3, 11)),
    )
    def fees_and_protocol(self, name: str, amount0: int, amount1: int, denominators: tuple[int, int]) -> None:
        if name == "set_fee_protocol":
            self.do(name, *[denominator % 11 for denominator in denominators])
        else:
            self.do(name, min(amount0, UINT128_MAX), min(amount1, UINT128_MAX))

    @rule(
        room=st.none() | st.integers(0, 12),
        ages=st.lists(st.integers(0, 100) | st.integers(0, (1 << 32) - 1), max_size=3),
        position=positions,
        wait=waits,
    )
    def oracle(self, room: int | None, ages: list[int], position: Position, wait: int) -> None:
        if room is not None:
            self.do("increase_observation_cardinality_next", room)
        self.do("observe", tuple(ages), self.later(wait))
        self.do("snapshot_cumulatives_inside", *position[1:], self.now)

    def teardown(self) -> None:
        if self.agreed:
            self.lock_step.check_everything()


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=80,
    stateful_step_count=40,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow],
)
