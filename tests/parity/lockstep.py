"""Several machines of one pool side by side, the real bytecode first: every answer, every touched word equal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from backtests.exact_pool import ExactPool
from bot.core.amm.pool_state import PoolState
from bot.core.amm.reverts import Revert
from tests.parity.operations import SHAPES, Generator, Operation, answer
from tests.parity.pool_adapter import BytecodePool

BATCH = 50
"""Operations between two comparisons of the whole state."""
BATCHES = 6
"""Batches on one pool: a machine keeps every journal entry, so a new one is cheaper than a long one."""

Factory = Callable[[int, int], Any]
MACHINES: Mapping[str, Factory] = {"mirror": PoolState, "kernel": ExactPool}

_ON_A_POSITION = ("mint", "burn", "collect")
_PAYS = {"mint": 1, "swap": 1, "collect": -1, "collect_protocol": -1}


class Mismatch(AssertionError):
    """A machine differs from the bytecode."""


class LockStep:
    """A bytecode pool and the machines that must equal it."""

    def __init__(self, fee_pips: int, tick_spacing: int, machines: Mapping[str, Factory] = MACHINES) -> None:
        self.truth = BytecodePool(fee_pips, tick_spacing)
        self.machines = {name: factory(fee_pips, tick_spacing) for name, factory in machines.items()}
        self.leader = next(iter(self.machines.values()))
        self.positions: set[tuple[str, int, int]] = set()
        self.ticks: set[int] = set()
        self.seen: Counter[str] = Counter()
        self._received = [0, 0]

    def do(self, operation: Operation) -> Any:
        """The bytecode's answer, after every machine gave the same; Mismatch otherwise."""
        if operation.name == "mint":
            self.positions.add(operation.arguments[:3])
            self.ticks.update(operation.arguments[1:3])
        foreseen = self._foreseen(operation)
        before = self.leader.tick
        expected = answer(self.truth, operation)
        words = self._touched(self.truth, operation, before)
        for name, machine in self.machines.items():
            given = answer(machine, operation)
            if given != expected or type(given) is not type(expected):
                raise Mismatch(f"{operation}: the bytecode answers {expected!r}, the {name} {given!r}")
            touched = self._touched(machine, operation, before)
            if touched != words:
                raise Mismatch(f"{operation} leaves the bytecode with {words}, the {name} with {touched}")
        if not isinstance(expected, Revert):
            for name, given in foreseen.items():
                came = expected if operation.name == "swap" else self.truth.position(*operation.arguments[:3]).owed
                if given != came:
                    raise Mismatch(f"{operation}: the {name} foresaw {given}, the bytecode has {came}")
        self._count(operation, expected, before)
        return expected

    def check_everything(self) -> None:
        """Nothing, or Mismatch when any tick, position, observation or balance differs."""
        expected = self._state(self.truth)
        for name, machine in self.machines.items():
            for key, value in self._state(machine).items():
                if value != expected[key]:
                    raise Mismatch(f"{key}: the bytecode has {expected[key]}, the {name} {value}")
        held = self.truth.balances()
        if held != tuple(self._received):
            raise Mismatch(f"the pool holds {held}, the answers add up to {self._received}")

    def _touched(self, machine: Any, operation: Operation, tick_before: int) -> tuple[Any, ...]:
        """What an operation can have changed, all the words of it."""
        index = machine.observation_index
        words: list[Any] = [
            (machine.sqrt_price_x96, machine.tick, machine.liquidity, machine.fee_growth_global),
            (machine.protocol_fees, machine.fee_protocol),
            (index, machine.observation_cardinality, machine.observation_cardinality_next),
            machine.observation(index),
        ]
        if operation.name in _ON_A_POSITION:
            _, lower, upper = position = operation.arguments[:3]
            words += [machine.position(*position), machine.tick_info(lower), machine.tick_info(upper)]
        elif operation.name == "swap":
            low, high = sorted((tick_before, machine.tick))
            words += [(tick, machine.tick_info(tick)) for tick in self.ticks if low <= tick <= high + 1]
        return tuple(words)

    def _state(self, machine: Any) -> dict[str, Any]:
        """All that a pool stores, by name."""
        slots = range(machine.observation_cardinality_next)
        return {
            "slot": (machine.sqrt_price_x96, machine.tick, machine.fee_protocol, machine.liquidity),
            "fees": (machine.fee_growth_global, machine.protocol_fees),
            "oracle": (machine.observation_index, machine.observation_cardinality, len(slots)),
            "ticks with liquidity": tuple(machine.initialized_ticks()),
            **{f"tick {tick}": machine.tick_info(tick) for tick in self.ticks},
            **{f"position {key}": machine.position(*key) for key in self.positions},
            **{f"observation {index}": machine.observation(index) for index in slots},
        }

    def _foreseen(self, operation: Operation) -> dict[str, Any]:
        """What the machines that can say so expect: of a poke what it leaves owed, of a swap its amounts."""
        arguments = operation.arguments
        if operation.name == "burn" and arguments[3] == 0:
            return {name: machine.fees_owed(*arguments[:3]) for name, machine in self.machines.items()}
        if operation.name == "swap":
            quote = Operation("quote", arguments[:3])
            return {
                name: answer(machine, quote) for name, machine in self.machines.items() if hasattr(machine, "quote")
            }
        return {}

    def _count(self, operation: Operation, result: Any, tick_before: int) -> None:
        self.seen[operation.name] += 1
        if operation.name == "swap":
            low, high = sorted((tick_before, self.leader.tick))
            self.seen["crossed ticks"] += sum(low < tick <= high for tick in self.leader.initialized_ticks())
        if isinstance(result, Revert):
            self.seen[f"refused {result.name}"] += 1
        elif operation.name == "flash":
            self._received = [held + paid for held, paid in zip(self._received, operation.arguments, strict=True)]
        elif sign := _PAYS.get(operation.name):
            self._received = [held + sign * amount for held, amount in zip(self._received, result, strict=True)]


def run_seed(seed: int, operations: int, machines: Mapping[str, Factory] = MACHINES) -> Counter[str]:
    """What was seen in this many random operations of one seed, on one pool after another, all equal.

    The seed's remainder picks the shape of the pools. Whatever goes wrong names seed, pool, index and operation.
    """
    rnd, seen = Random(seed), Counter[str]()
    done = 0
    while done < operations:
        lock_step = LockStep(*SHAPES[seed % len(SHAPES)], machines)
        generator = Generator(rnd, lock_step.leader, lock_step.truth.tick_spacing)
        for index in range(min(BATCH * BATCHES, operations - done)):
            operation = generator.next()
            try:
                lock_step.do(operation)
                if index % BATCH == BATCH - 1:
                    lock_step.check_everything()
            except Exception as error:
                fee_pips, spacing = lock_step.truth.fee_pips, lock_step.truth.tick_spacing
                error.add_note(f"seed {seed}, operation {done} (fee {fee_pips}, spacing {spacing}): {operation}")
                raise
            done += 1
        lock_step.check_everything()
        seen += lock_step.seen
    return seen
