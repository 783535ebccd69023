"""Numbers as the gates' sentences have them."""

from __future__ import annotations

from bot.core.certificate import NOT_APPLICABLE, Gate

COUNTS = ("lookahead", "walk-forward", "buy and hold")


def percent(value: float) -> str:
    """A share with its sign: 0.123 -> +12.3%, -0.5 -> −50.0%."""
    return f"{value:+,.1%}".replace("-", "−")


def lead(value: float, rival: str = "equal weight") -> str:
    """A difference of returns in words: "3.3% of the capital ahead of equal weight", or behind it."""
    return f"{abs(value):.1%} of the capital {'ahead of' if value >= 0.0 else 'behind'} {rival}"


def figure(gate: Gate, value: float | None) -> str:
    """What a gate compared, as people read it: counts and money in whole numbers, all else as a share.

    What is held against more than one is a count or money: no gate asks for more than the whole of anything.
    """
    if value is None or gate.verdict == NOT_APPLICABLE:
        return "–"
    if gate.name in COUNTS or (gate.bound is not None and gate.bound > 1.0):
        return f"{value:,.0f}"
    return f"{value:,.1%}".replace("-", "−")
