"""A venue of liquidity from the strategy file to the report: no unit is lost, and what cannot be is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backtests.replay import Replayed, run_replay
from bot.config import Config
from bot.core.amm.pool_state import PoolState
from bot.core.mirror import MirrorStep
from bot.core.panel import Floats, Panel
from bot.core.strategy import Strategy
from bot.errors import ConfigError
from bot.loading import Options, load, refuse_beyond_the_vault
from bot.paper import GAS_BASE, GAS_OF_LIQUIDITY, GAS_PER_LEG, VAULT, PaperMarket, gas_of
from bot.scoring.scorer import IdleScorer
from bot.settings import Settings
from tests.backtests.markets import DAY, START, panel_of, settings_for, walk
from tests.faults.inside import call

Capture = pytest.CaptureFixture[str]
USDC = 10**6
VENUES = {
    "v1": {"kind": "uniswap_v3_lp", "asset": "A1", "fee": "30 bps", "width": "20 %"},
    "v2": {"kind": "uniswap_v3_hold", "asset": "A2", "fee": "30 bps"},
}
ROOM = {
    "limits": {"max_venue": "45 %", "min_idle": "10 %"},
    "policy": {"max_turnover": "100 %", "drawdown_brake": "90 %"},
}
ONCE = {"band": "30 %", "max_turnover": "100 %", "drawdown_brake": "90 %"}
STRATEGY = """\
capital: 100000 USDC
every: 1d
strategy: {name: equal_weight}
venues:
  render-range: {kind: uniswap_v3_lp, asset: RENDER, fee: 30 bps, width: 20 %}
  fet-usdc: {kind: uniswap_v3_hold, asset: FET, fee: 30 bps}
limits: {max_venue: 40 %, min_idle: 10 %}
"""
ONLY_LIQUIDITY = "".join(line for line in STRATEGY.splitlines(keepends=True) if "fet-usdc" not in line)


def config(noise: str = "1 %", **sections: Any) -> Config:
    document = {
        "capital": "100000 USDC",
        "every": "1d",
        "strategy": {"name": "equal_weight"},
        "venues": VENUES,
        "devnet": {"depth": "4000000 USDC", "noise": noise},
    }
    return Config.model_validate(document | ROOM | sections)


def wanting(made: Config, weights: Floats | None) -> Settings:
    """Settings that want, on each day from the start, that row of the weights (T, N); equal weight without any."""
    settings = settings_for(made)
    if weights is None:
        return settings
    given = np.array(weights)
    wants = Strategy("given", lambda panel, scores, params: given[(panel.times - START) // DAY], {}, 1, False)
    return replace(settings, strategy=wants)


async def replayed(panel: Panel, made: Config, weights: Floats | None = None) -> Replayed:
    settings = wanting(made, weights)
    return await run_replay(settings, made, panel, IdleScorer(), int(panel.times[0]), int(panel.times[-1]))


@pytest.fixture
def strategy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "strategy.yaml"
    file.write_text(STRATEGY, encoding="utf-8")
    return file


class Flows:
    """Every token that anybody put into a machine or took out of it, from the calls themselves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[tuple[PoolState, str, tuple[int, int]]] = []
        swap, mint, collect = PoolState.swap, PoolState.mint, PoolState.collect

        def swapping(machine: PoolState, *given: Any) -> tuple[int, int]:
            done = swap(machine, *given)
            self.seen.append((machine, "swap", done))
            return done

        def minting(machine: PoolState, owner: str, *given: Any) -> tuple[int, int]:
            done = mint(machine, owner, *given)
            self.seen.append((machine, f"mint of {owner}", done))
            return done

        def collecting(machine: PoolState, *given: Any) -> tuple[int, int]:
            done = collect(machine, *given)
            self.seen.append((machine, "collect", (-done[0], -done[1])))
            return done

        monkeypatch.setattr(PoolState, "swap", swapping)
        monkeypatch.setattr(PoolState, "mint", minting)
        monkeypatch.setattr(PoolState, "collect", collecting)

    def of(self, machine: PoolState) -> list[tuple[str, tuple[int, int]]]:
        return [(what, flow) for made, what, flow in self.seen if made is machine]


async def test_no_unit_is_lost_between_the_vault_and_the_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    flows = Flows(monkeypatch)
    panel = panel_of(walk(60, 2, seed=5))
    weights = np.tile([0.2, 0.4, 0.4], (60, 1))
    weights[::7] = [0.6, 0.1, 0.3]
    weights[-1] = [1.0, 0.0, 0.0]
    made = await replayed(panel, config(), weights)
    machine, books = made.market.machines["v1"], await made.journal.balances()
    fills = [report for report in made.reports if any(leg["venue"] == "v1" for leg in report.legs)]
    assert len(fills) >= 12
    # The books are what the vault holds.
    capital, money = 100_000 * USDC, settings_for(config()).universe.money.address
    assert made.market.idle == capital + books["idle", money]
    assert made.market.units["v1"] == books["venue:v1", "liquidity:v1"] == 0
    assert made.market.positions() == {}
    # What the pool was given in money, by us and by others, is what is in it: enough for all that it owes.
    everything = flows.of(machine)
    balance0, balance1 = (sum(flow[token] for _, flow in everything) for token in (0, 1))
    twin = machine.copy()
    for owner, lower, upper in list(twin._positions):
        twin.burn(owner, lower, upper, twin.position(owner, lower, upper).liquidity, 9) if owner != VAULT else None
    owed = [twin.position(*key).owed for key in twin._positions]
    assert balance0 - sum(one[0] for one in owed) >= 0
    assert balance1 - sum(one[1] for one in owed) >= 0
    # Rounding alone stays behind: a few units a step.
    assert balance1 - sum(one[1] for one in owed) < 20 * len(everything)


async def test_the_vault_pays_the_pool_just_what_the_books_say(monkeypatch: pytest.MonkeyPatch) -> None:
    flows = Flows(monkeypatch)
    panel = panel_of(walk(40, 2, seed=3))
    settings = wanting(config(), np.tile([0.2, 0.4, 0.4], (40, 1)))
    ours: list[tuple[int, int]] = []
    step = PaperMarket.step

    async def stepping(market: PaperMarket, at: int, steps: list[MirrorStep]) -> None:
        """What is seen on the pool since the last bar is ours; the bar's own is not."""
        ours.extend(flow for _, flow in flows.of(market.machines["v1"]))
        await step(market, at, steps)
        flows.seen.clear()

    monkeypatch.setattr(PaperMarket, "step", stepping)
    flows.seen.clear()
    made = await run_replay(settings, config(), panel, IdleScorer(), START, int(panel.times[-1]))
    ours.extend(flow for _, flow in flows.of(made.market.machines["v1"]))
    seeded = ours[:2]  # the two positions of others
    books = await made.journal.balances()
    money = settings.universe.money.address
    assert len(ours) > 20
    assert sum(flow[0] for flow in ours[2:]) == 0  # no token of the base stays with the vault
    assert sum(flow[1] for flow in ours[2:]) == books["market:v1", money]
    assert all(flow[0] > 0 and flow[1] > 0 for flow in seeded)


async def test_fees_are_earned_by_share_of_the_liquidity(monkeypatch: pytest.MonkeyPatch) -> None:
    flows = Flows(monkeypatch)
    panel = panel_of(np.full((30, 2), 4.0))
    made = await replayed(panel, config("5 %", policy=ONCE), np.tile([0.6, 0.4, 0.0], (30, 1)))
    machine, (position,) = made.market.machines["v1"], made.market.positions().values()
    assert position.owed == machine.fees_owed(VAULT, position.lower, position.upper)
    share = position.liquidity / machine.liquidity
    assert 0.0 < share < 1.0
    seen = flows.of(machine)
    entered = [what for what, _ in seen].index(f"mint of {VAULT}")
    for token in (0, 1):
        paid = sum(flow[token] for what, flow in seen[entered:] if what == "swap" and flow[token] > 0)
        assert paid > 0
        assert position.owed[token] == pytest.approx(paid * 0.003 * share, rel=1e-6)
    # Others trade a twentieth of the volume, and the fees of that at least are shared out.
    earned = position.owed[0] / 1e18 * 4.0 + position.owed[1] / 1e6
    assert earned > 29 * 1e6 * 0.05 * 0.003 * share * 0.99


async def test_a_position_loses_to_arbitrage_what_holding_would_not_have_lost() -> None:
    there_and_back = np.array([4.0, 4.4, 4.0, 4.5, 3.7])
    panel = panel_of(np.column_stack([there_and_back, np.full(5, 4.0)]))
    made = await replayed(panel, config("0 %", policy=ONCE), np.tile([0.6, 0.4, 0.0], (5, 1)))
    assert [len(report.legs) for report in made.reports] == [1, 0, 0, 0, 0]
    (position,) = made.market.positions().values()
    low, high = (1.0001 ** (tick / 2) * 1e6 for tick in (position.lower, position.upper))  # roots of whole prices
    liquidity = position.liquidity / 1e12

    def worth(price: float) -> float:
        """The whitepaper's value of the liquidity, without fees, in money."""
        return float(liquidity * (2 * np.sqrt(price) - low - price / high))

    prices = [report.prices[1] for report in made.reports]
    navs = [report.nav / USDC for report in made.reports]
    tokens = liquidity * (prices[1] ** -0.5 - 1 / high)  # of the base, at the first look after the entry
    for price, nav in zip(prices[2:], navs[2:], strict=True):
        change = nav - navs[1]
        earned = change - (worth(price) - worth(prices[1]))
        assert 0.0 < earned < 500.0  # of arbitrage alone
    assert navs[-1] - navs[1] < tokens * (prices[-1] - prices[1]) - 100.0  # had they been held instead


async def test_it_follows_the_price_when_that_leaves_the_range() -> None:
    rising = 4.0 * 1.06 ** np.arange(12)
    panel = panel_of(np.column_stack([rising, np.full(12, 4.0)]))
    made = await replayed(panel, config("0 %"), np.tile([0.6, 0.4, 0.0], (12, 1)))
    told = [(report.cycle, leg) for report in made.reports for leg in report.legs]
    left = [cycle for cycle, leg in told if "out of range" in leg["notes"]]
    assert len(left) >= 2
    for cycle in left:
        report = made.reports[cycle - 1]
        assert report.outcome == "deployed"
        assert "out of range" in report.sentence
        (leg,) = report.legs
        assert not leg["entry"]
        assert leg["cost"] < 100  # above its range all but dust is money
        if cycle < len(made.reports):
            (again,) = made.reports[cycle].legs
            assert again["entry"]
    assert all(report.held[1] == 0.0 for report in made.reports if report.cycle - 1 in left)


async def test_a_venue_listed_later_is_entered_then() -> None:
    close = walk(20, 2, seed=4)
    close[:10, 0] = np.nan
    made = await replayed(panel_of(close), config())
    entered = [report.cycle for report in made.reports if any(leg["venue"] == "v1" for leg in report.legs)]
    assert entered[0] == 11


def test_gas_of_liquidity_comes_on_top() -> None:
    assert gas_of(3) == GAS_BASE + 3 * GAS_PER_LEG
    assert gas_of(3, 2) == gas_of(3) + 2 * GAS_OF_LIQUIDITY


async def test_its_legs_are_paid_for_in_gas() -> None:
    made = await replayed(panel_of(walk(5, 2)), config())
    for report in made.reports:
        liquid = sum(leg["venue"] == "v1" for leg in report.legs)
        assert report.gas_used == (gas_of(len(report.legs), liquid) if report.legs else 0)


def test_a_backtest_runs_and_its_report_renders(capsys: Capture, strategy: Path) -> None:
    options = ("backtest", strategy, "--synthetic", 7, "--to", "2024-08-20")
    told = call(capsys, *options, "--report", strategy.parent / "report.html")
    assert told.code == 0, told.err
    assert "render-range: the benchmarks hold the token there" in told.out
    assert f"try next: patron run {strategy} --synthetic 7 --to 2024-08-20 --mode paper\n" in told.out
    assert "--mode fork" not in told.out
    page = (strategy.parent / "report.html").read_text(encoding="utf-8")
    assert "<html" in page[:200]
    assert "RENDER, liquidity over a range of 20 %" in page
    facts = json.loads(call(capsys, *options, "--json").out)
    assert facts["rung"] == "replay"
    assert facts["metrics"]["trades"]["value"] > 10


def test_the_fast_rung_refuses_it(capsys: Capture, strategy: Path) -> None:
    said = call(capsys, "backtest", strategy, "--synthetic", 7, "--rung", "fast").error(3)
    assert said == "venues.render-range: uniswap_v3_lp runs on the replay rung only: use --rung replay"


@pytest.mark.fork
def test_a_fork_has_it_as_paper_does(capsys: Capture, strategy: Path) -> None:
    run = ("run", strategy, "--synthetic", 7, "--cycles", 3)
    held = []
    for mode, flags in (("fork", ("--uncertified",)), ("paper", ())):
        folder = strategy.parent / mode
        told = call(capsys, *run, "--mode", mode, *flags, "--data-dir", folder)
        assert told.code == 0, told.err
        found = json.loads(call(capsys, "ledger", "positions", "--json", "--data-dir", folder).out)["positions"]
        held.append({line["account"]: line["raw"] for line in found if line["symbol"] != "ETH"})
    assert held[0] == held[1]
    assert held[0]["venue:render-range"] > 0
    strategy.write_text("mode: fork\n" + STRATEGY, encoding="utf-8")
    assert call(capsys, "check", strategy).code == 0
    assert call(capsys, "backtest", strategy, "--synthetic", 7, "--to", "2024-06-20").code == 0


@pytest.mark.parametrize("verb", [("backtest",), ("run", "--mode", "paper")])
def test_what_only_contracts_can_be_is_refused_elsewhere(
    capsys: Capture, strategy: Path, verb: tuple[str, ...]
) -> None:
    savings = STRATEGY.replace("uniswap_v3_hold, asset: FET, fee: 30 bps", "erc4626, asset: FET")
    strategy.write_text("mode: fork\n" + savings, encoding="utf-8")
    said = call(capsys, verb[0], strategy, *verb[1:], "--synthetic", 7).error(2)
    assert said.startswith(f"{strategy}: venues.fet-usdc.kind: erc4626: lives on a chain alone; use mode: fork")
    following = call(capsys, "check", strategy).out.splitlines()[-1]
    assert following == f"try next: patron run {strategy} --synthetic 7 --uncertified"


def test_a_live_nodes_pools_cannot_have_it_on_paper(strategy: Path) -> None:
    pool = 'width: 20 %, pool: "0x8ad599c3A0ff1De082011EFDDc58f1908eb6e6D8"'
    strategy.write_text("chain: ethereum\n" + ONLY_LIQUIDITY.replace("width: 20 %", pool), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"render-range\.kind: uniswap_v3_lp: on pools of a live node the fees"):
        refuse_beyond_the_vault(load(Options(strategy)))


def test_a_paper_run_in_pieces_ends_as_one_that_was_never_stopped(capsys: Capture, strategy: Path) -> None:
    strategy.write_text(ONLY_LIQUIDITY, encoding="utf-8")
    run = ("run", strategy, "--mode", "paper", "--synthetic", 7)
    folder = strategy.parent
    assert call(capsys, *run, "--cycles", 45, "--data-dir", folder / "whole").code == 0
    for cycles in (5, 13, 27):
        told = call(capsys, *run, "--cycles", cycles, "--data-dir", folder / "pieces")
        assert told.code == 0, told.err
    whole, pieces = (
        json.loads(call(capsys, "ledger", "positions", "--json", "--data-dir", folder / name).out)
        for name in ("whole", "pieces")
    )
    assert whole["positions"] == pieces["positions"]
    assert whole["valued"]["at"] == pieces["valued"]["at"]
    assert {line["symbol"] for line in whole["positions"]} >= {"USDC", "RENDER-LP"}
    reports = [json.loads((folder / name / "report.json").read_text(encoding="utf-8")) for name in ("whole", "pieces")]
    assert reports[0]["metrics"] == reports[1]["metrics"]


def test_a_paper_run_in_another_market_is_told_apart(capsys: Capture, strategy: Path) -> None:
    run = ("run", strategy, "--mode", "paper", "--data-dir", strategy.parent / "run", "--cycles", 2)
    assert call(capsys, *run, "--synthetic", 7).code == 0
    assert "it is not the market of the earlier run" in call(capsys, *run, "--synthetic", 8).err
    assert "only a historical clock can make again" in call(capsys, *run).err
