"""The constant product pair: mirror and kernel answer and store what the real bytecode does, in any order of calls."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest

from backtests.exact_pair import ExactPair
from bot.core.amm.constant_product import (
    MINIMUM_LIQUIDITY,
    RESERVE_MAX,
    Pair,
    PairRevert,
    PairReverted,
    amount_in,
    amount_out,
)
from tests.parity.evm import NOW
from tests.parity.pair_adapter import BytecodePair

OPERATIONS, DEEP_OPERATIONS, A_PAIR = 12_000, 400_000, 250
REFUSALS = {revert.name for revert in PairRevert} - {"NONE"}


def answer(machine: Any, name: str, arguments: tuple[Any, ...]) -> Any:
    """What a machine returns for a call, or the PairRevert with which it refuses."""
    try:
        return getattr(machine, name)(*arguments)
    except PairReverted as refused:
        return refused.revert


def state(machine: Any) -> tuple[Any, ...]:
    """All that a pair stores."""
    return (
        machine.reserves,
        machine.total_supply,
        machine.price_cumulative,
        machine.block_timestamp_last,
        machine.k_last,
        machine.fee_on,
    )


class PairCalls:
    """Random calls of one pair, after a mirror that has executed every one before."""

    def __init__(self, rnd: Random, leader: Pair) -> None:
        self.rnd, self.leader = rnd, leader
        self.now = rnd.choice((NOW, 1, (1 << 32) - 500))
        self.bits = rnd.choice((24, 60, 90, 111, 112))

    def next(self) -> tuple[str, tuple[Any, ...]]:
        """Method and arguments of the next call."""
        kind = self.rnd.random()
        self.now += self.rnd.choice((0, 0, 0, 1, 12, 3_600, 1 << 31 if kind < 0.01 else 12))
        if kind < 0.03:
            return "set_fee_on", (self.rnd.random() < 0.6,)
        supply = self.leader.total_supply
        if kind < 0.2 or (supply == 0 and kind < 0.75):
            return "mint", (*self._deposit(), self.now)
        if kind < 0.35 or (supply == 0 and kind < 0.9):
            share = self.rnd.choice((supply - 1000, supply - 999, supply // 2, supply // 100, self._size(), 0, 1))
            return "burn", (max(share, 0), self.now)
        return "swap", (*self._trade(), self.now)

    def _size(self) -> int:
        return self.rnd.getrandbits(self.rnd.randint(1, self.bits))

    def _deposit(self) -> tuple[int, int]:
        rnd, (reserve0, reserve1) = self.rnd, self.leader.reserves
        if rnd.random() < 0.05:
            extremes = (0, 1, RESERVE_MAX, RESERVE_MAX + 1, RESERVE_MAX - reserve0, 1 << 128, 1 << 200)
            return rnd.choice(extremes), rnd.choice(extremes)
        if self.leader.total_supply and rnd.random() < 0.7:  # near the ratio of the reserves
            part = rnd.randint(1, 1 << 20)
            return reserve0 * part >> 20, (reserve1 * part >> 20) + rnd.randint(0, 2)
        return self._size(), self._size()

    def _trade(self) -> tuple[int, int, int, int]:
        """Outs and ins: mostly the least input that the pair takes, one less, or anything."""
        rnd, reserves = self.rnd, self.leader.reserves
        side, kind = rnd.randrange(2), rnd.random()
        outs, ins = [0, 0], [0, 0]
        if kind < 0.75 and min(reserves) > 1:
            outs[side] = rnd.randint(1, max(1, reserves[side] >> rnd.choice((1, 4, 12))))
            outs[side] = min(outs[side], reserves[side] - 1)
            ins[1 - side] = amount_in(outs[side], reserves[1 - side], reserves[side]) + rnd.choice((0, 0, -1, -2, 1))
            if rnd.random() < 0.1:  # a part is paid back in kind
                ins[side] = outs[side] // rnd.randint(1, 5)
        elif kind < 0.95:
            outs = [rnd.choice((0, self._size(), reserve, max(reserve - 1, 0))) for reserve in reserves]
            ins = [rnd.choice((0, self._size())) for _ in outs]
        else:
            outs[side] = 1
            ins = [rnd.choice((0, RESERVE_MAX, 1 << 200, 1 << 247, 1 << 120)) for _ in ins]
        return outs[0], outs[1], max(ins[0], 0), max(ins[1], 0)


def run_pairs(seed: int, operations: int) -> Counter[str]:
    """What was seen in this many random calls, on one pair after another, all three machines equal."""
    rnd, seen = Random(seed), Counter[str]()
    for index in range(operations):
        if index % A_PAIR == 0:
            fee_on = rnd.random() < 0.5
            truth, mirror, kernel = BytecodePair(fee_on), Pair(fee_on), ExactPair(fee_on)
            calls = PairCalls(rnd, mirror)
        name, arguments = calls.next()
        expected = answer(truth, name, arguments)
        words = state(truth)
        for who, machine in {"mirror": mirror, "kernel": kernel}.items():
            given = answer(machine, name, arguments)
            where = f"seed {seed}, operation {index}, {name}{arguments}: the bytecode against the {who}"
            assert (given, type(given)) == (expected, type(expected)), where
            assert state(machine) == words, where
        seen[name] += 1
        seen[expected.name if isinstance(expected, PairRevert) else "accepted"] += 1
        if index % A_PAIR == A_PAIR - 1:
            assert truth.liquidity_held() == max(mirror.total_supply - MINIMUM_LIQUIDITY, 0)
            assert mirror.protocol_liquidity == kernel.protocol_liquidity
    return seen


def test_twelve_thousand_random_calls_of_pairs_agree_with_the_bytecode() -> None:
    seen = run_pairs(7, OPERATIONS)
    assert seen["accepted"] > OPERATIONS // 3
    assert seen.keys() >= REFUSALS, REFUSALS - seen.keys()


@pytest.mark.deep
@pytest.mark.timeout(1_200)
def test_four_hundred_thousand_random_calls_of_pairs_agree_with_the_bytecode() -> None:
    seen: Counter[str] = Counter()
    for seed in range(100, 110):
        seen += run_pairs(seed, DEEP_OPERATIONS // 10)
    assert seen.keys() >= REFUSALS


def test_a_mirror_that_forgets_the_dust_of_a_division_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Pair.burn

    def rounded_up(self: Pair, liquidity: int, time: int) -> tuple[int, int]:
        amount0, amount1 = original(self, liquidity, time)
        return amount0 + 1, amount1

    monkeypatch.setattr(Pair, "burn", rounded_up)
    with pytest.raises(AssertionError, match=r"seed 7, operation \d+, burn"):
        run_pairs(7, 250)


def test_quotes_are_those_of_the_real_router() -> None:
    rnd = Random(3)
    for _ in range(60):
        bits = rnd.choice((20, 60, 90, 110))
        reserves = rnd.getrandbits(bits) + 2_000, rnd.getrandbits(bits) + 2_000
        zero_for_one, exact_in = rnd.random() < 0.5, rnd.random() < 0.5
        real, kernel = BytecodePair(), ExactPair()
        real.mint(*reserves, NOW)
        kernel.mint(*reserves, NOW)
        inside, outside = reserves if zero_for_one else reserves[::-1]
        if exact_in:
            amount = rnd.randint(1, inside) + inside // 500 + 2
            expected = amount_out(amount, inside, outside)
            assert kernel.amount_out(zero_for_one, amount) == expected
            if not expected:
                continue  # the router quotes nothing, and the pair refuses to pay nothing
        else:
            amount = rnd.randint(1, outside - 1)
            expected = amount_in(amount, inside, outside)
            assert kernel.amount_in(zero_for_one, amount) == expected
            if expected > RESERVE_MAX - inside:
                continue  # more than the pair can hold
        assert real.route(zero_for_one, amount, exact_in, NOW + 1) == expected
