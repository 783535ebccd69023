from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.signals.sources.answers import Answers
from bot.signals.sources.source import Ask

ASK = Ask("https://host/x", (("page", "1"),))
MARKED = {"etag": '"one"', "link": "<https://host/x?page=2>", "set-cookie": "secret"}


def test_an_answer_with_a_mark_is_kept_and_asked_for_by_it(tmp_path: Path) -> None:
    answers = Answers(tmp_path / "kept")
    answers.keep(ASK, MARKED, b'[1]\n["\xff"]')
    kept = Answers(tmp_path / "kept").of(ASK)
    assert kept is not None
    assert kept.body == b'[1]\n["\xff"]'
    assert kept.conditions == {"If-None-Match": '"one"'}
    assert kept.headers == {"etag": '"one"', "link": "<https://host/x?page=2>"}
    assert answers.of(Ask("https://host/x", (("page", "2"),))) is None


def test_an_answer_without_a_mark_is_not_kept(tmp_path: Path) -> None:
    answers = Answers(tmp_path)
    answers.keep(ASK, {"content-type": "application/json"}, b"[]")
    assert answers.of(ASK) is None
    assert not list(tmp_path.iterdir())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, data: st.DataObject) -> None:
    answers = Answers(tmp_path)
    answers.keep(ASK, MARKED, b"[1, 2, 3]")
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    file.write_bytes(data.draw(st.sampled_from([whole[:place], whole[:place] + b"\x00" + whole[place + 1 :]])))
    found = answers.of(ASK)
    assert found is None or found.body == b"[1, 2, 3]"


@pytest.mark.parametrize("days", [1, 31])
def test_what_was_not_asked_for_in_a_month_is_forgotten(tmp_path: Path, days: int) -> None:
    Answers(tmp_path).keep(ASK, MARKED, b"[]")
    (file,) = tmp_path.iterdir()
    then = time.time() - days * 86_400
    os.utime(file, (then, then))
    assert (Answers(tmp_path).of(ASK) is None) == (days > 30)
