"""What a source of signals is: which addresses it asks, and what their answers say.

A source that speaks plain HTTP and JSON is a `Source`: two pure functions, so that an answer on disk can be read again
and says the same. One that brings a protocol of its own (an exchange's library, a chain's node) is a `Reader`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from bot.core.observation import Bar, Observation, RefusedRow


@dataclass(frozen=True, slots=True)
class Ask:
    """One GET. A key is never in it: the transport adds that, so an `Ask` may be shown.

    `note`: what is asked for, as people call it. `thread` and `until`: once this is answered, everything of `thread`
    up to `until` (unix seconds) is known and need not be asked for again; 0 where an answer may still change.
    """

    url: str
    params: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    note: str = ""
    thread: str = ""
    until: int = 0


def stretches(since: int, now: int, width: int, settling: int) -> Iterator[tuple[int, int]]:
    """(start, until) of each stretch of `width` seconds that history from `since` to `now` is asked for in.

    Stretches lie on multiples of their width, so that they are the same ones every time. `until` is their end once it
    is `settling` seconds ago, and 0 while their answer may still change (see `Ask`).
    """
    for start in range(since // width * width, now, width):
        end = start + width
        yield start, end if end + settling <= now else 0


@dataclass(frozen=True, slots=True)
class Page:
    """An answer as it came, decompressed. `headers` in lower case; `received_at`: unix seconds."""

    ask: Ask
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    received_at: int


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a page says, what of it was refused, and the pages that follow it."""

    observations: tuple[Observation, ...] = ()
    bars: tuple[Bar, ...] = ()
    refused: tuple[RefusedRow, ...] = ()
    following: tuple[Ask, ...] = ()


@dataclass(frozen=True, slots=True)
class Portion:
    """A part of a fetch that may be kept as it is: afterwards `thread` is known up to `until` (see `Ask`)."""

    parsed: Parsed
    thread: str = ""
    until: int = 0


Get = Callable[[Ask], Awaitable[Page]]
"""What asks: a `Transport`'s `get`."""


@runtime_checkable
class Source(Protocol):
    """A source of HTTP answers. `kind` is its name in rows that are refused and in errors."""

    kind: str

    def asks(self, since: int, now: int) -> tuple[Ask, ...]:
        """What to ask for, in order of time where it is history. `since`: start of the back-fill, unix seconds."""

    def parse(self, page: Page) -> Parsed:
        """What the page says: the same bytes, the same answer. A bad row is a `RefusedRow`.

        Raises SourceDrift, naming the field, where the page has another shape than the one that is known.
        """


@runtime_checkable
class Reader(Protocol):
    """A source with a protocol of its own. One that speaks HTTP does so through `get`, on the terms of its options."""

    kind: str

    def read(self, get: Get, since: int, now: int, known: Mapping[str, int]) -> AsyncGenerator[Portion, None]:
        """Portions, oldest first in each thread. `known`: thread -> unix second up to which it is known already.

        Raises SourceError or ChainError; what was yielded before may be kept.
        """
