"""A held position in its pool's log: lived again to the unit, compared with other ranges, or refused."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from backtests.lp.commands_position import COLUMNS, position_command
from backtests.lp.compiled import calls_of, compiled_player
from backtests.lp.made_log import MadeMarket, made
from backtests.lp.position import compare
from backtests.lp.relived import live_again, rows_of, taken_out
from backtests.lp.result import SAME_AMOUNTS
from backtests.lp.strategies import usable
from bot.core.amm.events import Kind, PoolEvent, PoolFacts
from bot.core.amm.held_position import HeldPosition, quote_of, worth
from bot.core.amm.pool_state import PoolState
from bot.core.fixedpoint import Q96
from bot.core.units import Token
from bot.errors import DataError
from bot.pool_log import PoolLog, pool_log_of, save_pool_log
from tests.backtests.lp.lp_worlds import python_calls, python_player

Key = tuple[str, int, int]


def held_of(log: PoolLog, pool: object, key: Key) -> HeldPosition:
    """A generated provider, told as the chain tells a token of a manager."""
    assert isinstance(pool, PoolState)
    rows = np.flatnonzero(log.position == log.positions.index(key))
    events = [log.event(int(row)) for row in rows]
    return HeldPosition(
        token_id=7,
        manager=key[0],
        owner="0x" + "ab" * 20,
        facts=log.facts,
        lower=key[1],
        upper=key[2],
        liquidity=pool.position(*key).liquidity,
        owed=pool.fees_owed(*key),
        history=tuple(event for event in events if event.kind is not Kind.BURN or event.liquidity),
        block=log.last_block,
        time=int(log.time[-1]),
        sqrt_price_x96=pool.sqrt_price_x96,
        tick=pool.tick,
    )


def pokes_alone(log: PoolLog, key: Key) -> bool:
    """Whether the provider poked without collecting, which the manager never does."""
    rows = np.flatnonzero(log.position == log.positions.index(key))
    kinds = [(log.event(int(row)).kind, log.event(int(row)).liquidity) for row in rows]
    following = [kind for kind, _ in kinds[1:]] + [Kind.MINT]
    return any(
        kind is Kind.BURN and not liquidity and after is not Kind.COLLECT
        for (kind, liquidity), after in zip(kinds, following, strict=True)
    )


@cache
def usual(seed: int = 4, swaps: int = 1_500, kinds: tuple[Kind, ...] = (Kind.MINT,)) -> tuple[PoolLog, HeldPosition]:
    """A log and the position in it that earned most of those whose history is `kinds`."""
    log, pool = made(seed, swaps, MadeMarket(liquidity_actions=0.03))
    positions = [held_of(log, pool, key) for key in log.positions if not pokes_alone(log, key)]
    fitting = [held for held in positions if tuple(event.kind for event in held.history) == kinds]
    fitting = [held for held in fitting if (held.lower, held.upper) != usable(log.facts.tick_spacing)]
    return log, max(fitting, key=lambda held: held.worth(held.fees, 1))


@pytest.mark.parametrize("seed", [1, 4])
def test_every_provider_of_a_log_lives_again_to_the_unit(seed: int) -> None:
    log, pool = made(seed, 900)
    calls, closed, withdrew = python_calls(log), 0, 0
    keys = [key for key in log.positions if not pokes_alone(log, key)]
    assert len(keys) > 15
    for key in keys:
        held = held_of(log, pool, key)
        lived = live_again(held, log, calls, rows_of(held, log), player=python_player)
        assert (lived.owed, lived.fees, lived.liquidity) == (held.owed, held.fees, held.liquidity)
        assert (lived.to_the_unit, lived.slack, lived.block) == (True, 0, log.last_block)
        closed += held.closed is not None
        withdrew += any(event.kind is Kind.BURN for event in held.history)
    assert closed > 0
    assert withdrew > closed


def test_compiled_code_lives_the_same_life() -> None:
    log, held = usual(kinds=(Kind.MINT, Kind.COLLECT))
    rows, calls = rows_of(held, log), calls_of(log, "log")
    compiled = live_again(held, log, calls, rows, player=compiled_player)
    assert compiled == live_again(held, log, python_calls(log), rows, player=python_player)
    assert min(compiled.fees) > 0


def test_with_a_position_go_the_pokes_before_its_collects() -> None:
    log, held = usual(kinds=(Kind.MINT, Kind.COLLECT))
    rows = rows_of(held, log)
    emptied, calls, left = taken_out(log, python_calls(log), rows)
    key = (held.manager, held.lower, held.upper)
    assert not np.any(emptied.position == log.positions.index(key))
    assert len(left) == len(emptied) == len(log) - 3
    assert len(calls.style) == len(emptied)
    assert np.array_equal(emptied.time, log.time[left])
    gone = [log.event(int(row)).kind for row in np.setdiff1d(np.arange(len(log)), left)]
    assert gone == [Kind.MINT, Kind.BURN, Kind.COLLECT]


def test_its_own_range_earns_in_the_table_what_it_really_earned() -> None:
    log, held = usual()
    compared = compare(held, log)
    assert compared.notes == ()
    own = compared.alternatives[0]
    assert (own.name, own.ticks) == ("your range", (held.lower, held.upper))
    assert [each.name for each in compared.alternatives] == [
        "your range",
        "half the width",
        "twice the width",
        "full range",
        "following the price",
        "held, no pool",
    ]
    run = own.runs[0]
    assert run.mode == SAME_AMOUNTS
    assert run.ranges[0].liquidity == pytest.approx(held.liquidity, rel=1e-6)
    # It enters after the block in which the real one did, so swaps that followed in that block are missing.
    for token in (0, 1):
        assert run.metrics[f"fees{token}"].value == pytest.approx(
            held.fees[token] / 10 ** (18, 6)[token], rel=0.02, abs=1e-9
        )
    assert run.books is not None
    assert run.books.deposited == compared.deposited == held.deposited
    assert compared.lived.fees == held.fees
    fees = {each.name: each.worst.metrics["fees"].value or 0.0 for each in compared.alternatives}
    assert fees["twice the width"] < fees["your range"]
    assert 0 < fees["full range"] < fees["twice the width"]
    assert fees["held, no pool"] == 0.0


def test_the_same_money_outside_the_pool_moves_with_the_price_only() -> None:
    log, held = usual()
    compared = compare(held, log)
    run = compared.alternatives[-1].worst
    scale = 10**6
    begins = [event for event in log.events() if event.time <= held.since and event.sqrt_price_x96]
    first, last = begins[-1].sqrt_price_x96, held.sqrt_price_x96
    assert compared.capital == worth(held.deposited, first, 1)
    gained = (worth(held.deposited, last, 1) - worth(held.deposited, first, 1)) / scale
    assert run.metrics["net_profit"].value == pytest.approx(gained, rel=1e-6, abs=1e-5)
    assert run.metrics["impermanent_loss"].value == pytest.approx(0.0, abs=1e-6)
    assert run.actions == ()


def test_a_closed_position_is_compared_until_it_was_closed() -> None:
    log, held = usual(kinds=(Kind.MINT, Kind.BURN, Kind.COLLECT), swaps=2_500)
    assert held.closed is not None
    assert held.closed < log.time[-1]
    compared = compare(held, log)
    assert (compared.since, compared.until) == (held.since, held.closed)
    assert compared.notes == ()
    assert compared.alternatives[0].runs[0].series.time[-1] == held.closed


def test_later_deposits_are_said_not_to_be_in_the_table() -> None:
    log, pool = made(4, 1_500, MadeMarket(liquidity_actions=0.03))
    left = [held_of(log, pool, key) for key in log.positions if not pokes_alone(log, key)]
    changed = next(each for each in left if sum(event.liquidity > 0 for event in each.history) > 2)
    notes = compare(changed, log).notes
    assert any("the first deposit, left alone" in note for note in notes)


def test_a_log_that_ends_before_the_reading_is_compared_as_far_as_it_goes() -> None:
    log, held = usual(kinds=(Kind.MINT, Kind.COLLECT))
    between = (held.history[0].block + held.history[1].block) // 2
    early = pool_log_of(log.facts, log.events(0, log.rows_until(between)), last_block=between)
    compared = compare(held, early)
    assert (compared.lived.to_the_unit, compared.lived.block) == (False, between)
    assert f"the log ends with block {between}, before the chain's {log.last_block}" in compared.notes
    assert compared.lived.owed == compared.lived.fees
    assert compared.lived.fees[0] <= held.fees[0]


def test_the_full_range_is_compared_under_one_name() -> None:
    log, pool = made(4, 600)
    key = next(key for key in log.positions if key[1:] == usable(log.facts.tick_spacing))
    held = held_of(log, pool, key)
    compared = compare(held, log)
    assert [each.name for each in compared.alternatives] == ["your range", "half the width", "held, no pool"]
    result = compared.result
    assert result.full_range is result.runs


def test_the_log_of_another_pool_is_refused() -> None:
    log, held = usual()
    other = replace(held, facts=replace(held.facts, pool="0x" + "99" * 20))
    with pytest.raises(DataError, match=f"the.log: a log of pool {log.facts.pool} on chain 31337, but position 7"):
        compare(other, log, "the.log")


def test_a_log_that_ends_before_the_position_begins_is_refused() -> None:
    log, held = usual()
    first = held.history[0]
    later = replace(held, history=(replace(first, block=log.last_block + 5),))
    with pytest.raises(DataError, match=f"ends with block {log.last_block}, position 7 was opened in block"):
        compare(later, log)
    row = int(rows_of(held, log)[0])
    short = pool_log_of(log.facts, log.events(0, row + 1), last_block=first.block)
    with pytest.raises(DataError, match="nothing happens in it after position 7 was opened"):
        compare(replace(held, block=first.block + 1), short)


@pytest.mark.parametrize("field", ["liquidity", "amount0", "amount1", "time", "lower"])
def test_the_first_event_that_the_log_tells_otherwise_is_named(field: str) -> None:
    log, held = usual()
    event = held.history[0]
    other = replace(event, **{field: getattr(event, field) + 1})
    where = f"log: block {event.block} log {event.log_index}: Mint of position 7: {field}: the log says"
    with pytest.raises(DataError, match=f"^{where} {getattr(event, field)}, the chain says {getattr(other, field)}$"):
        rows_of(replace(held, history=(other,)), log)


def test_an_event_that_the_log_lacks_is_named() -> None:
    log, held = usual()
    event = held.history[0]
    kept = [each for each in log.events() if (each.block, each.log_index) != (event.block, event.log_index)]
    with pytest.raises(DataError, match=f"block {event.block} log {event.log_index}: Mint of position 7: is not in"):
        rows_of(held, pool_log_of(log.facts, kept))


def test_a_unit_more_than_the_replayed_pool_owes_is_refused() -> None:
    log, held = usual()
    for owed in ((held.owed[0] + 1, held.owed[1]), (held.owed[0], held.owed[1] - 1)):
        with pytest.raises(DataError, match=r"position 7 at block \d+: the chain owes .*, the replayed pool"):
            compare(replace(held, owed=owed), log)


def test_a_collect_of_more_than_was_earned_is_refused() -> None:
    log, held = usual(kinds=(Kind.MINT, Kind.COLLECT))
    rows, calls = rows_of(held, log), python_calls(log)
    more = replace(held.history[1], amount0=held.history[1].amount0 + 1)
    told = replace(held, history=(held.history[0], more))
    with pytest.raises(
        DataError, match=f"block {more.block} log {more.log_index}: Collect of position 7: the chain says"
    ):
        live_again(told, log, calls, rows, player=python_player)


@pytest.mark.parametrize("as_json", [True, False])
def test_the_command_shows_every_range(tmp_path: Path, as_json: bool) -> None:
    log, held = usual()
    save_pool_log(tmp_path / "pool.parquet", log)
    text, page = io.StringIO(), None if as_json else tmp_path / "page.html"
    position_command(held, tmp_path / "pool.parquet", page, as_json, Console(file=text, width=200))
    shown = text.getvalue()
    if as_json:
        told = json.loads(shown)
        assert told["fees"] == told["verified"]["fees"] == list(held.fees)
        assert told["verified"]["to_the_unit"] is True
        names = [each["name"] for each in told["compared"]["ranges"]]
        assert names[0] == "your range"
        for each in told["compared"]["ranges"]:
            assert set(COLUMNS) <= set(each["runs"][each["counts"]])
        assert told["next"] == f"patron lp init lp.yaml --log {tmp_path / 'pool.parquet'}"
    else:
        assert "to the unit, and so did what it is owed" in shown
        assert "following the price" in shown
        assert f"{held.lower} to {held.upper}" in shown
        assert page is not None
        assert "position 7 in WETH/USDC" in page.read_text(encoding="utf-8")
        assert json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))


def test_people_reckon_in_dollars_before_ether_before_token1() -> None:
    def facts(symbol0: str, symbol1: str) -> PoolFacts:
        tokens = [Token(1, "0x" + digit * 40, symbol, 18) for digit, symbol in (("1", symbol0), ("2", symbol1))]
        return PoolFacts(1, "0x" + "3" * 40, tokens[0], tokens[1], 500, 10)

    pairs = {("USDC", "WETH"): 0, ("WETH", "USDT"): 1, ("DAI", "USDC"): 1, ("WETH", "PEPE"): 0, ("A", "B"): 1}
    assert {pair: quote_of(facts(*pair)) for pair in pairs} == pairs


def test_worth_is_at_the_spot_price_in_either_token_rounded_down() -> None:
    assert worth((10, 7), 2 * Q96, 1) == 47
    assert worth((10, 7), 2 * Q96, 0) == 11
    assert worth((0, 0), Q96 + 1, 0) == 0
    assert worth((1, 0), Q96 - 1, 1) == 0


def test_a_history_sums_to_what_was_earned() -> None:
    _, held = usual()
    place = {"block": 1, "log_index": 0, "time": 5, "owner": held.manager, "lower": -60, "upper": 60}
    history = (
        PoolEvent(Kind.MINT, **place, liquidity=10, amount0=100, amount1=200),  # type: ignore[arg-type]
        PoolEvent(Kind.BURN, **place, liquidity=4, amount0=40, amount1=80),  # type: ignore[arg-type]
        PoolEvent(Kind.COLLECT, **place, amount0=45, amount1=81),  # type: ignore[arg-type]
        PoolEvent(Kind.BURN, **(place | {"time": 9}), liquidity=6, amount0=60, amount1=0),  # type: ignore[arg-type]
    )
    closed = replace(held, history=history, owed=(63, 2), liquidity=0, lower=-60, upper=60, tick=60)
    assert (closed.deposited, closed.withdrawn, closed.collected) == ((100, 200), (100, 80), (45, 81))
    assert closed.fees == (8, 3)
    assert (closed.closed, closed.since, closed.in_range) == (9, 5, False)
    assert closed.principal == (0, 0)
