"""A certificate as a page that can be mailed: one small offline HTML file, its drawings inline and without a script."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from backtests.certify.gates.words import figure, percent
from backtests.certify.procedure import Certified
from backtests.page import TEMPLATES, data_block, fact_tables, policy_hash, script_block, template_of
from bot.core.certificate import FAILED, NOT_APPLICABLE, Gate
from bot.core.dates import moment
from bot.loading import Loaded

WIDTH, HEIGHT = 520.0, 220.0  # of a drawing, in its own units
MARGIN: Final = 34.0
NOT_ASKED: Final = "not asked"


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a drawing; `zero` is where it begins."""

    x: float
    y: float
    width: float
    height: float
    role: str  # gain or loss
    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Curve:
    """A line through points, as SVG has it; `marks`: (x, y, label, value); `own`: x of the configured capital."""

    line: str
    zero: float
    half: float | None
    own: float
    marks: tuple[tuple[float, float, str, str], ...]


def render(found: Certified, loaded: Loaded) -> str:
    """The page of a certificate: every gate, the folds as bars, the capacity as a curve, and all digests."""
    certificate = found.certificate
    gates = {gate.name: gate for gate in certificate.gates}
    nothing = script_block("")
    digests = {f"digest of {name}": text or "none asked" for name, text in certificate.inputs.items()}
    facts = {
        "strategy file": loaded.options.config.name,
        "data": certificate.data,
        "window": f"{moment(certificate.first)} to {moment(certificate.last)}",
        "issued": moment(certificate.issued_at),
        "expires": moment(certificate.expires_at),
        "versions tried": f"{certificate.trials:,}",
        "seed": certificate.seed,
        **digests,
        "digest of this certificate": certificate.digest,
    }
    return template_of(TEMPLATES / "certificate.html", {"figure": _figure}).render(
        title=f"{certificate.strategy}: {'granted' if certificate.granted else 'refused'}",
        certificate=certificate,
        synthetic=certificate.data_kind == "synthetic",
        failed=[gate.name for gate in certificate.failed],
        run=found.evidence.calm.run,
        words={FAILED: "failed", NOT_APPLICABLE: NOT_ASKED},
        folds=bars(gates.get("walk-forward")),
        curve=curve(gates["capacity"]),
        width=WIDTH,
        height=HEIGHT,
        tables=fact_tables(facts),
        charts=data_block({}),
        document=data_block(certificate.document()),
        engine=nothing,
        drawing=nothing,
        hashes=[policy_hash("")],
        style=Markup(  # noqa: S704  # our own files
            "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ("report.css", "certificate.css"))
        ),
    )


def bars(gate: Gate | None) -> tuple[Bar, ...]:
    """The folds' differences to equal weight, () where there are none."""
    apart = [value for name, value in (gate.figures.items() if gate else ()) if name.startswith("fold ")]
    known = [value for value in apart if value is not None]
    if not known or len(known) < len(apart):
        return ()
    most = max(max(map(abs, known)), 1e-9)
    middle, room = HEIGHT / 2.0, HEIGHT / 2.0 - MARGIN
    step = WIDTH / len(known)
    drawn = []
    for place, value in enumerate(known):
        tall = room * abs(value) / most
        drawn.append(
            Bar(
                x=round(step * (place + 0.2), 1),
                y=round(middle - tall if value > 0.0 else middle, 1),
                width=round(step * 0.6, 1),
                height=round(max(tall, 0.5), 1),
                role="gain" if value > 0.0 else "loss",
                label=f"fold {place + 1}",
                value=percent(value),
            )
        )
    return tuple(drawn)


def curve(gate: Gate) -> Curve | None:
    """What the capacity gate found at each capital, over the logarithm of it; None where it found nothing."""
    points = [(float(name[:-1]), value) for name, value in gate.figures.items() if name.endswith("x")]
    known = [(factor, value) for factor, value in points if value is not None]
    if len(known) < 2:
        return None
    factors, values = [factor for factor, _ in known], [value for _, value in known]
    low, high = min(0.0, *values), max(0.0, *values)
    span = max(high - low, 1e-12)
    wide = math.log(factors[-1] / factors[0])

    def across(factor: float) -> float:
        return round(MARGIN + (WIDTH - 2.0 * MARGIN) * math.log(factor / factors[0]) / wide, 1)

    def up(value: float) -> float:
        return round(HEIGHT - MARGIN - (HEIGHT - 2.0 * MARGIN) * (value - low) / span, 1)

    return Curve(
        line=_line([(across(factor), up(value)) for factor, value in known]),
        zero=up(0.0),
        half=up(max(values) / 2.0) if gate.name == "capacity" and "capacity" in gate.figures else None,
        own=across(1.0),
        marks=tuple((across(f), up(v), f"{f:g}×", percent(v)) for f, v in known),
    )


def _line(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)


def _figure(gate: Gate, name: str) -> str:
    return figure(gate, getattr(gate, name))
