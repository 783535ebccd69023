"""Between a plan and the vault: the call that carries it out, and the fills that its events report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from eth_abi.abi import decode, encode
from eth_utils.abi import abi_to_signature
from eth_utils.crypto import keccak

from bot.chain.commitment import Decision
from bot.chain.multicall import call_data
from bot.core.plan import Leg, Plan
from bot.core.postings import Fill
from bot.core.universe import LP, Universe, Venue
from bot.errors import ChainError, InvariantBroken
from bot.ports import Commitment, Permit

_ACTION = "(address,bool,uint256,uint256,bytes)"
_PERMIT = "(uint256,uint256,bytes32,bytes32[])"
_TYPES = (f"{_ACTION}[]", f"{_PERMIT}[]", "bytes32", "uint256", "uint256")
_ALLOCATE = f"allocate({','.join(_TYPES)})"
_ANCHOR = "anchor(bytes32,uint256,bytes32)"
_ALLOCATED = keccak(text="Allocated(uint256,address,bytes32,bool,uint256,uint256)")

DataOf = Callable[[Leg], bytes]
Told = Callable[[Venue, Leg], bytes]  # what an adapter is told besides the amount


def _range(leg: Leg) -> bytes:
    """Lower and upper tick and the money to swap first; leaving needs nothing said."""
    return encode(("int24", "int24", "uint256"), leg.terms) if leg.entry else b""


# What a venue's adapter is told besides the amount, by kind; the others are told nothing.
DATA_OF: Final[dict[str, DataOf]] = {LP: _range}


def allocate_calldata(
    plan: Plan,
    universe: Universe,
    vault_abi: Sequence[Mapping[str, Any]],
    commitment: Commitment | None = None,
    told: Told | None = None,
) -> bytes:
    """The vault call that carries out `plan`, its legs in order, under the commitment's root; of exits alone, its id.

    told: `data_of` if not given, which knows of no offers. Raises ChainError when the vault's interface has another
    allocate than this program was written for, and InvariantBroken for an entry beyond what was committed to.
    """
    found = [abi_to_signature(entry) for entry in vault_abi if entry.get("name") == "allocate"]  # type: ignore[arg-type]
    if found != [_ALLOCATE]:
        raise ChainError(f"the vault's interface has {found or 'no allocate'}, expected {_ALLOCATE}")
    say = told or data_of
    actions = [
        (universe[leg.venue].adapter, leg.entry, leg.amount, leg.min_received, say(universe[leg.venue], leg))
        for leg in plan.legs
    ]
    permits = [_permit(leg, commitment) for leg in plan.legs if leg.entry]
    packed = [(permit.max_assets, permit.expiry, permit.record, permit.proof) for permit in permits]
    decision = commitment.root if commitment is not None and permits else bytes.fromhex(plan.id)
    return call_data(_ALLOCATE, (actions, packed, decision, plan.nonce, plan.deadline))


def data_of(venue: Venue, leg: Leg) -> bytes:
    """What the venue's adapter is told about the leg besides its amount."""
    said = DATA_OF.get(venue.kind)
    return said(leg) if said is not None else b""


def anchor_calldata(decision: Decision) -> bytes:
    """The registry call that anchors a decision, with the count and the universe of its leaves."""
    return call_data(_ANCHOR, (decision.root, len(decision.leaves), decision.universe))


def fills_of(logs: Sequence[Mapping[str, Any]], universe: Universe) -> tuple[Fill, ...]:
    """What the vault's Allocated events among `logs` (JSON-RPC form) say each leg did, in log order.

    Raises ChainError for an event about an adapter that is not in the universe.
    """
    venues = {venue.adapter.lower(): venue.id for venue in universe.risky}
    fills = []
    for log in logs:
        topics = [_raw(topic) for topic in log["topics"]]
        if not topics or topics[0] != _ALLOCATED:
            continue
        adapter = "0x" + topics[2][-20:].hex()
        venue = venues.get(adapter)
        if venue is None:
            raise ChainError(f"the vault traded through {adapter}, which is no venue of ours")
        entry, amount, received = decode(("bool", "uint256", "uint256"), _raw(log["data"]))
        fills.append(Fill(venue, entry, amount, received))
    return tuple(fills)


def _permit(leg: Leg, commitment: Commitment | None) -> Permit:
    permit = commitment.permits.get(leg.venue) if commitment is not None else None
    if permit is None or leg.amount > permit.max_assets:
        most = permit.max_assets if permit is not None else 0
        raise InvariantBroken(f"{leg.amount} would enter {leg.venue}, and {most} is committed to")
    return permit


def _raw(value: Any) -> bytes:
    """Bytes of a JSON-RPC hexadecimal string, or of web3's own bytes."""
    return bytes.fromhex(value.removeprefix("0x")) if isinstance(value, str) else bytes(value)
