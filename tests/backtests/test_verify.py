"""`patron verify`: a page that was changed is found, and so is one that was sealed again where its numbers disagree."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests import verify
from backtests.fast import benchmarks, run_fast
from backtests.report import Written, page_html, report_json, write_report
from backtests.report_parts.drawing import page_of
from backtests.report_parts.seal import DIGEST, PARTS, sealed
from backtests.run import Run
from backtests.verify import DOCUMENT, OTHER_VERSION, SAME_PAGE, verify_report
from bot.core.score import no_scores
from bot.core.strict_json import digest_of
from bot.errors import DataError
from tests.backtests.markets import START, config_of, panel_of, run_of, settings_for, walk, wanted

FACTS = {"title": "A made market", "real": "the policy", "capital": "100000", "digests": {"data": "ab12cd34"}}
ROWS = 30


def made(seed: int = 3) -> tuple[Run, list[Run]]:
    panel = panel_of(walk(ROWS, 3, seed))
    config = config_of(3)
    window = START, int(panel.times[-1])
    given_weights = settings_for(config, wanted(panel))
    run = run_fast(given_weights, config, panel, no_scores(ROWS, 4), *window, label="mine")
    return replace(run, reasons=((START, "v1: too dear"),)), list(
        benchmarks(settings_for(config), config, panel, *window)
    )


@pytest.fixture(scope="module")
def page() -> str:
    return page_html(*made(), FACTS)


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return write_report(*made(), FACTS, tmp_path / "mine.html")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def seen(page: str) -> list[int]:
    places = visible_digits(page)
    assert len(places) > 1_000
    return places


@pytest.fixture(scope="module")
def every(page: str) -> list[int]:
    return [found.start() for found in re.finditer(r"[0-9]", page)]


def visible_digits(text: str) -> list[int]:
    """Where digits stand that a reader sees: text between tags, outside of scripts and styles."""
    body = text.index("<body>")
    hidden = [found.span() for found in re.finditer(r"<(script|style)\b.*?</\1>", text, re.DOTALL)]
    places = []
    for words in re.finditer(r">([^<]+)<", text):
        if words.start() > body and not any(start <= words.start() < end - 1 for start, end in hidden):
            places += [words.start(1) + at for at, letter in enumerate(words[1]) if letter.isdigit()]
    return places


def changed(text: str, place: int, step: int) -> str:
    return f"{text[:place]}{(int(text[place]) + step) % 10}{text[place + 1 :]}"


def sealed_again(text: str) -> str:
    """What someone does who changes a page and knows how it is sealed."""
    blank = PARTS.sub(lambda found: found[1] + found[3], DIGEST.sub(lambda found: found[1] + found[3], text))
    return sealed(blank)


def forged(text: str, forge: Callable[[dict[str, Any]], None]) -> str:
    """The page of changed numbers, drawn and sealed as an honest one is."""
    document = json.loads(DOCUMENT.findall(text)[0])
    forge(document)
    return page_of(document)


def verified(folder: Path, text: str) -> list[str]:
    path = folder / "page.html"
    path.write_text(text, encoding="utf-8")
    return verify_report(path)


def test_an_untouched_report_holds_and_says_what_that_means(written: Written) -> None:
    lines = verify_report(written.page)
    assert lines[0].startswith("whole: the page is the one that was sealed, SHA-256 ")
    assert lines[1].startswith("numbers: 105 metrics of 3 runs over 30 cycles and ")
    assert lines[1].endswith(written.digest)
    assert lines[2] == f"drawing: {SAME_PAGE}"
    assert [line.split(" ")[2] for line in lines[3:5]] == ["mine.json", "mine.trades.parquet"]
    assert lines[5] == "not asked: whether the series are true; running the same file on the same data again tells"


@pytest.mark.parametrize(
    "run",
    [run_of([100.0]), run_of([100.0, 99.0, 98.0]), run_of([100.0] * 50, gas=[60.0] * 50), run_of([1.0] * 40, 3_600)],
    ids=["one cycle", "three cycles", "eaten by gas", "still"],
)
def test_short_and_broken_runs_have_pages_that_hold(folder: Path, run: Run) -> None:
    assert len(verified(folder, page_html(run))) == 4


@settings(deadline=None, max_examples=30)
@given(st.data())
def test_one_changed_digit_of_what_a_reader_sees_is_found(
    folder: Path, page: str, seen: list[int], data: st.DataObject
) -> None:
    place = data.draw(st.sampled_from(seen))
    with pytest.raises(DataError, match=r"does not hold: (the part '[\w ]+' was changed|its seal was changed)"):
        verified(folder, changed(page, place, data.draw(st.integers(1, 9))))


@settings(deadline=None, max_examples=20)
@given(st.data())
def test_one_changed_digit_anywhere_in_the_file_is_found(
    folder: Path, page: str, every: list[int], data: st.DataObject
) -> None:
    place = data.draw(st.sampled_from(every))
    with pytest.raises(DataError, match=r"does not hold|not a report that can be verified"):
        verified(folder, changed(page, place, data.draw(st.integers(1, 9))))


@settings(deadline=None, max_examples=20)
@given(st.data())
def test_a_changed_digit_is_found_even_when_the_page_was_sealed_again(
    folder: Path, page: str, seen: list[int], data: st.DataObject
) -> None:
    place = data.draw(st.sampled_from([place for place in seen if place < page.index('data-part="proof"')]))
    with pytest.raises(DataError, match=r"does not hold: .*(its numbers draw|the series give)"):
        verified(folder, sealed_again(changed(page, place, data.draw(st.integers(1, 9)))))


def test_names_the_part_and_the_metric_that_were_changed(folder: Path, page: str) -> None:
    place = re.search(r'data-metric="sharpe" data-run="1"[^>]*>[^<]*?(\d)', page)
    assert place is not None
    with pytest.raises(DataError) as said:
        verified(folder, changed(page, place.start(1), 1))
    assert "the part 'Every number' was changed after the page was sealed" in str(said.value)
    assert re.search(r"sharpe in 'Every number' says [−\d.]+, the series give [−\d.]+", str(said.value))


def _claim_more(document: dict[str, Any]) -> None:
    document["derived"]["metrics"][0]["total_return"]["value"] += 0.0001


def _draw_better(document: dict[str, Any]) -> None:
    document["derived"]["traces"]["equity"][0]["y"][7] *= 1.001


def _hide_gas(document: dict[str, Any]) -> None:
    document["derived"]["waterfall"][3]["value"] = 0.0


def _better_month(document: dict[str, Any]) -> None:
    document["derived"]["months"][0]["months"][0] += 0.01


def _more_luck(document: dict[str, Any]) -> None:
    document["derived"]["fan"]["below"] = 0.0


def _one_price(document: dict[str, Any]) -> None:
    document["runs"][0]["nav"][5] *= 1.0 + 1e-6


def _one_trade(document: dict[str, Any]) -> None:
    document["runs"][0]["trades"]["money"][2] += 1.0


@pytest.mark.parametrize(
    ("forge", "where"),
    [
        (_claim_more, "metrics.0.total_return.value"),
        (_draw_better, "traces.equity.0.y.7"),
        (_hide_gas, "waterfall.3.value"),
        (_better_month, "months.0.months.0"),
        (_more_luck, "fan.below"),
        (_one_price, "metrics.0"),
        (_one_trade, "metrics.0"),
    ],
)
def test_numbers_that_do_not_follow_from_the_series_are_found_on_a_page_drawn_and_sealed_anew(
    folder: Path, page: str, forge: Callable[[dict[str, Any]], None], where: str
) -> None:
    with pytest.raises(DataError, match=rf"does not hold: {where}.* is .*, the series give"):
        verified(folder, forged(page, forge))


def test_invented_series_pass_until_they_are_run_again(tmp_path: Path) -> None:
    run, rivals = made()
    better = replace(run, nav=run.nav * np.linspace(1.0, 1.5, len(run)))
    path = write_report(better, rivals, FACTS, tmp_path / "better.html").page
    assert verify_report(path)

    asked: list[Mapping[str, Any]] = []

    def again(facts: Mapping[str, Any]) -> Run:
        asked.append(facts)
        return run

    with pytest.raises(DataError, match=r"run again, equity of cycle 2 is .*, the page says "):
        verify_report(path, again)
    assert asked == [FACTS]
    honest = write_report(run, rivals, FACTS, tmp_path / "honest.html").page
    assert verify_report(honest, again)[-1].startswith("run again: equity, costs and ")
    with pytest.raises(DataError, match="it has 3 cycles at other times than the page's 30"):
        verify_report(honest, lambda facts: run_of([1.0, 2.0, 3.0]))
    with pytest.raises(DataError, match="run again, it makes 1 trades"):
        verify_report(honest, lambda facts: replace(run, trades=run.trades.head(1)))
    others = run.trades.assign(units=run.trades["units"] * (1.0 + 1e-6))
    with pytest.raises(DataError, match=r"run again, units of trade 1 is .*, the page says"):
        verify_report(honest, lambda facts: replace(run, trades=others))


def test_a_page_of_another_version_is_still_compared_by_its_numbers(
    folder: Path, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "look", lambda: "another")
    assert verified(folder, page)[2] == f"drawing: {OTHER_VERSION}"
    cell = re.search(r'data-metric="max_drawdown" data-run="0"[^>]*>(\d)', page)
    assert cell is not None
    with pytest.raises(DataError, match="max_drawdown in 'Every number' says"):
        verified(folder, sealed_again(changed(page, cell.start(1), 1)))
    with pytest.raises(DataError, match="'Every number' does not tell sharpe of run 2"):
        verified(folder, sealed_again(re.sub(r'<td [^>]*data-metric="sharpe" data-run="1".*?</td>', "", page)))


def test_files_beside_the_page_must_be_of_the_same_report(written: Written) -> None:
    told = json.loads(written.numbers.read_text(encoding="utf-8"))
    told["series"]["nav"][3] += 1.0
    written.numbers.write_text(json.dumps(told), encoding="utf-8")
    with pytest.raises(DataError, match=r"mine.json beside it: series.nav.3 is .*, the page has"):
        verify_report(written.page)
    written.numbers.write_text(json.dumps(report_json(made(4)[0], [], {})), encoding="utf-8")
    with pytest.raises(DataError, match=r"mine.json beside it is of another report"):
        verify_report(written.page)
    written.numbers.unlink()
    table = pq.read_table(written.trades)
    cost = table["cost"].to_pylist()
    place = table.column_names.index("cost")
    pq.write_table(table.set_column(place, table.field(place), pa.array([cost[0] / 2, *cost[1:]])), written.trades)
    with pytest.raises(DataError, match=r"mine.trades.parquet beside it has other trades"):
        verify_report(written.page)
    written.trades.write_bytes(b"not a table")
    with pytest.raises(DataError, match=r"mine.trades.parquet beside it has other trades"):
        verify_report(written.page)
    written.trades.unlink()
    assert len(verify_report(written.page)) == 4


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it has no seal"),
        ("<html><body>A page of somebody else</body></html>", "it has no seal"),
        ('<script type="application/json" id="parts"></script><code id="page-digest"></code>', "0 blocks of numbers"),
    ],
)
def test_what_is_no_report_is_refused_in_one_line(folder: Path, text: str, why: str) -> None:
    with pytest.raises(DataError, match=f"page.html: not a report that can be verified: {why}") as said:
        verified(folder, text)
    assert "\n" not in str(said.value)


def test_numbers_that_are_no_document_are_refused_in_one_line(folder: Path, page: str) -> None:
    block = DOCUMENT.search(page)
    assert block is not None
    document = json.loads(block[1])
    odd = [{"runs": []}, {"runs": [{}]}, {"extras": 1}, {"reasons": {}}, {"facts": 3}, {"money": float("nan")}]
    for value in ([], {"version": 2}, *({**document, **change} for change in odd)):
        told = json.dumps(value).replace("<", "\\u003c")
        digest = digest_of(value) if "NaN" not in told else ""
        text = page.replace(block[1], told).replace(digest_of(document), digest)
        with pytest.raises(DataError, match="not a report that can be verified") as said:
            verified(folder, sealed_again(text))
        assert "\n" not in str(said.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none.html: cannot be read: No such file or directory"):
        verify_report(tmp_path / "none.html")
    (tmp_path / "noise.html").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not a page: its text is not UTF-8"):
        verify_report(tmp_path / "noise.html")
