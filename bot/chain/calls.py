"""Between a plan and the vault: the call that carries it out, and the fills that its events report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.abi import abi_to_signature
from eth_utils.crypto import keccak

from bot.core.plan import Plan
from bot.core.postings import Fill
from bot.core.universe import Universe
from bot.errors import ChainError

_ACTION = "(address,bool,uint256,uint256)"
_ALLOCATE = f"allocate({_ACTION}[],bytes32,uint256,uint256)"
_ALLOCATED = keccak(text="Allocated(uint256,address,bytes32,bool,uint256,uint256)")


def allocate_calldata(plan: Plan, universe: Universe, vault_abi: Sequence[Mapping[str, Any]]) -> bytes:
    """The vault call that carries out `plan`, its legs in order and its id as the decision.

    Raises ChainError when the vault's interface has another allocate than this program was written for.
    """
    found = [abi_to_signature(entry) for entry in vault_abi if entry.get("name") == "allocate"]  # type: ignore[arg-type]
    if found != [_ALLOCATE]:
        raise ChainError(f"the vault's interface has {found or 'no allocate'}, expected {_ALLOCATE}")
    actions = [(universe[leg.venue].adapter, leg.entry, leg.amount, leg.min_received) for leg in plan.legs]
    values = (actions, bytes.fromhex(plan.id), plan.nonce, plan.deadline)
    return keccak(text=_ALLOCATE)[:4] + encode((f"{_ACTION}[]", "bytes32", "uint256", "uint256"), values)


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


def _raw(value: Any) -> bytes:
    """Bytes of a JSON-RPC hexadecimal string, or of web3's own bytes."""
    return bytes.fromhex(value.removeprefix("0x")) if isinstance(value, str) else bytes(value)
