"""The vault's libraries against their Python mirror, number by number, in the compiled code."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from bot.core.amm.liquidity_math import amounts_for_liquidity
from bot.core.amm.range_position import most_liquidity
from bot.core.amm.tick_math import MAX_SQRT_RATIO, MAX_TICK, MIN_SQRT_RATIO, MIN_TICK
from bot.core.fixedpoint import UINT128_MAX
from bot.core.vault_math import (
    Bucket,
    BudgetSpent,
    ProfitLock,
    band_sell_down,
    band_whole_down,
    mean_tick_floor,
)
from tests.parity.evm import NOW, Machine, Reverted, numbers, selector, signed, words

DRIVER = "out/LibraryDriver.sol/LibraryDriver.json"


def of_bits(bits: int) -> st.SearchStrategy[int]:
    """Whole numbers with exactly so many binary digits: left alone, Hypothesis hardly ever draws a large one."""
    return st.integers((1 << bits) >> 1, (1 << bits) - 1)


amounts = st.one_of(st.integers(0, 10**7), st.integers(0, 10**30), st.integers(0, UINT128_MAX // 4))
periods = st.one_of(st.integers(1, 100), st.integers(1, 90 * 86_400))
roots = st.one_of(
    st.integers(MIN_SQRT_RATIO + 1, MAX_SQRT_RATIO - 1),
    st.integers(33, 159).flatmap(lambda bits: st.integers(1 << bits, (2 << bits) - 1)),
).map(lambda root: min(max(root, MIN_SQRT_RATIO + 1), MAX_SQRT_RATIO - 1))
liquidities = st.integers(0, 128).flatmap(of_bits)
ranges = st.tuples(st.integers(MIN_TICK, MAX_TICK), st.integers(MIN_TICK, MAX_TICK)).filter(lambda r: r[0] < r[1])


class Driver:
    """The compiled libraries."""

    def __init__(self) -> None:
        self.machine = Machine()
        self.address = self.machine.deploy(DRIVER)

    def numbers(self, function: str, *values: int) -> list[int]:
        """The words that a function of whole numbers returns, or Reverted."""
        return numbers(self.machine.send(self.address, selector(function) + words(*values)))


@pytest.fixture(scope="module")
def driver() -> Driver:
    return Driver()


# Pure functions: one machine serves them all.


@given(st.integers(-(2**55), 2**55 - 1), st.integers(-(2**40), 2**40), st.integers(1, 2**32 - 1))
def test_mean_tick(driver: Driver, earlier: int, change: int, window: int) -> None:
    mean = mean_tick_floor(earlier, earlier + change, window)
    if not -(2**23) <= mean < 2**23 or not -(2**55) <= earlier + change < 2**55:
        return  # cumulative ticks of a pool never stand so
    (found,) = driver.numbers("meanTickFloor(int56,int56,uint32)", earlier, earlier + change, window)
    assert signed(found) == mean


@given(roots, roots, liquidities, st.integers(0, 256).flatmap(of_bits), st.sampled_from([100, 500, 3_000, 10_000]))
@settings(max_examples=500)
def test_depth(driver: Driver, start: int, edge: int, liquidity: int, units: int, fee: int) -> None:
    found = driver.numbers("band(uint160,uint160,uint128,uint256,uint24)", start, edge, liquidity, units, fee)
    assert found == [band_whole_down(start, edge, liquidity), band_sell_down(start, edge, liquidity, units, fee)]


@given(roots, ranges, liquidities)
def test_amounts_of_a_range(driver: Driver, root: int, ticks: tuple[int, int], liquidity: int) -> None:
    found = driver.numbers("amountsDown(uint160,int24,int24,uint128)", root, *ticks, liquidity)
    assert tuple(found) == amounts_for_liquidity(root, *ticks, liquidity, round_up=False)


@given(roots, ranges, amounts, amounts)
def test_liquidity_that_amounts_pay_for(
    driver: Driver, root: int, ticks: tuple[int, int], amount0: int, amount1: int
) -> None:
    (found,) = driver.numbers("affordable(uint160,int24,int24,uint256,uint256)", root, *ticks, amount0, amount1)
    most = [most_liquidity(root, *ticks, token, amount) for token, amount in enumerate((amount0, amount1))]
    assert found == min([UINT128_MAX, *(each for each in most if each is not None)])


# State: a budget and a lock live through the same events in both worlds.


class MeterMachine(RuleBasedStateMachine):
    """Takes and waits under a budget that changes now and then, as the vault changes it: drained first."""

    def __init__(self) -> None:
        super().__init__()
        self.driver, self.now, self.mirror = Driver(), NOW, Bucket()

    @initialize(budget=amounts, epoch=periods)
    def begin(self, budget: int, epoch: int) -> None:
        self.budget, self.epoch = budget, epoch

    @rule(seconds=st.one_of(st.integers(0, 60), st.integers(0, 100 * 86_400)))
    def wait(self, seconds: int) -> None:
        self.now += seconds
        self.driver.machine.set_time(self.now)

    @rule(amount=amounts, part=st.one_of(st.none(), st.integers(0, 1_000)))
    def take(self, amount: int, part: int | None) -> None:
        if part is not None:  # near what is left
            left = max(self.budget - self.mirror.level_up(self.now, self.budget, self.epoch), 0)
            amount = left + 2 - min(part, left + 2) if part < 5 else left * part // 1_000
        call = ("take(uint256,uint256,uint256)", amount, self.budget, self.epoch)
        try:
            after = self.mirror.taken(amount, self.now, self.budget, self.epoch)
        except BudgetSpent:
            with pytest.raises(Reverted):
                self.driver.numbers(*call)
            return
        self.driver.numbers(*call)
        self.mirror = after

    @rule(budget=amounts, epoch=periods)
    def change(self, budget: int, epoch: int) -> None:
        self.driver.numbers("settle(uint256,uint256)", self.budget, self.epoch)
        self.mirror = self.mirror.settled(self.now, self.budget, self.epoch)
        self.budget, self.epoch = budget, epoch

    @invariant()
    def same_level(self) -> None:
        assert self.driver.numbers("bucket()") == [self.mirror.used, self.mirror.at]
        (level,) = self.driver.numbers("level(uint256,uint256)", self.budget, self.epoch)
        assert level == self.mirror.level_up(self.now, self.budget, self.epoch)


class LockMachine(RuleBasedStateMachine):
    """Deposits, withdrawals, gains, losses, fees and time."""

    def __init__(self) -> None:
        super().__init__()
        self.driver, self.now, self.mirror, self.gross = Driver(), NOW, ProfitLock(), 0

    @rule(seconds=st.one_of(st.integers(0, 60), st.integers(0, 30 * 86_400)))
    def wait(self, seconds: int) -> None:
        self.now += seconds
        self.driver.machine.set_time(self.now)

    @rule(assets=amounts, out=st.booleans())
    def flow(self, assets: int, out: bool) -> None:
        unlocked = self.mirror.unlocked(self.now)
        change = -min(assets, self.gross, max(unlocked, 0)) if out else min(assets, UINT128_MAX // 2 - self.gross)
        self.driver.numbers("flow(int128)", change)
        self.mirror = self.mirror.moved(change)
        self.gross += change

    @rule(part=st.integers(-100, 300), dust=st.integers(-2, 2), period=periods, fee_bps=st.integers(0, 2_000))
    def report(self, part: int, dust: int, period: int, fee_bps: int) -> None:
        gross = min(max(self.gross + self.gross * part // 100 + dust, 0), UINT128_MAX // 2)
        (fee,) = self.driver.numbers("report(uint256,uint256,uint256)", gross, period, fee_bps)
        before = self.mirror.unlocked(self.now)
        self.mirror, expected = self.mirror.reported(gross, self.now, period, fee_bps)
        assert fee == expected
        gained = gross >= self.gross
        self.gross = gross
        if gained:
            assert self.mirror.unlocked(self.now) == before + fee, "a gain is locked whole, but for the fee"

    @invariant()
    def same_lock(self) -> None:
        lock = self.mirror
        expected = [lock.checkpoint, lock.locked, lock.deficit, lock.at, lock.until]
        assert self.driver.numbers("lock()") == expected
        assert self.driver.numbers("lockedAndUnlocked()") == [lock.locked_up(self.now), lock.unlocked(self.now)]
        assert lock.checkpoint == self.gross


@pytest.mark.parametrize("machine", [MeterMachine, LockMachine])
def test_life(machine: type[RuleBasedStateMachine]) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=60, stateful_step_count=40, deadline=None))  # type: ignore[no-untyped-call]
