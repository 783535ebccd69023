"""A run deploys on the fork; a stranger with one file and the node's address finds out whether it is true."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bot.provenance.bundle import Bundle, read_bundle, write_bundle
from tests.faults.inside import Ended, call
from tests.faults.rig import Chain, devnet_up, patron
from tests.provenance.made import SHIPPED, remade, with_leaves

pytestmark = pytest.mark.fork

MARKET = ("--synthetic", 7, "--strength", 1)


@dataclass(frozen=True, slots=True)
class Told:
    """A run of some cycles against a devnet that still runs, and the evidence of its newest decision that entered."""

    chain: Chain
    run: Path
    bundle: Path
    root: str


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    yield from told_run(tmp_path_factory.mktemp("evidence"))


def told_run(folder: Path) -> Iterator[Told]:
    """A devnet in a process of its own, a run of four cycles on it, and its evidence; the devnet ends with this."""
    file = folder / "mine.yaml"
    file.write_text(SHIPPED.read_text(encoding="utf-8"), encoding="utf-8")
    with devnet_up(file, folder / "chain", "--synthetic", 7) as described:
        books = folder / "books"
        ran = patron(
            "run", file, "--mode", "fork", *MARKET, "--devnet", described, "--uncertified",
            "--cycles", 4, "--data-dir", books, "--json", cwd=folder,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        chain = Chain.at(described)
        entered = [root for root in chain.decisions() if (books / "decisions" / f"{root}.json").exists()]
        assert entered, "the run must have entered something"
        out = folder / "evidence.zip"
        exported = patron("ledger", "evidence", entered[-1], "--out", out, "--data-dir", books, cwd=folder)
        assert exported.returncode == 0, exported.stderr
        yield Told(chain, books, out, entered[-1])


@pytest.fixture
def verify(told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """The command in an empty folder, with the bundle alone; its checks by name, and its exit code."""
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    monkeypatch.delenv("ETH_RPC_URL", raising=False)

    def verify(bundle: Path = told.bundle, root: str = told.root, **options: str) -> tuple[dict[str, Any], int]:
        asked = {"rpc": told.chain.description["rpc_url"], **options}
        given = [word for name, value in asked.items() if value for word in (f"--{name}", value)]
        ended: Ended = call(capsys, "verify", root, "--bundle", bundle, *given, "--json")
        checks = {check["name"]: check for check in json.loads(ended.out)["checks"]}
        assert not list(empty.iterdir()), "nothing is written where it is verified"
        return checks, ended.code

    return verify


def forged(told: Told, tmp_path: Path, make: Any) -> Path:
    """Another bundle, whole in itself, as a forger would make it from the true one."""
    path = tmp_path / "forged.zip"
    made: Bundle = make(read_bundle(told.bundle))
    write_bundle(made, path)
    return path


def failed(checks: dict[str, Any]) -> dict[str, str]:
    return {name: check["says"] for name, check in checks.items() if check["state"] == "failed"}


def test_what_became_of_it_is_told_once_it_is_known(verify: Any, told: Told) -> None:
    decision = read_bundle(told.bundle).decision
    checks, _ = verify()
    assert checks["outcome"]["says"].startswith("not known before 2024-")
    state = told.chain.ask("evm_snapshot")
    try:
        told.chain.ask("evm_mine", {"timestamp": hex(decision.plan.time + 30 * 86_400)})
        checks, code = verify()
    finally:
        told.chain.ask("evm_revert", state)
    venues = len(decision.leaves)
    said = checks["outcome"]["says"]
    # Nothing was traded but by the run itself, so prices stand all but still: within every interval.
    assert said.startswith(f"{venues} of {venues} returns lay within their intervals of 80% at 2024-"), said
    assert code == 0


def test_a_stranger_with_the_file_and_a_node_can_prove_it_all(verify: Any, told: Told) -> None:
    checks, code = verify()
    assert checks.pop("outcome")["state"] == "told"
    assert {name: check["state"] for name, check in checks.items()} == dict.fromkeys(
        ("bundle", "decision", "inputs", "recipe", "forecasts", "targets", "chain", "registry", "anchored", "universe",
         "head", "anchorer", "executed"), "ok",
    ), checks  # fmt: skip
    assert code == 0
    assert "entered" in checks["executed"]["says"]
    assert f"{len(read_bundle(told.bundle).decision.leaves)} venues the same to the bit" in checks["forecasts"]["says"]


def test_it_is_said_on_a_terminal_too(told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    url = told.chain.description["rpc_url"]
    ended = call(capsys, "verify", f"0x{told.root[:12]}", "--bundle", told.bundle, "--rpc", url)
    assert ended.code == 0
    assert ended.out.splitlines()[-1] == "holds: forecast, anchored and carried out as told"


def test_without_a_node_nothing_of_the_chain_is_proved_and_nothing_failed(verify: Any) -> None:
    checks, code = verify(rpc="")
    assert code == 1
    assert not failed(checks)
    assert {name for name, check in checks.items() if check["state"] == "unknown"} == {
        name for name, check in checks.items() if check["chain"]
    }
    assert checks["forecasts"]["state"] == "ok"


def test_a_node_that_does_not_answer_leaves_it_open(verify: Any) -> None:
    checks, code = verify(rpc="http://127.0.0.1:1/with-a-key")
    assert code == 1
    assert not failed(checks)
    assert checks["anchored"]["says"] == "127.0.0.1:1: nobody answers"


def test_a_forecast_that_was_made_up_later_was_never_anchored(verify: Any, told: Told, tmp_path: Path) -> None:
    path = forged(told, tmp_path, lambda bundle: remade(bundle, 0, expected=0.5))
    root = read_bundle(path).decision.root.hex()
    checks, code = verify(path)
    assert failed(checks).keys() == {"decision", "forecasts", "anchored"}
    assert code == 9
    checks, code = verify(path, root)
    assert failed(checks)["anchored"].startswith(f"0x{root} was never anchored by ")
    assert "expected of artist-coin: 0.5, made again " in failed(checks)["forecasts"]


def test_a_leaf_that_is_left_out_is_missed(verify: Any, told: Told, tmp_path: Path) -> None:
    def shorter(bundle: Bundle) -> Bundle:
        leaves = [leaf for leaf in bundle.decision.leaves if leaf.entry]
        decision = bundle.decision
        weights = (decision.plan.weights[0], *(leaf.forecast.weight for leaf in leaves))
        plan = replace(decision.plan, weights=weights)
        told_of = [replace(leaf, forecast=replace(leaf.forecast, plan=plan.id)) for leaf in leaves]
        return replace(bundle, decision=with_leaves(replace(decision, plan=plan), told_of))

    path = forged(told, tmp_path, shorter)
    checks, code = verify(path, read_bundle(path).decision.root.hex())
    assert failed(checks).keys() >= {"inputs", "anchored"}
    assert code == 9


@pytest.mark.parametrize(
    ("field", "check"),
    [("registry", "registry"), ("vault", "registry"), ("anchorer", "anchored"), ("chain_id", "chain")],
)
def test_another_place_than_that_of_the_anchor_is_named(
    verify: Any, told: Told, tmp_path: Path, field: str, check: str
) -> None:
    def elsewhere(bundle: Bundle) -> Bundle:
        other = 1 if field == "chain_id" else "0x" + "12" * 20
        return replace(
            bundle, decision=replace(bundle.decision, place=replace(bundle.decision.place, **{field: other}))
        )

    path = forged(told, tmp_path, elsewhere)
    checks, code = verify(path, read_bundle(path).decision.root.hex())
    assert check in failed(checks)
    assert code == 4


def test_code_of_somebody_else_at_the_registry_is_named(verify: Any, told: Told) -> None:
    ask, registry = told.chain.ask, told.chain.description["decisions"]
    code = ask("eth_getCode", registry, "latest")
    ask("anvil_setCode", registry, code[:-2] + ("00" if code[-2:] != "00" else "01"))
    try:
        checks, exit_code = verify()
    finally:
        ask("anvil_setCode", registry, code)
    assert failed(checks).keys() == {"registry"}
    assert "this build's is 0x" in failed(checks)["registry"]
    assert exit_code == 4


def test_a_node_without_old_states_leaves_what_needs_them_open(
    verify: Any, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bot.chain.rpc import Rpc
    from bot.errors import ChainError

    whole = Rpc.request

    async def pruned(self: Rpc, method: str, params: Any = (), timeout: float = 10.0) -> Any:
        if method == "eth_call" and params[1] != "latest":
            raise ChainError("missing trie node")
        return await whole(self, method, params, timeout)

    monkeypatch.setattr(Rpc, "request", pruned)
    checks, code = verify()
    assert {name for name, check in checks.items() if check["state"] == "unknown"} == {"universe", "head", "anchorer"}
    assert code == 1
