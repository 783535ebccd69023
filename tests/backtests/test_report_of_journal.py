"""A run as its journal tells it: from cycle reports and postings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backtests.run import Run, run_from_reports
from bot.core.postings import Fill, Receipt, postings_of
from bot.core.report import CycleReport
from bot.core.universe import LP
from bot.errors import DataError
from bot.settings import simulated_universe
from tests.backtests.markets import START, config_of, run_of

UNIVERSE = simulated_universe(config_of(2))
ONE, TOKEN = 10**6, 10**18


def leg(venue: str, entry: bool, amount: int, expected: int, value: int, cost: int) -> dict[str, object]:
    amounts = {"amount": amount, "expected": expected, "value": value, "cost": cost}
    return {"venue": venue, "entry": entry, "score": 0.02, **amounts}


def report(cycle: int, outcome: str = "held", **changes: object) -> CycleReport:
    plain = CycleReport(
        cycle=cycle,
        at=START + 86_400 * cycle,
        block=cycle,
        outcome=outcome,
        sentence="a sentence",
        nav=1_000 * ONE,
        idle=600 * ONE,
        target=(0.5, 0.5, 0.0),
        weights=(0.6, 0.4, 0.0),
        held=(0.6, 0.0, 0.4),
        prices=(1.0, 2.0, 4.0),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # any field


def deployed(cycle: int, received: int) -> CycleReport:
    """Sells 10 tokens of v2 for 39.5 and buys v1 for 100; the entry was planned to bring 49.8 tokens."""
    fills = (Fill("v2", False, 10 * TOKEN, 39_500_000), Fill("v1", True, 100 * ONE, received))
    receipt = Receipt("0x1", cycle, "0x2", START, True, fills, 500_000, 10**15)
    legs = (
        leg("v2", False, 10 * TOKEN, 39_500_000, 40 * ONE, 500_000),
        leg("v1", True, 100 * ONE, 498 * TOKEN // 10, 100 * ONE, 400_000),
    )
    return report(
        cycle, "deployed", legs=legs, postings=postings_of(receipt, UNIVERSE), turnover=100 * ONE, gas_cost=10**15
    )


def told(*reports: CycleReport) -> Run:
    return run_from_reports(reports, UNIVERSE, 6, 3_000 / 1e18, "mine", "replay")


def test_trades_and_money_come_from_the_postings() -> None:
    run = told(report(1), deployed(2, 498 * TOKEN // 10))
    assert run.venues == ("idle", "v1", "v2")
    assert run.nav.tolist() == [1_000.0, 1_000.0]
    assert run.gas.tolist() == [0.0, pytest.approx(3.0)]
    assert run.fees.tolist() == [0.0, pytest.approx(0.9)]
    assert run.turnover.tolist() == [0.0, 0.1]
    assert run.held[1].tolist() == [0.6, 0.0, 0.4]
    assert run.target[1].tolist() == [0.6, 0.4, 0.0]
    sale, buy = run.trades.to_dict("records")
    assert (sale["venue"], sale["side"], sale["money"], sale["units"]) == ("v2", "sell", 39.5, 10.0)
    assert (sale["price"], sale["cost_bps"]) == (pytest.approx(3.95), pytest.approx(125.0))
    assert (buy["venue"], buy["side"], buy["money"], buy["units"]) == ("v1", "buy", 100.0, pytest.approx(49.8))
    assert (buy["score"], buy["time"]) == (0.02, run.times[1])


def test_the_pool_fee_is_told_apart_from_the_rest_of_a_legs_cost_but_for_liquidity() -> None:
    sale, buy = told(deployed(1, 498 * TOKEN // 10)).trades.to_dict("records")
    assert sale["fee"] == pytest.approx(40 * 0.003)  # v2 is a pool of 30 bps, v1 one of 5
    assert buy["fee"] == pytest.approx(100 * 0.0005)
    venues = tuple(replace(venue, kind=LP) if venue.id == "v2" else venue for venue in UNIVERSE.venues)
    run = run_from_reports([deployed(1, TOKEN)], replace(UNIVERSE, venues=venues), 6, 0.0, "mine", "replay")
    assert run.trades["fee"].isna().tolist() == [True, False]


def test_a_fill_below_the_plan_costs_that_much_more() -> None:
    run = told(deployed(1, 498 * TOKEN // 10 - TOKEN // 4))  # a quarter token at a price of 2
    assert run.trades["cost"].tolist() == [pytest.approx(0.5), pytest.approx(0.9)]
    assert run.fees[0] == pytest.approx(1.4)


def test_a_reverted_cycle_traded_nothing_but_paid_its_gas() -> None:
    legs = deployed(1, TOKEN).legs
    run = told(report(1, "reverted", legs=legs, turnover=100 * ONE, gas_cost=10**15, reasons=("Slippage",)))
    assert run.trades.empty
    assert run.turnover.tolist() == [0.0]
    assert run.gas.tolist() == [pytest.approx(3.0)]
    assert run.reasons == ((START + 86_400, "reverted: Slippage"),)


def test_the_last_word_on_a_cycle_counts() -> None:
    run = told(report(1, "unknown", reasons=("no receipt for 0x1",)), deployed(1, TOKEN), report(2))
    assert len(run) == 2
    assert len(run.trades) == 2
    assert run.reasons == ()


def test_cycles_that_failed_before_the_market_are_left_out_with_a_note() -> None:
    run = told(report(1), report(2, "failed", nav=0, reasons=("node is down",)), report(3))
    assert len(run) == 2
    assert run.notes == ("left out, as they failed before they saw the market: 1 of 3 cycles",)
    with pytest.raises(DataError, match="of 1 cycles none reached the market"):
        told(report(1, "failed"))


def test_a_refusal_is_told_by_its_reasons_or_its_sentence() -> None:
    run = told(report(1, "refused", reasons=("min_idle", "max_loss")), report(2, "disagreed"))
    assert [reason for _, reason in run.reasons] == ["refused: min_idle", "refused: max_loss", "disagreed: a sentence"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"rung": "guess"}, "a rung is one of"),
        ({"gas": np.zeros(2)}, "gas has shape"),
        ({"held": np.zeros((3, 3))}, "held has shape"),
        ({"times": np.array([3, 2, 1])}, "rise strictly"),
    ],
)
def test_refuses_arrays_that_do_not_belong_together(changes: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        replace(run_of([1.0, 2.0, 3.0]), **changes)  # type: ignore[arg-type]  # any field
