"""A position that somebody really held, in the replayed pool: found in the log, taken out of it, lived again as ours.

A pool does not care whose liquidity it is, so without the position's own events, and with ours in their places, every
amount must be the chain's, to the unit. The manager keeps one position in the pool for all of its tokens in a range;
what each of them earned is by the same rule, applied at that token's own touches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backtests.lp.account import OWNER
from backtests.lp.compiled import compiled_player
from backtests.lp.counterfactual import Calls
from backtests.lp.engine import MakePlayer
from bot.core.amm.events import Kind, PoolEvent
from bot.core.amm.held_position import HeldPosition, Pair
from bot.errors import DataError
from bot.pool_log import PoolLog

_EVENT_FIELDS: Final = ("kind", "time", "owner", "lower", "upper", "liquidity", "amount0", "amount1")


@dataclass(frozen=True, slots=True)
class Lived:
    """What the position, put back into the replayed pool, was paid and is owed as of `block`, raw units.

    `to_the_unit`: whether the chain's own numbers at that block were there to compare with. `slack`: units by which
    the last collect may differ, because the manager holds other tokens in the same range and the pool rounds for all
    of them together; 0 for a position that is alone.
    """

    block: int
    liquidity: int
    owed: Pair
    fees: Pair
    to_the_unit: bool
    slack: int


def rows_of(held: HeldPosition, log: PoolLog, name: object = "log") -> NDArray[np.intp]:
    """Rows of the position's own events in the log, those that it covers.

    Raises DataError at the first that it lacks or tells otherwise, and for a log of another pool.
    """
    if (log.facts.chain_id, log.facts.pool) != (held.facts.chain_id, held.facts.pool):
        raise DataError(
            f"{name}: a log of pool {log.facts.pool} on chain {log.facts.chain_id}, but position {held.token_id} is in "
            f"{held.facts.pool} on chain {held.facts.chain_id}"
        )
    if held.history[0].block > log.last_block:
        raise DataError(
            f"{name}: ends with block {log.last_block}, position {held.token_id} was opened in block "
            f"{held.history[0].block}: fetch it again"
        )
    found = []
    for event in held.history:
        if event.block > log.last_block:
            break
        start, stop = (int(np.searchsorted(log.block, event.block, side=side)) for side in ("left", "right"))
        row = start + int(np.searchsorted(log.log_index[start:stop], event.log_index))
        where = f"{name}: block {event.block} log {event.log_index}: {event.kind.label} of position {held.token_id}"
        if row == stop or int(log.log_index[row]) != event.log_index:
            raise DataError(f"{where}: is not in the log")
        told = log.event(row)
        for field in _EVENT_FIELDS:
            if getattr(told, field) != getattr(event, field):
                said = (getattr(each, field) for each in (told, event))
                raise DataError(f"{where}: {field}: the log says {next(said)}, the chain says {next(said)}")
        found.append(row)
    return np.array(found, dtype=np.intp)


def taken_out(log: PoolLog, calls: Calls, rows: NDArray[np.intp]) -> tuple[PoolLog, Calls, NDArray[np.intp]]:
    """The log without the position's own events, its calls, and which rows of the log are left.

    With a collect goes the poke (a Burn of nothing) that the manager makes for it just before.
    """
    before = rows[(log.kind[rows] == Kind.COLLECT) & (rows > 0)] - 1
    pokes = before[
        (log.kind[before] == Kind.BURN)
        & (log.position[before] == log.position[before + 1])
        & (log.block[before] == log.block[before + 1])
        & ~log.liquidity[before].any(axis=1)
    ]
    left = np.setdiff1d(np.arange(len(log)), np.concatenate((rows, pokes)))
    arrays = [each.name for each in fields(PoolLog) if isinstance(getattr(log, each.name), np.ndarray)]
    return replace(log, **{array: getattr(log, array)[left] for array in arrays}), calls.rows(left), left


def live_again(
    held: HeldPosition,
    log: PoolLog,
    calls: Calls,
    rows: NDArray[np.intp],
    name: object = "log",
    player: MakePlayer = compiled_player,
) -> Lived:
    """The position's life in the replayed pool, as ours: the same deposits, withdrawals and collects at their places.

    Raises DataError at the first amount that is not the chain's.
    """
    emptied, left, kept = taken_out(log, calls, rows)
    playing = player(emptied, left, False)
    machine, place = playing.machine, (OWNER, held.lower, held.upper)
    history = held.history[: len(rows)]
    liquidity = 0
    for event, row in zip(history, rows.tolist(), strict=True):
        playing.play(int(np.searchsorted(kept, row)))
        if event.kind is Kind.MINT:
            amounts = machine.mint(*place, event.liquidity, event.time)
            liquidity += event.liquidity
        elif event.kind is Kind.BURN:
            amounts = machine.burn(*place, event.liquidity, event.time)
            liquidity -= event.liquidity
        else:
            if liquidity:
                machine.burn(*place, 0, event.time)  # as the manager does, so that the fees are there to be collected
            amounts = machine.collect(*place, event.amount0, event.amount1)
        if amounts != (event.amount0, event.amount1):
            where = f"block {event.block} log {event.log_index}: {event.kind.label} of position {held.token_id}"
            raise DataError(
                f"{name}: {where}: the chain says {(event.amount0, event.amount1)}, the pool says {amounts}"
            )
    end = min(held.block, log.last_block)
    playing.play(emptied.rows_until(end))
    owed, slack = machine.fees_owed(*place), _slack(log, rows)
    to_the_unit = end == held.block
    if to_the_unit and (liquidity != held.liquidity or max(abs(owed[k] - held.owed[k]) for k in (0, 1)) > slack):
        raise DataError(
            f"{name}: position {held.token_id} at block {end}: the chain owes {held.owed}, the replayed pool {owed}"
        )
    paid, principal = _sum(history, Kind.COLLECT), _sum(history, Kind.BURN)
    fees = (paid[0] + owed[0] - principal[0], paid[1] + owed[1] - principal[1])
    return Lived(end, liquidity, owed, fees, to_the_unit, slack)


def _slack(log: PoolLog, rows: NDArray[np.intp]) -> int:
    """How many times the pool rounded for this owner and range, if the owner had other liquidity there; else 0."""
    of_key = np.flatnonzero(log.position == log.position[rows[0]])
    others = np.setdiff1d(of_key[log.kind[of_key] == Kind.MINT], rows)
    return len(of_key) if len(others) else 0


def _sum(history: Sequence[PoolEvent], kind: Kind) -> Pair:
    events = [event for event in history if event.kind is kind]
    return sum(event.amount0 for event in events), sum(event.amount1 for event in events)
