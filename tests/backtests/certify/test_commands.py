"""`patron certify` from a strategy file: what it writes, what it says, and the exit code it asks for."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from backtests.certify import procedure
from backtests.certify.commands import certify
from backtests.certify.gates.parity import parity
from backtests.sweep.commands import sweep
from backtests.trials import VARIABLE, read
from bot.certificates import GATES, certificate_path
from bot.core.certificate import FAILED, NOT_APPLICABLE, PASSED, Certificate, certificate_of
from bot.errors import ConfigError, DataError, RefusedError, StorageError
from bot.loading import Options
from bot.quantity import when

STRATEGIES = Path(__file__).resolve().parents[3] / "strategies"
NOW = 1_795_000_000
BUDGET = 20.0
SHORT = 0.01  # seconds: one pass, where the look-ahead gate is not what is tested
# The test has the power to see this edge, and the market of this seed did not fall by more than it.
SEED, STRENGTH = 3, 2.0


def copied(folder: Path, name: str) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text((STRATEGIES / f"{name}.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    return path


def issued(options: Options, **more: Any) -> tuple[int, str]:
    console = Console(file=io.StringIO(), width=250)
    given = {"out": None, "report": None, "as_json": False, "budget": BUDGET, "now": NOW, **more}
    code = certify(options, console=console, **given)
    assert isinstance(console.file, io.StringIO)
    return code, console.file.getvalue()


def certificate(path: Path) -> Certificate:
    return certificate_of(json.loads(path.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def granted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int, str]]:
    """(strategy file, exit code, what was printed) of a strategy whose market holds an edge that it finds."""
    folder = tmp_path_factory.mktemp("granted")
    path = copied(folder, "synthetic_market")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(folder / "trials.jsonl"))
        options = Options(config=path, synthetic=SEED, strength=STRENGTH)
        yield path, *issued(options, report=folder / "page.html")


def test_a_planted_edge_is_granted(granted: tuple[Path, int, str]) -> None:
    path, code, text = granted
    found = certificate(certificate_path(path, None))
    assert [gate.name for gate in found.failed] == []
    assert (code, found.granted, found.data_kind) == (0, True, "synthetic")
    assert found.expires_at == NOW + 90 * 86_400
    assert "granted until" in text
    assert "never live" in text
    assert {gate.verdict for gate in found.gates} == {PASSED}
    assert sorted(gate.name for gate in found.gates) == sorted(GATES), "those that the daemon asks for"


def test_it_holds_what_refitted_models_are_compared_with(granted: tuple[Path, int, str]) -> None:
    reference = certificate(certificate_path(granted[0], None)).reference
    assert reference["fit_time"] <= certificate(certificate_path(granted[0], None)).last
    assert len(reference["model"]) == 64


def test_the_page_opens_offline_and_shows_every_gate(granted: tuple[Path, int, str]) -> None:
    path = granted[0]
    page = (path.parent / "page.html").read_text(encoding="utf-8")
    assert len(page) < 100_000
    assert "http://" not in page
    assert "https://" not in page
    for gate in certificate(certificate_path(path, None)).gates:
        assert f'<td class="name">{gate.name}</td>' in page
    assert page.count("<rect") == 6
    assert "<polyline" in page
    embedded = page.split('id="certificate">')[1].split("</script>")[0]
    assert certificate_of(json.loads(embedded)).granted


def test_one_changed_digit_of_the_certificate_is_seen(granted: tuple[Path, int, str]) -> None:
    text = certificate_path(granted[0], None).read_text(encoding="utf-8")
    expires = str(NOW + 90 * 86_400)
    with pytest.raises(ValueError, match="changed after it was issued"):
        certificate_of(json.loads(text.replace(expires, "2" + expires[1:])))


def test_a_market_without_an_edge_is_refused_and_the_certificate_says_so(tmp_path: Path, own_trial_log: Path) -> None:
    path = copied(tmp_path, "reversal")
    code, text = issued(Options(config=path, synthetic=10))
    found = certificate(certificate_path(path, None))
    assert code == 9
    assert not found.granted
    assert {"edge", "interval"} <= {gate.name for gate in found.failed}
    assert "refused" in text
    for gate in found.failed:
        assert gate.name in text.splitlines()[-3]
    assert len(read(own_trial_log)) == 1, "the refused are trials too"
    assert "patron run" in text


def test_the_benchmark_has_gates_of_its_own(tmp_path: Path) -> None:
    path = copied(tmp_path, "equal_weight")
    code, text = issued(Options(config=path, synthetic=5), out=tmp_path / "mine.json", as_json=True)
    document = json.loads(text)
    found = certificate(tmp_path / "mine.json")
    assert not certificate_path(path, None).exists()
    assert document["digest"] == found.digest
    assert code == 0
    verdicts = {gate.name: gate.verdict for gate in found.gates}
    assert verdicts["edge"] == verdicts["walk-forward"] == NOT_APPLICABLE
    assert verdicts["lookahead"] == verdicts["parity"] == verdicts["cost stress"] == PASSED
    assert found.inputs["fitting"] == ""
    assert found.reference == {}


def test_ones_own_file_called_like_the_benchmark_is_no_benchmark(tmp_path: Path) -> None:
    text = (STRATEGIES / "equal_weight.yaml").read_text(encoding="utf-8")
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace("name: equal_weight", "name: equal_weight.py"), encoding="utf-8")
    (tmp_path / "equal_weight.py").write_text((STRATEGIES / "equal_weight.py").read_text(encoding="utf-8"))
    code, _ = issued(Options(config=path, synthetic=5), budget=SHORT)
    assert code == 9
    assert "edge" in {gate.name for gate in certificate(certificate_path(path, None)).failed}


def test_code_that_changes_while_it_is_certified_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, code = copied(tmp_path, "equal_weight"), tmp_path / "mine.py"
    path.write_text(path.read_text(encoding="utf-8").replace("name: equal_weight", "name: mine.py"), encoding="utf-8")
    code.write_text((STRATEGIES / "equal_weight.py").read_text(encoding="utf-8"), encoding="utf-8")

    def saved_meanwhile(*runs: Any) -> Any:
        code.write_text(code.read_text(encoding="utf-8") + "# one word more\n", encoding="utf-8")
        return parity(*runs)

    monkeypatch.setattr(procedure, "parity", saved_meanwhile)
    with pytest.raises(RefusedError, match="changed while it was certified"):
        issued(Options(config=path, synthetic=5), budget=SHORT)
    assert not certificate_path(path, None).exists()


def test_a_sweep_whose_picture_fails_was_tried_all_the_same(tmp_path: Path, own_trial_log: Path) -> None:
    path, quiet = copied(tmp_path, "reversal"), Console(file=io.StringIO())
    grid = ["policy.band=100bps:200bps:100bps", "strategy.params.bars=1:2:1"]
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        sweep(
            Options(config=path, synthetic=10),
            grid,
            out=tmp_path / "swept",
            heat=tmp_path / "file" / "heat.html",
            console=quiet,
        )
    assert [trial.count for trial in read(own_trial_log)] == [4, 4], "as planned, and as it came out"


def test_a_leak_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "cheat.yaml"
    text = (STRATEGIES / "equal_weight.yaml").read_text(encoding="utf-8")
    path.write_text(text.replace("name: equal_weight", "name: cheat.py"), encoding="utf-8")
    (tmp_path / "cheat.py").write_text(
        "import numpy as np\n\n\ndef targets(panel, scores, params):\n"
        "    ahead = np.vstack([panel.close[1:], panel.close[-1:]])\n"
        "    rises = (ahead > panel.close) & panel.listed\n"
        "    rises[:, 0] = ~rises[:, 1:].any(axis=1)\n"
        "    return rises / rises.sum(axis=1, keepdims=True)\n"
    )
    code, _ = issued(Options(config=path, synthetic=5))
    found = {gate.name: gate for gate in certificate(certificate_path(path, None)).gates}
    assert code == 9
    assert found["edge"].verdict == PASSED, "it looks like skill"
    assert found["lookahead"].verdict == FAILED
    assert "targets" in found["lookahead"].said


def test_to_hold_nothing_is_no_strategy(tmp_path: Path) -> None:
    path = tmp_path / "idle.yaml"
    text = (STRATEGIES / "equal_weight.yaml").read_text(encoding="utf-8")
    path.write_text(text.replace("name: equal_weight", "name: idle.py"), encoding="utf-8")
    (tmp_path / "idle.py").write_text(
        "import numpy as np\n\n\ndef targets(panel, scores, params):\n"
        "    weights = np.zeros(panel.close.shape)\n    weights[:, 0] = 1.0\n    return weights\n"
    )
    code, _ = issued(Options(config=path, synthetic=20), budget=SHORT)  # whose market loses two thirds
    gates = {gate.name: gate.verdict for gate in certificate(certificate_path(path, None)).gates}
    assert code == 9
    assert gates["walk-forward"] == gates["buy and hold"] == PASSED, "it lost less"
    assert {gates[name] for name in ("edge", "interval", "idle money", "capacity")} == {FAILED}


def test_a_window_too_short_is_refused_gate_by_gate(tmp_path: Path) -> None:
    path = copied(tmp_path, "reversal")
    options = Options(config=path, synthetic=10, first=when("2024-08-01"), last=when("2024-08-20"))
    code, _ = issued(options, budget=SHORT)
    failed = {gate.name: gate.said for gate in certificate(certificate_path(path, None)).failed}
    assert code == 9
    assert {"walk-forward", "buy and hold", "edge", "interval"} <= set(failed)
    assert "too few" in failed["edge"]


def test_a_sweep_of_it_makes_the_edge_harder_to_believe(tmp_path: Path, own_trial_log: Path) -> None:
    path = copied(tmp_path, "reversal")
    options = Options(config=path, synthetic=10)
    quiet = Console(file=io.StringIO())
    grid = ["policy.band=100bps:400bps:100bps", "strategy.params.bars=1:10:1"]
    for _ in range(2):  # the second finds all that the first left, and is no new trial
        sweep(options, grid, out=tmp_path / "swept", as_json=True, console=quiet)
    issued(options, budget=SHORT)
    found = certificate(certificate_path(path, None))
    edge = next(gate for gate in found.gates if gate.name == "edge")
    assert found.trials == 41
    assert [trial.count for trial in read(own_trial_log)] == [40, 40, 40, 40, 1], "planned, done, and again"
    assert (edge.figures["luck_sharpe_yearly"] or 0.0) > 0.0
    issued(options, budget=SHORT)
    assert certificate(certificate_path(path, None)).trials == 41, "the same again is no new trial"
    issued(options, seed=1, budget=SHORT)
    assert certificate(certificate_path(path, None)).trials == 42, "another seed is"


def test_a_file_for_live_can_be_certified_before_it_may_run(tmp_path: Path) -> None:
    path = copied(tmp_path, "equal_weight")
    path.write_text(path.read_text(encoding="utf-8").replace("mode: fork", "mode: live"), encoding="utf-8")
    code, _ = issued(Options(config=path, synthetic=5))
    assert code == 0
    assert certificate(certificate_path(path, None)).data_kind == "synthetic", "and for live that is not enough"


def test_what_cannot_be_is_refused_in_one_line(tmp_path: Path, own_trial_log: Path) -> None:
    path = copied(tmp_path, "reversal")
    with pytest.raises(ConfigError, match="needs data"):
        issued(Options(config=path))
    with pytest.raises(ConfigError, match=r"\.html"):
        issued(Options(config=path, synthetic=1), report=tmp_path / "page.pdf")
    with pytest.raises(DataError, match="too short"):
        issued(Options(config=path, synthetic=1, first=when("2024-08-01"), last=when("2024-08-02")))
    with pytest.raises(ConfigError, match="--days"):
        issued(Options(config=path, synthetic=1), days=0)
    own_trial_log.write_text("{}\n")
    with pytest.raises(DataError, match="line 1"):
        issued(Options(config=path, synthetic=1))
    assert not certificate_path(path, None).exists()
