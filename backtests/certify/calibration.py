"""How the edge gate does on the kernel path: what gets through of noise tuned over a thousand versions, and of an edge.

Noise: a strategy that throws dice is swept on a market without any relation, exactly as `patron sweep` does it, and its
best version goes through the gate. Trading is as good as free there, so that costs do not help the gate. Edge: weights
know the next returns to a stated extent, so the power of the test follows from its formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.stats import binomtest

from backtests.certify.evidence import active_returns
from backtests.certify.gates.edge import CONFIDENT, edge, interval
from backtests.fast import benchmarks, run_fast
from backtests.metrics import YEAR
from backtests.overfitting import NORMAL, Moments, expected_best_sharpe
from backtests.run import Run
from backtests.sweep.evaluate import OK, Parcel, evaluate
from backtests.sweep.plan import Combination, Space, code_digest
from backtests.sweep.space import Axis
from backtests.trials import CERTIFY, SWEEP, Trial, Tried, tried
from bot.config import Config, load_config
from bot.core.certificate import PASSED
from bot.core.dates import DAY
from bot.core.panel import Floats, Panel
from bot.core.score import Scores, no_scores
from bot.core.strategy import Strategy
from bot.settings import Settings, settings_of, simulated_universe

YEARLY: Final = YEAR / DAY
START: Final = 1_704_067_200  # 2024-01-01
CYCLES: Final = 250
VENUES: Final = 8
SPREAD: Final = 0.03  # of a venue's own daily return
MARKET: Final = 0.02  # of the return that all venues share
TILT: Final = 0.5  # of a weight, by the planted signal: the most that keeps every weight above zero
TUNED: Final = 20  # of the best swept versions that the tuner looks at once more, for the one that suits the gate most
REPETITIONS: Final = 200
DICE: Final = """
import numpy as np

LOOKBACK = 1
PARAMS = {"seed": 0.0, "strength": 1.0, "hold": 1.0}


def targets(panel, scores, params):
    rows, venues = panel.close.shape
    draw = np.random.default_rng(int(params["seed"])).standard_normal((rows, venues))
    held = draw[np.arange(rows) // int(params["hold"])]
    weights = np.exp(params["strength"] * held)
    weights[:, 0] = 0.0
    return weights / weights.sum(axis=1, keepdims=True)
"""
GRID: Final[Mapping[str, Sequence[object]]] = {  # a thousand versions
    "strategy.params.seed": [float(seed) for seed in range(25)],
    "strategy.params.hold": [2.0, 5.0, 10.0, 20.0],
    "policy.band": ["50 bps", "100 bps", "200 bps", "400 bps", "800 bps"],
    "policy.max_turnover": ["50 %", "100 %"],
}


@dataclass(frozen=True, slots=True)
class Share:
    """`passed` of `count` repetitions."""

    passed: int
    count: int

    @property
    def value(self) -> float:
        return self.passed / self.count

    @property
    def at_most(self) -> float:
        """Upper 95 % bound of the true share, of Clopper and Pearson."""
        return float(binomtest(self.passed, self.count, alternative="less").proportion_ci(0.95, "exact").high)

    def differs(self, predicted: float) -> float:
        """Two-sided probability of a share at least as far from `predicted`, if that were true."""
        return float(binomtest(self.passed, self.count, predicted).pvalue)


@dataclass(frozen=True, slots=True)
class Planted:
    """Power against a planted edge: as the formula has it and as measured, for the first version and the thousandth."""

    correlation: float
    sharpe: float  # a year, after costs
    predicted: float
    measured: Share
    predicted_tuned: float
    measured_tuned: Share


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """Where repetitions are played: a strategy file in its own folder, over venues where trading is nearly free."""

    path: Path
    config: Config
    settings: Settings
    combinations: tuple[Combination, ...]
    code: str

    @classmethod
    def made(cls, folder: Path, versions: int | None = None) -> Ground:
        """`versions`: only so many of the grid, spread evenly over it."""
        (folder / "dice.py").write_text(DICE, encoding="utf-8")
        path = folder / "dice.yaml"
        venues = "".join(f"  v{i}: {{kind: uniswap_v3_hold, asset: A{i}, fee: 1 bps}}\n" for i in range(VENUES))
        path.write_text(
            "capital: 1000000 USDC\nevery: 1d\nstrategy: {name: dice.py}\nvenues:\n" + venues + "policy: {band: 0 bps, "
            "max_turnover: 100 %, drawdown_brake: 100 %}\nlimits: {max_venue: 100 %, min_idle: 0 %, max_loss: 100 %, "
            "min_trade: 0 USDC}\ndevnet: {depth: 100000000000000 USDC}\ncosts: {gas_price: 0 gwei}\n",
            encoding="utf-8",
        )
        config = load_config(path, {})
        axes = [Axis(key, tuple(key.split(".")), values, False) for key, values in GRID.items()]
        space = Space(path, axes, {})
        every = max(1, len(space) // (versions or len(space)))
        found = [space.combination(number, "") for number in range(0, len(space), every)]
        kept = tuple(each for each in found if isinstance(each, Combination))
        settings = settings_of(config, simulated_universe(config), path)
        return cls(path, config, settings, kept, code_digest())

    def panel(self, close: Floats) -> Panel:
        """From the venues' closes (T, VENUES)."""
        whole = np.column_stack([np.ones(len(close)), close])
        times = START + DAY * np.arange(len(close), dtype=np.int64)
        return Panel(times, self.settings.universe.ids, {"close": whole, "volume": np.full_like(whole, 1e6)})


def noise(ground: Ground, repetitions: int, seed: int = 1) -> tuple[Share, Share]:
    """(the best of the swept versions, one version alone) that pass both gates of the edge, no edge there.

    "Best" is the tuner's best: of the versions with the highest returns, the one that the gate would like most.
    """
    tuned = alone = 0
    for number in range(repetitions):
        panel = ground.panel(_closes(np.random.default_rng([seed, number])))
        rival = _rival(ground, panel)
        rows = _swept(ground, panel)
        log = _sweep_trial(rows)
        found = []
        for place in np.argsort([-row["total_return"] for row in rows])[:TUNED].tolist():
            active = active_returns(_version(ground, panel, ground.combinations[place].config), rival)
            found.append((Moments.of(active).sharpe, active))
        ratio, active = max(found, key=lambda each: each[0])
        this = replace(log, kind=CERTIFY, identity="this", count=1, mean=ratio, active=True)
        own = _version(ground, panel, ground.combinations[place].config)
        mine = own.equity[1:] / own.equity[:-1] - 1.0
        scale = float(mine.var(ddof=1) / active.var(ddof=1))
        tuned += _passes(active, tried((log, this), this, 1.0 / (len(active) - 1), scale), number)
        single = active_returns(_version(ground, panel, ground.combinations[0].config), rival)
        alone += _passes(single, Tried(1, 0.0), number)
    return Share(tuned, repetitions), Share(alone, repetitions)


def planted(ground: Ground, correlation: float, repetitions: int, seed: int = 2) -> Planted:
    """Power where each venue's next return shares `correlation` with a coin that the weights know.

    The edge per cycle is the coins' covariance with returns, less what trading on them costs, over the spread of both:
    R. Grinold's fundamental law, with coins of which only the differences count, so one degree of freedom less. The
    estimate is normal around it with A. Lo's and E. Mertens' variance, and the gate passes above its own quantile.
    """
    first = second = 0
    costs: list[float] = []
    luck = Tried(len(ground.combinations), 1.0 / (CYCLES - 1))
    for number in range(repetitions):
        random = np.random.default_rng([seed, number])
        coins = random.choice([-1.0, 1.0], (CYCLES + 1, VENUES))
        panel = ground.panel(_closes(random, correlation, coins))
        weights = np.zeros((CYCLES + 1, VENUES + 1))
        weights[:, 1:] = (1.0 + TILT * (coins - coins.mean(axis=1, keepdims=True))) / VENUES
        knows = Strategy("knows", _wanting(weights), {}, 1, False)
        rival = _rival(ground, panel)
        run = _run(panel, replace(ground.settings, strategy=knows), ground.config)
        active = active_returns(run, rival)
        costs.append(float((run.fees / run.nav - rival.fees / rival.nav)[1:].mean()))
        first += _passes(active, Tried(1, 0.0), number)
        second += _passes(active, luck, number)
    sharpe = planted_sharpe(correlation, float(np.mean(costs)))
    return Planted(
        correlation,
        sharpe * math.sqrt(YEARLY),
        predicted_power(sharpe, Tried(1, 0.0)),
        Share(first, repetitions),
        predicted_power(sharpe, luck),
        Share(second, repetitions),
    )


def planted_sharpe(correlation: float, cost: float) -> float:
    """Per cycle, of the active returns; `cost`: of trading on the coins, a fraction of the portfolio per cycle."""
    n, share = float(VENUES), TILT / VENUES * SPREAD
    mean = share * correlation * (n - 1.0)
    # The coins' sum of squares about their mean is n - S²/n, whose variance is 2(n - 1)/n.
    variance = (1.0 - correlation**2) * (n - 1.0) + correlation**2 * 2.0 * (n - 1.0) / n
    return (mean - cost) / (share * math.sqrt(variance))


def predicted_power(sharpe: float, luck: Tried) -> float:
    """Probability that the deflated Sharpe ratio of `CYCLES` normal returns reaches its bound."""
    above = sharpe - expected_best_sharpe(luck.variance, luck.trials)
    return NORMAL.cdf(above * math.sqrt(CYCLES - 1) / math.sqrt(1.0 + sharpe**2 / 2.0) - NORMAL.inv_cdf(CONFIDENT))


def _closes(random: np.random.Generator, correlation: float = 0.0, coins: Floats | None = None) -> Floats:
    """(CYCLES + 1, VENUES) prices whose next return shares `correlation` with each row's coins."""
    shocks = random.standard_normal((CYCLES, VENUES)) * math.sqrt(1.0 - correlation**2)
    if coins is not None:
        shocks = shocks + correlation * coins[:-1]
    returns = MARKET * random.standard_normal((CYCLES, 1)) + SPREAD * shocks
    return np.asarray(100.0 * np.cumprod(np.vstack([np.ones(VENUES), 1.0 + np.maximum(returns, -0.9)]), axis=0))


def _wanting(weights: Floats) -> Callable[[Panel, Scores, Mapping[str, float]], Floats]:
    return lambda panel, scores, params: weights


def _run(panel: Panel, settings: Settings, config: Config) -> Run:
    scores = no_scores(len(panel), len(panel.venues))
    return run_fast(settings, config, panel, scores, int(panel.times[0]), int(panel.times[-1]))


def _version(ground: Ground, panel: Panel, config: Config) -> Run:
    return _run(panel, settings_of(config, ground.settings.universe, ground.path), config)


def _rival(ground: Ground, panel: Panel) -> Run:
    return benchmarks(ground.settings, ground.config, panel, int(panel.times[0]), int(panel.times[-1]))[0]


def _swept(ground: Ground, panel: Panel) -> list[dict[str, Any]]:
    """The rows of all versions, in their order. Raises RuntimeError where one could not be run."""
    first, last = int(panel.times[0]), int(panel.times[-1])
    edges = np.array([(first + last) // 2], dtype=np.int64)
    scores = no_scores(len(panel), len(panel.venues))
    parcel = Parcel(ground.path, panel, scores, first, last, edges, ground.combinations, ground.code)
    rows = evaluate(parcel).to_pylist()
    for row in rows:
        if row["status"] != OK:
            raise RuntimeError(f"a version could not be run: {row['reason']}")
    return list(rows)


def _sweep_trial(rows: Sequence[Mapping[str, Any]]) -> Trial:
    """The line that a sweep writes into the trial log."""
    ratios = np.array([row["sharpe"] for row in rows]) / math.sqrt(YEARLY)
    return Trial(
        SWEEP, 0, ("name:dice",), "noise", "sweep", len(rows), float(ratios.mean()), float(ratios.var(ddof=1)), False
    )


def _passes(active: Floats, known: Tried, seed: int) -> bool:
    """Whether both gates of the edge let it through."""
    return edge(active, known, YEARLY).verdict == PASSED and interval(active, YEARLY, seed).verdict == PASSED
