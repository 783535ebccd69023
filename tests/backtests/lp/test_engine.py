"""Our position in a recorded pool: exact identities with the record, closed books, no look ahead, hard cases."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from backtests.lp.account import OWNER, Account, Position
from backtests.lp.compiled import calls_of, compiled_player
from backtests.lp.config import Unfit
from backtests.lp.counterfactual import Player, no_arbitrage_band
from backtests.lp.engine import MODES, Setup, backtest, run, sample_times
from backtests.lp.made_log import MadeMarket, made
from backtests.lp.path import roots_of
from backtests.lp.replay import EXACT_IN, TO_LIMIT
from backtests.lp.result import SAME_AMOUNTS, SAME_PRICE, LpRun
from backtests.lp.strategies import FullRange, Hold, LpStrategy, OneSided, Recentre, Static, Volatility
from bot.core.amm.events import Kind, PoolEvent
from bot.core.amm.pool_state import PoolState
from bot.core.fixedpoint import Q96, UINT128_MAX
from bot.pool_log import PoolLog, pool_log_of
from tests.backtests.lp.lp_worlds import DOLLAR, market_of, python_calls, python_player, setup_of

STRATEGIES: list[LpStrategy] = [
    Static(width="5 %"),
    Recentre(width="2 %"),
    Volatility(sigmas=3, lookback="6h", every="2h"),
    OneSided(side="below"),
    OneSided(side="above", follow="1 %"),
    FullRange(),
    Hold(),
]
ORDINARY = STRATEGIES[1]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("arbitrage", [False, True])
def test_without_liquidity_of_ours_the_log_is_reproduced_exactly(seed: int, arbitrage: bool) -> None:
    log, recorded = made(seed, 500)
    player = python_player(log, python_calls(log), arbitrage)
    roots = player.play(len(log))
    assert player.flow.as_dict() == {"swaps": 500, "refused": 0, "arbitrages": 0}
    swaps = log.kind == Kind.SWAP
    assert np.allclose(roots[swaps], roots_of(log.sqrt_price_x96)[swaps], rtol=1e-15)
    pool = player.machine
    assert isinstance(pool, PoolState)
    assert isinstance(recorded, PoolState)
    for name in ("sqrt_price_x96", "tick", "liquidity", "fee_growth_global", "protocol_fees"):
        assert getattr(pool, name) == getattr(recorded, name), name
    assert pool.initialized_ticks() == recorded.initialized_ticks()
    for position in log.positions:
        assert pool.position(*position) == recorded.position(*position)


@pytest.mark.parametrize("arbitrage", [False, True])
@pytest.mark.parametrize("seed", [1, 4])
def test_in_the_place_of_a_recorded_provider_we_earn_what_he_earned_to_the_wei(seed: int, arbitrage: bool) -> None:
    log, _ = made(seed, 1_500)
    calls = python_calls(log)
    lives = {key: np.flatnonzero(log.position == row) for row, key in enumerate(log.positions)}
    taken = 0
    for key, rows in lives.items():
        earned = [sum(getattr(log.event(row), name) * sign for row, sign in _paid(log, rows)) for name in AMOUNTS]
        if len(rows) < 3 or not any(earned):
            continue
        taken += 1
        kept = np.setdiff1d(np.arange(len(log)), rows)
        without = pool_log_of(log.facts, [log.event(row) for row in kept])
        player = python_player(without, calls.rows(kept), arbitrage)
        for row in rows:
            event = log.event(int(row))
            player.play(int(np.searchsorted(kept, row)))
            assert _ours(player, event) == (event.amount0, event.amount1), (key, event)
        player.play(len(without))
        assert player.machine.sqrt_price_x96 == int.from_bytes(log.sqrt_price_x96[_last_swap(log)].tobytes(), "little")
    assert taken >= 3


AMOUNTS = ("amount0", "amount1")


def _paid(log: PoolLog, rows: np.ndarray) -> list[tuple[int, int]]:
    """Rows of a position with the sign with which they make up its fees: collected, less what burns credited."""
    signs = {Kind.COLLECT: 1, Kind.BURN: -1, Kind.MINT: 0}
    return [(int(row), signs[Kind(int(log.kind[row]))]) for row in rows]


def _ours(player: Player, event: PoolEvent) -> tuple[int, int]:
    """What the pool gives us for what the recorded provider did."""
    pool, place = player.machine, (OWNER, event.lower, event.upper)
    if event.kind is Kind.MINT:
        return pool.mint(*place, event.liquidity, event.time)
    if event.kind is Kind.BURN:
        return pool.burn(*place, event.liquidity, event.time)
    return pool.collect(*place, UINT128_MAX, UINT128_MAX)


def _last_swap(log: PoolLog) -> int:
    return int(np.flatnonzero(log.kind == Kind.SWAP)[-1])


def test_leaving_pays_principal_and_fees_as_a_recorded_burn_and_collect_do() -> None:
    log, _ = made(6, 400)
    setup = setup_of(log=log)
    player = python_player(log, setup.calls, False)
    player.play(30)
    held = player.machine.tick // 60 * 60
    machine = player.machine
    assert isinstance(machine, PoolState)
    account = Account(setup.market, machine, setup.costs, (10**22, 10**14))
    account.enter(held - 600, held + 600, int(log.time[29]), "start")
    position = account.position
    assert position is not None
    player.play(len(log))
    twin = machine.copy()
    place = (OWNER, position.lower, position.upper)
    principal = twin.burn(*place, position.liquidity, int(log.time[-1]))
    paid = twin.collect(*place, UINT128_MAX, UINT128_MAX)
    account.leave(int(log.time[-1]), "end")
    assert account.returned == principal
    assert account.fees == (paid[0] - principal[0], paid[1] - principal[1])
    assert min(account.fees) > 0
    assert account.position is None
    assert Position(position.lower, position.upper, position.liquidity, int(log.time[29])) == position


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda strategy: strategy.name)
@pytest.mark.parametrize("quote", [0, 1])
def test_the_books_close_for_every_strategy_mode_and_quote(strategy: LpStrategy, mode: str, quote: int) -> None:
    capital = 40 * 10**18 if quote == 0 else 120_000 * DOLLAR
    setup = setup_of(seed=7, swaps=500, capital=capital, quote=quote, native_price="3000 USDC")
    done = run(setup, strategy, mode)
    books = done.books
    assert books is not None
    for token in (0, 1):
        came = books.deposited[token] + books.swapped[token] + books.returned[token] + books.fees[token]
        assert came - books.minted[token] == books.final[token]
        assert books.deposited[token] == (capital if token == quote else 0)
    price = float(done.series.price[-1])
    final = done.market.worth((done.market.whole(books.final[0], 0), done.market.whole(books.final[1], 1)), price)
    assert done.series.value[-1] == pytest.approx(final - done.series.gas[-1], rel=1e-9)
    found = {name: metric.value for name, metric in done.metrics.items()}
    parts = found["held"] + found["impermanent_loss"] + found["fees"] - found["gas"]  # type: ignore[operator]
    assert found["net_profit"] == pytest.approx(parts, abs=1e-6 * done.capital)


class _Till(PoolState):
    """A pool that keeps its own balances: (token0, token1) received less paid."""

    __slots__ = ("till",)

    def __init__(self, fee_pips: int, tick_spacing: int) -> None:
        super().__init__(fee_pips, tick_spacing)
        self.till = [0, 0]

    def _moved(self, amounts: tuple[int, int], sign: int) -> tuple[int, int]:
        for token in (0, 1):
            self.till[token] += sign * amounts[token]
            assert self.till[token] >= 0, "the pool paid what it had not"
        return amounts

    def mint(self, owner: str, lower: int, upper: int, liquidity: int, time: int) -> tuple[int, int]:
        return self._moved(super().mint(owner, lower, upper, liquidity, time), 1)

    def collect(self, owner: str, lower: int, upper: int, requested0: int, requested1: int) -> tuple[int, int]:
        return self._moved(super().collect(owner, lower, upper, requested0, requested1), -1)

    def swap(
        self, zero_for_one: bool, amount_specified: int, sqrt_price_limit_x96: int | None, time: int
    ) -> tuple[int, int]:
        return self._moved(super().swap(zero_for_one, amount_specified, sqrt_price_limit_x96, time), 1)

    def flash(self, paid0: int, paid1: int) -> None:
        super().flash(paid0, paid1)
        self._moved((paid0, paid1), 1)

    def collect_protocol(self, requested0: int, requested1: int) -> tuple[int, int]:
        return self._moved(super().collect_protocol(requested0, requested1), -1)


@pytest.mark.parametrize("mode", MODES)
def test_no_token_is_made_or_lost_in_the_pool_with_us_in_it(mode: str) -> None:
    pools: list[_Till] = []
    setup = setup_of(seed=9, swaps=700, capital=3_000_000 * DOLLAR, every=300)

    def player(log: PoolLog, calls: object, arbitrage: bool) -> Player:
        pools.append(_Till(log.facts.fee_pips, log.facts.tick_spacing))
        return Player(log, setup.calls, pools[-1], arbitrage)

    done = run(replace(setup, player=player), Recentre(width="1 %", at="25 %"), mode)
    (pool,) = pools
    end = int(setup.log.time[-1])
    for owner, lower, upper in setup.log.positions:
        left = pool.position(owner, lower, upper).liquidity
        if left:
            pool.burn(owner, lower, upper, left, end)
        pool.collect(owner, lower, upper, UINT128_MAX, UINT128_MAX)
    pool.collect_protocol(UINT128_MAX, UINT128_MAX)
    assert done.books is not None
    assert done.metrics["rebalances"].value > 2  # type: ignore[operator]
    for dust in pool.till:  # what rounding left to the pool: at most some units an event
        assert 0 <= dust < 10 * len(setup.log)


@pytest.mark.parametrize("quote", [0, 1])
def test_the_rebalancing_loss_is_that_of_the_recorded_price_from_block_to_block(quote: int) -> None:
    capital = 10**16 if quote == 0 else 50 * DOLLAR
    setup = setup_of(seed=3, swaps=400, capital=capital, quote=quote)
    log, done = setup.log, run(setup, FullRange(), SAME_AMOUNTS)
    (held,) = done.ranges
    ends: dict[int, float] = {}  # by block: the price that it left, in token 1 per token 0, raw
    for event in log.events():
        if event.kind in (Kind.INITIALIZE, Kind.SWAP):
            ends[event.block] = (event.sqrt_price_x96 / Q96) ** 2
    price = [each if quote == 1 else 1 / each for each in ends.values()]
    scale = 10 ** done.market.decimals[quote]
    loss = 0.0
    for before, after in itertools.pairwise(price):  # the full range holds L / sqrt(p), and is worth 2 L sqrt(p)
        loss += held.liquidity * (before**-0.5 * (after - before) - 2 * (after**0.5 - before**0.5)) / scale
    assert loss > 0
    assert done.series.lvr[-1] == pytest.approx(loss, rel=1e-6)
    assert np.all(np.diff(done.series.lvr) >= -1e-12 * done.series.value[0])
    share = done.metrics["share_of_pool"].value
    assert share is not None
    assert 0 < share < 1e-4


def test_a_large_position_calls_for_arbitrage_at_the_same_price_only() -> None:
    setup = setup_of(seed=5, swaps=800, capital=30_000_000 * DOLLAR, made=MadeMarket(volatility=2.0))
    # The generated arbitrageurs name a price; with the amount that they paid they fall short of it in a deeper pool.
    style = np.where(setup.calls.style == TO_LIMIT, EXACT_IN, setup.calls.style)
    setup = replace(setup, calls=replace(setup.calls, style=style))
    amounts, price = (run(setup, Static(width="3 %"), mode) for mode in MODES)
    assert (amounts.flow["arbitrages"], amounts.mode) == (0, SAME_AMOUNTS)
    assert price.flow["arbitrages"] > 10
    gap = {each.mode: np.abs(np.log(each.series.pool_price / each.series.price)).max() for each in (amounts, price)}
    assert gap[SAME_PRICE] <= -np.log1p(-0.003) + 1e-9 < gap[SAME_AMOUNTS]


def test_the_band_holds_where_nobody_gains() -> None:
    low, high = no_arbitrage_band(5 * Q96, 3_000)
    assert (low / Q96) ** 2 == pytest.approx(25 * 0.997, rel=1e-15)
    assert (high / Q96) ** 2 == pytest.approx(25 / 0.997, rel=1e-15)
    assert low * low * 1_000_000 <= 25 * Q96 * Q96 * 997_000
    assert high * high * 997_000 >= 25 * Q96 * Q96 * 1_000_000
    assert no_arbitrage_band(5 * Q96, 0) == (5 * Q96, 5 * Q96)


def test_the_headline_is_the_worse_run() -> None:
    setup = setup_of(seed=5, swaps=400, capital=5_000_000 * DOLLAR)
    result = backtest(setup, Recentre(width="2 %"))
    profits = [each.metrics["net_profit"].value for each in result.runs]
    assert result.worst.metrics["net_profit"].value == min(profits)  # type: ignore[type-var]
    assert [each.mode for each in result.runs] == [each.mode for each in result.full_range] == list(MODES)
    full = result.full_range[result.headline].metrics["final_value"].value
    mine = result.worst.metrics["final_value"].value
    assert full is not None
    assert mine is not None
    assert result.worst.metrics["against_full_range"].value == pytest.approx(mine - full)


def test_what_happens_later_changes_no_earlier_action() -> None:
    whole = setup_of(seed=8, swaps=900, every=900)
    cut = int(whole.log.time[len(whole.log) * 2 // 3])
    kept = [event for event in whole.log.events() if event.time <= cut]
    part = setup_of(log=pool_log_of(whole.log.facts, kept), every=900)
    for strategy in (Recentre(width="1 %", at="50 %"), Volatility(lookback="3h", every="1h")):
        long, short = (run(setup, strategy, SAME_PRICE) for setup in (whole, part))
        last = int(short.series.time[-1])
        before = [action for action in long.actions if action.time < last]
        assert len(before) > 6
        assert [action for action in short.actions if action.time < last] == before


def test_twice_the_same_run_is_the_same() -> None:
    one, other = (run(setup_of(seed=2, swaps=300), ORDINARY, SAME_PRICE) for _ in range(2))
    assert one.books == other.books
    assert one.actions == other.actions
    assert one.metrics == other.metrics
    for name in ("value", "fees0", "lvr", "pool_price"):
        assert np.array_equal(getattr(one.series, name), getattr(other.series, name))


def test_compiled_and_plain_play_agree_to_the_last_unit() -> None:
    setup = setup_of(seed=5, swaps=400, capital=20_000_000 * DOLLAR)
    calls = calls_of(setup.log, "made")
    assert np.array_equal(calls.style, setup.calls.style)
    assert np.array_equal(calls.zero_for_one, setup.calls.zero_for_one)
    for mode in MODES:
        plain = run(setup, ORDINARY, mode)
        fast = run(replace(setup, player=compiled_player), ORDINARY, mode)
        assert fast.books == plain.books
        assert fast.flow == plain.flow
        assert fast.actions == plain.actions
        for name, metric in plain.metrics.items():
            same = None if metric.value is None else pytest.approx(metric.value, rel=1e-12)
            assert fast.metrics[name].value == same, name
    assert plain.flow["arbitrages"] > 0


def _only_us(tail: int = 40) -> Setup:
    """A pool that is left by everybody after a while, and traded in nevertheless."""
    log, machine = made(4, 120)
    assert isinstance(machine, PoolState)
    events = list(log.events())
    (owner, lower, upper), *others = log.positions
    last = events[-1]
    for place in ((owner, lower, upper), *others):
        left = machine.position(*place).liquidity
        if left:
            amounts = machine.burn(*place, left, last.time + 12)
            event = PoolEvent(Kind.BURN, last.block + 1, len(events), last.time + 12, *place, left, *amounts)
            events.append(event)
    assert machine.liquidity == 0
    for step in range(tail):
        time, block = last.time + 60 * (step + 1), last.block + 2 + step
        down = step % 2 == 0
        limit = machine.sqrt_price_x96 * (999 if down else 1_001) // 1_000
        amounts = machine.swap(down, 10**18, limit, time)
        assert amounts == (0, 0)
        after = (machine.sqrt_price_x96, machine.tick)
        events.append(PoolEvent(Kind.SWAP, block, 0, time, "", 0, 0, 0, 0, 0, *after))
    return setup_of(log=pool_log_of(log.facts, events), every=300, swap="external")


@pytest.mark.parametrize("mode", MODES)
def test_our_position_may_be_the_only_liquidity(mode: str) -> None:
    setup = _only_us()
    done = run(setup, Static(width="50 %"), mode)
    assert done.books is not None
    assert done.series.in_range[-1]
    assert done.metrics["share_of_pool"].value == pytest.approx(1.0, abs=0.99)
    assert done.books.final[0] > 0


def test_an_empty_pool_cannot_be_entered_through_itself() -> None:
    setup = _only_us()
    late = replace(setup, since=int(setup.log.time[-30]), costs=setup_of(swaps=5).costs)
    with pytest.raises(Unfit, match="strategy: no position could ever be opened: the swap before it was not filled"):
        run(late, Static(width="5 %"), SAME_AMOUNTS)


def test_a_capital_below_one_unit_of_liquidity_is_refused() -> None:
    setup = setup_of(swaps=60, capital=1)
    with pytest.raises(Unfit, match="no position could ever be opened: the wallet does not pay for one unit"):
        run(setup, FullRange(), SAME_AMOUNTS)


def test_a_capital_above_what_a_tick_carries_is_refused() -> None:
    setup = setup_of(swaps=60, capital=10**45, swap="external")
    with pytest.raises(Unfit, match=r"capital: too large for -?\d+\.\.-?\d+"):
        run(setup, Static(width="1 %"), SAME_AMOUNTS)


def test_a_range_outside_the_ticks_is_refused() -> None:
    with pytest.raises(Unfit, match=r"lower: the range 1e-60 .* is outside the pool's ticks"):
        run(setup_of(swaps=60), Static(lower=1e-60, upper=1.0), SAME_AMOUNTS)


def test_a_single_look_enters_and_leaves() -> None:
    setup = setup_of(swaps=80, every=10**8)
    done: LpRun = run(setup, ORDINARY, SAME_PRICE)
    assert list(done.series.time) == [setup.since, setup.until]
    assert [action.kind for action in done.actions] == ["swap", "mint", "burn", "collect"]
    (held,) = done.ranges
    assert (held.since, held.until) == (setup.since, setup.until)


def test_samples_are_evenly_spaced_and_end_at_the_end() -> None:
    assert sample_times(10, 35, 10).tolist() == [10, 20, 30, 35]
    assert sample_times(10, 30, 10).tolist() == [10, 20, 30]


@pytest.mark.parametrize("quote", [0, 1])
def test_amounts_in_the_series_are_those_of_the_pools_order(quote: int) -> None:
    capital = 40 * 10**18 if quote == 0 else 120_000 * DOLLAR
    setup = setup_of(seed=2, swaps=200, capital=capital, quote=quote)
    done = run(setup, Static(width="20 %"), SAME_AMOUNTS)
    price = float(done.series.price[1])
    dollars_per_ether = price if quote == 1 else 1.0 / price
    assert 2_000 < dollars_per_ether < 4_000
    ether, dollars = float(done.series.amount0[1]), float(done.series.amount1[1])
    assert ether * dollars_per_ether == pytest.approx(dollars, rel=0.2)
    assert market_of(setup.log, quote).money == ("WETH" if quote == 0 else "USDC")
