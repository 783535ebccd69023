"""What is written down comes back equal, and what was altered is refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.plan import Leg, Plan
from bot.ledger.codec import (
    plan_from_json,
    plan_to_json,
    receipt_from_json,
    receipt_to_json,
    report_from_json,
    report_to_json,
)
from tests.ledger.builders import intent_of, plan_of, receipt_of, report_of

AMOUNT = st.integers(0, 2**256 - 1)
NAME = st.text(max_size=12)
LEGS = st.builds(
    Leg,
    venue=NAME,
    entry=st.booleans(),
    amount=AMOUNT,
    expected=AMOUNT,
    min_received=AMOUNT,
    value=AMOUNT,
    cost=st.integers(-(2**255), 2**255),
    notes=st.lists(NAME, max_size=2).map(tuple),
)
PLANS = st.builds(
    Plan,
    chain_id=st.integers(1, 2**63 - 1),
    block=st.integers(0, 2**63 - 1),
    block_hash=NAME,
    time=st.integers(0, 2**40),
    nonce=st.integers(0, 2**63 - 1),
    deadline=st.integers(0, 2**40),
    nav=AMOUNT,
    weights=st.lists(st.floats(0, 1), max_size=4).map(tuple),
    legs=st.lists(LEGS, max_size=3).map(tuple),
    skipped=st.dictionaries(NAME, NAME, max_size=3),
)


@given(PLANS)
def test_a_plan_survives_the_round_trip_with_its_id(plan: Plan) -> None:
    back = plan_from_json(plan_to_json(plan))
    assert back == plan
    assert back.id == plan.id
    assert isinstance(back.legs, tuple)
    assert isinstance(back.weights, tuple)


@pytest.mark.parametrize("text", ["[]", "{}", '{"legs": [{"venue": "x"}]}', '{"legs": [], "more": 1}'])
def test_what_is_no_plan_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="not a plan"):
        plan_from_json(text)


@pytest.mark.parametrize("ok", [True, False])
def test_a_receipt_survives_the_round_trip(ok: bool) -> None:
    plan = plan_of(7, amount=2**255)
    receipt = receipt_of(intent_of(plan), plan, ok)
    assert receipt_from_json(receipt_to_json(receipt)) == receipt


def test_a_report_survives_the_round_trip() -> None:
    report = report_of(3, nav=2**255)
    assert report_from_json(report_to_json(report)) == report


def test_an_unknown_price_is_null_on_disk_and_not_a_number_in_memory() -> None:
    text = report_to_json(replace(report_of(3), prices=(1.0, math.nan)))
    assert json.loads(text)["prices"] == [1.0, None]
    assert math.isnan(report_from_json(text).prices[1])


@pytest.mark.parametrize("text", ["[]", "{}", '{"cycle": 1}'])
def test_what_is_no_report_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="not a report"):
        report_from_json(text)
