"""Rung A by the interpreter = rung A compiled, bit for bit, over generated markets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backtests.fast import run_fast
from backtests.kernels.cycle import rebalance_nb
from backtests.kernels.plain import plain
from backtests.kernels.portfolio import path_nb
from backtests.run import Run
from bot.core.panel import Panel
from bot.core.score import no_scores
from tests.backtests.markets import config_of, panel_of, settings_for, walk, wanted

ARRAYS = ("times", "nav", "gas", "fees", "turnover", "held", "target", "prices")


@st.composite
def markets(draw: st.DrawFn) -> Panel:
    """Panels with late listings, lost prices, quiet and wild moves."""
    rows, venues = draw(st.integers(1, 40)), draw(st.integers(1, 6))
    close = walk(rows, venues, draw(st.integers(0, 10_000)), draw(st.sampled_from([0.0, 0.01, 0.1, 0.6])))
    for i in range(venues):
        listed, gone = draw(st.integers(0, rows)), draw(st.integers(0, rows))
        close[: listed // 2, i] = np.nan
        if draw(st.booleans()):
            close[gone:, i] = np.nan
    return panel_of(close)


def bps(low: int, high: int) -> st.SearchStrategy[str]:
    return st.integers(low, high).map("{} bps".format)


rules = st.fixed_dictionaries(
    {
        "capital": st.integers(1_000, 20_000_000).map("{} USDC".format),
        "every": st.sampled_from(["1d", "2d", "7d"]),
        "policy": st.fixed_dictionaries(
            {
                "band": bps(0, 500),
                "max_turnover": bps(1, 10_000),
                "drawdown_brake": bps(50, 5_000),
                "drawdown_window": st.integers(1, 60).map("{}d".format),
            }
        ),
        "limits": st.fixed_dictionaries(
            {
                "max_venue": bps(100, 7_000),
                "min_idle": bps(0, 3_000),
                "slippage": bps(0, 500),
                "max_loss": bps(1, 2_000),
                "min_trade": st.integers(0, 1_000).map("{} USDC".format),
            }
        ),
    }
)


def same(one: Run, other: Run) -> None:
    for name in ARRAYS:
        left, right = np.asarray(getattr(one, name)), np.asarray(getattr(other, name))
        assert left.tobytes() == right.tobytes(), name
    assert one.trades.equals(other.trades)
    assert one.reasons == other.reasons


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(markets(), rules, st.integers(0, 1_000))
def test_interpreted_run_equals_compiled_run_bit_for_bit(panel: Panel, sections: dict[str, object], seed: int) -> None:
    config = config_of(len(panel.venues) - 1, **sections)
    chosen = settings_for(config, wanted(panel, seed))
    scores = no_scores(len(panel), len(panel.venues))
    window = int(panel.times[0]), int(panel.times[-1])
    compiled, interpreted = (run_fast(chosen, config, panel, scores, *window, compiled=mode) for mode in (True, False))
    same(compiled, interpreted)
    assert np.isfinite(compiled.nav).all()
    assert (compiled.nav > 0.0).all()


def test_the_interpreted_reference_calls_no_compiled_code(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = panel_of(walk(20, 3))
    config = config_of(3)
    before = {id(kernel): kernel.stats for kernel in (path_nb, rebalance_nb)}
    reference = plain(path_nb)
    inner = reference.__globals__["rebalance_nb"]
    assert inner.__code__ is rebalance_nb.py_func.__code__
    called = []
    monkeypatch.setitem(reference.__globals__, "rebalance_nb", lambda *given: called.append(1) or inner(*given))
    monkeypatch.setattr("backtests.fast.plain", lambda kernel: reference)
    scores = no_scores(20, 4)
    run_fast(settings_for(config), config, panel, scores, int(panel.times[0]), int(panel.times[-1]), compiled=False)
    assert len(called) == 20
    assert before == {id(kernel): kernel.stats for kernel in (path_nb, rebalance_nb)}
