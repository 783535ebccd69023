"""Downloads of Python packages by day, from PyPI Stats: mirrors left out, the last 180 days.

``GET /api/packages/<name>/overall?mirrors=false``, keyless, a limit by address that is not published. The counts of a
day are made on the next one ("updated once daily"), so a day's count is taken as published a day after its end.
Source: https://pypistats.org/api/
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

from bot.core.observation import Observation
from bot.quantity import SecondsField
from bot.signals.sources.options import Names, SourceOptions
from bot.signals.sources.rows import Level, Row, document, listed, member, rows
from bot.signals.sources.source import Ask, Page, Parsed

_DAY: Final = 86_400
LAG: Final = _DAY  # seconds from the end of a day to when its count is known


class PyPIStatsOptions(SourceOptions):
    base_url: str = Field(default="https://pypistats.org", description="the interface")
    requests: int = Field(default=10, ge=1, le=10_000, description="at most so many requests per `per`")
    every: SecondsField = Field(default="1d", validate_default=True, description="how often it is fetched")
    packages: Names = Field(min_length=1, description="names on the Python Package Index")


def _day_end(value: object) -> int:
    if not isinstance(value, str):
        raise ValueError("expected a day such as 2024-01-31")
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise ValueError("expected a day such as 2024-01-31") from None
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) + _DAY


class _Day(Row):
    category: str
    ended: Annotated[int, BeforeValidator(_day_end)] = Field(alias="date")
    downloads: Level


class PyPIStats:
    """Downloads a day of packages. A day that is not over is left out: its count is of a part."""

    Options = PyPIStatsOptions

    def __init__(self, name: str, options: PyPIStatsOptions) -> None:
        self.kind = name
        self._options = options

    def asks(self, since: int, now: int) -> tuple[Ask, ...]:
        base = self._options.base_url
        return tuple(
            Ask(f"{base}/api/packages/{name}/overall", (("mirrors", "false"),), note=f"package {name}")
            for name in self._options.packages
        )

    def parse(self, page: Page) -> Parsed:
        found: Any = document(self.kind, page)
        package = member(self.kind, found, "package")
        asked = page.ask.note.removeprefix("package ")
        raw = listed(self.kind, member(self.kind, found, "data"), "data")
        fit, refused = rows(self.kind, _Day, raw, lambda _: asked, page.received_at)
        seen = page.received_at
        observations = tuple(
            Observation("pypi_downloads_1d", asked, str(package), row.downloads, row.ended, min(seen, row.ended + LAG))
            for row in fit
            if row.category == "without_mirrors" and row.ended <= seen
        )
        return Parsed(observations, refused=tuple(refused))
