"""The figures of docs/scorer.md, between their marks."""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from backtests.trends.judging import PAST, PLAIN, SCORER, SINGLE, Judged, stability
from backtests.trends.ranking import Difference
from bot.core.dates import day
from bot.errors import ConfigError
from bot.scoring.trends.growth import DAY

BEGIN, END = "<!-- figures of trends: written by python -m backtests.trends -->", "<!-- end of figures -->"
WITHIN: Final = 0.03


def replaced(page: str, figures: str) -> str:
    """The page with other figures between its marks. Raises ConfigError when they are not there."""
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    if not pattern.search(page):
        raise ConfigError("docs/scorer.md: the marks between which figures stand are missing")
    return pattern.sub(lambda _: f"{BEGIN}\n\n{figures.strip()}\n\n{END}", page)


def figures(all_judged: list[Judged]) -> str:
    """Everything that was measured, as Markdown."""
    return "\n\n".join("\n\n".join(_sections(judged)) for judged in all_judged)


def _sections(judged: Judged) -> list[str]:
    recording, rows = judged.recording, judged.rows
    first, last = (day(int(judged.panel.times[place])) for place in (rows[0], rows[-1]))
    spoken = np.isfinite(judged.top[rows]) & np.isfinite(judged.told.probability[rows])
    return [
        f"### {recording.name}",
        f"{len(rows)} dates from {first} to {last}, {spoken.sum(axis=1).mean():,.0f} topics a date, "
        f"{len(judged.models)} fits, {recording.params.refit // DAY} days apart.",
        _areas(judged),
        _differences(judged),
        _months(judged),
        _regimes(judged),
        _refits(judged),
    ]


def _areas(judged: Judged) -> str:
    names = [SCORER, *SINGLE, PLAIN, f"{PAST}, unknown as none", f"{SCORER}, unseen", f"{PLAIN}, unseen"]
    lines = [f"| {name} | {judged.area(name, judged.rows):.3f} |" for name in names]
    return "\n".join(["| ranks by | mean AUC by date |", "|---|---:|", *lines, "| nothing (zero, equal) | 0.500 |"])


def _differences(judged: Judged) -> str:
    pairs = [(SCORER, PLAIN), (f"{SCORER}, unseen", f"{PLAIN}, unseen"), (SCORER, PAST), (f"{SCORER}, unseen", PAST)]
    pairs += [(SCORER, name) for name in SINGLE]
    lines = [f"| {name} | {rival} | {_interval(judged.better(name, rival))} |" for name, rival in pairs]
    return "\n".join(
        [
            "| of | against | AUC difference | 95 % interval, repositories drawn 1,000 times | verdict |",
            "|---|---|---:|---|---|",
            *lines,
        ]
    )


def _interval(found: Difference) -> str:
    return f"{found.mean:+.4f} | {found.low:+.4f} to {found.high:+.4f} | {found.told}".replace("-", "−")


def _months(judged: Judged) -> str:
    lines = []
    for month, rows in judged.months().items():
        error = judged.calibration(rows)
        shares = [judged.covered(each, rows)[0] for each in judged.recording.params.coverage]
        missed = [
            name
            for name, off in (
                ("calibration", error),
                *(
                    (f"{each:.0%}", abs(share - each))
                    for each, share in zip(judged.recording.params.coverage, shares, strict=True)
                ),
            )
            if off > WITHIN
        ]
        past = judged.area(PAST, rows)
        mark = "" if rows[-1] >= judged.rows[0] else " (chosen on)"
        lines.append(
            f"| {month}{mark} | {len(rows)} | {judged.area(SCORER, rows):.3f} "
            f"| {judged.area(f'{SCORER}, unseen', rows):.3f} | {judged.area(PLAIN, rows):.3f} | {past:.3f} "
            f"| {error:.3f} | {' | '.join(f'{share:.1%}' for share in shares)} "
            f"| {', '.join(missed) or 'none'} |"
        )
    whole = [judged.covered(each, judged.rows)[0] for each in judged.recording.params.coverage]
    lines.append(
        f"| **all** | {len(judged.rows)} | {judged.area(SCORER, judged.rows):.3f} "
        f"| {judged.area(f'{SCORER}, unseen', judged.rows):.3f} | {judged.area(PLAIN, judged.rows):.3f} "
        f"| {judged.area(PAST, judged.rows):.3f} | {judged.calibration(judged.rows):.3f} "
        f"| {' | '.join(f'{share:.1%}' for share in whole)} | |"
    )
    heads = " | ".join(f"in the {each:.0%} interval" for each in judged.recording.params.coverage)
    return "\n".join(
        [
            f"| month | dates | scorer | scorer, unseen | plain boosting | past growth where known | calibration error "
            f"| {heads} | off by more than 3 points |",
            "|---|---:|---:|---:|---:|---:|---:|---:|---:|---|",
            *lines,
        ]
    )


def _regimes(judged: Judged) -> str:
    """Coverage by kind of topic and of time."""
    params, x, names = judged.recording.params, judged.known.x, list(judged.known.names)
    month, level = x[:, :, names.index("growth_28d")], judged.panel.levels[params.series]
    newborn = x[:, :, names.index("newborn")] == 1.0
    season = np.array([np.nan if not np.isfinite(each).any() else np.nanmean(each) for each in month])
    busy = (season > np.nanmedian(season[judged.rows]))[:, None] & np.isfinite(level)
    middle = np.nanmedian(np.where(np.isfinite(judged.told.expected), level, np.nan)[judged.rows])
    groups = {
        "first published less than 28 days ago": newborn,
        "older": ~newborn,
        f"below {middle:,.0f} stars": level < middle,
        f"{middle:,.0f} stars or more": level >= middle,
        "months of much growth (above the median)": busy,
        "months of little": ~busy,
    }
    lines = []
    for name, kept in groups.items():
        shares = [judged.covered(each, judged.rows, kept) for each in params.coverage]
        if shares[0][1]:
            lines.append(f"| {name} | {shares[0][1]:,} | {' | '.join(f'{share:.1%}' for share, _ in shares)} |")
    heads = " | ".join(f"in the {each:.0%} interval" for each in params.coverage)
    columns = "---:|" * (1 + len(params.coverage))
    return "\n".join([f"| topics | cases | {heads} |", f"|---|{columns}", *lines])


def _refits(judged: Judged) -> str:
    lines = [
        f"| {at} | {agreed:.2f} | {matters:.2f} | {', '.join(names)} |"
        for at, agreed, matters, names in stability(judged)
    ]
    return "\n".join(
        [
            "| refit | agrees with the one before (rank correlation) | so do its reasons | what matters most |",
            "|---|---:|---:|---|",
            *lines,
        ]
    )
