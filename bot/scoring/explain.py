"""Why a score is what it is, and whether two fits give the same reasons.

A feature's contribution to a score is what the score loses when that feature, in all its forms (as it is, demeaned,
ranked), is what it usually was in training: its median. It is the model's own answer to a question about itself, and
not a cause: features that move together share what either of them would have been given alone, so contributions need
not add up to the score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bot.core.panel import Floats
from bot.scoring.model import FittedModel, Mask, expected_returns
from bot.scoring.stability import rank_correlation

_FORMS = (":demeaned", ":rank")


@dataclass(frozen=True, slots=True)
class Contribution:
    """What a feature adds to an expected return, as a fraction of money; below zero it takes away."""

    feature: str
    amount: float


def groups_of(names: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Feature -> the columns of its forms, in the order of the names."""
    found: dict[str, list[int]] = {}
    for column, name in enumerate(names):
        base = next((name.removesuffix(form) for form in _FORMS if name.endswith(form)), name)
        found.setdefault(base, []).append(column)
    return {name: tuple(columns) for name, columns in found.items()}


def contributions(model: FittedModel, x: Floats) -> tuple[tuple[str, ...], Floats]:
    """Names (G,) and contributions (M, G) of features to the expected returns of x (M, F).

    Raises ValueError for a model that does not know its features' names.
    """
    if model.medians is None or len(model.names) != x.shape[1]:
        raise ValueError("the model does not know the names of its features")
    groups = groups_of(model.names)
    speaks: Mask = np.ones((1, len(x)), dtype=bool)
    whole = expected_returns(model, x[None], speaks)[0]
    unit = model.unit_of(x)
    found = np.zeros((len(x), len(groups)))
    for place, columns in enumerate(groups.values()):
        usual = x.copy()
        usual[:, columns] = model.medians[list(columns)]
        # In the target's units, scaled back by the venue's own volatility: the unit itself is no reason.
        said = expected_returns(model, usual[None], speaks)[0] / model.unit_of(usual) * unit
        found[:, place] = whole - said
    return tuple(groups), found


def top_reasons(model: FittedModel, x: Floats, count: int = 3) -> tuple[tuple[Contribution, ...], ...]:
    """For each row of x (M, F) the features that matter most to its score, largest first; those of no weight not."""
    names, amounts = contributions(model, x)
    found = []
    for row in amounts:
        order = sorted(range(len(names)), key=lambda place: (-abs(row[place]), names[place]))[:count]
        found.append(tuple(Contribution(names[k], float(row[k])) for k in order if row[k] != 0.0))
    return tuple(found)


def importances(model: FittedModel, x: Floats) -> dict[str, float]:
    """Feature -> its mean absolute contribution over x (M, F), as a fraction of money, largest first."""
    names, amounts = contributions(model, x)
    mean = np.sort(np.abs(amounts), axis=0).sum(axis=0) / max(1, len(x))
    return dict(sorted(zip(names, mean.tolist(), strict=True), key=lambda pair: (-pair[1], pair[0])))


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two fits that follow each other agree about the same rows: Spearman's rank correlation of what they
    expect, and of how much each feature matters to them; None where either has only one rank.
    """

    earlier: int  # fit times, unix seconds
    later: int
    scores: float | None
    reasons: float | None


def agreements(models: Sequence[FittedModel], x: Floats) -> tuple[Agreement, ...]:
    """Of each model with the one before it, oldest first, on rows x (M, F)."""
    from scipy.stats import rankdata

    found = []
    for earlier, later in pairwise(models):
        mattered = [importances(model, x) for model in (earlier, later)]
        ranks = [rankdata([each[name] for name in sorted(each)]) for each in mattered]
        same = any(np.ptp(rank) == 0.0 for rank in ranks) or len(ranks[0]) != len(ranks[1])
        reasons = None if same else float(np.corrcoef(*ranks)[0, 1])
        found.append(Agreement(earlier.fit_time, later.fit_time, rank_correlation(earlier, later, x), reasons))
    return tuple(found)
