"""Sources into a store, against servers on the loopback."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from rich.console import Console
from ruamel.yaml import YAML

from bot.errors import ConfigError, DataError, StorageError
from bot.fetching import fetch_into
from bot.signals.sources.known import Known
from bot.signals.store.signal_store import SignalStore
from tests.signals.sources.server import JSON, Said, Script, Server, answer, serving

NOW = 1_722_513_600  # 2024-08-01T12:00:00Z
HUB, DAYS = "/api/models", "/api/packages/paintlib/overall"
SCRIPT: dict[str, Script] = {HUB: Said(answer("huggingface_models")), DAYS: Said(answer("pypistats_overall"))}


def sources(tmp_path: Path, server: Server, **more: Mapping[str, Any]) -> Path:
    here = {"base_url": server.url, "attempts": 1, "requests": 1_000}
    document = {
        "hub": {"kind": "huggingface", **here},
        "packages": {"kind": "pypistats", "packages": ["paintlib"], **here},
        **{name: {**here, **keys} for name, keys in more.items()},
    }
    file = tmp_path / "sources.yaml"
    with file.open("w") as stream:
        YAML().dump({"sources": document}, stream)
    return file


async def fetch(file: Path, tmp_path: Path, at: int = NOW, **options: Any) -> tuple[int, str]:
    """(exit code, what was told)."""
    told = io.StringIO()
    console = Console(file=told, width=200)
    code = await fetch_into(file, tmp_path / "store", console=console, clock=lambda: float(at), **options)
    return code, told.getvalue()


async def test_every_source_is_in_the_store_and_told_in_a_line(tmp_path: Path) -> None:
    async with serving(SCRIPT) as server:
        code, told = await fetch(sources(tmp_path, server), tmp_path)
    assert code == 0
    assert "hub: 7 kept, 0 known already, 0 revised, 1 refused; next due 2024-08-01 1" in told
    assert "  refused, for example: likes of studio/broken: input should be greater than or equal to 0" in told
    assert "packages: 0 kept" in told  # none of those days is over yet
    store = SignalStore.open(tmp_path / "store")
    likes = store.signals("hf_model_likes")
    assert dict(zip(likes["topic"], likes["value"], strict=True)) == {"studio/painter-xl": 812.0, "old/sketcher": 40.0}
    refused = store.refused()
    assert (refused["source"].tolist(), refused["field"].tolist()) == (["hub"], ["likes"])


async def test_a_second_fetch_keeps_what_is_new_and_revises_what_changed(tmp_path: Path) -> None:
    later = NOW + 40 * 86_400
    days = json.loads(answer("pypistats_overall"))
    async with serving(SCRIPT) as server:
        file = sources(tmp_path, server)
        await fetch(file, tmp_path, later, only=["packages"])
        _, again = await fetch(file, tmp_path, later + 60, only=["packages"])
        days["data"][0]["downloads"] = 1_500
        server.script[DAYS] = Said.json(days)
        _, revised = await fetch(file, tmp_path, later + 120, only=["packages"])
    assert "packages: 0 kept, 10 known already, 0 revised" in again
    assert "packages: 1 kept, 9 known already, 1 revised" in revised
    rows = SignalStore.open(tmp_path / "store").signals("pypi_downloads_1d")
    changed = rows[rows["value"] == 1_500.0]
    assert changed["published_at"].astype("int64").tolist() in ([(later + 120) * 10**6], [(later + 120) * 10**9])


async def test_a_source_that_fails_is_named_and_loses_none_of_the_others(tmp_path: Path) -> None:
    async with serving({**SCRIPT, HUB: Said(b"oops", 503)}) as server:
        code, told = await fetch(sources(tmp_path, server), tmp_path, NOW + 40 * 86_400)
    assert code == 1
    assert "failed: 127.0.0.1" in told
    assert "HTTP status 503" in told
    assert "packages: 10 kept" in told
    assert len(SignalStore.open(tmp_path / "store").signals("pypi_downloads_1d")) == 10


async def test_a_key_that_is_missing_is_the_matter_of_its_own_source(tmp_path: Path) -> None:
    async with serving(SCRIPT) as server:
        file = sources(tmp_path, server, keyed={"kind": "github", "topics": ["x"], "key_env": "NO_SUCH_VARIABLE_HERE"})
        code, told = await fetch(file, tmp_path)
    assert code == 1
    assert "keyed: 0 kept" in told
    assert "failed: github: NO_SUCH_VARIABLE_HERE holds no key" in told
    assert "hub: 7 kept" in told


async def test_nothing_is_kept_of_a_page_that_has_another_shape(tmp_path: Path) -> None:
    body = answer("huggingface_models").replace(b'"likes"', b'"hearts"')
    async with serving({**SCRIPT, HUB: Said(body)}) as server:
        code, told = await fetch(sources(tmp_path, server), tmp_path, only=["hub"])
    assert code == 1
    assert "failed: hub: likes: 3 of 3 rows do not fit" in told
    assert not SignalStore.open(tmp_path / "store").series()


async def test_what_was_not_modified_is_still_so_now(tmp_path: Path) -> None:
    first = Said(answer("huggingface_models"), headers={**JSON, "ETag": '"one"'})
    async with serving({HUB: [first, Said(b"", 304)]}) as server:
        file = sources(tmp_path, server)
        await fetch(file, tmp_path, only=["hub"])
        code, _ = await fetch(file, tmp_path, NOW + 3_600, only=["hub"])
    assert code == 0
    assert server.asked[1].headers["If-None-Match"] == '"one"'
    rows = SignalStore.open(tmp_path / "store").signals("hf_model_likes")
    seconds = set(rows["observed_at"].astype("datetime64[s, UTC]").astype("int64"))
    assert seconds == {NOW, NOW + 3_600}


async def test_history_that_is_known_is_not_asked_for_again_and_a_failure_leaves_no_gap(tmp_path: Path) -> None:
    start = {"kind": "defillama_prices", "coins": {"RENDER": "coingecko:render-token"}, "start": "2024-01-01"}
    path = "/chart/coingecko:render-token"
    empty = Said.json({"coins": {"coingecko:render-token": {"confidence": 0.99, "symbol": "R", "prices": []}}})
    async with serving({path: [empty, Said(b"", 500), empty]}) as server:
        file = sources(tmp_path, server, prices=start)
        code, _ = await fetch(file, tmp_path, only=["prices"])
        assert code == 1
        code, _ = await fetch(file, tmp_path, only=["prices"])
        assert code == 0
        await fetch(file, tmp_path, only=["prices"])
    begun = [int(request.query["start"]) for request in server.asked]
    width = 100 * 86_400
    first = begun[0]
    assert begun == [first, first + width, first + width, first + 2 * width, first + 2 * width]
    assert first <= 1_704_067_200 < first + width


@pytest.mark.parametrize("place", ["store", "record"])
async def test_a_crash_on_the_way_to_the_disk_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """What is in the store and not on record is asked for again; what is on record is in the store."""
    days = [{"timestamp": 1_704_067_200 + day * 86_400, "price": 5.0 + day / 100} for day in range(150)]

    def charted(request: web.Request) -> Said:
        start = int(request.query["start"])
        told = [each for each in days if start <= each["timestamp"] < start + 100 * 86_400]
        return Said.json({"coins": {"coingecko:render-token": {"confidence": 0.99, "prices": told}}})

    def crash(*_: object, **__: object) -> None:
        raise StorageError("the disk is full")

    start = {"kind": "defillama_prices", "coins": {"RENDER": "coingecko:render-token"}, "start": "2024-01-01"}
    async with serving({"/chart/coingecko:render-token": charted}) as server:
        file = sources(tmp_path, server, prices=start)
        with monkeypatch.context() as patched:
            patched.setattr(*((SignalStore, "append") if place == "store" else (Known, "add")), crash)
            with pytest.raises(StorageError, match="the disk is full"):
                await fetch(file, tmp_path, only=["prices"])
        before = len(server.asked)
        code, told = await fetch(file, tmp_path, only=["prices"])
    assert code == 0
    assert len(server.asked) == 2 * before  # nothing had been put on record
    assert f"prices: {150 if place == 'store' else 0} kept" in told
    assert len(SignalStore.open(tmp_path / "store").signals("defillama_price_usd")) == 150


async def test_told_as_json_it_is_a_document_a_line(tmp_path: Path) -> None:
    async with serving({**SCRIPT, DAYS: Said(b"{}", 401)}) as server:
        code, told = await fetch(sources(tmp_path, server), tmp_path, as_json=True)
    found = {line["source"]: line for line in map(json.loads, told.splitlines())}
    assert code == 1
    assert found["hub"] | {"next_due": 0} == {
        "source": "hub",
        "kept": 7,
        "duplicates": 0,
        "revised": 0,
        "refused": 1,
        "next_due": 0,
        "failed": None,
    }
    assert "HTTP status 401" in found["packages"]["failed"]
    assert NOW + 0.9 * 3_600 - 1 <= found["hub"]["next_due"] <= NOW + 1.1 * 3_600
    assert NOW + 539 <= found["packages"]["next_due"] <= NOW + 660  # not in a day: it failed


async def test_without_once_it_goes_on_at_each_ones_pace_until_it_is_stopped(tmp_path: Path) -> None:
    stop = asyncio.Event()

    def third(_: object) -> Said:
        if len(server.asked) >= 3:
            stop.set()
        return Said(answer("huggingface_models"))

    async with serving({HUB: third}) as server:
        file = sources(tmp_path, server, often={"kind": "huggingface", "every": "1s"})
        code, told = await fetch(file, tmp_path, only=["often"], once=False, stop=stop)
    assert code == 0
    assert told.count("often: ") == len(server.asked) == 3


async def test_a_repository_that_is_renamed_is_the_same_and_one_under_its_old_name_is_not(tmp_path: Path) -> None:
    def repository(number: int, name: str, stars: int) -> Said:
        row = {"id": number, "full_name": name, "stargazers_count": stars, "forks_count": 1}
        return Said.json({**row, "created_at": "2023-05-06T07:08:09Z"})

    moved = Said(b"", 301, {"Location": "/repositories/101"})
    script: dict[str, Script] = {
        "/repos/painter/nodes": [repository(101, "painter/nodes", 100), moved, repository(999, "painter/nodes", 3)],
        "/repositories/101": repository(101, "Studio/Nodes", 104),
    }
    async with serving(script) as server:
        file = sources(tmp_path, server, code={"kind": "github", "repositories": ["painter/nodes"]})
        for hour in range(3):
            code, told = await fetch(file, tmp_path, NOW + hour * 3_600, only=["code"])
            assert code == 0, told
    rows = SignalStore.open(tmp_path / "store").signals("github_stars")
    by_topic = {str(topic): list(group["value"]) for topic, group in rows.groupby("topic", observed=True)}
    assert by_topic["painter/nodes"] == [100.0, 104.0]
    assert [values for topic, values in by_topic.items() if topic != "painter/nodes"] == [[3.0]]


async def test_a_folder_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store/mine.txt").write_text("mine")
    async with serving(SCRIPT) as server:
        with pytest.raises(DataError, match="is not a store"):
            await fetch(sources(tmp_path, server), tmp_path)
        with pytest.raises(ConfigError, match="no source is called 'none'"):
            await fetch(sources(tmp_path, server), tmp_path, only=["none"])
    assert not server.asked
