"""Pages for parsers, made of bytes on disk or in a test."""

from __future__ import annotations

from typing import Any, TypeVar

from bot.signals.sources.options import SourceOptions
from bot.signals.sources.source import Ask, Page, Source
from tests.signals.sources.server import answer

SEEN = 1_722_513_600  # 2024-08-01T12:00:00Z
S = TypeVar("S")


def made(kind: type[S], **keys: Any) -> S:
    """A source with these keys, called as its kind."""
    options: type[SourceOptions] = kind.Options  # type: ignore[attr-defined]
    return kind(kind.__name__.lower(), options.model_validate({"kind": kind.__name__, **keys}))  # type: ignore[call-arg]


def page(ask: Ask, body: bytes | str, seen: int = SEEN, **headers: str) -> Page:
    """What a server would have said; `body`: bytes, or the name of an answer made by hand."""
    return Page(ask, 200, headers, answer(body) if isinstance(body, str) else body, seen)


def asked(source: Source, note: str) -> Ask:
    """The source's own ask of that note."""
    return next(ask for ask in source.asks(SEEN - 90 * 86_400, SEEN) if ask.note.startswith(note))
