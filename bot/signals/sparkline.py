"""A curve in one line of text."""

from __future__ import annotations

from typing import Final

import numpy as np

from bot.core.panel import Floats

_STEPS: Final = "▁▂▃▄▅▆▇█"


def sparkline(values: Floats, width: int = 60) -> str:
    """`values` (N,) as at most `width` signs from lowest to highest, the last of each stretch; a space is unknown."""
    if not len(values):
        return ""
    ends = np.unique(np.linspace(0, len(values) - 1, min(width, len(values))).round().astype(np.int64))
    shown = values[ends]
    known = shown[np.isfinite(shown)]
    if not len(known):
        return " " * len(shown)
    low, span = float(known.min()), float(known.max() - known.min())
    scaled = (shown - low) / span if span > 0 else np.where(np.isfinite(shown), 0.5, np.nan)
    return "".join(
        " " if not np.isfinite(each) else _STEPS[min(int(each * len(_STEPS)), len(_STEPS) - 1)] for each in scaled
    )
