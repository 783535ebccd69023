"""A source's pages, one after the other, as portions that may be kept as they are."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Mapping
from typing import Final

from bot.core.observation import RefusedRow
from bot.errors import SourceDrift, SourceError, SourceGone
from bot.signals.sources.source import Ask, Get, Page, Parsed, Portion, Source

MISFITS: Final = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""What a parser that meets another shape than it knows may raise, besides what it should."""


async def fetched(
    source: Source, get: Get, since: int, now: int, known: Mapping[str, int], pages: int
) -> AsyncGenerator[Portion, None]:
    """A portion for each of the source's asks, with the pages that follow it (`pages` at most, the first among them).

    Asks whose thread is `known` so far are left out. An address that is gone is a refused row, and its thread is not
    gone on with; when all are, that is an error. Raises SourceError; what was yielded before may be kept.
    """
    asks = [ask for ask in source.asks(since, now) if not (ask.until and ask.until <= known.get(ask.thread, 0))]
    broken: set[str] = set()
    gone: list[str] = []
    for ask in asks:
        if ask.thread and ask.thread in broken:
            continue
        parts, lost = await _chain(source, get, ask, pages, now)
        if lost:
            broken.add(ask.thread)
            gone.append(lost)
        yield Portion(_together(parts), ask.thread, 0 if lost else ask.until)
    if gone and len(gone) == len(asks):
        raise SourceError(f"{source.kind}: nothing is found any more: {gone[0]}")


async def _chain(source: Source, get: Get, first: Ask, pages: int, now: int) -> tuple[list[Parsed], str]:
    """(what the pages say, what went missing). A page that was there already is not asked for twice."""
    parts: list[Parsed] = []
    queue, seen = deque([first]), {(first.url, first.params)}
    for _ in range(pages):
        if not queue:
            break
        ask = queue.popleft()
        try:
            page = await get(ask)
        except SourceGone as error:
            parts.append(Parsed(refused=(RefusedRow(source.kind, "status", ask.note[:80], str(error), "", now),)))
            return parts, str(error)
        parsed = _parsed(source, page)
        parts.append(parsed)
        for each in parsed.following:
            if (each.url, each.params) not in seen:
                seen.add((each.url, each.params))
                queue.append(each)
    return parts, ""


def _parsed(source: Source, page: Page) -> Parsed:
    try:
        return source.parse(page)
    except MISFITS as error:
        problem = f"{type(error).__name__}: {error}"
        raise SourceDrift(f"{source.kind}: {page.ask.note}: the page cannot be read: {problem[:120]}") from error


def _together(parts: list[Parsed]) -> Parsed:
    return Parsed(
        tuple(each for part in parts for each in part.observations),
        tuple(each for part in parts for each in part.bars),
        tuple(each for part in parts for each in part.refused),
    )
