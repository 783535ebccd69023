"""A model card: what a kept model is for, how good it was, what it rests on, and its limits, as one offline page.

After M. Mitchell et al., Model Cards for Model Reporting (2019). Everything on it is in the manifest and in the log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from backtests.page import NO_VALUE, TEMPLATES, data_block, fact_tables, policy_hash, script_block, template_of
from bot.core.dates import moment
from bot.scoring.registry import Manifest

WIDTH, HEIGHT, MARGIN = 520.0, 260.0, 18.0
PURPOSES: Final = {
    "asset": "Expects the return of each venue over its horizon, with an interval that a position can be sized by.",
    "topic": "Tells how likely a media topic is to be among the fastest growing of its date, and how far it grows.",
}
JUDGED: Final = {
    "asset": "walk-forward: each row by the newest fit before it",
    "topic": "out of time: the fit a horizon earlier, on what came after it",
}
LIMITS: Final = (
    "It knows what its data held up to its last row, and nothing of what moves prices beside that.",
    "Its intervals were as wide as past errors ask; markets change, so their coverage is measured and not promised.",
    "It was judged on one history. A figure whose interval holds no skill (0, or a half) is no evidence of skill.",
    "A venue or topic unlike those it saw is scored by the features alone; look-alikes are the ontology's matter.",
)


def card(digest: str, manifest: Manifest, history: Sequence[Mapping[str, Any]], in_use: bool) -> str:
    """The page; the same bytes for the same arguments."""
    judged = manifest.metrics.get("walk_forward") or manifest.metrics.get("out_of_time") or {}
    nothing = script_block("")
    found = figures(judged)
    facts = {
        "data": f"{manifest.data.get('title')} ({manifest.data.get('kind')})",
        "seed": manifest.seed,
        "settings": dict(manifest.params),
        "digests": {
            "model": digest,
            "training rows": manifest.model,
            "data": manifest.data.get("digest"),
            "parent": manifest.parent or "none",
        },
        **{f"version of {name}": version for name, version in sorted(manifest.versions.items())},
        **{
            f"{place}. {line['what']}": f"{moment(line['at'])} by {line['who']}: {line['why'] or 'no reason given'}"
            for place, line in enumerate(history, start=1)
        },
    }
    return template_of(TEMPLATES / "model_card.html", {}).render(
        title=f"{manifest.slot}: model {digest[:12]}",
        manifest=manifest,
        in_use=in_use,
        purpose=PURPOSES[manifest.kind],
        judged=JUDGED[manifest.kind],
        figures=[(name, _shown(value), interval) for name, value, interval in found],
        nothing=skill_note(judged),
        picture=picture(judged.get("calibration", [])),
        importance=[
            (name, f"{amount:.3%}" if manifest.kind == "asset" else f"{amount:.3f} log odds")
            for name, amount in _largest(manifest.metrics.get("importance", {}))
        ],
        limits=limits(manifest),
        again=f"patron models verify {digest[:12]}{'' if _generated(manifest) else ' --data DIR'}",
        width=WIDTH,
        height=HEIGHT,
        tables=fact_tables(facts),
        charts=data_block({}),
        engine=nothing,
        drawing=nothing,
        hashes=[policy_hash("")],
        style=Markup(  # noqa: S704  # our own files
            "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ("report.css", "certificate.css"))
        ),
    )


def figures(judged: Mapping[str, Any]) -> list[tuple[str, float | None, str]]:
    """(name, value, interval in words) of each figure of a manifest's metrics."""
    found: list[tuple[str, float | None, str]] = []
    for name, label in (("rank_correlation", "rank correlation"), ("area_under_curve", "area under the curve")):
        if name in judged:
            found.append((label, judged[name]["value"], _interval(judged[name])))
    coverage = judged.get("coverage", {})
    if "nominal" in coverage:
        found.append((f"coverage of {coverage['nominal']:.0%} intervals", coverage["value"], _interval(coverage)))
    else:
        for nominal, value in sorted(coverage.items()):
            found.append((f"coverage of {float(nominal):.0%} intervals", value["value"], _interval(value)))
    if "base_rate" in judged:
        found.append(("share that came to the top", judged["base_rate"], NO_VALUE))
    return found


def skill_note(judged: Mapping[str, Any]) -> str:
    """What must be said where an interval does not exclude that there is no skill."""
    for name, none in (("rank_correlation", 0.0), ("area_under_curve", 0.5)):
        figure = judged.get(name)
        if figure is not None and (figure["low"] is None or figure["low"] <= none):
            return "No skill is shown: the interval does not exclude that there is none."
    return ""


def limits(manifest: Manifest) -> list[str]:
    """Those of every model, and of this one."""
    own = ["It was trained on a generated market: it says nothing about a real one."] if _synthetic(manifest) else []
    return [*own, *LIMITS]


def picture(bins: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """What came by what was said, as points on one scale for both; None for fewer than two bins."""
    known = [(each["said"], each["came"]) for each in bins if None not in (each["said"], each["came"])]
    if len(known) < 2:
        return None
    low, high = min(min(pair) for pair in known), max(max(pair) for pair in known)
    room = (high - low) or 1.0

    def place(said: float, came: float) -> tuple[float, float]:
        across = MARGIN + (said - low) / room * (WIDTH - 2 * MARGIN)
        up = HEIGHT - MARGIN - (came - low) / room * (HEIGHT - 2 * MARGIN)
        return round(across, 1), round(up, 1)

    marks = [place(said, came) for said, came in known]
    return {
        "even": (*place(low, low), *place(high, high)),
        "marks": marks,
        "line": " ".join(f"{x},{y}" for x, y in marks),
        "lowest": f"{low:.1%}",
        "highest": f"{high:.1%}",
    }


def _largest(known: Mapping[str, float], count: int = 20) -> list[tuple[str, float]]:
    return sorted(known.items(), key=lambda pair: (-pair[1], pair[0]))[:count]


def _interval(figure: Mapping[str, Any]) -> str:
    return NO_VALUE if figure.get("low") is None else f"{figure['low']:.3f} to {figure['high']:.3f}"


def _shown(value: float | None) -> str:
    return NO_VALUE if value is None else f"{value:.3f}"


def _generated(manifest: Manifest) -> bool:
    return manifest.recipe.get("synthetic") is not None


def _synthetic(manifest: Manifest) -> bool:
    return manifest.data.get("kind") != "recorded"
