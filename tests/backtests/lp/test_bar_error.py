"""The measured error of minute bars: bars that are really those of the log, and errors within what the docs say."""

from __future__ import annotations

import numpy as np
import pytest

from backtests.lp.bar_error import STRATEGIES, BarError, measure, minutes_of_log, table
from backtests.lp.made_log import MadeMarket, made_log
from backtests.lp.minutes import MINUTE, integers
from backtests.lp.result import SAME_AMOUNTS, SAME_PRICE
from bot.core.amm.events import Kind
from bot.pool_log import PoolLog


@pytest.fixture(scope="module")
def log() -> PoolLog:
    return made_log(1, 1_500)


def test_bars_hold_every_swap_of_the_log(log: PoolLog) -> None:
    minutes = minutes_of_log(log)
    swaps = [event for event in log.events() if event.kind is Kind.SWAP]
    assert sum(integers(minutes.in0)) == sum(max(swap.amount0, 0) for swap in swaps)
    assert sum(integers(minutes.in1)) == sum(max(swap.amount1, 0) for swap in swaps)
    assert integers(minutes.liquidity)[-1] == swaps[-1].liquidity
    assert np.all(np.diff(minutes.times) == MINUTE)
    liquidity = integers(minutes.liquidity)
    for row, start in enumerate(minutes.times.tolist()):
        inside = [swap for swap in swaps if start <= swap.time < start + MINUTE]
        found = [int(ticks[row]) for ticks in (minutes.open, minutes.low, minutes.high, minutes.close)]
        if inside:
            ticks = [swap.tick for swap in inside]
            assert found == [ticks[0], min(ticks), max(ticks), ticks[-1]]
            assert liquidity[row] == inside[-1].liquidity
        else:
            assert found == [int(minutes.close[row - 1])] * 4
            assert liquidity[row] == liquidity[row - 1]


def test_a_small_providers_fees_are_within_a_few_per_cent_of_the_exact_ones() -> None:
    chosen = {name: STRATEGIES[name] for name in ("static, 3 %", "full range", "recentre, 1 %")}
    errors = list(measure((1,), 3_000, (MadeMarket(),), chosen, (1_000,)))
    taxed = [each for each in errors if each.taxed]
    errors = [each for each in errors if not each.taxed]
    assert len(errors) == len(taxed) == 6
    assert min(each.fees for each in taxed) > max(abs(each.fees) for each in errors)  # the protocol's part is not seen
    assert max(abs(each.fees) for each in errors) < 0.03
    assert max(abs(each.value) for each in errors) < 0.001
    assert max(abs(each.in_range) for each in errors) < 0.02
    assert all(each.fees != 0.0 for each in errors)  # an approximation, or the comparison is with itself


def error(fees: float, mode: str, taxed: bool = False) -> BarError:
    return BarError(500, "static", 1_000, mode, 3, taxed, fees, 0.001, 0.0)


def test_table_shows_the_middle_the_worst_and_what_was_left_out() -> None:
    errors = [error(fees, SAME_AMOUNTS) for fees in (0.01, -0.04, 0.02)] + [error(0.005, SAME_PRICE)]
    text = table([*errors, error(0.25, SAME_AMOUNTS, taxed=True)])
    assert "| 0.05 % | static | 1 | 2.00 % (at most −4.00 %) | 0.50 % (at most +0.50 %) |" in text
    assert "median absolute error 1.50 %" in text
    assert "which bars do not show (1 runs)" in text
    assert "25.00 %" in text
