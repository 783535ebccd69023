from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

from bot.chain.artefacts import abi
from bot.chain.calls import allocate_calldata, data_of, fills_of
from bot.core.plan import Leg, Plan
from bot.core.postings import Fill
from bot.core.universe import LP, Universe
from bot.errors import ChainError, InvariantBroken
from bot.ports import Commitment, Permit
from tests.chain.worlds import MONEY, UNIVERSE, placeholder

ADAPTERS = {"render": placeholder(0xAA), "weights": placeholder(0xBB), "prompts": placeholder(0xCC)}
EVENT = "Allocated(uint256,address,bytes32,bool,uint256,uint256)"
TYPES = (
    "(address,bool,uint256,uint256,bytes)[]",
    "(uint256,uint256,bytes32,bytes32[])[]",
    *("bytes32", "uint256", "uint256"),
)
ROOT = b"\7" * 32
PERMIT = Permit(2**201, 1_700, b"\2" * 32, (b"\3" * 32, b"\4" * 32))
OTHER = Permit(9, 1_700, b"\5" * 32, ())
COMMITMENT = Commitment(ROOT, 8, {"prompts": OTHER, "render": PERMIT})


def universe() -> Universe:
    risky = (replace(venue, adapter=ADAPTERS.get(venue.id, "")) for venue in UNIVERSE.risky)
    return Universe(MONEY, (UNIVERSE.venues[0], *risky))


def plan() -> Plan:
    legs = (Leg("weights", False, 7, 70, 69, 71, 1), Leg("render", True, 2**200, 5, 4, 2**200, 0))
    return Plan(31_337, 9, "0x" + "00" * 32, 1_000, 3, 1_600, 10**9, (0.5, 0.5, 0.0, 0.0, 0.0), legs)


def log(adapter: str, entry: bool, amount: int, received: int, event: str = EVENT) -> dict[str, Any]:
    topics = [keccak(text=event), (3).to_bytes(32, "big"), bytes.fromhex(adapter[2:]).rjust(32, b"\0"), b"\1" * 32]
    data = encode(("bool", "uint256", "uint256"), (entry, amount, received))
    return {"topics": ["0x" + topic.hex() for topic in topics], "data": "0x" + data.hex()}


def decoded(commitment: Commitment | None, of: Plan) -> tuple[Any, ...]:
    data = allocate_calldata(of, universe(), abi("Vault"), commitment)
    return tuple(decode(TYPES, data[4:]))


def test_the_call_holds_the_legs_in_order_and_a_permit_for_each_entry_under_the_root() -> None:
    actions, permits, decision, nonce, deadline = decoded(COMMITMENT, plan())
    assert actions == ((ADAPTERS["weights"], False, 7, 69, b""), (ADAPTERS["render"], True, 2**200, 4, b""))
    assert permits == ((PERMIT.max_assets, PERMIT.expiry, PERMIT.record, PERMIT.proof),)
    assert (decision, nonce, deadline) == (ROOT, 3, 1_600)


def test_permits_come_in_the_order_of_the_entries() -> None:
    both = replace(plan(), legs=(Leg("render", True, 5, 5, 5, 5, 0), Leg("prompts", True, 9, 9, 9, 9, 0)))
    for of, wanted in ((both, [PERMIT, OTHER]), (replace(both, legs=both.legs[::-1]), [OTHER, PERMIT])):
        assert [permit[2] for permit in decoded(COMMITMENT, of)[1]] == [permit.record for permit in wanted]


@pytest.mark.parametrize("commitment", [None, COMMITMENT], ids=["uncommitted", "committed"])
def test_exits_alone_need_no_permit_and_carry_the_plans_id(commitment: Commitment | None) -> None:
    leaving = replace(plan(), legs=plan().legs[:1])
    _, permits, decision, *_ = decoded(commitment, leaving)
    assert (permits, decision.hex()) == ((), leaving.id)


@pytest.mark.parametrize(
    ("commitment", "most"),
    [
        (None, 0),
        (replace(COMMITMENT, permits={"prompts": OTHER}), 0),
        (replace(COMMITMENT, permits={"render": replace(PERMIT, max_assets=2**200 - 1)}), 2**200 - 1),
    ],
    ids=["nothing committed", "another venue", "less"],
)
def test_an_entry_beyond_what_was_committed_to_is_never_signed(commitment: Commitment | None, most: int) -> None:
    with pytest.raises(InvariantBroken, match=f"^{2**200} would enter render, and {most} is committed to$"):
        allocate_calldata(plan(), universe(), abi("Vault"), commitment)


def test_liquidity_is_told_its_range_and_what_to_swap_on_the_way_in_alone() -> None:
    venue = replace(UNIVERSE["render"], kind=LP)
    leg = Leg("render", True, 5, 4, 3, 5, 0, terms=(-887_220, 60, 2**100))
    assert decode(("int24", "int24", "uint256"), data_of(venue, leg)) == leg.terms
    assert data_of(venue, replace(leg, entry=False, terms=())) == b""
    assert data_of(UNIVERSE["render"], leg) == b""


def test_refuses_a_vault_whose_allocate_is_another() -> None:
    changed = [entry for entry in abi("Vault") if entry.get("name") != "allocate"]
    with pytest.raises(ChainError, match="no allocate"):
        allocate_calldata(plan(), universe(), changed, COMMITMENT)
    other = {"type": "function", "name": "allocate", "inputs": [{"name": "x", "type": "uint256"}], "outputs": []}
    with pytest.raises(ChainError, match=r"allocate\(uint256\)"):
        allocate_calldata(plan(), universe(), [*changed, other], COMMITMENT)


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
        fills_of([log(placeholder(0xDD), True, 1, 1)], universe())
