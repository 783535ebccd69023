"""Made minute bars for the tests of what is reckoned from them."""

from __future__ import annotations

import random

import numpy as np

from backtests.lp.bar_pool import LIMB
from backtests.lp.bars import BarSetup
from backtests.lp.config import CostsConfig
from backtests.lp.minutes import MINUTE, Limbs, Minutes
from backtests.lp.result import Market

START = 1_658_188_800
USDC_WETH = Market("USDC/WETH 0.05 %", ("USDC", "WETH"), (6, 18), 0, 500, 10)
TICK = 202_650  # about 1,590 dollars per ether


def limbs(values: list[int]) -> Limbs:
    return np.array([[value & LIMB, value >> 64] for value in values], dtype=np.uint64)


def minutes_of(rows: list[tuple[int, int, int, int, int, int, int]]) -> Minutes:
    """(open, low, high, close, in0, in1, liquidity) a minute."""
    open_, low, high, close = (np.array([row[i] for row in rows], dtype=np.int32) for i in range(4))
    in0, in1, liquidity = (limbs([row[i] for row in rows]) for i in (4, 5, 6))
    times = START + MINUTE * np.arange(len(rows), dtype=np.int64)
    return Minutes(times, open_, low, high, close, in0, in1, liquidity, np.zeros(len(rows), np.bool_), ("made",), "")


def quiet(count: int, tick: int = 0, in0: int = 0, in1: int = 0, liquidity: int = 10**18) -> Minutes:
    return minutes_of([(tick, tick, tick, tick, in0, in1, liquidity)] * count)


def walk(seed: int, count: int, bits: int = 90) -> Minutes:
    """Random bars: amounts and liquidity of every width up to `bits`, idle minutes, jumps, odd closes."""
    draw, tick = random.Random(seed), 0
    rows = []
    for _ in range(count):
        close = tick + draw.randrange(-40, 41)
        ticks = [close + draw.randrange(-9, 10) for _ in range(3)]
        volume = [draw.getrandbits(draw.randrange(1, bits)) * (draw.random() < 0.7) for _ in range(2)]
        liquidity = 1 + draw.getrandbits(draw.randrange(1, bits))
        rows.append((ticks[0], min(ticks[1:]), max(ticks[1:]), close, volume[0], volume[1], liquidity))
        tick = close
    return minutes_of(rows)


def market_minutes(count: int, seed: int = 1) -> Minutes:
    """A market of USDC and WETH: ticks wander, a few ten thousand dollars go either way in a minute."""
    draw, tick = random.Random(seed), TICK
    rows = []
    for _ in range(count):
        close = tick + round(draw.gauss(0.0, 6.0))
        low, high = min(tick, close) - draw.randrange(4), max(tick, close) + draw.randrange(4)
        rows.append((tick, low, high, close, draw.randrange(5 * 10**10), draw.randrange(3 * 10**19), 10**18))
        tick = close
    return minutes_of(rows)


def setup_of(minutes: Minutes, every: int = 600, capital: int = 10**10, **costs: str) -> BarSetup:
    """A backtest of ten thousand dollars without gas, looked at every ten minutes, unless told otherwise."""
    chosen = CostsConfig.model_validate({"gas_price": "0 gwei", **costs})
    return BarSetup(minutes, USDC_WETH, chosen, capital, every)
