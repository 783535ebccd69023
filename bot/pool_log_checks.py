"""What a log of a pool's events must satisfy before anything is computed from it: vectorised, the first fault named.

These are the rules that need no pool: types, ranges, order, signs. What a pool says about the numbers themselves is the
replay's business.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.core.amm.events import OF_POSITIONS, Kind, PoolEvent, PoolFacts
from bot.core.amm.tick_math import MAX_SQRT_RATIO, MAX_TICK, MIN_SQRT_RATIO, MIN_TICK
from bot.core.fixedpoint import INT256_MAX, UINT128_MAX, UINT160_MAX
from bot.core.units import Token
from bot.errors import DataError, located

if TYPE_CHECKING:
    from bot.pool_log import PoolLog

Mask = NDArray[np.bool_]

_HEX: Final = frozenset("0123456789abcdef")
_INT64_MAX: Final = (1 << 63) - 1
_INT32_MAX: Final = (1 << 31) - 1
_SHARES: Final = frozenset((0, *range(4, 11)))  # denominators of the protocol's share that the contract takes
_MAX_CARDINALITY: Final = 65_535


def _kinds(*kinds: Kind) -> Mask:
    return np.isin(np.arange(len(Kind)), [int(kind) for kind in kinds])


_OF_POSITIONS: Final = _kinds(*OF_POSITIONS)
_PRICED: Final = _kinds(Kind.INITIALIZE, Kind.SWAP)
NEEDED: Final = {
    "owner": _OF_POSITIONS,
    "lower": _OF_POSITIONS,
    "upper": _OF_POSITIONS,
    "liquidity": _kinds(Kind.MINT, Kind.BURN, Kind.SWAP),
    "amount0": ~_kinds(Kind.INITIALIZE),
    "amount1": ~_kinds(Kind.INITIALIZE),
    "sqrt_price_x96": _PRICED,
    "tick": _PRICED,
}
"""Per column, by code of kind: whether such an event must have a value there."""

Address = Annotated[str, Field(pattern=r"^0x[0-9a-f]{40}$")]


class _TokenFacts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    address: Address
    symbol: str
    decimals: int = Field(ge=0, le=255)


class Metadata(BaseModel):
    """What a log's file says about itself, as JSON in the Parquet metadata."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    format: Literal[1] = 1
    chain_id: int = Field(ge=1)
    pool: Address
    token0: _TokenFacts
    token1: _TokenFacts
    fee_pips: int = Field(ge=0, lt=1_000_000)
    tick_spacing: int = Field(ge=1, lt=16_384)
    first_block: int = Field(ge=0)
    last_block: int = Field(ge=0)
    events: int = Field(ge=0)

    def facts(self) -> PoolFacts:
        """The pool's facts, the symbols and decimals among them."""
        token0, token1 = (
            Token(self.chain_id, told.address, told.symbol, told.decimals) for told in (self.token0, self.token1)
        )
        return PoolFacts(self.chain_id, self.pool, token0, token1, self.fee_pips, self.tick_spacing)


def metadata_of(facts: PoolFacts, first_block: int, last_block: int, events: int) -> bytes:
    """The JSON document of a log's metadata. Raises DataError for facts that no pool has."""
    tokens = {
        name: {"address": token.address, "symbol": token.symbol, "decimals": token.decimals}
        for name, token in (("token0", facts.token0), ("token1", facts.token1))
    }
    document = {
        "format": 1,
        "chain_id": facts.chain_id,
        "pool": facts.pool,
        **tokens,
        "fee_pips": facts.fee_pips,
        "tick_spacing": facts.tick_spacing,
        "first_block": first_block,
        "last_block": last_block,
        "events": events,
    }
    text = json.dumps(document)
    parsed_metadata(text.encode(), "pool facts")
    return text.encode()


def parsed_metadata(document: bytes | None, name: object) -> Metadata:
    """The metadata of a file. Raises DataError naming the entry that is wrong."""
    if document is None:
        raise DataError(located(name, "", "not a log of a pool's events: its metadata is missing"))
    try:
        found = Metadata.model_validate_json(document)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise DataError(located(name, field or "metadata", first["msg"], first["input"])) from None
    if not found.token0.address < found.token1.address:
        raise DataError(located(name, "token0", "must sort below token1", found.token0.address))
    if found.last_block < found.first_block:
        raise DataError(located(name, "last_block", f"before first_block {found.first_block}", found.last_block))
    return found


def place(name: object, row: int, block: NDArray[np.int64], log_index: NDArray[np.int64]) -> str:
    """Where a fault is: file, row, block and log index."""
    return f"{name}: row {row} (block {int(block[row])} log {int(log_index[row])})"


def check_events(events: Sequence[PoolEvent], name: object) -> None:
    """Nothing, or DataError for a number that its column cannot hold."""
    for row, event in enumerate(events):
        for field, low, high in (
            ("block", 0, _INT64_MAX),
            ("log_index", 0, _INT64_MAX),
            ("time", 0, _INT64_MAX),
            ("lower", -_INT32_MAX, _INT32_MAX),
            ("upper", -_INT32_MAX, _INT32_MAX),
            ("tick", -_INT32_MAX, _INT32_MAX),
            ("liquidity", 0, UINT128_MAX),
            ("amount0", -INT256_MAX - 1, INT256_MAX),
            ("amount1", -INT256_MAX - 1, INT256_MAX),
            ("sqrt_price_x96", 0, UINT160_MAX),
        ):
            value = getattr(event, field)
            if not low <= value <= high:
                kind = {UINT128_MAX: "uint128", INT256_MAX: "int256", UINT160_MAX: "uint160"}.get(high, "its range")
                where = f"{name}: row {row} (block {event.block} log {event.log_index})"
                raise DataError(located(where, field, f"outside {kind}", value))
        owner = event.owner
        if event.kind in OF_POSITIONS and not (len(owner) == 42 and owner[:2] == "0x" and _HEX.issuperset(owner[2:])):
            where = f"{name}: row {row} (block {event.block} log {event.log_index})"
            raise DataError(located(where, "owner", "not an address in lower case", owner))


def check_rows(log: PoolLog, name: object, whole: bool) -> None:
    """Nothing, or DataError for the first rule that a row breaks. whole: the log must begin with Initialize."""
    if not len(log):
        if whole:
            raise DataError(located(name, "kind", "the log is empty: Initialize is missing"))
        return
    rules = _Rules(log, name)
    _check_order(log, rules)
    kind = log.kind
    if whole and kind[0] != Kind.INITIALIZE:
        raise rules.fault(0, "kind", "Initialize is missing: a log begins with it", Kind(int(kind[0])).label)
    again = kind == Kind.INITIALIZE
    again[0] = False
    rules.refuse(again, "kind", "a second Initialize")
    _check_ticks(log, rules)
    _check_amounts(log, rules)


class _Rules:
    """Turns the first row of a mask into the one line of its fault."""

    def __init__(self, log: PoolLog, name: object) -> None:
        self._log, self._name = log, name

    def refuse(self, bad: Mask, field: str, problem: str, got: Callable[[int], object] | None = None) -> None:
        if bad.any():
            row = int(np.argmax(bad))
            raise self.fault(row, field, problem, got(row) if got else None)

    def fault(self, row: int, field: str, problem: str, got: object) -> DataError:
        return DataError(located(place(self._name, row, self._log.block, self._log.log_index), field, problem, got))


def _check_order(log: PoolLog, rules: _Rules) -> None:
    block, index, time = log.block, log.log_index, log.time
    rules.refuse(block < 0, "block", "negative", lambda row: int(block[row]))
    rules.refuse(index < 0, "log_index", "negative", lambda row: int(index[row]))
    rules.refuse(time < 0, "time", "negative", lambda row: int(time[row]))
    if block[0] < log.first_block:
        raise rules.fault(0, "block", f"before the first block covered, {log.first_block}", int(block[0]))
    step, within = np.diff(block), np.diff(index)
    same = step == 0
    rules.refuse(_later(step < 0), "block", "out of order", lambda row: f"{block[row]} after {block[row - 1]}")
    rules.refuse(_later(same & (within == 0)), "log_index", "twice in one block", lambda row: int(index[row]))
    rules.refuse(
        _later(same & (within < 0)), "log_index", "out of order", lambda row: f"{index[row]} after {index[row - 1]}"
    )
    if block[-1] > log.last_block:
        row = int(np.argmax(block > log.last_block))
        raise rules.fault(row, "block", f"after the last block covered, {log.last_block}", int(block[row]))
    passed = np.diff(time)
    rules.refuse(_later(passed < 0), "time", "goes back", lambda row: f"{time[row]} after {time[row - 1]}")
    rules.refuse(
        _later(same & (passed != 0)), "time", "two times in one block", lambda row: f"{time[row]} after {time[row - 1]}"
    )


def _check_ticks(log: PoolLog, rules: _Rules) -> None:
    rows = np.flatnonzero(_OF_POSITIONS[log.kind])
    spacing = log.facts.tick_spacing
    for field, ticks in (("lower", log.lower[rows]), ("upper", log.upper[rows])):
        _refuse_at(
            rules, rows, (ticks < MIN_TICK) | (ticks > MAX_TICK), field, f"outside {MIN_TICK}..{MAX_TICK}", ticks
        )
        _refuse_at(
            rules,
            rows,
            (ticks % spacing).astype(np.bool_),
            field,
            f"not a multiple of the tick spacing {spacing}",
            ticks,
        )
    lower, upper = log.lower[rows], log.upper[rows]
    _refuse_at(rules, rows, lower >= upper, "lower", "not below upper", lower)
    outside = _PRICED[log.kind] & ((log.tick < MIN_TICK) | (log.tick >= MAX_TICK))
    rules.refuse(outside, "tick", f"outside {MIN_TICK}..{MAX_TICK - 1}", lambda row: int(log.tick[row]))


def _check_amounts(log: PoolLog, rules: _Rules) -> None:
    kind = log.kind
    swap, priced = kind == Kind.SWAP, _PRICED[kind]
    # Almost no honest price is near an end: only those few are looked at as whole numbers.
    price = log.sqrt_price_x96
    top = np.uint64(MAX_SQRT_RATIO >> 128)
    near = (price[:, 2] | price[:, 1]) == 0
    if price[:, 3].any() or price[:, 2].max() >= top:
        near |= (price[:, 3] != 0) | (price[:, 2] >= top)
    for row in np.flatnonzero(near & priced).tolist():
        value, least = log.event(row).sqrt_price_x96, MIN_SQRT_RATIO + (1 if swap[row] else 0)
        if not least <= value < MAX_SQRT_RATIO:
            raise rules.fault(row, "sqrt_price_x96", f"outside {least}..{MAX_SQRT_RATIO - 1}", value)
    liquidity = log.liquidity
    wide = NEEDED["liquidity"][kind] & ((liquidity[:, 2] | liquidity[:, 3]) != 0)
    rules.refuse(wide, "liquidity", "exceeds uint128", lambda row: log.event(row).liquidity)
    mints = np.flatnonzero(kind == Kind.MINT)
    _refuse_at(rules, mints, _sign(liquidity[mints]) == 0, "liquidity", "a mint of no liquidity", np.zeros(len(mints)))

    signs = [_sign(amount) for amount in (log.amount0, log.amount1)]
    paid0, paid1 = signs[0] > 0, signs[1] > 0
    nothing = (signs[0] == 0) & (signs[1] == 0)
    rules.refuse(
        swap & (paid0 == paid1) & ~nothing,
        "amount0, amount1",
        "exactly one amount of a swap is positive, unless both are zero",
        lambda row: f"{log.event(row).amount0}, {log.event(row).amount1}",
    )
    narrow = np.flatnonzero(_kinds(Kind.COLLECT, Kind.COLLECT_PROTOCOL)[kind])
    for field, sign, amount in (("amount0", signs[0], log.amount0), ("amount1", signs[1], log.amount1)):
        negative = (sign < 0) & ~swap
        rules.refuse(negative, field, "negative, or above int256", partial(_value, log, field))
        beyond = narrow[amount[narrow, 2:].any(axis=1)]
        if len(beyond):
            row = int(beyond[0])
            raise rules.fault(row, field, "exceeds uint128", _value(log, field, row))
    _check_settings(log, rules)


def _check_settings(log: PoolLog, rules: _Rules) -> None:
    settings = _kinds(Kind.SET_FEE_PROTOCOL, Kind.INCREASE_OBSERVATION_CARDINALITY_NEXT)[log.kind]
    for row in np.flatnonzero(settings).tolist():
        event = log.event(row)
        for field, value in (("amount0", event.amount0), ("amount1", event.amount1)):
            if event.kind is Kind.SET_FEE_PROTOCOL and value not in _SHARES:
                raise rules.fault(row, field, "a protocol's share is 0 or 4 to 10", value)
            if event.kind is Kind.INCREASE_OBSERVATION_CARDINALITY_NEXT and not 0 < value <= _MAX_CARDINALITY:
                raise rules.fault(row, field, f"a cardinality is 1 to {_MAX_CARDINALITY}", value)
        if event.kind is Kind.INCREASE_OBSERVATION_CARDINALITY_NEXT and event.amount1 <= event.amount0:
            raise rules.fault(row, "amount1", f"a cardinality only grows, from {event.amount0}", event.amount1)


def _value(log: PoolLog, field: str, row: int) -> object:
    return getattr(log.event(row), field)


def _sign(limbs: NDArray[np.uint64]) -> NDArray[np.int8]:
    """-1, 0 or 1 of each two's complement number."""
    sign = np.where(limbs[:, 3].view(np.int64) < 0, np.int8(-1), np.int8(1))
    suspects = np.flatnonzero(limbs[:, 0] == 0)  # few: only those are looked at whole
    sign[suspects[~limbs[suspects].any(axis=1)]] = 0
    return sign


def _later(mask: Mask) -> Mask:
    """A mask of differences as one of rows: the later row of each pair."""
    return np.concatenate(([False], mask))


def _refuse_at(
    rules: _Rules, rows: NDArray[np.intp], bad: NDArray[np.bool_], field: str, problem: str, values: NDArray[Any]
) -> None:
    if bad.any():
        first = int(np.argmax(bad))
        raise rules.fault(int(rows[first]), field, problem, int(values[first]))
