"""A cycle in one sentence: a refusal is told as plainly as a deployment."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest

from bot.core import report as told
from bot.core.postings import Posting
from bot.core.report import CycleReport, tell
from tests.builders import MONEY, universe_of

UNIVERSE = universe_of()


def leg(**changed: Any) -> dict[str, Any]:
    facts = {
        "venue": "v1",
        "entry": True,
        "amount": 412_300_000,
        "expected": 5,
        "min_received": 4,
        "value": 412_300_000,
        "cost": 1_278_130,
        "notes": (),
        "score": 0.008,
        "low": -0.004,
        "high": 0.021,
    }
    return facts | changed


def report_of(outcome: str, *legs: dict[str, Any], reasons: tuple[str, ...] = ()) -> CycleReport:
    return CycleReport(
        cycle=3,
        at=1_700_000_000,
        block=9,
        outcome=outcome,
        sentence="",
        nav=2**70,
        idle=1,
        target=(0.5, 0.25, 0.25),
        weights=(0.6, 0.2, 0.2),
        held=(1.0, 0.0, 0.0),
        prices=(1.0, 2.0, 3.0),
        legs=legs,
        postings=(Posting("idle", MONEY.address, -5),),
        reasons=reasons,
    )


BOUGHT = "bought 412 USDC of v1: score +0.8% [-0.4%, +2.1%], cost 31 bps"


@pytest.mark.parametrize(
    ("report", "sentence"),
    [
        (report_of(told.DEPLOYED, leg()), BOUGHT),
        (
            report_of(told.DEPLOYED, leg(), leg(venue="v2", entry=False, score=None, low=None, high=None)),
            f"{BOUGHT}; sold 412 USDC of v2: no score, cost 31 bps",
        ),
        (report_of(told.DEPLOYED, leg(low=None)), "bought 412 USDC of v1: score +0.8%, cost 31 bps"),
        (
            report_of(told.DEPLOYED, leg(notes=("cut to stay within max_loss",))),
            f"{BOUGHT}, cut to stay within max_loss",
        ),
        (report_of(told.DEPLOYED, leg(value=0)), "bought 0 USDC of v1: score +0.8% [-0.4%, +2.1%], cost 0 bps"),
        (
            report_of(told.DEPLOYED, leg(entry=False, value=3_580 * 10**6, cost=-6_220 * 10**6)),
            "sold v1: score +0.8% [-0.4%, +2.1%], 9,800 USDC for 3,580 in the books",
        ),
        (
            report_of(told.DEPLOYED, leg(entry=False, value=0, cost=-9_800 * 10**6)),
            "sold v1: score +0.8% [-0.4%, +2.1%], 9,800 USDC for 0 in the books",
        ),
        (report_of(told.HELD), "held: nothing worth moving"),
        (report_of(told.HELD, reasons=("v1: dear", "v2: dear")), "held: nothing worth moving (v1: dear; v2: dear)"),
        (
            report_of(told.REFUSED, leg(), reasons=("min_idle: 1 where 2 is allowed",)),
            "refused: min_idle: 1 where 2 is allowed",
        ),
        (report_of(told.DISAGREED, leg(), reasons=("a", "b")), "disagreed: a; b"),
        (report_of(told.REVERTED, leg(), reasons=("TooLittle()",)), f"reverted: TooLittle() [{BOUGHT}]"),
        (report_of(told.UNKNOWN, leg(), reasons=("no receipt for 0x1",)), f"unknown: no receipt for 0x1 [{BOUGHT}]"),
        (report_of(told.FAILED, reasons=("the node is down",)), "failed: the node is down"),
    ],
    ids=lambda value: value.outcome if isinstance(value, CycleReport) else "",
)
def test_each_outcome_has_its_sentence(report: CycleReport, sentence: str) -> None:
    assert tell(report, UNIVERSE) == sentence


def test_a_large_amount_is_readable() -> None:
    assert tell(report_of(told.DEPLOYED, leg(value=1_234_567 * 10**6)), UNIVERSE).startswith("bought 1,234,567 USDC")


def test_a_report_as_plain_types_keeps_every_field_and_every_digit() -> None:
    report = report_of(told.DEPLOYED, leg(amount=2**200), reasons=("r",))
    plain = json.loads(json.dumps(report.as_dict()))
    assert set(plain) == set(asdict(report))
    assert plain["nav"] == 2**70
    assert plain["legs"][0]["amount"] == 2**200
    assert plain["postings"] == [{"account": "idle", "token": MONEY.address, "amount": -5}]


def test_reports_with_the_same_content_are_equal() -> None:
    assert report_of(told.HELD) == report_of(told.HELD)
    assert report_of(told.HELD) != replace(report_of(told.HELD), nav=1)
