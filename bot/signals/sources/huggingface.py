"""The Hugging Face Hub: models, spaces and data sets, by task, as its public listings have them.

``GET /api/{models,spaces,datasets}``, keyless; the next page is in the `Link` header. `downloads` are those of the last
30 days, not a total. Identity is `_id`: a model that is renamed or given away keeps it.
Source: https://huggingface.co/docs/hub/api
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal

from pydantic import Field

from bot.core.observation import Observation
from bot.signals.sources.options import Names, SourceOptions
from bot.signals.sources.origins import origin_of
from bot.signals.sources.rows import Iso, Level, Name, Row, document, listed, rows
from bot.signals.sources.source import Ask, Page, Parsed

_SINGULAR: Final = {"models": "model", "spaces": "space", "datasets": "dataset"}
_FIELDS: Final = {
    "models": ("likes", "downloads", "trendingScore", "createdAt"),
    "spaces": ("likes", "trendingScore", "createdAt"),
    "datasets": ("likes", "downloads", "trendingScore", "createdAt"),
}
_DAWN: Final = 1_646_263_744  # 2022-03-02T23:29:04Z: what the Hub says of everything that is older than its records
_NEXT: Final = re.compile(r"<([^<>\s]+)>\s*;[^,]*\brel=\"?next\"?")


class HuggingFaceOptions(SourceOptions):
    base_url: str = Field(default="https://huggingface.co", description="the Hub")
    requests: int = Field(default=100, ge=1, le=10_000, description="at most so many requests per `per`")
    key_prefix: str = Field(default="Bearer ", description="what stands before the key")
    pages: int = Field(default=3, ge=1, le=1_000, description="pages of each listing")
    what: tuple[Literal["models", "spaces", "datasets"], ...] = Field(
        default=("models",), strict=False, description="listings"
    )
    tasks: Names = Field(default=(), description="pipeline tags, such as text-to-image; of models and data sets")
    search: Names = Field(default=(), description="words to search for")
    sort: Literal["trendingScore", "likes", "downloads", "createdAt"] = Field(
        default="trendingScore", description="which come first"
    )
    per_page: int = Field(default=100, ge=1, le=1_000, description="rows of a page")


class _Listed(Row):
    id: Name
    number: Name = Field(alias="_id")
    likes: Level


class _Downloaded(_Listed):
    downloads: Level


class _Optional(Row):
    """Fields that the Hub leaves out of some rows."""

    trending: Level | None = Field(default=None, alias="trendingScore")
    created: Iso | None = Field(default=None, alias="createdAt")


class _Space(_Listed, _Optional):
    pass


class _Model(_Downloaded, _Optional):
    pass


class HuggingFace:
    """Listings of the Hub."""

    Options = HuggingFaceOptions

    def __init__(self, name: str, options: HuggingFaceOptions) -> None:
        self.kind = name
        self._options = options

    def asks(self, since: int, now: int) -> tuple[Ask, ...]:
        found = []
        for what in self._options.what:
            filters: list[tuple[str, str]] = [("search", word) for word in self._options.search]
            if what != "spaces":
                tag = "pipeline_tag" if what == "models" else "filter"
                kinds = "" if what == "models" else "task_categories:"
                filters += [(tag, kinds + task) for task in self._options.tasks]
            sort = "likes" if what == "spaces" and self._options.sort == "downloads" else self._options.sort
            for chosen in filters or [("", "")]:
                params = [chosen] if chosen[0] else []
                params += [("sort", sort), ("direction", "-1"), ("limit", str(self._options.per_page))]
                params += [("expand[]", field) for field in _FIELDS[what]]
                found.append(Ask(f"{self._options.base_url}/api/{what}", tuple(params), note=f"{what} {chosen[1]}"))
        return tuple(found)

    def parse(self, page: Page) -> Parsed:
        what = page.ask.url.partition("?")[0].rpartition("/")[2]
        raw = listed(self.kind, document(self.kind, page))
        model: type[_Model] | type[_Space] = _Space if what == "spaces" else _Model
        fit, refused = rows(self.kind, model, raw, lambda row: row["id"], page.received_at)
        observations = [each for row in fit for each in _observed(row, _SINGULAR.get(what, what), page.received_at)]
        return Parsed(tuple(observations), refused=tuple(refused), following=self._following(page, len(raw)))

    def _following(self, page: Page, count: int) -> tuple[Ask, ...]:
        found = _NEXT.search(page.headers.get("link", ""))
        if not found or not count:
            return ()
        try:
            elsewhere = origin_of(found[1]) != origin_of(self._options.base_url)
        except ValueError:
            return ()
        return () if elsewhere else (Ask(found[1], note=page.ask.note),)


def _observed(row: Any, what: str, seen: int) -> list[Observation]:
    """Known when we saw it: the Hub says what holds now, and nothing of the past."""
    created = None if row.created is None or row.created <= _DAWN or row.created > seen else row.created
    values = {"likes": row.likes, "trending": row.trending, "created": created}
    if isinstance(row, _Downloaded):
        values["downloads_30d"] = row.downloads
    return [
        Observation(f"hf_{what}_{name}", row.id, row.number, float(value), seen, seen)
        for name, value in values.items()
        if value is not None
    ]
