"""Whether a refitted model is still what was certified: rows, features, interval and ranking against a reference.

A certificate is for a fitting procedure, and every model that it fits later is new. What is asked of one is little, so
that an ordinary refit passes, and enough that a source which died, changed its unit or ran away does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bot.core.panel import Floats
from bot.errors import DataError
from bot.scoring.population import GONE, counts_of, edges_of, index_of
from bot.scoring.walkforward import FittedModel, TrainingSet

# Index above which a feature counts as drifted: the usual bound, made for rows that know nothing of each other. Growth
# over 28 days has a handful of independent values in a window of 90, so a feature must also have moved further than
# between the two halves of the certified window itself.
DRIFTED: Final = 0.25
# Of recorded refits within the 90 days of a certificate, half had fewer than 0.3 drifted features, nine of ten fewer
# than two thirds; beyond that it is the market that is another, not a mood.
MOST_DRIFTED: Final = 2 / 3
# One or two features may leave what was certified (volatility does); a whole source may not.
MOST_GONE: Final = 0.1
# Tilts are divided by the interval, so a wider one already trades less; recorded ones grew to 2.2 times and fell to
# 0.17. Beyond these it is another market, prices that stand still, or a leak.
WIDEST, NARROWEST = 3.0, 0.1
# Two models that share most of their rows agree at 0.5 to 0.9. Below zero the new one contradicts the one before it
# about the same rows: one of the two has learnt nothing.
LEAST_AGREEMENT: Final = 0.0
FEWEST_ROWS: Final = 0.5  # of the certified model's: fewer is another universe, or lost data


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a model may speak under the certificate, why not, and what was measured (None: cannot be told)."""

    ok: bool
    reasons: tuple[str, ...]
    figures: Mapping[str, float | None]


def reference_of(training: TrainingSet, model: FittedModel, names: Sequence[str] = ()) -> dict[str, Any]:
    """What later models are compared with, in plain JSON types: of every feature the inner decile edges, how many rows
    of this fit lie in each tenth (its last count: unknown) and the index between the older half of the rows and the
    newer; the interval's radius and the calibration's error as fractions; and the numbers of rows. `names`: of the
    features, to tell which one drifted.
    """
    x = _rows(training)
    edges = [edges_of(column) for column in x.T]
    return {
        "model": model.digest,
        "fit_time": model.fit_time,
        "names": list(names),
        "edges": [cut.tolist() for cut in edges],
        "counts": [counts_of(column, cut).tolist() for column, cut in zip(x.T, edges, strict=True)],
        "moved": [_moved(column, cut) for column, cut in zip(x.T, edges, strict=True)],
        "rows": model.rows,
        "calibration_rows": model.calibration_rows,
        "radius": model.radius,
        "calibration_error": _error(training, model),
    }


def admit(
    reference: Mapping[str, Any],
    previous: FittedModel | None,
    training: TrainingSet,
    model: FittedModel,
    names: Sequence[str] = (),
) -> Admission:
    """Whether `model`, fitted on `training`, is let speak. `previous`: the model of the fit before, None if there was
    too little to learn from. Raises DataError where `reference` is not what `reference_of` makes.
    """
    edges, counts, moved = checked_reference(reference)
    x = _rows(training)
    if x.shape[1] != len(edges) or (names and reference["names"] and list(names) != list(reference["names"])):
        reason = f"it learns from {x.shape[1]} features that are not the {len(edges)} certified ones"
        return Admission(False, (reason,), {"features": float(x.shape[1])})
    indices = np.array(
        [index_of(old, counts_of(column, cut)) for column, cut, old in zip(x.T, edges, counts, strict=True)]
    )
    drifted = float((indices > np.maximum(DRIFTED, moved)).mean())
    gone = float((indices > GONE).mean())
    width = _ratio(model.radius, reference["radius"])
    rows = _ratio(model.rows, reference["rows"])
    agreement = None if previous is None else rank_correlation(previous, model, training.calibration_x)
    worst = int(indices.argmax())
    name = reference["names"][worst] if reference["names"] else f"feature {worst + 1}"
    reasons = []
    if rows is None or rows < FEWEST_ROWS:
        reasons.append(f"{model.rows} rows to learn from, {reference['rows']} when certified")
    if drifted > MOST_DRIFTED:
        reasons.append(f"{drifted:.0%} of the features drifted ({name} most), at most {MOST_DRIFTED:.0%} may")
    if gone > MOST_GONE:
        reasons.append(
            f"{gone:.0%} of the features have nothing in common with what was certified ({name} least), "
            f"at most {MOST_GONE:.0%} may"
        )
    if width is None or not NARROWEST <= width <= WIDEST:
        reasons.append(
            f"its interval is ±{model.radius:.2%}, ±{reference['radius']:.2%} when certified "
            f"({NARROWEST:g} to {WIDEST:g} times that may be)"
        )
    if agreement is not None and agreement < LEAST_AGREEMENT:
        reasons.append(f"it ranks the newest rows against the model before it (rank correlation {agreement:+.2f})")
    figures = {
        "drifted": drifted,
        "gone": gone,
        "worst_index": float(indices[worst]),
        "radius": width,
        "rank_correlation": agreement,
        "rows": rows,
        "calibration_error": _ratio(_error(training, model), reference["calibration_error"]),
    }
    return Admission(not reasons, tuple(reasons), figures)


def rank_correlation(previous: FittedModel, model: FittedModel, x: Floats) -> float | None:
    """Spearman's rank correlation of what two models expect of x (M, F); None where either expects the same of all."""
    from scipy.stats import rankdata

    ranks = [rankdata(_expected(each, x)) for each in (previous, model)]
    if any(np.ptp(rank) == 0.0 for rank in ranks):
        return None
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _rows(training: TrainingSet) -> Floats:
    """All rows of a fit, the calibration's included: those are the newest."""
    return np.vstack([training.x, training.calibration_x])


def _expected(model: FittedModel, x: Floats) -> Floats:
    from bot.scoring.estimator import predicted

    return np.clip(predicted(model.pipeline, x), model.low, model.high)


def _moved(column: Floats, edges: Floats) -> float:
    """The index between the older half of a fit's rows and the newer: they come in order, the calibration's last."""
    middle = len(column) // 2
    return float(index_of(counts_of(column[:middle], edges), counts_of(column[middle:], edges)))


def _error(training: TrainingSet, model: FittedModel) -> float:
    """Mean absolute error on the calibration rows, as a fraction."""
    return float(np.abs(training.calibration_y - _expected(model, training.calibration_x)).mean())


def _ratio(new: float, old: float) -> float | None:
    return new / old if old > 0.0 else None


def checked_reference(reference: Mapping[str, Any]) -> tuple[list[Floats], list[NDArray[np.int64]], Floats]:
    """Edges, counts and own movement, by feature. Raises DataError where `reference_of` made no such document."""
    try:
        edges = [np.array(cut, dtype=np.float64) for cut in reference["edges"]]
        counts = [np.array(count, dtype=np.int64) for count in reference["counts"]]
        moved = np.array(reference["moved"], dtype=np.float64)
        sizes = [float(reference[name]) for name in ("rows", "radius", "calibration_error")]
        named = len(reference["names"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(f"the certificate's reference of models: {type(error).__name__}: {error}") from None
    fits = len(edges) == len(counts) > 0 and moved.shape == (len(edges),) and named in (0, len(edges))
    fits = fits and bool(np.isfinite([*sizes, *moved]).all())
    if not fits or any(
        len(count) != len(cut) + 2 or (count < 0).any() for cut, count in zip(edges, counts, strict=True)
    ):
        raise DataError("the certificate's reference of models: its numbers do not belong together")
    return edges, counts, moved
