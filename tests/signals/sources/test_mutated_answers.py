"""Whatever happens to an answer on its way: sound values are kept, rows refused, or the shape is said to be another."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.errors import SourceError
from bot.signals.sources.coingecko import CoinGecko
from bot.signals.sources.defillama import DefiLlamaPrices, DefiLlamaYields
from bot.signals.sources.downloads import PyPIStats
from bot.signals.sources.geckoterminal import GeckoTerminal
from bot.signals.sources.github import GitHub
from bot.signals.sources.huggingface import HuggingFace
from bot.signals.sources.source import Parsed, Source
from tests.signals.sources.pages import SEEN, asked, made, page
from tests.signals.sources.server import answer

Made = Callable[[], Source]
CASES: list[tuple[str, str, Made]] = [
    ("huggingface_models", "models", lambda: made(HuggingFace)),
    ("huggingface_spaces", "spaces", lambda: made(HuggingFace, what=["spaces"])),
    ("github_search", "topic", lambda: made(GitHub, topics=["comfyui"])),
    ("github_repository", "repository", lambda: made(GitHub, repositories=["a/b"])),
    ("github_releases", "releases", lambda: made(GitHub, repositories=["a/b"], releases=True)),
    ("pypistats_overall", "package", lambda: made(PyPIStats, packages=["paintlib"])),
    ("defillama_pools", "pools", lambda: made(DefiLlamaYields, projects=["lender"])),
    ("defillama_chart", "chart", lambda: made(DefiLlamaYields, pools={"x": "y"})),
    ("defillama_prices", "coin", lambda: made(DefiLlamaPrices, coins={"RENDER": "coingecko:render-token"})),
    ("coingecko_markets", "markets", lambda: made(CoinGecko, categories=["ai"])),
    ("coingecko_chart", "chart", lambda: made(CoinGecko, history=["render-token"])),
    ("coingecko_collection", "collection", lambda: made(CoinGecko, nfts=["painted-ones"])),
    ("geckoterminal_ohlcv", "1h", lambda: made(GeckoTerminal, pools={"RENDER": "eth/0xabc"})),
    ("geckoterminal_trades", "trades", lambda: made(GeckoTerminal, pools={"RENDER": "eth/0xabc"}, trades=True)),
]
POISON = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 10**30, 1e308, -0.0, float("nan"), float("inf"), 1_722_470_400_000, 4_000_000_000]),
    st.sampled_from(["", "null", "1e400", "NaN", "\u202e", "\ud800", "x" * 300, "2999-01-01T00:00:00Z", "0x"]),
    st.sampled_from([[], {}, [[]], {"usd": "null"}]),
    st.floats(),
    st.integers(),
    st.text(max_size=8),
)


def places(found: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a document, the document itself among them."""
    inner = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    return [at, *(place for key, each in inner for place in places(each, (*at, key)))]


def with_poison(document: Any, place: tuple[Any, ...], poison: Any) -> Any:
    if not place:
        return poison
    changed = copy.deepcopy(document)
    at = changed
    for key in place[:-1]:
        at = at[key]
    if poison == "gone":
        del at[place[-1]]
    else:
        at[place[-1]] = poison
    return changed


def assert_sound(parsed: Parsed, seen: int) -> None:
    for row in parsed.observations:
        assert math.isfinite(row.value)
        assert row.value >= 0
        assert 0 < row.observed_at <= row.published_at <= seen
        assert row.topic.isprintable()
        row.topic.encode()
    for bar in parsed.bars:
        assert 0 < bar.low <= bar.open <= bar.high < math.inf
        assert bar.low <= bar.close <= bar.high
        assert 0 <= bar.volume_quote < math.inf
        assert bar.time <= bar.published_at <= seen
    for refused in parsed.refused:
        assert refused.reason
        assert refused.raw.isprintable()


@pytest.mark.parametrize(("name", "note", "make"), CASES, ids=[name for name, _, _ in CASES])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_value_that_was_changed_or_lost(name: str, note: str, make: Made, data: st.DataObject) -> None:
    source, document = make(), json.loads(answer(name))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(places(document)))
        document = with_poison(document, place, data.draw(st.just("gone") | POISON))
    seen = SEEN + data.draw(st.sampled_from([0, 90 * 86_400]))
    body = json.dumps(document).encode()
    try:
        parsed = source.parse(page(asked(source, note), body, seen=seen))
    except SourceError:
        return
    assert_sound(parsed, seen)
    assert source.parse(page(asked(source, note), body, seen=seen)) == parsed


@pytest.mark.parametrize(("name", "note", "make"), CASES, ids=[name for name, _, _ in CASES])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_bytes_that_were_changed_or_cut(name: str, note: str, make: Made, data: st.DataObject) -> None:
    source, body = make(), bytearray(answer(name))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(body[: data.draw(st.sampled_from([len(body), len(body) // 2]))])
    try:
        assert_sound(source.parse(page(asked(source, note), cut)), SEEN)
    except SourceError:
        return


@pytest.mark.parametrize(("name", "note", "make"), CASES, ids=[name for name, _, _ in CASES])
def test_the_answer_as_it_is_says_something(name: str, note: str, make: Made) -> None:
    source = make()
    parsed = source.parse(page(asked(source, note), name, seen=SEEN + 90 * 86_400))
    assert_sound(parsed, SEEN + 90 * 86_400)
    assert parsed.observations or parsed.bars
