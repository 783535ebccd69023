"""docs/returns.md, drawn from what was found."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from backtests.returns.association import Finding
from backtests.returns.power import Nothing, Power, least_found
from backtests.returns.walks import Walk
from bot.core.dates import day
from bot.scoring.explain import Agreement

REGIMES: Final = ("all", "calm third", "middle third", "wild third", "market up", "market down")


@dataclass(frozen=True, slots=True)
class Market:
    """A panel that was looked at, in words, with what was found in it."""

    title: str
    about: str
    first: int
    last: int
    tokens: int
    rows: int  # a horizon apart
    findings: tuple[Finding, ...]
    left_out: tuple[str, ...]  # features that rank too few days to be asked about


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the page says."""

    markets: tuple[Market, ...]
    walks: tuple[Walk, ...]
    agreement: tuple[Agreement, ...]
    reasons: tuple[tuple[str, float], ...]  # of the newest ridge: feature and mean absolute contribution
    nothing: tuple[Nothing, ...]
    powers: tuple[Power, ...]
    generated: tuple[tuple[float, float, float, float], ...]  # strength, deployed mean and most, drifted
    horizon_days: int
    shuffles: int


def page(evidence: Evidence) -> str:
    """The page as Markdown, ending with a newline."""
    lines = [
        "# What is in the returns of AI and media tokens",
        "",
        "Written by `python -m backtests.returns --data DIR`; figures come as they are, and nothing was tuned on them.",
        "",
        f"Asked is whether anything that was known on a day ranks the returns of the {evidence.horizon_days} days that",
        "follow. The statistic is the mean over days of Spearman's rank correlation; its 95 % interval is by the",
        "stationary bootstrap, blocks of two horizons at least. `p` is by randomisation: the same statistic over",
        f"{evidence.shuffles} targets that were moved in time and dealt anew to the tokens. *Holm* and *BH* are p",
        "corrected for all of this page (family-wise error, and false discoveries). Features are in",
        "[features](features.md); of the three forms of each only the plain one is a hypothesis, since ranks do not",
        "change with the others.",
        "",
        *_verdict(evidence.markets),
    ]
    for market in evidence.markets:
        lines += _market(market, evidence.horizon_days)
    lines += [*_walks(evidence), *_checks(evidence), *_limits()]
    return "\n".join(_flowed(lines)) + "\n"


def _flowed(lines: Sequence[str]) -> list[str]:
    """The lines with their prose broken anew; tables, heads and lists stay as they are."""
    found: list[str] = []
    prose: list[str] = []
    for line in (*lines, ""):
        if line and not line.startswith(("|", "#", "- ", "    ")):
            prose.append(line)
            continue
        found += textwrap.wrap(" ".join(prose), 118, break_long_words=False, break_on_hyphens=False) if prose else []
        found.append(line)
        prose = []
    return found[:-1]


def _verdict(markets: Sequence[Market]) -> list[str]:
    found = [(market, each) for market in markets for each in market.findings if each.holm <= 0.05]
    tested = sum(len(market.findings) for market in markets)
    lines = ["## What there is", ""]
    if not found:
        return [
            *lines,
            f"Of {tested} hypotheses none survives the correction for having asked so many: **no relation is",
            "claimed.**",
        ]
    lines.append(f"Of {tested} hypotheses {len(found)} survive the correction for having asked so many:")
    lines.append("")
    lines += [
        f"- `{each.name}` ({market.title}): {each.mean:+.3f} ({each.low:+.3f} to {each.high:+.3f})."
        for market, each in found
    ]
    return [
        *lines,
        "",
        "A rank correlation is before costs, of one window, and of tokens that are known today: it is a reason",
        "to look, and none to expect a profit. Nor are they so many facts: past returns, volatilities and volumes",
        "overlap.",
    ]


def _market(market: Market, horizon: int) -> list[str]:
    lines = ["", f"## {market.title}", "", market.about, ""]
    least = least_found(market.rows, market.tokens)
    lines += [
        f"{day(market.first)} to {day(market.last)}; some {market.rows} stretches of {horizon} days that share",
        f"nothing, {market.tokens} tokens at the median. A rank correlation of {least:.2f} would have been",
        "found with a power of",
        "80 % by a single test; what is weaker than that could be there unseen.",
        "",
        "| feature | days | mean rank correlation | 95 % interval | p | Holm | BH |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    left = [""] if market.left_out else []
    left += [f"Not asked, for want of tokens that differ: {', '.join(f'`{name}`' for name in market.left_out)}."] * len(
        left
    )
    rows = [
        f"| `{each.name}` | {each.days} | {each.mean:+.3f} | {each.low:+.3f} to {each.high:+.3f} | {each.p:.3f} "
        f"| {each.holm:.3f} | {each.hochberg:.3f} |"
        for each in market.findings
    ]
    return [*lines, *rows, *left]


def _walks(evidence: Evidence) -> list[str]:
    lines = [
        "",
        "## Models, walked forward",
        "",
        "Each row of 2024 scored by the newest model fitted by then, of the tokens of the first table. Nominal",
        "coverage 80 %. *ECE*: calibration error of the probability that a return clears 40 bps of costs.",
        "*Drift*: share of days",
        "on which a named state would open nothing new. *Held*: the mean share that `trend_edge` holds on them.",
        "",
        "| scorer | days | rank correlation | 95 % interval | half width | ECE | drift | held |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for each in evidence.walks:
        skill = ("none: all alike", "") if np.isnan(each.skill) else (f"{each.skill:+.3f}", _range(each.low, each.high))
        lines.append(
            f"| {each.name} | {each.days} | {skill[0]} | {skill[1]} | {each.width:.1%} | {each.calibration:.1%} "
            f"| {each.drifted:.1%} | {each.deployed:.1%} |"
        )
    lines += [
        "",
        "Coverage by regime (thirds of the market's volatility over 28 days, and its direction, told after the fact):",
        "",
        f"| scorer | {' | '.join(REGIMES)} |",
        f"|---|{'---:|' * len(REGIMES)}",
    ]
    lines += [
        f"| {each.name} | {' | '.join(f'{each.covered[name]:.0%}' for name in REGIMES)} |" for each in evidence.walks
    ]
    lines += ["", *_wrong(evidence.walks), ""]
    lines += ["Refits of the ridge on each other, and what mattered to the newest one:", ""]
    lines += ["| from | to | scores agree | reasons agree |", "|---|---|---:|---:|"]
    lines += [
        f"| {day(each.earlier)} | {day(each.later)} | {_told(each.scores)} | {_told(each.reasons)} |"
        for each in evidence.agreement
    ]
    told = ", ".join(f"`{name}` {amount:.2%}" for name, amount in evidence.reasons)
    return [*lines, "", f"Mean absolute contributions to its scores: {told}."]


def _wrong(walks: Sequence[Walk]) -> list[str]:
    off = {each.name: max(abs(each.covered[name] - 0.8) for name in REGIMES) for each in walks}
    best = min(off, key=off.__getitem__)
    within = [each.name for each in walks if abs(each.covered["all"] - 0.8) <= 0.03]
    return [
        f"Over all days {len(within)} of {len(walks)} are within 3 points of 80 %"
        f"{': ' + ', '.join(within) if within else ''}. By regime none of them keeps to it everywhere: the least",
        f"wrong, {best}, is {off[best] * 100:.0f} points off in its worst regime. Weekly returns of one",
        f"market move together, so that some {max(each.days for each in walks) // 7} independent weeks decide",
        "all of these shares.",
        "",
        "The probability of clearing costs is badly calibrated here, whatever the model: the share of returns",
        f"that cleared them was {min(each.rate for each in walks):.0%} after a quarter in which most did. It",
        "says how a market went on from",
        "where it was, and no fit of 90 days can know that a market turns.",
    ]


def _checks(evidence: Evidence) -> list[str]:
    lines = [
        "",
        "## Does the procedure find what is there, and nothing else?",
        "",
        "**Nothing.** Targets moved in time and dealt anew, through the whole procedure. p-values must be uniform (KS:",
        "Kolmogorov and Smirnov's test); intervals of 95 % should miss zero 5 times in a hundred.",
        "",
        "| feature | targets | p ≤ 5 % | KS distance | its p | intervals that miss zero |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| `{each.name}` | {each.trials} | {each.below:.1%} | {each.distance:.3f} | {each.p:.2f} "
        f"| {each.intervals_missed:.1%} |"
        for each in evidence.nothing
    ]
    lines += [
        "",
        "Where intervals miss zero more often than 5 % they are too narrow, slow features' above all; that is why the",
        "verdict rests on p-values and not on them.",
        "",
        "**Something.** Features planted in the recorded returns of weeks that share nothing, at a known rank",
        "correlation.",
        "",
        "| planted | weeks | tokens | power by the formula | found | one standard error |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {each.correlation:.2f} | {each.rows} | {each.tokens} | {each.predicted:.0%} | {each.found:.0%} "
        f"| {each.error:.0%} |"
        for each in evidence.powers
    ]
    lines += [
        "",
        "**Sizing.** `trend_edge` on generated markets of eight assets (ridge, 400 days, six markets each), where the",
        "relation is known to be absent (strength 0) or planted:",
        "",
        "| strength | held, mean | held, most | days with a state of drift |",
        "|---:|---:|---:|---:|",
    ]
    return lines + [
        f"| {strength:g} | {mean:.1%} | {most:.1%} | {drifted:.1%} |"
        for strength, mean, most, drifted in evidence.generated
    ]


def _limits() -> list[str]:
    return [
        "",
        "## What this cannot say",
        "",
        "- Tokens are chosen by what they are for, today: what was delisted or forgotten before is not among them.",
        "- One exchange's closes in 2024, one vendor's before 2022 (volumes there mix exchanges); no token has both.",
        "- Topics are tied to six tokens by hand, after the fact; with so few, only a strong relation could be seen.",
        "- Before costs: a rank correlation says nothing of what is left after fees, impact and gas.",
        "- Nothing was run on a live market.",
    ]


def _range(low: float, high: float) -> str:
    return f"{low:+.3f} to {high:+.3f}"


def _told(value: float | None) -> str:
    return "cannot be told" if value is None else f"{value:+.2f}"
