from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.signals.sources.breaker import FAILURES, LONGEST_REST, REST, Breaker, HostResting, State


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def tripped(clock: Clock) -> Breaker:
    breaker = Breaker("host", clock)
    for _ in range(FAILURES):
        breaker.admit()
        breaker.failed()
    return breaker


def test_a_host_that_fails_again_and_again_is_left_alone() -> None:
    clock = Clock()
    breaker = tripped(clock)
    assert breaker.state is State.OPEN
    with pytest.raises(HostResting, match="host is left alone for another 30 s"):
        breaker.admit()


def test_a_success_between_failures_forgives_them() -> None:
    breaker = Breaker("host", Clock())
    for _ in range(FAILURES - 1):
        breaker.failed()
    breaker.succeeded()
    breaker.failed()
    assert breaker.state is State.CLOSED


def test_after_its_rest_one_request_finds_out() -> None:
    clock = Clock()
    breaker = tripped(clock)
    clock.now += REST
    breaker.admit()
    assert breaker.state is State.HALF_OPEN
    with pytest.raises(HostResting, match="one request at a time"):
        breaker.admit()
    breaker.succeeded()
    breaker.admit()
    assert breaker.state is State.CLOSED


def test_a_probe_that_fails_doubles_the_rest_up_to_a_bound() -> None:
    clock = Clock()
    breaker = tripped(clock)
    rest = REST
    for _ in range(12):
        clock.now += rest
        breaker.admit()
        breaker.failed()
        rest = min(2 * rest, LONGEST_REST)
        clock.now += rest - 1.0
        with pytest.raises(HostResting):
            breaker.admit()
        clock.now -= rest - 1.0
    assert rest == LONGEST_REST


def test_a_probe_that_nobody_waited_for_leaves_the_question_open() -> None:
    clock = Clock()
    breaker = tripped(clock)
    clock.now += REST
    breaker.admit()
    breaker.given_up()
    assert breaker.state is State.OPEN
    breaker.admit()
    assert breaker.state is State.HALF_OPEN


def test_a_pause_that_the_host_asks_for_is_kept() -> None:
    clock = Clock()
    breaker = Breaker("host", clock)
    breaker.rest(600.0)
    with pytest.raises(HostResting, match="600 s"):
        breaker.admit()
    clock.now += 600.0
    breaker.admit()


@given(st.lists(st.sampled_from(["admit", "ok", "bad", "leave", "wait"]), max_size=60))
def test_at_most_one_probe_is_under_way_and_a_rest_always_ends(steps: list[str]) -> None:
    clock = Clock()
    breaker = Breaker("host", clock)
    for step in steps:
        if step == "wait":
            clock.now += REST
            continue
        before = breaker.state
        try:
            breaker.admit()
        except HostResting:
            continue
        assert before is not State.HALF_OPEN
        {"ok": breaker.succeeded, "bad": breaker.failed, "leave": breaker.given_up, "admit": breaker.succeeded}[step]()
    clock.now += 2 * LONGEST_REST
    breaker.admit()
