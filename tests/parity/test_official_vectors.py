"""Fifteen pools, sixteen swaps each: the set-ups by which the pool contract's authors specify its swaps.

Always: bytecode, mirror and kernel agree on every one of them, to the last unit, and on more fees and spacings
of our own. Where the authors' recorded results lie next to the project (shared/data/uniswap_v3_vectors), also
against those: 240 swaps and the square root prices of their ticks.
"""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from bot.core.amm.liquidity_math import max_liquidity_per_tick
from bot.core.amm.reverts import Revert
from bot.core.amm.tick_math import MAX_SQRT_RATIO, MAX_TICK, MIN_SQRT_RATIO, sqrt_ratio_at_tick
from bot.core.fixedpoint import INT256_MAX, Q96, sqrt_price_x96_from_ratio
from tests.parity.evm import NOW
from tests.parity.lockstep import LockStep
from tests.parity.operations import OWNERS, Operation

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "data" / "uniswap_v3_vectors"
UNIT = 10**18
LIQUIDITY = 2 * UNIT
ONE = (1, 1)


@dataclass(frozen=True, slots=True)
class SetUp:
    """A pool before its swap: price as token1 per token0 (or the square root price itself), and its positions."""

    fee_pips: int
    spacing: int
    price: tuple[int, int] | int
    positions: tuple[tuple[int, int, int], ...]

    @property
    def sqrt_price_x96(self) -> int:
        return self.price if isinstance(self.price, int) else sqrt_price_x96_from_ratio(*self.price)


def whole(spacing: int) -> tuple[int, int]:
    """The widest range of a spacing."""
    last = MAX_TICK // spacing * spacing
    return -last, last


def full(fee_pips: int, spacing: int, price: tuple[int, int] | int = ONE, liquidity: int = LIQUIDITY) -> SetUp:
    return SetUp(fee_pips, spacing, price, ((*whole(spacing), liquidity),))


_FIRST, _LAST = whole(60)
_ASIDE = ((_FIRST, -60, LIQUIDITY), (60, _LAST, LIQUIDITY))
OFFICIAL = {
    "low fee, 1:1 price, 2e18 max range liquidity": full(500, 10),
    "medium fee, 1:1 price, 2e18 max range liquidity": full(3000, 60),
    "high fee, 1:1 price, 2e18 max range liquidity": full(10000, 200),
    "medium fee, 10:1 price, 2e18 max range liquidity": full(3000, 60, (10, 1)),
    "medium fee, 1:10 price, 2e18 max range liquidity": full(3000, 60, (1, 10)),
    "medium fee, 1:1 price, 0 liquidity, all liquidity around current price": SetUp(3000, 60, ONE, _ASIDE),
    "medium fee, 1:1 price, additional liquidity around current price": SetUp(
        3000, 60, ONE, ((_FIRST, _LAST, LIQUIDITY), *_ASIDE)
    ),
    "low fee, large liquidity around current price (stable swap)": SetUp(500, 10, ONE, ((-10, 10, LIQUIDITY),)),
    "medium fee, token0 liquidity only": SetUp(3000, 60, ONE, ((0, 2000 * 60, LIQUIDITY),)),
    "medium fee, token1 liquidity only": SetUp(3000, 60, ONE, ((-2000 * 60, 0, LIQUIDITY),)),
    "close to max price": full(3000, 60, (1 << 127, 1)),
    "close to min price": full(3000, 60, (59, 10**40)),  # 1 / 2^127 to the forty decimals of their arithmetic
    "max full range liquidity at 1:1 price with default fee": full(3000, 60, ONE, max_liquidity_per_tick(60)),
    "initialized at the max ratio": full(3000, 60, MAX_SQRT_RATIO - 1),
    "initialized at the min ratio": full(3000, 60, MIN_SQRT_RATIO),
}
OWN = {
    "0.01 % tier, many narrow ranges": SetUp(
        100, 1, ONE, tuple((-step, step, LIQUIDITY >> step % 7) for step in range(1, 40))
    ),
    "no fee at all": full(0, 10),
    "a fee of nearly everything": full(999_999, 60),
    "widest spacing": full(30_000, 16_383),
    "dust of liquidity": full(3000, 60, (3, 7), 1),
    "price exactly on the end of a word": SetUp(
        500, 10, sqrt_ratio_at_tick(2560), ((2550, 2560, LIQUIDITY), (2560, 2570, LIQUIDITY), (0, 5120, 12345))
    ),
}

TO_A_PRICE = [
    f"swap {a} for {b} to price {price}"
    for a, b in (("token0", "token1"), ("token1", "token0"))
    for price in ("0.40000", "2.5000")
]
AMOUNTS = [
    f"swap {order}"
    for size in ("1.0000", "0.0000000000000010000")
    for order in (
        f"exactly {size} token0 for token1",
        f"exactly {size} token1 for token0",
        f"token0 for exactly {size} token1",
        f"token1 for exactly {size} token0",
    )
]
LIMITED = [
    f"swap {order}"
    for order in (
        "exactly 1.0000 token0 for token1 to price 0.50000",
        "exactly 1.0000 token1 for token0 to price 2.0000",
        "token0 for exactly 1.0000 token1 to price 0.50000",
        "token1 for exactly 1.0000 token0 to price 2.0000",
    )
]
SWAPS = [*TO_A_PRICE, *AMOUNTS, *LIMITED]
_SWAP = re.compile(r"swap (?:exactly (\S+) )?(token\d) for (?:exactly (\S+) )?token\d(?: to price (\S+))?")


def order_of(words: str) -> Operation:
    """The swap that a sentence of the specification describes."""
    found = _SWAP.fullmatch(words)
    assert found, words
    exact_in, token_in, exact_out, price = found.groups()
    amount = INT256_MAX
    if exact_in or exact_out:
        amount = int(Decimal(exact_in or exact_out) * UNIT) * (1 if exact_in else -1)
    limit = None
    if price:
        ratio = Fraction(price)
        limit = sqrt_price_x96_from_ratio(ratio.numerator, ratio.denominator)
    return Operation("swap", (token_in == "token0", amount, limit, NOW))


def built(set_up: SetUp) -> LockStep:
    """All machines with the pool of a set-up, equal so far."""
    lock_step = LockStep(set_up.fee_pips, set_up.spacing)
    lock_step.do(Operation("initialize", (set_up.sqrt_price_x96, NOW)))
    for lower, upper, liquidity in set_up.positions:
        lock_step.do(Operation("mint", (OWNERS[0], lower, upper, liquidity, NOW)))
    return lock_step


def five_digits(sqrt_price_x96: int) -> Decimal:
    """The price to five significant digits, as the recorded results print it."""
    with localcontext() as context:
        context.prec = 200
        price = (Decimal(sqrt_price_x96) / Q96) ** 2
        context.prec = 5
        return +price


def compare(lock_step: LockStep, order: Operation, recorded: dict[str, Any]) -> None:
    """Nothing, or an AssertionError where the bytecode's answer is not the recorded one."""
    pool = lock_step.truth
    case = recorded["case"]
    before = pool.fee_growth_global
    assert pool.tick == int(recorded["tickBefore"]), case
    assert five_digits(pool.sqrt_price_x96) == Decimal(recorded["poolPriceBefore"]), case
    refused = "swapError" in recorded
    keys = ("poolBalance0", "poolBalance1") if refused else ("amount0Before", "amount1Before")
    assert pool.balances() == tuple(int(recorded[key]) for key in keys), case
    given = lock_step.do(order)
    if refused:
        assert given is Revert[recorded["swapError"].rpartition(" ")[2]], case
        return
    assert given == (int(recorded["amount0Delta"]), int(recorded["amount1Delta"])), case
    growth = [after - start for after, start in zip(pool.fee_growth_global, before, strict=True)]
    assert growth == [int(recorded[f"feeGrowthGlobal{token}X128Delta"]) for token in (0, 1)], case
    assert pool.tick == int(recorded["tickAfter"]), case
    assert five_digits(pool.sqrt_price_x96) == Decimal(recorded["poolPriceAfter"]), case


@pytest.mark.parametrize("name", [*OFFICIAL, *OWN])
def test_mirror_and_kernel_swap_like_the_bytecode_in_every_pool_of_the_matrix(name: str) -> None:
    set_up = OFFICIAL.get(name) or OWN[name]
    for words in SWAPS:
        lock_step = built(set_up)
        lock_step.do(order_of(words))
        for lower, upper, liquidity in set_up.positions:
            lock_step.do(Operation("burn", (OWNERS[0], lower, upper, liquidity, NOW + 12)))
        lock_step.check_everything()


if (RECORDED / "swaps_vectors.json").is_file():  # otherwise there is nothing to compare with

    @pytest.mark.parametrize("name", OFFICIAL)
    def test_every_recorded_swap_is_reproduced_to_the_last_unit(name: str) -> None:
        cases = json.loads((RECORDED / "swaps_vectors.json").read_text(encoding="utf-8"))
        prefix = f"UniswapV3Pool swap tests {name} swap "
        mine = [case for case in cases if case["case"].startswith(prefix)]
        assert len(mine) == len(SWAPS)
        for case in mine:
            words = "swap " + case["case"].removeprefix(prefix).removesuffix(" 1")
            compare(built(OFFICIAL[name]), order_of(words), case)

    def test_the_recorded_results_are_of_these_pools_and_no_others() -> None:
        cases = json.loads((RECORDED / "swaps_vectors.json").read_text(encoding="utf-8"))
        assert len(cases) == len(OFFICIAL) * len(SWAPS) == 240

    def test_the_recorded_prices_of_ticks_are_reproduced() -> None:
        text = gzip.decompress((RECORDED / "TickMath.spec.ts.snap.gz").read_bytes()).decode()
        recorded = re.findall(r'getSqrtRatioAtTick tick (-?\d+) result 1`\] = `"(\d+)"`', text)
        assert len(recorded) >= 20
        for tick, price in recorded:
            assert sqrt_ratio_at_tick(int(tick)) == int(price), tick
