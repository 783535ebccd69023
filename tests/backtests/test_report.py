"""The report page: offline, safe against hostile names, and the same numbers as its JSON."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from backtests.fast import benchmarks, run_fast
from backtests.metrics import Metric, metrics, relative
from backtests.page import shown
from backtests.report import page_html, report_json, write_report
from backtests.run import TRADE_COLUMNS, Run
from bot.core.score import no_scores
from bot.errors import StorageError
from tests.backtests.markets import START, config_of, panel_of, run_of, settings_for, walk

HOSTILE = '</script><img src="http://example.com/x" onerror="x()">'
FACTS = {
    "title": "A made market",
    "real": "the policy",
    "replayed": [],
    "simulated": ["prices", HOSTILE],
    "params": {"strength": 1.0},
    "data_digest": "ab12",
    "digests": {"code": "cd34"},
}


def made() -> tuple[Run, list[Run]]:
    close = walk(60, 3)
    close[:20, 1] = np.nan
    panel = panel_of(close)
    config = config_of(3)
    settings, window = settings_for(config), (START, int(panel.times[-1]))
    run = run_fast(settings, config, panel, no_scores(60, 4), *window, label="mine")
    return run, list(benchmarks(settings, config, panel, *window))


class Page(HTMLParser):
    """What a browser would load, run and show."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.blocks: dict[str, str] = {}
        self.words: list[str] = []
        self._open: tuple[str, dict[str, str | None]] = ("", {})
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open = (tag, dict(attrs))
        self.tags.append(self._open)
        if tag == "script" and "type" not in dict(attrs):
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._open = ("", {})

    def handle_data(self, data: str) -> None:
        tag, attrs = self._open
        if tag == "script" and "type" not in attrs:
            self.scripts[-1] += data
        elif tag == "script":
            self.blocks[str(attrs["id"])] = self.blocks.get(str(attrs["id"]), "") + data
        elif tag != "style":
            self.words.append(data.strip())


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    run, rivals = made()
    path = tmp_path_factory.mktemp("report") / "report.html"
    notes = (HOSTILE,)
    write_report(replace(run, notes=notes, reasons=((START, HOSTILE), (START, HOSTILE))), rivals, FACTS, path)
    assert path.stat().st_size < 6_000_000
    return Page(path.read_text(encoding="utf-8"))


def test_page_loads_nothing_from_outside(page: Page) -> None:
    assert {tag for tag, _ in page.tags}.isdisjoint({"link", "img", "iframe", "object", "embed", "base", "form"})
    assert not any(name in attrs for _, attrs in page.tags for name in ("src", "href", "srcset", "onerror", "onclick"))
    policy = next(attrs["content"] for _, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy
    assert "unsafe-eval" not in policy


def test_policy_admits_just_the_two_scripts_of_the_page(page: Page) -> None:
    policy = next(attrs["content"] for _, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in page.scripts]
    assert re.findall(r"'sha256-([^']+)'", str(policy)) == digests
    assert len(digests) == 2


def test_hostile_names_are_text(page: Page) -> None:
    assert page.words.count(HOSTILE) == 3  # simulated, note, and the reason once for both of its times


def test_page_shows_the_numbers_of_every_run(page: Page) -> None:
    run, rivals = made()
    for each in (run, *rivals):
        found = metrics(each)
        for name in ("total_return", "sharpe", "fees_share", "final_equity"):
            assert shown(found[name], name) in page.words
    assert {"mine", "equal weight", "buy and hold"} <= set(page.words)
    assert {"the policy", "nothing stated", "Params: strength"} <= set(page.words)


def test_facts_that_are_digests_stand_under_digests(page: Page) -> None:
    heading = page.words.index("Digests")
    assert page.words.index("Settings and facts") < page.words.index("Params: strength") < heading
    assert heading < page.words.index("ab12")
    assert heading < page.words.index("cd34")


def test_chart_data_are_those_of_the_run(page: Page) -> None:
    run, rivals = made()
    drawn = json.loads(page.blocks["document"])["derived"]
    traces = drawn["traces"]
    assert [trace["name"] for trace in traces["equity"]] == ["mine", "equal weight", "buy and hold"]
    assert drawn["axes"]["at0"] == run.times.tolist()
    np.testing.assert_allclose(traces["equity"][0]["y"], run.equity, rtol=1e-6)
    np.testing.assert_allclose(sum(np.array(trace["y"]) for trace in traces["weights"]), 1.0, atol=1e-6)
    assert traces["weights"][-1]["name"] == "idle"
    paid = {trace["name"]: trace["y"][-1] for trace in traces["costs"]}
    assert set(paid) == {"gas", "pool fees", "price impact"}
    assert paid["pool fees"] + paid["price impact"] == pytest.approx(run.fees.sum())
    assert traces["equity"][2]["y"][-1] == pytest.approx(rivals[1].equity[-1])


def test_every_chart_has_its_place_on_the_page(page: Page) -> None:
    places = {attrs["id"] for tag, attrs in page.tags if tag == "div" and attrs.get("role") == "img"}
    traces = json.loads(page.blocks["document"])["derived"]["traces"]
    assert places == {name for name, lines in traces.items() if lines}


def test_the_certificates_stamp_heads_the_page_and_the_rest_stands_with_the_digests(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    stamp = {"stamp": ["valid until 2025-01-01", "made on synthetic data"], "granted": True, "digest": "ef56"}
    write_report(run_of([100.0]), [], {"certificate": stamp}, path)
    page = Page(path.read_text(encoding="utf-8"))
    assert page.words.index("made on synthetic data") < page.words.index("Total return")
    assert page.words.index("Digests") < page.words.index("ef56")
    assert [attrs["class"] for _, attrs in page.tags if "stamp" in str(attrs.get("class"))] == ["stamp granted"]
    write_report(run_of([100.0]), [], {"certificate": "none: deployed on the devnet alone"}, path)
    assert "none: deployed on the devnet alone" in Page(path.read_text(encoding="utf-8")).words


def test_the_same_run_gives_the_same_page(tmp_path: Path) -> None:
    run, rivals = made()
    pages = [page_html(run, rivals, FACTS) for _ in range(2)]
    assert pages[0] == pages[1]


def test_writes_page_numbers_and_trades_and_leaves_nothing_else(tmp_path: Path) -> None:
    run, rivals = made()
    for _ in range(2):  # over itself too
        written = write_report(run, rivals, FACTS, tmp_path / "mine.html", more={"deployments": 3})
    names = {"mine.html", "mine.json", "mine.trades.parquet"}
    assert {path.name for path in tmp_path.iterdir()} == names
    told = json.loads(written.numbers.read_text(encoding="utf-8"))
    assert (told["deployments"], told["digest"]) == (3, written.digest)
    assert written.digest in written.page.read_text(encoding="utf-8")
    assert told["relative"]["beta"] == {
        "value": relative(run, rivals[0])["beta"].value,
        "unit": "ratio",
        "note": "slope of cycle returns on those of equal weight",
    }


def test_trades_in_parquet_tell_their_units_and_are_those_of_the_run(tmp_path: Path) -> None:
    run, _ = made()
    table = pq.read_table(write_report(run, [], {}, tmp_path / "mine.html").trades)
    assert tuple(table.column_names) == TRADE_COLUMNS
    units = {field.name: field.metadata[b"unit"].decode() for field in table.schema}
    assert (units["money"], units["cost_bps"], units["price"]) == ("USDC", "bps", "USDC per token")
    assert table["money"].to_pylist() == run.trades["money"].tolist()
    assert table["score"].null_count == len(run.trades)
    assert table["time"][0].as_py().timestamp() == run.trades["time"].iloc[0]


@pytest.mark.parametrize("name", ["mine.json", "mine.v2", "mine"])
def test_a_page_of_any_name_is_not_written_over_by_its_numbers(tmp_path: Path, name: str) -> None:
    written = write_report(run_of([100.0, 101.0]), [], {}, tmp_path / name)
    assert {path.name for path in tmp_path.iterdir()} == {name, f"{name}.json", f"{name}.trades.parquet"}
    assert written.page.read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize("side", ["mine.json", "mine.trades.parquet", "mine.html"])
def test_a_file_that_cannot_be_written_is_named_and_no_half_of_it_is_left(tmp_path: Path, side: str) -> None:
    (tmp_path / side).mkdir()
    with pytest.raises(StorageError, match=f"{side}: the report cannot be written"):
        write_report(run_of([100.0, 101.0]), [], {}, tmp_path / "mine.html")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_refuses_an_extra_that_the_report_has_no_place_for(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no place for fold; known: folds, paths, heat"):
        write_report(run_of([100.0]), [], {}, tmp_path / "mine.html", {"fold": []})


def test_json_is_strict_and_holds_the_same_numbers() -> None:
    run, rivals = made()
    odd = {"path": Path("a"), "nan": float("nan"), "array": np.array([1.0, np.inf]), "big": 2**70, 3: np.int64(4)}
    text = json.dumps(report_json(run, rivals, odd), allow_nan=False)
    back = json.loads(text)
    assert back["facts"] == {"path": "a", "nan": None, "array": [1.0, None], "big": 2**70, "3": 4}
    assert back["metrics"]["sharpe"]["value"] == metrics(run)["sharpe"].value
    assert back["series"]["prices"][0][2] is None  # not listed yet
    assert back["trades"][0]["score"] is None
    assert len(back["trades"]) == len(run.trades)
    assert [each["label"] for each in back["benchmarks"]] == ["equal weight", "buy and hold"]
    assert sum(back["attribution"].values()) == pytest.approx(run.nav[-1] - run.nav[0])


def test_a_single_cycle_without_trades_benchmarks_or_facts_still_makes_a_page(tmp_path: Path) -> None:
    path = tmp_path / "small.html"
    write_report(run_of([100.0]), [], {}, path)
    words = Page(path.read_text(encoding="utf-8")).words
    assert "Nothing was traded." in words
    assert "made, fast rung" in words


@pytest.mark.parametrize(
    ("metric", "name", "text"),
    [
        (Metric(0.1234, "fraction"), "total_return", "+12.34 %"),
        (Metric(-0.5, "fraction"), "worst_day", "−50.00 %"),
        (Metric(-0.031, "fraction per cycle"), "value_at_risk", "−3.10 %"),
        (Metric(0.25, "fraction"), "max_drawdown", "25.00 %"),
        (Metric(1.239, "ratio"), "sharpe", "1.24"),
        (Metric(12_345.678, "USDC"), "fees", "12,345.68 USDC"),
        (Metric(31.24, "bps"), "cost_of_trading", "31.2 bps"),
        (Metric(7.0, "days"), "max_drawdown_duration", "7 days"),
        (Metric(1_234.0, "count"), "trades", "1,234"),
        (Metric(None, "ratio", "why"), "sharpe", "–"),
    ],
)
def test_numbers_are_shown_with_their_units(metric: Metric, name: str, text: str) -> None:
    assert shown(metric, name) == text


def test_says_in_one_line_when_the_page_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="the report cannot be written: No such file or directory"):
        write_report(run_of([100.0]), [], {}, tmp_path / "nowhere" / "report.html")
