"""A liquidity provider's backtest from minute bars: books, assumptions, no look ahead, bad settings in one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backtests.lp.bar_pool import BarPool
from backtests.lp.bars import (
    MINUTE_BARS_SAME_PRICE,
    MODES,
    backtest_bars,
    backtest_minutes,
    run_bars,
    sweep,
)
from backtests.lp.config import Unfit
from backtests.lp.config_file import load_lp_config
from backtests.lp.minutes import COLUMNS, MINUTE
from backtests.lp.result import MINUTE_BARS
from backtests.lp.strategies import FullRange, Hold, Recentre, Static
from bot.core.amm.tick_math import sqrt_ratio_at_tick
from tests.backtests.lp.bar_markets import START, TICK, USDC_WETH, market_minutes, quiet, setup_of

RECENTRE = Recentre.model_validate({"width": "1 %"})


def test_fees_that_grow_with_us_are_more_and_the_worse_run_is_the_headline() -> None:
    result = backtest_bars(setup_of(market_minutes(3_000), capital=10**12), RECENTRE)
    assert [run.mode for run in result.runs] == list(MODES)
    shared, grown = result.runs
    assert shared.metrics["fees"].value is not None
    assert grown.metrics["fees"].value is not None
    assert shared.metrics["fees"].value < grown.metrics["fees"].value
    assert result.worst is shared
    assert [run.label for run in result.full_range] == ["full_range", "full_range"]
    assert result.facts["minutes"] == "3,000"
    np.testing.assert_array_equal(shared.series.price, grown.series.price)


def test_books_balance_and_the_series_end_with_them() -> None:
    run = run_bars(setup_of(market_minutes(3_000)), RECENTRE, MINUTE_BARS)
    books = run.books
    assert books is not None
    for token in (0, 1):
        came = books.deposited[token] + books.swapped[token] + books.returned[token] + books.fees[token]
        assert came - books.minted[token] == books.final[token]
    assert run.series.fees0[-1] == pytest.approx(books.fees[0] / 1e6)
    assert run.series.fees1[-1] == pytest.approx(books.fees[1] / 1e18)
    final = books.final[0] / 1e6 + books.final[1] / 1e18 * run.series.price[-1]
    assert run.series.value[-1] == pytest.approx(final, rel=1e-9)
    assert len(run.ranges) > 3
    for one, following in zip(run.ranges, run.ranges[1:], strict=False):
        assert one.until == following.since
        assert (following.since - START - MINUTE) % 600 == 0


def test_nothing_that_happens_later_changes_what_was_done_before() -> None:
    minutes = market_minutes(3_000)
    other = market_minutes(3_000, seed=9)
    fields = ("open", "low", "high", "close", "in0", "in1", "liquidity")
    known = 1_501
    mixed: dict[str, Any] = {
        name: np.concatenate((getattr(minutes, name)[:known], getattr(other, name)[known:])) for name in fields
    }
    changed = replace(minutes, **mixed)
    mine, theirs = (run_bars(setup_of(each), RECENTRE, MINUTE_BARS) for each in (minutes, changed))
    until = START + known * MINUTE
    before = mine.series.time <= until
    np.testing.assert_array_equal(mine.series.value[before], theirs.series.value[before])
    assert [a for a in mine.actions if a.time <= until] == [a for a in theirs.actions if a.time <= until]
    assert mine.series.value[-1] != theirs.series.value[-1]


def test_a_still_price_earns_the_fees_and_loses_nothing() -> None:
    minutes = quiet(1_441, tick=TICK, in0=10**10, in1=0, liquidity=10**18)
    run = run_bars(setup_of(minutes, swap="external"), FullRange(), MINUTE_BARS_SAME_PRICE)
    liquidity = run.ranges[0].liquidity
    assert run.series.fees0[-1] == pytest.approx(1_440 * 5 * 10**6 * liquidity / 10**18 / 1e6, abs=1e-6)
    assert run.series.fees1[-1] == 0.0
    assert run.metrics["lvr"].value == 0.0
    assert run.metrics["impermanent_loss"].value == pytest.approx(0.0, abs=1e-5)
    assert run.metrics["time_in_range"].value == 1.0


def test_holding_is_what_the_tokens_are_worth() -> None:
    run = run_bars(setup_of(market_minutes(500)), Hold(), MINUTE_BARS)
    books = run.books
    assert books is not None
    assert books.minted == books.fees == (0, 0)
    assert run.metrics["against_hold"].value == pytest.approx(0.0, abs=1e-9)


def test_a_sweep_is_every_position_by_itself() -> None:
    minutes = market_minutes(2_000)
    setup = setup_of(minutes)
    ranges = [(TICK - 10 * width - TICK % 10, TICK + 10 * width - TICK % 10) for width in (1, 5, 20, 100)]
    swept = sweep(setup.bars, ranges, [10**15, 10**16, 10**17, 10**18])
    assert sorted(swept.in_range) == list(swept.in_range)
    for (lower, upper), liquidity, fees in zip(ranges, (10**15, 10**16, 10**17, 10**18), swept.fees, strict=True):
        pool = BarPool(minutes, setup.bars, 500, 10, True)
        pool.mint("us", lower, upper, liquidity, 0)
        pool.play(2_000)
        assert pool.fees_owed("us", lower, upper) == fees


def test_value_is_taken_at_the_recorded_close() -> None:
    run = run_bars(setup_of(quiet(200, tick=TICK)), Static.model_validate({"width": "5 %"}), MINUTE_BARS)
    root = sqrt_ratio_at_tick(TICK) / 2**96
    assert run.series.price[0] == pytest.approx(1e12 / root**2, rel=1e-9)
    assert run.series.time[0] == START + MINUTE
    assert run.series.time[-1] == START + 200 * MINUTE
    assert set(run.series.tick.tolist()) == {TICK}
    assert run.market == USDC_WETH


CONFIG = """
minutes: bars.csv
pool:
  token0: {symbol: USDC, decimals: 6}
  token1: {symbol: WETH, decimals: 18}
  fee: 0.05 %
capital: 10000 USDC
strategy: {name: static, params: {width: 5 %}}
every: 10m
costs: {gas_price: 0 gwei}
"""


def written(folder: Path, text: str = CONFIG) -> Path:
    bars = [f"2022-07-19 {n // 60:02}:{n % 60:02}:00,0,0,{TICK},{TICK},{TICK},{TICK},1000,0,10000" for n in range(120)]
    (folder / "bars.csv").write_text("\n".join([",".join(COLUMNS), *bars]) + "\n")
    (folder / "lp.yaml").write_text(text)
    return folder / "lp.yaml"


def test_runs_a_file_with_minutes(tmp_path: Path) -> None:
    result = backtest_minutes(load_lp_config(written(tmp_path)), tmp_path)
    assert result.worst.market == USDC_WETH
    assert result.worst.capital == 10_000.0
    assert result.facts["title"] == "static in USDC/WETH 0.05 %"
    windowed = CONFIG + "from: 2022-07-19 01:00\n"
    part = backtest_minutes(load_lp_config(written(tmp_path, windowed)), tmp_path)
    assert int(part.worst.series.time[0]) == START + 3_600 + MINUTE


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("capital: 10000 USDC", "capital: 10000 DAI", "capital: in DAI, but the pool's tokens are USDC and WETH"),
        ("capital: 10000 USDC", "capital: 0.0000001 USDC", "capital: less than one unit of USDC"),
    ],
)
def test_refuses_settings_that_do_not_go_with_the_bars(tmp_path: Path, old: str, new: str, line: str) -> None:
    path = written(tmp_path, CONFIG.replace(old, new))
    with pytest.raises(Unfit, match=line):
        backtest_minutes(load_lp_config(path), tmp_path)
