"""The daemon on a wall clock that jumps: when cycles run, what wakes them, what ends them, what is settled first."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import pytest

from bot.core.market import Market
from bot.core.report import CycleReport
from bot.cycle import run_cycle
from bot.daemon import Pace, Session, serve
from bot.errors import ChainError, LedgerMismatch, RpcDown, StorageError
from bot.ports import Clock, MarketReader
from bot.replay import Following, Schedule
from tests.builders import STILL, World, run_without_waiting, sends_of, with_ports, world

HOUR = 3_600.0


@dataclass
class Reader:
    """The world's market as a reader that is down for as many calls as it is told, from now on."""

    made: World
    down: int = 0
    takes: float = 0.0

    async def market(self) -> Market:
        await asyncio.sleep(self.takes)
        if self.down:
            self.down -= 1
            raise RpcDown("nobody answers")
        return await self.made.market.market()


@dataclass
class Run:
    """One daemon over a made world, and what it told and when."""

    made: World = field(default_factory=world)
    newest: int = 0
    told: list[CycleReport] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    reconciled: int = 0
    reconcile: Callable[[], Awaitable[None]] | None = None
    following: Following | None = None
    on_report: Callable[[Run, CycleReport], None] | None = None
    reader: Reader = field(init=False)

    def __post_init__(self) -> None:
        self.reader = Reader(self.made)

    def session(self) -> Session:
        async def reconcile() -> None:
            self.reconciled += 1
            if self.reconcile is not None:
                await self.reconcile()

        reader: MarketReader = self.reader
        return Session(
            mode="paper",
            described="a made world",
            settings=self.made.settings,
            ports=with_ports(self.made, reader=reader),
            books=self.made.books,
            environment=self.made.market,
            following=self.following,
            mirror=STILL,
            reconcile=reconcile,
            newest_signal=lambda at: self.newest,
        )

    def serve(self, pace: Pace, *meanwhile: tuple[float, Callable[[], None]]) -> int:
        """What `serve` returns; each of `meanwhile` happens at its second of the loop's clock."""

        async def work() -> int:
            loop = asyncio.get_running_loop()
            for second, happens in meanwhile:
                loop.call_at(second, happens)

            def tell(report: CycleReport) -> None:
                self.told.append(report)
                self.at.append(round(loop.time(), 3))
                if self.on_report is not None:
                    self.on_report(self, report)

            return await serve(self.session(), pace, tell)

        return run_without_waiting(work())


def pace(cycles: int | None = None, *wake_on: str, every: float = HOUR, debounce: float = 60.0) -> Pace:
    return Pace(schedule=None, every=every, debounce=debounce, wake_on=wake_on, cycles=cycles)


def outcomes(run: Run) -> list[str]:
    return [report.outcome for report in run.told]


def terminate() -> None:
    signal.raise_signal(signal.SIGTERM)


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


def test_the_same_signal_does_not_wake_twice() -> None:
    run = Run()
    run.serve(pace(2, "signal"), (600.0, lambda: setattr(run, "newest", 5)), (1_200.0, lambda: None))
    woken = Run(made=run.made, newest=5)
    woken.serve(pace(2, "signal"))
    assert woken.at == [0.0, HOUR]


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


def test_without_wake_on_nothing_wakes() -> None:
    run = Run()
    run.serve(pace(2), (600.0, lambda: setattr(run, "newest", 5)))
    assert run.at == [0.0, HOUR]


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
    with pytest.raises(ChainError, match="of cycle 1 is still unknown: nothing new is sent"):
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


def test_on_a_historical_clock_a_signal_ends_it_after_its_cycle() -> None:
    made = world()
    run = Run(made=made, on_report=lambda run, report: terminate() if report.cycle == 2 else None)
    run.reader.takes = 0.001
    whole = Schedule(made.panel, int(made.panel.times[0]), int(made.panel.times[9]), 86_400)
    assert run.serve(replace(pace(), schedule=whole)) == signal.SIGTERM
    assert [report.cycle for report in run.told] == [1, 2, 3]  # it came while the third was at work


def test_on_a_historical_clock_a_chain_that_fails_ends_the_run() -> None:
    made = world()
    run = Run(made=made)
    run.reader.down = 1
    whole = Schedule(made.panel, int(made.panel.times[0]), int(made.panel.times[9]), 86_400)
    with pytest.raises(RpcDown):
        run.serve(replace(pace(), schedule=whole))


def equal_books(run: Run) -> Callable[[], Awaitable[None]]:
    """A comparison of idle money in the books with the paper vault's."""
    market, opening = run.made.market, run.made.market.idle
    money = run.made.settings.universe.money.address

    async def compare() -> None:
        booked = opening + (await run.made.books.balances()).get(("idle", money), 0)
        if booked != market.idle:
            raise LedgerMismatch(f"books {booked}, vault {market.idle}")

    return compare


def test_its_clock_is_the_markets() -> None:
    clock: Clock = world().market
    assert clock.now() == world().market.time
