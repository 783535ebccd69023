from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

from bot.chain.artefacts import abi
from bot.chain.calls import allocate_calldata, fills_of
from bot.core.plan import Leg, Plan
from bot.core.postings import Fill
from bot.core.universe import Universe
from bot.errors import ChainError
from tests.chain.worlds import MONEY, UNIVERSE, placeholder

ADAPTERS = {"render": placeholder(0xAA), "weights": placeholder(0xBB)}
EVENT = "Allocated(uint256,address,bytes32,bool,uint256,uint256)"


def universe() -> Universe:
    from dataclasses import replace

    risky = (replace(venue, adapter=ADAPTERS.get(venue.id, "")) for venue in UNIVERSE.risky)
    return Universe(MONEY, (UNIVERSE.venues[0], *risky))


def plan() -> Plan:
    legs = (Leg("weights", False, 7, 70, 69, 71, 1), Leg("render", True, 2**200, 5, 4, 2**200, 0))
    return Plan(31_337, 9, "0x" + "00" * 32, 1_000, 3, 1_600, 10**9, (0.5, 0.5, 0.0, 0.0, 0.0), legs)


def log(adapter: str, entry: bool, amount: int, received: int, event: str = EVENT) -> dict[str, Any]:
    topics = [keccak(text=event), (3).to_bytes(32, "big"), bytes.fromhex(adapter[2:]).rjust(32, b"\0"), b"\1" * 32]
    data = encode(("bool", "uint256", "uint256"), (entry, amount, received))
    return {"topics": ["0x" + topic.hex() for topic in topics], "data": "0x" + data.hex()}


def test_the_call_holds_the_legs_in_order_and_the_plans_id_as_decision() -> None:
    data = allocate_calldata(plan(), universe(), abi("Vault"))
    actions, decision, nonce, deadline = decode(
        ("(address,bool,uint256,uint256)[]", "bytes32", "uint256", "uint256"), data[4:]
    )
    assert actions == ((ADAPTERS["weights"], False, 7, 69), (ADAPTERS["render"], True, 2**200, 4))
    assert decision.hex() == plan().id
    assert (nonce, deadline) == (3, 1_600)


def test_refuses_a_vault_whose_allocate_is_another() -> None:
    changed = [entry for entry in abi("Vault") if entry.get("name") != "allocate"]
    with pytest.raises(ChainError, match="no allocate"):
        allocate_calldata(plan(), universe(), changed)
    other = {"type": "function", "name": "allocate", "inputs": [{"name": "x", "type": "uint256"}], "outputs": []}
    with pytest.raises(ChainError, match=r"allocate\(uint256\)"):
        allocate_calldata(plan(), universe(), [*changed, other])


def test_fills_come_in_log_order_and_other_events_are_passed_over() -> None:
    logs = [
        log(ADAPTERS["weights"], False, 7, 70),
        log(ADAPTERS["render"], True, 1, 1, event="Other(uint256)"),
        log(ADAPTERS["render"], True, 8, 80),
        {"topics": [], "data": "0x"},
    ]
    assert fills_of(logs, universe()) == (Fill("weights", False, 7, 70), Fill("render", True, 8, 80))


def test_fills_of_raw_bytes_are_the_same() -> None:
    raw = log(ADAPTERS["render"], True, 8, 80)
    as_bytes = {
        "topics": [bytes.fromhex(topic[2:]) for topic in raw["topics"]],
        "data": bytes.fromhex(raw["data"][2:]),
    }
    assert fills_of([as_bytes], universe()) == (Fill("render", True, 8, 80),)


def test_an_adapter_that_is_not_ours_is_refused() -> None:
    with pytest.raises(ChainError, match="no venue of ours"):
        fills_of([log(placeholder(0xCC), True, 1, 1)], universe())
