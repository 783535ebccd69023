"""Each answer of the chain that a proof rests on, changed on its way: the check that rests on it fails, by name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak

from bot.chain.rpc import Rpc
from bot.provenance.bundle import Bundle, read_bundle
from bot.provenance.checks import FAILED, Check
from bot.provenance.onchain import on_chain
from tests.faults.rig import ALLOCATED
from tests.fork.test_evidence_on_fork import Told, told_run

pytestmark = pytest.mark.fork

Lie = Callable[[Any], Any]
OTHER = "12" * 20


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    yield from told_run(tmp_path_factory.mktemp("lies"))


def call_of(signature: str) -> Callable[[str, Any], bool]:
    """Whether a request is a call of that function."""
    selector = "0x" + keccak(text=signature)[:4].hex()
    return lambda method, params: method == "eth_call" and params[0]["data"].startswith(selector)


def logs_of(of_vault: bool) -> Callable[[str, Any], bool]:
    return lambda method, params: method == "eth_getLogs" and (params[0]["topics"][0] == ALLOCATED) == of_vault


def word(place: int, value: int) -> Lie:
    """That word of an answer, another number."""
    return lambda answer: answer[: 2 + 64 * place] + f"{value:064x}" + answer[2 + 64 * (place + 1) :]


def in_logs(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Lie:
    return lambda logs: [change(dict(log)) for log in logs]


def data(place: int, value: int) -> Lie:
    return in_logs(lambda log: log | {"data": word(place, value)(log["data"])})


def topic(place: int, value: str) -> Lie:
    return in_logs(lambda log: log | {"topics": [*log["topics"][:place], value, *log["topics"][place + 1 :]]})


def larger(log: dict[str, Any]) -> dict[str, Any]:
    """Of an entry, more than anybody permitted; an exit as it was."""
    entry = int(log["data"][2:66], 16)
    return log | {"data": word(1, 10**30)(log["data"])} if entry else log


REGISTRY, VAULT = logs_of(False), logs_of(True)
LIES: dict[str, tuple[Callable[[str, Any], bool], Lie, str, str]] = {
    "code": (lambda m, p: m == "eth_getCode", lambda code: code[:-2] + "ff", "registry", "its code at "),
    "no code": (lambda m, p: m == "eth_getCode", lambda code: "0x", "registry", "no contract at the registry's"),
    "another registry": (call_of("decisions()"), word(0, int(OTHER, 16)), "registry", f"the vault relies on 0x{OTHER}"),
    "never anchored": (call_of("anchoredAt(address,bytes32)"), word(0, 0), "anchored", "was never anchored by"),
    "another block": (call_of("anchoredAt(address,bytes32)"), word(0, 3), "anchored", "the registry says block 3"),
    "an event of another root": (REGISTRY, topic(3, "0x" + "ab" * 32), "anchored", "no event there speaks of the root"),
    "no event": (REGISTRY, lambda logs: [], "anchored", "no event there speaks of the root"),
    "another count": (REGISTRY, data(1, 7), "universe", "leaf_count: 7 anchored, 6 told"),
    "another universe": (REGISTRY, data(2, 7), "universe", "universe: 0x"),
    "a venue without a leaf": (
        call_of("venueList()"),
        lambda answer: answer[:66] + f"{7:064x}" + answer[130:] + OTHER.rjust(64, "0"),
        "universe",
        f"the vault listed 0x{OTHER} then, and no leaf speaks of it",
    ),
    "another head": (REGISTRY, data(0, 7), "head", "does not follow from the one before it"),
    "another number": (REGISTRY, topic(2, f"0x{99:064x}"), "head", "anchor 99 does not follow"),
    "a gap before": (call_of("head(address)"), word(1, 50), "head", "does not follow from the one before it"),
    "another anchorer": (call_of("anchorer()"), word(0, int(OTHER, 16)), "anchorer", f"anchorer was 0x{OTHER}"),
    "a keeper": (call_of("hasRole(bytes32,address)"), word(0, 1), "anchorer", "is a keeper of the vault too"),
    "more than permitted": (VAULT, in_logs(larger), "executed", f"{10**30} entered, "),
    "a venue that had no leaf": (VAULT, topic(2, "0x" + OTHER.rjust(64, "0")), "executed", "entered without a leaf"),
    "another call": (VAULT, topic(1, f"0x{99:064x}"), "executed", "done as the vault's call 99, told "),
    "too early": (call_of("limits()"), word(9, 50), "executed", "50 are asked for"),
    "a call that is refused": (call_of("venueList()"), lambda answer: Reverts, "universe", "the call was refused"),
}  # fmt: skip


class Reverts:
    """Instead of an answer."""


async def _asked(url: str, bundle: Bundle) -> tuple[Check, ...]:
    async with await Rpc.connect(url) as rpc:
        return await on_chain(rpc, bundle.decision)


def checks_of(
    told: Told, monkeypatch: pytest.MonkeyPatch, about: Callable[[str, Any], bool], lie: Lie
) -> dict[str, Check]:
    whole, lied = Rpc.request, []

    async def request(self: Rpc, method: str, params: Any = (), timeout: float = 10.0) -> Any:
        from bot.errors import Reverted

        answer = await whole(self, method, params, timeout)
        if not about(method, params):
            return answer
        lied.append(method)
        changed = lie(answer)
        if changed is Reverts:
            raise Reverted("no")
        return changed

    monkeypatch.setattr(Rpc, "request", request)
    checks = asyncio.run(_asked(told.chain.description["rpc_url"], read_bundle(told.bundle)))
    assert lied, "nobody asked"
    return {check.name: check for check in checks}


@pytest.mark.parametrize("name", LIES)
def test_what_the_chain_says_otherwise_is_named(told: Told, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    about, lie, where, said = LIES[name]
    checks = checks_of(told, monkeypatch, about, lie)
    failed = [check.name for check in checks.values() if check.state == FAILED]
    assert where in failed, checks
    assert set(failed) <= {where, "head"}, "what is changed in an anchor's event does not follow from the one before"
    assert said in checks[where].says
    assert "\n" not in checks[where].says


def test_a_call_that_the_anchorer_sent_itself_is_named(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    anchorer = told.chain.description["anchorer"]
    about = lambda method, params: method == "eth_getTransactionByHash"  # noqa: E731
    checks = checks_of(told, monkeypatch, about, lambda sent: {**sent, "from": anchorer})
    assert checks["executed"].state == FAILED
    assert checks["executed"].says == f"the call came from the anchorer itself, {anchorer.lower()}"


def test_a_decision_that_was_not_carried_out_is_no_failure(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = checks_of(told, monkeypatch, VAULT, lambda logs: [])
    assert checks["executed"].state == "ok"
    assert checks["executed"].says.startswith("nothing was carried out under it; it ")


@pytest.mark.parametrize("harm", [lambda answer: None, lambda answer: {}, lambda answer: "0x"])
@pytest.mark.parametrize(
    "method", ["eth_getLogs", "eth_getBlockByNumber", "eth_getTransactionByHash", "eth_blockNumber"]
)
def test_answers_of_no_shape_prove_nothing(told: Told, monkeypatch: pytest.MonkeyPatch, method: str, harm: Lie) -> None:
    checks = checks_of(told, monkeypatch, lambda asked, params: asked == method, harm)
    assert any(check.state != "ok" for check in checks.values())


def test_the_evidence_is_of_a_run_that_still_stands(told: Told) -> None:
    assert Path(told.bundle).is_file()
    assert told.chain.anchored(told.root) > 0
