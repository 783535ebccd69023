"""What bears on an asset: the ontology as a table of topics to listen to, each with its weight and its first day."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from bot.topics.names import KnownNames, Resolved, canonical
from bot.topics.ontology_file import CreatorEntry, KindEntry, OntologyFile, ThingEntry, read_ontology

SHIPPED = Path(__file__).with_name("ontology.yaml")


@dataclass(frozen=True, slots=True, order=True)
class Bearing:
    """A topic, or topics by a glob, of a series that say something about an asset.

    `weight` is against the asset's other bearings, below zero where a rise is bad for it. `known_from`: unix seconds
    before which nobody could have known of it, so that nothing uses it. `thing` and `reason` say what and why.
    """

    series: str
    topic_pattern: str
    weight: float
    known_from: int = 0
    thing: str = ""
    reason: str = ""


class Ontology:
    """Media kinds, models, tools, collections, creators and tokens, and how they bear on each other."""

    def __init__(self, written: OntologyFile, digest: str) -> None:
        """Use `load_ontology`. `digest` is of the file's content."""
        self.written, self.digest = written, digest
        self._assets = {name.upper(): asset for asset, token in written.tokens.items() for name in (asset, *token.aka)}

    @property
    def kinds(self) -> Mapping[str, KindEntry]:
        return self.written.kinds

    @property
    def creators(self) -> Mapping[str, CreatorEntry]:
        return self.written.creators

    @property
    def models(self) -> Mapping[str, ThingEntry]:
        return self.written.models

    @property
    def tools(self) -> Mapping[str, ThingEntry]:
        return self.written.tools

    @property
    def collections(self) -> Mapping[str, ThingEntry]:
        return self.written.collections

    @property
    def tokens(self) -> tuple[str, ...]:
        """Names of the price series that something bears on."""
        return tuple(self.written.tokens)

    def bearings(self, asset: str) -> tuple[Bearing, ...]:
        """Everything that bears on `asset`, sorted; nothing for an asset that is not here.

        Where two of its bearings reach the same topics, the heavier one speaks for them.
        """
        token = self.written.tokens.get(self._assets.get(asset.upper(), ""))
        found: dict[tuple[str, str], Bearing] = {}
        for entry in token.bearings.values() if token is not None else ():
            for named in entry.of:
                for series, pattern, known_from, thing in self._topics(named):
                    since = _midnight(max(entry.known_from, known_from))
                    bearing = Bearing(series, pattern, entry.weight, since, thing, entry.reason)
                    rival = found.setdefault((series, pattern), bearing)
                    if (abs(bearing.weight), rival.known_from) > (abs(rival.weight), bearing.known_from):
                        found[series, pattern] = bearing
        return tuple(sorted(found.values()))

    def names(self, source: str) -> KnownNames:
        """Every name that this file knows at `source` (``github``), ready to be asked about."""
        ids = {
            written(source, name): str(number)
            for thing in self.written.things.values()
            for name, number in thing.ids.get(source, {}).items()
        }
        return KnownNames(self.named(source), ids)

    def named(self, source: str) -> tuple[str, ...]:
        """The names of models, tools and collections at `source`, each once."""
        things = self.written.things.values()
        return tuple(dict.fromkeys(written(source, name) for thing in things for name in thing.names.get(source, ())))

    def source_of(self, series: str) -> str:
        """The source whose names the topics of `series` have, "" for a series that is not here."""
        return self.written.series.get(series, "")

    def resolve(self, source: str, name: str, entity: str = "") -> Resolved:
        """What `name` at `source` is; `entity`: the numeric id that its source gave it, "" where it gives none."""
        return self.names(source).resolve(written(source, name), entity)

    def _topics(self, thing: str) -> Iterable[tuple[str, str, date, str]]:
        """(series, pattern, first day, id) of everything that an id stands for; of a kind, the things of that kind."""
        written_ = self.written
        if thing in written_.kinds:
            for series, globs in written_.kinds[thing].topics.items():
                yield from ((series, glob.lower(), date.min, thing) for glob in globs)
            for each, entry in written_.things.items():
                if thing in entry.kinds:
                    yield from self._topics(each)
            return
        if thing in written_.creators:
            creator = written_.creators[thing]
            names = {source: [f"{_escaped(owner)}/*" for owner in owners] for source, owners in creator.owners.items()}
            known_from = creator.known_from
        else:
            entry = written_.things[thing]
            names = {source: [_escaped(written(source, name)) for name in each] for source, each in entry.names.items()}
            known_from = entry.known_from
        for series, source in written_.series.items():
            yield from ((series, pattern.lower(), known_from, thing) for pattern in names.get(source, ()))


def load_ontology(path: Path | None = None) -> Ontology:
    """The ontology at `path`, or the one that ships. Raises ConfigError, one line with file, line and field."""
    chosen = path or SHIPPED
    try:
        content = chosen.read_bytes()
    except OSError:
        content = b""  # the reader says what is wrong with it
    return _parsed(chosen, hashlib.sha256(content).hexdigest())


@functools.lru_cache(maxsize=4)
def _parsed(path: Path, digest: str) -> Ontology:
    return Ontology(read_ontology(path), digest)


def written(source: str, name: str) -> str:
    """A name as `source` counts it: a package index takes hyphens, dots and underscores for one (PEP 503)."""
    bare = canonical(name)
    return re.sub(r"[-_.]+", "-", bare) if source == "pypi" else bare


def _escaped(name: str) -> str:
    """The name as a glob that matches itself alone."""
    return re.sub(r"([*?\[])", r"[\1]", name)


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) if day > date(1970, 1, 1) else 0
