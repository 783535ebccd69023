"""No certificate, no capital, through the command: what is refused before anything starts, and what then deploys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.admissions import read_admissions
from bot.certificates import NOT_NEEDED, UNCERTIFIED, read_certificate, stamp_of
from bot.core.certificate import FAILED, SYNTHETIC, Gate
from bot.loading import BAR_SECONDS, Options, load
from bot.scoring.features import features
from bot.scoring.labels import labels
from bot.scoring.params import ScorerParams
from bot.scoring.stability import reference_of
from bot.scoring.walkforward import fit, fit_times, training_set
from tests.certified import certify
from tests.faults.inside import call
from tests.faults.rig import Ledger

Capture = pytest.CaptureFixture[str]
SHIPPED = Path(__file__).parents[2] / "strategies" / "synthetic_market.yaml"
MARKET = ("--synthetic", 7, "--strength", 1)


@pytest.fixture
def strategy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The strategy of `make run`, which asks a model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ETH_RPC_URL", raising=False)
    file = tmp_path / "mine.yaml"
    file.write_text(SHIPPED.read_text(encoding="utf-8"), encoding="utf-8")
    return file


@pytest.fixture
def anvil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is there once somebody has tried to start a chain."""
    program, started = tmp_path / "anvil", tmp_path / "started"
    program.write_text(f"#!/bin/sh\ntouch {started}\nexit 3\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("ANVIL", str(program))
    return started


def reference(strategy: Path) -> dict[str, Any]:
    """What the first model that speaks on this market leaves with a certificate."""
    loaded = load(Options(strategy, mode="paper", synthetic=7, strength=1.0))
    assert loaded.schedule is not None
    params = ScorerParams.of(loaded.config.scorer, BAR_SECONDS[loaded.config.bar])
    panel = loaded.panel.rows(0, int(np.searchsorted(loaded.panel.times, loaded.schedule.first)) + 1)
    names, x = features(panel, params.bar_seconds)
    at = int(fit_times(panel.times, params.refit)[-1])
    training = training_set(panel, names, x, labels(panel, params.horizon), at, params)
    assert training is not None
    return reference_of(training, fit(training, params), names)


def granted(strategy: Path, **changed: Any) -> Path:
    facts = {"data_kind": SYNTHETIC, "data": "a generated market, seed 7", "reference": reference(strategy)}
    return certify(strategy, **(facts | changed))


def test_a_fork_without_a_certificate_is_refused_before_a_chain_starts(
    strategy: Path, tmp_path: Path, anvil: Path, capsys: Capture
) -> None:
    folder = tmp_path / "run"
    run = ("run", strategy, "--mode", "fork", *MARKET, "--data-dir", folder)
    said = call(capsys, *run).error(9)
    assert said.startswith(
        f"no certificate, no capital: none at {strategy.with_name('mine.certificate.json')}; `patron "
    )
    path = granted(strategy, gates=(Gate("walk_forward", FAILED, "loses to equal weight in 4 of 6 folds", 2, 4),))
    assert "the gate walk_forward failed: loses to equal weight in 4 of 6 folds" in call(capsys, *run).error(9)
    granted(strategy, expires_at=1_790_000_000, issued_at=1_780_000_000)
    assert "expired on 2026-09-21" in call(capsys, *run).error(9)
    path = granted(strategy)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"trials": 3', '"trials": 1'), encoding="utf-8")
    assert "changed after it was issued" in call(capsys, *run).error(3)
    path.write_text(text, encoding="utf-8")
    strategy.write_text(SHIPPED.read_text(encoding="utf-8").replace("strength: 3.0", "strength: 3.5"), encoding="utf-8")
    assert "the strategy file is not what was certified" in call(capsys, *run).error(9)
    assert not folder.exists()
    assert not anvil.exists()
    # The trap works: with the flag somebody does try.
    call(capsys, *run, "--uncertified").error(4)
    assert anvil.exists()


def test_a_fork_of_a_node_is_never_uncertified(
    strategy: Path, anvil: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETH_RPC_URL", "http://127.0.0.1:1")
    said = call(capsys, "run", strategy, "--mode", "fork", "--once", "--uncertified").error(9)
    assert said.startswith("--uncertified deploys on the local devnet alone")
    assert not anvil.exists()


def test_paper_says_that_it_is_uncertified_and_needs_no_certificate(
    strategy: Path, tmp_path: Path, capsys: Capture
) -> None:
    folder = tmp_path / "run"
    run = ("run", strategy, "--mode", "paper", *MARKET, "--cycles", 1, "--data-dir", folder)
    ended = call(capsys, *run)
    assert ended.code == 0, ended.err
    assert NOT_NEEDED in " ".join(ended.out.split())
    assert json.loads(call(capsys, "status", "--data-dir", folder, "--json").out)["certificate"] == NOT_NEEDED


def test_a_model_that_is_not_admitted_is_told_and_opens_nothing(
    strategy: Path, tmp_path: Path, capsys: Capture
) -> None:
    """On paper under a certificate that was named: as strict as a fork, without a chain."""
    path = granted(strategy, reference=reference(strategy) | {"radius": 1e-6})
    folder = tmp_path / "run"
    run = ("run", strategy, "--mode", "paper", *MARKET, "--cycles", 2, "--data-dir", folder, "--certificate", path)
    ended = call(capsys, *run, "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["deployments"] == 0
    for report in Ledger(folder / "ledger.sqlite").reports().values():
        assert report["outcome"] == "held"
        assert any("is not admitted under the certificate: its interval is ±" in why for why in report["reasons"])
    assert not read_admissions(path.with_name(f"{path.name}.admissions.jsonl"))
    assert "is not admitted" in call(capsys, "status", "--data-dir", folder).out


@pytest.mark.fork
def test_a_certified_strategy_deploys_on_the_fork_and_says_under_what(
    strategy: Path, tmp_path: Path, capsys: Capture
) -> None:
    path = granted(strategy)
    folder, register = tmp_path / "run", path.with_name(f"{path.name}.admissions.jsonl")
    run = ("run", strategy, "--mode", "fork", *MARKET, "--cycles", 2, "--data-dir", folder, "--json")
    ended = call(capsys, *run)
    assert ended.code == 0, ended.err
    issued = read_certificate(path)
    told = json.loads(ended.out)
    assert (told["cycles"], told["certificate"]) == (2, stamp_of(issued))
    assert told["deployments"] >= 1
    assert stamp_of(issued) in " ".join(ended.err.split())
    assert json.loads((folder / "report.json").read_text(encoding="utf-8"))["facts"]["certificate"] == stamp_of(issued)
    assert stamp_of(issued) in " ".join(call(capsys, "status", "--data-dir", folder).out.split())
    assert read_certificate(folder / "certificate.json") == issued
    models = {report["model"] for report in Ledger(folder / "ledger.sqlite").reports().values()}
    lines = read_admissions(register)
    assert {line["model"] for line in lines} == models
    assert lines[0]["previous"] == issued.digest
    # A new start admits what was admitted without a line; a line that somebody changed refuses it.
    again = ("run", strategy, "--mode", "fork", *MARKET, "--cycles", 1, "--data-dir", tmp_path / "again", "--json")
    assert call(capsys, *again).code == 0
    assert read_admissions(register) == lines
    register.write_text(register.read_text(encoding="utf-8").replace('"drifted":', '"drifted" :'), encoding="utf-8")
    assert f"{register}: line 1: changed after it was written" in call(capsys, *again).error(9)


@pytest.mark.fork
def test_an_uncertified_run_is_stamped_on_every_page(strategy: Path, tmp_path: Path, capsys: Capture) -> None:
    folder = tmp_path / "run"
    run = ("run", strategy, "--mode", "fork", *MARKET, "--cycles", 1, "--data-dir", folder, "--uncertified")
    ended = call(capsys, *run)
    assert ended.code == 0, ended.err
    assert UNCERTIFIED in " ".join(ended.out.split())
    assert json.loads((folder / "report.json").read_text(encoding="utf-8"))["facts"]["certificate"] == UNCERTIFIED
    assert UNCERTIFIED in " ".join(call(capsys, "status", "--data-dir", folder).out.split())
    assert not (folder / "certificate.json").exists()
