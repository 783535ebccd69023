"""The daemon on a wall clock that jumps: when cycles run, what wakes them, what ends them."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace

import pytest

from bot.replay import Schedule
from tests.builders import world
from tests.daemons import HOUR, Run, outcomes, pace, terminate


def test_cycles_run_at_once_and_then_each_time_the_clock_says() -> None:
    run = Run()
    assert run.serve(pace(4)) == 0
    assert run.at == [0.0, HOUR, 2 * HOUR, 3 * HOUR]
    assert [report.cycle for report in run.told] == [1, 2, 3, 4]
    assert run.reconciled == 5  # once before anything, and after each cycle


def test_cycles_are_counted_on_from_those_in_the_books() -> None:
    run = Run()
    run.serve(pace(2))
    again = Run(made=run.made)
    again.serve(pace(2))
    assert [report.cycle for report in again.told] == [3, 4]


def test_the_market_is_brought_up_to_now_before_each_cycle() -> None:
    run = Run()
    seen: list[int] = []

    async def follow() -> None:
        seen.append(len(run.told))

    run.following = follow
    run.serve(pace(3))
    assert seen == [0, 1, 2]


def test_a_new_signal_wakes_a_cycle_early_and_says_so() -> None:
    run = Run()
    run.serve(pace(3, "signal"), (600.0, lambda: setattr(run, "newest", 5)))
    assert run.at[0] == 0.0
    assert 600.0 <= run.at[1] <= 606.0
    assert run.told[1].sentence.startswith("woken by signal: ")
    assert "woken" not in run.told[0].sentence + run.told[2].sentence


def test_a_woken_cycle_does_not_move_the_clocks_own() -> None:
    run = Run()
    wakes = [(600.0 * n, lambda n=n: setattr(run, "newest", n)) for n in range(1, 6)]
    run.serve(pace(8, "signal"), *wakes)
    by_the_clock = [at for at, report in zip(run.at, run.told, strict=True) if "woken" not in report.sentence]
    assert by_the_clock == [0.0, HOUR, 2 * HOUR]


def test_a_signal_that_was_there_at_the_start_wakes_nothing() -> None:
    run = Run(newest=5)
    run.serve(pace(2, "signal"))
    assert run.at == [0.0, HOUR]


def test_wake_ups_within_the_debounce_are_one_cycle() -> None:
    run = Run()
    bursts = [(100.0 + 7 * n, lambda n=n: setattr(run, "newest", n)) for n in range(1, 40)]
    run.serve(pace(4, "signal", debounce=300.0), *bursts)
    assert all(later - earlier >= 300.0 for earlier, later in zip(run.at, run.at[1:], strict=False))
    assert run.at[1] == 300.0


def test_the_brake_wakes_a_cycle_when_it_comes_on_and_not_while_it_stays_on() -> None:
    run = Run()

    def crash() -> None:
        run.made.market.idle //= 2

    run.serve(pace(3, "breaker"), (900.0, crash))
    assert 900.0 <= run.at[1] <= 906.0
    assert run.told[1].sentence.startswith("woken by breaker: ")
    assert run.at[2] == HOUR


def test_the_brake_wakes_no_cycle_when_it_goes_off() -> None:
    run = Run()

    def crash() -> None:
        run.made.market.idle //= 2

    def recover() -> None:
        run.made.market.idle *= 2

    run.serve(pace(3, "breaker"), (900.0, crash), (2_000.0, recover))
    assert 900.0 <= run.at[1] <= 906.0
    assert run.at[2] == HOUR


def test_without_wake_on_nothing_wakes() -> None:
    run = Run()
    run.serve(pace(2), (600.0, lambda: setattr(run, "newest", 5)))
    assert run.at == [0.0, HOUR]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("wake_on", [(), ("signal", "breaker")], ids=["asleep", "watching"])
def test_a_signal_between_cycles_ends_the_run_at_once(number: signal.Signals, wake_on: tuple[str, ...]) -> None:
    run = Run()
    ended = run.serve(pace(None, *wake_on), (HOUR + 600.0, lambda: signal.raise_signal(number)))
    assert ended == number
    assert run.at == [0.0, HOUR]


@pytest.mark.parametrize("wake_on", [(), ("signal", "breaker")], ids=["by the clock", "watching"])
def test_a_signal_in_a_cycle_lets_it_finish_and_ends_after_it(wake_on: tuple[str, ...]) -> None:
    run = Run()

    async def follow() -> None:
        terminate()
        await asyncio.sleep(0.001)

    run.following = follow
    assert run.serve(pace(None, *wake_on)) == signal.SIGTERM
    assert outcomes(run) == ["deployed"]
    assert run.reconciled == 2


def test_a_signal_before_the_first_cycle_means_no_cycle() -> None:
    run = Run()

    async def compare() -> None:
        terminate()
        await asyncio.sleep(0.001)

    run.reconcile = compare
    assert run.serve(pace(None)) == signal.SIGTERM
    assert run.told == []


def test_the_handlers_are_gone_when_the_run_is_over() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    Run().serve(pace(1))
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_on_a_historical_clock_a_signal_ends_it_after_its_cycle() -> None:
    made = world()
    run = Run(made=made, on_report=lambda run, report: terminate() if report.cycle == 2 else None)
    run.reader.takes = 0.001
    whole = Schedule(made.panel, int(made.panel.times[0]), int(made.panel.times[9]), 86_400)
    assert run.serve(replace(pace(), schedule=whole)) == signal.SIGTERM
    assert [report.cycle for report in run.told] == [1, 2, 3]  # it came while the third was at work
