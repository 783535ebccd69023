"""Which topics of a series speak for an asset, and which were refused because they only look like those that do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import translate

from bot.topics.names import KnownNames, Lookalike, Match
from bot.topics.ontology import Bearing, Ontology, written

_GLOB = re.compile(r"[*?\[]")
_LITERAL = re.compile(r"\[([*?\[])\]")  # how a glob spells a character that would be a wildcard


@dataclass(frozen=True, slots=True)
class Roster:
    """The topics of a series by their places (K,). `keys`: the known name in small letters, or the topic's own, or ""
    where it only looks like a known one: then it is among the `refused`, with what it looks like."""

    series: str
    keys: tuple[str, ...]
    refused: tuple[tuple[str, Lookalike], ...]


@dataclass(frozen=True, slots=True)
class Heard:
    """A bearing, and the places of the topics that speak for it: at least one."""

    bearing: Bearing
    columns: tuple[int, ...]


def own_bearings(series: str, patterns: Sequence[str]) -> tuple[Bearing, ...]:
    """What a strategy file itself says about a venue: these topics, all of equal weight, from ever."""
    return tuple(Bearing(series, pattern.lower(), 1.0, thing="(strategy file)") for pattern in sorted(set(patterns)))


def roster(series: str, topics: Sequence[str], bearings: Iterable[Bearing], ontology: Ontology) -> Roster:
    """`topics` (K,) as names that are known, new ones, and look-alikes of those that the ontology or `bearings` name.

    Call it once for a series, with everybody's bearings: who imitates one venue's topic speaks for no other either.
    """
    source = ontology.source_of(series)
    exact = [_plain(bearing) for bearing in bearings if bearing.series == series and not _wild(bearing)]
    known = KnownNames(sorted({name.lower() for name in (*exact, *ontology.named(source))}))
    keys, refused = [], []
    for topic in topics:
        name = written(source, topic)
        found = known.resolve(name)
        if isinstance(found, Lookalike):
            refused.append((topic, found))
        keys.append(found.of if isinstance(found, Match) else "" if isinstance(found, Lookalike) else name.lower())
    return Roster(series, tuple(keys), tuple(refused))


def heard(bearings: Iterable[Bearing], roster: Roster) -> tuple[Heard, ...]:
    """Who of the roster speaks for which of the `bearings` of its series; a refused look-alike speaks for nobody."""
    places: dict[str, list[int]] = {}
    for place, key in enumerate(roster.keys):
        if key:
            places.setdefault(key, []).append(place)
    found = []
    for bearing in bearings:
        if bearing.series != roster.series:
            continue
        if _wild(bearing):
            named = re.compile(translate(bearing.topic_pattern)).match
            columns = sorted(place for key, each in places.items() if named(key) for place in each)
        else:
            columns = places.get(_plain(bearing), [])
        if columns:
            found.append(Heard(bearing, tuple(columns)))
    return tuple(found)


def _plain(bearing: Bearing) -> str:
    return _LITERAL.sub(r"\1", bearing.topic_pattern)


def _wild(bearing: Bearing) -> bool:
    return _GLOB.search(_LITERAL.sub("", bearing.topic_pattern)) is not None
