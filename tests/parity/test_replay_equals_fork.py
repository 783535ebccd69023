"""B = C: what the replay rung books in exact arithmetic is what the contracts book on the fork, posting by posting."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.core.amm import swap_math
from bot.core.report import DEPLOYED
from bot.loading import Loaded
from tests.parity.ladder import lines, loaded, on_fork, on_replay, with_fee

pytestmark = pytest.mark.fork

CYCLES = 40
# Gas is assumed in the replay. Measured on 69 receipts of 1 to 6 legs: at most 0.56 off in one (an exit needs no anchor
# and empties storage), 0.05 off in the sum.
GAS_BOUND, GAS_SUM_BOUND = 0.65, 0.15


@pytest.fixture(scope="module")
def reversal() -> Loaded:
    return loaded("reversal", "2024-01", "2024-09", CYCLES)


async def test_every_posting_of_the_replay_is_the_forks_to_the_unit(reversal: Loaded, tmp_path: Path) -> None:
    fork, settings = await on_fork(reversal, tmp_path)
    replay = await on_replay(reversal)
    assert len(fork) == len(replay) == CYCLES
    assert sum(report.outcome == DEPLOYED for report in fork) >= 20, "cycles that move nothing prove nothing"
    assert [report.outcome for report in fork] == [report.outcome for report in replay]
    assert lines(fork, settings.universe) == lines(replay, reversal.universe)
    for chain, arithmetic in zip(fork, replay, strict=True):
        assert (chain.nav, chain.idle, chain.at) == (arithmetic.nav, arithmetic.idle, arithmetic.at)
        if chain.gas_used:
            assert abs(arithmetic.gas_used - chain.gas_used) <= GAS_BOUND * chain.gas_used
    from_record = await on_replay(reversal, market=tmp_path)
    assert lines(from_record, reversal.universe) == lines(replay, reversal.universe), "the record is not what happened"
    used, assumed = (sum(report.gas_used for report in reports) for reports in (fork, replay))
    assert abs(assumed - used) <= GAS_SUM_BOUND * used


async def test_another_fee_on_the_fork_is_noticed(reversal: Loaded, tmp_path: Path) -> None:
    short = replace(reversal, options=replace(reversal.options, cycles=12))
    cheaper = {name: venue.model_copy(update={"fee": 500}) for name, venue in short.config.venues.items()}
    mutant = replace(
        short,
        config=short.config.model_copy(update={"venues": cheaper}),
        universe=replace(
            with_fee(short.universe, 500),
            venues=tuple(
                replace(venue, tick_spacing=10) if venue.fee_pips else venue
                for venue in with_fee(short.universe, 500).venues
            ),
        ),
    )
    fork, settings = await on_fork(mutant, tmp_path)
    replay = await on_replay(short)
    assert lines(fork, settings.universe), "the mutant must trade"
    assert lines(fork, settings.universe) != lines(replay, short.universe)


async def test_another_fee_in_the_replay_is_noticed(reversal: Loaded) -> None:
    honest = lines(await on_replay(reversal), reversal.universe)
    mutant = with_fee(reversal.universe, reversal.universe.risky[0].fee_pips + 1)
    assert lines(await on_replay(reversal, mutant), mutant) != honest


async def test_another_fee_scale_in_the_arithmetic_is_noticed(
    reversal: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = lines(await on_replay(reversal), reversal.universe)
    monkeypatch.setattr(swap_math, "PIPS", swap_math.PIPS + 1)
    assert lines(await on_replay(reversal), reversal.universe) != honest


@pytest.mark.deep
@pytest.mark.parametrize("strategy", ["trend_tilt", "equal_weight", "reversal"])
async def test_nine_months_of_every_shipped_strategy_agree(strategy: str, tmp_path: Path) -> None:
    run = loaded(strategy, "2024-01", "2024-09")
    fork, settings = await on_fork(run, tmp_path)
    replay = await on_replay(run)
    assert lines(fork, settings.universe) == lines(replay, run.universe)
