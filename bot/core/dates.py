"""Unix seconds as people read them, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

DAY: Final = 86_400  # seconds


def day(at: int) -> str:
    """The date: ``2024-01-31``."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


def minute(at: int) -> str:
    """Date and time of day: ``2024-01-31 06:00``."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")


def moment(at: int) -> str:
    """The date, with the time of day unless it is midnight: what a bar's close is called."""
    return minute(at) if at % DAY else day(at)
