"""Bars as most interfaces give them: a list of (open time, open, high, low, close, volume), the newest not over yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pydantic import Field

from bot.core.observation import Bar, RefusedRow
from bot.signals.sources.rows import Level, Millisecond, Row, Second, positional, refusal, rows

STEPS: Final = {"1h": 3_600, "1d": 86_400}
"""Lengths of bars, in seconds."""
SETTLING: Final = 600
"""Seconds after a bar's close until its trades are all counted: from then on it is taken as published."""
_FIELDS: Final = ("opened", "open", "high", "low", "close", "volume")


class _Candle(Row):
    open: Level = Field(gt=0)
    high: Level = Field(gt=0)
    low: Level = Field(gt=0)
    close: Level = Field(gt=0)
    volume: Level


class SecondsCandle(_Candle):
    opened: Second


class MillisecondsCandle(_Candle):
    opened: Millisecond


def bars_of(
    source: str,
    asset: str,
    bar: str,
    candles: Sequence[Any],
    model: type[SecondsCandle] | type[MillisecondsCandle],
    seen: int,
    volume_is_base: bool = False,
) -> tuple[tuple[Bar, ...], list[RefusedRow]]:
    """Bars that are over, by time, and what was refused.

    volume_is_base: volumes count the asset, not money; they are then worth the mean of the bar's four prices. Raises
    SourceDrift when more than half do not fit.
    """
    fit, refused = rows(source, model, positional(_FIELDS, candles), lambda _: asset, seen)
    bars = []
    for row in fit:
        close = row.opened + STEPS[bar]
        problem = _problem(row, row.opened % STEPS[bar])
        if problem:
            refused.append(refusal(source, problem[0], asset, problem[1], row.model_dump(), seen))
        elif close + SETTLING <= seen:
            prices = (row.open, row.high, row.low, row.close)
            volume = row.volume * (sum(prices) / 4 if volume_is_base else 1.0)
            bars.append(Bar(source, asset, bar, close, *prices, volume, close + SETTLING))
    return tuple(sorted(bars, key=lambda each: each.time)), refused


def _problem(row: _Candle, beside: int) -> tuple[str, str] | None:
    if beside:
        return "time", "not on a bar's time"
    if not row.low <= min(row.open, row.close) <= max(row.open, row.close) <= row.high:
        return "close", "open or close outside of low and high"
    return None
