"""B = C for liquidity: what the paper vault books of its ranges is what the range venues book on the fork."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.core.amm import range_position
from bot.core.amm.pool_state import PoolState
from bot.core.plan import OUT_OF_RANGE
from bot.core.report import DEPLOYED
from bot.loading import Loaded, Options, load
from tests.parity.ladder import lines, on_fork, on_replay

pytestmark = pytest.mark.fork

CYCLES = 24
STRATEGY = """\
chain: devnet
mode: fork
capital: 100000 USDC
every: 1d
strategy: {name: reversal, params: {bars: 3}}
venues:
  narrow: {kind: uniswap_v3_lp, asset: VIDEO, fee: 30 bps, width: 6 %}
  wide: {kind: uniswap_v3_lp, asset: SOUND, fee: 5 bps, width: 40 %}
  coin: {kind: uniswap_v3_hold, asset: MODEL, fee: 30 bps}
  third: {kind: uniswap_v3_lp, asset: MODEL, fee: 1 %, width: 20 %}
policy: {band: 100 bps, max_turnover: 60 %, drawdown_brake: 90 %}
limits: {max_venue: 30 %, min_idle: 10 %, max_loss: 200 bps, max_staleness: 2d}
devnet: {depth: 8000000 USDC, noise: 1 %, seed: 7}
"""


@pytest.fixture
def ranges(tmp_path: Path) -> Loaded:
    file = tmp_path / "ranges.yaml"
    file.write_text(STRATEGY, encoding="utf-8")
    return load(Options(config=file, mode="fork", synthetic=7, cycles=CYCLES))


async def test_every_posting_of_liquidity_is_the_forks_to_the_unit(ranges: Loaded, tmp_path: Path) -> None:
    fork, settings = await on_fork(ranges, tmp_path)
    replay = await on_replay(ranges)
    assert len(fork) == len(replay) == CYCLES
    assert [(report.outcome, report.reasons) for report in fork] == [(same.outcome, same.reasons) for same in replay]
    assert lines(fork, settings.universe) == lines(replay, ranges.universe)
    for chain, arithmetic in zip(fork, replay, strict=True):
        assert (chain.nav, chain.idle, chain.at) == (arithmetic.nav, arithmetic.idle, arithmetic.at)
        assert chain.held == arithmetic.held
    done = [(leg["venue"], leg["entry"]) for report in fork if report.outcome == DEPLOYED for leg in report.legs]
    for move in ((venue, entry) for venue in ("narrow", "wide", "third") for entry in (True, False)):
        assert done.count(move) >= 2, f"too few moves of {move}: nothing is proved by what does not happen"
    assert any(OUT_OF_RANGE in leg["notes"] for report in fork for leg in report.legs), "no price left its range"


async def test_another_width_is_noticed(ranges: Loaded) -> None:
    honest = lines(await on_replay(ranges), ranges.universe)
    wider = tuple(replace(one, width_bps=one.width_bps and one.width_bps + 100) for one in ranges.universe.venues)
    mutant = replace(ranges.universe, venues=wider)
    assert lines(await on_replay(ranges, mutant), mutant) != honest


@pytest.mark.parametrize("wrong", ["a unit less is minted", "fees are forgotten"])
async def test_wrong_arithmetic_is_noticed(ranges: Loaded, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    honest = lines(await on_replay(ranges), ranges.universe)
    if wrong == "fees are forgotten":
        monkeypatch.setattr(PoolState, "fees_owed", lambda *place: (0, 0))
    else:
        most = range_position.most_liquidity

        def one_less(*given: int) -> int | None:
            found = most(*given)
            return found and found - 1

        monkeypatch.setattr(range_position, "most_liquidity", one_less)
    assert lines(await on_replay(ranges), ranges.universe) != honest
