from __future__ import annotations

import gzip
import zlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import SourceError
from bot.signals.sources.body import BodyCutOff, whole_body


async def in_pieces(body: bytes, size: int = 7) -> AsyncIterator[bytes]:
    for at in range(0, len(body), size):
        yield body[at : at + size]


async def unpacked(body: bytes, encoding: str = "gzip", most: int = 1_000, size: int = 7) -> bytes:
    return await whole_body(in_pieces(body, size), encoding, most, "host")


@given(st.binary(max_size=1_000), st.sampled_from(["", "identity", "gzip"]), st.integers(1, 200))
async def test_a_body_comes_out_as_it_went_in(body: bytes, encoding: str, size: int) -> None:
    assert await unpacked(gzip.compress(body) if encoding == "gzip" else body, encoding, size=size) == body


@pytest.mark.parametrize("encoding", ["", "gzip"])
async def test_one_byte_too_many_is_too_many(encoding: str) -> None:
    def packed(body: bytes) -> bytes:
        return gzip.compress(body) if encoding else body

    assert len(await unpacked(packed(b"x" * 1_000), encoding)) == 1_000
    with pytest.raises(SourceError, match="more than 1,000 bytes"):
        await unpacked(packed(b"x" * 1_001), encoding)


async def test_a_bomb_is_defused_before_it_is_unpacked() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    assert len(bomb) < 60_000
    taken = 0

    async def counted() -> AsyncIterator[bytes]:
        nonlocal taken
        async for piece in in_pieces(bomb, 1_000):
            taken += len(piece)
            yield piece

    with pytest.raises(SourceError, match="more than 100,000 bytes"):
        await whole_body(counted(), "gzip", 100_000, "host")
    assert taken < len(bomb) / 2


async def test_a_gzip_that_breaks_off_is_worth_another_try() -> None:
    whole = gzip.compress(b"something that is long enough to be cut")
    for kept in (1, 10, len(whole) - 8, len(whole) - 1):
        with pytest.raises(BodyCutOff):
            await unpacked(whole[:kept])
    with pytest.raises(BodyCutOff):
        await unpacked(b"")


async def test_what_is_no_gzip_or_goes_on_after_its_end_is_refused() -> None:
    with pytest.raises(SourceError, match="no gzip"):
        await unpacked(b"plain text")
    with pytest.raises(SourceError, match="no gzip"):
        await unpacked(zlib.compress(b"deflate"))
    with pytest.raises(SourceError, match="after the end"):
        await unpacked(gzip.compress(b"one") + gzip.compress(b"two"), size=1_000)


async def test_another_encoding_is_refused_by_name() -> None:
    with pytest.raises(SourceError, match="'br', which was not asked for"):
        await unpacked(b"x", "br")
