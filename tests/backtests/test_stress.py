"""Costs that are worse than the strategy file assumes: each knob moves what it names, by what it says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from backtests.fast import benchmarks, run_fast
from backtests.run import Run
from backtests.stress import Stress
from bot.core.panel import Panel
from bot.core.score import no_scores
from bot.errors import DataError
from tests.backtests.markets import START, config_of, panel_of, settings_for, walk, wanted

PANEL = panel_of(walk(60, 3))
LOOSE = {"max_loss": "900 bps"}  # nothing is cut, so legs are as large as without stress


def stressed(stress: Stress, panel: Panel = PANEL, **sections: object) -> Run:
    config = config_of(3, **sections)
    scores = no_scores(len(panel), 4)
    window = START, int(panel.times[-1])
    return run_fast(settings_for(config, wanted(panel)), config, panel, scores, *window, stress=stress)


def opening(run: Run) -> pd.DataFrame:
    """The legs of the first cycle, where all runs stand alike."""
    return run.trades[run.trades["time"] == START]


def test_no_stress_changes_no_bit() -> None:
    calm, plain = stressed(Stress()), stressed(Stress(1.0, 1.0, 1.0, False))
    config = config_of(3)
    window = START, int(PANEL.times[-1])
    bare = run_fast(settings_for(config, wanted(PANEL)), config, PANEL, no_scores(60, 4), *window)
    assert calm.nav.tobytes() == plain.nav.tobytes() == bare.nav.tobytes()


def test_fees_multiply_what_legs_pay_and_leave_the_market_alone() -> None:
    calm, dear = stressed(Stress(), limits=LOOSE), stressed(Stress(fees=2.0), limits=LOOSE)
    np.testing.assert_allclose(opening(dear)["fee"], 2 * opening(calm)["fee"], rtol=1e-12)
    flat = panel_of(walk(60, 3))
    idle = np.tile([1.0, 0.0, 0.0, 0.0], (60, 1))
    config = config_of(3)
    runs = [
        run_fast(settings_for(config, idle), config, flat, no_scores(60, 4), START, int(flat.times[-1]), stress=each)
        for each in (Stress(), Stress(fees=5.0, impact=3.0))
    ]
    assert runs[0].prices.tobytes() == runs[1].prices.tobytes()
    shares = [run.trades["fee"].sum() / run.trades["money"].sum() for run in (calm, dear)]
    assert 1.7 < shares[1] / shares[0] < 2.3


def test_impact_divides_the_pools_liquidity() -> None:
    calm, thin = stressed(Stress(), limits=LOOSE), stressed(Stress(impact=3.0), limits=LOOSE)
    paid, paid_thin = (opening(run)["cost"] - opening(run)["fee"] for run in (calm, thin))
    # Price impact grows with size over depth, to first order; the fee is taken before.
    np.testing.assert_allclose(paid_thin, 3 * paid, rtol=0.05)
    deeper = stressed(Stress(), limits=LOOSE, devnet={"depth": "12000000 USDC", "noise": "0 %"})
    same = stressed(Stress(impact=3.0), limits=LOOSE, devnet={"depth": "12000000 USDC", "noise": "0 %"})
    np.testing.assert_allclose(same.nav, calm.nav, rtol=1e-9)
    assert np.abs(deeper.nav / calm.nav - 1.0).max() > 1e-7


def test_gas_is_multiplied_and_changes_no_trade() -> None:
    calm, dear = stressed(Stress()), stressed(Stress(gas=7.0))
    assert dear.nav.tobytes() == calm.nav.tobytes()
    np.testing.assert_allclose(dear.gas, 7 * calm.gas, rtol=1e-12)


def test_the_bots_own_limit_still_cuts_what_stress_makes_too_dear() -> None:
    run = stressed(Stress(fees=2.0, impact=3.0))
    assert run.trades["cost_bps"].max() <= 100 * (1 + 1e-9)
    assert stressed(Stress()).trades["money"].sum() > run.trades["money"].sum() > 0.0


@pytest.mark.parametrize(("limits", "taken"), [({}, 0.005), ({"max_sandwich": "20 bps"}, 0.002)])
def test_a_sandwich_takes_the_lower_of_slippage_and_its_own_limit_from_each_leg(
    limits: dict[str, str], taken: float
) -> None:
    calm, robbed = stressed(Stress(), limits=limits), stressed(Stress(sandwich=True), limits=limits)
    buys, robbed_buys = opening(calm), opening(robbed)
    np.testing.assert_allclose(robbed_buys["units"], buys["units"] * (1 - taken), rtol=1e-12)
    value = buys["money"] - buys["cost"]
    np.testing.assert_allclose(robbed_buys["cost"] - buys["cost"], value * taken, rtol=1e-9)
    sales = robbed.trades[robbed.trades["side"] == "sell"]
    assert (sales["cost_bps"] > taken * 10_000 + 4.9).all()


def test_benchmarks_bear_the_same_stress() -> None:
    config = config_of(3)
    settings, window = settings_for(config), (START, int(PANEL.times[-1]))
    calm = benchmarks(settings, config, PANEL, *window)
    for knob in (Stress(fees=2.0), Stress(impact=3.0), Stress(sandwich=True)):
        for before, after in zip(calm, benchmarks(settings, config, PANEL, *window, stress=knob), strict=True):
            assert after.equity[-1] < before.equity[-1]


@pytest.mark.parametrize("wrong", [{"fees": -1.0}, {"impact": 0.0}, {"gas": np.nan}, {"fees": np.inf}])
def test_refuses_a_factor_that_is_none(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"stress: {next(iter(wrong))} is a finite factor"):
        Stress(**wrong)  # type: ignore[arg-type]


def test_refuses_fees_that_leave_nothing_of_a_leg() -> None:
    with pytest.raises(DataError, match="stress: fees times 400 make a pool fee of 120%"):
        stressed(Stress(fees=400.0))
