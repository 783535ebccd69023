"""Signals from a chain on which everything is real: Uniswap V3, Seaport 1.6 and our own media contracts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from rich.console import Console
from ruamel.yaml import YAML

from bot.chain.block_times import BlockClock
from bot.chain.devnet.accounts import COLLECTOR
from bot.chain.devnet.devnet import Devnet, devnet
from bot.chain.devnet.studio import PIECES, USES
from bot.chain.log_source import OnChain
from bot.chain.rpc import quantity
from bot.core.observation import Observation
from bot.core.universe import Universe, Venue
from bot.errors import ChainError, SecretError
from bot.fetching import fetch_into
from bot.signals.sources.source import Ask, Page, Portion
from bot.signals.store.signal_store import SignalStore
from tests.chain.kind_worlds import PRICES, USDC, given_money, reader_of, sends, spec_with
from tests.chain.test_pieces import ORDER, book_of, seaport_of, told
from tests.chain.worlds import steps_between

pytestmark = [pytest.mark.fork, pytest.mark.asyncio(loop_scope="module")]

HOUR = 3_600
PRICE = 1_000 * USDC  # of the cheapest piece
LICENCE = 10_000 * USDC


@dataclass
class Lived:
    """A chain on which something happened, and when: `moved` the market and the uses, `sold` a piece."""

    chain: Devnet
    moved: int
    sold: int

    def venue(self, name: str) -> Venue:
        return self.chain.universe[name]

    @property
    def watch(self) -> dict[str, Any]:
        song, pieces = self.venue("song"), self.venue("pieces")
        collection, money = pieces.token.address, self.chain.universe.money.address
        shares = self.chain.description.songs[0].shares
        return {
            "song": {"what": "pool", "address": song.pool, "quote": "token1" if song.base_is_token0 else "token0"},
            "studio": {"what": "collection", "address": collection},
            "market": {"what": "sales", "address": seaport_of(self.chain), "collection": collection, "money": money},
            "media": {"what": "media", "address": collection},
            "shares": {"what": "revenue", "address": shares},
        }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lived(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lived]:
    async with devnet(spec_with("pieces", "song"), tmp_path_factory.mktemp("lived")) as chain:
        moved = await chain.now() // HOUR * HOUR + 2 * HOUR + 600
        song = Universe(chain.universe.money, (chain.universe.venues[0], chain.universe["song"]))
        await chain.step(moved, steps_between(song, moved, {"song": PRICES["song"]}, {"song": 1.5}))
        await chain.settle(2 * HOUR)
        reader = reader_of(chain)
        ((order, _), _), *_ = await told(chain, reader, (await book_of(reader)).asks, True)
        await given_money(chain, COLLECTOR, PRICE, seaport_of(chain))
        await sends(chain, COLLECTOR, (seaport_of(chain), f"fulfillOrder({ORDER},bytes32)", (order, b""), bytes(32)))
        sold = await chain.now()
        await chain.settle(2 * HOUR)
        yield Lived(chain, moved, sold)


async def nobody(_: Ask) -> Page:
    raise AssertionError("the chain is not asked over plain HTTP")


async def read(lived: Lived, since: int = 0, known: dict[str, int] | None = None, **keys: Any) -> list[Portion]:
    usual = {"base_url": lived.chain.rpc.url, "chain_id": 31_337, "watch": lived.watch}
    source = OnChain("chain", OnChain.Options.model_validate({"kind": "onchain", **usual, **keys}))
    now = await lived.chain.now() + 86_400
    return [portion async for portion in source.read(nobody, since, now, known or {})]


def rows(portions: list[Portion]) -> list[Observation]:
    assert not any(portion.parsed.refused for portion in portions)
    return [row for portion in portions for row in portion.parsed.observations]


def hours(portions: list[Portion], topic: str, flow: str) -> dict[int, float]:
    """Hour's end -> value, where it is not zero."""
    found = [row for row in rows(portions) if (row.topic, row.series) == (topic, f"onchain_{flow}_1h")]
    assert len({row.observed_at for row in found}) == len(found)
    return {row.observed_at: row.value for row in found if row.value}


def end_of(second: int) -> int:
    return second // HOUR * HOUR + HOUR


async def test_what_happened_is_counted_in_its_hour(lived: Lived) -> None:
    found = await read(lived)
    moved, sold = end_of(lived.moved), end_of(lived.sold)
    assert hours(found, "market", "sales") == {sold: 1.0}
    assert hours(found, "market", "sale_volume") == {sold: 1_000.0}
    assert hours(found, "media", "uses") == {moved: float(USES)}
    assert hours(found, "media", "use_paid") == {moved: float(USES * LICENCE / USDC)}
    song = lived.chain.description.songs[0]
    assert hours(found, f"media/{song.token_id}", "uses") == {moved: float(USES)}
    assert hours(found, "shares", "royalties") == {moved: float(USES * LICENCE / USDC)}
    assert hours(found, "studio", "transfers")[sold] == 1.0
    assert sum(hours(found, "studio", "minted").values()) == PIECES + 1
    assert sum(hours(found, "media", "media_minted").values()) == PIECES + 1
    assert hours(found, "song", "swaps")[moved] >= 1.0
    assert hours(found, "song", "swap_volume")[moved] > 0.0
    assert sum(hours(found, "song", "mints").values()) >= 1.0


async def test_an_hour_without_events_is_a_zero_from_the_contracts_birth_on(lived: Lived) -> None:
    for topic in lived.watch:
        found = [row for row in rows(await read(lived)) if row.topic == topic]
        by_series = defaultdict(list)
        for row in found:
            by_series[row.series].append(row.observed_at)
        spans = {(ends[0], ends[-1], len(ends)) for ends in map(sorted, by_series.values())}
        ((first, last, count),) = spans
        assert count == (last - first) // HOUR + 1
        assert last == await lived.chain.now() // HOUR * HOUR


async def test_an_hour_is_known_a_quarter_after_its_end_and_named_by_chain_and_address(lived: Lived) -> None:
    for row in rows(await read(lived, lag="15min")):
        assert row.observed_at % HOUR == 0
        assert row.published_at == row.observed_at + 900
        number, address = row.entity.split(":")[:2]
        assert number == "31337"
        assert address == lived.watch[row.topic.split("/")[0]]["address"].lower()


async def test_reading_on_is_the_same_as_reading_whole(lived: Lived) -> None:
    whole = rows(await read(lived))
    early = await read(lived, confirmations=4)  # before the last settling
    known: dict[str, int] = {}
    for portion in early:
        known[portion.thread] = max(portion.until, known.get(portion.thread, 0))
    later = await read(lived, known=known)
    assert 0 < len(rows(early)) < len(whole)
    assert rows(later)
    assert sorted(map(repr, rows(early) + rows(later))) == sorted(map(repr, whole))
    assert not rows(await read(lived, known=dict.fromkeys(lived.watch, await lived.chain.now())))


async def test_the_tip_that_is_not_confirmed_is_left_out(lived: Lived) -> None:
    head = quantity(await lived.chain.rpc.request("eth_blockNumber", []))
    clock = BlockClock(lived.chain.rpc, head)
    for depth in (1, 3):
        last = await clock.time_of(head - depth) // HOUR * HOUR
        assert max(row.observed_at for row in rows(await read(lived, confirmations=depth))) == last
    assert not await read(lived, confirmations=head + 1)


async def test_the_first_block_at_a_time_is_found(lived: Lived) -> None:
    head = quantity(await lived.chain.rpc.request("eth_blockNumber", []))
    clock = BlockClock(lived.chain.rpc, head)
    times = [await clock.time_of(block) for block in range(head + 1)]
    for second in {*times[::7], times[-1], times[0] - 5, times[-1] + 1, times[3] + 1}:
        fresh = BlockClock(lived.chain.rpc, head)
        assert await fresh.first_at(second) == sum(time < second for time in times)
        assert await clock.first_at(second) == sum(time < second for time in times)


async def test_a_contract_that_is_another_is_named(lived: Lived) -> None:
    money = lived.chain.universe.money.address
    for watch, told_of in (
        ({"what": "pool", "address": money}, "does not answer as a Uniswap V3 pool does"),
        ({"what": "collection", "address": money}, "is no collection: no log of a collection: has 3 topics"),
        ({"what": "media", "address": money}, "does not tell its money: say it in money"),
    ):
        with pytest.raises(ChainError, match=told_of) as caught:
            await read(lived, watch={"x": watch})
        assert "\n" not in str(caught.value)


async def test_another_chain_and_a_hidden_address_are_said_without_the_address(
    lived: Lived, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ChainError, match="speaks for chain 31337, expected 1"):
        await read(lived, chain_id=1)
    monkeypatch.setenv("MY_NODE", lived.chain.rpc.url + "/?key=sesame")
    found = await read(lived, url_env="MY_NODE", base_url="https://example.com")
    assert rows(found)
    monkeypatch.setenv("MY_NODE", "sesame")
    with pytest.raises(SecretError, match="MY_NODE holds no address") as caught:
        await read(lived, url_env="MY_NODE")
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    ("watch", "problem"),
    [
        ({"what": "pool", "address": "0x12"}, "expected an address"),
        ({"what": "sales", "address": "0x" + "11" * 20}, "collection: is said for sales"),
        ({"what": "pool", "address": "0x" + "11" * 20, "collection": "0x" + "11" * 20}, "and for nothing else"),
        ({"what": "swaps", "address": "0x" + "11" * 20}, "Input should be"),
    ],
)
async def test_a_watch_that_says_too_little_or_too_much_is_refused(watch: dict[str, str], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        OnChain.Options.model_validate({"kind": "onchain", "watch": {"x": watch}})


async def test_a_chain_is_fetched_into_a_store_like_any_other_source(lived: Lived, tmp_path: Path) -> None:
    asked = {"kind": "onchain", "base_url": lived.chain.rpc.url, "chain_id": 31_337, "watch": lived.watch}
    with (tmp_path / "sources.yaml").open("w") as file:
        YAML().dump({"sources": {"chain": {**asked, "start": "2023-11-01"}}}, file)
    now = float(await lived.chain.now() + 86_400)
    told = [StringIO(), StringIO()]
    for each in told:
        shown = Console(file=each)
        code = await fetch_into(tmp_path / "sources.yaml", tmp_path / "s", console=shown, clock=lambda: now)
        assert code == 0, each.getvalue()
    assert ", 0 refused" in told[0].getvalue()
    assert told[1].getvalue().startswith("chain: 0 kept, 0 known already")
    rows = SignalStore.open(tmp_path / "s").signals("onchain_use_paid_1h")
    assert set(rows["topic"]) == {"media", f"media/{lived.chain.description.songs[0].token_id}"}
    assert rows["value"].max() == USES * LICENCE / USDC
