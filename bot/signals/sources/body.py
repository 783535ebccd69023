"""The body of an answer, decompressed, and never more of it than agreed.

The cap is on what comes out: a few kilobytes of gzip can hold gigabytes, so each step of the decompression is told how
much room is left.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from typing import Final

from bot.errors import SourceError

ENCODINGS: Final = "gzip, identity"  # what we ask for, and all that we take
_GZIP: Final = 16 + zlib.MAX_WBITS


class BodyCutOff(SourceError):
    """The compressed body ended before its end: worth another try."""


async def whole_body(chunks: AsyncIterator[bytes], encoding: str, most: int, where: str) -> bytes:
    """At most `most` bytes. Raises SourceError for more, for another encoding, and for what is no gzip.

    `where`: host, for the message.
    """
    if encoding in ("", "identity"):
        return await _plain(chunks, most, where)
    if encoding not in ("gzip", "x-gzip"):
        raise SourceError(f"{where} compressed its answer by {encoding[:20]!r}, which was not asked for")
    unpacked, parts, room = zlib.decompressobj(_GZIP), [], most
    async for chunk in chunks:
        try:
            part = unpacked.decompress(chunk, room + 1)
        except zlib.error:
            raise SourceError(f"{where} answered with something that is no gzip") from None
        parts.append(part)
        room -= len(part)
        if room < 0:
            raise SourceError(_too_much(where, most))
        if unpacked.eof and (unpacked.unused_data or unpacked.unconsumed_tail):
            raise SourceError(f"{where} answered with something after the end of its gzip")
    if not unpacked.eof:
        raise BodyCutOff(f"{where} broke off within its answer")
    return b"".join(parts)


async def _plain(chunks: AsyncIterator[bytes], most: int, where: str) -> bytes:
    parts, length = [], 0
    async for chunk in chunks:
        length += len(chunk)
        if length > most:
            raise SourceError(_too_much(where, most))
        parts.append(chunk)
    return b"".join(parts)


def _too_much(where: str, most: int) -> str:
    return f"{where} answered with more than {most:,} bytes"
