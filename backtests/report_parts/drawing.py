"""The page of a report, from its document alone: the same document gives the same bytes."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from jinja2 import Template
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from backtests.metrics import Metric
from backtests.page import (
    NO_VALUE,
    ORIGINS,
    TEMPLATES,
    data_block,
    fact_tables,
    lines_of,
    policy_hash,
    script_block,
    shown,
    template_of,
)
from backtests.report_parts.document import metrics_of, runs_of
from backtests.report_parts.seal import sealed
from backtests.report_parts.tables import MONTHS, shade
from backtests.run import Run
from bot.core.dates import DAY, moment
from bot.core.strict_json import digest_of

SHOWN_TRADES: Final = 200
HEADLINES: Final = ("total_return", "cagr", "sharpe", "max_drawdown", "fees", "gas")
TEMPLATE: Final = "report.html"
CERTIFICATE: Final = "certificate"
MAGNITUDES: Final = 20.0  # highest over lowest equity, from which on the axis is logarithmic at first
BAR: Final = 24  # pixels of height for each venue of the attribution
OWN_FILES: Final = ("page.html", TEMPLATE, "report.css", "report.js")


def page_of(document: Mapping[str, Any]) -> str:
    """The sealed page, about 5 MB: no network, no second file."""
    derived, facts = document["derived"], document["facts"]
    runs = runs_of(document)
    run = runs[0]
    numbers = [metrics_of(each) for each in derived["metrics"]]
    beside = [metrics_of(each) for each in derived["relative"]]
    engine, drawing = _scripts()
    parts = sorted(derived["attribution"].items(), key=lambda part: -part[1])
    drawn = len(derived["axes"]["at0"])
    text = _template().render(
        run=run,
        labels=[each.label for each in runs],
        title=title_of(document),
        stamp=stamp_of(facts.get(CERTIFICATE)),
        since=moment(int(run.times[0])),
        until=moment(int(run.times[-1])),
        says=sentence(runs, numbers),
        headlines=[(name, [each[name] for each in numbers]) for name in HEADLINES],
        table=_rows(numbers) + _rows(beside),
        origins=[(kind, lines_of(facts.get(kind))) for kind in ORIGINS],
        parts=parts,
        profit=sum(value for _, value in parts),
        bars_height=max(300, BAR * len(derived["traces"]["attribution"][0]["y"]) + 70),
        trades=run.trades.tail(SHOWN_TRADES).iloc[::-1].to_dict("records"),
        reasons=document["reasons"],
        tables=fact_tables(_other_facts(facts)),
        logarithmic=_spans_magnitudes(runs),
        drawn=drawn if drawn < len(run) else 0,
        derived=derived,
        months=MONTHS,
        extras=document["extras"],
        document=data_block(document),
        digest=digest_of(document),
        look=look(),
        engine=engine,
        drawing=drawing,
        hashes=[policy_hash(engine), policy_hash(drawing)],
        style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),  # noqa: S704  # our own file
    )
    return sealed(text)


@cache
def look() -> str:
    """Digest of all that turns a document into a page here, so that a page of another version is known as such."""
    here = Path(__file__).resolve().parent
    files = [here.parent / "page.py", here.parent / "metrics.py", *sorted(here.glob("*.py"))]
    files += [TEMPLATES / name for name in OWN_FILES]
    parts = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    return digest_of([parts, [version(library) for library in ("jinja2", "markupsafe", "plotly")]])


def title_of(document: Mapping[str, Any]) -> str:
    """What the page is headed with: the facts' title, or label and rung."""
    return str(document["facts"].get("title") or f"{document['label']}, {document['rung']} rung")


def stamp_of(certificate: Any) -> dict[str, Any] | None:
    """``lines`` and ``kind`` (granted, refused or plain) of the certificate's stamp; None where there is none.

    `certificate`: a text, several, or a mapping with ``stamp`` and, where it is known, ``granted``.
    """
    if not certificate:
        return None
    if isinstance(certificate, Mapping):
        granted = certificate.get("granted")
        kind = "plain" if granted is None else "granted" if granted else "refused"
        return {"lines": lines_of(certificate.get("stamp")), "kind": kind}
    return {"lines": lines_of(certificate), "kind": "plain"}


def sentence(runs: Sequence[Run], numbers: Sequence[Mapping[str, Metric]]) -> str:
    """The result in a few words: what was earned, beside whom, how deep it fell, what it cost."""
    run, own = runs[0], numbers[0]
    days = (int(run.times[-1]) - int(run.times[0])) / DAY
    profit = float(run.equity[-1] - run.equity[0])
    whole = shown(own["total_return"], "total_return")
    told = f"{whole} in {days:,.{0 if days >= 3 else 1}f} days, all costs paid: {profit:+,.2f} {run.money}.".replace(
        "-", "−"
    )
    if len(runs) > 1:
        others = [
            f"{each.label} {shown(known['total_return'], 'total_return')}"
            for each, known in zip(runs[1:], numbers[1:], strict=True)
        ]
        told += f" Over the same time {', '.join(others)}."
    fall = own["max_drawdown"].value or 0.0
    told += f" Deepest fall {shown(own['max_drawdown'])}" if fall > 0.0 else " It never fell below its highest value"
    legs = len(run.trades)
    return f"{told}; {legs:,} trade{'' if legs == 1 else 's'} cost {shown(own['fees'])} and {shown(own['gas'])} of gas."


def _spans_magnitudes(runs: Sequence[Run]) -> bool:
    """Whether one curve would flatten the others on a linear axis."""
    lowest, highest = (pick(float(pick(each.equity)) for each in runs) for pick in (min, max))
    return lowest > 0.0 and highest > MAGNITUDES * lowest


def _rows(found: Sequence[Mapping[str, Metric]]) -> list[tuple[str, list[Metric]]]:
    return [(name, [each[name] for each in found]) for name in found[0]] if found else []


def _other_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What does not stand elsewhere on the page; of a certificate, all but its stamp."""
    known = {name: value for name, value in facts.items() if name != CERTIFICATE}
    certificate = facts.get(CERTIFICATE)
    if isinstance(certificate, Mapping):
        known[CERTIFICATE] = {name: value for name, value in certificate.items() if name not in ("stamp", "granted")}
    return known


def _template() -> Template:
    return template_of(TEMPLATES / TEMPLATE, {"score": _score, "heat": shade, "share": _share})


@cache
def _scripts() -> tuple[Markup, Markup]:
    return script_block(get_plotlyjs()), script_block((TEMPLATES / "report.js").read_text(encoding="utf-8"))


def _score(value: float) -> str:
    return f"{value:+.2%}" if math.isfinite(value) else NO_VALUE


def _share(value: float | None) -> str:
    """A return as a person reads it in a narrow column."""
    if value is None:
        return ""
    return f"{value * 100:+.2f}".replace("-", "−") if abs(value) >= 0.00005 else "0.00"
