"""The other gates: each says no for its own reason, and compares what it says it compares."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from backtests.certify.evidence import Beside, years
from backtests.certify.gates import benchmark, costs, leaks
from backtests.certify.gates.folds import FOLDS, against, walk_forward
from backtests.certify.gates.parity import BOUND, parity
from backtests.lookahead.findings import Finding, Report
from backtests.lookahead.tampering import TAMPERINGS
from backtests.metrics import returns_of
from backtests.run import Run
from bot.core.certificate import FAILED, PASSED
from bot.core.panel import Floats
from tests.backtests.certify.made import CYCLES, beside, folds, grown, market, own
from tests.backtests.markets import run_of

NOTHING = np.zeros(CYCLES + 1)


def with_edge(mean: float) -> Beside:
    return beside(market() + own(1, mean), market())


def stressed(all_at_once: Beside, other: Beside | None = None) -> dict[str, Beside]:
    return {name: other or all_at_once for name in costs.STRESSES} | {costs.ALL_AT_ONCE: all_at_once}


def capitals(edge_at: Callable[[float], float]) -> dict[float, Beside]:
    return {factor: with_edge(edge_at(factor)) for factor in costs.CAPITALS}


def test_a_majority_of_folds_is_needed_and_to_be_ahead_over_all() -> None:
    assert [gate.verdict for gate in walk_forward(folds([0.1] * 4 + [-0.01] * 2))] == [PASSED, PASSED]
    assert walk_forward(folds([0.1] * 3 + [-0.01] * 3))[0].verdict == FAILED, "half is no majority"
    assert walk_forward(folds([0.01] * 4 + [-0.3] * 2))[0].verdict == FAILED, "behind over all"


def test_a_fold_that_ends_level_is_not_won() -> None:
    gate = walk_forward(folds([0.0] * 3 + [0.1] * 3))[0]
    assert (gate.observed, gate.bound, gate.verdict) == (3.0, 4.0, FAILED)


def test_each_rival_has_its_own_gate() -> None:
    run, weak, strong = run_of([100.0, 110.0]), run_of([100.0, 105.0]), run_of([100.0, 120.0])
    assert against("a", "b", [(run, weak)]).verdict == PASSED
    assert against("a", "b", [(run, strong)]).verdict == FAILED


def test_a_window_too_short_for_folds_fails() -> None:
    gate = walk_forward(())[0]
    assert gate.verdict == FAILED
    assert str(FOLDS) in gate.said


def test_stress_asks_for_the_worst_of_all_at_once() -> None:
    calm = with_edge(0.001)
    assert costs.stress(calm, stressed(with_edge(0.0004))).verdict == PASSED
    assert costs.stress(calm, stressed(with_edge(-0.0004), calm)).verdict == FAILED


def test_stress_that_leaves_only_less_of_a_falling_market_fails() -> None:
    rival = market(drift=-0.004)
    idle = beside(0.2 * rival - 1e-5, rival)
    assert costs.ahead(idle) > 0.0
    assert costs.stress(with_edge(0.001), stressed(idle)).verdict == FAILED


def test_capacity_is_where_half_of_the_active_return_is_gone() -> None:
    # Half of 0.1 % a day is gone between 3 and 10 times the capital, half way on a logarithmic axis.
    gate = costs.capacity(capitals(lambda factor: 0.001 if factor <= 3.0 else 0.0), "USDC")
    assert gate.verdict == PASSED
    assert gate.observed == pytest.approx(100_000.0 * math.sqrt(3.0 * 10.0), rel=0.02)
    assert gate.bound == pytest.approx(100_000.0)
    assert gate.figures["0.01x"] == pytest.approx(0.001 * CYCLES, rel=0.05)


def test_capital_beyond_capacity_fails_though_an_edge_is_left() -> None:
    gate = costs.capacity(capitals(lambda factor: 0.002 if factor <= 0.1 else 0.0005), "USDC")
    assert gate.verdict == FAILED
    assert gate.observed is not None
    assert gate.observed < 100_000.0


def test_what_never_earned_has_no_capacity_and_what_loses_nothing_has_all_of_it() -> None:
    assert costs.capacity(capitals(lambda factor: -0.001), "USDC").verdict == FAILED
    gate = costs.capacity(capitals(lambda factor: 0.001), "USDC")
    assert (gate.verdict, gate.observed) == (PASSED, pytest.approx(100_000.0 * costs.CAPITALS[-1]))


def test_what_sandwiches_take_is_charged_to_both() -> None:
    calm = with_edge(0.0005)
    lead = costs.ahead(calm) * 100_000.0
    much = NOTHING.copy()
    much[CYCLES - 1] = 1.5 * lead  # as late as it can still be felt
    assert costs.sandwich(calm, NOTHING, NOTHING, calm, 0).verdict == PASSED
    assert costs.sandwich(calm, much, NOTHING, calm, 7).verdict == FAILED
    assert costs.sandwich(calm, much, much, calm, 7).verdict == PASSED


def test_money_taken_early_is_missing_with_all_that_it_would_have_grown_to() -> None:
    run = run_of([100.0, 200.0, 400.0])
    assert costs.charged(run, np.array([10.0, 0.0, 0.0])) == pytest.approx(3.0 - 0.4)
    assert costs.charged(run, np.array([0.0, 10.0, 0.0])) == pytest.approx(3.0 - 0.2)
    assert costs.charged(run, np.array([0.0, 0.0, 10.0])) == pytest.approx(3.0), "after the last value"


def costing(own_cost: float, held_cost: float = 0.0, idle: float = 0.2, mine: Floats | None = None) -> Beside:
    """Runs that pay these shares of the portfolio a year."""

    def run(cost: float) -> Run:
        made = grown(market() if mine is None else mine)
        held = np.tile([idle, 1.0 - idle], (len(made), 1))
        return replace(made, fees=made.nav * cost * years(made) / len(made), held=held)

    return Beside(run(own_cost), run(0.0), run(held_cost))


def test_a_benchmark_may_pay_under_stress_what_holding_pays_and_little_more() -> None:
    calm, drag = costing(0.01), benchmark.DRAG
    assert benchmark.stress(calm, stressed(costing(0.01 + 3.0 * drag, 2.5 * drag))).verdict == PASSED
    assert benchmark.stress(calm, stressed(costing(0.01 + 3.0 * drag, 0.0))).verdict == FAILED
    assert benchmark.stress(calm, stressed(costing(0.0, idle=0.7))).verdict == FAILED, "it does not trade any more"


def test_a_benchmark_is_not_blamed_for_what_the_market_did_meanwhile() -> None:
    calm, later = costing(0.01), costing(0.01, mine=market(drift=-0.003))
    assert benchmark.stress(calm, stressed(later)).verdict == PASSED


def test_a_benchmarks_size_is_bounded_by_what_it_costs_and_what_it_keeps_idle() -> None:
    def sized(cost: Callable[[float], float], idle: float = 0.2) -> dict[float, Beside]:
        return {factor: costing(cost(factor), idle=idle if factor >= 10.0 else 0.2) for factor in costs.CAPITALS}

    drag = benchmark.DRAG
    assert benchmark.capacity(sized(lambda factor: 0.5 * drag), "USDC").observed == pytest.approx(1e7)
    assert benchmark.capacity(sized(lambda factor: 2.0 * drag * (factor >= 10.0)), "USDC").verdict == PASSED
    assert benchmark.capacity(sized(lambda factor: 2.0 * drag * (factor >= 1.0)), "USDC").verdict == FAILED
    kept_out = benchmark.capacity(sized(lambda factor: 0.0, idle=0.9), "USDC")
    assert kept_out.observed is not None
    assert 3e5 < kept_out.observed < 1e6


def test_what_sandwiches_may_take_of_a_benchmark_is_bounded() -> None:
    calm, much = beside(market(), market()), NOTHING.copy()
    much[0] = 10_000.0
    assert benchmark.sandwich(calm, NOTHING, 0).verdict == PASSED
    assert benchmark.sandwich(calm, much, 1).verdict == FAILED


def test_parity_is_the_largest_distance_and_not_the_last() -> None:
    exact = grown(market())
    near, far = exact.nav.copy(), exact.nav.copy()
    near[10] *= 1.0 + 0.9 * BOUND
    far[10] *= 1.0 + 1.1 * BOUND
    assert parity(run_of(near.tolist()), exact).verdict == PASSED
    gate = parity(run_of(far.tolist()), exact)
    assert (gate.verdict, gate.observed) == (FAILED, pytest.approx(1.1 * BOUND))
    assert parity(run_of([1.0, 1.0]), exact).verdict == FAILED, "not the same cycles"


def test_any_finding_fails_and_so_does_a_budget_for_too_few_futures() -> None:
    leak = Finding("truncation", "features", "momentum", "v1", 0, 1, 1.0, "it knows what came later")
    kinds = len(TAMPERINGS)
    assert leaks.lookahead(Report((), kinds, 4 * kinds, (), 3, 9)).verdict == PASSED
    assert "raise --budget" in leaks.lookahead(Report((), kinds - 1, 4 * kinds, (), 3, 9)).said
    assert leaks.lookahead(Report((), kinds - 1, 4 * kinds, (), 3, 9)).verdict == FAILED
    gate = leaks.lookahead(Report((leak,), 4 * kinds, 4 * kinds, (), 3, 9))
    assert (gate.verdict, gate.observed) == (FAILED, 1.0)
    assert "momentum of v1" in gate.said


def test_two_folds_of_debt_multiply_to_no_gain() -> None:
    gate = walk_forward(folds([0.1] * 4 + [-6.0] * 2))[0]
    assert (gate.observed, gate.verdict) == (4.0, FAILED)
    assert gate.figures["overall"] == -1.0


def test_sandwiches_of_the_rival_excuse_no_more_than_what_is_held_like_it() -> None:
    """A strategy that no market moves is not better for what the market's holders lose."""
    base = market()
    alone = own(7, 0.0002)
    alone = alone - base * float((base - base.mean()) @ alone / ((base - base.mean()) @ base))
    calm = beside(alone, base)
    earned = float(returns_of(calm.run.equity).sum())
    none, much = np.zeros(CYCLES + 1), np.full(CYCLES + 1, 100.0)
    assert costs.sandwich(calm, none, much, calm, 0).observed == pytest.approx(earned, abs=0.01)
    assert earned < 0.2 < float(much.sum()) / calm.rival.capital


def test_what_sandwiches_take_is_a_share_of_what_the_capital_is_by_then() -> None:
    fell = np.concatenate(([-0.5], own(3, 0.001, cycles=CYCLES - 1)))
    calm = beside(fell, np.concatenate(([-0.95], np.zeros(CYCLES - 1))))
    none, taken = np.zeros(CYCLES + 1), np.zeros(CYCLES + 1)
    taken[200] = 20_000.0
    before, after = (costs.sandwich(calm, each, none, calm, 1).observed for each in (none, taken))
    assert before is not None
    assert after == pytest.approx(before - 20_000.0 / calm.run.equity[200], abs=0.002)
    assert calm.run.equity[200] < 80_000.0
