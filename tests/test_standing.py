"""What a run deploys under, in its folder: the stamp, the copy of its certificate, and what went before."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from bot import wiring
from bot.certificates import NOT_NEEDED, UNCERTIFIED, Standing, read_certificate, stamp_of
from bot.core.certificate import Gate
from bot.errors import DataError, RefusedError
from bot.ledger.standing import read_stamp
from bot.loading import Options, load
from bot.standing import continued, keep
from tests.certified import GATES, certificate
from tests.faults.test_sigkill import STRATEGY
from tests.test_certificates import said


@pytest.fixture
def strategy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ETH_RPC_URL", raising=False)
    file = tmp_path / "mine.yaml"
    file.write_text(STRATEGY, encoding="utf-8")
    return file


async def test_a_running_fork_of_a_node_is_no_devnet_either(strategy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `--devnet` may name one: its description says that no protocols were made there."""

    @contextlib.asynccontextmanager
    async def attached(*_: object) -> AsyncIterator[SimpleNamespace]:
        yield SimpleNamespace(description=SimpleNamespace(protocols=None))

    monkeypatch.setattr(wiring, "chain_of", attached)
    loaded = load(Options(strategy, synthetic=7, devnet=Path("devnet.json"), uncertified=True))
    with pytest.raises(RefusedError, match=r"^devnet\.json: a fork of a node"):
        async with wiring.session(loaded, strategy.parent / "run", print, Standing(None, UNCERTIFIED)):
            raise AssertionError("it was let in")


def test_the_run_keeps_the_stamp_and_a_copy_that_can_be_read(tmp_path: Path) -> None:
    issued = certificate(gates=(*GATES, Gate("another", "passed", "até 3 M USDC", 1e-17, 2.5)))
    held = Standing(issued, stamp_of(issued), tmp_path / "c.json")
    keep(held, tmp_path)
    assert read_certificate(tmp_path / "certificate.json") == issued
    assert read_stamp(tmp_path) == held.stamp
    keep(Standing(None, UNCERTIFIED), tmp_path)
    assert not (tmp_path / "certificate.json").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"stamp"', "[" * 100_000])
def test_a_spoilt_standing_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "standing.json").write_text(text, encoding="utf-8")
    assert said(DataError, lambda: read_stamp(tmp_path)) == f"{tmp_path}/standing.json: not what a run leaves there"


def test_a_run_that_was_once_uncertified_says_so_for_ever(tmp_path: Path) -> None:
    held = Standing(certificate(), stamp_of(certificate()), tmp_path / "c.json")
    assert continued(held, tmp_path) == held
    keep(Standing(None, UNCERTIFIED), tmp_path)
    for _ in range(3):
        now = continued(held, tmp_path)
        keep(now, tmp_path)
        assert now.stamp == f"{held.stamp}; earlier cycles {UNCERTIFIED}"
    assert continued(Standing(None, UNCERTIFIED), tmp_path).stamp == UNCERTIFIED


def test_a_run_that_goes_on_under_another_standing_tells_the_one_before(tmp_path: Path) -> None:
    first, second = (
        Standing(each, stamp_of(each), tmp_path / "c.json") for each in (certificate(), certificate(seed=8))
    )
    paper = Standing(None, NOT_NEEDED)
    told = []
    for held in (paper, paper, first, first, second, second):
        told.append(continued(held, tmp_path).stamp)
        keep(continued(held, tmp_path), tmp_path)
        assert continued(continued(held, tmp_path), tmp_path).stamp == told[-1], "asked twice it says the same"
    assert told == [
        *(NOT_NEEDED, NOT_NEEDED),
        *[f"{first.stamp}; earlier cycles {NOT_NEEDED}"] * 2,
        *[f"{second.stamp}; earlier cycles {first.stamp}"] * 2,
    ]


async def test_a_run_that_is_not_let_in_leaves_no_mark(strategy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.asynccontextmanager
    async def attached(*_: object) -> AsyncIterator[SimpleNamespace]:
        yield SimpleNamespace(description=SimpleNamespace(protocols=None))

    monkeypatch.setattr(wiring, "chain_of", attached)
    folder = strategy.parent / "run"
    folder.mkdir()
    held = Standing(certificate(), stamp_of(certificate()), strategy.with_name("c.json"))
    keep(held, folder)
    loaded = load(Options(strategy, synthetic=7, devnet=Path("devnet.json"), uncertified=True))
    with pytest.raises(RefusedError):
        async with wiring.session(loaded, folder, print, Standing(None, UNCERTIFIED)):
            raise AssertionError("it was let in")
    assert read_stamp(folder) == held.stamp
    assert read_certificate(folder / "certificate.json") == certificate()
