"""GitHub: repositories by topic, single repositories, and their releases.

``GET /search/repositories`` (at most 1,000 results of a search, 10 requests a minute without a key), ``/repos/…`` and
``/repos/…/releases`` (60 an hour without a key). Identity is the numeric `id`: names change hands. A rename answers
with a redirect on the same host, which is followed.
Source: https://docs.github.com/en/rest (version 2022-11-28)
"""

from __future__ import annotations

import re
from typing import Any, Final

from pydantic import Field

from bot.core.observation import Observation, RefusedRow
from bot.signals.sources.options import Names, SourceOptions
from bot.signals.sources.rows import Iso, Level, Name, Row, document, listed, member, over, rows
from bot.signals.sources.source import Ask, Page, Parsed

_HEADERS: Final = (("Accept", "application/vnd.github+json"), ("X-GitHub-Api-Version", "2022-11-28"))
_PER_PAGE: Final = 100
_MOST_FOUND: Final = 1_000  # of a search
_OWNED: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+")


class GitHubOptions(SourceOptions):
    base_url: str = Field(default="https://api.github.com", description="the interface")
    requests: int = Field(default=10, ge=1, le=10_000, description="at most so many requests per `per`")
    key_prefix: str = Field(default="Bearer ", description="what stands before the key")
    topics: Names = Field(default=(), description="topics whose repositories are listed, most starred first")
    repositories: Names = Field(default=(), description="single ones, owner/name")
    releases: bool = Field(default=False, description="also the releases of those `repositories`")


class _Repository(Row):
    id: int = Field(gt=0)
    full_name: Name
    stars: Level = Field(alias="stargazers_count")
    forks: Level = Field(alias="forks_count")
    created: Iso = Field(alias="created_at")


class _Asset(Row):
    downloads: Level = Field(alias="download_count")


class _Release(Row):
    id: int = Field(gt=0)
    tag: Name = Field(alias="tag_name")
    draft: bool
    published: Iso | None = Field(alias="published_at")
    assets: list[_Asset]


class GitHub:
    """Repositories and their releases."""

    Options = GitHubOptions

    def __init__(self, name: str, options: GitHubOptions) -> None:
        self.kind = name
        self._options = options
        for each in options.repositories:
            if not _OWNED.fullmatch(each):
                raise ValueError(f"repositories: expected owner/name (got {each!r})")

    def asks(self, since: int, now: int) -> tuple[Ask, ...]:
        base = self._options.base_url
        found = [self._search(topic, 1) for topic in self._options.topics]
        for name in self._options.repositories:
            found.append(Ask(f"{base}/repos/{name}", (), _HEADERS, f"repository {name}"))
            if self._options.releases:
                params = (("per_page", str(_PER_PAGE)), ("page", "1"))
                found.append(Ask(f"{base}/repos/{name}/releases", params, _HEADERS, f"releases of {name}"))
        return tuple(found)

    def parse(self, page: Page) -> Parsed:
        found = document(self.kind, page)
        if page.ask.note.startswith("releases of "):
            return self._releases(page, listed(self.kind, found))
        if page.ask.note.startswith("topic "):
            items = listed(self.kind, member(self.kind, found, "items"), "items")
            observations, refused = self._repositories(items, page)
            return Parsed(tuple(observations), refused=tuple(refused), following=self._next_found(page, found, items))
        observations, refused = self._repositories([found], page)
        return Parsed(tuple(observations), refused=tuple(refused))

    def _search(self, topic: str, number: int) -> Ask:
        params = {"q": f"topic:{topic}", "sort": "stars", "order": "desc"}
        paging = {"per_page": str(_PER_PAGE), "page": str(number)}
        url = f"{self._options.base_url}/search/repositories"
        return Ask(url, tuple((params | paging).items()), _HEADERS, f"topic {topic}")

    def _next_found(self, page: Page, found: Any, items: list[Any]) -> tuple[Ask, ...]:
        total, number = found.get("total_count"), _number_of(page.ask)
        known = total if isinstance(total, int) and not isinstance(total, bool) else 0
        more = len(items) == _PER_PAGE and number * _PER_PAGE < min(known, _MOST_FOUND)
        return (self._search(page.ask.note.removeprefix("topic "), number + 1),) if more else ()

    def _repositories(self, raw: list[Any], page: Page) -> tuple[list[Observation], list[RefusedRow]]:
        seen = page.received_at
        fit, refused = rows(self.kind, _Repository, raw, lambda row: row["full_name"], seen)
        observations = [
            Observation(f"github_{name}", row.full_name.lower(), str(row.id), float(value), seen, seen)
            for row in fit
            for name, value in (("stars", row.stars), ("forks", row.forks), ("created", row.created))
        ]
        return observations, refused

    def _releases(self, page: Page, raw: list[Any]) -> Parsed:
        """A release counts 1 at its own time, and its assets' downloads are a level of now."""
        repository, seen = page.ask.note.removeprefix("releases of "), page.received_at
        topic = repository.lower()
        fit, refused = rows(self.kind, _Release, raw, lambda row: f"{repository}@{row['tag_name']}", seen)
        public = [row for row in fit if not row.draft and row.published is not None]
        told, early = over(self.kind, "published_at", public, lambda _: topic, lambda row: row.published or 0, seen)
        observations = []
        for row in told:
            downloads = sum(asset.downloads for asset in row.assets)
            named, itself = f"{topic}@{row.tag}", f"release-{row.id}"
            observations.append(Observation("github_release", topic, "", 1.0, row.published or 0, seen))
            observations.append(Observation("github_release_downloads", named, itself, downloads, seen, seen))
        number = _number_of(page.ask)
        more = Ask(page.ask.url, (("per_page", str(_PER_PAGE)), ("page", str(number + 1))), _HEADERS, page.ask.note)
        return Parsed(tuple(observations), (), (*refused, *early), (more,) if len(raw) == _PER_PAGE else ())


def _number_of(ask: Ask) -> int:
    return int(dict(ask.params).get("page", "1"))
