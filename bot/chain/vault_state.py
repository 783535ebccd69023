"""The vault's part of a reading: what it holds, whether it takes entries, and how much each venue may still take.

The vault judges an entry by its own numbers, which are more careful than spot. They are turned here into the room that
it leaves, so that a plan stays within it instead of being refused as a whole, exits and all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from bot.chain.multicall import Call, read
from bot.chain.rpc import Rpc
from bot.core.market import Market
from bot.core.units import BPS, ZERO_ADDRESS, bps_down
from bot.core.universe import Universe
from bot.errors import ChainError

Answer = tuple[Any, ...] | None

LIMITS: Final = (*("uint16",) * 5, *("uint32",) * 5, *("uint128",) * 2)
_ANCHOR_BLOCKS, _UNPRICED_BUDGET = 9, 10  # places among the limits
_OF_VAULT: Final = (
    ("idle()", ("uint256",)),
    ("nonce()", ("uint256",)),
    ("paused()", ("bool",)),
    ("tripped()", ("bool",)),
    ("anchorer()", ("address",)),
    ("totalAssets()", ("uint256",)),
    ("totalSupply()", ("uint256",)),
    ("queuedShares()", ("uint256",)),
    ("unpricedUsed()", ("uint256",)),
    ("limits()", LIMITS),
)


@dataclass(frozen=True, slots=True)
class _Listed:
    """What the vault says of one venue, in money and bps."""

    units: int
    listed: bool
    cap_bps: int
    group: int
    value: int
    counted: int  # what caps judge: of an unpriced venue no less than was put in
    priced: bool
    most: int


def vault_calls(vault: str, universe: Universe) -> list[Call]:
    """What `with_vault` needs, in its order; nothing without a vault."""
    if not vault:
        return []
    calls = [Call(vault, signature, (), returns) for signature, returns in _OF_VAULT]
    for venue in universe.risky:
        calls += [
            Call(venue.adapter, "position()"),
            Call(vault, "venues(address)", (venue.adapter,), ("bool", "bool", "uint16", "uint16", "uint32")),
            Call(vault, "valueOf(address)", (venue.adapter,), ("uint256", "bool")),
            Call(venue.adapter, "priced()", (), ("bool",)),
            Call(venue.adapter, "most()"),
            Call(vault, "cost(address)", (venue.adapter,)),
        ]
    # As they are numbered at deployment; a group beyond these is not foreseen, and the preview tells.
    groups = range(1, len(universe.risky) + 1)
    return calls + [Call(vault, "groupCapBps(uint32)", (group,), ("uint16",)) for group in groups]


def with_vault(market: Market, universe: Universe, answers: Sequence[Answer]) -> Market:
    """The market with what the vault holds and allows. Raises ChainError when it does not answer."""
    of_vault, rest = answers[: len(_OF_VAULT)], answers[len(_OF_VAULT) :]
    idle, nonce, paused, tripped, anchorer, total, supply, queued, used = (
        need(answer, "the vault")[0] for answer in of_vault[:-1]
    )
    limits = need(of_vault[-1], "the vault")
    each = 6
    listed = {
        venue.id: _listed(venue.id, rest[each * place : each * (place + 1)])
        for place, venue in enumerate(universe.risky)
    }
    caps = [None if answer is None else answer[0] for answer in rest[each * len(listed) :]]
    why = [why for closed, why in _closed(paused, tripped, anchorer) if closed]
    return replace(
        market,
        units={name: one.units for name, one in listed.items()},
        idle=idle,
        nonce=nonce,
        entries_open=not why,
        why_closed=why[0] if why else market.why_closed,
        caps={name: one.cap_bps if one.listed else 0 for name, one in listed.items()},
        room=_room(listed, idle, max(0, limits[_UNPRICED_BUDGET] - used), dict(enumerate(caps, start=1))),
        unpriced=frozenset(name for name, one in listed.items() if not one.priced),
        unpriced_room=max(0, limits[_UNPRICED_BUDGET] - used),
        owed=-(-queued * (total + 1) // (supply + 10**6)),  # as the vault: virtual shares, rounded up
    )


def _listed(venue: str, answers: Sequence[Answer]) -> _Listed:
    position, config, value, priced, most, cost = answers
    listed, _, cap, _, group = need(config, "the vault")
    worth, _ = need(value, "the vault")
    (put_in,) = need(cost, "the vault")
    known = priced is not None and priced[0]
    # An adapter that cannot tell takes nothing: the vault would ask it the same.
    return _Listed(
        units=need(position, f"{venue}'s adapter")[0],
        listed=listed,
        cap_bps=cap,
        group=group,
        value=worth,
        counted=worth if known else max(worth, put_in),
        priced=known,
        most=0 if most is None else most[0],
    )


def _room(
    listed: Mapping[str, _Listed], idle: int, unpriced_room: int, group_caps: Mapping[int, int | None]
) -> dict[str, int]:
    """Most money that may enter each venue: an entry adds no more to a value than it spends.

    Caps are parts of all assets, which fall in the same call by what goes into unpriced venues: that it may be all that
    still may go there is allowed for.
    """
    gross = idle + sum(one.value for one in listed.values())  # what the vault's caps are of
    if any(one.listed and not one.priced for one in listed.values()):
        gross -= min(idle, unpriced_room)
    together: dict[int, int] = {}
    for one in listed.values():
        together[one.group] = together.get(one.group, 0) + one.counted
    room = {}
    for name, one in listed.items():
        group_cap = group_caps.get(one.group)
        in_group = bps_down(gross, BPS if group_cap is None else group_cap) - together[one.group]
        alone = min(bps_down(gross, one.cap_bps) - one.counted, one.most - one.value)
        room[name] = max(0, min(alone, in_group))
    return room


def _closed(paused: bool, tripped: bool, anchorer: str) -> tuple[tuple[bool, str], ...]:
    return (
        (paused, "the vault is paused"),
        (tripped, "the vault's breaker has tripped"),
        (int(anchorer, 16) == int(ZERO_ADDRESS, 16), "nobody may anchor decisions for the vault"),
    )


async def anchor_blocks(rpc: Rpc, vault: str) -> int:
    """Blocks by which an anchor must be older than the call that relies on it. Raises ChainError."""
    limits = await read(rpc, Call(vault, "limits()", (), LIMITS))
    return int(limits[_ANCHOR_BLOCKS])


def need(answer: Answer, who: str) -> tuple[Any, ...]:
    """The answer. Raises ChainError where there is none."""
    if answer is None:
        raise ChainError(f"{who} does not answer: wrong address or wrong chain")
    return answer
