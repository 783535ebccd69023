"""Whose history a row goes on: by the id that its source never changes, not by a name that anyone may take.

- The same entity under another name was **renamed**: its history goes on under the first name.
- Another entity under a known name has **taken** it (a transfer, or a squatter): it begins a history of its own, under
  ``name#entity``, and inherits nothing.

A source that names no entities has only names: there the name is all that is known. Ids are those of a source, so
series that begin with the same word before ``_`` (``github_stars``, ``github_forks``) share them.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import MutableMapping
from dataclasses import dataclass, field


def domain(series: str) -> str:
    """The source whose ids a series uses."""
    return series.partition("_")[0]


@dataclass(slots=True)
class Identities:
    """`names`: (domain, entity) -> the key its history has; `holders`: (series, topic) -> (entity, key) now."""

    names: MutableMapping[tuple[str, str], str] = field(default_factory=dict)
    holders: MutableMapping[tuple[str, str], tuple[str, str]] = field(default_factory=dict)

    def draft(self) -> Identities:
        """The same, and what is added to it is added to it alone: not every row that is offered is kept."""
        return Identities(ChainMap({}, self.names), ChainMap({}, self.holders))

    def key(self, series: str, topic: str, entity: str) -> str:
        """The key under which the row's history goes on; the row is remembered as the newest of its topic."""
        holder, held = self.holders.get((series, topic), ("", ""))
        known = self.names.get((domain(series), entity)) if entity else None
        if known is not None:
            key = known
        elif not entity or not holder:  # a new name, or one that nobody had an id for until now, or no id to tell by
            key = held or topic
        else:
            key = f"{topic}#{entity}"
        self.keep(series, topic, entity, key)
        return key

    def keep(self, series: str, topic: str, entity: str, key: str) -> None:
        """Remembers a row and the key that it was given."""
        if entity:
            self.names.setdefault((domain(series), entity), key)
            self.holders[(series, topic)] = (entity, key)
        else:
            self.holders.setdefault((series, topic), ("", key))
