"""Times as they are told to people."""

from __future__ import annotations

import pytest

from bot.core.dates import day, minute, moment

LEAP = 1_709_164_800  # 2024-02-29, midnight UTC


@pytest.mark.parametrize(("seconds", "told"), [(0, "2024-02-29"), (60, "2024-02-29 00:01"), (86_400, "2024-03-01")])
def test_a_moment_tells_its_time_of_day_unless_it_is_midnight(seconds: int, told: str) -> None:
    assert moment(LEAP + seconds) == told


def test_a_day_and_a_minute_are_told_in_utc_whatever_the_machine_thinks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    assert day(LEAP - 1) == "2024-02-28"
    assert minute(LEAP - 1) == "2024-02-28 23:59"
