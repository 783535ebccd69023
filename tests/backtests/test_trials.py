"""The trial log: it counts, it survives a crash, and it tells who touched it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backtests.overfitting import expected_best_sharpe
from backtests.trials import CERTIFY, SWEEP, Trial, append, family_of, lineage_of, log_path, read, tried
from bot.chained_log import ChainedLog
from bot.errors import DataError, StorageError

ONE = Trial(CERTIFY, 1_700_000_000, ("name:mine", "code:aa"), "recorded", "first", 1, mean=0.10)
NULL = 1.0 / 249.0
TOLD = (ONE, replace(ONE, identity="second", mean=0.02), replace(ONE, identity="third", mean=-0.01))


def written(path: Path, trials: tuple[Trial, ...] = TOLD) -> Path:
    for trial in trials:
        append(path, trial)
    return path


def test_what_is_appended_is_read_again_in_order(tmp_path: Path) -> None:
    assert read(written(tmp_path / "deep" / "trials.jsonl")) == TOLD
    assert read(tmp_path / "none.jsonl") == ()


def test_every_line_names_the_digest_of_the_one_before(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in written(tmp_path / "log").read_text().splitlines()]
    assert [line["previous"] for line in lines] == ["", lines[0]["digest"], lines[1]["digest"]]
    assert [line["number"] for line in lines] == [1, 2, 3]


def test_a_changed_line_is_found_and_named(tmp_path: Path) -> None:
    path = written(tmp_path / "log")
    path.write_text(path.read_text().replace('"mean": 0.02', '"mean": 0.03'))
    with pytest.raises(DataError, match="line 2: changed"):
        append(path, ONE)


@pytest.mark.parametrize("kept", [(0, 2), (1, 2), (0, 2, 1), (0, 0, 1, 2)])
def test_a_line_that_was_removed_moved_or_doubled_is_found(tmp_path: Path, kept: tuple[int, ...]) -> None:
    path = written(tmp_path / "log")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[number] for number in kept))
    with pytest.raises(DataError, match="does not follow"):
        read(path)


@pytest.mark.parametrize(
    "line", ["[]", "", "null", "[" * 100_000, '{"a": 1, "a": 1}', '{"digest": "", "lineage": null}']
)
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    path = written(tmp_path / "log")
    path.write_text(f"{line}\n" + path.read_text())
    with pytest.raises(DataError, match="line 1: changed"):
        read(path)


@pytest.mark.parametrize("said", [{}, {"lineage": None}, {"lineage": [], "of": "something else"}])
def test_a_line_of_another_log_is_named(tmp_path: Path, said: dict[str, Any]) -> None:
    ChainedLog(tmp_path / "log", DataError).append(lambda lines: said)
    with pytest.raises(DataError, match="line 1: no line of a trial log"):
        append(tmp_path / "log", ONE)


@pytest.mark.parametrize("left", [1, 40, 200])
def test_a_last_line_that_a_crash_tore_is_cut_off(tmp_path: Path, left: int) -> None:
    path = written(tmp_path / "log")
    whole = path.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    path.write_bytes(whole[: len(whole) - len(last) + left])
    assert read(path) == TOLD[:2]
    assert append(path, TOLD[2]) == TOLD
    assert path.read_bytes() == whole


def test_processes_that_write_at_once_lose_no_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    code = (
        "import sys; from pathlib import Path; from backtests.trials import Trial, append\n"
        "for i in range(20): append(Path(sys.argv[1]), Trial('certify', i, ('name:x',), 'recorded', sys.argv[2], 1))\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(path), str(number)]) for number in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert len(read(path)) == 60


def test_a_log_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        append(tmp_path / "file" / "log", ONE)


def test_the_environment_may_name_another_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATRON_TRIALS", "elsewhere.jsonl")
    assert log_path() == Path("elsewhere.jsonl")
    monkeypatch.delenv("PATRON_TRIALS")
    assert log_path() == Path(".patron/trials.jsonl")


def test_a_version_that_is_tried_again_as_it_was_counts_once() -> None:
    assert tried((ONE, ONE, ONE), ONE, NULL, 1.0).trials == 1
    assert tried(TOLD, TOLD[2], NULL, 1.0).trials == 3


def test_a_renamed_copy_and_changed_code_under_one_name_are_relatives_strangers_are_not() -> None:
    renamed = replace(ONE, lineage=lineage_of(("other.py",), ["aa"]), identity="renamed")
    edited = replace(ONE, lineage=lineage_of(("mine.py",), ["bb"]), identity="edited")
    stranger = replace(ONE, lineage=lineage_of(("other.py",), ["cc"]), identity="stranger")
    elsewhere = replace(ONE, family=family_of("synthetic", 2.0), identity="elsewhere")
    assert tried((renamed, edited, stranger, elsewhere, ONE), ONE, NULL, 1.0).trials == 3


def test_one_sleeve_of_several_is_known_again_by_itself() -> None:
    sleeves = replace(ONE, lineage=lineage_of(("a.py", "b.py"), ["xx", "aa"]), identity="sleeves")
    alone = replace(ONE, lineage=lineage_of(("c.py",), ["aa"]))
    assert tried((sleeves, alone), alone, NULL, 1.0).trials == 2


@pytest.mark.parametrize("idle", [1_000, 100_000])
def test_versions_that_only_repeat_each_other_lower_no_bar(idle: int) -> None:
    """As a sweep over a seed that changes nothing would, after one that searched."""
    sweep = replace(ONE, kind=SWEEP, identity="sweep", count=1_000, mean=None, variance=NULL)
    same = replace(sweep, identity="same", count=idle, variance=0.0)
    before, after = tried((sweep, ONE), ONE, NULL, 1.0), tried((sweep, same, ONE), ONE, NULL, 1.0)
    assert after.trials == 1_001 + idle
    luck = expected_best_sharpe(before.variance, before.trials)
    assert expected_best_sharpe(after.variance, after.trials) >= 0.999 * luck


def test_the_very_same_result_under_other_digests_lowers_no_bar() -> None:
    copies = tuple(replace(ONE, identity=f"copy {number}") for number in range(200))
    before, after = tried(TOLD, ONE, NULL, 1.0), tried((*TOLD, *copies), ONE, NULL, 1.0)
    assert after.trials == before.trials + 200
    assert after.variance >= 0.5 * before.variance
    assert expected_best_sharpe(after.variance, after.trials) >= expected_best_sharpe(before.variance, before.trials)


def test_a_sweep_that_was_killed_counts_as_planned_and_one_that_was_done_as_it_came_out() -> None:
    planned = replace(ONE, kind=SWEEP, identity="sweep", count=1_000, mean=None, variance=None, active=False)
    done = replace(planned, count=900, variance=0.004)
    assert tried((planned, ONE), ONE, NULL, 1.0).trials == 1_001
    for order in ((planned, done), (done, planned), (planned, planned, done)):
        assert tried((*order, ONE), ONE, NULL, 1.0) == tried((done, ONE), ONE, NULL, 1.0)


def test_a_sweep_counts_all_its_versions_and_a_repeated_one_its_most() -> None:
    sweep = replace(ONE, kind=SWEEP, identity="sweep", count=1_000, mean=None, variance=0.004, active=False)
    known = tried((sweep, replace(sweep, count=800), ONE), ONE, NULL, 1.0)
    assert known.trials == 1_001
    assert known.variance == pytest.approx((999 * 0.004 + NULL) / 1_000)


def test_the_spread_of_whole_returns_is_put_into_the_units_of_active_ones() -> None:
    sweep = replace(ONE, kind=SWEEP, identity="sweep", count=1_000, mean=None, variance=0.004, active=False)
    assert tried((sweep, ONE), ONE, NULL, 9.0).variance == pytest.approx((999 * 0.036 + NULL) / 1_000)


def test_two_versions_that_hardly_differ_are_not_taken_for_none() -> None:
    known = tried((ONE, replace(ONE, identity="twin", mean=0.1001)), ONE, NULL, 1.0)
    assert known.trials == 2
    assert NULL / 3.0 < known.variance < NULL


def test_markets_of_one_strength_are_one_family_whatever_their_seed() -> None:
    assert family_of("synthetic", 1.0) != family_of("synthetic", 0.0)
    assert family_of("recorded", 0.0) == family_of("recorded", 1.0) == "recorded"


def luck(*trials: Trial) -> float:
    """What luck alone makes of the best of `trials`, the last of which asks; as in the deflated Sharpe ratio."""
    known = tried(trials, trials[-1], NULL, 1.0)
    return expected_best_sharpe(known.variance, known.trials)


def test_trials_at_another_pace_are_told_in_the_cycles_of_the_one_that_asks() -> None:
    hourly = replace(ONE, identity="sweep", count=1_000, mean=None, variance=0.001, yearly=8_760.0)
    daily = replace(ONE, yearly=365.0)
    assert tried((hourly, daily), daily, NULL, 1.0).variance == pytest.approx((999 * 0.024 + NULL) / 1_000)
    slow = replace(ONE, identity="slow", mean=0.30, yearly=365.0 / 9.0)  # 0.10 a day
    assert tried((slow, daily), daily, NULL, 1.0).variance == pytest.approx(NULL), "the same ratio a year"
    assert tried((replace(hourly, yearly=None), daily), daily, NULL, 1.0).variance < 0.0011, "an old line"


def test_a_hundred_thousand_copies_do_not_make_a_search_look_narrower() -> None:
    sweep = replace(ONE, identity="sweep", count=1_000, mean=None, variance=0.004)
    copies = replace(sweep, identity="copies", count=100_000, variance=1e-9)
    assert luck(sweep, copies, ONE) >= luck(sweep, ONE)
    assert luck(copies, sweep, ONE) == luck(sweep, copies, ONE)
    assert luck(sweep, replace(copies, variance=0.004), ONE) > luck(sweep, copies, ONE), "unlike ones ask for more"


def test_the_same_version_under_other_seeds_does_not_lower_the_bar() -> None:
    again = tuple(replace(ONE, identity=f"seed {number}") for number in range(30))
    assert luck(*TOLD[1:], ONE, *again) > luck(*TOLD[1:], ONE)
    assert tried((*TOLD[1:], ONE, *again), ONE, NULL, 1.0).trials == 33
