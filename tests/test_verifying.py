"""From a run's folder to one file, and what the command says of it where no chain is asked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.provenance.bundle import packed, read_bundle
from tests.faults.inside import call
from tests.provenance.made import made, remade

Capture = pytest.CaptureFixture[str]
MADE = made()
ROOT = MADE.decision.root.hex()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run's folder with the decision in it, as a daemon leaves it there; and no node in the environment."""
    monkeypatch.delenv("ETH_RPC_URL", raising=False)
    folder = tmp_path / "run" / "decisions"
    (folder / "basis").mkdir(parents=True)
    for name, content in MADE.basis.files.items():
        (folder / "basis" / name).write_bytes(content)
    (folder / f"{ROOT}.json").write_text(json.dumps(MADE.decision.document(), indent=1), encoding="utf-8")
    (folder / "anchor.json").write_text("{}", encoding="utf-8")
    return folder.parent


def exported(capsys: Capture, run: Path, named: str = ROOT) -> Path:
    out = run.parent / "evidence.zip"
    ended = call(capsys, "ledger", "evidence", named, "--out", out, "--data-dir", run)
    assert ended.code == 0, ended.err
    assert ended.out.splitlines()[-1] == f"try next: patron verify 0x{ROOT} --bundle {out} --rpc URL"
    return out


@pytest.mark.parametrize("named", [ROOT, "0x" + ROOT, ROOT[:8], "0x" + ROOT[:20].upper(), "newest"])
def test_a_decision_is_exported_by_its_root_or_the_beginning_of_it(run: Path, capsys: Capture, named: str) -> None:
    assert exported(capsys, run, named).read_bytes() == packed(MADE.bundle)


@pytest.mark.parametrize("named", ["", "anchor", "0x12", "../../etc/passwd", "zz" * 32, ROOT + "00", "ab" * 32])
def test_what_names_no_decision_is_said(run: Path, capsys: Capture, named: str) -> None:
    out = run.parent / "evidence.zip"
    call(capsys, "ledger", "evidence", named, "--out", out, "--data-dir", run).error(2)
    assert not out.exists()


def test_what_was_exported_is_told_to_machines_too(run: Path, capsys: Capture) -> None:
    out = run / "it.zip"
    told = json.loads(call(capsys, "ledger", "evidence", ROOT, "--out", out, "--data-dir", run, "--json").out)
    assert told == {"file": str(out), "bytes": out.stat().st_size, "decision": f"0x{ROOT}", "leaves": 6}


def test_a_run_that_decided_nothing_is_said(run: Path, capsys: Capture) -> None:
    (run / "decisions" / f"{ROOT}.json").unlink()
    for named in ("newest", ROOT):
        said = call(capsys, "ledger", "evidence", named, "--out", run / "it.zip", "--data-dir", run).error(2)
        assert said == f"{run / 'decisions'}: no such decision ({named}); none was made there"


def test_a_beginning_that_several_have_is_said(run: Path, capsys: Capture) -> None:
    (run / "decisions" / f"{ROOT[:10]}{'0' * 54}.json").write_text("{}", encoding="utf-8")
    said = call(capsys, "ledger", "evidence", ROOT[:8], "--out", run / "it.zip", "--data-dir", run).error(2)
    assert "several decisions begin so" in said


@pytest.mark.parametrize("harm", ["gone", "changed"])
@pytest.mark.parametrize("what", ["piece", "recipe"])
def test_what_was_kept_and_is_not_whole_any_more_is_not_exported(
    run: Path, capsys: Capture, harm: str, what: str
) -> None:
    facts = MADE.basis.facts()
    name = facts["recipe"] if what == "recipe" else facts["pieces"][-1]
    path = run / "decisions" / "basis" / name
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"\1")
    said = call(capsys, "ledger", "evidence", ROOT, "--out", run / "it.zip", "--data-dir", run).error(3)
    assert said.startswith(str(path))
    assert not (run / "it.zip").exists()


def test_a_decision_that_was_changed_on_disk_is_not_exported(run: Path, capsys: Capture) -> None:
    path = run / "decisions" / f"{ROOT}.json"
    other = remade(MADE.bundle, 0, expected=0.5).decision
    for document, said in (
        (json.dumps(other.document()), "the decision of another root, 0x"),
        (json.dumps({**MADE.decision.document(), "expiry": 1}), "chain_id, vault, nonce or expiry: no leaf"),
        ("{", "not the decision that was written there"),
        ("[]", "not a decision"),
    ):
        path.write_text(document, encoding="utf-8")
        line = call(capsys, "ledger", "evidence", ROOT, "--out", run / "it.zip", "--data-dir", run).error(3)
        assert line.startswith(f"{path}: ")
        assert said in line


def test_without_a_node_the_forecast_is_proved_and_the_rest_stays_open(run: Path, capsys: Capture) -> None:
    bundle = exported(capsys, run)
    ended = call(capsys, "verify", ROOT, "--bundle", bundle)
    assert ended.code == 1
    lines = ended.out.splitlines()
    assert [line.split()[:2] for line in lines[:6]] == [
        ["ok", name] for name in ("bundle", "decision", "inputs", "recipe", "forecasts", "targets")
    ]
    assert lines[-1] == ("not proved: chain, registry, anchored, universe, head, anchorer, executed could not be asked")
    told = json.loads(call(capsys, "verify", ROOT, "--bundle", bundle, "--json").out)
    assert (told["holds"], len(told["checks"])) == (False, 13)


def test_another_decision_than_the_one_asked_for_fails_by_name(run: Path, capsys: Capture) -> None:
    ended = call(capsys, "verify", "ab" * 32, "--bundle", exported(capsys, run))
    assert ended.code == 9
    assert f"decision   the bundle is of decision 0x{ROOT}" in ended.out
    assert ended.out.splitlines()[-1] == "does not hold: decision"


def test_a_forged_forecast_fails_by_venue_and_field(run: Path, capsys: Capture) -> None:
    forged = remade(MADE.bundle, 1, low=-0.5)
    path = run.parent / "forged.zip"
    path.write_bytes(packed(forged))
    ended = call(capsys, "verify", forged.decision.root.hex(), "--bundle", path)
    assert ended.code == 9
    assert "forecasts  low of model-coin: -0.5, made again " in ended.out


def test_a_damaged_file_is_one_line(run: Path, capsys: Capture) -> None:
    bundle = exported(capsys, run)
    bundle.write_bytes(bundle.read_bytes()[:-1])
    assert str(bundle) in call(capsys, "verify", ROOT, "--bundle", bundle).error(3)
    assert "No such file" in call(capsys, "verify", ROOT, "--bundle", run / "gone.zip").error(3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--rpc", "http://127.0.0.1:1"), "--rpc and --tolerance are of a decision"),
        (("--tolerance", "0.01"), "--rpc and --tolerance are of a decision"),
        (("--bundle", "it.zip", "--synthetic", "7"), "the evidence has its own data"),
    ],
)
def test_options_that_contradict_are_said(capsys: Capture, arguments: tuple[Any, ...], said: str) -> None:
    assert said in call(capsys, "verify", "ab" * 32, *arguments).error(2)


def test_a_node_without_a_good_address_is_told_without_its_key(run: Path, capsys: Capture) -> None:
    bundle = exported(capsys, run)
    for url in ("http://127.0.0.1:1/secret-key", "ftp://secret-key", "secret-key"):
        ended = call(capsys, "verify", ROOT, "--bundle", bundle, "--rpc", url)
        assert ended.code == 1
        assert "secret-key" not in ended.out + ended.err


def test_a_decision_of_the_first_version_is_exported_without_rows(run: Path, capsys: Capture) -> None:
    leaves = tuple(replace(leaf, forecast=replace(leaf.forecast, version=1)) for leaf in MADE.decision.leaves)
    old = replace(MADE.decision, leaves=leaves, basis=None)
    path = run / "decisions" / f"{old.root.hex()}.json"
    path.write_text(json.dumps(old.document(), indent=1), encoding="utf-8")
    out = run.parent / "old.zip"
    assert call(capsys, "ledger", "evidence", old.root.hex(), "--out", out, "--data-dir", run).code == 0
    assert read_bundle(out).decision.document() == old.document()
    ended = call(capsys, "verify", old.root.hex(), "--bundle", out)
    assert ended.code == 1
    assert "forecasts  a decision of version 1: nothing that it was made from was kept" in ended.out
