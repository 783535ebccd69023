"""No certificate, no capital: what is read, what is refused in which words, and what `verify` tells."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from backtests.certify.inputs import inputs_of
from bot.admissions import Admissions, admissions_path
from bot.certificates import (
    NOT_NEEDED,
    OF_AN_EDGE,
    UNCERTIFIED,
    Standing,
    read_certificate,
    require,
    stamp_of,
    verify_certificate,
)
from bot.core.certificate import FAILED, NOT_APPLICABLE, SYNTHETIC, Gate
from bot.errors import ConfigError, PatronError, RefusedError
from bot.loading import Options, load
from bot.running import require_unchanged, standing_of
from tests.certified import DAY, GATES, certificate, certify, inputs_now, write
from tests.faults.test_sigkill import STRATEGY

NOW = int(time.time())
INPUTS = dict(certificate().inputs)
NO = Gate("cost_stress", FAILED, "loses 3.1 % a year at twice the fees", -0.031, 0.0)


@pytest.fixture
def strategy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ETH_RPC_URL", raising=False)
    file = tmp_path / "mine.yaml"
    file.write_text(STRATEGY, encoding="utf-8")
    return file


def said(error: type[PatronError], refused: Callable[[], object]) -> str:
    with pytest.raises(error) as caught:
        refused()
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- what a run may do ------------------------------------------------------------------------------------------------


def allowed(mode: str = "fork", **changed: Any) -> Standing:
    facts: dict[str, Any] = {
        "certificate": certificate(),
        "path": Path("mine.certificate.json"),
        "mode": mode,
        "devnet": True,
        "inputs": INPUTS,
        "now": NOW,
        "uncertified": False,
        "config": Path("mine.yaml"),
    }
    return require(**(facts | changed))


def test_a_valid_certificate_lets_a_fork_and_live_deploy_and_says_so_on_every_page() -> None:
    for mode in ("fork", "live", "paper"):
        for devnet in (True, False):
            standing = allowed(mode, devnet=devnet)
            assert standing.certificate == certificate()
            assert standing.stamp == stamp_of(certificate())
    assert "until " in standing.stamp
    assert "11 gates passed on recorded data (recorded data in catalogue), 3 versions tried" in standing.stamp


def test_the_data_may_have_grown() -> None:
    assert allowed(inputs=INPUTS | {"data": "another"}).certificate is not None


def test_a_synthetic_certificate_lets_a_fork_deploy_and_its_stamp_says_what_it_is() -> None:
    assert "on synthetic data" in allowed(certificate=certificate(data_kind=SYNTHETIC)).stamp


def test_paper_needs_none() -> None:
    for uncertified in (True, False):
        assert allowed("paper", certificate=None, uncertified=uncertified) == Standing(None, NOT_NEEDED)


def test_the_benchmark_is_spared_what_compares_with_it_and_others_the_paths_of_models() -> None:
    assert allowed(certificate=certificate(gates=OF_THE_BENCHMARK), benchmark=True).certificate is not None
    assert allowed(certificate=certificate(gates=WITHOUT_PATHS)).certificate is not None


def test_uncertified_deploys_on_the_devnet_alone() -> None:
    for found in (None, certificate(), certificate(gates=(NO,))):
        assert allowed(certificate=found, uncertified=True) == Standing(None, UNCERTIFIED)
        line = said(RefusedError, partial(allowed, certificate=found, uncertified=True, devnet=False))
        assert line.startswith("--uncertified deploys on the local devnet alone")


def test_live_has_no_such_flag() -> None:
    line = said(RefusedError, lambda: allowed("live", certificate=None, uncertified=True))
    assert line.startswith("no certificate, no capital: none at mine.certificate.json")
    assert "--uncertified" not in line
    assert "cost_stress" in said(
        RefusedError, lambda: allowed("live", certificate=certificate(gates=(NO,)), uncertified=True)
    )


WITHOUT_PATHS = tuple(
    replace(gate, verdict=NOT_APPLICABLE) if gate.name == "combinatorial paths" else gate for gate in GATES
)
OF_THE_BENCHMARK = tuple(replace(gate, verdict=NOT_APPLICABLE) if gate.name in OF_AN_EDGE else gate for gate in GATES)
OLD = certificate(issued_at=1_700_000_000, expires_at=1_707_776_000)
REFUSED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "none": ({"certificate": None}, ["none at mine.certificate.json", "`patron certify mine.yaml`", "--uncertified"]),
    "a failed gate": (
        {"certificate": certificate(gates=(*GATES, NO))},
        ["the gate cost_stress failed: loses 3.1 % a year at twice the fees"],
    ),
    "two failed gates": (
        {"certificate": certificate(gates=(NO, *GATES, replace(NO, name="capacity")))},
        ["the gate cost_stress (and capacity) failed: "],
    ),
    "an unknown verdict": ({"certificate": certificate(gates=(replace(NO, verdict="maybe"),))}, ["cost_stress"]),
    "no gate": ({"certificate": certificate(gates=())}, ["no gate passed"]),
    "no gate that applies": (
        {"certificate": certificate(gates=(replace(NO, verdict=NOT_APPLICABLE),))},
        ["no gate passed"],
    ),
    "expired": (
        {"certificate": OLD},
        ["expired on 2024-02-12 (issued 2023-11-14, today is ", "`patron certify"],
    ),
    "on its last second": ({"now": certificate().expires_at}, ["expired on"]),
    "from the future": ({"now": certificate().issued_at - 1}, ["is the clock right?"]),
    "other code": (
        {"inputs": INPUTS | {"strategy": "1" * 64}},
        ["the strategy's code is not what was certified: run `patron certify mine.yaml`"],
    ),
    "another file": ({"inputs": INPUTS | {"config": "1"}}, ["the strategy file is not"]),
    "another engine and fitting": (
        {"inputs": INPUTS | {"engine": "1", "fitting": "2"}},
        ["the engine (kernels, rules or libraries) and the procedure that fits models are not what was certified"],
    ),
    "something not asked before": ({"inputs": INPUTS | {"weather": "1"}}, ["weather is not"]),
    "something not told": ({"inputs": {"engine": INPUTS["engine"]}}, ["the strategy file", "the strategy's code"]),
    "a gate left out": (
        {"certificate": certificate(gates=tuple(gate for gate in GATES if gate.name != "edge"))},
        ["it does not answer the gate edge: run `patron certify mine.yaml` again"],
    ),
    "a gate by another name": (
        {"certificate": certificate(gates=(*GATES[:-1], replace(GATES[-1], name="parity of sorts")))},
        ["it does not answer the gate parity"],
    ),
    "a gate that was not asked": (
        {"certificate": certificate(gates=(*GATES[:-1], replace(GATES[-1], verdict=NOT_APPLICABLE)))},
        ["it does not answer the gate parity"],
    ),
    "the benchmark's gates for what is no benchmark": (
        {"certificate": certificate(gates=OF_THE_BENCHMARK)},
        ["it does not answer the gate walk-forward or buy and hold or edge or interval or idle money"],
    ),
    "no paths for a strategy that asks a model": (
        {
            "certificate": certificate(gates=WITHOUT_PATHS, inputs=INPUTS | {"fitting": "f"}, reference={"rows": 1}),
            "inputs": INPUTS | {"fitting": "f"},
        },
        ["it does not answer the gate combinatorial paths"],
    ),
    "a model and no reference": (
        {"certificate": certificate(inputs=INPUTS | {"fitting": "f"}), "inputs": INPUTS | {"fitting": "f"}},
        ["it says nothing of models"],
    ),
}


@pytest.mark.parametrize(("changed", "told"), REFUSED.values(), ids=REFUSED)
def test_a_run_is_refused_in_one_line_that_names_why(changed: dict[str, Any], told: list[str]) -> None:
    line = said(RefusedError, lambda: allowed(**changed))
    for words in told:
        assert words in line


def test_live_refuses_what_was_certified_on_a_generated_market() -> None:
    made = certificate(data_kind=SYNTHETIC, data="a generated market, seed 3")
    line = said(RefusedError, lambda: allowed("live", certificate=made))
    assert "made on synthetic data (a generated market, seed 3): live needs one made on recorded data" in line


# --- from a strategy file ---------------------------------------------------------------------------------------------


def standing(strategy: Path, mode: str = "fork", **options: Any) -> Standing:
    return standing_of(load(Options(strategy, mode=mode, synthetic=7, **options)), inputs_of)


def test_the_certificate_beside_the_file_is_found_and_holds_until_code_or_file_change(strategy: Path) -> None:
    (strategy.parent / "mine.py").write_text("def targets(panel, scores, params):\n    return None\n", encoding="utf-8")
    own = STRATEGY.replace("name: reversal", "name: mine.py").replace("params: {bars: 2}", "params: {}")
    strategy.write_text(own, encoding="utf-8")
    path = certify(strategy)
    assert standing(strategy).path == path == strategy.with_name("mine.certificate.json")
    strategy.write_text(own.replace("mode: fork", "mode: paper"), encoding="utf-8")
    assert standing(strategy).path == path, "the mode is what a certificate is asked for"
    strategy.write_text(own.replace("band: 1 bps", "band: 2 bps"), encoding="utf-8")
    assert "the strategy file is not what was certified" in said(RefusedError, lambda: standing(strategy))
    strategy.write_text(own, encoding="utf-8")
    with (strategy.parent / "mine.py").open("a", encoding="utf-8") as code:
        code.write("# changed\n")
    assert "the strategy's code is not what was certified" in said(RefusedError, lambda: standing(strategy))


def test_what_changes_between_the_check_and_the_last_load_is_refused(strategy: Path) -> None:
    own = STRATEGY.replace("name: reversal", "name: mine.py").replace("params: {bars: 2}", "params: {}")
    code = strategy.parent / "mine.py"
    code.write_text("def targets(panel, scores, params):\n    return None\n", encoding="utf-8")
    strategy.write_text(own, encoding="utf-8")
    certify(strategy)
    loaded = load(Options(strategy, mode="fork", synthetic=7))
    held = standing_of(loaded, inputs_of)
    require_unchanged(loaded, held, inputs_of)
    code.write_text("def targets(panel, scores, params):\n    return 1 + 1\n", encoding="utf-8")
    line = said(RefusedError, lambda: require_unchanged(loaded, held, inputs_of))
    assert "the strategy's code changed while the run was starting" in line
    require_unchanged(loaded, Standing(None, UNCERTIFIED), inputs_of)
    for other in ("band: 2 bps", "band: 1 bps"):  # a file that was changed when it was loaded, and put back since
        strategy.write_text(own.replace("band: 1 bps", other), encoding="utf-8")
        loaded = load(Options(strategy, mode="fork", synthetic=7)) if other == "band: 2 bps" else loaded
    assert "changed after it was read" in said(RefusedError, lambda: standing_of(loaded, inputs_of))


@pytest.mark.parametrize("here", [True, False])
def test_a_variable_over_the_strategy_file_is_part_of_what_was_certified(
    strategy: Path, monkeypatch: pytest.MonkeyPatch, here: bool
) -> None:
    name, value = "PATRON__POLICY__BAND", "7 bps"
    if here:
        certify(strategy)
        monkeypatch.setenv(name, value)
    else:
        monkeypatch.setenv(name, value)
        certify(strategy)
        monkeypatch.delenv(name)
    assert "the strategy file is not what was certified" in said(RefusedError, lambda: standing(strategy))


def test_a_named_certificate_is_asked_and_contradicts_going_without(strategy: Path) -> None:
    path = certify(strategy).rename(strategy.with_name("elsewhere.json"))
    assert standing(strategy, certificate=path).path == path
    assert "no such certificate" in said(ConfigError, lambda: standing(strategy, certificate=Path("gone.json")))
    both = said(ConfigError, lambda: standing(strategy, certificate=path, uncertified=True))
    assert both == "--certificate and --uncertified contradict: choose one"


def test_paper_asks_a_certificate_only_where_one_is_named(strategy: Path) -> None:
    path = certify(strategy, gates=(NO,))
    assert standing(strategy, "paper").stamp == NOT_NEEDED
    assert "cost_stress" in said(RefusedError, lambda: standing(strategy, "paper", certificate=path))


def test_a_node_behind_the_environment_is_no_devnet(strategy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert standing(strategy, uncertified=True).stamp == UNCERTIFIED
    monkeypatch.setenv("ETH_RPC_URL", "http://127.0.0.1:1")
    assert "local devnet alone" in said(RefusedError, lambda: standing(strategy, uncertified=True))


# --- what is proved ---------------------------------------------------------------------------------------------------


def test_verify_tells_gates_expiry_admissions_and_changes(strategy: Path) -> None:
    path = certify(strategy, gates=(*GATES, NO))
    Admissions(admissions_path(path), read_certificate(path).digest).append("m1", 5, {}, 6)
    lines = verify_certificate(path, inputs_now(strategy), NOW)
    assert "  failed: cost_stress: loses 3.1 % a year at twice the fees" in lines
    assert "not granted: no capital is moved under it" in lines
    assert "1 model admitted under it; 1 line of admissions, each as it was written" in lines
    assert lines[-1] == "nothing has changed since"
    assert any(line.startswith("expires on ") for line in lines)
    late = verify_certificate(path, dict(inputs_now(strategy)) | {"engine": "x"}, NOW + 100 * DAY)
    assert late[-1] == "changed since: the engine (kernels, rules or libraries)"
    assert any(line.startswith("expired on ") for line in late)


def test_verify_grants_nothing_where_a_gate_was_left_out(tmp_path: Path) -> None:
    lines = verify_certificate(write(certificate(gates=GATES[:-2]), tmp_path / "c.json"), None)
    assert "  not answered: sandwich, parity" in lines
    assert "not granted: no capital is moved under it" in lines


def test_verify_spares_the_benchmark_alone_the_gates_of_an_edge(tmp_path: Path) -> None:
    other = verify_certificate(write(certificate(gates=OF_THE_BENCHMARK), tmp_path / "c.json"), None)
    assert "not granted: no capital is moved under it" in other
    assert any(line.startswith("  not answered: ") and "edge" in line for line in other)
    own = certificate(gates=OF_THE_BENCHMARK, strategy="equal_weight")
    assert "granted" in verify_certificate(write(own, tmp_path / "b.json"), None)


def test_verify_fails_on_a_changed_line_of_admissions(tmp_path: Path) -> None:
    path = write(certificate(), tmp_path / "c.json")
    Admissions(admissions_path(path), certificate().digest).append("m1", 5, {"drifted": 0.1}, 6)
    register = admissions_path(path)
    register.write_text(register.read_text(encoding="utf-8").replace("0.1", "0.2"), encoding="utf-8")
    assert "c.json.admissions.jsonl: line 1: " in said(RefusedError, lambda: verify_certificate(path, None))
