"""The whole pool, every operation in any order: mirror and kernel answer and store what the bytecode does.

A failure names seed, operation and both answers. The deep run says how many operations agreed;
PATRON_AMM_EVIDENCE names a file to write that to.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bot.core.amm import walk
from bot.core.amm.oracle import CARDINALITY_MAX, Observations
from bot.core.amm.pool_state import PoolState
from bot.core.amm.swap_math import swap_step
from bot.core.amm.tick_table import TickTable
from bot.core.fixedpoint import Q96
from tests.parity.evm import NOW
from tests.parity.lockstep import LockStep, Mismatch, run_seed
from tests.parity.operations import KINDS, OWNERS, SHAPES, Generator, Operation

OPERATIONS = 15_000
"""Of each shape of pools in the default run."""
DEEP_OPERATIONS, DEEP_SEED, PROCESSES = 5_000_000, 1_000, 2
CALLS = {
    *("initialize", "mint", "burn", "collect", "swap", "flash", "set_fee_protocol", "collect_protocol"),
    *("increase_observation_cardinality_next", "observe", "snapshot_cumulatives_inside"),
}
REFUSALS = {
    f"refused {name}"
    for name in ("NO_REASON", "AI", "LOK", "AS", "SPL", "TLU", "TLM", "TUM", "LO", "LS", "NP", "I", "OLD", "R", "L")
}


@pytest.mark.parametrize("shape", range(len(SHAPES)), ids=lambda shape: f"fee {SHAPES[shape][0]}")
def test_a_hundred_thousand_random_operations_agree_with_the_bytecode(shape: int) -> None:
    seen = run_seed(shape, OPERATIONS)
    assert sum(seen[call] for call in CALLS) == OPERATIONS, seen
    assert all(seen[call] > OPERATIONS // 200 for call in CALLS), seen
    assert seen["crossed ticks"] > OPERATIONS // 10, seen


def test_every_reason_for_which_the_bytecode_refuses_was_met() -> None:
    unborn = LockStep(*SHAPES[0])
    generator = Generator(Random(0), unborn.leader, unborn.truth.tick_spacing)
    for kind in sorted(KINDS.keys() - {"initialize"}) * 3:
        unborn.do(generator.make(kind))
    unborn.check_everything()
    seen = unborn.seen
    for seed in range(40, 52):
        seen += run_seed(seed, 1_200)
    assert seen.keys() >= REFUSALS, REFUSALS - seen.keys()


def test_a_ring_of_every_observation_that_the_contract_has_room_for() -> None:
    lock_step = LockStep(500, 10)
    lock_step.do(Operation("initialize", (Q96, NOW)))
    lock_step.do(Operation("mint", (OWNERS[0], -1000, 1000, 10**18, NOW)))
    lock_step.do(Operation("increase_observation_cardinality_next", (CARDINALITY_MAX,)))
    for second in range(1, 40):
        lock_step.do(Operation("swap", (second % 2 == 0, 10**16 + second, None, NOW + second * 7)))
    lock_step.do(Operation("observe", (tuple(range(0, 280, 9)), NOW + 280)))
    lock_step.check_everything()


def fee_one_short(step: Callable[..., tuple[int, int, int, int]]) -> Callable[..., tuple[int, int, int, int]]:
    """A step of a swap whose fee is rounded down where the contract rounds it up."""

    def mutated(price: int, target: int, liquidity: int, remaining: int, fee_pips: int) -> tuple[int, int, int, int]:
        after, amount_in, amount_out, fee = step(price, target, liquidity, remaining, fee_pips)
        reached = after == target and amount_in > 0 and fee > 0
        return after, amount_in, amount_out, amount_in * fee_pips // (10**6 - fee_pips) if reached else fee

    return mutated


class BurnsUp(PoolState):
    """Pays a burn one unit more of token0 than the contract."""

    def burn(self, *arguments: Any) -> tuple[int, int]:
        amount0, amount1 = super().burn(*arguments)
        return amount0 + (amount0 > 0), amount1


class CollectsAll(PoolState):
    """Lets the protocol collect the last unit, which the contract keeps back."""

    def collect_protocol(self, requested0: int, requested1: int) -> tuple[int, int]:
        fees0, fees1 = self.protocol_fees
        super().collect_protocol(requested0, requested1)
        return min(requested0, fees0), min(requested1, fees1)


@pytest.mark.parametrize("error", ["fee", "crossing", "observation", "burn", "protocol"])
def test_a_single_rounding_or_a_forgotten_write_is_noticed_within_four_hundred_operations(
    error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror: type[PoolState] = PoolState
    if error == "fee":
        monkeypatch.setattr(walk, "swap_step", fee_one_short(swap_step))
    elif error == "crossing":
        monkeypatch.setattr(TickTable, "cross", lambda *arguments: None)
    elif error == "observation":
        monkeypatch.setattr(Observations, "write", lambda *arguments: None)
    else:
        mirror = {"burn": BurnsUp, "protocol": CollectsAll}[error]
    with pytest.raises(Mismatch) as caught:
        run_seed(1, 400, {"mirror": mirror})
    assert "seed 1, operation" in caught.value.__notes__[0]
    assert "the bytecode" in str(caught.value)


@contextmanager
def workers() -> Iterator[ProcessPoolExecutor]:
    """Processes of their own that are gone afterwards."""
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)


@pytest.mark.deep
@pytest.mark.timeout(3_600)
def test_five_million_random_operations_agree_with_the_bytecode(capsys: pytest.CaptureFixture[str]) -> None:
    share, seen, began = 10_000, Counter[str](), time.monotonic()
    seeds = range(DEEP_SEED, DEEP_SEED + DEEP_OPERATIONS // share)
    with workers() as pool:
        for number, future in enumerate(as_completed([pool.submit(run_seed, seed, share) for seed in seeds]), 1):
            seen += future.result()
            if number % 10 == 0:
                speed = round(number * share / (time.monotonic() - began))
                with capsys.disabled():
                    print(f"{number * share:>9,} operations agree, {speed:,} a second", flush=True)  # noqa: T201
    operations = sum(seen[call] for call in CALLS)
    assert operations == DEEP_OPERATIONS
    assert seen.keys() >= REFUSALS | CALLS
    evidence = {
        "operations": operations,
        "mismatches": 0,
        "seeds": [seeds.start, seeds.stop - 1],
        "seconds": round(time.monotonic() - began),
        "seen": dict(sorted(seen.items())),
    }
    line = json.dumps(evidence)
    with capsys.disabled():
        print(line)  # noqa: T201
    if path := os.environ.get("PATRON_AMM_EVIDENCE"):
        Path(path).write_text(line + "\n", encoding="utf-8")
