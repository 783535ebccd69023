"""The procedure of a certificate, as a table of contents: what is measured, then each gate's answer."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from backtests.api import replayed
from backtests.certify.attacks import taken
from backtests.certify.evidence import Evidence, active_returns, evidence_of
from backtests.certify.gates import benchmark, costs, edge, folds, leaks
from backtests.certify.gates.parity import CYCLES, parity
from backtests.certify.inputs import inputs_of
from backtests.fast import cycle_bars, run_fast
from backtests.lookahead.commands import case_of
from backtests.lookahead.detectors import examine
from backtests.metrics import FLAT, returns_of
from backtests.overfitting import Moments
from backtests.run import Run
from backtests.stress import Stress
from backtests.trials import CERTIFY, Trial, Tried, append, family_of, lineage_of, tried
from backtests.walkforward.folds import Fold, combinatorial, walk_forward
from bot.core.certificate import RECORDED, SYNTHETIC, Certificate, Gate
from bot.core.dates import DAY
from bot.core.panel import Floats
from bot.core.strict_json import digest_of
from bot.errors import ConfigError, DataError, RefusedError
from bot.loading import BAR_SECONDS, Loaded, config_again
from bot.scoring.features import features
from bot.scoring.labels import labels
from bot.scoring.params import ScorerParams
from bot.scoring.stability import reference_of
from bot.scoring.walkforward import fit, fit_times, training_set
from bot.settings import is_benchmark, mirror_params
from bot.strategy_code import strategy_codes

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Certified:
    """A certificate, and what its page draws: the runs and the folds."""

    certificate: Certificate
    evidence: Evidence
    folds: tuple[Fold, ...]
    seconds: float


def certified(
    loaded: Loaded, *, now: int, days: int, budget: float, seed: int, log: Path, told: Told = lambda _: None
) -> Certified:
    """The certificate of what was loaded, granted or not. Times in unix seconds; `budget`: seconds for look-ahead.

    The trial is in the log at `log` as soon as its Sharpe ratio is known, whatever comes after. `told` hears what is
    done next. Raises ConfigError, DataError, StorageError, LockHeld, and RefusedError where what is certified changed
    meanwhile.
    """
    if not 1 <= days <= 366:
        raise ConfigError(f"--days: from 1 to 366 (got {days})")
    started = time.monotonic()
    # Of the file as it is: a generated market puts its own signals in place of those that the file names.
    path = loaded.options.config
    inputs = inputs_of(config_again(loaded), path, loaded.source.catalogue.digest)
    told("runs beside the benchmarks")
    evidence = evidence_of(loaded)
    active = active_returns(evidence.calm.run, evidence.calm.rival)
    known = _logged(evidence, inputs, active, now, seed, log)
    gates: list[Gate] = []
    told("look-ahead detectors")
    gates.append(leaks.lookahead(examine(case_of(loaded), budget_seconds=budget, seed=seed)))
    told("folds, paths and the edge")
    found: tuple[Fold, ...] = ()
    if is_benchmark(loaded.config):
        gates += benchmark.not_asked()
    else:
        found = _folds(evidence)
        gates += folds.walk_forward(found)
        gates += [edge.edge(active, known, evidence.yearly), edge.interval(active, evidence.yearly, seed)]
        gates += [edge.idle_money(evidence.calm.run), _paths(evidence)]
    told("dearer markets and more capital")
    gates += _costs(evidence)
    told("the exact rung")
    gates.append(parity(*_both_rungs(evidence)))
    if inputs_of(config_again(loaded), path, loaded.source.catalogue.digest) != inputs:
        raise RefusedError(f"{path}: the strategy's code, or Patron's own, changed while it was certified: start again")
    certificate = Certificate(
        strategy=evidence.settings.strategy.name,
        issued_at=now,
        expires_at=now + days * DAY,
        first=evidence.schedule.first,
        last=int(evidence.calm.run.times[-1]),
        seed=seed,
        trials=known.trials,
        data_kind=RECORDED if loaded.source.label == "recorded" else SYNTHETIC,
        data=loaded.source.described,
        inputs=inputs,
        gates=tuple(_plain(gate) for gate in gates),
        reference=_reference(evidence),
    )
    return Certified(certificate, evidence, found, time.monotonic() - started)


def _logged(evidence: Evidence, inputs: dict[str, str], active: Floats, now: int, seed: int, log: Path) -> Tried:
    """How much was tried, once this trial is in the log too."""
    loaded = evidence.loaded
    whole = returns_of(evidence.calm.run.equity)
    ratio: float | None = None
    if len(active) > 2 and float(active.std(ddof=1)) >= FLAT:
        ratio = Moments.of(active).sharpe
    names = loaded.config.strategy.names
    trial = Trial(
        kind=CERTIFY,
        at=now,
        lineage=lineage_of(names, strategy_codes(names, loaded.options.config)),
        family=family_of(loaded.source.label, loaded.options.strength),
        identity=digest_of([CERTIFY, inputs, evidence.schedule.first, evidence.schedule.last, seed]),
        count=1,
        mean=ratio,
        said=f"{loaded.options.config.name} on {loaded.source.label} data",
        yearly=evidence.yearly,
    )
    scale = 1.0 if ratio is None else float(whole.var(ddof=1) / active.var(ddof=1))
    return tried(append(log, trial), trial, 1.0 / max(1, len(active) - 1), scale)


def _folds(evidence: Evidence) -> tuple[Fold, ...]:
    if len(evidence.calm.run) <= edge.LEAST_RETURNS:
        return ()
    return walk_forward(evidence.loaded, evidence.settings, folds.FOLDS)


def _paths(evidence: Evidence) -> Gate:
    if not evidence.settings.strategy.uses_scores:
        return edge.paths(None)
    if not evidence.spoke:
        return edge.paths(None, "no model could be fitted in this window: it needs more data")
    try:
        return edge.paths(combinatorial(evidence.loaded, evidence.settings))
    except (ConfigError, DataError) as error:
        return edge.paths(None, str(error))


def _costs(evidence: Evidence) -> list[Gate]:
    calm, settings, config = evidence.calm, evidence.settings, evidence.loaded.config
    stressed = {name: evidence.under(stress) for name, stress in costs.STRESSES.items()}
    capitals = {factor: calm if factor == 1.0 else evidence.with_capital(factor) for factor in costs.CAPITALS}
    panel, depth = evidence.loaded.panel, mirror_params(config).depth
    own = taken(calm.run, settings.universe, settings.limits, panel, depth)
    money = calm.run.money
    if is_benchmark(config):
        return [
            benchmark.stress(calm, stressed),
            benchmark.capacity(capitals, money),
            benchmark.sandwich(calm, own.money, own.attacked),
        ]
    rival = taken(calm.rival, settings.universe, settings.limits, panel, depth)
    harsh = evidence.under(Stress(sandwich=True))
    return [
        costs.stress(calm, stressed),
        costs.capacity(capitals, money),
        costs.sandwich(calm, own.money, rival.money, harsh, own.attacked),
    ]


def _both_rungs(evidence: Evidence) -> tuple[Run, Run]:
    """(fast, replay): the window's last cycles, the drawdown brake off."""
    loaded, schedule = evidence.loaded, evidence.schedule
    config, panel = loaded.config, loaded.panel
    policy = replace(evidence.settings.policy, drawdown_brake=1.0)
    settings = replace(evidence.settings, policy=policy)
    times = panel.times[np.flatnonzero(cycle_bars(schedule))]
    first, last = int(times[max(0, len(times) - CYCLES)]), schedule.last
    fast = run_fast(settings, config, panel, evidence.scores, first, last, gas=evidence.gas)
    exact, _ = replayed(settings, config, panel, first, last, gas=evidence.gas)
    return fast, exact


def _reference(evidence: Evidence) -> dict[str, Any]:
    """What later models are compared with: the newest model of the window; {} where none is asked or fitted."""
    if not evidence.settings.strategy.uses_scores or not evidence.spoke:
        return {}
    config, panel = evidence.loaded.config, evidence.loaded.panel
    params = ScorerParams.of(config.scorer, BAR_SECONDS[config.bar])
    names, x = features(panel, params.bar_seconds, params.features)
    truth = labels(panel, params.horizon)
    for fit_time in np.unique(fit_times(panel.times, params.refit))[::-1].tolist():
        training = training_set(panel, names, x, truth, fit_time, params)
        if training is not None:
            return reference_of(training, fit(training, params), names)
    return {}


def _plain(gate: Gate) -> Gate:
    """With plain floats, None where a figure is not a number: what JSON holds."""

    def plain(value: float | None) -> float | None:
        return float(value) if value is not None and math.isfinite(value) else None

    figures = {name: plain(value) for name, value in gate.figures.items()}
    return replace(gate, observed=plain(gate.observed), bound=plain(gate.bound), figures=figures)
