"""How far minute bars are off: the same pool, once replayed exactly and once seen through bars only.

Generated event logs are made into minute bars of the recorded format; then the same strategies run on both, with the
same looks, and the fees they earn are compared. Bars know nothing of the protocol's fee, so it is taken out of the
logs, and logs with it are counted by themselves. ``python -m backtests.lp.bar_error [FILE]`` writes the table.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from backtests.lp.bars import MINUTE_BARS_SAME_PRICE, BarSetup, run_bars
from backtests.lp.compiled import calls_of
from backtests.lp.config import CostsConfig
from backtests.lp.engine import Setup, run
from backtests.lp.made_log import DOLLAR, ETHER, MadeMarket, made_log
from backtests.lp.minutes import MINUTE, Limbs, Minutes
from backtests.lp.path import recorded_path
from backtests.lp.result import MINUTE_BARS, SAME_AMOUNTS, SAME_PRICE, LpRun, Market
from backtests.lp.strategies import FullRange, LpStrategy, Recentre, Static, Volatility
from bot.core.amm.events import Kind
from bot.pool_log import PoolLog, pool_log_of

LIMB: Final = (1 << 64) - 1
WARM_UP: Final = 30  # minutes of the log before the first look, so that there is a price to look at
SEEDS: Final = tuple(range(8))
SWAPS: Final = 6_000
CAPITALS: Final = (1_000, 100_000)  # dollars: a provider that nobody notices, and one of some per cent of the pool
MARKETS: Final = (MadeMarket(), MadeMarket(fee_pips=500, tick_spacing=10, volatility=1.0))
STRATEGIES: Final[Mapping[str, LpStrategy]] = {
    "static, 1 %": Static.model_validate({"width": "1 %"}),
    "static, 3 %": Static.model_validate({"width": "3 %"}),
    "static, 10 %": Static.model_validate({"width": "10 %"}),
    "full range": FullRange(),
    "recentre, 1 %": Recentre.model_validate({"width": "1 %"}),
    "recentre, 3 %": Recentre.model_validate({"width": "3 %"}),
    "volatility, 1 sigma, 6 h": Volatility.model_validate({"sigmas": 1.0, "every": "6h", "lookback": "1d"}),
}
WORLDS: Final = ((SAME_AMOUNTS, MINUTE_BARS), (SAME_PRICE, MINUTE_BARS_SAME_PRICE))
FREE: Final = CostsConfig.model_validate({"gas_price": "0 gwei", "swap": "external", "swap_cost": "0 bps"})


@dataclass(frozen=True, slots=True)
class BarError:
    """One comparison. fees, value: of the bars over the exact, less one; taxed: with the protocol's fee.

    in_range: the difference of the two shares of time.
    """

    fee_pips: int
    strategy: str
    capital: int
    mode: str
    seed: int
    taxed: bool
    fees: float
    value: float
    in_range: float


def minutes_of_log(log: PoolLog) -> Minutes:
    """The bars that a recorder would have written of a log: one a minute from the first swap's to the last's.

    Minutes without a swap carry tick and liquidity; they are recorded, so none is missing.
    """
    swaps = [log.event(int(row)) for row in np.flatnonzero(np.asarray(log.kind) == Kind.SWAP)]
    first = swaps[0].time // MINUTE
    count = swaps[-1].time // MINUTE - first + 1
    ticks = np.zeros((4, count), dtype=np.int32)
    sums = [[0, 0, 0] for _ in range(count)]
    at = -1
    for event in swaps:
        minute = event.time // MINUTE - first
        while at < minute:
            at += 1
            ticks[:, at] = event.tick if at == minute else ticks[3, at - 1]
            sums[at][2] = sums[at - 1][2] if at else event.liquidity
        ticks[1, at], ticks[2, at] = min(ticks[1, at], event.tick), max(ticks[2, at], event.tick)
        ticks[3, at] = event.tick
        sums[at][0] += max(event.amount0, 0)
        sums[at][1] += max(event.amount1, 0)
        sums[at][2] = event.liquidity
    in0, in1, liquidity = (_limbs([row[i] for row in sums]) for i in range(3))
    times = MINUTE * (first + np.arange(count, dtype=np.int64))
    nothing = np.zeros(count, dtype=np.bool_)
    opens, lows, highs, closes = ticks
    return Minutes(times, opens, lows, highs, closes, in0, in1, liquidity, nothing, ("a made log",), "")


def without_protocol_fee(log: PoolLog) -> PoolLog:
    """The log of the same pool had its protocol never asked for a share: no other event's numbers depend on it."""
    kept = [event for event in log.events() if event.kind not in (Kind.SET_FEE_PROTOCOL, Kind.COLLECT_PROTOCOL)]
    return pool_log_of(log.facts, kept, name="made log without a protocol's fee")


def measure(
    seeds: Sequence[int] = SEEDS,
    swaps: int = SWAPS,
    markets: Sequence[MadeMarket] = MARKETS,
    strategies: Mapping[str, LpStrategy] = STRATEGIES,
    capitals: Sequence[int] = CAPITALS,
) -> Iterator[BarError]:
    """Every comparison of every made log, strategy, capital and assumption, without gas and costs of swapping.

    Then, for the first capital, once more on the log with the protocol's fee that it switches on and off.
    """
    for chosen in markets:
        for seed in seeds:
            log = made_log(seed, swaps, chosen)
            yield from _measured(without_protocol_fee(log), seed, strategies, capitals, taxed=False)
            if np.any(log.kind == Kind.SET_FEE_PROTOCOL):
                yield from _measured(log, seed, strategies, capitals[:1], taxed=True)


def table(errors: Sequence[BarError]) -> str:
    """The errors of the fees as Markdown: a row per fee tier and strategy, a column per provider and assumption.

    A cell is the median of the absolute errors, and the largest error with its sign. Above zero: bars say too much.
    """
    plain = [each for each in errors if not each.taxed]
    columns = list(dict.fromkeys((each.capital, each.mode) for each in plain))
    lines = [
        f"| fee tier | strategy | logs | {' | '.join(f'{capital:,} USDC, {mode}' for capital, mode in columns)} |",
        f"|---:|---|---:|{'---:|' * len(columns)}",
    ]
    for tier, strategy in dict.fromkeys((each.fee_pips, each.strategy) for each in plain):
        row = [each for each in plain if (each.fee_pips, each.strategy) == (tier, strategy)]
        cells = [_cell([each.fees for each in row if (each.capital, each.mode) == column]) for column in columns]
        logs = len({each.seed for each in row})
        lines.append(f"| {tier / 10_000:g} % | {strategy} | {logs} | {' | '.join(cells)} |")
    least = min(capital for capital, _ in columns)
    small = np.array([abs(each.fees) for each in plain if each.capital == least])
    median, most = (_percent(float(np.quantile(small, part)), False) for part in (0.5, 0.9))
    largest = _percent(max(abs(each.value) for each in plain), False)
    lines += [
        "",
        f"The small provider's fees over all rows: median absolute error {median}, nine of ten within {most}. "
        f"Largest difference of a final value: {largest} of it.",
    ]
    taxed = [abs(each.fees) for each in errors if each.taxed]
    if taxed:
        lines[-1] += (
            f" Where the pool gives its protocol a share now and then, which bars do not show ({len(taxed)} runs), "
            f"the largest error of the fees is {_percent(max(taxed), False)}."
        )
    return "\n".join(lines) + "\n"


def _cell(fees: Sequence[float]) -> str:
    return f"{_percent(float(np.median(np.abs(fees))), False)} (at most {_percent(max(fees, key=abs))})"


def main(arguments: Sequence[str]) -> int:
    """Measures, and writes the table to the file named, or to standard output."""
    text = table(list(measure()))
    if arguments:
        Path(arguments[0]).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0


def _measured(
    log: PoolLog, seed: int, strategies: Mapping[str, LpStrategy], capitals: Sequence[int], taxed: bool
) -> Iterator[BarError]:
    minutes = minutes_of_log(log)
    minutes = minutes.window(int(minutes.times[WARM_UP]))
    facts = log.facts
    market = Market("made", (ETHER.symbol, DOLLAR.symbol), (18, 6), 1, facts.fee_pips, facts.tick_spacing)
    calls, path = calls_of(log, "made log"), recorded_path(log, market)
    since, until = int(minutes.times[0]) + MINUTE, int(log.time[-1])
    for capital in capitals:
        raw = capital * 10**6
        setup = Setup(log, calls, market, path, FREE, raw, 3_600, since, until)
        bars = BarSetup(minutes, market, FREE, raw, 3_600)
        for name, strategy in strategies.items():
            for exact_mode, bar_mode in WORLDS:
                exact, seen = run(setup, strategy, exact_mode), run_bars(bars, strategy, bar_mode)
                yield _compared(name, exact, seen, capital, seed, taxed)


def _compared(strategy: str, exact: LpRun, seen: LpRun, capital: int, seed: int, taxed: bool) -> BarError:
    """Both runs' fees, in quote at the exact run's last price."""
    price, market = float(exact.series.price[-1]), exact.market
    truth, found = (
        market.worth((float(each.series.fees0[-1]), float(each.series.fees1[-1])), price) for each in (exact, seen)
    )
    times = [each.metrics["time_in_range"].value or 0.0 for each in (exact, seen)]
    value = float(seen.series.value[-1] / exact.series.value[-1] - 1.0)
    errors = found / truth - 1.0, value, times[1] - times[0]
    return BarError(market.fee_pips, strategy, capital, exact.mode, seed, taxed, *errors)


def _limbs(values: Sequence[int]) -> Limbs:
    return np.array([[value & LIMB, value >> 64] for value in values], dtype=np.uint64)


def _percent(value: float, sign: bool = True) -> str:
    return f"{value * 100:{'+' if sign else ''}.2f} %".replace("-", "−")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
