"""Chains, nodes and chain tools that are missing, wrong or dying: one line, the right exit code, nothing lost."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certified import certify
from tests.faults.inside import call
from tests.faults.rig import Chain, Ledger, devnet_up, running
from tests.faults.test_sigkill import FIRST_DAY, STRATEGY

Capture = pytest.CaptureFixture[str]
POOL = "0x88e6A0c2dDD26FEEb64F039a2c41296FcB3f5640"
ON_ETHEREUM = f"""\
chain: ethereum
capital: 1000 USDC
every: 6h
bar: 1h
strategy: {{name: equal_weight}}
venues:
  pool-1: {{kind: uniswap_v3_hold, asset: POOL-1, fee: 5 bps, pool: "{POOL}"}}
"""


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No node and no tools but the ones that a test names."""
    for name in ("ETH_RPC_URL", "PATRON_CONTRACTS", "ANVIL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def strategy(tmp_path: Path) -> Path:
    file = tmp_path / "strategy.yaml"
    file.write_text(STRATEGY, encoding="utf-8")
    return file


@pytest.fixture
def on_ethereum(tmp_path: Path) -> Path:
    file = tmp_path / "ethereum.yaml"
    file.write_text(ON_ETHEREUM, encoding="utf-8")
    return file


@pytest.fixture
def web_server() -> Iterator[str]:
    """Something that answers HTTP and is no node."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>welcome</html>")

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_chain_needs_a_node(on_ethereum: Path, capsys: Capture) -> None:
    for verb in (("check",), ("run", "--once", "--mode", "fork")):
        told = call(capsys, verb[0], on_ethereum, *verb[1:]).error(2)
        assert told == f"{on_ethereum}: chain: ethereum needs a node: set ETH_RPC_URL"


VERBS = [("check",), ("run", "--once", "--mode", "fork"), ("run", "--once", "--mode", "paper")]


@pytest.mark.parametrize("verb", VERBS)
def test_a_node_that_is_down_is_named_without_its_key(
    on_ethereum: Path,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    unused_tcp_port: int,
    verb: tuple[str, ...],
) -> None:
    certify(on_ethereum)
    monkeypatch.setenv("ETH_RPC_URL", f"http://user:s3cret@127.0.0.1:{unused_tcp_port}/v2/s3cret")
    ended = call(capsys, verb[0], on_ethereum, *verb[1:])
    assert ended.error(4) == f"127.0.0.1:{unused_tcp_port}: nobody answers"
    assert "s3cret" not in ended.out
    for file in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert b"s3cret" not in file.read_bytes(), file.name


def test_a_web_page_is_no_node(
    on_ethereum: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, web_server: str
) -> None:
    monkeypatch.setenv("ETH_RPC_URL", web_server)
    assert web_server.removeprefix("http://") in call(capsys, "check", on_ethereum).error(4)


@pytest.mark.parametrize("url", ["not a url", "ftp://127.0.0.1/x", "127.0.0.1:8545"])
def test_what_is_no_address_of_a_node_is_one_line(
    on_ethereum: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("ETH_RPC_URL", url)
    call(capsys, "check", on_ethereum).error(4)


def test_missing_chain_tools_say_how_to_get_them(
    strategy: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATRON_CONTRACTS", str(tmp_path / "contracts"))
    (tmp_path / "contracts").mkdir()
    run = ("run", strategy, "--uncertified", "--synthetic", 7, "--cycles", 1, "--data-dir", tmp_path / "run")
    for arguments in (("check", strategy), run):
        assert call(capsys, *arguments).error(4).endswith("is missing: run `make setup`")


def test_an_anvil_that_is_not_there_or_cannot_run_is_named(
    strategy: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ("run", strategy, "--uncertified", "--synthetic", 7, "--cycles", 1, "--data-dir", tmp_path / "run")
    monkeypatch.setenv("ANVIL", "/nowhere/anvil")
    assert call(capsys, *run).error(4) == "ANVIL names no file: /nowhere/anvil"
    broken = tmp_path / "anvil"
    broken.write_text("#!/bin/sh\necho 'error: out of luck' >&2\nexit 3\n", encoding="utf-8")
    broken.chmod(0o755)
    monkeypatch.setenv("ANVIL", str(broken))
    assert "out of luck" in call(capsys, *run).error(4)


def test_a_devnet_that_is_not_there_is_one_line(strategy: Path, tmp_path: Path, capsys: Capture) -> None:
    run = ("run", strategy, "--uncertified", "--synthetic", 7, "--data-dir", tmp_path / "run")
    assert "no devnet is described there" in call(capsys, *run, "--devnet", tmp_path / "devnet.json").error(4)


@pytest.mark.fork
def test_the_ledger_of_another_chain_is_refused_and_kept(strategy: Path, tmp_path: Path, capsys: Capture) -> None:
    run = ("run", strategy, "--uncertified", "--synthetic", 7, "--data-dir", tmp_path / "run", "--to", FIRST_DAY)
    assert call(capsys, *run, "--mode", "paper").code == 0
    ledger = Ledger(tmp_path / "run" / "ledger.sqlite")
    before = ledger.balances()
    assert "is about another chain" in call(capsys, *run, "--mode", "fork").error(4)
    assert ledger.balances() == before


@pytest.mark.fork
def test_a_chain_that_dies_makes_failed_cycles_and_no_traceback(strategy: Path, tmp_path: Path) -> None:
    """By the wall's clock the daemon goes on, tells each failure, and ends when asked to."""
    text = STRATEGY.replace("every: 1d", "every: 1s").replace("bar: 1d", "bar: 1h")
    strategy.write_text(text, encoding="utf-8")
    folder, log = tmp_path / "run", tmp_path / "run.log"
    ledger = Ledger(folder / "ledger.sqlite")
    with contextlib.ExitStack() as chain:
        described = chain.enter_context(devnet_up(strategy, tmp_path / "devnet"))
        run = ("run", strategy, "--uncertified", "--devnet", described, "--data-dir", folder)
        with running(*run, cwd=tmp_path, log=log) as daemon:
            daemon.until(lambda: len(ledger.reports()) >= 2)
            chain.close()
            daemon.until(lambda: daemon.text.count("failed: ") >= 2)
            daemon.process.terminate()
            assert daemon.ended(30.0) == 143, daemon.text[-3_000:]
    text = log.read_text(encoding="utf-8")
    assert "Traceback" not in text
    assert "nobody answers" in text
    assert ledger.intact()
    outcomes = [report["outcome"] for _, report in sorted(ledger.reports().items())]
    assert outcomes[:2] == ["deployed", "deployed"]
    assert outcomes[-2:] == ["failed", "failed"]
    assert (folder / "report.html").exists()


@pytest.mark.fork
@pytest.mark.parametrize("what", ["vault", "decisions", "adapter"])
def test_contracts_that_are_not_of_this_build_are_refused(
    strategy: Path, tmp_path: Path, capsys: Capture, what: str
) -> None:
    """One changed byte, and no run and no comparison touches them."""
    with devnet_up(strategy, tmp_path / "devnet") as described:
        chain = Chain.at(described)
        first = chain.description["universe"]["venues"][1]
        address = first["adapter"] if what == "adapter" else chain.description[what]
        told = {"vault": "vault", "decisions": "decision registry", "adapter": f"{first['id']}'s adapter"}[what]
        code = chain.ask("eth_getCode", address, "latest")
        chain.ask("anvil_setCode", address, code[:-2] + ("00" if code[-2:] != "00" else "01"))
        run = ("run", strategy, "--uncertified", "--devnet", described, "--data-dir", tmp_path / "run", "--once")
        for arguments in (run, ("ledger", "reconcile", "--data-dir", tmp_path / "devnet")):
            said = call(capsys, *arguments).error(4)
            assert said.startswith(f"{told} at {address}: its code is 0x")
            assert ", expected 0x" in said
        assert not (tmp_path / "run" / "ledger.sqlite").exists()
        chain.ask("anvil_setCode", address, code)
        assert call(capsys, *run).code == 0
