"""A pool's history as events, and one event applied to a pool machine with everything that the event says verified.

Amounts are raw token units from the pool's point of view (positive: the pool received), prices Q64.96, times unix
seconds of the block. An event says what the contract's own event says; the parties of a trade are left out, because the
pool's state does not depend on them. A *no* is a value: `apply_event` returns a `Disagreement`, it never raises one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol, TypeVar

from bot.core.amm.concentrated import Pool, swap
from bot.core.amm.reverts import PoolReverted, Revert
from bot.core.fixedpoint import INT256_MAX
from bot.core.units import Token


class Kind(IntEnum):
    """What happened, in the order of the codes that `bot.pool_log` stores."""

    INITIALIZE = 0
    MINT = 1
    BURN = 2
    COLLECT = 3
    SWAP = 4
    FLASH = 5
    SET_FEE_PROTOCOL = 6
    COLLECT_PROTOCOL = 7
    INCREASE_OBSERVATION_CARDINALITY_NEXT = 8

    @property
    def label(self) -> str:
        """The contract's name of the event, such as ``CollectProtocol``."""
        return "".join(word.capitalize() for word in self.name.split("_"))


KINDS = {kind.label: kind for kind in Kind}
OF_POSITIONS = frozenset({Kind.MINT, Kind.BURN, Kind.COLLECT})
"""Kinds whose events name an owner and two ticks."""


@dataclass(frozen=True, slots=True)
class PoolFacts:
    """What never changes about a pool. `pool`: its address in lower case; the tokens' addresses too."""

    chain_id: int
    pool: str
    token0: Token
    token1: Token
    fee_pips: int
    tick_spacing: int


@dataclass(frozen=True, slots=True)
class PoolEvent:
    """One event. Fields that its kind does not have are zero or empty.

    =================================== ===============================================================================
    Initialize                          sqrt_price_x96, tick
    Mint, Burn                          owner, lower, upper, liquidity, amount0, amount1; a Burn of 0 is a poke
    Collect                             owner, lower, upper, amount0, amount1 (paid out)
    Swap                                amount0, amount1 (signed), sqrt_price_x96, liquidity, tick: all after the swap
    Flash                               amount0, amount1: paid above the principal
    SetFeeProtocol                      amount0, amount1: the new denominators, 0 for none
    CollectProtocol                     amount0, amount1 (paid out)
    IncreaseObservationCardinalityNext  amount0: before, amount1: after
    =================================== ===============================================================================
    """

    kind: Kind
    block: int
    log_index: int
    time: int
    owner: str = ""  # 0x and 40 lower-case hex digits
    lower: int = 0
    upper: int = 0
    liquidity: int = 0
    amount0: int = 0
    amount1: int = 0
    sqrt_price_x96: int = 0
    tick: int = 0


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Where the log and the machine part: the log expects one value, the machine finds another.

    `field`: the event's field, or ``call`` when the machine refuses it (then `found` is the refusal).
    """

    block: int
    log_index: int
    kind: Kind
    field: str
    expected: int | str
    found: int | str

    def __str__(self) -> str:
        where = f"block {self.block} log {self.log_index}: {self.kind.label}"
        return f"{where}: {self.field}: the log says {self.expected}, the pool says {self.found}"


class PoolMachine(Protocol):
    """What a pool machine must offer so that events can be applied to it."""

    @property
    def sqrt_price_x96(self) -> int: ...
    @property
    def tick(self) -> int: ...
    @property
    def liquidity(self) -> int: ...
    @property
    def observation_cardinality_next(self) -> int: ...
    def initialize(self, sqrt_price_x96: int, time: int) -> int: ...
    def mint(self, owner: str, lower: int, upper: int, liquidity: int, time: int) -> tuple[int, int]: ...
    def burn(self, owner: str, lower: int, upper: int, liquidity: int, time: int) -> tuple[int, int]: ...
    def collect(self, owner: str, lower: int, upper: int, requested0: int, requested1: int) -> tuple[int, int]: ...
    def swap(
        self, zero_for_one: bool, amount_specified: int, sqrt_price_limit_x96: int | None, time: int
    ) -> tuple[int, int]: ...
    def flash(self, paid0: int, paid1: int) -> None: ...
    def set_fee_protocol(self, denominator0: int, denominator1: int) -> None: ...
    def collect_protocol(self, requested0: int, requested1: int) -> tuple[int, int]: ...
    def increase_observation_cardinality_next(self, cardinality_next: int) -> None: ...


class QuotedMachine(PoolMachine, Protocol):
    """A machine that also gives an immutable snapshot of itself for quoting."""

    def pool(self) -> Pool: ...


Outcome = tuple[int, int, int, int, int]
"""(amount0, amount1, sqrt_price_x96, tick, liquidity) of a swap, as its event says them."""
M = TypeVar("M", bound=PoolMachine)
Quote = Callable[[M, bool, int, int | None], Outcome]
"""What a swap (machine, zero_for_one, amount_specified, limit) would do. Raises ValueError where it is refused."""

_OUTCOME_FIELDS = ("amount0", "amount1", "sqrt_price_x96", "tick", "liquidity")


def quote_by_snapshot(machine: QuotedMachine, zero_for_one: bool, amount: int, limit: int | None) -> Outcome:
    """What a swap would do, on an immutable snapshot of the machine."""
    done = swap(machine.pool(), zero_for_one, amount, limit)
    return done.amount0, done.amount1, done.pool.sqrt_price_x96, done.pool.tick, done.pool.liquidity


def apply_snapshot_event(machine: QuotedMachine, event: PoolEvent) -> Disagreement | None:
    """`apply_event` for a machine that quotes by snapshots, such as `bot.core.amm.pool_state.PoolState`."""
    return apply_event(machine, event, quote_by_snapshot)


def apply_event(machine: M, event: PoolEvent, quote: Quote[M]) -> Disagreement | None:
    """None after the machine did what the event says and everything came out as logged; else the first difference.

    A swap that nothing explains leaves the machine untouched, and so does a call that the machine refuses. After any
    other disagreement the machine has moved: its amounts were not the logged ones.
    """
    try:
        return _applied(machine, event, quote)
    except PoolReverted as refusal:
        return _differs(event, "call", "accepted", str(refusal))


def swap_call(machine: M, event: PoolEvent, quote: Quote[M]) -> tuple[bool, int, int | None] | Disagreement:
    """(zero_for_one, amount_specified, limit) of a swap that explains a Swap event to the last unit.

    The event does not say what was asked for. Tried in this order: exact input, exact output, all the way to the logged
    price; where several explain it, they leave the same state behind. A Disagreement, of the exact input, when none
    does. Pure: the machine is asked for quotes only.
    """
    wanted = (event.amount0, event.amount1, event.sqrt_price_x96, event.tick, event.liquidity)
    paid = max(event.amount0, event.amount1)
    zero_for_one = event.amount0 > 0 if paid > 0 else event.sqrt_price_x96 < machine.sqrt_price_x96
    received = min(event.amount0, event.amount1)
    calls: list[tuple[int, int | None]] = [(paid, None)] if paid > 0 else []
    calls += [(received, None)] if received < 0 else []
    calls.append((INT256_MAX, event.sqrt_price_x96))
    first: Outcome | ValueError | None = None
    for amount, limit in calls:
        try:
            found: Outcome | ValueError = quote(machine, zero_for_one, amount, limit)
        except ValueError as refusal:
            found = refusal
        if found == wanted:
            return zero_for_one, amount, limit
        first = found if first is None else first
    if isinstance(first, tuple):
        field, expected, got = next(
            (name, said, is_) for name, said, is_ in zip(_OUTCOME_FIELDS, wanted, first, strict=True) if said != is_
        )
        return _differs(event, field, expected, got)
    return _differs(event, "call", "accepted", str(first))


def _applied(machine: M, event: PoolEvent, quote: Quote[M]) -> Disagreement | None:
    kind = event.kind
    if kind is Kind.SWAP:
        call = swap_call(machine, event, quote)
        if isinstance(call, Disagreement):
            return call
        amounts = machine.swap(*call, event.time)
        found = (*amounts, machine.sqrt_price_x96, machine.tick, machine.liquidity)
        wanted = (event.amount0, event.amount1, event.sqrt_price_x96, event.tick, event.liquidity)
        return _first_difference(event, _OUTCOME_FIELDS, wanted, found)
    if kind is Kind.INITIALIZE:
        tick = machine.initialize(event.sqrt_price_x96, event.time)
        return _first_difference(event, ("tick",), (event.tick,), (tick,))
    if kind is Kind.INCREASE_OBSERVATION_CARDINALITY_NEXT:
        before = machine.observation_cardinality_next
        machine.increase_observation_cardinality_next(event.amount1)
        after = machine.observation_cardinality_next
        return _first_difference(event, ("amount0", "amount1"), (event.amount0, event.amount1), (before, after))
    if kind is Kind.FLASH:
        machine.flash(event.amount0, event.amount1)
        return None
    if kind is Kind.SET_FEE_PROTOCOL:
        machine.set_fee_protocol(event.amount0, event.amount1)
        return None
    if kind is Kind.COLLECT_PROTOCOL:
        amounts = machine.collect_protocol(event.amount0, event.amount1)
    elif kind is Kind.COLLECT:
        amounts = machine.collect(event.owner, event.lower, event.upper, event.amount0, event.amount1)
    else:
        change = machine.mint if kind is Kind.MINT else machine.burn
        amounts = change(event.owner, event.lower, event.upper, event.liquidity, event.time)
    return _first_difference(event, ("amount0", "amount1"), (event.amount0, event.amount1), amounts)


def _first_difference(
    event: PoolEvent, names: tuple[str, ...], wanted: tuple[int, ...], found: tuple[int, ...]
) -> Disagreement | None:
    for name, said, got in zip(names, wanted, found, strict=True):
        if said != got:
            return _differs(event, name, said, got)
    return None


def _differs(event: PoolEvent, field: str, expected: int | str, found: int | str) -> Disagreement:
    return Disagreement(event.block, event.log_index, event.kind, field, expected, found)


def refusal_text(revert: Revert) -> str:
    """How a refusal by this reason is told in a Disagreement by code that returns numbers instead of raising."""
    return str(PoolReverted(revert))
