"""The line that a sweep leaves in the trial log: how many versions it ran, how far their Sharpe ratios are apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from backtests.sweep.space import Axis
from backtests.trials import SWEEP, Trial, append, family_of, lineage_of
from bot.core.strict_json import digest_of
from bot.loading import Loaded
from bot.strategy_code import strategy_codes


def log_sweep(
    log: Path,
    loaded: Loaded,
    axes: Sequence[Axis],
    asked: Mapping[str, Any],
    folder: Path,
    trials: int,
    variance: float | None,
    yearly: float | None,
    at: int,
) -> Trial:
    """Appends what a sweep is about to try (`variance` None) or, once it is done, what its folder holds by now.

    So one that was killed counts as planned. The same search (`asked`) into the same folder counts once.

    A wider one, or one of changed code, file or data, counts anew with all that the folder holds, the versions of the
    first once more: rather more than less.
    `variance`: of annual Sharpe ratios across its `trials`; `yearly`: returns in a year. Every strategy whose name was
    varied is a relative. Raises as `trials.append`.
    """
    config, path = loaded.config, loaded.options.config
    varied = [str(name) for axis in axes if axis.path[-1] == "name" for name in axis.values]
    names = tuple(dict.fromkeys((*config.strategy.names, *varied)))
    codes = strategy_codes(names, path)
    schedule = loaded.schedule
    window = (schedule.first, schedule.last) if schedule is not None else ()
    facts = [config.model_dump(mode="json", exclude={"mode"}), codes, loaded.source.catalogue.digest, window]
    trial = Trial(
        kind=SWEEP,
        at=at,
        lineage=lineage_of(names, codes),
        family=family_of(loaded.source.label, loaded.options.strength),
        identity=digest_of([SWEEP, str(folder.resolve()), asked, facts]),
        count=trials,
        variance=None if variance is None or yearly is None else variance / yearly,
        active=False,
        said=f"{path.name} on {loaded.source.label} data: {trials:,} versions",
        yearly=yearly,
    )
    append(log, trial)
    return trial
