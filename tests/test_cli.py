"""The command line: every verb answers, for people and for machines, and names the next one to try."""

from __future__ import annotations

import json
import signal
import sqlite3
from pathlib import Path

import pytest

from bot import __version__
from tests.faults.inside import call
from tests.faults.rig import Chain, Ledger, devnet_up, judge, running
from tests.faults.test_sigkill import FIRST_DAY, STRATEGY

Capture = pytest.CaptureFixture[str]
VERBS = ["init", "check", "backtest", "run", "status", "schema"]
NOUNS = {
    "data": ["import", "list", "check"],
    "ledger": ["positions", "intents", "reconcile"],
    "devnet": ["up"],
}


@pytest.fixture
def strategy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "strategy.yaml"
    file.write_text(STRATEGY, encoding="utf-8")
    return file


@pytest.fixture
def by_the_wall(strategy: Path) -> Path:
    """The same, with a cycle each second."""
    text = STRATEGY.replace("every: 1d", "every: 1s").replace("bar: 1d", "bar: 1h\nwake_on: [signal, breaker]")
    strategy.write_text(text, encoding="utf-8")
    return strategy


def test_every_verb_has_help(capsys: Capture) -> None:
    for verb in [*VERBS, *NOUNS]:
        assert verb in call(capsys, "--help").out
        assert call(capsys, verb, "--help").code == 0
    for noun, verbs in NOUNS.items():
        for verb in verbs:
            assert "Usage: " in call(capsys, noun, verb, "--help").out


def test_the_version_is_told(capsys: Capture) -> None:
    assert call(capsys, "--version").out == f"patron {__version__}\n"


def test_an_unknown_verb_is_one_line(capsys: Capture) -> None:
    assert "No such command 'ran'" in call(capsys, "ran").error(2)


def test_no_verb_shows_the_help_and_nothing_else(capsys: Capture) -> None:
    for noun in ((), ("data",)):
        told = call(capsys, *noun)
        assert (told.code, told.err) == (2, "")
        assert "Usage: " in told.out


def test_the_schema_goes_to_a_file_or_to_standard_output(capsys: Capture, tmp_path: Path) -> None:
    shown = call(capsys, "schema").out
    assert json.loads(shown)["title"] == "Patron strategy file"
    assert call(capsys, "schema", tmp_path / "s.json").out == f"wrote {tmp_path / 's.json'}\n"
    assert (tmp_path / "s.json").read_text(encoding="utf-8") == shown
    assert call(capsys, "schema", "--reference").out.startswith("# Strategy files\n")


def test_check_answers_people_and_machines(capsys: Capture, strategy: Path) -> None:
    told = call(capsys, "check", strategy)
    assert told.out.startswith(f"ok: {strategy}: strategy reversal, 3 venues, capital 100,000 USDC\n")
    assert "try next: patron backtest" in told.out
    facts = json.loads(call(capsys, "check", strategy, "--json").out)
    assert (facts["ok"], facts["strategy"], facts["chain"]) == (True, "reversal", "devnet")


@pytest.mark.parametrize("rung", ["fast", "replay"])
def test_backtest_answers_people_and_machines(capsys: Capture, strategy: Path, rung: str) -> None:
    options = ("--synthetic", 7, "--to", "2024-07-20", "--rung", rung)
    report = strategy.parent / "report.html"
    told = call(capsys, "backtest", strategy, *options, "--report", report)
    assert told.code == 0, told.err
    assert "total return" in told.out
    assert "try next: patron certify" in told.out
    assert "<html" in report.read_text(encoding="utf-8")[:200]
    facts = json.loads(call(capsys, "backtest", strategy, *options, "--json").out)
    assert len(facts["benchmarks"]) >= 1


def test_a_backtest_without_data_says_what_is_missing(capsys: Capture, strategy: Path) -> None:
    said = call(capsys, "backtest", strategy).error(2)
    assert said.startswith("backtest needs data: --data DIR for recorded data, or --synthetic SEED")
    assert "rung" in call(capsys, "backtest", strategy, "--synthetic", 7, "--rung", "slow").error(2)


def test_a_report_is_a_page_and_strength_belongs_to_a_generated_market(capsys: Capture, strategy: Path) -> None:
    page = strategy.parent / "report.json"
    said = call(capsys, "backtest", strategy, "--synthetic", 7, "--report", page).error(2)
    assert said.startswith("--report: expected a name that ends in .html (got ")
    assert not page.exists()
    data = ("backtest", strategy, "--data", strategy.parent)
    assert "recorded data has its own" in call(capsys, *data, "--strength", 2).error(2)
    assert "recorded data and --synthetic contradict" in call(capsys, *data, "--synthetic", 2).error(2)


def test_the_next_command_keeps_the_window_and_the_market(capsys: Capture, strategy: Path) -> None:
    options = ("--synthetic", 7, "--strength", 1, "--to", "2024-07-20", "--rung", "fast")
    told = call(capsys, "backtest", strategy, *options)
    again = f"{strategy} --synthetic 7 --strength 1 --to 2024-07-20"
    assert f"try next: patron certify {again}\n" in told.out
    assert f"patron backtest {again} --rung replay\n" in told.out


def test_a_paper_run_is_told_kept_and_reported(capsys: Capture, strategy: Path) -> None:
    run = ("run", strategy, "--mode", "paper", "--synthetic", 7, "--cycles", 3)
    told = call(capsys, *run, "--json")
    assert told.code == 0, told.err
    facts = json.loads(told.out)
    assert (facts["mode"], facts["cycles"], facts["deployments"]) == ("paper", 3, 3)
    folder = Path(facts["run"])
    assert folder.parent == Path("runs")
    assert (folder / "report.html").exists()
    assert json.loads((folder / "report.json").read_text(encoding="utf-8"))["deployments"] == 3
    # The newest run is found without being named.
    status = json.loads(call(capsys, "status", "--json").out)
    assert status["last_cycle"]["cycle"] == 3
    for verb in (("status",), ("ledger", "positions"), ("ledger", "intents")):
        shown = call(capsys, *verb)
        assert shown.code == 0, shown.err
        assert shown.out
        json.loads(call(capsys, *verb, "--json").out)
    positions = call(capsys, "ledger", "positions", "--data-dir", folder).out
    assert "music-coin" in positions


def test_a_run_says_first_what_is_real(capsys: Capture, strategy: Path) -> None:
    told = call(capsys, "run", strategy, "--mode", "paper", "--synthetic", 7, "--cycles", 1).out
    assert told.startswith("mode paper: ")
    for word in ("real", "replayed", "simulated"):
        assert word in told.partition("paper ledger in")[0]
    assert "try next:" in told


def test_a_run_goes_on_where_it_ended(capsys: Capture, strategy: Path) -> None:
    folder = strategy.parent / "run"
    run = ("run", strategy, "--mode", "paper", "--synthetic", 7, "--data-dir", folder)
    assert call(capsys, *run, "--cycles", 2).code == 0
    assert call(capsys, *run, "--cycles", 2).code == 0
    assert sorted(Ledger(folder / "ledger.sqlite").reports()) == [1, 2, 3, 4]


def test_without_a_run_the_readers_say_how_to_make_one(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for verb in (("status",), ("ledger", "positions"), ("ledger", "intents"), ("ledger", "reconcile")):
        assert call(capsys, *verb).error(2) == "no run yet: `patron run CONFIG` makes one"
        assert "nowhere is not a folder" in call(capsys, *verb, "--data-dir", "nowhere").error(2)
        (tmp_path / "empty").mkdir(exist_ok=True)
        assert call(capsys, *verb, "--data-dir", "empty").code in (2, 4)


@pytest.mark.fork
def test_reconcile_compares_the_books_with_a_running_chain(capsys: Capture, strategy: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    ledger = Ledger(folder / "ledger.sqlite")
    with devnet_up(strategy, tmp_path / "devnet", "--synthetic", 7) as described:
        run = ("run", strategy, "--synthetic", 7, "--to", FIRST_DAY, "--devnet", described, "--data-dir", folder)
        run += ("--uncertified",)
        assert call(capsys, *run).code == 0
        judge(Chain.at(described), ledger, [1])
        reconcile = ("ledger", "reconcile", "--devnet", described, "--data-dir", folder)
        equal = call(capsys, *reconcile, "--json")
        assert json.loads(equal.out)["ok"] is True
        with sqlite3.connect(ledger.path) as connection:
            chosen = "SELECT id, amount FROM postings WHERE intent_id IS NOT NULL AND account = 'idle'"
            line, amount = connection.execute(chosen).fetchone()
            connection.execute("UPDATE postings SET amount = ? WHERE id = ?", (str(int(amount) + 1), line))
        connection.close()
        told = call(capsys, *reconcile).error(7)
        assert "idle of 0x" in told
        assert "(1 less)" in told
        # A daemon sees it before it does anything, and halts.
        assert "ledger and chain differ" in call(capsys, *run).error(7)
        assert len(Chain.at(described).decisions()) == 1


@pytest.mark.fork
@pytest.mark.parametrize("mode", ["paper", "fork"])
def test_cycles_by_the_wall_end_gracefully_when_asked_to(by_the_wall: Path, tmp_path: Path, mode: str) -> None:
    folder = tmp_path / "run"
    ledger = Ledger(folder / "ledger.sqlite")
    run = ("run", by_the_wall, "--mode", mode, "--uncertified", "--data-dir", folder)
    with running(*run, cwd=tmp_path, log=tmp_path / "log") as daemon:
        daemon.until(lambda: len(ledger.reports()) >= 4)
        daemon.process.terminate()
        assert daemon.ended(30.0) == 143, daemon.text[-3_000:]
    assert "Traceback" not in daemon.text
    assert "try next:" in daemon.text
    reports = ledger.reports()
    assert sorted(reports) == list(range(1, len(reports) + 1))
    times = [report["at"] for _, report in sorted(reports.items())]
    assert times == sorted(set(times)), "each cycle sees a block of its own"
    assert "deployed" in {report["outcome"] for report in reports.values()}
    assert ledger.rows("SELECT 1 FROM intents WHERE state = 'open'") == []
    document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert document["cycles"] == len(reports)
    assert (folder / "report.html").exists()


def test_an_interrupt_ends_with_its_own_code(by_the_wall: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    ledger = Ledger(folder / "ledger.sqlite")
    run = ("run", by_the_wall, "--mode", "paper", "--data-dir", folder)
    with running(*run, cwd=tmp_path, log=tmp_path / "log") as daemon:
        daemon.until(lambda: len(ledger.reports()) >= 1)
        daemon.process.send_signal(signal.SIGINT)
        assert daemon.ended(30.0) == 130, daemon.text[-3_000:]
    assert "Traceback" not in daemon.text


@pytest.mark.fork
def test_a_devnet_ends_when_asked_to_and_takes_its_nodes_along(strategy: Path, tmp_path: Path) -> None:
    with devnet_up(strategy, tmp_path / "devnet", "--synthetic", 7) as described:
        chain = Chain.at(described)
        assert chain.call(chain.description["vault"], "nonce()") == 0
    with pytest.raises(OSError, match=r"refused|reset"):
        chain.ask("eth_chainId")
