from __future__ import annotations

import pytest

from bot.core.observation import Observation, RefusedRow
from bot.errors import SourceDrift, SourceError, SourceGone
from bot.signals.sources.fetch import fetched
from bot.signals.sources.source import Ask, Page, Parsed, Portion


class Scripted:
    """Asks as given; a page says which pages follow it, in its body: `a,b`."""

    kind = "scripted"

    def __init__(self, *asks: Ask) -> None:
        self._asks = asks

    def asks(self, since: int, now: int) -> tuple[Ask, ...]:
        return self._asks

    def parse(self, page: Page) -> Parsed:
        if page.body == b"drift":
            raise SourceDrift("scripted: likes: is missing")
        if page.body == b"bug":
            raise KeyError("likes")
        row = Observation("scripted_x", page.ask.url, "", 1.0, 5, 5)
        return Parsed((row,), following=tuple(Ask(url) for url in page.body.decode().split(",") if url))


async def portions(
    source: Scripted, says: dict[str, str], known: dict[str, int] | None = None, pages: int = 9
) -> tuple[list[Portion], list[str], Exception | None]:
    """(what came, what was asked for, what ended it)."""
    asked, came = [], []

    async def get(ask: Ask) -> Page:
        asked.append(ask.url)
        if says[ask.url] == "gone":
            raise SourceGone(f"host answered {ask.note} with HTTP status 404")
        if says[ask.url] == "down":
            raise SourceError("host: nobody answers")
        return Page(ask, 200, {}, says[ask.url].encode(), 5)

    try:
        async for portion in fetched(source, get, 0, 10, known or {}, pages):
            came.append(portion)
    except SourceError as error:
        return came, asked, error
    return came, asked, None


def topics(portion: Portion) -> list[str]:
    return [row.topic for row in portion.parsed.observations]


async def test_pages_are_followed_in_order_and_come_as_one_portion() -> None:
    came, asked, _ = await portions(Scripted(Ask("a"), Ask("x")), {"a": "b", "b": "c", "c": "", "x": ""})
    assert [topics(portion) for portion in came] == [["a", "b", "c"], ["x"]]
    assert asked == ["a", "b", "c", "x"]


async def test_no_more_pages_than_agreed_and_none_twice() -> None:
    _, asked, _ = await portions(Scripted(Ask("a")), {"a": "b", "b": "c", "c": "d"}, pages=3)
    assert asked == ["a", "b", "c"]
    _, asked, _ = await portions(Scripted(Ask("a")), {"a": "b,a", "b": "a,b"})
    assert asked == ["a", "b"]


async def test_what_is_known_is_not_asked_for_again() -> None:
    asks = [Ask(f"{at}", thread="t", until=at) for at in (10, 20, 30)] + [Ask("now", thread="t")]
    came, asked, _ = await portions(Scripted(*asks), {"30": "", "now": ""}, {"t": 20})
    assert asked == ["30", "now"]
    assert [(portion.thread, portion.until) for portion in came] == [("t", 30), ("t", 0)]


async def test_what_is_gone_is_a_refused_row_and_its_thread_is_not_gone_on_with() -> None:
    asks = (Ask("a", note="package a", thread="a", until=9), Ask("a2", thread="a", until=19), Ask("b"))
    came, asked, error = await portions(Scripted(*asks), {"a": "gone", "b": ""})
    assert asked == ["a", "b"]
    assert error is None
    assert came[0].until == 0
    told = "host answered package a with HTTP status 404"
    assert came[0].parsed.refused == (RefusedRow("scripted", "status", "package a", told, "", 10),)


async def test_when_everything_is_gone_that_is_an_error() -> None:
    came, _, error = await portions(Scripted(Ask("a"), Ask("b")), {"a": "gone", "b": "gone"})
    assert "scripted: nothing is found any more" in str(error)
    assert len(came) == 2


@pytest.mark.parametrize(
    ("says", "told"), [("drift", "likes: is missing"), ("bug", "cannot be read: KeyError"), ("down", "nobody answers")]
)
async def test_a_page_that_fails_ends_the_fetch_and_what_came_before_is_kept(says: str, told: str) -> None:
    came, asked, error = await portions(Scripted(Ask("a"), Ask("b"), Ask("c")), {"a": "", "b": says})
    assert [topics(portion) for portion in came] == [["a"]]
    assert asked == ["a", "b"]
    assert told in str(error)


async def test_nothing_is_kept_of_a_listing_whose_second_page_has_another_shape() -> None:
    came, _, error = await portions(Scripted(Ask("a")), {"a": "b", "b": "drift"})
    assert not came
    assert isinstance(error, SourceDrift)


async def test_nothing_to_ask_is_nothing_and_no_error() -> None:
    assert await portions(Scripted(), {}) == ([], [], None)
