"""What the daemon does when chain, disk or books fail it: tell it, keep it, settle it first, or end with that alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.report import CycleReport
from bot.cycle import run_cycle
from bot.errors import ChainError, LedgerMismatch, RpcDown, StorageError
from bot.replay import Schedule
from tests.builders import run_without_waiting, sends_of, world
from tests.daemons import HOUR, Run, equal_books, outcomes, pace


def test_a_watcher_survives_a_chain_that_does_not_answer() -> None:
    run = Run()

    def crash() -> None:
        run.made.market.idle //= 2

    def cut() -> None:
        run.reader.down = 3

    run.serve(pace(2, "breaker"), (500.0, cut), (900.0, crash))
    assert 900.0 <= run.at[1] <= 906.0


def test_a_watcher_that_finds_the_chain_down_at_its_first_look_goes_on_looking() -> None:
    run = Run()
    run.reader.down = 2  # the first cycle and the watcher's first look
    run.serve(pace(2, "breaker"))
    assert outcomes(run)[0] == "failed"
    assert run.at == [0.0, HOUR]


def test_a_failed_cycle_is_told_kept_and_tried_again_at_the_next() -> None:
    run = Run()
    run.reader.down = 1
    run.serve(pace(2))
    assert outcomes(run) == ["failed", "deployed"]
    assert run.told[0].sentence == "failed: nobody answers"
    assert [report.outcome for report in run.made.books.written] == ["failed", "deployed"]


def test_a_chain_that_is_down_while_the_books_are_compared_does_not_end_the_run() -> None:
    run = Run()

    async def compare() -> None:
        await run.reader.market()

    run.reconcile = compare

    def cut(run: Run, report: CycleReport) -> None:
        if report.cycle == 1:
            run.reader.down = 5

    run.on_report = cut
    assert run.serve(pace(7)) == 0
    assert outcomes(run) == ["deployed", *["failed"] * 5, "deployed"]


def test_a_comparison_that_gets_no_answer_is_told_with_its_cycle() -> None:
    run = Run()
    answers = iter([None, RpcDown("nobody answers"), None])

    async def compare() -> None:
        answer = next(answers)
        if answer is not None:
            raise answer

    run.reconcile = compare
    run.serve(pace(2))
    assert run.told[0].sentence.endswith("; books not compared with the chain: nobody answers")
    assert "not compared" not in run.told[1].sentence


def test_books_that_differ_from_the_chain_end_the_run_with_that_and_nothing_else() -> None:
    run = Run()

    async def differ() -> None:
        if run.made.books.written:
            raise LedgerMismatch("ledger 1, chain 2")

    run.reconcile = differ
    with pytest.raises(LedgerMismatch, match="ledger 1, chain 2"):
        run.serve(pace(3, "signal", "breaker"))
    assert run.told == []


def test_a_full_disk_ends_the_run_with_that_and_nothing_else() -> None:
    run = Run()

    async def full(report: CycleReport) -> None:
        raise StorageError("disk is full")

    run.made.books.report = full  # type: ignore[method-assign]
    with pytest.raises(StorageError, match="disk is full"):
        run.serve(pace(3, "signal"))


def test_a_full_disk_under_a_watcher_ends_the_run_with_that_and_nothing_else() -> None:
    run = Run()
    whole = run.made.books.high_water_mark

    async def sometimes(since: int) -> int:
        if len(run.told) == 1:
            raise StorageError("disk is gone")
        return await whole(since)

    run.made.books.high_water_mark = sometimes  # type: ignore[method-assign]
    with pytest.raises(StorageError, match="disk is gone"):
        run.serve(pace(3, "breaker"))
    assert len(run.told) == 1


def test_what_was_open_is_settled_before_anything_new() -> None:
    made = world()
    sends_of(made).script = ["landed"]
    first = run_without_waiting(run_cycle(made.ports, made.settings, 1))
    assert first.outcome == "unknown"
    made.books.log.clear()
    run = Run(made=made)
    run.serve(pace(1))
    assert [(report.cycle, report.outcome) for report in run.told] == [(1, "deployed"), (2, "deployed")]
    assert run.told[0].sentence.startswith("recovered after a stop: ")
    assert made.books.log == ["asked", "outcome", "deployed", "intent", "send", "outcome", "deployed"]
    assert run_without_waiting(made.books.open_intents()) == []


def test_nothing_new_is_sent_while_the_chain_does_not_know() -> None:
    made = world()
    sends_of(made).script = ["lost"]
    run_without_waiting(run_cycle(made.ports, made.settings, 1))
    sends_of(made).mute = True
    run = Run(made=made)
    with pytest.raises(ChainError, match="cycle 1, nonce 0\\) is still unknown: nothing new is signed"):
        run.serve(pace(1))
    assert made.books.log.count("send") == 1


@pytest.mark.parametrize("fate", ["landed", "lost"])
def test_a_send_without_an_answer_is_settled_before_the_next_cycle_and_halts_nothing(fate: str) -> None:
    """A transaction that arrived unseen makes chain and books differ until it is booked: no reason to halt."""
    made = world()
    sends_of(made).script = [fate]
    run = Run(made=made)
    run.reconcile = equal_books(run)
    run.serve(pace(2))
    told = [(report.cycle, report.outcome) for report in run.told]
    assert told == [(1, "unknown"), (1, "deployed"), (2, "deployed")]
    assert [(report.cycle, report.outcome) for report in made.books.written] == told
    assert run_without_waiting(made.books.open_intents()) == []


def test_while_it_stays_unknown_cycles_fail_and_send_nothing() -> None:
    made = world()
    sends_of(made).script = ["lost"]
    sends_of(made).mute = True
    run = Run(made=made)
    run.serve(pace(3))
    assert outcomes(run) == ["unknown", "failed", "failed"]
    assert made.books.log.count("send") == 1


def test_on_a_historical_clock_what_is_unknown_is_settled_before_the_next_bar() -> None:
    made = world()
    sends_of(made).script = ["landed"]
    run = Run(made=made)
    run.reconcile = equal_books(run)
    whole = Schedule(made.panel, int(made.panel.times[0]), int(made.panel.times[3]), 86_400)
    assert run.serve(replace(pace(), schedule=whole)) == 0
    assert [(report.cycle, report.outcome) for report in run.told[:3]] == [
        (1, "unknown"),
        (1, "deployed"),
        (2, "deployed"),
    ]
    assert run.told[-1].cycle == 4


def test_on_a_historical_clock_a_chain_that_fails_ends_the_run() -> None:
    made = world()
    run = Run(made=made)
    run.reader.down = 1
    whole = Schedule(made.panel, int(made.panel.times[0]), int(made.panel.times[9]), 86_400)
    with pytest.raises(RpcDown):
        run.serve(replace(pace(), schedule=whole))
