"""The commands that a verb names to try next run over the same data and window as the verb itself."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from bot.again import typed
from bot.cli_options import span
from bot.errors import ConfigError
from bot.loading import Options

CONFIG = Path("my.yaml")


def test_a_generated_market_is_named_with_its_strength() -> None:
    assert typed(Options(config=CONFIG, synthetic=3, strength=2.5)) == "my.yaml --synthetic 3 --strength 2.5"
    assert typed(Options(config=CONFIG, synthetic=0)) == "my.yaml --synthetic 0"


def test_recorded_data_has_the_flag_of_the_verb_and_survives_a_shell() -> None:
    options = Options(config=Path("my file.yaml"), replay=Path("a [b]"))
    words = shlex.split(typed(options, "--replay"))
    assert words == ["my file.yaml", "--replay", "a [b]"]


@pytest.mark.parametrize(
    ("first", "last", "written"),
    [
        ("2024-01", "2024-09", "--from 2024-01-01 --to 2024-09-30"),
        ("2024-02-03", None, "--from 2024-02-03"),
        (None, "2024-02-29", "--to 2024-02-29"),
        ("2024-02-03T06:00", "2024-02-04T07:00:01", "--from 2024-02-03T06:00:00 --to 2024-02-04T07:00:01"),
    ],
)
def test_a_window_typed_again_is_the_same_window(first: str | None, last: str | None, written: str) -> None:
    start, end = span(first, last)
    said = typed(Options(config=CONFIG, synthetic=1, first=start, last=end))
    assert said == f"my.yaml --synthetic 1 {written}"
    words = [*said.split(), None]
    again = [words[words.index(flag) + 1] if flag in words else None for flag in ("--from", "--to")]
    assert span(*again) == (start, end)


@pytest.mark.parametrize(("first", "last"), [("2025-01", "2024-12"), ("2024-12-31", "2024-12-30")])
def test_a_window_that_ends_before_it_begins_is_refused_though_one_midnight_is_in_both(first: str, last: str) -> None:
    with pytest.raises(ConfigError, match=f"--from and --to contradict: {first} is after {last}"):
        span(first, last)


def test_one_day_and_one_month_and_one_second_are_windows() -> None:
    assert span("2024-12-31", "2024-12-31") == (1_735_603_200, 1_735_689_600)
    assert span("2024-12-10", "2024-12")[1] == 1_735_689_600
    assert span("2024-12-31T06:00", "2024-12-31T06:00") == (1_735_624_800, 1_735_624_800)
