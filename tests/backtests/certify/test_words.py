"""Figures of gates carry the unit that their gate compares in, however large they are."""

from __future__ import annotations

import pytest

from backtests.certify.gates.words import figure, percent
from bot.core.certificate import FAILED, NOT_APPLICABLE, Gate


@pytest.mark.parametrize(
    ("gate", "observed", "bound"),
    [
        (Gate("cost stress", FAILED, "", -19.895, 0.0), "−1,989.5%", "0.0%"),
        (Gate("capacity", FAILED, "", 0.0, 10_000.0), "0", "10,000"),
        (Gate("edge", FAILED, "", 8.0, 60.0), "8", "60"),  # cycles: too few to tell
        (Gate("edge", FAILED, "", 0.138, 0.95), "13.8%", "95.0%"),
        (Gate("walk-forward", FAILED, "", 3.0, 4.0), "3", "4"),
        (Gate("lookahead", FAILED, "", 1.0, 0.0), "1", "0"),
        (Gate("parity", FAILED, "", None, 0.05), "–", "5.0%"),
        (Gate("parity", NOT_APPLICABLE, "", 0.01, 0.05), "–", "–"),
    ],
)
def test_a_figure_keeps_its_unit(gate: Gate, observed: str, bound: str) -> None:
    assert (figure(gate, gate.observed), figure(gate, gate.bound)) == (observed, bound)


def test_a_large_share_is_still_a_share() -> None:
    assert percent(-19.895) == "−1,989.5%"
    assert percent(0.123) == "+12.3%"
