"""A parcel of combinations over one panel: their numbers, and nothing that grows with bars. Runs in any process."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from backtests.fast import IMBALANCE, checked_acts, pools_of, rules_of, span_of
from backtests.gas import RecordedGas
from backtests.kernels import portfolio as columns
from backtests.kernels import sweep as kernel
from backtests.kernels import tell_if_cold
from backtests.metrics import FLAT, YEAR, cycles_a_year
from backtests.overfitting import ONE_AT_A_TIME
from backtests.sweep.plan import Combination, code_digest
from bot.config import Config, StrategyConfig
from bot.core.panel import Floats, Panel, Times
from bot.core.score import Scores
from bot.core.strategy import Strategy
from bot.core.universe import Universe
from bot.errors import DataError, InvariantBroken, PatronError
from bot.settings import Settings, mirror_params, settings_of, simulated_universe

METRICS: Final = (
    *("sharpe", "sortino", "cagr", "calmar", "volatility", "total_return", "max_drawdown", "exposure", "turnover"),
    *("fees", "gas", "trades", "final_equity", "observations", "yearly"),
)
OK, REFUSED = "ok", "refused"
EQUAL: Final = StrategyConfig(name="equal_weight")  # in the place of one that is loaded once for many


@dataclass(frozen=True, slots=True, eq=False)
class Parcel:
    """Combinations that see the same panel and the same scores, within [first, last] (unix seconds).

    `edges` (S - 1,): the times that cut the window into S blocks, a block's last second in it. `path`: the strategy
    file. `code`: digest of the sources that the parcel was made for, with `files` of the user's own among them.
    """

    path: Path
    panel: Panel
    scores: Scores
    first: int
    last: int
    edges: Times
    combinations: tuple[Combination, ...]
    code: str
    files: tuple[Path, ...] = ()
    gas: RecordedGas | None = None  # at each row of the panel, where the strategy file names recorded prices


def schema(blocks: int) -> pa.Schema:
    """Of a part of the results: one row per combination, metrics null where there is none."""
    numbers = pa.list_(pa.float64(), blocks)
    return pa.schema(
        [("key", pa.string()), ("status", pa.string()), ("reason", pa.string()), ("values", pa.string())]
        + [(name, pa.float64()) for name in METRICS]
        + [(name, numbers) for name in ("block_count", "block_total", "block_squares")]
    )


def evaluate(parcel: Parcel) -> pa.Table:
    """The rows of a parcel, in its order. What a rule refuses is a row that says so.

    Raises DataError where this process has other sources than the sweep, InvariantBroken when a path's books do not
    balance.
    """
    if _own_code(parcel.files) != parcel.code:
        raise DataError("a worker of the cluster runs another version of Patron, of its libraries or of the strategy")
    rows: dict[str, dict[str, Any]] = {}
    groups: dict[str, list[Combination]] = {}
    for combination in parcel.combinations:
        groups.setdefault(_shared(combination.config), []).append(combination)
    strategies: dict[str, tuple[Strategy, Floats]] = {}
    for group in groups.values():
        try:
            found = _group(parcel, group, strategies)
        except PatronError as error:
            found = [refused(each.key, each.values, str(error)) for each in group]
        rows.update(zip((each.key for each in group), found, strict=True))
    return table([rows[each.key] for each in parcel.combinations], len(parcel.edges) + 1)


def refused(key: str, values: Any, reason: str) -> dict[str, Any]:
    """The row of a combination that was not run."""
    return {"key": key, "status": REFUSED, "reason": reason, "values": json.dumps(dict(values))}


def table(rows: Sequence[dict[str, Any]], blocks: int) -> pa.Table:
    """Rows as a table of the schema; what a row lacks is null."""
    return pa.Table.from_pylist(list(rows), schema=schema(blocks))


@functools.cache
def _own_code(files: tuple[Path, ...]) -> str:
    return code_digest(files)


def _shared(config: Config) -> str:
    """Names what must be equal for paths to go through the kernel together."""
    costs = config.costs
    venues = {name: (venue.kind, venue.asset, venue.fee) for name, venue in config.venues.items()}
    pools = (config.every, config.bar, str(config.devnet.depth), venues)
    return repr(
        (_strategy(config), pools, config.limits.max_staleness, (costs.gas_series or costs.native_asset) and str(costs))
    )


def _strategy(config: Config) -> str:
    return config.strategy.model_dump_json()


def _settings(
    parcel: Parcel, config: Config, universe: Universe, strategies: dict[str, tuple[Strategy, Floats]]
) -> Settings:
    """The combination's settings over its group's universe; its strategy is loaded once for all that share it."""
    settings = settings_of(config.model_copy(update={"strategy": EQUAL}), universe)
    block = _strategy(config)
    if block not in strategies:
        strategy = settings_of(config, settings.universe, parcel.path).strategy
        try:
            strategies[block] = strategy, strategy.weights(parcel.panel, parcel.scores)
        except ValueError as error:
            raise DataError(f"strategy {strategy.name}: {error}") from None
    return replace(settings, strategy=strategies[block][0])


def _group(
    parcel: Parcel, group: list[Combination], strategies: dict[str, tuple[Strategy, Floats]]
) -> list[dict[str, Any]]:
    panel, config = parcel.panel, group[0].config
    universe = simulated_universe(config)
    settings = [_settings(parcel, each.config, universe, strategies) for each in group]
    acts = checked_acts(settings[0], config, panel, parcel.first, parcel.last, parcel.scores)
    start, stop = span_of(acts)
    times = panel.times[start + np.flatnonzero(acts[start:stop])]
    if len(times) < 3:
        raise DataError("every: fewer than three cycles in the window")
    gas = None if parcel.gas is None else parcel.gas.money(config.costs)
    rules = np.array(
        [rules_of(each, one.config, gas is not None) for each, one in zip(settings, group, strict=True)],
        dtype=np.float64,
    )
    block = np.searchsorted(parcel.edges, times[1:]).astype(np.int64)
    blocks = len(parcel.edges) + 1
    tell_if_cold("the sweep", "kernels", "sweep.sweep_nb", "a few seconds")
    with ONE_AT_A_TIME:
        summary, total, squares = kernel.sweep_nb(
            panel.times[start:stop].copy(),
            np.array(panel.close[start:stop], order="C"),
            acts[start:stop].copy(),
            np.array(strategies[_strategy(config)][1][start:stop], order="C"),
            pools_of(settings[0].universe, panel, start, stop, mirror_params(config).depth),
            rules,
            block,
            blocks,
            np.ones(len(times)) if gas is None else gas[start + np.flatnonzero(acts[start:stop])],
        )
    worst = int(summary[:, columns.IMBALANCE].argmax())
    if not summary[worst, columns.IMBALANCE] <= IMBALANCE:
        raise InvariantBroken(f"the books of {dict(group[worst].values)} do not balance: {summary[worst].tolist()}")
    seconds, yearly = int(times[-1] - times[0]), cycles_a_year(times)
    count = np.bincount(block, minlength=blocks).astype(np.float64)
    found = []
    for row, combination in enumerate(group):
        if not summary[row, columns.POSITIVE]:
            found.append(refused(combination.key, combination.values, "gas ate the whole capital"))
            continue
        found.append(
            {"key": combination.key, "status": OK, "values": json.dumps(dict(combination.values))}
            | _metrics(summary[row], len(times), seconds, yearly)
            | {"block_count": count, "block_total": total[row], "block_squares": squares[row]}
        )
    return found


def _metrics(summary: Floats, cycles: int, seconds: int, yearly: float) -> dict[str, float | None]:
    """The names and meanings of `backtests.metrics`, None where it has none. `yearly`: returns in a year."""
    mean, spread, below = (float(summary[column]) for column in (columns.MEAN, columns.SPREAD, columns.DOWNSIDE))
    gain = float(summary[columns.FINAL] / summary[columns.START])
    fall = float(summary[columns.DRAWDOWN])
    growth = float(np.exp(min(700.0, np.log(gain) * YEAR / seconds)) - 1.0)
    return {
        "sharpe": mean / spread * yearly**0.5 if spread >= FLAT else None,
        "sortino": mean / below * yearly**0.5 if below >= FLAT else None,
        "cagr": growth,
        "calmar": growth / fall if fall > FLAT else None,
        "volatility": spread * yearly**0.5,
        "total_return": gain - 1.0,
        "max_drawdown": fall,
        "exposure": float(summary[columns.EXPOSURE]),
        "turnover": float(summary[columns.ROTATION]),
        "fees": float(summary[columns.PAID]),
        "gas": float(summary[columns.GAS]),
        "trades": float(summary[columns.LEGS]),
        "final_equity": float(summary[columns.FINAL]),
        "observations": float(cycles - 1),
        "yearly": yearly,
    }
