"""Writes the power section of docs/certificates.md: what the edge gate lets through, of noise and of a planted edge.

python -m backtests.certify.power            some minutes; --repetitions N for fewer
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from backtests.certify.calibration import (
    CYCLES,
    REPETITIONS,
    TUNED,
    VENUES,
    Ground,
    Planted,
    Share,
    noise,
    planted,
)
from backtests.certify.gates.edge import CONFIDENT

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "certificates.md"
BEGIN, END = "<!-- power -->", "<!-- /power -->"
CORRELATIONS: Final = (0.04, 0.06, 0.08, 0.12)


def main() -> None:
    """Measures and writes; the section's marks must be in the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    repetitions = parser.parse_args().repetitions
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        ground = Ground.made(Path(folder))
        found = noise(ground, repetitions)
        edges = [planted(ground, correlation, repetitions) for correlation in CORRELATIONS]
        section = written(len(ground.combinations), *found, edges, time.monotonic() - began)
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text(f"{before}{BEGIN}\n{section}\n{END}{after}", encoding="utf-8")
    sys.stdout.write(f"{section}\nwrote {PAGE}\n")


def written(versions: int, tuned: Share, alone: Share, edges: Sequence[Planted], seconds: float) -> str:
    """The section in Markdown."""
    lines = [
        f"{CYCLES} daily cycles, {VENUES} venues, {tuned.count} repetitions each, {seconds / 60:.0f} minutes in all.",
        "Both gates of the edge (`edge` and `interval`) must pass.",
        "",
        "| noise: no version knows anything | passed | share | true share at most (95 %) |",
        "|---|---:|---:|---:|",
        f"| best of {versions:,} versions of dice, the tuner's pick of the {TUNED} highest | "
        f"{tuned.passed} of {tuned.count} | {tuned.value:.1%} | **{tuned.at_most:.1%}** |",
        f"| one version, not tuned | {alone.passed} of {alone.count} | {alone.value:.1%} | {alone.at_most:.1%} |",
        "",
        "| planted correlation with the next return | Sharpe a year | predicted | passed "
        f"| predicted after {versions:,} versions | passed |",
        "|---:|---:|---:|---:|---:|---:|",
        *(
            f"| {each.correlation:g} | {each.sharpe:.2f} | {each.predicted:.0%} | {each.measured.value:.0%} | "
            f"{each.predicted_tuned:.0%} | {each.measured_tuned.value:.0%} |"
            for each in edges
        ),
        "",
        f"Predicted: the probability that a normal estimate around the planted ratio reaches {CONFIDENT:.0%} certainty",
        "above luck. The thousand trials of the last columns have the spread that noise has.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
