"""An ontology as a file: YAML in, frozen strict models out, or one line that says what is wrong and where."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from bot.config_venues import Model
from bot.errors import ConfigError
from bot.yaml_file import plain, read_yaml, refusal

MOST_WEIGHT = 10.0  # nothing matters more than ten times as much as something that matters
_ID = r"^[a-z0-9][a-z0-9-]{0,60}$"
_THINGS = ("models", "tools", "collections")
_GLOB = re.compile(r"[*?\[\]]")

Name = Annotated[str, Field(min_length=1, max_length=200)]
Names = Annotated[tuple[Name, ...], Field(min_length=1)]


class _Entry(Model):
    """What has a title and may hold lists: YAML's lists are our tuples."""

    title: str = Field(min_length=1, max_length=200, description="what people call it")

    @field_validator("*", mode="before")
    @classmethod
    def _tuples(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: tuple(each) if isinstance(each, list) else each for key, each in value.items()}
        return tuple(value) if isinstance(value, list) else value


class KindEntry(_Entry):
    """A kind of media."""

    topics: dict[str, Names] = Field(default={}, description="series -> globs of topics that are of this kind")


class CreatorEntry(_Entry):
    """Who makes things, by the accounts that nobody else can publish under."""

    known_from: date = Field(description="first day on which anybody could have known it")
    owners: dict[str, Names] = Field(description="source -> account names")


class ThingEntry(_Entry):
    """A model, a tool or a collection, by its names at each source."""

    kinds: Names = Field(description="ids of the media kinds it is for")
    known_from: date = Field(description="first day on which anybody could have known it")
    names: dict[str, Names] = Field(description="source -> names, as the source writes them")
    ids: dict[str, dict[str, int]] = Field(
        default={}, description="source -> name -> the numeric id that never changes; follows a thing through renames"
    )


class BearingEntry(Model):
    """Why things matter to an asset, and how much."""

    of: Names = Field(description="ids of kinds, creators, models, tools or collections")
    weight: float = Field(
        ge=-MOST_WEIGHT, le=MOST_WEIGHT, description="against its other bearings; below zero: bad for it"
    )
    known_from: date = Field(description="first day on which anybody could have known it")
    reason: str = Field(min_length=10, max_length=300, description="in words")

    @field_validator("of", mode="before")
    @classmethod
    def _tuple(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("weight")
    @classmethod
    def _matters(cls, value: float) -> float:
        if value == 0:
            raise ValueError("is zero: leave the bearing out")
        return value


class TokenEntry(_Entry):
    """Something with a price, and what bears on it."""

    aka: tuple[Name, ...] = Field(default=(), description="other names of the same price series")
    bearings: dict[Annotated[str, Field(pattern=_ID)], BearingEntry] = Field(description="by an id of their own")


class OntologyFile(Model):
    """The whole file."""

    version: Literal[1] = Field(description="of this format")
    series: dict[str, str] = Field(description="series of the data -> the source whose names its topics have")
    kinds: dict[Annotated[str, Field(pattern=_ID)], KindEntry]
    creators: dict[Annotated[str, Field(pattern=_ID)], CreatorEntry] = Field(default={})
    models: dict[Annotated[str, Field(pattern=_ID)], ThingEntry] = Field(default={})
    tools: dict[Annotated[str, Field(pattern=_ID)], ThingEntry] = Field(default={})
    collections: dict[Annotated[str, Field(pattern=_ID)], ThingEntry] = Field(default={})
    tokens: dict[str, TokenEntry] = Field(description="by the name of the price series")

    @property
    def things(self) -> dict[str, ThingEntry]:
        """Models, tools and collections by id."""
        return {**self.models, **self.tools, **self.collections}

    @model_validator(mode="after")
    def _consistent(self) -> OntologyFile:
        self._check_ids()
        self._check_names()
        self._check_tokens()
        return self

    def _check_ids(self) -> None:
        """An id means one thing, and every kind that is spoken of is there."""
        seen: dict[str, str] = {}
        for section in ("kinds", "creators", *_THINGS):
            for each in getattr(self, section):
                if seen.setdefault(each, section) != section:
                    raise ValueError(f"{section}.{each}: the same id is among {seen[each]}")
        for section in _THINGS:
            for each, entry in getattr(self, section).items():
                for kind in entry.kinds:
                    if kind not in self.kinds:
                        there = ", ".join(self.kinds)
                        raise ValueError(f"{section}.{each}.kinds: no kind {kind!r}; there are: {there}")
        for kind, known in self.kinds.items():
            for series in known.topics:
                if series not in self.series:
                    raise ValueError(f"kinds.{kind}.topics.{series}: not among the series of this file")

    def _check_names(self) -> None:
        """Names are whole, and numeric ids belong to names that are there."""
        for place, name in self._names_written():
            if _GLOB.search(name):
                raise ValueError(f"{place}: {name!r} has a wildcard; names are whole (kinds.<id>.topics take globs)")
        for section in _THINGS:
            for each, entry in getattr(self, section).items():
                for source, numbered in entry.ids.items():
                    for name in numbered:
                        if name not in entry.names.get(source, ()):
                            raise ValueError(f"{section}.{each}.ids.{source}: {name} is not among its names there")

    def _check_tokens(self) -> None:
        """A price series is one token's, and what bears on it is there."""
        known = {*self.kinds, *self.creators, *self.things}
        called: dict[str, str] = {}
        for asset, token in self.tokens.items():
            for name in (asset, *token.aka):
                if called.setdefault(name.upper(), asset) != asset:
                    raise ValueError(f"tokens.{asset}: the name {name} is also of {called[name.upper()]}")
            for bearing, entry in token.bearings.items():
                for each in entry.of:
                    if each not in known:
                        raise ValueError(f"tokens.{asset}.bearings.{bearing}.of: nothing here has the id {each!r}")

    def _names_written(self) -> Iterator[tuple[str, str]]:
        for section in _THINGS:
            for each, entry in getattr(self, section).items():
                for source, names in entry.names.items():
                    yield from ((f"{section}.{each}.names.{source}", name) for name in names)
        for each, creator in self.creators.items():
            for source, names in creator.owners.items():
                yield from ((f"creators.{each}.owners.{source}", name) for name in names)


def read_ontology(path: Path) -> OntologyFile:
    """The file at `path`. Raises ConfigError with one line ``<file>:<line>: <field.path>: <what is wrong> (got …)``."""
    document = read_yaml(path, "no such file; docs/topics.md says how one is written", "series, kinds, tokens")
    try:
        return OntologyFile.model_validate(plain(document))
    except ValidationError as error:
        raise ConfigError(refusal(error, path, document, OntologyFile)) from None
