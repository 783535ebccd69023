"""No certificate, no capital: what is read, what is refused and in which words, and what a run keeps of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot import wiring
from bot.admissions import Admissions, admissions_path
from bot.certificates import (
    NOT_NEEDED,
    UNCERTIFIED,
    Standing,
    read_certificate,
    require,
    stamp_of,
    verify_certificate,
)
from bot.core.certificate import FAILED, NOT_APPLICABLE, SYNTHETIC, Gate
from bot.errors import ConfigError, DataError, PatronError, RefusedError
from bot.ledger.standing import read_stamp
from bot.loading import Options, load
from bot.running import standing_of
from bot.standing import continued, keep
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
    assert "2 gates passed on recorded data (recorded data in catalogue), 3 versions tried" in standing.stamp


def test_the_data_may_have_grown() -> None:
    assert allowed(inputs=INPUTS | {"data": "another"}).certificate is not None


def test_a_synthetic_certificate_lets_a_fork_deploy_and_its_stamp_says_what_it_is() -> None:
    assert "on synthetic data" in allowed(certificate=certificate(data_kind=SYNTHETIC)).stamp


def test_paper_needs_none() -> None:
    for uncertified in (True, False):
        assert allowed("paper", certificate=None, uncertified=uncertified) == Standing(None, NOT_NEEDED)


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
    from backtests.certify.inputs import inputs_of

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


# --- what is kept and proved ------------------------------------------------------------------------------------------


def test_the_run_keeps_the_stamp_and_a_copy_that_can_be_read(tmp_path: Path) -> None:
    issued = certificate(gates=(*GATES, Gate("capacity", "passed", "até 3 M USDC", 1e-17, 2.5)))
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


def test_verify_fails_on_a_changed_line_of_admissions(tmp_path: Path) -> None:
    path = write(certificate(), tmp_path / "c.json")
    Admissions(admissions_path(path), certificate().digest).append("m1", 5, {"drifted": 0.1}, 6)
    register = admissions_path(path)
    register.write_text(register.read_text(encoding="utf-8").replace("0.1", "0.2"), encoding="utf-8")
    assert "c.json.admissions.jsonl: line 1: " in said(RefusedError, lambda: verify_certificate(path, None))
