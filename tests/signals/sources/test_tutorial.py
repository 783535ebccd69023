"""docs/signals.md, done as a new user would: its own files, the command line, a store that has the rows."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from bot.core.observation import Bar, Observation
from bot.loading import Options, load
from bot.signals.sources.options import SourceOptions
from bot.signals.sources.settings import KINDS, load_sources
from bot.signals.store.signal_store import SignalStore
from tests.backtests.markets import walk
from tests.signals.sources.server import Said, serving

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/signals.md").read_text(encoding="utf-8")
IMAGE = {"name": "comfyui-boot", "namespace": "yanwk", "pull_count": 123_456, "star_count": 9, "is_private": False}


def block(language: str, holding: str) -> str:
    found = re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.S)
    (text,) = [each for each in found if holding in each]
    return text


async def patron(*words: str, at: Path) -> tuple[int, str]:
    """(exit code, everything that was said)."""
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", *words, cwd=at,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    told, _ = await running.communicate()
    assert running.returncode is not None
    return running.returncode, told.decode()


async def test_a_source_in_one_file_is_fetched_and_in_the_store(tmp_path: Path) -> None:
    (tmp_path / "docker_hub.py").write_text(block("python", "class DockerHub"))
    async with serving({"/v2/repositories/yanwk/comfyui-boot": Said.json(IMAGE)}) as server:
        written = block("yaml", "docker_hub.py:DockerHub") + f"    base_url: {server.url}\n"
        (tmp_path / "mine.yaml").write_text(written)
        code, told = await patron("data", "fetch", "mine.yaml", "signals", "--once", at=tmp_path)
        assert code == 0, told
        assert told.startswith("docker: 1 kept, 0 known already, 0 revised, 0 refused; next due ")
        code, told = await patron("data", "fetch", "mine.yaml", "signals", "--once", "--json", at=tmp_path)
        assert json.loads(told)["source"] == "docker"
        server.script["/v2/repositories/yanwk/comfyui-boot"] = Said.json({**IMAGE, "pull_count": "many"})
        code, told = await patron("data", "fetch", "mine.yaml", "signals", "--once", at=tmp_path)
    assert code == 1
    assert "failed: docker: pull_count: 1 of 1 rows do not fit" in told
    rows = SignalStore.open(tmp_path / "signals").signals("docker_pulls")
    assert set(rows["topic"]) == {"yanwk/comfyui-boot"}
    assert set(rows["value"]) == {123_456.0}


def test_the_page_has_every_kind_and_no_other() -> None:
    table = PAGE.split("## The sources")[1].split("### When")[0]
    assert set(re.findall(r"^\| `([a-z_]+)` \|", table, flags=re.M)) == {*KINDS, "onchain"}


def test_the_keys_that_the_page_shows_are_all_there_are_and_load(tmp_path: Path) -> None:
    text = block("yaml", "key_env")
    (tmp_path / "sources.yaml").write_text(text)
    (found,) = load_sources(tmp_path / "sources.yaml")
    assert found.options.key_env == "GITHUB_TOKEN"
    assert set(re.findall(r"^    ([a-z_]+):", text, flags=re.M)) - {"topics"} == set(SourceOptions.model_fields)


def history_of(store: Path) -> None:
    """Half a year of prices and pulls, as daily fetches would have left them."""
    begin, days = 1_704_067_200, 180
    close = {"RENDER": walk(days, 1, 3)[:, 0], "FET": walk(days, 1, 4)[:, 0]}
    ends = [begin + day * 86_400 for day in range(days)]
    bars = [
        Bar("exchange", asset, "1d", end, *[float(price[day])] * 4, 1e6, end + 600)
        for asset, price in close.items()
        for day, end in enumerate(ends)
    ]
    pulls = [
        Observation("docker_pulls", "yanwk/comfyui-boot", "", 1e5 * 1.01**day, end - 7_200, end - 7_200)
        for day, end in enumerate(ends)
    ]
    SignalStore.open(store, create=True).append(pulls, bars, received_at=ends[-1] + 3_600)


async def test_the_source_is_seen_in_a_score(tmp_path: Path) -> None:
    history_of(tmp_path / "signals")
    (tmp_path / "score.yaml").write_text(block("yaml", "signals: [docker_pulls]"))
    loaded = load(Options(tmp_path / "score.yaml", mode="paper", replay=tmp_path / "signals"))
    index = loaded.panel.fields["signal:docker_pulls"][:, loaded.universe.index("render-usdc")]
    growth = np.diff(np.log(index[np.isfinite(index)]))
    assert growth == pytest.approx(np.full(len(growth), np.log(1.01)), rel=1e-4)
    code, told = await patron("backtest", "score.yaml", "--data", "signals", at=tmp_path)
    assert code == 0, told
    assert "recorded data in signals (store signals, digest " in told
    assert "the first scored trade is on 2024-" in told
